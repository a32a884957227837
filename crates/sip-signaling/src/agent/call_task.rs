//! The task of a call: answers the peer's requests, sends ours, ends it.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use tokio::sync::{mpsc, oneshot};

use super::{
    auth::Authenticator,
    call::{
        Call, CallCommand, CallEnd, CallEvent, CallHandle, CallIdentity, EndedBy, IncomingOffer,
        OfferReply,
    },
    call_requests::{Note, Shared},
    clock::{first_cseq, fraction, now},
    dispatch::{answer, refuse},
    early::SharedDialog,
    outgoing_task::sleep_until,
    transfer::{IncomingRefer, TransferProgress, notification, refer_to},
    user_agent::{CallInput, Inner, check_headers},
};
use crate::{
    Body, Credentials, HeaderList, Method, Request, Response, SignalingError, StatusCode,
    agent_headers::ACCEPTED_TYPES,
    message::{Event, SubscriptionState, refer::sipfrag_status},
    session::{CseqOrder, SentReliable, SessionStep, SessionTimer},
    transaction::{ServerEvent, ServerTransaction, Target},
};

/// What the program's half of a call is connected to.
#[derive(Debug)]
pub(super) struct CallStart {
    dialog: SharedDialog,
    flow: Target,
    credentials: Option<Credentials>,
    timer: SessionTimer,
    local_body: Option<Body>,
    events: mpsc::UnboundedSender<CallEvent>,
    commands: mpsc::UnboundedReceiver<CallCommand>,
    handle: CallHandle,
}

impl CallStart {
    pub(super) fn new(
        dialog: SharedDialog,
        flow: Target,
        credentials: Option<Credentials>,
        timer: SessionTimer,
        local_body: Option<Body>,
    ) -> (CallStart, Call) {
        let (events, event_receiver) = mpsc::unbounded_channel();
        let (commands, command_receiver) = mpsc::unbounded_channel();
        let handle = {
            let known = dialog.lock().unwrap_or_else(PoisonError::into_inner);
            CallHandle {
                identity: Arc::new(CallIdentity {
                    call_id: known.id().call_id.clone(),
                    remote: known.remote().clone(),
                    peer_addr: flow.addr,
                }),
                dialog: dialog.clone(),
                commands,
            }
        };
        let call = Call {
            events: event_receiver,
            handle: handle.clone(),
            over: false,
        };
        (
            CallStart {
                dialog,
                flow,
                credentials,
                timer,
                local_body,
                events,
                commands: command_receiver,
                handle,
            },
            call,
        )
    }
}

/// A call that this side made: its 2xx waits for the ACK that the program gives.
pub(super) async fn caller(
    inner: Arc<Inner>,
    start: CallStart,
    inputs: mpsc::UnboundedReceiver<CallInput>,
    auth: Authenticator,
    invite_cseq: u32,
) {
    let mut task = CallTask::new(inner, start, inputs, auth);
    task.unacked_invite = Some(invite_cseq);
    task.run().await;
}

/// A call that this side has answered: the ACK of the peer is awaited.
pub(super) async fn callee(
    inner: Arc<Inner>,
    start: CallStart,
    events: mpsc::UnboundedReceiver<ServerEvent>,
    inputs: mpsc::UnboundedReceiver<CallInput>,
    offered: bool,
    unacknowledged: Vec<SentReliable>,
) {
    let auth = Authenticator::new(start.credentials.as_ref());
    let mut task = CallTask::new(inner, start, inputs, auth);
    task.shared.dialog().start_cseq(first_cseq());
    task.shared.negotiation().end_remote(true);
    task.awaited = Some(AwaitedAck { events, offered });
    task.unacknowledged = unacknowledged;
    task.run().await;
}

struct AwaitedAck {
    events: mpsc::UnboundedReceiver<ServerEvent>,
    /// Our 2xx held the offer, so the ACK brings the answer.
    offered: bool,
}

struct PendingOffer {
    transaction: Box<ServerTransaction>,
    reply: oneshot::Receiver<OfferReply>,
}

