//! REFER in both roles (RFC 3515), and INVITE with Replaces (RFC 3891).

use std::time::Duration;

use sip_signaling::{
    Body, CallEvent, EndedBy, HeaderList, Method, NameAddr, Request, Response, SignalingError,
    StatusCode, TransferProgress, UserAgent, UserAgentConfig,
};
use tokio::time::timeout;

use crate::peer::{ANSWER, OFFER, PATIENCE, Peer, agent, call_event, config, ended};

fn notify(
    peer: &mut Peer,
    invite: &Request,
    ok: &Response,
    event: &str,
    state: &str,
    line: &str,
) -> Vec<u8> {
    let mut request = peer.in_dialog(Method::Notify, invite, ok, None);
    request.headers.push("Event", event).unwrap();
    request.headers.push("Subscription-State", state).unwrap();
    if !line.is_empty() {
        let body = Body::new("message/sipfrag;version=2.0", line);
        request.set_body(Some(body)).unwrap();
    }
    request.to_bytes()
}

fn bob() -> NameAddr {
    NameAddr::parse("<sip:bob@example.com>").unwrap()
}

#[tokio::test]
async fn blind_transfer_tells_how_it_fares() {
    let mut peer = Peer::new().await;
    let (agent, mut incoming) = agent().await;
    let (invite, ok, mut call) = peer.calls(&agent, &mut incoming).await;
    // Nothing was asked for yet, and other packages are not ours.
    let early = notify(&mut peer, &invite, &ok, "refer", "active", "SIP/2.0 200 OK");
    peer.send(&early).await;
    peer.response(Method::Notify, 481).await;
    let handle = call.handle();
    let asking = tokio::spawn(async move { handle.refer(&bob(), HeaderList::new()).await });
    let refer = peer.expect(Method::Refer).await;
    assert_eq!(refer.headers.get("Refer-To"), Some("<sip:bob@example.com>"));
    assert!(
        refer
            .headers
            .get("Referred-By")
            .unwrap()
            .starts_with("<sip:bob@")
    );
    assert!(refer.contact().is_some());
    peer.reply(&refer, 202, "", None).await;
    asking.await.unwrap().unwrap();
    for (state, line, status, done) in [
        ("active;expires=60", "SIP/2.0 100 Trying\r\n", 100, false),
        ("active;expires=60", "SIP/2.0 180 Ringing\r\n", 180, false),
        (
            "terminated;reason=noresource",
            "SIP/2.0 200 OK\r\n",
            200,
            true,
        ),
    ] {
        let bytes = notify(&mut peer, &invite, &ok, "Refer;id=3", state, line);
        peer.send(&bytes).await;
        peer.response(Method::Notify, 200).await;
        let CallEvent::Transfer(progress) = call_event(&mut call).await else {
            panic!()
        };
        assert_eq!(
            (progress.status.0, progress.done),
            (status, done),
            "{progress:?}"
        );
    }
    let other = notify(&mut peer, &invite, &ok, "presence", "active", "");
    peer.send(&other).await;
    peer.response(Method::Notify, 489).await;
}

#[tokio::test]
async fn refused_transfer_is_an_error_and_the_call_goes_on() {
    let mut peer = Peer::new().await;
    let (agent, mut incoming) = agent().await;
    let (invite, ok, call) = peer.calls(&agent, &mut incoming).await;
    let handle = call.handle();
    let asking = tokio::spawn(async move { handle.refer(&bob(), HeaderList::new()).await });
    let refer = peer.expect(Method::Refer).await;
    peer.reply(&refer, 603, "", None).await;
    assert!(
        matches!(asking.await.unwrap(), Err(SignalingError::Rejected(refusal)) if refusal.status == StatusCode::DECLINE)
    );
    let options = peer.in_dialog(Method::Options, &invite, &ok, None);
    peer.send(&options.to_bytes()).await;
    peer.response(Method::Options, 200).await;
}

