//! How much of a window two sines explain.

use std::f64::consts::TAU;

/// Fits two sines of known frequencies to a window by least squares, so that a window need not hold whole cycles.
#[derive(Clone, Copy, Debug)]
pub(crate) struct TwoSines {
    sample_rate: u32,
}

/// Powers (mean squares) over the window.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Fit {
    /// Of each sine.
    pub(crate) tones: [f32; 2],
    /// Of their sum: at most the window's.
    pub(crate) together: f32,
}

impl TwoSines {
    pub(crate) fn new(sample_rate: u32) -> Self {
        Self { sample_rate }
    }

    pub(crate) fn powers(&self, window: &[f32], hz: [f32; 2]) -> Fit {
        let steps = hz.map(|hz| (TAU * f64::from(hz) / f64::from(self.sample_rate)).sin_cos());
        let mut turns = [(0.0, 1.0), (0.0, 1.0)];
        let mut matrix = [[0.0; 4]; 4];
        let mut right = [0.0; 4];
        for &sample in window {
            let basis = [turns[0].0, turns[0].1, turns[1].0, turns[1].1];
            for row in 0..4 {
                right[row] += basis[row] * f64::from(sample);
                for column in 0..=row {
                    matrix[row][column] += basis[row] * basis[column];
                }
            }
            for (turn, (sine, cosine)) in turns.iter_mut().zip(steps) {
                *turn = (
                    turn.0 * cosine + turn.1 * sine,
                    turn.1 * cosine - turn.0 * sine,
                );
            }
        }
        let weights = solve(matrix, right);
        let explained: f64 = weights.iter().zip(right).map(|(w, r)| w * r).sum();
        Fit {
            tones: [0, 2].map(|n| ((weights[n].powi(2) + weights[n + 1].powi(2)) / 2.0) as f32),
            together: (explained / window.len() as f64) as f32,
        }
    }
}

/// Solves the symmetric `matrix` (its lower half) by Cholesky's decomposition; zeros when it is singular.
fn solve(matrix: [[f64; 4]; 4], right: [f64; 4]) -> [f64; 4] {
    let mut lower = [[0.0; 4]; 4];
    for row in 0..4 {
        for column in 0..=row {
            let known: f64 = (0..column).map(|k| lower[row][k] * lower[column][k]).sum();
            let rest = matrix[row][column] - known;
            if row != column {
                lower[row][column] = rest / lower[column][column];
            } else if rest > 1e-9 {
                lower[row][row] = rest.sqrt();
            } else {
                return [0.0; 4];
            }
        }
    }
    let mut values = right;
    for row in 0..4 {
        let known: f64 = (0..row).map(|k| lower[row][k] * values[k]).sum();
        values[row] = (values[row] - known) / lower[row][row];
    }
    for row in (0..4).rev() {
        let known: f64 = (row + 1..4).map(|k| lower[k][row] * values[k]).sum();
        values[row] = (values[row] - known) / lower[row][row];
    }
    values
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ToneGenerator;

    #[test]
    fn two_sines_explain_their_sum_and_not_another() {
        let mut tones = [
            ToneGenerator::new(8000, 707.0, 0.2),
            ToneGenerator::new(8000, 1633.0, 0.1),
        ];
        let window: [f32; 160] =
            std::array::from_fn(|_| tones.iter_mut().map(ToneGenerator::next_sample).sum());
        let power = window.iter().map(|s| s * s).sum::<f32>() / 160.0;
        let fit = TwoSines::new(8000).powers(&window, [707.0, 1633.0]);
        assert!((fit.together / power - 1.0).abs() < 1e-4);
        assert!((fit.tones[0] - 0.02).abs() < 1e-4 && (fit.tones[1] - 0.005).abs() < 1e-4);
        let other = TwoSines::new(8000).powers(&window, [770.0, 1633.0]);
        assert!(other.together < 0.6 * power);
    }
}
