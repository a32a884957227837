//! What SUBSCRIBE and NOTIFY carry: `Event` and `Subscription-State` (RFC 6665 section 8.2).

use std::time::Duration;

use super::{HeaderList, Params, text::is_token};
use crate::{SignalingError, session::seconds};

/// An `Event` header: the package, and the `id` that tells subscriptions of one dialog apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Event {
    pub(crate) package: String,
    id: Option<String>,
}

impl Event {
    /// The event of a request; `None` without the header, or with one that names no package.
    pub(crate) fn of(headers: &HeaderList) -> Option<Event> {
        let value = headers.get("Event")?;
        let (package, params) = value.split_once(';').unwrap_or((value, ""));
        let package = package.trim();
        is_token(package).then(|| Event {
            package: package.to_owned(),
            id: Params::parse(params).get("id").map(str::to_owned),
        })
    }

    /// RFC 6665 section 4.5.1: packages compare as tokens, `id` with case.
    pub(crate) fn is_same(&self, other: &Event) -> bool {
        self.package.eq_ignore_ascii_case(&other.package) && self.id == other.id
    }
}

/// A token that a program gives, such as the name of an event package.
pub(crate) fn check_token(what: &'static str, text: &str) -> Result<(), SignalingError> {
    if is_token(text) {
        return Ok(());
    }
    Err(SignalingError::input(
        what,
        "it is no token (letters, digits, \"-\", \".\")",
    ))
}

/// Where a subscription stands, as the notifier says with each NOTIFY.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum SubscriptionState {
    /// Agreed to; notifications follow.
    Active {
        /// What is left of its life; refreshed in time without further ado.
        expires: Option<Duration>,
    },
    /// Received, and not decided on yet.
    Pending {
        /// What is left of its life.
        expires: Option<Duration>,
    },
    /// Over.
    Terminated {
        /// `deactivated`, `probation`, `rejected`, `timeout`, `giveup`, `noresource`, `invariant`, or another word; may be missing.
        reason: Option<String>,
        /// When it is worth trying again.
        retry_after: Option<Duration>,
    },
}

impl SubscriptionState {
    /// `None` without the header, or with one that names no state. A state that nobody knows is as `active` (RFC 6665 section 4.1.3).
    pub(crate) fn of(headers: &HeaderList) -> Option<SubscriptionState> {
        let value = headers.get("Subscription-State")?;
        let (state, params) = value.split_once(';').unwrap_or((value, ""));
        let (state, params) = (state.trim(), Params::parse(params));
        if !is_token(state) {
            return None;
        }
        let expires = seconds(params.get("expires"));
        Some(if state.eq_ignore_ascii_case("terminated") {
            SubscriptionState::Terminated {
                reason: params.get("reason").map(str::to_owned),
                retry_after: seconds(params.get("retry-after")),
            }
        } else if state.eq_ignore_ascii_case("pending") {
            SubscriptionState::Pending { expires }
        } else {
            SubscriptionState::Active { expires }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(name: &str, value: &str) -> HeaderList {
        let mut headers = HeaderList::new();
        headers.push_raw(name, value);
        headers
    }

    #[test]
    fn events_are_the_same_by_package_and_id() {
        let event = |text: &str| Event::of(&headers("Event", text));
        let dialog = event("dialog").unwrap();
        assert!(dialog.is_same(&event(" Dialog ; sla").unwrap()));
        assert!(!dialog.is_same(&event("dialog;id=1").unwrap()));
        assert!(
            event("refer;id=7")
                .unwrap()
                .is_same(&event("refer;x;id=7").unwrap())
        );
        for broken in ["", ";id=1", "a b", "a,b"] {
            assert_eq!(event(broken), None, "{broken}");
        }
    }

    #[test]
    fn states_are_read_with_what_belongs_to_them() {
        let state = |text: &str| SubscriptionState::of(&headers("Subscription-State", text));
        let minute = Some(Duration::from_secs(60));
        assert_eq!(
            state("active;expires=60"),
            Some(SubscriptionState::Active { expires: minute })
        );
        assert_eq!(
            state("Pending ; expires=60"),
            Some(SubscriptionState::Pending { expires: minute })
        );
        assert_eq!(
            state("terminated;reason=probation;retry-after=60"),
            Some(SubscriptionState::Terminated {
                reason: Some("probation".into()),
                retry_after: minute
            })
        );
        assert_eq!(
            state("waiting"),
            Some(SubscriptionState::Active { expires: None })
        );
        for broken in ["", ";expires=1", "act ive"] {
            assert_eq!(state(broken), None, "{broken}");
        }
    }
}
