//! What is found in the sound of a call, in virtual time.

use std::time::Duration;

use media_engine::analysis::{
    CallProgressEvent, CallProgressGenerator, CallProgressTone, TalkOverEvent, VoiceActivityConfig,
    VoiceEvent, patterns,
};
use media_engine::{
    AudioFrame, ClockRate, Heard, InBandDtmf, ListenConfig, MediaConfig, MediaEvent, MediaUpdate,
    PayloadType, TelephoneEventFormat,
};

use crate::network::{Call, Faults, Party};
use crate::signal::tone;

const SECOND: Duration = Duration::from_secs(1);
const ELSEWHERE: Faults = Faults {
    loss: 0.0,
    duplicates: 0.0,
    delay: Duration::from_millis(40),
    jitter: Duration::ZERO,
    seed: 1,
};

fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

fn call(listen: ListenConfig) -> Call {
    Call::with(ELSEWHERE, |config: &mut MediaConfig| config.listen = listen)
}

fn heard(party: &Party) -> Vec<Heard> {
    let told = party.told.iter();
    told.filter_map(|event| match event {
        MediaEvent::Heard(heard) => Some(*heard),
        _ => None,
    })
    .collect()
}

fn telephone_event() -> TelephoneEventFormat {
    TelephoneEventFormat {
        send_payload_type: PayloadType(101),
        receive_payload_type: PayloadType(101),
        clock_rate: ClockRate(8_000),
    }
}

fn say(party: &Party, samples: Vec<f32>) {
    let frame = AudioFrame::mono(samples, 8_000);
    party.bridge.tx.try_send(frame).unwrap();
}

/// Voice enough for the energy detector: a buzz of 150 Hz that swells and falls four times a second.
fn voice(seconds: f64) -> Vec<f32> {
    let mut samples = tone(150.0, 8_000, seconds);
    for (harmonic, share) in [(300.0, 0.7), (600.0, 0.5), (1_200.0, 0.3)] {
        let overtone = tone(harmonic, 8_000, seconds);
        for (sample, overtone) in samples.iter_mut().zip(overtone) {
            *sample += share * overtone;
        }
    }
    for (n, sample) in samples.iter_mut().enumerate() {
        let swell = (n as f32 / 8_000.0 * std::f32::consts::TAU * 4.0).sin();
        *sample *= 0.2 * (0.6 + 0.4 * swell);
    }
    samples
}

#[test]
fn speech_is_told_with_its_media_time_whether_or_not_the_program_listens() {
    for reads in [true, false] {
        let mut call = call(ListenConfig {
            voice: Some(VoiceActivityConfig::default()),
            ..ListenConfig::default()
        });
        if !reads {
            let (_, closed) = {
                let other = Call::new();
                (other.a.session, other.a.bridge.rx)
            };
            drop(std::mem::replace(&mut call.b.bridge.rx, closed));
        }
        call.run(SECOND * 2);
        let start = call.now - call.started();
        say(&call.a, voice(1.5));
        call.run(SECOND * 3);
        let events = heard(&call.b);
        let [
            Heard::Voice(VoiceEvent::Started { at }),
            Heard::Voice(VoiceEvent::Stopped { duration, .. }),
        ] = events[..]
        else {
            panic!("{events:?}");
        };
        // A packet time, the way and the jitter buffer lie between.
        let late = at.saturating_sub(start);
        assert!((ms(40)..ms(140)).contains(&late), "{late:?} late, {reads}");
        assert!(
            duration.abs_diff(ms(1_500)) < ms(100),
            "{duration:?} long, {reads}"
        );
        assert!(heard(&call.a).is_empty());
    }
}

#[test]
fn both_at_once_is_told_with_who_was_interrupted() {
    let mut call = call(ListenConfig {
        talk_over: Some(ms(300)),
        ..ListenConfig::default()
    });
    call.run(SECOND);
    say(&call.a, voice(3.0));
    call.run(SECOND);
    say(&call.b, voice(3.0));
    call.run(SECOND * 5);
    for (party, interrupted) in [
        (&call.a, media_engine::analysis::Side::Near),
        (&call.b, media_engine::analysis::Side::Far),
    ] {
        let events = heard(party);
        let [
            Heard::TalkOver(TalkOverEvent::Started {
                interrupted: who, ..
            }),
            Heard::TalkOver(TalkOverEvent::Stopped { duration, .. }),
        ] = events[..]
        else {
            panic!("{events:?}");
        };
        assert_eq!(who, interrupted);
        assert!(duration.abs_diff(SECOND * 2) < ms(250), "{duration:?}");
    }
}

