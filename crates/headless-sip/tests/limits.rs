//! Limits of a client, as its program sets them.

mod common;

use std::time::Duration;

use common::*;
use headless_sip::{ClientConfig, Error, Limits};
use sip_signaling::{
    Body, HeaderList, InviteEvent, InviteOptions, NameAddr, UserAgent, UserAgentConfig,
};

fn offer(lines: usize) -> Body {
    let more = "m=video 0 RTP/AVP 96\r\n".repeat(lines - 1);
    Body::sdp(format!(
        "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 40000 RTP/AVP 0\r\n{more}"
    ))
}

#[tokio::test]
async fn offer_with_more_media_lines_than_the_limit_is_488() {
    let (agent, _incoming) = UserAgent::bind(UserAgentConfig {
        local_addr: ([127, 0, 0, 1], 0).into(),
        ..UserAgentConfig::default()
    })
    .await
    .unwrap();
    let few = Limits {
        media_lines: 3,
        ..Limits::default()
    };
    for (limits, most) in [(few, 3), (Limits::default(), 16)] {
        let bob = client(ClientConfig { limits, ..config() }).await;
        for (lines, taken) in [(most, true), (most + 1, false)] {
            let from: NameAddr = "<sip:peer@127.0.0.1>".parse().unwrap();
            let options = InviteOptions {
                body: Some(offer(lines)),
                ..InviteOptions::new(uri("bob", &bob).parse().unwrap(), from)
            };
            let mut outgoing = agent.invite(options).await.unwrap();
            let answering = tokio::spawn(within(bob.incoming()).await.unwrap().answer());
            loop {
                match within(outgoing.next_event()).await {
                    InviteEvent::Answered(answered) => {
                        assert!(taken, "{lines} lines");
                        let call = within(answered.ack(None)).await.unwrap();
                        let there = within(answering).await.unwrap().unwrap();
                        call.handle().bye(HeaderList::new()).await.unwrap();
                        drop(there);
                        break;
                    }
                    InviteEvent::Failed(error) => {
                        assert!(!taken, "{lines} lines: {error}");
                        assert_eq!(error.status().map(|status| status.0), Some(488));
                        let refused = within(answering).await.unwrap();
                        assert!(matches!(refused, Err(Error::PeerIncompatible(_))));
                        break;
                    }
                    _ => {}
                }
            }
        }
    }
}

#[tokio::test]
async fn call_that_waits_longer_than_the_ring_time_is_over() {
    let bob = client(ClientConfig {
        limits: Limits {
            ring_time: Duration::from_millis(200),
            ..Limits::default()
        },
        ..config()
    })
    .await;
    let alice = client(config()).await;
    let target = uri("bob", &bob);
    let (refused, late) = tokio::join!(alice.call(&target), async {
        let call = within(bob.incoming()).await.unwrap();
        call.ring().await.unwrap();
        within(call.cancelled()).await;
        call.answer().await
    });
    assert!(matches!(refused, Err(Error::Rejected { status: 480, .. })));
    assert!(matches!(late, Err(Error::Cancelled)));
}
