//! The task of a registration: REGISTER, refresh, back-off, un-REGISTER.

use std::{collections::VecDeque, net::SocketAddr, sync::Arc, time::Instant};

use tokio::sync::{mpsc, oneshot, watch};

use super::{
    auth::{Authenticator, rejected},
    clock::{first_cseq, fraction, now, token},
    config::RegistrationConfig,
    outgoing_task::sleep_until,
    registration::RegistrationState,
    user_agent::{Inner, add_custom, changed, contact_at, new_call_id},
};
use crate::{
    HeaderList, Method, NameAddr, Request, Response, SignalingError, Transport, Uri,
    agent_headers::SUPPORTED,
    message::{Scheme, name_addrs},
    session::{RefreshPolicy, Step, seconds},
    transaction::{Candidate, Target},
};

type Stop = oneshot::Sender<Result<(), SignalingError>>;

pub(super) async fn run(
    inner: Arc<Inner>,
    config: RegistrationConfig,
    state: watch::Sender<RegistrationState>,
    mut stop: mpsc::UnboundedReceiver<Stop>,
) {
    let mut task = RegistrationTask::new(inner, config);
    let closing = task.inner.closing.clone();
    let mut network = task.inner.network_changes();
    let stopping = loop {
        let next = tokio::select! {
            next = task.register(&state) => next,
            () = changed(&mut network) => {
                task.forget_address();
                continue;
            }
            stopping = stop.recv() => break stopping,
            () = closing.cancelled() => break None,
        };
        tokio::select! {
            () = sleep_until(Some(next)) => {}
            () = task.stream_lost() => {}
            () = task.keep_open() => {}
            () = changed(&mut network) => task.forget_address(),
            stopping = stop.recv() => break stopping,
            () = closing.cancelled() => break None,
        }
    };
    let result = if closing.is_cancelled() {
        Err(SignalingError::Closed)
    } else {
        task.unregister().await
    };
    state.send_replace(RegistrationState::Unregistered);
    if let Some(done) = stopping {
        done.send(result).ok();
    }
}

struct RegistrationTask {
    inner: Arc<Inner>,
    config: RegistrationConfig,
    policy: RefreshPolicy,
    auth: Authenticator,
    call_id: String,
    from: NameAddr,
    cseq: u32,
    /// Where the last REGISTER went.
    flow: Option<Target>,
    /// The flow that the binding stands on; none while there is no binding.
    bound_flow: Option<Target>,
    /// What the registrar saw as our address, where it differs from what we said.
    seen: Option<SocketAddr>,
    /// The binding that stands.
    bound: Option<NameAddr>,
}

impl RegistrationTask {
    fn new(inner: Arc<Inner>, config: RegistrationConfig) -> RegistrationTask {
        RegistrationTask {
            policy: RefreshPolicy::new(config.expires, config.retry_after_failure),
            auth: Authenticator::new(config.credentials.as_ref()),
            call_id: new_call_id(),
            from: config.aor.clone().with_tag(&token(12)),
            cseq: first_cseq(),
            flow: None,
            bound_flow: None,
            seen: None,
            bound: None,
            inner,
            config,
        }
    }

    /// What the registrar saw was another network.
    fn forget_address(&mut self) {
        self.seen = None;
        self.bound_flow = None;
    }

    /// One round: registers, tells the state, and says when the next round is due.
    async fn register(&mut self, state: &watch::Sender<RegistrationState>) -> Instant {
        loop {
            let expires = self.policy.wanted().as_secs();
            let result = self.send(expires).await;
            let (step, error) = match &result {
                Ok((response, contact)) => (
                    self.policy.answered(now(), response, contact, fraction()),
                    None,
                ),
                Err(error) => (
                    self.policy.failed(now(), None, fraction()),
                    Some(error.clone()),
                ),
            };
            match step {
                Step::AskLonger { .. } => continue,
                Step::Registered { expires, next } => {
                    if self.moved(&result) {
                        continue;
                    }
                    self.bound_flow = self.flow;
                    if let Some(flow) = self.flow {
                        self.inner
                            .layer
                            .serves(self.hop().host(), (flow.transport, flow.addr));
                    }
                    let service_route = result.as_ref().map_or_else(
                        |_| Vec::new(),
                        |(response, _)| name_addrs(&response.headers, "Service-Route"),
                    );
                    state.send_replace(RegistrationState::Registered {
                        expires,
                        service_route,
                    });
                    return next;
                }
                Step::Failed { next, pause } => {
                    let error = error.unwrap_or_else(|| match &result {
                        Ok((response, _)) => failure(response, self.config.credentials.is_some()),
                        Err(error) => error.clone(),
                    });
                    // A wrong password is tried again like any failure: it may have been set right meanwhile.
                    self.auth.start_over();
                    self.bound_flow = None;
                    self.inner.layer.forget(self.hop().host());
                    state.send_replace(RegistrationState::Failed {
                        error,
                        retry_in: pause,
                    });
                    return next;
                }
            }
        }
    }

