//! The task of an outgoing INVITE: attempts with credentials, CANCEL, forks.

use std::{
    collections::{HashMap, VecDeque},
    sync::{Arc, Mutex, PoisonError},
};

use tokio::sync::{mpsc, oneshot};

use super::{
    auth::{Authenticator, is_challenge, rejected},
    call::{IncomingOffer, OfferAnswer, OfferReply},
    call_task::{self, CallStart},
    clock::{first_cseq, now, token},
    config::InviteOptions,
    dispatch::{answer, refuse},
    early::{EarlyDialog, SharedDialog},
    outgoing::{AnsweredInvite, InviteCommand, InviteEvent, OutgoingInvite, Provisional},
    user_agent::{CallInput, Inner, InviteKey, add_custom, check_headers, new_call_id},
};
use crate::{
    Body, Method, NameAddr, Request, Response, SignalingError, StatusCode, Uri,
    agent_headers::ACCEPTED_TYPES,
    session::{
        CancelStep, Dialog, DialogId, InviteSession, InviteTimeout, ReceivedReliable, SessionTimer,
        SuccessKind, seconds,
    },
    transaction::{Candidate, ClientEvent, ClientTransaction, ServerTransaction, Target},
};

pub(super) async fn start(
    inner: &Arc<Inner>,
    options: InviteOptions,
) -> Result<OutgoingInvite, SignalingError> {
    check_headers(&options.headers, false)?;
    let hop = inner
        .first_hop(options.proxy.as_ref(), &options.route, &options.target)
        .clone();
    // The body and the headers are put together once before anything is resolved, so that bad input is told first.
    let mut base = base_request(inner, &options, &hop)?;
    let mut others: VecDeque<Candidate> = inner.layer.locate(&hop, options.transport).await?.into();
    let target = inner.reach_first(&mut others, &hop).await?;
    let user = options.from.uri().user_decoded();
    base.headers.push_raw(
        "Contact",
        inner.contact(user.as_deref(), target)?.to_string(),
    );
    let (event_sender, events) = mpsc::unbounded_channel();
    let (commands, command_receiver) = mpsc::unbounded_channel();
    let (inputs, input_receiver) = mpsc::unbounded_channel();
    let call_id = base.call_id().unwrap_or_default().to_owned();
    let local_tag = base
        .from()
        .and_then(|from| from.tag().map(str::to_owned))
        .unwrap_or_default();
    let key = (call_id.clone(), local_tag);
    inner.set_invite(key.clone(), inputs);
    let task = OutgoingTask {
        session: InviteSession::new(now(), options.ring_timeout, inner.config.timers.give_up),
        auth: Authenticator::new(options.credentials.as_ref()),
        inner: inner.clone(),
        options,
        base,
        cseq: first_cseq(),
        target,
        hop,
        others,
        passed_over: false,
        key,
        events: event_sender,
        commands: command_receiver,
        inputs: input_receiver,
        timer: inner.session_timer(),
        early: Vec::new(),
        acks: HashMap::new(),
        tried: false,
        told: false,
    };
    inner.tasks.spawn(task.run());
    Ok(OutgoingInvite {
        call_id,
        events,
        commands,
    })
}

/// Everything but Via, CSeq, Contact and credentials.
fn base_request(
    inner: &Inner,
    options: &InviteOptions,
    hop: &Uri,
) -> Result<Request, SignalingError> {
    let (target, from) = (&options.target, &options.from);
    let mut request = outside_request(Method::Invite, target, from, hop, &options.route);
    inner.add_agent_headers(&mut request.headers);
    add_custom(&mut request.headers, &options.headers);
    request.set_body(options.body.clone())?;
    Ok(request)
}

/// A request outside a dialog, without Via and CSeq (RFC 3261 section 8.1.1).
pub(super) fn outside_request(
    method: Method,
    target: &Uri,
    from: &NameAddr,
    hop: &Uri,
    route: &[NameAddr],
) -> Request {
    let mut request = Request::new(method, target.to_request_uri());
    let headers = &mut request.headers;
    let is_first = |route: &NameAddr| {
        route.uri().host().eq_ignore_ascii_case(hop.host()) && route.uri().port() == hop.port()
    };
    if hop != target && !route.first().is_some_and(is_first) {
        let mut route = hop.clone();
        // RFC 3261 section 8.1.2: a pre-set route is a loose route.
        route.params_mut().set_raw("lr", None);
        headers.push_raw("Route", NameAddr::new(route).to_string());
    }
    for next in route {
        headers.push_raw("Route", next.to_string());
    }
    headers.push_raw("Max-Forwards", "70");
    headers.push_raw("From", from.clone().with_tag(&token(12)).to_string());
    headers.push_raw("To", NameAddr::new(target.to_request_uri()).to_string());
    headers.push_raw("Call-ID", new_call_id());
    request
}

