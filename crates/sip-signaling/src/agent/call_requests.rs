//! Requests of ours within a call: BYE, INFO, re-INVITE, UPDATE and the ACK of a 2xx.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::sync::mpsc;

use super::{
    auth::{Authenticator, is_challenge, rejected},
    call::{CallHandle, EndedBy, OfferAnswer},
    clock::{fraction, now},
    early::SharedDialog,
    user_agent::{Inner, add_custom, check_headers},
};
use crate::{
    Body, Credentials, HeaderList, Method, Request, Response, SignalingError, StatusCode,
    session::{Dialog, Negotiation, SessionTimer},
    transaction::{ClientEvent, Target},
};

/// What the requests under way and the task of the call share.
pub(super) struct Shared {
    pub(super) inner: Arc<Inner>,
    pub(super) dialog: SharedDialog,
    pub(super) negotiation: Mutex<Negotiation>,
    pub(super) session: Mutex<SessionTimer>,
    /// Our last offer or answer, which a refresh by re-INVITE repeats (RFC 4028 section 7.4).
    pub(super) local_body: Mutex<Option<Body>>,
    /// Held for as long as a request is under way: one at a time, so that the peer sees our numbers rise.
    pub(super) auth: tokio::sync::Mutex<Authenticator>,
    pub(super) credentials: Option<Credentials>,
    pub(super) flow: Target,
    pub(super) handle: CallHandle,
    pub(super) notes: mpsc::UnboundedSender<Note>,
}

/// What a request under way tells the task of the call.
pub(super) enum Note {
    /// The ACK of a 2xx has gone out; 2xx that come again get the same.
    Acked {
        cseq: u32,
        ack: Box<Request>,
        target: Target,
    },
    /// The peer does not know the call any more, or does not answer; and what it was that it did not.
    Gone(EndedBy, Option<StatusCode>, &'static str),
    /// A refresh of the session is done.
    Refreshed(Option<Body>),
    /// Our BYE is done.
    ByeDone,
}

/// Our offer is open for as long as this lives.
struct OpenOffer<'a>(&'a Shared);

impl Drop for OpenOffer<'_> {
    fn drop(&mut self) {
        self.0.negotiation().end_local();
    }
}

impl Shared {
    pub(super) fn dialog(&self) -> MutexGuard<'_, Dialog> {
        self.dialog.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn negotiation(&self) -> MutexGuard<'_, Negotiation> {
        self.negotiation
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn session(&self) -> MutexGuard<'_, SessionTimer> {
        self.session.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn remember_body(&self, body: Option<Body>) {
        if let Some(body) = body {
            *self.body_slot() = Some(body);
        }
    }

    fn body_slot(&self) -> MutexGuard<'_, Option<Body>> {
        self.local_body
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    async fn target(&self) -> Result<Target, SignalingError> {
        let dialog = self.dialog().clone();
        self.inner.reach_dialog(&dialog, self.flow).await
    }

    /// The next request of this call, with our headers.
    fn request(
        &self,
        method: &Method,
        target: Target,
        headers: &HeaderList,
        body: Option<&Body>,
    ) -> Result<Request, SignalingError> {
        let (mut request, user) = {
            let mut dialog = self.dialog();
            let request = dialog.request(method.clone());
            let user = request.from().and_then(|from| from.uri().user_decoded());
            (request, user)
        };
        if matches!(
            method,
            Method::Invite | Method::Update | Method::Refer | Method::Notify
        ) {
            request.headers.push_raw(
                "Contact",
                self.inner.contact(user.as_deref(), target)?.to_string(),
            );
        }
        self.inner.add_agent_headers(&mut request.headers);
        if matches!(method, Method::Invite | Method::Update) {
            self.session().add_to_request(&mut request.headers);
        }
        add_custom(&mut request.headers, headers);
        request.set_body(body.cloned())?;
        Ok(request)
    }

    fn note(&self, note: Note) {
        self.notes.send(note).ok();
    }

    /// RFC 3261 section 12.2.1.2: 481 and 408, and no answer at all, end the dialog.
    fn judge(&self, method: &Method, result: &Result<Response, SignalingError>) {
        let (by, status) = match result {
            Ok(response) if response.status.0 == 481 => (EndedBy::Lost, Some(response.status)),
            Ok(response) if response.status.0 == 408 => (EndedBy::Timeout, Some(response.status)),
            Err(SignalingError::Timeout { .. }) => (EndedBy::Timeout, None),
            _ => return,
        };
        let why = match (by, method) {
            (EndedBy::Lost, _) => "the peer does not know the call any more",
            (_, Method::Invite) => "no answer to a re-INVITE",
            (_, Method::Update) => "no answer to an UPDATE",
            (_, Method::Info) => "no answer to an INFO",
            _ => "no answer to a request",
        };
        self.note(Note::Gone(by, status, why));
    }

