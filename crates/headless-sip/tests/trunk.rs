//! Calls from trunk peers: each with its codecs and its address for the media; strangers cost no media port.

mod common;

use std::time::Duration;

use common::*;
use headless_sip::{ClientConfig, CodecTable, Error, Passwords, Register, TrunkConfig, TrunkPeer};
use sip_signaling::{Body, InviteEvent, InviteOptions, NameAddr, UserAgent, UserAgentConfig};

/// One pair of RTP ports, from a block that no other test uses.
fn one_call() -> std::ops::RangeInclusive<u16> {
    let socket = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    let even = socket.local_addr().unwrap().port() & !1;
    even..=even + 1
}

fn carrier() -> TrunkPeer {
    TrunkPeer {
        codecs: Some(CodecTable::from_names("pcma").unwrap()),
        media_address: Some([203, 0, 113, 9].into()),
        ..TrunkPeer::network("carrier", "127.0.0.1/32".parse().unwrap())
    }
}

fn trunk(peers: Vec<TrunkPeer>) -> ClientConfig {
    let trunk = TrunkConfig {
        peers,
        ..TrunkConfig::default()
    };
    ClientConfig {
        trunk: Some(trunk),
        ..config()
    }
}

#[tokio::test]
async fn peer_gets_its_codecs_and_its_media_address() {
    let bob = client(trunk(vec![carrier()])).await;
    let (agent, _incoming) = UserAgent::bind(UserAgentConfig {
        local_addr: ([127, 0, 0, 1], 0).into(),
        ..UserAgentConfig::default()
    })
    .await
    .unwrap();
    let offer = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 40000 RTP/AVP 0 8\r\n";
    let from: NameAddr = "<sip:carrier@127.0.0.1>".parse().unwrap();
    let options = InviteOptions {
        body: Some(Body::sdp(offer)),
        ..InviteOptions::new(uri("bob", &bob).parse().unwrap(), from)
    };
    let mut outgoing = agent.invite(options).await.unwrap();
    let call = within(bob.incoming()).await.unwrap();
    assert_eq!(call.trunk_peer(), Some("carrier"));
    let answering = tokio::spawn(call.answer());
    let answered = loop {
        match within(outgoing.next_event()).await {
            InviteEvent::Answered(answered) => break answered,
            InviteEvent::Failed(error) => panic!("{error}"),
            _ => {}
        }
    };
    let sdp = String::from_utf8(answered.body.clone().unwrap().bytes).unwrap();
    assert!(sdp.contains("c=IN IP4 203.0.113.9"), "{sdp}");
    let media = sdp
        .lines()
        .find(|line| line.starts_with("m=audio"))
        .unwrap();
    assert!(media.ends_with("RTP/AVP 8"), "{sdp}");
    let call = within(answered.ack(None)).await.unwrap();
    let there = within(answering).await.unwrap().unwrap();
    there.hang_up().await.unwrap();
    drop(call);
}

#[tokio::test]
async fn strangers_are_refused_and_take_no_media_port() {
    let bob = client(ClientConfig {
        rtp_ports: one_call(),
        ..trunk(vec![carrier()])
    })
    .await;
    let stranger = client(ClientConfig {
        local_sip_addr: ([127, 0, 0, 2], 0).into(),
        ..config()
    })
    .await;
    let target = uri("bob", &bob);
    for _ in 0..5 {
        let refused = stranger.call(&target).await;
        assert!(matches!(refused, Err(Error::Rejected { status: 403, .. })));
        let refused = stranger.message(&target, "let me in").await;
        assert!(matches!(refused, Err(Error::Rejected { status: 403, .. })));
    }
    // The one port that there is is still free.
    let alice = client(ClientConfig {
        codecs: CodecTable::from_names("pcma").unwrap(),
        ..config()
    })
    .await;
    let (call, answered) = tokio::join!(alice.call(&target), async {
        within(bob.incoming()).await.unwrap().answer().await
    });
    answered.unwrap().hang_up().await.unwrap();
    drop(call.unwrap());
}

#[tokio::test]
async fn user_with_a_password_may_call_from_anywhere() {
    let passwords = Passwords::by(|user| (user == "pbx").then(|| "secret".to_owned()));
    let bob = client(trunk(vec![
        carrier_elsewhere(),
        TrunkPeer::passwords("office", passwords),
    ]))
    .await;
    let target = uri("bob", &bob);
    let account = |password: &str| ClientConfig {
        username: Some("pbx".into()),
        password: Some(password.into()),
        register: Register::Never,
        ..config()
    };
    let wrong = client(account("guess")).await;
    assert!(matches!(
        wrong.call(&target).await,
        Err(Error::Unauthorized(_))
    ));
    let right = client(account("secret")).await;
    let (call, answered) = tokio::join!(right.call(&target), async {
        let call = within(bob.incoming()).await.unwrap();
        assert_eq!(call.trunk_peer(), Some("office"));
        call.answer().await
    });
    let mut answered = answered.unwrap();
    call.unwrap().hang_up().await.unwrap();
    within(answered.events.ended()).await.unwrap();
}

fn carrier_elsewhere() -> TrunkPeer {
    TrunkPeer::network("carrier", "192.0.2.0/24".parse().unwrap())
}

#[tokio::test]
async fn trunk_that_would_let_anybody_in_is_an_error() {
    let open = TrunkPeer {
        networks: Vec::new(),
        ..carrier()
    };
    let error = headless_sip::HeadlessSipClient::new(trunk(vec![open])).await;
    let error = error.unwrap_err().to_string();
    assert!(error.contains("anybody could call"), "{error}");
    assert_eq!(
        TrunkConfig::default().nonce_lifetime,
        Duration::from_secs(300)
    );
}