/// An ACK that has gone out, once it has.
type SentAck = Arc<Mutex<Option<(Request, Target)>>>;

struct OutgoingTask {
    inner: Arc<Inner>,
    options: InviteOptions,
    base: Request,
    cseq: u32,
    target: Target,
    hop: crate::Uri,
    /// Servers that were not tried yet (RFC 3263 section 4.3).
    others: VecDeque<Candidate>,
    /// One was passed over, and may answer yet.
    passed_over: bool,
    key: InviteKey,
    session: InviteSession,
    auth: Authenticator,
    events: mpsc::UnboundedSender<InviteEvent>,
    commands: mpsc::UnboundedReceiver<InviteCommand>,
    inputs: mpsc::UnboundedReceiver<CallInput>,
    timer: SessionTimer,
    /// Early dialogs, the one that spoke last at the end.
    early: Vec<Branch>,
    /// ACKs of answers that were not wanted, by To tag.
    acks: HashMap<String, SentAck>,
    tried: bool,
    /// `Failed` was told.
    told: bool,
}

/// The early dialog of one branch.
struct Branch {
    tag: String,
    early: Arc<EarlyDialog>,
    received: ReceivedReliable,
}

/// More branches than this are not told apart: a bound on what a peer can make us remember.
const MAX_BRANCHES: usize = 16;

/// How one attempt ended.
enum Attempt {
    /// 422 with a longer interval than was asked for: once more with that.
    TooBrief,
    Challenged(Box<Response>),
    /// The server failed, with this error; the next one is to be tried.
    Elsewhere(Box<(ClientTransaction, SignalingError)>),
    Answered,
    Over,
}

impl OutgoingTask {
    async fn run(mut self) {
        let answered = self.attempts().await;
        if answered || self.passed_over || !self.acks.is_empty() {
            self.watch_forks().await;
        }
        self.inner.forget_invite(&self.key);
    }

    /// True if the call was answered.
    async fn attempts(&mut self) -> bool {
        let mut request = self.next_request();
        self.auth.apply(&mut request);
        loop {
            let transaction = match self.inner.layer.request(request, self.target).await {
                Ok(transaction) => transaction,
                Err(error) => {
                    self.fail(error);
                    return false;
                }
            };
            match self.attempt(transaction).await {
                Attempt::Answered => return true,
                Attempt::Over => return false,
                Attempt::Elsewhere(failed) => {
                    self.passed_over = true;
                    let (passed_over, error) = *failed;
                    self.inner
                        .tasks
                        .spawn(abandon(self.inner.clone(), passed_over));
                    if !self.go_elsewhere(error).await {
                        return false;
                    }
                    self.early.clear();
                    request = self.next_request();
                    self.auth.apply(&mut request);
                }
                Attempt::TooBrief => {
                    if self.gave_up() {
                        return false;
                    }
                    request = self.next_request();
                    self.auth.apply(&mut request);
                }
                Attempt::Challenged(response) => {
                    if self.gave_up() {
                        return false;
                    }
                    request = self.next_request();
                    if let Err(error) = self.auth.challenged(&response, &mut request) {
                        self.fail(error);
                        return false;
                    }
                }
            }
        }
    }

    /// Reaches the next server; false if there is none, which has been told.
    async fn go_elsewhere(&mut self, error: SignalingError) -> bool {
        tracing::debug!(%error, peer = %self.target.addr, "the next server is tried");
        match self.inner.reach_first(&mut self.others, &self.hop).await {
            Ok(target) => self.target = target,
            Err(_) => {
                self.fail(error);
                return false;
            }
        }
        if self.session.is_cancelled() {
            return false;
        }
        let user = self.options.from.uri().user_decoded();
        if let Ok(contact) = self.inner.contact(user.as_deref(), self.target) {
            self.base.headers.set_raw("Contact", contact.to_string());
        }
        self.session.restarted();
        true
    }

