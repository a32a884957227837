//! Where events go: one JSON object a line, or a line for a person.

use std::io::{IsTerminal, Write};
use std::sync::Arc;
use std::time::Instant;

use crate::event::{Direction, EndedBy, Event, Stats};

/// Prints events on standard output. Clones print to the same place with the same clock.
#[derive(Debug, Clone)]
pub(crate) struct Output {
    json: bool,
    paint: Paint,
    started: Arc<Instant>,
}

impl Output {
    /// Output for this run; `json` as the user asked.
    pub(crate) fn new(json: bool) -> Self {
        let colour = std::io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none();
        Self {
            json,
            paint: Paint { colour },
            started: Arc::new(Instant::now()),
        }
    }

    /// The colours of this output.
    pub(crate) fn paint(&self) -> Paint {
        self.paint
    }

    /// Prints one event.
    pub(crate) fn event(&self, event: &Event) {
        if self.json {
            match serde_json::to_string(event) {
                Ok(line) => print_line(&line),
                Err(error) => tracing::error!(%error, "an event could not be written as JSON"),
            }
        } else if let Some(text) = human(event, self.paint) {
            self.line(&text);
        }
    }

    /// Prints one line for a person, with the time since the start before it; nothing in JSON mode.
    pub(crate) fn line(&self, text: &str) {
        if !self.json {
            let seconds = self.started.elapsed().as_secs_f64();
            print_line(&format!(
                "{}  {text}",
                self.paint.dim(&format!("{seconds:7.3}"))
            ));
        }
    }

    /// Prints text as it is; nothing in JSON mode.
    pub(crate) fn plain(&self, text: &str) {
        if !self.json {
            print_line(text);
        }
    }
}

/// A reader that has gone away (`| head`) must not become a panic in the middle of a call.
fn print_line(line: &str) {
    let mut out = std::io::stdout().lock();
    let _ = writeln!(out, "{line}").and_then(|()| out.flush());
}

/// Colours, if the output is a terminal.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Paint {
    colour: bool,
}

impl Paint {
    /// Without colours.
    #[cfg(test)]
    pub(crate) const PLAIN: Self = Self { colour: false };

    fn wrap(self, code: &str, text: &str) -> String {
        if self.colour {
            format!("\x1b[{code}m{text}\x1b[0m")
        } else {
            text.to_owned()
        }
    }

    /// For what matters less.
    pub(crate) fn dim(self, text: &str) -> String {
        self.wrap("2", text)
    }

    /// For what matters more.
    pub(crate) fn bold(self, text: &str) -> String {
        self.wrap("1", text)
    }

    /// For what went well.
    pub(crate) fn good(self, text: &str) -> String {
        self.wrap("32", text)
    }

    /// For what did not.
    pub(crate) fn bad(self, text: &str) -> String {
        self.wrap("31", text)
    }
}

