//! The PBX as a value: a message in, messages out.
//!
//! ```text
//!  request ─ note source ─ ACK/CANCEL ─ answered before? ─ passed on before? ─ route ┬─ answer it here
//!                                          │ the same again    │ the same again      └─ pass it on
//!  response ─ own Via off ─ next Via ─ pass it on
//! ```
//!
//! Requests are passed on without a transaction (RFC 3261 section 16.11): phones retransmit and time out
//! end to end. What the PBX answers itself it keeps for a while and repeats on a retransmission.

#![deny(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects
)]

use super::PbxEvent;
use super::auth::Authenticator;
use super::flow::Flow;
use super::media::MediaRelays;
use super::memory::Memory;
use super::registrar::Location;
use super::settings::Settings;
use super::transaction::{
    is_loop, own_branch, own_tag, reply_name, set_vias, transaction_name, vias,
};
use sip_signaling::message::{Message, Via};
use sip_signaling::{Method, Request, Response, StatusCode, Transport, Uri};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::broadcast;

/// 64 * T1: nobody retransmits later (RFC 3261 section 17).
const REPLY_LIFETIME: Duration = Duration::from_secs(32);
/// An INVITE may ring for minutes, and its CANCEL must still find the way.
const FORWARD_LIFETIME: Duration = Duration::from_secs(300);

/// A message and where to send it.
#[derive(Debug, Clone)]
pub(super) struct Outgoing {
    pub(super) flow: Flow,
    pub(super) message: Message,
}

/// Where a request goes next.
#[derive(Debug, Clone)]
pub(super) struct Target {
    pub(super) flow: Flow,
    pub(super) uri: Uri,
}

/// What to do with a request.
pub(super) enum Decision {
    Reply(Response),
    Forward(Target),
    Ignore,
}

pub(super) struct Core {
    pub(super) settings: Arc<Settings>,
    pub(super) authenticator: Authenticator,
    pub(super) location: Location,
    pub(super) media: Option<MediaRelays>,
    pub(super) events: broadcast::Sender<PbxEvent>,
    replies: Memory<Response>,
    forwarded: Memory<Target>,
}

impl Core {
    pub(super) fn new(
        settings: Arc<Settings>,
        media: Option<MediaRelays>,
        events: broadcast::Sender<PbxEvent>,
    ) -> Self {
        Self {
            settings,
            authenticator: Authenticator::new(),
            location: Location::default(),
            media,
            events,
            replies: Memory::new(REPLY_LIFETIME),
            forwarded: Memory::new(FORWARD_LIFETIME),
        }
    }

    /// Takes a message that came over `flow`; answers what to send.
    pub(super) fn handle(&mut self, now: Instant, flow: Flow, message: Message) -> Vec<Outgoing> {
        match message {
            Message::Request(request) => self.handle_request(now, flow, request),
            Message::Response(response) => self.handle_response(response).into_iter().collect(),
        }
    }

    /// A request could not be delivered: as if the next hop had answered 480.
    pub(super) fn handle_undeliverable(&mut self, request: &Request) -> Vec<Outgoing> {
        if request.method == Method::Ack {
            return Vec::new();
        }
        let tag = transaction_name(request).map(|name| own_tag(&name));
        let response =
            Response::to_request(request, StatusCode::TEMPORARILY_UNAVAILABLE, tag.as_deref());
        self.handle_response(response).into_iter().collect()
    }

    fn handle_request(&mut self, now: Instant, flow: Flow, mut request: Request) -> Vec<Outgoing> {
        let Some(transaction) = transaction_name(&request) else {
            return Vec::new();
        };
        note_source(&mut request, flow);
        match request.method {
            Method::Ack => return self.handle_ack(now, flow, &transaction, request),
            Method::Cancel => return self.handle_cancel(now, flow, &transaction, request),
            _ => {}
        }
        if let Some(reply) = self
            .replies
            .get(now, &reply_name(&transaction, &request.method))
        {
            return vec![reply_over(flow, reply.clone())];
        }
        let routed = self.strip_own_routes(&mut request);
        if let Some(target) = self.forwarded.get(now, &transaction).cloned() {
            return self.forward(flow, &transaction, request, target);
        }
        match self.decide(now, flow, routed, &request) {
            Decision::Ignore => Vec::new(),
            Decision::Reply(response) => {
                vec![self.reply(now, flow, &transaction, &request, response)]
            }
            Decision::Forward(target) => {
                self.tell_of_call(&request);
                self.forwarded
                    .insert(now, transaction.clone(), target.clone());
                self.forward(flow, &transaction, request, target)
            }
        }
    }

