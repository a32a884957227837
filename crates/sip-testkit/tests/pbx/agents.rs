//! Two user agents of sip-signaling and the exchange between them.

use sip_signaling::{
    AnsweredInvite, Body, Call, CallEvent, Credentials, EndedBy, HeaderList, IncomingCalls,
    IncomingInvite, InviteEvent, InviteOptions, NameAddr, OutgoingInvite, Registration,
    RegistrationConfig, SignalingError, StatusCode, Transport, UserAgent, UserAgentConfig,
};
use sip_testkit::pbx::{Pbx, PbxBuilder, PbxEvent};
use std::time::Duration;

const PATIENCE: Duration = Duration::from_secs(10);

struct Agent {
    user: String,
    pbx: String,
    transport: Transport,
    agent: UserAgent,
    calls: IncomingCalls,
    registration: Option<Registration>,
}

impl Agent {
    async fn new(user: &str, pbx: &Pbx, transport: Transport) -> Agent {
        let config = UserAgentConfig {
            local_addr: "127.0.0.1:0".parse().unwrap(),
            ..UserAgentConfig::default()
        };
        let (agent, calls) = UserAgent::bind(config).await.unwrap();
        Agent {
            user: user.to_owned(),
            pbx: pbx.addr().to_string(),
            transport,
            agent,
            calls,
            registration: None,
        }
    }

    async fn registered(user: &str, pbx: &Pbx, transport: Transport) -> Agent {
        let mut agent = Agent::new(user, pbx, transport).await;
        let registration = agent.agent.register(agent.registration("secret")).unwrap();
        within(registration.wait_registered()).await.unwrap();
        agent.registration = Some(registration);
        agent
    }

    fn aor(&self) -> NameAddr {
        format!("<sip:{}@{}>", self.user, self.pbx).parse().unwrap()
    }

    fn registration(&self, password: &str) -> RegistrationConfig {
        RegistrationConfig {
            credentials: Some(Credentials::new(self.user.clone(), password)),
            transport: Some(self.transport),
            ..RegistrationConfig::new(format!("sip:{}", self.pbx).parse().unwrap(), self.aor())
        }
    }

    async fn invite(&self, callee: &str) -> OutgoingInvite {
        let target = format!("sip:{callee}@{}", self.pbx).parse().unwrap();
        let options = InviteOptions {
            credentials: Some(Credentials::new(self.user.clone(), "secret")),
            transport: Some(self.transport),
            body: Some(Body::sdp(OFFER)),
            ..InviteOptions::new(target, self.aor())
        };
        self.agent.invite(options).await.unwrap()
    }

    async fn incoming(&mut self) -> IncomingInvite {
        within(self.calls.recv()).await.unwrap()
    }
}

const OFFER: &str = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 40000 RTP/AVP 0\r\n";

fn sdp(direction: &str) -> Option<Body> {
    Some(Body::sdp(format!("{OFFER}a={direction}\r\n")))
}

async fn within<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, future)
        .await
        .expect("an event within 10 s")
}

async fn answered(invite: &mut OutgoingInvite) -> AnsweredInvite {
    loop {
        match within(invite.next_event()).await {
            InviteEvent::Answered(answer) => return answer,
            InviteEvent::Failed(error) => panic!("the call failed: {error}"),
            _ => {}
        }
    }
}

async fn failed(invite: &mut OutgoingInvite) -> SignalingError {
    loop {
        match within(invite.next_event()).await {
            InviteEvent::Answered(_) => panic!("the call was answered"),
            InviteEvent::Failed(error) => return error,
            _ => {}
        }
    }
}

async fn ended(call: &mut Call) -> EndedBy {
    loop {
        if let CallEvent::Ended(end) = within(call.next_event()).await {
            return end.by;
        }
    }
}

fn pbx() -> PbxBuilder {
    Pbx::builder()
        .user("alice", "secret")
        .user("bob", "secret")
        .extensions(false)
}

async fn hold(holder: &Call, held: &mut Call) {
    let handle = holder.handle();
    let hold = tokio::spawn(async move { handle.reinvite(sdp("sendonly")).await });
    loop {
        if let CallEvent::Offer(offer) = within(held.next_event()).await {
            assert_eq!(offer.body, sdp("sendonly"));
            offer.accept(sdp("recvonly"));
            break;
        }
    }
    assert_eq!(within(hold).await.unwrap().unwrap().body, sdp("recvonly"));
}

async fn call_hold_and_hang_up(caller: Transport, callee: Transport) {
    let pbx = pbx().start().await.unwrap();
    let mut events = pbx.events();
    let alice = Agent::registered("alice", &pbx, caller).await;
    let mut bob = Agent::registered("bob", &pbx, callee).await;
    let mut outgoing = alice.invite("bob").await;
    let incoming = bob.incoming().await;
    assert_eq!(incoming.from().uri().user(), Some("alice"));
    incoming.ring().await.unwrap();
    let mut bobs = incoming
        .accept(HeaderList::new(), Some(Body::sdp(OFFER)))
        .await
        .unwrap();
    let mut alices = answered(&mut outgoing).await.ack(None).await.unwrap();

    // Hold by the caller, then by the callee: re-INVITEs go through the proxy both ways.
    hold(&alices, &mut bobs).await;
    hold(&bobs, &mut alices).await;
    alices.handle().bye(HeaderList::new()).await.unwrap();
    assert_eq!(ended(&mut bobs).await, EndedBy::Remote);
    assert_eq!(ended(&mut alices).await, EndedBy::Local);

    bob.registration.take().unwrap().unregister().await.unwrap();
    assert!(pbx.contacts("bob").is_empty());
    let mut reinvites = 0;
    while let Some(event) = events.try_recv() {
        match event {
            PbxEvent::Message(line) if !line.sent && line.start_line.starts_with("INVITE") => {
                reinvites += 1
            }
            _ => {}
        }
    }
    assert_eq!(
        reinvites, 4,
        "the challenged INVITE, the one with credentials, two holds"
    );
    alice.agent.shutdown().await;
    bob.agent.shutdown().await;
    pbx.shutdown().await;
}

