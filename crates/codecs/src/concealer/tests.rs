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

/// As [`heard_with_loss`], where the packet after the gap is there when its last frame is due.
fn heard_with_next_there(
    sample_rate: u32,
    signal: &[f32],
    frame: usize,
    lost: std::ops::Range<usize>,
) -> Vec<f32> {
    let mut concealer = Concealer::new(sample_rate);
    let mut heard = Vec::new();
    for (i, received) in signal.chunks_exact(frame).enumerate() {
        let start = heard.len();
        if i + 1 == lost.end {
            let next = &signal[(i + 1) * frame..(i + 2) * frame];
            concealer.conceal_until(next, frame, &mut heard);
        } else if lost.contains(&i) {
            concealer.conceal(frame, &mut heard);
        } else {
            heard.extend_from_slice(received);
            concealer.received(&mut heard[start..]);
        }
        assert_eq!(heard.len(), start + frame);
    }
    heard
}

/// A voice whose pitch rises from `from_hz` to `to_hz`.
fn glide(from_hz: f64, to_hz: f64, sample_rate: u32, samples: usize) -> Vec<f32> {
    let rate = f64::from(sample_rate);
    let mut phase = 0.0;
    (0..samples)
        .map(|i| {
            phase += (from_hz + (to_hz - from_hz) * i as f64 / samples as f64) / rate;
            let angle = phase * std::f64::consts::TAU;
            (0.25 * angle.sin() + 0.15 * (2.0 * angle + 0.5).sin() + 0.1 * (3.0 * angle).cos())
                as f32
        })
        .collect()
}

#[test]
fn a_gap_whose_end_is_known_leads_there() {
    let mut gained = Vec::new();
    for sample_rate in RATES {
        for (from_hz, to_hz) in [
            (100.0, 130.0),
            (150.0, 120.0),
            (180.0, 230.0),
            (230.0, 180.0),
        ] {
            let ms = sample_rate as usize / 1000;
            let frame = 20 * ms;
            let signal = glide(from_hz, to_hz, sample_rate, 12 * frame);
            let heard = heard_with_next_there(sample_rate, &signal, frame, 7..8);
            let blind = heard_with_loss(sample_rate, &signal, frame, 7..8);
            let what = format!("{from_hz} to {to_hz} Hz at {sample_rate} Hz");

            let gap = 7 * frame..8 * frame;
            let likeness = snr(&signal[gap.clone()], &heard[gap.clone()]);
            let without = snr(&signal[gap.clone()], &blind[gap.clone()]);
            assert!(likeness > 18.0, "{what}: {likeness:.1} dB");
            gained.push(likeness - without);
            // What follows needs no fade.
            assert_eq!(heard[gap.end..], signal[gap.end..], "{what}");
            let steps = largest_step(&heard[gap.start - 1..gap.end + ms]);
            assert!(steps <= largest_step(&signal) * 1.15, "{what}: {steps}");
        }
    }
    let least = gained.iter().copied().fold(f64::INFINITY, f64::min);
    let mean = gained.iter().sum::<f64>() / gained.len() as f64;
    assert!(least > 0.0 && mean > 12.0, "{gained:.1?} dB");
}

#[test]
fn a_long_gap_whose_end_is_known_rises_before_it() {
    for sample_rate in RATES {
        let frame = sample_rate as usize / 50;
        let signal = voice(120.0, sample_rate, 12 * frame);
        let heard = heard_with_next_there(sample_rate, &signal, frame, 3..8);
        let half = frame / 2;
        let level = |at: usize| db(rms(&heard[at..at + half]) / rms(&signal));
        assert!(level(7 * frame) < -6.0, "{sample_rate}");
        assert!(
            (-6.0..1.0).contains(&level(7 * frame + half)),
            "{sample_rate}"
        );
        assert!(largest_step(&heard[3 * frame..]) <= largest_step(&signal) * 1.15);
        assert_eq!(heard[8 * frame..], signal[8 * frame..]);
    }
}

#[test]
fn another_frame_than_was_promised_fades_in() {
    let signal = voice(120.0, 8000, 2400);
    let mut concealer = Concealer::new(8000);
    let mut heard = signal[..1600].to_vec();
    concealer.received(&mut heard);
    concealer.conceal_until(&signal[1760..1920], 160, &mut heard);
    assert!(concealer.is_concealing());
    let mut frame: Vec<f32> = signal[1920..2080].iter().map(|x| x + 0.4).collect();
    let sent = frame.clone();
    concealer.received(&mut frame);
    assert!(
        (frame[0] - heard[heard.len() - 1]).abs() < 0.15,
        "{}",
        frame[0]
    );
    assert_eq!(frame[80..], sent[80..]);
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
        sample_rate in prop_oneof![Just(0u32), Just(8000), 1000u32..=50_000],
        steps in proptest::collection::vec((0..3, 0usize..400, 0usize..400), 1..40),
    ) {
        let mut concealer = Concealer::new(sample_rate);
        for (step, length, next) in steps {
            let mut samples = noise(1.0, length);
            match step {
                0 => concealer.received(&mut samples),
                1 => {
                    samples.clear();
                    concealer.conceal(length, &mut samples);
                }
                _ => {
                    samples.clear();
                    concealer.conceal_until(&noise(1.0, next), length, &mut samples);
                }
            }
            prop_assert_eq!(samples.len(), length);
            prop_assert!(samples.iter().all(|x| x.abs() <= 1.0));
        }
    }
}