    fn decide(&mut self, now: Instant, flow: Flow, routed: bool, request: &Request) -> Decision {
        if let Some(reason) = fault_of(request) {
            let response = Response::to_request(request, StatusCode::BAD_REQUEST, None);
            return Decision::Reply(
                response
                    .with_reason(reason)
                    .unwrap_or_else(|_| Response::new(400.into())),
            );
        }
        if let Some(response) = self.refuse_as_proxy(request) {
            return Decision::Reply(response);
        }
        self.route(now, flow, routed, request)
    }

    /// RFC 3261 section 16.3: checks before a request is passed on.
    fn refuse_as_proxy(&self, request: &Request) -> Option<Response> {
        let hops = request
            .headers
            .get("Max-Forwards")
            .map(|hops| hops.trim().parse::<u8>());
        if matches!(hops, Some(Ok(0))) {
            return Some(Response::to_request(
                request,
                StatusCode::TOO_MANY_HOPS,
                None,
            ));
        }
        let is_own = |via: &Via| self.is_own_via(via);
        if is_loop(request, is_own) {
            return Some(Response::to_request(
                request,
                StatusCode::LOOP_DETECTED,
                None,
            ));
        }
        let required = request.headers.get_list("Proxy-Require");
        if required.is_empty() {
            return None;
        }
        let mut response = Response::to_request(request, StatusCode::BAD_EXTENSION, None);
        let _ = response.headers.push("Unsupported", required.join(", "));
        Some(response)
    }

    fn is_own_via(&self, via: &Via) -> bool {
        let Ok(uri) = Uri::sip(None, &via.host, via.port) else {
            return false;
        };
        self.settings.is_ours(&uri)
    }

    /// Keeps and sends an answer of the PBX's own.
    fn reply(
        &mut self,
        now: Instant,
        flow: Flow,
        transaction: &str,
        request: &Request,
        mut response: Response,
    ) -> Outgoing {
        tag_to(&mut response, transaction);
        let _ = response
            .headers
            .set("Server", concat!("sip-testkit/", env!("CARGO_PKG_VERSION")));
        self.replies.insert(
            now,
            reply_name(transaction, &request.method),
            response.clone(),
        );
        reply_over(flow, response)
    }

    fn handle_ack(
        &mut self,
        now: Instant,
        flow: Flow,
        transaction: &str,
        mut request: Request,
    ) -> Vec<Outgoing> {
        // The ACK of an answer that the PBX gave ends here.
        if self
            .replies
            .get(now, &reply_name(transaction, &Method::Invite))
            .is_some()
        {
            return Vec::new();
        }
        let routed = self.strip_own_routes(&mut request);
        let known = self.forwarded.get(now, transaction).cloned();
        let target = known.or_else(|| match self.route(now, flow, routed, &request) {
            Decision::Forward(target) => Some(target),
            _ => None,
        });
        target.map_or_else(Vec::new, |target| {
            self.forward(flow, transaction, request, target)
        })
    }

