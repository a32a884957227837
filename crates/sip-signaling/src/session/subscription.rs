//! When a subscription is refreshed, made anew, or given up (RFC 6665 sections 4.1.2 and 4.1.3).

use std::time::{Duration, Instant};

use super::refresh::{RefreshPolicy, Step, later, refresh_after, seconds};
use crate::{Response, message::SubscriptionState};

/// What comes next for a subscription.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SubscriptionStep {
    /// It stands; it is refreshed at `refresh`.
    Stands { expires: Duration, refresh: Instant },
    /// 423: once more, at once, with a longer life.
    AskLonger,
    /// Gone; a new one is asked for at `next`, in a new dialog.
    Anew { next: Instant, pause: Duration },
    /// Gone, and asking again is of no use.
    Over,
}

/// Life, refresh and back-off of one subscription.
#[derive(Debug)]
pub(crate) struct SubscriptionPolicy(RefreshPolicy);

/// Answers that another try will not change: the resource, the package or the request itself is not wanted there.
const FINAL: [u16; 14] = [
    400, 404, 405, 406, 410, 415, 416, 420, 485, 489, 501, 505, 603, 604,
];

/// The pause before a notifier that gives no time of its own is asked again (RFC 6665 section 4.1.3, `giveup` and `probation`).
const LATER: Duration = Duration::from_secs(60);

impl SubscriptionPolicy {
    pub(crate) fn new(wanted: Duration, retry: (Duration, Duration)) -> SubscriptionPolicy {
        SubscriptionPolicy(RefreshPolicy::new(wanted, retry))
    }

    /// The life to ask for.
    pub(crate) fn wanted(&self) -> Duration {
        self.0.wanted()
    }

    /// The final answer to a SUBSCRIBE; `draw` in [0, 1) is the jitter.
    pub(crate) fn answered(
        &mut self,
        now: Instant,
        response: &Response,
        draw: f64,
    ) -> SubscriptionStep {
        if response.status.is_success() {
            let granted = seconds(response.headers.get("Expires")).filter(|life| !life.is_zero());
            return self.0.succeeded(now, granted).into();
        }
        if FINAL.contains(&response.status.0) {
            return SubscriptionStep::Over;
        }
        self.0.refused(now, response, draw).into()
    }

    /// No answer to a SUBSCRIBE, or no NOTIFY after it.
    pub(crate) fn failed(&mut self, now: Instant, draw: f64) -> SubscriptionStep {
        self.0.failed(now, None, draw).into()
    }

    /// A NOTIFY; `None` if it changes nothing.
    pub(crate) fn notified(
        &mut self,
        now: Instant,
        state: &SubscriptionState,
        draw: f64,
    ) -> Option<SubscriptionStep> {
        let (reason, retry_after) = match state {
            SubscriptionState::Active { expires } | SubscriptionState::Pending { expires } => {
                let expires = expires.filter(|life| !life.is_zero())?;
                let refresh = later(now, refresh_after(expires));
                return Some(SubscriptionStep::Stands { expires, refresh });
            }
            SubscriptionState::Terminated {
                reason,
                retry_after,
            } => (reason.as_deref().unwrap_or(""), *retry_after),
        };
        let is = |words: &[&str]| words.iter().any(|word| reason.eq_ignore_ascii_case(word));
        Some(if is(&["rejected", "noresource", "invariant"]) {
            SubscriptionStep::Over
        } else if is(&["probation", "giveup"]) {
            self.0
                .failed(now, Some(retry_after.unwrap_or(LATER)), draw)
                .into()
        } else {
            // `deactivated`, `timeout` and what nobody knows: at once, which the back-off bounds if it comes again and again.
            self.0.failed(now, retry_after, draw).into()
        })
    }
}

impl From<Step> for SubscriptionStep {
    fn from(step: Step) -> SubscriptionStep {
        match step {
            Step::Registered { expires, next } => SubscriptionStep::Stands {
                expires,
                refresh: next,
            },
            Step::AskLonger { .. } => SubscriptionStep::AskLonger,
            Step::Failed { next, pause } => SubscriptionStep::Anew { next, pause },
        }
    }
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

    fn policy() -> SubscriptionPolicy {
        SubscriptionPolicy::new(3_600 * SECOND, (SECOND, 60 * SECOND))
    }

    fn answer(status: u16, headers: &[(&str, &str)]) -> Response {
        let mut response = Response::new(StatusCode(status));
        for (name, value) in headers {
            response.headers.push(name, *value).unwrap();
        }
        response
    }

    fn terminated(reason: &str, retry_after: Option<u64>) -> SubscriptionState {
        SubscriptionState::Terminated {
            reason: Some(reason.to_owned()),
            retry_after: retry_after.map(Duration::from_secs),
        }
    }

    #[test]
    fn life_is_what_the_notifier_says_last() {
        let (now, mut policy) = (now(), policy());
        assert_eq!(
            policy.answered(now, &answer(200, &[("Expires", "600")]), 0.0),
            SubscriptionStep::Stands {
                expires: 600 * SECOND,
                refresh: now + 560 * SECOND
            }
        );
        let shorter = SubscriptionState::Active {
            expires: Some(60 * SECOND),
        };
        assert_eq!(
            policy.notified(now, &shorter, 0.0),
            Some(SubscriptionStep::Stands {
                expires: 60 * SECOND,
                refresh: now + 30 * SECOND
            })
        );
        let silent = SubscriptionState::Active { expires: None };
        assert_eq!(policy.notified(now, &silent, 0.0), None);
    }

    #[test]
    fn what_cannot_change_is_not_asked_again() {
        let now = now();
        for status in [404, 405, 489, 501, 603] {
            let step = policy().answered(now, &answer(status, &[]), 0.0);
            assert_eq!(step, SubscriptionStep::Over, "{status}");
        }
        for reason in ["rejected", "NoResource", "invariant"] {
            let step = policy().notified(now, &terminated(reason, Some(1)), 0.0);
            assert_eq!(step, Some(SubscriptionStep::Over), "{reason}");
        }
    }

    #[test]
    fn what_may_change_is_asked_again_when_the_notifier_says_or_with_growing_pauses() {
        let (now, mut policy) = (now(), policy());
        let pause = |step| match step {
            SubscriptionStep::Anew { pause, .. } => pause.as_secs(),
            _ => 0,
        };
        let busy = answer(503, &[("Retry-After", "17")]);
        assert_eq!(pause(policy.answered(now, &busy, 1.0)), 17);
        assert_eq!(pause(policy.answered(now, &answer(481, &[]), 1.0)), 2);
        assert_eq!(pause(policy.failed(now, 1.0)), 4);
        let step = |policy: &mut SubscriptionPolicy, reason, retry_after| {
            pause(
                policy
                    .notified(now, &terminated(reason, retry_after), 1.0)
                    .unwrap(),
            )
        };
        assert_eq!(step(&mut policy, "giveup", None), 60);
        assert_eq!(step(&mut policy, "probation", Some(90)), 90);
        policy.answered(now, &answer(200, &[]), 0.0);
        assert_eq!(step(&mut policy, "deactivated", None), 1);
        assert_eq!(step(&mut policy, "timeout", None), 2);
    }

    #[test]
    fn too_brief_a_life_is_raised() {
        let (now, mut policy) = (now(), policy());
        let brief = answer(423, &[("Min-Expires", "7200")]);
        assert_eq!(
            policy.answered(now, &brief, 0.0),
            SubscriptionStep::AskLonger
        );
        assert_eq!(policy.wanted(), 7_200 * SECOND);
    }
}
