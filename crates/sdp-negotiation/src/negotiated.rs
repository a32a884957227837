//! What offer and answer agreed on: all that an RTP session and an engine must know.

use std::net::SocketAddr;

use crate::direction::Direction;

/// The result of an offer and its answer, seen from our side.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NegotiatedAudio {
    /// The format to send with, and the one to expect.
    pub format: NegotiatedFormat,
    /// Other formats that the peer may send without a new offer.
    pub also_receivable: Vec<NegotiatedFormat>,
    /// telephone-event (RFC 4733), when both sides have it.
    pub telephone_event: Option<NegotiatedTelephoneEvent>,
    /// Comfort noise (RFC 3389), when both sides have it and the format's clock is 8000 Hz.
    pub comfort_noise: Option<NegotiatedComfortNoise>,
    /// Redundancy (RFC 2198) at the clock of `format`, when both sides have it.
    pub redundancy: Option<NegotiatedRedundancy>,
    /// The extended reports (RFC 3611) that the peer asks for and our side sends.
    pub extended_reports: NegotiatedExtendedReports,
    /// Where to send RTP. Its address is unspecified when the peer holds in the old manner (`c=0.0.0.0`).
    pub remote_rtp: SocketAddr,
    /// Where to send RTCP.
    pub remote_rtcp: SocketAddr,
    /// RTP and RTCP share one port, both ways.
    pub rtcp_mux: bool,
    /// What we may do: send, receive, both or neither.
    pub direction: Direction,
    /// Audio per packet to send with, in ms.
    pub ptime_ms: u32,
    /// The peer does not want to hear us now (sendonly, inactive or `c=0.0.0.0`).
    pub remote_is_holding: bool,
}

/// One agreed format.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NegotiatedFormat {
    /// Index into [`AudioCapabilities::formats`](crate::AudioCapabilities::formats).
    pub format_index: usize,
    /// Encoding name as our capabilities spell it.
    pub encoding_name: String,
    /// RTP clock in Hz.
    pub clock_rate: u32,
    /// Channels as in `a=rtpmap`.
    pub channels: u16,
    /// Payload type that the peer expects from us.
    pub send_payload_type: u8,
    /// Payload type that the peer sends with.
    pub receive_payload_type: u8,
    /// The peer's format parameters: our encoder obeys them.
    pub remote_fmtp: Option<String>,
    /// Our format parameters: the peer's encoder obeys them.
    pub local_fmtp: Option<String>,
}

/// Agreed comfort noise.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NegotiatedComfortNoise {
    /// Payload type that the peer expects from us.
    pub send_payload_type: u8,
    /// Payload type that the peer sends with.
    pub receive_payload_type: u8,
}

/// Agreed telephone-event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NegotiatedTelephoneEvent {
    /// Payload type that the peer expects from us.
    pub send_payload_type: u8,
    /// Payload type that the peer sends with.
    pub receive_payload_type: u8,
    /// Clock of its durations and timestamps in Hz: that of the audio format, where the peer allows it.
    pub clock_rate: u32,
}

/// Agreed redundancy. Its clock is that of the audio format.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NegotiatedRedundancy {
    /// Payload type that the peer expects from us.
    pub send_payload_type: u8,
    /// Payload type that the peer sends with.
    pub receive_payload_type: u8,
}

/// Extended reports that a peer asks for (RFC 3611 section 5.1).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct NegotiatedExtendedReports {
    /// `voip-metrics`: how we hear it.
    pub voip_metrics: bool,
    /// `rcvr-rtt`: reference times of who sends no media, and the answers to them. Only when both sides have it.
    pub receiver_reference_time: bool,
}
