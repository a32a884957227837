//! RTP from anyone who can reach the media port.

use rtp_media::{Channel, RtpPacket, datagram_kind, guard};

use crate::live_session::LiveSession;

/// Guard and parser must agree, and a running session must survive.
pub fn fuzz_rtp(data: &[u8]) {
    let packet = RtpPacket::parse(data);
    if packet.is_some() {
        assert!(guard::rtp_is_sound(data), "parsed what the guard refuses");
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
