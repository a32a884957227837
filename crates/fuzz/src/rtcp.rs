//! RTCP from anyone who can reach the media port.

use rtp_media::{Channel, guard};

use crate::live_session::LiveSession;

/// The guard's pieces lie within the datagram, and a running session must survive, with rtcp-mux and without.
pub fn fuzz_rtcp(data: &[u8]) {
    let octets: usize = guard::sound_rtcp_packets(data).map(<[u8]>::len).sum();
    assert!(octets <= data.len(), "packets longer than their datagram");
    if guard::rtcp_is_sound(data) {
        assert!(guard::rtcp_is_framed(data), "sound but not framed");
    }
    let _ = guard::rtcp_looks_encrypted(data);
    LiveSession::start().survives(Channel::Rtcp, data);
    LiveSession::start_muxed().survives(Channel::Rtp, data);
}
