//! Mends what telephones get wrong, so that one sloppy line does not cost the call.
//!
//! What comes out is a strict description: `v o s c b t a`, then per stream `m c b a`. Lines that no offer or
//! answer needs (`i u e p r z k` and unknown types) are dropped.

use std::fmt::Write as _;

use super::media_line::MediaLine;
use crate::connection::Address;
use crate::error::SdpError;
use crate::limits;

/// Stands in the text for an `m=` line that the `sdp` crate cannot read.
const STAND_IN: &str = "application 0 UDP 0";

/// Text that the `sdp` crate can read, and the `m=` lines that it cannot.
#[derive(Debug)]
pub(crate) struct Normalised {
    pub(crate) text: String,
    /// One entry per `m=` line: the line itself where a stand-in is in the text.
    pub(crate) set_aside: Vec<Option<MediaLine>>,
}

/// Mends the text.
pub(crate) fn normalise(bytes: &[u8]) -> Result<Normalised, SdpError> {
    if bytes.len() > limits::MAX_BYTES {
        return Err(SdpError::TooLong {
            bytes: bytes.len(),
            limit: limits::MAX_BYTES,
        });
    }
    let text = String::from_utf8_lossy(bytes);
    // Some stacks send the terminator of a C string along.
    let text = text.split('\0').next().unwrap_or_default();
    // Other control characters have no place in a line and are never printed.
    let text = text.replace(|c: char| c.is_control() && c != '\r' && c != '\n', " ");
    let mut lines = text
        .trim_start_matches('\u{feff}')
        .split(['\r', '\n'])
        .filter(|line| !line.trim().is_empty());
    check_version(lines.next().unwrap_or_default())?;

    let mut session = SessionLines::default();
    let mut streams: Vec<StreamLines> = Vec::new();
    for line in lines {
        let Some((kind, value)) = line.split_once('=') else {
            continue;
        };
        let value = value.trim();
        if kind == "m" {
            if streams.len() == limits::MAX_MEDIA_LINES {
                return Err(SdpError::TooManyMediaLines {
                    limit: limits::MAX_MEDIA_LINES,
                });
            }
            streams.push(StreamLines::new(MediaLine::parse(value)?));
        } else if let Some(stream) = streams.last_mut() {
            stream.body.take(kind, value);
        } else {
            session.take(kind, value);
        }
    }
    Ok(write(session, streams))
}

fn check_version(line: &str) -> Result<(), SdpError> {
    let version = line.trim().strip_prefix("v=").ok_or(SdpError::NotSdp)?;
    match version.trim() {
        "0" => Ok(()),
        other => Err(SdpError::UnsupportedVersion {
            version: other.chars().take(20).collect(),
        }),
    }
}

/// Lines before the first `m=`.
#[derive(Debug, Default)]
struct SessionLines {
    origin: Option<String>,
    name: Option<String>,
    timing: Option<String>,
    body: Body,
}

impl SessionLines {
    fn take(&mut self, kind: &str, value: &str) {
        match kind {
            "o" if self.origin.is_none() => self.origin = Some(mend_origin(value)),
            "s" if self.name.is_none() => self.name = Some(value.to_owned()),
            "t" if self.timing.is_none() => self.timing = mend_timing(value),
            _ => self.body.take(kind, value),
        }
    }
}

/// An `m=` line and what follows it.
#[derive(Debug)]
struct StreamLines {
    line: MediaLine,
    body: Body,
}

impl StreamLines {
    fn new(line: MediaLine) -> Self {
        StreamLines {
            line,
            body: Body::default(),
        }
    }
}

/// The lines that both levels know.
#[derive(Debug, Default)]
struct Body {
    connection: Option<String>,
    bandwidths: Vec<String>,
    attributes: Vec<String>,
}

impl Body {
    fn take(&mut self, kind: &str, value: &str) {
        match kind {
            "c" if self.connection.is_none() => self.connection = mend_connection(value),
            "b" if is_bandwidth(value) => self.bandwidths.push(value.to_owned()),
            "a" if !value.is_empty() && !value.starts_with(':') => {
                self.attributes.push(value.to_owned());
            }
            _ => {}
        }
    }
}

/// Six fields, numeric ids, `IN`, a known address type.
fn mend_origin(value: &str) -> String {
    let fields: Vec<&str> = value.split_whitespace().collect();
    // A user name with spaces in it moves everything: count from the end.
    let (name, rest) = fields.split_at(fields.len().saturating_sub(5));
    let field = |index: usize| rest.get(index).copied().unwrap_or_default();
    let username = match name {
        [] => "-".to_owned(),
        parts => parts.join("_"),
    };
    let address = Address::parse(field(3), field(4)).unwrap_or_default();
    format!(
        "{username} {} {} IN {} {address}",
        numeric_id(field(0)),
        numeric_id(field(1)),
        address.address_type(),
    )
}

/// The number itself, or for anything else a number that stays the same for the same text.
fn numeric_id(field: &str) -> u64 {
    field.parse().unwrap_or_else(|_| fnv1a(field.as_bytes()))
}

/// The 64-bit FNV-1a hash.
fn fnv1a(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}

fn mend_timing(value: &str) -> Option<String> {
    let mut fields = value.split_whitespace().map(str::parse::<u64>);
    match (fields.next(), fields.next()) {
        (Some(Ok(start)), Some(Ok(stop))) => Some(format!("{start} {stop}")),
        _ => None,
    }
}

/// A `c=` line of the Internet; those of other networks are dropped.
fn mend_connection(value: &str) -> Option<String> {
    let mut fields = value.split_whitespace();
    let network = fields.next()?;
    let address = Address::parse(fields.next()?, fields.next()?)?;
    network
        .eq_ignore_ascii_case("IN")
        .then(|| format!("IN {} {address}", address.address_type()))
}

