//! Tests of the resampler: what comes through, what does not, and in what pieces.

use proptest::prelude::*;

use super::Resampler;
use crate::CodecError;
use crate::test_signal::{db, fit_tone, noise, rms, tone};

const PAIRS: [(u32, u32); 12] = [
    (48_000, 8000),
    (8000, 48_000),
    (8000, 16_000),
    (16_000, 8000),
    (24_000, 8000),
    (44_100, 8000),
    (22_050, 8000),
    (44_100, 16_000),
    (16_000, 48_000),
    (11_025, 48_000),
    // Hardly anything in common: interpolated.
    (11_999, 8000),
    (8000, 11_999),
];

fn convert(from: u32, to: u32, input: &[f32]) -> Vec<f32> {
    let mut out = Vec::new();
    Resampler::new(from, to).unwrap().process(input, &mut out);
    out
}

/// Half a second of a tone, after a tenth for the filter to settle.
fn convert_tone(from: u32, to: u32, hz: f64) -> Vec<f32> {
    let out = convert(from, to, &tone(hz, from, from as usize * 6 / 10));
    out[to as usize / 10..].to_vec()
}

#[test]
fn a_tone_comes_through_clean() {
    for (from, to) in PAIRS {
        let (amplitude, rest) = fit_tone(&convert_tone(from, to, 1000.0), 1000.0, to);
        let gain = db(amplitude / 0.5);
        let sinad = db(amplitude / std::f64::consts::SQRT_2 / rest);
        assert!(gain.abs() < 0.01, "{from} to {to}: gain {gain:.3} dB");
        assert!(sinad > 90.0, "{from} to {to}: SINAD {sinad:.1} dB");
    }
}

#[test]
fn the_telephone_band_is_flat() {
    for (from, to) in PAIRS {
        // 3.4 kHz for a lower rate of 8 kHz, and likewise for others.
        let lower = f64::from(from.min(to));
        for part in [0.0375, 0.2, 0.375, 0.425] {
            let hz = part * lower;
            let (amplitude, _) = fit_tone(&convert_tone(from, to, hz), hz, to);
            let gain = db(amplitude / 0.5);
            assert!(gain.abs() < 0.05, "{from} to {to}: {hz} Hz {gain:.3} dB");
        }
    }
}

#[test]
fn what_cannot_be_in_the_output_does_not_fold_back() {
    for (from, to) in PAIRS.into_iter().filter(|(from, to)| from > to) {
        for part in [0.5625, 0.625, 0.7, 0.9, 1.1, 2.3] {
            let hz = part * f64::from(to);
            if hz < f64::from(from) / 2.0 {
                let leak = db(rms(&convert_tone(from, to, hz)) / (0.5 / 2f64.sqrt()));
                assert!(leak < -85.0, "{from} to {to}: {hz} Hz leaks {leak:.1} dB");
            }
        }
    }
}

#[test]
fn no_image_of_the_telephone_band_appears() {
    for (from, to) in PAIRS.into_iter().filter(|(from, to)| from < to) {
        for part in [0.0375, 0.2, 0.375, 0.425, 0.4375] {
            let hz = part * f64::from(from);
            let (amplitude, rest) = fit_tone(&convert_tone(from, to, hz), hz, to);
            let image = db(rest / (amplitude / 2f64.sqrt()));
            assert!(image < -85.0, "{from} to {to}: {hz} Hz {image:.1} dB");
        }
    }
}

#[test]
fn output_is_as_long_as_it_should_be_and_late_by_the_latency() {
    for (from, to) in PAIRS {
        let mut resampler = Resampler::new(from, to).unwrap();
        // An impulse a tenth of a second in.
        let mut input = vec![0.0; from as usize / 5];
        let at = from as usize / 10;
        input[at] = 1.0;
        let mut out = Vec::new();
        resampler.process(&input, &mut out);
        let exact = (input.len() as u64 * u64::from(to)).div_ceil(from.into());
        assert_eq!(out.len() as u64, exact, "{from} to {to}");

        let loudest = (0..out.len())
            .max_by(|&a, &b| out[a].abs().total_cmp(&out[b].abs()))
            .unwrap();
        let meant = at as f64 * f64::from(to) / f64::from(from);
        let late = loudest as f64 - meant;
        assert!(
            (late - resampler.latency_samples() as f64).abs() <= 1.0,
            "{from} to {to}: late by {late} samples"
        );
        let lower = f64::from(from.min(to));
        assert!((resampler.latency().as_secs_f64() - 20.0 / lower).abs() < 1.0 / lower);
    }
}

