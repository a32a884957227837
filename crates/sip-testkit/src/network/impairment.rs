//! What a bad network does to packets, as a value.

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use std::f64::consts::TAU;
use std::time::{Duration, Instant};

/// How packets are lost. Probabilities lie in 0..=1.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
#[non_exhaustive]
pub enum Loss {
    /// None is lost.
    #[default]
    None,
    /// Each packet is lost with this probability, independently.
    Random(f64),
    /// Loss in bursts: a Markov chain of a good and a bad state (Gilbert and Elliott), stepped once
    /// a packet.
    GilbertElliott {
        /// Probability of going from good to bad.
        to_bad: f64,
        /// Probability of going from bad to good; its inverse is the mean length of a burst in
        /// packets.
        to_good: f64,
        /// Loss while good.
        loss_good: f64,
        /// Loss while bad.
        loss_bad: f64,
    },
}

impl Loss {
    /// Bursts of `mean_burst` packets on average that make up `share` of all packets; between
    /// bursts nothing is lost.
    ///
    /// # Panics
    /// When `share` is not in 0..1 or `mean_burst` is below 1.
    #[must_use]
    pub fn bursts(share: f64, mean_burst: f64) -> Self {
        assert!(
            (0.0..1.0).contains(&share),
            "the lost share must be in 0..1 and is {share}"
        );
        assert!(mean_burst >= 1.0, "a burst has at least one packet");
        let to_good = 1.0 / mean_burst;
        Loss::GilbertElliott {
            to_bad: to_good * share / (1.0 - share),
            to_good,
            loss_good: 0.0,
            loss_bad: 1.0,
        }
    }

    /// The share of packets that is lost in the long run, 0 to 1.
    #[must_use]
    pub fn expected_share(&self) -> f64 {
        match *self {
            Loss::None => 0.0,
            Loss::Random(share) => share,
            Loss::GilbertElliott {
                to_bad,
                to_good,
                loss_good,
                loss_bad,
            } if to_bad + to_good > 0.0 => {
                (to_good * loss_good + to_bad * loss_bad) / (to_bad + to_good)
            }
            Loss::GilbertElliott { loss_good, .. } => loss_good,
        }
    }
}

/// What one direction of a network does to packets. The default does nothing.
///
/// ```
/// use sip_testkit::network::{ImpairmentConfig, Loss};
/// use std::time::Duration;
///
/// let bad = ImpairmentConfig {
///     loss: Loss::Random(0.05),
///     jitter: Duration::from_millis(40),
///     ..ImpairmentConfig::default()
/// };
/// assert!(bad.is_impaired());
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ImpairmentConfig {
    /// Same seed, same packets lost.
    pub seed: u64,
    /// How packets are lost.
    pub loss: Loss,
    /// What every packet waits.
    pub delay: Duration,
    /// Standard deviation of what a packet waits beyond `delay`: the magnitude of a normal
    /// variable, so the mean is 0.8 of it. Packets keep their order, as in a queue.
    pub jitter: Duration,
    /// Probability that a packet is overtaken: it waits for `reorder_delay` more, and those behind
    /// it do not wait for it.
    pub reorder: f64,
    /// What an overtaken packet waits on top; longer than the distance of two packets, or nothing
    /// overtakes it.
    pub reorder_delay: Duration,
    /// Probability that a packet arrives twice, the second time with a jitter of its own.
    pub duplicate: f64,
}

impl Default for ImpairmentConfig {
    fn default() -> Self {
        Self {
            seed: 1,
            loss: Loss::None,
            delay: Duration::ZERO,
            jitter: Duration::ZERO,
            reorder: 0.0,
            reorder_delay: Duration::from_millis(30),
            duplicate: 0.0,
        }
    }
}

impl ImpairmentConfig {
    /// Random loss of `percent` and jitter of standard deviation `jitter_ms`: what
    /// `--loss 5 --jitter 40` asks for.
    #[must_use]
    pub fn loss_and_jitter(percent: f64, jitter_ms: u64) -> Self {
        Self {
            loss: if percent > 0.0 {
                Loss::Random(percent / 100.0)
            } else {
                Loss::None
            },
            jitter: Duration::from_millis(jitter_ms),
            ..Self::default()
        }
    }

    /// Does it change anything?
    #[must_use]
    pub fn is_impaired(&self) -> bool {
        self.loss.expected_share() > 0.0
            || self.delay > Duration::ZERO
            || self.jitter > Duration::ZERO
            || self.reorder > 0.0
            || self.duplicate > 0.0
    }

    /// The same with another seed, so that two directions do not lose the same packets.
    #[must_use]
    pub fn with_seed(self, seed: u64) -> Self {
        Self { seed, ..self }
    }
}

/// What happened to the packets of one direction so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ImpairmentStats {
    /// Packets that came in.
    pub offered: u64,
    /// Packets that never come out.
    pub lost: u64,
    /// Packets that come out a second time.
    pub duplicated: u64,
    /// Packets that others were let past.
    pub reordered: u64,
}

