//! A scripted peer: one UDP socket, messages by hand. And user agents with short timers.

use std::{collections::HashSet, net::SocketAddr, time::Duration};

use sip_signaling::{
    Body, Call, CallEvent, HeaderList, IncomingCalls, InviteEvent, InviteOptions, Method, NameAddr,
    OutgoingInvite, Request, Response, StatusCode, Timers, Uri, UserAgent, UserAgentConfig,
    message::Message,
};
use tokio::{net::UdpSocket, time::timeout};

/// Long enough for a busy machine; every wait ends with the event it waits for.
pub(crate) const PATIENCE: Duration = Duration::from_secs(10);
pub(crate) const T1: Duration = Duration::from_millis(20);

pub(crate) const OFFER: &str = "v=0\r\no=offer\r\n";
pub(crate) const ANSWER: &str = "v=0\r\no=answer\r\n";

pub(crate) struct Peer {
    socket: UdpSocket,
    pub(crate) remote: Option<SocketAddr>,
    seen: HashSet<(String, String)>,
    cseq: u32,
}

impl Peer {
    pub(crate) async fn new() -> Peer {
        Peer {
            socket: UdpSocket::bind("127.0.0.1:0").await.unwrap(),
            remote: None,
            seen: HashSet::new(),
            cseq: 100,
        }
    }

    pub(crate) fn addr(&self) -> SocketAddr {
        self.socket.local_addr().unwrap()
    }

    pub(crate) fn uri(&self, user: &str) -> Uri {
        Uri::from_socket_addr(Some(user), self.addr()).unwrap()
    }

    /// The next message of any kind, retransmissions included.
    pub(crate) async fn any(&mut self) -> Message {
        let mut buffer = [0; 65_536];
        let (length, source) = timeout(PATIENCE, self.socket.recv_from(&mut buffer))
            .await
            .expect("a message")
            .unwrap();
        self.remote = Some(source);
        Message::parse(&buffer[..length]).unwrap()
    }

    /// The next new request, which must have this method; retransmissions and responses are passed over.
    pub(crate) async fn expect(&mut self, method: Method) -> Request {
        loop {
            if let Message::Request(request) = self.any().await {
                let key = (
                    request.via().unwrap().branch().unwrap().to_owned(),
                    request.method.to_string(),
                );
                if self.seen.insert(key) {
                    assert_eq!(request.method, method, "{}", request.start_line());
                    return request;
                }
            }
        }
    }

    /// Any request of this method, a retransmission too; others are passed over.
    pub(crate) async fn expect_again(&mut self, method: Method) -> Request {
        loop {
            match self.any().await {
                Message::Request(request) if request.method == method => return request,
                _ => {}
            }
        }
    }

    /// The next response to this method with this status; provisional ones before it are passed over.
    pub(crate) async fn response(&mut self, method: Method, status: u16) -> Response {
        loop {
            if let Message::Response(response) = self.any().await {
                let about = response.cseq().unwrap().1 == method;
                if about && response.status.0 == status {
                    return response;
                }
                assert!(
                    !about || response.status.is_provisional(),
                    "{} to {method}, not {status}",
                    response.start_line()
                );
            }
        }
    }

    /// The next final response in this call, which must have this status; others are passed over.
    pub(crate) async fn response_for(&mut self, call_id: &str, status: u16) -> Response {
        loop {
            if let Message::Response(response) = self.any().await
                && response.call_id() == Some(call_id)
                && response.status.is_final()
            {
                assert_eq!(response.status.0, status, "{}", response.start_line());
                return response;
            }
        }
    }

    pub(crate) async fn send(&self, bytes: &[u8]) {
        self.socket
            .send_to(bytes, self.remote.expect("nobody to send to"))
            .await
            .unwrap();
    }

    pub(crate) fn answer(
        &self,
        request: &Request,
        status: u16,
        tag: &str,
        body: Option<&str>,
    ) -> Response {
        let mut response =
            Response::to_request(request, StatusCode(status), (status != 100).then_some(tag));
        if matches!(request.method, Method::Invite | Method::Update) && status > 100 {
            response
                .headers
                .push("Contact", format!("<sip:peer@{}>", self.addr()))
                .unwrap();
        }
        response.set_body(body.map(Body::sdp)).unwrap();
        response
    }

