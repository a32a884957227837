//! Calls between two clients over real sockets: what a program sees, says and hears.

mod common;

use std::time::Duration;

use common::*;
use headless_sip::{
    CallEvent, ClientConfig, CodecTable, EndedBy, Error, HeadlessSipClient, Progress, Register,
    Transport,
};

#[tokio::test]
async fn each_side_hears_the_tone_of_the_other() {
    let mut pair = connected().await;
    pair.caller
        .audio
        .tx
        .send(tone(440.0, 2.0, 24_000))
        .await
        .unwrap();
    pair.callee
        .audio
        .tx
        .send(tone(660.0, 2.0, 48_000))
        .await
        .unwrap();
    let (at_caller, at_callee) =
        tokio::join!(listen(&mut pair.caller, 1.5), listen(&mut pair.callee, 1.5));
    assert!(
        share_at(440.0, &at_callee[4_000..], 8_000) > 0.98,
        "440 Hz at the callee"
    );
    assert!(
        share_at(660.0, &at_caller[4_000..], 8_000) > 0.98,
        "660 Hz at the caller"
    );
    pair.caller.hang_up().await.unwrap();
}

#[tokio::test]
async fn hanging_up_ends_the_call_on_both_sides_with_figures() {
    let mut pair = connected().await;
    listen(&mut pair.callee, 0.5).await;
    pair.caller.hang_up().await.unwrap();
    let here = within(pair.caller.events.ended()).await.unwrap();
    let there = within(pair.callee.events.ended()).await.unwrap();
    assert_eq!((here.by, there.by), (EndedBy::Local, EndedBy::Remote));
    assert_eq!(here.stats.codec, "PCMU");
    assert!(there.stats.received_packets > 10, "{:?}", there.stats);
    assert!(
        within(pair.callee.audio.rx.recv()).await.is_none()
            || within(drain(&mut pair.callee)).await
    );
    pair.caller
        .hang_up()
        .await
        .expect("hanging up twice does nothing");
}

async fn drain(call: &mut headless_sip::ActiveCall) -> bool {
    while call.audio.rx.recv().await.is_some() {}
    true
}

#[tokio::test]
async fn dropping_the_call_hangs_up() {
    let mut pair = connected().await;
    drop(pair.caller);
    assert_eq!(
        within(pair.callee.events.ended()).await.unwrap().by,
        EndedBy::Remote
    );
}

#[tokio::test]
async fn dropping_the_call_hangs_up_though_its_control_is_kept() {
    let mut pair = connected().await;
    let control = pair.caller.control();
    drop(pair.caller);
    assert_eq!(
        within(pair.callee.events.ended()).await.unwrap().by,
        EndedBy::Remote
    );
    assert!(matches!(control.hold().await, Err(Error::Ended)));
}

#[tokio::test]
async fn keys_arrive_once_each_in_both_directions() {
    let mut pair = connected().await;
    pair.caller.send_dtmf("159*#D").await.unwrap();
    pair.callee.send_dtmf("0").await.unwrap();
    let mut digits = String::new();
    while digits.len() < 6 {
        if let CallEvent::Dtmf { digit, .. } =
            event(&mut pair.callee, |e| matches!(e, CallEvent::Dtmf { .. })).await
        {
            digits.push(digit);
        }
    }
    assert_eq!(digits, "159*#D");
    event(&mut pair.caller, |e| {
        matches!(e, CallEvent::Dtmf { digit: '0', .. })
    })
    .await;
    assert!(matches!(
        pair.caller.send_dtmf("1x").await,
        Err(Error::Media(_))
    ));
}

#[tokio::test]
async fn hold_and_resume_are_told_and_the_audio_comes_back() {
    let mut pair = connected().await;
    listen(&mut pair.callee, 0.2).await;
    within(pair.caller.hold()).await.unwrap();
    event(&mut pair.callee, |e| *e == CallEvent::Held).await;
    within(pair.caller.resume()).await.unwrap();
    event(&mut pair.callee, |e| *e == CallEvent::Resumed).await;
    pair.callee
        .audio
        .tx
        .send(tone(660.0, 2.0, 8_000))
        .await
        .unwrap();
    let heard = listen(&mut pair.caller, 1.5).await;
    assert_tone(660.0, &heard[6_000..]);
}

