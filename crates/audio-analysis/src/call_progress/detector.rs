//! Finds the tones of the tables.

use std::collections::VecDeque;
use std::time::Duration;

use crate::intake::{Intake, RATE, at};
use crate::runs::{Run, Runs};

use super::plans::{CallProgressTone, TonePattern, TonePlan, patterns};

/// Runs that a cadence may need, and one.
const KEPT_RUNS: usize = 5;
/// How far a length may be off, as a share and ms.
const LENGTH_SHARE: f32 = 0.2;
const LENGTH_MS: f32 = 20.0;
/// Special information tones: longest break between two, and how far each may be off the coded length, ms.
const SPECIAL_BREAK_MS: f32 = 60.0;
const SPECIAL_CODED_MS: f32 = 45.0;
const SPECIAL_UNCODED_MS: f32 = 110.0;

/// What a [`CallProgressDetector`] found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum CallProgressEvent {
    /// A tone, told as soon as its cadence is certain, once until it stops.
    Started {
        /// What it says.
        tone: CallProgressTone,
        /// Whose plan it fits; the first of those that share it.
        plan: TonePlan,
        /// Media time of its beginning.
        at: Duration,
    },
    /// It stopped; not told of special information tones, which come once.
    Stopped {
        /// What it said.
        tone: CallProgressTone,
        /// Media time of its end.
        at: Duration,
    },
}

impl CallProgressEvent {
    /// The same by a clock that read `by` when the detector began to listen.
    #[must_use]
    pub fn later(self, by: Duration) -> Self {
        match self {
            Self::Started { tone, plan, at } => Self::Started {
                tone,
                plan,
                at: at + by,
            },
            Self::Stopped { tone, at } => Self::Stopped { tone, at: at + by },
        }
    }
}

/// Finds dial tone, ringback, busy, congestion, special information tones and the tones of fax machines by frequency and
/// cadence, after the tables of [`patterns`].
///
/// How long it takes: dial tone 1 s (North America, United Kingdom) or 2.5 s (425 Hz, until it cannot be ringback), ringback the first ring and up to a
/// second of silence, busy and congestion two or three beats, special information tones themselves, fax 1 s at most.
///
/// ```
/// use audio_analysis::{
///     CallProgressDetector, CallProgressEvent, CallProgressGenerator, CallProgressTone, patterns,
/// };
///
/// let busy = patterns().iter().find(|row| row.tone == CallProgressTone::Busy).unwrap();
/// let mut sound = [0.0; 16_000]; // 2 s
/// CallProgressGenerator::new(8000, busy, -15.0).fill(&mut sound);
///
/// let mut detector = CallProgressDetector::new(8000);
/// detector.push(&sound);
/// assert!(matches!(
///     detector.poll_event(),
///     Some(CallProgressEvent::Started { tone: CallProgressTone::Busy, .. })
/// ));
/// ```
#[derive(Clone, Debug)]
pub struct CallProgressDetector {
    intake: Intake,
    runs: Runs,
    cadences: Cadences,
}

impl CallProgressDetector {
    /// For mono samples at `sample_rate` Hz.
    ///
    /// # Panics
    ///
    /// When `sample_rate` is not of 8,000 to 192,000 Hz.
    #[must_use]
    pub fn new(sample_rate: u32) -> Self {
        Self {
            intake: Intake::new(sample_rate, RATE),
            runs: Runs::new(),
            cadences: Cadences {
                recent: VecDeque::with_capacity(KEPT_RUNS + 1),
                sounding: None,
                events: VecDeque::with_capacity(16),
            },
        }
    }

    /// Takes the next samples, any number, in [-1, 1].
    pub fn push(&mut self, samples: &[f32]) {
        let Self {
            intake,
            runs,
            cadences,
        } = self;
        intake.push(samples, |sample| {
            let Some(hop) = runs.push(sample) else { return };
            if hop.spoiled {
                cadences.stop();
            }
            if let Some(run) = hop.ended {
                cadences.handle_run(run);
            }
            cadences.handle_time(runs.current, runs.taken);
        });
    }

    /// What was found since, oldest first.
    pub fn poll_event(&mut self) -> Option<CallProgressEvent> {
        self.cadences.events.pop_front()
    }
}

/// Runs joined to cadences.
#[derive(Clone, Debug)]
struct Cadences {
    /// The last runs that are over, oldest first.
    recent: VecDeque<Run>,
    /// What was told of and has not stopped.
    sounding: Option<&'static TonePattern>,
    events: VecDeque<CallProgressEvent>,
}

impl Cadences {
    fn handle_run(&mut self, run: Run) {
        if self.recent.len() == KEPT_RUNS {
            self.recent.pop_front();
        }
        self.recent.push_back(run);
        if let Some(pattern) = self.sounding {
            let fits = pattern
                .steps
                .iter()
                .any(|step| run.is_at(step.hz, pattern.tolerance) && is_near(run.ms(), step.on_ms));
            if pattern.is_steady() || !fits {
                self.stop();
            }
        } else {
            self.find_special_information();
        }
    }

