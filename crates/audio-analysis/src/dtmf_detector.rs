//! Digits found in the sound (ITU-T Q.24).

use std::collections::VecDeque;
use std::f32::consts::{PI, TAU};
use std::ops::RangeInclusive;
use std::time::Duration;

use crate::dtmf::{HIGH, LOW, digit};
use crate::goertzel_bank::GoertzelBank;
use crate::intake::{Intake, RATE, at};
use crate::level::power_of_dbm0;
use crate::two_sines::TwoSines;

/// A window is looked at every 5 ms...
const HOP: usize = 40;
/// ...and is 20 ms long. A digit of 40 ms fills at least four windows, one of 23 ms never more than two well enough.
const WINDOW: usize = 160;
/// Windows in a row that make a digit.
const HITS: u32 = 3;
/// Windows in a row without the digit that end it: a break of 10 ms spoils five, a pause of 40 ms ten.
const MISSES: u32 = 8;
/// A frequency is measured by the phase between two parts of a window...
const PART: usize = 100;
/// ...that begin so far apart.
const PART_LAG: usize = WINDOW - PART;
/// Largest deviation from a nominal frequency: 1.5 % and 2 Hz must be taken, 3.5 % must not.
const MAX_DEVIATION: f32 = 0.025;
/// Least level of each tone, dBm0: -36 must be taken.
const MIN_LEVEL_DBM0: f32 = -38.5;
/// High over low tone, dB: -8 to 4 must be taken.
const TWIST: RangeInclusive<f32> = -9.5..=5.5;
/// Both tones together must carry this share of a window's energy: speech seldom does, noise of 15 dB leaves 0.97.
const MIN_SHARE: f32 = 0.83;
/// What is far from it in a first look is not looked at further.
const MIN_FIRST_SHARE: f32 = 0.5;
/// Most of a tone's power that its second harmonic may have: voices have more.
const MAX_HARMONIC: f32 = 0.06;
/// Hz that a tapered window tells apart; where a column lies so near a row's second harmonic, that one is not looked at.
const RESOLUTION: f32 = 110.0;

/// What a [`DtmfDetector`] found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum DtmfEvent {
    /// A key went down; told 30 to 40 ms after it did.
    Pressed {
        /// `0` to `9`, `*`, `#`, `A` to `D`.
        digit: char,
        /// Media time at which the tone began, within some 4 ms.
        at: Duration,
    },
    /// The key went up; told some 40 ms after it did.
    Released {
        /// `0` to `9`, `*`, `#`, `A` to `D`.
        digit: char,
        /// Media time at which the tone ended.
        at: Duration,
        /// How long it sounded.
        duration: Duration,
    },
}

/// Finds DTMF digits in received sound, within the limits of ITU-T Q.24: frequencies 1.5 % off are taken and 3.5 % are not, tones
/// of 40 ms are and of 23 ms are not, levels of -36 dBm0 a tone and more, the high tone 8 dB below to 4 dB above the low one,
/// pauses of 40 ms. Speech does not make digits.
///
/// ```
/// use audio_analysis::{DtmfDetector, DtmfEvent, DtmfGenerator, DtmfSound};
///
/// let mut digits = DtmfGenerator::new(8000, DtmfSound::default());
/// digits.queue('7');
/// let mut frame = [0.0; 1600];
/// digits.fill(&mut frame);
///
/// let mut detector = DtmfDetector::new(8000);
/// detector.push(&frame);
/// assert!(matches!(detector.poll_event(), Some(DtmfEvent::Pressed { digit: '7', .. })));
/// assert!(matches!(detector.poll_event(), Some(DtmfEvent::Released { digit: '7', .. })));
/// assert_eq!(detector.poll_event(), None);
/// ```
#[derive(Clone, Debug)]
pub struct DtmfDetector {
    intake: Intake,
    windows: Windows,
    keys: Keys,
}

impl DtmfDetector {
    /// For mono samples at `sample_rate` Hz.
    ///
    /// # Panics
    ///
    /// When `sample_rate` is not of 8,000 to 192,000 Hz.
    #[must_use]
    pub fn new(sample_rate: u32) -> Self {
        Self {
            intake: Intake::new(sample_rate, RATE),
            windows: Windows::new(),
            keys: Keys {
                events: VecDeque::with_capacity(16),
                ..Keys::default()
            },
        }
    }

    /// Takes the next samples, any number, in [-1, 1].
    pub fn push(&mut self, samples: &[f32]) {
        let Self {
            intake,
            windows,
            keys,
        } = self;
        intake.push(samples, |sample| {
            if let Some(found) = windows.push(sample) {
                keys.handle_window(found, windows.taken);
            }
        });
    }

    /// What was found since, oldest first.
    pub fn poll_event(&mut self) -> Option<DtmfEvent> {
        self.keys.events.pop_front()
    }
}

/// The last 20 ms, looked at every 5 ms.
#[derive(Clone, Debug)]
struct Windows {
    samples: [f32; WINDOW],
    filled: usize,
    /// Samples so far.
    taken: u64,
    whole_taper: [f32; WINDOW],
    part_taper: [f32; PART],
    digits: GoertzelBank<8>,
    fit: TwoSines,
}

impl Windows {
    fn new() -> Self {
        Self {
            samples: [0.0; WINDOW],
            filled: WINDOW - HOP,
            taken: 0,
            whole_taper: hann(),
            part_taper: hann(),
            digits: GoertzelBank::new(std::array::from_fn(|n| {
                if n < 4 { LOW[n] } else { HIGH[n - 4] }
            })),
            fit: TwoSines::new(RATE),
        }
    }