#[tokio::test]
async fn the_callee_may_hold_too() {
    let mut pair = connected().await;
    within(pair.callee.hold()).await.unwrap();
    event(&mut pair.caller, |e| *e == CallEvent::Held).await;
    within(pair.callee.resume()).await.unwrap();
    event(&mut pair.caller, |e| *e == CallEvent::Resumed).await;
}

#[tokio::test]
async fn a_refused_call_tells_status_and_reason() {
    let (alice, bob) = (client(config()).await, client(config()).await);
    let target = uri("bob", &bob);
    let (call, _) = tokio::join!(alice.call(&target), async {
        bob.incoming().await.unwrap().reject(486).await.unwrap()
    });
    assert!(
        matches!(call, Err(Error::Rejected { status: 486, .. })),
        "{call:?}"
    );
}

#[tokio::test]
async fn a_dropped_incoming_call_is_refused() {
    let (alice, bob) = (client(config()).await, client(config()).await);
    let target = uri("bob", &bob);
    let (call, ()) = tokio::join!(alice.call(&target), async {
        drop(bob.incoming().await.unwrap())
    });
    assert!(
        matches!(call, Err(Error::Rejected { status: 480, .. })),
        "{call:?}"
    );
}

#[tokio::test]
async fn ringing_is_seen_and_a_cancelled_call_is_told() {
    let (alice, bob) = (client(config()).await, client(config()).await);
    let mut call = alice
        .dial(&uri("bob", &bob))
        .header("X-Test", "one two")
        .await
        .unwrap();
    let incoming = within(bob.incoming()).await.unwrap();
    assert_eq!(incoming.header("x-test"), Some("one two"));
    incoming.ring().await.unwrap();
    within(async {
        while !matches!(
            call.progress().await.unwrap(),
            Progress::Ringing { status: 180, .. }
        ) {}
    })
    .await;
    call.cancel().await;
    within(incoming.cancelled()).await;
    assert!(matches!(incoming.answer().await, Err(Error::Cancelled)));
}

#[tokio::test]
async fn nobody_answers_within_the_ring_time() {
    let (alice, bob) = (client(config()).await, client(config()).await);
    let call = alice
        .dial(&uri("bob", &bob))
        .ring_timeout(Duration::from_millis(300))
        .await
        .unwrap();
    let (answer, incoming) = tokio::join!(call.answered(), bob.incoming());
    assert!(matches!(answer, Err(Error::Timeout(_))), "{answer:?}");
    drop(incoming);
}

#[tokio::test]
async fn an_offer_can_come_in_the_answer() {
    let (alice, bob) = (client(config()).await, client(config()).await);
    let call = alice.dial(&uri("bob", &bob)).delayed_offer().await.unwrap();
    let (caller, callee) = tokio::join!(call.answered(), async {
        bob.incoming().await.unwrap().answer().await
    });
    let (mut caller, callee) = (caller.unwrap(), callee.unwrap());
    callee.audio.tx.send(tone(440.0, 1.5, 8_000)).await.unwrap();
    let heard = listen(&mut caller, 1.0).await;
    assert_tone(440.0, &heard[4_000..]);
}

#[tokio::test]
async fn tcp_carries_a_call() {
    let tcp = || ClientConfig {
        transport: Transport::Tcp,
        ..config()
    };
    let mut pair = connected_with(tcp(), tcp()).await;
    within(pair.caller.hold()).await.unwrap();
    event(&mut pair.callee, |e| *e == CallEvent::Held).await;
    pair.callee.hang_up().await.unwrap();
    assert_eq!(
        within(pair.caller.events.ended()).await.unwrap().by,
        EndedBy::Remote
    );
}

