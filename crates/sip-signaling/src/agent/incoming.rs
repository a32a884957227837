//! A call that comes in, up to its answer.

use std::{
    collections::VecDeque,
    net::{IpAddr, SocketAddr},
    sync::{Arc, Mutex, PoisonError, Weak},
    time::Instant,
};

use tokio::sync::{mpsc, oneshot, watch};
use tokio_util::sync::CancellationToken;

use super::{
    call::{Call, IncomingOffer, OfferAnswer},
    call_task::{self, CallStart},
    clock::{first_cseq, now, token},
    dispatch::{answer, refuse},
    early::{EarlyDialog, answer_offer},
    outgoing_task::sleep_until,
    user_agent::{ArrivalKey, CallInput, CallInputs, Inner, add_custom, check_headers},
};
use crate::{
    Body, Credentials, HeaderList, Method, NameAddr, Request, Response, SignalingError, StatusCode,
    Transport, Uri,
    agent_headers::ACCEPTED_TYPES,
    message::refer::Replaces,
    session::{Dialog, DialogId, ReliableStep, SentReliable},
    transaction::{Responder, ServerEvent, ServerTransaction, Target},
};

/// The queue of incoming calls. Dropping it refuses further calls with 480.
#[derive(Debug)]
pub struct IncomingCalls {
    pub(super) queue: mpsc::Receiver<IncomingInvite>,
}

impl IncomingCalls {
    /// The next call; `None` once the user agent has shut down.
    ///
    /// Cancel safe.
    pub async fn recv(&mut self) -> Option<IncomingInvite> {
        self.queue.recv().await
    }
}

/// A call of a peer that waits for an answer. Dropping it refuses it with 480.
#[derive(Debug)]
pub struct IncomingInvite {
    inner: Arc<Inner>,
    request: Request,
    source: Target,
    from: NameAddr,
    to: NameAddr,
    local_tag: String,
    early: Arc<EarlyDialog>,
    credentials: Option<Credentials>,
    reliables: mpsc::UnboundedSender<Reliable>,
    /// A reliable response with a body waits for its PRACK.
    negotiating: watch::Receiver<bool>,
    offers: EarlyOffers,
    pending: Arc<Mutex<Responder>>,
    cancelled: watch::Receiver<bool>,
    accepted: Option<oneshot::Sender<Accepted>>,
    /// The call whose place this one takes.
    replaced: Option<CallInputs>,
    trunk_peer: Option<String>,
}

/// What the task of the INVITE needs to become the task of the call.
#[derive(Debug)]
struct Accepted {
    start: CallStart,
    offered: bool,
}

/// A provisional response that must arrive, on its way to the task of the INVITE.
#[derive(Debug)]
struct Reliable {
    response: Response,
    done: oneshot::Sender<Result<Acknowledged, SignalingError>>,
}

/// A reliable provisional response has arrived (RFC 3262).
#[derive(Debug)]
pub struct Acknowledged {
    /// The answer in the PRACK, where the response held our offer.
    pub answer: Option<Body>,
    /// An offer in the PRACK, where the response held our answer (RFC 3262 section 5).
    pub offer: Option<IncomingOffer>,
}

/// Offers of a caller before the answer (UPDATE, RFC 3311).
#[derive(Debug)]
pub struct EarlyOffers(mpsc::UnboundedReceiver<IncomingOffer>);

impl EarlyOffers {
    /// The next one; `None` once the call is answered or over.
    ///
    /// Cancel safe.
    pub async fn recv(&mut self) -> Option<IncomingOffer> {
        self.0.recv().await
    }
}

impl IncomingInvite {
    /// The caller.
    pub fn from(&self) -> &NameAddr {
        &self.from
    }

    /// Who was called, as the caller wrote it.
    pub fn to(&self) -> &NameAddr {
        &self.to
    }

    /// Request-URI: who was called, as the last proxy wrote it.
    pub fn uri(&self) -> &Uri {
        &self.request.uri
    }

    /// Headers of the INVITE.
    pub fn headers(&self) -> &HeaderList {
        &self.request.headers
    }

    /// True if it takes the place of another call (RFC 3891), which ends with `EndedBy::Replaced` when this one is accepted.
    pub fn is_replacement(&self) -> bool {
        self.replaced.is_some()
    }

