//! An `m=` line as written, and which of them the `sdp` crate can read.

use crate::error::SdpError;
use crate::limits;

/// Media names that the `sdp` crate reads.
const KNOWN_MEDIA: [&str; 6] = ["audio", "video", "text", "application", "message", "image"];
/// Protocol parts that the `sdp` crate reads.
const KNOWN_PROTOCOLS: [&str; 10] = [
    "UDP", "RTP", "AVP", "SAVP", "SAVPF", "TLS", "DTLS", "SCTP", "AVPF", "udptl",
];

/// The fields of an `m=` line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct MediaLine {
    pub(crate) media: String,
    pub(crate) port: u16,
    pub(crate) protocol: String,
    pub(crate) formats: Vec<String>,
}

impl MediaLine {
    /// Reads the value of an `m=` line.
    ///
    /// Only an audio line must have a port that makes sense: the others are refused anyway, and an
    /// impossible port becomes 0.
    pub(crate) fn parse(value: &str) -> Result<Self, SdpError> {
        let invalid = || SdpError::invalid_line("m", value);
        let mut fields = value.split_whitespace();
        let media = fields.next().ok_or_else(invalid)?.to_owned();
        let is_audio = media.eq_ignore_ascii_case("audio");
        let port = fields.next().and_then(parse_port);
        let protocol = fields.next().unwrap_or("-").to_owned();
        let formats: Vec<String> = fields.map(str::to_owned).collect();
        if formats.len() > limits::MAX_FORMATS {
            return Err(SdpError::TooManyFormats {
                limit: limits::MAX_FORMATS,
            });
        }
        if is_audio && port.is_none() {
            return Err(invalid());
        }
        Ok(MediaLine {
            media: if is_audio { "audio".to_owned() } else { media },
            port: port.unwrap_or(0),
            protocol,
            formats,
        })
    }

    /// Whether the `sdp` crate takes the line; else a stand-in is put into the text.
    pub(crate) fn is_readable(&self) -> bool {
        KNOWN_MEDIA.contains(&self.media.as_str())
            && !self.formats.is_empty()
            && self
                .protocol
                .split('/')
                .all(|part| KNOWN_PROTOCOLS.contains(&part))
    }
}

/// Reads `<port>` or `<port>/<number of ports>`; the number is of no use in telephony.
fn parse_port(field: &str) -> Option<u16> {
    field.split('/').next()?.parse().ok()
}