#[test]
fn flush_gives_the_rest_and_starts_anew() {
    for (from, to) in PAIRS {
        let mut resampler = Resampler::new(from, to).unwrap();
        let input = tone(440.0, from, from as usize / 50);
        let mut first = Vec::new();
        resampler.process(&input, &mut first);
        let before = first.len();
        resampler.flush(&mut first);
        let rest = first.len() - before;
        assert!(rest.abs_diff(resampler.latency_samples()) <= 1, "{rest}");
        // The last of the tone is in the rest.
        assert!(rms(&first[before..]) > 0.1, "{from} to {to}");

        let mut second = Vec::new();
        resampler.process(&input, &mut second);
        resampler.flush(&mut second);
        assert_eq!(first, second);
    }
}

#[test]
fn equal_rates_pass_through() {
    let mut resampler = Resampler::new(8000, 8000).unwrap();
    let input = noise(0.9, 333);
    let mut out = Vec::new();
    resampler.process(&input, &mut out);
    resampler.flush(&mut out);
    assert_eq!(out, input);
    assert_eq!(resampler.latency_samples(), 0);
}

#[test]
fn what_is_not_a_number_leaves_no_trace() {
    for (from, to) in [(8000, 8000), (24_000, 8000), (8000, 11_999)] {
        let mut clean = tone(300.0, from, 2000);
        let mut dirty = clean.clone();
        (clean[700], clean[701], clean[702]) = (0.0, 0.0, 0.0);
        (dirty[700], dirty[701], dirty[702]) = (f32::NAN, f32::INFINITY, f32::NEG_INFINITY);
        assert_eq!(convert(from, to, &clean), convert(from, to, &dirty));
    }
}

#[test]
fn a_constant_stays_what_it_was() {
    for (from, to) in PAIRS {
        let out = convert(from, to, &vec![0.7; from as usize / 10]);
        let settled = &out[to as usize / 50..];
        assert!(settled.iter().all(|x| (x - 0.7).abs() < 1e-5));
    }
}

#[test]
fn rates_out_of_range_are_refused() {
    for (from, to) in [(0, 8000), (8000, 0), (7999, 8000), (8000, 192_001)] {
        let error = Resampler::new(from, to).unwrap_err();
        assert_eq!(
            error,
            CodecError::UnsupportedRate {
                from_hz: from,
                to_hz: to
            }
        );
    }
    assert!(Resampler::new(192_000, 8000).is_ok());
}

#[test]
fn nothing_is_allocated_once_it_runs() {
    let mut resampler = Resampler::new(24_000, 8000).unwrap();
    let frame = noise(0.5, 480);
    let mut out = Vec::with_capacity(160);
    resampler.process(&frame, &mut out);
    let window = resampler.stage.as_ref().unwrap().window.as_ptr();
    for _ in 0..100 {
        out.clear();
        resampler.process(&frame, &mut out);
    }
    assert_eq!(out.capacity(), 160);
    assert_eq!(resampler.stage.as_ref().unwrap().window.as_ptr(), window);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn pieces_of_any_length_give_the_same_to_the_bit(
        from in prop_oneof![Just(8000u32), Just(16_000), Just(22_050), Just(44_100), Just(48_000), 8000u32..=192_000],
        to in prop_oneof![Just(8000u32), Just(16_000), Just(24_000), Just(48_000), 8000u32..=192_000],
        pieces in proptest::collection::vec(0usize..900, 1..12),
    ) {
        let input = noise(0.9, pieces.iter().sum());
        let mut whole = Resampler::new(from, to).unwrap();
        let mut in_pieces = whole.clone();
        let (mut expected, mut got) = (Vec::new(), Vec::new());
        whole.process(&input, &mut expected);
        let mut rest = &input[..];
        for length in pieces {
            let (piece, after) = rest.split_at(length);
            in_pieces.process(piece, &mut got);
            rest = after;
        }
        prop_assert_eq!(&expected, &got);
        whole.flush(&mut expected);
        in_pieces.flush(&mut got);
        prop_assert_eq!(expected, got);
    }
}
