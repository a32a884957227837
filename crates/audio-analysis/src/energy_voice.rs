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
/// The first frames are held back until it is clear whether they are noise: noise is steady, its smoothed power stays within this
/// many dB in every band, and who begins with "hello?" does not.
const FIRST_FRAMES: usize = 30;
const STEADY: f32 = 9.0;
/// Noise is taken to be no louder than this a band, dBm0, before any was heard; and no fainter than that at any time.
const LOUDEST_FIRST_NOISE_DBM0: f32 = -48.0;
const FAINTEST_NOISE_DBM0: f32 = -75.0;

/// Mean excess over the noise floor of all bands, per 10 ms.
#[derive(Clone, Debug)]
pub(crate) struct EnergyVoice {
    filters: [BandPass; BANDS.len()],
    floors: [Floor; BANDS.len()],
    /// Sum of squares of this frame so far, by band and over all.
    sums: [f32; BANDS.len()],
    sum: f32,
    filled: usize,
    /// What is held back, and how much of it; all of it and one more once it has been given out.
    first: [EnergyFrame; FIRST_FRAMES],
    held: usize,
}

/// What a frame was like.
#[derive(Clone, Copy, Debug, Default)]
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
            first: [EnergyFrame::default(); FIRST_FRAMES],
            held: 0,
        }
    }

    /// Takes a sample of 8 kHz and gives `take` the frames that are ready. Noise is learnt from frames below `voice_excess` dB.
    pub(crate) fn push(
        &mut self,
        sample: f32,
        voice_excess: f32,
        mut take: impl FnMut(EnergyFrame),
    ) {
        self.sum += sample * sample;
        for (sum, filter) in self.sums.iter_mut().zip(&mut self.filters) {
            *sum += filter.filtered(sample).powi(2);
        }
        self.filled += 1;
        if self.filled < FRAME {
            return;
        }
        let powers = self.sums.map(|sum| sum / FRAME as f32);
        let power = self.sum / FRAME as f32;
        (self.sums, self.sum, self.filled) = ([0.0; BANDS.len()], 0.0, 0);
        let mut excess = 0.0;
        for (floor, power) in self.floors.iter_mut().zip(powers) {
            excess += floor.excess(power) / BANDS.len() as f32;
        }
        for (floor, power) in self.floors.iter_mut().zip(powers) {
            floor.learn(power, excess < voice_excess);
        }
        let frame = EnergyFrame { excess, power };
        if self.held > FIRST_FRAMES {
            take(frame);
        } else if let Some(place) = self.first.get_mut(self.held) {
            *place = frame;
            self.held += 1;
        }
        if self.held == FIRST_FRAMES {
            self.held += 1;
            let steady = self.floors.iter().all(Floor::is_steady);
            for floor in &mut self.floors {
                floor.end_first(steady);
            }
            for frame in self.first {
                let excess = if steady { 0.0 } else { frame.excess };
                take(EnergyFrame { excess, ..frame });
            }
        }
    }
}

/// The noise of one band.
#[derive(Clone, Copy, Debug)]
struct Floor {
    noise: f32,
    smoothed: f32,
    /// Least and most smoothed power of the first frames.
    range: [f32; 2],
    /// Least smoothed power of past blocks, and of this one.
    least: [f32; BLOCKS],
    this_block: f32,
    frames: u32,
}

impl Floor {
    fn new() -> Self {
        Self {
            noise: power_of_dbm0(LOUDEST_FIRST_NOISE_DBM0),
            smoothed: f32::NAN,
            range: [f32::INFINITY, 0.0],
            least: [f32::INFINITY; BLOCKS],
            this_block: f32::INFINITY,
            frames: 0,
        }
    }

    /// dB above the noise.
    fn excess(&mut self, power: f32) -> f32 {
        let power = power.max(power_of_dbm0(FAINTEST_NOISE_DBM0));
        self.smoothed = if self.smoothed.is_nan() {
            power
        } else {
            self.smoothed + SMOOTHING * (power - self.smoothed)
        };
        let [least, most] = self.range;
        self.range = [least.min(self.smoothed), most.max(self.smoothed)];
        self.noise = self.noise.min(self.smoothed);
        (10.0 * (self.smoothed / self.noise).log10()).clamp(0.0, MAX_BAND_SNR)
    }

    fn is_steady(&self) -> bool {
        let [least, most] = self.range;
        10.0 * (most / least).log10() < STEADY
    }

    /// The first frames are over.
    fn end_first(&mut self, steady: bool) {
        if steady {
            let [least, most] = self.range;
            self.noise = (least * most).sqrt();
        }
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
