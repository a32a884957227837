//! Where a request goes: to the registrar, to a fault user, to a registered phone, or on.

#![deny(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects
)]

use super::auth::{Asker, Verdict};
use super::core::{Core, Decision, Target};
use super::flow::Flow;
use super::registrar::Change;
use super::{Fault, PbxEvent};
use sip_signaling::{Method, NameAddr, Request, Response, StatusCode, Transport, Uri};
use std::time::Instant;

/// The methods that the PBX itself and its proxy take.
const ALLOW: &str = "REGISTER, OPTIONS, INVITE, ACK, CANCEL, BYE, UPDATE, INFO, PRACK, REFER, NOTIFY, SUBSCRIBE, MESSAGE";

impl Core {
    /// `routed`: a Route named the PBX, so the request follows the path of a dialog.
    pub(super) fn route(
        &mut self,
        now: Instant,
        flow: Flow,
        routed: bool,
        request: &Request,
    ) -> Decision {
        let in_dialog = request.to().is_some_and(|to| to.tag().is_some());
        let next = request
            .headers
            .get_list("Route")
            .first()
            .map(|route| NameAddr::parse(route));
        let elsewhere = match &next {
            Some(Ok(route)) => Some(route.uri()),
            Some(Err(_)) => return status(request, StatusCode::BAD_REQUEST),
            None if self.settings.is_ours(&request.uri) => None,
            None => Some(&request.uri),
        };
        if !(in_dialog && (routed || elsewhere.is_some())) {
            if request.method == Method::Register && elsewhere.is_none() {
                return Decision::Reply(self.register(now, flow, request));
            }
            if let Some(challenge) = self.challenge_caller(now, request) {
                return Decision::Reply(challenge);
            }
        }
        match elsewhere {
            None => self.route_to_user(now, request),
            Some(uri) => match Flow::to_uri(uri) {
                Some(flow) => Decision::Forward(Target {
                    flow,
                    uri: request.uri.clone(),
                }),
                None => reason(
                    request,
                    StatusCode::NOT_FOUND,
                    "The PBX resolves no host names",
                ),
            },
        }
    }

    fn route_to_user(&mut self, now: Instant, request: &Request) -> Decision {
        let Some(user) = request.uri.user_decoded() else {
            return Decision::Reply(answer_as_server(request));
        };
        if let Some(fault) = self.settings.fault(&user) {
            return self.fail(fault, request);
        }
        if let Some(phone) = self.settings.extension(&user)
            && let Ok(uri) = Uri::from_socket_addr(Some(&user), phone)
        {
            return Decision::Forward(Target {
                flow: Flow::new(Transport::Udp, phone),
                uri,
            });
        }
        match self.location.contacts(now, &user).first() {
            Some(binding) => Decision::Forward(Target {
                flow: binding.target(),
                uri: binding.uri().to_request_uri(),
            }),
            None if self.settings.user(&user).is_some() => {
                status(request, StatusCode::TEMPORARILY_UNAVAILABLE)
            }
            None => status(request, StatusCode::NOT_FOUND),
        }
    }

    fn fail(&self, fault: &Fault, request: &Request) -> Decision {
        let (code, header) = match fault {
            Fault::Blackhole => return Decision::Ignore,
            Fault::Busy => (StatusCode::BUSY_HERE, None),
            Fault::Decline => (StatusCode::DECLINE, None),
            Fault::Timeout => (StatusCode::REQUEST_TIMEOUT, None),
            Fault::Ringing => (StatusCode::RINGING, None),
            Fault::Status(code) => (StatusCode(*code), None),
            Fault::Unavailable { retry_after } => (
                StatusCode::SERVICE_UNAVAILABLE,
                Some(("Retry-After", retry_after.to_string())),
            ),
            Fault::Redirect(user) => {
                let host = self.settings.listen;
                (
                    StatusCode(302),
                    Some(("Contact", format!("<sip:{user}@{host}>"))),
                )
            }
        };
        let mut response = Response::to_request(request, code, None);
        if let Some((name, value)) = header {
            let _ = response.headers.push(name, value);
        }
        Decision::Reply(response)
    }

