//! Voice by its energy in four bands over an adaptive noise floor.

use std::f32::consts::TAU;

use crate::intake::RATE;
use crate::level::power_of_dbm0;

/// Samples of one decision: 10 ms.
pub(crate) const FRAME: usize = RATE as usize / 100;
/// Middles of the bands, Hz, an octave each: where voices have pitch and formants.
const BANDS: [f32; 4] = [280.0, 560.0, 1120.0, 2240.0];
/// Blocks of the floor's memory, and frames of each: the least of 2 s is certainly noise.
const BLOCKS: usize = 8;
const BLOCK_FRAMES: u32 = 25;
/// What a frame adds to the smoothed power.
const SMOOTHING: f32 = 0.4;
/// Most that one band counts, dB.
const MAX_BAND_SNR: f32 = 20.0;
/// What a frame without voice adds to the noise estimate.
const ADAPTATION: f32 = 0.05;
/// Noise at the start of a call is taken to be no louder than this a band, dBm0, for as long as it takes to hear a pause: who
/// begins with "hello?" is heard.
const LOUDEST_FIRST_NOISE_DBM0: f32 = -48.0;
const FIRST_FRAMES: u32 = 60;

/// Mean excess over the noise floor of all bands, per 10 ms.
#[derive(Clone, Debug)]
pub(crate) struct EnergyVoice {
    filters: [BandPass; BANDS.len()],
    floors: [Floor; BANDS.len()],
    /// Sum of squares of this frame so far, by band and over all.
    sums: [f32; BANDS.len()],
    sum: f32,
    filled: usize,
    frames: u32,
}

/// What a frame was like.
#[derive(Clone, Copy, Debug)]
pub(crate) struct EnergyFrame {
    /// Mean of the bands' excess over the noise, dB.
    pub(crate) excess: f32,
    /// Mean square of the samples.
    pub(crate) power: f32,
}

impl EnergyVoice {
    pub(crate) fn new() -> Self {
        Self {
            filters: BANDS.map(BandPass::new),
            floors: [Floor::new(); BANDS.len()],
            sums: [0.0; BANDS.len()],
            sum: 0.0,
            filled: 0,
            frames: 0,
        }
    }

    /// Takes a sample of 8 kHz; a frame's outcome when that completes one. Noise is learnt from frames below `voice_excess` dB.
    pub(crate) fn push(&mut self, sample: f32, voice_excess: f32) -> Option<EnergyFrame> {
        self.sum += sample * sample;
        for (sum, filter) in self.sums.iter_mut().zip(&mut self.filters) {
            *sum += filter.filtered(sample).powi(2);
        }
        self.filled += 1;
        if self.filled < FRAME {
            return None;
        }
        let first = self.frames < FIRST_FRAMES;
        self.frames = self.frames.saturating_add(1);
        let powers = self.sums.map(|sum| sum / FRAME as f32);
        let excess = self
            .floors
            .iter_mut()
            .zip(powers)
            .map(|(floor, power)| floor.excess(power, first))
            .sum::<f32>()
            / BANDS.len() as f32;
        for (floor, power) in self.floors.iter_mut().zip(powers) {
            floor.learn(power, excess < voice_excess);
        }
        let power = self.sum / FRAME as f32;
        (self.sums, self.sum, self.filled) = ([0.0; BANDS.len()], 0.0, 0);
        Some(EnergyFrame { excess, power })
    }
}

/// The noise of one band.
#[derive(Clone, Copy, Debug)]
struct Floor {
    noise: f32,
    smoothed: f32,
    /// Least smoothed power of past blocks, and of this one.
    least: [f32; BLOCKS],
    this_block: f32,
    frames: u32,
}

impl Floor {
    fn new() -> Self {
        Self {
            noise: f32::INFINITY,
            smoothed: 0.0,
            least: [f32::INFINITY; BLOCKS],
            this_block: f32::INFINITY,
            frames: 0,
        }
    }

    /// dB above the noise.
    fn excess(&mut self, power: f32, first: bool) -> f32 {
        self.smoothed = if self.frames == 0 && self.noise == f32::INFINITY {
            power
        } else {
            self.smoothed + SMOOTHING * (power - self.smoothed)
        };
        let quiet = power_of_dbm0(-75.0);
        let most = if first {
            power_of_dbm0(LOUDEST_FIRST_NOISE_DBM0)
        } else {
            f32::INFINITY
        };
        self.noise = self
            .noise
            .min(self.smoothed.max(quiet))
            .min(most)
            .max(quiet);
        (10.0 * (self.smoothed.max(quiet) / self.noise).log10()).clamp(0.0, MAX_BAND_SNR)
    }

    fn learn(&mut self, power: f32, is_noise: bool) {
        if is_noise {
            self.noise += ADAPTATION * (power - self.noise);
        }
        self.this_block = self.this_block.min(self.smoothed);
        self.frames += 1;
        if self.frames == BLOCK_FRAMES {
            self.least.rotate_left(1);
            self.least[BLOCKS - 1] = self.this_block;
            (self.this_block, self.frames) = (f32::INFINITY, 0);
            // Noise that rose while there was "voice" all the time: nobody speaks for two seconds without a gap.
            let least = self.least.iter().copied().fold(f32::INFINITY, f32::min);
            if self.least[0] < f32::INFINITY && least > self.noise {
                self.noise = least;
            }
        }
    }
}

/// A band of one octave: two equal two-pole filters in a row.
#[derive(Clone, Copy, Debug)]
struct BandPass {
    gain: f32,
    feedback: [f32; 2],
    state: [[f32; 2]; 2],
}

impl BandPass {
    fn new(hz: f32) -> Self {
        const Q: f32 = 1.2;
        let (sine, cosine) = (TAU * hz / RATE as f32).sin_cos();
        let alpha = sine / (2.0 * Q);
        Self {
            gain: alpha / (1.0 + alpha),
            feedback: [-2.0 * cosine / (1.0 + alpha), (1.0 - alpha) / (1.0 + alpha)],
            state: [[0.0; 2]; 2],
        }
    }

    fn filtered(&mut self, sample: f32) -> f32 {
        let Self {
            gain,
            feedback: [a1, a2],
            state,
        } = self;
        state.iter_mut().fold(sample, |x, state| {
            // Transposed direct form II of b = [gain, 0, -gain].
            let y = *gain * x + state[0];
            state[0] = state[1] - *a1 * y;
            state[1] = -*gain * x - *a2 * y;
            // Kept out of the denormals, which are slow.
            if state[0].abs() < 1e-20 {
                state[0] = 0.0;
            }
            if state[1].abs() < 1e-20 {
                state[1] = 0.0;
            }
            y
        })
    }
}