struct CallTask {
    shared: Arc<Shared>,
    events: mpsc::UnboundedSender<CallEvent>,
    commands: mpsc::UnboundedReceiver<CallCommand>,
    inputs: mpsc::UnboundedReceiver<CallInput>,
    notes: mpsc::UnboundedReceiver<Note>,
    acks: HashMap<u32, (Request, Target)>,
    unacked_invite: Option<u32>,
    awaited: Option<AwaitedAck>,
    pending: Option<PendingOffer>,
    /// Offers of the peer that overtook its ACK on their way to this task.
    early_offers: Vec<ServerTransaction>,
    /// Commands that wait for the peer's ACK (RFC 3261 sections 14.1 and 15).
    waiting: Vec<CallCommand>,
    /// Reliable provisional responses whose PRACK our 200 has overtaken (RFC 3262 section 3).
    unacknowledged: Vec<SentReliable>,
    /// REFERs of ours, and of the peer.
    refers: (u32, u32),
    phase: Phase,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    Up,
    /// `Ended` was told; our BYE is under way.
    Closing,
    Over,
}

impl CallTask {
    fn new(
        inner: Arc<Inner>,
        start: CallStart,
        inputs: mpsc::UnboundedReceiver<CallInput>,
        auth: Authenticator,
    ) -> CallTask {
        let (notes, note_receiver) = mpsc::unbounded_channel();
        let shared = Arc::new(Shared {
            inner,
            dialog: start.dialog,
            negotiation: Mutex::default(),
            session: Mutex::new(start.timer),
            local_body: Mutex::new(start.local_body),
            auth: tokio::sync::Mutex::new(auth),
            credentials: start.credentials,
            flow: start.flow,
            handle: start.handle,
            notes,
        });
        CallTask {
            shared,
            events: start.events,
            commands: start.commands,
            inputs,
            notes: note_receiver,
            acks: HashMap::new(),
            unacked_invite: None,
            awaited: None,
            pending: None,
            early_offers: Vec::new(),
            waiting: Vec::new(),
            unacknowledged: Vec::new(),
            refers: (0, 0),
            phase: Phase::Up,
        }
    }

    async fn run(mut self) {
        let shared = self.shared.clone();
        while self.phase != Phase::Over {
            let offer_deadline = shared
                .negotiation()
                .poll_timeout()
                .filter(|_| self.pending.is_some());
            let session_deadline = shared
                .session()
                .poll_timeout()
                .filter(|_| self.phase == Phase::Up);
            tokio::select! {
                // The end of the user agent first: it closes the channels that the others read.
                biased;
                () = shared.inner.closing.cancelled() => {
                    self.end(EndedBy::Shutdown, None, String::new(), HeaderList::new());
                    self.phase = Phase::Over;
                }
                Some(input) = self.inputs.recv() => match input {
                    CallInput::Request(transaction) => self.on_request(transaction),
                    CallInput::Success(response) => self.on_success(&response),
                    CallInput::Replaced => {
                        let reason = "another call has taken its place";
                        self.end(EndedBy::Replaced, None, reason.into(), HeaderList::new());
                        self.send_bye(HeaderList::new(), None);
                    }
                },
                event = next_event(&mut self.awaited) => self.on_ack(event),
                news = next_of_offer(&mut self.pending) => match news {
                    OfferNews::Reply(reply) => self.on_reply(reply),
                    OfferNews::Transaction(event) => self.on_offer_event(event),
                },
                () = sleep_until(offer_deadline) => self.refuse_offer(StatusCode::SERVER_INTERNAL_ERROR),
                () = sleep_until(session_deadline) => self.on_session_timeout(),
                Some(note) = self.notes.recv() => self.on_note(note),
                Some(command) = self.commands.recv() => self.on_command(command),
            }
        }
        let id = shared.dialog().id().clone();
        shared.inner.forget_call(&id);
        for command in self.waiting.drain(..) {
            decline(command);
        }
    }

    fn inner(&self) -> &Inner {
        &self.shared.inner
    }

    /// Tells the end, once.
    fn end(
        &mut self,
        by: EndedBy,
        status: Option<StatusCode>,
        reason: String,
        headers: HeaderList,
    ) {
        if self.phase == Phase::Up {
            self.phase = Phase::Closing;
            self.events
                .send(CallEvent::Ended(CallEnd {
                    by,
                    status,
                    reason,
                    headers,
                }))
                .ok();
            self.refuse_offer(StatusCode::REQUEST_TERMINATED);
            for transaction in std::mem::take(&mut self.early_offers) {
                refuse(
                    self.inner(),
                    Box::new(transaction),
                    StatusCode::REQUEST_TERMINATED,
                );
            }
            for command in self.waiting.drain(..) {
                decline(command);
            }
        }
    }