    pub(crate) async fn reply(
        &self,
        request: &Request,
        status: u16,
        tag: &str,
        body: Option<&str>,
    ) {
        self.send(&self.answer(request, status, tag, body).to_bytes())
            .await;
    }

    pub(crate) async fn reply_with(
        &self,
        request: &Request,
        status: u16,
        headers: &[(&str, &str)],
    ) {
        let mut response = self.answer(request, status, "peer", None);
        for (name, value) in headers {
            response.headers.push(name, *value).unwrap();
        }
        self.send(&response.to_bytes()).await;
    }

    /// An INVITE of the peer to `agent`, not sent yet.
    pub(crate) fn invite(&mut self, agent: SocketAddr, body: Option<&str>) -> Request {
        self.remote = Some(agent);
        self.cseq += 1;
        let mut request = Request::new(
            Method::Invite,
            Uri::from_socket_addr(Some("bob"), agent).unwrap(),
        );
        let headers = &mut request.headers;
        headers
            .push(
                "Via",
                format!(
                    "SIP/2.0/UDP {};branch=z9hG4bK{};rport",
                    self.addr(),
                    unique()
                ),
            )
            .unwrap();
        headers.push("Max-Forwards", "70").unwrap();
        headers
            .push(
                "From",
                format!("\"Al\" <sip:alice@{}>;tag=peer", self.addr()),
            )
            .unwrap();
        headers.push("To", format!("<sip:bob@{agent}>")).unwrap();
        headers.push("Call-ID", unique()).unwrap();
        headers
            .push("CSeq", format!("{} INVITE", self.cseq))
            .unwrap();
        headers
            .push("Contact", format!("<sip:alice@{}>", self.addr()))
            .unwrap();
        request.set_body(body.map(Body::sdp)).unwrap();
        request
    }

    /// A request of the peer outside any call, not sent yet.
    pub(crate) fn out_of_call(&mut self, method: Method, agent: SocketAddr) -> Request {
        let mut request = self.invite(agent, None);
        let number = request.cseq().unwrap().0;
        let cseq = format!("{number} {method}");
        request.headers.set("CSeq", cseq).unwrap();
        request.method = method;
        request
    }

    /// A request of the peer in the dialog of its INVITE and the agent's 2xx.
    pub(crate) fn in_dialog(
        &mut self,
        method: Method,
        invite: &Request,
        ok: &Response,
        body: Option<&str>,
    ) -> Request {
        self.cseq += 1;
        let number = match method {
            Method::Ack => invite.cseq().unwrap().0,
            _ => self.cseq,
        };
        self.build(
            method,
            number,
            invite,
            ok.headers.get("From").unwrap(),
            ok.headers.get("To").unwrap(),
            ok.contact().unwrap().uri(),
            body,
        )
    }

    /// A request of the peer as the callee of the agent's INVITE, which it answered with To tag `tag`.
    pub(crate) fn as_callee(
        &mut self,
        method: Method,
        invite: &Request,
        tag: &str,
        body: Option<&str>,
    ) -> Request {
        self.cseq += 1;
        let from = format!("{};tag={tag}", invite.headers.get("To").unwrap());
        self.build(
            method,
            self.cseq,
            invite,
            &from,
            invite.headers.get("From").unwrap(),
            invite.contact().unwrap().uri(),
            body,
        )
    }

    #[allow(clippy::too_many_arguments)]
    fn build(
        &self,
        method: Method,
        number: u32,
        invite: &Request,
        from: &str,
        to: &str,
        target: &Uri,
        body: Option<&str>,
    ) -> Request {
        let mut request = Request::new(method.clone(), target.clone());
        let headers = &mut request.headers;
        headers
            .push(
                "Via",
                format!(
                    "SIP/2.0/UDP {};branch=z9hG4bK{};rport",
                    self.addr(),
                    unique()
                ),
            )
            .unwrap();
        headers.push("Max-Forwards", "70").unwrap();
        headers.push("From", from).unwrap();
        headers.push("To", to).unwrap();
        headers.push("Call-ID", invite.call_id().unwrap()).unwrap();
        headers.push("CSeq", format!("{number} {method}")).unwrap();
        if matches!(method, Method::Invite | Method::Update) {
            headers
                .push("Contact", format!("<sip:peer@{}>", self.addr()))
                .unwrap();
        }
        request.set_body(body.map(Body::sdp)).unwrap();
        request
    }

