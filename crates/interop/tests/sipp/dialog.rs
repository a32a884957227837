//! Dialogs: recorded routes, challenges within the call, calls that take the place of others.

use headless_sip::{ActiveCall, ClientConfig, EndedBy, TracedMessage};
use headless_sip_interop::{Phone, scenario};

use crate::{PATIENCE, sipp_is_here};

#[tokio::test(flavor = "multi_thread")]
async fn requests_to_a_callee_pass_the_proxies_that_recorded_themselves() {
    if !sipp_is_here() {
        return;
    }
    let sipp = scenario!("uas_two_hops").calls(1, 1).start_server().await;
    let phone = Phone::start(ClientConfig::default()).await;
    let target = format!("sip:bob@{}", sipp.sip_addr());
    let call = phone.client.call(&target).await.expect("answered");
    call.hold().await.expect("held");
    call.hang_up().await.expect("hung up");
    sipp.succeeds(PATIENCE).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_to_a_caller_pass_the_proxies_that_recorded_themselves() {
    if !sipp_is_here() {
        return;
    }
    let phone = Phone::start(ClientConfig::default()).await;
    let sipp = scenario!("uac_two_hops")
        .users("phone", "alice")
        .calls(1, 1)
        .start_client(phone.client.local_addr());
    let call = phone.incoming().await.answer().await.expect("answered");
    call.hold().await.expect("held");
    call.hang_up().await.expect("hung up");
    sipp.succeeds(PATIENCE).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn challenges_within_a_call_are_answered() {
    if !sipp_is_here() {
        return;
    }
    let sipp = scenario!("uas_challenge_in_call")
        .calls(1, 1)
        .start_server()
        .await;
    let phone = Phone::start(ClientConfig {
        username: Some("alice".into()),
        password: Some("secret".into()),
        ..Default::default()
    })
    .await;
    let target = format!("sip:bob@{}", sipp.sip_addr());
    let call = phone.client.call(&target).await.expect("answered");
    call.hold().await.expect("held");
    call.hang_up().await.expect("hung up");
    sipp.succeeds(PATIENCE).await;
}

/// A phone in a call with a SIPp that waits for the BYE, and the Replaces header (RFC 3891) that names the call.
async fn standing_call(
    config: ClientConfig,
) -> (Phone, headless_sip_interop::SippRun, ActiveCall, String) {
    let sipp = scenario!("uas_replaced").calls(1, 1).start_server().await;
    let phone = Phone::start(config).await;
    let mut messages = phone.client.sip_trace();
    let target = format!("sip:bob@{}", sipp.sip_addr());
    let call = phone.client.call(&target).await.expect("answered");
    let answer = loop {
        let message = messages.recv().await.expect("the answer was traced");
        if message.start_line.starts_with("SIP/2.0 200") {
            break message;
        }
    };
    let (ours, theirs) = (tag(&answer, "From:"), tag(&answer, "To:"));
    let replaces = format!("{};to-tag={ours};from-tag={theirs}", answer.call_id);
    (phone, sipp, call, replaces)
}

fn tag(message: &TracedMessage, field: &str) -> String {
    let line = message.message.lines().find(|line| line.starts_with(field));
    let (_, tag) = line
        .and_then(|line| line.split_once(";tag="))
        .expect("a tag");
    tag.split(';').next().expect("a tag").to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_takes_the_place_of_another_where_that_is_allowed() {
    if !sipp_is_here() {
        return;
    }
    let (phone, replaced, mut standing, replaces) = standing_call(ClientConfig {
        allow_replaces: true,
        ..Default::default()
    })
    .await;
    let sipp = scenario!("uac_replaces")
        .users("phone", "carol")
        .args(["-key", "replaces", &replaces])
        .calls(1, 1)
        .start_client(phone.client.local_addr());
    let call = phone.incoming().await.answer().await.expect("answered");
    // The call that was replaced gets its BYE.
    replaced.succeeds(PATIENCE).await;
    let ended = tokio::time::timeout(PATIENCE, standing.events.ended());
    let ended = ended.await.expect("in time").expect("the end of the call");
    assert_eq!(ended.by, EndedBy::Remote);
    call.hang_up().await.expect("hung up");
    sipp.succeeds(PATIENCE).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_does_not_take_the_place_of_another_by_default() {
    if !sipp_is_here() {
        return;
    }
    let (phone, replaced, standing, replaces) = standing_call(ClientConfig::default()).await;
    scenario!("uac_replaces_refused")
        .users("phone", "carol")
        .args(["-key", "replaces", &replaces])
        .calls(1, 1)
        .start_client(phone.client.local_addr())
        .succeeds(PATIENCE)
        .await;
    standing.hang_up().await.expect("it still stood");
    replaced.succeeds(PATIENCE).await;
}
