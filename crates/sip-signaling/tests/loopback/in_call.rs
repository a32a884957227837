//! What happens within a call.

use std::time::Duration;

use sip_signaling::{
    Body, CallEvent, CallHandle, Credentials, EndedBy, HeaderList, Method, SignalingError,
    StatusCode, UserAgent, UserAgentConfig, message::Message,
};

use crate::peer::{ANSWER, OFFER, Peer, agent, call_event, config, ended};

fn spawn_reinvite(
    handle: CallHandle,
    body: Option<&'static str>,
) -> tokio::task::JoinHandle<Result<sip_signaling::OfferAnswer, SignalingError>> {
    tokio::spawn(async move { handle.reinvite(body.map(Body::sdp)).await })
}

#[tokio::test]
async fn peers_reinvite_is_answered_and_moves_the_target() {
    let mut peer = Peer::new().await;
    let (agent, mut incoming) = agent().await;
    let (invite, ok, mut call) = peer.calls(&agent, &mut incoming).await;
    let mut elsewhere = Peer::new().await;
    elsewhere.remote = peer.remote;
    let mut again = peer.in_dialog(Method::Invite, &invite, &ok, Some("hold"));
    again
        .headers
        .set("Contact", format!("<sip:moved@{}>", elsewhere.addr()))
        .unwrap();
    peer.send(&again.to_bytes()).await;
    let CallEvent::Offer(offer) = call_event(&mut call).await else {
        panic!()
    };
    assert_eq!(
        (offer.method.clone(), offer.body.clone()),
        (Method::Invite, Some(Body::sdp("hold")))
    );
    offer.accept(Some(Body::sdp("held")));
    let answer = peer.response(Method::Invite, 200).await;
    assert_eq!(answer.body(), Some(Body::sdp("held")));
    assert!(answer.contact().is_some());
    let mut ack = peer.in_dialog(Method::Ack, &again, &ok, None);
    ack.headers
        .set("CSeq", format!("{} ACK", again.cseq().unwrap().0))
        .unwrap();
    peer.send(&ack.to_bytes()).await;
    let handle = call.handle();
    let bye = tokio::spawn(async move { handle.bye(HeaderList::new()).await });
    let request = elsewhere.expect(Method::Bye).await;
    assert_eq!(request.uri.user(), Some("moved"));
    elsewhere.reply(&request, 200, "", None).await;
    bye.await.unwrap().unwrap();
}

#[tokio::test]
async fn offer_without_an_answer_of_the_program_is_refused_and_the_call_goes_on() {
    let mut peer = Peer::new().await;
    let (agent, mut incoming) = UserAgent::bind(UserAgentConfig {
        offer_timeout: Duration::from_millis(100),
        ..config()
    })
    .await
    .unwrap();
    let (invite, ok, mut call) = peer.calls(&agent, &mut incoming).await;
    // Nobody looks at the event: 500.
    let first = peer.in_dialog(Method::Invite, &invite, &ok, Some(OFFER));
    peer.send(&first.to_bytes()).await;
    peer.response(Method::Invite, 500).await;
    let CallEvent::Offer(late) = call_event(&mut call).await else {
        panic!()
    };
    late.accept(Some(Body::sdp(ANSWER)));
    // Dropped: 488. Refused: as the program says.
    let second = peer.in_dialog(Method::Update, &invite, &ok, Some(OFFER));
    peer.send(&second.to_bytes()).await;
    drop(call_event(&mut call).await);
    peer.response(Method::Update, 488).await;
    let third = peer.in_dialog(Method::Update, &invite, &ok, Some(OFFER));
    peer.send(&third.to_bytes()).await;
    let CallEvent::Offer(offer) = call_event(&mut call).await else {
        panic!()
    };
    offer.reject(StatusCode(415));
    peer.response(Method::Update, 415).await;
    let bye = peer.in_dialog(Method::Bye, &invite, &ok, None);
    peer.send(&bye.to_bytes()).await;
    peer.response(Method::Bye, 200).await;
    assert_eq!(ended(&mut call).await.by, EndedBy::Remote);
}

