//! The rules of registrations and calls, as values: no socket, no task, no clock; `now` is an argument.

#![deny(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects
)]

mod dialog;
#[cfg_attr(not(feature = "tls"), allow(dead_code))]
mod identity;
mod invite;
mod keep_alive;
mod negotiation;
mod rate_limit;
mod refresh;
mod reliable;
mod session_timer;
mod subscription;
mod target_order;
mod trunk;

pub(crate) use dialog::{CseqOrder, Dialog, DialogId};
pub(crate) use identity::PeerIdentity;
pub(crate) use invite::{CancelStep, InviteSession, InviteTimeout, SuccessKind};
pub(crate) use keep_alive::{KeepAlive, KeepAliveStep};
pub(crate) use negotiation::Negotiation;
pub use rate_limit::RateLimit;
pub(crate) use refresh::{RefreshPolicy, Step, seconds};
pub(crate) use reliable::{ReceivedReliable, ReliableStep, SentReliable};
pub(crate) use session_timer::{LEAST_SESSION, SessionStep, SessionTimer};
pub(crate) use subscription::{SubscriptionPolicy, SubscriptionStep};
pub(crate) use target_order::{Naptr, Srv, TargetHealth, follow_naptr, order_srv, srv_name};
pub(crate) use trunk::{Admission, Trunk};
pub use trunk::{Passwords, TrunkConfig, TrunkPeer};
