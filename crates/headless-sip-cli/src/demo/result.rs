//! From what happened to what is told: checks, files, the report and the last lines.

use std::path::{Path, PathBuf};
use std::time::Instant;

use headless_sip::WavWriter;
use sip_testkit::audio::Clip;

use super::checks::{self, Demand};
use super::ladder;
use super::script::{self, Performance, Side};
use crate::args::DemoArgs;
use crate::event::{Check, DemoOutcome, Stats};
use crate::exit::Failure;
use crate::output::{Output, rows};
use crate::report::{
    CallReport, Clip as Listen, FigureRow, Figures, Lane, NetworkTrace, Tile, Tone,
};

/// Everything that was checked.
pub(super) fn judge(performance: &Performance, loss: f32) -> Vec<Check> {
    let demand = Demand {
        loss,
        opus: performance.bob.stats.codec.eq_ignore_ascii_case("opus"),
    };
    let places = performance.places;
    let (alice, bob) = (&performance.alice, &performance.bob);
    let tone = |name: &str, side: &Side, place, (frequency, length): (f64, std::time::Duration)| {
        checks::tone(name, &part(side, place), frequency, length, demand)
    };
    vec![
        checks::speech(&performance.speech, &part(bob, places.speech), demand),
        tone(
            "alice heard the tone that bob played",
            alice,
            places.tone,
            script::BOBS_TONE,
        ),
        checks::digits(script::DIGITS, &alice.progress.digits),
        checks::hold(
            performance.bob_knew,
            &part(alice, places.hold),
            performance.packets.0,
            performance.packets.1,
        ),
        tone(
            "alice hears bob again after hold",
            alice,
            places.second_tone,
            script::BOBS_SECOND_TONE,
        ),
        tone(
            "bob hears alice again after hold",
            bob,
            places.alices_tone,
            script::ALICES_TONE,
        ),
    ]
}

/// A part of what a side heard.
fn part(side: &Side, (begin, end): (usize, usize)) -> Clip {
    let samples = side.log.samples.get(begin..end).unwrap_or_default();
    Clip::from_samples(side.log.sample_rate.max(1), samples.to_vec())
}

/// Writes both recordings and the report.
///
/// # Errors
/// A [`Failure`] that names the file.
pub(super) fn write(
    args: &DemoArgs,
    performance: &Performance,
    checks: &[Check],
    folder: &Path,
) -> Result<Vec<PathBuf>, Failure> {
    let alice = folder.join("alice-heard.wav");
    let bob = folder.join("bob-heard.wav");
    let report = folder.join("report.html");
    record(&alice, &performance.alice)?;
    record(&bob, &performance.bob)?;
    let page = draw(args, performance, checks, [&alice, &bob])?.to_html();
    std::fs::write(&report, page)
        .map_err(|error| Failure::other(format!("cannot write {}: {error}", report.display())))?;
    Ok(vec![alice, bob, report])
}

fn record(path: &Path, side: &Side) -> Result<(), Failure> {
    let mut recording = WavWriter::create(path, side.log.sample_rate.max(1), 1)?;
    recording.write(&side.log.samples)?;
    Ok(recording.finish()?)
}

fn draw(
    args: &DemoArgs,
    performance: &Performance,
    checks: &[Check],
    recordings: [&Path; 2],
) -> Result<CallReport, Failure> {
    let (alice, bob) = (&performance.alice, &performance.bob);
    let [alice_wav, bob_wav] = recordings;
    let network = |name: &str, side: &Side| NetworkTrace {
        name: format!("at {name}"),
        samples: side.log.network.clone(),
    };
    Ok(CallReport {
        title: "alice calls bob".into(),
        conditions: conditions(args),
        date: date(),
        checks: checks.to_vec(),
        tiles: tiles(performance),
        clips: vec![
            listen(
                "What bob heard",
                "alice's speech; after hold her tone",
                performance,
                bob,
                bob_wav,
                0,
            )?,
            listen(
                "What alice heard",
                "bob's tones, before and after hold",
                performance,
                alice,
                alice_wav,
                1,
            )?,
        ],
        duration: performance.duration,
        lanes: vec![
            lane("alice", alice, "bob", bob, performance.origin),
            lane("bob", bob, "alice", alice, performance.origin),
        ],
        holds: vec![performance.hold.clone()],
        network: vec![network("bob", bob), network("alice", alice)],
        ladder: ladder::draw(
            ["alice", "bob"],
            [alice.address, bob.address],
            &performance.seen,
            performance.notes.clone(),
            performance.origin,
        ),
        figures: figures(performance),
    })
}

