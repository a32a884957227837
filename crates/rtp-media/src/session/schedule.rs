//! When RTCP is sent (RFC 3550 section 6.3 and Appendix A.7).

use std::time::{Duration, Instant};

use crate::random::Random;

/// Shortest mean interval (RFC 3550 section 6.2); half of it before the first report.
const MINIMUM: f64 = 5.0;
/// Timer reconsideration converges below the mean: e - 3/2 makes up for it (section 6.3.1).
const COMPENSATION: f64 = std::f64::consts::E - 1.5;
/// The first report is never later: short calls shall know their round trip too.
const FIRST_AT_MOST: f64 = 2.5;
/// 5 % of a session of two G.711 streams with headers, in octets per second.
const BANDWIDTH: f64 = 0.05 * 2.0 * 80_000.0 / 8.0;
/// Octets of IP and UDP headers, which count (section 6.2).
const HEADERS: usize = 28;

/// The timer of one participant.
#[derive(Debug)]
pub(crate) struct ReportSchedule {
    /// Last transmission, or the start.
    previous: Instant,
    next: Instant,
    initial: bool,
    average_size: f64,
    members: u32,
    senders: u32,
    we_sent: bool,
}

impl ReportSchedule {
    pub(crate) fn new(now: Instant, random: &mut Random) -> Self {
        let mut schedule = Self {
            previous: now,
            next: now,
            initial: true,
            average_size: 100.0,
            members: 2,
            senders: 0,
            we_sent: false,
        };
        schedule.next = now + schedule.interval(random);
        schedule
    }

    pub(crate) fn deadline(&self) -> Instant {
        self.next
    }

    /// Who sends media since the last report.
    pub(crate) fn set_senders(&mut self, we_sent: bool, peer_sent: bool) {
        self.we_sent = we_sent;
        self.senders = u32::from(we_sent) + u32::from(peer_sent);
    }

    /// A report came or went: section 6.3.3.
    pub(crate) fn note_size(&mut self, octets: usize) {
        self.average_size += ((octets + HEADERS) as f64 - self.average_size) / 16.0;
    }

    /// The deadline has passed: whether to send now, after reconsideration (section 6.3.6).
    pub(crate) fn expire(&mut self, now: Instant, random: &mut Random) -> bool {
        if now < self.next {
            return false;
        }
        let reconsidered = self.previous + self.interval(random);
        if reconsidered > now {
            self.next = reconsidered;
            return false;
        }
        self.previous = now;
        self.initial = false;
        self.next = now + self.interval(random);
        true
    }

    /// The peer left: section 6.3.4, reverse reconsideration.
    pub(crate) fn peer_left(&mut self, now: Instant) {
        if self.members == 1 {
            return;
        }
        let scale = 1.0 / f64::from(self.members);
        self.next = now + self.next.saturating_duration_since(now).mul_f64(scale);
        self.previous = now
            .checked_sub(now.saturating_duration_since(self.previous).mul_f64(scale))
            .unwrap_or(now);
        self.members = 1;
    }

    /// The peer is there again.
    pub(crate) fn peer_present(&mut self) {
        self.members = 2;
    }

    /// Appendix A.7, `rtcp_interval`.
    fn interval(&self, random: &mut Random) -> Duration {
        let minimum = if self.initial { MINIMUM / 2.0 } else { MINIMUM };
        let (share, members) =
            if self.senders > 0 && f64::from(self.senders) <= f64::from(self.members) * 0.25 {
                if self.we_sent {
                    (0.25, self.senders)
                } else {
                    (0.75, self.members - self.senders)
                }
            } else {
                (1.0, self.members)
            };
        let mean = (self.average_size * f64::from(members) / (BANDWIDTH * share)).max(minimum);
        let spread = mean * (random.next_f64() + 0.5) / COMPENSATION;
        let seconds = if self.initial {
            spread.min(FIRST_AT_MOST)
        } else {
            spread
        };
        Duration::from_secs_f64(seconds)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing)]
mod tests {
    use super::*;

    #[allow(clippy::disallowed_methods, reason = "an Instant has no other source")]
    fn start() -> Instant {
        Instant::now()
    }

    /// Times of reports over ten minutes.
    fn reports(seed: u64) -> Vec<Duration> {
        let start = start();
        let mut random = Random::new(seed);
        let mut schedule = ReportSchedule::new(start, &mut random);
        schedule.set_senders(true, true);
        let mut times = Vec::new();
        while schedule.deadline() < start + Duration::from_secs(600) {
            let now = schedule.deadline();
            if schedule.expire(now, &mut random) {
                schedule.note_size(104);
                times.push(now - start);
            }
        }
        times
    }

    #[test]
    fn the_first_report_is_early_and_the_mean_is_five_seconds() {
        let mut intervals = Vec::new();
        for seed in 0..50 {
            let times = reports(seed);
            assert!(times[0] >= Duration::from_millis(1_000), "{:?}", times[0]);
            assert!(times[0] <= Duration::from_millis(2_500), "{:?}", times[0]);
            intervals.extend(times.windows(2).map(|w| (w[1] - w[0]).as_secs_f64()));
        }
        let mean = intervals.iter().sum::<f64>() / intervals.len() as f64;
        assert!((4.6..5.4).contains(&mean), "{mean}");
        let bounds = 2.5 / COMPENSATION..=7.5 / COMPENSATION + 0.1;
        assert!(intervals.iter().all(|i| bounds.contains(i)));
        let spread = intervals.iter().fold(0.0_f64, |a, &b| a.max(b))
            - intervals.iter().fold(9.0_f64, |a, &b| a.min(b));
        assert!(spread > 2.0, "randomised: {spread}");
    }

    #[test]
    fn reports_of_two_calls_are_not_in_step() {
        assert_ne!(reports(1), reports(2));
    }

    #[test]
    fn large_reports_stretch_the_interval() {
        let start = start();
        let mut random = Random::new(1);
        let mut schedule = ReportSchedule::new(start, &mut random);
        schedule.initial = false;
        for _ in 0..200 {
            schedule.note_size(40_000);
        }
        assert!(schedule.interval(&mut random) > Duration::from_secs(20));
    }

    #[test]
    fn a_goodbye_halves_the_wait() {
        let start = start();
        let mut random = Random::new(1);
        let mut schedule = ReportSchedule::new(start, &mut random);
        let before = schedule.deadline() - start;
        schedule.peer_left(start);
        assert_eq!(schedule.deadline() - start, before.mul_f64(0.5));
    }
}