    fn handle_time(&mut self, current: Option<Run>, now: u64) {
        let silent_ms = self.recent.back().map_or(0.0, |last| ms(last.end, now));
        if let Some(pattern) = self.sounding {
            let over = match current {
                Some(run) => pattern.steps.iter().all(|step| {
                    !run.is_at(step.hz, pattern.tolerance)
                        || (step.on_ms > 0 && run.ms() > most(step.on_ms) + 100.0)
                }),
                None => pattern
                    .steps
                    .iter()
                    .all(|step| silent_ms > most(step.off_ms) + 100.0),
            };
            if over && (!pattern.is_steady() || current.is_some()) {
                self.stop();
            }
            return;
        }
        let found = patterns()
            .iter()
            .filter(|pattern| !pattern.is_special_information())
            .find_map(|pattern| {
                let start = match current {
                    Some(run) => steady(pattern, run)?,
                    None => self.cadence(pattern, silent_ms)?,
                };
                Some((pattern, start))
            });
        if let Some((pattern, start)) = found {
            self.sounding = Some(pattern);
            self.tell(pattern, start);
        }
    }

    /// Where `pattern` began, if the last runs are it.
    fn cadence(&self, pattern: &TonePattern, silent_ms: f32) -> Option<u64> {
        let needed = usize::from(pattern.needed);
        if pattern.is_steady()
            || self.recent.len() < needed
            || silent_ms < f32::from(pattern.then_silent_ms)
        {
            return None;
        }
        let last = self.recent.range(self.recent.len() - needed..);
        let steps = pattern.steps;
        let fits = |offset: usize| {
            let mut before: Option<Run> = None;
            last.clone().enumerate().all(|(n, run)| {
                let step = steps[(offset + n) % steps.len()];
                let off_ms = steps[(offset + n + steps.len() - 1) % steps.len()].off_ms;
                let gap_fits =
                    before.is_none_or(|before| is_near(ms(before.end, run.start), off_ms));
                before = Some(*run);
                gap_fits && run.is_at(step.hz, pattern.tolerance) && is_near(run.ms(), step.on_ms)
            })
        };
        let first = last.clone().next()?;
        (0..steps.len()).any(fits).then_some(first.start)
    }

    /// Three rising tones; the coded ones go first.
    fn find_special_information(&mut self) {
        let Some(first) = self.recent.len().checked_sub(3) else {
            return;
        };
        let three = [0, 1, 2].map(|n| self.recent[first + n]);
        let joined = three
            .windows(2)
            .all(|pair| ms(pair[0].end, pair[1].start) < SPECIAL_BREAK_MS);
        let fits = |pattern: &&TonePattern| {
            let coded = pattern.plan != TonePlan::Worldwide;
            let off = if coded {
                SPECIAL_CODED_MS
            } else {
                SPECIAL_UNCODED_MS
            };
            pattern.steps.iter().zip(three).all(|(step, run)| {
                run.is_at(step.hz, pattern.tolerance)
                    && (run.ms() - f32::from(step.on_ms)).abs() < off
            })
        };
        let mut known = patterns()
            .iter()
            .filter(|pattern| pattern.is_special_information());
        if joined && let Some(pattern) = known.clone().rev().find(fits).or_else(|| known.find(fits))
        {
            self.tell(pattern, three[0].start);
            self.recent.clear();
        }
    }

    fn tell(&mut self, pattern: &TonePattern, start: u64) {
        self.events.push_back(CallProgressEvent::Started {
            tone: pattern.tone,
            plan: pattern.plan,
            at: at(start),
        });
    }

    /// What sounded is over, and what was heard of a cadence is void.
    fn stop(&mut self) {
        if let Some(pattern) = self.sounding.take() {
            let end = self.recent.back().map_or(0, |last| last.end);
            self.events.push_back(CallProgressEvent::Stopped {
                tone: pattern.tone,
                at: at(end),
            });
        }
        self.recent.clear();
    }
}

/// Where `pattern` began, if it is a steady tone and `run` is it.
fn steady(pattern: &TonePattern, run: Run) -> Option<u64> {
    let fits = pattern.is_steady()
        && run.is_at(pattern.steps[0].hz, pattern.tolerance)
        && run.ms() >= f32::from(pattern.needed);
    fits.then_some(run.start)
}

fn is_near(ms: f32, nominal: u16) -> bool {
    let nominal = f32::from(nominal);
    (ms - nominal).abs() <= LENGTH_SHARE * nominal + LENGTH_MS
}

fn most(nominal: u16) -> f32 {
    f32::from(nominal) * (1.0 + LENGTH_SHARE) + LENGTH_MS
}

fn ms(from: u64, to: u64) -> f32 {
    to.saturating_sub(from) as f32 * 1000.0 / RATE as f32
}