    /// Refreshes the session (RFC 4028 section 7.4): by UPDATE where the peer takes it, else by a re-INVITE with our last body.
    pub(super) async fn refresh(self: Arc<Self>) {
        let (method, body) = if self.session().peer_takes_update() {
            (Method::Update, None)
        } else {
            (Method::Invite, self.body_slot().clone())
        };
        match self.clone().offer(method, body).await {
            Ok(mut answer) => self.note(Note::Refreshed(answer.body.take())),
            Err(error) => {
                tracing::info!(%error, "the session could not be refreshed");
                self.session().refresh_failed(now());
                self.note(Note::Refreshed(None));
            }
        }
    }

    pub(super) async fn bye(self: Arc<Self>, headers: HeaderList) -> Result<(), SignalingError> {
        let mut result = self.bye_once(&headers).await;
        if self.flow.transport.is_stream()
            && matches!(result, Err(SignalingError::Transport { .. }))
        {
            // The connection broke under it: once more, over a new one.
            result = self.bye_once(&headers).await;
        }
        self.note(Note::ByeDone);
        match result {
            // The peer has hung up as well, or does not know the call any more.
            Ok(response) if response.status.is_success() || response.status.0 == 481 => Ok(()),
            Ok(response) => Err(rejected(&response)),
            Err(error) => Err(error),
        }
    }

    async fn bye_once(&self, headers: &HeaderList) -> Result<Response, SignalingError> {
        // Does not wait for other requests of ours: a call that hangs up does so at once.
        match (self.target().await, self.auth.try_lock()) {
            (Ok(target), Ok(mut auth)) => {
                self.inner
                    .transact(
                        || self.request(&Method::Bye, target, headers, None),
                        target,
                        &mut auth,
                    )
                    .await
            }
            (Ok(target), Err(_)) => {
                self.inner
                    .transact(
                        || self.request(&Method::Bye, target, headers, None),
                        target,
                        &mut Authenticator::new(self.credentials.as_ref()),
                    )
                    .await
            }
            (Err(error), _) => Err(error),
        }
    }

    /// A request that changes nothing in the call: INFO, MESSAGE.
    pub(super) async fn simple(
        self: Arc<Self>,
        method: Method,
        headers: HeaderList,
        body: Option<Body>,
    ) -> Result<Response, SignalingError> {
        check_headers(&headers, false)?;
        let mut auth = self.auth.lock().await;
        let target = self.target().await?;
        let result = self
            .inner
            .transact(
                || self.request(&method, target, &headers, body.as_ref()),
                target,
                &mut auth,
            )
            .await;
        self.judge(&method, &result);
        match result? {
            response if response.status.is_success() => Ok(response),
            response => Err(rejected(&response)),
        }
    }

    pub(super) async fn offer(
        self: Arc<Self>,
        method: Method,
        body: Option<Body>,
    ) -> Result<OfferAnswer, SignalingError> {
        const GLARE_TRIES: u32 = 5;
        let mut left = GLARE_TRIES;
        loop {
            if !self.negotiation().begin_local() {
                if left == GLARE_TRIES {
                    return Err(SignalingError::Pending);
                }
            } else {
                let open = OpenOffer(&self);
                let result = if method == Method::Invite {
                    self.reinvite(body.as_ref(), open).await
                } else {
                    self.update(body.as_ref(), open).await
                };
                match result {
                    Err(SignalingError::Rejected(rejection))
                        if rejection.status == StatusCode::REQUEST_PENDING && left > 1 => {}
                    // RFC 4028 section 7.3: at once again, with the longer interval.
                    Err(SignalingError::Rejected(rejection))
                        if rejection.status == StatusCode::SESSION_INTERVAL_TOO_SMALL
                            && self.session().too_brief(&rejection.headers) =>
                    {
                        continue;
                    }
                    Ok(answer) => {
                        self.remember_body(body);
                        return Ok(answer);
                    }
                    other => return other,
                }
            }
            left = left.saturating_sub(1);
            if left == 0 {
                return Err(SignalingError::Pending);
            }
            let pause = Negotiation::glare_pause(self.dialog().owns_call_id(), fraction());
            tokio::time::sleep(self.scaled(pause)).await;
        }
    }

