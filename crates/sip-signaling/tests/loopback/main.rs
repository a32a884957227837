//! The user agent on loopback: against a scripted peer that sends and expects single messages, and against itself.

mod in_call;
mod incoming;
mod input;
mod messages;
mod outgoing;
mod peer;
mod register;
mod reliable;
mod session_timer;
mod shutdown;
mod transfer;
mod transport;
