//! Several frequencies in the same block at 8 kHz, side by side.

use std::f32::consts::TAU;

use crate::intake::RATE;

/// Goertzel's algorithm for `N` frequencies at once; the compiler makes vectors of them.
#[derive(Clone, Copy, Debug)]
pub(crate) struct GoertzelBank<const N: usize> {
    cosines: [f32; N],
    sines: [f32; N],
}

impl<const N: usize> GoertzelBank<N> {
    pub(crate) fn new(hz: [f32; N]) -> Self {
        let angles = hz.map(|hz| TAU * hz / RATE as f32);
        Self {
            cosines: angles.map(f32::cos),
            sines: angles.map(f32::sin),
        }
    }

    /// Peak amplitude of the sine at each frequency.
    pub(crate) fn amplitudes(&self, block: &[f32]) -> [f32; N] {
        let scale = 2.0 / block.len() as f32;
        self.spectrum(block)
            .map(|[real, imaginary]| scale * (real * real + imaginary * imaginary).sqrt())
    }

    /// Phase of each in radians at the block's end.
    pub(crate) fn phases(&self, block: &[f32]) -> [f32; N] {
        self.spectrum(block)
            .map(|[real, imaginary]| imaginary.atan2(real))
    }

    fn spectrum(&self, block: &[f32]) -> [[f32; 2]; N] {
        let twice = self.cosines.map(|cosine| 2.0 * cosine);
        let (mut last, mut before) = ([0.0; N], [0.0; N]);
        for &sample in block {
            for n in 0..N {
                let next = sample + twice[n] * last[n] - before[n];
                before[n] = last[n];
                last[n] = next;
            }
        }
        std::array::from_fn(|n| {
            [
                last[n] - before[n] * self.cosines[n],
                before[n] * self.sines[n],
            ]
        })
    }
}
