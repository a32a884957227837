//! Offers within a call: glare, ways to hold, other codecs.

use std::time::{Duration, Instant};

use headless_sip::{ActiveCall, CallEvent, ClientConfig, EndedBy};
use headless_sip_interop::{Phone, hear_tone, listen, scenario, tone};

use crate::{PATIENCE, SECOND, sipp_is_here};

#[tokio::test(flavor = "multi_thread")]
async fn a_hold_that_is_refused_with_491_comes_again_after_the_pause_of_a_caller() {
    if !sipp_is_here() {
        return;
    }
    let sipp = scenario!("uas_glare").calls(1, 1).start_server().await;
    let phone = Phone::start(ClientConfig::default()).await;
    let target = format!("sip:bob@{}", sipp.sip_addr());
    let call = phone.client.call(&target).await.expect("answered");
    let begun = Instant::now();
    call.hold().await.expect("held");
    // RFC 3261 section 14.1: 2.1 to 4 s for the owner of the Call-ID.
    let waited = begun.elapsed();
    assert!(
        waited >= Duration::from_millis(2_100) && waited < 6 * SECOND,
        "{waited:?}"
    );
    call.hang_up().await.expect("hung up");
    sipp.succeeds(PATIENCE).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_re_invites_that_cross_each_gets_491_and_each_comes_again() {
    if !sipp_is_here() {
        return;
    }
    let sipp = scenario!("uas_glare_crossed")
        .calls(1, 1)
        .start_server()
        .await;
    let phone = Phone::start(ClientConfig::default()).await;
    let target = format!("sip:bob@{}", sipp.sip_addr());
    let mut call = phone.client.call(&target).await.expect("answered");
    call.hold().await.expect("held");
    let ended = tokio::time::timeout(PATIENCE, call.events.ended());
    let ended = ended.await.expect("in time").expect("the end of the call");
    assert_eq!(ended.by, EndedBy::Remote);
    sipp.succeeds(PATIENCE).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn each_way_to_hold_is_told_and_silent_and_sound_comes_back() {
    if !sipp_is_here() {
        return;
    }
    let phone = Phone::start(ClientConfig::default()).await;
    let sipp = scenario!("uac_hold_styles")
        .users("phone", "alice")
        .calls(1, 1)
        .call_length(5 * SECOND / 2)
        .echoing_rtp();
    let sipp = sipp.start_client(phone.client.local_addr());
    let mut call = phone.incoming().await.answer().await.expect("answered");
    for hz in [700, 900, 1_100] {
        say(&call, hz).await;
        hear_tone("we", &mut call.audio.rx, hz, SECOND).await;
        told(&mut call, &CallEvent::Held).await;
        falls_silent(&mut call).await;
        told(&mut call, &CallEvent::Resumed).await;
        call.audio.tx.clear();
    }
    say(&call, 1_300).await;
    hear_tone("we, after the holds,", &mut call.audio.rx, 1_300, SECOND).await;
    let ended = call.events.ended().await.expect("the end of the call");
    assert_eq!(ended.by, EndedBy::Remote);
    sipp.succeeds(PATIENCE).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_re_invite_changes_the_codec_and_one_without_an_offer_changes_it_back() {
    if !sipp_is_here() {
        return;
    }
    let phone = Phone::start(ClientConfig::default()).await;
    let sipp = scenario!("uac_codec_change")
        .users("phone", "alice")
        .calls(1, 1)
        .call_length(4 * SECOND)
        .echoing_rtp();
    let sipp = sipp.start_client(phone.client.local_addr());
    let mut call = phone.incoming().await.answer().await.expect("answered");
    say(&call, 700).await;
    for codec in ["PCMU", "PCMA", "PCMU"] {
        while call.stats().codec != codec {
            listen(&mut call.audio.rx, SECOND / 10).await;
        }
        hear_tone(codec, &mut call.audio.rx, 700, 2 * SECOND).await;
    }
    let ended = call.events.ended().await.expect("the end of the call");
    assert_eq!(ended.by, EndedBy::Remote);
    sipp.succeeds(PATIENCE).await;
}

async fn say(call: &ActiveCall, hz: u32) {
    let tone = tone(hz, 20 * SECOND);
    call.audio.tx.send(tone).await.expect("queued");
}

/// What was on its way, and what waits in the jitter buffer, may still come; then there is silence.
async fn falls_silent(call: &mut ActiveCall) {
    for _ in 0..16 {
        let heard = listen(&mut call.audio.rx, SECOND / 4).await;
        if heard.duration() >= SECOND / 4 && heard.rms() < 0.001 {
            return;
        }
    }
    panic!("something is heard on hold");
}

/// Waits for an event.
async fn told(call: &mut ActiveCall, wanted: &CallEvent) {
    let event = async {
        while let Some(event) = call.events.recv().await {
            if event == *wanted {
                return;
            }
        }
        panic!("the call ended before {wanted:?}");
    };
    tokio::time::timeout(PATIENCE, event)
        .await
        .unwrap_or_else(|_| panic!("never {wanted:?}"));
}