#[tokio::test]
async fn attended_transfer_names_the_other_call() {
    let (mut peer, mut third) = (Peer::new().await, Peer::new().await);
    let (agent, mut incoming) = agent().await;
    let (_, _, call) = peer.calls(&agent, &mut incoming).await;
    let (invite, other) = third.is_called(&agent).await;
    let (handle, other_handle) = (call.handle(), other.handle());
    let asking =
        tokio::spawn(async move { handle.refer_to_call(&other_handle, HeaderList::new()).await });
    let refer = peer.expect(Method::Refer).await;
    peer.reply(&refer, 202, "", None).await;
    asking.await.unwrap().unwrap();
    let target = NameAddr::parse(refer.headers.get("Refer-To").unwrap()).unwrap();
    assert_eq!(target.uri().port(), Some(third.addr().port()));
    let local_tag = invite.from().unwrap().tag().unwrap().to_owned();
    // To the third party its own tag is the To tag (RFC 3891 section 6.1).
    let expected = format!(
        "Replaces={}%3Bto-tag%3Dpeer%3Bfrom-tag%3D{local_tag}",
        invite.call_id().unwrap()
    );
    assert_eq!(target.uri().headers(), Some(expected.as_str()));
}

fn refer(peer: &mut Peer, invite: &Request, ok: &Response, targets: &[&str]) -> Vec<u8> {
    let mut request = peer.in_dialog(Method::Refer, invite, ok, None);
    for target in targets {
        request.headers.push("Refer-To", *target).unwrap();
    }
    request
        .headers
        .push("Referred-By", "<sip:alice@example.com>")
        .unwrap();
    request.to_bytes()
}

#[tokio::test]
async fn transfer_that_a_peer_asks_for_is_refused_unless_the_program_agrees() {
    let mut peer = Peer::new().await;
    let (agent, mut incoming) = UserAgent::bind(UserAgentConfig {
        offer_timeout: Duration::from_millis(100),
        ..config()
    })
    .await
    .unwrap();
    let (invite, ok, mut call) = peer.calls(&agent, &mut incoming).await;
    for broken in [&[][..], &["<sip:a@b>", "<sip:c@d>"], &["nonsense"]] {
        let bytes = refer(&mut peer, &invite, &ok, broken);
        peer.send(&bytes).await;
        peer.response(Method::Refer, 400).await;
    }
    // Dropped, and never looked at.
    let bytes = refer(&mut peer, &invite, &ok, &["<sip:bob@example.com>"]);
    peer.send(&bytes).await;
    drop(call_event(&mut call).await);
    peer.response(Method::Refer, 603).await;
    let bytes = refer(&mut peer, &invite, &ok, &["<sip:bob@example.com>"]);
    peer.send(&bytes).await;
    peer.response(Method::Refer, 603).await;
    let CallEvent::Refer(late) = call_event(&mut call).await else {
        panic!()
    };
    assert!(matches!(late.accept(), Err(SignalingError::Closed)));
}

#[tokio::test]
async fn peer_is_told_how_its_transfer_fares() {
    let mut peer = Peer::new().await;
    let (agent, mut incoming) = agent().await;
    let (invite, ok, mut call) = peer.calls(&agent, &mut incoming).await;
    let target = "<sip:bob@example.com?Replaces=c1%3Bto-tag%3Da%3Bfrom-tag%3Db>";
    let bytes = refer(&mut peer, &invite, &ok, &[target]);
    peer.send(&bytes).await;
    let CallEvent::Refer(request) = call_event(&mut call).await else {
        panic!()
    };
    let headers = request.invite_headers();
    assert_eq!(headers.get("Replaces"), Some("c1;to-tag=a;from-tag=b"));
    assert_eq!(headers.get("Referred-By"), Some("<sip:alice@example.com>"));
    let notifier = request.accept().unwrap();
    peer.response(Method::Refer, 202).await;
    let mut told = Vec::new();
    let first = peer.expect(Method::Notify).await;
    peer.reply(&first, 200, "", None).await;
    notifier.progress(StatusCode::RINGING);
    let second = peer.expect(Method::Notify).await;
    peer.reply(&second, 200, "", None).await;
    notifier.done(StatusCode::OK);
    let third = peer.expect(Method::Notify).await;
    peer.reply(&third, 200, "", None).await;
    for notify in [first, second, third] {
        assert_eq!(notify.headers.get("Event"), Some("refer"));
        let body = notify.body().unwrap();
        assert!(body.is("message/sipfrag"));
        let state = notify.headers.get("Subscription-State").unwrap().to_owned();
        told.push((String::from_utf8(body.bytes).unwrap(), state));
    }
    assert_eq!(told[0].0, "SIP/2.0 100 Trying\r\n");
    assert_eq!(told[1].0, "SIP/2.0 180 Ringing\r\n");
    assert!(told[1].1.starts_with("active"));
    assert_eq!(told[2].0, "SIP/2.0 200 OK\r\n");
    assert!(told[2].1.starts_with("terminated"));
}

