//! The level of a sound over time.

/// Length of one level, in seconds.
const BIN: f64 = 0.02;

/// What counts as silence, in dB below full scale.
pub(super) const FLOOR_DB: f32 = -60.0;

/// The level of a mono sound, one value for each 20 ms.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct LevelTrace {
    start: f64,
    levels: Vec<f32>,
    energy: f64,
    count: f64,
}

impl LevelTrace {
    /// A trace whose first sample is heard at `start`, in seconds on the axis of the report.
    pub(crate) fn starting_at(start: f64) -> Self {
        Self {
            start,
            ..Self::default()
        }
    }

    /// Adds sound that follows what came before.
    pub(crate) fn push(&mut self, samples: &[f32], sample_rate: u32) {
        let per_bin = f64::from(sample_rate.max(1)) * BIN;
        for sample in samples {
            let sample = if sample.is_finite() {
                f64::from(*sample)
            } else {
                0.0
            };
            self.energy += sample * sample;
            self.count += 1.0;
            if self.count >= per_bin {
                self.levels.push(decibels(self.energy / self.count));
                self.energy = 0.0;
                // The rest is carried, so that 11,025 Hz does not drift.
                self.count -= per_bin;
            }
        }
    }

    /// When the sound begins, in seconds.
    pub(super) fn start(&self) -> f64 {
        self.start
    }

    /// The levels in dB below full scale, at most `most` of them, with the length of each in seconds.
    /// Several are joined by their loudest, so that a short click is still seen.
    pub(super) fn reduced(&self, most: usize) -> (f64, Vec<f32>) {
        let join = self.levels.len().div_ceil(most.max(1)).max(1);
        let levels = self
            .levels
            .chunks(join)
            .map(|chunk| chunk.iter().copied().fold(FLOOR_DB, f32::max))
            .collect();
        (BIN * join as f64, levels)
    }
}

/// Mean square to dB relative to a full-scale sine.
fn decibels(mean_square: f64) -> f32 {
    let db = 10.0 * (mean_square * 2.0).max(1e-12).log10();
    (db as f32).clamp(FLOOR_DB, 0.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_scale_sine_is_0_db_and_half_of_it_is_6_less() {
        let sine: Vec<f32> = (0..8_000)
            .map(|n| (std::f32::consts::TAU * 400.0 * n as f32 / 8_000.0).sin())
            .collect();
        let mut trace = LevelTrace::default();
        trace.push(&sine, 8_000);
        trace.push(&sine.iter().map(|s| s / 2.0).collect::<Vec<_>>(), 8_000);
        trace.push(&[0.0; 8_000], 8_000);
        let (bin, levels) = trace.reduced(10_000);
        assert_eq!((bin, levels.len()), (0.02, 150));
        assert!(levels[10].abs() < 0.05, "{}", levels[10]);
        assert!((levels[60] + 6.02).abs() < 0.05, "{}", levels[60]);
        assert_eq!(levels[140], FLOOR_DB);
    }

    #[test]
    fn a_long_trace_is_reduced_and_keeps_its_peaks() {
        let mut trace = LevelTrace::default();
        let mut sound = vec![0.0; 8_000 * 60];
        sound[100_000..100_160].fill(0.5);
        trace.push(&sound, 8_000);
        let (bin, levels) = trace.reduced(500);
        assert!(levels.len() <= 500);
        assert!((bin * levels.len() as f64 - 60.0).abs() < bin);
        assert_eq!(levels.iter().filter(|db| **db > -10.0).count(), 1);
    }

    #[test]
    fn a_rate_that_no_bin_divides_does_not_drift() {
        let mut trace = LevelTrace::default();
        trace.push(&vec![0.1; 11_025 * 20], 11_025);
        assert_eq!(trace.reduced(10_000).1.len(), 1_000);
    }
}