#[tokio::test]
async fn without_a_common_codec_the_call_is_refused_with_488() {
    let pcma = ClientConfig {
        codecs: CodecTable::from_names("pcma").unwrap(),
        ..config()
    };
    let (alice, bob) = (client(config()).await, client(pcma).await);
    let target = uri("bob", &bob);
    let (call, answered) = tokio::join!(alice.call(&target), async {
        bob.incoming().await.unwrap().answer().await
    });
    assert!(
        matches!(call, Err(Error::Rejected { status: 488, .. })),
        "{call:?}"
    );
    assert!(matches!(answered, Err(Error::PeerIncompatible(_))));
}

#[tokio::test]
async fn clear_tells_what_was_heard_and_marks_come() {
    let mut pair = connected().await;
    pair.caller
        .audio
        .tx
        .send(tone(440.0, 10.0, 8_000))
        .await
        .unwrap();
    listen(&mut pair.callee, 0.5).await;
    let cleared = pair.caller.audio.tx.clear();
    let sent = cleared.utterances[0].sent;
    assert!(
        sent > Duration::from_millis(300) && sent < Duration::from_secs(3),
        "{sent:?}"
    );
    pair.caller
        .audio
        .tx
        .send(tone(440.0, 0.1, 8_000))
        .await
        .unwrap();
    pair.caller.audio.tx.mark("end").unwrap();
    event(
        &mut pair.caller,
        |e| matches!(e, CallEvent::Mark { name, cleared: false } if name == "end"),
    )
    .await;
}

#[tokio::test]
async fn shutdown_hangs_up_every_call() {
    let mut pair = connected().await;
    within(pair.alice.shutdown()).await;
    assert_eq!(
        within(pair.callee.events.ended()).await.unwrap().by,
        EndedBy::Remote
    );
    assert_eq!(
        within(pair.caller.events.ended()).await.unwrap().by,
        EndedBy::Local
    );
    assert!(pair.alice.incoming().await.is_none());
}

#[tokio::test]
async fn media_that_stops_is_told_with_its_cause_and_ends_the_call() {
    let impatient = ClientConfig {
        no_media_after: Duration::from_millis(300),
        media_timeout: Some(Duration::from_millis(1_200)),
        ..config()
    };
    // A peer that answers and then says nothing: its SDP is answered by hand, no RTP ever comes.
    let (alice, bob) = (client(impatient).await, client(config()).await);
    let target = uri("bob", &bob);
    let (caller, callee) = tokio::join!(alice.call(&target), async {
        bob.incoming().await.unwrap().answer().await
    });
    let (mut caller, callee) = (caller.unwrap(), callee.unwrap());
    within(callee.hold()).await.unwrap();
    // On hold by the far end no media is expected, and none is missed.
    assert!(
        tokio::time::timeout(
            Duration::from_millis(1_500),
            event(&mut caller, |e| matches!(
                e,
                CallEvent::NoMedia(_) | CallEvent::Ended(_)
            ))
        )
        .await
        .is_err()
    );
}

#[tokio::test]
async fn settings_that_cannot_be_used_are_refused_at_once() {
    let wrong = [
        ClientConfig {
            codecs: CodecTable::empty(),
            ..config()
        },
        ClientConfig {
            ptime: Duration::from_millis(15),
            ..config()
        },
        ClientConfig {
            receive_sample_rate: Some(4_000),
            ..config()
        },
        ClientConfig {
            registrar: Some("sip:127.0.0.1".into()),
            ..config()
        },
        ClientConfig {
            headers: vec![("X-Bad".into(), "a\r\nEvil: yes".into())],
            ..config()
        },
        ClientConfig {
            username: Some("al\nice".into()),
            register: Register::Never,
            ..config()
        },
    ];
    for config in wrong {
        assert!(
            matches!(
                HeadlessSipClient::new(config.clone()).await,
                Err(Error::Config(_))
            ),
            "{config:?}"
        );
    }
    let alice = client(config()).await;
    assert!(matches!(
        alice.call("sip:bob@127.0.0.1\r\nEvil: yes").await,
        Err(Error::Config(_))
    ));
    assert!(matches!(alice.call("bob").await, Err(Error::Config(_))));
    assert!(matches!(
        alice.dial("sip:bob@127.0.0.1").header("X\nY", "z").await,
        Err(Error::Config(_))
    ));
}
