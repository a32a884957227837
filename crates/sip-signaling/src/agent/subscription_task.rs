//! The task of a subscription of ours: SUBSCRIBE, NOTIFY, refresh, a new dialog after a failure, the end.

use std::{future::Future, pin::Pin, sync::Arc, time::Instant};

use tokio::sync::{mpsc, watch};

use super::{
    auth::{Authenticator, rejected},
    clock::{first_cseq, fraction, now},
    dispatch::{answer, refuse},
    outgoing_task::{outside_request, sleep_until},
    subscription::{Notification, StopSubscription, SubscriptionConfig, SubscriptionEvent},
    user_agent::{CallInput, Inner, InviteKey, add_custom, changed},
};
use crate::{
    Method, Request, Response, SignalingError, StatusCode,
    message::{Event, SubscriptionState},
    session::{CseqOrder, Dialog, SubscriptionPolicy, SubscriptionStep},
    transaction::{ServerTransaction, Target},
};

pub(super) async fn run(
    inner: Arc<Inner>,
    config: SubscriptionConfig,
    events: mpsc::Sender<SubscriptionEvent>,
    mut stop: mpsc::UnboundedReceiver<StopSubscription>,
) {
    let mut task = SubscriptionTask {
        policy: SubscriptionPolicy::new(config.expires, config.retry_after_failure),
        auth: Some(Authenticator::new(config.credentials.as_ref())),
        told: false,
        inner,
        config,
        events,
    };
    let closing = task.inner.closing.clone();
    let mut network = task.inner.network_changes();
    loop {
        let mut round = Round::begin(&task);
        let outcome = tokio::select! {
            outcome = round.run(&mut task, &mut network) => outcome,
            stopping = stop.recv() => {
                let result = round.unsubscribe(&mut task).await;
                if let Some(done) = stopping {
                    done.send(result).ok();
                }
                tokio::select! {
                    () = round.last_word(&task) => {}
                    () = closing.cancelled() => {}
                }
                return;
            }
            () = closing.cancelled() => {
                round.unsubscribe(&mut task).await.ok();
                return;
            }
        };
        drop(round);
        let next = match outcome {
            Outcome::Over(error) => {
                tokio::select! {
                    _ = task.events.send(SubscriptionEvent::Ended(error)) => {}
                    () = closing.cancelled() => {}
                }
                return;
            }
            Outcome::Anew(next) => next,
        };
        tokio::select! {
            () = sleep_until(Some(next)) => {}
            () = changed(&mut network) => {}
            stopping = stop.recv() => {
                if let Some(done) = stopping {
                    done.send(Ok(())).ok();
                }
                return;
            }
            () = closing.cancelled() => return,
        }
    }
}

struct SubscriptionTask {
    inner: Arc<Inner>,
    config: SubscriptionConfig,
    policy: SubscriptionPolicy,
    /// What is known of nonces; `None` while a SUBSCRIBE is under way, which has it.
    auth: Option<Authenticator>,
    events: mpsc::Sender<SubscriptionEvent>,
    /// `Subscribed` was told of this dialog.
    told: bool,
}

impl SubscriptionTask {
    /// For the next SUBSCRIBE. What one knew that was left behind with its dialog is lost.
    fn take_auth(&mut self) -> Authenticator {
        let credentials = self.config.credentials.as_ref();
        let known = self.auth.take();
        known.unwrap_or_else(|| Authenticator::new(credentials))
    }

    /// Nobody waits for a program that does not read.
    fn tell(&self, event: SubscriptionEvent) {
        if self.events.try_send(event).is_err() {
            tracing::debug!("events of a subscription are not read");
        }
    }
}

/// How the life of one dialog ended.
enum Outcome {
    /// A new one is begun then.
    Anew(Instant),
    Over(Option<SignalingError>),
}

/// What a SUBSCRIBE gives back: its number, where it went, the answer, and the nonces.
struct Sent {
    cseq: u32,
    flow: Option<Target>,
    result: Result<Response, SignalingError>,
    auth: Authenticator,
}

type Sending = Pin<Box<dyn Future<Output = Sent> + Send>>;