fn is_bandwidth(value: &str) -> bool {
    value.split_once(':').is_some_and(|(kind, figure)| {
        !kind.is_empty() && !kind.contains(' ') && figure.parse::<u64>().is_ok()
    })
}

fn write(session: SessionLines, streams: Vec<StreamLines>) -> Normalised {
    let mut text = Text(String::from("v=0\r\n"));
    text.line("o", &session.origin.unwrap_or_else(|| mend_origin("")));
    text.line("s", session.name.as_deref().unwrap_or("-"));
    text.connection_and_bandwidths(&session.body);
    text.line("t", session.timing.as_deref().unwrap_or("0 0"));
    text.attributes(&session.body);
    let mut set_aside = Vec::with_capacity(streams.len());
    for StreamLines { line, body } in streams {
        let readable = line.is_readable();
        if readable {
            let MediaLine {
                media,
                port,
                protocol,
                formats,
            } = &line;
            text.line(
                "m",
                &format!("{media} {port} {protocol} {}", formats.join(" ")),
            );
        } else {
            text.line("m", STAND_IN);
        }
        set_aside.push((!readable).then_some(line));
        text.connection_and_bandwidths(&body);
        text.attributes(&body);
    }
    Normalised {
        text: text.0,
        set_aside,
    }
}

struct Text(String);

impl Text {
    fn line(&mut self, kind: &str, value: &str) {
        // Writing to a String cannot fail.
        let _ = write!(self.0, "{kind}={value}\r\n");
    }

    fn connection_and_bandwidths(&mut self, body: &Body) {
        if let Some(connection) = &body.connection {
            self.line("c", connection);
        }
        for bandwidth in &body.bandwidths {
            self.line("b", bandwidth);
        }
    }

    fn attributes(&mut self, body: &Body) {
        for attribute in &body.attributes {
            self.line("a", attribute);
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(input: &str, expected: &str) {
        let text = normalise(input.as_bytes()).unwrap().text;
        assert_eq!(text.replace("\r\n", "\n"), expected);
    }

    #[test]
    fn missing_lines_are_put_in_and_the_order_is_mended() {
        check(
            "v=0\nc=IN IP4 192.0.2.1\no=- 1 2 IN IP4 192.0.2.1\nm=audio 4000 RTP/AVP 0\n",
            "v=0\no=- 1 2 IN IP4 192.0.2.1\ns=-\nc=IN IP4 192.0.2.1\nt=0 0\nm=audio 4000 RTP/AVP 0\n",
        );
    }

    #[test]
    fn lines_that_no_negotiation_needs_are_dropped() {
        check(
            "v=0\r\no=- 1 2 IN IP4 192.0.2.1\r\ns=x\r\ni=about\r\nu=not a uri\r\nt=0 0\r\n\
             y=0100000001\r\nnonsense\r\nk=clear:x\r\na=\r\na=:x\r\nm=audio 4000 RTP/AVP 0\r\ni=mic\r\nb=AS:x\r\n",
            "v=0\no=- 1 2 IN IP4 192.0.2.1\ns=x\nt=0 0\nm=audio 4000 RTP/AVP 0\n",
        );
    }

    #[test]
    fn control_characters_become_spaces() {
        check(
            "v=0\no=- 1 2 IN IP4 192.0.2.1\ns=a\tb\nt=0 0\nm=audio 4000 RTP/AVP 96\na=fmtp:96\x03x=1\x7f\n",
            "v=0\no=- 1 2 IN IP4 192.0.2.1\ns=a b\nt=0 0\nm=audio 4000 RTP/AVP 96\na=fmtp:96 x=1\n",
        );
    }

    #[test]
    fn odd_origins_become_numeric() {
        let origin = |value: &str| mend_origin(value);
        assert_eq!(
            origin("a phone 1 2 IN IP4 192.0.2.1"),
            "a_phone 1 2 IN IP4 192.0.2.1"
        );
        assert_eq!(origin("-"), mend_origin("-"));
        let text = origin("- 18446744073709551616 -3 IN IP4 192.0.2.1");
        let ids: Vec<&str> = text.split(' ').collect();
        assert!(ids[1].parse::<u64>().is_ok() && ids[2].parse::<u64>().is_ok());
        assert_eq!(text, origin("- 18446744073709551616 -3 IN IP4 192.0.2.1"));
        assert_ne!(text, origin("- 18446744073709551617 -3 IN IP4 192.0.2.1"));
    }

    #[test]
    fn unreadable_media_lines_get_a_stand_in() {
        let normalised = normalise(
            b"v=0\no=- 1 1 IN IP4 192.0.2.1\ns=-\nt=0 0\nm=message 2855 TCP/MSRP *\nm=audio 4000 RTP/AVP 8\n",
        )
        .unwrap();
        assert!(normalised.text.contains("m=application 0 UDP 0\r\n"));
        let line = normalised.set_aside[0].as_ref().unwrap();
        assert_eq!((line.protocol.as_str(), line.port), ("TCP/MSRP", 2855));
        assert_eq!(normalised.set_aside[1], None);
    }

    #[test]
    fn a_body_that_is_no_sdp_is_refused() {
        for body in ["", "hello", "<xml/>", "o=- 1 1 IN IP4 192.0.2.1\nv=0\n"] {
            assert_eq!(normalise(body.as_bytes()).unwrap_err(), SdpError::NotSdp);
        }
        assert!(matches!(
            normalise(b"v=1\n").unwrap_err(),
            SdpError::UnsupportedVersion { .. }
        ));
    }
}
