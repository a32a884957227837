//! How much a media thread has to do: calls, weighted by what their codecs cost.

use std::sync::atomic::{AtomicUsize, Ordering};

use crate::MediaConfig;

/// What a call costs beside one in G.711, of which some 200 take a tenth of a core.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Weight(usize);

impl Weight {
    /// The least that a call can cost.
    const LEAST: Weight = Weight(1);
    /// Opus, and what nothing is known of.
    const MOST: Weight = Weight(16);
    /// Up to this much stays on one thread.
    const FEW: Weight = Weight(200);

    /// Of a call with this configuration.
    pub(crate) fn of(config: &MediaConfig) -> Self {
        match config.send.codec.encoding_name() {
            "PCMU" | "PCMA" => Self::LEAST,
            _ => Self::MOST,
        }
    }
}

/// The calls of one thread; the engine adds them, the thread takes them off.
#[derive(Debug, Default)]
pub(crate) struct Load {
    calls: AtomicUsize,
    weight: AtomicUsize,
}

impl Load {
    pub(crate) fn add(&self, weight: Weight) {
        self.calls.fetch_add(1, Ordering::Relaxed);
        self.weight.fetch_add(weight.0, Ordering::Relaxed);
    }

    pub(crate) fn take_off(&self, weight: Weight) {
        self.calls.fetch_sub(1, Ordering::Relaxed);
        self.weight.fetch_sub(weight.0, Ordering::Relaxed);
    }

    pub(crate) fn calls(&self) -> usize {
        self.calls.load(Ordering::Relaxed)
    }

    pub(crate) fn weight(&self) -> usize {
        self.weight.load(Ordering::Relaxed)
    }
}

/// Where the next call goes: the first thread with little to do, else the one with the least. Each thread that has calls
/// wakes 200 times a second, and so does the program behind it: a few calls are cheaper together.
pub(crate) fn lightest<T>(threads: &[T], load: impl Fn(&T) -> &Load) -> Option<&T> {
    let few = threads
        .iter()
        .find(|thread| load(thread).weight() < Weight::FEW.0);
    few.or_else(|| threads.iter().min_by_key(|thread| load(thread).weight()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(threads: &[Load], calls: usize, weight: Weight) {
        for _ in 0..calls {
            lightest(threads, |load| load).unwrap().add(weight);
        }
    }

    fn calls(threads: &[Load]) -> Vec<usize> {
        threads.iter().map(Load::calls).collect()
    }

    #[test]
    fn few_calls_share_a_thread_and_many_are_spread() {
        let threads = [Load::default(), Load::default()];
        place(&threads, 150, Weight::LEAST);
        assert_eq!(calls(&threads), [150, 0]);
        place(&threads, 350, Weight::LEAST);
        assert_eq!(calls(&threads), [250, 250]);
        for _ in 0..200 {
            threads[0].take_off(Weight::LEAST);
        }
        place(&threads, 10, Weight::LEAST);
        assert_eq!(calls(&threads), [60, 250]);
    }

    #[test]
    fn calls_in_dear_codecs_are_spread_early() {
        let threads = [Load::default(), Load::default()];
        place(&threads, 40, Weight::MOST);
        assert_eq!(calls(&threads), [20, 20]);
    }
}
