//! A dialog before the call is answered: PRACK and UPDATE, ours and the peer's.

use std::{
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use tokio::sync::oneshot;

use super::{
    auth::{Authenticator, rejected},
    call::{IncomingOffer, OfferAnswer, OfferReply},
    clock::now,
    dispatch::{answer, refuse},
    user_agent::Inner,
};
use crate::{
    Body, Credentials, HeaderList, Method, Response, SignalingError, StatusCode,
    session::{CseqOrder, Dialog, Negotiation},
    transaction::{ServerTransaction, Target},
};

/// A dialog of the call, which has it from its first request on.
pub(super) type SharedDialog = Arc<Mutex<Dialog>>;

/// An early dialog. Its numbers go on in the call that comes of it.
#[derive(Debug)]
pub(super) struct EarlyDialog {
    pub(super) dialog: SharedDialog,
    flow: Target,
    credentials: Option<Credentials>,
    negotiation: Mutex<Negotiation>,
    /// Held while a request of ours is under way: the peer sees our numbers rise.
    in_order: tokio::sync::Mutex<()>,
    /// The first offer was answered reliably, so that an UPDATE may hold another one (RFC 3311 section 5.1).
    negotiated: AtomicBool,
}

impl EarlyDialog {
    pub(super) fn new(dialog: Dialog, flow: Target, credentials: Option<Credentials>) -> Self {
        EarlyDialog {
            dialog: Arc::new(Mutex::new(dialog)),
            flow,
            credentials,
            negotiation: Mutex::default(),
            in_order: tokio::sync::Mutex::default(),
            negotiated: AtomicBool::new(false),
        }
    }

    pub(super) fn dialog(&self) -> MutexGuard<'_, Dialog> {
        self.dialog.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn negotiation(&self) -> MutexGuard<'_, Negotiation> {
        self.negotiation
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// The first offer has its answer.
    pub(super) fn set_negotiated(&self) {
        self.negotiated.store(true, Ordering::Relaxed);
    }

    /// Acknowledges a reliable response (RFC 3262 section 4), along the dialog's route.
    pub(super) async fn prack(
        &self,
        inner: &Inner,
        rack: String,
        body: Option<Body>,
    ) -> Result<Response, SignalingError> {
        let mut headers = HeaderList::new();
        headers.push_raw("RAck", rack);
        self.send(inner, Method::Prack, &headers, body).await
    }

    /// An UPDATE of ours before the answer.
    pub(super) async fn update(
        &self,
        inner: &Inner,
        body: Option<Body>,
    ) -> Result<OfferAnswer, SignalingError> {
        let offers = body.is_some();
        if offers && (!self.negotiated.load(Ordering::Relaxed) || !self.negotiation().begin_local())
        {
            return Err(SignalingError::Pending);
        }
        let result = self
            .send(inner, Method::Update, &HeaderList::new(), body)
            .await;
        if offers {
            self.negotiation().end_local();
        }
        let response = result?;
        if !response.status.is_success() {
            return Err(rejected(&response));
        }
        self.dialog().refresh_target(response.contact());
        Ok(OfferAnswer {
            body: response.body(),
            headers: response.headers,
            ack: None,
        })
    }

    async fn send(
        &self,
        inner: &Inner,
        method: Method,
        headers: &HeaderList,
        body: Option<Body>,
    ) -> Result<Response, SignalingError> {
        let _in_order = self.in_order.lock().await;
        let dialog = self.dialog().clone();
        let target = inner.reach_dialog(&dialog, self.flow).await?;
        let mut auth = Authenticator::new(self.credentials.as_ref());
        let make = || {
            let mut request = self.dialog().request(method.clone());
            if method == Method::Update {
                let user = request.from().and_then(|from| from.uri().user_decoded());
                let contact = inner.contact(user.as_deref(), target)?;
                request.headers.push_raw("Contact", contact.to_string());
            }
            request.headers.extend(headers);
            inner.add_agent_headers(&mut request.headers);
            request.set_body(body.clone())?;
            Ok(request)
        };
        inner.transact(make, target, &mut auth).await
    }

    /// `None`, and answered, if the number of the peer's request is not above those before it.
    pub(super) fn in_order(
        &self,
        inner: &Inner,
        transaction: Box<ServerTransaction>,
    ) -> Option<Box<ServerTransaction>> {
        let number = transaction.request.cseq().map_or(0, |(number, _)| number);
        let order = self.dialog().accept_cseq(number);
        if order == CseqOrder::OutOfOrder {
            refuse(inner, transaction, StatusCode::SERVER_INTERNAL_ERROR);
            return None;
        }
        Some(transaction)
    }

    /// An UPDATE of the peer before the answer (RFC 3311 section 5.2): an offer for the program, or answered already.
    pub(super) fn on_update(
        self: &Arc<Self>,
        inner: &Arc<Inner>,
        transaction: Box<ServerTransaction>,
    ) -> Option<IncomingOffer> {
        let body = transaction.request.body();
        if body.is_none() {
            self.dialog().refresh_target(transaction.request.contact());
            refuse(inner, transaction, StatusCode::OK);
            return None;
        }
        let patience = inner.config.offer_timeout;
        if !self.negotiated.load(Ordering::Relaxed) {
            // An offer is under way: ours, or the peer's own (RFC 3311 section 5.2).
            if self.dialog().owns_call_id() {
                refuse(inner, transaction, StatusCode::REQUEST_PENDING);
            } else {
                let status = StatusCode::SERVER_INTERNAL_ERROR;
                answer(inner, transaction, status, &[("Retry-After", "2")]);
            }
            return None;
        }
        let opened = self.negotiation().begin_remote(now(), patience);
        if let Err(refusal) = opened {
            answer(
                inner,
                transaction,
                refusal.status(),
                &[("Retry-After", "2")],
            );
            return None;
        }
        let (offer, reply) = IncomingOffer::new(&transaction.request);
        let (early, inner) = (self.clone(), inner.clone());
        tokio::spawn(async move {
            let contact = transaction.request.contact();
            if answer_offer(&inner, transaction, reply, patience).await {
                early.dialog().refresh_target(contact);
            }
            early.negotiation().end_remote(false);
        });
        Some(offer)
    }
}

/// Answers a request that holds an offer as the program decides; true if with 200.
pub(super) async fn answer_offer(
    inner: &Inner,
    mut transaction: Box<ServerTransaction>,
    reply: oneshot::Receiver<OfferReply>,
    patience: Duration,
) -> bool {
    let reply = tokio::time::timeout(patience, reply).await;
    let (status, body) = match reply {
        Ok(Ok(OfferReply::Accept(body))) => (StatusCode::OK, body),
        Ok(Ok(OfferReply::Reject(status))) if (400..=699).contains(&status.0) => (status, None),
        Ok(_) => (StatusCode::NOT_ACCEPTABLE_HERE, None),
        Err(_) => (StatusCode::SERVER_INTERNAL_ERROR, None),
    };
    let mut response = inner.response(&transaction.request, status, None, transaction.source);
    if response.set_body(body).is_err() {
        let status = StatusCode::SERVER_INTERNAL_ERROR;
        response = inner.response(&transaction.request, status, None, transaction.source);
    }
    transaction.responder.send(&response);
    response.status.is_success()
}
