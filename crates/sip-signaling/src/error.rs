//! What can go wrong with a registration or a call, sorted by who can act on it.

use std::time::Duration;

use crate::{
    Transport,
    message::{HeaderList, NameAddr, StatusCode, name_addrs},
};

/// The final non-2xx answer of a peer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rejection {
    /// Status code, 300 to 699.
    pub status: StatusCode,
    /// Reason phrase as received; may be empty.
    pub reason: String,
    /// `Retry-After`, where the peer gave one.
    pub retry_after: Option<Duration>,
    /// All headers of the answer (`Contact` of a 302, `Warning` of a 488, `Reason`).
    pub headers: HeaderList,
}

impl Rejection {
    /// Where a 3xx sends the caller, the likeliest first (RFC 3261 section 8.1.3.4).
    pub fn contacts(&self) -> Vec<NameAddr> {
        let quality = |contact: &NameAddr| -> f32 {
            let q = contact.params().get("q");
            q.and_then(|q| q.parse().ok()).unwrap_or(1.0)
        };
        let mut contacts = name_addrs(&self.headers, "Contact");
        contacts.sort_by(|a, b| quality(b).total_cmp(&quality(a)));
        contacts
    }
}

/// Every failure of this crate.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum SignalingError {
    /// An argument cannot be put into a SIP message; nothing was sent.
    #[error("{what} is not usable in SIP: {why}; correct the argument")]
    InvalidInput {
        /// Which argument.
        what: &'static str,
        /// What is wrong with it; never holds the value of a secret.
        why: String,
    },
    /// The configuration contradicts itself or names an address that cannot be used.
    #[error("configuration: {0}")]
    Config(String),
    /// The peer answered with a final 3xx-6xx status.
    #[error("the peer answered {} {}", .0.status, .0.reason)]
    Rejected(Box<Rejection>),
    /// The server did not accept the credentials, or none were configured that fit its challenge.
    #[error(
        "not authorised ({status}) for realm \"{realm}\": {why}; check user name, password and realm"
    )]
    Unauthorized {
        /// 401, 403 or 407.
        status: StatusCode,
        /// The realm of the first challenge; empty if there was none.
        realm: String,
        /// Why no further attempt was made.
        why: String,
    },
    /// No (final) answer came in time; `what` names the request or the phase.
    #[error("{what}: no answer within {} s; check the address and that the peer is up", .after.as_secs_f32())]
    Timeout {
        /// Which request or phase.
        what: &'static str,
        /// How long was waited.
        after: Duration,
    },
    /// The network refused: name not found, connection refused, no route, socket closed.
    #[error("{peer}: {why}; check the address, the transport and the network")]
    Transport {
        /// Who was to be reached.
        peer: String,
        /// The system's own words.
        why: String,
    },
    /// The peer's certificate is not accepted: nobody trusted has signed it, it is for another name, it has expired.
    #[error("the certificate of {peer} is not accepted: {why}")]
    Certificate {
        /// Who was to be reached: the host of the URI.
        peer: String,
        /// What is wrong with it, and what helps.
        why: String,
    },
    /// A `sips:` request would have left over a transport that anybody can read; nothing was sent.
    #[error(
        "{uri} demands TLS all the way (RFC 3261 section 26.2.2) and {transport} has none; use TLS or WSS, or a sip: URI"
    )]
    Insecure {
        /// The URI.
        uri: String,
        /// The transport that it would have taken.
        transport: Transport,
    },
    /// The call was cancelled by this side.
    #[error("cancelled")]
    Cancelled,
    /// The call, registration or user agent has ended already.
    #[error("already closed")]
    Closed,
    /// The request cannot be sent now: another one of the same kind is pending (RFC 3261 section 14.1).
    #[error("another offer is still pending in this call; try again when it is answered")]
    Pending,
    /// The peer broke the protocol in a way that cannot be mended.
    #[error("the peer broke the protocol: {0}")]
    PeerMisbehaved(String),
}

impl SignalingError {
    pub(crate) fn input(what: &'static str, why: impl Into<String>) -> Self {
        SignalingError::InvalidInput {
            what,
            why: why.into(),
        }
    }

    /// The status code of the peer's answer, where there was one.
    pub fn status(&self) -> Option<StatusCode> {
        match self {
            SignalingError::Rejected(rejection) => Some(rejection.status),
            SignalingError::Unauthorized { status, .. } => Some(*status),
            _ => None,
        }
    }
}
