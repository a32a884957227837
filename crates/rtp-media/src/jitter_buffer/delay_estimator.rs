//! How long to wait for packets: a histogram of their relative arrival delay.
//!
//! The delay of a packet is its arrival minus its media time, an arbitrary number; its relative delay is that minus the
//! least of the last ten seconds, so that clock drift and changes of route wash out. The target is the quantile that
//! leaves the stated share of packets too late, less where a heavy tail makes that dear, and raised at once when several
//! packets in a row exceed it.
#![deny(clippy::unwrap_used, clippy::indexing_slicing)]

use std::time::Duration;

const BUCKETS: usize = 128;
/// Buckets that are passed over together where they hold too little to matter.
const BLOCK: usize = 16;
/// Width of a histogram bucket.
const BUCKET: i64 = 4_000_000;
/// Packets that the histogram remembers, about 20 s.
const MEMORY: f32 = 1_000.0;
/// Until so many packets have come the initial target stands.
const WARM_UP: u32 = 50;
/// The least delay is taken over this many spans of this length.
const SPANS: usize = 5;
const SPAN: i64 = 2_000_000_000;
/// The inverse of the clock drift that is told from a change of route: 500 ppm.
const DRIFT: i64 = 2_000;
/// Delay that is worth as many late packets as are permitted, and how many times the permitted share may be given up for it.
const EXCHANGE: f32 = 7.5e6;
const LEEWAY: f32 = 8.0;
/// Packets that exceed the target within this time of each other are one spike.
const SPIKE_GAP: i64 = 100_000_000;
/// Time constant with which the raise of a spike fades.
const SPIKE_DECAY: f32 = 0.75e9;

/// All times in nanoseconds.
#[derive(Debug)]
pub(super) struct DelayEstimator {
    late_loss: f32,
    min: i64,
    max: i64,
    initial: i64,
    packets: u32,
    weights: Box<[f32; BUCKETS]>,
    total: f32,
    /// Weight of the next packet: it grows so that older ones fade without being touched.
    weight: f32,
    spans: [i64; SPANS],
    span_ends: i64,
    base: i64,
    /// Movement of the base that the histogram has not followed yet, less than a bucket.
    unshifted: i64,
    quantile: i64,
    spike: i64,
    last_excess: Option<(i64, i64)>,
    last_arrival: i64,
}

impl DelayEstimator {
    pub(super) fn new(late_loss: f32, min: Duration, max: Duration, initial: Duration) -> Self {
        let max = nanos(max).min(BUCKET * (BUCKETS as i64 - 1));
        let min = nanos(min).min(max);
        Self {
            late_loss: late_loss.clamp(0.0, 0.5),
            min,
            max,
            initial: nanos(initial).clamp(min, max),
            packets: 0,
            weights: Box::new([0.0; BUCKETS]),
            total: 0.0,
            weight: 1.0,
            spans: [i64::MAX; SPANS],
            span_ends: 0,
            base: 0,
            unshifted: 0,
            quantile: 0,
            spike: 0,
            last_excess: None,
            last_arrival: 0,
        }
    }

    /// A packet of media time `time` arrived.
    pub(super) fn observe(&mut self, arrival: i64, time: i64) {
        let delay = arrival - time;
        self.track_base(arrival, delay);
        let relative = delay - self.base;
        self.decay_spike(arrival);
        self.watch_spike(arrival, relative);
        // A packet later than the greatest target cannot be helped by a greater target.
        if relative <= self.max + 2 * BUCKET {
            self.add(relative);
        }
        self.packets = self.packets.saturating_add(1);
        self.quantile = self.find_quantile();
    }

    /// The least delay: arrival minus media time of the fastest packet of late.
    pub(super) fn base(&self) -> i64 {
        self.base
    }

    /// How long after the fastest packet of its kind a packet should be played.
    pub(super) fn target(&self) -> i64 {
        let floor = if self.packets < WARM_UP {
            self.initial
        } else {
            self.min
        };
        self.quantile.max(self.spike).max(floor).min(self.max)
    }