#[tokio::test]
async fn update_without_a_body_is_answered_alone_and_with_one_by_the_program() {
    let mut peer = Peer::new().await;
    let (agent, mut incoming) = agent().await;
    let (invite, ok, mut call) = peer.calls(&agent, &mut incoming).await;
    let refresh = peer.in_dialog(Method::Update, &invite, &ok, None);
    peer.send(&refresh.to_bytes()).await;
    assert!(peer.response(Method::Update, 200).await.body.is_empty());
    let update = peer.in_dialog(Method::Update, &invite, &ok, Some(OFFER));
    peer.send(&update.to_bytes()).await;
    let CallEvent::Offer(offer) = call_event(&mut call).await else {
        panic!()
    };
    offer.accept(Some(Body::sdp(ANSWER)));
    assert_eq!(
        peer.response(Method::Update, 200).await.body(),
        Some(Body::sdp(ANSWER))
    );
}

#[tokio::test]
async fn reinvite_without_an_offer_is_offered_one() {
    let mut peer = Peer::new().await;
    let (agent, mut incoming) = agent().await;
    let (invite, ok, mut call) = peer.calls(&agent, &mut incoming).await;
    let again = peer.in_dialog(Method::Invite, &invite, &ok, None);
    peer.send(&again.to_bytes()).await;
    let CallEvent::Offer(offer) = call_event(&mut call).await else {
        panic!()
    };
    assert_eq!(offer.body, None);
    offer.accept(Some(Body::sdp(OFFER)));
    peer.response(Method::Invite, 200).await;
    let mut ack = peer.in_dialog(Method::Ack, &again, &ok, Some(ANSWER));
    ack.headers
        .set("CSeq", format!("{} ACK", again.cseq().unwrap().0))
        .unwrap();
    peer.send(&ack.to_bytes()).await;
    assert!(
        matches!(call_event(&mut call).await, CallEvent::AckBody(body) if body == Body::sdp(ANSWER))
    );
}

#[tokio::test]
async fn our_reinvite_is_acknowledged_and_a_refused_one_leaves_the_call() {
    let mut peer = Peer::new().await;
    let (agent, _incoming) = agent().await;
    let (invite, call) = peer.is_called(&agent).await;
    let offer = spawn_reinvite(call.handle(), Some("hold"));
    let request = peer.expect(Method::Invite).await;
    assert_eq!(request.body(), Some(Body::sdp("hold")));
    assert_eq!(
        (request.call_id(), request.to().unwrap().tag()),
        (invite.call_id(), Some("peer"))
    );
    assert!(request.contact().is_some());
    peer.reply(&request, 200, "peer", Some("held")).await;
    assert_eq!(offer.await.unwrap().unwrap().body, Some(Body::sdp("held")));
    let ack = peer.expect(Method::Ack).await;
    assert_eq!(ack.cseq().unwrap().0, request.cseq().unwrap().0);
    peer.reply(&request, 200, "peer", Some("held")).await;
    assert_eq!(
        peer.expect_again(Method::Ack).await.to_bytes(),
        ack.to_bytes()
    );

    let refused = spawn_reinvite(call.handle(), Some("bad"));
    let request = peer.expect(Method::Invite).await;
    peer.reply(&request, 488, "peer", None).await;
    assert_eq!(refused.await.unwrap().unwrap_err().status().unwrap().0, 488);
    peer.expect(Method::Ack).await;

    // Without an offer of ours, the ACK carries our answer.
    let delayed = spawn_reinvite(call.handle(), None);
    let request = peer.expect(Method::Invite).await;
    assert!(request.body.is_empty());
    peer.reply(&request, 200, "peer", Some(OFFER)).await;
    let answer = delayed.await.unwrap().unwrap();
    assert_eq!(answer.body, Some(Body::sdp(OFFER)));
    answer.ack(Some(Body::sdp(ANSWER))).await.unwrap();
    assert_eq!(
        peer.expect(Method::Ack).await.body(),
        Some(Body::sdp(ANSWER))
    );
}

#[tokio::test]
async fn glare_is_491_on_our_side_and_retried_after_theirs() {
    let mut peer = Peer::new().await;
    let (agent, _incoming) = agent().await;
    let (invite, call) = peer.is_called(&agent).await;
    let offer = spawn_reinvite(call.handle(), Some("ours"));
    let request = peer.expect(Method::Invite).await;
    let theirs = peer.as_callee(Method::Invite, &invite, "peer", Some("theirs"));
    peer.send(&theirs.to_bytes()).await;
    peer.response(Method::Invite, 491).await;
    assert!(matches!(
        call.handle().update(Some(Body::sdp("too early"))).await,
        Err(SignalingError::Pending)
    ));
    peer.reply(&request, 491, "peer", None).await;
    peer.expect(Method::Ack).await;
    let retry = peer.expect(Method::Invite).await;
    assert!(retry.cseq().unwrap().0 > request.cseq().unwrap().0);
    assert_eq!(retry.body(), Some(Body::sdp("ours")));
    peer.reply(&retry, 200, "peer", Some(ANSWER)).await;
    assert_eq!(offer.await.unwrap().unwrap().body, Some(Body::sdp(ANSWER)));
}

