//! RTP from anyone who can reach the media port.

use rtp_media::{Channel, RtpPacket, datagram_kind, guard};

use crate::live_session::LiveSession;

/// What the guard lets through is parsed, what is parsed prints as it was, and a running session survives.
pub fn fuzz_rtp(data: &[u8]) {
    let packet = RtpPacket::parse(data);
    if guard::rtp_is_sound(data) {
        // The other way round does not hold: the guard also looks into header extensions, the parser passes over them.
        assert!(packet.is_some(), "sound but not parsed");
    }
    if let Some(packet) = packet {
        let mut written = Vec::new();
        packet.write(&mut written);
        assert_eq!(
            RtpPacket::parse(&written),
            Some(packet),
            "print then parse is identity"
        );
    }
    let _ = datagram_kind(data);
    LiveSession::start().survives(Channel::Rtp, data);
}