    /// What an event of the first hop means for the choice of the server: an error if the next one is to be tried.
    fn server_failed(
        &self,
        event: Option<&ClientEvent>,
        broken: SignalingError,
    ) -> Option<SignalingError> {
        let server = (self.target.transport, self.target.addr);
        let (error, retry_after) = match event? {
            ClientEvent::Response(response) if response.status.0 == 503 => (
                rejected(response),
                seconds(response.headers.get("Retry-After")),
            ),
            ClientEvent::Response(_) => {
                self.inner.layer.worked(server);
                return None;
            }
            ClientEvent::Timeout | ClientEvent::Broken => (broken, None),
        };
        self.inner.layer.failed(server, retry_after);
        (!self.others.is_empty() && !self.session.is_cancelled()).then_some(error)
    }

    /// Between two attempts: true if this side wants out.
    fn gave_up(&mut self) -> bool {
        if self.session.is_cancelled() {
            let error = self.cancelled_error();
            self.fail(error);
            return true;
        }
        self.session.restarted();
        self.early.clear();
        false
    }

    fn next_request(&mut self) -> Request {
        self.cseq += 1;
        let mut request = self.base.clone();
        request
            .headers
            .push_raw("CSeq", format!("{} INVITE", self.cseq));
        self.timer.add_to_request(&mut request.headers);
        request
    }

    async fn attempt(&mut self, mut transaction: ClientTransaction) -> Attempt {
        // Kept to the end of the attempt: the CANCEL is sent again until it is answered.
        let mut cancelling: Option<ClientTransaction> = None;
        let mut heard = false;
        let patience = (!self.others.is_empty()).then(|| now() + self.inner.layer.patience());
        loop {
            let deadline = self.session.poll_timeout();
            let step = tokio::select! {
                // What the program has asked for before the end of the user agent.
                biased;
                // A dropped OutgoingInvite cancels as well.
                command = self.commands.recv(), if !self.session.is_cancelled() => {
                    if let Some(InviteCommand::Update { body, done }) = command {
                        self.update(body, done);
                        continue;
                    }
                    let step = self.session.cancel(now());
                    if step == CancelStep::Send {
                        // On its way before the program is told: it may leave then.
                        cancelling = self.inner.layer.cancel(&transaction).await.ok();
                    }
                    self.fail(SignalingError::Cancelled);
                    CancelStep::Nothing
                }
                () = self.inner.closing.cancelled() => {
                    if self.session.cancel(now()) == CancelStep::Send {
                        self.inner.layer.cancel(&transaction).await.ok();
                    }
                    self.fail(SignalingError::Closed);
                    return Attempt::Over;
                }
                () = sleep_until(patience), if !heard && !self.session.is_cancelled() => {
                    self.inner.layer.failed((self.target.transport, self.target.addr), None);
                    let error = SignalingError::Timeout { what: "INVITE", after: self.inner.layer.patience() };
                    return Attempt::Elsewhere(Box::new((transaction, error)));
                }
                event = transaction.next() => {
                    if let Some(error) = self.server_failed(event.as_ref().filter(|_| !heard || is_refusal(event.as_ref())), transaction.broken()) {
                        return Attempt::Elsewhere(Box::new((transaction, error)));
                    }
                    heard = true;
                    match event {
                    Some(ClientEvent::Response(response)) => match self.on_response(response, &transaction) {
                        Ok(step) => step,
                        Err(attempt) => return attempt,
                    },
                    Some(ClientEvent::Timeout) => return self.over(SignalingError::Timeout { what: "INVITE", after: self.inner.config.timers.give_up }),
                    Some(ClientEvent::Broken) => return self.over(transaction.broken()),
                    None => return self.over(SignalingError::Closed),
                    }
                },
                Some(input) = self.inputs.recv() => {
                    if self.on_input(input, &transaction.request) {
                        return Attempt::Answered;
                    }
                    CancelStep::Nothing
                }
                () = sleep_until(deadline) => match self.session.handle_timeout(now()) {
                    Some(InviteTimeout::Ring) => {
                        let step = self.session.cancel(now());
                        self.fail(self.cancelled_error());
                        step
                    }
                    Some(InviteTimeout::GiveUp) => return self.over(self.cancelled_error()),
                    None => CancelStep::Nothing,
                },
            };
            if step == CancelStep::Send && cancelling.is_none() {
                cancelling = self.inner.layer.cancel(&transaction).await.ok();
            }
        }
    }