#[tokio::test]
async fn second_offer_of_the_peer_is_500_while_the_first_is_open() {
    let mut peer = Peer::new().await;
    let (agent, mut incoming) = agent().await;
    let (invite, ok, mut call) = peer.calls(&agent, &mut incoming).await;
    let first = peer.in_dialog(Method::Update, &invite, &ok, Some(OFFER));
    peer.send(&first.to_bytes()).await;
    let CallEvent::Offer(open) = call_event(&mut call).await else {
        panic!()
    };
    let second = peer.in_dialog(Method::Invite, &invite, &ok, Some(OFFER));
    peer.send(&second.to_bytes()).await;
    assert!(
        peer.response(Method::Invite, 500)
            .await
            .headers
            .contains("Retry-After")
    );
    open.accept(Some(Body::sdp(ANSWER)));
    peer.response(Method::Update, 200).await;
}

#[tokio::test]
async fn numbers_out_of_order_are_500() {
    let mut peer = Peer::new().await;
    let (agent, mut incoming) = agent().await;
    let (invite, ok, _call) = peer.calls(&agent, &mut incoming).await;
    let mut info = peer.in_dialog(Method::Info, &invite, &ok, None);
    info.headers.set("CSeq", "3 INFO").unwrap();
    peer.send(&info.to_bytes()).await;
    peer.response(Method::Info, 500).await;
}

#[tokio::test]
async fn info_is_answered_and_surfaces_and_other_methods_are_refused() {
    let mut peer = Peer::new().await;
    let (agent, mut incoming) = agent().await;
    let (invite, ok, mut call) = peer.calls(&agent, &mut incoming).await;
    let mut info = peer.in_dialog(Method::Info, &invite, &ok, None);
    info.set_body(Some(Body::new(
        "application/dtmf-relay",
        "Signal=5\r\nDuration=160\r\n",
    )))
    .unwrap();
    peer.send(&info.to_bytes()).await;
    peer.response(Method::Info, 200).await;
    assert!(
        matches!(call_event(&mut call).await, CallEvent::Info { body: Some(body), .. } if body.is("application/dtmf-relay"))
    );
    for (method, status) in [
        (Method::Refer, 400),
        (Method::Subscribe, 405),
        (Method::Options, 200),
        (Method::Prack, 481),
    ] {
        let request = peer.in_dialog(method.clone(), &invite, &ok, None);
        peer.send(&request.to_bytes()).await;
        assert!(
            peer.response(method, status)
                .await
                .headers
                .contains("Allow")
        );
    }
    let handle = call.handle();
    let sent = tokio::spawn(async move {
        handle
            .info(Body::new("application/dtmf-relay", "Signal=1\r\n"))
            .await
    });
    let request = peer.expect(Method::Info).await;
    assert_eq!(
        request.headers.get("Content-Type"),
        Some("application/dtmf-relay")
    );
    peer.reply(&request, 200, "", None).await;
    sent.await.unwrap().unwrap();
}

#[tokio::test]
async fn byes_that_cross_are_both_answered() {
    let mut peer = Peer::new().await;
    let (agent, mut incoming) = agent().await;
    let (invite, ok, mut call) = peer.calls(&agent, &mut incoming).await;
    let handle = call.handle();
    let ours = tokio::spawn(async move { handle.bye(HeaderList::new()).await });
    let request = peer.expect(Method::Bye).await;
    let theirs = peer.in_dialog(Method::Bye, &invite, &ok, None);
    peer.send(&theirs.to_bytes()).await;
    peer.response(Method::Bye, 200).await;
    peer.reply(&request, 481, "", None).await;
    ours.await.unwrap().unwrap();
    assert_eq!(ended(&mut call).await.by, EndedBy::Local);
}

