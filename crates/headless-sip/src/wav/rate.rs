//! Bringing the rare rates of WAV files into the range that a call takes.
//!
//! A file may have 6 kHz or 384 kHz; a call takes 8 to 192 kHz. A resampler knows only the ratio of two rates, so one
//! for twice (or half) of some rate in range serves.

use audio_codecs::Resampler;

/// Rates that a call takes as they are, in Hz.
const TAKEN: std::ops::RangeInclusive<u32> = 8_000..=192_000;

/// Doubles or halves the rate of mono sound until a call takes it.
pub(super) struct RateFit {
    steps: Vec<Resampler>,
    rate: u32,
}

impl RateFit {
    /// What sound of `rate` Hz needs; `None` if nothing. An error is a rate that no WAV has in earnest.
    pub(super) fn for_rate(rate: u32) -> Result<Option<Self>, String> {
        if TAKEN.contains(&rate) {
            return Ok(None);
        }
        if !(500..=1_536_000).contains(&rate) {
            return Err(format!("its rate is {rate} Hz"));
        }
        let mut fit = Self {
            steps: Vec::new(),
            rate,
        };
        while !TAKEN.contains(&fit.rate) {
            // The label is arbitrary within the resampler's range; only the ratio counts.
            let (from, to) = if fit.rate < *TAKEN.start() {
                fit.rate *= 2;
                (16_000, 32_000)
            } else {
                fit.rate /= 2;
                (32_000, 16_000)
            };
            fit.steps
                .push(Resampler::new(from, to).map_err(|error| error.to_string())?);
        }
        Ok(Some(fit))
    }

    /// The rate that comes out, in Hz.
    pub(super) fn rate(&self) -> u32 {
        self.rate
    }

    /// Converts the next piece; `last` also gives what the filters still hold.
    pub(super) fn process(&mut self, mut sound: Vec<f32>, last: bool) -> Vec<f32> {
        for step in &mut self.steps {
            let mut out = Vec::with_capacity(sound.len() * 2);
            step.process(&sound, &mut out);
            if last {
                step.flush(&mut out);
            }
            sound = out;
        }
        sound
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn common_rates_pass_untouched() {
        for rate in [8_000, 11_025, 48_000, 192_000] {
            assert!(RateFit::for_rate(rate).expect("it is common").is_none());
        }
    }

    #[test]
    fn rare_rates_come_into_range_with_the_right_length_and_pitch() {
        for (rate, fitted) in [
            (6_000, 12_000),
            (5_512, 11_024),
            (2_000, 8_000),
            (384_000, 192_000),
        ] {
            let mut fit = RateFit::for_rate(rate)
                .expect("it can be fitted")
                .expect("it needs to be");
            assert_eq!(fit.rate(), fitted);
            let second: Vec<f32> = (0..rate)
                .map(|n| (std::f32::consts::TAU * 200.0 * n as f32 / rate as f32).sin())
                .collect();
            let (first, rest) = second.split_at(rate as usize / 3);
            let mut out = fit.process(first.to_vec(), false);
            out.extend(fit.process(rest.to_vec(), true));
            let difference = out.len().abs_diff(fitted as usize);
            assert!(
                difference <= fitted as usize / 50,
                "{rate} Hz gave {} samples",
                out.len()
            );
            let (mut rises, mut low) = (0, true);
            for sample in out {
                if sample > 0.3 && std::mem::replace(&mut low, false) {
                    rises += 1;
                }
                low |= sample < -0.3;
            }
            assert!(
                (198..=201).contains(&rises),
                "{rate} Hz gave {rises} periods"
            );
        }
    }

    #[test]
    fn nonsense_is_refused() {
        assert!(RateFit::for_rate(1).is_err());
        assert!(RateFit::for_rate(u32::MAX).is_err());
    }
}