    fn on_response(
        &mut self,
        response: Response,
        transaction: &ClientTransaction,
    ) -> Result<CancelStep, Attempt> {
        if response.status.is_provisional() {
            let step = self.session.provisional(now());
            self.provisional(response, &transaction.request);
            return Ok(step);
        }
        if response.status.is_success() {
            return if self.on_success(response, &transaction.request) {
                Err(Attempt::Answered)
            } else if self.session.is_cancelled() {
                Err(self.over(SignalingError::Cancelled))
            } else {
                Ok(CancelStep::Nothing)
            };
        }
        if is_challenge(response.status) {
            return Err(Attempt::Challenged(Box::new(response)));
        }
        if response.status == StatusCode::SESSION_INTERVAL_TOO_SMALL
            && self.timer.too_brief(&response.headers)
        {
            return Err(Attempt::TooBrief);
        }
        Err(self.over(rejected(&response)))
    }

    fn provisional(&mut self, response: Response, invite: &Request) {
        if response.status == StatusCode::TRYING {
            if !self.tried {
                self.tried = true;
                self.events.send(InviteEvent::Trying).ok();
            }
            return;
        }
        let branch = self.branch(&response, invite);
        if response.headers.has_token("Require", "100rel") {
            let number = branch.and_then(|branch| branch.received.accept(&response.headers));
            // One that came again, or whose forerunner is missing, is as if it had not come (RFC 3262 section 4).
            let Some(number) = number else { return };
            self.acknowledge(&response, number);
        }
        if self.session.is_cancelled() {
            return;
        }
        let body = response.body();
        let provisional = Provisional {
            status: response.status,
            reason: response.reason().to_owned(),
            body,
            headers: response.headers,
        };
        self.events.send(InviteEvent::Provisional(provisional)).ok();
    }

    /// The branch that a response came from, now the last.
    fn branch(&mut self, response: &Response, invite: &Request) -> Option<&mut Branch> {
        let tag = response.to()?.tag()?.to_owned();
        match self.early.iter().position(|branch| branch.tag == tag) {
            Some(at) => {
                let branch = self.early.remove(at);
                self.early.push(branch);
            }
            None if self.early.len() < MAX_BRANCHES => {
                let dialog = Dialog::caller(invite, response, self.options.target.clone()).ok()?;
                let credentials = self.options.credentials.clone();
                self.early.push(Branch {
                    tag,
                    early: Arc::new(EarlyDialog::new(dialog, self.target, credentials)),
                    received: ReceivedReliable::default(),
                });
            }
            None => return None,
        }
        self.early.last_mut()
    }

    /// The PRACK of a reliable response, in the background: a 2xx is not kept waiting by it.
    fn acknowledge(&mut self, response: &Response, number: u32) {
        let Some(branch) = self.early.last() else {
            return;
        };
        let (early, inner) = (branch.early.clone(), self.inner.clone());
        let rack = format!("{number} {} INVITE", self.cseq);
        let mut reply = None;
        if let (None, Some(body)) = (&self.options.body, response.body()) {
            // RFC 3262 section 5: an offer in a reliable response is answered in the PRACK.
            let (sender, receiver) = oneshot::channel();
            let offer = IncomingOffer {
                method: Method::Prack,
                body: Some(body),
                headers: response.headers.clone(),
                reply: Some(sender),
            };
            self.events.send(InviteEvent::Offer(offer)).ok();
            reply = Some(receiver);
        } else if !response.body.is_empty() {
            early.set_negotiated();
        }
        let patience = self.inner.config.offer_timeout;
        tokio::spawn(async move {
            let answer = match reply {
                Some(reply) => match tokio::time::timeout(patience, reply).await {
                    Ok(Ok(OfferReply::Accept(answer))) => answer,
                    _ => None,
                },
                None => None,
            };
            if answer.is_some() {
                early.set_negotiated();
            }
            if let Err(error) = early.prack(&inner, rack, answer).await {
                tracing::info!(%error, "a PRACK was not answered");
            }
        });
    }

    fn update(
        &self,
        body: Option<Body>,
        done: oneshot::Sender<Result<OfferAnswer, SignalingError>>,
    ) {
        let Some(branch) = self.early.last() else {
            done.send(Err(SignalingError::Pending)).ok();
            return;
        };
        let (early, inner) = (branch.early.clone(), self.inner.clone());
        tokio::spawn(async move { done.send(early.update(&inner, body).await).ok() });
    }

