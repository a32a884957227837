//! Provisional responses that must arrive (RFC 3262): numbers, acknowledgements, retransmission.

use std::time::{Duration, Instant};

use crate::message::{HeaderList, Method};

/// The caller's half: which reliable responses of one early dialog were taken (RFC 3262 section 4).
#[derive(Debug, Default)]
pub(crate) struct ReceivedReliable {
    last: Option<u32>,
}

impl ReceivedReliable {
    /// The number of a response that wants a PRACK, if it is the next one; `None` for one that came again or too early.
    pub(crate) fn accept(&mut self, headers: &HeaderList) -> Option<u32> {
        let number: u32 = headers.get("RSeq")?.trim().parse().ok()?;
        if self
            .last
            .is_some_and(|last| last.checked_add(1) != Some(number))
        {
            return None;
        }
        self.last = Some(number);
        Some(number)
    }
}

/// What is due with a reliable response that has no PRACK yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ReliableStep {
    /// It goes out again.
    Resend,
    /// No PRACK within 64 T1: the INVITE is refused with 5xx (RFC 3262 section 3).
    GiveUp,
}

/// The callee's half: one response that waits for its PRACK.
#[derive(Debug)]
pub(crate) struct SentReliable {
    number: u32,
    invite_cseq: u32,
    interval: Duration,
    next: Instant,
    give_up_at: Instant,
}

impl SentReliable {
    /// The response with this RSeq goes out at `now`; the pauses double from T1 on, without a ceiling.
    pub(crate) fn new(
        now: Instant,
        number: u32,
        invite_cseq: u32,
        t1: Duration,
        give_up: Duration,
    ) -> SentReliable {
        SentReliable {
            number,
            invite_cseq,
            interval: t1,
            next: now.checked_add(t1).unwrap_or(now),
            give_up_at: now.checked_add(give_up).unwrap_or(now),
        }
    }

    /// Whether this `RAck` acknowledges it.
    pub(crate) fn is_acknowledged_by(&self, headers: &HeaderList) -> bool {
        let mut fields = headers.get("RAck").unwrap_or("").split_whitespace();
        let number = fields.next().and_then(|text| text.parse().ok());
        let cseq = fields.next().and_then(|text| text.parse().ok());
        number == Some(self.number)
            && cseq == Some(self.invite_cseq)
            && fields.next() == Some(Method::Invite.as_str())
    }

    pub(crate) fn poll_timeout(&self) -> Instant {
        self.next.min(self.give_up_at)
    }

    pub(crate) fn handle_timeout(&mut self, now: Instant) -> Option<ReliableStep> {
        if now >= self.give_up_at {
            return Some(ReliableStep::GiveUp);
        }
        if now < self.next {
            return None;
        }
        self.interval = self.interval.saturating_mul(2);
        self.next = now.checked_add(self.interval).unwrap_or(self.give_up_at);
        Some(ReliableStep::Resend)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::arithmetic_side_effects)]
mod tests {
    use super::*;

    fn header(name: &str, value: &str) -> HeaderList {
        let mut headers = HeaderList::new();
        headers.push(name, value).unwrap();
        headers
    }

    #[test]
    fn responses_are_taken_in_order_and_once() {
        let mut received = ReceivedReliable::default();
        for (number, taken) in [
            ("7", Some(7)),
            ("7", None),
            ("9", None),
            ("8", Some(8)),
            ("x", None),
            ("9", Some(9)),
        ] {
            assert_eq!(received.accept(&header("RSeq", number)), taken, "{number}");
        }
        assert_eq!(received.accept(&HeaderList::new()), None);
        let mut last = ReceivedReliable::default();
        assert!(last.accept(&header("RSeq", "4294967295")).is_some());
        assert_eq!(last.accept(&header("RSeq", "0")), None);
    }

    #[test]
    fn response_goes_out_with_doubled_pauses_for_64_t1() {
        let start = tokio::time::Instant::now().into_std();
        let t1 = Duration::from_millis(500);
        let mut sent = SentReliable::new(start, 1, 4, t1, 64 * t1);
        let mut sends = Vec::new();
        loop {
            let now = sent.poll_timeout();
            match sent.handle_timeout(now) {
                Some(ReliableStep::Resend) => sends.push((now - start).as_millis()),
                step => {
                    assert_eq!(step, Some(ReliableStep::GiveUp));
                    assert_eq!(now - start, 64 * t1);
                    break;
                }
            }
        }
        assert_eq!(sends, [500, 1_500, 3_500, 7_500, 15_500, 31_500]);
    }

    #[test]
    fn acknowledgement_names_response_and_invite() {
        let now = tokio::time::Instant::now().into_std();
        let sent = SentReliable::new(now, 776_656, 4, Duration::ZERO, Duration::ZERO);
        let check = |rack, expected| {
            assert_eq!(
                sent.is_acknowledged_by(&header("RAck", rack)),
                expected,
                "{rack}"
            );
        };
        check("776656 4 INVITE", true);
        check("776656  4   INVITE", true);
        check("776657 4 INVITE", false);
        check("776656 5 INVITE", false);
        check("776656 4 BYE", false);
        check("", false);
    }
}
