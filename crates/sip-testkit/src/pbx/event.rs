//! What happens at the PBX.

use sip_signaling::Transport;
use std::net::SocketAddr;
use std::time::Instant;
use tokio::sync::broadcast;

/// Something that happened at the PBX.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum PbxEvent {
    /// A contact was registered or refreshed.
    Registered {
        /// The user.
        user: String,
        /// Its contact URI.
        contact: String,
        /// Granted, in seconds.
        expires: u32,
    },
    /// A contact was removed by its owner.
    Unregistered {
        /// The user.
        user: String,
        /// Its contact URI.
        contact: String,
    },
    /// A request came without or with wrong credentials and was challenged.
    Challenged {
        /// The method of the request.
        method: String,
        /// The user that it claims to come from.
        user: String,
    },
    /// A first INVITE was passed on to a phone.
    CallStarted {
        /// Call-ID.
        call_id: String,
        /// The caller's URI.
        from: String,
        /// The URI that was called.
        to: String,
    },
    /// The called phone answered with 2xx.
    CallAnswered {
        /// Call-ID.
        call_id: String,
    },
    /// The call was rejected, cancelled or hung up.
    CallEnded {
        /// Call-ID.
        call_id: String,
        /// The final status of the INVITE where that ended it, `None` after a BYE.
        status: Option<u16>,
    },
    /// A message was received or sent: one line of a ladder.
    Message(PbxMessage),
}

/// One SIP message at the PBX, as a line of a ladder.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct PbxMessage {
    /// When it was received or handed to the socket.
    pub at: Instant,
    /// Sent by the PBX, or received.
    pub sent: bool,
    /// Transport.
    pub transport: Transport,
    /// The other side.
    pub peer: SocketAddr,
    /// Request line or status line.
    pub start_line: String,
    /// Method of the CSeq: which request a response answers.
    pub method: String,
    /// Call-ID.
    pub call_id: String,
}

/// A subscription to the events of a PBX from the moment of [`Pbx::events`](super::Pbx::events).
#[derive(Debug)]
pub struct PbxEvents {
    receiver: broadcast::Receiver<PbxEvent>,
}

impl PbxEvents {
    pub(super) fn new(receiver: broadcast::Receiver<PbxEvent>) -> Self {
        Self { receiver }
    }

    /// The next event; `None` once the PBX is shut down. A reader that falls more than 4096 events
    /// behind misses the oldest.
    ///
    /// Cancel safe: no event is lost when the future is dropped.
    pub async fn recv(&mut self) -> Option<PbxEvent> {
        loop {
            match self.receiver.recv().await {
                Ok(event) => return Some(event),
                Err(broadcast::error::RecvError::Lagged(_)) => {}
                Err(broadcast::error::RecvError::Closed) => return None,
            }
        }
    }

    /// The next event that is there already.
    pub fn try_recv(&mut self) -> Option<PbxEvent> {
        loop {
            match self.receiver.try_recv() {
                Ok(event) => return Some(event),
                Err(broadcast::error::TryRecvError::Lagged(_)) => {}
                Err(_) => return None,
            }
        }
    }
}