fn conditions(args: &DemoArgs) -> String {
    match (args.loss > 0.0, args.jitter > 0) {
        (false, false) => "One call on this machine, over a perfect network".into(),
        (true, false) => format!(
            "One call on this machine, over a network that loses {} % of the packets",
            args.loss
        ),
        (false, true) => format!(
            "One call on this machine, over a network with {} ms of jitter",
            args.jitter
        ),
        (true, true) => format!(
            "One call on this machine, over a network that loses {} % of the packets and has {} ms of jitter",
            args.loss, args.jitter
        ),
    }
}

fn date() -> String {
    let now = time::OffsetDateTime::now_utc();
    format!(
        "{} {} {}, {:02}:{:02} UTC",
        now.day(),
        now.month(),
        now.year(),
        now.hour(),
        now.minute()
    )
}

fn began(side: &Side, origin: Instant) -> f64 {
    side.log.began.map_or(0.0, |began| {
        began.saturating_duration_since(origin).as_secs_f64()
    })
}

fn listen(
    title: &str,
    description: &str,
    performance: &Performance,
    side: &Side,
    path: &Path,
    lane: usize,
) -> Result<Listen, Failure> {
    let wav = std::fs::read(path).map_err(|error| {
        Failure::other(format!("cannot read {} again: {error}", path.display()))
    })?;
    Ok(Listen {
        title: title.into(),
        description: description.into(),
        start: began(side, performance.origin),
        wav,
        lane,
    })
}

fn lane(from: &str, speaker: &Side, to: &str, hearer: &Side, origin: Instant) -> Lane {
    let start = began(hearer, origin);
    let seconds = |place: usize| start + place as f64 / f64::from(hearer.log.sample_rate.max(1));
    Lane {
        from: from.into(),
        to: to.into(),
        said: speaker.log.said.clone(),
        heard: hearer.log.heard.clone(),
        concealed: hearer
            .log
            .concealed
            .iter()
            .map(|(begin, end)| (seconds(*begin), seconds(*end)))
            .collect(),
        lost: hearer.log.lost.clone(),
        digits: hearer.log.digits.clone(),
    }
}

/// As people write it.
fn codec_name(codec: &str) -> String {
    match codec {
        "opus" => "Opus".into(),
        other => other.to_uppercase(),
    }
}

fn tiles(performance: &Performance) -> Vec<Tile> {
    let caller = Stats::from(&performance.alice.stats);
    let stats = Stats::from(&performance.bob.stats);
    let expected = (stats.received_packets + stats.lost_packets).max(1);
    let share = stats.lost_packets as f64 / expected as f64 * 100.0;
    let tile = |name: &str, value: String, unit: &str, note: &str, tone| Tile {
        name: name.into(),
        value,
        unit: unit.into(),
        note: note.into(),
        tone,
    };
    let grade = |value: f64, good: f64, fair: f64| match value {
        value if value <= good => Tone::Good,
        value if value <= fair => Tone::Fair,
        _ => Tone::Bad,
    };
    let known = |value: Option<f64>, digits: usize| {
        value.map_or("?".to_owned(), |value| format!("{value:.digits$}"))
    };
    vec![
        tile(
            "Set-up",
            format!("{:.0}", caller.setup_ms),
            "ms",
            "from dialling to the answer",
            Tone::Plain,
        ),
        tile(
            "Codec",
            codec_name(&stats.codec),
            "",
            "the first that both sides know",
            Tone::Plain,
        ),
        tile(
            "Quality (MOS)",
            known(stats.mos, 2),
            "of 5",
            "what a listener at bob's would say; 4.4 is the best of the telephone",
            grade(5.0 - stats.mos.unwrap_or(0.0), 1.2, 1.9),
        ),
        tile(
            "Lost",
            stats.lost_packets.to_string(),
            &format!("of {expected}"),
            &format!("{share:.1} % of the packets to bob"),
            grade(share, 0.5, 3.0),
        ),
        tile(
            "Concealed",
            format!("{:.0}", stats.concealed_ms),
            "ms",
            "sound invented in their place",
            grade(stats.concealed_ms, 100.0, 1_000.0),
        ),
        tile(
            "Jitter",
            format!("{:.1}", stats.jitter_ms),
            "ms",
            "how unevenly packets arrive",
            grade(stats.jitter_ms, 5.0, 30.0),
        ),
        tile(
            "Round trip",
            known(stats.round_trip_ms, 1),
            "ms",
            "there and back, by RTCP",
            Tone::Plain,
        ),
        tile(
            "Playout delay",
            format!("{:.0}", stats.playout_delay_ms),
            "ms",
            "how long sound waits for late packets",
            grade(stats.playout_delay_ms, 80.0, 150.0),
        ),
    ]
}

