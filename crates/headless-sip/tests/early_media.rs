//! Sound before the answer, as the one who is called.

mod common;

use std::net::SocketAddr;

use common::*;
use headless_sip::{AudioBridge, HeadlessSipClient, IncomingCall, OutgoingCall, Progress};
use sip_signaling::{
    Body, HeaderList, InviteEvent, InviteOptions, Method, NameAddr, Request, Response, Uri,
    UserAgent, UserAgentConfig, message::Message,
};
use tokio::net::UdpSocket;

/// Calls, and waits on both sides until there is sound before the answer.
async fn early(
    alice: &HeadlessSipClient,
    bob: &HeadlessSipClient,
    delayed: bool,
) -> (OutgoingCall, IncomingCall) {
    let dial = alice.dial(&uri("bob", bob));
    let dial = if delayed { dial.delayed_offer() } else { dial };
    let calling = async {
        let mut call = dial.await.unwrap();
        while within(call.progress()).await.unwrap() != Progress::EarlyMedia {}
        call
    };
    let called = async {
        let mut call = within(bob.incoming()).await.unwrap();
        within(call.early_media()).await.unwrap();
        call
    };
    tokio::join!(calling, called)
}

async fn hear(audio: &mut AudioBridge, seconds: f64) -> Vec<f32> {
    let mut heard = Vec::new();
    while (heard.len() as f64) < seconds * 8_000.0 {
        heard.extend(within(audio.rx.recv()).await.unwrap().samples);
    }
    heard
}

#[tokio::test]
async fn sound_flows_both_ways_before_the_answer_and_goes_on_after_it() {
    for delayed in [false, true] {
        let (alice, bob) = (client(config()).await, client(config()).await);
        let mut trace = alice.sip_trace();
        let (mut outgoing, mut incoming) = early(&alice, &bob, delayed).await;
        let (here, there) = (
            outgoing.audio.as_mut().unwrap(),
            incoming.audio.as_mut().unwrap(),
        );
        there.tx.send(tone(440.0, 3.0, 8_000)).await.unwrap();
        here.tx.send(tone(660.0, 3.0, 8_000)).await.unwrap();
        let (heard, heard_there) = tokio::join!(hear(here, 0.8), hear(there, 0.8));
        assert_tone(440.0, &heard[3_200..]);
        assert_tone(660.0, &heard_there[3_200..]);
        let (call, answered) = tokio::join!(outgoing.answered(), incoming.answer());
        let (mut call, mut answered) = (call.unwrap(), answered.unwrap());
        assert_tone(440.0, &listen(&mut call, 0.4).await);
        assert_tone(660.0, &listen(&mut answered, 0.4).await);
        call.hang_up().await.unwrap();
        within(answered.events.ended()).await.unwrap();
        let mut lines = Vec::new();
        while let Ok(message) = trace.try_recv() {
            lines.push(format!("{} {}", message.start_line, message.cseq));
        }
        let pracks = lines.iter().filter(|line| line.starts_with("PRACK"));
        assert_eq!(pracks.count(), 1, "{lines:#?}");
        let progress = lines.iter().filter(|line| line.starts_with("SIP/2.0 183"));
        assert!(progress.count() >= 1, "{lines:#?}");
    }
}

/// A caller that knows nothing of 100rel.
struct Old {
    socket: UdpSocket,
    peer: SocketAddr,
}

impl Old {
    async fn call(peer: SocketAddr, offer: Option<&str>) -> (Old, Request) {
        let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let ours = socket.local_addr().unwrap();
        let uri = Uri::from_socket_addr(Some("bob"), peer).unwrap();
        let mut invite = Request::new(Method::Invite, uri.clone());
        for (name, value) in [
            ("Via", format!("SIP/2.0/UDP {ours};branch=z9hG4bKold;rport")),
            ("Max-Forwards", "70".into()),
            ("From", "<sip:old@127.0.0.1>;tag=old".into()),
            ("To", format!("<{uri}>")),
            ("Call-ID", format!("old-{}", ours.port())),
            ("CSeq", "1 INVITE".into()),
            ("Contact", format!("<sip:old@{ours}>")),
        ] {
            invite.headers.push(name, value).unwrap();
        }
        invite.set_body(offer.map(Body::sdp)).unwrap();
        socket.send_to(&invite.to_bytes(), peer).await.unwrap();
        (Old { socket, peer }, invite)
    }

    async fn response(&self, status: u16) -> Response {
        let mut buffer = vec![0; 65_536];
        loop {
            let (length, _) = within(self.socket.recv_from(&mut buffer)).await.unwrap();
            match Message::parse(&buffer[..length]).unwrap() {
                Message::Response(response) if response.status.0 == status => return response,
                Message::Response(response) => assert!(response.status.is_provisional()),
                Message::Request(_) => {}
            }
        }
    }