#[tokio::test]
async fn a_call_over_udp_is_held_by_both_sides_and_hung_up() {
    call_hold_and_hang_up(Transport::Udp, Transport::Udp).await;
}

#[tokio::test]
async fn a_call_over_tcp_is_held_by_both_sides_and_hung_up() {
    call_hold_and_hang_up(Transport::Tcp, Transport::Tcp).await;
}

#[tokio::test]
async fn a_call_from_tcp_to_udp_is_held_by_both_sides_and_hung_up() {
    call_hold_and_hang_up(Transport::Tcp, Transport::Udp).await;
}

#[tokio::test]
async fn the_callee_hangs_up() {
    let pbx = pbx().start().await.unwrap();
    let alice = Agent::registered("alice", &pbx, Transport::Udp).await;
    let mut bob = Agent::registered("bob", &pbx, Transport::Udp).await;
    let mut outgoing = alice.invite("bob").await;
    let bobs = bob
        .incoming()
        .await
        .accept(HeaderList::new(), Some(Body::sdp(OFFER)))
        .await
        .unwrap();
    let mut alices = answered(&mut outgoing).await.ack(None).await.unwrap();
    bobs.handle().bye(HeaderList::new()).await.unwrap();
    assert_eq!(ended(&mut alices).await, EndedBy::Remote);
}

#[tokio::test]
async fn a_caller_who_gives_up_cancels_at_the_callee() {
    for transport in [Transport::Udp, Transport::Tcp] {
        let pbx = pbx().start().await.unwrap();
        let alice = Agent::registered("alice", &pbx, transport).await;
        let mut bob = Agent::registered("bob", &pbx, transport).await;
        let mut outgoing = alice.invite("bob").await;
        let incoming = bob.incoming().await;
        incoming.ring().await.unwrap();
        loop {
            if let InviteEvent::Provisional(response) = within(outgoing.next_event()).await {
                assert_eq!(response.status, StatusCode::RINGING);
                break;
            }
        }
        outgoing.cancel().await;
        within(incoming.cancelled()).await;
        assert!(matches!(
            failed(&mut outgoing).await,
            SignalingError::Cancelled
        ));
    }
}

#[tokio::test]
async fn a_callee_who_rejects_is_heard_and_faults_have_their_errors() {
    let pbx = pbx().start().await.unwrap();
    let alice = Agent::registered("alice", &pbx, Transport::Udp).await;
    let mut bob = Agent::registered("bob", &pbx, Transport::Udp).await;
    let mut outgoing = alice.invite("bob").await;
    bob.incoming()
        .await
        .reject(StatusCode::BUSY_HERE, None, HeaderList::new())
        .await
        .unwrap();
    assert_eq!(
        rejection(failed(&mut outgoing).await),
        (StatusCode::BUSY_HERE, None)
    );
    let minutes = Some(Duration::from_secs(30));
    for (user, expected) in [
        ("busy", (486, None)),
        ("decline", (603, None)),
        ("unavailable", (503, minutes)),
    ] {
        let error = failed(&mut alice.invite(user).await).await;
        assert_eq!(
            rejection(error),
            (StatusCode(expected.0), expected.1),
            "{user}"
        );
    }
}

fn rejection(error: SignalingError) -> (StatusCode, Option<Duration>) {
    match error {
        SignalingError::Rejected(rejection) => (rejection.status, rejection.retry_after),
        other => panic!("expected a rejection and got {other}"),
    }
}

#[tokio::test]
async fn a_wrong_password_is_not_authorised() {
    let pbx = pbx().start().await.unwrap();
    let alice = Agent::new("alice", &pbx, Transport::Udp).await;
    let registration = alice.agent.register(alice.registration("wrong")).unwrap();
    let error = within(registration.wait_registered()).await.unwrap_err();
    assert!(
        matches!(error, SignalingError::Unauthorized { .. }),
        "{error}"
    );
}

#[tokio::test]
async fn a_registration_that_is_too_short_is_prolonged_to_the_minimum() {
    let pbx = pbx().min_expires(600).start().await.unwrap();
    let mut events = pbx.events();
    let _alice = Agent::registered("alice", &pbx, Transport::Udp).await;
    loop {
        if let PbxEvent::Registered { expires, .. } = within(events.recv()).await.unwrap() {
            assert_eq!(expires, 600);
            break;
        }
    }
}

#[tokio::test]
async fn twenty_calls_at_once() {
    let pbx = pbx().start().await.unwrap();
    let alice = Agent::registered("alice", &pbx, Transport::Udp).await;
    let mut bob = Agent::registered("bob", &pbx, Transport::Udp).await;
    let mut outgoing = Vec::new();
    for _ in 0..20 {
        outgoing.push(alice.invite("bob").await);
    }
    let mut bobs = Vec::new();
    for _ in 0..20 {
        bobs.push(
            bob.incoming()
                .await
                .accept(HeaderList::new(), Some(Body::sdp(OFFER)))
                .await
                .unwrap(),
        );
    }
    for invite in &mut outgoing {
        let call = answered(invite).await.ack(None).await.unwrap();
        within(call.handle().bye(HeaderList::new())).await.unwrap();
    }
    for call in &mut bobs {
        assert_eq!(ended(call).await, EndedBy::Remote);
    }
}
