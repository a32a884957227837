//! Where in time a thread's sessions are served, so that its load is flat.

use std::time::{Duration, Instant};

/// Sessions are served at whole slots: fewer wake-ups, and calls that come together are spread.
pub(crate) const SLOT: Duration = Duration::from_millis(5);

/// Slots in 120 ms, after which sessions of 10, 20, 30, 40 and 60 ms meet again.
const CYCLE: usize = 24;

/// The slots of one thread, counted from its start.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Slots {
    origin: Instant,
}

impl Slots {
    pub(crate) fn new(origin: Instant) -> Self {
        Self { origin }
    }

    /// The first slot at or after `time`.
    pub(crate) fn ceil(&self, time: Instant) -> Instant {
        let since = time.saturating_duration_since(self.origin).as_nanos();
        let slots = since.div_ceil(SLOT.as_nanos());
        self.origin + Duration::from_nanos((slots * SLOT.as_nanos()) as u64)
    }

    /// Where to put a session of `ptime` that comes at `now`, beside those which are `busy`: the
    /// first of the next slots whose busiest moment has the fewest sessions.
    pub(crate) fn emptiest(
        &self,
        now: Instant,
        ptime: Duration,
        busy: impl Iterator<Item = (Instant, Duration)>,
    ) -> Instant {
        let mut load = [0_u32; CYCLE];
        for (due, ptime) in busy {
            for slot in self.places(due, ptime) {
                load[slot] += 1;
            }
        }
        let first = self.ceil(now);
        let candidates = (0..slots_in(ptime)).map(|slot| first + SLOT * slot as u32);
        candidates
            .min_by_key(|&due| {
                self.places(due, ptime)
                    .map(|slot| load[slot])
                    .max()
                    .unwrap_or_default()
            })
            .unwrap_or(first)
    }

    /// The places in the cycle at which a session is served.
    fn places(&self, due: Instant, ptime: Duration) -> impl Iterator<Item = usize> {
        let since = self.ceil(due).saturating_duration_since(self.origin);
        let first = (since.as_nanos() / SLOT.as_nanos()) as usize;
        (0..CYCLE)
            .step_by(slots_in(ptime))
            .map(move |slot| (first + slot) % CYCLE)
    }
}

fn slots_in(ptime: Duration) -> usize {
    (ptime.as_nanos().div_ceil(SLOT.as_nanos()) as usize).clamp(1, CYCLE)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(slots: &Slots, due: Instant) -> usize {
        slots
            .places(due, Duration::from_millis(120))
            .next()
            .unwrap()
    }

    #[test]
    fn sessions_of_20_ms_are_spread_evenly() {
        let origin = Instant::now();
        let slots = Slots::new(origin);
        let ptime = Duration::from_millis(20);
        let mut sessions = Vec::new();
        for i in 0..100_u32 {
            let now = origin + Duration::from_micros(u64::from(i) * 137);
            let due = slots.emptiest(now, ptime, sessions.iter().copied());
            assert!(due >= now && due < now + ptime + SLOT);
            sessions.push((due, ptime));
        }
        let mut counts = [0; 4];
        for &(due, _) in &sessions {
            counts[place(&slots, due) % 4] += 1;
        }
        assert_eq!(counts, [25; 4]);
    }

    #[test]
    fn mixed_packet_times_share_the_slots() {
        let origin = Instant::now();
        let slots = Slots::new(origin);
        let mut sessions = Vec::new();
        for i in 0..96 {
            let ptime = Duration::from_millis([10, 20, 30, 60][i % 4]);
            let due = slots.emptiest(origin, ptime, sessions.iter().copied());
            sessions.push((due, ptime));
        }
        let mut load = [0; CYCLE];
        for &(due, ptime) in &sessions {
            for slot in slots.places(due, ptime) {
                load[slot] += 1;
            }
        }
        let (least, most) = (load.iter().min().unwrap(), load.iter().max().unwrap());
        assert!(most - least <= 3, "{load:?}");
    }

    #[test]
    fn a_slot_is_its_own_ceiling() {
        let origin = Instant::now();
        let slots = Slots::new(origin);
        assert_eq!(slots.ceil(origin), origin);
        assert_eq!(slots.ceil(origin + SLOT), origin + SLOT);
        assert_eq!(slots.ceil(origin + Duration::from_nanos(1)), origin + SLOT);
    }
}
