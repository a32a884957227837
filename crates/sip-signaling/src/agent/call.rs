//! An established call, its events and its handle.

use std::{net::SocketAddr, sync::Arc};

use tokio::sync::{mpsc, oneshot};

use super::{
    early::SharedDialog,
    transfer::{IncomingRefer, TransferProgress},
};
use crate::{Body, HeaderList, Method, NameAddr, Request, Response, SignalingError, StatusCode};

/// Who or what ended a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum EndedBy {
    /// This side hung up.
    Local,
    /// The peer hung up.
    Remote,
    /// The peer no longer answers: an ACK or the answer to a request in the call never came.
    Timeout,
    /// The peer says that it knows no such call (481).
    Lost,
    /// The user agent has shut down.
    Shutdown,
    /// Another call has taken its place (RFC 3891).
    Replaced,
}

/// How a call ended.
#[derive(Debug, Clone)]
pub struct CallEnd {
    /// Who ended it.
    pub by: EndedBy,
    /// Status of the answer that ended it, where an answer did.
    pub status: Option<StatusCode>,
    /// Text of the `Reason` header, or what went wrong in words; may be empty.
    pub reason: String,
    /// Headers of the peer's BYE, or of the answer to ours.
    pub headers: HeaderList,
}

/// What happens in a call.
#[derive(Debug)]
#[non_exhaustive]
pub enum CallEvent {
    /// The peer sent a re-INVITE or an UPDATE with a body. Answer it within [`crate::UserAgentConfig::offer_timeout`].
    Offer(IncomingOffer),
    /// The ACK of an answer that held our offer brought the peer's answer.
    AckBody(Body),
    /// An INFO; answered 200 already.
    Info {
        /// Headers.
        headers: HeaderList,
        /// Body.
        body: Option<Body>,
    },
    /// A MESSAGE within the call (RFC 3428); answered 200 already.
    Message {
        /// Headers.
        headers: HeaderList,
        /// Body.
        body: Option<Body>,
    },
    /// How a transfer fares that this side asked for with [`CallHandle::refer`].
    Transfer(TransferProgress),
    /// The peer asks this side to call somebody else.
    Refer(Box<IncomingRefer>),
    /// The session was refreshed by a re-INVITE of ours (RFC 4028), which repeated our last offer or answer; this is the peer's answer.
    Refreshed(Option<Body>),
    /// The call has ended. The last event.
    Ended(CallEnd),
}

/// An offer of the peer within a call. Dropping it refuses it with 488; the call goes on as it was.
#[derive(Debug)]
pub struct IncomingOffer {
    /// INVITE or UPDATE; PRACK for an offer that came with one, or that our PRACK answers.
    pub method: Method,
    /// The offer; `None` for a re-INVITE that asks this side for one (its answer comes as [`CallEvent::AckBody`]).
    pub body: Option<Body>,
    /// Headers of the request.
    pub headers: HeaderList,
    pub(super) reply: Option<oneshot::Sender<OfferReply>>,
}

#[derive(Debug)]
pub(super) enum OfferReply {
    Accept(Option<Body>),
    Reject(StatusCode),
}

impl IncomingOffer {
    pub(super) fn new(request: &Request) -> (IncomingOffer, oneshot::Receiver<OfferReply>) {
        let (sender, reply) = oneshot::channel();
        let offer = IncomingOffer {
            method: request.method.clone(),
            body: request.body(),
            headers: request.headers.clone(),
            reply: Some(sender),
        };
        (offer, reply)
    }

    /// Answers 200 with this body: the answer, or our offer if the re-INVITE had none.
    pub fn accept(mut self, body: Option<Body>) {
        if let Some(reply) = self.reply.take() {
            reply.send(OfferReply::Accept(body)).ok();
        }
    }

    /// Refuses the offer (488 is usual); the call goes on as it was. Anything but 400 to 699 is sent as 488.
    pub fn reject(mut self, status: StatusCode) {
        if let Some(reply) = self.reply.take() {
            reply.send(OfferReply::Reject(status)).ok();
        }
    }
}

/// The answer to our re-INVITE or UPDATE.
#[derive(Debug)]
pub struct OfferAnswer {
    /// Headers of the 2xx.
    pub headers: HeaderList,
    /// The answer, or the peer's offer if the re-INVITE had none.
    pub body: Option<Body>,
    pub(super) ack: Option<(CallHandle, u32)>,
}

impl OfferAnswer {
    /// After a re-INVITE without a body: sends the ACK with our answer. After any other it does nothing, the ACK has
    /// gone out. Dropping the `OfferAnswer` sends an ACK without body.
    ///
    /// # Errors
    /// `InvalidInput` for a content type that breaks a header, `Closed` if the call has ended.
    pub async fn ack(mut self, body: Option<Body>) -> Result<(), SignalingError> {
        match self.ack.take() {
            Some((handle, cseq)) => {
                handle
                    .command(|done| CallCommand::AckReinvite { cseq, body, done })
                    .await
            }
            None => Ok(()),
        }
    }
}

impl Drop for OfferAnswer {
    fn drop(&mut self) {
        if let Some((handle, cseq)) = self.ack.take() {
            let (done, _) = oneshot::channel();
            handle
                .commands
                .send(CallCommand::AckReinvite {
                    cseq,
                    body: None,
                    done,
                })
                .ok();
        }
    }
}

/// An established call. Dropping it hangs up.
#[derive(Debug)]
pub struct Call {
    pub(super) events: mpsc::UnboundedReceiver<CallEvent>,
    pub(super) handle: CallHandle,
    pub(super) over: bool,
}

