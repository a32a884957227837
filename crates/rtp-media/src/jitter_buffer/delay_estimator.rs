//! How long to wait for packets: a histogram of their relative arrival delay, and what each delay is worth.
//!
//! The delay of a packet is its arrival minus its media time, an arbitrary number; its relative delay is that minus the
//! least of the last ten seconds, so that clock drift and changes of route wash out. Every playout delay has a *cost*:
//!
//! ```text
//!   length    next to nothing below NEGLIGIBLE, logarithmic above it
//! + lateness  FIRST_LATE as soon as any packet comes too late, LATE_COST for each 1 %, TOO_LATE_COST beyond MOST_LATE
//! ```
//!
//! So a short delay is made longer even for the few packets that are late, and a long one only where that helps many. When
//! all packets come late for a while, the network has changed, and delays that miss them are out of the question at once.
//!
//! Packets that a stall held up arrive together. Those that come too late leave a gap of several, which is heard far more
//! than as many single ones, so they weigh more. But a stall is one event however many packets it holds up: early in a call
//! it says little of how often there will be another, and they weigh less.
#![deny(clippy::unwrap_used, clippy::indexing_slicing)]

use std::time::Duration;

const BUCKETS: usize = 256;
/// Width of a histogram bucket.
const BUCKET: i64 = 2_000_000;
/// Packets that the histogram remembers, about 40 s.
const MEMORY: f32 = 2_000.0;
/// Until so many packets have come the initial delay stands, and shares are taken of so many at least.
const WARM_UP: u32 = 50;
/// Until so many packets have come, delays are shortened with some reserve.
const FEW_SEEN: u32 = 300;
/// The least delay is taken over this many spans of this length.
const SPANS: usize = 5;
const SPAN: i64 = 2_000_000_000;
/// The inverse of the clock drift that is told from a change of route: 500 ppm.
const DRIFT: i64 = 2_000;
/// Delay below which more makes next to no difference to a conversation, ns, and what it costs for each ns.
const NEGLIGIBLE: f32 = 37e6;
const NEXT_TO_NOTHING: f32 = 0.4e-9;
/// What it costs that some packets are late at all, in units of a delay that is e times as long, and the share of them at
/// which two thirds of that are reached.
const FIRST_LATE: f32 = 0.05;
const FEW: f32 = 0.001;
/// What a share of late packets costs on top, per 1 %.
const LATE_COST: f32 = 0.11;
/// Share of late packets beyond which more delay is always worth it, and what it costs there, per 1 %. Beyond this delay, ns,
/// the share grows in proportion: who waits long already waits less gladly for the rest.
const MOST_LATE: f32 = 0.028;
const MOST_LATE_UP_TO: f32 = 52e6;
const TOO_LATE_COST: f32 = 1.0;
/// What each packet weighs that a stall held up, relative to others, once so many packets have come; before, in proportion.
const HELD_UP_WEIGHT: f32 = 1.5;
const STALLS_KNOWN: u32 = 1_000;
/// Packets that a stall held up arrive within this of the one before, ns, and are less late than it by at least this.
const HELD_UP_APART: i64 = 3_000_000;
const HELD_UP_STEP: i64 = 5_000_000;
/// What a delay out of bounds costs: more than anything else.
const OUT_OF_BOUNDS: f32 = 100.0;
/// What a change of delay must gain.
const WORTH_A_CHANGE: f32 = 0.03;
/// What a change of delay must gain to be made in the middle of a word.
const URGENT: f32 = 1.0;
/// Packets that all come late for so long mean that the network has changed, and not that it held them up once.
const SPIKE_AFTER: i64 = 150_000_000;
/// How long what was learnt from that holds by itself; then the histogram knows.
const SPIKE_HOLDS: i64 = 3_000_000_000;

/// All times in nanoseconds.
#[derive(Debug)]
pub(super) struct DelayEstimator {
    /// What late packets cost, relative to the default.
    quality: f32,
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
    last_arrival: i64,
    /// Arrival and relative delay of the packet before.
    before: (i64, i64),
    /// Since when all packets are late, and the longest of their delays.
    all_late: Option<(i64, i64)>,
    /// A delay that the network has shown it needs now, and until when that is believed.
    spike: (i64, i64),
}

