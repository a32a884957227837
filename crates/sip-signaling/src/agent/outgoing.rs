//! A call on its way out, up to its answer.

use tokio::sync::{mpsc, oneshot};

use super::call::{Call, CallCommand, IncomingOffer, OfferAnswer};
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
    /// An offer before the answer: the peer's UPDATE (RFC 3311), or, after an INVITE without an offer, the peer's in a reliable
    /// response (its `method` is PRACK then: accepting it sends our PRACK with the answer, refusing it one without).
    Offer(IncomingOffer),
    /// 2xx: the call stands and waits for its ACK. The last event.
    Answered(AnsweredInvite),
    /// It came to nothing. The last event.
    Failed(SignalingError),
}

#[derive(Debug)]
pub(super) enum InviteCommand {
    Cancel,
    Update {
        body: Option<Body>,
        done: oneshot::Sender<Result<OfferAnswer, SignalingError>>,
    },
}

/// A call that is being set up. Dropping it cancels.
#[derive(Debug)]
pub struct OutgoingInvite {
    pub(super) call_id: String,
    pub(super) events: mpsc::UnboundedReceiver<InviteEvent>,
    pub(super) commands: mpsc::UnboundedSender<InviteCommand>,
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
        self.commands.send(InviteCommand::Cancel).ok();
    }

    /// Sends an UPDATE before the answer (RFC 3311), in the early dialog that spoke last.
    ///
    /// Not cancel safe in its result: the exchange goes on if the future is dropped.
    ///
    /// # Errors
    /// `Pending` while there is no early dialog, or with an offer while another is open or the first has no reliable answer;
    /// `Rejected`, `Timeout`, `Closed`.
    pub async fn update(&self, body: Option<Body>) -> Result<OfferAnswer, SignalingError> {
        let (done, result) = oneshot::channel();
        self.commands
            .send(InviteCommand::Update { body, done })
            .map_err(|_| SignalingError::Closed)?;
        result.await.map_err(|_| SignalingError::Closed)?
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