    fn handle_cancel(
        &mut self,
        now: Instant,
        flow: Flow,
        transaction: &str,
        mut request: Request,
    ) -> Vec<Outgoing> {
        if let Some(reply) = self
            .replies
            .get(now, &reply_name(transaction, &Method::Cancel))
        {
            return vec![reply_over(flow, reply.clone())];
        }
        // RFC 3261 section 16.10: without a transaction of its own, the proxy passes a CANCEL on.
        if let Some(target) = self.forwarded.get(now, transaction).cloned() {
            self.strip_own_routes(&mut request);
            return self.forward(flow, transaction, request, target);
        }
        let invite = self
            .replies
            .get(now, &reply_name(transaction, &Method::Invite))
            .cloned();
        let Some(invite) = invite else {
            let response = Response::to_request(&request, StatusCode::CALL_DOES_NOT_EXIST, None);
            return vec![self.reply(now, flow, transaction, &request, response)];
        };
        let response = Response::to_request(&request, StatusCode::OK, None);
        let mut out = vec![self.reply(now, flow, transaction, &request, response)];
        if invite.status.is_provisional() {
            let mut ended = Response::new(StatusCode::REQUEST_TERMINATED);
            ended.headers = invite.headers;
            self.replies
                .insert(now, reply_name(transaction, &Method::Invite), ended.clone());
            out.push(reply_over(flow, ended));
        }
        out
    }

    /// RFC 3261 section 16.4: takes off the Routes that name the PBX (two where it joins two
    /// transports); tells whether there was one.
    fn strip_own_routes(&self, request: &mut Request) -> bool {
        let routes: Vec<String> = request
            .headers
            .get_list("Route")
            .into_iter()
            .map(str::to_owned)
            .collect();
        let is_own = |route: &&String| {
            sip_signaling::NameAddr::parse(route)
                .is_ok_and(|route| self.settings.is_ours(route.uri()))
        };
        let own = routes.iter().take_while(is_own).count();
        if own > 0 {
            request.headers.remove("Route");
            for route in routes.iter().skip(own) {
                let _ = request.headers.push("Route", route.clone());
            }
        }
        own > 0
    }

    fn forward(
        &mut self,
        from: Flow,
        transaction: &str,
        mut request: Request,
        target: Target,
    ) -> Vec<Outgoing> {
        let branch = own_branch(transaction, &request);
        let hops = request
            .headers
            .get("Max-Forwards")
            .and_then(|hops| hops.trim().parse::<u8>().ok())
            .unwrap_or(71);
        let _ = request
            .headers
            .set("Max-Forwards", hops.saturating_sub(1).to_string());
        self.consume_credentials(&mut request);
        if matches!(request.method, Method::Invite | Method::Subscribe) {
            self.record_route(&mut request, from, target.flow);
        }
        if let Some(media) = &mut self.media {
            media.pass_request(&mut request);
        }
        let own = self.settings.address_for(target.flow.peer);
        // `i` brings the answer back to the very connection that the request came from.
        let via = format!(
            "SIP/2.0/{} {own};branch={branch};i={};rport",
            target.flow.transport,
            from.to_token()
        );
        let _ = request.headers.push_front("Via", via);
        if request.uri.user() != target.uri.user() || self.settings.is_ours(&request.uri) {
            // RFC 7315 section 4.2: the address that was called, which the contact's URI hides.
            let _ = request
                .headers
                .set("P-Called-Party-ID", format!("<{}>", request.uri));
        }
        request.uri = target.uri;
        vec![Outgoing {
            flow: target.flow,
            message: Message::Request(request),
        }]
    }

    /// RFC 3261 section 22.3: the credentials for this proxy end here, others pass.
    fn consume_credentials(&self, request: &mut Request) {
        let all: Vec<String> = request
            .headers
            .get_all("Proxy-Authorization")
            .map(str::to_owned)
            .collect();
        if request.headers.remove("Proxy-Authorization") {
            for value in all {
                let realm =
                    sip_signaling::digest::Authorization::parse(&value).map(|answer| answer.realm);
                if realm.as_deref() != Ok(self.settings.realm.as_str()) {
                    let _ = request.headers.push("Proxy-Authorization", value);
                }
            }
        }
    }

    /// RFC 3261 section 16.6, step 4; two entries where the transport changes (RFC 5658).
    fn record_route(&self, request: &mut Request, from: Flow, to: Flow) {
        let entry = |flow: Flow| format!("<{};lr>", self.settings.own_uri(flow));
        let (towards_caller, towards_callee) = (entry(from), entry(to));
        let mut entries: Vec<String> = request
            .headers
            .get_list("Record-Route")
            .into_iter()
            .map(str::to_owned)
            .collect();
        entries.insert(0, towards_caller.clone());
        if towards_caller != towards_callee {
            entries.insert(0, towards_callee);
        }
        let _ = request.headers.set("Record-Route", entries.join(", "));
    }

