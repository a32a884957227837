//! Tests of the page: nothing hostile gets through, nothing is fetched, everything is drawn.

use super::*;

/// A call as the demo makes it, over a bad network, with a hostile name in it.
fn sample() -> CallReport {
    let rate = 16_000;
    let mut speech = Vec::new();
    for n in 0..rate * 13 {
        let t = n as f32 / rate as f32;
        let syllable =
            (t * 9.0).sin().max(0.0) * (0.35 + 0.3 * (t * 1.3).sin()) * f32::from((t % 3.1) < 2.5);
        speech.push(syllable * (t * 900.0).sin());
    }
    let mut tone = vec![0.0; rate as usize * 5];
    tone.extend(
        (0..rate * 6)
            .map(|n| 0.25 * (n as f32 * 440.0 * std::f32::consts::TAU / rate as f32).sin()),
    );
    let trace = |start: f64, sound: &[f32]| {
        let mut trace = LevelTrace::starting_at(start);
        trace.push(sound, rate);
        trace
    };
    let lane = |from: &str, to: &str, sound: &[f32]| Lane {
        from: from.into(),
        to: to.into(),
        said: trace(0.6, sound),
        heard: trace(0.68, sound),
        ..Lane::default()
    };
    let mut forth = lane("alice", "bob", &speech);
    forth.concealed = (0..28)
        .map(|n| {
            (
                1.0 + f64::from(n) * 0.43,
                1.02 + f64::from(n) * 0.43 + f64::from(n % 3) * 0.02,
            )
        })
        .collect();
    forth.lost = forth.concealed.iter().map(|(at, _)| (*at, 1)).collect();
    let mut back = lane("bob", "alice", &tone);
    back.digits = "12*#"
        .chars()
        .enumerate()
        .map(|(n, digit)| (1.5 + n as f64 * 0.4, digit))
        .collect();
    back.concealed = vec![(7.0, 7.06), (9.4, 9.42)];
    back.lost = vec![(7.0, 3), (9.4, 1)];
    let network = |name: &str, base: f64| NetworkTrace {
        name: name.into(),
        samples: (0..95)
            .map(|n| {
                let at = 0.6 + f64::from(n) * 0.2;
                let target = base * (1.0 - (-f64::from(n) / 8.0).exp());
                NetworkSample {
                    at,
                    playout_delay_ms: 22.0 + target + 6.0 * (f64::from(n) * 0.8).sin(),
                    jitter_ms: base / 4.0 * (1.0 - (-f64::from(n) / 5.0).exp())
                        + 1.4 * (f64::from(n) * 0.5).cos(),
                }
            })
            .collect(),
    };
    CallReport {
        title: "alice calls bob".into(),
        conditions: "One call on this machine: 5 % of the packets lost, up to 40 ms of jitter"
            .into(),
        date: "24 November 2026, 01:12 UTC".into(),
        checks: vec![
            check(
                "The speech that bob heard is the speech that alice said",
                true,
                "correlation 0.93, at least 0.80 wanted",
            ),
            check(
                "The tone that alice heard is the tone that bob sent",
                true,
                "99.1 % of the energy at 440 Hz, at least 90 % wanted",
            ),
            check("The digits are equal", true, "sent 12*#, arrived 12*#"),
            check(
                "Hold silenced the call, and resume brought it back",
                true,
                "silent for 2.0 s, then the tone again",
            ),
        ],
        tiles: vec![
            tile(
                "Set-up",
                "24",
                "ms",
                "from dialling to the answer",
                Tone::Plain,
            ),
            tile(
                "Codec",
                "Opus",
                "48 kHz",
                "the first that both sides know",
                Tone::Plain,
            ),
            tile(
                "Quality (MOS)",
                "4.02",
                "of 5",
                "estimated opinion of a listener",
                Tone::Good,
            ),
            tile("Lost", "41", "of 902", "4.5 % of the packets", Tone::Bad),
            tile(
                "Concealed",
                "860",
                "ms",
                "sound invented in their place",
                Tone::Fair,
            ),
            tile(
                "Jitter",
                "11.3",
                "ms",
                "how unevenly packets arrive",
                Tone::Fair,
            ),
            tile(
                "Round trip",
                "41.2",
                "ms",
                "there and back, by RTCP",
                Tone::Good,
            ),
            tile(
                "Playout delay",
                "66",
                "ms",
                "how long sound waits",
                Tone::Good,
            ),
        ],
        clips: vec![
            clip("bob's ear", "The speech that alice played", 0),
            clip("alice's ear", "Digits, a tone, hold, the tone again", 1),
        ],
        duration: 19.4,
        lanes: vec![forth, back],
        holds: vec![Hold {
            start: 14.2,
            end: 16.2,
            by: "alice".into(),
        }],
        network: vec![network("at bob", 60.0), network("at alice", 45.0)],
        ladder: ladder(),
        figures: Figures {
            columns: vec!["at alice".into(), "at bob".into()],
            rows: vec![
                row(
                    "codec",
                    &["opus", "opus"],
                    "How sound becomes bytes. Both sides agree on one while the call is set up.",
                ),
                row(
                    "packets sent",
                    &["912", "903"],
                    "One packet carries 20 ms of sound.",
                ),
                row("packets lost", &["38", "41"], "Packets that never arrived."),
                row(
                    "round trip",
                    &["41.2 ms", "40.8 ms"],
                    "To the other side and back, measured with RTCP reports.",
                ),
            ],
        },
    }
}

