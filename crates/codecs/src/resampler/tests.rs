//! Tests of the resampler: what comes through, what does not, and in what pieces.

use proptest::prelude::*;

use super::{Resampler, ResamplerQuality};
use crate::CodecError;
use crate::test_signal::{db, fit_tone, noise, rms, snr, tone};

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

/// What each quality promises: of the lower rate, up to where it is flat, within how many dB, and how far
/// down what lies beyond the mirror of `stop` is; SINAD in dB; latency in samples of the lower rate.
struct Promise {
    quality: ResamplerQuality,
    pass: f64,
    ripple: f64,
    stop: f64,
    rejection: f64,
    sinad: f64,
    latency: f64,
}

const PROMISES: [Promise; 2] = [
    Promise {
        quality: ResamplerQuality::Fast,
        pass: 0.425,
        ripple: 0.05,
        stop: 0.5625,
        rejection: 85.0,
        sinad: 90.0,
        latency: 20.0,
    },
    Promise {
        quality: ResamplerQuality::Best,
        pass: 0.45,
        ripple: 0.01,
        stop: 0.55,
        rejection: 100.0,
        sinad: 110.0,
        latency: 36.0,
    },
];

fn cases() -> impl Iterator<Item = (u32, u32, Promise)> {
    let promises = PROMISES.into_iter();
    promises.flat_map(|promise| {
        let with = move |(from, to)| (from, to, Promise { ..promise });
        PAIRS.into_iter().map(with)
    })
}

fn convert(from: u32, to: u32, quality: ResamplerQuality, input: &[f32]) -> Vec<f32> {
    let mut out = Vec::new();
    let mut resampler = Resampler::with_quality(from, to, quality).unwrap();
    resampler.process(input, &mut out);
    out
}

/// Half a second of a tone, after a tenth for the filter to settle.
fn convert_tone(from: u32, to: u32, quality: ResamplerQuality, hz: f64) -> Vec<f32> {
    let out = convert(from, to, quality, &tone(hz, from, from as usize * 6 / 10));
    out[to as usize / 10..].to_vec()
}

#[test]
fn a_tone_comes_through_clean() {
    for (from, to, promise) in cases() {
        let heard = convert_tone(from, to, promise.quality, 1000.0);
        let (amplitude, rest) = fit_tone(&heard, 1000.0, to);
        let gain = db(amplitude / 0.5);
        let sinad = db(amplitude / std::f64::consts::SQRT_2 / rest);
        assert!(gain.abs() < 0.01, "{from} to {to}: gain {gain:.3} dB");
        assert!(sinad > promise.sinad, "{from} to {to}: SINAD {sinad:.1} dB");
    }
}

#[test]
fn the_pass_band_is_flat() {
    for (from, to, promise) in cases() {
        // 0.425 is 3.4 kHz for a lower rate of 8 kHz, and likewise for others.
        let lower = f64::from(from.min(to));
        for part in [0.0375, 0.2, 0.375, 0.425, promise.pass] {
            let hz = part * lower;
            let (amplitude, _) = fit_tone(&convert_tone(from, to, promise.quality, hz), hz, to);
            let gain = db(amplitude / 0.5);
            assert!(
                gain.abs() < promise.ripple,
                "{from} to {to}: {hz} Hz {gain:.3} dB"
            );
        }
    }
}

#[test]
fn what_cannot_be_in_the_output_does_not_fold_back() {
    for (from, to, promise) in cases().filter(|(from, to, _)| from > to) {
        for part in [promise.stop, 0.5625, 0.575, 0.625, 0.7, 0.9, 1.1, 2.3] {
            let hz = part * f64::from(to);
            if hz < f64::from(from) / 2.0 {
                let heard = convert_tone(from, to, promise.quality, hz);
                let leak = db(rms(&heard) / (0.5 / 2f64.sqrt()));
                assert!(
                    leak < -promise.rejection,
                    "{from} to {to}: {hz} Hz leaks {leak:.1} dB"
                );
            }
        }
    }
}

#[test]
fn no_image_of_the_pass_band_appears() {
    for (from, to, promise) in cases().filter(|(from, to, _)| from < to) {
        for part in [0.0375, 0.2, 0.375, 0.425, 1.0 - promise.stop] {
            let hz = part * f64::from(from);
            let heard = convert_tone(from, to, promise.quality, hz);
            let (amplitude, rest) = fit_tone(&heard, hz, to);
            let image = db(rest / (amplitude / 2f64.sqrt()));
            assert!(
                image < -promise.rejection,
                "{from} to {to}: {hz} Hz {image:.1} dB"
            );
        }
    }
}

#[test]
fn a_sweep_in_frames_is_the_sweep_itself_late_by_the_latency() {
    for (from, to, promise) in cases() {
        let lower = f64::from(from.min(to));
        // From 100 Hz to the end of the pass band in a second.
        let rise = promise.pass * lower - 100.0;
        let sweep = |seconds: f64| {
            let cycles = (100.0 + rise / 2.0 * seconds) * seconds;
            (0.5 * (std::f64::consts::TAU * cycles).sin()) as f32
        };
        let input: Vec<f32> = (0..from)
            .map(|i| sweep(f64::from(i) / f64::from(from)))
            .collect();
        let mut resampler = Resampler::with_quality(from, to, promise.quality).unwrap();
        let mut heard = Vec::new();
        for frame in input.chunks(from as usize / 50) {
            resampler.process(frame, &mut heard);
        }
        let delay = resampler.delay() as f64 / f64::from(from);
        let meant: Vec<f32> = (0..heard.len())
            .map(|i| sweep((i as f64 / f64::from(to) - delay).max(0.0)))
            .collect();
        // The beginning is cut off: there the filter still sees the silence before.
        let settled = (4.0 * promise.latency / lower * f64::from(to)) as usize;
        let clean = snr(&meant[settled..], &heard[settled..]);
        // Flat to a hundredth of a dB is an error at -59 dB, to a twentieth at -45 dB.
        let least = -db(10f64.powf(promise.ripple / 20.0) - 1.0);
        assert!(clean > least, "{from} to {to}: {clean:.1} dB");
    }
}

#[test]
fn output_is_as_long_as_it_should_be_and_late_by_the_latency() {
    for (from, to, promise) in cases() {
        let mut resampler = Resampler::with_quality(from, to, promise.quality).unwrap();
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
        assert!((resampler.latency().as_secs_f64() - promise.latency / lower).abs() < 1.0 / lower);
    }
}

#[test]
fn flush_gives_the_rest_and_starts_anew() {
    for (from, to, promise) in cases() {
        let mut resampler = Resampler::with_quality(from, to, promise.quality).unwrap();
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
        let quality = ResamplerQuality::Best;
        assert_eq!(
            convert(from, to, quality, &clean),
            convert(from, to, quality, &dirty)
        );
    }
}

#[test]
fn a_constant_stays_what_it_was() {
    for (from, to, promise) in cases() {
        let out = convert(from, to, promise.quality, &vec![0.7; from as usize / 10]);
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
        quality in prop_oneof![Just(ResamplerQuality::Fast), Just(ResamplerQuality::Best)],
        pieces in proptest::collection::vec(0usize..900, 1..12),
    ) {
        let input = noise(0.9, pieces.iter().sum());
        let mut whole = Resampler::with_quality(from, to, quality).unwrap();
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
