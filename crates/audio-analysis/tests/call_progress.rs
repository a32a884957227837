//! Call-progress tones of all plans, clean, faint and noisy; and none in speech and music.

mod support;

use std::time::Duration;

use audio_analysis::{
    CallProgressDetector, CallProgressEvent, CallProgressGenerator, CallProgressTone,
    SpecialInformation, ToneGenerator, TonePattern, TonePlan, patterns, power_of_dbm0,
};
use support::{add, noise, samples};

fn events(rate: u32, sound: &[f32]) -> Vec<CallProgressEvent> {
    let mut detector = CallProgressDetector::new(rate);
    sound
        .chunks(rate as usize / 50)
        .flat_map(|frame| {
            detector.push(frame);
            std::iter::from_fn(|| detector.poll_event()).collect::<Vec<_>>()
        })
        .collect()
}

/// 0.3 s of silence, the tone for 7 s (or once), 8 s of silence.
fn sounded(rate: u32, pattern: &'static TonePattern, dbm0: f32) -> Vec<f32> {
    let ms = rate as usize / 1000;
    let mut sound = vec![0.0; 300 * ms];
    let mut tone = vec![0.0; 7000 * ms];
    CallProgressGenerator::new(rate, pattern, dbm0).fill(&mut tone);
    sound.extend(tone);
    sound.resize(sound.len() + 8000 * ms, 0.0);
    sound
}

#[track_caller]
fn check(rate: u32, sound: &[f32], pattern: &TonePattern, note: &str) {
    let found = events(rate, sound);
    let Some(CallProgressEvent::Started { tone, plan, at }) = found.first().copied() else {
        panic!("{:?} of {:?} {note}: nothing", pattern.tone, pattern.plan);
    };
    assert_eq!(
        (tone, plan),
        (pattern.tone, pattern.plan),
        "{note}: {found:?}"
    );
    assert!(
        at.abs_diff(Duration::from_millis(300)) < Duration::from_millis(30),
        "{pattern:?} {note}: {at:?}"
    );
    let special = matches!(tone, CallProgressTone::SpecialInformation(_));
    assert_eq!(
        found.len(),
        if special { 1 } else { 2 },
        "{pattern:?} {note}: {found:?}"
    );
}

#[test]
fn every_tone_of_every_plan_is_found_at_every_level_and_rate_and_told_once() {
    for pattern in patterns() {
        for dbm0 in [-5.0, -20.0, -35.0] {
            check(
                8000,
                &sounded(8000, pattern, dbm0),
                pattern,
                &format!("at {dbm0} dBm0"),
            );
        }
        check(
            48_000,
            &sounded(48_000, pattern, -15.0),
            pattern,
            "at 48 kHz",
        );
    }
}

#[test]
fn every_tone_is_found_in_noise_of_15_db() {
    for (seed, pattern) in patterns().iter().enumerate() {
        let mut sound = sounded(8000, pattern, -15.0);
        let rms = power_of_dbm0(-15.0 - 15.0).sqrt();
        let hiss = noise(seed as u64, sound.len(), rms);
        add(&mut sound, &hiss);
        check(8000, &sound, pattern, "in noise");
    }
}