    async fn send(&self, method: Method, invite: &Request, ok: &Response) {
        let mut request = Request::new(method.clone(), ok.contact().unwrap().uri().clone());
        let number = if method == Method::Ack { 1 } else { 2 };
        let ours = self.socket.local_addr().unwrap();
        for (name, value) in [
            (
                "Via",
                format!("SIP/2.0/UDP {ours};branch=z9hG4bK{method};rport").as_str(),
            ),
            ("Max-Forwards", "70"),
            ("From", invite.headers.get("From").unwrap()),
            ("To", ok.headers.get("To").unwrap()),
            ("Call-ID", invite.call_id().unwrap()),
            ("CSeq", &format!("{number} {method}")),
        ] {
            request.headers.push(name, value).unwrap();
        }
        let bytes = request.to_bytes();
        self.socket.send_to(&bytes, self.peer).await.unwrap();
    }
}

const OFFER: &str = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 40000 RTP/AVP 0\r\n";

#[tokio::test]
async fn caller_without_100rel_gets_one_183_and_the_same_answer_again() {
    let bob = client(config()).await;
    let (old, invite) = Old::call(bob.local_addr(), Some(OFFER)).await;
    let mut call = within(bob.incoming()).await.unwrap();
    within(call.early_media()).await.unwrap();
    within(call.early_media()).await.unwrap();
    assert!(call.audio.is_some());
    let progress = old.response(183).await;
    assert!(!progress.headers.contains("RSeq"));
    let answering = tokio::spawn(call.answer());
    let ok = old.response(200).await;
    assert_eq!(ok.body(), progress.body());
    assert!(ok.body().is_some());
    old.send(Method::Ack, &invite, &ok).await;
    let mut answered = within(answering).await.unwrap().unwrap();
    old.send(Method::Bye, &invite, &ok).await;
    within(answered.events.ended()).await.unwrap();
}

#[tokio::test]
async fn caller_without_offer_and_100rel_gets_no_early_media_but_an_answer() {
    let bob = client(config()).await;
    let (old, _) = Old::call(bob.local_addr(), None).await;
    let mut call = within(bob.incoming()).await.unwrap();
    let error = within(call.early_media()).await.unwrap_err();
    assert!(error.to_string().contains("100rel"), "{error}");
    call.reject(486).await.unwrap();
    old.response(486).await;
}

#[tokio::test]
async fn callers_offer_before_the_answer_is_answered_and_holds() {
    let bob = client(config()).await;
    let (agent, _calls) = UserAgent::bind(UserAgentConfig {
        local_addr: "127.0.0.1:0".parse().unwrap(),
        ..UserAgentConfig::default()
    })
    .await
    .unwrap();
    let target: Uri = uri("bob", &bob).parse().unwrap();
    let from = NameAddr::new("sip:alice@127.0.0.1".parse().unwrap());
    let mut outgoing = agent
        .invite(InviteOptions {
            body: Some(Body::sdp(OFFER)),
            ..InviteOptions::new(target, from)
        })
        .await
        .unwrap();
    let mut call = within(bob.incoming()).await.unwrap();
    let early = async {
        loop {
            match within(outgoing.next_event()).await {
                InviteEvent::Provisional(progress) if progress.body.is_some() => return,
                InviteEvent::Failed(error) => panic!("{error}"),
                _ => {}
            }
        }
    };
    let (media, ()) = tokio::join!(within(call.early_media()), early);
    media.unwrap();
    // The caller holds us while the announcement runs; nobody polls the call meanwhile.
    let hold = format!("{OFFER}a=sendonly\r\n").replace("o=- 1 1", "o=- 1 2");
    let answer = within(outgoing.update(Some(Body::sdp(hold.as_str())))).await;
    let answer = String::from_utf8(answer.unwrap().body.clone().unwrap().bytes).unwrap();
    assert!(answer.contains("a=recvonly"), "{answer}");
    // One that cannot work is refused, and what was agreed stays.
    let video = OFFER.replace("m=audio 40000 RTP/AVP 0", "m=video 40000 RTP/AVP 31");
    let refused = within(outgoing.update(Some(Body::sdp(video.as_str())))).await;
    assert_eq!(
        refused.unwrap_err().status().map(|status| status.0),
        Some(488)
    );
    let answering = tokio::spawn(call.answer());
    let answered = loop {
        match within(outgoing.next_event()).await {
            InviteEvent::Answered(answered) => break answered,
            InviteEvent::Failed(error) => panic!("{error}"),
            _ => {}
        }
    };
    assert_eq!(answered.body, None, "the 200 repeats an old answer");
    let theirs = within(answered.ack(None)).await.unwrap();
    let ours = within(answering).await.unwrap().unwrap();
    theirs.handle().bye(HeaderList::new()).await.unwrap();
    drop(ours);
}
