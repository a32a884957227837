//! Keys as tones in the audio that is sent, for peers that take no telephone-event.

use std::collections::VecDeque;
use std::time::Duration;

use audio_analysis::{DtmfGenerator, DtmfSound};

/// Keys that wait, and the one that sounds.
#[derive(Debug, Default)]
pub(crate) struct KeyTones {
    waiting: VecDeque<(char, Duration)>,
    sounding: Option<(u32, DtmfGenerator)>,
}

impl KeyTones {
    /// How many wait.
    pub(crate) fn len(&self) -> usize {
        self.waiting.len()
    }

    /// Adds a key that sounds for `duration`, and as long a pause of at least 40 ms after it (ITU-T Q.24).
    pub(crate) fn push(&mut self, digit: char, duration: Duration) {
        self.waiting.push_back((digit, duration));
    }

    /// Whether there is something to sound.
    pub(crate) fn is_sounding(&self) -> bool {
        self.sounding.is_some() || !self.waiting.is_empty()
    }

    /// Overwrites `frame`, at `rate` Hz, with tones and the silence between them. A key that sounds while the rate
    /// changes is cut short.
    pub(crate) fn fill(&mut self, rate: u32, frame: &mut [f32]) {
        let mut done = 0;
        while done < frame.len() {
            if self.sounding.as_ref().is_none_or(|(at, _)| *at != rate) {
                self.sounding = self.waiting.pop_front().map(|key| (rate, tone(rate, key)));
            }
            let Some((_, generator)) = &mut self.sounding else {
                break;
            };
            done += generator.fill(&mut frame[done..]);
            if done < frame.len() {
                self.sounding = None;
            }
        }
        frame[done..].fill(0.0);
    }
}

fn tone(rate: u32, (digit, tone): (char, Duration)) -> DtmfGenerator {
    let usual = DtmfSound::default();
    let sound = DtmfSound {
        tone,
        pause: tone.clamp(Duration::from_millis(40), usual.pause),
        ..usual
    };
    let mut generator = DtmfGenerator::new(rate, sound);
    generator.queue(digit);
    generator
}

#[cfg(test)]
mod tests {
    use audio_analysis::{DtmfDetector, DtmfEvent};

    use super::*;

    #[test]
    fn keys_sound_one_after_another_in_frames_of_any_length() {
        for (rate, frame) in [(8_000, 160), (16_000, 160), (48_000, 1_440)] {
            let mut keys = KeyTones::default();
            assert!(!keys.is_sounding());
            for digit in "19#D".chars() {
                keys.push(digit, Duration::from_millis(70));
            }
            let mut detector = DtmfDetector::new(rate);
            let mut samples = vec![0.0; frame];
            let mut length = 0;
            while keys.is_sounding() {
                keys.fill(rate, &mut samples);
                detector.push(&samples);
                length += samples.len();
            }
            detector.push(&vec![0.0; rate as usize / 10]);
            let mut heard = String::new();
            while let Some(event) = detector.poll_event() {
                if let DtmfEvent::Released {
                    digit, duration, ..
                } = event
                {
                    heard.push(digit);
                    assert!(duration.as_millis().abs_diff(70) <= 6, "{duration:?}");
                }
            }
            assert_eq!(heard, "19#D");
            let ms = length * 1_000 / rate as usize;
            assert!((560..=600).contains(&ms), "{ms} ms");
        }
    }

    #[test]
    fn a_new_rate_cuts_a_key_short_and_goes_on_with_the_next() {
        let mut keys = KeyTones::default();
        keys.push('1', Duration::from_secs(1));
        keys.push('2', Duration::from_millis(100));
        keys.fill(8_000, &mut [0.0; 160]);
        let mut detector = DtmfDetector::new(16_000);
        let mut samples = [0.0; 320];
        while keys.is_sounding() {
            keys.fill(16_000, &mut samples);
            detector.push(&samples);
        }
        let pressed = detector.poll_event();
        assert!(
            matches!(pressed, Some(DtmfEvent::Pressed { digit: '2', .. })),
            "{pressed:?}"
        );
    }
}
