//! The media time of a session: how many samples each frame has at any rate.

use std::time::Duration;

/// Counts frames of one ptime. Rates that do not divide into whole samples per frame get one
/// sample more now and then, so that no rate drifts against another.
#[derive(Debug, Clone, Copy)]
pub(crate) struct MediaClock {
    ptime: u64,
    elapsed: u64,
}

impl MediaClock {
    pub(crate) fn new(ptime: Duration) -> Self {
        Self {
            ptime: ptime.as_nanos() as u64,
            elapsed: 0,
        }
    }

    pub(crate) fn ptime(&self) -> Duration {
        Duration::from_nanos(self.ptime)
    }

    pub(crate) fn set_ptime(&mut self, ptime: Duration) {
        self.ptime = ptime.as_nanos() as u64;
    }

    /// Media time at the start of the frame at work.
    pub(crate) fn elapsed(&self) -> Duration {
        Duration::from_nanos(self.elapsed)
    }

    /// Samples, or clock units, of the frame at work at `rate` Hz.
    pub(crate) fn samples(&self, rate: u32) -> usize {
        (samples_until(self.elapsed + self.ptime, rate) - samples_until(self.elapsed, rate))
            as usize
    }

    /// On to the next frame.
    pub(crate) fn advance(&mut self) {
        self.elapsed += self.ptime;
    }
}

fn samples_until(nanos: u64, rate: u32) -> u64 {
    (u128::from(nanos) * u128::from(rate) / 1_000_000_000) as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_rate_drifts_over_an_hour() {
        for ptime in [10, 20, 30, 60] {
            for rate in [8_000, 11_025, 16_000, 22_050, 44_100, 48_000, 192_000] {
                let mut clock = MediaClock::new(Duration::from_millis(ptime));
                let mut samples = 0;
                for _ in 0..3_600_000 / ptime {
                    samples += clock.samples(rate);
                    clock.advance();
                }
                assert_eq!(samples, 3_600 * rate as usize);
            }
        }
    }

    #[test]
    fn usual_rates_have_the_same_samples_in_every_frame() {
        let mut clock = MediaClock::new(Duration::from_millis(20));
        for _ in 0..100 {
            assert_eq!(clock.samples(8_000), 160);
            assert_eq!(clock.samples(48_000), 960);
            clock.advance();
        }
    }
}
