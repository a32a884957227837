//! A sine without end.

use std::f64::consts::TAU;

/// A sine of one frequency and amplitude, continuous over any cutting into frames.
///
/// ```
/// let mut tone = audio_analysis::ToneGenerator::new(16_000, 440.0, 0.3);
/// let mut frame = [0.0; 320]; // 20 ms
/// tone.fill(&mut frame);
/// assert!(frame.iter().all(|sample| sample.abs() <= 0.3));
/// ```
#[derive(Clone, Debug)]
pub struct ToneGenerator {
    /// Turns so far, in [0, 1).
    phase: f64,
    /// Turns a sample.
    step: f64,
    amplitude: f32,
}

impl ToneGenerator {
    /// A sine of `hz` with peak amplitude `amplitude` (1.0 is full scale) at `sample_rate` Hz, from phase 0.
    #[must_use]
    pub fn new(sample_rate: u32, hz: f32, amplitude: f32) -> Self {
        Self {
            phase: 0.0,
            step: f64::from(hz) / f64::from(sample_rate),
            amplitude,
        }
    }

    /// The next sample.
    pub fn next_sample(&mut self) -> f32 {
        let sample = (TAU * self.phase).sin() as f32 * self.amplitude;
        self.phase = (self.phase + self.step).fract();
        sample
    }

    /// Overwrites `frame` with the next samples.
    pub fn fill(&mut self, frame: &mut [f32]) {
        frame
            .iter_mut()
            .for_each(|sample| *sample = self.next_sample());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_join_without_a_step() {
        let mut whole = [0.0; 100];
        ToneGenerator::new(8000, 441.0, 0.5).fill(&mut whole);
        let mut parts = [0.0; 100];
        let mut tone = ToneGenerator::new(8000, 441.0, 0.5);
        parts.chunks_mut(7).for_each(|part| tone.fill(part));
        assert_eq!(whole, parts);
        assert_eq!(whole[0], 0.0);
    }
}