#[test]
fn exchanges_that_are_off_by_some_hertz_and_a_tenth_of_time_are_known() {
    let beats = |hz: f32, on: usize, off: usize, count: usize| {
        let mut sound = vec![0.0; samples(500)];
        for _ in 0..count {
            let mut beat = vec![0.0; samples(on)];
            ToneGenerator::new(8000, hz, 0.2).fill(&mut beat);
            sound.extend(beat);
            sound.resize(sound.len() + samples(off), 0.0);
        }
        sound
    };
    let first = |sound: &[f32]| match events(8000, sound).first() {
        Some(CallProgressEvent::Started { tone, plan, .. }) => Some((*tone, *plan)),
        _ => None,
    };
    // Germany and Austria; Italy; France; 437 Hz.
    let (busy, congestion) = (CallProgressTone::Busy, CallProgressTone::Congestion);
    assert_eq!(
        first(&beats(425.0, 480, 480, 5)),
        Some((busy, TonePlan::Europe))
    );
    assert_eq!(
        first(&beats(425.0, 240, 240, 8)),
        Some((congestion, TonePlan::Europe))
    );
    assert_eq!(
        first(&beats(437.0, 550, 450, 5)),
        Some((busy, TonePlan::Europe))
    );
    let ringback = CallProgressTone::Ringback;
    assert_eq!(
        first(&beats(425.0, 1500, 3500, 2)),
        Some((ringback, TonePlan::Europe))
    );
    assert_eq!(
        first(&beats(415.0, 900, 4000, 2)),
        Some((ringback, TonePlan::Europe))
    );
    // Neither this frequency nor this cadence is anybody's.
    assert_eq!(first(&beats(550.0, 500, 500, 8)), None);
    assert_eq!(first(&beats(425.0, 100, 100, 20)), None);
}

#[test]
fn the_code_of_special_information_tones_is_read() {
    let coded: Vec<_> = patterns()
        .iter()
        .filter_map(|pattern| match pattern.tone {
            CallProgressTone::SpecialInformation(code) => Some((pattern, code)),
            _ => None,
        })
        .collect();
    assert_eq!(coded.len(), 7);
    for (pattern, code) in coded {
        let found = events(8000, &sounded(8000, pattern, -24.0));
        let [CallProgressEvent::Started { tone, .. }] = found[..] else {
            panic!("{pattern:?}: {found:?}");
        };
        assert_eq!(tone, CallProgressTone::SpecialInformation(code));
        assert!(code != SpecialInformation::Uncoded || pattern.plan == TonePlan::Worldwide);
    }
}

#[test]
fn ringback_that_is_answered_stops() {
    let ring = patterns()
        .iter()
        .find(|row| row.tone == CallProgressTone::Ringback)
        .unwrap();
    let mut sound = sounded(8000, ring, -15.0);
    sound.truncate(samples(7000));
    sound.extend(support::coloured_noise(1, samples(2000), 0.1));
    let found = events(8000, &sound);
    let [
        _,
        CallProgressEvent::Stopped {
            tone: CallProgressTone::Ringback,
            at,
        },
    ] = found[..]
    else {
        panic!("{found:?}");
    };
    assert!(at <= Duration::from_millis(7050), "{at:?}");
}

#[test]
fn an_answer_tone_with_phase_reversals_is_one() {
    // ANSam, ITU-T V.8: reversed every 450 ms, 20 % modulated at 15 Hz.
    let mut sound = vec![0.0; samples(500)];
    sound.extend((0..samples(3300)).map(|n| {
        let time = n as f32 / 8000.0;
        let sign = if (n / samples(450)).is_multiple_of(2) {
            1.0
        } else {
            -1.0
        };
        let wave = (std::f32::consts::TAU * (2100.0 * time).fract()).sin();
        sign * 0.2 * wave * (1.0 + 0.2 * (std::f32::consts::TAU * 15.0 * time).sin())
    }));
    sound.resize(sound.len() + samples(1000), 0.0);
    let found = events(8000, &sound);
    assert!(
        matches!(
            found[0],
            CallProgressEvent::Started {
                tone: CallProgressTone::FaxAnswer,
                ..
            }
        ),
        "{found:?}"
    );
    assert_eq!(found.len(), 2, "{found:?}");
}

#[test]
fn ten_minutes_of_speech_hold_no_tone() {
    let Some(speech) = support::ten_minutes_of_speech() else {
        eprintln!("left out: espeak-ng is not installed");
        return;
    };
    assert_eq!(events(8000, &speech), []);
}

#[test]
fn recorded_prompts_music_and_noise_hold_no_tone() {
    assert_eq!(events(8000, &support::prompts()), []);
    assert_eq!(events(8000, &support::tune()), []);
    assert_eq!(events(8000, &noise(9, samples(60_000), 0.1)), []);
}
