//! How much a peer may make the agent read and hold: at the limit it is served, beyond it refused.

use std::time::Duration;

use sip_signaling::{Limits, Method, Request, SignalingError, UserAgent, UserAgentConfig};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};

use crate::peer::{OFFER, PATIENCE, Peer, agent, config};

async fn limited(limits: Limits) -> (UserAgent, sip_signaling::IncomingCalls) {
    UserAgent::bind(UserAgentConfig { limits, ..config() })
        .await
        .unwrap()
}

#[tokio::test]
async fn as_many_header_lines_as_the_limit_are_read_and_one_more_is_400() {
    let mut peer = Peer::new().await;
    let (agent, _incoming) = agent().await;
    for (count, status) in [(128, 200), (129, 400), (1_000, 400), (128, 200)] {
        let mut options = peer.out_of_call(Method::Options, agent.local_addr());
        // Content-Length is one of them.
        while options.headers.len() + 1 < count {
            options.headers.push("X-Fill", "y").unwrap();
        }
        peer.send(&options.to_bytes()).await;
        peer.response(Method::Options, status).await;
    }
}

#[tokio::test]
async fn message_at_the_limit_is_read_and_a_larger_one_ends_the_stream() {
    let limits = Limits {
        message_bytes: 4_000,
        ..Limits::default()
    };
    let mut peer = Peer::new().await;
    let (agent, _incoming) = limited(limits).await;
    let sized = |peer: &mut Peer, size: usize| {
        let mut options = peer.out_of_call(Method::Options, agent.local_addr());
        let fill = size - options.to_bytes().len() - "X-Fill: \r\n".len();
        options.headers.push("X-Fill", "y".repeat(fill)).unwrap();
        assert_eq!(options.to_bytes().len(), size);
        options.to_bytes()
    };
    let bytes = sized(&mut peer, 4_100);
    peer.send(&bytes).await;
    peer.response(Method::Options, 513).await;
    let bytes = sized(&mut peer, 3_900);
    peer.send(&bytes).await;
    peer.response(Method::Options, 200).await;

    let mut stream = TcpStream::connect(agent.local_addr()).await.unwrap();
    let bytes = sized(&mut peer, 4_000);
    stream.write_all(&bytes).await.unwrap();
    let mut buffer = vec![0; 8_192];
    let length = timeout(PATIENCE, stream.read(&mut buffer)).await;
    assert!(buffer[..length.unwrap().unwrap()].starts_with(b"SIP/2.0 200"));
    let bytes = sized(&mut peer, 4_001);
    stream.write_all(&bytes).await.unwrap();
    // Closed, whether something is said before or not.
    timeout(PATIENCE, async {
        while !matches!(stream.read(&mut buffer).await, Ok(0) | Err(_)) {}
    })
    .await
    .unwrap();
}

#[tokio::test]
async fn call_that_is_not_answered_in_the_ring_time_is_refused() {
    let limits = Limits {
        ring_time: Duration::from_millis(200),
        ..Limits::default()
    };
    let mut peer = Peer::new().await;
    let (agent, mut incoming) = limited(limits).await;
    let invite = peer.invite(agent.local_addr(), Some(OFFER));
    peer.send(&invite.to_bytes()).await;
    let call = timeout(PATIENCE, incoming.recv()).await.unwrap().unwrap();
    call.ring().await.unwrap();
    peer.response_for(invite.call_id().unwrap(), 480).await;
    timeout(PATIENCE, call.cancelled()).await.unwrap();
    let late = call.ring().await;
    assert!(matches!(late, Err(SignalingError::Cancelled)));
}

#[tokio::test]
async fn limits_are_those_that_the_documentation_names() {
    let Limits {
        message_bytes,
        headers,
        pending_calls,
        pending_messages,
        server_transactions,
        ring_time,
    } = Limits::default();
    assert_eq!((message_bytes, headers), (65_536, 128));
    assert_eq!((pending_calls, pending_messages), (32, 32));
    assert_eq!(
        (server_transactions, ring_time),
        (2_000, Duration::from_secs(180))
    );
    let mut peer = Peer::new().await;
    let (agent, incoming) = agent().await;
    let calls: Vec<Request> = (0..33)
        .map(|_| peer.invite(agent.local_addr(), Some(OFFER)))
        .collect();
    for call in &calls {
        peer.send(&call.to_bytes()).await;
    }
    // 32 wait, the 33rd is told that it is one too many.
    let last = calls.last().unwrap().call_id().unwrap();
    peer.response_for(last, 486).await;
    drop(incoming);
}
