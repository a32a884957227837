//! Traces to keep: ladders and messages as text, or as a capture file. Secrets are out of them: see [`TracedMessage`].

mod ladder;
mod pcapng;

use std::{
    io::{self, Write},
    time::{Duration, Instant, SystemTime},
};

use crate::{TraceDirection, TracedMessage};
pub use ladder::Ladder;

/// How a trace is written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum TraceFormat {
    /// Each message with a line about it, and the ladder of all at the end.
    #[default]
    Text,
    /// A capture file for Wireshark, sngrep and the like. Each message is a UDP datagram between the addresses that it passed between,
    /// whatever its transport was: the packet's comment names that one.
    Pcapng,
}

/// Writes a trace, message by message.
#[derive(Debug)]
pub struct TraceWriter<W: Write> {
    out: W,
    format: TraceFormat,
    began: Instant,
    began_at: Duration,
    ladder: Ladder,
}

impl<W: Write> TraceWriter<W> {
    /// Begins a trace. `now` and `at` are the same moment by both clocks.
    ///
    /// # Errors
    /// Those of writing.
    pub fn new(
        mut out: W,
        format: TraceFormat,
        now: Instant,
        at: SystemTime,
    ) -> io::Result<TraceWriter<W>> {
        let began_at = at
            .duration_since(SystemTime::UNIX_EPOCH)
            .unwrap_or_default();
        match format {
            TraceFormat::Text => writeln!(
                out,
                "SIP messages; times in seconds since {}.{:03} (Unix time)\n",
                began_at.as_secs(),
                began_at.subsec_millis()
            )?,
            TraceFormat::Pcapng => pcapng::begin(&mut out)?,
        }
        Ok(TraceWriter {
            out,
            format,
            began: now,
            began_at,
            ladder: Ladder::new(now),
        })
    }

    /// Writes a message.
    ///
    /// # Errors
    /// Those of writing.
    pub fn write(&mut self, message: &TracedMessage) -> io::Result<()> {
        let since = message.at.saturating_duration_since(self.began);
        match self.format {
            TraceFormat::Pcapng => {
                let at = self.began_at.saturating_add(since);
                pcapng::packet(&mut self.out, message, at)
            }
            TraceFormat::Text => {
                self.ladder.add(message);
                self.text(message, since)
            }
        }
    }

    fn text(&mut self, message: &TracedMessage, since: Duration) -> io::Result<()> {
        let peer = peer_name(message);
        let (way, from, to) = match message.direction {
            TraceDirection::Sent => ("sent", message.local.to_string(), peer),
            TraceDirection::Received => ("received", peer, message.local.to_string()),
        };
        let (seconds, transport) = (since.as_secs_f64(), message.transport);
        writeln!(self.out, "{seconds:.3} {way} {transport} {from} > {to}")?;
        for line in message.message.lines() {
            writeln!(
                self.out,
                "{}",
                format!("    {}", printable(line)).trim_end()
            )?;
        }
        writeln!(self.out)
    }

    /// Brings what was written to where it belongs.
    ///
    /// # Errors
    /// Those of writing.
    pub fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }

    /// Ends the trace, a text with the ladder of all messages.
    ///
    /// # Errors
    /// Those of writing.
    pub fn finish(mut self) -> io::Result<()> {
        if self.format == TraceFormat::Text {
            write!(self.out, "{}", self.ladder)?;
        }
        self.out.flush()
    }
}

fn peer_name(message: &TracedMessage) -> String {
    message
        .peer
        .map_or_else(|| "unknown".to_owned(), |peer| peer.to_string())
}

/// Without what could steer a terminal.
fn printable(line: &str) -> String {
    line.replace(|c: char| c.is_control() && c != '\t', "\u{fffd}")
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    pub(super) fn message(
        now: Instant,
        millis: u64,
        direction: TraceDirection,
        peer: &str,
        start_line: &str,
        cseq: &str,
    ) -> TracedMessage {
        TracedMessage {
            at: now + Duration::from_millis(millis),
            direction,
            transport: crate::Transport::Tcp,
            local: "192.0.2.1:5060".parse().unwrap(),
            peer: Some(peer.parse().unwrap()),
            start_line: start_line.to_owned(),
            cseq: cseq.to_owned(),
            call_id: "x".to_owned(),
            message: format!("{start_line}\r\nCSeq: {cseq}\r\n\r\n\u{1b}[2J"),
        }
    }

    #[test]
    fn text_has_each_message_and_the_ladder_of_all() {
        let now = crate::agent::now();
        let mut out = Vec::new();
        let at = SystemTime::UNIX_EPOCH + Duration::from_millis(1_700_000_000_250);
        let mut writer = TraceWriter::new(&mut out, TraceFormat::Text, now, at).unwrap();
        let (sent, received) = (TraceDirection::Sent, TraceDirection::Received);
        let (one, two) = ("198.51.100.7:5060", "203.0.113.9:5070");
        for (millis, way, peer, line, cseq) in [
            (1, sent, one, "OPTIONS sip:bob@b SIP/2.0", "1 OPTIONS"),
            (4, received, one, "SIP/2.0 200 OK", "1 OPTIONS"),
            (2_009, received, two, "INVITE sip:us SIP/2.0", "7 INVITE"),
            (2_010, sent, two, "SIP/2.0 486 Busy Here", "7 INVITE"),
        ] {
            let message = message(now, millis, way, peer, line, cseq);
            writer.write(&message).unwrap();
        }
        writer.finish().unwrap();
        expect_test::expect![[r#"
            SIP messages; times in seconds since 1700000000.250 (Unix time)

            0.001 sent TCP 192.0.2.1:5060 > 198.51.100.7:5060
                OPTIONS sip:bob@b SIP/2.0
                CSeq: 1 OPTIONS

                �[2J

            0.004 received TCP 198.51.100.7:5060 > 192.0.2.1:5060
                SIP/2.0 200 OK
                CSeq: 1 OPTIONS

                �[2J

            2.009 received TCP 203.0.113.9:5070 > 192.0.2.1:5060
                INVITE sip:us SIP/2.0
                CSeq: 7 INVITE

                �[2J

            2.010 sent TCP 192.0.2.1:5060 > 203.0.113.9:5070
                SIP/2.0 486 Busy Here
                CSeq: 7 INVITE

                �[2J

                      192.0.2.1:5060                      198.51.100.7:5060                   203.0.113.9:5070
                0.001 |-- OPTIONS ----------------------->|                                   |
                0.004 |<- 200 OK (OPTIONS) ---------------|                                   |
                2.009 |<- INVITE -------------------------------------------------------------|
                2.010 |-- 486 Busy Here (INVITE) -------------------------------------------->|
        "#]].assert_eq(&String::from_utf8(out).unwrap());
    }
}
