//! Whose packets are taken: symmetric RTP (RFC 4961) that neither flaps nor falls to a stranger.
#![deny(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects
)]

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use crate::units::Ssrc;

/// While the current stream is alive another one is not let in. Ten packet times.
const ALIVE: Duration = Duration::from_millis(200);

/// Consecutive packets that another stream must show first.
const CONFIRMED_AFTER: u8 = 2;

/// What becomes of a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Of the current stream.
    Take,
    /// The first of the session.
    First,
    /// Another stream, or another address, takes over with this packet.
    Change {
        ssrc: Option<Ssrc>,
        source: Option<SocketAddr>,
    },
    /// Not, or not yet, to be taken.
    Foreign,
}

/// The stream being received.
#[derive(Debug, Default)]
pub(crate) struct Sources {
    current: Option<Current>,
    candidate: Option<Candidate>,
}

#[derive(Debug, Clone, Copy)]
struct Current {
    ssrc: Ssrc,
    source: SocketAddr,
    last: Instant,
}

#[derive(Debug, Clone, Copy)]
struct Candidate {
    ssrc: Ssrc,
    source: SocketAddr,
    next: u16,
    seen: u8,
}

impl Sources {
    pub(crate) fn judge(
        &mut self,
        now: Instant,
        source: SocketAddr,
        ssrc: Ssrc,
        sequence: u16,
    ) -> Verdict {
        let Some(current) = &mut self.current else {
            self.current = Some(Current {
                ssrc,
                source,
                last: now,
            });
            return Verdict::First;
        };
        if (ssrc, source) == (current.ssrc, current.source) {
            current.last = now;
            self.candidate = None;
            return Verdict::Take;
        }
        let alive = now.saturating_duration_since(current.last) < ALIVE;
        // The same stream from another port, or another stream from the same port, is the peer's own doing: it may take over
        // at once. What shares neither waits until the current stream has fallen silent.
        let related = ssrc == current.ssrc || source == current.source;
        let seen = match self.candidate {
            Some(candidate)
                if (candidate.ssrc, candidate.source, candidate.next)
                    == (ssrc, source, sequence) =>
            {
                candidate.seen.saturating_add(1)
            }
            _ => 1,
        };
        self.candidate = Some(Candidate {
            ssrc,
            source,
            next: sequence.wrapping_add(1),
            seen,
        });
        if seen < CONFIRMED_AFTER || (alive && !related) {
            return Verdict::Foreign;
        }
        let before = *current;
        *current = Current {
            ssrc,
            source,
            last: now,
        };
        self.candidate = None;
        Verdict::Change {
            ssrc: (before.ssrc != ssrc).then_some(before.ssrc),
            source: (before.source != source).then_some(before.source),
        }
    }

    pub(crate) fn ssrc(&self) -> Option<Ssrc> {
        self.current.map(|current| current.ssrc)
    }

    /// A new address by signalling: whoever sends first is the peer.
    pub(crate) fn restart(&mut self) {
        *self = Self::default();
    }
}
