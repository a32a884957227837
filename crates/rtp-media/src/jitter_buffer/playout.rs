//! What goes into a jitter buffer and what comes out.

use std::time::Duration;

use crate::units::PayloadType;

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
///
/// `urgent` tells when to do it. If not, then only where nobody can hear it, which is in pauses of the talk; the advice
/// stands until one comes. If so, in the middle of a word, by whole pitch periods.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Pace {
    /// Play as is.
    Normal,
    /// Shorten the samples: the delay is too long.
    Faster {
        /// By how much at most.
        by: Duration,
        /// Whether to do it within speech.
        urgent: bool,
    },
    /// Lengthen the samples: the delay is too short.
    Slower {
        /// By how much at most.
        by: Duration,
        /// Whether to do it within speech.
        urgent: bool,
    },
}
