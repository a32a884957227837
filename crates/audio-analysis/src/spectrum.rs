//! The loudest tones of a window.

use std::f32::consts::TAU;

use crate::intake::RATE;

/// Points of the transform; bins are 7.8 Hz apart.
const POINTS: usize = 1024;
/// Half the width of a tone's peak under the Hann window, in Hz times seconds of window, and a little more.
const HALF_PEAK: f32 = 2.2;
/// Below is hum, not tones, Hz.
const LOWEST: f32 = 100.0;

/// A tone in a window.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Peak {
    pub(crate) hz: f32,
    /// Share of the window's energy.
    pub(crate) share: f32,
}

/// Finds the loudest two tones of a window of 8 kHz.
#[derive(Clone, Debug)]
pub(crate) struct Spectrum {
    taper: Vec<f32>,
    twiddles: Vec<[f32; 2]>,
    work: Vec<[f32; 2]>,
    powers: Vec<f32>,
}

impl Spectrum {
    /// For windows of `length` samples, at most 1024.
    pub(crate) fn new(length: usize) -> Self {
        let turn = |n: usize, of: usize| TAU * n as f32 / of as f32;
        Self {
            taper: (0..length)
                .map(|n| 0.5 - 0.5 * turn(2 * n + 1, 2 * length).cos())
                .collect(),
            twiddles: (0..POINTS / 2)
                .map(|n| [turn(n, POINTS).cos(), -turn(n, POINTS).sin()])
                .collect(),
            work: vec![[0.0; 2]; POINTS],
            powers: vec![0.0; POINTS / 2],
        }
    }

    /// The loudest tone of `window` and the loudest beside it.
    pub(crate) fn peaks(&mut self, window: &[f32]) -> [Peak; 2] {
        self.work.fill([0.0; 2]);
        for (n, (sample, taper)) in window.iter().zip(&self.taper).enumerate() {
            let reversed = n.reverse_bits() >> (usize::BITS - POINTS.trailing_zeros());
            self.work[reversed] = [sample * taper, 0.0];
        }
        self.transform();
        for (power, [real, imaginary]) in self.powers.iter_mut().zip(&self.work) {
            *power = real * real + imaginary * imaginary;
        }
        let lowest = (LOWEST * POINTS as f32 / RATE as f32) as usize;
        self.powers[..lowest].fill(0.0);
        let total: f32 = self.powers.iter().sum::<f32>().max(1e-20);
        let half = (HALF_PEAK * POINTS as f32 / self.taper.len() as f32).ceil() as usize;
        [(); 2].map(|()| self.take_peak(half, total))
    }

    /// The loudest peak; its bins are cleared.
    fn take_peak(&mut self, half: usize, total: f32) -> Peak {
        let top = (1..self.powers.len() - 1)
            .max_by(|a, b| self.powers[*a].total_cmp(&self.powers[*b]))
            .unwrap_or(1);
        let [before, at, after] = [top - 1, top, top + 1].map(|n| (self.powers[n] + 1e-30).ln());
        let curve = before - 2.0 * at + after;
        let aside = if curve < -1e-6 {
            (0.5 * (before - after) / curve).clamp(-0.5, 0.5)
        } else {
            0.0
        };
        let bins = top.saturating_sub(half)..(top + half + 1).min(self.powers.len());
        let share = self.powers[bins.clone()].iter().sum::<f32>() / total;
        self.powers[bins].fill(0.0);
        Peak {
            hz: (top as f32 + aside) * RATE as f32 / POINTS as f32,
            share,
        }
    }

    /// Radix 2, in place, from bit-reversed order.
    fn transform(&mut self) {
        let mut size = 2;
        while size <= POINTS {
            let stride = POINTS / size;
            for block in self.work.chunks_exact_mut(size) {
                let (evens, odds) = block.split_at_mut(size / 2);
                for (n, (even, odd)) in evens.iter_mut().zip(odds).enumerate() {
                    let [c, s] = self.twiddles[n * stride];
                    let [real, imaginary] = [odd[0] * c - odd[1] * s, odd[0] * s + odd[1] * c];
                    *odd = [even[0] - real, even[1] - imaginary];
                    *even = [even[0] + real, even[1] + imaginary];
                }
            }
            size *= 2;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ToneGenerator;

    #[test]
    fn two_tones_40_hz_apart_are_told_apart_in_100_ms() {
        let mut tones =
            [(440.0, 0.2), (480.0, 0.1)].map(|(hz, level)| ToneGenerator::new(8000, hz, level));
        let window: Vec<f32> = (0..800)
            .map(|_| tones.iter_mut().map(ToneGenerator::next_sample).sum())
            .collect();
        let [first, second] = Spectrum::new(800).peaks(&window);
        assert!((first.hz - 440.0).abs() < 2.0, "{first:?}");
        assert!((second.hz - 480.0).abs() < 3.0, "{second:?}");
        assert!(first.share + second.share > 0.98, "{first:?} {second:?}");
    }
}
