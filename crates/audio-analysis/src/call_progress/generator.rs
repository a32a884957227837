//! Makes the tones of the tables.

use crate::level::amplitude_of_dbm0;
use crate::tone_generator::ToneGenerator;

use super::plans::TonePattern;

/// Sounds a [`TonePattern`] for as long as it is asked for: cadences repeat, special information tones and the fax answer tone
/// come once and are followed by silence.
///
/// ```
/// use audio_analysis::{CallProgressGenerator, CallProgressTone, TonePlan, patterns};
///
/// let busy = patterns()
///     .iter()
///     .find(|row| row.tone == CallProgressTone::Busy && row.plan == TonePlan::Europe)
///     .unwrap();
/// let mut tone = CallProgressGenerator::new(8000, busy, -15.0);
/// let mut second = [0.0; 8000];
/// tone.fill(&mut second);
/// assert!(second[..4000].iter().any(|sample| *sample != 0.0));
/// assert!(second[4000..].iter().all(|sample| *sample == 0.0));
/// ```
#[derive(Clone, Debug)]
pub struct CallProgressGenerator {
    sample_rate: u32,
    pattern: &'static TonePattern,
    amplitude: f32,
    /// The step that sounds, `steps.len()` once all is said.
    step: usize,
    /// Samples of it so far.
    done: u64,
    tones: [ToneGenerator; 2],
}

impl CallProgressGenerator {
    /// At `sample_rate` Hz; each frequency has the level `dbm0`.
    #[must_use]
    pub fn new(sample_rate: u32, pattern: &'static TonePattern, dbm0: f32) -> Self {
        let amplitude = amplitude_of_dbm0(dbm0);
        let mut generator = Self {
            sample_rate,
            pattern,
            amplitude,
            step: 0,
            done: 0,
            tones: [0.0; 2].map(|hz| ToneGenerator::new(sample_rate, hz, amplitude)),
        };
        generator.tune();
        generator
    }

    /// Overwrites `frame` with what comes next.
    pub fn fill(&mut self, frame: &mut [f32]) {
        frame
            .iter_mut()
            .for_each(|sample| *sample = self.next_sample());
    }

    fn next_sample(&mut self) -> f32 {
        let Some(step) = self.pattern.steps.get(self.step) else {
            return 0.0;
        };
        let samples = |ms: u16| u64::from(ms) * u64::from(self.sample_rate) / 1000;
        let (on, whole) = (
            samples(step.on_ms),
            samples(step.on_ms) + samples(step.off_ms),
        );
        let sample = if step.on_ms == 0 || self.done < on {
            self.tones.iter_mut().map(ToneGenerator::next_sample).sum()
        } else {
            0.0
        };
        self.done += 1;
        if step.on_ms > 0 && self.done >= whole {
            let once = self.pattern.is_special_information() || self.pattern.is_steady();
            self.step += 1;
            if !once {
                self.step %= self.pattern.steps.len();
            }
            self.done = 0;
            self.tune();
        }
        sample
    }

    /// Takes the frequencies of the step that begins.
    fn tune(&mut self) {
        if let Some(step) = self.pattern.steps.get(self.step) {
            self.tones = step
                .hz
                .map(|hz| ToneGenerator::new(self.sample_rate, hz, self.amplitude));
        }
    }
}
