//! Values that are forgotten after a while.

use std::collections::HashMap;
use std::time::{Duration, Instant};

/// Forgotten values are swept out whenever this many were remembered since the last time.
const SWEEP_AFTER: usize = 256;

/// A map whose entries live for a fixed time.
#[derive(Debug)]
pub(super) struct Memory<V> {
    lifetime: Duration,
    entries: HashMap<String, (Instant, V)>,
    since_sweep: usize,
}

impl<V> Memory<V> {
    pub(super) fn new(lifetime: Duration) -> Self {
        Self {
            lifetime,
            entries: HashMap::new(),
            since_sweep: 0,
        }
    }

    pub(super) fn insert(&mut self, now: Instant, key: String, value: V) {
        self.since_sweep = self.since_sweep.saturating_add(1);
        if self.since_sweep >= SWEEP_AFTER {
            self.since_sweep = 0;
            self.entries.retain(|_, (until, _)| *until > now);
        }
        self.entries.insert(key, (now + self.lifetime, value));
    }

    pub(super) fn get(&self, now: Instant, key: &str) -> Option<&V> {
        self.entries
            .get(key)
            .filter(|(until, _)| *until > now)
            .map(|(_, value)| value)
    }

    pub(super) fn get_mut(&mut self, now: Instant, key: &str) -> Option<&mut V> {
        self.entries
            .get_mut(key)
            .filter(|(until, _)| *until > now)
            .map(|(_, value)| value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_live_for_their_time_and_are_swept_out_after_it() {
        let (now, second) = (Instant::now(), Duration::from_secs(1));
        let mut memory = Memory::new(second);
        memory.insert(now, "a".into(), 1);
        assert_eq!(memory.get(now, "a"), Some(&1));
        assert_eq!(memory.get(now + second, "a"), None);
        for n in 0..SWEEP_AFTER {
            memory.insert(now + second * 2, format!("b{n}"), 2);
        }
        assert!(!memory.entries.contains_key("a"));
    }
}
