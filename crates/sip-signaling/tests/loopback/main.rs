//! The user agent on loopback: against a scripted peer that sends and expects single messages, and against itself.

#[cfg(feature = "tls")]
mod authority;
mod in_call;
mod incoming;
mod input;
mod limits;
#[cfg(feature = "dns-srv")]
mod locating;
mod messages;
#[cfg(feature = "dns-srv")]
mod name_server;
mod outgoing;
mod peer;
mod register;
mod reliable;
mod session_timer;
mod shutdown;
mod streams;
mod subscription;
#[cfg(feature = "tls")]
mod tls;
mod torture;
mod transfer;
mod transport;
mod trunk;
#[cfg(all(feature = "tls", feature = "ws"))]
mod web_socket;
