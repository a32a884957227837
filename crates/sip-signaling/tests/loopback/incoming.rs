//! Calls that come in, up to their answer.

use sip_signaling::{
    Body, CallEvent, EndedBy, HeaderList, Limits, Method, SignalingError, StatusCode,
};
use tokio::time::timeout;

use crate::peer::{ANSWER, OFFER, PATIENCE, Peer, agent, call_event, ended, unique};

#[tokio::test]
async fn call_rings_has_early_media_and_is_answered() {
    let mut peer = Peer::new().await;
    let (agent, mut incoming) = agent().await;
    let mut invite = peer.invite(agent.local_addr(), Some(OFFER));
    invite.headers.push("X-Queue", "sales").unwrap();
    invite
        .headers
        .push("Record-Route", format!("<sip:{};lr>", peer.addr()))
        .unwrap();
    peer.send(&invite.to_bytes()).await;
    peer.response(Method::Invite, 100).await;
    let arrived = incoming.recv().await.unwrap();
    assert_eq!(
        (arrived.from().display_name(), arrived.from().uri().user()),
        (Some("Al"), Some("alice"))
    );
    assert_eq!(arrived.uri().user(), Some("bob"));
    assert_eq!(arrived.headers().get("x-queue"), Some("sales"));
    assert_eq!(arrived.body(), Some(Body::sdp(OFFER)));
    assert_eq!(
        (arrived.source(), arrived.call_id()),
        (peer.addr(), invite.call_id().unwrap())
    );
    assert_eq!(arrived.advertised_ip().unwrap(), agent.local_addr().ip());
    arrived.ring().await.unwrap();
    let ringing = peer.response(Method::Invite, 180).await;
    arrived
        .provisional(StatusCode(183), HeaderList::new(), Some(Body::sdp(ANSWER)))
        .await
        .unwrap();
    assert_eq!(
        peer.response(Method::Invite, 183).await.body(),
        Some(Body::sdp(ANSWER))
    );
    let mut headers = HeaderList::new();
    headers.push("X-Agent", "7").unwrap();
    let mut call = arrived
        .accept(headers, Some(Body::sdp(ANSWER)))
        .await
        .unwrap();
    let ok = peer.response(Method::Invite, 200).await;
    assert_eq!(ok.to().unwrap().tag(), ringing.to().unwrap().tag());
    assert_eq!(ok.headers.get("X-Agent"), Some("7"));
    assert_eq!(
        ok.headers.get("Record-Route"),
        invite.headers.get("Record-Route")
    );
    assert_eq!(
        ok.contact().unwrap().uri().to_string(),
        format!("sip:bob@{}", agent.local_addr())
    );
    assert!(ok.headers.has_token("Allow", "INVITE") && ok.headers.contains("Supported"));
    let ack = peer.in_dialog(Method::Ack, &invite, &ok, None);
    peer.send(&ack.to_bytes()).await;
    let handle = call.handle();
    let bye = tokio::spawn(async move { handle.bye(HeaderList::new()).await });
    let request = peer.expect(Method::Bye).await;
    assert_eq!(
        request.headers.get("Route"),
        invite.headers.get("Record-Route")
    );
    assert_eq!(
        request.uri.to_string(),
        format!("sip:alice@{}", peer.addr())
    );
    peer.reply(&request, 200, "", None).await;
    bye.await.unwrap().unwrap();
    assert_eq!(ended(&mut call).await.by, EndedBy::Local);
}

#[tokio::test]
async fn any_refusal_code_can_be_given() {
    for status in [302, 404, 486, 500, 603] {
        let mut peer = Peer::new().await;
        let (agent, mut incoming) = agent().await;
        let invite = peer.invite(agent.local_addr(), Some(OFFER));
        peer.send(&invite.to_bytes()).await;
        let arrived = incoming.recv().await.unwrap();
        let mut headers = HeaderList::new();
        headers.push("Contact", "<sip:carol@example.com>").unwrap();
        arrived
            .reject(StatusCode(status), Some("Not today"), headers)
            .await
            .unwrap();
        let refusal = peer.response(Method::Invite, status).await;
        assert_eq!(refusal.reason(), "Not today");
        assert_eq!(
            refusal.headers.get("Contact"),
            Some("<sip:carol@example.com>")
        );
    }
}

