//! Cross-correlation through the Fourier transform.

use super::measure::energy;
use rustfft::{Fft, FftPlanner, num_complex::Complex};
use std::sync::Arc;

/// Correlates short needles with a long haystack.
pub(super) struct Correlator {
    length: usize,
    forward: Arc<dyn Fft<f64>>,
    inverse: Arc<dyn Fft<f64>>,
}

impl Correlator {
    pub(super) fn new(at_least: usize) -> Self {
        let length = at_least.next_power_of_two();
        let mut planner = FftPlanner::new();
        Self {
            length,
            forward: planner.plan_fft_forward(length),
            inverse: planner.plan_fft_inverse(length),
        }
    }

    /// The samples, zero-padded and transformed.
    pub(super) fn prepare(&self, samples: &[f32]) -> Vec<Complex<f64>> {
        let mut buffer: Vec<Complex<f64>> = samples
            .iter()
            .map(|&s| Complex::new(f64::from(s), 0.0))
            .collect();
        buffer.resize(self.length, Complex::new(0.0, 0.0));
        self.forward.process(&mut buffer);
        buffer
    }

    /// The needle against every place of the haystack where it fits whole, divided by both
    /// energies: -1 to 1.
    pub(super) fn normalised(
        &self,
        needle: &[f32],
        needle_energy: f64,
        haystack: &[f32],
        transformed: &[Complex<f64>],
    ) -> Vec<f64> {
        let mut product = self.prepare(needle);
        product
            .iter_mut()
            .zip(transformed)
            .for_each(|(needle, hay)| *needle = needle.conj() * hay);
        self.inverse.process(&mut product);
        let places = (haystack.len() + 1).saturating_sub(needle.len());
        let floor = 1e-9 + 1e-5 * energy(haystack) / (haystack.len() as f64 / needle.len() as f64);
        let mut under: f64 = energy(&haystack[..needle.len().min(haystack.len())]);
        (0..places)
            .map(|place| {
                if place > 0 {
                    under += f64::from(haystack[place + needle.len() - 1]).powi(2);
                    under -= f64::from(haystack[place - 1]).powi(2);
                }
                product[place].re / self.length as f64 / (needle_energy * under.max(floor)).sqrt()
            })
            .collect()
    }
}
