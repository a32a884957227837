//! The way across a gap whose other side is known.

use wide::f32x4;

use crate::pitch::{best_match, find_pitch_ahead};

/// From here on both sides are the same voice, and in step.
const ALIKE: f32 = 0.7;

const STEPS: f32x4 = f32x4::new([0.0, 1.0, 2.0, 3.0]);

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
        let back_step = ahead_step * next_pitch as f32 / pitch as f32;
        let length = (back_step * samples as f32) as usize;
        let end = self.lead_back(next, next_pitch, overlap, length);
        let jump = (next[0] - next[next_pitch]) / (overlap + 1) as f32;
        let scale = 1.0 / (samples + 1) as f32;
        let start = out.len();
        out.resize(start + samples.next_multiple_of(4), 0.0);
        let mut passed = 0.0_f32;
        for four in out[start..].as_chunks_mut::<4>().0 {
            let left = samples as f32 - passed;
            let ahead = interpolate(&self.ahead, 1.0 + passed * ahead_step, ahead_step);
            let back = interpolate(&self.back, end as f32 - left * back_step, back_step);
            let rise = (f32x4::splat((overlap + 1) as f32 - left) + STEPS).fast_max(f32x4::ZERO);
            let back = back + rise * f32x4::splat(jump);
            let weight = (f32x4::splat(passed + 1.0) + STEPS) * f32x4::splat(scale);
            let crossed = ahead + (back - ahead) * weight;
            *four = crossed
                .fast_max(f32x4::splat(-1.0))
                .fast_min(f32x4::splat(1.0))
                .to_array();
            passed += 4.0;
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
        // The cubic looks at one more, or two.
        for _ in 0..(length + 2) / pitch {
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

/// The signal at `place` and at the next three steps, by the cubic through the four samples around (Catmull-Rom). Steps are
/// about one sample long, so neighbours serve all four, though some places lie a little beyond the middle of theirs.
#[inline]
fn interpolate(signal: &[f32], place: f32, step: f32) -> f32x4 {
    let more = step - 1.0;
    let whole = (place + 1.5 * more).max(1.0) as usize;
    let around = signal.get(whole - 1..).and_then(|s| s.first_chunk::<7>());
    let Some(s) = around else {
        return f32x4::ZERO;
    };
    let from = |n: usize| f32x4::new([s[n], s[n + 1], s[n + 2], s[n + 3]]);
    let (a, b, c, d) = (from(0), from(1), from(2), from(3));
    let x = f32x4::splat(place - whole as f32) + STEPS * f32x4::splat(more);
    let (half, three) = (f32x4::splat(0.5), f32x4::splat(3.0));
    let cubic =
        x * (three * (b - c) + d - a) + a + a - f32x4::splat(5.0) * b + f32x4::splat(4.0) * c - d;
    b + half * x * (c - a + x * cubic)
}
