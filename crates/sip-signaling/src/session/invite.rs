//! An INVITE on its way out (RFC 3261 sections 9.1 and 13.2): when to CANCEL, which 2xx to keep, when to give up.
//!
//! ```text
//! Calling --1xx--> Ringing --2xx--> Answered (first To tag kept, others ACK + BYE)
//!    |  cancel()      |  cancel() or ring timeout
//!    v                v
//! CancelWanted --1xx--> Cancelling --2xx--> ACK + BYE;  487 or 64 T1 without an answer: over
//! ```

use std::{
    collections::HashSet,
    time::{Duration, Instant},
};

/// What to do about a wish to cancel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum CancelStep {
    /// Send the CANCEL now.
    Send,
    /// RFC 3261 section 9.1: not before a provisional response.
    Wait,
    /// Sent before, or too late.
    Nothing,
}

/// What a 2xx means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SuccessKind {
    /// The call stands.
    First,
    /// Sent again: the stored ACK goes out again.
    Again,
    /// Another branch, or an answer that crossed our CANCEL: ACK, then BYE.
    Unwanted,
}

/// What a deadline means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum InviteTimeout {
    /// The ring time is over: send a CANCEL.
    Ring,
    /// The CANCEL had no effect for 64 T1: the call is over without an answer (RFC 3261 section 9.1).
    GiveUp,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Calling,
    Ringing,
    CancelWanted,
    Cancelling,
    Answered,
}

/// The state of one outgoing INVITE over all its attempts.
#[derive(Debug)]
pub(crate) struct InviteSession {
    state: State,
    ring_deadline: Instant,
    cancel_deadline: Option<Instant>,
    give_up: Duration,
    timed_out: bool,
    kept: Option<String>,
    seen: HashSet<String>,
}

impl InviteSession {
    pub(crate) fn new(now: Instant, ring_timeout: Duration, give_up: Duration) -> InviteSession {
        let ring_deadline = now.checked_add(ring_timeout).unwrap_or(now);
        InviteSession {
            state: State::Calling,
            ring_deadline,
            cancel_deadline: None,
            give_up,
            timed_out: false,
            kept: None,
            seen: HashSet::new(),
        }
    }

    /// The INVITE goes out again with credentials: nothing has answered this attempt yet.
    pub(crate) fn restarted(&mut self) {
        if self.state == State::Ringing {
            self.state = State::Calling;
        }
    }

    /// A provisional response came; `Send` if a CANCEL was waiting for it.
    pub(crate) fn provisional(&mut self, now: Instant) -> CancelStep {
        match self.state {
            State::Calling => {
                self.state = State::Ringing;
                CancelStep::Nothing
            }
            State::CancelWanted => self.start_cancelling(now),
            _ => CancelStep::Nothing,
        }
    }

    /// This side wants out.
    pub(crate) fn cancel(&mut self, now: Instant) -> CancelStep {
        match self.state {
            State::Calling => {
                self.state = State::CancelWanted;
                CancelStep::Wait
            }
            State::Ringing => self.start_cancelling(now),
            State::CancelWanted => CancelStep::Wait,
            State::Cancelling | State::Answered => CancelStep::Nothing,
        }
    }

    fn start_cancelling(&mut self, now: Instant) -> CancelStep {
        self.state = State::Cancelling;
        self.cancel_deadline = now.checked_add(self.give_up);
        CancelStep::Send
    }

    /// True once this side wants no answer any more.
    pub(crate) fn is_cancelled(&self) -> bool {
        matches!(self.state, State::CancelWanted | State::Cancelling)
    }

    /// True if it was the ring timeout that cancelled.
    pub(crate) fn is_timed_out(&self) -> bool {
        self.timed_out
    }

    /// A 2xx with this To tag.
    pub(crate) fn success(&mut self, to_tag: &str) -> SuccessKind {
        if self.kept.as_deref() == Some(to_tag) {
            return SuccessKind::Again;
        }
        if !self.seen.insert(to_tag.to_owned()) {
            return SuccessKind::Again;
        }
        if self.is_cancelled() || self.kept.is_some() {
            return SuccessKind::Unwanted;
        }
        self.state = State::Answered;
        self.kept = Some(to_tag.to_owned());
        SuccessKind::First
    }

    pub(crate) fn poll_timeout(&self) -> Option<Instant> {
        match self.state {
            State::Calling | State::Ringing => Some(self.ring_deadline),
            State::Cancelling => self.cancel_deadline,
            State::CancelWanted | State::Answered => None,
        }
    }

    pub(crate) fn handle_timeout(&mut self, now: Instant) -> Option<InviteTimeout> {
        if self.poll_timeout().is_none_or(|deadline| now < deadline) {
            return None;
        }
        if self.state == State::Cancelling {
            return Some(InviteTimeout::GiveUp);
        }
        self.timed_out = true;
        Some(InviteTimeout::Ring)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::arithmetic_side_effects)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn session(now: Instant) -> InviteSession {
        InviteSession::new(now, 180 * SECOND, 32 * SECOND)
    }

    fn start() -> Instant {
        // A first instant to count from; the values never read the clock.
        tokio::time::Instant::now().into_std()
    }

    #[test]
    fn cancel_waits_for_a_provisional_response() {
        let now = start();
        let mut invite = session(now);
        assert_eq!(invite.cancel(now), CancelStep::Wait);
        assert_eq!(invite.provisional(now), CancelStep::Send);
        assert_eq!(invite.provisional(now), CancelStep::Nothing);
        assert_eq!(invite.cancel(now), CancelStep::Nothing);
    }

    #[test]
    fn answer_that_crosses_the_cancel_is_acknowledged_and_hung_up() {
        let now = start();
        let mut invite = session(now);
        invite.provisional(now);
        assert_eq!(invite.cancel(now), CancelStep::Send);
        assert_eq!(invite.success("a"), SuccessKind::Unwanted);
        assert_eq!(invite.success("a"), SuccessKind::Again);
    }

    #[test]
    fn first_of_several_answers_is_kept() {
        let now = start();
        let mut invite = session(now);
        assert_eq!(invite.success("a"), SuccessKind::First);
        assert_eq!(invite.success("b"), SuccessKind::Unwanted);
        assert_eq!(invite.success("a"), SuccessKind::Again);
        assert_eq!(invite.success("b"), SuccessKind::Again);
        assert_eq!(invite.cancel(now), CancelStep::Nothing);
    }

    #[test]
    fn ringing_ends_after_the_ring_timeout_and_cancelling_after_64_t1() {
        let now = start();
        let mut invite = session(now);
        invite.provisional(now);
        assert_eq!(invite.handle_timeout(now + 179 * SECOND), None);
        let ringing_over = now + 180 * SECOND;
        assert_eq!(
            invite.handle_timeout(ringing_over),
            Some(InviteTimeout::Ring)
        );
        assert_eq!(invite.cancel(ringing_over), CancelStep::Send);
        assert!(invite.is_timed_out());
        assert_eq!(invite.poll_timeout(), Some(ringing_over + 32 * SECOND));
        assert_eq!(
            invite.handle_timeout(ringing_over + 32 * SECOND),
            Some(InviteTimeout::GiveUp)
        );
    }
}
