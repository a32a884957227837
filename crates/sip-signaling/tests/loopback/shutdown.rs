//! What a user agent says before it goes: nobody is left waiting for an answer that was given or a call that is over.

use sip_signaling::{HeaderList, InviteEvent, Method, SignalingError, StatusCode};

use crate::peer::{OFFER, PATIENCE, Peer, agent, call, event, failure};
use tokio::time::timeout;

#[tokio::test]
async fn a_refusal_goes_out_before_the_sockets_close() {
    // Often: what is lost here is lost in a race.
    for _ in 0..50 {
        let mut peer = Peer::new().await;
        let (agent, mut incoming) = agent().await;
        let invite = peer.invite(agent.local_addr(), Some(OFFER));
        peer.send(&invite.to_bytes()).await;
        let arrived = timeout(PATIENCE, incoming.recv()).await.unwrap().unwrap();
        arrived
            .reject(StatusCode::BUSY_HERE, None, HeaderList::new())
            .await
            .unwrap();
        agent.shutdown().await;
        drop((agent, incoming));
        peer.response(Method::Invite, 486).await;
    }
}

#[tokio::test]
async fn a_cancel_goes_out_before_the_sockets_close() {
    for _ in 0..50 {
        let mut peer = Peer::new().await;
        let (agent, _incoming) = agent().await;
        let mut outgoing = call(&agent, peer.uri("peer"), Some(OFFER)).await;
        let invite = peer.expect(Method::Invite).await;
        peer.reply(&invite, 180, "peer", None).await;
        while !matches!(event(&mut outgoing).await, InviteEvent::Provisional(_)) {}
        outgoing.cancel().await;
        agent.shutdown().await;
        peer.expect(Method::Cancel).await;
    }
}

#[tokio::test]
async fn calls_that_ring_are_cancelled_and_refused() {
    let mut callee = Peer::new().await;
    let mut caller = Peer::new().await;
    let (agent, mut incoming) = agent().await;
    let mut outgoing = call(&agent, callee.uri("peer"), Some(OFFER)).await;
    let invite = callee.expect(Method::Invite).await;
    callee.reply(&invite, 180, "peer", None).await;
    while !matches!(event(&mut outgoing).await, InviteEvent::Provisional(_)) {}
    let invite = caller.invite(agent.local_addr(), Some(OFFER));
    caller.send(&invite.to_bytes()).await;
    let arrived = timeout(PATIENCE, incoming.recv()).await.unwrap().unwrap();
    agent.shutdown().await;
    callee.expect(Method::Cancel).await;
    caller.response(Method::Invite, 480).await;
    assert!(matches!(
        failure(&mut outgoing).await,
        SignalingError::Closed
    ));
    arrived.accept(HeaderList::new(), None).await.unwrap_err();
}
