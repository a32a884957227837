//! The pitch of a voice: the lag at which a signal best resembles itself.

use std::ops::RangeInclusive;

/// Rate at which the first, coarse search runs, in Hz: speech has its pitch
/// well below, as in G.711 Appendix I, which searches at 4 kHz too.
const COARSE_RATE: u32 = 4000;
/// Most samples that the coarse search looks at: 60 ms and more.
const COARSE_SAMPLES: usize = 480;
/// Mean power below which there is nothing to compare: half a step of 16 bits.
const NO_POWER: f32 = 2.5e-10;

/// What a search found.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Pitch {
    /// The period in samples.
    pub(crate) lag: usize,
    /// How alike the signal and itself one period earlier are: 1 the same but
    /// for the level, 0 nothing in common.
    pub(crate) correlation: f32,
}

/// Finds the lag at which the end of `signal` best resembles the samples `lag`
/// earlier, by normalised cross-correlation.
///
/// As much of the end is compared as `window` allows and the signal reaches
/// back for. It must reach back for the shortest window and the shortest lag.
/// A window shorter than the pitch may take the ringing of a formant for it.
pub(crate) fn find_pitch(
    signal: &[f32],
    sample_rate: u32,
    window: RangeInclusive<usize>,
    lags: RangeInclusive<usize>,
) -> Pitch {
    let step = (sample_rate / COARSE_RATE).max(1) as usize;
    let mut coarse = [0.0; COARSE_SAMPLES];
    let coarse = decimate(signal, step, &mut coarse);
    let scaled =
        |range: &RangeInclusive<usize>| (range.start() / step).max(1)..=(range.end() / step).max(1);
    let rough = best(coarse, &scaled(&window), scaled(&lags)).lag * step;

    let longest = (*lags.end()).min(signal.len() - window.start());
    let first = rough.saturating_sub(step).clamp(*lags.start(), longest);
    let last = (rough + step).clamp(first, longest);
    best(signal, &window, first..=last)
}

/// Means of each `step` samples, aligned to the end of the signal.
fn decimate<'a>(signal: &[f32], step: usize, coarse: &'a mut [f32; COARSE_SAMPLES]) -> &'a [f32] {
    let count = (signal.len() / step).min(COARSE_SAMPLES);
    let scale = 1.0 / step as f32;
    let tail = &signal[signal.len() - count * step..];
    for (mean, group) in coarse.iter_mut().zip(tail.chunks_exact(step)) {
        *mean = group.iter().sum::<f32>() * scale;
    }
    &coarse[..count]
}

fn best(signal: &[f32], window: &RangeInclusive<usize>, lags: RangeInclusive<usize>) -> Pitch {
    let mut found = Pitch {
        lag: *lags.start(),
        correlation: f32::NEG_INFINITY,
    };
    let mut energies: Option<Energies> = None;
    for lag in lags {
        let window = match signal.len().checked_sub(lag) {
            Some(fits) if fits >= *window.start() => fits.min(*window.end()),
            _ => break,
        };
        let end = signal.len() - window;
        let (now, earlier) = (&signal[end..], &signal[end - lag..signal.len() - lag]);
        let energies = match &mut energies {
            // One sample further back.
            Some(before) if before.window == window => {
                before.slide(earlier[0], signal[signal.len() - lag]);
                before
            }
            _ => energies.insert(Energies::of(now, earlier)),
        };
        let correlation = energies.correlation(dot(now, earlier));
        if correlation > found.correlation {
            found = Pitch { lag, correlation };
        }
    }
    found
}

/// Normalised correlation of two pieces of `length` samples: their product, and the energy of each.
fn normalised(dot: f32, a_energy: f32, b_energy: f32, length: usize) -> f32 {
    let floor = NO_POWER * length as f32;
    if a_energy < floor || b_energy < floor {
        return 0.0;
    }
    dot / (a_energy * b_energy).sqrt()
}

fn square(sample: f32) -> f64 {
    f64::from(sample) * f64::from(sample)
}

/// Energies of two pieces, one of which moves sample by sample: so each step costs two squares.
#[derive(Debug)]
struct Energies {
    window: usize,
    still: f32,
    moving: f64,
}

impl Energies {
    fn of(still: &[f32], moving: &[f32]) -> Self {
        Energies {
            window: still.len(),
            still: energy(still),
            moving: energy(moving).into(),
        }
    }

