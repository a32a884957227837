//! MESSAGE both ways, within calls and outside; OPTIONS and other requests out.

use sip_signaling::{Body, CallEvent, Credentials, Method, RequestOptions, SignalingError};
use tokio::time::timeout;

use crate::peer::{PATIENCE, Peer, agent, alice, call_event};

#[tokio::test]
async fn message_is_sent_and_its_challenge_answered() {
    let mut peer = Peer::new().await;
    let (agent, _incoming) = agent().await;
    let options = RequestOptions {
        body: Some(Body::new("text/plain", "hello")),
        credentials: Some(Credentials::new("alice", "secret")),
        ..RequestOptions::new(Method::Message, peer.uri("bob"), alice())
    };
    let sending = tokio::spawn(async move { agent.request(options).await });
    let first = peer.expect(Method::Message).await;
    assert_eq!(first.body(), Some(Body::new("text/plain", "hello")));
    let challenge = (
        "WWW-Authenticate",
        "Digest realm=\"r\", nonce=\"n\", qop=\"auth\"",
    );
    peer.reply_with(&first, 401, &[challenge]).await;
    let second = peer.expect(Method::Message).await;
    assert!(second.headers.contains("Authorization"));
    assert_eq!(second.cseq().unwrap().0, first.cseq().unwrap().0 + 1);
    peer.reply(&second, 202, "peer", None).await;
    assert_eq!(sending.await.unwrap().unwrap().status.0, 202);
}

#[tokio::test]
async fn options_tell_what_the_peer_can_do_and_a_refusal_is_an_error() {
    let mut peer = Peer::new().await;
    let (agent, _incoming) = agent().await;
    let bob = peer.uri("bob");
    let asking = |method| {
        let (agent, target) = (agent.clone(), bob.clone());
        tokio::spawn(async move {
            agent
                .request(RequestOptions::new(method, target, alice()))
                .await
        })
    };
    let answer = asking(Method::Options);
    let request = peer.expect(Method::Options).await;
    assert!(request.headers.contains("Accept"));
    peer.reply_with(&request, 200, &[("Allow", "INVITE, X")])
        .await;
    let answer = answer.await.unwrap().unwrap();
    assert!(answer.headers.has_token("Allow", "X"));
    let refused = asking(Method::Publish);
    let request = peer.expect(Method::Publish).await;
    peer.reply(&request, 489, "peer", None).await;
    assert!(
        matches!(refused.await.unwrap(), Err(SignalingError::Rejected(refusal)) if refusal.status.0 == 489)
    );
    for method in [Method::Invite, Method::Bye, Method::Register] {
        let wrong = asking(method).await.unwrap();
        assert!(matches!(wrong, Err(SignalingError::InvalidInput { .. })));
    }
}

#[tokio::test]
async fn message_of_a_peer_is_taken_where_somebody_listens_and_refused_elsewhere() {
    let mut peer = Peer::new().await;
    let (agent, _incoming) = agent().await;
    let message = |peer: &mut Peer, text: &str| {
        let mut request = peer.out_of_call(Method::Message, agent.local_addr());
        let body = Body::new("text/plain", text);
        request.set_body(Some(body)).unwrap();
        request.to_bytes()
    };
    let bytes = message(&mut peer, "nobody");
    peer.send(&bytes).await;
    peer.response(Method::Message, 405).await;
    let mut messages = agent.messages();
    let bytes = message(&mut peer, "somebody");
    peer.send(&bytes).await;
    let ok = peer.response(Method::Message, 200).await;
    assert!(ok.headers.has_token("Allow", "MESSAGE"));
    let received = timeout(PATIENCE, messages.recv()).await.unwrap().unwrap();
    assert_eq!(received.from.uri().user(), Some("alice"));
    assert_eq!(received.body, Some(Body::new("text/plain", "somebody")));
    for _ in 0..32 {
        let bytes = message(&mut peer, "flood");
        peer.send(&bytes).await;
        peer.response(Method::Message, 200).await;
    }
    let bytes = message(&mut peer, "too many");
    peer.send(&bytes).await;
    peer.response(Method::Message, 480).await;
}

#[tokio::test]
async fn messages_pass_within_a_call() {
    let mut peer = Peer::new().await;
    let (agent, mut incoming) = agent().await;
    let (invite, ok, mut call) = peer.calls(&agent, &mut incoming).await;
    let mut request = peer.in_dialog(Method::Message, &invite, &ok, None);
    let body = Body::new("text/plain", "in the call");
    request.set_body(Some(body.clone())).unwrap();
    peer.send(&request.to_bytes()).await;
    peer.response(Method::Message, 200).await;
    assert!(
        matches!(call_event(&mut call).await, CallEvent::Message { body: Some(told), .. } if told == body)
    );
    let handle = call.handle();
    let sent = tokio::spawn(async move { handle.message(Body::new("text/plain", "back")).await });
    let request = peer.expect(Method::Message).await;
    assert_eq!(request.body(), Some(Body::new("text/plain", "back")));
    peer.reply(&request, 200, "", None).await;
    sent.await.unwrap().unwrap();
}