#[test]
fn keys_are_heard_in_the_audio_while_telephone_event_is_not_agreed() {
    let mut call = call(ListenConfig {
        dtmf: InBandDtmf::Auto,
        ..ListenConfig::default()
    });
    let press = |call: &mut Call| {
        for digit in "42".chars() {
            call.a.session.send_dtmf_tone(digit, ms(80)).unwrap();
        }
        call.run(SECOND);
    };
    call.run(SECOND);
    press(&mut call);
    assert_eq!(call.b.digits(), "42");
    for event in &call.b.told {
        if let MediaEvent::Dtmf {
            in_band, duration, ..
        } = event
        {
            assert!(in_band);
            assert!((ms(20)..ms(80)).contains(duration), "{duration:?}");
        }
    }
    let agreed = |call: &mut Call, agreed| {
        let update = MediaUpdate {
            telephone_event: Some(agreed),
            ..MediaUpdate::default()
        };
        call.a.session.update(call.now, update.clone()).unwrap();
        call.b.session.update(call.now, update).unwrap();
    };
    agreed(&mut call, Some(telephone_event()));
    press(&mut call);
    assert_eq!(call.b.digits(), "42", "telephone-event is agreed now");
    agreed(&mut call, None);
    press(&mut call);
    assert_eq!(call.b.digits(), "4242");
    let on = ListenConfig {
        dtmf: InBandDtmf::On,
        ..ListenConfig::default()
    };
    agreed(&mut call, Some(telephone_event()));
    let update = MediaUpdate {
        listen: Some(on),
        ..MediaUpdate::default()
    };
    call.b.session.update(call.now, update).unwrap();
    press(&mut call);
    assert_eq!(call.b.digits(), "424242");
}

#[test]
fn what_is_said_stands_still_while_a_key_sounds() {
    let mut call = call(ListenConfig {
        dtmf: InBandDtmf::On,
        ..ListenConfig::default()
    });
    let said = AudioFrame::mono(voice(2.0), 8_000);
    call.a.bridge.tx.try_send(said).unwrap();
    call.run(ms(500));
    let queued = call.a.bridge.tx.queued();
    call.a.session.send_dtmf_tone('7', ms(100)).unwrap();
    call.run(ms(200));
    assert!(call.a.bridge.tx.queued() + ms(20) >= queued);
    call.run(SECOND * 2);
    assert!(call.a.bridge.tx.queued().is_zero(), "it went on");
    assert_eq!(call.b.digits(), "7");
}

#[test]
fn a_busy_tone_is_told_once() {
    let mut call = call(ListenConfig {
        call_progress: true,
        ..ListenConfig::default()
    });
    let busy = patterns()
        .iter()
        .find(|row| row.tone == CallProgressTone::Busy)
        .unwrap();
    let mut sound = vec![0.0; 40_000];
    CallProgressGenerator::new(8_000, busy, -15.0).fill(&mut sound);
    say(&call.a, sound);
    call.run(SECOND * 5);
    let events = heard(&call.b);
    assert!(
        matches!(
            events[..],
            [Heard::CallProgress(CallProgressEvent::Started {
                tone: CallProgressTone::Busy,
                ..
            })]
        ),
        "{events:?}"
    );
}

#[test]
fn who_answered_is_listened_to_from_the_answer_on() {
    let mut call = Call::with(ELSEWHERE, |config: &mut MediaConfig| {
        config.early_media = true;
        config.listen.answering_machine = Some(Default::default());
    });
    // What comes before the answer is no greeting.
    say(&call.a, voice(8.0));
    call.run(SECOND * 9);
    assert!(heard(&call.b).is_empty());
    let answered = MediaUpdate {
        early_media: Some(false),
        ..MediaUpdate::default()
    };
    call.b.session.update(call.now, answered).unwrap();
    say(&call.a, voice(0.6));
    call.run(SECOND * 3);
    let events = heard(&call.b);
    let Some(Heard::AnsweringMachine(media_engine::analysis::AnsweringMachineEvent::Opinion(
        opinion,
    ))) = events.last()
    else {
        panic!("{events:?}");
    };
    assert_eq!(
        opinion.answerer,
        media_engine::analysis::Answerer::Human,
        "{opinion:?}"
    );
    assert!(opinion.at <= SECOND * 3, "{opinion:?}");
}

#[test]
fn nothing_is_listened_for_unless_asked() {
    let mut call = call(ListenConfig::default());
    call.a.session.send_dtmf_tone('1', ms(100)).unwrap();
    call.run(SECOND);
    say(&call.a, voice(2.0));
    call.run(SECOND * 4);
    assert!(heard(&call.b).is_empty() && call.b.digits().is_empty());
}
