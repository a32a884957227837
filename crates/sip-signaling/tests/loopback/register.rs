//! REGISTER: digest, lifetimes, failures, the end.

use std::time::Duration;

use sip_signaling::{
    Credentials, InviteOptions, Method, RegistrationConfig, RegistrationState, Request,
    SignalingError, Uri,
    digest::{Algorithm, Authorization},
};
use tokio::time::timeout;

use crate::peer::{PATIENCE, Peer, agent, alice, config};

fn registration(peer: &Peer) -> RegistrationConfig {
    RegistrationConfig {
        credentials: Some(Credentials::new("alice", "secret")),
        retry_after_failure: (Duration::from_millis(20), Duration::from_millis(80)),
        ..RegistrationConfig::new(Uri::from_socket_addr(None, peer.addr()).unwrap(), alice())
    }
}

fn authorization(request: &Request) -> Authorization {
    Authorization::parse(request.headers.get("Authorization").unwrap()).unwrap()
}

async fn ok(peer: &Peer, request: &Request, expires: u32) {
    let contact = format!(
        "{};expires={expires}",
        request
            .headers
            .get("Contact")
            .unwrap()
            .split(";expires")
            .next()
            .unwrap()
    );
    peer.reply_with(request, 200, &[("Contact", &contact)])
        .await;
}

/// A 200 that tells as whom the registrar saw us, at port 4321.
async fn seen_as(peer: &Peer, request: &Request, ip: &str) {
    let mut response = peer.answer(request, 200, "r", None);
    let via = request
        .headers
        .get("Via")
        .unwrap()
        .replace(";rport", &format!(";rport=4321;received={ip}"));
    response.headers.set("Via", via).unwrap();
    peer.send(&response.to_bytes()).await;
}

const MD5: &str = r#"Digest realm="r", nonce="n1", algorithm=MD5, qop="auth""#;
const SHA256: &str = r#"Digest realm="r", nonce="n2", algorithm=SHA-256, qop="auth,auth-int""#;

#[tokio::test]
async fn strongest_challenge_is_answered_and_the_nonce_is_counted_on() {
    let mut peer = Peer::new().await;
    let (agent, _incoming) = agent().await;
    let registration = agent.register(registration(&peer)).unwrap();
    let first = peer.expect(Method::Register).await;
    assert!(first.headers.get("Authorization").is_none());
    assert_eq!(first.uri.user(), None);
    assert_eq!(
        first.headers.get("Contact").unwrap(),
        format!("<sip:alice@{}>;expires=300", agent.local_addr())
    );
    peer.reply_with(
        &first,
        401,
        &[("WWW-Authenticate", MD5), ("WWW-Authenticate", SHA256)],
    )
    .await;
    let second = peer.expect(Method::Register).await;
    let answer = authorization(&second);
    assert_eq!(
        (answer.algorithm, answer.nonce.as_str()),
        (Algorithm::Sha256, "n2")
    );
    assert!(answer.verify("secret", "REGISTER", b""));
    assert_eq!(answer.uri, second.uri.to_string());
    assert_eq!(second.cseq().unwrap().0, first.cseq().unwrap().0 + 1);
    ok(&peer, &second, 1).await;
    registration.wait_registered().await.unwrap();
    let refresh = peer.expect(Method::Register).await;
    let answer = authorization(&refresh);
    assert_eq!(answer.qop.as_ref().unwrap().2, 2);
    assert!(answer.verify("secret", "REGISTER", b""));
    assert_eq!(refresh.call_id(), first.call_id());
    ok(&peer, &refresh, 300).await;

    let gone = tokio::spawn(async move { registration.unregister().await });
    let last = peer.expect(Method::Register).await;
    assert!(last.headers.get("Contact").unwrap().ends_with(";expires=0"));
    peer.reply_with(&last, 200, &[]).await;
    gone.await.unwrap().unwrap();
}

