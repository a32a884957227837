//! Reliable provisional responses and PRACK (RFC 3262), UPDATE before the answer (RFC 3311), both roles.

use sip_signaling::{
    Body, HeaderList, IncomingInvite, InviteEvent, Method, Request, Response, SignalingError,
    StatusCode, UserAgent,
};
use tokio::time::timeout;

use crate::peer::{ANSWER, OFFER, PATIENCE, Peer, agent, answered, call, event};

fn reliable(peer: &Peer, invite: &Request, number: u32, body: Option<&str>) -> Response {
    let mut response = peer.answer(invite, 183, "peer", body);
    response.headers.push("Require", "100rel").unwrap();
    response.headers.push("RSeq", number.to_string()).unwrap();
    response
}

#[tokio::test]
async fn reliable_response_is_acknowledged_along_its_route_and_the_answer_does_not_wait_for_it() {
    let mut peer = Peer::new().await;
    let (agent, _incoming) = agent().await;
    let mut outgoing = call(&agent, peer.uri("peer"), Some(OFFER)).await;
    let invite = peer.expect(Method::Invite).await;
    assert!(invite.headers.has_token("Supported", "100rel"));
    let mut progress = reliable(&peer, &invite, 41, Some(ANSWER));
    let route = format!("<sip:{};lr>", peer.addr());
    progress
        .headers
        .push("Record-Route", route.as_str())
        .unwrap();
    progress
        .headers
        .set("Contact", "<sip:elsewhere@192.0.2.7>")
        .unwrap();
    peer.send(&progress.to_bytes()).await;
    let prack = peer.expect(Method::Prack).await;
    let cseq = invite.cseq().unwrap().0;
    assert_eq!(prack.uri.to_string(), "sip:elsewhere@192.0.2.7");
    assert_eq!(prack.headers.get_list("Route"), [route.as_str()]);
    assert_eq!(
        prack.headers.get("RAck"),
        Some(format!("41 {cseq} INVITE").as_str())
    );
    assert!(prack.body.is_empty());
    // The same again is not told again, nor one whose forerunner is missing.
    peer.send(&progress.to_bytes()).await;
    peer.send(&reliable(&peer, &invite, 43, Some("lost")).to_bytes())
        .await;
    // The PRACK has no answer yet, and the call stands all the same.
    let mut ok = peer.answer(&invite, 200, "peer", None);
    ok.headers.push("Record-Route", route.as_str()).unwrap();
    peer.send(&ok.to_bytes()).await;
    let mut told = 0;
    let answered = loop {
        match event(&mut outgoing).await {
            InviteEvent::Provisional(provisional) => {
                assert_eq!(provisional.body, Some(Body::sdp(ANSWER)));
                told += 1;
            }
            InviteEvent::Answered(answered) => break answered,
            InviteEvent::Trying => {}
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(told, 1);
    let call = answered.ack(None).await.unwrap();
    assert_eq!(peer.expect(Method::Ack).await.cseq().unwrap().0, cseq);
    peer.reply(&prack, 200, "", None).await;
    drop(call);
    let bye = peer.expect(Method::Bye).await;
    assert!(bye.cseq().unwrap().0 > prack.cseq().unwrap().0);
}

#[tokio::test]
async fn branches_of_a_fork_are_acknowledged_apart_and_all_but_one_hung_up() {
    let mut peer = Peer::new().await;
    let (agent, _incoming) = agent().await;
    let mut outgoing = call(&agent, peer.uri("peer"), Some(OFFER)).await;
    let invite = peer.expect(Method::Invite).await;
    let mut pracks = Vec::new();
    for (tag, number) in [("one", 900), ("two", 5), ("one", 901)] {
        let mut progress = reliable(&peer, &invite, number, None);
        let to = format!("{};tag={tag}", invite.headers.get("To").unwrap());
        progress.headers.set("To", to).unwrap();
        peer.send(&progress.to_bytes()).await;
        let prack = peer.expect(Method::Prack).await;
        assert_eq!(prack.to().unwrap().tag(), Some(tag));
        assert!(
            prack
                .headers
                .get("RAck")
                .unwrap()
                .starts_with(&number.to_string())
        );
        peer.reply(&prack, 200, "", None).await;
        pracks.push(prack);
    }
    // The numbers of each dialog rise by themselves.
    let number = |at: usize| pracks[at].cseq().unwrap().0;
    assert_eq!((number(0), number(2)), (number(1), number(1) + 1));
    peer.reply(&invite, 200, "two", Some(ANSWER)).await;
    let _kept = answered(&mut outgoing).await.ack(None).await.unwrap();
    peer.expect(Method::Ack).await;
    peer.reply(&invite, 200, "one", Some(ANSWER)).await;
    let ack = peer.expect(Method::Ack).await;
    assert_eq!(ack.to().unwrap().tag(), Some("one"));
    let bye = peer.expect(Method::Bye).await;
    assert_eq!(bye.to().unwrap().tag(), Some("one"));
    assert!(bye.cseq().unwrap().0 > number(2));
    peer.reply(&bye, 200, "one", None).await;
}

#[tokio::test]
async fn offer_in_a_reliable_response_is_answered_in_the_prack() {
    let mut peer = Peer::new().await;
    let (agent, _incoming) = agent().await;
    let mut outgoing = call(&agent, peer.uri("peer"), None).await;
    let invite = peer.expect(Method::Invite).await;
    peer.send(&reliable(&peer, &invite, 1, Some(OFFER)).to_bytes())
        .await;
    loop {
        if let InviteEvent::Offer(offer) = event(&mut outgoing).await {
            assert_eq!(
                (&offer.method, &offer.body),
                (&Method::Prack, &Some(Body::sdp(OFFER)))
            );
            offer.accept(Some(Body::sdp(ANSWER)));
            break;
        }
    }
    let prack = peer.expect(Method::Prack).await;
    assert_eq!(prack.body(), Some(Body::sdp(ANSWER)));
    peer.reply(&prack, 200, "", None).await;
    peer.reply(&invite, 200, "peer", None).await;
    answered(&mut outgoing).await.ack(None).await.unwrap();
    assert!(peer.expect(Method::Ack).await.body.is_empty());
}

#[tokio::test]
async fn updates_cross_the_early_dialog_of_a_caller_once_its_offer_is_answered() {
    let mut peer = Peer::new().await;
    let (agent, _incoming) = agent().await;
    let mut outgoing = call(&agent, peer.uri("peer"), Some(OFFER)).await;
    let invite = peer.expect(Method::Invite).await;
    peer.reply(&invite, 180, "peer", None).await;
    while !matches!(event(&mut outgoing).await, InviteEvent::Provisional(_)) {}
    // Our offer is open: 491 to the peer's (RFC 3311 section 5.2), and none of ours goes out.
    let crossing = peer.as_callee(Method::Update, &invite, "peer", Some(OFFER));
    peer.send(&crossing.to_bytes()).await;
    peer.response(Method::Update, 491).await;
    assert!(matches!(
        outgoing.update(Some(Body::sdp(OFFER))).await,
        Err(SignalingError::Pending)
    ));
    peer.send(&reliable(&peer, &invite, 1, Some(ANSWER)).to_bytes())
        .await;
    let prack = peer.expect(Method::Prack).await;
    peer.reply(&prack, 200, "", None).await;
    let update = peer.as_callee(Method::Update, &invite, "peer", Some("their offer"));
    peer.send(&update.to_bytes()).await;
    loop {
        if let InviteEvent::Offer(offer) = event(&mut outgoing).await {
            assert_eq!(offer.body, Some(Body::sdp("their offer")));
            offer.accept(Some(Body::sdp("our answer")));
            break;
        }
    }
    assert_eq!(
        peer.response(Method::Update, 200).await.body(),
        Some(Body::sdp("our answer"))
    );
    let (answer, ()) = tokio::join!(outgoing.update(Some(Body::sdp("our offer"))), async {
        let update = peer.expect(Method::Update).await;
        assert_eq!(update.body(), Some(Body::sdp("our offer")));
        assert!(update.contact().is_some());
        peer.reply(&update, 200, "", Some("their answer")).await;
    });
    assert_eq!(answer.unwrap().body, Some(Body::sdp("their answer")));
    peer.reply(&invite, 200, "peer", None).await;
    answered(&mut outgoing).await.ack(None).await.unwrap();
}

/// The peer's INVITE with `100rel` in this header, as it arrives.
async fn arrived(
    peer: &mut Peer,
    agent: &UserAgent,
    incoming: &mut sip_signaling::IncomingCalls,
    header: &str,
) -> (Request, IncomingInvite) {
    let mut invite = peer.invite(agent.local_addr(), Some(OFFER));
    invite.headers.push(header, "100rel").unwrap();
    peer.send(&invite.to_bytes()).await;
    let arrived = timeout(PATIENCE, incoming.recv()).await.unwrap().unwrap();
    (invite, arrived)
}

fn prack(peer: &mut Peer, invite: &Request, progress: &Response, body: Option<&str>) -> Request {
    let mut prack = peer.in_dialog(Method::Prack, invite, progress, body);
    let number = progress.headers.get("RSeq").unwrap();
    let cseq = invite.cseq().unwrap().0;
    prack
        .headers
        .push("RAck", format!("{number} {cseq} INVITE"))
        .unwrap();
    prack
}

#[tokio::test]
async fn reliable_response_is_repeated_until_its_prack() {
    let mut peer = Peer::new().await;
    let (agent, mut incoming) = agent().await;
    let (invite, mut arrived) = arrived(&mut peer, &agent, &mut incoming, "Supported").await;
    let script = async {
        let first = peer.response(Method::Invite, 183).await;
        assert!(first.headers.has_token("Require", "100rel"));
        assert_eq!(first.body(), Some(Body::sdp(ANSWER)));
        let again = peer.response(Method::Invite, 183).await;
        assert_eq!(again.headers.get("RSeq"), first.headers.get("RSeq"));
        let mut wrong = prack(&mut peer, &invite, &first, None);
        wrong.headers.set("RAck", "1 1 INVITE").unwrap();
        peer.send(&wrong.to_bytes()).await;
        peer.response(Method::Prack, 481).await;
        let right = prack(&mut peer, &invite, &first, Some("next offer"));
        peer.send(&right.to_bytes()).await;
        first
    };
    let early = arrived.reliable(
        StatusCode::SESSION_PROGRESS,
        HeaderList::new(),
        Some(Body::sdp(ANSWER)),
    );
    let (acknowledged, progress) = tokio::join!(early, script);
    // RFC 3262 section 5: the answer is there, so the PRACK may hold the next offer.
    let offer = acknowledged.unwrap().offer.unwrap();
    assert_eq!(offer.body, Some(Body::sdp("next offer")));
    offer.accept(Some(Body::sdp("next answer")));
    assert_eq!(
        peer.response(Method::Prack, 200).await.body(),
        Some(Body::sdp("next answer"))
    );
    // UPDATE both ways before the answer.
    let update = peer.in_dialog(Method::Update, &invite, &progress, Some("their offer"));
    peer.send(&update.to_bytes()).await;
    timeout(PATIENCE, arrived.next_offer())
        .await
        .unwrap()
        .accept(Some(Body::sdp("our answer")));
    assert_eq!(
        peer.response(Method::Update, 200).await.body(),
        Some(Body::sdp("our answer"))
    );
    let (ours, ()) = tokio::join!(arrived.update(Some(Body::sdp("our offer"))), async {
        let update = peer.expect(Method::Update).await;
        peer.reply(&update, 200, "", Some("their answer")).await;
    });
    assert_eq!(ours.unwrap().body, Some(Body::sdp("their answer")));
    let _call = arrived.accept(HeaderList::new(), None).await.unwrap();
    assert!(peer.response(Method::Invite, 200).await.body.is_empty());
}

#[tokio::test]
async fn call_whose_reliable_response_is_never_acknowledged_is_refused() {
    let mut peer = Peer::new().await;
    let (agent, mut incoming) = agent().await;
    let (_, arrived) = arrived(&mut peer, &agent, &mut incoming, "Supported").await;
    let early = arrived.reliable(StatusCode::RINGING, HeaderList::new(), None);
    let (outcome, _) = tokio::join!(early, peer.response(Method::Invite, 504));
    assert!(matches!(outcome, Err(SignalingError::Timeout { .. })));
    assert!(matches!(
        arrived.accept(HeaderList::new(), None).await,
        Err(SignalingError::Cancelled)
    ));
}

#[tokio::test]
async fn ringing_is_reliable_to_a_caller_that_requires_it_and_a_late_prack_is_answered() {
    let mut peer = Peer::new().await;
    let (agent, mut incoming) = agent().await;
    let (invite, arrived) = arrived(&mut peer, &agent, &mut incoming, "Require").await;
    arrived.ring().await.unwrap();
    let ringing = peer.response(Method::Invite, 180).await;
    assert!(ringing.headers.contains("RSeq"));
    let _call = arrived
        .accept(HeaderList::new(), Some(Body::sdp(ANSWER)))
        .await
        .unwrap();
    let ok = peer.response(Method::Invite, 200).await;
    let late = prack(&mut peer, &invite, &ringing, None);
    peer.send(&late.to_bytes()).await;
    peer.response(Method::Prack, 200).await;
    let ack = peer.in_dialog(Method::Ack, &invite, &ok, None);
    peer.send(&ack.to_bytes()).await;
}

#[tokio::test]
async fn caller_without_100rel_is_sent_nothing_reliable() {
    let mut peer = Peer::new().await;
    let (agent, mut incoming) = agent().await;
    let invite = peer.invite(agent.local_addr(), Some(OFFER));
    peer.send(&invite.to_bytes()).await;
    let arrived = timeout(PATIENCE, incoming.recv()).await.unwrap().unwrap();
    assert!(!arrived.takes_reliable());
    assert!(matches!(
        arrived
            .reliable(StatusCode::RINGING, HeaderList::new(), None)
            .await,
        Err(SignalingError::InvalidInput { .. })
    ));
    arrived.ring().await.unwrap();
    let ringing = peer.response(Method::Invite, 180).await;
    assert!(!ringing.headers.contains("RSeq") && !ringing.headers.has_token("Require", "100rel"));
}
