//! A call on its way out, up to its answer.

use tokio::sync::mpsc;

use super::call::{Call, CallCommand};
use crate::{Body, HeaderList, SignalingError, StatusCode};

/// A provisional response.
#[derive(Debug, Clone)]
pub struct Provisional {
    /// 101 to 199.
    pub status: StatusCode,
    /// Reason phrase.
    pub reason: String,
    /// Headers.
    pub headers: HeaderList,
    /// Body: early media, where it is SDP.
    pub body: Option<Body>,
}

/// What becomes of an [`OutgoingInvite`].
#[derive(Debug)]
#[non_exhaustive]
pub enum InviteEvent {
    /// 100: a next hop has the call.
    Trying,
    /// 180, 183 and other provisional responses.
    Provisional(Provisional),
    /// 2xx: the call stands and waits for its ACK. The last event.
    Answered(AnsweredInvite),
    /// It came to nothing. The last event.
    Failed(SignalingError),
}

/// A call that is being set up. Dropping it cancels.
#[derive(Debug)]
pub struct OutgoingInvite {
    pub(super) call_id: String,
    pub(super) events: mpsc::UnboundedReceiver<InviteEvent>,
    pub(super) cancel: mpsc::UnboundedSender<()>,
}

impl OutgoingInvite {
    /// The next event; after `Answered` or `Failed` always `Failed(Closed)`.
    ///
    /// Cancel safe.
    pub async fn next_event(&mut self) -> InviteEvent {
        self.events
            .recv()
            .await
            .unwrap_or(InviteEvent::Failed(SignalingError::Closed))
    }

    /// Gives the call up: CANCEL, or ACK and BYE if the answer was faster. `Failed(Cancelled)` follows as an event.
    ///
    /// Cancel safe; returns at once.
    pub async fn cancel(&self) {
        self.cancel.send(()).ok();
    }

    /// Call-ID.
    pub fn call_id(&self) -> &str {
        &self.call_id
    }
}

/// A 2xx that waits for its ACK. Dropping it acknowledges and hangs up.
#[derive(Debug)]
pub struct AnsweredInvite {
    /// Status, 200 to 299.
    pub status: StatusCode,
    /// Headers of the answer.
    pub headers: HeaderList,
    /// The answer, or the peer's offer if the INVITE had none.
    pub body: Option<Body>,
    pub(super) call: Option<Call>,
}

impl AnsweredInvite {
    /// Sends the ACK, with the answer if the peer made the offer.
    ///
    /// Not cancel safe: dropping the future may leave the call acknowledged and then hang it up.
    ///
    /// # Errors
    /// `InvalidInput` for a content type that breaks a header; `Transport` if the peer cannot be reached. The call
    /// has then been hung up.
    pub async fn ack(mut self, body: Option<Body>) -> Result<Call, SignalingError> {
        let call = self.call.take().ok_or(SignalingError::Closed)?;
        call.handle()
            .command(|done| CallCommand::Ack { body, done })
            .await?;
        Ok(call)
    }
}
