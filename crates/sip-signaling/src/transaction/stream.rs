//! Connections that stay open: TCP, TLS and WebSocket, dialled and taken.
//!
//! They are our own, and reach rsipstack as its in-memory connections: so every message is read by our own reader
//! first, a peer's certificate is known, and a connection that breaks is told at once.

mod framer;
mod pool;
mod serve;
#[cfg(feature = "tls")]
mod tls;
#[cfg(not(feature = "tls"))]
#[path = "stream/no_tls.rs"]
mod tls;
#[cfg(feature = "ws")]
mod web_socket;
#[cfg(not(feature = "ws"))]
#[path = "stream/no_web_socket.rs"]
mod web_socket;
mod wire;

pub(crate) use pool::{ListenConfig, NameId};
pub(super) use pool::{ListenerSet, Stream, StreamConfig, StreamPool};
