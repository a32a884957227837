//! Calls joined by the program: bridges and conferences.

mod common;

use common::*;
use headless_sip::{
    ActiveCall, BridgeEnd, CallEvent, ClientConfig, CodecTable, EndedBy, HeadlessSipClient, Mixer,
    bridge,
};

/// A call between `caller` and `middle`, as both see it.
async fn call_between(
    caller: &HeadlessSipClient,
    middle: &HeadlessSipClient,
) -> (ActiveCall, ActiveCall) {
    let target = uri("middle", middle);
    let (here, there) = tokio::join!(caller.call(&target), async {
        middle.incoming().await.expect("a call").answer().await
    });
    (here.unwrap(), there.unwrap())
}

fn with_codec(codec: &str) -> ClientConfig {
    ClientConfig {
        codecs: CodecTable::from_names(codec).unwrap(),
        ..config()
    }
}

/// Listens until a whole second is the tone and nothing else, at 8 kHz: a busy host may break one now and then.
async fn hear(call: &mut ActiveCall, hz: f32) -> Vec<f32> {
    within(async {
        loop {
            let second = listen(call, 1.0).await;
            if share_at(hz, &second, 8_000) > 0.98 {
                return second;
            }
        }
    })
    .await
}

/// Listens for a second, from when the sound has settled.
async fn settled(call: &mut ActiveCall) -> Vec<f32> {
    listen(call, 0.7).await;
    listen(call, 1.0).await
}

fn both_codecs() -> ClientConfig {
    with_codec("g722,pcmu")
}

#[tokio::test]
async fn two_bridged_calls_hear_each_other_and_not_themselves() {
    let middle = client(both_codecs()).await;
    let (alice, bob) = (client(config()).await, client(config()).await);
    let (mut alice, mut from_alice) = call_between(&alice, &middle).await;
    let (mut bob, mut from_bob) = call_between(&bob, &middle).await;
    alice.audio.tx.send(tone(440.0, 20.0, 8_000)).await.unwrap();
    bob.audio.tx.send(tone(1_000.0, 20.0, 8_000)).await.unwrap();

    let ends = async {
        let (at_alice, _) = tokio::join!(hear(&mut alice, 1_000.0), hear(&mut bob, 440.0));
        assert!(share_at(440.0, &at_alice, 8_000) < 0.001);
        alice.send_dtmf("7").await.unwrap();
        let key = event(&mut bob, |e| matches!(e, CallEvent::Dtmf { .. })).await;
        assert!(matches!(key, CallEvent::Dtmf { digit: '7', .. }), "{key:?}");
        bob.hang_up().await.unwrap();
    };
    let (end, ()) =
        within(async { tokio::join!(bridge(&mut from_alice, &mut from_bob), ends) }).await;
    let Ok(BridgeEnd::Second(ended)) = end else {
        panic!("{end:?}");
    };
    assert_eq!(ended.by, EndedBy::Remote);
    // The first call still stands and is the program's again.
    while from_alice.audio.rx.try_recv().is_some() {}
    hear(&mut from_alice, 440.0).await;
}

#[tokio::test]
async fn dropping_the_bridge_parts_the_calls() {
    let middle = client(config()).await;
    let (alice, bob) = (client(config()).await, client(config()).await);
    let (alice, mut from_alice) = call_between(&alice, &middle).await;
    let (mut bob, mut from_bob) = call_between(&bob, &middle).await;
    alice.audio.tx.send(tone(440.0, 20.0, 8_000)).await.unwrap();
    tokio::select! {
        end = bridge(&mut from_alice, &mut from_bob) => panic!("{end:?}"),
        _ = hear(&mut bob, 440.0) => {}
    }
    let after = settled(&mut bob).await;
    assert!(after.iter().all(|sample| sample.abs() < 0.01));
    from_bob.hang_up().await.unwrap();
}

#[tokio::test]
async fn three_in_a_conference_hear_the_two_others() {
    let middle = client(both_codecs()).await;
    let mixer = Mixer::new(16_000).unwrap();
    let tones = [(440.0, "pcmu"), (1_000.0, "g722"), (1_900.0, "pcmu")];
    let mut callers = Vec::new();
    let mut legs = Vec::new();
    for (hz, codec) in tones {
        let caller = client(with_codec(codec)).await;
        let (call, at_middle) = call_between(&caller, &middle).await;
        let (control, audio, _events) = at_middle.into_parts();
        legs.push((mixer.join(audio), control));
        call.audio.tx.send(tone(hz, 15.0, 8_000)).await.unwrap();
        callers.push(call);
    }
    assert_eq!(mixer.legs(), 3);
    for (listener, call) in callers.iter_mut().enumerate() {
        let rate = call.audio.rx.sample_rate();
        while call.audio.rx.try_recv().is_some() {}
        let samples = settled(call).await;
        for (speaker, (hz, _)) in tones.iter().enumerate() {
            let share = share_at(*hz, &samples, rate);
            match listener == speaker {
                true => assert!(share < 0.01, "{listener} hears himself: {share:.3}"),
                false => assert!(share > 0.4, "{listener} hears {speaker}: {share:.3}"),
            }
        }
    }

    // One is muted, one hangs up: the rest goes on.
    legs[0].0.set_muted(true);
    callers[1].hang_up().await.unwrap();
    within(async {
        while mixer.legs() > 2 {
            tokio::task::yield_now().await;
        }
    })
    .await;
    while callers[2].audio.rx.try_recv().is_some() {}
    let last = settled(&mut callers[2]).await;
    assert!(last.iter().all(|sample| sample.abs() < 0.02));

    let (leg, control) = legs.swap_remove(0);
    let mut audio = within(leg.leave()).await.expect("the audio comes back");
    assert!(audio.rx.recv().await.is_some());
    control.hang_up().await.unwrap();
}
