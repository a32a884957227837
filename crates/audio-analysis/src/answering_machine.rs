//! Whether a person or a machine answered.

use std::collections::VecDeque;
use std::time::Duration;

use crate::beep::Beeps;
use crate::energy_voice::{EnergyVoice, FRAME};
use crate::intake::{Intake, RATE};
use crate::level::power_of_dbm0;
use crate::voice_activity::{Frame, PERHAPS_EXCESS};

/// When the first opinion is given at the latest.
const FIRST_OPINION: u32 = frames(2000);
/// Voice that is shorter is a click.
const SHORTEST_WORD: u32 = frames(60);
/// A gap that parts words, and a pause that parts sentences.
const WORD_GAP: u32 = frames(50);
const PAUSE: u32 = frames(250);
/// Likelihood of a machine at and above which one is named, and at and below which a person is.
const MACHINE: f32 = 0.65;
const HUMAN: f32 = 0.35;

/// Likelihood of a machine by ms of greeting so far, as long as it goes on...
const WHILE_SPEAKING: &[(f32, f32)] = &[
    (1000.0, 0.40),
    (1500.0, 0.50),
    (2000.0, 0.55),
    (3000.0, 0.70),
    (4000.0, 0.90),
    (5000.0, 0.95),
];
/// ...and when it has ended, before the silence that follows is weighed.
const WHEN_ENDED: &[(f32, f32)] = &[
    (1000.0, 0.15),
    (1500.0, 0.22),
    (2200.0, 0.35),
    (3000.0, 0.50),
    (4000.0, 0.75),
    (5000.0, 0.90),
];
/// How far the greeting has ended, by ms of silence: pauses within one are shorter.
const ENDED: &[(f32, f32)] = &[(250.0, 0.0), (700.0, 1.0)];
/// What longer silence does to the likelihood of a machine: a person waits for an answer, a machine goes on or beeps.
const WAITING: &[(f32, f32)] = &[(700.0, 1.0), (1400.0, 0.6), (2000.0, 0.4)];

/// Who answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Answerer {
    /// A person.
    Human,
    /// An answering machine, a mailbox, an announcement.
    Machine,
    /// Not to be said (yet).
    Unknown,
}

/// When an [`AnsweringMachineDetector`] makes up its mind.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct AnsweringMachineConfig {
    /// A greeting that has lasted so long is a machine's.
    pub longest_human_greeting: Duration,
    /// Silence after a greeting that makes a person certain; longer greetings need up to 0.8 s more.
    pub silence_after_greeting: Duration,
    /// When nothing has been decided after this time, the likelier is.
    pub listen_for: Duration,
}

impl Default for AnsweringMachineConfig {
    fn default() -> Self {
        Self {
            longest_human_greeting: Duration::from_millis(4200),
            silence_after_greeting: Duration::from_millis(1200),
            listen_for: Duration::from_secs(8),
        }
    }
}

/// What was measured of the greeting, as of the opinion that carries it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct GreetingFigures {
    /// From the answer to the first word.
    pub initial_silence: Duration,
    /// From the first word to the end of the last.
    pub greeting: Duration,
    /// Sum of all voiced stretches.
    pub speech: Duration,
    /// Voiced stretches with 50 ms and more between them: rather syllables and words.
    pub words: u32,
    /// Pauses of 250 ms and more within the greeting.
    pub pauses: u32,
    /// Since the last word.
    pub silence: Duration,
}

/// Why an opinion is what it is.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub enum OpinionReason {
    /// Nobody has spoken.
    NoSpeech,
    /// The greeting goes on.
    StillSpeaking,
    /// The greeting is longer than a person's.
    LongGreeting,
    /// A greeting, then silence: somebody waits for an answer.
    WaitsForAnswer,
    /// The time to listen was over.
    TimeIsUp,
    /// A beep.
    Beep {
        /// Its frequency.
        hz: f32,
        /// Its length.
        duration: Duration,
    },
}

/// What is thought, from a moment on.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct Opinion {
    /// Who answered.
    pub answerer: Answerer,
    /// How sure that is, 0 to 1; 0 for [`Answerer::Unknown`].
    pub confidence: f32,
    /// How likely a machine is, 0 to 1.
    pub machine_likelihood: f32,
    /// Why.
    pub reason: OpinionReason,
    /// What was measured.
    pub figures: GreetingFigures,
    /// Media time since the answer at which this was known.
    pub at: Duration,
    /// Nothing but a beep changes it.
    pub is_final: bool,
}

/// What an [`AnsweringMachineDetector`] found.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub enum AnsweringMachineEvent {
    /// The first opinion, within 2 s; then each that differs in its answerer; then the final one.
    Opinion(Opinion),
    /// The machine records from `end` on. Told 200 ms after.
    Beep {
        /// Media time of its beginning.
        start: Duration,
        /// Media time of its end.
        end: Duration,
        /// Its frequency.
        hz: f32,
    },
}

