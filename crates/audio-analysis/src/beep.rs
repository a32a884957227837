//! The beep after which a machine records.

use std::time::Duration;

use crate::intake::{RATE, at};
use crate::runs::{Run, Runs};

/// Hz of beeps.
const HZ: std::ops::RangeInclusive<f32> = 395.0..=2050.0;
/// Without speech before it a low tone is rather ringback.
const HZ_ALONE: f32 = 500.0;
/// Least share of the sound that a beep has at best; the harmonic of a voice has less.
const SHARE: f32 = 0.95;
/// Lengths of beeps, ms.
const MS: std::ops::RangeInclusive<f32> = 75.0..=2050.0;
/// Silence after which a tone was a beep, samples: 200 ms.
const SILENCE: u64 = RATE as u64 / 5;

/// A beep.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Beep {
    pub(crate) hz: f32,
    pub(crate) start: Duration,
    pub(crate) end: Duration,
}

/// Finds single tones of the length of a beep, with silence after them.
#[derive(Clone, Debug)]
pub(crate) struct Beeps {
    runs: Runs,
    /// A tone that may have been one.
    candidate: Option<Run>,
}

impl Beeps {
    pub(crate) fn new() -> Self {
        Self {
            runs: Runs::new(),
            candidate: None,
        }
    }

    /// Takes a sample of 8 kHz.
    pub(crate) fn push(&mut self, sample: f32, after_speech: bool) -> Option<Beep> {
        let hop = self.runs.push(sample)?;
        if let Some(run) = hop.ended {
            let [hz, second] = run.hz;
            let fits = second == 0.0
                && HZ.contains(&hz)
                && run.share > SHARE
                && (after_speech || hz > HZ_ALONE)
                && MS.contains(&run.ms());
            self.candidate = fits.then_some(run);
        }
        let run = self.candidate?;
        if self.runs.current.is_some()
            || self.runs.is_loud() && self.runs.taken > run.end + SILENCE / 2
        {
            self.candidate = None;
            return None;
        }
        if self.runs.taken < run.end + SILENCE {
            return None;
        }
        self.candidate = None;
        Some(Beep {
            hz: run.hz[0],
            start: at(run.start),
            end: at(run.end),
        })
    }

    /// Whether a tone sounds that may become a beep.
    pub(crate) fn is_sounding(&self) -> bool {
        self.runs
            .current
            .is_some_and(|run| run.hz[1] == 0.0 && HZ.contains(&run.hz[0]))
    }
}