    /// Calls the agent, which is answered by `answer`; returns the INVITE, the 200 and the agent's call.
    pub(crate) async fn calls(
        &mut self,
        agent: &UserAgent,
        incoming: &mut IncomingCalls,
    ) -> (Request, Response, Call) {
        let invite = self.invite(agent.local_addr(), Some(OFFER));
        self.send(&invite.to_bytes()).await;
        let arrived = timeout(PATIENCE, incoming.recv()).await.unwrap().unwrap();
        let call = arrived
            .accept(HeaderList::new(), Some(Body::sdp(ANSWER)))
            .await
            .unwrap();
        let ok = self.response(Method::Invite, 200).await;
        let ack = self.in_dialog(Method::Ack, &invite, &ok, None);
        self.send(&ack.to_bytes()).await;
        (invite, ok, call)
    }

    /// Is called by the agent and answers; returns the INVITE and the agent's call.
    pub(crate) async fn is_called(&mut self, agent: &UserAgent) -> (Request, Call) {
        let mut outgoing = call(agent, self.uri("peer"), Some(OFFER)).await;
        let invite = self.expect(Method::Invite).await;
        self.reply(&invite, 200, "peer", Some(ANSWER)).await;
        let answered = answered(&mut outgoing).await;
        let call = answered.ack(None).await.unwrap();
        self.expect(Method::Ack).await;
        (invite, call)
    }
}

pub(crate) fn unique() -> String {
    use std::sync::atomic::{AtomicU32, Ordering};
    static NEXT: AtomicU32 = AtomicU32::new(0);
    format!(
        "{}x{}",
        std::process::id(),
        NEXT.fetch_add(1, Ordering::Relaxed)
    )
}

pub(crate) fn config() -> UserAgentConfig {
    UserAgentConfig {
        local_addr: "127.0.0.1:0".parse().unwrap(),
        timers: Timers::from_t1(T1),
        ..UserAgentConfig::default()
    }
}

pub(crate) async fn agent() -> (UserAgent, IncomingCalls) {
    UserAgent::bind(config()).await.unwrap()
}

pub(crate) fn alice() -> NameAddr {
    NameAddr::parse("\"Alice\" <sip:alice@example.com>").unwrap()
}

pub(crate) async fn call(agent: &UserAgent, target: Uri, body: Option<&str>) -> OutgoingInvite {
    agent
        .invite(InviteOptions {
            body: body.map(Body::sdp),
            ..InviteOptions::new(target, alice())
        })
        .await
        .unwrap()
}

pub(crate) async fn event(invite: &mut OutgoingInvite) -> InviteEvent {
    timeout(PATIENCE, invite.next_event())
        .await
        .expect("an event of the INVITE")
}

pub(crate) async fn answered(invite: &mut OutgoingInvite) -> sip_signaling::AnsweredInvite {
    loop {
        match event(invite).await {
            InviteEvent::Answered(answered) => return answered,
            InviteEvent::Failed(error) => panic!("{error}"),
            _ => {}
        }
    }
}

pub(crate) async fn failure(invite: &mut OutgoingInvite) -> sip_signaling::SignalingError {
    loop {
        match event(invite).await {
            InviteEvent::Failed(error) => return error,
            InviteEvent::Answered(_) => panic!("answered"),
            _ => {}
        }
    }
}

pub(crate) async fn call_event(call: &mut Call) -> CallEvent {
    timeout(PATIENCE, call.next_event())
        .await
        .expect("an event of the call")
}

pub(crate) async fn ended(call: &mut Call) -> sip_signaling::CallEnd {
    loop {
        if let CallEvent::Ended(end) = call_event(call).await {
            return end;
        }
    }
}