/// Tells a person from a machine by how the call is answered: a person greets in a second or two and waits, a machine speaks on and
/// beeps. Feed it with what is received from the answer on, and nothing from before.
///
/// An opinion is out within 2 s of audio; it may be [`Answerer::Unknown`] when the greeting is still going on. See
/// `docs/answering-machine.md` for what it was measured on, how often it errs, and its limits.
///
/// ```
/// use audio_analysis::{
///     Answerer, AnsweringMachineConfig, AnsweringMachineDetector, AnsweringMachineEvent,
/// };
///
/// let mut detector = AnsweringMachineDetector::new(8000, AnsweringMachineConfig::default());
/// detector.push(&[0.0; 16_000]); // 2 s of silence
/// let Some(AnsweringMachineEvent::Opinion(opinion)) = detector.poll_event() else { panic!() };
/// assert_eq!(opinion.answerer, Answerer::Unknown);
/// ```
#[derive(Clone, Debug)]
pub struct AnsweringMachineDetector {
    intake: Intake,
    voice: EnergyVoice,
    beeps: Beeps,
    mind: Mind,
}

impl AnsweringMachineDetector {
    /// For mono samples at `sample_rate` Hz, the first of which is heard at the answer.
    ///
    /// # Panics
    ///
    /// When `sample_rate` is not of 8,000 to 192,000 Hz.
    #[must_use]
    pub fn new(sample_rate: u32, config: AnsweringMachineConfig) -> Self {
        Self {
            intake: Intake::new(sample_rate, RATE),
            voice: EnergyVoice::new(),
            beeps: Beeps::new(),
            mind: Mind::new(config),
        }
    }

    /// Takes the next samples, any number, in [-1, 1].
    pub fn push(&mut self, samples: &[f32]) {
        let Self {
            intake,
            voice,
            beeps,
            mind,
        } = self;
        let least = power_of_dbm0(-48.0);
        intake.push(samples, |sample| {
            if let Some(beep) = beeps.push(sample, mind.greeting.first.is_some()) {
                mind.handle_beep(beep.hz, beep.start, beep.end);
            }
            voice.push(sample, PERHAPS_EXCESS, |frame| {
                let voiced = frame.power > least && !beeps.is_sounding();
                mind.handle_frame(if voiced {
                    Frame::of_excess(frame.excess)
                } else {
                    Frame::Silence
                });
            });
        });
    }

    /// What was found since, oldest first.
    pub fn poll_event(&mut self) -> Option<AnsweringMachineEvent> {
        self.mind.events.pop_front()
    }

    /// What is thought now; `None` before the first opinion.
    #[must_use]
    pub fn opinion(&self) -> Option<Opinion> {
        self.mind.told
    }
}

const fn frames(ms: u32) -> u32 {
    ms * RATE / 1000 / FRAME as u32
}

fn time(frames: u32) -> Duration {
    Duration::from_millis(10) * frames
}

/// The greeting so far, in frames of 10 ms.
#[derive(Clone, Debug, Default)]
struct Greeting {
    now: u32,
    /// Where the first word began and the last one ended.
    first: Option<u32>,
    last_end: u32,
    speech: u32,
    words: u32,
    pauses: u32,
    /// The voiced stretch that lasts: its beginning.
    stretch: Option<u32>,
    /// Frames without voice in a row.
    gap: u32,
}

impl Greeting {
    fn handle_frame(&mut self, frame: Frame) {
        self.now += 1;
        let voiced = match frame {
            Frame::Voice => true,
            Frame::Perhaps => self.stretch.is_some(),
            Frame::Silence => false,
        };
        if voiced {
            self.gap = 0;
            let start = *self.stretch.get_or_insert(self.now - 1);
            match self.now - start {
                length if length < SHORTEST_WORD => {}
                SHORTEST_WORD => self.begin_word(start),
                _ => {
                    self.speech += 1;
                    self.last_end = self.now;
                }
            }
            return;
        }
        self.gap += 1;
        if self.gap >= WORD_GAP {
            self.stretch = None;
        }
    }

    fn begin_word(&mut self, start: u32) {
        if self.first.is_some() && start.saturating_sub(self.last_end) >= PAUSE {
            self.pauses += 1;
        }
        self.first.get_or_insert(start);
        self.words += 1;
        self.speech += SHORTEST_WORD;
        self.last_end = self.now;
    }

    fn length(&self) -> u32 {
        self.first.map_or(0, |first| self.last_end - first)
    }

    fn silence(&self) -> u32 {
        self.now - self.last_end
    }