    /// A 2xx, from the transaction or (sent again, or from another branch) from beside it. True if it is the call.
    fn on_success(&mut self, response: Response, invite: &Request) -> bool {
        let tag = response
            .to()
            .and_then(|to| to.tag().map(str::to_owned))
            .unwrap_or_default();
        match self.session.success(&tag) {
            SuccessKind::First => self.answered(response, invite),
            SuccessKind::Unwanted => {
                self.hang_up_branch(tag, response, invite);
                false
            }
            SuccessKind::Again => {
                self.acknowledge_again(&tag);
                false
            }
        }
    }

    /// The ACK that a 2xx got before.
    fn acknowledge_again(&self, tag: &str) {
        let sent = self
            .acks
            .get(tag)
            .and_then(|slot| slot.lock().ok()?.clone());
        if let Some((ack, target)) = sent {
            let inner = self.inner.clone();
            tokio::spawn(async move { inner.layer.send_ack(ack, target).await.ok() });
        }
    }

    fn answered(&mut self, response: Response, invite: &Request) -> bool {
        self.auth.accepted();
        let (dialog, id) = match self.confirmed(&response, invite) {
            Ok(dialog) => dialog,
            Err(error) => {
                self.fail(error);
                return true;
            }
        };
        self.timer.answered(now(), &response.headers);
        let (start, call) = CallStart::new(
            dialog,
            self.target,
            self.options.credentials.clone(),
            self.timer.clone(),
            self.base.body(),
        );
        let (inputs, receiver) = mpsc::unbounded_channel();
        self.inner.set_call(id, inputs);
        let auth = std::mem::take(&mut self.auth);
        tokio::spawn(call_task::caller(
            self.inner.clone(),
            start,
            receiver,
            auth,
            self.cseq,
        ));
        let answered = AnsweredInvite {
            status: response.status,
            body: response.body(),
            headers: response.headers,
            call: Some(call),
        };
        self.events.send(InviteEvent::Answered(answered)).ok();
        true
    }

    /// The dialog of the call: the early one of that branch, whose numbers go on, or a new one.
    fn confirmed(
        &self,
        response: &Response,
        invite: &Request,
    ) -> Result<(SharedDialog, DialogId), SignalingError> {
        let dialog = Dialog::caller(invite, response, self.options.target.clone())?;
        let id = dialog.id().clone();
        let early = self.early.iter().find(|branch| branch.tag == id.remote_tag);
        Ok(match early {
            Some(branch) => {
                branch.early.dialog().confirm(response);
                (branch.early.dialog.clone(), id)
            }
            None => (Arc::new(Mutex::new(dialog)), id),
        })
    }

    /// ACK, then BYE (RFC 3261 section 13.2.2.4), in the background.
    fn hang_up_branch(&mut self, tag: String, response: Response, invite: &Request) {
        let Ok((dialog, _)) = self.confirmed(&response, invite) else {
            return;
        };
        let slot = SentAck::default();
        self.acks.insert(tag, slot.clone());
        let number = response.cseq().map_or(self.cseq, |(number, _)| number);
        let (inner, flow) = (self.inner.clone(), self.target);
        let mut auth = Authenticator::new(self.options.credentials.as_ref());
        self.inner.tasks.spawn(async move {
            let mut dialog = dialog
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .clone();
            let Ok(target) = inner.reach_dialog(&dialog, flow).await else {
                return;
            };
            if let Ok(ack) = inner.layer.send_ack(dialog.ack(number), target).await
                && let Ok(mut slot) = slot.lock()
            {
                *slot = Some((ack, target));
            }
            let bye = || {
                let mut bye = dialog.request(Method::Bye);
                inner.add_agent_headers(&mut bye.headers);
                Ok(bye)
            };
            inner.transact(bye, target, &mut auth).await.ok();
        });
    }

    /// A 2xx to an attempt that was given up: ACK and BYE, once.
    fn answered_elsewhere(&mut self, response: Response, invite: &Request) {
        let tag = response.to().and_then(|to| to.tag().map(str::to_owned));
        let tag = tag.unwrap_or_default();
        if self.acks.contains_key(&tag) {
            self.acknowledge_again(&tag);
        } else {
            self.hang_up_branch(tag, response, invite);
        }
    }

