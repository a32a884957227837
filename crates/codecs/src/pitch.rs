//! The pitch of a voice: the lag at which a signal best resembles itself.

use std::ops::RangeInclusive;

use wide::{CmpGe, f32x8};

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
    let coarse = &mut coarse[..count];
    let tail = &signal[signal.len() - count * step..];
    // Pairs, those of 8 kHz, make vectors.
    match step {
        2 => means(tail.as_chunks::<2>().0.iter(), coarse),
        _ => means(tail.chunks_exact(step), coarse),
    }
    coarse
}

#[inline]
fn means<'a, G: AsRef<[f32]> + ?Sized + 'a>(
    groups: impl Iterator<Item = &'a G>,
    means: &mut [f32],
) {
    for (mean, group) in means.iter_mut().zip(groups) {
        let group = group.as_ref();
        *mean = group.iter().sum::<f32>() / group.len() as f32;
    }
}

fn best(signal: &[f32], window: &RangeInclusive<usize>, lags: RangeInclusive<usize>) -> Pitch {
    let (mut lag, last) = lags.into_inner();
    let mut found = Pitch {
        lag,
        correlation: f32::NEG_INFINITY,
    };
    while lag <= last {
        let fits = signal.len().saturating_sub(lag);
        if fits < *window.start() {
            break;
        }
        let length = fits.min(*window.end());
        let end = signal.len() - length;
        // All lags that the same window fits for.
        let longest = last.min(end.max(lag));
        let earlier = &signal[end - longest..signal.len() - lag];
        let there = best_match(earlier, &signal[end..]);
        if there.correlation > found.correlation {
            found = Pitch {
                lag: longest - there.lag,
                ..there
            };
        }
        lag = longest + 1;
    }
    found
}

/// Finds the lag in samples at which the beginning of `signal` best resembles what comes `lag` later. `None`: less than
/// `window` samples can be compared.
pub(crate) fn find_pitch_ahead(
    signal: &[f32],
    window: usize,
    lags: RangeInclusive<usize>,
) -> Option<usize> {
    let (first, last) = lags.into_inner();
    let last = last.min(signal.len().checked_sub(window.max(1))?);
    let later = signal.get(first..).filter(|_| first <= last)?;
    Some(first + best_match(later, &signal[..signal.len() - last]).lag)
}

/// Finds where in `signal` the shorter `piece` fits best; of places that fit alike, the last.
pub(crate) fn best_match(signal: &[f32], piece: &[f32]) -> Pitch {
    let length = piece.len();
    let last = signal.len().saturating_sub(length);
    let floor = NO_POWER * length as f32;
    let still = energy(piece);
    let mut found = Pitch {
        lag: last,
        correlation: 0.0,
    };
    if still < floor {
        return found;
    }
    // Each step takes one sample in and leaves one out, so its energy costs two squares.
    let mut moving = f64::from(energy(&signal[..length.min(signal.len())]));
    // The square of the product by the energy, with the sign of the product.
    let mut best = f32::NEG_INFINITY;
    for first in (0..=last).step_by(8) {
        let around = &signal[first..];
        let product = eight_products(around, piece);
        let energy = [0, 1, 2, 3, 4, 5, 6, 7].map(|n| {
            let energy = moving as f32;
            if let Some(&entering) = around.get(n + length) {
                moving += square(entering) - square(around[n]);
            }
            energy
        });
        let fit = product * product.abs() / f32x8::new(energy).fast_max(f32x8::splat(floor));
        if fit.cmp_ge(f32x8::splat(best)).none() {
            continue;
        }
        for (n, fit) in fit
            .to_array()
            .into_iter()
            .enumerate()
            .take(last + 1 - first)
        {
            if fit >= best {
                (best, found.lag) = (fit, first + n);
            }
        }
    }
    found.correlation = (best.abs() / still).sqrt().copysign(best);
    found
}

fn square(sample: f32) -> f64 {
    f64::from(sample) * f64::from(sample)
}

/// Products of `piece` with `signal` from its beginning, from its second sample and so on. Less where it ends before.
fn eight_products(signal: &[f32], piece: &[f32]) -> f32x8 {
    let Some(around) = signal.get(..piece.len() + 7) else {
        return f32x8::new(std::array::from_fn(|n| {
            signal
                .get(n..n + piece.len())
                .map_or(0.0, |there| dot(there, piece))
        }));
    };
    // Two sums, since each waits for what was added last.
    let (mut even, mut odd) = (f32x8::ZERO, f32x8::ZERO);
    let (fours, rest) = piece.as_chunks::<4>();
    for (&[a, b, c, d], there) in fours.iter().zip(around.windows(11).step_by(4)) {
        even += f32x8::splat(a) * eight(there, 0) + f32x8::splat(c) * eight(there, 2);
        odd += f32x8::splat(b) * eight(there, 1) + f32x8::splat(d) * eight(there, 3);
    }
    let there = &around[4 * fours.len()..];
    for (n, &sample) in rest.iter().enumerate() {
        even += f32x8::splat(sample) * eight(there, n);
    }
    even + odd
}

#[inline]
fn eight(samples: &[f32], from: usize) -> f32x8 {
    let eight = samples
        .get(from..)
        .and_then(|samples| samples.first_chunk());
    eight.map_or(f32x8::ZERO, |&eight| f32x8::new(eight))
}

/// Sum of squares.
pub(crate) fn energy(samples: &[f32]) -> f32 {
    dot(samples, samples)
}

/// Sum of products.
fn dot(a: &[f32], b: &[f32]) -> f32 {
    let (a, a_rest) = a.as_chunks::<8>();
    let (b, b_rest) = b.as_chunks::<8>();
    let sums = a.iter().zip(b).fold(f32x8::ZERO, |sums, (&a, &b)| {
        sums + f32x8::new(a) * f32x8::new(b)
    });
    let rest: f32 = a_rest.iter().zip(b_rest).map(|(a, b)| a * b).sum();
    // In pairs: a sum from one end to the other waits for each of its additions.
    let [a, b, c, d, e, f, g, h] = sums.to_array();
    ((a + e) + (b + f)) + ((c + g) + (d + h)) + rest
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
