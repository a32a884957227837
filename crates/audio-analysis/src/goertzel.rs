//! One frequency's share in a block of samples.

use std::f64::consts::TAU;

/// Goertzel's algorithm: the spectrum at one frequency, for one multiplication a sample.
///
/// ```
/// use audio_analysis::{Goertzel, ToneGenerator};
///
/// let mut samples = [0.0; 800]; // 100 ms at 8 kHz
/// ToneGenerator::new(8000, 697.0, 0.25).fill(&mut samples);
/// let mut goertzel = Goertzel::new(8000, 697.0);
/// goertzel.push(&samples);
/// assert!((goertzel.amplitude() - 0.25).abs() < 0.01);
/// ```
#[derive(Clone, Debug)]
pub struct Goertzel {
    cosine: f64,
    sine: f64,
    last: f64,
    before: f64,
    samples: u32,
}

impl Goertzel {
    /// For `hz` in samples at `sample_rate` Hz.
    #[must_use]
    pub fn new(sample_rate: u32, hz: f32) -> Self {
        let (sine, cosine) = (TAU * f64::from(hz) / f64::from(sample_rate)).sin_cos();
        Self {
            cosine,
            sine,
            last: 0.0,
            before: 0.0,
            samples: 0,
        }
    }

    /// Takes more of the block.
    pub fn push(&mut self, samples: &[f32]) {
        for &sample in samples {
            let next = f64::from(sample) + 2.0 * self.cosine * self.last - self.before;
            self.before = self.last;
            self.last = next;
        }
        self.samples += samples.len() as u32;
    }

    /// Peak amplitude of the sine at the frequency, as the block shows it. A block is selective to about its
    /// length's inverse: 20 ms tell 50 Hz apart.
    #[must_use]
    pub fn amplitude(&self) -> f32 {
        let (real, imaginary) = self.spectrum();
        (2.0 * real.hypot(imaginary) / f64::from(self.samples.max(1))) as f32
    }

    /// Starts a new block.
    pub fn reset(&mut self) {
        (self.last, self.before, self.samples) = (0.0, 0.0, 0);
    }

    /// The sum of `x[n] * exp(jw(N-1-n))`: turned by the phase of the block's last sample.
    fn spectrum(&self) -> (f64, f64) {
        (
            self.last - self.before * self.cosine,
            self.before * self.sine,
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ToneGenerator;

    #[test]
    fn a_tone_is_found_at_its_frequency_alone_and_at_any_rate() {
        for rate in [8000, 11_025, 48_000] {
            let mut samples = vec![0.0; rate as usize / 10];
            ToneGenerator::new(rate, 1000.0, 0.5).fill(&mut samples);
            let mut at = Goertzel::new(rate, 1000.0);
            at.push(&samples);
            assert!((at.amplitude() - 0.5).abs() < 0.005, "{}", at.amplitude());
            let mut beside = Goertzel::new(rate, 1100.0);
            beside.push(&samples);
            assert!(beside.amplitude() < 0.01, "{}", beside.amplitude());
            at.reset();
            assert_eq!(at.amplitude(), 0.0);
        }
    }
}
