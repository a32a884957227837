//! Our offer, and the peer's answer to it (RFC 3264 sections 5 and 7).

use crate::error::NegotiationError;
use crate::negotiated::NegotiatedAudio;
use crate::session_description::SessionDescription;

/// An offer that waits for its answer.
///
/// It can be cloned, since one INVITE may be answered by several descriptions: early media of several
/// branches, then the final answer.
#[derive(Debug, Clone, Default)]
pub struct PendingOffer {}

impl PendingOffer {
    /// Takes the answer.
    ///
    /// # Errors
    ///
    /// [`NegotiationError`] when the answer refuses audio, chooses what was not offered, or names no usable
    /// address; the caller ends the call then.
    pub fn accept(self, answer: &SessionDescription) -> Result<NegotiatedAudio, NegotiationError> {
        let _ = answer;
        Err(NegotiationError::NoAudio)
    }
}