impl Call {
    /// The next event. After `Ended` it waits for ever.
    ///
    /// Cancel safe.
    pub async fn next_event(&mut self) -> CallEvent {
        match self.events.recv().await {
            Some(event) => {
                self.over |= matches!(event, CallEvent::Ended(_));
                event
            }
            None if self.over => std::future::pending().await,
            None => {
                self.over = true;
                CallEvent::Ended(CallEnd {
                    by: EndedBy::Shutdown,
                    status: None,
                    reason: String::new(),
                    headers: HeaderList::new(),
                })
            }
        }
    }

    /// A handle to act on the call from elsewhere.
    pub fn handle(&self) -> CallHandle {
        self.handle.clone()
    }

    /// Call-ID.
    pub fn call_id(&self) -> &str {
        self.handle.call_id()
    }

    /// The peer: From or To, with tag.
    pub fn remote(&self) -> &NameAddr {
        self.handle.remote()
    }
}

impl Drop for Call {
    fn drop(&mut self) {
        self.handle.commands.send(CallCommand::Abandon).ok();
    }
}

#[derive(Debug)]
pub(super) enum CallCommand {
    Ack {
        body: Option<Body>,
        done: oneshot::Sender<Result<(), SignalingError>>,
    },
    AckReinvite {
        cseq: u32,
        body: Option<Body>,
        done: oneshot::Sender<Result<(), SignalingError>>,
    },
    Bye {
        headers: HeaderList,
        done: oneshot::Sender<Result<(), SignalingError>>,
    },
    Offer {
        method: Method,
        body: Option<Body>,
        done: oneshot::Sender<Result<OfferAnswer, SignalingError>>,
    },
    Request {
        method: Method,
        headers: HeaderList,
        body: Option<Body>,
        done: oneshot::Sender<Result<Response, SignalingError>>,
    },
    Abandon,
}

/// Acts on a call. Cheap to clone; does not keep the call alive.
#[derive(Debug, Clone)]
pub struct CallHandle {
    pub(super) identity: Arc<CallIdentity>,
    pub(super) dialog: SharedDialog,
    pub(super) commands: mpsc::UnboundedSender<CallCommand>,
}

/// What does not change in a call.
#[derive(Debug)]
pub(super) struct CallIdentity {
    pub(super) call_id: String,
    pub(super) remote: NameAddr,
    pub(super) peer_addr: SocketAddr,
}

impl CallHandle {
    /// Hangs up and waits for the peer's answer. `Ended` follows as an event of the call.
    ///
    /// Not cancel safe in its result: the BYE goes on if the future is dropped.
    ///
    /// # Errors
    /// `Closed` if the call has ended already; `Timeout` or `Transport` if the peer did not answer (the call has ended
    /// all the same).
    pub async fn bye(&self, headers: HeaderList) -> Result<(), SignalingError> {
        self.command(|done| CallCommand::Bye { headers, done })
            .await
    }

    /// Sends a re-INVITE: with an offer, or without one to be offered. 491 is retried after the RFC's wait (RFC 3261
    /// section 14.1), 401 and 407 are answered. A refusal leaves the call as it was.
    ///
    /// Not cancel safe in its result: the exchange goes on if the future is dropped.
    ///
    /// # Errors
    /// `Pending` while another offer of either side is open, `Rejected`, `Timeout`, `Closed`.
    pub async fn reinvite(&self, body: Option<Body>) -> Result<OfferAnswer, SignalingError> {
        self.command(|done| CallCommand::Offer {
            method: Method::Invite,
            body,
            done,
        })
        .await
    }

    /// Sends an UPDATE (RFC 3311), with an offer or without. Errors as for [`CallHandle::reinvite`].
    pub async fn update(&self, body: Option<Body>) -> Result<OfferAnswer, SignalingError> {
        self.command(|done| CallCommand::Offer {
            method: Method::Update,
            body,
            done,
        })
        .await
    }

    /// Sends an INFO and waits for its answer.
    ///
    /// # Errors
    /// `Rejected`, `Timeout`, `Closed`, `InvalidInput`.
    pub async fn info(&self, body: Body) -> Result<(), SignalingError> {
        self.request(Method::Info, HeaderList::new(), Some(body))
            .await
            .map(|_| ())
    }

    /// Sends a MESSAGE within the call and waits for its answer (RFC 3428). Errors as for [`CallHandle::info`].
    pub async fn message(&self, body: Body) -> Result<(), SignalingError> {
        self.request(Method::Message, HeaderList::new(), Some(body))
            .await
            .map(|_| ())
    }

    /// A request that changes nothing in the call; its 2xx.
    pub(super) async fn request(
        &self,
        method: Method,
        headers: HeaderList,
        body: Option<Body>,
    ) -> Result<Response, SignalingError> {
        self.command(|done| CallCommand::Request {
            method,
            headers,
            body,
            done,
        })
        .await
    }

    /// Call-ID.
    pub fn call_id(&self) -> &str {
        &self.identity.call_id
    }

    /// The peer: From or To, with tag.
    pub fn remote(&self) -> &NameAddr {
        &self.identity.remote
    }

    /// Where the INVITE came from or went to: the peer, or the proxy before it.
    pub fn peer_addr(&self) -> SocketAddr {
        self.identity.peer_addr
    }

    pub(super) async fn command<T>(
        &self,
        make: impl FnOnce(oneshot::Sender<Result<T, SignalingError>>) -> CallCommand,
    ) -> Result<T, SignalingError> {
        let (done, result) = oneshot::channel();
        self.commands
            .send(make(done))
            .map_err(|_| SignalingError::Closed)?;
        result.await.map_err(|_| SignalingError::Closed)?
    }
}
