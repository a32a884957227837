//! The rules of registrations and calls, as values: no socket, no task, no clock; `now` is an argument.

#![deny(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects
)]

mod dialog;
mod invite;
mod negotiation;
mod refresh;
mod reliable;
mod session_timer;

pub(crate) use dialog::{CseqOrder, Dialog, DialogId};
pub(crate) use invite::{CancelStep, InviteSession, InviteTimeout, SuccessKind};
pub(crate) use negotiation::Negotiation;
pub(crate) use refresh::{RefreshPolicy, Step, seconds};
pub(crate) use reliable::{ReceivedReliable, ReliableStep, SentReliable};
pub(crate) use session_timer::{LEAST_SESSION, SessionStep, SessionTimer};