    fn register(&mut self, now: Instant, flow: Flow, request: &Request) -> Response {
        let user = request
            .to()
            .and_then(|to| to.uri().user_decoded())
            .unwrap_or_default();
        match self
            .authenticator
            .check(now, &self.settings, Asker::Registrar, request)
        {
            Verdict::Challenge { stale } => {
                return self.challenge(now, Asker::Registrar, stale, request);
            }
            Verdict::Granted(granted) if granted != user => {
                return Response::to_request(request, StatusCode::FORBIDDEN, None);
            }
            Verdict::Granted(_) => {}
        }
        let changes = match self
            .location
            .register(now, &self.settings, &user, flow, request)
        {
            Ok(changes) => changes,
            Err(refusal) => {
                let mut response = Response::to_request(request, refusal.status, None);
                if refusal.status == StatusCode::INTERVAL_TOO_BRIEF {
                    let _ = response
                        .headers
                        .push("Min-Expires", self.settings.min_expires.to_string());
                }
                return match refusal.reason {
                    Some(text) => response
                        .with_reason(text)
                        .unwrap_or_else(|_| Response::new(refusal.status)),
                    None => response,
                };
            }
        };
        for change in changes {
            let user = user.clone();
            self.tell(match change {
                Change::Added { contact, expires } => PbxEvent::Registered {
                    user,
                    contact,
                    expires,
                },
                Change::Removed { contact } => PbxEvent::Unregistered { user, contact },
            });
        }
        let mut response = Response::to_request(request, StatusCode::OK, None);
        for contact in self.location.contact_headers(now, &user) {
            let _ = response.headers.push("Contact", contact);
        }
        response
    }

    /// RFC 3261 section 22.3: who starts something through the proxy says who it is.
    fn challenge_caller(&mut self, now: Instant, request: &Request) -> Option<Response> {
        let starts = matches!(
            request.method,
            Method::Invite | Method::Message | Method::Refer | Method::Subscribe | Method::Publish
        );
        let in_dialog = request.to().is_some_and(|to| to.tag().is_some());
        if !self.settings.challenge_calls || !starts || in_dialog {
            return None;
        }
        match self
            .authenticator
            .check(now, &self.settings, Asker::Proxy, request)
        {
            Verdict::Challenge { stale } => Some(self.challenge(now, Asker::Proxy, stale, request)),
            Verdict::Granted(user) => {
                let claimed = request.from().and_then(|from| from.uri().user_decoded());
                (claimed.as_deref() != Some(user.as_str()))
                    .then(|| Response::to_request(request, StatusCode::FORBIDDEN, None))
            }
        }
    }

    fn challenge(
        &mut self,
        now: Instant,
        asker: Asker,
        stale: bool,
        request: &Request,
    ) -> Response {
        let code = match asker {
            Asker::Registrar => StatusCode::UNAUTHORIZED,
            Asker::Proxy => StatusCode::PROXY_AUTHENTICATION_REQUIRED,
        };
        let mut response = Response::to_request(request, code, None);
        for value in self.authenticator.challenges(now, &self.settings, stale) {
            let _ = response.headers.push(asker.challenge_header(), value);
        }
        let user = request
            .from()
            .and_then(|from| from.uri().user_decoded())
            .unwrap_or_default();
        self.tell(PbxEvent::Challenged {
            method: request.method.to_string(),
            user,
        });
        response
    }
}

fn status(request: &Request, code: StatusCode) -> Decision {
    Decision::Reply(Response::to_request(request, code, None))
}

fn reason(request: &Request, code: StatusCode, text: &str) -> Decision {
    let response = Response::to_request(request, code, None);
    Decision::Reply(
        response
            .with_reason(text)
            .unwrap_or_else(|_| Response::new(code)),
    )
}

/// A request to the PBX itself, not to a user.
fn answer_as_server(request: &Request) -> Response {
    let code = match request.method {
        Method::Options => StatusCode::OK,
        _ if request.to().is_some_and(|to| to.tag().is_some()) => StatusCode::CALL_DOES_NOT_EXIST,
        _ => StatusCode::METHOD_NOT_ALLOWED,
    };
    let mut response = Response::to_request(request, code, None);
    let _ = response.headers.push("Allow", ALLOW);
    response
}