#[tokio::test]
async fn stale_nonce_is_answered_once_more() {
    let mut peer = Peer::new().await;
    let (agent, _incoming) = agent().await;
    let registration = agent.register(registration(&peer)).unwrap();
    let first = peer.expect(Method::Register).await;
    peer.reply_with(&first, 401, &[("WWW-Authenticate", MD5)])
        .await;
    let second = peer.expect(Method::Register).await;
    peer.reply_with(
        &second,
        401,
        &[(
            "WWW-Authenticate",
            r#"Digest realm="r", nonce="n9", stale=true, qop="auth""#,
        )],
    )
    .await;
    let third = peer.expect(Method::Register).await;
    assert_eq!(authorization(&third).nonce, "n9");
    ok(&peer, &third, 300).await;
    registration.wait_registered().await.unwrap();
}

#[tokio::test]
async fn wrong_password_is_told_after_one_try_and_tried_again_later() {
    let mut peer = Peer::new().await;
    let (agent, _incoming) = agent().await;
    let registration = agent.register(registration(&peer)).unwrap();
    for nonce in ["a", "b"] {
        let request = peer.expect(Method::Register).await;
        peer.reply_with(
            &request,
            401,
            &[(
                "WWW-Authenticate",
                &format!(r#"Digest realm="office", nonce="{nonce}", qop="auth""#),
            )],
        )
        .await;
    }
    let error = registration.wait_registered().await.unwrap_err();
    assert!(
        matches!(&error, SignalingError::Unauthorized { status, realm, .. } if status.0 == 401 && realm == "office"),
        "{error:?}"
    );
    assert!(!format!("{error:?} {error}").contains("secret"));
    // The next round starts without credentials, as after any failure.
    let later = peer.expect(Method::Register).await;
    assert!(later.headers.get("Authorization").is_none());
    ok(&peer, &later, 300).await;
    let mut state = registration.state();
    timeout(
        PATIENCE,
        state.wait_for(|state| matches!(state, RegistrationState::Registered { .. })),
    )
    .await
    .unwrap()
    .unwrap();
}

#[tokio::test]
async fn basic_is_never_answered_nor_another_realm() {
    for challenge in [r#"Basic realm="r""#, r#"Digest realm="theirs", nonce="n""#] {
        let mut peer = Peer::new().await;
        let (agent, _incoming) = agent().await;
        let mut config = registration(&peer);
        config.credentials = Some(Credentials::new("alice", "secret").with_realm("r"));
        let registration = agent.register(config).unwrap();
        let first = peer.expect(Method::Register).await;
        peer.reply_with(&first, 401, &[("WWW-Authenticate", challenge)])
            .await;
        assert!(matches!(
            registration.wait_registered().await,
            Err(SignalingError::Unauthorized { .. })
        ));
    }
}

#[tokio::test]
async fn interval_too_brief_is_asked_again_with_the_registrars_minimum() {
    let mut peer = Peer::new().await;
    let (agent, _incoming) = agent().await;
    let registration = agent.register(registration(&peer)).unwrap();
    let first = peer.expect(Method::Register).await;
    peer.reply_with(&first, 401, &[("WWW-Authenticate", MD5)])
        .await;
    let first = peer.expect(Method::Register).await;
    peer.reply_with(&first, 423, &[("Min-Expires", "1800")])
        .await;
    let second = peer.expect(Method::Register).await;
    assert_eq!(second.headers.get("Expires"), Some("1800"));
    // A registrar that challenges every request: a new nonce is no refusal of the password.
    peer.reply_with(&second, 401, &[("WWW-Authenticate", SHA256)])
        .await;
    let second = peer.expect(Method::Register).await;
    assert_eq!(second.headers.get("Expires"), Some("1800"));
    ok(&peer, &second, 1800).await;
    registration.wait_registered().await.unwrap();
    assert!(
        matches!(&*registration.state().borrow(), RegistrationState::Registered { expires, .. } if expires.as_secs() == 1800)
    );
}

#[tokio::test]
async fn failures_are_typed_and_retried_for_ever() {
    let mut peer = Peer::new().await;
    let (agent, _incoming) = agent().await;
    let registration = agent.register(registration(&peer)).unwrap();
    for _ in 0..5 {
        let request = peer.expect(Method::Register).await;
        peer.reply_with(&request, 500, &[]).await;
    }
    let error = registration.wait_registered().await.unwrap_err();
    assert_eq!(error.status().unwrap().0, 500);
    let request = peer.expect(Method::Register).await;
    ok(&peer, &request, 60).await;
    let mut state = registration.state();
    timeout(
        PATIENCE,
        state.wait_for(|state| matches!(state, RegistrationState::Registered { .. })),
    )
    .await
    .unwrap()
    .unwrap();
}

#[tokio::test]
async fn silent_registrar_is_a_timeout_and_a_refused_connection_an_error_at_once() {
    let peer = Peer::new().await;
    let (agent, _incoming) = agent().await;
    let registration = agent.register(registration(&peer)).unwrap();
    assert!(matches!(
        registration.wait_registered().await,
        Err(SignalingError::Timeout {
            what: "REGISTER",
            ..
        })
    ));

    let free = tokio::net::TcpListener::bind("127.0.0.1:0")
        .await
        .unwrap()
        .local_addr()
        .unwrap();
    let config = RegistrationConfig {
        transport: Some(sip_signaling::Transport::Tcp),
        ..RegistrationConfig::new(Uri::from_socket_addr(None, free).unwrap(), alice())
    };
    let registration = agent.register(config).unwrap();
    assert!(matches!(
        registration.wait_registered().await,
        Err(SignalingError::Transport { .. })
    ));
    let config = RegistrationConfig::new(Uri::parse("sip:no-such-host.invalid").unwrap(), alice());
    let registration = agent.register(config).unwrap();
    assert!(matches!(
        registration.wait_registered().await,
        Err(SignalingError::Transport { .. })
    ));
}

#[tokio::test]
async fn address_that_the_registrar_saw_is_registered_instead() {
    let mut peer = Peer::new().await;
    let (agent, _incoming) = agent().await;
    let registration = agent.register(registration(&peer)).unwrap();
    let first = peer.expect(Method::Register).await;
    seen_as(&peer, &first, "192.0.2.9").await;
    let second = peer.expect(Method::Register).await;
    let contacts = second.headers.get_list("Contact").join(" ");
    assert_eq!(
        contacts,
        format!(
            "<sip:alice@192.0.2.9:4321>;expires=300 <sip:alice@{}>;expires=0",
            agent.local_addr()
        )
    );
    ok(&peer, &second, 300).await;
    registration.wait_registered().await.unwrap();
    // Calls towards that registrar name the learned address as well.
    let mut call = crate::peer::call(&agent, peer.uri("bob"), None).await;
    let invite = peer.expect(Method::Invite).await;
    assert_eq!(
        invite.contact().unwrap().uri().to_string(),
        "sip:alice@192.0.2.9:4321"
    );
    peer.reply(&invite, 486, "x", None).await;
    crate::peer::failure(&mut call).await;
}

#[tokio::test]
async fn a_changed_network_is_registered_from_at_once_and_what_the_registrar_saw_is_forgotten() {
    let mut peer = Peer::new().await;
    let (agent, _incoming) = agent().await;
    let registration = agent.register(registration(&peer)).unwrap();
    let first = peer.expect(Method::Register).await;
    let seen = "192.0.2.9";
    seen_as(&peer, &first, seen).await;
    let from_outside = peer.expect(Method::Register).await;
    let contact = from_outside.headers.get("Contact").unwrap();
    assert!(contact.contains(seen), "{contact}");
    ok(&peer, &from_outside, 300).await;
    registration.wait_registered().await.unwrap();

    agent.network_changed();
    let anew = peer.expect(Method::Register).await;
    let contacts: Vec<_> = anew.headers.get_all("Contact").collect();
    let here = format!("<sip:alice@{}>;expires=300", agent.local_addr());
    assert_eq!(contacts.first(), Some(&here.as_str()));
    assert!(
        contacts
            .iter()
            .any(|old| old.contains(seen) && old.ends_with(";expires=0")),
        "the old binding goes: {contacts:?}"
    );
    ok(&peer, &anew, 300).await;
}

#[tokio::test]
async fn shutdown_unregisters() {
    let mut peer = Peer::new().await;
    let (agent, mut incoming) = sip_signaling::UserAgent::bind(config()).await.unwrap();
    let registration = agent.register(registration(&peer)).unwrap();
    let first = peer.expect(Method::Register).await;
    ok(&peer, &first, 300).await;
    registration.wait_registered().await.unwrap();
    let down = tokio::spawn(async move { agent.shutdown().await });
    let last = peer.expect(Method::Register).await;
    assert!(last.headers.get("Contact").unwrap().ends_with(";expires=0"));
    ok(&peer, &last, 0).await;
    timeout(PATIENCE, down).await.unwrap().unwrap();
    drop(registration);
    assert!(timeout(PATIENCE, incoming.recv()).await.unwrap().is_none());
}

#[tokio::test]
async fn dropped_registration_unregisters() {
    let mut peer = Peer::new().await;
    let (agent, _incoming) = agent().await;
    let registration = agent.register(registration(&peer)).unwrap();
    let first = peer.expect(Method::Register).await;
    ok(&peer, &first, 300).await;
    registration.wait_registered().await.unwrap();
    drop(registration);
    let last = peer.expect(Method::Register).await;
    assert!(last.headers.get("Contact").unwrap().ends_with(";expires=0"));
    ok(&peer, &last, 0).await;
}

#[tokio::test]
async fn service_route_is_told_and_calls_pass_it() {
    let mut peer = Peer::new().await;
    let (agent, _incoming) = agent().await;
    let registration = agent.register(registration(&peer)).unwrap();
    let request = peer.expect(Method::Register).await;
    assert!(request.headers.has_token("Supported", "path"));
    let route = format!("<sip:orig@{};lr>, <sip:scscf.example.com;lr>", peer.addr());
    peer.reply_with(&request, 200, &[("Service-Route", &route)])
        .await;
    registration.wait_registered().await.unwrap();
    let route = registration.service_route();
    assert_eq!(route.len(), 2);
    // Without another proxy the first of them is where the call goes.
    let options = InviteOptions {
        route: route.clone(),
        ..InviteOptions::new(Uri::parse("sip:bob@far.example.com").unwrap(), alice())
    };
    let _outgoing = agent.invite(options.clone()).await.unwrap();
    let invite = peer.expect(Method::Invite).await;
    let first = format!("<sip:orig@{};lr>", peer.addr());
    assert_eq!(
        invite.headers.get_list("Route"),
        [first.as_str(), "<sip:scscf.example.com;lr>"]
    );
    peer.reply(&invite, 486, "peer", None).await;
    peer.expect(Method::Ack).await;
    // A proxy of the program's own stands before them, once.
    let mut edge = Peer::new().await;
    let through_edge = InviteOptions {
        proxy: Some(Uri::from_socket_addr(None, edge.addr()).unwrap()),
        ..options.clone()
    };
    let _outgoing = agent.invite(through_edge).await.unwrap();
    let invite = edge.expect(Method::Invite).await;
    assert_eq!(
        invite.headers.get_list("Route"),
        [
            format!("<sip:{};lr>", edge.addr()).as_str(),
            first.as_str(),
            "<sip:scscf.example.com;lr>"
        ]
    );
    edge.reply(&invite, 486, "peer", None).await;
    edge.expect(Method::Ack).await;
    let same = InviteOptions {
        proxy: Some(Uri::from_socket_addr(None, peer.addr()).unwrap()),
        ..options
    };
    let _outgoing = agent.invite(same).await.unwrap();
    let invite = peer.expect(Method::Invite).await;
    assert_eq!(invite.headers.get_list("Route").len(), 2);
}

#[tokio::test]
async fn instance_id_stands_in_the_contact() {
    const INSTANCE: &str = "urn:uuid:f81d4fae-7dec-11d0-a765-00a0c91e6bf6";
    let mut peer = Peer::new().await;
    let (agent, _incoming) = agent().await;
    let with_id = |id: &str| RegistrationConfig {
        instance_id: Some(id.to_owned()),
        ..registration(&peer)
    };
    for broken in ["", "uuid", "urn:x\">", "urn:x\r\nEvil: 1", "urn:uuid:a b"] {
        assert!(agent.register(with_id(broken)).is_err(), "{broken:?}");
    }
    let registration = agent.register(with_id(INSTANCE)).unwrap();
    let request = peer.expect(Method::Register).await;
    assert!(request.headers.has_token("Supported", "outbound"));
    let contact = request.contact().unwrap();
    assert_eq!(contact.params().get("reg-id"), Some("1"));
    let instance = contact.params().get_unquoted("+sip.instance");
    assert_eq!(instance.unwrap(), format!("<{INSTANCE}>"));
    ok(&peer, &request, 300).await;
    registration.wait_registered().await.unwrap();
}
