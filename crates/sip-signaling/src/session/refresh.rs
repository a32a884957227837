//! When a registration is renewed and how long to wait after a failure (RFC 3261 section 10.2, RFC 5626 section 4.5).

use std::time::{Duration, Instant};

use crate::{
    Response,
    message::{NameAddr, name_addrs},
};

/// What a final answer to a REGISTER means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step {
    /// Registered; the next REGISTER goes out at `next`.
    Registered { expires: Duration, next: Instant },
    /// 423: ask again at once with this lifetime.
    AskLonger { expires: Duration },
    /// The next attempt goes out at `next`.
    Failed { next: Instant, pause: Duration },
}

/// Lifetime, refresh and back-off of one registration.
#[derive(Debug)]
pub(crate) struct RefreshPolicy {
    wanted: Duration,
    shortest: Duration,
    longest: Duration,
    failures: u32,
    raised: bool,
}

impl RefreshPolicy {
    pub(crate) fn new(wanted: Duration, retry: (Duration, Duration)) -> RefreshPolicy {
        RefreshPolicy {
            wanted,
            shortest: retry.0,
            longest: retry.1.max(retry.0),
            failures: 0,
            raised: false,
        }
    }

    /// The lifetime to ask for.
    pub(crate) fn wanted(&self) -> Duration {
        self.wanted
    }

    /// A final answer; `contact` is the binding asked for, `draw` in [0, 1) the jitter.
    pub(crate) fn answered(
        &mut self,
        now: Instant,
        response: &Response,
        contact: &NameAddr,
        draw: f64,
    ) -> Step {
        if response.status.is_success() {
            return self.succeeded(now, granted(response, contact));
        }
        self.refused(now, response, draw)
    }

    /// It was agreed to, for this long.
    pub(crate) fn succeeded(&mut self, now: Instant, granted: Option<Duration>) -> Step {
        let expires = granted.unwrap_or(self.wanted);
        self.failures = 0;
        self.raised = false;
        Step::Registered {
            expires,
            next: later(now, refresh_after(expires)),
        }
    }

    /// A final answer that is no success.
    pub(crate) fn refused(&mut self, now: Instant, response: &Response, draw: f64) -> Step {
        if response.status.0 == 423
            && !self.raised
            && let Some(least) = seconds(response.headers.get("Min-Expires"))
        {
            // Once only: a registrar that is never content must not be asked without end.
            self.raised = true;
            self.wanted = self.wanted.max(least);
            return Step::AskLonger {
                expires: self.wanted,
            };
        }
        let at_least = seconds(response.headers.get("Retry-After"));
        self.failed(now, at_least, draw)
    }

    /// No answer, or one that is no success: doubled pauses, half of each drawn at random, never below `at_least`.
    pub(crate) fn failed(&mut self, now: Instant, at_least: Option<Duration>, draw: f64) -> Step {
        let full = self
            .shortest
            .saturating_mul(1_u32.checked_shl(self.failures.min(16)).unwrap_or(u32::MAX))
            .min(self.longest);
        self.failures = self.failures.saturating_add(1);
        let jittered = full
            .mul_f64(0.5 + draw.clamp(0.0, 1.0) / 2.0)
            .max(self.shortest);
        let pause = jittered.max(at_least.unwrap_or_default());
        self.raised = false;
        Step::Failed {
            next: later(now, pause),
            pause,
        }
    }
}

pub(crate) fn later(now: Instant, after: Duration) -> Instant {
    now.checked_add(after).unwrap_or(now)
}

/// Early enough for a lost REGISTER and its 32 s of retransmissions where the lifetime allows it, else at half.
pub(crate) fn refresh_after(expires: Duration) -> Duration {
    let margin = Duration::from_secs(40);
    if expires > margin.saturating_mul(3) {
        expires.saturating_sub(margin).max(expires.mul_f64(0.5))
    } else {
        expires.mul_f64(0.5).max(Duration::from_millis(500))
    }
}

/// The lifetime of our own binding: the Contact's `expires`, else `Expires` (RFC 3261 section 10.2.4).
fn granted(response: &Response, contact: &NameAddr) -> Option<Duration> {
    let bindings = name_addrs(&response.headers, "Contact");
    let ours = bindings
        .iter()
        .find(|binding| binding.uri().is_equivalent(contact.uri()))
        .or_else(|| {
            bindings.iter().find(|binding| {
                binding.uri().host() == contact.uri().host()
                    && binding.uri().port() == contact.uri().port()
            })
        });
    let expires = |binding: &NameAddr| seconds(binding.params().get("expires"));
    // A registrar that writes our binding in its own way: the shortest of those it lists is never too late.
    ours.and_then(expires)
        .or_else(|| {
            bindings
                .iter()
                .filter_map(expires)
                .min()
                .filter(|_| ours.is_none())
        })
        .or_else(|| seconds(response.headers.get("Expires")))
        .filter(|expires| !expires.is_zero())
}

