//! Which way to bend the delay, and how often.
#![deny(clippy::unwrap_used, clippy::indexing_slicing)]

use super::Pace;

/// Packets over which the least slack is taken: where packet time and playout tick differ, slack alternates.
const WINDOW: usize = 8;
/// How far the slack may lie above the wanted range before anything is done: more than a bucket of the estimator, so that
/// its steps do not swing the delay. Below it nothing is given away, since packets that need the whole target come late.
const ABOVE: i64 = 5_500_000;

/// Playout happens in ticks, so slack moves in steps of a packet time; anything from the target to a step above it is
/// as good as can be had.
#[derive(Debug, Default)]
pub(super) struct Steering {
    slack: [i64; WINDOW],
    buffered: [i64; WINDOW],
    filled: usize,
    at: usize,
    /// Packets since the last change.
    since: u32,
    /// Sum of slack and decoded audio at the last packet, if that was to be played faster.
    shortened_from: Option<i64>,
    /// How much one [`Pace::Faster`] takes away, the greatest of late.
    step: i64,
    since_drop: u32,
}

impl Steering {
    /// Playing starts afresh: what was measured before does not count.
    pub(super) fn restart(&mut self) {
        *self = Self {
            step: self.step,
            ..Self::default()
        };
    }

    /// Whether a whole frame may go: at most one in eight, after a while of stretching.
    pub(super) fn may_drop(&mut self) -> bool {
        if self.since_drop < 8 || self.filled < WINDOW {
            return false;
        }
        self.since_drop = 0;
        true
    }

    /// Advice for the packet that is played with this slack. All in nanoseconds.
    pub(super) fn pace(&mut self, slack: i64, buffered: i64, target: i64, frame: i64) -> Pace {
        self.record(slack, buffered);
        self.learn_step(slack + buffered, frame);
        self.since = self.since.saturating_add(1);
        self.since_drop = self.since_drop.saturating_add(1);
        if self.filled < WINDOW {
            return Pace::Normal;
        }
        let excess = least(&self.slack) - target;
        let left_over = least(&self.buffered);
        let (pace, every) = if excess < 0 {
            (Pace::Slower, if excess < -3 * frame { 1 } else { 2 })
        } else if excess > 3 * frame {
            (Pace::Faster, 1)
        } else if excess > frame + ABOVE {
            (Pace::Faster, 3)
        } else if excess >= 0 && left_over > 0 && left_over >= self.least_left_over(frame) {
            // Decoded audio that never runs out is delay without use. Taking more than there is would cost a packet time.
            (Pace::Faster, 4)
        } else {
            (Pace::Normal, 1)
        };
        if pace == Pace::Normal || self.since < every {
            return Pace::Normal;
        }
        self.since = 0;
        if pace == Pace::Faster {
            self.shortened_from = Some(slack + buffered);
        }
        pace
    }

    /// How much must be left over for one step to fit into it.
    fn least_left_over(&self, frame: i64) -> i64 {
        if self.step == 0 { frame / 2 } else { self.step }
    }

    fn learn_step(&mut self, delay: i64, frame: i64) {
        if let Some(before) = self.shortened_from.take() {
            let taken = (before - delay).clamp(0, frame);
            self.step = taken.max(self.step - self.step / 4);
        }
    }

    fn record(&mut self, slack: i64, buffered: i64) {
        if let (Some(s), Some(b)) = (self.slack.get_mut(self.at), self.buffered.get_mut(self.at)) {
            *s = slack;
            *b = buffered;
        }
        self.at = (self.at + 1) % WINDOW;
        self.filled = (self.filled + 1).min(WINDOW);
    }
}

fn least(values: &[i64; WINDOW]) -> i64 {
    values.iter().copied().min().unwrap_or(0)
}
