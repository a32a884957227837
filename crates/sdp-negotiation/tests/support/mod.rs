//! What the tests of this crate share.
#![allow(dead_code, missing_docs, unreachable_pub)]

use std::net::SocketAddr;

use sdp_negotiation::{
    AudioCapabilities, AudioFormat, LocalMedia, NegotiatedAudio, NegotiationError, SdpSession,
    SessionDescription,
};

pub fn addr(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

pub fn local(text: &str) -> LocalMedia {
    LocalMedia::new(addr(text))
}

pub fn session() -> SdpSession {
    SdpSession::new(42, "tester")
}

/// Opus, PCMU, PCMA in this order.
pub fn opus_first() -> AudioCapabilities {
    AudioCapabilities {
        formats: vec![
            AudioFormat::opus(),
            AudioFormat::pcmu(),
            AudioFormat::pcma(),
        ],
        ..AudioCapabilities::default()
    }
}

pub fn parse(text: &str) -> SessionDescription {
    SessionDescription::parse(text.as_bytes()).unwrap_or_else(|error| panic!("{error}\n{text}"))
}

/// A minimal description from 192.0.2.9 with the given lines from `m=` on.
pub fn with_media(media: &str) -> SessionDescription {
    parse(&format!(
        "v=0\no=peer 1 1 IN IP4 192.0.2.9\ns=-\nc=IN IP4 192.0.2.9\nt=0 0\n{media}\n"
    ))
}

/// Answers `offer` from 192.0.2.1:4000.
pub fn answer(
    offer: &SessionDescription,
    capabilities: &AudioCapabilities,
) -> Result<(SessionDescription, NegotiatedAudio), NegotiationError> {
    session().answer(
        offer,
        capabilities,
        local("192.0.2.1:4000"),
        sdp_negotiation::Direction::SendRecv,
    )
}

/// The lines of a description from the first `m=` on, with plain line ends.
pub fn media_lines(description: &SessionDescription) -> String {
    let text = description.to_string().replace("\r\n", "\n");
    let start = text.find("m=").unwrap_or(text.len());
    text[start..].to_owned()
}
