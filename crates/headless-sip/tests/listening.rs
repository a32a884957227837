//! What is found in the sound of a call, and what callers key.

mod common;

use std::time::Duration;

use common::scripted_peer::{ScriptedPeer, pcmu, play};
use common::*;
use headless_sip::analysis::{
    CallProgressEvent, CallProgressGenerator, CallProgressTone, DtmfGenerator, DtmfSound,
    VoiceEvent, patterns,
};
use headless_sip::{
    CallEvent, ClientConfig, DigitCollection, DigitOutcome, DtmfMethod, DtmfMode, Error, Heard,
    InBandDtmf, ListenConfig, Progress,
};

fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

/// The sound of these keys, 80 ms each.
fn keys(digits: &str) -> Vec<f32> {
    let sound = DtmfSound {
        tone: ms(80),
        pause: ms(80),
        ..DtmfSound::default()
    };
    let mut generator = DtmfGenerator::new(8_000, sound);
    let mut samples = vec![0.0; 4_000];
    for digit in digits.chars() {
        assert!(generator.queue(digit));
    }
    let mut frame = [0.0; 160];
    while generator.fill(&mut frame) > 0 {
        samples.extend(frame);
    }
    samples.extend([0.0; 4_000]);
    samples
}

#[tokio::test]
async fn keys_in_the_audio_of_a_far_end_without_telephone_event_are_told_once_each() {
    let peer = ScriptedPeer::start(pcmu);
    let alice = client(config()).await;
    let mut call = within(alice.call(&peer.uri())).await.unwrap();
    let (rtp, ours) = peer.media.recv_timeout(PATIENCE).unwrap();
    let playing = play(rtp, ours, keys("4*21#"));
    let mut heard = String::new();
    while !heard.ends_with('#') {
        let key = event(&mut call, |e| matches!(e, CallEvent::Dtmf { .. })).await;
        let CallEvent::Dtmf { digit, method, .. } = key else {
            unreachable!()
        };
        assert_eq!(method, DtmfMethod::InBand);
        heard.push(digit);
    }
    assert_eq!(heard, "4*21#");
    playing.join().unwrap();
}

#[tokio::test]
async fn keys_are_sent_as_tones_where_that_is_asked_for_and_heard_where_that_is() {
    let mut pair = connected_with(
        ClientConfig {
            dtmf_mode: DtmfMode::InBand,
            ..config()
        },
        config(),
    )
    .await;
    let on = ListenConfig {
        dtmf: InBandDtmf::On,
        ..ListenConfig::default()
    };
    pair.callee.listen(on).unwrap();
    within(pair.caller.send_dtmf("19D")).await.unwrap();
    for expected in "19D".chars() {
        let key = event(&mut pair.callee, |e| matches!(e, CallEvent::Dtmf { .. })).await;
        assert!(
            matches!(key, CallEvent::Dtmf { digit, method: DtmfMethod::InBand, .. } if digit == expected),
            "{key:?}"
        );
    }
    let wrong = within(pair.caller.send_dtmf("1x")).await.unwrap_err();
    assert!(matches!(wrong, Error::Media(_)), "{wrong}");
}

#[tokio::test]
async fn a_busy_tone_is_heard_before_the_answer() {
    let peer = ScriptedPeer::early(pcmu);
    let alice = client(config()).await;
    let listen = ListenConfig {
        call_progress: true,
        ..ListenConfig::default()
    };
    let mut call = alice.dial(&peer.uri()).listen(listen).await.unwrap();
    while within(call.progress()).await.unwrap() != Progress::EarlyMedia {}
    let busy = patterns()
        .iter()
        .find(|row| row.tone == CallProgressTone::Busy)
        .unwrap();
    let mut sound = vec![0.0; 32_000];
    CallProgressGenerator::new(8_000, busy, -15.0).fill(&mut sound);
    let (rtp, ours) = peer.media.recv_timeout(PATIENCE).unwrap();
    let playing = play(rtp, ours, sound);
    let heard = within(async {
        loop {
            if let Progress::Heard(heard) = call.progress().await.unwrap() {
                return heard;
            }
        }
    })
    .await;
    assert!(
        matches!(
            heard,
            Heard::CallProgress(CallProgressEvent::Started {
                tone: CallProgressTone::Busy,
                ..
            })
        ),
        "{heard:?}"
    );
    drop(call);
    playing.join().unwrap();
}

