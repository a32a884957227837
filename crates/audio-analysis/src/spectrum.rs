//! The loudest tones of a window.

use std::f32::consts::TAU;

use crate::intake::RATE;

/// Points of the transform; bins are 7.8 Hz apart.
const POINTS: usize = 1024;
/// The points are transformed as so many complex ones: even samples real, odd ones imaginary.
const HALF: usize = POINTS / 2;
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
    /// `exp(-2 pi i n / size)` for the sizes 2, 4 .. `HALF`, one after another.
    twiddles: Vec<[f32; 2]>,
    /// `exp(-2 pi i n / POINTS)`.
    last_twiddles: Vec<[f32; 2]>,
    work: Vec<[f32; 2]>,
    powers: Vec<f32>,
}

impl Spectrum {
    /// For windows of `length` samples, at most 1024.
    pub(crate) fn new(length: usize) -> Self {
        let turn = |n: usize, of: usize| TAU * n as f32 / of as f32;
        let twiddle = |n: usize, of: usize| [turn(n, of).cos(), -turn(n, of).sin()];
        let sizes = (1..=HALF.trailing_zeros()).map(|bits| 1usize << bits);
        Self {
            taper: (0..length)
                .map(|n| 0.5 - 0.5 * turn(2 * n + 1, 2 * length).cos())
                .collect(),
            twiddles: sizes
                .flat_map(|size| (0..size / 2).map(move |n| twiddle(n, size)))
                .collect(),
            last_twiddles: (0..HALF).map(|n| twiddle(n, POINTS)).collect(),
            work: vec![[0.0; 2]; HALF],
            powers: vec![0.0; HALF],
        }
    }

    /// The loudest tone of `window` and the loudest beside it.
    pub(crate) fn peaks(&mut self, window: &[f32]) -> [Peak; 2] {
        self.work.fill([0.0; 2]);
        for (n, (pair, taper)) in window
            .chunks_exact(2)
            .zip(self.taper.chunks_exact(2))
            .enumerate()
        {
            let reversed = n.reverse_bits() >> (usize::BITS - HALF.trailing_zeros());
            self.work[reversed] = [pair[0] * taper[0], pair[1] * taper[1]];
        }
        self.transform();
        self.split();
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
        let mut twiddles = self.twiddles.as_slice();
        let mut size = 2;
        while size <= HALF {
            let (these, rest) = twiddles.split_at(size / 2);
            for block in self.work.chunks_exact_mut(size) {
                let (evens, odds) = block.split_at_mut(size / 2);
                for ((even, odd), [c, s]) in evens.iter_mut().zip(odds).zip(these) {
                    let [real, imaginary] = [odd[0] * c - odd[1] * s, odd[0] * s + odd[1] * c];
                    *odd = [even[0] - real, even[1] - imaginary];
                    *even = [even[0] + real, even[1] + imaginary];
                }
            }
            twiddles = rest;
            size *= 2;
        }
    }

    /// Powers of the real points' spectrum, out of the transform of their pairs.
    fn split(&mut self) {
        for n in 1..HALF {
            let ([a, b], [c, d]) = (self.work[n], self.work[HALF - n]);
            let (even, odd) = ([a + c, b - d], [b + d, c - a]);
            let [cosine, sine] = self.last_twiddles[n];
            let real = even[0] + odd[0] * cosine - odd[1] * sine;
            let imaginary = even[1] + odd[0] * sine + odd[1] * cosine;
            self.powers[n] = 0.25 * (real * real + imaginary * imaginary);
        }
        self.powers[0] = 0.0;
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