    /// The trunk peer that the call is of; `None` without a trunk, and for a call by way of our registrar.
    pub fn trunk_peer(&self) -> Option<&str> {
        self.trunk_peer.as_deref()
    }

    /// The offer; `None` if the caller wants to be offered.
    pub fn body(&self) -> Option<Body> {
        self.request.body()
    }

    /// Call-ID.
    pub fn call_id(&self) -> &str {
        self.request.call_id().unwrap_or_default()
    }

    /// Where the INVITE came from.
    pub fn source(&self) -> SocketAddr {
        self.source.addr
    }

    /// How the INVITE came.
    pub fn transport(&self) -> Transport {
        self.source.transport
    }

    /// The address of this machine that our Contact names to the caller; SDP should name the same.
    ///
    /// # Errors
    /// `Transport` if there is no route.
    pub fn advertised_ip(&self) -> Result<IpAddr, SignalingError> {
        self.inner
            .layer
            .advertised(self.source.addr)
            .map(|addr| addr.ip())
    }

    /// Answers to challenges of requests that this side sends later in the call.
    pub fn set_credentials(&mut self, credentials: Credentials) {
        self.credentials = Some(credentials);
    }

    /// Sends 180.
    ///
    /// # Errors
    /// `Cancelled` if the caller has given up.
    pub async fn ring(&self) -> Result<(), SignalingError> {
        self.provisional(StatusCode::RINGING, HeaderList::new(), None)
            .await
    }

    /// Sends a provisional response, 101 to 199, with headers and a body (early media).
    ///
    /// Cancel safe.
    ///
    /// # Errors
    /// `Cancelled` if the caller has given up, `InvalidInput` for another status or an unusable header or body type.
    pub async fn provisional(
        &self,
        status: StatusCode,
        headers: HeaderList,
        body: Option<Body>,
    ) -> Result<(), SignalingError> {
        if !(101..=199).contains(&status.0) {
            return Err(SignalingError::input(
                "status",
                "a provisional response is 101 to 199",
            ));
        }
        let response = self.response(status, None, &headers, false, body)?;
        if self.request.headers.has_token("Require", "100rel") {
            // RFC 3262 section 3: the caller takes no other. Its PRACK is not waited for here.
            return self.start_reliable(response).map(|_| ());
        }
        self.send(&response)
    }

    /// True if the caller takes provisional responses that must arrive (`100rel`).
    pub fn takes_reliable(&self) -> bool {
        let headers = &self.request.headers;
        headers.has_token("Supported", "100rel") || headers.has_token("Require", "100rel")
    }

    /// Sends a provisional response, 101 to 199, again and again until the caller's PRACK (RFC 3262), and waits for that. With a body it
    /// is the answer to the INVITE's offer, or our offer where the INVITE had none.
    ///
    /// Not cancel safe in its result: the response goes on if the future is dropped.
    ///
    /// # Errors
    /// `InvalidInput` for a caller without `100rel`, and as [`IncomingInvite::provisional`]; `Timeout` if no PRACK comes within 64 T1: the
    /// call has been refused with 504 then. `Cancelled` if the caller gave up.
    pub async fn reliable(
        &self,
        status: StatusCode,
        headers: HeaderList,
        body: Option<Body>,
    ) -> Result<Acknowledged, SignalingError> {
        if !(101..=199).contains(&status.0) || !self.takes_reliable() {
            return Err(SignalingError::input(
                "status",
                "a reliable response is 101 to 199, to a caller that supports 100rel",
            ));
        }
        let response = self.response(status, None, &headers, false, body)?;
        let acknowledged = self.start_reliable(response)?;
        acknowledged.await.map_err(|_| SignalingError::Cancelled)?
    }

    fn start_reliable(
        &self,
        response: Response,
    ) -> Result<oneshot::Receiver<Result<Acknowledged, SignalingError>>, SignalingError> {
        let (done, acknowledged) = oneshot::channel();
        self.reliables
            .send(Reliable { response, done })
            .map_err(|_| SignalingError::Cancelled)?;
        Ok(acknowledged)
    }

    /// The caller's next UPDATE with an offer, before the answer (RFC 3311); for ever, if none comes.
    ///
    /// Cancel safe.
    pub async fn next_offer(&mut self) -> IncomingOffer {
        match self.offers.0.recv().await {
            Some(offer) => offer,
            None => std::future::pending().await,
        }
    }

