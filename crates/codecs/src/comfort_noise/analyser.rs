//! The description of background noise.

use super::NoiseDescription;

/// Coefficients of a description: enough for the spectrum of a room or a street at 8 kHz.
const ORDER: usize = 8;
/// The rate whose spectrum `CN/8000` describes.
const SPECTRUM_RATE: u32 = 8000;
/// Frames count for this long, about.
const MEMORY_SECONDS: f32 = 0.2;

/// Measures background noise, frame by frame, for a [`NoiseDescription`].
///
/// The level and the spectrum (at 8 kHz; at other rates the level alone) are those of the last 200 ms or so.
#[derive(Debug, Clone)]
pub struct NoiseAnalyser {
    sample_rate: u32,
    /// Smoothed autocorrelation for each sample.
    correlation: [f32; ORDER + 1],
    /// Samples in it, up to the memory.
    observed: usize,
}

impl NoiseAnalyser {
    /// An analyser of mono audio at `sample_rate` Hz.
    pub fn new(sample_rate: u32) -> Self {
        NoiseAnalyser {
            sample_rate,
            correlation: [0.0; ORDER + 1],
            observed: 0,
        }
    }

    /// Takes a frame of noise.
    pub fn observe(&mut self, frame: &[f32]) {
        if frame.is_empty() {
            return;
        }
        let memory = (MEMORY_SECONDS * self.sample_rate as f32) as usize;
        self.observed = (self.observed + frame.len()).min(memory.max(frame.len()));
        // At first a plain mean, later one that forgets.
        let weight = frame.len() as f32 / self.observed as f32;
        for (lag, correlation) in self.correlation.iter_mut().enumerate() {
            let pairs = frame.iter().zip(frame.iter().skip(lag));
            let sum: f32 = pairs.map(|(a, b)| a * b).sum();
            // Over the pairs there are, so that short frames do not look whiter.
            let mean = sum / (frame.len() - lag.min(frame.len() - 1)) as f32;
            *correlation += (mean - *correlation) * weight;
        }
    }

    /// What has been observed.
    pub fn describe(&self) -> NoiseDescription {
        let rms = self.correlation[0].max(0.0).sqrt();
        if self.sample_rate != SPECTRUM_RATE || rms < 1e-6 {
            return NoiseDescription::new(rms, &[]);
        }
        NoiseDescription::new(rms, &reflection(&self.correlation))
    }

    /// Forgets what was observed.
    pub fn reset(&mut self) {
        *self = NoiseAnalyser::new(self.sample_rate);
    }
}

/// Reflection coefficients by Levinson's and Durbin's recursion.
fn reflection(correlation: &[f32; ORDER + 1]) -> [f32; ORDER] {
    let mut coefficients = [0.0; ORDER];
    let mut predictor = [0.0; ORDER + 1];
    predictor[0] = 1.0;
    // A little white noise, 40 dB down, keeps the recursion away from its edge.
    let mut error = correlation[0] * 1.0001;
    for order in 1..=ORDER {
        let sum: f32 = (0..order)
            .map(|i| predictor[i] * correlation[order - i])
            .sum();
        let k = (-sum / error).clamp(-0.99, 0.99);
        let before = predictor;
        for i in 1..=order {
            predictor[i] = before[i] + k * before[order - i];
        }
        error *= 1.0 - k * k;
        coefficients[order - 1] = k;
    }
    coefficients
}
