//! Finding the servers of a domain, and passing over those that fail (RFC 3263).

use std::time::Duration;

use sip_signaling::{
    Body, InviteEvent, InviteOptions, Method, NameAddr, Registration, RegistrationConfig,
    RegistrationState, Transport, Uri, UserAgent, UserAgentConfig,
};
use tokio::{net::TcpListener, time::timeout};

use crate::{
    name_server::{NameServer, Record},
    peer::{ANSWER, OFFER, PATIENCE, Peer, alice, answered, config, event, failure},
};

const LOOPBACK: std::net::Ipv4Addr = std::net::Ipv4Addr::LOCALHOST;

async fn agent_asking(server: &NameServer) -> UserAgent {
    let (agent, _incoming) = UserAgent::bind(UserAgentConfig {
        dns_servers: vec![server.addr],
        ..config()
    })
    .await
    .unwrap();
    agent
}

/// Servers of `example.com` in this order, over UDP.
async fn servers(peers: &[&Peer]) -> NameServer {
    let mut records = vec![
        (
            "example.com",
            Record::Naptr(10, 10, "SIP+D2U", "_sip._udp.example.com"),
        ),
        ("server.example.com", Record::A(LOOPBACK)),
    ];
    for (priority, peer) in (1..).zip(peers) {
        let record = Record::Srv(priority, 10, peer.addr().port(), "server.example.com");
        records.push(("_sip._udp.example.com", record));
    }
    NameServer::start(records).await
}

fn options() -> InviteOptions {
    InviteOptions {
        body: Some(Body::sdp(OFFER)),
        ..InviteOptions::new(Uri::parse("sip:bob@example.com").unwrap(), alice())
    }
}

fn register(agent: &UserAgent) -> Registration {
    let registrar = Uri::parse("sip:example.com").unwrap();
    agent
        .register(RegistrationConfig {
            expires: Duration::from_secs(1),
            retry_after_failure: (Duration::from_millis(50), Duration::from_millis(100)),
            ..RegistrationConfig::new(registrar, alice())
        })
        .unwrap()
}

#[tokio::test]
async fn naptr_chooses_the_transport_and_srv_the_port() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let server = NameServer::start(vec![
        (
            "example.com",
            Record::Naptr(20, 10, "SIP+D2U", "_sip._udp.example.com"),
        ),
        (
            "example.com",
            Record::Naptr(10, 10, "SIP+D2T", "_sip._tcp.elsewhere.example"),
        ),
        (
            "_sip._tcp.elsewhere.example",
            Record::Srv(1, 1, port, "a.elsewhere.example"),
        ),
        ("a.elsewhere.example", Record::A(LOOPBACK)),
    ])
    .await;
    let agent = agent_asking(&server).await;
    let hop = agent.next_hop(&options()).await.unwrap();
    assert_eq!(hop, listener.local_addr().unwrap());
    timeout(PATIENCE, listener.accept()).await.unwrap().unwrap();
}

#[tokio::test]
async fn without_srv_the_address_and_the_usual_port_are_taken() {
    let server = NameServer::start(vec![("example.com", Record::A(LOOPBACK))]).await;
    let agent = agent_asking(&server).await;
    let hop = agent.next_hop(&options()).await.unwrap();
    assert_eq!(hop.to_string(), "127.0.0.1:5060");
    // A port in the URI leaves only the address to ask for.
    server.forget();
    let with_port = InviteOptions::new(Uri::parse("sip:bob@example.com:5070").unwrap(), alice());
    let hop = agent.next_hop(&with_port).await.unwrap();
    assert_eq!(hop.to_string(), "127.0.0.1:5070");
    let asked = server.forget();
    assert!(
        asked.iter().all(|(_, kind)| [1, 28].contains(kind)),
        "{asked:?}"
    );
    // A transport leaves no NAPTR to ask for.
    let over_tcp = InviteOptions {
        transport: Some(Transport::Tcp),
        ..InviteOptions::new(Uri::parse("sip:bob@other.example.com").unwrap(), alice())
    };
    agent.next_hop(&over_tcp).await.unwrap_err();
    let asked = server.forget();
    let name = "_sip._tcp.other.example.com";
    assert!(asked.contains(&(name.into(), 33)), "{asked:?}");
    assert!(
        !asked.contains(&("other.example.com".into(), 35)),
        "{asked:?}"
    );
}

/// The first says nothing, the second is out of service, the third takes the call.
#[tokio::test]
async fn a_call_passes_over_servers_that_fail() {
    let (silent, mut busy, mut third) = (Peer::new().await, Peer::new().await, Peer::new().await);
    let server = servers(&[&silent, &busy, &third]).await;
    let agent = agent_asking(&server).await;
    let mut outgoing = agent.invite(options()).await.unwrap();
    let invite = busy.expect(Method::Invite).await;
    busy.reply_with(&invite, 503, &[("Retry-After", "60")])
        .await;
    busy.expect(Method::Ack).await;
    let again = third.expect(Method::Invite).await;
    assert_eq!(again.call_id(), invite.call_id());
    assert_ne!(
        again.via().unwrap().branch(),
        invite.via().unwrap().branch()
    );
    third.reply(&again, 200, "peer", Some(ANSWER)).await;
    let call = answered(&mut outgoing).await.ack(None).await.unwrap();
    third.expect(Method::Ack).await;
    drop(call);
    third.expect(Method::Bye).await;
    // It is remembered: the next call goes to the third at once.
    let mut outgoing = agent.invite(options()).await.unwrap();
    let invite = third.expect(Method::Invite).await;
    third.reply(&invite, 486, "peer", None).await;
    failure(&mut outgoing).await;
}