    fn slide(&mut self, entering: f32, leaving: f32) {
        self.moving += square(entering) - square(leaving);
    }

    /// Of pieces whose product is `dot`.
    fn correlation(&self, dot: f32) -> f32 {
        normalised(dot, self.still, self.moving as f32, self.window)
    }
}

/// Finds the lag in samples at which the beginning of `signal` best resembles what comes `lag` later. `None`: less than
/// `window` samples can be compared.
pub(crate) fn find_pitch_ahead(
    signal: &[f32],
    window: usize,
    lags: RangeInclusive<usize>,
) -> Option<usize> {
    let mut found: Option<Pitch> = None;
    let mut energies: Option<(f64, f64)> = None;
    for lag in lags {
        let length = signal.len().saturating_sub(lag);
        if length < window.max(1) {
            break;
        }
        let (here, later) = (&signal[..length], &signal[lag..]);
        // Each step leaves out one sample at the end of the one and at the beginning of the other.
        let (a, b) = match energies {
            Some((a, b)) => (a - square(signal[length]), b - square(signal[lag - 1])),
            None => (energy(here).into(), energy(later).into()),
        };
        energies = Some((a, b));
        let correlation = normalised(dot(here, later), a as f32, b as f32, length);
        if found.is_none_or(|found| correlation > found.correlation) {
            found = Some(Pitch { lag, correlation });
        }
    }
    found.map(|found| found.lag)
}

/// Finds where in `signal` the shorter `piece` fits best.
pub(crate) fn best_match(signal: &[f32], piece: &[f32]) -> Pitch {
    let mut found = Pitch {
        lag: 0,
        correlation: f32::NEG_INFINITY,
    };
    let mut energies: Option<Energies> = None;
    for (lag, there) in signal.windows(piece.len().max(1)).enumerate() {
        let energies = match &mut energies {
            Some(before) => {
                before.slide(there[there.len() - 1], signal[lag - 1]);
                before
            }
            None => energies.insert(Energies::of(piece, there)),
        };
        let correlation = energies.correlation(dot(there, piece));
        if correlation > found.correlation {
            found = Pitch { lag, correlation };
        }
    }
    found
}

/// Sum of squares.
pub(crate) fn energy(samples: &[f32]) -> f32 {
    let mut sums = [0.0f32; 8];
    let (chunks, rest) = samples.as_chunks::<8>();
    for chunk in chunks {
        for (sum, x) in sums.iter_mut().zip(chunk) {
            *sum += x * x;
        }
    }
    sums.iter().sum::<f32>() + rest.iter().map(|x| x * x).sum::<f32>()
}

fn dot(a: &[f32], b: &[f32]) -> f32 {
    // Eight sums side by side: the compiler makes vectors of them.
    let mut sums = [0.0f32; 8];
    let ((a_chunks, a_rest), (b_chunks, b_rest)) = (a.as_chunks::<8>(), b.as_chunks::<8>());
    for (x, y) in a_chunks.iter().zip(b_chunks) {
        for i in 0..8 {
            sums[i] += x[i] * y[i];
        }
    }
    let rest: f32 = a_rest.iter().zip(b_rest).map(|(x, y)| x * y).sum();
    sums.iter().sum::<f32>() + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_period_of_a_voice_is_found_at_any_rate() {
        for sample_rate in [8000, 11_025, 16_000, 44_100, 48_000, 96_000] {
            let period = sample_rate as f32 / 137.0;
            let signal: Vec<f32> = (0..sample_rate as usize / 20)
                .map(|i| {
                    let phase = i as f32 / period * std::f32::consts::TAU;
                    0.3 * phase.sin() + 0.2 * (2.0 * phase + 1.0).sin() + 0.1 * (5.0 * phase).cos()
                })
                .collect();
            let ms = sample_rate as usize / 1000;
            let pitch = find_pitch(&signal, sample_rate, 20 * ms..=20 * ms, 5 * ms..=15 * ms);
            assert!(
                (pitch.lag as f32 - period).abs() <= 1.0,
                "{sample_rate}: {pitch:?} for {period}"
            );
            assert!(pitch.correlation > 0.98, "{pitch:?}");
        }
    }

    #[test]
    fn silence_has_no_pitch() {
        let pitch = find_pitch(&[0.0; 390], 8000, 160..=160, 40..=120);
        assert_eq!(pitch.correlation, 0.0);
        assert!((40..=120).contains(&pitch.lag));
    }
}
