//! Keeps a sum of voices within [-1, 1] without a click: the gain of each step is known a step ahead.

/// The most that comes out.
const CEILING: f32 = 0.98;

/// How far the gain rises back in a step of 2.5 ms: from half to full in 0.5 s.
const RELEASE: f32 = 0.0025;

/// A limiter that looks ahead by one step, and so delays by one.
#[derive(Debug)]
pub(super) struct Limiter {
    /// Samples in a step of 2.5 ms.
    step: usize,
    /// The step that is to come out next, not limited yet.
    held: Vec<f32>,
    /// What it must be multiplied by at most.
    held_gain: f32,
    gain: f32,
}

impl Limiter {
    pub(super) fn new(sample_rate: u32) -> Self {
        let step = (sample_rate / 400).max(1) as usize;
        Self {
            step,
            held: vec![0.0; step],
            held_gain: 1.0,
            gain: 1.0,
        }
    }

    /// Replaces whole steps of samples by those of one step before, limited.
    pub(super) fn process(&mut self, samples: &mut [f32]) {
        for step in samples.chunks_exact_mut(self.step) {
            let peak = step.iter().fold(0.0_f32, |peak, s| peak.max(s.abs()));
            let most = (CEILING / peak.max(CEILING)).min(1.0);
            // At both ends of the held step the gain is at most what that step bears; at its end also what the next one does.
            let next = (self.gain + RELEASE).min(self.held_gain).min(most);
            let slope = (next - self.gain) / self.step as f32;
            for (n, (sample, held)) in step.iter_mut().zip(&mut self.held).enumerate() {
                std::mem::swap(sample, held);
                *sample *= self.gain + slope * n as f32;
            }
            self.gain = next;
            self.held_gain = most;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limited(input: &[f32]) -> Vec<f32> {
        let mut out = input.to_vec();
        Limiter::new(8_000).process(&mut out);
        out
    }

    fn tone(level: f32, samples: usize) -> Vec<f32> {
        (0..samples)
            .map(|n| level * (n as f32 * 0.3).sin())
            .collect()
    }

    #[test]
    fn what_fits_comes_out_as_it_was_a_step_later() {
        let input = tone(0.9, 800);
        assert_eq!(limited(&input)[20..], input[..780]);
    }

    #[test]
    fn whatever_comes_nothing_comes_out_beyond_the_ceiling_and_nothing_jumps() {
        let mut input = tone(0.3, 400);
        input.extend(tone(3.0, 400));
        input.extend(tone(0.3, 8_000));
        let out = limited(&input);
        let loudest = out.iter().fold(0.0_f32, |peak, s| peak.max(s.abs()));
        assert!((0.9..=CEILING + 1e-6).contains(&loudest), "{loudest}");
        // A sine of 0.3 rad a sample moves by at most 0.3 times its peak.
        let jump = out
            .windows(2)
            .fold(0.0_f32, |jump, pair| jump.max((pair[1] - pair[0]).abs()));
        assert!(jump < 0.45, "{jump}");
        let end = out.len();
        assert!(
            (out[end - 1] - input[end - 21]).abs() < 1e-3,
            "the gain comes back"
        );
    }
}