/// The event as a line for a person.
fn human(event: &Event, paint: Paint) -> Option<String> {
    Some(match event {
        Event::Listening { address, transport } => {
            let over = match transport {
                Some(transport) => format!("{transport:?}").to_uppercase(),
                None => "UDP and TCP".to_owned(),
            };
            format!("listening on {} ({over})", paint.bold(address))
        }
        Event::Registered { aor, expires_s } => match expires_s {
            Some(seconds) => format!("registered {} for {seconds} s", paint.bold(&clean(aor))),
            None => format!("registered {}", paint.bold(&clean(aor))),
        },
        Event::Unregistered { aor } => format!("un-registered {}", clean(aor)),
        Event::Ringing {
            direction,
            from,
            to,
            ..
        } => match direction {
            Direction::Outgoing => format!("it rings at {}", paint.bold(&clean(to))),
            Direction::Incoming => format!(
                "{} calls {}",
                paint.bold(&clean(from)),
                paint.bold(&clean(to))
            ),
        },
        Event::EarlyMedia { .. } => "sound before the answer".into(),
        Event::Answered {
            codec, setup_ms, ..
        } => format!(
            "{} with {codec} after {setup_ms:.0} ms",
            paint.good("answered")
        ),
        Event::Dtmf { digit, method, .. } => {
            format!("digit {} ({method})", paint.bold(&digit.to_string()))
        }
        Event::Held { .. } => "the far end put us on hold".into(),
        Event::Resumed { .. } => "the far end took us off hold".into(),
        Event::Mark { name, .. } => format!("{name}: all of it has been sent"),
        Event::Message { text, .. } => format!("the far end writes: {}", clean(text)),
        Event::Text { from, text } => format!("{} writes: {}", clean(from), clean(text)),
        Event::Transfer { status, reason, .. } => {
            format!(
                "the far end is being transferred: {status} {}",
                clean(reason)
            )
        }
        Event::TransferRequested { target, .. } => {
            format!("the far end sends us to {}", clean(target))
        }
        Event::Speech { speaking: true, .. } => "the far end speaks".into(),
        Event::Speech { duration_ms, .. } => {
            let ms = duration_ms.unwrap_or_default();
            format!("the far end is silent again, after {ms:.0} ms")
        }
        Event::TalkOver {
            both: true,
            interrupted,
            ..
        } => match interrupted.as_deref() {
            Some("us") => "both speak: the far end interrupts us".into(),
            _ => "both speak: we interrupt the far end".into(),
        },
        Event::TalkOver { duration_ms, .. } => {
            let ms = duration_ms.unwrap_or_default();
            format!("no more than one speaks, after {ms:.0} ms of both")
        }
        Event::Tone { tone, sounds, .. } => {
            let what = if *sounds { "sounds" } else { "has stopped" };
            format!("tone {} {what}", paint.bold(&tone.replace('_', " ")))
        }
        Event::Answerer {
            answerer,
            confidence,
            is_final,
            ..
        } => {
            let stays = if *is_final { "" } else { ", so far" };
            let answerer = paint.bold(answerer);
            format!("answered by: {answerer} (confidence {confidence:.2}{stays})")
        }
        Event::Beep { hz, .. } => format!("the machine has beeped at {hz:.0} Hz"),
        Event::NoMedia { detail, .. } => paint.bad(&format!("no sound: {}", clean(detail))),
        Event::Quality { stats, .. } => paint.dim(&one_line(stats)),
        Event::Ended {
            by,
            status,
            reason,
            stats,
            recording,
            ..
        } => {
            let mut text = format!("{} {}", paint.bold("ended"), who(*by));
            if let Some(status) = status {
                text += &format!(", {status}");
            }
            if !reason.is_empty() {
                let between = if status.is_some() { " " } else { ": " };
                text += &format!("{between}{}", clean(reason));
            }
            if let Some(stats) = stats {
                text += &format!("\n{}", table(stats));
            }
            if let Some(path) = recording {
                text += &format!("\n         recorded         {}", path.display());
            }
            text
        }
        Event::Routed { from, to, .. } => {
            format!(
                "{} calls {}",
                paint.bold(&clean(from)),
                paint.bold(&clean(to))
            )
        }
        Event::Connected { call_id } => format!("answered {}", paint.dim(&clean(call_id))),
        Event::Cleared { call_id, status } => match status {
            Some(status) => format!("refused with {status} {}", paint.dim(&clean(call_id))),
            None => format!("hung up {}", paint.dim(&clean(call_id))),
        },
        Event::Step { text } => clean(text),
        Event::Demo(_) => return None,
    })
}

fn who(by: EndedBy) -> &'static str {
    match by {
        EndedBy::Local => "by us",
        EndedBy::Remote => "by the far end",
        EndedBy::Timeout => "unanswered",
        EndedBy::MediaTimeout => "for lack of sound",
        EndedBy::Signaling => "because the signalling failed",
    }
}