impl ImpairmentStats {
    /// Packets that come out, copies included.
    #[must_use]
    pub fn delivered(&self) -> u64 {
        self.offered - self.lost + self.duplicated
    }

    /// Lost over offered, 0 to 1.
    #[must_use]
    pub fn loss_share(&self) -> f64 {
        if self.offered == 0 {
            0.0
        } else {
            self.lost as f64 / self.offered as f64
        }
    }
}

/// When a packet comes out: never, once or twice. An iterator over the times.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Deliveries {
    first: Option<Instant>,
    second: Option<Instant>,
}

impl Deliveries {
    /// Was the packet lost?
    #[must_use]
    pub fn is_lost(&self) -> bool {
        self.first.is_none()
    }
}

impl Iterator for Deliveries {
    type Item = Instant;

    fn next(&mut self) -> Option<Instant> {
        self.first.take().or_else(|| self.second.take())
    }
}

/// The state of one impaired direction. No clock, no socket: `now` is an argument.
///
/// ```
/// use sip_testkit::network::{Impairment, ImpairmentConfig};
/// use std::time::{Duration, Instant};
///
/// let slow = ImpairmentConfig { delay: Duration::from_millis(80), ..Default::default() };
/// let mut network = Impairment::new(slow);
/// let now = Instant::now();
/// let arrivals: Vec<Instant> = network.deliver(now).collect();
/// assert_eq!(arrivals, [now + Duration::from_millis(80)]);
/// ```
#[derive(Debug)]
pub struct Impairment {
    config: ImpairmentConfig,
    rng: StdRng,
    bad: bool,
    /// When the last packet that keeps its place comes out: none behind it comes out earlier.
    last_out: Option<Instant>,
    stats: ImpairmentStats,
}

impl Impairment {
    /// A network that has seen no packet yet.
    #[must_use]
    pub fn new(config: ImpairmentConfig) -> Self {
        Self {
            config,
            rng: StdRng::seed_from_u64(config.seed),
            bad: false,
            last_out: None,
            stats: ImpairmentStats::default(),
        }
    }

    /// A packet enters at `now`; answers when it comes out.
    pub fn deliver(&mut self, now: Instant) -> Deliveries {
        self.stats.offered += 1;
        // Every packet draws the same number of random values, so that a change of one probability
        // does not change the fate of the packets in another respect.
        let lost = self.draws_loss();
        let reordered = self.rng.random::<f64>() < self.config.reorder;
        let duplicated = self.rng.random::<f64>() < self.config.duplicate;
        let (wait, wait_of_copy) = (self.draw_wait(), self.draw_wait());
        if lost {
            self.stats.lost += 1;
            return Deliveries::default();
        }
        let first = if reordered {
            self.stats.reordered += 1;
            now + wait + self.config.reorder_delay
        } else {
            self.in_order(now + wait)
        };
        let second = duplicated.then(|| {
            self.stats.duplicated += 1;
            first.max(now + wait_of_copy)
        });
        Deliveries {
            first: Some(first),
            second,
        }
    }

    /// What happened so far.
    #[must_use]
    pub fn stats(&self) -> ImpairmentStats {
        self.stats
    }

    fn in_order(&mut self, out: Instant) -> Instant {
        let out = self.last_out.map_or(out, |last| last.max(out));
        self.last_out = Some(out);
        out
    }

    fn draws_loss(&mut self) -> bool {
        let (step, fate) = (self.rng.random::<f64>(), self.rng.random::<f64>());
        match self.config.loss {
            Loss::None => false,
            Loss::Random(share) => fate < share,
            Loss::GilbertElliott {
                to_bad,
                to_good,
                loss_good,
                loss_bad,
            } => {
                self.bad = if self.bad {
                    step >= to_good
                } else {
                    step < to_bad
                };
                fate < if self.bad { loss_bad } else { loss_good }
            }
        }
    }

