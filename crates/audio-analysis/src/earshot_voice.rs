//! Voice as the neural network of the crate `earshot` sees it.

use std::fmt;
use std::time::Duration;

use crate::intake::Intake;
use crate::level::power_of_dbm0;
use crate::voice_activity::Frame;

/// What the network was trained on.
const RATE: u32 = 16_000;
const SAMPLES: usize = 256;
/// Length of one decision.
pub(crate) const FRAME_TIME: Duration = Duration::from_millis(16);
/// What the samples are multiplied with, and the scores that are voice and that may be. Noise of telephone bandwidth scores
/// higher than that of a room, up to 0.6 where it is loud: 0.5 would be passed for ever. Measured; see docs/analysis.md.
const GAIN: f32 = 0.3;
const VOICE: f32 = 0.7;
const PERHAPS: f32 = 0.6;

/// A score of 0 to 1 per 16 ms.
pub(crate) struct EarshotVoice {
    intake: Intake,
    detector: Box<earshot::Detector>,
    frame: [f32; SAMPLES],
    filled: usize,
    min_power: f32,
}

impl EarshotVoice {
    pub(crate) fn new(sample_rate: u32, min_level_dbm0: f32) -> Self {
        Self {
            intake: Intake::new(sample_rate, RATE),
            detector: earshot::Detector::default_boxed(),
            frame: [0.0; SAMPLES],
            filled: 0,
            min_power: power_of_dbm0(min_level_dbm0),
        }
    }

    pub(crate) fn push(&mut self, samples: &[f32], mut judged: impl FnMut(Frame)) {
        let Self {
            intake,
            detector,
            frame,
            filled,
            min_power,
        } = self;
        intake.push(samples, |sample| {
            frame[*filled] = (GAIN * sample).clamp(-1.0, 1.0);
            *filled += 1;
            if *filled == SAMPLES {
                *filled = 0;
                let power = frame.iter().map(|s| s * s).sum::<f32>() / SAMPLES as f32;
                let score = detector.predict_f32(frame);
                judged(if power <= *min_power || score < PERHAPS {
                    Frame::Silence
                } else if score < VOICE {
                    Frame::Perhaps
                } else {
                    Frame::Voice
                });
            }
        });
    }
}

impl fmt::Debug for EarshotVoice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EarshotVoice").finish_non_exhaustive()
    }
}
