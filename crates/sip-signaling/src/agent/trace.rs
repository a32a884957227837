//! What went over the wire, for ladders and logs.

use std::{net::SocketAddr, time::Instant};

/// Which way a message went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TraceDirection {
    /// Sent by this user agent.
    Sent,
    /// Received from a peer.
    Received,
}

/// One SIP message as it passed. Holds no header that could carry a secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TracedMessage {
    /// When.
    pub at: Instant,
    /// Which way.
    pub direction: TraceDirection,
    /// The peer's address, where it is known.
    pub peer: Option<SocketAddr>,
    /// Request line or status line.
    pub start_line: String,
    /// CSeq.
    pub cseq: String,
    /// Call-ID.
    pub call_id: String,
}
