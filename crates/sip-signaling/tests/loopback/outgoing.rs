//! Calls that we make, up to their answer.

use std::time::Duration;

use sip_signaling::{
    Body, Credentials, EndedBy, HeaderList, InviteEvent, InviteOptions, Method, SignalingError,
    Uri, digest::Authorization, message::Message,
};

use crate::peer::{
    ANSWER, OFFER, PATIENCE, Peer, T1, agent, alice, answered, call, call_event, ended, event,
    failure,
};

#[tokio::test]
async fn call_goes_from_100_over_early_media_to_bye() {
    let mut peer = Peer::new().await;
    let (agent, _incoming) = agent().await;
    let mut headers = HeaderList::new();
    headers.push("X-Campaign", "42").unwrap();
    let options = InviteOptions {
        body: Some(Body::sdp(OFFER)),
        headers,
        ..InviteOptions::new(peer.uri("bob"), alice())
    };
    let mut outgoing = agent.invite(options).await.unwrap();
    let invite = peer.expect(Method::Invite).await;
    assert_eq!(invite.headers.get("X-Campaign"), Some("42"));
    assert_eq!(invite.headers.get("Max-Forwards"), Some("70"));
    assert_eq!(
        invite.headers.get("User-Agent"),
        Some(concat!("headless-sip/", env!("CARGO_PKG_VERSION")))
    );
    assert!(invite.headers.has_token("Allow", "UPDATE") && invite.headers.contains("Supported"));
    assert_eq!(invite.body().unwrap(), Body::sdp(OFFER));
    peer.reply(&invite, 100, "", None).await;
    assert!(matches!(event(&mut outgoing).await, InviteEvent::Trying));
    peer.reply(&invite, 180, "peer", None).await;
    assert!(
        matches!(event(&mut outgoing).await, InviteEvent::Provisional(p) if p.status.0 == 180 && p.body.is_none())
    );
    peer.reply(&invite, 183, "peer", Some(ANSWER)).await;
    assert!(
        matches!(event(&mut outgoing).await, InviteEvent::Provisional(p) if p.status.0 == 183 && p.body == Some(Body::sdp(ANSWER)))
    );
    peer.reply(&invite, 200, "peer", Some(ANSWER)).await;
    let answered = answered(&mut outgoing).await;
    assert_eq!(answered.body, Some(Body::sdp(ANSWER)));
    let mut call = answered.ack(None).await.unwrap();
    let ack = peer.expect(Method::Ack).await;
    assert_eq!(ack.cseq().unwrap().0, invite.cseq().unwrap().0);
    assert_eq!(ack.uri.to_string(), format!("sip:peer@{}", peer.addr()));
    assert!(ack.body.is_empty());

    // A 200 that comes again gets the same ACK again.
    peer.reply(&invite, 200, "peer", Some(ANSWER)).await;
    assert_eq!(
        peer.expect_again(Method::Ack).await.to_bytes(),
        ack.to_bytes()
    );

    let mut bye = peer.as_callee(Method::Bye, &invite, "peer", None);
    bye.headers
        .push("Reason", "Q.850;cause=16;text=\"Normal\"")
        .unwrap();
    peer.send(&bye.to_bytes()).await;
    peer.response(Method::Bye, 200).await;
    let end = ended(&mut call).await;
    assert_eq!(
        (end.by, end.reason.as_str()),
        (EndedBy::Remote, "Q.850;cause=16;text=\"Normal\"")
    );
    assert!(matches!(
        call.handle().bye(HeaderList::new()).await,
        Err(SignalingError::Closed)
    ));
}

#[tokio::test]
async fn refusals_are_typed() {
    for (status, headers) in [
        (486, vec![]),
        (302, vec![("Contact", "<sip:carol@example.com>")]),
        (503, vec![("Retry-After", "120 (maintenance)")]),
        (603, vec![]),
    ] {
        let mut peer = Peer::new().await;
        let (agent, _incoming) = agent().await;
        let mut outgoing = call(&agent, peer.uri("bob"), Some(OFFER)).await;
        let invite = peer.expect(Method::Invite).await;
        let mut response = peer.answer(&invite, status, "peer", None);
        response.headers.remove("Contact");
        for (name, value) in &headers {
            response.headers.push(name, *value).unwrap();
        }
        peer.send(&response.to_bytes()).await;
        let SignalingError::Rejected(rejection) = failure(&mut outgoing).await else {
            panic!()
        };
        assert_eq!(rejection.status.0, status);
        assert_eq!(
            rejection.retry_after,
            (status == 503).then(|| Duration::from_secs(120))
        );
        for (name, value) in &headers {
            assert_eq!(rejection.headers.get(name), Some(*value));
        }
        let ack = peer.expect(Method::Ack).await;
        assert_eq!(ack.via().unwrap().branch(), invite.via().unwrap().branch());
        assert_eq!(ack.uri, invite.uri);
    }
}