    /// Takes the queue of such offers, for who answers them beside the call; [`next_offer`](Self::next_offer) has none from then on.
    pub fn take_offers(&mut self) -> EarlyOffers {
        let (_, none) = mpsc::unbounded_channel();
        std::mem::replace(&mut self.offers, EarlyOffers(none))
    }

    /// Sends an UPDATE before the answer (RFC 3311). Errors as for [`super::OutgoingInvite::update`].
    pub async fn update(&self, body: Option<Body>) -> Result<OfferAnswer, SignalingError> {
        self.early.update(&self.inner, body).await
    }

    /// Answers 200 and takes the call. The peer's ACK is awaited by the call: if it never comes, the call ends with
    /// `EndedBy::Timeout`.
    ///
    /// It waits only for the PRACK of a reliable response with a body (RFC 3262 section 3). Cancel safe: the call is refused with 480.
    ///
    /// # Errors
    /// `Cancelled` if the caller has given up, `InvalidInput` for an unusable header or body type (the call is then
    /// refused with 480).
    pub async fn accept(
        mut self,
        headers: HeaderList,
        body: Option<Body>,
    ) -> Result<Call, SignalingError> {
        let offered = self.request.body.is_empty() && body.is_some();
        let mut response = self.response(StatusCode::OK, None, &headers, false, body.clone())?;
        let mut timer = self.inner.session_timer();
        timer.answer(now(), &self.request.headers, &mut response.headers);
        self.negotiating
            .wait_for(|negotiating| !negotiating)
            .await
            .ok();
        let (start, call) = CallStart::new(
            self.early.dialog.clone(),
            self.source,
            self.credentials.take(),
            timer,
            body,
        );
        let accepted = self.accepted.take().ok_or(SignalingError::Closed)?;
        let mut pending = self.pending.lock().unwrap_or_else(PoisonError::into_inner);
        if !pending.is_open() {
            return Err(SignalingError::Cancelled);
        }
        // The call's task first, then the 200: ACK and BYE may follow it before this function has returned.
        accepted
            .send(Accepted { start, offered })
            .map_err(|_| SignalingError::Closed)?;
        pending.send(&response);
        drop(pending);
        if let Some(replaced) = self.replaced.take() {
            replaced.send(CallInput::Replaced).ok();
        }
        Ok(call)
    }

    /// Refuses the call with 300 to 699. `reason` replaces the usual phrase; a 302 takes its `Contact` from `headers`.
    ///
    /// Cancel safe: it does not wait.
    ///
    /// # Errors
    /// `Cancelled` if the caller has given up, `InvalidInput` for another status, or an unusable reason or header (the
    /// call is then refused with 480).
    pub async fn reject(
        self,
        status: StatusCode,
        reason: Option<&str>,
        headers: HeaderList,
    ) -> Result<(), SignalingError> {
        if !(300..=699).contains(&status.0) {
            return Err(SignalingError::input("status", "a refusal is 300 to 699"));
        }
        let response = self.response(status, reason, &headers, true, None)?;
        self.send(&response)
    }

    /// Waits until the caller gives up, or [`crate::Limits::ring_time`] is over; for ever, if it does not.
    ///
    /// Cancel safe.
    pub async fn cancelled(&self) {
        let mut cancelled = self.cancelled.clone();
        while !*cancelled.borrow_and_update() {
            if cancelled.changed().await.is_err() {
                return std::future::pending().await;
            }
        }
    }

    fn response(
        &self,
        status: StatusCode,
        reason: Option<&str>,
        headers: &HeaderList,
        contact_allowed: bool,
        body: Option<Body>,
    ) -> Result<Response, SignalingError> {
        check_headers(headers, contact_allowed)?;
        let mut response =
            self.inner
                .response(&self.request, status, Some(&self.local_tag), self.source);
        if let Some(reason) = reason {
            response = response.with_reason(reason)?;
        }
        add_custom(&mut response.headers, headers);
        response.set_body(body)?;
        Ok(response)
    }

    fn send(&self, response: &Response) -> Result<(), SignalingError> {
        let mut pending = self.pending.lock().unwrap_or_else(PoisonError::into_inner);
        if !pending.is_open() {
            return Err(SignalingError::Cancelled);
        }
        pending.send(response);
        Ok(())
    }
}

impl Drop for IncomingInvite {
    fn drop(&mut self) {
        if let Ok(response) = self.response(
            StatusCode::TEMPORARILY_UNAVAILABLE,
            None,
            &HeaderList::new(),
            false,
            None,
        ) {
            self.send(&response).ok();
        }
    }
}