    /// Holds the way through NAT open for as long as it is polled.
    async fn keep_open(&self) {
        let udp = self.bound_flow.filter(|flow| !flow.transport.is_stream());
        let (Some(flow), Some(interval)) = (udp, self.inner.config.udp_keep_alive) else {
            return std::future::pending().await;
        };
        loop {
            tokio::time::sleep(interval).await;
            self.inner.layer.ping(flow).await;
        }
    }

    /// Waits until the stream that the binding was made over is gone: calls could not come in any more. Then a moment
    /// longer, so that a registrar that is started anew does not hear from all its clients at once.
    async fn stream_lost(&self) {
        let Some(flow) = self.bound_flow else {
            return std::future::pending().await;
        };
        let why = self.inner.layer.stream_lost(flow).await;
        tracing::debug!(peer = %flow.addr, why, "stream of a registration lost");
        let pause = self.config.retry_after_failure.0.mul_f64(fraction());
        tokio::time::sleep(pause).await;
    }

    /// Notes the binding; true if the registrar saw another address of ours than the Contact says, so that it has to be
    /// registered anew (RFC 3581; UDP only, a stream is answered where it stands).
    fn moved(&mut self, result: &Result<(Response, NameAddr), SignalingError>) -> bool {
        let (Ok((response, contact)), Some(flow)) = (result, self.flow) else {
            return false;
        };
        let first_time = self.bound.is_none();
        self.bound = Some(contact.clone());
        // A registrar that says neither saw nothing of note.
        let seen = response
            .via()
            .filter(|via| via.received().is_some() || via.rport().is_some())
            .and_then(|via| {
                let ip = via.received().or_else(|| via.host.parse().ok())?;
                Some(SocketAddr::new(ip, via.rport().or(via.port)?))
            });
        let Some(seen) = seen.filter(|_| flow.transport == Transport::Udp) else {
            return false;
        };
        let said = contact
            .uri()
            .host_ip()
            .zip(contact.uri().port())
            .map(|(ip, port)| SocketAddr::new(ip, port));
        if said == Some(seen) {
            return false;
        }
        self.seen = Some(seen);
        self.inner.learn(flow.addr.ip(), seen);
        // Once per round: a NAT that maps anew each time must not be chased.
        first_time
    }

    fn hop(&self) -> &Uri {
        self.inner
            .first_hop(self.config.proxy.as_ref(), &[], &self.config.registrar)
    }

    /// Sends to the first server that answers, in the domain's order (RFC 3263 section 4.3).
    async fn send(&mut self, expires: u64) -> Result<(Response, NameAddr), SignalingError> {
        let hop = self.hop().clone();
        let mut candidates: VecDeque<Candidate> = self
            .inner
            .layer
            .locate_registrar(&hop, self.config.transport)
            .await?
            .into();
        let patience = self.inner.layer.patience();
        loop {
            let target = self.inner.reach_first(&mut candidates, &hop).await?;
            let server = (target.transport, target.addr);
            let sending = self.send_to(&hop, target, expires);
            let result = if candidates.is_empty() {
                sending.await
            } else {
                match tokio::time::timeout(patience, sending).await {
                    Ok(result) => result,
                    Err(_) => Err(SignalingError::Timeout {
                        what: "REGISTER",
                        after: patience,
                    }),
                }
            };
            let retry_after = match &result {
                Ok((response, _)) if response.status.0 == 503 => {
                    seconds(response.headers.get("Retry-After"))
                }
                Err(SignalingError::Timeout { .. } | SignalingError::Transport { .. }) => None,
                _ => {
                    self.inner.layer.worked(server);
                    return result;
                }
            };
            self.inner.layer.failed(server, retry_after);
            if candidates.is_empty() {
                return result;
            }
            tracing::debug!(peer = %target.addr, "the next registrar is tried");
        }
    }

