//! Offers within a call (RFC 3261 section 14, RFC 3311 section 5.2, RFC 6337): one at a time, and who yields on glare.

use std::time::{Duration, Instant};

use crate::StatusCode;

/// Why a peer's offer is refused at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum OfferRefusal {
    /// Our own offer is open: 491.
    Glare,
    /// Another offer of the peer is open: 500 with Retry-After.
    Busy,
}

impl OfferRefusal {
    pub(crate) fn status(self) -> StatusCode {
        match self {
            OfferRefusal::Glare => StatusCode::REQUEST_PENDING,
            OfferRefusal::Busy => StatusCode::SERVER_INTERNAL_ERROR,
        }
    }
}

/// Which offers of a call are open.
#[derive(Debug, Default)]
pub(crate) struct Negotiation {
    local: bool,
    remote: Option<Instant>,
    /// A 2xx with our offer waits for the ACK that brings the answer.
    unacknowledged: bool,
}

impl Negotiation {
    /// Our own re-INVITE or UPDATE wants to go out; false while any offer is open.
    pub(crate) fn begin_local(&mut self) -> bool {
        if self.local || self.remote.is_some() || self.unacknowledged {
            return false;
        }
        self.local = true;
        true
    }

    pub(crate) fn end_local(&mut self) {
        self.local = false;
    }

    /// A re-INVITE or UPDATE of the peer came in.
    pub(crate) fn begin_remote(
        &mut self,
        now: Instant,
        patience: Duration,
    ) -> Result<(), OfferRefusal> {
        if self.local {
            return Err(OfferRefusal::Glare);
        }
        if self.remote.is_some() || self.unacknowledged {
            return Err(OfferRefusal::Busy);
        }
        self.remote = now.checked_add(patience);
        Ok(())
    }

    /// The peer's offer was answered; `awaits_ack` if the answer was a 2xx to a re-INVITE.
    pub(crate) fn end_remote(&mut self, awaits_ack: bool) {
        self.remote = None;
        self.unacknowledged = awaits_ack;
    }

    pub(crate) fn acknowledged(&mut self) {
        self.unacknowledged = false;
    }

    /// When the program's time to answer the peer's offer is over.
    pub(crate) fn poll_timeout(&self) -> Option<Instant> {
        self.remote
    }

    /// RFC 3261 section 14.1: the pause after a 491, in units of 10 ms; `draw` in [0, 1).
    pub(crate) fn glare_pause(owns_call_id: bool, draw: f64) -> Duration {
        let (least, span) = if owns_call_id {
            (2_100.0, 1_900.0)
        } else {
            (0.0, 2_000.0)
        };
        let pause_ms: f64 = least + span * draw.clamp(0.0, 1.0);
        Duration::from_millis(10).saturating_mul((pause_ms / 10.0).round() as u32)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::arithmetic_side_effects)]
mod tests {
    use super::*;

    #[test]
    fn offers_that_cross_are_refused_on_both_sides() {
        let now = tokio::time::Instant::now().into_std();
        let patience = Duration::from_secs(5);
        let mut ours = Negotiation::default();
        assert!(ours.begin_local());
        assert!(!ours.begin_local());
        assert_eq!(ours.begin_remote(now, patience), Err(OfferRefusal::Glare));
        ours.end_local();
        ours.begin_remote(now, patience).unwrap();
        assert!(!ours.begin_local());
        assert_eq!(ours.begin_remote(now, patience), Err(OfferRefusal::Busy));
        assert_eq!(ours.poll_timeout(), Some(now + patience));
        ours.end_remote(true);
        assert!(!ours.begin_local());
        ours.acknowledged();
        assert!(ours.begin_local());
    }

    #[test]
    fn glare_pauses_never_overlap_between_the_sides() {
        for draw in [0.0, 0.25, 0.5, 0.999_999] {
            let owner = Negotiation::glare_pause(true, draw);
            let other = Negotiation::glare_pause(false, draw);
            assert!((Duration::from_millis(2_100)..=Duration::from_secs(4)).contains(&owner));
            assert!(other <= Duration::from_secs(2));
            assert_eq!((owner.as_millis() % 10, other.as_millis() % 10), (0, 0));
        }
    }
}
