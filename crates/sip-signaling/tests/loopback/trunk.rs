//! Trunk mode: peers by address and by password, everybody else refused before a call is made of it.

use std::time::Duration;

use sip_signaling::{
    Body, Credentials, HeaderList, IncomingCalls, IncomingInvite, InviteEvent, InviteOptions,
    Method, Passwords, RateLimit, Request, SignalingError, TrunkConfig, TrunkPeer, UserAgent,
    UserAgentConfig,
};
use tokio::time::timeout;

use crate::peer::{ANSWER, OFFER, PATIENCE, Peer, agent, alice, answered, config, failure};

fn by_address(network: &str) -> TrunkPeer {
    TrunkPeer {
        name: "carrier".into(),
        networks: vec![network.parse().unwrap()],
        passwords: None,
    }
}

fn by_password() -> TrunkPeer {
    TrunkPeer {
        name: "office".into(),
        networks: Vec::new(),
        passwords: Some(Passwords::table([("pbx", "secret")])),
    }
}

async fn trunk(peers: Vec<TrunkPeer>, rate: RateLimit) -> (UserAgent, IncomingCalls) {
    let trunk = TrunkConfig {
        peers,
        rate,
        nonce_lifetime: Duration::from_secs(60),
        ..TrunkConfig::default()
    };
    UserAgent::bind(UserAgentConfig {
        trunk: Some(trunk),
        ..config()
    })
    .await
    .unwrap()
}

async fn arrived(incoming: &mut IncomingCalls) -> IncomingInvite {
    timeout(PATIENCE, incoming.recv()).await.unwrap().unwrap()
}

/// True if no call has come in.
fn is_quiet(incoming: &mut IncomingCalls) -> bool {
    let next = std::pin::pin!(incoming.recv());
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    next.poll(&mut context).is_pending()
}

#[tokio::test]
async fn peer_in_the_network_calls_and_a_stranger_is_forbidden() {
    let mut peer = Peer::new().await;
    let rate = RateLimit::default();
    let (here, mut incoming) = trunk(vec![by_address("127.0.0.0/8")], rate).await;
    let invite = peer.invite(here.local_addr(), Some(OFFER));
    peer.send(&invite.to_bytes()).await;
    let call = arrived(&mut incoming).await;
    assert_eq!(call.trunk_peer(), Some("carrier"));
    let _call = call
        .accept(HeaderList::new(), Some(Body::sdp(ANSWER)))
        .await
        .unwrap();
    let ok = peer.response(Method::Invite, 200).await;
    let ack = peer.in_dialog(Method::Ack, &invite, &ok, None);
    peer.send(&ack.to_bytes()).await;
    let bye = peer.in_dialog(Method::Bye, &invite, &ok, None);
    peer.send(&bye.to_bytes()).await;
    peer.response(Method::Bye, 200).await;

    let (there, mut incoming) = trunk(vec![by_address("192.0.2.0/24")], rate).await;
    let mut requests = vec![peer.invite(there.local_addr(), Some(OFFER))];
    for method in [Method::Message, Method::Options, Method::Subscribe] {
        requests.push(peer.out_of_call(method, there.local_addr()));
    }
    for request in requests {
        peer.send(&request.to_bytes()).await;
        peer.response(request.method.clone(), 403).await;
    }
    assert!(is_quiet(&mut incoming));
}

#[tokio::test]
async fn user_agent_with_the_password_calls_and_one_without_is_not_authorised() {
    let (server, mut incoming) = trunk(vec![by_password()], RateLimit::default()).await;
    let (caller, _none) = agent().await;
    let target = sip_signaling::Uri::from_socket_addr(Some("bob"), server.local_addr()).unwrap();
    let options = |password: Option<&str>| InviteOptions {
        body: Some(Body::sdp(OFFER)),
        credentials: password.map(|password| Credentials::new("pbx", password)),
        ..InviteOptions::new(target.clone(), alice())
    };
    for wrong in [None, Some("wrong")] {
        let mut outgoing = caller.invite(options(wrong)).await.unwrap();
        let error = failure(&mut outgoing).await;
        assert!(
            matches!(error, SignalingError::Unauthorized { ref realm, .. } if realm == "headless-sip"),
            "{error}"
        );
    }
    assert!(is_quiet(&mut incoming));
    let mut outgoing = caller.invite(options(Some("secret"))).await.unwrap();
    let call = arrived(&mut incoming).await;
    assert_eq!(call.trunk_peer(), Some("office"));
    let _callee = call
        .accept(HeaderList::new(), Some(Body::sdp(ANSWER)))
        .await
        .unwrap();
    let call = answered(&mut outgoing).await.ack(None).await.unwrap();
    call.handle().bye(HeaderList::new()).await.unwrap();
}

