//! Which way to bend the delay, and when.
#![deny(clippy::unwrap_used, clippy::indexing_slicing)]

use super::delay_estimator::DelayEstimator;
use super::{Pace, duration};

/// Packets over which the least slack is taken: where packet time and playout tick differ, slack alternates.
const WINDOW: usize = 8;
/// Packets between two looks at the histogram, a multiple of the window.
const LOOK_EVERY: u32 = 40;
/// Packets between two whole frames that are dropped where stretching does not help.
const DROP_EVERY: u32 = 8;
/// Changes below this are not worth a splice, and none at all when they come by themselves, ns.
const SMALLEST: i64 = 1_000_000;

/// What stays of the decoded audio, ns: if less than nothing were left, a whole packet time would have to be concealed.
const LEFT_OVER: i64 = 500_000;

/// Playout happens in ticks, so slack moves in steps of a packet time: of the delays that can be had so, the best is aimed
/// at. Decoded audio that never runs out is delay without use, and taken away as well.
///
/// The *delay* here is slack and decoded audio together: it is the same for all packets until somebody changes it.
#[derive(Debug, Default)]
pub(super) struct Steering {
    /// Least slack and least decoded audio of the packets since the delay last changed.
    least_slack: i64,
    least_buffered: i64,
    packets: usize,
    delay: i64,
    /// The delay that is aimed at.
    aim: Option<i64>,
    urgent: bool,
    since_look: u32,
    since_drop: u32,
}

impl Steering {
    /// Playing starts afresh: what was measured before does not count.
    pub(super) fn restart(&mut self) {
        *self = Self::default();
    }

    /// Whether a whole frame may go: at most one in eight, after a while of stretching.
    pub(super) fn may_drop(&mut self) -> bool {
        if self.since_drop < DROP_EVERY {
            return false;
        }
        self.since_drop = 0;
        true
    }

    /// Advice for the packet that is played with this slack. All in nanoseconds.
    #[inline]
    pub(super) fn pace(
        &mut self,
        slack: i64,
        buffered: i64,
        frame: i64,
        estimator: &DelayEstimator,
    ) -> Pace {
        self.since_drop = self.since_drop.saturating_add(1);
        self.record(slack, buffered);
        self.since_look += 1;
        let every = if self.urgent {
            WINDOW as u32
        } else {
            LOOK_EVERY
        };
        if self.packets >= WINDOW && self.since_look >= every {
            self.since_look = 0;
            self.look(frame, estimator);
        }
        let Some(aim) = self.aim else {
            return Pace::Normal;
        };
        let (by, urgent) = (aim - self.delay, self.urgent);
        if by.abs() < SMALLEST {
            Pace::Normal
        } else if by > 0 {
            Pace::Slower {
                by: duration(by),
                urgent,
            }
        } else {
            Pace::Faster {
                by: duration(-by),
                urgent,
            }
        }
    }

    fn record(&mut self, slack: i64, buffered: i64) {
        let delay = slack + buffered;
        if self.packets == 0 || (delay - self.delay).abs() >= SMALLEST {
            self.packets = 0;
            self.least_slack = slack;
            self.least_buffered = buffered;
        }
        self.delay = delay;
        self.least_slack = self.least_slack.min(slack);
        self.least_buffered = self.least_buffered.min(buffered);
        self.packets += 1;
    }

    fn look(&mut self, frame: i64, estimator: &DelayEstimator) {
        let slack = self.least_slack;
        let best = estimator.best(slack, frame);
        let worth = if best < slack {
            estimator.is_worth_shortening(slack, best)
        } else {
            estimator.is_worth(slack, best)
        };
        self.urgent = worth && estimator.is_urgent(slack, best);
        let change = if worth { best - slack } else { 0 };
        self.aim = Some(self.delay - self.least_buffered + LEFT_OVER + change);
        // Clock drift moves the slack: it is measured anew.
        self.packets = 0;
    }
}