/// Text from the network, made harmless for a terminal: no control character reaches it.
pub(crate) fn clean(text: &str) -> String {
    text.chars()
        .map(|c| if c.is_control() { '\u{fffd}' } else { c })
        .collect()
}

fn one_line(stats: &Stats) -> String {
    let mut text = format!(
        "received {} packets, lost {}, late {}, jitter {:.1} ms, playout delay {:.0} ms",
        stats.received_packets,
        stats.lost_packets,
        stats.late_packets,
        stats.jitter_ms,
        stats.playout_delay_ms
    );
    if let Some(mos) = stats.mos {
        text += &format!(", MOS {mos:.1}");
    }
    text
}

/// The figures of a call, one a line.
fn table(stats: &Stats) -> String {
    rows(stats)
        .into_iter()
        .map(|(name, value)| format!("         {name:<16} {value}"))
        .collect::<Vec<_>>()
        .join("\n")
}

/// The figures of a call as name and value.
pub(crate) fn rows(stats: &Stats) -> Vec<(&'static str, String)> {
    let known = |value: Option<f64>, unit: &str| {
        value.map_or_else(
            || "not reported".to_owned(),
            |value| format!("{value:.1}{unit}"),
        )
    };
    vec![
        ("set-up time", format!("{:.0} ms", stats.setup_ms)),
        ("codec", stats.codec.clone()),
        ("packets sent", stats.sent_packets.to_string()),
        (
            "packets received",
            format!(
                "{} ({} lost, {} late, {} recovered, {} twice)",
                stats.received_packets,
                stats.lost_packets,
                stats.late_packets,
                stats.recovered_packets,
                stats.duplicate_packets
            ),
        ),
        ("concealed", format!("{:.0} ms", stats.concealed_ms)),
        ("jitter", format!("{:.1} ms", stats.jitter_ms)),
        ("round trip", known(stats.round_trip_ms, " ms")),
        ("playout delay", format!("{:.0} ms", stats.playout_delay_ms)),
        (
            "MOS estimate",
            stats.mos.map_or_else(
                || "nothing arrived".to_owned(),
                |mos| format!("{mos:.2} of 5"),
            ),
        ),
        (
            "far end's MOS",
            stats
                .remote_mos
                .map_or_else(|| "not reported".to_owned(), |mos| format!("{mos:.2} of 5")),
        ),
        (
            "far end misses",
            stats.remote_lost_packets.map_or_else(
                || "not reported".to_owned(),
                |lost| {
                    format!(
                        "{lost} packets (its jitter {})",
                        known(stats.remote_jitter_ms, " ms")
                    )
                },
            ),
        ),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_ended_call_reads_as_a_table() {
        let event = Event::Ended {
            call_id: "x".into(),
            by: EndedBy::Remote,
            status: None,
            reason: String::new(),
            stats: Some(crate::event::tests::stats()),
            recording: Some("heard.wav".into()),
        };
        expect_test::expect![[r#"
            ended by the far end
                     set-up time      12 ms
                     codec            pcmu
                     packets sent     500
                     packets received 490 (10 lost, 2 late, 0 recovered, 1 twice)
                     concealed        240 ms
                     jitter           3.2 ms
                     round trip       not reported
                     playout delay    40 ms
                     MOS estimate     4.10 of 5
                     far end's MOS    not reported
                     far end misses   0 packets (its jitter 0.5 ms)
                     recorded         heard.wav"#]]
        .assert_eq(&human(&event, Paint::PLAIN).expect("an ended call is told"));
    }

    #[test]
    fn control_characters_from_the_network_never_reach_the_terminal() {
        let event = Event::Ended {
            call_id: "x".into(),
            by: EndedBy::Remote,
            status: Some(486),
            reason: "Busy\x1b[2J\x07 Here".into(),
            stats: None,
            recording: None,
        };
        let text = human(&event, Paint::PLAIN).expect("an ended call is told");
        assert_eq!(
            text,
            "ended by the far end, 486 Busy\u{fffd}[2J\u{fffd} Here"
        );
    }
}