    fn track_base(&mut self, arrival: i64, delay: i64) {
        let before = self.base;
        if self.packets == 0 || arrival - self.span_ends > SPAN * SPANS as i64 {
            // The first packet, or the first after a long pause: nothing older counts.
            self.spans = [i64::MAX; SPANS];
            self.span_ends = arrival + SPAN;
        }
        while arrival >= self.span_ends {
            self.spans.rotate_right(1);
            if let Some(newest) = self.spans.first_mut() {
                *newest = i64::MAX;
            }
            self.span_ends += SPAN;
        }
        if let Some(newest) = self.spans.first_mut() {
            *newest = delay.min(*newest);
        }
        self.base = self.spans.iter().copied().min().unwrap_or(delay);
        if self.packets > 0 {
            self.unshifted += before - self.base;
            self.shift_histogram();
            // Clock drift moves the base for ever, slowly: each packet was rightly recorded against the base of its time.
            let drift = (arrival - self.last_arrival).clamp(0, SPAN) / DRIFT;
            self.unshifted -= self.unshifted.clamp(-drift, drift);
        }
    }

    /// Relative delays recorded against the old base are moved to the new one, in whole buckets.
    fn shift_histogram(&mut self) {
        let buckets = self.unshifted / BUCKET;
        if buckets == 0 {
            return;
        }
        self.unshifted -= buckets * BUCKET;
        let by = usize::try_from(buckets.unsigned_abs())
            .unwrap_or(BUCKETS)
            .min(BUCKETS);
        let (front, back) = if buckets > 0 {
            self.weights.rotate_right(by);
            (by, 0)
        } else {
            self.weights.rotate_left(by);
            (0, by)
        };
        // What was rotated around the end belongs to the edge it left by.
        let around: f32 = self.weights.iter().take(front).sum::<f32>()
            + self.weights.iter().rev().take(back).sum::<f32>();
        self.weights.iter_mut().take(front).for_each(|w| *w = 0.0);
        self.weights
            .iter_mut()
            .rev()
            .take(back)
            .for_each(|w| *w = 0.0);
        let edge = if buckets > 0 { BUCKETS - 1 } else { 0 };
        if let Some(weight) = self.weights.get_mut(edge) {
            *weight += around;
        }
    }

    fn add(&mut self, relative: i64) {
        let bucket = usize::try_from(relative / BUCKET)
            .unwrap_or(0)
            .min(BUCKETS - 1);
        if let Some(weight) = self.weights.get_mut(bucket) {
            *weight += self.weight;
        }
        self.total += self.weight;
        // A plain count at first, so that the first seconds are judged as a whole; then older packets fade.
        if self.packets as f32 >= MEMORY {
            self.weight *= 1.0 + 1.0 / MEMORY;
        }
        if self.weight > 1e4 {
            let scale = 1.0 / self.weight;
            self.weights.iter_mut().for_each(|w| *w *= scale);
            self.total = self.weights.iter().sum();
            self.weight = 1.0;
        }
    }

    /// The quantile that leaves the permitted share above it, or less where the last of it buys too little: with heavy
    /// tails the full quantile costs more in delay than so few packets are worth.
    fn find_quantile(&self) -> i64 {
        let permitted = self.late_loss * self.total;
        let price = EXCHANGE / permitted.max(f32::MIN_POSITIVE);
        let mut above = 0.0;
        let mut best = (f32::INFINITY, 0);
        let (blocks, _) = self.weights.as_chunks::<BLOCK>();
        for (block, weights) in blocks.iter().enumerate().rev() {
            // Most of the histogram is empty, and this is asked for every packet.
            let together = sum(weights);
            if above + together <= permitted {
                above += together;
                continue;
            }
            for (index, weight) in weights.iter().enumerate().rev() {
                let edge = (block * BLOCK + index + 1) as i64 * BUCKET;
                if above + weight > permitted {
                    let cost = edge as f32 + price * above;
                    if cost < best.0 {
                        best = (cost, edge);
                    }
                }
                above += weight;
                if above > LEEWAY * permitted {
                    return best.1;
                }
            }
        }
        best.1
    }

