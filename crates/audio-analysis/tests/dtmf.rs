//! In-band digits, held against the limits of ITU-T Q.24.

mod support;

use std::time::Duration;

use audio_analysis::{
    DtmfDetector, DtmfEvent, DtmfGenerator, DtmfSound, ToneGenerator, amplitude_of_dbm0,
    dtmf_frequencies, power_of_dbm0,
};
use support::{add, noise, samples};

const ALL: &str = "0123456789*#ABCD";

fn events(rate: u32, sound: &[f32]) -> Vec<DtmfEvent> {
    let mut detector = DtmfDetector::new(rate);
    sound
        .chunks(rate as usize / 50)
        .flat_map(|frame| {
            detector.push(frame);
            std::iter::from_fn(|| detector.poll_event()).collect::<Vec<_>>()
        })
        .collect()
}

fn digits(rate: u32, sound: &[f32]) -> String {
    events(rate, sound)
        .into_iter()
        .filter_map(|event| match event {
            DtmfEvent::Pressed { digit, .. } => Some(digit),
            _ => None,
        })
        .collect()
}

/// `keys` from 13 ms on, and 100 ms of silence.
fn keys(rate: u32, keys: &str, sound: DtmfSound) -> Vec<f32> {
    let mut generator = DtmfGenerator::new(rate, sound);
    for key in keys.chars() {
        assert!(generator.queue(key));
    }
    let ms = rate as usize / 1000;
    let mut all = vec![0.0; 13 * ms];
    let mut frame = vec![0.0; 10 * ms];
    while generator.fill(&mut frame) > 0 {
        all.extend_from_slice(&frame);
    }
    all.resize(all.len() + 100 * ms, 0.0);
    all
}

fn sound(tone_ms: u64, pause_ms: u64, low_dbm0: f32, high_dbm0: f32) -> DtmfSound {
    DtmfSound {
        tone: Duration::from_millis(tone_ms),
        pause: Duration::from_millis(pause_ms),
        low_dbm0,
        high_dbm0,
    }
}

#[track_caller]
fn check(rate: u32, sound: DtmfSound, expected: &str) {
    assert_eq!(
        digits(rate, &keys(rate, ALL, sound)),
        expected,
        "{sound:?} at {rate} Hz"
    );
}

#[test]
fn every_digit_is_found_at_every_level_twist_length_and_rate() {
    for rate in [8000, 16_000, 44_100, 48_000] {
        check(rate, sound(40, 40, -10.0, -10.0), ALL);
    }
    for level in [-3.0, -20.0, -36.0] {
        check(8000, sound(50, 50, level, level), ALL);
    }
    check(8000, sound(50, 50, -18.0, -10.0 - 16.0), ALL);
    check(8000, sound(50, 50, -14.0, -10.0), ALL);
    check(8000, sound(40, 40, -36.0, -32.0), ALL);
    check(8000, sound(900, 100, -20.0, -20.0), ALL);
}

#[test]
fn digits_are_taken_wherever_they_begin() {
    for offset in 0..80 {
        let mut all = vec![0.0; offset];
        all.extend(keys(8000, ALL, sound(40, 40, -10.0, -10.0)));
        assert_eq!(digits(8000, &all), ALL, "{offset} samples later");
    }
}

#[test]
fn what_is_too_short_too_faint_or_too_slanted_is_no_digit() {
    check(8000, sound(22, 60, -10.0, -10.0), "");
    check(8000, sound(60, 60, -50.0, -50.0), "");
    check(8000, sound(60, 60, -10.0, -24.0), "");
    check(8000, sound(60, 60, -20.0, -10.0), "");
}

/// All sixteen digits with both frequencies off by `low` and `high` of themselves, 60 ms each.
fn detuned(low: f32, high: f32) -> String {
    let mut all = Vec::new();
    for key in ALL.chars() {
        let [low_hz, high_hz] = dtmf_frequencies(key).unwrap();
        let mut tones = [low_hz * (1.0 + low), high_hz * (1.0 + high)]
            .map(|hz| ToneGenerator::new(8000, hz, 0.15));
        all.extend(
            (0..samples(60)).map(|_| tones.iter_mut().map(|t| t.next_sample()).sum::<f32>()),
        );
        all.resize(all.len() + samples(60), 0.0);
    }
    digits(8000, &all)
}

#[test]
fn frequencies_may_be_off_by_one_and_a_half_percent_and_not_by_three_and_a_half() {
    for (low, high) in [
        (0.017, 0.017),
        (-0.017, -0.017),
        (0.017, -0.017),
        (0.0, 0.017),
    ] {
        assert_eq!(detuned(low, high), ALL, "{low} {high}");
    }
    for (low, high) in [
        (0.035, 0.0),
        (-0.035, 0.0),
        (0.0, 0.035),
        (0.0, -0.035),
        (0.036, 0.036),
    ] {
        assert_eq!(detuned(low, high), "", "{low} {high}");
    }
}

#[test]
fn noise_of_15_db_spoils_no_digit() {
    for seed in 0..20 {
        let mut all = keys(8000, ALL, sound(50, 50, -20.0, -20.0));
        let rms = (2.0 * power_of_dbm0(-20.0)).sqrt() / 10f32.powf(15.0 / 20.0);
        let hiss = noise(seed, all.len(), rms);
        add(&mut all, &hiss);
        assert_eq!(digits(8000, &all), ALL, "seed {seed}");
    }
}

#[test]
fn times_are_told_within_a_few_milliseconds() {
    let found = events(8000, &keys(8000, "5", sound(80, 50, -10.0, -10.0)));
    let [
        DtmfEvent::Pressed { at, .. },
        DtmfEvent::Released {
            at: end, duration, ..
        },
    ] = found[..]
    else {
        panic!("{found:?}");
    };
    assert!(
        at.abs_diff(Duration::from_millis(13)) < Duration::from_millis(6),
        "{at:?}"
    );
    assert!(
        end.abs_diff(Duration::from_millis(93)) < Duration::from_millis(6),
        "{end:?}"
    );
    assert_eq!(duration, end - at);
}

#[test]
fn a_break_of_10_ms_does_not_double_a_digit_and_a_pause_of_40_ms_does() {
    let tone = keys(8000, "8", sound(300, 0, -10.0, -10.0));
    let mut broken = tone.clone();
    broken[samples(150)..samples(160)].fill(0.0);
    assert_eq!(digits(8000, &broken), "8");
    let mut apart = tone;
    apart[samples(150)..samples(190)].fill(0.0);
    assert_eq!(digits(8000, &apart), "88");
}

#[test]
fn single_tones_and_noise_are_no_digits() {
    for hz in [697.0, 941.0, 1209.0, 1477.0, 425.0] {
        let mut tone = vec![0.0; 8000];
        ToneGenerator::new(8000, hz, amplitude_of_dbm0(-10.0)).fill(&mut tone);
        assert_eq!(digits(8000, &tone), "", "{hz}");
    }
    assert_eq!(digits(8000, &noise(3, samples(60_000), 0.1)), "");
    assert_eq!(digits(8000, &support::tune()), "");
}

#[test]
fn ten_minutes_of_speech_make_no_digit() {
    let Some(speech) = support::ten_minutes_of_speech() else {
        eprintln!("left out: espeak-ng is not installed");
        return;
    };
    assert!(speech.len() >= samples(600_000));
    assert_eq!(events(8000, &speech), []);
}

#[test]
fn recorded_prompts_make_no_digit() {
    // Nothing where Debian's asterisk-core-sounds-en-wav is not installed.
    assert_eq!(events(8000, &support::prompts()), []);
}