impl DelayEstimator {
    /// `latency_vs_quality` as in [`JitterBufferConfig`](super::JitterBufferConfig).
    pub(super) fn new(
        latency_vs_quality: f32,
        min: Duration,
        max: Duration,
        initial: Duration,
    ) -> Self {
        let max = nanos(max).min(BUCKET * (BUCKETS as i64 - 1));
        let min = nanos(min).min(max);
        Self {
            // From an eighth to eight times.
            quality: 64_f32.powf(latency_vs_quality.clamp(0.0, 1.0) - 0.5),
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
            last_arrival: 0,
            before: (0, 0),
            all_late: None,
            spike: (0, 0),
        }
    }

    /// A packet of media time `time` arrived, while packets are played when they are late by `slack`.
    #[inline]
    pub(super) fn observe(&mut self, arrival: i64, time: i64, slack: i64) {
        let delay = arrival - time;
        self.track_base(arrival, delay);
        let relative = delay - self.base;
        self.watch_spike(arrival, relative, slack);
        self.last_arrival = self.last_arrival.max(arrival);
        // A packet later than the greatest delay cannot be helped by a greater one.
        if relative <= self.max + 2 * BUCKET {
            self.add(relative, self.worth_noting(arrival, relative));
        }
        self.before = (arrival, relative);
        self.packets = self.packets.saturating_add(1);
    }

    /// The least delay: arrival minus media time of the fastest packet of late.
    pub(super) fn base(&self) -> i64 {
        self.base
    }

    /// How long after the fastest packet of its kind a packet is best played.
    pub(super) fn target(&self) -> i64 {
        self.best(self.floor() % BUCKET, BUCKET)
    }

    /// The best of the delays that differ from `delay` by whole `step`s.
    pub(super) fn best(&self, delay: i64, step: i64) -> i64 {
        let step = step.max(1);
        let mut candidate = delay.rem_euclid(step);
        let mut best = (f32::INFINITY, candidate);
        loop {
            let late = self.late_share(candidate);
            let cost = self.cost_with(candidate, late);
            if cost < best.0 {
                best = (cost, candidate);
            }
            // Where nothing is late any more, longer delays only cost more.
            let enough = candidate >= self.floor() && late <= 0.0;
            if enough || candidate >= self.max {
                return best.1;
            }
            candidate += step;
        }
    }

    /// Whether it is better to change the delay `from` one `to` another.
    pub(super) fn is_worth(&self, from: i64, to: i64) -> bool {
        self.cost(to) + WORTH_A_CHANGE < self.cost(from)
    }

    /// As [`is_worth`](Self::is_worth), to a shorter delay: while few packets have been seen, some that take a little
    /// longer than the longest are still to come.
    pub(super) fn is_worth_shortening(&self, from: i64, to: i64) -> bool {
        let margin = if self.packets < FEW_SEEN {
            3 * BUCKET
        } else {
            0
        };
        let cost = self.cost_with(to, self.late_share(to - margin));
        cost + WORTH_A_CHANGE < self.cost(from)
    }

    /// Whether so much is too late, or in vain, at this delay that it has to change in the middle of a word.
    pub(super) fn is_urgent(&self, from: i64, to: i64) -> bool {
        self.cost(to) + URGENT < self.cost(from)
    }

    fn cost(&self, delay: i64) -> f32 {
        self.cost_with(delay, self.late_share(delay))
    }

    fn cost_with(&self, delay: i64, late: f32) -> f32 {
        let late = late * self.quality;
        let most_late = MOST_LATE * (delay as f32 / MOST_LATE_UP_TO).max(1.0);
        let lateness = FIRST_LATE * (1.0 - (-late / FEW).exp())
            + 100.0 * LATE_COST * late
            + 100.0 * (TOO_LATE_COST - LATE_COST) * (late - most_late).max(0.0);
        let outside = (self.floor() - delay).max(delay - self.max);
        let outside = if outside > 0 {
            OUT_OF_BOUNDS + outside as f32 / BUCKET as f32
        } else {
            0.0
        };
        // The logarithm of the delay, with a bend where it begins to matter.
        let delay = delay.max(0) as f32;
        let length = (1.0 + (delay / NEGLIGIBLE).powi(10)).ln() / 10.0;
        length + NEXT_TO_NOTHING * delay + lateness + outside
    }

