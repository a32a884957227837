//! Session timers (RFC 4028) against a peer that refreshes, refuses, and falls silent. Intervals of seconds stand for the RFC's minutes.

use std::time::Duration;

use sip_signaling::{
    Body, Call, CallEvent, EndedBy, HeaderList, IncomingCalls, Method, Request, Timers, UserAgent,
    UserAgentConfig,
};
use tokio::time::timeout;

use crate::peer::{
    ANSWER, OFFER, PATIENCE, Peer, agent, answered, call, call_event, config, ended,
};

async fn brisk_agent() -> (UserAgent, IncomingCalls) {
    UserAgent::bind(UserAgentConfig {
        session_expires: Some(Duration::from_secs(2)),
        min_session_expires: Duration::from_secs(1),
        timers: Timers::from_t1(Duration::from_millis(10)),
        ..config()
    })
    .await
    .unwrap()
}

/// Answers the agent's INVITE with these headers.
async fn called_with(
    peer: &mut Peer,
    agent: &UserAgent,
    headers: &[(&str, &str)],
) -> (Request, Call) {
    let mut outgoing = call(agent, peer.uri("peer"), Some(OFFER)).await;
    let invite = peer.expect(Method::Invite).await;
    let mut ok = peer.answer(&invite, 200, "peer", Some(ANSWER));
    for (name, value) in headers {
        ok.headers.push(name, *value).unwrap();
    }
    peer.send(&ok.to_bytes()).await;
    let call = answered(&mut outgoing).await.ack(None).await.unwrap();
    peer.expect(Method::Ack).await;
    (invite, call)
}

#[tokio::test]
async fn call_offers_a_session_timer_and_asks_again_when_it_is_too_short() {
    let mut peer = Peer::new().await;
    let (agent, _incoming) = agent().await;
    let mut outgoing = call(&agent, peer.uri("peer"), Some(OFFER)).await;
    let first = peer.expect(Method::Invite).await;
    assert_eq!(first.headers.get("Session-Expires"), Some("1800"));
    assert_eq!(first.headers.get("Min-SE"), Some("90"));
    assert!(first.headers.has_token("Supported", "timer"));
    peer.reply_with(&first, 422, &[("Min-SE", "3600")]).await;
    peer.expect(Method::Ack).await;
    let second = peer.expect(Method::Invite).await;
    assert_eq!(second.headers.get("Session-Expires"), Some("3600"));
    assert_eq!(second.headers.get("Min-SE"), Some("3600"));
    assert_eq!(second.call_id(), first.call_id());
    assert_eq!(second.cseq().unwrap().0, first.cseq().unwrap().0 + 1);
    peer.reply(&second, 200, "peer", Some(ANSWER)).await;
    answered(&mut outgoing).await.ack(None).await.unwrap();
}

#[tokio::test]
async fn session_is_refreshed_by_update_where_the_peer_takes_it() {
    let mut peer = Peer::new().await;
    let (agent, _incoming) = brisk_agent().await;
    let granted = ("Session-Expires", "2;refresher=uac");
    let (_, _call) = called_with(&mut peer, &agent, &[granted, ("Allow", "INVITE, UPDATE")]).await;
    for _ in 0..2 {
        let refresh = peer.expect(Method::Update).await;
        assert_eq!(refresh.headers.get(granted.0), Some(granted.1));
        assert!(refresh.body.is_empty());
        peer.reply_with(&refresh, 200, &[granted]).await;
    }
}

#[tokio::test]
async fn session_is_refreshed_by_reinvite_with_the_last_offer_elsewhere() {
    let mut peer = Peer::new().await;
    let (agent, _incoming) = brisk_agent().await;
    let granted = ("Session-Expires", "2;refresher=uac");
    let (_, mut call) = called_with(&mut peer, &agent, &[granted, ("Allow", "INVITE, BYE")]).await;
    let refresh = peer.expect(Method::Invite).await;
    assert_eq!(refresh.body(), Some(Body::sdp(OFFER)));
    peer.reply(&refresh, 200, "peer", Some(ANSWER)).await;
    peer.expect(Method::Ack).await;
    assert!(
        matches!(call_event(&mut call).await, CallEvent::Refreshed(Some(body)) if body == Body::sdp(ANSWER))
    );
}