/// One dialog, from its first SUBSCRIBE on.
struct Round {
    inner: Arc<Inner>,
    key: InviteKey,
    /// The first SUBSCRIBE, without Via, CSeq and Contact.
    base: Result<Request, SignalingError>,
    event: Option<Event>,
    cseq: u32,
    /// Begins with the first NOTIFY (RFC 6665 section 4.1.2.4), which may come before the 2xx.
    dialog: Option<Dialog>,
    /// The way that the last SUBSCRIBE took.
    flow: Option<Target>,
    inputs: mpsc::UnboundedReceiver<CallInput>,
    sending: Option<Sending>,
    refresh: Option<Instant>,
    /// Timer N: a NOTIFY is due.
    due: Option<Instant>,
    /// The notifier has said that it is over.
    terminated: bool,
}

impl Drop for Round {
    fn drop(&mut self) {
        self.inner.forget_invite(&self.key);
    }
}

impl Round {
    fn begin(task: &SubscriptionTask) -> Round {
        let base = base_request(&task.inner, &task.config);
        let request = base.as_ref().ok();
        let key = (
            request
                .and_then(Request::call_id)
                .unwrap_or_default()
                .to_owned(),
            request
                .and_then(Request::from)
                .and_then(|from| from.tag().map(str::to_owned))
                .unwrap_or_default(),
        );
        let (sender, inputs) = mpsc::unbounded_channel();
        task.inner.set_invite(key.clone(), sender);
        Round {
            inner: task.inner.clone(),
            key,
            event: request.and_then(|request| Event::of(&request.headers)),
            base,
            cseq: first_cseq(),
            dialog: None,
            flow: None,
            inputs,
            sending: None,
            refresh: None,
            due: None,
            terminated: false,
        }
    }

    async fn run(
        &mut self,
        task: &mut SubscriptionTask,
        network: &mut watch::Receiver<u64>,
    ) -> Outcome {
        task.told = false;
        self.subscribe(task);
        loop {
            let outcome = tokio::select! {
                sent = next_of(&mut self.sending) => self.on_sent(task, sent),
                Some(input) = self.inputs.recv() => self.on_input(task, input),
                () = sleep_until(self.refresh) => {
                    self.refresh = None;
                    self.subscribe(task);
                    None
                }
                () = sleep_until(self.due) => {
                    let step = task.policy.failed(now(), fraction());
                    let error = SignalingError::Timeout {
                        what: "NOTIFY",
                        after: self.inner.config.timers.give_up,
                    };
                    self.apply(task, step, Some(error))
                }
                () = changed(network) => {
                    // A refresh tells our new address.
                    self.subscribe(task);
                    None
                }
            };
            if let Some(outcome) = outcome {
                return outcome;
            }
        }
    }

    /// Sends a SUBSCRIBE, the first or a refresh, in the background: NOTIFYs are answered meanwhile.
    fn subscribe(&mut self, task: &mut SubscriptionTask) {
        if self.sending.is_none() {
            let (expires, auth) = (task.policy.wanted().as_secs(), task.take_auth());
            self.sending = Some(self.send(task, expires, auth));
        }
    }

    fn send(&self, task: &SubscriptionTask, expires: u64, mut auth: Authenticator) -> Sending {
        let (inner, config) = (self.inner.clone(), task.config.clone());
        let (base, dialog) = (self.base.clone(), self.dialog.clone());
        let (flow, mut cseq) = (self.flow, self.cseq);
        Box::pin(async move {
            let mut went = flow;
            let number = &mut cseq;
            let result = async {
                let base = base?;
                let target = match dialog.as_ref().zip(flow) {
                    Some((dialog, flow)) => inner.reach_dialog(dialog, flow).await?,
                    None => {
                        let hop =
                            inner.first_hop(config.proxy.as_ref(), &config.route, &config.target);
                        inner.reach(hop, config.transport).await?
                    }
                };
                went = Some(target);
                let user = config.from.uri().user_decoded();
                let contact = inner.contact(user.as_deref(), target)?.to_string();
                let make = || {
                    *number = number.saturating_add(1);
                    let mut request = match &dialog {
                        Some(dialog) => {
                            let mut dialog = dialog.clone();
                            dialog.start_cseq(number.saturating_sub(1));
                            let mut request = dialog.request(Method::Subscribe);
                            add_subscription_headers(&inner, &config, &mut request)?;
                            request
                        }
                        None => {
                            let mut request = base.clone();
                            let cseq = format!("{number} SUBSCRIBE");
                            request.headers.push_raw("CSeq", cseq);
                            request
                        }
                    };
                    request.headers.push_raw("Contact", contact.clone());
                    request.headers.push_raw("Expires", expires.to_string());
                    Ok(request)
                };
                inner.transact(make, target, &mut auth).await
            }
            .await;
            Sent {
                cseq,
                flow: went,
                result,
                auth,
            }
        })
    }