/// A new INVITE: refused at once, or put into the queue.
pub(super) fn arrive(inner: &Arc<Inner>, mut transaction: Box<ServerTransaction>) {
    let request = transaction.request.clone();
    let key = arrival_key(&request);
    if !inner.arrives(key.clone()) {
        // RFC 3261 section 8.2.2.2: the same request over two paths.
        return refuse(inner, transaction, StatusCode::LOOP_DETECTED);
    }
    if let Some(least) = inner.session_timer().refusal(&request.headers) {
        inner.forget_arrival(&key);
        let status = StatusCode::SESSION_INTERVAL_TOO_SMALL;
        return answer(inner, transaction, status, &[("Min-SE", &least)]);
    }
    let replaced = match replaced_call(inner, &request.headers) {
        Ok(replaced) => replaced,
        Err(status) => {
            inner.forget_arrival(&key);
            return refuse(inner, transaction, status);
        }
    };
    let local_tag = token(12);
    let (Ok(dialog), Some(from), Some(to)) = (
        Dialog::callee(&request, &local_tag),
        request.from(),
        request.to(),
    ) else {
        inner.forget_arrival(&key);
        return refuse(inner, transaction, StatusCode::BAD_REQUEST);
    };
    let trunk_peer = match inner.layer.gate().begin(&request, transaction.source.addr) {
        Ok(peer) => peer,
        Err(status) => {
            inner.forget_arrival(&key);
            return refuse(inner, transaction, status);
        }
    };
    let slot = match inner.incoming.try_reserve() {
        Ok(slot) => slot,
        Err(full) => {
            inner.forget_arrival(&key);
            let closed = matches!(full, mpsc::error::TrySendError::Closed(()));
            return refuse(
                inner,
                transaction,
                if closed {
                    StatusCode::TEMPORARILY_UNAVAILABLE
                } else {
                    StatusCode::BUSY_HERE
                },
            );
        }
    };
    transaction
        .responder
        .send(&Response::to_request(&request, StatusCode::TRYING, None));
    let (inputs, receiver) = mpsc::unbounded_channel();
    inner.set_call(dialog.id().clone(), inputs);
    let pending = Arc::new(Mutex::new(transaction.responder));
    let (cancelled_sender, cancelled) = watch::channel(false);
    let (accepted, accepted_receiver) = oneshot::channel();
    let (reliables, reliable_receiver) = mpsc::unbounded_channel();
    let (negotiating_sender, negotiating) = watch::channel(false);
    let (offer_sender, offers) = mpsc::unbounded_channel();
    let id = dialog.id().clone();
    let early = Arc::new(EarlyDialog::new(dialog, transaction.source, None));
    let waiting = Waiting {
        inner: Arc::downgrade(inner),
        closing: inner.closing.clone(),
        request: request.clone(),
        local_tag: local_tag.clone(),
        source: transaction.source,
        id,
        early: early.clone(),
        reliables: reliable_receiver,
        queue: VecDeque::new(),
        current: None,
        number: first_cseq(),
        ring_until: now().checked_add(inner.config.limits.ring_time),
        negotiating: negotiating_sender,
        offers: offer_sender,
        key,
        pending: pending.clone(),
        cancelled: cancelled_sender,
        events: transaction.events,
        inputs: receiver,
    };
    inner.tasks.spawn(waiting.run(accepted_receiver));
    slot.send(IncomingInvite {
        inner: inner.clone(),
        source: transaction.source,
        from,
        to,
        local_tag,
        early,
        credentials: None,
        reliables,
        negotiating,
        offers: EarlyOffers(offers),
        pending,
        cancelled,
        accepted: Some(accepted),
        replaced,
        trunk_peer,
        request,
    });
}

/// The call that an INVITE wants to take over (RFC 3891 section 3), or the status that refuses it.
fn replaced_call(inner: &Inner, headers: &HeaderList) -> Result<Option<CallInputs>, StatusCode> {
    let mut fields = headers.get_all("Replaces");
    let replaces = match (fields.next(), fields.next()) {
        (None, _) => return Ok(None),
        (Some(text), None) => Replaces::parse(text).ok_or(StatusCode::BAD_REQUEST)?,
        _ => return Err(StatusCode::BAD_REQUEST),
    };
    let id = DialogId {
        call_id: replaces.call_id,
        local_tag: replaces.to_tag,
        remote_tag: replaces.from_tag,
    };
    let call = inner.call(&id).ok_or(StatusCode::CALL_DOES_NOT_EXIST)?;
    if !inner.config.allow_replaces {
        return Err(StatusCode::FORBIDDEN);
    }
    if replaces.early_only {
        return Err(StatusCode::BUSY_HERE);
    }
    Ok(Some(call))
}

