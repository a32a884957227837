//! Tests of comfort noise: what is described is what is heard.

use proptest::prelude::*;

use super::*;
use crate::test_signal::{db, noise, rms, tone, voice};

fn heard(description: &NoiseDescription, samples: usize) -> Vec<f32> {
    let mut generator = ComfortNoise::new(8000);
    generator.describe(description);
    let mut out = Vec::new();
    generator.generate(2000, &mut out); // fades in
    out.clear();
    generator.generate(samples, &mut out);
    out
}

fn described(signal: &[f32]) -> NoiseDescription {
    let mut analyser = NoiseAnalyser::new(8000);
    signal.chunks(160).for_each(|frame| analyser.observe(frame));
    analyser.describe()
}

/// Noise of low frequencies, as of a room.
fn room(amplitude: f32, samples: usize) -> Vec<f32> {
    let mut last = 0.0;
    noise(amplitude, samples)
        .into_iter()
        .map(|x| {
            last = 0.9 * last + x;
            last
        })
        .collect()
}

#[test]
fn the_noise_is_as_loud_as_it_was_described() {
    for level in [20, 35, 50, 70, 90] {
        for coefficients in [&[][..], &[20], &[10, 200], &[230, 40, 150, 100]] {
            let payload: Vec<u8> = [level].iter().chain(coefficients).copied().collect();
            let description = NoiseDescription::parse(&payload).unwrap();
            let is = db(rms(&heard(&description, 80_000)));
            assert!((is + f64::from(level)).abs() < 1.0, "{payload:?}: {is:.1}");
        }
    }
}

#[test]
fn level_and_spectrum_survive_the_way_through_a_payload() {
    let said = room(0.003, 80_000);
    let mut payload = Vec::new();
    described(&said).write(&mut payload);
    assert_eq!(payload.len(), 9);
    let noise = heard(&NoiseDescription::parse(&payload).unwrap(), 80_000);
    assert!((db(rms(&said)) - db(rms(&noise))).abs() < 1.5);
    // Its spectrum once more: each coefficient within a tenth.
    let (meant, is) = (described(&said), described(&noise));
    for (meant, is) in meant.reflection().zip(is.reflection()) {
        assert!((meant - is).abs() < 0.15, "{meant} came back as {is}");
    }
    assert!(is.reflection().next().unwrap() < -0.8, "low frequencies");
    let white: Vec<f32> = described(&crate::test_signal::noise(0.01, 80_000))
        .reflection()
        .collect();
    assert!(white.iter().all(|k| k.abs() < 0.12), "{white:?}");
}

#[test]
fn a_new_description_is_followed_without_a_step() {
    let mut generator = ComfortNoise::new(8000);
    let mut out = Vec::new();
    for level in [60, 40, 80] {
        generator.describe(&NoiseDescription::parse(&[level]).unwrap());
        let from = out.len();
        generator.generate(8000, &mut out);
        let loudness = |range: std::ops::Range<usize>| db(rms(&out[range]));
        let end = loudness(from + 4000..from + 8000);
        assert!((end + f64::from(level)).abs() < 1.0, "{end:.1} dB");
        if from > 0 {
            // The first 5 ms are nearly as loud as what was before.
            let (before, after) = (loudness(from - 800..from), loudness(from..from + 40));
            assert!((before - after).abs() < 10.0, "{before:.1}, {after:.1} dB");
        }
    }
}

#[test]
fn the_faintest_level_is_silence() {
    let silence = NoiseDescription::new(0.0, &[]);
    assert_eq!(silence.level_dbov(), -127.0);
    assert!(heard(&silence, 800).iter().all(|&x| x == 0.0));
}

#[test]
fn other_rates_have_the_level_alone() {
    let mut analyser = NoiseAnalyser::new(16_000);
    analyser.observe(&room(0.01, 3200));
    assert_eq!(analyser.describe().reflection().count(), 0);
    let mut generator = ComfortNoise::new(16_000);
    generator.describe(&NoiseDescription::parse(&[40, 0, 0]).unwrap());
    let mut out = Vec::new();
    generator.generate(32_000, &mut out);
    assert!((db(rms(&out[8000..])) + 40.0).abs() < 1.0);
}

/// What the suppressor says of each 20 ms frame.
fn decide(suppressor: &mut SilenceSuppressor, signal: &[f32]) -> Vec<Suppression> {
    signal
        .chunks(160)
        .map(|frame| suppressor.next(frame))
        .collect()
}

#[test]
fn speech_is_sent_whole_and_silence_as_one_description_a_second() {
    let mut suppressor = SilenceSuppressor::new(8000);
    // A program that says nothing: described at once, then once a second.
    let idle = decide(&mut suppressor, &[0.0; 24_000]);
    let told = |decisions: &[Suppression]| {
        decisions
            .iter()
            .filter(|decision| matches!(decision, Suppression::Describe(_)))
            .count()
    };
    assert!(matches!(idle[0], Suppression::Describe(noise) if noise.level_dbov() == -127.0));
    assert_eq!(told(&idle), 3);
    assert!(!idle.contains(&Suppression::Speech));

    let talk = decide(&mut suppressor, &voice(120.0, 8000, 8000));
    assert!(talk.iter().all(|decision| *decision == Suppression::Speech));

    // The end of a word is sent for 200 ms more.
    let after = decide(&mut suppressor, &room(0.0005, 16_000));
    let hangover = after
        .iter()
        .take_while(|decision| **decision == Suppression::Speech);
    assert_eq!(hangover.count(), 10);
    let Suppression::Describe(noise) = after[10] else {
        panic!("the background is described: {:?}", after[10]);
    };
    assert!((-70.0..-50.0).contains(&noise.level_dbov()), "{noise:?}");
    assert!((1..=4).contains(&told(&after)), "{}", told(&after));
}

#[test]
fn a_change_of_the_background_is_told_soon() {
    let mut suppressor = SilenceSuppressor::new(8000);
    decide(&mut suppressor, &noise(0.0004, 8000));
    let louder = decide(&mut suppressor, &noise(0.002, 4000));
    let told = louder
        .iter()
        .position(|decision| matches!(decision, Suppression::Describe(_)));
    assert!(told.is_some_and(|frame| frame <= 15), "{told:?}");
}

#[test]
fn a_faint_tone_is_background_and_a_low_voice_is_not() {
    let mut suppressor = SilenceSuppressor::new(8000);
    let faint: Vec<f32> = tone(400.0, 8000, 1600).iter().map(|x| x * 0.005).collect();
    assert!(!decide(&mut suppressor, &faint).contains(&Suppression::Speech));
    let low: Vec<f32> = voice(110.0, 8000, 1600).iter().map(|x| x * 0.1).collect();
    assert!(
        decide(&mut suppressor, &low)
            .iter()
            .all(|d| *d == Suppression::Speech)
    );
}

proptest! {
    #[test]
    fn any_payload_makes_noise_within_range(
        payloads in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..40), 1..6),
    ) {
        let mut generator = ComfortNoise::new(8000);
        let mut out = Vec::new();
        for payload in payloads {
            if let Some(noise) = NoiseDescription::parse(&payload) {
                generator.describe(&noise);
                let mut again = Vec::new();
                noise.write(&mut again);
                prop_assert_eq!(NoiseDescription::parse(&again), Some(noise));
            } else {
                prop_assert!(payload.is_empty());
            }
            generator.generate(500, &mut out);
        }
        prop_assert!(out.iter().all(|x| x.is_finite() && x.abs() <= 1.0));
    }
}
