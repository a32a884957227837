//! Voice activity: on spoken sentences in noise, and on sounds whose times are exact.

mod support;

use std::time::Duration;

use audio_analysis::{VoiceActivityConfig, VoiceActivityDetector, VoiceEvent, VoiceModel};
use support::samples;
use support::talk::{Noise, found, noisy, score, talk};

/// Worst figures at 20, 10 and 5 dB: speech missed, pauses taken for speech, beginnings found, median error of beginnings.
fn hold(model: VoiceModel, limits: [[f32; 4]; 3]) {
    let Some(talk) = talk() else {
        eprintln!("left out: espeak-ng is not installed");
        return;
    };
    for (snr, [missed, false_alarms, onsets, error]) in [20.0, 10.0, 5.0].into_iter().zip(limits) {
        let sound = noisy(&talk, Noise::Coloured, snr, 7);
        let score = score(&talk, &found(&sound, model));
        assert!(
            score.missed <= missed
                && score.false_alarms <= false_alarms
                && score.onsets >= onsets
                && score.onset_error[0] <= error,
            "{model:?} at {snr} dB: {score:?}"
        );
    }
}

#[test]
fn sentences_are_found_in_noise_by_their_energy() {
    let at = [
        [4.0, 8.0, 94.0, 20.0],
        [9.0, 6.0, 92.0, 60.0],
        [15.0, 6.0, 88.0, 80.0],
    ];
    hold(VoiceModel::Energy, at);
}

#[cfg(feature = "earshot")]
#[test]
fn sentences_are_found_in_noise_by_earshot() {
    let at = [
        [9.0, 6.0, 95.0, 90.0],
        [11.0, 6.0, 92.0, 100.0],
        [12.0, 15.0, 88.0, 100.0],
    ];
    hold(VoiceModel::Earshot, at);
}

fn events(sound: &[f32], frame: usize) -> Vec<VoiceEvent> {
    let mut detector = VoiceActivityDetector::new(8000, VoiceActivityConfig::default());
    let mut events = Vec::new();
    for frame in sound.chunks(frame) {
        detector.push(frame);
        events.extend(std::iter::from_fn(|| detector.poll_event()));
    }
    events
}

/// Faint noise with loud noise in each of `bursts`, ms.
fn bursts(bursts: &[(usize, usize)], end: usize) -> Vec<f32> {
    let mut sound = support::noise(1, samples(end), 0.001);
    for &(start, end) in bursts {
        let loud = support::noise(2, samples(end - start), 0.1);
        support::add(&mut sound[samples(start)..], &loud);
    }
    sound
}

#[test]
fn times_are_those_of_the_sound_whatever_the_framing() {
    let sound = bursts(&[(1000, 1300), (1500, 1800)], 3000);
    let found = events(&sound, 160);
    let [
        VoiceEvent::Started { at },
        VoiceEvent::Stopped { at: end, duration },
    ] = found[..]
    else {
        panic!("{found:?}");
    };
    assert!(
        at.abs_diff(Duration::from_millis(1000)) <= Duration::from_millis(20),
        "{at:?}"
    );
    assert!(
        end.abs_diff(Duration::from_millis(1800)) <= Duration::from_millis(60),
        "{end:?}"
    );
    assert_eq!(duration, end - at);
    assert_eq!(events(&sound, 1), found);
    assert_eq!(events(&sound, 7000), found);
}

#[test]
fn longer_pauses_divide_and_clicks_do_not_start() {
    let sound = bursts(&[(1000, 1300), (2000, 2300), (3500, 3510)], 4500);
    assert_eq!(events(&sound, 160).len(), 4);
}

#[test]
fn who_speaks_at_once_is_heard_and_steady_noise_is_not_for_long() {
    let at_once = bursts(&[(0, 130), (190, 400)], 1500);
    assert_eq!(events(&at_once, 160).len(), 2);
    let steady = support::noise(3, samples(60_000), 0.03);
    let told: Duration = events(&steady, 160)
        .into_iter()
        .map(|event| match event {
            VoiceEvent::Stopped { duration, .. } => duration,
            _ => Duration::ZERO,
        })
        .sum();
    assert!(told < Duration::from_secs(3), "{told:?}");
    assert_eq!(events(&support::noise(4, samples(60_000), 0.0005), 160), []);
}

#[test]
fn noise_that_rises_is_learnt() {
    let mut sound = support::noise(5, samples(20_000), 0.001);
    support::add(
        &mut sound[samples(5000)..],
        &support::noise(6, samples(15_000), 0.03),
    );
    let found = events(&sound, 160);
    let [VoiceEvent::Started { .. }, VoiceEvent::Stopped { at, .. }] = found[..] else {
        panic!("{found:?}");
    };
    assert!(at < Duration::from_secs(9), "{at:?}");
}
