//! What went over the wire, for ladders and logs.

use std::{net::SocketAddr, time::Instant};

use crate::Transport;

/// Which way a message went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TraceDirection {
    /// Sent by this user agent.
    Sent,
    /// Received from a peer.
    Received,
}

/// One SIP message as it passed, without its secrets: passwords, answers of digests and keys of media are `***`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TracedMessage {
    /// When.
    pub at: Instant,
    /// Which way.
    pub direction: TraceDirection,
    /// How.
    pub transport: Transport,
    /// Our address; towards the peer, where the socket is bound to none.
    pub local: SocketAddr,
    /// The peer's address, where it is known.
    pub peer: Option<SocketAddr>,
    /// Request line or status line.
    pub start_line: String,
    /// CSeq.
    pub cseq: String,
    /// Call-ID.
    pub call_id: String,
    /// The whole message; bytes that are no UTF-8 are shown as Latin-1.
    pub message: String,
}
