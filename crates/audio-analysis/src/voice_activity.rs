//! When somebody speaks.

use std::collections::VecDeque;
use std::time::Duration;

use crate::energy_voice::{EnergyVoice, FRAME};
use crate::intake::{Intake, RATE};
use crate::level::power_of_dbm0;

/// Who judges whether a moment is voice.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum VoiceModel {
    /// Energy in four bands over an adaptive noise floor, every 10 ms. Takes any sound for voice that rises above the noise: tones
    /// and music too.
    #[default]
    Energy,
    /// The neural network of the crate `earshot`, every 16 ms: knows voices from other sounds, costs more.
    #[cfg(feature = "earshot")]
    Earshot,
}

/// How a [`VoiceActivityDetector`] decides.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct VoiceActivityConfig {
    /// Who judges.
    pub model: VoiceModel,
    /// How much voice it takes to start, within a third more time: shorter sounds are clicks.
    pub min_speech: Duration,
    /// How much silence it takes to stop: pauses between words are shorter.
    pub hangover: Duration,
    /// What is fainter than this is silence, dBm0.
    pub min_level_dbm0: f32,
}

impl Default for VoiceActivityConfig {
    fn default() -> Self {
        Self {
            model: VoiceModel::default(),
            min_speech: Duration::from_millis(60),
            hangover: Duration::from_millis(400),
            min_level_dbm0: -50.0,
        }
    }
}

/// What a [`VoiceActivityDetector`] found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum VoiceEvent {
    /// Somebody speaks; told once [`VoiceActivityConfig::min_speech`] has been heard.
    Started {
        /// Media time at which speech began: looked up in what was heard, not the time of telling.
        at: Duration,
    },
    /// Nobody speaks any more; told once [`VoiceActivityConfig::hangover`] of silence has been heard.
    Stopped {
        /// Media time at which speech ended, not the time of telling.
        at: Duration,
        /// How long it lasted, short pauses included.
        duration: Duration,
    },
}

impl VoiceEvent {
    /// The same by a clock that read `by` when the detector began to listen.
    #[must_use]
    pub fn later(self, by: Duration) -> Self {
        match self {
            Self::Started { at } => Self::Started { at: at + by },
            Self::Stopped { at, duration } => Self::Stopped {
                at: at + by,
                duration,
            },
        }
    }
}

/// Tells when speech starts and stops.
///
/// ```
/// use audio_analysis::{VoiceActivityConfig, VoiceActivityDetector, VoiceEvent};
///
/// let mut voice = VoiceActivityDetector::new(16_000, VoiceActivityConfig::default());
/// voice.push(&[0.0; 16_000]); // a second of silence
/// assert_eq!(voice.poll_event(), None);
/// assert!(!voice.is_speaking());
/// ```
#[derive(Debug)]
pub struct VoiceActivityDetector {
    judge: Judge,
    debounce: Debounce,
}

impl VoiceActivityDetector {
    /// For mono samples at `sample_rate` Hz.
    ///
    /// # Panics
    ///
    /// When `sample_rate` is not of 8,000 to 192,000 Hz.
    #[must_use]
    pub fn new(sample_rate: u32, config: VoiceActivityConfig) -> Self {
        let judge = Judge::new(sample_rate, &config);
        Self {
            debounce: Debounce::new(judge.frame(), &config),
            judge,
        }
    }

    /// Takes the next samples, any number, in [-1, 1].
    pub fn push(&mut self, samples: &[f32]) {
        let Self { judge, debounce } = self;
        judge.push(samples, |frame| debounce.handle_frame(frame));
    }

    /// What was found since, oldest first.
    pub fn poll_event(&mut self) -> Option<VoiceEvent> {
        self.debounce.events.pop_front()
    }

    /// Whether somebody speaks: between [`VoiceEvent::Started`] and [`VoiceEvent::Stopped`].
    #[must_use]
    pub fn is_speaking(&self) -> bool {
        self.debounce.speaking_since.is_some()
    }
}

/// Excess over the noise that is voice, and that may be, dB.
const VOICE_EXCESS: f32 = 3.5;
pub(crate) const PERHAPS_EXCESS: f32 = 2.5;

/// What a frame sounds like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Frame {
    Voice,
    /// Not enough to start speech; enough to belong to it.
    Perhaps,
    Silence,
}