#[tokio::test]
async fn dropped_call_is_refused_with_480_and_a_full_queue_with_486() {
    let mut peer = Peer::new().await;
    let config = sip_signaling::UserAgentConfig {
        limits: Limits {
            pending_calls: 1,
            ..Limits::default()
        },
        ..crate::peer::config()
    };
    let (agent, mut incoming) = sip_signaling::UserAgent::bind(config).await.unwrap();
    let first = peer.invite(agent.local_addr(), Some(OFFER));
    peer.send(&first.to_bytes()).await;
    peer.response(Method::Invite, 100).await;
    let second = peer.invite(agent.local_addr(), Some(OFFER));
    peer.send(&second.to_bytes()).await;
    assert_eq!(
        peer.response(Method::Invite, 486).await.call_id(),
        second.call_id()
    );
    drop(incoming.recv().await.unwrap());
    assert_eq!(
        peer.response_for(first.call_id().unwrap(), 480)
            .await
            .call_id(),
        first.call_id()
    );
    drop(incoming);
    let third = peer.invite(agent.local_addr(), Some(OFFER));
    peer.send(&third.to_bytes()).await;
    peer.response_for(third.call_id().unwrap(), 480).await;
}

#[tokio::test]
async fn caller_that_gives_up_gets_487_and_the_program_is_told() {
    let mut peer = Peer::new().await;
    let (agent, mut incoming) = agent().await;
    let invite = peer.invite(agent.local_addr(), Some(OFFER));
    peer.send(&invite.to_bytes()).await;
    let arrived = incoming.recv().await.unwrap();
    arrived.ring().await.unwrap();
    let ringing = peer.response(Method::Invite, 180).await;
    let mut cancel = invite.clone();
    cancel.method = Method::Cancel;
    cancel.set_body(None).unwrap();
    cancel
        .headers
        .set("CSeq", format!("{} CANCEL", invite.cseq().unwrap().0))
        .unwrap();
    peer.send(&cancel.to_bytes()).await;
    peer.response(Method::Cancel, 200).await;
    let terminated = peer.response(Method::Invite, 487).await;
    assert_eq!(terminated.to().unwrap().tag(), ringing.to().unwrap().tag());
    timeout(PATIENCE, arrived.cancelled()).await.unwrap();
    assert!(matches!(
        arrived.ring().await,
        Err(SignalingError::Cancelled)
    ));
    assert!(matches!(
        arrived.accept(HeaderList::new(), None).await,
        Err(SignalingError::Cancelled)
    ));
}

#[tokio::test]
async fn early_bye_is_answered_and_ends_the_invite() {
    let mut peer = Peer::new().await;
    let (agent, mut incoming) = agent().await;
    let invite = peer.invite(agent.local_addr(), Some(OFFER));
    peer.send(&invite.to_bytes()).await;
    let arrived = incoming.recv().await.unwrap();
    arrived.ring().await.unwrap();
    let ringing = peer.response(Method::Invite, 180).await;
    for (method, body, status) in [
        // An offer has to wait for the answer to the first one (RFC 3311 section 5.2).
        (Method::Update, Some(OFFER), 500),
        (Method::Update, None, 200),
        (Method::Info, None, 200),
        (Method::Options, None, 200),
        (Method::Prack, None, 481),
    ] {
        let request = peer.in_dialog(method.clone(), &invite, &ringing, body);
        peer.send(&request.to_bytes()).await;
        peer.response(method, status).await;
    }
    let bye = peer.in_dialog(Method::Bye, &invite, &ringing, None);
    peer.send(&bye.to_bytes()).await;
    peer.response(Method::Bye, 200).await;
    peer.response(Method::Invite, 487).await;
    timeout(PATIENCE, arrived.cancelled()).await.unwrap();
}

