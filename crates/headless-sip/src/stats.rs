//! The figures of one call.

use std::time::Duration;

use media_engine::MediaStats;

/// What a call did and how well it sounded, from its first packet until now.
///
/// Counts are RTP packets unless they say otherwise. What the far end sees comes from its RTCP reports
/// (RFC 3550 section 6.4) and is `None` until the first one.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct CallStats {
    /// The encoding name of the codec in use, such as `PCMU`.
    pub codec: String,
    /// From the INVITE to the final answer.
    pub setup: Duration,
    /// Sent by us.
    pub sent_packets: u64,
    /// Received and sound.
    pub received_packets: u64,
    /// Expected and never received.
    pub lost_packets: u64,
    /// Received too late to be heard.
    pub late_packets: u64,
    /// Expected, never received, and heard all the same from the redundancy of later ones (RFC 2198).
    pub recovered_packets: u64,
    /// Received more than once.
    pub duplicate_packets: u64,
    /// Received audio that had to be invented.
    pub concealed: Duration,
    /// Interarrival jitter of what we receive (RFC 3550 section 6.4.1).
    pub jitter: Duration,
    /// From RTCP; `None` until both sides have reported.
    pub round_trip: Option<Duration>,
    /// How long received audio waits in the jitter buffer.
    pub playout_delay: Duration,
    /// Estimated mean opinion score of what we hear, in conversation, 1 to 4.5, by the E-model (ITU-T G.107); `None`
    /// before any media.
    pub mos: Option<f32>,
    /// The same for who only listens: delay does not count.
    pub listening_mos: Option<f32>,
    /// What the far end hears of us, in conversation: as its extended reports say (RFC 3611), else estimated from its reports.
    pub remote_mos: Option<f32>,
    /// Mean duration of bursts of loss (RFC 3611 section 4.7.2); zero without bursts.
    pub burst_duration: Duration,
    /// Share of packets within bursts that were not heard, 0 to 1.
    pub burst_density: f32,
    /// Mean duration of the gaps between bursts.
    pub gap_duration: Duration,
    /// Share of packets within gaps that were not heard, 0 to 1.
    pub gap_density: f32,
    /// Of ours, lost on the way to the far end.
    pub remote_lost_packets: Option<u64>,
    /// Jitter of ours as the far end receives it.
    pub remote_jitter: Option<Duration>,
    /// Received frames that the program fetched too late, and that were dropped.
    pub dropped_frames: u64,
}

impl CallStats {
    pub(crate) fn new(setup: Duration, media: MediaStats) -> Self {
        Self {
            codec: media.codec.into(),
            setup,
            sent_packets: media.sent_packets,
            received_packets: media.received_packets,
            lost_packets: media.lost_packets,
            late_packets: media.late_packets,
            recovered_packets: media.recovered_packets,
            duplicate_packets: media.duplicate_packets,
            concealed: media.concealed,
            jitter: media.jitter,
            round_trip: media.round_trip,
            playout_delay: media.playout_delay,
            mos: media.mos,
            listening_mos: media.listening_mos,
            remote_mos: media.remote_mos,
            burst_duration: media.burst_duration,
            burst_density: media.burst_density,
            gap_duration: media.gap_duration,
            gap_density: media.gap_density,
            remote_lost_packets: media.remote_lost_packets,
            remote_jitter: media.remote_jitter,
            dropped_frames: media.dropped_frames,
        }
    }
}
