//! Tests of the concealer: what a gap sounds like.

use proptest::prelude::*;

use super::Concealer;
use crate::pitch::find_pitch;
use crate::test_signal::{db, largest_step, noise, rms, snr, voice};

const RATES: [u32; 5] = [8000, 16_000, 22_050, 44_100, 48_000];

/// `signal` as heard when the frames of `frame` samples in `lost` are lost.
fn heard_with_loss(
    sample_rate: u32,
    signal: &[f32],
    frame: usize,
    lost: std::ops::Range<usize>,
) -> Vec<f32> {
    let mut concealer = Concealer::new(sample_rate);
    let mut heard = Vec::new();
    for (i, received) in signal.chunks_exact(frame).enumerate() {
        if lost.contains(&i) {
            concealer.conceal(frame, &mut heard);
        } else {
            let start = heard.len();
            heard.extend_from_slice(received);
            concealer.received(&mut heard[start..]);
        }
    }
    heard
}

#[test]
fn a_lost_frame_of_a_voice_keeps_its_pitch_and_level_without_a_step() {
    for sample_rate in RATES {
        for pitch_hz in [85.0, 110.0, 150.0, 190.0] {
            let ms = sample_rate as usize / 1000;
            let signal = voice(pitch_hz, sample_rate, 300 * ms);
            let frame = 20 * ms;
            let heard = heard_with_loss(sample_rate, &signal, frame, 7..8);
            let what = format!("{pitch_hz} Hz at {sample_rate} Hz");

            let gap = 7 * frame..8 * frame;
            let level = db(rms(&heard[gap.clone()]) / rms(&signal[gap.clone()]));
            assert!((-2.5..=1.0).contains(&level), "{what}: level {level:.1} dB");

            let around = &heard[gap.end - 50 * ms..gap.end];
            let found = find_pitch(around, sample_rate, 20 * ms..=20 * ms, 5 * ms..=15 * ms);
            let period = f64::from(sample_rate) / pitch_hz;
            let periods = (found.lag as f64 / period).round();
            let off = (found.lag as f64 / periods - period).abs() / period;
            assert!(off < 0.03, "{what}: period {} for {period:.1}", found.lag);

            let steps = largest_step(&heard[gap.start - 1..gap.end + 10 * ms]);
            assert!(steps <= largest_step(&signal) * 1.15, "{what}: {steps}");

            let start = &heard[gap.start..gap.start + 10 * ms];
            let likeness = snr(&signal[gap.start..gap.start + 10 * ms], start);
            assert!(likeness > 6.0, "{what}: {likeness:.1} dB");
        }
    }
}

#[test]
fn what_is_received_without_loss_is_left_alone() {
    let signal = noise(0.8, 1600);
    assert_eq!(heard_with_loss(8000, &signal, 160, 0..0), signal);
}

#[test]
fn the_voice_in_a_long_gap_falls_silent_within_80_ms() {
    for sample_rate in RATES {
        let ms = sample_rate as usize / 1000;
        let frame = 10 * ms;
        let signal = voice(120.0, sample_rate, 400 * ms);
        let heard = heard_with_loss(sample_rate, &signal, frame, 15..25);
        let level = |i: usize| rms(&heard[i * frame..(i + 1) * frame]);
        // Whole level, 10 % less each 10 ms, then fast; a period is not a frame, so wide.
        for (i, meant) in [(15, 1.0), (17, 0.85), (19, 0.65), (22, 0.12)] {
            let relative = level(i) / rms(&signal);
            assert!(
                (meant * 0.6..meant * 1.5).contains(&relative),
                "{sample_rate} Hz, frame {i}: {relative:.2}"
            );
        }
        let silent = &heard[15 * frame + 81 * ms..25 * frame];
        assert!(db(rms(silent) / rms(&signal)) < -40.0);
        // The first frame after fades in, over its 10 ms.
        let back = &heard[25 * frame..26 * frame];
        assert!(rms(&back[..2 * ms]) < 0.3 * rms(&signal));
        assert_eq!(heard[26 * frame..], signal[26 * frame..]);
    }
}

#[test]
fn what_is_left_of_a_long_gap_is_the_noise_of_the_line() {
    for level in [0.0, 0.0002, 0.001, 0.004] {
        let mut concealer = Concealer::new(8000);
        for _ in 0..150 {
            concealer.received(&mut noise(level * 3.0_f32.sqrt(), 160));
        }
        for _ in 0..50 {
            concealer.received(&mut voice(120.0, 8000, 160));
        }
        let mut heard = Vec::new();
        concealer.conceal(1600, &mut heard);
        let left = rms(&heard[720..]);
        if level == 0.0 {
            assert!(left < 0.0005, "{left}");
        } else {
            // 50 frames of voice let it rise by 4 dB.
            let off = db(left / f64::from(level));
            assert!((-3.0..6.0).contains(&off), "{level}: {off:.1} dB");
        }
    }
}

#[test]
fn a_gap_after_a_gap_goes_on_from_what_was_heard() {
    let signal = voice(140.0, 8000, 3200);
    let mut concealer = Concealer::new(8000);
    let mut heard = signal[..1600].to_vec();
    concealer.received(&mut heard);
    for i in 0..5 {
        concealer.conceal(80, &mut heard);
        assert!(concealer.is_concealing());
        let start = heard.len();
        heard.extend_from_slice(&signal[1680 + i * 160..1760 + i * 160]);
        concealer.received(&mut heard[start..]);
        assert!(!concealer.is_concealing());
    }
    let level = db(rms(&heard[1600..]) / rms(&signal));
    assert!((-3.0..2.0).contains(&level), "{level:.1} dB");
    assert!(largest_step(&heard) <= largest_step(&signal) * 1.3);
}

#[test]
fn before_anything_was_heard_a_gap_is_silent() {
    let mut concealer = Concealer::new(8000);
    let mut heard = Vec::new();
    concealer.conceal(320, &mut heard);
    assert_eq!(heard, [0.0; 320]);
    let mut frame = voice(150.0, 8000, 160);
    concealer.received(&mut frame);
    concealer.reset();
    heard.clear();
    concealer.conceal(160, &mut heard);
    assert_eq!(heard, [0.0; 160]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    #[test]
    fn a_gap_sounds_the_same_in_pieces_of_any_length(
        sample_rate in prop_oneof![Just(0u32), Just(8000), Just(11_025), 1000u32..=50_000],
        pieces in proptest::collection::vec(0usize..700, 1..10),
    ) {
        let mut whole = Concealer::new(sample_rate);
        whole.received(&mut voice(130.0, sample_rate.max(8000), 3000));
        let mut in_pieces = whole.clone();
        let (mut expected, mut got) = (Vec::new(), Vec::new());
        whole.conceal(pieces.iter().sum(), &mut expected);
        for length in pieces {
            in_pieces.conceal(length, &mut got);
        }
        prop_assert_eq!(&expected, &got);
        prop_assert!(expected.iter().all(|x| x.abs() <= 1.0));
    }

    #[test]
    fn any_order_of_frames_and_gaps_is_taken(
        steps in proptest::collection::vec((any::<bool>(), 0usize..400), 1..40),
    ) {
        let mut concealer = Concealer::new(8000);
        for (received, length) in steps {
            let mut samples = noise(1.0, length);
            if received {
                concealer.received(&mut samples);
            } else {
                samples.clear();
                concealer.conceal(length, &mut samples);
            }
            prop_assert_eq!(samples.len(), length);
            prop_assert!(samples.iter().all(|x| x.abs() <= 1.0));
        }
    }
}