    fn handle_response(&mut self, mut response: Response) -> Option<Outgoing> {
        let mut all = vias(&response.headers);
        if all.len() < 2 {
            return None;
        }
        let own = Via::parse(&all.remove(0)).filter(|via| self.is_own_via(via))?;
        let back = own.params.get("i").and_then(Flow::from_token);
        set_vias(&mut response.headers, &all);
        let flow = reply_flow(&response, back?)?;
        self.tell_of_answer(&response);
        if let Some(media) = &mut self.media {
            media.pass_response(&mut response);
        }
        Some(Outgoing {
            flow,
            message: Message::Response(response),
        })
    }

    fn tell_of_call(&self, request: &Request) {
        let call_id = request.call_id().unwrap_or_default().to_owned();
        if request.method == Method::Bye {
            self.tell(PbxEvent::CallEnded {
                call_id,
                status: None,
            });
        } else if request.method == Method::Invite
            && request.to().is_some_and(|to| to.tag().is_none())
        {
            let uri = |header: Option<sip_signaling::NameAddr>| {
                header.map_or(String::new(), |h| h.uri().to_string())
            };
            self.tell(PbxEvent::CallStarted {
                call_id,
                from: uri(request.from()),
                to: uri(request.to()),
            });
        }
    }

    fn tell_of_answer(&self, response: &Response) {
        let call_id = response.call_id().unwrap_or_default().to_owned();
        if !matches!(response.cseq(), Some((_, Method::Invite))) {
            return;
        }
        if response.status.is_success() {
            self.tell(PbxEvent::CallAnswered { call_id });
        } else if response.status.is_final() {
            self.tell(PbxEvent::CallEnded {
                call_id,
                status: Some(response.status.0),
            });
        }
    }

    pub(super) fn tell(&self, event: PbxEvent) {
        // Nobody may listen, and that is no error.
        let _ = self.events.send(event);
    }
}

/// RFC 3261 section 18.2.1 and RFC 3581: notes in the top Via where the request came from.
fn note_source(request: &mut Request, flow: Flow) {
    let mut all = vias(&request.headers);
    if let Some(top) = all.first_mut()
        && let Some(mut via) = Via::parse(top)
    {
        via.set_source(flow.peer);
        *top = via.to_string();
        set_vias(&mut request.headers, &all);
    }
}

/// RFC 3261 section 8.1.1: what every request must carry.
fn fault_of(request: &Request) -> Option<&'static str> {
    if request.call_id().is_none_or(str::is_empty) {
        return Some("Call-ID missing");
    }
    if request.from().is_none() || request.to().is_none() {
        return Some("From or To missing or malformed");
    }
    match request.cseq() {
        Some((_, method)) if method == request.method => None,
        _ => Some("CSeq missing or of another method"),
    }
}

fn tag_to(response: &mut Response, transaction: &str) {
    let untagged = response.to().is_some_and(|to| to.tag().is_none());
    if untagged
        && response.status.0 > 100
        && let Some(to) = response.headers.get("To").map(str::to_owned)
    {
        let _ = response
            .headers
            .set("To", format!("{to};tag={}", own_tag(transaction)));
    }
}

fn reply_over(flow: Flow, response: Response) -> Outgoing {
    let flow = reply_flow(&response, flow).unwrap_or(flow);
    Outgoing {
        flow,
        message: Message::Response(response),
    }
}

/// Where a response goes (RFC 3261 section 18.2.2, RFC 3581 section 4): back over the connection,
/// or to what the top Via says.
fn reply_flow(response: &Response, came_over: Flow) -> Option<Flow> {
    if came_over.transport == Transport::Tcp {
        return Some(came_over);
    }
    let via = response.via()?;
    let ip = via
        .received()
        .or_else(|| super::flow::host_ip(&via.host))
        .unwrap_or(came_over.peer.ip());
    let port = via
        .rport()
        .or(via.port)
        .unwrap_or(super::flow::DEFAULT_PORT);
    Some(Flow::new(Transport::Udp, SocketAddr::new(ip, port)))
}
