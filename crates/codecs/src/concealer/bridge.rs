//! The way across a gap whose other side is known.

use crate::pitch::{best_match, find_pitch_ahead};

/// From here on both sides are the same voice, and in step.
const ALIKE: f32 = 0.7;

/// Samples after the gap that the cubic looks at, and where the last four end beyond the gap.
const AFTER: usize = 8;

/// What was said before a gap and what is said after it, each led on into the gap until it has the length of the other,
/// and cross-faded over the whole of it.
#[derive(Debug, Clone, Default)]
pub(super) struct Bridge {
    /// The last sample heard and what would have followed: the gap and [`reach`](Self::reach) samples more.
    pub(super) ahead: Vec<f32>,
    /// What would have come before, up to the first samples after the gap.
    back: Vec<f32>,
}

/// What is known of both sides.
#[derive(Debug, Clone, Copy)]
pub(super) struct Banks<'a> {
    /// The pitch before the gap, in samples.
    pub(super) pitch: usize,
    /// What was received after it.
    pub(super) next: &'a [f32],
    /// Samples that are compared to find in which phase the one meets the other.
    pub(super) window: usize,
    /// Samples over which joints are smoothed.
    pub(super) overlap: usize,
}

impl Bridge {
    /// How far beyond the gap [`ahead`](Self::ahead) has to reach.
    pub(super) fn reach(pitch: usize, window: usize) -> usize {
        window + most_shift(pitch)
    }

    /// Appends `samples` to `out`. False, and nothing is appended: `next` is too short.
    pub(super) fn fill(&mut self, banks: Banks<'_>, samples: usize, out: &mut Vec<f32>) -> bool {
        let Banks {
            pitch,
            next,
            overlap,
            ..
        } = banks;
        let lags = pitch * 10 / 11..=pitch * 11 / 10;
        let Some(next_pitch) = find_pitch_ahead(next, overlap, lags).filter(|_| samples > 0) else {
            return false;
        };
        let passed = self.passed(banks, samples);
        let ahead_step = passed / samples as f32;
        // The same number of periods, in the other pitch.
        let back_step = Place::new(ahead_step * next_pitch as f32 / pitch as f32);
        let ahead_step = Place::new(ahead_step);
        let back_length = back_step.times(samples);
        let end = self.lead_back(next, next_pitch, overlap, back_length.index());
        let mut ahead_place = Place::at(1);
        let mut back_place = Place::at(end).before(back_length);
        let jump = (next[0] - next[next_pitch]) / (overlap + 1) as f32;
        // Where the jump begins to rise.
        let jump_start = samples as f32 - (overlap + 1) as f32;
        let scale = 1.0 / (samples + 1) as f32;
        let start = out.len();
        out.resize(start + samples.next_multiple_of(4), 0.0);
        let mut first = 0.0_f32;
        for four in out[start..].as_chunks_mut::<4>().0 {
            let ahead = ahead_place.pass_four(ahead_step, &self.ahead);
            let back = back_place.pass_four(back_step, &self.back);
            *four = std::array::from_fn(|i| {
                let n = first + i as f32;
                let back = back[i] + jump * (n - jump_start).max(0.0);
                (ahead[i] + (back - ahead[i]) * (n + 1.0) * scale).clamp(-1.0, 1.0)
            });
            first += 4.0;
        }
        out.truncate(start + samples);
        true
    }

    /// How many samples of `ahead` pass in the gap so that it is in step with what follows.
    fn passed(&self, banks: Banks<'_>, samples: usize) -> f32 {
        let shift = most_shift(banks.pitch).min(samples / 2);
        let window = banks.window.min(banks.next.len());
        let around = &self.ahead[1 + samples - shift..][..2 * shift + window];
        let found = best_match(around, &banks.next[..window]);
        if found.correlation < ALIKE {
            return samples as f32;
        }
        (samples - shift + found.lag) as f32
    }

    /// Repeats the first period of `next`, more than `length` samples before it and the first of `next` itself. Returns
    /// where that begins.
    fn lead_back(&mut self, next: &[f32], pitch: usize, overlap: usize, length: usize) -> usize {
        let fade = (pitch / 4).clamp(1, overlap).min(next.len() - pitch);
        let back = &mut self.back;
        back.clear();
        back.extend_from_slice(&next[..pitch]);
        // The beginning of a period fades from what comes after its end, so that going round makes no step.
        for (i, (sample, after)) in back.iter_mut().zip(&next[pitch..]).take(fade).enumerate() {
            let weight = (fade - i) as f32 / (fade + 1) as f32;
            *sample += (after - *sample) * weight;
        }
        // The cubic looks at one more.
        for _ in 0..(length + 1) / pitch {
            back.extend_from_within(..pitch);
        }
        let end = back.len();
        back.extend_from_slice(&next[..AFTER.min(next.len())]);
        end
    }
}

/// The most by which a gap is taken for longer or shorter than it is. More would be another period, or chance.
fn most_shift(pitch: usize) -> usize {
    pitch / 10
}

/// A place between two samples, in units of 1/65,536 sample.
#[derive(Debug, Clone, Copy)]
struct Place(u64);

impl Place {
    fn new(samples: f32) -> Self {
        Place((samples * 65_536.0) as u64)
    }

    fn at(index: usize) -> Self {
        Place((index as u64) << 16)
    }

    fn before(self, length: Place) -> Self {
        Place(self.0 - length.0)
    }

    fn times(self, n: usize) -> Self {
        Place(self.0 * n as u64)
    }

    fn index(self) -> usize {
        (self.0 >> 16) as usize
    }

    fn fraction(self) -> f32 {
        f32::from((self.0 & 0xFFFF) as u16) * (1.0 / 65_536.0)
    }

    /// The signal here and at the next three steps; the place moves on by four.
    fn pass_four(&mut self, step: Place, signal: &[f32]) -> [f32; 4] {
        let places: [Place; 4] = std::array::from_fn(|i| Place(self.0 + step.times(i).0));
        self.0 += step.times(4).0;
        let around = places.map(|place| {
            let from = signal.get(place.index().wrapping_sub(1)..);
            from.and_then(|from| from.first_chunk::<4>())
                .copied()
                .unwrap_or_default()
        });
        std::array::from_fn(|i| cubic(around[i], places[i].fraction()))
    }
}

/// The cubic through four samples (Catmull-Rom), `x` of the way from the second to the third.
#[inline]
fn cubic([a, b, c, d]: [f32; 4], x: f32) -> f32 {
    let cubic = x * (3.0 * (b - c) + d - a) + 2.0 * a - 5.0 * b + 4.0 * c - d;
    b + 0.5 * x * (c - a + x * cubic)
}