    /// True if the input was the answer of the call.
    fn on_input(&mut self, input: CallInput, invite: &Request) -> bool {
        match input {
            CallInput::Success(response) => {
                let ours = response
                    .cseq()
                    .is_some_and(|(number, _)| number == self.cseq);
                if !ours {
                    // A server that was passed over has found somebody after all.
                    self.answered_elsewhere(*response, invite);
                    return false;
                }
                self.on_success(*response, invite)
            }
            CallInput::Request(transaction) => {
                self.on_request(transaction);
                false
            }
            CallInput::Replaced => false,
        }
    }

    /// A request of the peer before the answer.
    fn on_request(&mut self, transaction: Box<ServerTransaction>) {
        let tag = transaction
            .request
            .from()
            .and_then(|from| from.tag().map(str::to_owned));
        let branch = self
            .early
            .iter()
            .find(|branch| Some(&branch.tag) == tag.as_ref());
        let Some(early) = branch.map(|branch| branch.early.clone()) else {
            return refuse(&self.inner, transaction, StatusCode::CALL_DOES_NOT_EXIST);
        };
        let Some(transaction) = early.in_order(&self.inner, transaction) else {
            return;
        };
        match transaction.request.method {
            Method::Bye | Method::Info => refuse(&self.inner, transaction, StatusCode::OK),
            Method::Options => answer(
                &self.inner,
                transaction,
                StatusCode::OK,
                &[("Accept", ACCEPTED_TYPES)],
            ),
            Method::Update => {
                if let Some(offer) = early.on_update(&self.inner, transaction) {
                    self.events.send(InviteEvent::Offer(offer)).ok();
                }
            }
            Method::Invite => refuse(&self.inner, transaction, StatusCode::REQUEST_PENDING),
            Method::Prack | Method::Notify => {
                refuse(&self.inner, transaction, StatusCode::CALL_DOES_NOT_EXIST)
            }
            _ => refuse(&self.inner, transaction, StatusCode::METHOD_NOT_ALLOWED),
        }
    }

    /// Further 2xx may come for 64 T1 (RFC 3261 section 13.2.2.4).
    async fn watch_forks(&mut self) {
        let until = tokio::time::sleep(self.inner.config.timers.give_up);
        tokio::pin!(until);
        let mut invite = self.base.clone();
        invite
            .headers
            .push_raw("CSeq", format!("{} INVITE", self.cseq));
        loop {
            tokio::select! {
                () = &mut until => return,
                () = self.inner.closing.cancelled() => return,
                Some(input) = self.inputs.recv() => match input {
                    CallInput::Request(transaction) => refuse(&self.inner, transaction, StatusCode::CALL_DOES_NOT_EXIST),
                    success => {
                        self.on_input(success, &invite);
                    }
                },
            }
        }
    }

    fn over(&mut self, error: SignalingError) -> Attempt {
        self.fail(if self.session.is_cancelled() {
            self.cancelled_error()
        } else {
            error
        });
        Attempt::Over
    }

    fn cancelled_error(&self) -> SignalingError {
        if self.session.is_timed_out() {
            SignalingError::Timeout {
                what: "ringing",
                after: self.options.ring_timeout,
            }
        } else {
            SignalingError::Cancelled
        }
    }

    fn fail(&mut self, error: SignalingError) {
        if !std::mem::replace(&mut self.told, true) {
            self.events.send(InviteEvent::Failed(error)).ok();
        }
    }
}

fn is_refusal(event: Option<&ClientEvent>) -> bool {
    matches!(event, Some(ClientEvent::Response(response)) if response.status.0 == 503)
}

/// Sees an INVITE to its end whose server was passed over: it is cancelled as soon as it may be (RFC 3261 section 9.1).
async fn abandon(inner: Arc<Inner>, mut transaction: ClientTransaction) {
    let mut cancelling = None;
    loop {
        let event = tokio::select! {
            event = transaction.next() => event,
            () = inner.closing.cancelled() => return,
        };
        match event {
            Some(ClientEvent::Response(response)) if response.status.is_provisional() => {
                if cancelling.is_none() {
                    cancelling = inner.layer.cancel(&transaction).await.ok();
                }
            }
            Some(ClientEvent::Response(_)) => {}
            _ => return,
        }
    }
}

pub(super) async fn sleep_until(deadline: Option<std::time::Instant>) {
    match deadline {
        Some(deadline) => tokio::time::sleep_until(deadline.into()).await,
        None => std::future::pending().await,
    }
}
