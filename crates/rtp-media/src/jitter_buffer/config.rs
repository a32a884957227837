//! How a jitter buffer is set up, and what it counts.

use std::time::Duration;

use crate::units::ClockRate;

/// How the buffer behaves. The defaults suit telephone calls.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct JitterBufferConfig {
    /// RTP clock of the stream.
    pub clock_rate: ClockRate,
    /// Packet time until the stream shows another.
    pub ptime: Duration,
    /// The delay that is aimed at never falls below this.
    pub min_delay: Duration,
    /// The delay that is aimed at never rises above this, nor above 500 ms; packets later than that are given up.
    pub max_delay: Duration,
    /// The delay that is aimed at until enough packets have been seen.
    pub initial_delay: Duration,
    /// What to give up for what, 0 to 1: 0 for the least delay, with words clipped where the network is uneven; 1 for every
    /// packet played, with delay to match. At 0.5 next to no packet comes too late where 40 ms suffice for that; beyond, up
    /// to 3 % do where more delay would save few of them, and some more where it is long already; each 0.17 more or less is
    /// half or twice as many.
    pub latency_vs_quality: f32,
}

impl Default for JitterBufferConfig {
    fn default() -> Self {
        Self {
            clock_rate: ClockRate::NARROWBAND,
            ptime: Duration::from_millis(20),
            min_delay: Duration::ZERO,
            max_delay: Duration::from_millis(400),
            initial_delay: Duration::from_millis(40),
            latency_vs_quality: 0.5,
        }
    }
}

/// Counters of a [`JitterBuffer`](super::JitterBuffer).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct JitterBufferStats {
    /// Packets handed out.
    pub played: u64,
    /// Packets that never came, as of now.
    pub lost: u64,
    /// Packets that came after their playout time.
    pub late: u64,
    /// Packets that came more than once.
    pub duplicate: u64,
    /// Packets that came after a later one, but in time.
    pub reordered: u64,
    /// Packets in time that were dropped to shorten a delay far above the target.
    pub discarded: u64,
    /// Packets dropped for want of room, or larger than telephone audio is.
    pub overflow: u64,
    /// Runs of lost packets.
    pub loss_runs: u64,
    /// The longest of them.
    pub longest_loss: u32,
    /// Time handed out as [`Playout::Missing`](super::Playout::Missing).
    pub concealed: Duration,
    /// Time of that which was put in to lengthen the delay rather than in the place of a packet.
    pub inserted: Duration,
}
