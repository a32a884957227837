//! How many new calls one source may begin: two buckets of tokens for each address.

use std::{
    collections::HashMap,
    net::IpAddr,
    time::{Duration, Instant},
};

/// Sources that are told apart at once.
const MAX_SOURCES: usize = 4_096;

/// How many INVITEs a source (an IP address) may send.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RateLimit {
    /// INVITEs per second in the long run; more are refused with 503 and `Retry-After`. Default 50.
    pub per_second: u32,
    /// INVITEs at once after a pause. Default 100.
    pub burst: u32,
    /// INVITEs per second above which further ones are dropped without an answer. Default 500.
    pub drop_above: u32,
}

impl Default for RateLimit {
    fn default() -> Self {
        RateLimit {
            per_second: 50,
            burst: 100,
            drop_above: 500,
        }
    }
}

/// What becomes of an INVITE.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RateStep {
    Pass,
    /// Refused: after this long it is worth trying again.
    Busy(Duration),
    Drop,
}

/// The sources, and what is left to each.
#[derive(Debug)]
pub(crate) struct RateLimiter {
    limit: RateLimit,
    sources: HashMap<IpAddr, Source>,
}

#[derive(Debug)]
struct Source {
    calls: Bucket,
    answers: Bucket,
}

#[derive(Debug)]
struct Bucket {
    level: f64,
    rate: f64,
    size: f64,
    at: Instant,
}

impl RateLimiter {
    pub(crate) fn new(limit: RateLimit) -> RateLimiter {
        RateLimiter {
            limit,
            sources: HashMap::new(),
        }
    }

    /// An INVITE has come.
    pub(crate) fn draw(&mut self, now: Instant, source: IpAddr) -> RateStep {
        let source = source.to_canonical();
        if !self.sources.contains_key(&source) && self.sources.len() >= MAX_SOURCES {
            // Who may begin as many calls as ever is as good as unknown.
            self.sources.retain(|_, known| !known.is_rested(now));
            if self.sources.len() >= MAX_SOURCES {
                return RateStep::Drop;
            }
        }
        let RateLimit {
            per_second,
            burst,
            drop_above,
        } = self.limit;
        let known = self.sources.entry(source).or_insert_with(|| Source {
            calls: Bucket::full(per_second, burst, now),
            answers: Bucket::full(drop_above, drop_above, now),
        });
        if known.answers.draw(now).is_some() {
            return RateStep::Drop;
        }
        match known.calls.draw(now) {
            None => RateStep::Pass,
            Some(wait) => RateStep::Busy(wait),
        }
    }
}

impl Source {
    fn is_rested(&mut self, now: Instant) -> bool {
        self.calls.is_full(now) && self.answers.is_full(now)
    }
}

impl Bucket {
    fn full(rate: u32, size: u32, now: Instant) -> Bucket {
        let size = f64::from(size.max(1));
        Bucket {
            level: size,
            rate: f64::from(rate),
            size,
            at: now,
        }
    }

    fn fill(&mut self, now: Instant) {
        let passed = now.saturating_duration_since(self.at).as_secs_f64();
        self.level = (self.level + passed * self.rate).min(self.size);
        self.at = now.max(self.at);
    }

    fn is_full(&mut self, now: Instant) -> bool {
        self.fill(now);
        self.level >= self.size
    }

    /// Takes one; or how long until there is one.
    fn draw(&mut self, now: Instant) -> Option<Duration> {
        self.fill(now);
        if self.level >= 1.0 {
            self.level -= 1.0;
            return None;
        }
        let wait = (1.0 - self.level) / self.rate.max(0.001);
        Some(Duration::from_secs_f64(wait.min(3_600.0)))
    }
}

#[cfg(test)]
#[allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects
)]
mod tests {
    use super::*;

    const LIMIT: RateLimit = RateLimit {
        per_second: 2,
        burst: 5,
        drop_above: 20,
    };

    fn count(
        limiter: &mut RateLimiter,
        now: Instant,
        source: IpAddr,
        calls: u32,
    ) -> (u32, u32, u32) {
        let mut steps = (0, 0, 0);
        for _ in 0..calls {
            match limiter.draw(now, source) {
                RateStep::Pass => steps.0 += 1,
                RateStep::Busy(_) => steps.1 += 1,
                RateStep::Drop => steps.2 += 1,
            }
        }
        steps
    }

    #[test]
    fn burst_passes_then_the_rate_then_refusals_then_silence() {
        let now = crate::agent::now();
        let (one, other) = (IpAddr::from([192, 0, 2, 1]), IpAddr::from([192, 0, 2, 2]));
        let mut limiter = RateLimiter::new(LIMIT);
        assert_eq!(count(&mut limiter, now, one, 30), (5, 15, 10));
        // Each source has its own.
        assert_eq!(count(&mut limiter, now, other, 5), (5, 0, 0));
        let mapped = "::ffff:192.0.2.1".parse().unwrap();
        assert_eq!(count(&mut limiter, now, mapped, 1), (0, 0, 1));
        let later = now + Duration::from_secs(1);
        assert_eq!(count(&mut limiter, later, one, 10), (2, 8, 0));
        let RateStep::Busy(wait) = limiter.draw(later, one) else {
            panic!("a token is left")
        };
        assert_eq!(wait, Duration::from_millis(500));
        let rested = later + Duration::from_secs(60);
        assert_eq!(count(&mut limiter, rested, one, 6), (5, 1, 0));
    }

    #[test]
    fn sources_are_bounded_and_rested_ones_are_forgotten() {
        let now = crate::agent::now();
        let mut limiter = RateLimiter::new(LIMIT);
        let source = |number: u32| IpAddr::from((0x0A00_0000 + number).to_be_bytes());
        for number in 0..MAX_SOURCES as u32 {
            assert_eq!(limiter.draw(now, source(number)), RateStep::Pass);
        }
        assert_eq!(limiter.draw(now, source(5_000)), RateStep::Drop);
        let later = now + Duration::from_secs(1);
        assert_eq!(limiter.draw(later, source(5_000)), RateStep::Pass);
        assert_eq!(limiter.sources.len(), 1);
    }
}