    // The peer's requests.

    fn on_request(&mut self, transaction: Box<ServerTransaction>) {
        let request = &transaction.request;
        let number = request.cseq().map_or(0, |(number, _)| number);
        if self.shared.dialog().accept_cseq(number) == CseqOrder::OutOfOrder {
            return refuse(self.inner(), transaction, StatusCode::SERVER_INTERNAL_ERROR);
        }
        match request.method {
            Method::Bye => self.on_bye(transaction),
            Method::Options => answer(
                self.inner(),
                transaction,
                StatusCode::OK,
                &[("Accept", ACCEPTED_TYPES)],
            ),
            _ if self.phase != Phase::Up => {
                refuse(self.inner(), transaction, StatusCode::CALL_DOES_NOT_EXIST)
            }
            Method::Invite | Method::Update if self.is_too_brief(request) => {
                let least = self
                    .inner()
                    .config
                    .min_session_expires
                    .as_secs()
                    .to_string();
                let status = StatusCode::SESSION_INTERVAL_TOO_SMALL;
                answer(self.inner(), transaction, status, &[("Min-SE", &least)]);
            }
            Method::Invite => self.on_offer(transaction),
            // RFC 3311 section 5.2: without an offer it refreshes target and session only.
            Method::Update if request.body.is_empty() => self.on_refresh(transaction),
            Method::Update => self.on_offer(transaction),
            Method::Info => {
                let event = CallEvent::Info {
                    headers: request.headers.clone(),
                    body: request.body(),
                };
                refuse(self.inner(), transaction, StatusCode::OK);
                self.events.send(event).ok();
            }
            Method::Message => {
                let event = CallEvent::Message {
                    headers: request.headers.clone(),
                    body: request.body(),
                };
                refuse(self.inner(), transaction, StatusCode::OK);
                self.events.send(event).ok();
            }
            Method::Prack => {
                let late = self
                    .unacknowledged
                    .iter()
                    .position(|sent| sent.is_acknowledged_by(&request.headers));
                let status = match late.map(|at| self.unacknowledged.swap_remove(at)) {
                    Some(_) => StatusCode::OK,
                    None => StatusCode::CALL_DOES_NOT_EXIST,
                };
                refuse(self.inner(), transaction, status)
            }
            Method::Refer => self.on_refer(transaction),
            Method::Notify => self.on_notify(transaction),
            Method::Other(_) => refuse(self.inner(), transaction, StatusCode::NOT_IMPLEMENTED),
            _ => refuse(self.inner(), transaction, StatusCode::METHOD_NOT_ALLOWED),
        }
    }

    /// RFC 4028 section 9: a session interval below the least that this side takes.
    fn is_too_brief(&self, request: &Request) -> bool {
        self.shared.session().refusal(&request.headers).is_some()
    }

    fn on_refresh(&mut self, mut transaction: Box<ServerTransaction>) {
        let request = &transaction.request;
        let mut response = self
            .inner()
            .response(request, StatusCode::OK, None, transaction.source);
        self.shared.dialog().refresh_target(request.contact());
        self.shared
            .session()
            .answer(now(), &request.headers, &mut response.headers);
        transaction.responder.send(&response);
    }

    fn on_session_timeout(&mut self) {
        let step = self.shared.session().handle_timeout(now());
        match step {
            Some(SessionStep::Refresh) => {
                tokio::spawn(self.shared.clone().refresh());
            }
            Some(SessionStep::Expired) => {
                let reason = "the session expired without a refresh";
                self.end(EndedBy::Timeout, None, reason.into(), HeaderList::new());
                let mut headers = HeaderList::new();
                headers.push_raw("Reason", format!("SIP;cause=408;text=\"{reason}\""));
                self.send_bye(headers, None);
            }
            None => {}
        }
    }

