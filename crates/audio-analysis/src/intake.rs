//! Samples of any rate, as the rate that a detector works at.

use std::f64::consts::PI;
use std::time::Duration;

/// The rate of all detectors but the neural one, Hz.
pub(crate) const RATE: u32 = 8000;
/// Zero crossings of the filter on each side of its peak.
const CROSSINGS: f64 = 10.0;
/// The filter's edge, as share of the lower of both rates' half.
const EDGE: f64 = 0.94;
/// Most rows of coefficients; a ratio that has more phases takes the nearest row (-54 dB, enough to look at).
const MAX_PHASES: u32 = 512;
/// Products that are summed side by side, which the compiler makes vectors of.
const LANES: usize = 8;

/// When a sample at [`RATE`] is heard, since the first one.
pub(crate) fn at(sample: u64) -> Duration {
    Duration::from_micros(sample * 1_000_000 / u64::from(RATE))
}

/// A windowed-sinc converter from any rate to a fixed one. Output `k` is the signal at `k / to` seconds: the filter's delay is
/// waited for, not added, so media time needs no correction.
#[derive(Clone, Debug)]
pub(crate) struct Intake {
    from: u32,
    to: u32,
    /// Samples on each side of an output.
    half: usize,
    phases: u32,
    /// `phases` rows of `2 * half`.
    rows: Vec<f32>,
    /// The last `2 * half` samples, twice in a row, so that they are one slice from any place.
    ring: Vec<f32>,
    place: usize,
    /// Samples until the next output is due.
    wait: u64,
    /// Its place between two samples, in 1/`to`.
    phase: u32,
}

impl Intake {
    /// # Panics
    ///
    /// When `from` is not of 8,000 to 192,000 Hz.
    pub(crate) fn new(from: u32, to: u32) -> Self {
        assert!(
            (8000..=192_000).contains(&from),
            "{from} Hz is no sample rate of 8,000 to 192,000 Hz"
        );
        let slower = f64::from(from.max(to)) / f64::from(to);
        let half = ((CROSSINGS * slower).ceil() as usize).next_multiple_of(LANES / 2);
        let phases = (to / greatest_common_divisor(from, to)).min(MAX_PHASES);
        let edge = EDGE * f64::from(from.min(to)) / f64::from(from);
        let rows = if from == to {
            Vec::new()
        } else {
            (0..phases)
                .flat_map(|phase| row(f64::from(phase) / f64::from(phases), half, edge))
                .collect()
        };
        Self {
            from,
            to,
            half,
            phases,
            rows,
            ring: vec![0.0; 4 * half],
            place: 0,
            wait: half as u64 + 1,
            phase: 0,
        }
    }

    /// Gives `take` each sample that `samples` complete; what is no number counts as silence.
    pub(crate) fn push(&mut self, samples: &[f32], mut take: impl FnMut(f32)) {
        for &sample in samples {
            let sample = if sample.is_finite() {
                sample.clamp(-1.0, 1.0)
            } else {
                0.0
            };
            if self.from == self.to {
                take(sample);
                continue;
            }
            let length = 2 * self.half;
            self.ring[self.place] = sample;
            self.ring[self.place + length] = sample;
            self.place = (self.place + 1) % length;
            self.wait -= 1;
            while self.wait == 0 {
                take(self.output());
                let phase = self.phase + self.from;
                self.wait = u64::from(phase / self.to);
                self.phase = phase % self.to;
            }
        }
    }

    fn output(&self) -> f32 {
        let length = 2 * self.half;
        let row = (u64::from(self.phase) * u64::from(self.phases) / u64::from(self.to)) as usize;
        let coefficients = &self.rows[row * length..][..length];
        let window = &self.ring[self.place..][..length];
        let mut sums = [0.0; LANES];
        for (coefficients, window) in coefficients
            .chunks_exact(LANES)
            .zip(window.chunks_exact(LANES))
        {
            for ((sum, coefficient), sample) in sums.iter_mut().zip(coefficients).zip(window) {
                *sum += coefficient * sample;
            }
        }
        sums.iter().sum()
    }
}

/// Coefficients for an output that lies `fraction` of a sample after the middle.
fn row(fraction: f64, half: usize, edge: f64) -> Vec<f32> {
    let row: Vec<f64> = (0..2 * half)
        .map(|tap| {
            let distance = tap as f64 - (half as f64 - 1.0) - fraction;
            let x = PI * edge * distance;
            let sinc = if x.abs() < 1e-9 { 1.0 } else { x.sin() / x };
            let along = distance / half as f64;
            let hann = if along.abs() < 1.0 {
                0.5 + 0.5 * (PI * along).cos()
            } else {
                0.0
            };
            sinc * hann
        })
        .collect();
    let sum: f64 = row.iter().sum();
    row.into_iter().map(|tap| (tap / sum) as f32).collect()
}

fn greatest_common_divisor(a: u32, b: u32) -> u32 {
    if b == 0 {
        a
    } else {
        greatest_common_divisor(b, a % b)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ToneGenerator;

    fn converted(from: u32, to: u32, hz: f32, piece: usize) -> Vec<f32> {
        let mut samples = vec![0.0; from as usize];
        ToneGenerator::new(from, hz, 0.5).fill(&mut samples);
        let mut intake = Intake::new(from, to);
        let mut out = Vec::new();
        for piece in samples.chunks(piece) {
            intake.push(piece, |sample| out.push(sample));
        }
        out
    }

    #[test]
    fn a_tone_keeps_its_time_at_any_rate() {
        for from in [8000, 11_025, 16_000, 22_050, 24_000, 44_100, 48_000] {
            for to in [8000, 16_000] {
                let out = converted(from, to, 1000.0, 173);
                let mut expected = vec![0.0; out.len()];
                ToneGenerator::new(to, 1000.0, 0.5).fill(&mut expected);
                assert!(out.len() as u32 > to - 200);
                let worst = (200..out.len())
                    .map(|n| (out[n] - expected[n]).abs())
                    .fold(0.0, f32::max);
                assert!(worst < 0.01, "{from} to {to}: {worst}");
            }
        }
    }

    #[test]
    fn what_lies_above_is_kept_out() {
        let out = converted(48_000, 8000, 5000.0, 960);
        let loudest = out[200..].iter().fold(0f32, |a, s| a.max(s.abs()));
        assert!(loudest < 0.01, "{loudest}");
    }

    #[test]
    fn pieces_do_not_matter_and_no_number_is_silence() {
        assert_eq!(
            converted(44_100, 8000, 700.0, 1),
            converted(44_100, 8000, 700.0, 4410)
        );
        let mut out = Vec::new();
        Intake::new(8000, 8000).push(&[f32::NAN, f32::INFINITY, 7.0], |s| out.push(s));
        assert_eq!(out, [0.0, 0.0, 1.0]);
    }
}