    /// One late packet is within the permitted share; two in a row are the network holding all of them up.
    fn watch_spike(&mut self, arrival: i64, relative: i64) {
        if self.packets < 2 || relative <= self.target() {
            return;
        }
        let excess = relative.min(self.max);
        if let Some((when, height)) = self.last_excess
            && arrival - when < SPIKE_GAP
        {
            self.spike = self.spike.max(excess.max(height));
        }
        self.last_excess = Some((arrival, excess));
    }

    fn decay_spike(&mut self, arrival: i64) {
        let elapsed = (arrival - self.last_arrival).clamp(0, SPAN) as f32;
        self.last_arrival = self.last_arrival.max(arrival);
        self.spike = (self.spike as f32 * (1.0 - elapsed / SPIKE_DECAY).max(0.0)) as i64;
    }
}

/// Eight sums side by side: the compiler makes vectors of them.
fn sum(weights: &[f32; BLOCK]) -> f32 {
    let mut sums = [0.0; 8];
    let (eights, _) = weights.as_chunks::<8>();
    for eight in eights {
        for (sum, weight) in sums.iter_mut().zip(eight) {
            *sum += weight;
        }
    }
    sums.iter().sum()
}

pub(super) fn nanos(duration: Duration) -> i64 {
    i64::try_from(duration.as_nanos()).unwrap_or(i64::MAX / 4)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: i64 = 1_000_000;

    fn estimator() -> DelayEstimator {
        DelayEstimator::new(
            0.005,
            Duration::ZERO,
            Duration::from_millis(400),
            Duration::from_millis(40),
        )
    }

    /// Packets of 20 ms with the given delays in ms.
    fn feed(
        estimator: &mut DelayEstimator,
        from: i64,
        delays: impl IntoIterator<Item = i64>,
    ) -> i64 {
        let mut index = from;
        for delay in delays {
            let time = index * 20 * MS;
            estimator.observe(time + delay * MS, time);
            index += 1;
        }
        index
    }

    #[test]
    fn a_steady_network_needs_one_bucket() {
        let mut estimator = estimator();
        feed(&mut estimator, 0, [70; 40]);
        assert_eq!(
            estimator.target(),
            40 * MS,
            "the initial target stands at first"
        );
        feed(&mut estimator, 40, [70; 100]);
        assert_eq!(estimator.target(), 4 * MS);
    }

    #[test]
    fn the_target_is_the_quantile() {
        let mut estimator = estimator();
        // 6 % of packets are 60 ms late, 0.2 % 200 ms.
        let delays = (0..5_000).map(|n| match n % 500 {
            7 => 200,
            n if n % 16 == 0 => 60,
            _ => 0,
        });
        feed(&mut estimator, 0, delays);
        assert_eq!(estimator.target(), 64 * MS);
    }

    #[test]
    fn two_late_packets_in_a_row_raise_the_target_at_once_and_it_decays() {
        let mut estimator = estimator();
        let next = feed(&mut estimator, 0, [0; 2_000]);
        let next = feed(&mut estimator, next, [120]);
        assert_eq!(
            estimator.target(),
            4 * MS,
            "one is within the permitted share"
        );
        let next = feed(&mut estimator, next, [100]);
        assert_eq!(estimator.target(), 120 * MS);
        feed(&mut estimator, next, [0; 400]);
        assert_eq!(estimator.target(), 4 * MS);
    }

    #[test]
    fn a_slower_route_is_the_new_base_after_ten_seconds() {
        let mut estimator = estimator();
        let next = feed(&mut estimator, 0, [0; 1_000]);
        let next = feed(&mut estimator, next, [100; 300]);
        assert!(estimator.target() >= 100 * MS);
        feed(&mut estimator, next, [100; 300]);
        assert_eq!(estimator.base(), 100 * MS);
        assert!(estimator.target() <= 8 * MS, "{}", estimator.target());
    }

    #[test]
    fn a_faster_route_is_the_new_base_at_once() {
        let mut estimator = estimator();
        let next = feed(&mut estimator, 0, [100; 1_000]);
        feed(&mut estimator, next, [0]);
        assert_eq!(estimator.base(), 0);
        assert!(
            estimator.target() >= 100 * MS,
            "the packets before came 100 ms later"
        );
    }
}
