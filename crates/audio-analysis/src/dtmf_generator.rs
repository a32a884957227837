//! Digits as dual tones.

use std::time::Duration;

use crate::dtmf::dtmf_frequencies;
use crate::level::amplitude_of_dbm0;
use crate::tone_generator::ToneGenerator;

/// How digits sound.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct DtmfSound {
    /// How long each digit sounds. Receivers must take 40 ms and more (ITU-T Q.24).
    pub tone: Duration,
    /// The silence after each. Receivers must tell digits apart that are 40 ms and more apart (ITU-T Q.24).
    pub pause: Duration,
    /// Level of the low frequency, dBm0.
    pub low_dbm0: f32,
    /// Level of the high frequency, dBm0; a little more, for lines damp high frequencies more.
    pub high_dbm0: f32,
}

impl Default for DtmfSound {
    fn default() -> Self {
        Self {
            tone: Duration::from_millis(100),
            pause: Duration::from_millis(100),
            low_dbm0: -9.0,
            high_dbm0: -7.0,
        }
    }
}

/// Digits as the dual tones of ITU-T Q.23, one after another, into frames of any length.
///
/// ```
/// use audio_analysis::{DtmfGenerator, DtmfSound};
///
/// let mut digits = DtmfGenerator::new(8000, DtmfSound::default());
/// digits.queue('5');
/// let mut frame = [0.0; 160];
/// let mut frames = 0;
/// while digits.fill(&mut frame) > 0 {
///     frames += 1; // send the frame
/// }
/// assert_eq!(frames, 10); // 100 ms of tone, 100 ms of silence
/// ```
#[derive(Clone, Debug)]
pub struct DtmfGenerator {
    sample_rate: u32,
    sound: DtmfSound,
    /// Digits to come, first at the front.
    queue: std::collections::VecDeque<char>,
    current: Option<Sounding>,
}

#[derive(Clone, Debug)]
struct Sounding {
    tones: [ToneGenerator; 2],
    /// Samples of this digit so far, its pause included.
    done: u64,
}

impl DtmfGenerator {
    /// For samples at `sample_rate` Hz.
    #[must_use]
    pub fn new(sample_rate: u32, sound: DtmfSound) -> Self {
        Self {
            sample_rate,
            sound,
            queue: std::collections::VecDeque::with_capacity(32),
            current: None,
        }
    }

    /// Adds a digit: `0` to `9`, `*`, `#`, `A` to `D` in either case. False, and nothing added, for another character.
    pub fn queue(&mut self, digit: char) -> bool {
        let known = dtmf_frequencies(digit).is_some();
        if known {
            self.queue.push_back(digit);
        }
        known
    }

    /// Overwrites `frame` with what comes next and answers how many of its samples belong to digits and their pauses; the
    /// rest is silence. 0 when there is nothing more to say.
    pub fn fill(&mut self, frame: &mut [f32]) -> usize {
        for (n, sample) in frame.iter_mut().enumerate() {
            match self.next_sample() {
                Some(next) => *sample = next,
                None => {
                    frame[n..].fill(0.0);
                    return n;
                }
            }
        }
        frame.len()
    }

    fn next_sample(&mut self) -> Option<f32> {
        let tone = self.samples(self.sound.tone);
        let whole = tone + self.samples(self.sound.pause);
        if self.current.as_ref().is_none_or(|now| now.done >= whole) {
            self.current = None;
            let frequencies = self.queue.pop_front().and_then(dtmf_frequencies)?;
            let levels = [self.sound.low_dbm0, self.sound.high_dbm0];
            self.current = Some(Sounding {
                tones: std::array::from_fn(|n| {
                    let amplitude = amplitude_of_dbm0(levels[n]);
                    ToneGenerator::new(self.sample_rate, frequencies[n], amplitude)
                }),
                done: 0,
            });
        }
        // Edges of 1 ms, so that a digit begins and ends without a click.
        let ramp = (self.sample_rate / 1000) as f32;
        let now = self.current.as_mut()?;
        let to_edge = (now.done + 1).min(tone.saturating_sub(now.done)) as f32;
        now.done += 1;
        let [low, high] = &mut now.tones;
        Some((low.next_sample() + high.next_sample()) * (to_edge / ramp).min(1.0))
    }

    fn samples(&self, duration: Duration) -> u64 {
        (duration.as_secs_f64() * f64::from(self.sample_rate)).round() as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::level::{dbm0_of_power, power_of_dbm0};

    #[test]
    fn a_digit_has_its_length_its_pause_and_its_level() {
        let mut digits = DtmfGenerator::new(8000, DtmfSound::default());
        assert!(digits.queue('a'));
        assert!(!digits.queue('x'));
        let mut frame = [1.0; 2000];
        assert_eq!(digits.fill(&mut frame), 1600);
        let power = frame[8..792].iter().map(|s| s * s).sum::<f32>() / 784.0;
        let expected = dbm0_of_power(power_of_dbm0(-9.0) + power_of_dbm0(-7.0));
        assert!((dbm0_of_power(power) - expected).abs() < 0.2);
        assert!(frame[800..].iter().all(|sample| *sample == 0.0));
        assert_eq!(digits.fill(&mut frame), 0);
    }
}