fn arrival_key(request: &Request) -> ArrivalKey {
    let tag = request
        .from()
        .and_then(|from| from.tag().map(str::to_owned))
        .unwrap_or_default();
    (
        request.call_id().unwrap_or_default().to_owned(),
        tag,
        request.cseq().map_or(0, |(number, _)| number),
    )
}

/// The task of an INVITE that has no final answer yet: CANCEL, and requests within the early dialog.
struct Waiting {
    inner: Weak<Inner>,
    closing: CancellationToken,
    request: Request,
    local_tag: String,
    source: Target,
    id: DialogId,
    key: ArrivalKey,
    pending: Arc<Mutex<Responder>>,
    cancelled: watch::Sender<bool>,
    early: Arc<EarlyDialog>,
    reliables: mpsc::UnboundedReceiver<Reliable>,
    /// Reliable responses that wait for the PRACK of the one before them.
    queue: VecDeque<Reliable>,
    current: Option<(SentReliable, Reliable)>,
    /// RSeq of the last reliable response.
    number: u32,
    /// Until when the program may answer.
    ring_until: Option<Instant>,
    negotiating: watch::Sender<bool>,
    offers: mpsc::UnboundedSender<IncomingOffer>,
    events: mpsc::UnboundedReceiver<ServerEvent>,
    inputs: mpsc::UnboundedReceiver<CallInput>,
}

impl Waiting {
    async fn run(mut self, mut accepted: oneshot::Receiver<Accepted>) {
        let mut decided = false;
        loop {
            let deadline = self.current.as_ref().map(|(sent, _)| sent.poll_timeout());
            tokio::select! {
                biased;
                answer = &mut accepted, if !decided => match answer {
                    Ok(accepted) => return self.become_call(accepted).await,
                    Err(_) => decided = true,
                },
                event = self.events.recv() => match event {
                    Some(ServerEvent::Cancelled) => self.give_up(),
                    Some(ServerEvent::Ack(_)) => {}
                    None => break,
                },
                Some(input) = self.inputs.recv() => self.early(input),
                Some(reliable) = self.reliables.recv() => {
                    self.queue.push_back(reliable);
                    self.next_reliable();
                }
                () = sleep_until(deadline) => self.on_reliable_timeout(),
                () = sleep_until(self.ring_until) => {
                    self.ring_until = None;
                    if self.refuse(StatusCode::TEMPORARILY_UNAVAILABLE) {
                        self.cancelled.send_replace(true);
                    }
                }
                () = self.closing.cancelled() => {
                    self.refuse(StatusCode::TEMPORARILY_UNAVAILABLE);
                    break;
                }
            }
        }
        if let Some(inner) = self.inner.upgrade() {
            inner.forget_call(&self.id);
            inner.forget_arrival(&self.key);
        }
    }

    async fn become_call(self, accepted: Accepted) {
        let Some(inner) = self.inner.upgrade() else {
            return;
        };
        call_task::callee(
            inner.clone(),
            accepted.start,
            self.events,
            self.inputs,
            accepted.offered,
            self.current.map(|(sent, _)| sent).into_iter().collect(),
        )
        .await;
        inner.forget_arrival(&self.key);
    }

    /// CANCEL, or BYE of the early dialog: 487 (RFC 3261 sections 9.2 and 15.1.2).
    fn give_up(&self) {
        if self.refuse(StatusCode::REQUEST_TERMINATED) {
            self.cancelled.send_replace(true);
        }
    }

    /// False if the program has answered before.
    fn refuse(&self, status: StatusCode) -> bool {
        let mut pending = self.pending.lock().unwrap_or_else(PoisonError::into_inner);
        let (true, Some(inner)) = (pending.is_open(), self.inner.upgrade()) else {
            return false;
        };
        pending.send(&inner.response(&self.request, status, Some(&self.local_tag), self.source));
        true
    }

