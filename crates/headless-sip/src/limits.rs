//! How much far ends may make a client read and hold.

use std::time::Duration;

/// What far ends may ask of a client; beyond it they are refused, never waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Largest SIP message that is read, in bytes, its body included. Default 65,536. A stream with a larger one is closed; a datagram may have
    /// 8,192 at most, a larger request is answered 513.
    pub message_bytes: usize,
    /// Header lines of one message. Default 128; a request with more is answered 400, a response with more is dropped.
    pub headers: usize,
    /// `m=` lines of one session description, at most 16. Default 16; an offer with more is refused with 488.
    pub media_lines: usize,
    /// Calls from outside that the program has not taken with [`incoming`](crate::HeadlessSipClient::incoming) yet. Default 32; more are refused
    /// with 486.
    pub pending_calls: usize,
    /// Texts that the program has not taken with [`incoming_message`](crate::HeadlessSipClient::incoming_message) yet. Default 32; more are
    /// refused with 480.
    pub pending_messages: usize,
    /// Requests that are being answered at once. Default 2,000; more are refused with 503. As many that were refused may wait
    /// for their ACK; further ones are not waited for.
    pub server_transactions: usize,
    /// How long a call from outside may wait for its answer. Default 180 s; then it is refused with 480, and answering it is
    /// [`Error::Cancelled`](crate::Error::Cancelled). For calls out see [`ClientConfig::ring_timeout`](crate::ClientConfig::ring_timeout).
    pub ring_time: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        let sip_signaling::Limits {
            message_bytes,
            headers,
            pending_calls,
            pending_messages,
            server_transactions,
            ring_time,
        } = sip_signaling::Limits::default();
        Self {
            message_bytes,
            headers,
            media_lines: sdp_negotiation::limits::MAX_MEDIA_LINES,
            pending_calls,
            pending_messages,
            server_transactions,
            ring_time,
        }
    }
}

impl Limits {
    /// The part of them that signalling enforces.
    pub(crate) fn signaling(&self) -> sip_signaling::Limits {
        sip_signaling::Limits {
            message_bytes: self.message_bytes,
            headers: self.headers,
            pending_calls: self.pending_calls,
            pending_messages: self.pending_messages,
            server_transactions: self.server_transactions,
            ring_time: self.ring_time,
        }
    }
}