    /// A transfer that the peer asks for: 202, 603, or 400.
    fn on_refer(&mut self, transaction: Box<ServerTransaction>) {
        let request = &transaction.request;
        let Some(target) = refer_to(request) else {
            return refuse(self.inner(), transaction, StatusCode::BAD_REQUEST);
        };
        self.refers.1 = self.refers.1.saturating_add(1);
        // RFC 3515 section 2.4.6: from the second on the NOTIFYs name the REFER that they are about.
        let event = match (self.refers.1, request.cseq()) {
            (2.., Some((number, _))) => format!("refer;id={number}"),
            _ => "refer".to_owned(),
        };
        let (reply, agreed) = oneshot::channel();
        let refer = IncomingRefer {
            target,
            headers: request.headers.clone(),
            reply: Some(reply),
            handle: self.shared.handle.clone(),
            event: event.clone(),
        };
        self.events.send(CallEvent::Refer(Box::new(refer))).ok();
        let shared = self.shared.clone();
        tokio::spawn(async move {
            let patience = shared.inner.config.offer_timeout;
            let agreed = tokio::time::timeout(patience, agreed).await;
            let status = match agreed {
                Ok(Ok(())) => StatusCode::ACCEPTED,
                _ => StatusCode::DECLINE,
            };
            refuse(&shared.inner, transaction, status);
            if status == StatusCode::ACCEPTED {
                // RFC 3515 section 2.4.4: a first NOTIFY at once.
                let (headers, body) = notification(&event, StatusCode::TRYING, false);
                shared
                    .simple(Method::Notify, headers, Some(body))
                    .await
                    .ok();
            }
        });
    }

    /// News of a transfer that this side asked for (RFC 3515 section 2.4.4).
    fn on_notify(&mut self, transaction: Box<ServerTransaction>) {
        let headers = &transaction.request.headers;
        let refer =
            Event::of(headers).is_some_and(|event| event.package.eq_ignore_ascii_case("refer"));
        if !refer {
            return refuse(self.inner(), transaction, StatusCode::BAD_EVENT);
        }
        if self.refers.0 == 0 {
            return refuse(self.inner(), transaction, StatusCode::CALL_DOES_NOT_EXIST);
        }
        let state = SubscriptionState::of(headers);
        let terminated = matches!(state, Some(SubscriptionState::Terminated { .. }));
        let told = sipfrag_status(&transaction.request.body);
        refuse(self.inner(), transaction, StatusCode::OK);
        if told.is_none() && !terminated {
            return;
        }
        let (status, reason) = told.unwrap_or((StatusCode::TRYING, String::new()));
        let progress = TransferProgress {
            done: terminated || status.is_final(),
            status,
            reason,
        };
        self.events.send(CallEvent::Transfer(progress)).ok();
    }

    fn on_bye(&mut self, transaction: Box<ServerTransaction>) {
        let headers = transaction.request.headers.clone();
        refuse(self.inner(), transaction, StatusCode::OK);
        let closing = self.phase == Phase::Closing;
        let reason = headers.get("Reason").unwrap_or_default().to_owned();
        self.end(EndedBy::Remote, None, reason, headers);
        // A BYE that crossed ours is answered; ours is still waited for.
        if !closing {
            self.phase = Phase::Over;
        }
    }

    fn on_offer(&mut self, mut transaction: Box<ServerTransaction>) {
        if self.awaited.is_some() {
            return self.early_offers.push(*transaction);
        }
        let patience = self.inner().config.offer_timeout;
        let opened = self.shared.negotiation().begin_remote(now(), patience);
        if let Err(refusal) = opened {
            // RFC 3261 section 14.2: try again after 0 to 10 s.
            let pause = format!("{}", (fraction() * 10.0) as u32);
            let headers = [("Retry-After", pause.as_str())];
            let with_pause = if refusal.status().0 == 500 {
                headers.as_slice()
            } else {
                &[]
            };
            return answer(self.inner(), transaction, refusal.status(), with_pause);
        }
        let request = &transaction.request;
        let (offer, reply) = IncomingOffer::new(request);
        if request.method == Method::Invite {
            let trying = Response::to_request(request, StatusCode::TRYING, None);
            transaction.responder.send(&trying);
        }
        self.pending = Some(PendingOffer { transaction, reply });
        self.events.send(CallEvent::Offer(offer)).ok();
    }

