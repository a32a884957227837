//! Why something did not work, sorted by who can act on it.

use std::time::Duration;

use media_engine::{AudioError, EngineError};
use sdp_negotiation::{NegotiationError, SdpError};
use sip_signaling::SignalingError;

/// What `headless-sip` answers when a call, a registration or a set-up fails.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The far end, or a proxy before it, refused with a final status of 300 to 699 (RFC 3261 section 21).
    #[error("the far end refused: {status} {reason}")]
    Rejected {
        /// SIP status code, 300 to 699.
        status: u16,
        /// The reason phrase as it was received.
        reason: String,
        /// After how long it is worth trying again (`Retry-After`, RFC 3261 section 20.33).
        retry_after: Option<Duration>,
    },
    /// The credentials were refused, or none were given where they are needed.
    #[error("{0}")]
    Unauthorized(String),
    /// The call was set up but its media cannot work: no common codec, SRTP demanded, an unreadable SDP.
    #[error("the far end's media description does not fit: {0}")]
    PeerIncompatible(String),
    /// Nobody answered in time.
    #[error("{0}")]
    Timeout(String),
    /// The network failed on the way to the far end.
    #[error("{0}")]
    Transport(String),
    /// A setting or an argument cannot be used as it is.
    #[error("{0}")]
    Config(String),
    /// The media side could not do it: no free RTP port, telephone-event not negotiated, a bad frame.
    #[error("{0}")]
    Media(String),
    /// The caller cancelled before the call was answered.
    #[error("the caller cancelled the call before it was answered")]
    Cancelled,
    /// The call, or the client, has ended.
    #[error("the call has ended")]
    Ended,
}

impl Error {
    /// The SIP status behind the error, where there is one.
    pub fn status(&self) -> Option<u16> {
        match self {
            Self::Rejected { status, .. } => Some(*status),
            _ => None,
        }
    }
}

impl From<EngineError> for Error {
    fn from(error: EngineError) -> Self {
        Self::Media(error.to_string())
    }
}

impl From<AudioError> for Error {
    fn from(error: AudioError) -> Self {
        match error {
            AudioError::Closed => Self::Ended,
            other => Self::Media(other.to_string()),
        }
    }
}

impl From<NegotiationError> for Error {
    fn from(error: NegotiationError) -> Self {
        Self::PeerIncompatible(error.to_string())
    }
}

impl From<SdpError> for Error {
    fn from(error: SdpError) -> Self {
        Self::PeerIncompatible(error.to_string())
    }
}

impl From<SignalingError> for Error {
    fn from(error: SignalingError) -> Self {
        match error {
            SignalingError::Rejected(rejection) => Self::Rejected {
                status: rejection.status.0,
                reason: rejection.reason,
                retry_after: rejection.retry_after,
            },
            SignalingError::Unauthorized { .. } => Self::Unauthorized(error.to_string()),
            SignalingError::Timeout { .. } => Self::Timeout(error.to_string()),
            SignalingError::Transport { .. } => Self::Transport(error.to_string()),
            SignalingError::InvalidInput { .. }
            | SignalingError::Config(_)
            | SignalingError::Insecure { .. } => Self::Config(error.to_string()),
            SignalingError::PeerMisbehaved(_) => Self::PeerIncompatible(error.to_string()),
            SignalingError::Cancelled => Self::Cancelled,
            SignalingError::Closed => Self::Ended,
            other => Self::Transport(other.to_string()),
        }
    }
}
