//! The way across a gap whose other side is known.

use crate::pitch::{best_match, find_pitch_ahead};

/// From here on both sides are the same voice, and in step.
const ALIKE: f32 = 0.7;

/// What was said before a gap and what is said after it, each led on into the gap until it has the length of the other,
/// and cross-faded over the whole of it.
#[derive(Debug, Clone, Default)]
pub(super) struct Bridge {
    /// What would have followed: the gap and [`reach`](Self::reach) samples more.
    pub(super) ahead: Vec<f32>,
    /// What would have come before, from the end of the gap backwards.
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
        self.lead_back(next, next_pitch, overlap, back_step * samples as f32);
        let jump = next[0] - next[next_pitch];
        let scale = 1.0 / (samples + 1) as f32;
        let smooth_scale = 1.0 / (overlap + 1) as f32;
        let (ahead_step, back_step) = (Place::new(ahead_step), Place::new(back_step));
        let (mut ahead_place, mut back_place) = (Place(0), back_step.times(samples));
        let mut weight = scale;
        let start = out.len();
        out.resize(start + samples, 0.0);
        for (sample, left) in out[start..].iter_mut().zip((1..=samples).rev()) {
            let ahead = ahead_place.between(&self.ahead);
            let mut back = back_place.between(&self.back);
            if left <= overlap {
                back += jump * (overlap + 1 - left) as f32 * smooth_scale;
            }
            *sample = (ahead + (back - ahead) * weight).clamp(-1.0, 1.0);
            weight += scale;
            ahead_place.0 += ahead_step.0;
            back_place.0 -= back_step.0;
        }
        true
    }

    /// How many samples of `ahead` pass in the gap so that it is in step with what follows.
    fn passed(&self, banks: Banks<'_>, samples: usize) -> f32 {
        let shift = most_shift(banks.pitch).min(samples / 2);
        let window = banks.window.min(banks.next.len());
        let around = &self.ahead[samples - shift..samples + shift + window];
        let found = best_match(around, &banks.next[..window]);
        if found.correlation < ALIKE {
            return samples as f32;
        }
        (samples - shift + found.lag) as f32
    }

    /// Repeats the first period of `next` backwards: `back[n]` is `n` samples before it.
    fn lead_back(&mut self, next: &[f32], pitch: usize, overlap: usize, length: f32) {
        let fade = (pitch / 4).clamp(1, overlap).min(next.len() - pitch);
        // The cubic looks at two more.
        let length = length as usize + 3;
        let mut place = 0;
        self.back.clear();
        self.back.extend((0..length).map(|n| {
            if n == 0 {
                return next[0];
            }
            place = if place == 0 { pitch } else { place } - 1;
            let sample = next[place];
            // The beginning of a period fades from what comes after its end, so that going round makes no step.
            let weight = fade.saturating_sub(place) as f32 / (fade + 1) as f32;
            sample + (next[(place + pitch).min(next.len() - 1)] - sample) * weight
        }));
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

    fn times(self, n: usize) -> Self {
        Place(self.0 * n as u64)
    }

    /// The signal there, by the cubic through the four samples around (Catmull-Rom).
    #[inline]
    fn between(self, signal: &[f32]) -> f32 {
        let index = (self.0 >> 16) as usize;
        let x = f32::from((self.0 & 0xFFFF) as u16) * (1.0 / 65_536.0);
        if x == 0.0 && index < signal.len() {
            return signal[index];
        }
        let before = index.saturating_sub(1);
        let (a, b, c, d) = match signal.get(before..index + 3) {
            Some(&[a, b, c, d]) => (a, b, c, d),
            _ => {
                let at = |index: usize| signal.get(index).or(signal.last()).copied().unwrap_or(0.0);
                (at(before), at(index), at(index + 1), at(index + 2))
            }
        };
        let cubic = x * (3.0 * (b - c) + d - a) + 2.0 * a - 5.0 * b + 4.0 * c - d;
        b + 0.5 * x * (c - a + x * cubic)
    }
}