    fn figures(&self) -> GreetingFigures {
        GreetingFigures {
            initial_silence: time(self.first.unwrap_or(self.now)),
            greeting: time(self.length()),
            speech: time(self.speech),
            words: self.words,
            pauses: self.pauses,
            silence: time(self.silence()),
        }
    }

    fn machine_likelihood(&self) -> f32 {
        if self.first.is_none() {
            return 0.5;
        }
        let [length, silence] = [self.length(), self.silence()].map(|frames| 10.0 * frames as f32);
        let ended = between(ENDED, silence);
        let speaking = between(WHILE_SPEAKING, length + silence.min(ENDED[0].0));
        speaking * (1.0 - ended) + between(WHEN_ENDED, length) * between(WAITING, silence) * ended
    }
}

/// The line through `points`, level beyond its ends.
fn between(points: &[(f32, f32)], x: f32) -> f32 {
    match points.iter().position(|point| x < point.0) {
        Some(0) => points[0].1,
        Some(n) => {
            let [(x0, y0), (x1, y1)] = [points[n - 1], points[n]];
            y0 + (y1 - y0) * (x - x0) / (x1 - x0)
        }
        None => points.last().map_or(0.0, |point| point.1),
    }
}

/// What is made of the greeting.
#[derive(Clone, Debug)]
struct Mind {
    config: AnsweringMachineConfig,
    greeting: Greeting,
    told: Option<Opinion>,
    events: VecDeque<AnsweringMachineEvent>,
}

impl Mind {
    fn new(config: AnsweringMachineConfig) -> Self {
        Self {
            config,
            greeting: Greeting::default(),
            told: None,
            events: VecDeque::with_capacity(16),
        }
    }

    fn handle_frame(&mut self, frame: Frame) {
        self.greeting.handle_frame(frame);
        if self.told.is_some_and(|told| told.is_final) {
            return;
        }
        let opinion = self.opinion();
        let tells = match self.told {
            None => opinion.answerer != Answerer::Unknown || self.greeting.now >= FIRST_OPINION,
            Some(told) => opinion.is_final || told.answerer != opinion.answerer,
        };
        if tells || opinion.is_final {
            self.tell(opinion);
        }
    }

    fn handle_beep(&mut self, hz: f32, start: Duration, end: Duration) {
        let duration = end - start;
        self.events
            .push_back(AnsweringMachineEvent::Beep { start, end, hz });
        let already = self
            .told
            .is_some_and(|told| told.is_final && told.answerer == Answerer::Machine);
        if !already {
            let opinion = self.formed(0.98, OpinionReason::Beep { hz, duration }, true);
            self.tell(opinion);
        }
    }

    fn opinion(&self) -> Opinion {
        let greeting = &self.greeting;
        let likelihood = greeting.machine_likelihood();
        let (length, silence) = (time(greeting.length()), time(greeting.silence()));
        // The longer the greeting, the more silence it takes: 0.8 s more where a machine is as likely.
        let needed = self.config.silence_after_greeting
            + Duration::from_millis(800).mul_f32(between(
                &[(1500.0, 0.0), (3000.0, 1.0)],
                length.as_millis() as f32,
            ));
        let over = time(greeting.now) >= self.config.listen_for;
        if greeting.first.is_none() {
            self.formed(likelihood, OpinionReason::NoSpeech, over)
        } else if length >= self.config.longest_human_greeting {
            let likelihood = likelihood.max(0.9);
            self.formed(likelihood, OpinionReason::LongGreeting, true)
        } else if silence >= needed {
            self.formed(likelihood.min(HUMAN), OpinionReason::WaitsForAnswer, true)
        } else if over {
            let decided = if likelihood < 0.5 {
                likelihood.min(HUMAN)
            } else {
                likelihood.max(MACHINE)
            };
            self.formed(decided, OpinionReason::TimeIsUp, true)
        } else if silence > Duration::from_millis(400) {
            self.formed(likelihood, OpinionReason::WaitsForAnswer, false)
        } else {
            self.formed(likelihood, OpinionReason::StillSpeaking, false)
        }
    }

    fn formed(&self, machine_likelihood: f32, reason: OpinionReason, is_final: bool) -> Opinion {
        let (answerer, confidence) = if machine_likelihood >= MACHINE {
            (Answerer::Machine, machine_likelihood)
        } else if machine_likelihood <= HUMAN {
            (Answerer::Human, 1.0 - machine_likelihood)
        } else {
            (Answerer::Unknown, 0.0)
        };
        Opinion {
            answerer,
            confidence,
            machine_likelihood,
            reason,
            figures: self.greeting.figures(),
            at: time(self.greeting.now),
            is_final,
        }
    }

    fn tell(&mut self, opinion: Opinion) {
        self.told = Some(opinion);
        self.events
            .push_back(AnsweringMachineEvent::Opinion(opinion));
    }
}