    async fn send_to(
        &mut self,
        hop: &Uri,
        target: Target,
        expires: u64,
    ) -> Result<(Response, NameAddr), SignalingError> {
        self.flow = Some(target);
        let contact = self.contact(target)?;
        let base = self.base_request(hop, &contact, expires)?;
        let (inner, cseq, auth) = (self.inner.clone(), &mut self.cseq, &mut self.auth);
        let make = || {
            *cseq = cseq.wrapping_add(1);
            let mut request = base.clone();
            request.headers.push_raw("CSeq", format!("{cseq} REGISTER"));
            Ok(request)
        };
        let response = inner.transact(make, target, auth).await?;
        Ok((response, contact))
    }

    fn contact(&self, target: Target) -> Result<NameAddr, SignalingError> {
        let user = self
            .config
            .contact_user
            .clone()
            .or_else(|| self.config.aor.uri().user_decoded());
        let contact = match self.seen.filter(|_| target.transport == Transport::Udp) {
            Some(seen) => contact_at(user.as_deref(), seen, target.transport),
            None => self.inner.contact(user.as_deref(), target),
        };
        let secure = self.config.registrar.scheme() == Scheme::Sips;
        let mut contact = contact?;
        if secure {
            contact = contact.with_sips();
        }
        if let Some(instance) = &self.config.instance_id {
            // RFC 5626 section 4.2: one flow of this instance.
            let params = contact.params_mut();
            params.set_raw("reg-id", Some("1"));
            params.set_raw("+sip.instance", Some(&format!("\"<{instance}>\"")));
        }
        Ok(contact)
    }

    fn base_request(
        &self,
        hop: &Uri,
        contact: &NameAddr,
        expires: u64,
    ) -> Result<Request, SignalingError> {
        let mut uri = self.config.registrar.to_request_uri();
        // RFC 3261 section 10.2: the Request-URI of a REGISTER has no user part.
        uri.set_user(None)?;
        let same_host = hop.host().eq_ignore_ascii_case(uri.host()) && hop.port() == uri.port();
        let mut request = Request::new(Method::Register, uri);
        if !same_host {
            let mut route = hop.clone();
            route.params_mut().set_raw("lr", None);
            request
                .headers
                .push_raw("Route", NameAddr::new(route).to_string());
        }
        request.headers.push_raw("Max-Forwards", "70");
        request.headers.push_raw("From", self.from.to_string());
        request.headers.push_raw("To", self.config.aor.to_string());
        request.headers.push_raw("Call-ID", self.call_id.clone());
        request
            .headers
            .push_raw("Contact", with_expires(contact, expires));
        if let Some(old) = self.bound.as_ref().filter(|old| *old != contact) {
            request.headers.push_raw("Contact", with_expires(old, 0));
        }
        request.headers.push_raw("Expires", expires.to_string());
        let mut headers = HeaderList::new();
        // RFC 3327 section 5.1: edge proxies may stand between the registrar and us.
        let outbound = self
            .config
            .instance_id
            .as_ref()
            .map_or("", |_| ", outbound");
        headers.push_raw("Supported", format!("{SUPPORTED}, path{outbound}"));
        self.inner.add_agent_headers(&mut headers);
        request.headers.extend(&headers);
        add_custom(&mut request.headers, &self.config.headers);
        Ok(request)
    }

    /// Removes the binding. Waits for the answer, but not for ever: somebody wants to stop.
    async fn unregister(&mut self) -> Result<(), SignalingError> {
        if self.bound.is_none() {
            return Ok(());
        }
        let patience = self.inner.config.timers.t1.saturating_mul(8);
        self.auth.accepted();
        match tokio::time::timeout(patience, self.send(0)).await {
            Ok(Ok((response, _))) if response.status.is_success() => Ok(()),
            Ok(Ok((response, _))) => Err(failure(&response, self.config.credentials.is_some())),
            Ok(Err(error)) => Err(error),
            Err(_) => Err(SignalingError::Timeout {
                what: "un-REGISTER",
                after: patience,
            }),
        }
    }
}

fn with_expires(contact: &NameAddr, expires: u64) -> String {
    let mut contact = contact.clone();
    contact
        .params_mut()
        .set_raw("expires", Some(&expires.to_string()));
    contact.to_string()
}

/// Many registrars answer a wrong password with 403 instead of another challenge.
fn failure(response: &Response, with_credentials: bool) -> SignalingError {
    if response.status.0 == 403 && with_credentials {
        return SignalingError::Unauthorized {
            status: response.status,
            realm: String::new(),
            why: format!("the registrar says \"{}\"", response.reason()),
        };
    }
    rejected(response)
}