#[tokio::test]
async fn answer_to_a_challenge_is_good_for_one_call() {
    let mut peer = Peer::new().await;
    let (server, mut incoming) = trunk(vec![by_password()], RateLimit::default()).await;
    let invite = peer.invite(server.local_addr(), Some(OFFER));
    peer.send(&invite.to_bytes()).await;
    let challenged = peer.response(Method::Invite, 401).await;
    let challenges: Vec<&str> = challenged.headers.get_all("WWW-Authenticate").collect();
    assert!(challenges[0].contains("algorithm=SHA-256") && challenges[1].contains("algorithm=MD5"));
    let mut client = sip_signaling::digest::DigestClient::new(Credentials::new("pbx", "secret"));
    let answer = client
        .answer(&challenges, "INVITE", &invite.uri.to_string(), b"", "c")
        .unwrap();
    let with_answer = |mut invite: Request| {
        let answer = answer.clone();
        invite.headers.push("Authorization", answer).unwrap();
        invite
    };
    let second = with_answer(peer.invite(server.local_addr(), Some(OFFER)));
    peer.send(&second.to_bytes()).await;
    let call = arrived(&mut incoming).await;
    drop(call);
    peer.response_for(second.call_id().unwrap(), 480).await;
    let replayed = with_answer(peer.invite(server.local_addr(), Some(OFFER)));
    peer.send(&replayed.to_bytes()).await;
    let stale = peer.response_for(replayed.call_id().unwrap(), 401).await;
    let challenge = stale.headers.get("WWW-Authenticate").unwrap();
    assert!(challenge.contains("stale=true"), "{challenge}");
    assert!(is_quiet(&mut incoming));
}

#[tokio::test]
async fn flood_of_one_source_is_put_off_then_dropped_while_another_calls() {
    let mut peer = Peer::new().await;
    let rate = RateLimit {
        per_second: 1,
        burst: 4,
        drop_above: 10,
    };
    let (server, mut incoming) = trunk(vec![by_address("127.0.0.0/8")], rate).await;
    let mut finals = 0;
    for _ in 0..30 {
        let invite = peer.invite(server.local_addr(), Some(OFFER));
        peer.send(&invite.to_bytes()).await;
    }
    // Those that were put off are answered at once; what passed waits for the program.
    while finals < 6 {
        let refused = peer.response(Method::Invite, 503).await;
        assert!(refused.headers.contains("Retry-After"));
        finals += 1;
    }
    let calls = [
        arrived(&mut incoming).await,
        arrived(&mut incoming).await,
        arrived(&mut incoming).await,
        arrived(&mut incoming).await,
    ];
    assert!(is_quiet(&mut incoming));
    // Another address of the same machine is another source.
    let (other, _none) = UserAgent::bind(UserAgentConfig {
        local_addr: "127.0.0.2:0".parse().unwrap(),
        ..config()
    })
    .await
    .unwrap();
    let target = sip_signaling::Uri::from_socket_addr(Some("bob"), server.local_addr()).unwrap();
    let options = InviteOptions {
        body: Some(Body::sdp(OFFER)),
        ..InviteOptions::new(target, alice())
    };
    let mut outgoing = other.invite(options).await.unwrap();
    let call = arrived(&mut incoming).await;
    call.ring().await.unwrap();
    while !matches!(
        timeout(PATIENCE, outgoing.next_event()).await.unwrap(),
        InviteEvent::Provisional(_)
    ) {}
    drop(calls);
}
