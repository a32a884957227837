//! The numbers that answer, called by headless-sip clients.
#![cfg(feature = "extensions")]

use headless_sip::{
    ActiveCall, AudioFrame, CallEvent, ClientConfig, CodecTable, Error, HeadlessSipClient,
    Transport,
};
use sip_testkit::audio::{Clip, assert_heard, assert_no_gap, assert_tone, check_heard};
use sip_testkit::network::ImpairmentConfig;
use sip_testkit::pbx::{Pbx, PbxBuilder};
use std::time::Duration;

const PATIENCE: Duration = Duration::from_secs(20);

fn pbx() -> PbxBuilder {
    Pbx::builder().user("alice", "secret").user("bob", "secret")
}

async fn client(pbx: &Pbx, user: &str, transport: Transport) -> HeadlessSipClient {
    // Its waveform comes back as it was sent, so that little may be missing from what is heard.
    client_with(pbx, user, transport, "pcmu").await
}

async fn client_with(
    pbx: &Pbx,
    user: &str,
    transport: Transport,
    codecs: &str,
) -> HeadlessSipClient {
    let config = config(pbx, user, transport, codecs);
    within(HeadlessSipClient::new(config)).await.unwrap()
}

fn config(pbx: &Pbx, user: &str, transport: Transport, codecs: &str) -> ClientConfig {
    ClientConfig {
        local_sip_addr: "127.0.0.1:0".parse().unwrap(),
        transport,
        codecs: CodecTable::from_names(codecs).unwrap(),
        media_threads: Some(1),
        ..ClientConfig::account(user, "secret", &pbx.uri())
    }
}

async fn within<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, future)
        .await
        .expect("done within 20 s")
}

/// Listens until this much has been heard from the first sound on.
async fn listen(call: &mut ActiveCall, duration: Duration) -> Clip {
    let mut heard = Clip::new(call.audio.rx.sample_rate());
    let enough = async {
        while heard.trimmed(0.005).duration() < duration {
            heard.push(
                &call
                    .audio
                    .rx
                    .recv()
                    .await
                    .expect("the call goes on")
                    .samples,
            );
        }
    };
    within(enough).await;
    heard
}