#[tokio::test]
async fn speech_is_told_though_the_program_never_reads_the_audio() {
    let listening = ClientConfig {
        listen: ListenConfig {
            voice: Some(Default::default()),
            ..ListenConfig::default()
        },
        ..config()
    };
    let mut pair = connected_with(config(), listening).await;
    within(pair.caller.audio.tx.send(tone(300.0, 1.0, 8_000)))
        .await
        .unwrap();
    let is_voice = |e: &CallEvent| matches!(e, CallEvent::Heard(Heard::Voice(_)));
    let started = event(&mut pair.callee, is_voice).await;
    let CallEvent::Heard(Heard::Voice(VoiceEvent::Started { at: began })) = started else {
        panic!("{started:?}");
    };
    let stopped = event(&mut pair.callee, is_voice).await;
    let CallEvent::Heard(Heard::Voice(VoiceEvent::Stopped { at, duration })) = stopped else {
        panic!("{stopped:?}");
    };
    assert!(
        at > began && duration.abs_diff(ms(1_000)) < ms(150),
        "{duration:?}"
    );
}

#[tokio::test]
async fn digits_are_collected_with_a_prompt_that_they_interrupt() {
    let mut pair = connected().await;
    within(pair.callee.audio.tx.send(tone(440.0, 20.0, 8_000)))
        .await
        .unwrap();
    let collection = DigitCollection {
        max_digits: 8,
        ..DigitCollection::default()
    };
    let keying = async {
        // In the middle of the prompt.
        listen(&mut pair.caller, 0.5).await;
        pair.caller.send_dtmf("42#").await.unwrap();
    };
    let (input, ()) =
        within(async { tokio::join!(pair.callee.collect_digits(collection), keying) }).await;
    let input = input.unwrap();
    assert_eq!(input.outcome, DigitOutcome::Terminated("42".into()));
    let cut = input.interrupted.expect("the prompt was cut off");
    let [prompt] = &cut.utterances[..] else {
        panic!("{cut:?}");
    };
    assert!(
        (ms(300)..ms(5_000)).contains(&prompt.sent) && prompt.queued == Duration::from_secs(20),
        "{prompt:?}"
    );
    assert!(pair.callee.audio.tx.queued().is_zero());
}

#[tokio::test]
async fn keys_typed_ahead_count_and_other_events_are_kept() {
    let mut pair = connected().await;
    pair.callee.audio.tx.mark("before").unwrap();
    within(pair.caller.send_dtmf("12")).await.unwrap();
    let collection = DigitCollection {
        max_digits: 2,
        ..DigitCollection::default()
    };
    let input = within(pair.callee.collect_digits(collection))
        .await
        .unwrap();
    assert_eq!(input.outcome, DigitOutcome::Complete("12".into()));
    assert_eq!(input.interrupted, None);
    let mark = event(&mut pair.callee, |e| matches!(e, CallEvent::Mark { .. })).await;
    assert!(matches!(mark, CallEvent::Mark { name, .. } if name == "before"));
}

#[tokio::test]
async fn keys_come_again_when_the_collection_is_dropped() {
    let mut pair = connected().await;
    let prompt = pair.callee.audio.tx.clone();
    within(prompt.send(tone(440.0, 20.0, 8_000))).await.unwrap();
    within(pair.caller.send_dtmf("1")).await.unwrap();
    tokio::select! {
        input = pair.callee.collect_digits(DigitCollection::default()) => panic!("{input:?}"),
        // The key has been taken when it has cut the prompt off.
        cut_off = within(prompt.drained()) => cut_off.unwrap(),
    }
    within(pair.caller.send_dtmf("2")).await.unwrap();
    let two = DigitCollection {
        max_digits: 2,
        ..DigitCollection::default()
    };
    let input = within(pair.callee.collect_digits(two)).await.unwrap();
    assert_eq!(input.outcome, DigitOutcome::Complete("12".into()));
}

#[tokio::test]
async fn nothing_keyed_is_no_input_after_the_prompt_and_its_time() {
    let mut pair = connected().await;
    within(pair.callee.audio.tx.send(tone(440.0, 0.5, 8_000)))
        .await
        .unwrap();
    let began = std::time::Instant::now();
    let collection = DigitCollection {
        first_digit_timeout: ms(200),
        ..DigitCollection::default()
    };
    let input = within(pair.callee.collect_digits(collection))
        .await
        .unwrap();
    assert_eq!(input.outcome, DigitOutcome::NoInput);
    assert!(began.elapsed() >= ms(680), "{:?}", began.elapsed());

    pair.caller.hang_up().await.unwrap();
    let ended = within(pair.callee.collect_digits(DigitCollection::default())).await;
    assert!(matches!(ended, Err(Error::Ended)), "{ended:?}");
    assert!(within(pair.callee.events.ended()).await.is_some());
}
