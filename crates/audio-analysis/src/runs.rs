//! Stretches of one steady tone or pair of tones, with exact ends.

use crate::intake::RATE;
use crate::level::power_of_dbm0;
use crate::spectrum::Spectrum;

/// Length of a window, 100 ms: 40 Hz are told apart.
const WINDOW: usize = RATE as usize / 10;
/// Windows are 10 ms apart.
pub(crate) const HOP: usize = RATE as usize / 100;
/// Power is kept by slots of 5 ms...
const SLOT: usize = HOP / 2;
/// ...as the mean of five of them, which levels the beat of tones 40 Hz apart.
const MEAN: usize = 5;
/// How many slots are remembered.
const SLOTS: usize = 64;
/// Share of a window's energy that one or two tones must have; noise of 15 dB leaves 0.97.
const MIN_SHARE: f32 = 0.75;
/// Least share of the fainter of two tones, and most of a second one beside a single tone.
const MIN_SECOND: f32 = 0.10;
/// Least power of a window.
const MIN_LEVEL_DBM0: f32 = -46.0;
/// How far a tone's frequency may wander, Hz, or as a share.
const WANDER: f32 = 6.0;
const WANDER_SHARE: f32 = 0.01;
/// Hops without the tone after which it is over: where the power fell, and anyway.
const FALLEN: u64 = 5;
const LOST: u64 = 14;
/// Hops of other sound that spoil a cadence.
const SPOILED: u32 = 10;

/// A tone, or two at once, without a break. Times are in samples.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Run {
    /// Hz, lower first; the second is 0 for a single tone.
    pub(crate) hz: [f32; 2],
    pub(crate) start: u64,
    pub(crate) end: u64,
    power: f32,
    /// Largest share of a window's energy that it had.
    pub(crate) share: f32,
    /// Samples up to the end of the last window that held it.
    seen: u64,
}

impl Run {
    pub(crate) fn ms(&self) -> f32 {
        (self.end.saturating_sub(self.start)) as f32 * 1000.0 / RATE as f32
    }

    pub(crate) fn is_at(&self, hz: [f32; 2], tolerance: f32) -> bool {
        self.hz
            .iter()
            .zip(hz)
            .all(|(is, should)| (is - should).abs() <= tolerance)
    }

    /// Whether two tones are but this one as it passes into another, or as its phase jumps.
    fn passes_into(&self, hz: [f32; 2]) -> bool {
        let near = |hz: f32| (hz - self.hz[0]).abs() < 20.0;
        self.hz[1] == 0.0 && hz[1] > 0.0 && (near(hz[0]) || near(hz[1]))
    }

    fn holds(&self, hz: [f32; 2]) -> bool {
        self.hz
            .iter()
            .zip(hz)
            .all(|(is, now)| (is - now).abs() <= WANDER.max(WANDER_SHARE * is))
    }
}

/// Cuts sound into runs.
#[derive(Clone, Debug)]
pub(crate) struct Runs {
    spectrum: Spectrum,
    window: Vec<f32>,
    filled: usize,
    /// Samples so far.
    pub(crate) taken: u64,
    slot_sum: f32,
    /// Mean squares of the last slots, and their running means; by slot number modulo `SLOTS`.
    slots: [f32; SLOTS],
    means: [f32; SLOTS],
    /// The run that lasts.
    pub(crate) current: Option<Run>,
    /// A tone that was in the last window for the first time.
    candidate: Option<[f32; 2]>,
    last_end: u64,
    last_power: f32,
    /// Hops of loud sound that is no tone, in a row.
    other: u32,
}

/// What a window holds.
#[derive(Clone, Copy, Debug)]
struct Tone {
    hz: [f32; 2],
    share: f32,
}

/// What a hop brought.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Hop {
    /// A run that is over.
    pub(crate) ended: Option<Run>,
    /// There is other sound.
    pub(crate) spoiled: bool,
}

impl Runs {
    pub(crate) fn new() -> Self {
        Self {
            spectrum: Spectrum::new(WINDOW),
            window: vec![0.0; WINDOW],
            filled: WINDOW - HOP,
            taken: 0,
            slot_sum: 0.0,
            slots: [0.0; SLOTS],
            means: [0.0; SLOTS],
            current: None,
            candidate: None,
            last_end: 0,
            last_power: 0.0,
            other: 0,
        }
    }

    /// Takes a sample of 8 kHz; the outcome of a hop when that completes one.
    pub(crate) fn push(&mut self, sample: f32) -> Option<Hop> {
        self.window[self.filled] = sample;
        self.filled += 1;
        self.taken += 1;
        self.slot_sum += sample * sample;
        if self.taken.is_multiple_of(SLOT as u64) {
            self.end_slot();
        }
        if self.filled < WINDOW {
            return None;
        }
        let tone = self.tone();
        let hop = self.handle_window(tone);
        self.window.copy_within(HOP.., 0);
        self.filled = WINDOW - HOP;
        Some(hop)
    }

    fn end_slot(&mut self) {
        let slot = (self.taken / SLOT as u64 - 1) as usize;
        self.slots[slot % SLOTS] = self.slot_sum / SLOT as f32;
        self.slot_sum = 0.0;
        let sum: f32 = (0..MEAN)
            .map(|back| self.slots[(slot + SLOTS - back) % SLOTS])
            .sum();
        self.means[slot % SLOTS] = sum / MEAN as f32;
    }

