//! Session timers (RFC 4028).

use std::time::{Duration, Instant};

use headless_sip::{ClientConfig, EndedBy};
use headless_sip_interop::{Phone, scenario};

use crate::{PATIENCE, sipp_is_here};

#[tokio::test(flavor = "multi_thread")]
async fn a_refresh_without_an_answer_ends_the_call() {
    if !sipp_is_here() {
        return;
    }
    let sipp = scenario!("uas_session_unanswered")
        .calls(1, 1)
        .start_server()
        .await;
    // Timer F (RFC 3261 section 17.1.2.2) is 64 times T1: 3.2 s here.
    let phone = Phone::start(ClientConfig {
        sip_t1: Duration::from_millis(50),
        ..Default::default()
    })
    .await;
    let target = format!("sip:bob@{}", sipp.sip_addr());
    let mut call = phone.client.call(&target).await.expect("answered");
    let ended = tokio::time::timeout(PATIENCE, call.events.ended());
    let ended = ended.await.expect("in time").expect("the end of the call");
    assert_eq!(
        (ended.by, ended.reason.as_deref()),
        (EndedBy::Signaling, Some("no answer to an UPDATE"))
    );
    sipp.succeeds(PATIENCE).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn too_short_a_session_is_refused_and_refreshes_of_a_longer_one_are_granted() {
    if !sipp_is_here() {
        return;
    }
    let phone = Phone::start(ClientConfig::default()).await;
    let sipp = scenario!("uac_session_timer")
        .users("phone", "alice")
        .calls(1, 1)
        .call_length(Duration::from_millis(100))
        .start_client(phone.client.local_addr());
    let mut call = phone.incoming().await.answer().await.expect("answered");
    let ended = tokio::time::timeout(PATIENCE, call.events.ended());
    let ended = ended.await.expect("in time").expect("the end of the call");
    assert_eq!(ended.by, EndedBy::Remote);
    sipp.succeeds(PATIENCE).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_that_the_peer_does_not_refresh_ends_before_it_expires() {
    if !sipp_is_here() {
        return;
    }
    let phone = Phone::start(ClientConfig {
        // SIPp sends no sound; that is not what ends this call.
        media_timeout: None,
        ..Default::default()
    })
    .await;
    let sipp = scenario!("uac_session_expired")
        .users("phone", "alice")
        .calls(1, 1)
        .start_client(phone.client.local_addr());
    let mut call = phone.incoming().await.answer().await.expect("answered");
    let answered = Instant::now();
    // The shortest session that RFC 4028 allows is 90 s; its end comes 32 s before.
    let ended = tokio::time::timeout(Duration::from_secs(75), call.events.ended());
    let ended = ended.await.expect("in time").expect("the end of the call");
    let lasted = answered.elapsed();
    assert!(
        (Duration::from_secs(50)..Duration::from_secs(70)).contains(&lasted),
        "{lasted:?}"
    );
    assert_eq!(ended.by, EndedBy::Signaling, "{ended:?}");
    sipp.succeeds(PATIENCE).await;
}
