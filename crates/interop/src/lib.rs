//! Drives real SIP programs on loopback, so that the tests beside it can hold headless-sip against them.
//!
//! Each peer is one struct that writes its own configuration into a folder of its own, picks free ports, starts the
//! program, waits until it really is ready, and kills it by its process id when it is dropped. What the program printed is
//! shown when the test that owns it fails.
//!
//! | peer | struct | Debian package |
//! |---|---|---|
//! | SIPp | [`Sipp`], [`SippRun`] | `sip-tester` |
//! | baresip | [`Baresip`] | `baresip-core` |
//! | Kamailio | [`Kamailio`] | `kamailio`, `kamailio-tls-modules` |
//!
//! [`in_own_network`] gives a test a network whose addresses it may take away (`iproute2`).
//!
//! The functions panic, with a text that says what was awaited and what came instead: they are only called by tests.

mod authority;
mod baresip;
mod baresip_control;
mod kamailio;
mod network;
mod phone;
mod ports;
mod process;
mod program;
mod ready;
mod sipp;

pub use authority::{Authority, Certificate};
pub use baresip::{Baresip, BaresipConfig};
pub use baresip_control::{BaresipControl, BaresipEvent};
pub use kamailio::{Kamailio, REALM};
pub use network::{Network, in_own_network};
pub use phone::{Phone, assert_tone, hear_tone, listen, tone};
pub use ports::Ports;
pub use process::PeerProcess;
pub use program::Program;
pub use ready::{Transport, is_bound, options_answered, until};
pub use sipp::{Sipp, SippRun};