    /// The outcome of a window when `sample` completes one.
    fn push(&mut self, sample: f32) -> Option<Option<char>> {
        self.samples[self.filled] = sample;
        self.filled += 1;
        self.taken += 1;
        if self.filled < WINDOW {
            return None;
        }
        let found = self.digit();
        self.samples.copy_within(HOP.., 0);
        self.filled = WINDOW - HOP;
        Some(found)
    }

    fn digit(&self) -> Option<char> {
        let power = self.samples.iter().map(|s| s * s).sum::<f32>() / WINDOW as f32;
        let least = power_of_dbm0(MIN_LEVEL_DBM0);
        if power < 2.0 * least * MIN_SHARE {
            return None;
        }
        let tapered: [f32; WINDOW] = std::array::from_fn(|n| self.samples[n] * self.whole_taper[n]);
        // The taper halves the amplitude.
        let powers = self.digits.amplitudes(&tapered).map(|a| 2.0 * a * a);
        let (row, column) = (strongest(&powers[..4]), strongest(&powers[4..]));
        if powers[row] + powers[4 + column] < MIN_FIRST_SHARE * power {
            return None;
        }
        let [low, high] = self.measured([LOW[row], HIGH[column]])?;
        let fit = self.fit.powers(&self.samples, [low, high]);
        let [low_power, high_power] = fit.tones;
        if fit.together < MIN_SHARE * power || low_power.min(high_power) < least {
            return None;
        }
        let twist = 10.0 * (high_power / low_power).log10();
        if !TWIST.contains(&twist) {
            return None;
        }
        let harmonics = GoertzelBank::new([2.0 * low, 2.0 * high])
            .amplitudes(&tapered)
            .map(|a| 2.0 * a * a);
        let low_is_pure =
            (2.0 * low - high).abs() <= RESOLUTION || harmonics[0] < MAX_HARMONIC * low_power;
        let is_pure = low_is_pure && harmonics[1] < MAX_HARMONIC * high_power;
        is_pure.then(|| digit(row, column))
    }

    /// The frequencies of the tones near `nominal` Hz, or `None` when one is too far from it.
    fn measured(&self, nominal: [f32; 2]) -> Option<[f32; 2]> {
        let bank = GoertzelBank::new(nominal);
        let phases = |part: &[f32]| {
            let tapered: [f32; PART] = std::array::from_fn(|n| part[n] * self.part_taper[n]);
            bank.phases(&tapered)
        };
        let (before, after) = (
            phases(&self.samples[..PART]),
            phases(&self.samples[PART_LAG..]),
        );
        let mut measured = nominal;
        for (n, hz) in measured.iter_mut().enumerate() {
            let expected = TAU * *hz * PART_LAG as f32 / RATE as f32;
            let beyond = (after[n] - before[n] - expected + PI).rem_euclid(TAU) - PI;
            let deviation = beyond * RATE as f32 / (TAU * PART_LAG as f32);
            if deviation.abs() > MAX_DEVIATION * *hz {
                return None;
            }
            *hz += deviation;
        }
        Some(measured)
    }
}

fn strongest(powers: &[f32]) -> usize {
    (1..powers.len()).fold(0, |best, n| if powers[n] > powers[best] { n } else { best })
}

/// Windows joined to key presses.
#[derive(Clone, Debug, Default)]
struct Keys {
    /// What the last windows held, of which not enough came yet, and how many did.
    candidate: Option<(char, u32)>,
    down: Option<Down>,
    events: VecDeque<DtmfEvent>,
}

#[derive(Clone, Copy, Debug)]
struct Down {
    digit: char,
    /// In samples.
    since: u64,
    last: u64,
    misses: u32,
}

impl Keys {
    /// `end`: samples up to the end of the window.
    fn handle_window(&mut self, found: Option<char>, end: u64) {
        if let (Some(down), Some(found)) = (&mut self.down, found)
            && down.digit == found
        {
            (down.last, down.misses) = (end, 0);
            self.candidate = None;
            return;
        }
        if let Some(down) = &mut self.down {
            down.misses += 1;
            if down.misses >= MISSES {
                self.release();
            }
        }
        self.candidate = match (self.candidate, found) {
            (Some((digit, hits)), Some(found)) if digit == found => Some((digit, hits + 1)),
            (_, found) => found.map(|found| (found, 1)),
        };
        if let Some((digit, HITS)) = self.candidate {
            self.candidate = None;
            self.release();
            // A window counts from 3 ms of tone missing, on average with 2.5 ms more of it gone by.
            let length = WINDOW as u64 + u64::from(HITS - 1) * HOP as u64;
            let since = end.saturating_sub(length);
            self.down = Some(Down {
                digit,
                since,
                last: end,
                misses: 0,
            });
            self.events.push_back(DtmfEvent::Pressed {
                digit,
                at: at(since),
            });
        }
    }

    fn release(&mut self) {
        if let Some(down) = self.down.take() {
            self.events.push_back(DtmfEvent::Released {
                digit: down.digit,
                at: at(down.last),
                duration: at(down.last) - at(down.since),
            });
        }
    }
}

fn hann<const N: usize>() -> [f32; N] {
    std::array::from_fn(|n| 0.5 - 0.5 * (TAU * (n as f32 + 0.5) / N as f32).cos())
}
