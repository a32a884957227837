//! The jitter buffer: packets in as they come, frames out in order and on time.

use std::time::{Duration, Instant};

use crate::units::{ClockRate, PayloadType};

/// How the buffer behaves. The defaults suit telephone calls.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct JitterBufferConfig {
    /// RTP clock of the stream.
    pub clock_rate: ClockRate,
    /// Packet time until the stream shows another.
    pub ptime: Duration,
    /// The target never falls below this.
    pub min_delay: Duration,
    /// The target never rises above this; packets later than that are given up.
    pub max_delay: Duration,
    /// The target until enough packets have been seen.
    pub initial_delay: Duration,
    /// Share of packets that may come too late, 0 to 1: less means more delay.
    pub late_loss: f32,
}

impl Default for JitterBufferConfig {
    fn default() -> Self {
        Self {
            clock_rate: ClockRate::NARROWBAND,
            ptime: Duration::from_millis(20),
            min_delay: Duration::ZERO,
            max_delay: Duration::from_millis(400),
            initial_delay: Duration::from_millis(40),
            late_loss: 0.005,
        }
    }
}

/// What the header of a packet says of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PacketMeta {
    /// RTP sequence number.
    pub sequence: u16,
    /// RTP timestamp in clock units.
    pub timestamp: u32,
    /// First packet of a talkspurt (RFC 3551 section 4.1).
    pub marker: bool,
    /// RTP payload type.
    pub payload_type: PayloadType,
}

/// What to play next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Playout<'a> {
    /// Decode this.
    Packet {
        /// The payload, valid until the next call.
        payload: &'a [u8],
        /// Its payload type.
        payload_type: PayloadType,
        /// Its RTP timestamp in clock units.
        timestamp: u32,
        /// Its sequence number.
        sequence: u16,
        /// What to do with the decoded samples to steer the delay.
        pace: Pace,
    },
    /// A packet should be played and is not there: conceal.
    Missing {
        /// How long, in clock units.
        units: u32,
        /// The packet after it, when it is already there: in-band FEC may recover the missing one from it.
        next: Option<&'a [u8]>,
    },
    /// Nothing is due: not started, a pause in the talk, or the peer has stopped. Play silence for one packet time.
    Silence,
}

/// What the owner of the decoded samples should do to steer the delay. It is advice: whoever cannot stretch ignores it,
/// and the buffer drops or inserts whole frames when it is far off.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Pace {
    /// Play as is.
    Normal,
    /// Drop a pitch period: the delay is too long.
    Faster,
    /// Add a pitch period: the delay is too short.
    Slower,
}

/// Counters of a [`JitterBuffer`].
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
    /// Packets dropped for want of room.
    pub overflow: u64,
    /// Clock units handed out as [`Playout::Missing`].
    pub concealed_units: u64,
}

/// Reorders packets and releases them at a delay that follows the network.
#[derive(Debug)]
pub struct JitterBuffer {
    config: JitterBufferConfig,
}

impl JitterBuffer {
    /// An empty buffer.
    pub fn new(config: JitterBufferConfig) -> Self {
        Self { config }
    }

    /// A packet arrived at `now`.
    pub fn insert(&mut self, _now: Instant, _meta: PacketMeta, _payload: &[u8]) {}

    /// What is due at `now`, when `buffered` of decoded audio has not been heard yet.
    pub fn playout(&mut self, _now: Instant, _buffered: Duration) -> Playout<'_> {
        Playout::Silence
    }

    /// Delay the buffer aims at.
    pub fn target_delay(&self) -> Duration {
        self.config.initial_delay
    }
}