    fn draw_wait(&mut self) -> Duration {
        // Box and Muller: a normal variable out of two uniform ones.
        let radius = (-2.0 * (1.0 - self.rng.random::<f64>()).ln()).sqrt();
        let normal = radius * (TAU * self.rng.random::<f64>()).cos();
        self.config.delay + self.config.jitter.mul_f64(normal.abs())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const PACE: Duration = Duration::from_millis(20);

    fn run(config: ImpairmentConfig, packets: u32) -> (ImpairmentStats, Vec<Deliveries>) {
        let start = Instant::now();
        let mut network = Impairment::new(config);
        let fates = (0..packets)
            .map(|n| network.deliver(start + PACE * n))
            .collect();
        (network.stats(), fates)
    }

    #[test]
    fn a_perfect_network_delivers_at_once() {
        let now = Instant::now();
        assert_eq!(
            Impairment::new(ImpairmentConfig::default())
                .deliver(now)
                .collect::<Vec<_>>(),
            [now]
        );
    }

    #[test]
    fn random_loss_has_its_share() {
        let config = ImpairmentConfig {
            loss: Loss::Random(0.05),
            ..Default::default()
        };
        let (stats, fates) = run(config, 100_000);
        assert!((stats.loss_share() - 0.05).abs() < 0.003, "{stats:?}");
        assert_eq!(
            fates.iter().filter(|fate| fate.is_lost()).count() as u64,
            stats.lost
        );
    }

    #[test]
    fn bursts_have_their_share_and_length() {
        let (stats, fates) = run(
            ImpairmentConfig {
                loss: Loss::bursts(0.1, 4.0),
                ..Default::default()
            },
            200_000,
        );
        assert!((stats.loss_share() - 0.1).abs() < 0.01, "{stats:?}");
        let starts = fates
            .windows(2)
            .filter(|pair| !pair[0].is_lost() && pair[1].is_lost())
            .count();
        let mean = stats.lost as f64 / starts as f64;
        assert!((mean - 4.0).abs() < 0.3, "mean burst {mean}");
        assert!((Loss::bursts(0.1, 4.0).expected_share() - 0.1).abs() < 1e-9);
    }

    #[test]
    fn jitter_is_the_magnitude_of_a_normal_variable_for_packets_far_apart() {
        let config = ImpairmentConfig {
            jitter: Duration::from_millis(40),
            delay: Duration::from_millis(10),
            ..Default::default()
        };
        let (start, mut network) = (Instant::now(), Impairment::new(config));
        let waits: Vec<f64> = (0..20_000)
            .map(|n| start + Duration::from_secs(n))
            .map(|now| (network.deliver(now).next().unwrap() - now).as_secs_f64() * 1000.0 - 10.0)
            .collect();
        let mean = waits.iter().sum::<f64>() / waits.len() as f64;
        let square = waits.iter().map(|wait| wait * wait).sum::<f64>() / waits.len() as f64;
        assert!(
            (mean - 40.0 * (2.0 / std::f64::consts::PI).sqrt()).abs() < 0.6,
            "mean {mean}"
        );
        assert!((square.sqrt() - 40.0).abs() < 0.8, "rms {}", square.sqrt());
    }

    #[test]
    fn reordered_packets_are_overtaken() {
        let (stats, mut fates) = run(
            ImpairmentConfig {
                reorder: 0.1,
                ..Default::default()
            },
            10_000,
        );
        assert!((stats.reordered as f64 / 10_000.0 - 0.1).abs() < 0.02);
        let out: Vec<Instant> = fates.iter_mut().filter_map(Iterator::next).collect();
        let overtaken = out.windows(2).filter(|pair| pair[1] < pair[0]).count() as f64;
        assert!(
            overtaken > 0.8 * stats.reordered as f64,
            "{overtaken} of {}",
            stats.reordered
        );
    }

    #[test]
    fn duplicates_come_twice() {
        let (stats, fates) = run(
            ImpairmentConfig {
                duplicate: 0.2,
                ..Default::default()
            },
            10_000,
        );
        assert_eq!(
            fates.iter().map(|fate| fate.count() as u64).sum::<u64>(),
            stats.delivered()
        );
        assert!((stats.duplicated as f64 / 10_000.0 - 0.2).abs() < 0.02);
    }

    #[test]
    fn the_seed_decides() {
        let config = ImpairmentConfig::loss_and_jitter(5.0, 40);
        let offsets = |config| {
            let start = Instant::now();
            let mut network = Impairment::new(config);
            (0..500)
                .map(|n| {
                    network
                        .deliver(start + PACE * n)
                        .next()
                        .map(|at| at - start)
                })
                .collect::<Vec<_>>()
        };
        assert_eq!(offsets(config), offsets(config));
        assert_ne!(offsets(config), offsets(config.with_seed(2)));
    }

    proptest! {
        #[test]
        fn nothing_comes_out_before_its_delay_and_order_is_kept(
            seed: u64, loss in 0.0..0.5f64, delay in 0u64..200, jitter in 0u64..100, duplicate in 0.0..0.5f64,
        ) {
            let config = ImpairmentConfig {
                seed,
                duplicate,
                loss: Loss::Random(loss),
                delay: Duration::from_millis(delay),
                jitter: Duration::from_millis(jitter),
                ..Default::default()
            };
            let start = Instant::now();
            let mut network = Impairment::new(config);
            let mut last = start;
            for n in 0..100 {
                let now = start + PACE * n;
                let mut fate = network.deliver(now);
                if let Some(first) = fate.next() {
                    prop_assert!(first >= now + config.delay && first >= last);
                    last = first;
                }
                prop_assert!(fate.next().is_none_or(|second| second >= last));
            }
            let stats = network.stats();
            prop_assert_eq!(stats.offered, 100);
        }
    }
}