#[tokio::test]
async fn retransmissions_are_one_call_and_merged_requests_are_482() {
    let mut peer = Peer::new().await;
    let (agent, mut incoming) = agent().await;
    let invite = peer.invite(agent.local_addr(), Some(OFFER));
    for _ in 0..3 {
        peer.send(&invite.to_bytes()).await;
    }
    let arrived = incoming.recv().await.unwrap();
    let mut merged = invite.clone();
    merged
        .headers
        .set(
            "Via",
            format!(
                "SIP/2.0/UDP {};branch=z9hG4bK{};rport",
                peer.addr(),
                unique()
            ),
        )
        .unwrap();
    peer.send(&merged.to_bytes()).await;
    peer.response(Method::Invite, 482).await;
    arrived.ring().await.unwrap();
    peer.response(Method::Invite, 180).await;
    let again = timeout(std::time::Duration::from_millis(50), incoming.recv()).await;
    assert!(again.is_err(), "the INVITE came up twice");
}

#[tokio::test]
async fn delayed_offer_gets_our_offer_and_its_ack_the_answer() {
    let mut peer = Peer::new().await;
    let (agent, mut incoming) = agent().await;
    let invite = peer.invite(agent.local_addr(), None);
    peer.send(&invite.to_bytes()).await;
    let arrived = incoming.recv().await.unwrap();
    assert_eq!(arrived.body(), None);
    let mut call = arrived
        .accept(HeaderList::new(), Some(Body::sdp(OFFER)))
        .await
        .unwrap();
    let ok = peer.response(Method::Invite, 200).await;
    assert_eq!(ok.body(), Some(Body::sdp(OFFER)));
    let ack = peer.in_dialog(Method::Ack, &invite, &ok, Some(ANSWER));
    peer.send(&ack.to_bytes()).await;
    assert!(
        matches!(call_event(&mut call).await, CallEvent::AckBody(body) if body == Body::sdp(ANSWER))
    );
}

#[tokio::test]
async fn answer_is_sent_again_until_its_ack_and_the_call_ends_without_one() {
    let mut peer = Peer::new().await;
    let (agent, mut incoming) = agent().await;
    let invite = peer.invite(agent.local_addr(), Some(OFFER));
    peer.send(&invite.to_bytes()).await;
    let arrived = incoming.recv().await.unwrap();
    let mut call = arrived
        .accept(HeaderList::new(), Some(Body::sdp(ANSWER)))
        .await
        .unwrap();
    let first = peer.response(Method::Invite, 200).await;
    let second = peer.response(Method::Invite, 200).await;
    assert_eq!(first.to_bytes(), second.to_bytes());
    assert_eq!(ended(&mut call).await.by, EndedBy::Timeout);
    let bye = peer.expect(Method::Bye).await;
    peer.reply(&bye, 200, "", None).await;
}

#[tokio::test]
async fn hanging_up_before_the_ack_waits_for_it() {
    let mut peer = Peer::new().await;
    let (agent, mut incoming) = agent().await;
    let invite = peer.invite(agent.local_addr(), Some(OFFER));
    peer.send(&invite.to_bytes()).await;
    let arrived = incoming.recv().await.unwrap();
    let call = arrived
        .accept(HeaderList::new(), Some(Body::sdp(ANSWER)))
        .await
        .unwrap();
    let handle = call.handle();
    let bye = tokio::spawn(async move { handle.bye(HeaderList::new()).await });
    let ok = peer.response(Method::Invite, 200).await;
    // RFC 3261 section 15: the callee does not send BYE before the ACK.
    let ack = peer.in_dialog(Method::Ack, &invite, &ok, None);
    peer.send(&ack.to_bytes()).await;
    let request = peer.expect(Method::Bye).await;
    peer.reply(&request, 200, "", None).await;
    bye.await.unwrap().unwrap();
}

#[tokio::test]
async fn more_requests_than_the_limit_are_503() {
    let mut peer = Peer::new().await;
    let config = sip_signaling::UserAgentConfig {
        limits: Limits {
            server_transactions: 2,
            ..Limits::default()
        },
        ..crate::peer::config()
    };
    let (agent, mut incoming) = sip_signaling::UserAgent::bind(config).await.unwrap();
    let mut open = Vec::new();
    for _ in 0..2 {
        let invite = peer.invite(agent.local_addr(), Some(OFFER));
        peer.send(&invite.to_bytes()).await;
        open.push(incoming.recv().await.unwrap());
    }
    let third = peer.invite(agent.local_addr(), Some(OFFER));
    peer.send(&third.to_bytes()).await;
    peer.response_for(third.call_id().unwrap(), 503).await;
}
