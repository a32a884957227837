//! The exchange, seen from outside: scripted messages, user agents, media.
#![cfg(feature = "pbx")]

mod agents;
mod faults;
mod media;
mod proxy;
mod registrar;
mod script;