#[tokio::test]
async fn custom_reason_phrase_is_kept() {
    let mut peer = Peer::new().await;
    let (agent, _incoming) = agent().await;
    let mut outgoing = call(&agent, peer.uri("bob"), None).await;
    let invite = peer.expect(Method::Invite).await;
    let response = peer
        .answer(&invite, 403, "peer", None)
        .with_reason("No credit left")
        .unwrap();
    peer.send(&response.to_bytes()).await;
    assert!(
        matches!(failure(&mut outgoing).await, SignalingError::Rejected(rejection) if rejection.reason == "No credit left")
    );
}

#[tokio::test]
async fn proxy_and_target_may_both_challenge_one_call() {
    let mut peer = Peer::new().await;
    let (agent, _incoming) = agent().await;
    let options = InviteOptions {
        credentials: Some(Credentials::new("alice", "secret")),
        body: Some(Body::sdp(OFFER)),
        ..InviteOptions::new(peer.uri("bob"), alice())
    };
    let mut outgoing = agent.invite(options).await.unwrap();
    let first = peer.expect(Method::Invite).await;
    peer.reply_with(
        &first,
        407,
        &[(
            "Proxy-Authenticate",
            r#"Digest realm="proxy", nonce="p", qop="auth""#,
        )],
    )
    .await;
    peer.expect(Method::Ack).await;
    let second = peer.expect(Method::Invite).await;
    assert!(
        Authorization::parse(second.headers.get("Proxy-Authorization").unwrap())
            .unwrap()
            .verify("secret", "INVITE", b"")
    );
    peer.reply_with(
        &second,
        401,
        &[(
            "WWW-Authenticate",
            r#"Digest realm="uas", nonce="u", algorithm=SHA-256, qop="auth""#,
        )],
    )
    .await;
    peer.expect(Method::Ack).await;
    let third = peer.expect(Method::Invite).await;
    let proxy = Authorization::parse(third.headers.get("Proxy-Authorization").unwrap()).unwrap();
    assert_eq!(proxy.qop.as_ref().unwrap().2, 2);
    assert!(proxy.verify("secret", "INVITE", b""));
    assert!(
        Authorization::parse(third.headers.get("Authorization").unwrap())
            .unwrap()
            .verify("secret", "INVITE", b"")
    );
    assert_eq!(third.cseq().unwrap().0, first.cseq().unwrap().0 + 2);
    peer.reply(&third, 200, "peer", Some(ANSWER)).await;
    let call = answered(&mut outgoing).await.ack(None).await.unwrap();
    assert_eq!(
        peer.expect(Method::Ack).await.cseq().unwrap().0,
        third.cseq().unwrap().0
    );
    let handle = call.handle();
    let bye = tokio::spawn(async move { handle.bye(HeaderList::new()).await });
    let request = peer.expect(Method::Bye).await;
    assert!(request.headers.contains("Proxy-Authorization"));
    peer.reply(&request, 200, "peer", None).await;
    bye.await.unwrap().unwrap();
}