impl Frame {
    pub(crate) fn of_excess(excess: f32) -> Self {
        if excess > VOICE_EXCESS {
            Self::Voice
        } else if excess > PERHAPS_EXCESS {
            Self::Perhaps
        } else {
            Self::Silence
        }
    }
}

/// Says of each frame whether it is voice.
#[derive(Debug)]
enum Judge {
    Energy {
        intake: Intake,
        voice: Box<EnergyVoice>,
        min_power: f32,
    },
    #[cfg(feature = "earshot")]
    Earshot(Box<crate::earshot_voice::EarshotVoice>),
}

impl Judge {
    fn new(sample_rate: u32, config: &VoiceActivityConfig) -> Self {
        match config.model {
            VoiceModel::Energy => Self::Energy {
                intake: Intake::new(sample_rate, RATE),
                voice: Box::new(EnergyVoice::new()),
                min_power: power_of_dbm0(config.min_level_dbm0),
            },
            #[cfg(feature = "earshot")]
            VoiceModel::Earshot => Self::Earshot(Box::new(
                crate::earshot_voice::EarshotVoice::new(sample_rate, config.min_level_dbm0),
            )),
        }
    }

    fn frame(&self) -> Duration {
        match self {
            Self::Energy { .. } => Duration::from_millis(1000 * FRAME as u64 / u64::from(RATE)),
            #[cfg(feature = "earshot")]
            Self::Earshot(_) => crate::earshot_voice::FRAME_TIME,
        }
    }

    fn push(&mut self, samples: &[f32], mut judged: impl FnMut(Frame)) {
        match self {
            Self::Energy {
                intake,
                voice,
                min_power,
            } => intake.push(samples, |sample| {
                voice.push(sample, PERHAPS_EXCESS, |frame| {
                    judged(if frame.power > *min_power {
                        Frame::of_excess(frame.excess)
                    } else {
                        Frame::Silence
                    });
                });
            }),
            #[cfg(feature = "earshot")]
            Self::Earshot(voice) => voice.push(samples, judged),
        }
    }
}

/// Frames joined to stretches of speech.
#[derive(Clone, Debug)]
struct Debounce {
    frame: Duration,
    /// Voiced frames that start speech, of the last `window`.
    needed: u32,
    window: u32,
    /// Frames without voice that end it.
    hangover: u64,
    /// Which of the last frames were voice, and which may have been; newest in bit 0.
    voice: u64,
    perhaps: u64,
    frames: u64,
    speaking_since: Option<u64>,
    /// The frame after the last one with voice.
    voiced_until: u64,
    events: VecDeque<VoiceEvent>,
}

impl Debounce {
    fn new(frame: Duration, config: &VoiceActivityConfig) -> Self {
        let frames = |duration: Duration| duration.as_nanos().div_ceil(frame.as_nanos()) as u64;
        let needed = frames(config.min_speech).clamp(1, 48) as u32;
        Self {
            frame,
            needed,
            window: needed + needed / 3,
            hangover: frames(config.hangover).max(1),
            voice: 0,
            perhaps: 0,
            frames: 0,
            speaking_since: None,
            voiced_until: 0,
            events: VecDeque::with_capacity(16),
        }
    }

    fn handle_frame(&mut self, frame: Frame) {
        self.voice = self.voice << 1 | u64::from(frame == Frame::Voice);
        self.perhaps = self.perhaps << 1 | u64::from(frame != Frame::Silence);
        self.frames += 1;
        if frame != Frame::Silence {
            self.voiced_until = self.frames;
        }
        let window = self.voice & ((1 << self.window) - 1);
        match self.speaking_since {
            None if window.count_ones() >= self.needed => {
                // From the first voice on, and what led up to it without a gap.
                let first = u64::BITS - window.leading_zeros();
                let before = (self.perhaps >> first).trailing_ones();
                let back = u64::from(first + before);
                let since = self.frames - back;
                self.speaking_since = Some(since);
                self.events.push_back(VoiceEvent::Started {
                    at: self.time(since),
                });
            }
            Some(since) if self.frames - self.voiced_until >= self.hangover => {
                self.speaking_since = None;
                (self.voice, self.perhaps) = (0, 0);
                let at = self.time(self.voiced_until);
                self.events.push_back(VoiceEvent::Stopped {
                    at,
                    duration: at - self.time(since),
                });
            }
            _ => {}
        }
    }

    fn time(&self, frames: u64) -> Duration {
        Duration::from_nanos(self.frame.as_nanos() as u64 * frames)
    }
}
