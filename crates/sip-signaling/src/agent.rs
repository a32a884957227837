//! The user agent: a thin async shell that joins the values of `session` to the transactions.

mod auth;
mod call;
mod call_requests;
mod call_task;
mod clock;
mod config;
mod dispatch;
mod early;
mod incoming;
mod messages;
mod notifier;
mod notifier_task;
mod outgoing;
mod outgoing_task;
mod registration;
mod registration_task;
mod subscription;
mod subscription_task;
mod trace;
mod transfer;
mod user_agent;

pub use call::{Call, CallEnd, CallEvent, CallHandle, EndedBy, IncomingOffer, OfferAnswer};
pub(crate) use clock::{fraction, now, token};
pub use config::{InviteOptions, RegistrationConfig, RequestOptions, Timers, UserAgentConfig};
pub use incoming::{Acknowledged, EarlyOffers, IncomingCalls, IncomingInvite};
pub use messages::{IncomingMessage, IncomingMessages};
pub use notifier::{IncomingSubscription, IncomingSubscriptions, Notifier, NotifierEnd};
pub use outgoing::{AnsweredInvite, InviteEvent, OutgoingInvite, Provisional};
pub use registration::{Registration, RegistrationState};
pub use subscription::{Notification, Subscription, SubscriptionConfig, SubscriptionEvent};
pub use trace::{TraceDirection, TracedMessage};
pub use transfer::{IncomingRefer, ReferNotifier, TransferProgress};
pub use user_agent::UserAgent;
