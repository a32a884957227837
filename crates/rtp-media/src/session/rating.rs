//! How both sides hear each other: the E-model fed from the figures of a session, and VoIP metrics made of them.
#![deny(clippy::unwrap_used, clippy::indexing_slicing)]

use std::time::Duration;

use super::RtpSession;
use super::reception::Reception;
use crate::burst_gap::BurstGapCounter;
use crate::jitter_buffer::JitterBufferStats;
use crate::quality::{CodecQuality, QualityInput, listening_mos, mos, rating};
use crate::stats::RtpStats;
use crate::voip_metrics::VoipMetrics;

/// Follows the jitter buffer's counters: what was played and what was not, in the order of the playout.
#[derive(Debug, Default)]
pub(super) struct LossWatch {
    pub(super) bursts: BurstGapCounter,
    played: u64,
    missed: u64,
}

impl LossWatch {
    /// The counters as they are now. A packet that is late after it was lost moves from one counter to another.
    pub(super) fn follow(&mut self, buffer: &JitterBufferStats) {
        let missed = buffer.lost + not_in_time(buffer);
        // What is missing lies before the packet that showed it.
        self.bursts.missed(missed.saturating_sub(self.missed));
        self.bursts
            .played(buffer.played.saturating_sub(self.played));
        self.missed = self.missed.max(missed);
        self.played = buffer.played;
    }
}

/// Packets that came and were not played.
pub(super) fn not_in_time(buffer: &JitterBufferStats) -> u64 {
    buffer.late + buffer.discarded + buffer.overflow
}

impl RtpSession {
    /// The quality of what the peer sends now.
    fn receive_quality(&self) -> CodecQuality {
        let codec = self.inbound.payload_type;
        self.config
            .receive_qualities
            .iter()
            .find(|(payload_type, _)| Some(*payload_type) == codec)
            .map_or(CodecQuality::G711, |(_, quality)| *quality)
    }

    /// How we hear the peer. One way is half of the round trip, the delay of the playout, a packet and the codec.
    pub(super) fn heard(&self, stats: &RtpStats) -> Option<QualityInput> {
        if stats.received_packets == 0 {
            return None;
        }
        let codec = self.receive_quality();
        Some(QualityInput {
            one_way_delay: stats.round_trip.unwrap_or_default() / 2
                + stats.playout_delay
                + self.jitter_buffer.packet_time()
                + codec.delay,
            loss_fraction: share(
                stats.lost_packets + not_in_time(&self.jitter_buffer.stats()),
                stats.expected_packets,
            ),
            burst_ratio: stats.burst_ratio,
            ie: codec.ie,
            bpl: codec.bpl,
        })
    }

    /// How the peer hears us: as its VoIP metrics say, else from its reception report. That one knows neither the peer's
    /// jitter buffer, which is taken for twice the jitter and a packet, nor how the loss is spread.
    pub(super) fn remote_mos(&self, stats: &RtpStats) -> Option<f32> {
        if let Some(mos) = self.peer_metrics.and_then(|metrics| metrics.mos) {
            return Some(mos);
        }
        let report = self.peer_report?;
        let codec = self.config.send_quality;
        Some(mos(QualityInput {
            one_way_delay: stats.round_trip.unwrap_or_default() / 2
                + report.jitter * 2
                + self.config.ptime * 2
                + codec.delay,
            loss_fraction: self.peer_loss,
            burst_ratio: 1.0,
            ie: codec.ie,
            bpl: codec.bpl,
        }))
    }

    /// Our reception as RFC 3611 section 4.7 wants it; `None` before any media.
    pub(super) fn voip_metrics(&self, stats: &RtpStats) -> Option<VoipMetrics> {
        let ssrc = self.inbound.reception.as_ref().map(Reception::ssrc)?;
        let heard = self.heard(stats)?;
        let maximum = self.config.jitter_buffer.max_delay;
        Some(VoipMetrics {
            loss_rate: share(stats.lost_packets, stats.expected_packets),
            discard_rate: share(
                not_in_time(&self.jitter_buffer.stats()),
                stats.expected_packets,
            ),
            burst_density: stats.bursts.burst_density,
            gap_density: stats.bursts.gap_density,
            burst_duration: stats.burst_duration,
            gap_duration: stats.gap_duration,
            round_trip: stats.round_trip.unwrap_or_default(),
            // RFC 3611 section 4.7.3: what the sending and the receiving direction add here.
            end_system_delay: self.config.ptime
                + self.config.send_quality.delay
                + stats.playout_delay,
            // R is clamped to 0 to 93.2.
            r_factor: Some(rating(heard).round() as u8),
            listening_mos: Some(listening_mos(heard)),
            mos: Some(mos(heard)),
            jitter_buffer_nominal: stats.target_delay,
            jitter_buffer_maximum: maximum,
            jitter_buffer_absolute_maximum: maximum,
            ..VoipMetrics::new(ssrc)
        })
    }

    /// A number of packets as time.
    pub(super) fn packet_times(&self, packets: f32) -> Duration {
        let packet = self.jitter_buffer.packet_time().as_nanos() as f64;
        Duration::from_nanos((packet * f64::from(packets)).round() as u64)
    }
}

fn share(part: u64, of: u64) -> f32 {
    (part as f32 / of.max(1) as f32).min(1.0)
}
