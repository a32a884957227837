//! Figures of one session.

use std::time::Duration;

use crate::burst_gap::BurstGap;
use crate::voip_metrics::VoipMetrics;

/// A snapshot taken with [`RtpSession::stats`](crate::RtpSession::stats). Counters run from the start of the session.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
#[non_exhaustive]
pub struct RtpStats {
    /// RTP packets sent, telephone-event included.
    pub sent_packets: u64,
    /// Payload octets sent, as RTCP counts them: no headers.
    pub sent_octets: u64,
    /// Sound RTP packets received, duplicates and late ones included (RFC 3550 Appendix A.1).
    pub received_packets: u64,
    /// Payload octets received.
    pub received_octets: u64,
    /// Packets expected by sequence number, over all streams of the peer.
    pub expected_packets: u64,
    /// Audio packets that never arrived and were not recovered, as of their playout time.
    pub lost_packets: u64,
    /// Audio packets that arrived after their playout time and were not played.
    pub late_packets: u64,
    /// Audio packets in time that were dropped to shorten a delay far above the target.
    pub discarded_packets: u64,
    /// Packets received more than once.
    pub duplicate_packets: u64,
    /// Packets that arrived out of order.
    pub reordered_packets: u64,
    /// What was not let in, by reason.
    pub dropped: DroppedPackets,
    /// Interarrival jitter (RFC 3550 Appendix A.8).
    pub jitter: Duration,
    /// Latest round trip, from the peer's last report about us.
    pub round_trip: Option<Duration>,
    /// Packets of ours that the peer says it lost.
    pub remote_lost_packets: i32,
    /// Share of our packets the peer lost between its last two reports, 0 to 1.
    pub remote_fraction_lost: f32,
    /// Interarrival jitter that the peer sees.
    pub remote_jitter: Duration,
    /// Delay added on top of the fastest packet, smoothed: jitter buffer and decoded audio that waits.
    pub playout_delay: Duration,
    /// Delay the jitter buffer aims at.
    pub target_delay: Duration,
    /// Audio waiting in the jitter buffer.
    pub buffered: Duration,
    /// Audio that was concealed because a packet was missing at its playout time.
    pub concealed: Duration,
    /// Longest run of packets lost in a row.
    pub longest_loss: u32,
    /// Mean run of lost packets over the mean that random loss of the same share would give; 1 when nothing was lost.
    pub burst_ratio: f32,
    /// Packets that never arrived and were played or told all the same, from the redundancy of later ones (RFC 2198).
    pub recovered_packets: u64,
    /// How what was not played is spread (RFC 3611 section 4.7.2).
    pub bursts: BurstGap,
    /// Mean duration of bursts of loss; zero without bursts.
    pub burst_duration: Duration,
    /// Mean duration of the gaps between bursts.
    pub gap_duration: Duration,
    /// Estimated mean opinion score of what we hear, in conversation (MOS-CQ): 1.0 to 4.5 by the E-model (ITU-T G.107). `None`
    /// before any media.
    pub mos: Option<f32>,
    /// The same for who only listens (MOS-LQ): the delay does not count.
    pub listening_mos: Option<f32>,
    /// What the peer hears of us, in conversation: as its VoIP metrics say, else estimated from its reports. `None` until it
    /// has reported.
    pub remote_mos: Option<f32>,
    /// The peer's last VoIP metrics about us (RFC 3611 section 4.7), if it sends any.
    pub remote_metrics: Option<VoipMetrics>,
    /// RTCP datagrams sent.
    pub sent_reports: u64,
    /// Sound RTCP datagrams received.
    pub received_reports: u64,
}

/// Datagrams that were not let in.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct DroppedPackets {
    /// Neither RTP nor RTCP (STUN, DTLS, noise).
    pub not_rtp: u64,
    /// RTP whose lengths do not add up.
    pub malformed: u64,
    /// RTCP whose lengths do not add up.
    pub malformed_rtcp: u64,
    /// A payload type that was not negotiated.
    pub payload_type: u64,
    /// A stream or an address other than the one being received.
    pub foreign: u64,
    /// Sequence numbers that jumped and were not confirmed by the next packet (RFC 3550 Appendix A.1).
    pub sequence_jump: u64,
    /// Received while the direction does not allow it.
    pub not_receiving: u64,
    /// Packets for which the jitter buffer had no room.
    pub overflow: u64,
}

impl DroppedPackets {
    /// All of them.
    pub fn total(&self) -> u64 {
        self.not_rtp
            .saturating_add(self.malformed)
            .saturating_add(self.malformed_rtcp)
            .saturating_add(self.payload_type)
            .saturating_add(self.foreign)
            .saturating_add(self.sequence_jump)
            .saturating_add(self.not_receiving)
            .saturating_add(self.overflow)
    }
}