async fn say(call: &ActiveCall, clip: &Clip) {
    let frame = AudioFrame {
        samples: clip.samples.clone(),
        sample_rate: clip.sample_rate,
        channels: 1,
    };
    within(call.audio.tx.send(frame)).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_tone_is_clean_and_without_a_gap_over_udp_and_tcp() {
    let pbx = pbx().start().await.unwrap();
    for transport in [Transport::Udp, Transport::Tcp] {
        let alice = client(&pbx, "alice", transport).await;
        let mut call = within(alice.call(&pbx.user_uri("tone"))).await.unwrap();
        let heard = listen(&mut call, Duration::from_millis(1500))
            .await
            .trimmed(0.005);
        assert_tone(&heard, 440.0);
        assert_no_gap(&heard, Duration::from_millis(15));
        within(call.hang_up()).await.unwrap();
        within(alice.shutdown()).await;
    }
    within(pbx.shutdown()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_said_to_the_echo_comes_back() {
    let pbx = pbx().start().await.unwrap();
    let alice = client(&pbx, "alice", Transport::Udp).await;
    let mut call = within(alice.call(&pbx.user_uri("echo"))).await.unwrap();
    let said = Clip::speech_like(16_000, 5, Duration::from_secs(3));
    say(&call, &said).await;
    let heard = listen(&mut call, Duration::from_millis(2900)).await;
    let found = assert_heard(&said, &heard);
    assert!(found.correlation > 0.85, "{}", found.correlation);
    assert!(
        check_heard(
            &Clip::speech_like(16_000, 6, Duration::from_secs(3)),
            &heard
        )
        .is_err()
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_echo_in_g722_brings_back_what_g711_has_no_room_for() {
    let pbx = pbx().start().await.unwrap();
    let alice = client_with(&pbx, "alice", Transport::Udp, "g722").await;
    let mut call = within(alice.call(&pbx.user_uri("echo"))).await.unwrap();
    say(
        &call,
        &Clip::tone(16_000, 5500.0, Duration::from_secs(3), 0.3),
    )
    .await;
    let heard = listen(&mut call, Duration::from_millis(2500)).await;
    assert_eq!(call.stats().codec, "G722");
    assert_eq!(heard.sample_rate, 16_000);
    assert_tone(&heard.trimmed(0.05), 5500.0);
}

#[tokio::test(flavor = "multi_thread")]
async fn four_digits_come_back_as_digits() {
    let pbx = pbx().start().await.unwrap();
    let alice = client(&pbx, "alice", Transport::Udp).await;
    let mut call = within(alice.call(&pbx.user_uri("dtmf"))).await.unwrap();
    call.send_dtmf("19*#").await.unwrap();
    let mut digits = String::new();
    while digits.len() < 4 {
        match within(call.events.recv()).await.expect("the call goes on") {
            CallEvent::Dtmf { digit, .. } => digits.push(digit),
            CallEvent::Ended(end) => panic!("the call ended: {end:?}"),
            _ => {}
        }
    }
    assert_eq!(digits, "19*#");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_music_begins_with_its_first_note() {
    let pbx = pbx().start().await.unwrap();
    let alice = client(&pbx, "alice", Transport::Udp).await;
    let mut call = within(alice.call(&pbx.user_uri("music"))).await.unwrap();
    let heard = listen(&mut call, Duration::from_millis(600))
        .await
        .trimmed(0.005);
    let hz = heard
        .slice(Duration::from_millis(20), Duration::from_millis(250))
        .dominant_frequency()
        .unwrap();
    assert!((hz - 659.3).abs() < 5.0, "E5 and not {hz} Hz");
}

#[tokio::test(flavor = "multi_thread")]
async fn speech_between_two_users_is_heard_over_a_bad_network() {
    let bad = ImpairmentConfig::loss_and_jitter(3.0, 15);
    let pbx = pbx().impairment(bad).start().await.unwrap();
    let alice = client(&pbx, "alice", Transport::Udp).await;
    let bob = client(&pbx, "bob", Transport::Udp).await;
    let answering = tokio::spawn({
        let bob = bob.clone();
        async move {
            bob.incoming()
                .await
                .expect("a call")
                .answer()
                .await
                .unwrap()
        }
    });
    let call = within(alice.call(&pbx.user_uri("bob"))).await.unwrap();
    let mut bobs = within(answering).await.unwrap();
    let said = Clip::speech_like(16_000, 9, Duration::from_secs(4));
    say(&call, &said).await;
    let heard = listen(&mut bobs, Duration::from_millis(3800)).await;
    assert_heard(&said, &heard);
    let stats = pbx.media_stats();
    assert!(
        stats.a_to_b.offered > 150,
        "the media of the call goes through the bad network: {stats:?}"
    );
    assert!(stats.b_to_a.offered > 100, "{stats:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn redundancy_brings_back_what_a_bad_network_lost() {
    let bad = ImpairmentConfig::loss_and_jitter(10.0, 5);
    let pbx = pbx().impairment(bad).start().await.unwrap();
    let config = |user: &str| ClientConfig {
        redundancy: 2,
        ..config(&pbx, user, Transport::Udp, "pcmu")
    };
    let alice = within(HeadlessSipClient::new(config("alice")))
        .await
        .unwrap();
    let bob = within(HeadlessSipClient::new(config("bob"))).await.unwrap();
    let answering = tokio::spawn({
        let bob = bob.clone();
        async move { bob.incoming().await.expect("a call").answer().await }
    });
    let call = within(alice.call(&pbx.user_uri("bob"))).await.unwrap();
    let mut bobs = within(answering).await.unwrap().unwrap();
    let said = Clip::speech_like(16_000, 9, Duration::from_secs(4));
    say(&call, &said).await;
    let heard = listen(&mut bobs, Duration::from_millis(3800)).await;
    let found = assert_heard(&said, &heard);
    let stats = bobs.stats();
    assert!(stats.recovered_packets > 8, "{stats:?}");
    assert!(
        stats.lost_packets * 4 < stats.recovered_packets,
        "{stats:?}"
    );
    assert!(found.correlation > 0.9, "{}", found.correlation);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failing_number_is_a_typed_error() {
    let pbx = pbx().start().await.unwrap();
    let alice = client(&pbx, "alice", Transport::Udp).await;
    match within(alice.call(&pbx.user_uri("unavailable")))
        .await
        .unwrap_err()
    {
        Error::Rejected {
            status,
            retry_after,
            ..
        } => {
            assert_eq!((status, retry_after), (503, Some(Duration::from_secs(30))));
        }
        other => panic!("expected a rejection and got {other}"),
    }
}
