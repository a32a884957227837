//! Requests of ours within a call: BYE, INFO, re-INVITE, UPDATE and the ACK of a 2xx.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::sync::mpsc;

use super::{
    auth::{Authenticator, is_challenge, rejected},
    call::{CallHandle, EndedBy, OfferAnswer},
    clock::fraction,
    user_agent::{Inner, add_custom},
};
use crate::{
    Body, Credentials, HeaderList, Method, Request, Response, SignalingError, StatusCode,
    session::{Dialog, Negotiation},
    transaction::{ClientEvent, Target},
};

/// What the requests under way and the task of the call share.
pub(super) struct Shared {
    pub(super) inner: Arc<Inner>,
    pub(super) dialog: Mutex<Dialog>,
    pub(super) negotiation: Mutex<Negotiation>,
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
    /// The peer does not know the call any more, or does not answer.
    Gone(EndedBy, Option<StatusCode>),
    /// Our BYE is done.
    ByeDone,
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
        if matches!(method, Method::Invite | Method::Update) {
            request.headers.push_raw(
                "Contact",
                self.inner.contact(user.as_deref(), target)?.to_string(),
            );
        }
        self.inner.add_agent_headers(&mut request.headers);
        add_custom(&mut request.headers, headers);
        request.set_body(body.cloned())?;
        Ok(request)
    }

    fn note(&self, note: Note) {
        self.notes.send(note).ok();
    }

    /// RFC 3261 section 12.2.1.2: 481 and 408, and no answer at all, end the dialog.
    fn judge(&self, result: &Result<Response, SignalingError>) {
        match result {
            Ok(response) if response.status.0 == 481 => {
                self.note(Note::Gone(EndedBy::Lost, Some(response.status)))
            }
            Ok(response) if response.status.0 == 408 => {
                self.note(Note::Gone(EndedBy::Timeout, Some(response.status)))
            }
            Err(SignalingError::Timeout { .. }) => self.note(Note::Gone(EndedBy::Timeout, None)),
            _ => {}
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

    pub(super) async fn info(self: Arc<Self>, body: Body) -> Result<(), SignalingError> {
        let mut auth = self.auth.lock().await;
        let target = self.target().await?;
        let result = self
            .inner
            .transact(
                || self.request(&Method::Info, target, &HeaderList::new(), Some(&body)),
                target,
                &mut auth,
            )
            .await;
        self.judge(&result);
        match result? {
            response if response.status.is_success() => Ok(()),
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
                let result = if method == Method::Invite {
                    self.reinvite(body.as_ref()).await
                } else {
                    self.update(body.as_ref()).await
                };
                self.negotiation().end_local();
                match result {
                    Err(SignalingError::Rejected(rejection))
                        if rejection.status == StatusCode::REQUEST_PENDING && left > 1 => {}
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

    async fn update(&self, body: Option<&Body>) -> Result<OfferAnswer, SignalingError> {
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
        self.judge(&result);
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

    async fn reinvite(&self, body: Option<&Body>) -> Result<OfferAnswer, SignalingError> {
        let mut auth = self.auth.lock().await;
        let target = self.target().await?;
        let mut request = self.request(&Method::Invite, target, &HeaderList::new(), body)?;
        auth.apply(&mut request);
        let (response, cseq) = loop {
            let cseq = request.cseq().map_or(0, |(number, _)| number);
            let result = self.reinvite_once(request, target).await;
            self.judge(&result);
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
        self.dialog().refresh_target(response.contact());
        let offered = body.is_some();
        if offered {
            self.acknowledge(cseq, None).await?;
        }
        Ok(OfferAnswer {
            body: response.body(),
            headers: response.headers,
            ack: (!offered).then(|| (self.handle.clone(), cseq)),
        })
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
        ack.set_body(body)?;
        let ack = self.inner.layer.send_ack(ack, target).await?;
        self.note(Note::Acked {
            cseq,
            ack: Box::new(ack),
            target,
        });
        Ok(())
    }
}