/// What each figure means, in the order of [`rows`].
const MEANINGS: [&str; 10] = [
    "From the start of the call to the answer.",
    "How sound becomes bytes. Both sides agree on one while the call is set up.",
    "One packet carries 20 ms of sound.",
    "Lost never came, late came after its moment, twice came again.",
    "Sound that was invented in place of what did not come in time.",
    "How unevenly packets arrive. The jitter buffer evens it out.",
    "To the other side and back, measured with RTCP reports.",
    "How long sound waits in the jitter buffer, so that late packets still count.",
    "What a listener would say from 1 to 5, worked out from delay, loss and codec.",
    "The same call as the other side sees it, told by RTCP.",
];

fn figures(performance: &Performance) -> Figures {
    let alice = rows(&Stats::from(&performance.alice.stats));
    let bob = rows(&Stats::from(&performance.bob.stats));
    Figures {
        columns: vec!["at alice".into(), "at bob".into()],
        rows: alice
            .into_iter()
            .zip(bob)
            .zip(MEANINGS)
            .map(|(((name, alice), (_, bob)), meaning)| FigureRow {
                name: name.into(),
                values: vec![alice, bob],
                meaning: meaning.into(),
            })
            .collect(),
    }
}

/// Tells the outcome: a table for a person, one object for a program.
pub(super) fn tell(
    output: &Output,
    performance: &Performance,
    checks: &[Check],
    files: &[PathBuf],
) {
    let ok = checks.iter().all(|check| check.ok);
    output.event(&crate::event::Event::Demo(Box::new(DemoOutcome {
        ok,
        checks: checks.to_vec(),
        caller: Stats::from(&performance.alice.stats),
        callee: Stats::from(&performance.bob.stats),
        dtmf: performance.alice.progress.digits.clone(),
        files: files.to_vec(),
    })));
    let paint = output.paint();
    output.plain("");
    output.plain(&paint.bold(&format!("  {:<20}{:<34}{}", "", "at alice", "at bob")));
    let alice = rows(&Stats::from(&performance.alice.stats));
    let bob = rows(&Stats::from(&performance.bob.stats));
    for ((name, left), (_, right)) in alice.into_iter().zip(bob) {
        output.plain(&format!(
            "  {}{left:<34}{right}",
            paint.dim(&format!("{name:<20}"))
        ));
    }
    let digits = &performance.alice.progress.digits;
    output.plain(&format!(
        "  {}{digits}",
        paint.dim(&format!("{:<20}", "digits arrived"))
    ));
    output.plain("");
    for check in checks {
        let mark = if check.ok {
            paint.good("\u{2713}")
        } else {
            paint.bad("\u{2717}")
        };
        output.plain(&format!("  {mark} {}", check.name));
        output.plain(&format!("    {}", paint.dim(&check.detail)));
    }
    output.plain("");
    for path in files {
        output.plain(&format!("  {} {}", paint.dim("wrote"), path.display()));
    }
    output.plain("");
    output.plain(&if ok {
        format!(
            "  {} Open the report in a browser, and listen.",
            paint.good("What was heard is what was said.")
        )
    } else {
        format!(
            "  {}",
            paint.bad("What was heard differs from what was said.")
        )
    });
}
