//! When a stream is pinged, and when it is given up (RFC 5626 section 4.4.1).

use std::time::{Duration, Instant};

/// A pong is due within this time (RFC 5626 section 4.4.1).
const PONG_WITHIN: Duration = Duration::from_secs(10);
/// A peer that answers no pings is given up when it has been silent for this long.
const SILENCE: Duration = Duration::from_secs(1_800);

/// What is to be done at a deadline.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum KeepAliveStep {
    /// Nothing yet.
    Wait,
    /// Send a ping.
    Ping,
    /// The peer is gone.
    Dead,
}

/// The keep-alive of one stream.
#[derive(Debug)]
pub(crate) struct KeepAlive {
    interval: Duration,
    /// How long a peer that answers pings may take.
    patience: Duration,
    next_ping: Instant,
    last_heard: Instant,
    /// When the ping went out that nothing was heard after.
    pinged: Option<Instant>,
    /// The peer has answered a ping before. Many never do, and are none the less there.
    answers: bool,
}

impl KeepAlive {
    /// `must_answer`: pings are always answered over this transport, as those of WebSocket are.
    pub(crate) fn new(now: Instant, interval: Duration, must_answer: bool) -> KeepAlive {
        KeepAlive {
            interval,
            patience: PONG_WITHIN,
            next_ping: later(now, interval),
            last_heard: now,
            pinged: None,
            answers: must_answer,
        }
    }

    /// True while the answer to a ping is awaited.
    pub(crate) fn awaits_pong(&self) -> bool {
        self.pinged.is_some()
    }

    /// Bytes came: whatever they say, the peer lives.
    pub(crate) fn heard(&mut self, now: Instant) {
        self.last_heard = now;
        self.pinged = None;
    }

    /// The answer to a ping came.
    pub(crate) fn ponged(&mut self, now: Instant) {
        self.answers = true;
        self.heard(now);
    }

    pub(crate) fn poll_timeout(&self) -> Instant {
        match self.pinged.filter(|_| self.answers) {
            Some(pinged) => later(pinged, self.patience).min(self.next_ping),
            None => self.next_ping,
        }
    }

    pub(crate) fn handle_timeout(&mut self, now: Instant) -> KeepAliveStep {
        let overdue = self
            .pinged
            .is_some_and(|pinged| self.answers && now >= later(pinged, self.patience));
        if overdue || now >= later(self.last_heard, SILENCE) {
            return KeepAliveStep::Dead;
        }
        if now < self.next_ping {
            return KeepAliveStep::Wait;
        }
        self.next_ping = later(now, self.interval);
        self.pinged.get_or_insert(now);
        KeepAliveStep::Ping
    }
}

fn later(now: Instant, after: Duration) -> Instant {
    now.checked_add(after).unwrap_or(now)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn now() -> Instant {
        tokio::time::Instant::now().into_std()
    }

    #[test]
    fn a_peer_that_has_answered_before_is_given_up_ten_seconds_after_a_ping() {
        let start = now();
        let mut alive = KeepAlive::new(start, 25 * SECOND, false);
        assert_eq!(alive.handle_timeout(start), KeepAliveStep::Wait);
        assert_eq!(alive.poll_timeout(), start + 25 * SECOND);
        assert_eq!(
            alive.handle_timeout(start + 25 * SECOND),
            KeepAliveStep::Ping
        );
        alive.ponged(start + 26 * SECOND);
        assert_eq!(
            alive.handle_timeout(start + 50 * SECOND),
            KeepAliveStep::Ping
        );
        assert_eq!(alive.poll_timeout(), start + 60 * SECOND);
        assert_eq!(
            alive.handle_timeout(start + 59 * SECOND),
            KeepAliveStep::Wait
        );
        assert_eq!(
            alive.handle_timeout(start + 60 * SECOND),
            KeepAliveStep::Dead
        );
    }

    #[test]
    fn any_message_counts_as_a_sign_of_life() {
        let start = now();
        let mut alive = KeepAlive::new(start, 25 * SECOND, true);
        assert_eq!(
            alive.handle_timeout(start + 25 * SECOND),
            KeepAliveStep::Ping
        );
        alive.heard(start + 34 * SECOND);
        assert_eq!(
            alive.handle_timeout(start + 36 * SECOND),
            KeepAliveStep::Wait
        );
    }

    #[test]
    fn a_peer_that_never_answers_pings_is_kept_for_half_an_hour_of_silence() {
        let start = now();
        let mut alive = KeepAlive::new(start, 60 * SECOND, false);
        for minute in 1..30 {
            assert_eq!(
                alive.handle_timeout(start + minute * 60 * SECOND),
                KeepAliveStep::Ping
            );
        }
        assert_eq!(
            alive.handle_timeout(start + 1_800 * SECOND),
            KeepAliveStep::Dead
        );
    }
}