    fn on_sent(&mut self, task: &mut SubscriptionTask, sent: Sent) -> Option<Outcome> {
        self.sending = None;
        self.cseq = sent.cseq;
        self.flow = sent.flow;
        let mut auth = sent.auth;
        let (step, error) = match sent.result {
            Ok(response) => (
                task.policy.answered(now(), &response, fraction()),
                (!response.status.is_success()).then(|| rejected(&response)),
            ),
            Err(error) => (task.policy.failed(now(), fraction()), Some(error)),
        };
        if error.is_some() {
            // A wrong password is tried again like any failure: it may have been set right meanwhile.
            auth.start_over();
        } else if self.dialog.is_none() {
            self.due = now().checked_add(self.inner.config.timers.give_up);
        }
        task.auth = Some(auth);
        if let SubscriptionStep::Stands { expires, .. } = step
            && !task.told
        {
            task.told = true;
            task.tell(SubscriptionEvent::Subscribed { expires });
        }
        self.apply(task, step, error)
    }

    fn apply(
        &mut self,
        task: &mut SubscriptionTask,
        step: SubscriptionStep,
        error: Option<SignalingError>,
    ) -> Option<Outcome> {
        match step {
            SubscriptionStep::Stands { refresh, .. } => {
                self.refresh = Some(refresh);
                None
            }
            SubscriptionStep::AskLonger => {
                self.subscribe(task);
                None
            }
            SubscriptionStep::Anew { next, pause } => {
                // What the notifier itself has ended was told with its NOTIFY.
                if let Some(error) = error {
                    let retry_in = pause;
                    task.tell(SubscriptionEvent::Failed { error, retry_in });
                }
                Some(Outcome::Anew(next))
            }
            SubscriptionStep::Over => Some(Outcome::Over(error)),
        }
    }

    fn on_input(&mut self, task: &mut SubscriptionTask, input: CallInput) -> Option<Outcome> {
        let CallInput::Request(transaction) = input else {
            return None;
        };
        let state = self.on_notify(task, transaction)?;
        self.due = None;
        let step = task.policy.notified(now(), &state, fraction())?;
        if self.sending.is_some() && matches!(step, SubscriptionStep::Stands { .. }) {
            // The answer to the SUBSCRIBE under way says how long.
            return None;
        }
        self.apply(task, step, None)
    }

    /// Answers a request in the dialog; the state that it tells, if it is a NOTIFY of this subscription.
    fn on_notify(
        &mut self,
        task: &SubscriptionTask,
        transaction: Box<ServerTransaction>,
    ) -> Option<SubscriptionState> {
        let inner = self.inner.clone();
        let request = &transaction.request;
        let event = Event::of(&request.headers);
        let status = match (&request.method, event.as_ref().zip(self.event.as_ref())) {
            (Method::Notify, Some((theirs, ours))) if theirs.is_same(ours) => None,
            (Method::Notify, _) => Some(StatusCode::BAD_EVENT),
            _ => Some(StatusCode::METHOD_NOT_ALLOWED),
        };
        if let Some(status) = status {
            refuse(&inner, transaction, status);
            return None;
        }
        let Some(state) = SubscriptionState::of(&request.headers) else {
            refuse(&inner, transaction, StatusCode::BAD_REQUEST);
            return None;
        };
        if let Err(status) = self.enter(request) {
            refuse(&inner, transaction, status);
            return None;
        }
        if self.flow.is_none() {
            self.flow = Some(transaction.source);
        }
        match task.events.try_reserve() {
            Ok(slot) => slot.send(SubscriptionEvent::Notified(Box::new(Notification {
                state: state.clone(),
                headers: request.headers.clone(),
                body: request.body(),
            }))),
            Err(mpsc::error::TrySendError::Full(())) => {
                let status = StatusCode::SERVER_INTERNAL_ERROR;
                answer(&inner, transaction, status, &[("Retry-After", "1")]);
                return None;
            }
            // Nobody wants to know any more: it is the notifier that does.
            Err(mpsc::error::TrySendError::Closed(())) => {}
        }
        refuse(&inner, transaction, StatusCode::OK);
        self.terminated = matches!(state, SubscriptionState::Terminated { .. });
        Some(state)
    }