    /// Sends the next reliable response once the one before it has its PRACK (RFC 3262 section 3).
    fn next_reliable(&mut self) {
        if self.current.is_none()
            && let (Some(mut reliable), Some(inner)) =
                (self.queue.pop_front(), self.inner.upgrade())
        {
            self.number = self.number.saturating_add(1);
            let headers = &mut reliable.response.headers;
            headers.push_raw("Require", "100rel");
            headers.set_raw("RSeq", self.number.to_string());
            let cseq = self.request.cseq().map_or(0, |(number, _)| number);
            let timers = &inner.config.timers;
            let sent = SentReliable::new(now(), self.number, cseq, timers.t1, timers.give_up);
            self.send(&reliable.response);
            self.current = Some((sent, reliable));
        }
        let with_body = |reliable: &Reliable| !reliable.response.body.is_empty();
        let negotiating = self.current.iter().any(|(_, reliable)| with_body(reliable))
            || self.queue.iter().any(with_body);
        self.negotiating.send_replace(negotiating);
    }

    fn on_reliable_timeout(&mut self) {
        let Some((sent, reliable)) = &mut self.current else {
            return;
        };
        match sent.handle_timeout(now()) {
            Some(ReliableStep::Resend) => {
                let response = reliable.response.clone();
                self.send(&response);
            }
            Some(ReliableStep::GiveUp) => {
                let after = self
                    .inner
                    .upgrade()
                    .map_or_else(Default::default, |inner| inner.config.timers.give_up);
                if self.refuse(StatusCode(504)) {
                    self.cancelled.send_replace(true);
                }
                self.queue.clear();
                if let Some((_, reliable)) = self.current.take() {
                    let what = "the PRACK of a provisional response";
                    let error = SignalingError::Timeout { what, after };
                    reliable.done.send(Err(error)).ok();
                }
                self.next_reliable();
            }
            None => {}
        }
    }

    /// A provisional response; nothing once the program has answered.
    fn send(&self, response: &Response) {
        self.pending
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .send(response);
    }

    fn on_prack(&mut self, inner: &Arc<Inner>, transaction: Box<ServerTransaction>) {
        let headers = &transaction.request.headers;
        let acknowledged = self
            .current
            .take_if(|(sent, _)| sent.is_acknowledged_by(headers));
        let Some((_, reliable)) = acknowledged else {
            return refuse(inner, transaction, StatusCode::CALL_DOES_NOT_EXIST);
        };
        let body = transaction.request.body();
        let answers = self.request.body.is_empty();
        if !reliable.response.body.is_empty() {
            self.early.set_negotiated();
        }
        let mut acknowledged = Acknowledged {
            answer: None,
            offer: None,
        };
        if body.is_none() || answers {
            acknowledged.answer = body;
            refuse(inner, transaction, StatusCode::OK);
        } else {
            let (offer, reply) = IncomingOffer::new(&transaction.request);
            acknowledged.offer = Some(offer);
            let inner = inner.clone();
            tokio::spawn(async move {
                let patience = inner.config.offer_timeout;
                answer_offer(&inner, transaction, reply, patience).await
            });
        }
        reliable.done.send(Ok(acknowledged)).ok();
        self.next_reliable();
    }

    fn early(&mut self, input: CallInput) {
        let (CallInput::Request(transaction), Some(inner)) = (input, self.inner.upgrade()) else {
            return;
        };
        let Some(transaction) = self.early.in_order(&inner, transaction) else {
            return;
        };
        match transaction.request.method {
            Method::Bye => {
                refuse(&inner, transaction, StatusCode::OK);
                self.give_up();
            }
            Method::Info => refuse(&inner, transaction, StatusCode::OK),
            Method::Options => answer(
                &inner,
                transaction,
                StatusCode::OK,
                &[("Accept", ACCEPTED_TYPES)],
            ),
            Method::Update => {
                if let Some(offer) = self.early.on_update(&inner, transaction) {
                    self.offers.send(offer).ok();
                }
            }
            // The caller's INVITE is not answered yet (RFC 3261 section 14.2).
            Method::Invite => answer(
                &inner,
                transaction,
                StatusCode::SERVER_INTERNAL_ERROR,
                &[("Retry-After", "2")],
            ),
            Method::Prack => self.on_prack(&inner, transaction),
            _ => refuse(&inner, transaction, StatusCode::METHOD_NOT_ALLOWED),
        }
    }
}