    /// The tone or tones that make up the window.
    fn tone(&mut self) -> Option<Tone> {
        let power = self.window.iter().map(|s| s * s).sum::<f32>() / WINDOW as f32;
        if power < power_of_dbm0(MIN_LEVEL_DBM0) {
            return None;
        }
        let [first, second] = self.spectrum.peaks(&self.window);
        if first.share + second.share < MIN_SHARE {
            None
        } else if second.share >= MIN_SECOND {
            Some(Tone {
                hz: [first.hz.min(second.hz), first.hz.max(second.hz)],
                share: first.share + second.share,
            })
        } else {
            (first.share >= MIN_SHARE).then_some(Tone {
                hz: [first.hz, 0.0],
                share: first.share,
            })
        }
    }

    fn handle_window(&mut self, tone: Option<Tone>) -> Hop {
        let share = tone.map_or(0.0, |tone| tone.share);
        let tone = tone
            .map(|tone| tone.hz)
            .filter(|hz| !self.current.is_some_and(|run| run.passes_into(*hz)));
        let mut hop = Hop::default();
        let loudest = self.loudest();
        if let (Some(run), Some(hz)) = (&mut self.current, tone)
            && run.holds(hz)
        {
            for (mean, now) in run.hz.iter_mut().zip(hz) {
                *mean += 0.2 * (now - *mean);
            }
            (run.seen, run.end) = (self.taken, self.taken);
            (self.candidate, self.other) = (None, 0);
            run.power = run.power.max(loudest);
            run.share = run.share.max(share);
            return hop;
        }
        let begins = match (self.candidate, tone) {
            (Some(before), Some(now)) => before
                .iter()
                .zip(now)
                .all(|(before, now)| (before - now).abs() <= 2.0 * WANDER.max(WANDER_SHARE * now)),
            _ => false,
        };
        self.candidate = tone;
        if let Some(run) = self.current {
            let unseen = (self.taken - run.seen) / HOP as u64;
            let fallen = self.newest_mean() < run.power / 2.0;
            if begins || unseen >= LOST || (unseen >= FALLEN && fallen) {
                hop.ended = Some(self.end_run(run, begins));
            }
        }
        if let (true, Some(hz)) = (begins, tone) {
            self.begin_run(hz, loudest, share);
        }
        let loud = self.newest_mean() > (self.last_power / 2.0).max(power_of_dbm0(MIN_LEVEL_DBM0));
        self.other = if loud && self.current.is_none() {
            self.other + 1
        } else {
            0
        };
        hop.spoiled = self.other >= SPOILED;
        hop
    }

    fn begin_run(&mut self, hz: [f32; 2], power: f32, share: f32) {
        let newest = self.taken / SLOT as u64;
        // Back to where the power rose, at most a window.
        let back = (1..=(WINDOW / SLOT) as u64)
            .take_while(|back| *back <= newest && self.mean(newest - back) >= power / 2.0)
            .last()
            .unwrap_or(1);
        let start = middle(newest - back).max(self.last_end);
        self.candidate = None;
        self.current = Some(Run {
            hz,
            start,
            end: self.taken,
            power,
            share,
            seen: self.taken,
        });
    }

    /// `replaced`: by another tone, without a pause.
    fn end_run(&mut self, run: Run, replaced: bool) -> Run {
        let (first, newest) = (
            run.seen.saturating_sub(WINDOW as u64) / SLOT as u64,
            self.taken / SLOT as u64,
        );
        let quiet = |slot: u64| self.mean(slot) < run.power / 2.0;
        let fell = (first..newest.saturating_sub(MEAN as u64 - 1))
            .find(|slot| (0..MEAN as u64).all(|n| quiet(slot + n)));
        let end = match fell {
            Some(slot) => middle(slot),
            // The last window that is all the one tone, and the first that is all the other, end as long before and after.
            None if replaced => (run.seen + self.taken - HOP as u64) / 2 - WINDOW as u64 / 2,
            None => run.seen - WINDOW as u64 / 2,
        };
        self.current = None;
        (self.last_end, self.last_power) = (end, run.power);
        Run { end, ..run }
    }

    /// Loudest mean within the window.
    fn loudest(&self) -> f32 {
        let newest = self.taken / SLOT as u64;
        (1..=(WINDOW / SLOT) as u64)
            .filter(|back| *back <= newest)
            .map(|back| self.mean(newest - back))
            .fold(0.0, f32::max)
    }

    /// Whether the last 25 ms were not much fainter than the last run.
    pub(crate) fn is_loud(&self) -> bool {
        self.newest_mean() > (self.last_power / 12.0).max(power_of_dbm0(MIN_LEVEL_DBM0))
    }

    fn newest_mean(&self) -> f32 {
        self.mean(self.taken / SLOT as u64 - 1)
    }

    fn mean(&self, slot: u64) -> f32 {
        self.means[slot as usize % SLOTS]
    }
}

/// The sample in the middle of what a slot's mean covers.
fn middle(slot: u64) -> u64 {
    ((slot + 1) * SLOT as u64).saturating_sub((MEAN * SLOT / 2) as u64)
}
