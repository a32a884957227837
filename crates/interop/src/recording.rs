//! Audio that a peer wrote, and how much of it is a given tone.

use std::f64::consts::TAU;
use std::path::Path;

/// One channel of recorded audio.
#[derive(Debug, Clone)]
pub struct Recording {
    /// Samples in [-1, 1].
    pub samples: Vec<f32>,
    /// Hz.
    pub sample_rate: u32,
}

impl Recording {
    /// Reads the first channel of a WAV file of 16-bit integer samples, what baresip writes.
    ///
    /// # Panics
    ///
    /// When the file is not such a one.
    #[must_use]
    pub fn read(path: &Path) -> Recording {
        let mut wav = hound::WavReader::open(path)
            .unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let spec = wav.spec();
        let samples = wav
            .samples::<i16>()
            .step_by(spec.channels.into())
            .map(|sample| f32::from(sample.expect("a sample of 16 bits")) / 32768.0)
            .collect();
        Recording {
            samples,
            sample_rate: spec.sample_rate,
        }
    }

    /// The share of the energy of the middle half that a sine of `hz` holds, 0 to 1.
    #[must_use]
    pub fn energy_share(&self, hz: f64) -> f64 {
        let quarter = self.samples.len() / 4;
        let middle = &self.samples[quarter..self.samples.len() - quarter];
        let coefficient = 2.0 * (TAU * hz / f64::from(self.sample_rate)).cos();
        let (mut a, mut b, mut energy) = (0.0, 0.0, 0.0);
        for &sample in middle {
            let sample = f64::from(sample);
            energy += sample * sample;
            (a, b) = (sample + coefficient * a - b, a);
        }
        let power = (a * a + b * b - coefficient * a * b) * 2.0 / middle.len() as f64;
        if energy > 0.0 { power / energy } else { 0.0 }
    }
}
