//! Who sounds what: tables of frequencies and cadences.
//!
//! From ITU-T E.180 and its supplement 2, ITU-T T.30 (fax), and for special information tones the North American code of two
//! frequencies and two lengths.

/// What a tone says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum CallProgressTone {
    /// The exchange waits for digits.
    Dial,
    /// The far end rings.
    Ringback,
    /// The far end is busy.
    Busy,
    /// No way through ("reorder", "fast busy").
    Congestion,
    /// Three rising tones before an announcement: the call cannot be completed.
    SpecialInformation(SpecialInformation),
    /// A fax machine calls: CNG, 1100 Hz (ITU-T T.30).
    FaxCalling,
    /// A fax machine or modem answers: CED or ANSam, 2100 Hz (ITU-T T.30, V.8).
    FaxAnswer,
}

/// What special information tones say where their frequencies and lengths are coded, as in North America.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum SpecialInformation {
    /// The number is not in use or has changed.
    Intercept,
    /// There is no such number.
    VacantCode,
    /// The exchange could not; dialled incompletely.
    Reorder,
    /// All circuits are busy.
    NoCircuit,
    /// Not coded: the plain tones of ITU-T E.180.
    Uncoded,
}

/// Whose tones.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum TonePlan {
    /// United States and Canada. Its dial tone is the United Kingdom's too.
    NorthAmerica,
    /// United Kingdom.
    UnitedKingdom,
    /// Continental Europe and the many countries that follow ITU-T E.180 with 425 Hz.
    Europe,
    /// The same everywhere.
    Worldwide,
}

/// A part of a cadence.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct ToneStep {
    /// One or two frequencies, Hz; 0 for none.
    pub hz: [f32; 2],
    /// How long they sound, ms; 0 for without end.
    pub on_ms: u16,
    /// Silence after that, ms.
    pub off_ms: u16,
}

/// How a tone sounds.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct TonePattern {
    /// What it says.
    pub tone: CallProgressTone,
    /// Whose it is.
    pub plan: TonePlan,
    /// Its cadence, which repeats, except for special information tones.
    pub steps: &'static [ToneStep],
    /// How far each frequency may be off, Hz.
    pub(super) tolerance: f32,
    /// How many times it must sound, or for a steady tone how many ms.
    pub(super) needed: u16,
    /// How much silence must follow, ms.
    pub(super) then_silent_ms: u16,
}

/// Every pattern that is known.
#[must_use]
pub fn patterns() -> &'static [TonePattern] {
    PATTERNS
}

const fn on(hz: [f32; 2], on_ms: u16, off_ms: u16) -> ToneStep {
    ToneStep { hz, on_ms, off_ms }
}

const fn row(
    tone: CallProgressTone,
    plan: TonePlan,
    steps: &'static [ToneStep],
    tolerance: f32,
    needed: u16,
    then_silent_ms: u16,
) -> TonePattern {
    TonePattern {
        tone,
        plan,
        steps,
        tolerance,
        needed,
        then_silent_ms,
    }
}

use CallProgressTone::{
    Busy, Congestion, Dial, FaxAnswer, FaxCalling, Ringback, SpecialInformation as Sit,
};
use SpecialInformation::{Intercept, NoCircuit, Reorder, Uncoded, VacantCode};
use TonePlan::{Europe, NorthAmerica, UnitedKingdom, Worldwide};

const E: [f32; 2] = [425.0, 0.0];
const UK: [f32; 2] = [400.0, 0.0];
const UK_RING: [f32; 2] = [400.0, 450.0];
const DIAL: [f32; 2] = [350.0, 440.0];
const RING: [f32; 2] = [440.0, 480.0];
const BUSY: [f32; 2] = [480.0, 620.0];

#[rustfmt::skip]
static PATTERNS: &[TonePattern] = &[
    //  tone              plan           cadence                                              Hz off  times  silence
    row(Dial,             NorthAmerica,  &[on(DIAL, 0, 0)],                                    8.0,   1000,    0),
    row(Ringback,         NorthAmerica,  &[on(RING, 2000, 4000)],                              8.0,      1,  300),
    row(Busy,             NorthAmerica,  &[on(BUSY, 500, 500)],                                8.0,      2,  100),
    row(Congestion,       NorthAmerica,  &[on(BUSY, 250, 250)],                                8.0,      3,  100),
    row(Ringback,         UnitedKingdom, &[on(UK_RING, 400, 200), on(UK_RING, 400, 2000)],    10.0,      2,  100),
    row(Busy,             UnitedKingdom, &[on(UK, 375, 375)],                                  7.0,      3,  100),
    row(Congestion,       UnitedKingdom, &[on(UK, 400, 350), on(UK, 225, 525)],                7.0,      3,  100),
    row(Dial,             Europe,        &[on(E, 0, 0)],                                      13.0,   2500,    0),
    row(Ringback,         Europe,        &[on(E, 1000, 4000)],                                13.0,      1, 1000),
    row(Ringback,         Europe,        &[on(E, 1500, 3500)],                                13.0,      1, 1000),
    row(Busy,             Europe,        &[on(E, 500, 500)],                                  13.0,      2,  100),
    row(Congestion,       Europe,        &[on(E, 250, 250)],                                  13.0,      3,  100),
    row(FaxCalling,       Worldwide,     &[on([1100.0, 0.0], 500, 3000)],                     38.0,      1,  500),
    row(FaxAnswer,        Worldwide,     &[on([2100.0, 0.0], 3300, 0)],                       20.0,    400,    0),
    row(Sit(Uncoded),     Worldwide,     &[on([950.0, 0.0], 330, 0), on([1400.0, 0.0], 330, 0), on([1800.0, 0.0], 330, 1000)], 50.0, 1, 0),
    row(Sit(Intercept),   NorthAmerica,  &[on([913.8, 0.0], 274, 0), on([1370.6, 0.0], 274, 0), on([1776.7, 0.0], 380, 0)], 20.0, 1, 0),
    row(Sit(VacantCode),  NorthAmerica,  &[on([985.2, 0.0], 380, 0), on([1370.6, 0.0], 274, 0), on([1776.7, 0.0], 380, 0)], 20.0, 1, 0),
    row(Sit(Reorder),     NorthAmerica,  &[on([913.8, 0.0], 274, 0), on([1428.5, 0.0], 380, 0), on([1776.7, 0.0], 380, 0)], 20.0, 1, 0),
    row(Sit(Reorder),     NorthAmerica,  &[on([985.2, 0.0], 274, 0), on([1370.6, 0.0], 380, 0), on([1776.7, 0.0], 380, 0)], 20.0, 1, 0),
    row(Sit(NoCircuit),   NorthAmerica,  &[on([985.2, 0.0], 380, 0), on([1428.5, 0.0], 380, 0), on([1776.7, 0.0], 380, 0)], 20.0, 1, 0),
    row(Sit(NoCircuit),   NorthAmerica,  &[on([913.8, 0.0], 380, 0), on([1370.6, 0.0], 380, 0), on([1776.7, 0.0], 380, 0)], 20.0, 1, 0),
];

impl TonePattern {
    /// Sounds without end or pause.
    pub(super) fn is_steady(&self) -> bool {
        self.steps.len() == 1 && self.steps[0].off_ms == 0
    }

    /// Three tones in a row that come once.
    pub(super) fn is_special_information(&self) -> bool {
        matches!(self.tone, CallProgressTone::SpecialInformation(_))
    }
}
