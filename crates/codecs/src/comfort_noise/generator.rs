//! Noise from its description.

use super::NoiseDescription;

/// The rate that RFC 3389 section 4 gives the spectrum of `CN/8000`.
const SPECTRUM_RATE: u32 = 8000;
/// A new description is followed with this time constant, in samples per second of the rate.
const FOLLOW_SECONDS: f32 = 0.03;

/// Makes noise of a described level and spectrum, for as long as nobody speaks.
///
/// A change of the description is followed within some 50 ms, so that it is not heard as a step. The spectrum
/// is that of 8 kHz audio: at other rates the noise is white.
///
/// ```
/// use audio_codecs::{ComfortNoise, NoiseDescription};
///
/// let mut noise = ComfortNoise::new(8000);
/// noise.describe(&NoiseDescription::parse(&[50]).expect("it is not empty"));
/// let mut heard = Vec::new();
/// noise.generate(160, &mut heard);
/// assert_eq!(heard.len(), 160);
/// ```
#[derive(Debug, Clone)]
pub struct ComfortNoise {
    sample_rate: u32,
    described: bool,
    target: Shape,
    now: Shape,
    /// How much of the way to the target one sample goes.
    follow: f32,
    /// The lattice filter's memory: backward prediction errors.
    memory: [f32; ORDER],
    random: u32,
}

const ORDER: usize = 16;

/// What is followed: the gain of the excitation, and the filter.
#[derive(Debug, Clone, Copy, Default)]
struct Shape {
    gain: f32,
    reflection: [f32; ORDER],
}

impl ComfortNoise {
    /// Silence at `sample_rate` Hz until there is a description.
    pub fn new(sample_rate: u32) -> Self {
        ComfortNoise {
            sample_rate,
            described: false,
            target: Shape::default(),
            now: Shape::default(),
            follow: 1.0 / (FOLLOW_SECONDS * sample_rate.max(1000) as f32),
            memory: [0.0; ORDER],
            random: 0x9E37_79B9,
        }
    }

    /// Rate of the noise in Hz.
    pub fn sample_rate(&self) -> u32 {
        self.sample_rate
    }

    /// Takes the description of the noise to make.
    pub fn describe(&mut self, noise: &NoiseDescription) {
        let mut reflection = [0.0; ORDER];
        if self.sample_rate == SPECTRUM_RATE {
            for (ours, theirs) in reflection.iter_mut().zip(noise.reflection()) {
                *ours = theirs;
            }
        }
        // The filter raises the level by 1 / product(1 - k^2), in power.
        let power: f32 = reflection.iter().map(|k| 1.0 - k * k).product();
        self.target = Shape {
            gain: noise.rms() * power.sqrt(),
            reflection,
        };
        if !std::mem::replace(&mut self.described, true) {
            // The first one fades in, but with its own spectrum.
            self.now.reflection = reflection;
        }
    }

    /// Appends `samples` of noise to `out`, within -1 and 1.
    pub fn generate(&mut self, samples: usize, out: &mut Vec<f32>) {
        out.extend((0..samples).map(|_| self.next()));
    }

    /// Forgets the description.
    pub fn reset(&mut self) {
        *self = ComfortNoise::new(self.sample_rate);
    }

    fn next(&mut self) -> f32 {
        let (now, target) = (&mut self.now, &self.target);
        now.gain += (target.gain - now.gain) * self.follow;
        for (k, target) in now.reflection.iter_mut().zip(&target.reflection) {
            *k += (target - *k) * self.follow;
        }
        // Uniform noise of power 1.
        self.random ^= self.random << 13;
        self.random ^= self.random >> 17;
        self.random ^= self.random << 5;
        let white = (self.random as i32 as f32) * (3f32.sqrt() / 2_147_483_648.0);

        // An all-pole lattice: stable whatever coefficients within -1 and 1 come in whatever order.
        let mut forward = white * now.gain;
        for stage in (0..ORDER).rev() {
            let k = now.reflection[stage];
            let backward = self.memory[stage];
            forward -= k * backward;
            if stage + 1 < ORDER {
                self.memory[stage + 1] = backward + k * forward;
            }
        }
        self.memory[0] = forward;
        forward.clamp(-1.0, 1.0)
    }
}
