//! SDP from a peer: as an offer, and as the answer to ours.

use std::net::SocketAddr;

use sdp_negotiation::{
    AudioCapabilities, AudioFormat, Direction, LocalMedia, SdpSession, SessionDescription, limits,
};

/// What can be read can be printed, answered and accepted, or is refused with an error.
pub fn fuzz_sdp(data: &[u8]) {
    let Ok(description) = SessionDescription::parse(data) else {
        return;
    };
    assert_stable(&description);
    let media = LocalMedia::new(SocketAddr::from(([192, 0, 2, 1], 4_000)));
    let capabilities = capabilities();
    let mut session = SdpSession::new(1, "fuzz");
    let (offer, pending) = session.create_offer(&capabilities, media, Direction::SendRecv);
    assert_eq!(reread(&offer).as_ref(), Some(&offer));
    let _ = pending.accept(&description);
    let answered = session.answer(&description, &capabilities, media, Direction::SendRecv);
    if let Ok((answer, audio)) = answered {
        assert_eq!(
            answer.media.len(),
            description.media.len(),
            "RFC 3264 section 6: as many m= lines as the offer"
        );
        assert!(audio.format.format_index < capabilities.formats.len());
        assert!(audio.format.send_payload_type < 128);
        assert_stable(&answer);
        // A later offer after an odd one is still an offer.
        let (hold, _) = session.create_offer(&capabilities, media, Direction::SendOnly);
        assert_eq!(hold.media.len(), answer.media.len());
        assert_stable(&hold);
    }
}

/// What was read once reads the same from then on.
fn assert_stable(description: &SessionDescription) {
    if let Some(once) = reread(description) {
        assert_eq!(reread(&once).as_ref(), Some(&once));
    }
}

/// Prints and reads; `None` when what is printed is over the limit of length.
fn reread(description: &SessionDescription) -> Option<SessionDescription> {
    let text = description.to_string();
    if text.len() > limits::MAX_BYTES {
        return None;
    }
    match SessionDescription::parse(text.as_bytes()) {
        Ok(description) => Some(description),
        Err(error) => panic!("our own text is refused: {error}\n{text}"),
    }
}

fn capabilities() -> AudioCapabilities {
    AudioCapabilities {
        formats: vec![
            AudioFormat::opus(),
            AudioFormat::pcmu(),
            AudioFormat::pcma(),
        ],
        rtcp_mux: true,
        ..AudioCapabilities::default()
    }
}