#[tokio::test]
async fn the_last_servers_503_is_the_calls_end() {
    let mut only = Peer::new().await;
    let server = servers(&[&only]).await;
    let agent = agent_asking(&server).await;
    let mut outgoing = agent.invite(options()).await.unwrap();
    let invite = only.expect(Method::Invite).await;
    only.reply(&invite, 503, "peer", None).await;
    assert_eq!(failure(&mut outgoing).await.status().unwrap().0, 503);
}

/// A server that was only slow and takes the call after all gets ACK and BYE: nobody is left off the hook.
#[tokio::test]
async fn a_server_that_was_passed_over_is_cancelled_or_hung_up_on() {
    let (mut slow, mut next) = (Peer::new().await, Peer::new().await);
    let server = servers(&[&slow, &next]).await;
    for status in [180, 200] {
        // A fresh one each time: it remembers which server was slow.
        let agent = agent_asking(&server).await;
        let mut outgoing = agent.invite(options()).await.unwrap();
        let first = slow.expect(Method::Invite).await;
        let second = next.expect(Method::Invite).await;
        next.reply(&second, 180, "next", None).await;
        while !matches!(event(&mut outgoing).await, InviteEvent::Provisional(_)) {}
        slow.reply(&first, status, "slow", (status == 200).then_some(ANSWER))
            .await;
        if status == 180 {
            let cancel = slow.expect(Method::Cancel).await;
            assert_eq!(
                cancel.via().unwrap().branch(),
                first.via().unwrap().branch()
            );
            slow.reply(&cancel, 200, "slow", None).await;
            slow.reply(&first, 487, "slow", None).await;
            slow.expect(Method::Ack).await;
        } else {
            slow.expect(Method::Ack).await;
            slow.expect(Method::Bye).await;
        }
        next.reply(&second, 486, "next", None).await;
        assert_eq!(failure(&mut outgoing).await.status().unwrap().0, 486);
        next.expect(Method::Ack).await;
    }
}

/// Three registrars, killed in turn: the binding moves on, and calls go where it stands.
#[tokio::test]
async fn the_registration_moves_to_the_next_server_and_calls_follow_it() {
    let (mut first, mut second, mut third) =
        (Peer::new().await, Peer::new().await, Peer::new().await);
    let server = servers(&[&first, &second, &third]).await;
    let agent = agent_asking(&server).await;
    let registration = register(&agent);
    let register = first.expect(Method::Register).await;
    grant(&first, &register).await;
    registration.wait_registered().await.unwrap();
    // The first says nothing from now on: the next refresh goes to the second.
    let register = second.expect(Method::Register).await;
    grant(&second, &register).await;
    let mut outgoing = agent.invite(options()).await.unwrap();
    let invite = second.expect_again(Method::Invite).await;
    second.reply(&invite, 486, "peer", None).await;
    failure(&mut outgoing).await;
    // The second is out of service: the third has it at once.
    let register = second.expect_again(Method::Register).await;
    second.reply_with(&register, 503, &[]).await;
    let register = third.expect(Method::Register).await;
    grant(&third, &register).await;
    let mut state = registration.state();
    let registered = state.wait_for(|state| matches!(state, RegistrationState::Registered { .. }));
    timeout(PATIENCE, registered).await.unwrap().unwrap();
}

/// The first is out of service for a second: the binding goes to the second, and back once that time is over.
#[tokio::test]
async fn the_registration_goes_back_to_the_better_server() {
    let (mut first, mut second) = (Peer::new().await, Peer::new().await);
    let server = servers(&[&first, &second]).await;
    let agent = agent_asking(&server).await;
    let registration = register(&agent);
    let busy = first.expect(Method::Register).await;
    first.reply_with(&busy, 503, &[("Retry-After", "1")]).await;
    let moved = second.expect(Method::Register).await;
    grant(&second, &moved).await;
    registration.wait_registered().await.unwrap();
    let back = loop {
        tokio::select! {
            back = first.expect(Method::Register) => break back,
            stays = second.expect(Method::Register) => grant(&second, &stays).await,
        }
    };
    grant(&first, &back).await;
    let mut outgoing = agent.invite(options()).await.unwrap();
    let invite = first.expect_again(Method::Invite).await;
    first.reply(&invite, 486, "peer", None).await;
    failure(&mut outgoing).await;
}

async fn grant(peer: &Peer, register: &sip_signaling::Request) {
    let contact = register.headers.get("Contact").unwrap();
    let contact = NameAddr::parse(contact).unwrap().uri().to_string();
    peer.reply_with(
        register,
        200,
        &[("Contact", &format!("<{contact}>;expires=1"))],
    )
    .await;
}
