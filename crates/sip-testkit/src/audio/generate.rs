//! Sounds made by arithmetic: tones, noise, something like speech.

use super::Clip;
use super::clip::samples_in;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use std::f64::consts::TAU;
use std::time::Duration;

impl Clip {
    /// A sine of `hz` with peak amplitude `level` (1.0 is full scale), starting at phase 0.
    #[must_use]
    pub fn tone(sample_rate: u32, hz: f64, duration: Duration, level: f32) -> Clip {
        Self::tones(sample_rate, &[hz], duration, level)
    }

    /// Several sines at once, each with peak amplitude `level`. Keep `level` times their number
    /// below 1.0.
    #[must_use]
    pub fn tones(sample_rate: u32, hz: &[f64], duration: Duration, level: f32) -> Clip {
        let samples = (0..samples_in(sample_rate, duration))
            .map(|n| {
                let time = n as f64 / f64::from(sample_rate);
                hz.iter().map(|hz| (TAU * hz * time).sin()).sum::<f64>() as f32 * level
            })
            .collect();
        Clip::from_samples(sample_rate, samples)
    }

    /// White noise, uniform in `[-level, level]`, the same for the same seed.
    #[must_use]
    pub fn noise(sample_rate: u32, seed: u64, duration: Duration, level: f32) -> Clip {
        let mut rng = StdRng::seed_from_u64(seed);
        let samples = (0..samples_in(sample_rate, duration))
            .map(|_| (rng.random::<f32>() * 2.0 - 1.0) * level)
            .collect();
        Clip::from_samples(sample_rate, samples)
    }

    /// Something with the shape of speech where no recording is at hand: syllables of a gliding
    /// pitch through three moving formants, hissed consonants, pauses between words. Another seed
    /// says something else.
    #[must_use]
    pub fn speech_like(sample_rate: u32, seed: u64, duration: Duration) -> Clip {
        let length = samples_in(sample_rate, duration);
        let mut rng = StdRng::seed_from_u64(seed);
        let mut voice = Voice::new(sample_rate);
        let mut samples = Vec::with_capacity(length);
        while samples.len() < length {
            for _ in 0..rng.random_range(1..4) {
                voice.consonant(&mut rng, &mut samples);
                voice.vowel(&mut rng, &mut samples);
            }
            let pause = Duration::from_millis(rng.random_range(60..260));
            samples.resize(samples.len() + samples_in(sample_rate, pause), 0.0);
        }
        samples.truncate(length);
        let peak = samples.iter().fold(1e-9_f32, |peak, s| peak.max(s.abs()));
        Clip::from_samples(sample_rate, samples).scaled(0.7 / peak)
    }
}

/// Vowels as (F1, F2, F3) in Hz.
const VOWELS: [[f64; 3]; 6] = [
    [730.0, 1090.0, 2440.0],
    [270.0, 2290.0, 3010.0],
    [300.0, 870.0, 2240.0],
    [530.0, 1840.0, 2480.0],
    [570.0, 840.0, 2410.0],
    [490.0, 1350.0, 1690.0],
];

struct Voice {
    rate: f64,
    phase: f64,
    resonators: [[f64; 2]; 3],
}

impl Voice {
    fn new(sample_rate: u32) -> Self {
        Self {
            rate: f64::from(sample_rate),
            phase: 0.0,
            resonators: [[0.0; 2]; 3],
        }
    }

    fn vowel(&mut self, rng: &mut StdRng, out: &mut Vec<f32>) {
        let from = VOWELS[rng.random_range(0..VOWELS.len())];
        let to = VOWELS[rng.random_range(0..VOWELS.len())];
        let (pitch, glide) = (rng.random_range(85.0..190.0), rng.random_range(-30.0..30.0));
        let length = (self.rate * rng.random_range(0.09..0.24)) as usize;
        let loudness = rng.random_range(0.4..1.0);
        for n in 0..length {
            let along = n as f64 / length as f64;
            self.phase += (pitch + glide * along) / self.rate;
            let pulse = if self.phase >= 1.0 { 1.0 } else { 0.0 };
            self.phase -= self.phase.floor();
            let source = pulse + rng.random_range(-0.01..0.01);
            let formants = std::array::from_fn(|i| from[i] + (to[i] - from[i]) * along);
            let envelope = (along * 8.0).min((1.0 - along) * 5.0).min(1.0) * loudness;
            out.push((self.resonate(source, formants) * envelope) as f32);
        }
    }

    fn consonant(&mut self, rng: &mut StdRng, out: &mut Vec<f32>) {
        let length = (self.rate * rng.random_range(0.02..0.08)) as usize;
        let colour = rng.random_range(0.2..0.9);
        let mut last = 0.0;
        for n in 0..length {
            let along = n as f64 / length as f64;
            let white: f64 = rng.random_range(-1.0..1.0);
            out.push(((white - colour * last) * 0.06 * (1.0 - (2.0 * along - 1.0).abs())) as f32);
            last = white;
        }
    }

    /// Three two-pole resonators in parallel.
    fn resonate(&mut self, source: f64, formants: [f64; 3]) -> f64 {
        let mut sum = 0.0;
        for (i, hz) in formants.into_iter().enumerate() {
            if hz > self.rate * 0.45 {
                continue;
            }
            let radius = (-std::f64::consts::PI * (60.0 + 40.0 * i as f64) / self.rate).exp();
            let [y1, y2] = self.resonators[i];
            let y = source * (1.0 - radius) + 2.0 * radius * (TAU * hz / self.rate).cos() * y1
                - radius * radius * y2;
            self.resonators[i] = [y, y1];
            sum += y / (1.0 + i as f64);
        }
        sum
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tone_has_its_level_and_frequency() {
        let tone = Clip::tone(8000, 440.0, Duration::from_secs(1), 0.5);
        assert_eq!(tone.samples.len(), 8000);
        assert!((tone.rms() - 0.5 / 2f64.sqrt()).abs() < 1e-3);
        assert!(tone.energy_share(440.0) > 0.9999);
    }

    #[test]
    fn speech_like_sound_repeats_for_a_seed_and_differs_for_another() {
        let one = Clip::speech_like(8000, 1, Duration::from_secs(3));
        assert_eq!(one, Clip::speech_like(8000, 1, Duration::from_secs(3)));
        assert_ne!(one, Clip::speech_like(8000, 2, Duration::from_secs(3)));
        assert!(one.rms() > 0.03, "{}", one.rms());
        assert!(
            one.longest_gap(0.001) > Duration::from_millis(50),
            "it pauses between words"
        );
    }
}