#[tokio::test]
async fn two_agents_transfer_by_the_same_rules() {
    let mut peer = Peer::new().await;
    let (caller, _incoming) = agent().await;
    let (callee, mut calls) = agent().await;
    let target = sip_signaling::Uri::from_socket_addr(Some("b"), callee.local_addr()).unwrap();
    let mut outgoing = crate::peer::call(&caller, target, Some(OFFER)).await;
    let arrived = timeout(PATIENCE, calls.recv()).await.unwrap().unwrap();
    let mut there = arrived
        .accept(HeaderList::new(), Some(Body::sdp(ANSWER)))
        .await
        .unwrap();
    let answered = crate::peer::answered(&mut outgoing).await;
    let mut here = answered.ack(None).await.unwrap();
    let (handle, to) = (here.handle(), NameAddr::new(peer.uri("third")));
    let asking = tokio::spawn(async move { handle.refer(&to, HeaderList::new()).await });
    let CallEvent::Refer(request) = call_event(&mut there).await else {
        panic!()
    };
    let third = request.target.uri().clone();
    let notifier = request.accept().unwrap();
    asking.await.unwrap().unwrap();
    let _onward = crate::peer::call(&callee, third, Some(OFFER)).await;
    let onward = peer.expect(Method::Invite).await;
    peer.reply(&onward, 486, "peer", None).await;
    notifier.done(StatusCode::BUSY_HERE);
    loop {
        if let CallEvent::Transfer(TransferProgress {
            status, done: true, ..
        }) = call_event(&mut here).await
        {
            assert_eq!(status, StatusCode::BUSY_HERE);
            break;
        }
    }
}

fn replacing(peer: &mut Peer, agent: &UserAgent, ok: &Response, extra: &str) -> Request {
    let mut request = peer.invite(agent.local_addr(), Some(OFFER));
    let (to, from) = (ok.to().unwrap(), ok.from().unwrap());
    let value = format!(
        "{};to-tag={};from-tag={}{extra}",
        ok.call_id().unwrap(),
        to.tag().unwrap(),
        from.tag().unwrap()
    );
    request.headers.push("Replaces", value).unwrap();
    request
}

#[tokio::test]
async fn call_is_not_taken_over_without_the_programs_consent() {
    let mut peer = Peer::new().await;
    let (agent, mut incoming) = agent().await;
    let (_, ok, _call) = peer.calls(&agent, &mut incoming).await;
    let request = replacing(&mut peer, &agent, &ok, "");
    peer.send(&request.to_bytes()).await;
    peer.response(Method::Invite, 403).await;
    let mut unknown = replacing(&mut peer, &agent, &ok, "");
    unknown
        .headers
        .set("Replaces", "other;to-tag=1;from-tag=2")
        .unwrap();
    peer.send(&unknown.to_bytes()).await;
    peer.response_for(unknown.call_id().unwrap(), 481).await;
    let mut twice = replacing(&mut peer, &agent, &ok, "");
    twice
        .headers
        .push("Replaces", "a;to-tag=1;from-tag=2")
        .unwrap();
    peer.send(&twice.to_bytes()).await;
    peer.response_for(twice.call_id().unwrap(), 400).await;
}

#[tokio::test]
async fn accepted_replacement_ends_the_call_whose_place_it_takes() {
    let mut peer = Peer::new().await;
    let (agent, mut incoming) = UserAgent::bind(UserAgentConfig {
        allow_replaces: true,
        ..config()
    })
    .await
    .unwrap();
    let (_, ok, mut call) = peer.calls(&agent, &mut incoming).await;
    let early = replacing(&mut peer, &agent, &ok, ";early-only");
    peer.send(&early.to_bytes()).await;
    peer.response(Method::Invite, 486).await;
    let request = replacing(&mut peer, &agent, &ok, "");
    peer.send(&request.to_bytes()).await;
    let arrived = timeout(PATIENCE, incoming.recv()).await.unwrap().unwrap();
    assert!(arrived.is_replacement());
    let _replacement = arrived
        .accept(HeaderList::new(), Some(Body::sdp(ANSWER)))
        .await
        .unwrap();
    assert_eq!(ended(&mut call).await.by, EndedBy::Replaced);
    let bye = peer.expect(Method::Bye).await;
    assert_eq!(bye.call_id(), ok.call_id());
}