    fn on_reply(&mut self, reply: Option<OfferReply>) {
        match reply {
            Some(OfferReply::Accept(body)) => self.accept_offer(body),
            Some(OfferReply::Reject(status)) if (400..=699).contains(&status.0) => {
                self.refuse_offer(status)
            }
            Some(OfferReply::Reject(_)) | None => {
                self.refuse_offer(StatusCode::NOT_ACCEPTABLE_HERE)
            }
        }
    }

    fn accept_offer(&mut self, body: Option<Body>) {
        let Some(PendingOffer {
            mut transaction, ..
        }) = self.pending.take()
        else {
            return;
        };
        let request = &transaction.request;
        let offered = request.body.is_empty() && body.is_some();
        let mut response = self
            .inner()
            .response(request, StatusCode::OK, None, transaction.source);
        if response.set_body(body.clone()).is_err() {
            response = self.inner().response(
                request,
                StatusCode::SERVER_INTERNAL_ERROR,
                None,
                transaction.source,
            );
        }
        let awaits_ack = request.method == Method::Invite && response.status.is_success();
        if response.status.is_success() {
            self.shared.dialog().refresh_target(request.contact());
            self.shared
                .session()
                .answer(now(), &request.headers, &mut response.headers);
            self.shared.remember_body(body);
        }
        self.shared.negotiation().end_remote(awaits_ack);
        transaction.responder.send(&response);
        if awaits_ack {
            self.awaited = Some(AwaitedAck {
                events: transaction.events,
                offered,
            });
        }
    }

    fn refuse_offer(&mut self, status: StatusCode) {
        if let Some(PendingOffer { transaction, .. }) = self.pending.take() {
            self.shared.negotiation().end_remote(false);
            refuse(self.inner(), transaction, status);
        }
    }

    fn on_offer_event(&mut self, event: Option<ServerEvent>) {
        match event {
            Some(ServerEvent::Cancelled) => self.refuse_offer(StatusCode::REQUEST_TERMINATED),
            Some(ServerEvent::Ack(_)) => {}
            None => self.refuse_offer(StatusCode::SERVER_INTERNAL_ERROR),
        }
    }

    fn on_ack(&mut self, event: Option<ServerEvent>) {
        match event {
            Some(ServerEvent::Ack(ack)) => {
                let offered = self.awaited.take().is_some_and(|awaited| awaited.offered);
                self.shared.negotiation().acknowledged();
                if let (true, Some(body)) = (offered, ack.body()) {
                    self.events.send(CallEvent::AckBody(body)).ok();
                }
                for transaction in std::mem::take(&mut self.early_offers) {
                    self.on_offer(Box::new(transaction));
                }
                for command in std::mem::take(&mut self.waiting) {
                    self.on_command(command);
                }
            }
            Some(ServerEvent::Cancelled) => {}
            None => {
                // RFC 3261 section 13.3.1.4: no ACK within 64 T1, so the dialog is ended with a BYE.
                self.awaited = None;
                self.shared.negotiation().acknowledged();
                let hang_up = self.waiting.iter().any(|command| {
                    matches!(command, CallCommand::Bye { .. } | CallCommand::Abandon)
                });
                self.end(
                    if hang_up {
                        EndedBy::Local
                    } else {
                        EndedBy::Timeout
                    },
                    None,
                    "no ACK".into(),
                    HeaderList::new(),
                );
                self.send_bye(HeaderList::new(), None);
            }
        }
    }

    /// A 2xx that came again: the same ACK again (RFC 3261 section 13.2.2.4).
    fn on_success(&mut self, response: &Response) {
        let number = response.cseq().map_or(0, |(number, _)| number);
        if let Some((ack, target)) = self.acks.get(&number).cloned() {
            let shared = self.shared.clone();
            tokio::spawn(async move { shared.inner.layer.send_ack(ack, target).await.ok() });
        }
    }

    // The program's wishes.