    /// The RFC's pauses are meant for T1 = 500 ms.
    fn scaled(&self, pause: Duration) -> Duration {
        pause.mul_f64((self.inner.config.timers.t1.as_secs_f64() / 0.5).min(1.0))
    }

    async fn update(
        &self,
        body: Option<&Body>,
        _open: OpenOffer<'_>,
    ) -> Result<OfferAnswer, SignalingError> {
        let mut auth = self.auth.lock().await;
        let target = self.target().await?;
        let result = self
            .inner
            .transact(
                || self.request(&Method::Update, target, &HeaderList::new(), body),
                target,
                &mut auth,
            )
            .await;
        self.judge(&Method::Update, &result);
        let response = result?;
        if !response.status.is_success() {
            return Err(rejected(&response));
        }
        self.accepted(&response);
        Ok(OfferAnswer {
            body: response.body(),
            headers: response.headers,
            ack: None,
        })
    }

    async fn reinvite(
        &self,
        body: Option<&Body>,
        open: OpenOffer<'_>,
    ) -> Result<OfferAnswer, SignalingError> {
        let mut auth = self.auth.lock().await;
        let target = self.target().await?;
        let mut request = self.request(&Method::Invite, target, &HeaderList::new(), body)?;
        auth.apply(&mut request);
        let (response, cseq) = loop {
            let cseq = request.cseq().map_or(0, |(number, _)| number);
            let result = self.reinvite_once(request, target).await;
            self.judge(&Method::Invite, &result);
            let response = result?;
            if !is_challenge(response.status) {
                break (response, cseq);
            }
            request = self.request(&Method::Invite, target, &HeaderList::new(), body)?;
            auth.challenged(&response, &mut request)?;
        };
        if !response.status.is_success() {
            return Err(rejected(&response));
        }
        auth.accepted();
        self.accepted(&response);
        let offered = body.is_some();
        // The ACK tells the peer that it may offer, so that ours is not open any more when it goes out.
        drop(open);
        if offered {
            self.acknowledge(cseq, None).await?;
        }
        Ok(OfferAnswer {
            body: response.body(),
            headers: response.headers,
            ack: (!offered).then(|| (self.handle.clone(), cseq)),
        })
    }

    /// A 2xx to a re-INVITE or UPDATE of ours.
    fn accepted(&self, response: &Response) {
        self.dialog().refresh_target(response.contact());
        self.session().answered(now(), &response.headers);
    }

    async fn reinvite_once(
        &self,
        request: Request,
        target: Target,
    ) -> Result<Response, SignalingError> {
        let give_up = self.inner.config.timers.give_up;
        let mut transaction = self.inner.layer.request(request, target).await?;
        let mut cancelling = None;
        // A re-INVITE is answered by a machine: what takes longer than two transactions is cancelled.
        let mut deadline = tokio::time::Instant::now() + give_up.saturating_mul(2);
        loop {
            let event = tokio::select! {
                event = transaction.next() => event,
                () = tokio::time::sleep_until(deadline) => {
                    if cancelling.is_some() {
                        return Err(SignalingError::Timeout { what: "re-INVITE", after: give_up });
                    }
                    cancelling = Some(self.inner.layer.cancel(&transaction).await?);
                    deadline += give_up;
                    continue;
                }
            };
            match event {
                Some(ClientEvent::Response(response)) if response.status.is_final() => {
                    return Ok(response);
                }
                Some(ClientEvent::Response(_)) => {}
                Some(ClientEvent::Timeout) => {
                    return Err(SignalingError::Timeout {
                        what: "re-INVITE",
                        after: give_up,
                    });
                }
                Some(ClientEvent::Broken) => return Err(transaction.broken()),
                None => return Err(SignalingError::Closed),
            }
        }
    }

    pub(super) async fn acknowledge(
        &self,
        cseq: u32,
        body: Option<Body>,
    ) -> Result<(), SignalingError> {
        let target = self.target().await?;
        let mut ack = self.dialog().ack(cseq);
        ack.headers
            .push_raw("User-Agent", self.inner.config.user_agent.clone());
        ack.set_body(body.clone())?;
        self.remember_body(body);
        let ack = self.inner.layer.send_ack(ack, target).await?;
        self.note(Note::Acked {
            cseq,
            ack: Box::new(ack),
            target,
        });
        Ok(())
    }
}