#[tokio::test]
async fn bye_while_an_offer_is_open_ends_the_call() {
    let mut peer = Peer::new().await;
    let (agent, mut incoming) = agent().await;
    let (invite, ok, mut call) = peer.calls(&agent, &mut incoming).await;
    let again = peer.in_dialog(Method::Invite, &invite, &ok, Some(OFFER));
    peer.send(&again.to_bytes()).await;
    let CallEvent::Offer(open) = call_event(&mut call).await else {
        panic!()
    };
    let bye = peer.in_dialog(Method::Bye, &invite, &ok, None);
    peer.send(&bye.to_bytes()).await;
    let mut statuses = Vec::new();
    while statuses.len() < 2 {
        if let Message::Response(response) = peer.any().await {
            let entry = (response.cseq().unwrap().1, response.status.0);
            if response.status.is_final() && !statuses.contains(&entry) {
                statuses.push(entry);
            }
        }
    }
    assert!(
        statuses.contains(&(Method::Bye, 200)) && statuses.contains(&(Method::Invite, 487)),
        "{statuses:?}"
    );
    assert_eq!(ended(&mut call).await.by, EndedBy::Remote);
    open.accept(None);
}

#[tokio::test]
async fn unknown_dialogs_are_481_and_lost_calls_end() {
    let mut peer = Peer::new().await;
    let (agent, mut incoming) = agent().await;
    let (invite, mut ok, mut call) = peer.calls(&agent, &mut incoming).await;
    let handle = call.handle();
    let info = tokio::spawn(async move { handle.info(Body::new("text/plain", "hello")).await });
    let request = peer.expect(Method::Info).await;
    peer.reply(&request, 481, "", None).await;
    assert_eq!(info.await.unwrap().unwrap_err().status().unwrap().0, 481);
    assert_eq!(ended(&mut call).await.by, EndedBy::Lost);
    ok.headers
        .set("To", format!("<sip:bob@{}>;tag=nobody", agent.local_addr()))
        .unwrap();
    let stray = peer.in_dialog(Method::Bye, &invite, &ok, None);
    peer.send(&stray.to_bytes()).await;
    peer.response(Method::Bye, 481).await;
}

#[tokio::test]
async fn challenge_within_a_call_is_answered() {
    let mut peer = Peer::new().await;
    let (agent, mut incoming) = agent().await;
    let invite = peer.invite(agent.local_addr(), Some(OFFER));
    peer.send(&invite.to_bytes()).await;
    let mut arrived = incoming.recv().await.unwrap();
    arrived.set_credentials(Credentials::new("bob", "secret"));
    let call = arrived
        .accept(HeaderList::new(), Some(Body::sdp(ANSWER)))
        .await
        .unwrap();
    let ok = peer.response(Method::Invite, 200).await;
    let ack = peer.in_dialog(Method::Ack, &invite, &ok, None);
    peer.send(&ack.to_bytes()).await;
    let offer = spawn_reinvite(call.handle(), Some("hold"));
    let first = peer.expect(Method::Invite).await;
    peer.reply_with(
        &first,
        407,
        &[(
            "Proxy-Authenticate",
            r#"Digest realm="p", nonce="1", qop="auth""#,
        )],
    )
    .await;
    peer.expect(Method::Ack).await;
    let second = peer.expect(Method::Invite).await;
    assert!(second.headers.contains("Proxy-Authorization"));
    peer.reply(&second, 200, "", Some("held")).await;
    assert!(offer.await.unwrap().is_ok());
    peer.expect(Method::Ack).await;
    let handle = call.handle();
    let bye = tokio::spawn(async move { handle.bye(HeaderList::new()).await });
    let request = peer.expect(Method::Bye).await;
    assert!(
        request
            .headers
            .get("Proxy-Authorization")
            .unwrap()
            .contains("nc=00000002")
    );
    peer.reply(&request, 200, "", None).await;
    bye.await.unwrap().unwrap();
}

#[tokio::test]
async fn silent_peer_ends_the_call_when_we_ask_it_something() {
    let mut peer = Peer::new().await;
    let (agent, mut incoming) = agent().await;
    let (_invite, _ok, mut call) = peer.calls(&agent, &mut incoming).await;
    let result = call.handle().reinvite(Some(Body::sdp("hold"))).await;
    assert!(
        matches!(result, Err(SignalingError::Timeout { .. })),
        "{result:?}"
    );
    assert_eq!(ended(&mut call).await.by, EndedBy::Timeout);
    peer.expect_again(Method::Bye).await;
}
