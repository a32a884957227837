//! Keeps a queue short that is filled as fast as it empties: what it holds at the least within a second is delay and no more.

use std::time::Duration;

use tokio::time::Instant;

/// Within this time a queue has been as short as it gets.
const OBSERVED: Duration = Duration::from_secs(1);
/// What always waits so much beyond the lead is left out in silence, and beyond the other anywhere.
const TOO_LONG: Duration = Duration::from_millis(30);
const FAR_TOO_LONG: Duration = Duration::from_millis(200);
/// Fainter than this is silence: -50 dB of full scale.
const SILENCE: f32 = 0.003;

/// Says which frames to queue and which to leave out.
#[derive(Debug)]
pub(crate) struct Pace {
    /// What is to wait at the least, so that packets are whole when they are due.
    lead: Duration,
    least: Duration,
    look: Instant,
    surplus: Duration,
    urgent: bool,
}

impl Pace {
    pub(crate) fn new(now: Instant, lead: Duration) -> Self {
        Self {
            lead,
            least: Duration::MAX,
            look: now + OBSERVED,
            surplus: Duration::ZERO,
            urgent: false,
        }
    }

    /// Whether to queue these samples, which last for `duration` and before which so much waits.
    pub(crate) fn takes(
        &mut self,
        now: Instant,
        queued: Duration,
        samples: &[f32],
        duration: Duration,
    ) -> bool {
        self.least = self.least.min(queued);
        if now >= self.look {
            let beyond = self.least.saturating_sub(self.lead);
            self.surplus = match beyond > TOO_LONG {
                true => beyond,
                false => Duration::ZERO,
            };
            self.urgent = beyond > FAR_TOO_LONG;
            self.least = Duration::MAX;
            self.look = now + OBSERVED;
        }
        let silent = || samples.iter().all(|sample| sample.abs() < SILENCE);
        if self.surplus >= duration && (self.urgent || silent()) {
            self.surplus -= duration;
            return false;
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FRAME: Duration = Duration::from_millis(20);
    const LEAD: Duration = Duration::from_millis(10);

    /// Runs the queue for some seconds with so much in it at first; how much is in it then.
    fn left(at_first: Duration, level: f32) -> Duration {
        let start = Instant::now();
        let mut pace = Pace::new(start, LEAD);
        let mut queued = at_first;
        for n in 0..200 {
            if pace.takes(start + FRAME * n, queued, &[level; 160], FRAME) {
                queued += FRAME;
            }
            queued = queued.saturating_sub(FRAME);
        }
        queued
    }

    #[test]
    fn a_short_queue_is_left_alone_and_a_long_one_shortened_in_silence() {
        let ms = Duration::from_millis;
        assert_eq!(left(ms(30), 0.0), ms(30));
        assert!(left(ms(120), 0.0) <= LEAD + TOO_LONG);
        assert_eq!(left(ms(120), 0.5), ms(120), "no word is left out for that");
        assert!(left(ms(400), 0.5) <= LEAD + TOO_LONG);
    }
}