fn check(name: &str, ok: bool, detail: &str) -> Check {
    Check {
        name: name.into(),
        ok,
        detail: detail.into(),
    }
}

fn tile(name: &str, value: &str, unit: &str, note: &str, tone: Tone) -> Tile {
    Tile {
        name: name.into(),
        value: value.into(),
        unit: unit.into(),
        note: note.into(),
        tone,
    }
}

fn clip(title: &str, description: &str, lane: usize) -> Clip {
    Clip {
        title: title.into(),
        description: description.into(),
        start: 0.6,
        wav: b"RIFF".to_vec(),
        lane,
    }
}

fn row(name: &str, values: &[&str], meaning: &str) -> FigureRow {
    FigureRow {
        name: name.into(),
        values: values.iter().map(|value| (*value).to_owned()).collect(),
        meaning: meaning.into(),
    }
}

fn ladder() -> Ladder {
    let message =
        |at: f64, from: usize, to: usize, label: &str, detail: &str, kind: MessageKind| {
            LadderMessage {
                at,
                from,
                to,
                label: label.into(),
                detail: detail.into(),
                kind,
            }
        };
    use MessageKind::{Challenge, Failure, Provisional, Request, Success};
    Ladder {
        participants: vec!["alice".into(), "PBX".into(), "bob".into()],
        messages: vec![
            message(0.002, 0, 1, "REGISTER", "", Request),
            message(0.003, 1, 0, "401 Unauthorized", "REGISTER", Challenge),
            message(
                0.004,
                0,
                1,
                "REGISTER",
                "with the answer to the challenge",
                Request,
            ),
            message(0.005, 1, 0, "200 OK", "REGISTER", Success),
            message(0.6, 0, 1, "INVITE", "offers sound", Request),
            message(0.601, 1, 0, "100 Trying", "INVITE", Provisional),
            message(0.602, 1, 2, "INVITE", "offers sound", Request),
            message(0.605, 2, 1, "180 Ringing", "INVITE", Provisional),
            message(0.606, 1, 0, "180 Ringing", "INVITE", Provisional),
            message(0.612, 2, 1, "200 OK", "INVITE", Success),
            message(0.613, 1, 0, "200 OK", "INVITE", Success),
            message(0.615, 0, 1, "ACK", "", Request),
            message(0.616, 1, 2, "ACK", "", Request),
            message(14.2, 0, 1, "INVITE", "hold", Request),
            message(
                14.21,
                1,
                0,
                "488 <script>alert(1)</script>",
                "INVITE",
                Failure,
            ),
            message(19.3, 0, 1, "BYE", "", Request),
            message(19.301, 1, 0, "200 OK", "BYE", Success),
        ],
        notes: vec![
            LadderNote {
                at: 0.62,
                text: "sound flows both ways, 50 packets a second each".into(),
            },
            LadderNote {
                at: 1.5,
                text: "bob presses 1 2 * #".into(),
            },
        ],
    }
}

#[test]
fn a_call_is_drawn_whole() {
    let html = sample().to_html();
    if let Some(path) = std::env::var_os("HEADLESS_SIP_SAMPLE_REPORT") {
        std::fs::write(path, &html).expect("the sample can be written where it was asked for");
    }
    for (needle, count) in [
        ("<path class=\"said\"", 2),
        ("<path class=\"heard\"", 2),
        ("<polyline class=\"delay\"", 2),
        ("<u class=\"conceal\"", 30),
        ("<s class=\"lost\"", 30),
        ("<b class=\"digit\"", 4),
        // Over both lanes and both pictures of the network.
        ("<u class=\"hold\"", 4),
        ("class=\"arrow", 17),
        ("<audio", 2),
    ] {
        assert_eq!(html.matches(needle).count(), count, "{needle}");
    }
    assert!(html.contains("What was heard is what was said"));
}

#[test]
fn nothing_from_the_network_becomes_markup() {
    let evil = "<script>alert(1)</script>\"'\u{0}";
    let mut report = sample();
    report.title = evil.into();
    report.conditions = evil.into();
    report.lanes[0].from = evil.into();
    report.network[0].name = evil.into();
    report.ladder.participants[1] = evil.into();
    report.ladder.messages[0].label = evil.into();
    report.ladder.messages[0].detail = evil.into();
    report.ladder.notes[0].text = evil.into();
    report.figures.rows[0].values[0] = evil.into();
    report.tiles[0].value = evil.into();
    report.checks[0].detail = evil.into();
    report.clips[0].title = evil.into();
    report.holds[0].by = evil.into();
    report.lanes[1].digits[0].1 = '<';
    let html = report.to_html();
    assert!(!html.contains("<script>alert"));
    assert!(!html.contains('\u{0}'));
    assert_eq!(
        html.matches("<script").count(),
        2,
        "the numbers and our own script"
    );
    assert_eq!(html.matches("</script>").count(), 2);
}

#[test]
fn the_page_fetches_nothing() {
    let html = sample().to_html();
    for needle in ["http:", "https:", "src=\"/", "url(", "@import", "<link"] {
        assert!(!html.contains(needle), "{needle}");
    }
}

#[test]
fn a_failed_check_is_told_at_the_top() {
    let mut report = sample();
    report.checks[2].ok = false;
    let html = report.to_html();
    assert!(html.contains("1 of 4 checks failed"));
    assert!(!html.contains("verdict ok"));
}

#[test]
fn an_empty_call_still_gives_a_page() {
    let html = CallReport::default().to_html();
    assert!(html.starts_with("<!doctype html>"));
    assert!(!html.contains("NaN") && !html.contains("inf"));
}
