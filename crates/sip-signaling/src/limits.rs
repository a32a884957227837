//! How much peers may make a user agent read and hold.

use std::time::Duration;

/// What peers may ask of a user agent; beyond it they are refused, never waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Largest message that is read, in bytes, body included; default 65,536. A stream whose message is larger is closed, for where the next
    /// one begins is unknown. A datagram may have 8,192 at most: a larger request is answered 513.
    pub message_bytes: usize,
    /// Header lines of one message, default 128. A request with more is answered 400, a response with more is dropped.
    pub headers: usize,
    /// Incoming calls that the program has not taken yet, default 32; more are refused with 486.
    pub pending_calls: usize,
    /// Incoming MESSAGEs that the program has not taken yet, default 32; more are refused with 480.
    pub pending_messages: usize,
    /// Requests being answered at once, default 2,000; more are refused with 503. As many that were refused may wait for their
    /// ACK; further ones are not waited for.
    pub server_transactions: usize,
    /// How long an incoming call may wait for its answer before it is refused with 480, default 180 s.
    pub ring_time: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            message_bytes: 65_536,
            headers: 128,
            pending_calls: 32,
            pending_messages: 32,
            server_transactions: 2_000,
            ring_time: Duration::from_secs(180),
        }
    }
}
