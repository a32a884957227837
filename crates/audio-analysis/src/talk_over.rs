//! When both sides speak at once.

use std::collections::VecDeque;
use std::time::Duration;

/// A side of the call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// This program.
    Near,
    /// The other party.
    Far,
}

/// What a [`TalkOver`] found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum TalkOverEvent {
    /// Both speak, and have for the configured time.
    Started {
        /// When the second one began.
        at: Duration,
        /// Who was first and is being talked over.
        interrupted: Side,
    },
    /// One of them stopped.
    Stopped {
        /// When.
        at: Duration,
        /// How long both spoke.
        duration: Duration,
    },
}

/// Tells when both sides have spoken at once for longer than a given time. Feed it with the events of two
/// [`VoiceActivityDetector`](crate::VoiceActivityDetector)s (or with what the program knows of its own speech), all in one media
/// time.
///
/// ```
/// use std::time::Duration;
/// use audio_analysis::{Side, TalkOver, TalkOverEvent};
///
/// let ms = Duration::from_millis;
/// let mut talk_over = TalkOver::new(ms(300));
/// talk_over.handle_activity(Side::Near, true, ms(1000));
/// talk_over.handle_activity(Side::Far, true, ms(2000));
/// talk_over.handle_time(ms(2300));
/// let expected = TalkOverEvent::Started { at: ms(2000), interrupted: Side::Near };
/// assert_eq!(talk_over.poll_event(), Some(expected));
/// ```
#[derive(Clone, Debug)]
pub struct TalkOver {
    longer_than: Duration,
    near: Option<Duration>,
    far: Option<Duration>,
    told: bool,
    events: VecDeque<TalkOverEvent>,
}

impl TalkOver {
    /// Tells of stretches of at least `longer_than`.
    #[must_use]
    pub fn new(longer_than: Duration) -> Self {
        Self {
            longer_than,
            near: None,
            far: None,
            told: false,
            events: VecDeque::with_capacity(8),
        }
    }

    /// `side` started (`speaks`) or stopped to speak at the media time `at`.
    pub fn handle_activity(&mut self, side: Side, speaks: bool, at: Duration) {
        if !speaks {
            self.handle_time(at);
            if let (true, Some((since, _))) = (self.told, self.both_since()) {
                self.told = false;
                self.events.push_back(TalkOverEvent::Stopped {
                    at,
                    duration: at.saturating_sub(since),
                });
            }
        }
        let since = match side {
            Side::Near => &mut self.near,
            Side::Far => &mut self.far,
        };
        *since = speaks.then(|| since.unwrap_or(at));
    }

    /// The media time has come to `now`; call it once per frame.
    pub fn handle_time(&mut self, now: Duration) {
        if self.told {
            return;
        }
        if let Some((at, interrupted)) = self.both_since()
            && now.saturating_sub(at) >= self.longer_than
        {
            self.told = true;
            self.events
                .push_back(TalkOverEvent::Started { at, interrupted });
        }
    }

    /// What was found since, oldest first.
    pub fn poll_event(&mut self) -> Option<TalkOverEvent> {
        self.events.pop_front()
    }

    /// Since when both speak, and who was first.
    fn both_since(&self) -> Option<(Duration, Side)> {
        let (near, far) = (self.near?, self.far?);
        Some(if near <= far {
            (far, Side::Near)
        } else {
            (near, Side::Far)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    #[test]
    fn a_long_overlap_is_told_with_its_ends_and_a_short_one_is_not() {
        let mut talk_over = TalkOver::new(ms(300));
        talk_over.handle_activity(Side::Far, true, ms(0));
        talk_over.handle_activity(Side::Near, true, ms(500));
        talk_over.handle_activity(Side::Near, false, ms(700));
        assert_eq!(talk_over.poll_event(), None);

        talk_over.handle_activity(Side::Near, true, ms(1000));
        talk_over.handle_time(ms(1290));
        assert_eq!(talk_over.poll_event(), None);
        talk_over.handle_time(ms(1310));
        talk_over.handle_time(ms(1330));
        talk_over.handle_activity(Side::Far, false, ms(1600));
        let started = TalkOverEvent::Started {
            at: ms(1000),
            interrupted: Side::Far,
        };
        let stopped = TalkOverEvent::Stopped {
            at: ms(1600),
            duration: ms(600),
        };
        assert_eq!(talk_over.poll_event(), Some(started));
        assert_eq!(talk_over.poll_event(), Some(stopped));
        assert_eq!(talk_over.poll_event(), None);
    }

    #[test]
    fn an_overlap_that_is_known_only_afterwards_is_told_too() {
        let mut talk_over = TalkOver::new(ms(300));
        talk_over.handle_activity(Side::Near, true, ms(0));
        talk_over.handle_activity(Side::Far, true, ms(100));
        talk_over.handle_activity(Side::Near, false, ms(900));
        assert!(matches!(
            talk_over.poll_event(),
            Some(TalkOverEvent::Started { .. })
        ));
        assert!(matches!(
            talk_over.poll_event(),
            Some(TalkOverEvent::Stopped { .. })
        ));
    }
}