/// Delta-seconds; a comment or parameter behind the number is ignored (Retry-After has both).
pub(crate) fn seconds(text: Option<&str>) -> Option<Duration> {
    let digits: String = text?
        .trim()
        .chars()
        .take_while(char::is_ascii_digit)
        .collect();
    // RFC 3261 section 20.19: values up to 2^32-1.
    digits
        .parse::<u32>()
        .ok()
        .map(|seconds| Duration::from_secs(seconds.into()))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::arithmetic_side_effects)]
mod tests {
    use super::*;
    use crate::StatusCode;

    const SECOND: Duration = Duration::from_secs(1);

    fn now() -> Instant {
        tokio::time::Instant::now().into_std()
    }

    fn answer(status: u16, headers: &[(&str, &str)]) -> Response {
        let mut response = Response::new(StatusCode(status));
        for (name, value) in headers {
            response.headers.push(name, *value).unwrap();
        }
        response
    }

    fn contact() -> NameAddr {
        NameAddr::parse("<sip:alice@10.0.0.1:5062>").unwrap()
    }

    fn policy() -> RefreshPolicy {
        RefreshPolicy::new(300 * SECOND, (SECOND, 60 * SECOND))
    }

    #[test]
    fn lifetime_is_that_of_our_own_binding() {
        let now = now();
        let response = answer(
            200,
            &[
                (
                    "Contact",
                    "<sip:alice@10.9.9.9>;expires=7, <sip:alice@10.0.0.1:5062>;expires=120",
                ),
                ("Expires", "3600"),
            ],
        );
        let step = policy().answered(now, &response, &contact(), 0.0);
        assert_eq!(
            step,
            Step::Registered {
                expires: 120 * SECOND,
                next: now + 60 * SECOND
            }
        );
        let rewritten = answer(
            200,
            &[("Contact", "<sip:x@nat>;expires=90, <sip:y@nat>;expires=600")],
        );
        let step = policy().answered(now, &rewritten, &contact(), 0.0);
        assert_eq!(
            step,
            Step::Registered {
                expires: 90 * SECOND,
                next: now + 45 * SECOND
            }
        );
        let step = policy().answered(now, &answer(200, &[("Expires", "3600")]), &contact(), 0.0);
        assert_eq!(
            step,
            Step::Registered {
                expires: 3600 * SECOND,
                next: now + 3560 * SECOND
            }
        );
        let step = policy().answered(now, &answer(200, &[]), &contact(), 0.0);
        assert_eq!(
            step,
            Step::Registered {
                expires: 300 * SECOND,
                next: now + 260 * SECOND
            }
        );
    }

    #[test]
    fn refresh_always_comes_before_expiry() {
        for expires in [1, 5, 30, 59, 60, 119, 120, 121, 600, 86_400] {
            let expires = Duration::from_secs(expires);
            assert!(refresh_after(expires) < expires);
        }
    }

    #[test]
    fn too_brief_an_interval_is_raised_once() {
        let now = now();
        let mut policy = policy();
        let brief = answer(423, &[("Min-Expires", "1800")]);
        assert_eq!(
            policy.answered(now, &brief, &contact(), 0.0),
            Step::AskLonger {
                expires: 1800 * SECOND
            }
        );
        assert_eq!(policy.wanted(), 1800 * SECOND);
        let never_content = answer(423, &[("Min-Expires", "7200")]);
        assert!(matches!(
            policy.answered(now, &never_content, &contact(), 0.0),
            Step::Failed { .. }
        ));
        assert!(matches!(
            policy.answered(now, &answer(423, &[]), &contact(), 0.0),
            Step::Failed { .. }
        ));
    }

    #[test]
    fn pauses_double_to_a_minute_with_jitter_and_start_over_after_success() {
        let now = now();
        let mut policy = policy();
        let pauses = |policy: &mut RefreshPolicy, draw: f64| -> Vec<u64> {
            (0..9)
                .map(|_| match policy.failed(now, None, draw) {
                    Step::Failed { pause, .. } => pause.as_secs(),
                    _ => 0,
                })
                .collect()
        };
        assert_eq!(pauses(&mut policy, 1.0), [1, 2, 4, 8, 16, 32, 60, 60, 60]);
        policy.answered(now, &answer(200, &[]), &contact(), 0.0);
        assert_eq!(pauses(&mut policy, 0.0), [1, 1, 2, 4, 8, 16, 30, 30, 30]);
    }

    #[test]
    fn retry_after_is_waited_for() {
        let now = now();
        let step = policy().answered(
            now,
            &answer(503, &[("Retry-After", "120 (busy);duration=60")]),
            &contact(),
            0.5,
        );
        assert_eq!(
            step,
            Step::Failed {
                next: now + 120 * SECOND,
                pause: 120 * SECOND
            }
        );
    }
}