    /// Delays that are out of the question.
    fn floor(&self) -> i64 {
        let floor = if self.packets < WARM_UP {
            self.initial
        } else {
            self.min
        };
        let (spike, until) = self.spike;
        if self.last_arrival < until {
            floor.max(spike)
        } else {
            floor
        }
    }

    /// Share of packets that take longer than `delay`.
    fn late_share(&self, delay: i64) -> f32 {
        let Ok(bucket) = usize::try_from(delay / BUCKET) else {
            return 1.0;
        };
        // Those of a bucket are spread evenly over it.
        let passed = (delay % BUCKET) as f32 / BUCKET as f32;
        let within = self.weights.get(bucket).map_or(0.0, |w| w * passed);
        let above = (self.weights.get(bucket..).map_or(0.0, sum) - within).max(0.0);
        let packets = self.total.max(WARM_UP as f32 * self.weight);
        above / packets
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

    /// What a packet weighs among others.
    fn worth_noting(&self, arrival: i64, relative: i64) -> f32 {
        let (arrival_before, relative_before) = self.before;
        let held_up = (arrival - arrival_before).abs() < HELD_UP_APART
            && relative_before - relative > HELD_UP_STEP;
        if !held_up {
            return 1.0;
        }
        HELD_UP_WEIGHT * (self.packets as f32 / STALLS_KNOWN as f32).min(1.0)
    }

    fn add(&mut self, relative: i64, worth: f32) {
        let bucket = usize::try_from(relative / BUCKET)
            .unwrap_or(0)
            .min(BUCKETS - 1);
        if let Some(weight) = self.weights.get_mut(bucket) {
            *weight += self.weight * worth;
        }
        self.total += self.weight;
        // A plain count at first, so that the first seconds are judged as a whole; then older packets fade.
        if self.packets as f32 >= MEMORY {
            self.weight *= 1.0 + 1.0 / MEMORY;
        }
        if self.weight > 1e4 {
            let scale = 1.0 / self.weight;
            self.weights.iter_mut().for_each(|w| *w *= scale);
            self.total *= scale;
            self.weight = 1.0;
        }
    }

    /// One late packet, or many that come at once, were held up; packets that are late one after another for a while show
    /// that the network has changed.
    fn watch_spike(&mut self, arrival: i64, relative: i64, slack: i64) {
        if relative <= slack {
            self.all_late = None;
            return;
        }
        let (since, longest) = self.all_late.unwrap_or((arrival, 0));
        let longest = longest.max(relative.min(self.max));
        self.all_late = Some((since, longest));
        if arrival - since >= SPIKE_AFTER {
            self.spike = (longest, arrival + SPIKE_HOLDS);
        }
    }
}

/// Eight sums side by side: the compiler makes vectors of them.
fn sum(weights: &[f32]) -> f32 {
    let mut sums = [0.0; 8];
    let (eights, rest) = weights.as_chunks::<8>();
    for eight in eights {
        for (sum, weight) in sums.iter_mut().zip(eight) {
            *sum += weight;
        }
    }
    sums.iter().sum::<f32>() + rest.iter().sum::<f32>()
}

pub(super) fn nanos(duration: Duration) -> i64 {
    i64::try_from(duration.as_nanos()).unwrap_or(i64::MAX / 4)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: i64 = 1_000_000;

    fn estimator() -> DelayEstimator {
        preferring(0.5)
    }

    fn preferring(latency_vs_quality: f32) -> DelayEstimator {
        DelayEstimator::new(
            latency_vs_quality,
            Duration::ZERO,
            Duration::from_millis(400),
            Duration::from_millis(40),
        )
    }

    /// Packets of 20 ms with the given delays in ms, played 40 ms late.
    fn feed(
        estimator: &mut DelayEstimator,
        from: i64,
        delays: impl IntoIterator<Item = i64>,
    ) -> i64 {
        let mut index = from;
        for delay in delays {
            let time = index * 20 * MS;
            estimator.observe(time + delay * MS, time, 40 * MS);
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
            "the initial delay stands at first"
        );
        feed(&mut estimator, 40, [70; 100]);
        assert_eq!(estimator.target(), 2 * MS);
        assert_eq!(estimator.best(15 * MS, 20 * MS), 15 * MS);
        assert_eq!(
            estimator.best(41 * MS, 20 * MS),
            21 * MS,
            "1 ms is within the first bucket"
        );
    }

    #[test]
    fn what_few_packets_need_is_not_waited_for_and_what_many_need_is() {
        let mut estimator = estimator();
        // 6 % of packets are 60 ms late, 0.2 % 200 ms.
        let delays = (0..5_000).map(|n| match n % 500 {
            7 => 200,
            n if n % 16 == 0 => 60,
            _ => 0,
        });
        feed(&mut estimator, 0, delays);
        assert_eq!(estimator.target(), 62 * MS);
    }

    #[test]
    fn the_knob_trades_late_packets_for_delay() {
        // Exponential, 15 ms in the mean.
        let targets = [0.0, 0.25, 0.5, 0.75, 1.0].map(|knob| {
            let mut estimator = preferring(knob);
            let delays = (0..4_000_i64).map(|n| {
                let uniform = (n * 37 % 1_000) as f64 / 1_000.0;
                (-15.0 * (1.0 - uniform).ln()) as i64
            });
            feed(&mut estimator, 0, delays);
            estimator.target() / MS
        });
        assert!(targets.is_sorted_by(|a, b| a < b), "{targets:?}");
    }

    #[test]
    fn packets_that_are_late_one_after_another_count_at_once_and_a_burst_does_not() {
        let mut estimator = estimator();
        let next = feed(&mut estimator, 0, [0; 2_000]);
        // A stall of 160 ms that drains at once.
        let next = feed(&mut estimator, next, (0..8).map(|n| 160 - 20 * n));
        let next = feed(&mut estimator, next, [0; 20]);
        assert_eq!(estimator.target(), 2 * MS, "a stall now and then is let go");
        let next = feed(&mut estimator, next, [120; 9]);
        assert_eq!(estimator.target(), 122 * MS);
        feed(&mut estimator, next, [0; 400]);
        assert_eq!(estimator.target(), 2 * MS, "and it is forgotten");
    }

    #[test]
    fn one_stall_early_in_a_call_is_not_taken_for_the_rule() {
        let mut estimator = estimator();
        let next = feed(&mut estimator, 0, [0; 150]);
        // 400 ms, of which each packet is less late than the one before.
        let stall = (0..20).map(|n| 400 - 20 * n);
        let next = feed(&mut estimator, next, stall.clone());
        let next = feed(&mut estimator, next, [0; 50]);
        assert!(estimator.target() < 100 * MS, "{}", estimator.target());
        // As many packets of their own are.
        let mut other = self::estimator();
        feed(
            &mut other,
            0,
            (0..220).map(|n| if n % 11 == 5 { 300 } else { 0 }),
        );
        assert_eq!(other.target(), 302 * MS);
        // And so are stalls that come again and again.
        let more = (0..30).flat_map(|_| stall.clone().chain([0; 130]));
        feed(&mut estimator, next, more);
        assert!(estimator.target() > 200 * MS, "{}", estimator.target());
    }

    #[test]
    fn packets_of_a_stall_weigh_more_than_as_many_single_ones() {
        let [stalls, single] = [true, false].map(|in_stalls| {
            let mut estimator = estimator();
            let delays = (0..3_300_i64).map(|n| match (in_stalls, n % 330) {
                (true, n @ 100..110) => 200 - 20 * (n - 100),
                (false, n) if n % 33 == 0 => 20 + 20 * (n / 33),
                _ => 0,
            });
            feed(&mut estimator, 0, delays);
            estimator.target()
        });
        assert!(stalls > single, "{stalls} {single}");
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