#[tokio::test]
async fn refresh_without_an_answer_ends_the_call_with_its_cause() {
    let mut peer = Peer::new().await;
    let (agent, _incoming) = brisk_agent().await;
    let granted = ("Session-Expires", "6;refresher=uac");
    let (_, mut call) = called_with(&mut peer, &agent, &[granted, ("Allow", "UPDATE")]).await;
    peer.expect(Method::Update).await;
    let end = ended(&mut call).await;
    assert_eq!(
        (end.by, end.reason.as_str()),
        (EndedBy::Timeout, "no answer to an UPDATE")
    );
    peer.expect_again(Method::Bye).await;
}

#[tokio::test]
async fn refused_refresh_is_tried_again_and_then_the_session_expires() {
    let mut peer = Peer::new().await;
    let (agent, _incoming) = brisk_agent().await;
    let granted = ("Session-Expires", "6;refresher=uac");
    let (_, mut call) = called_with(&mut peer, &agent, &[granted, ("Allow", "UPDATE")]).await;
    let refresh = peer.expect(Method::Update).await;
    peer.reply_with(&refresh, 503, &[]).await;
    let bye = peer.expect(Method::Bye).await;
    assert!(bye.headers.get("Reason").unwrap().contains("cause=408"));
    let end = ended(&mut call).await;
    assert_eq!(
        (end.by, end.reason.as_str()),
        (EndedBy::Timeout, "the session expired without a refresh")
    );
}

#[tokio::test]
async fn too_short_a_session_of_a_caller_is_refused_and_a_longer_one_is_granted() {
    let mut peer = Peer::new().await;
    let (agent, mut incoming) = agent().await;
    let mut invite = peer.invite(agent.local_addr(), Some(OFFER));
    invite.headers.push("Supported", "timer").unwrap();
    invite.headers.push("Session-Expires", "60").unwrap();
    peer.send(&invite.to_bytes()).await;
    let refusal = peer.response(Method::Invite, 422).await;
    assert_eq!(refusal.headers.get("Min-SE"), Some("90"));
    let mut invite = peer.invite(agent.local_addr(), Some(OFFER));
    invite.headers.push("Supported", "timer").unwrap();
    invite.headers.push("Require", "timer").unwrap();
    invite
        .headers
        .push("Session-Expires", "120;refresher=uas")
        .unwrap();
    peer.send(&invite.to_bytes()).await;
    let arrived = timeout(PATIENCE, incoming.recv()).await.unwrap().unwrap();
    let _call = arrived
        .accept(HeaderList::new(), Some(Body::sdp(ANSWER)))
        .await
        .unwrap();
    let ok = peer.response(Method::Invite, 200).await;
    assert_eq!(ok.headers.get("Session-Expires"), Some("120;refresher=uas"));
}

#[tokio::test]
async fn callers_refreshes_keep_the_call_and_their_absence_ends_it() {
    let mut peer = Peer::new().await;
    let (agent, mut incoming) = brisk_agent().await;
    let mut invite = peer.invite(agent.local_addr(), Some(OFFER));
    invite.headers.push("Supported", "timer").unwrap();
    peer.send(&invite.to_bytes()).await;
    let arrived = timeout(PATIENCE, incoming.recv()).await.unwrap().unwrap();
    let mut call = arrived
        .accept(HeaderList::new(), Some(Body::sdp(ANSWER)))
        .await
        .unwrap();
    let ok = peer.response(Method::Invite, 200).await;
    // RFC 4028 section 5: without a Min-SE the caller bears 90 s and more.
    assert_eq!(ok.headers.get("Session-Expires"), Some("90;refresher=uac"));
    assert!(ok.headers.has_token("Require", "timer"));
    let ack = peer.in_dialog(Method::Ack, &invite, &ok, None);
    peer.send(&ack.to_bytes()).await;
    let mut refresh = peer.in_dialog(Method::Update, &invite, &ok, None);
    refresh.headers.push("Supported", "timer").unwrap();
    refresh.headers.push("Min-SE", "2").unwrap();
    refresh
        .headers
        .push("Session-Expires", "3;refresher=uac")
        .unwrap();
    peer.send(&refresh.to_bytes()).await;
    let refreshed = peer.response(Method::Update, 200).await;
    assert_eq!(
        refreshed.headers.get("Session-Expires"),
        Some("2;refresher=uac")
    );
    let bye = peer.expect(Method::Bye).await;
    assert!(bye.headers.get("Reason").unwrap().contains("cause=408"));
    assert_eq!(ended(&mut call).await.by, EndedBy::Timeout);
}