#[tokio::test]
async fn refused_credentials_end_the_call_attempt() {
    let mut peer = Peer::new().await;
    let (agent, _incoming) = agent().await;
    let options = InviteOptions {
        credentials: Some(Credentials::new("alice", "wrong")),
        ..InviteOptions::new(peer.uri("bob"), alice())
    };
    let mut outgoing = agent.invite(options).await.unwrap();
    for nonce in ["1", "2"] {
        let invite = peer.expect(Method::Invite).await;
        peer.reply_with(
            &invite,
            407,
            &[(
                "Proxy-Authenticate",
                &format!(r#"Digest realm="proxy", nonce="{nonce}""#),
            )],
        )
        .await;
        peer.expect(Method::Ack).await;
    }
    assert!(
        matches!(failure(&mut outgoing).await, SignalingError::Unauthorized { status, .. } if status.0 == 407)
    );
    let mut nobody = call(&agent, peer.uri("bob"), None).await;
    let invite = peer.expect(Method::Invite).await;
    peer.reply_with(
        &invite,
        401,
        &[("WWW-Authenticate", r#"Digest realm="r", nonce="1""#)],
    )
    .await;
    assert!(matches!(
        failure(&mut nobody).await,
        SignalingError::Unauthorized { .. }
    ));
}

#[tokio::test]
async fn cancel_after_180_ends_with_487() {
    let mut peer = Peer::new().await;
    let (agent, _incoming) = agent().await;
    let mut outgoing = call(&agent, peer.uri("bob"), Some(OFFER)).await;
    let invite = peer.expect(Method::Invite).await;
    peer.reply(&invite, 180, "peer", None).await;
    assert!(matches!(
        event(&mut outgoing).await,
        InviteEvent::Provisional(_)
    ));
    outgoing.cancel().await;
    let cancel = peer.expect(Method::Cancel).await;
    assert_eq!(
        cancel.headers.get_list("Via"),
        invite.headers.get_list("Via")
    );
    assert_eq!(cancel.cseq().unwrap().0, invite.cseq().unwrap().0);
    assert_eq!(
        (
            cancel.headers.get("To"),
            cancel.headers.get("From"),
            &cancel.uri
        ),
        (
            invite.headers.get("To"),
            invite.headers.get("From"),
            &invite.uri
        )
    );
    peer.reply(&cancel, 200, "peer", None).await;
    peer.reply(&invite, 487, "peer", None).await;
    peer.expect(Method::Ack).await;
    assert!(matches!(
        failure(&mut outgoing).await,
        SignalingError::Cancelled
    ));
}

#[tokio::test]
async fn cancel_before_any_answer_waits_for_one() {
    let mut peer = Peer::new().await;
    let (agent, _incoming) = agent().await;
    let mut outgoing = call(&agent, peer.uri("bob"), Some(OFFER)).await;
    let invite = peer.expect(Method::Invite).await;
    outgoing.cancel().await;
    assert!(matches!(
        failure(&mut outgoing).await,
        SignalingError::Cancelled
    ));
    // RFC 3261 section 9.1: only INVITEs, sent again, until a provisional response comes.
    assert!(
        matches!(peer.any().await, Message::Request(request) if request.method == Method::Invite)
    );
    peer.reply(&invite, 100, "", None).await;
    let cancel = peer.expect(Method::Cancel).await;
    peer.reply(&cancel, 200, "peer", None).await;
    peer.reply(&invite, 487, "peer", None).await;
    peer.expect(Method::Ack).await;
}

#[tokio::test]
async fn answer_that_crosses_the_cancel_is_acknowledged_and_hung_up() {
    let mut peer = Peer::new().await;
    let (agent, _incoming) = agent().await;
    let mut outgoing = call(&agent, peer.uri("bob"), Some(OFFER)).await;
    let invite = peer.expect(Method::Invite).await;
    peer.reply(&invite, 180, "peer", None).await;
    event(&mut outgoing).await;
    drop(outgoing);
    let cancel = peer.expect(Method::Cancel).await;
    peer.reply(&cancel, 481, "peer", None).await;
    peer.reply(&invite, 200, "peer", Some(ANSWER)).await;
    peer.expect(Method::Ack).await;
    let bye = peer.expect(Method::Bye).await;
    assert_eq!(bye.to().unwrap().tag(), Some("peer"));
    peer.reply(&bye, 200, "peer", None).await;
}

#[tokio::test]
async fn nobody_answering_is_a_timeout_and_endless_ringing_is_cancelled() {
    let mut peer = Peer::new().await;
    let (agent, _incoming) = agent().await;
    let started = tokio::time::Instant::now();
    let mut outgoing = call(&agent, peer.uri("bob"), Some(OFFER)).await;
    assert!(matches!(
        failure(&mut outgoing).await,
        SignalingError::Timeout { what: "INVITE", .. }
    ));
    assert!(started.elapsed() < T1 * 64 + PATIENCE / 2);

    let options = InviteOptions {
        ring_timeout: Duration::from_millis(150),
        ..InviteOptions::new(peer.uri("carol"), alice())
    };
    let mut outgoing = agent.invite(options).await.unwrap();
    let invite = loop {
        let request = peer.expect(Method::Invite).await;
        if request.uri.user() == Some("carol") {
            break request;
        }
    };
    peer.reply(&invite, 180, "peer", None).await;
    let cancel = peer.expect(Method::Cancel).await;
    peer.reply(&cancel, 200, "peer", None).await;
    peer.reply(&invite, 487, "peer", None).await;
    assert!(matches!(
        failure(&mut outgoing).await,
        SignalingError::Timeout {
            what: "ringing",
            ..
        }
    ));
}

#[tokio::test]
async fn first_of_forked_answers_is_kept_and_the_others_hung_up() {
    let mut peer = Peer::new().await;
    let (agent, _incoming) = agent().await;
    let mut outgoing = call(&agent, peer.uri("bob"), Some(OFFER)).await;
    let invite = peer.expect(Method::Invite).await;
    peer.reply(&invite, 180, "one", None).await;
    peer.reply(&invite, 180, "two", None).await;
    peer.reply(&invite, 200, "one", Some(ANSWER)).await;
    let mut kept = answered(&mut outgoing).await.ack(None).await.unwrap();
    assert_eq!(kept.remote().tag(), Some("one"));
    assert_eq!(
        peer.expect(Method::Ack).await.to().unwrap().tag(),
        Some("one")
    );
    peer.reply(&invite, 200, "two", Some(ANSWER)).await;
    let ack = peer.expect(Method::Ack).await;
    assert_eq!(ack.to().unwrap().tag(), Some("two"));
    let bye = peer.expect(Method::Bye).await;
    assert_eq!(bye.to().unwrap().tag(), Some("two"));
    peer.reply(&bye, 200, "two", None).await;
    // The other 200 again: its ACK again, and no second BYE.
    peer.reply(&invite, 200, "two", Some(ANSWER)).await;
    assert_eq!(
        peer.expect_again(Method::Ack).await.to_bytes(),
        ack.to_bytes()
    );
    let bye = peer.as_callee(Method::Bye, &invite, "one", None);
    peer.send(&bye.to_bytes()).await;
    assert_eq!(ended(&mut kept).await.by, EndedBy::Remote);
}

#[tokio::test]
async fn delayed_offer_is_answered_in_the_ack() {
    let mut peer = Peer::new().await;
    let (agent, _incoming) = agent().await;
    let mut outgoing = call(&agent, peer.uri("bob"), None).await;
    let invite = peer.expect(Method::Invite).await;
    assert!(invite.body.is_empty() && !invite.headers.contains("Content-Type"));
    peer.reply(&invite, 200, "peer", Some(OFFER)).await;
    let answered = answered(&mut outgoing).await;
    assert_eq!(answered.body, Some(Body::sdp(OFFER)));
    let call = answered.ack(Some(Body::sdp(ANSWER))).await.unwrap();
    assert_eq!(
        peer.expect(Method::Ack).await.body(),
        Some(Body::sdp(ANSWER))
    );
    // Dropping the call hangs up.
    drop(call);
    let bye = peer.expect(Method::Bye).await;
    peer.reply(&bye, 200, "peer", None).await;
}

#[tokio::test]
async fn answer_that_the_program_drops_is_acknowledged_and_hung_up() {
    let mut peer = Peer::new().await;
    let (agent, _incoming) = agent().await;
    let mut outgoing = call(&agent, peer.uri("bob"), Some(OFFER)).await;
    let invite = peer.expect(Method::Invite).await;
    let mut response = peer.answer(&invite, 200, "peer", Some(ANSWER));
    // Some answers have no Contact; the call stands all the same.
    response.headers.remove("Contact");
    peer.send(&response.to_bytes()).await;
    drop(answered(&mut outgoing).await);
    assert_eq!(peer.expect(Method::Ack).await.uri, invite.uri);
    let bye = peer.expect(Method::Bye).await;
    peer.reply(&bye, 200, "peer", None).await;
}

#[tokio::test]
async fn outbound_proxy_and_record_route_are_followed() {
    let mut proxy = Peer::new().await;
    let (agent, _incoming) = agent().await;
    let proxy_uri = Uri::from_socket_addr(None, proxy.addr()).unwrap();
    let options = InviteOptions {
        proxy: Some(proxy_uri.clone()),
        ..InviteOptions::new(Uri::parse("sip:bob@far.example.com").unwrap(), alice())
    };
    assert_eq!(agent.next_hop(&options).await.unwrap(), proxy.addr());
    let mut outgoing = agent.invite(options).await.unwrap();
    let invite = proxy.expect(Method::Invite).await;
    assert_eq!(invite.uri.to_string(), "sip:bob@far.example.com");
    assert_eq!(
        invite.headers.get("Route"),
        Some(format!("<{proxy_uri};lr>").as_str())
    );
    let mut response = proxy.answer(&invite, 200, "peer", Some(ANSWER));
    response
        .headers
        .set("Contact", "<sip:bob@192.0.2.77:5071;transport=udp>")
        .unwrap();
    response
        .headers
        .push(
            "Record-Route",
            format!("<sip:inner.example.com;lr>, <sip:{};lr>", proxy.addr()),
        )
        .unwrap();
    proxy.send(&response.to_bytes()).await;
    let mut call = answered(&mut outgoing).await.ack(None).await.unwrap();
    let ack = proxy.expect(Method::Ack).await;
    assert_eq!(ack.uri.to_string(), "sip:bob@192.0.2.77:5071;transport=udp");
    assert_eq!(
        ack.headers.get_list("Route"),
        [
            format!("<sip:{};lr>", proxy.addr()).as_str(),
            "<sip:inner.example.com;lr>"
        ]
    );
    let bye = proxy.as_callee(Method::Bye, &invite, "peer", None);
    proxy.send(&bye.to_bytes()).await;
    proxy.response(Method::Bye, 200).await;
    assert_eq!(ended(&mut call).await.by, EndedBy::Remote);
}

#[tokio::test]
async fn requests_in_the_early_dialog_are_answered() {
    let mut peer = Peer::new().await;
    let (agent, _incoming) = agent().await;
    let mut outgoing = call(&agent, peer.uri("bob"), Some(OFFER)).await;
    let invite = peer.expect(Method::Invite).await;
    peer.reply(&invite, 183, "peer", None).await;
    event(&mut outgoing).await;
    for (method, status) in [
        (Method::Update, 491),
        (Method::Options, 200),
        (Method::Info, 200),
        (Method::Refer, 405),
    ] {
        let request = peer.as_callee(method.clone(), &invite, "peer", Some(OFFER));
        peer.send(&request.to_bytes()).await;
        peer.response(method, status).await;
    }
    peer.reply(&invite, 200, "peer", Some(ANSWER)).await;
    let mut call = answered(&mut outgoing).await.ack(None).await.unwrap();
    peer.expect(Method::Ack).await;
    let handle = call.handle();
    let bye = tokio::spawn(async move { handle.bye(HeaderList::new()).await });
    let request = peer.expect(Method::Bye).await;
    peer.reply(&request, 200, "peer", None).await;
    bye.await.unwrap().unwrap();
    assert_eq!(ended(&mut call).await.by, EndedBy::Local);
    assert!(
        tokio::time::timeout(Duration::from_millis(20), call_event(&mut call))
            .await
            .is_err()
    );
}

#[tokio::test]
async fn answer_that_crosses_the_ring_timeout_is_hung_up_and_told() {
    let mut peer = Peer::new().await;
    let (agent, _incoming) = agent().await;
    let options = InviteOptions {
        ring_timeout: Duration::from_millis(100),
        ..InviteOptions::new(peer.uri("bob"), alice())
    };
    let mut outgoing = agent.invite(options).await.unwrap();
    let invite = peer.expect(Method::Invite).await;
    peer.reply(&invite, 180, "peer", None).await;
    let cancel = peer.expect(Method::Cancel).await;
    peer.reply(&cancel, 200, "peer", None).await;
    peer.reply(&invite, 200, "peer", Some(ANSWER)).await;
    peer.expect(Method::Ack).await;
    let bye = peer.expect(Method::Bye).await;
    peer.reply(&bye, 200, "peer", None).await;
    assert!(matches!(
        failure(&mut outgoing).await,
        SignalingError::Timeout {
            what: "ringing",
            ..
        }
    ));
}

#[tokio::test]
async fn contact_that_leads_nowhere_falls_back_to_where_the_answer_came_from() {
    let mut peer = Peer::new().await;
    let (agent, _incoming) = agent().await;
    let mut outgoing = call(&agent, peer.uri("bob"), Some(OFFER)).await;
    let invite = peer.expect(Method::Invite).await;
    let mut response = peer.answer(&invite, 200, "peer", Some(ANSWER));
    response
        .headers
        .set("Contact", "<sip:x@unknown-name.invalid>")
        .unwrap();
    peer.send(&response.to_bytes()).await;
    let _call = answered(&mut outgoing).await.ack(None).await.unwrap();
    assert_eq!(
        peer.expect(Method::Ack).await.uri.host(),
        "unknown-name.invalid"
    );
}
