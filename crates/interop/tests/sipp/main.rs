//! headless-sip against SIPp: calls both ways, registration, cancel, hold, many calls at once, loss.

mod dialog;
mod offers;
mod session;

use std::time::Duration;

use headless_sip::{CallEvent, ClientConfig, EndedBy, Error};
use headless_sip_interop::{Phone, Program, Sipp, assert_tone, hear_tone, listen, scenario, tone};
use tokio::task::JoinSet;

const PATIENCE: Duration = Duration::from_secs(30);
const SECOND: Duration = Duration::from_secs(1);

fn sipp_is_here() -> bool {
    Program::all_installed(&[Program::Sipp])
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_from_sipp_is_answered_and_its_tone_heard() {
    if !sipp_is_here() {
        return;
    }
    let phone = Phone::start(ClientConfig::default()).await;
    let sipp = scenario!("uac_tone")
        .users("phone", "alice")
        .calls(1, 1)
        .call_length(4 * SECOND)
        .tone(440);
    let sipp = sipp.start_client(phone.client.local_addr());
    let incoming = phone.incoming().await;
    assert_eq!(incoming.caller(), Some("alice"));
    let mut call = incoming.answer().await.expect("answered");
    let heard = listen(&mut call.audio.rx, PATIENCE).await;
    assert_tone("we", &heard, 440, 2 * SECOND);
    let ended = call.events.ended().await.expect("the end of the call");
    assert_eq!(ended.by, EndedBy::Remote);
    assert!(ended.stats.received_packets >= 140, "{:?}", ended.stats);
    assert_eq!(ended.stats.lost_packets, 0);
    // Nothing was said, and still the far end got a packet every 20 ms.
    assert!(ended.stats.sent_packets >= 140, "{:?}", ended.stats);
    sipp.succeeds(PATIENCE).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_we_say_to_a_call_from_sipp_comes_back_as_its_echo() {
    if !sipp_is_here() {
        return;
    }
    let phone = Phone::start(ClientConfig::default()).await;
    let sipp = scenario!("uac_call")
        .users("phone", "alice")
        .calls(1, 1)
        .call_length(4 * SECOND)
        .echoing_rtp();
    let sipp = sipp.start_client(phone.client.local_addr());
    let mut call = phone.incoming().await.answer().await.expect("answered");
    call.audio
        .tx
        .send(tone(1000, 10 * SECOND))
        .await
        .expect("queued");
    let heard = listen(&mut call.audio.rx, PATIENCE).await;
    assert_tone("we", &heard, 1000, 2 * SECOND);
    sipp.succeeds(PATIENCE).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sipps_uas_is_called_and_echoes_over_udp() {
    call_the_uas(Sipp::built_in("uas"), headless_sip::Transport::Udp).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sipps_uas_is_called_and_echoes_over_tcp() {
    call_the_uas(
        Sipp::built_in("uas").over_tcp(),
        headless_sip::Transport::Tcp,
    )
    .await;
}

async fn call_the_uas(sipp: Sipp, transport: headless_sip::Transport) {
    if !sipp_is_here() {
        return;
    }
    let sipp = sipp.calls(1, 1).echoing_rtp().start_server().await;
    let phone = Phone::start(ClientConfig {
        transport,
        ..Default::default()
    })
    .await;
    let mut call = phone
        .client
        .call(&format!("sip:echo@{}", sipp.sip_addr()))
        .await
        .expect("answered");
    call.audio
        .tx
        .send(tone(700, 10 * SECOND))
        .await
        .expect("queued");
    hear_tone("we", &mut call.audio.rx, 700, 2 * SECOND).await;
    // Figures are up to 200 ms old: these tell of the two seconds at least.
    listen(&mut call.audio.rx, SECOND / 4).await;
    let stats = call.stats();
    assert_eq!(stats.codec, "PCMU");
    assert!(stats.received_packets >= 95, "{stats:?}");
    call.hang_up().await.expect("hung up");
    sipp.succeeds(PATIENCE).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_registrar_that_challenges_hard_is_satisfied_and_told_goodbye() {
    if !sipp_is_here() {
        return;
    }
    let sipp = scenario!("uas_registrar").calls(1, 1).start_server().await;
    let config = ClientConfig::account("alice", "secret", &format!("sip:{}", sipp.sip_addr()));
    let phone = Phone::start(ClientConfig {
        register_expires: Duration::from_secs(60),
        ..config
    })
    .await;
    phone.client.shutdown().await;
    sipp.succeeds(PATIENCE).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_that_sipp_cancels_while_it_rings_is_told_to_the_program() {
    if !sipp_is_here() {
        return;
    }
    let phone = Phone::start(ClientConfig::default()).await;
    let sipp = scenario!("uac_cancel")
        .users("phone", "alice")
        .calls(1, 1)
        .start_client(phone.client.local_addr());
    let incoming = phone.incoming().await;
    incoming.ring().await.expect("rings");
    tokio::time::timeout(PATIENCE, incoming.cancelled())
        .await
        .expect("cancelled");
    sipp.succeeds(PATIENCE).await;
    assert!(
        matches!(incoming.answer().await, Err(Error::Cancelled)),
        "a cancelled call cannot be answered"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_that_we_cancel_while_it_rings_ends_at_sipp() {
    if !sipp_is_here() {
        return;
    }
    let sipp = scenario!("uas_ringing").calls(1, 1).start_server().await;
    let phone = Phone::start(ClientConfig::default()).await;
    let mut call = phone
        .client
        .dial(&format!("sip:bob@{}", sipp.sip_addr()))
        .await
        .expect("dialled");
    while !matches!(
        call.progress().await.expect("it rings"),
        headless_sip::Progress::Ringing { status: 180, .. }
    ) {}
    call.cancel().await;
    sipp.succeeds(PATIENCE).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_ring_time_that_runs_out_cancels_and_is_a_timeout() {
    if !sipp_is_here() {
        return;
    }
    let sipp = scenario!("uas_ringing").calls(1, 1).start_server().await;
    let phone = Phone::start(ClientConfig::default()).await;
    let target = format!("sip:bob@{}", sipp.sip_addr());
    let call = phone
        .client
        .dial(&target)
        .ring_timeout(SECOND)
        .await
        .expect("dialled");
    let error = call.answered().await.expect_err("nobody answers");
    assert!(matches!(error, Error::Timeout(_)), "{error:?}");
    sipp.succeeds(PATIENCE).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn hold_and_resume_by_sipp_are_answered_and_told() {
    if !sipp_is_here() {
        return;
    }
    let phone = Phone::start(ClientConfig::default()).await;
    let sipp = scenario!("uac_hold")
        .users("phone", "alice")
        .calls(1, 1)
        .start_client(phone.client.local_addr());
    let mut call = phone.incoming().await.answer().await.expect("answered");
    let mut told = Vec::new();
    while let Some(event) = call.events.recv().await {
        match event {
            CallEvent::Held => told.push("held"),
            CallEvent::Resumed => told.push("resumed"),
            CallEvent::Ended(ended) => assert_eq!(ended.by, EndedBy::Remote),
            _ => {}
        }
    }
    assert_eq!(told, ["held", "resumed"]);
    sipp.succeeds(PATIENCE).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn hold_and_resume_by_us_are_understood_by_sipp() {
    if !sipp_is_here() {
        return;
    }
    let sipp = scenario!("uas_hold")
        .calls(1, 1)
        .echoing_rtp()
        .start_server()
        .await;
    let phone = Phone::start(ClientConfig::default()).await;
    let mut call = phone
        .client
        .call(&format!("sip:bob@{}", sipp.sip_addr()))
        .await
        .expect("answered");
    call.hold().await.expect("held");
    call.resume().await.expect("resumed");
    call.audio
        .tx
        .send(tone(900, 5 * SECOND))
        .await
        .expect("queued");
    hear_tone("we, after the hold,", &mut call.audio.rx, 900, SECOND).await;
    call.hang_up().await.expect("hung up");
    sipp.succeeds(PATIENCE).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_without_an_offer_gets_ours_and_is_heard() {
    if !sipp_is_here() {
        return;
    }
    let phone = Phone::start(ClientConfig::default()).await;
    let sipp = scenario!("uac_delayed_offer")
        .users("phone", "alice")
        .calls(1, 1)
        .call_length(2 * SECOND)
        .echoing_rtp();
    let sipp = sipp.start_client(phone.client.local_addr());
    let mut call = phone.incoming().await.answer().await.expect("answered");
    call.audio
        .tx
        .send(tone(600, 10 * SECOND))
        .await
        .expect("queued");
    let heard = listen(&mut call.audio.rx, PATIENCE).await;
    assert_tone("we", &heard, 600, SECOND);
    sipp.succeeds(PATIENCE).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_answers_through_a_fork_one_is_kept_and_both_are_acknowledged() {
    if !sipp_is_here() {
        return;
    }
    let sipp = scenario!("uas_fork200").calls(1, 1).start_server().await;
    let phone = Phone::start(ClientConfig::default()).await;
    let call = phone
        .client
        .call(&format!("sip:bob@{}", sipp.sip_addr()))
        .await
        .expect("answered");
    // Ends with the BYE for the answer that was not kept.
    sipp.succeeds(PATIENCE).await;
    drop(call);
}

#[tokio::test(flavor = "multi_thread")]
async fn sessions_are_refreshed_and_early_answers_acknowledged_and_updated() {
    if !sipp_is_here() {
        return;
    }
    let sipp = scenario!("uas_extensions").calls(1, 1).start_server().await;
    let phone = Phone::start(ClientConfig::default()).await;
    let mut call = phone
        .client
        .call(&format!("sip:bob@{}", sipp.sip_addr()))
        .await
        .expect("answered");
    let ended = tokio::time::timeout(PATIENCE, call.events.ended());
    let ended = ended.await.expect("in time").expect("the end of the call");
    assert_eq!((ended.by, ended.q850_cause), (EndedBy::Remote, Some(16)));
    sipp.succeeds(PATIENCE).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_transfer_is_told_step_by_step() {
    if !sipp_is_here() {
        return;
    }
    let sipp = scenario!("uas_refer").calls(1, 1).start_server().await;
    let phone = Phone::start(ClientConfig::default()).await;
    let mut call = phone
        .client
        .call(&format!("sip:bob@{}", sipp.sip_addr()))
        .await
        .expect("answered");
    call.transfer("sip:carol@example.com")
        .await
        .expect("agreed");
    let mut told = Vec::new();
    while !matches!(told.last(), Some((_, true))) {
        let event = tokio::time::timeout(PATIENCE, call.events.recv());
        if let Some(CallEvent::Transfer { status, done, .. }) = event.await.expect("an event") {
            told.push((status, done));
        }
    }
    assert_eq!(told, [(100, false), (180, false), (200, true)]);
    call.hang_up().await.expect("hung up");
    sipp.succeeds(PATIENCE).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn twenty_calls_at_once_each_hear_their_own_tone() {
    if !sipp_is_here() {
        return;
    }
    const CALLS: u32 = 20;
    let phone = Phone::start(ClientConfig::default()).await;
    let sipp = scenario!("uac_call")
        .users("phone", "alice")
        .calls(CALLS, CALLS)
        .call_length(5 * SECOND)
        .echoing_rtp();
    let sipp = sipp.start_client(phone.client.local_addr());
    let mut calls = JoinSet::new();
    for index in 0..CALLS {
        let incoming = phone.incoming().await;
        calls.spawn(async move {
            let hz = 300 + 100 * index;
            let mut call = incoming.answer().await.expect("answered");
            call.audio
                .tx
                .send(tone(hz, 10 * SECOND))
                .await
                .expect("queued");
            let heard = listen(&mut call.audio.rx, PATIENCE).await;
            assert_tone(&format!("call {index}"), &heard, hz, 2 * SECOND);
            let ended = call.events.ended().await.expect("the end of the call");
            assert!(
                ended.stats.received_packets >= 200,
                "call {index}: {:?}",
                ended.stats
            );
            assert_eq!(ended.stats.lost_packets, 0, "call {index}");
        });
    }
    while let Some(call) = calls.join_next().await {
        call.expect("the call went well");
    }
    sipp.succeeds(PATIENCE).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_from_sipp_survive_the_loss_of_thirty_percent_of_messages_both_ways() {
    if !sipp_is_here() {
        return;
    }
    const CALLS: u32 = 5;
    let phone = Phone::start(ClientConfig::default()).await;
    let sipp = scenario!("uac_lossy")
        .users("phone", "alice")
        .calls(CALLS, CALLS)
        .call_length(5 * SECOND)
        .losing(30)
        .echoing_rtp();
    let sipp = sipp.start_client(phone.client.local_addr());
    let mut calls = JoinSet::new();
    for index in 0..CALLS {
        let incoming = phone.incoming().await;
        calls.spawn(async move {
            let hz = 400 + 200 * index;
            let mut call = incoming.answer().await.expect("answered");
            call.audio
                .tx
                .send(tone(hz, 20 * SECOND))
                .await
                .expect("queued");
            let heard = listen(&mut call.audio.rx, 2 * PATIENCE).await;
            assert_tone(&format!("call {index}"), &heard, hz, 2 * SECOND);
            assert_eq!(
                call.events.ended().await.expect("the end of the call").by,
                EndedBy::Remote
            );
        });
    }
    while let Some(call) = calls.join_next().await {
        call.expect("the call went well");
    }
    sipp.succeeds(2 * PATIENCE).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_to_sipp_survive_the_loss_of_thirty_percent_of_messages_both_ways() {
    if !sipp_is_here() {
        return;
    }
    const CALLS: u32 = 5;
    let sipp = scenario!("uas_lossy")
        .calls(CALLS, CALLS)
        .losing(30)
        .echoing_rtp()
        .start_server()
        .await;
    let phone = Phone::start(ClientConfig::default()).await;
    let mut calls = JoinSet::new();
    for index in 0..CALLS {
        let (client, target) = (
            phone.client.clone(),
            format!("sip:echo@{}", sipp.sip_addr()),
        );
        calls.spawn(async move {
            let hz = 400 + 200 * index;
            let mut call = client.call(&target).await.expect("answered");
            call.audio
                .tx
                .send(tone(hz, 20 * SECOND))
                .await
                .expect("queued");
            hear_tone(&format!("call {index}"), &mut call.audio.rx, hz, 2 * SECOND).await;
            // Without an answer in time the BYE is repeated in the background: SIPp wants it for each call.
            match call.hang_up().await {
                Ok(()) | Err(Error::Timeout(_)) => {}
                Err(error) => panic!("{error:?}"),
            }
        });
    }
    while let Some(call) = calls.join_next().await {
        call.expect("the call went well");
    }
    sipp.succeeds(2 * PATIENCE).await;
}