    fn on_command(&mut self, command: CallCommand) {
        if self.phase != Phase::Up {
            return decline(command);
        }
        let must_wait = matches!(
            command,
            CallCommand::Bye { .. }
                | CallCommand::Abandon
                | CallCommand::Offer {
                    method: Method::Invite,
                    ..
                }
        );
        if self.awaited.is_some() && must_wait {
            self.waiting.push(command);
            return;
        }
        let shared = self.shared.clone();
        match command {
            CallCommand::Ack { body, done } => self.acknowledge_call(body, done),
            CallCommand::AckReinvite { cseq, body, done } => {
                tokio::spawn(async move { done.send(shared.acknowledge(cseq, body).await).ok() });
            }
            CallCommand::Request {
                method,
                headers,
                body,
                done,
            } => {
                if method == Method::Refer {
                    self.refers.0 = self.refers.0.saturating_add(1);
                }
                tokio::spawn(
                    async move { done.send(shared.simple(method, headers, body).await).ok() },
                );
            }
            CallCommand::Offer { method, body, done } => {
                tokio::spawn(async move { done.send(shared.offer(method, body).await).ok() });
            }
            CallCommand::Bye { headers, done } => match check_headers(&headers, false) {
                Ok(()) => {
                    self.end(EndedBy::Local, None, String::new(), HeaderList::new());
                    self.send_bye(headers, Some(done));
                }
                Err(error) => {
                    done.send(Err(error)).ok();
                }
            },
            CallCommand::Abandon => {
                self.end(EndedBy::Local, None, String::new(), HeaderList::new());
                self.send_bye(HeaderList::new(), None);
            }
        }
    }

    fn acknowledge_call(
        &mut self,
        body: Option<Body>,
        done: oneshot::Sender<Result<(), SignalingError>>,
    ) {
        let Some(cseq) = self.unacked_invite.take() else {
            done.send(Err(SignalingError::Closed)).ok();
            return;
        };
        let shared = self.shared.clone();
        tokio::spawn(async move {
            let result = shared.acknowledge(cseq, body).await;
            if result.is_err() {
                // The peer is owed an ACK even if ours could not be put together; the caller hangs up.
                shared.acknowledge(cseq, None).await.ok();
            }
            done.send(result).ok();
        });
    }

    fn send_bye(
        &mut self,
        headers: HeaderList,
        done: Option<oneshot::Sender<Result<(), SignalingError>>>,
    ) {
        let shared = self.shared.clone();
        let unacked = self.unacked_invite.take();
        tokio::spawn(async move {
            if let Some(cseq) = unacked {
                shared.acknowledge(cseq, None).await.ok();
            }
            let result = shared.bye(headers).await;
            if let Some(done) = done {
                done.send(result).ok();
            }
        });
    }

    fn on_note(&mut self, note: Note) {
        match note {
            Note::Acked { cseq, ack, target } => {
                self.acks.insert(cseq, (*ack, target));
            }
            Note::Refreshed(body) => {
                if body.is_some() && self.phase == Phase::Up {
                    self.events.send(CallEvent::Refreshed(body)).ok();
                }
            }
            Note::Gone(by, status, why) => {
                if self.phase == Phase::Up {
                    self.end(by, status, why.to_owned(), HeaderList::new());
                    if by == EndedBy::Lost {
                        self.phase = Phase::Over
                    } else {
                        self.send_bye(HeaderList::new(), None)
                    }
                }
            }
            Note::ByeDone => self.phase = Phase::Over,
        }
    }
}

/// Answers a command of a call that is over.
fn decline(command: CallCommand) {
    match command {
        CallCommand::Ack { done, .. }
        | CallCommand::AckReinvite { done, .. }
        | CallCommand::Bye { done, .. } => {
            done.send(Err(SignalingError::Closed)).ok();
        }
        CallCommand::Request { done, .. } => {
            done.send(Err(SignalingError::Closed)).ok();
        }
        CallCommand::Offer { done, .. } => {
            done.send(Err(SignalingError::Closed)).ok();
        }
        CallCommand::Abandon => {}
    }
}

async fn next_event(awaited: &mut Option<AwaitedAck>) -> Option<ServerEvent> {
    match awaited {
        Some(awaited) => awaited.events.recv().await,
        None => std::future::pending().await,
    }
}

enum OfferNews {
    Reply(Option<OfferReply>),
    Transaction(Option<ServerEvent>),
}

async fn next_of_offer(pending: &mut Option<PendingOffer>) -> OfferNews {
    match pending {
        Some(PendingOffer { transaction, reply }) => tokio::select! {
            reply = reply => OfferNews::Reply(reply.ok()),
            event = transaction.events.recv() => OfferNews::Transaction(event),
        },
        None => std::future::pending().await,
    }
}
