//! The user agent on loopback: against a scripted peer that sends and expects single messages, and against itself.

#[cfg(feature = "tls")]
mod authority;
mod in_call;
mod incoming;
mod input;
mod outgoing;
mod peer;
mod register;
mod shutdown;
#[cfg(feature = "tls")]
mod tls;
mod transport;
#[cfg(all(feature = "tls", feature = "ws"))]
mod web_socket;
