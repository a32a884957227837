//! A subscription of ours (RFC 6665, the subscriber's side), and notifications nobody asked for.

use std::time::Duration;

use tokio::sync::{mpsc, oneshot};

use crate::{
    Body, Credentials, HeaderList, NameAddr, SignalingError, Transport, Uri,
    message::SubscriptionState,
};

/// What to subscribe to.
#[derive(Debug, Clone)]
pub struct SubscriptionConfig {
    /// Whose state: Request-URI and To.
    pub target: Uri,
    /// From (a tag is added). Its user part goes into the Contact.
    pub from: NameAddr,
    /// The event package, such as `message-summary` (RFC 3842), `dialog` (RFC 4235) or `presence` (RFC 3856).
    pub package: String,
    /// Content types that are understood, for `Accept`; empty leaves the package's default.
    pub accept: Vec<String>,
    /// Wanted life, default 3,600 s; the notifier may shorten it or demand a longer one (423).
    pub expires: Duration,
    /// Answers to challenges of the notifier and of proxies.
    pub credentials: Option<Credentials>,
    /// First hop instead of the target and of [`crate::UserAgentConfig::outbound_proxy`]; goes into a Route header.
    pub proxy: Option<Uri>,
    /// Proxies to pass after that, such as [`crate::Registration::service_route`].
    pub route: Vec<NameAddr>,
    /// Transport; `None` follows the `transport` parameter of the first hop, else UDP where it is spoken.
    pub transport: Option<Transport>,
    /// More headers of each SUBSCRIBE.
    pub headers: HeaderList,
    /// Body of each SUBSCRIBE, such as a filter (RFC 4660).
    pub body: Option<Body>,
    /// Shortest and longest pause after a failure; doubled each time, jittered. Default 1 s to 60 s.
    pub retry_after_failure: (Duration, Duration),
}

impl SubscriptionConfig {
    /// A subscription with the defaults.
    pub fn new(target: Uri, from: NameAddr, package: impl Into<String>) -> SubscriptionConfig {
        SubscriptionConfig {
            target,
            from,
            package: package.into(),
            accept: Vec::new(),
            expires: Duration::from_secs(3_600),
            credentials: None,
            proxy: None,
            route: Vec::new(),
            transport: None,
            headers: HeaderList::new(),
            body: None,
            retry_after_failure: (Duration::from_secs(1), Duration::from_secs(60)),
        }
    }
}

/// What the notifier says (a NOTIFY); answered 200 already.
#[derive(Debug, Clone)]
pub struct Notification {
    /// Where the subscription stands.
    pub state: SubscriptionState,
    /// All headers.
    pub headers: HeaderList,
    /// The state of the resource, and its type; see [`crate::event_package`].
    pub body: Option<Body>,
}

/// What happens to a subscription.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum SubscriptionEvent {
    /// The notifier has taken it (2xx). Told once; refreshes are not.
    Subscribed {
        /// The life that was granted.
        expires: Duration,
    },
    /// News.
    Notified(Box<Notification>),
    /// It does not stand; another attempt follows after `retry_in`.
    Failed {
        /// Why.
        error: SignalingError,
        /// Pause before the next attempt.
        retry_in: Duration,
    },
    /// It has ended, and no attempt follows: the notifier has ended it for good (`None`), or refused it in a way that asking again does not
    /// change. The last event.
    Ended(Option<SignalingError>),
}

pub(super) type StopSubscription = oneshot::Sender<Result<(), SignalingError>>;

/// A subscription, refreshed until it is told to stop. Dropping it un-subscribes in the background.
#[derive(Debug)]
pub struct Subscription {
    pub(super) events: mpsc::Receiver<SubscriptionEvent>,
    pub(super) stop: mpsc::UnboundedSender<StopSubscription>,
}

impl Subscription {
    /// The next event; `None` after [`SubscriptionEvent::Ended`] and once the user agent has shut down. Where events are left unread, further
    /// NOTIFYs are refused with 500 and `Retry-After`, so that the notifier sends them again.
    ///
    /// Cancel safe.
    pub async fn next_event(&mut self) -> Option<SubscriptionEvent> {
        self.events.recv().await
    }

    /// Ends it at the notifier (SUBSCRIBE with `Expires: 0`).
    ///
    /// Not cancel safe in its result: the SUBSCRIBE goes on if the future is dropped.
    ///
    /// # Errors
    /// What the notifier answered, or `Timeout`; the subscription has ended in any case. `Closed` if it had before.
    pub async fn unsubscribe(self) -> Result<(), SignalingError> {
        let (done, result) = oneshot::channel();
        self.stop.send(done).map_err(|_| SignalingError::Closed)?;
        result.await.map_err(|_| SignalingError::Closed)?
    }
}

impl Drop for Subscription {
    fn drop(&mut self) {
        let (done, _) = oneshot::channel();
        self.stop.send(done).ok();
    }
}