    /// Lets a NOTIFY into the dialog, which the first one begins. Those of another branch of a forked SUBSCRIBE are turned away.
    fn enter(&mut self, request: &Request) -> Result<(), StatusCode> {
        let Some(dialog) = &mut self.dialog else {
            let dialog = Dialog::callee(request, &self.key.1);
            self.dialog = Some(dialog.map_err(|_| StatusCode::BAD_REQUEST)?);
            return Ok(());
        };
        let tag = request
            .from()
            .and_then(|from| from.tag().map(str::to_owned));
        if tag.as_deref() != Some(dialog.id().remote_tag.as_str()) {
            return Err(StatusCode::CALL_DOES_NOT_EXIST);
        }
        let number = request.cseq().map_or(0, |(number, _)| number);
        if dialog.accept_cseq(number) == CseqOrder::OutOfOrder {
            return Err(StatusCode::SERVER_INTERNAL_ERROR);
        }
        dialog.refresh_target(request.contact());
        Ok(())
    }

    /// Ends the subscription at the notifier. Waits for the answer, but not for ever: somebody wants to stop.
    async fn unsubscribe(&mut self, task: &mut SubscriptionTask) -> Result<(), SignalingError> {
        // One that is under way has to come to its end: its 2xx says that there is something to end.
        let patience = self.inner.config.timers.t1.saturating_mul(8);
        let ending = async {
            while self.sending.is_some() {
                self.attend(task).await;
            }
            if self.dialog.is_none() {
                // No NOTIFY came: nothing names the dialog, and the next NOTIFY is answered 481, which ends it.
                return Ok(());
            }
            let auth = task.take_auth();
            self.sending = Some(self.send(task, 0, auth));
            loop {
                let sent = tokio::select! {
                    sent = next_of(&mut self.sending) => sent,
                    Some(input) = self.inputs.recv() => {
                        self.take_last(task, input);
                        continue;
                    }
                };
                self.sending = None;
                return match sent.result? {
                    response if response.status.is_success() || response.status.0 == 481 => Ok(()),
                    response => Err(rejected(&response)),
                };
            }
        };
        match tokio::time::timeout(patience, ending).await {
            Ok(result) => result,
            Err(_) => Err(SignalingError::Timeout {
                what: "un-SUBSCRIBE",
                after: patience,
            }),
        }
    }

    /// Answers the NOTIFY that follows an un-SUBSCRIBE (RFC 6665 section 4.1.2.3), if it comes soon.
    async fn last_word(&mut self, task: &SubscriptionTask) {
        let patience = self.inner.config.timers.t1.saturating_mul(8);
        let awaited = async {
            while self.dialog.is_some() && !self.terminated {
                match self.inputs.recv().await {
                    Some(input) => self.take_last(task, input),
                    None => return,
                }
            }
        };
        tokio::time::timeout(patience, awaited).await.ok();
    }

    async fn attend(&mut self, task: &mut SubscriptionTask) {
        tokio::select! {
            sent = next_of(&mut self.sending) => {
                self.sending = None;
                (self.cseq, self.flow) = (sent.cseq, sent.flow);
                task.auth = Some(sent.auth);
            }
            Some(input) = self.inputs.recv() => self.take_last(task, input),
        }
    }

    /// A request that comes while the subscription ends.
    fn take_last(&mut self, task: &SubscriptionTask, input: CallInput) {
        if let CallInput::Request(transaction) = input {
            self.on_notify(task, transaction);
        }
    }
}

async fn next_of(sending: &mut Option<Sending>) -> Sent {
    match sending {
        Some(sending) => sending.await,
        None => std::future::pending().await,
    }
}

fn base_request(inner: &Inner, config: &SubscriptionConfig) -> Result<Request, SignalingError> {
    let hop = inner.first_hop(config.proxy.as_ref(), &config.route, &config.target);
    let (target, from) = (&config.target, &config.from);
    let mut request = outside_request(Method::Subscribe, target, from, hop, &config.route);
    add_subscription_headers(inner, config, &mut request)?;
    Ok(request)
}

fn add_subscription_headers(
    inner: &Inner,
    config: &SubscriptionConfig,
    request: &mut Request,
) -> Result<(), SignalingError> {
    let headers = &mut request.headers;
    headers.push_raw("Event", config.package.clone());
    if !config.accept.is_empty() {
        headers.push_raw("Accept", config.accept.join(", "));
    }
    inner.add_agent_headers(headers);
    add_custom(headers, &config.headers);
    request.set_body(config.body.clone())
}
