//! A bad network on one machine.
//!
//! [`Impairment`] is the model as a value: give it a packet's time of arrival, it answers when the
//! packet comes out, if at all. It reads no clock, so that it serves tests in virtual time.
//! [`LossyLink`] puts one such model in each direction between two real UDP endpoints.

mod impairment;
mod link;
mod schedule;

pub use impairment::{Deliveries, Impairment, ImpairmentConfig, ImpairmentStats, Loss};
pub use link::{LinkError, LinkStats, LossyLink, LossyLinkConfig};
