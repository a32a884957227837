//! Tests of the stretcher: shorter or longer, and otherwise the same.

use proptest::prelude::*;

use super::TimeStretcher;
use crate::pitch::find_pitch;
use crate::test_signal::{db, largest_step, noise, rms, tone, voice};

type Change = fn(&mut TimeStretcher, &mut Vec<f32>) -> usize;

/// Every other frame changed; the signal and how many samples it changed by.
fn stretched(sample_rate: u32, signal: &[f32], change: Change) -> (Vec<f32>, usize) {
    let mut stretcher = TimeStretcher::new(sample_rate);
    let (mut heard, mut changed) = (Vec::new(), 0);
    for (i, frame) in signal.chunks_exact(sample_rate as usize / 50).enumerate() {
        let mut frame = frame.to_vec();
        if i % 2 == 1 {
            changed += change(&mut stretcher, &mut frame);
        }
        heard.extend(frame);
    }
    (heard, changed)
}

#[test]
fn a_voice_gets_shorter_or_longer_and_sounds_the_same() {
    for sample_rate in [8000, 16_000, 48_000] {
        for pitch_hz in [90.0, 130.0, 210.0] {
            let signal = voice(pitch_hz, sample_rate, sample_rate as usize);
            let what = format!("{pitch_hz} Hz at {sample_rate} Hz");
            for change in [TimeStretcher::shorten as Change, TimeStretcher::lengthen] {
                let (heard, changed) = stretched(sample_rate, &signal, change);
                assert_eq!(heard.len().abs_diff(signal.len()), changed, "{what}");
                // 25 frames, most of them by a period.
                let period = f64::from(sample_rate) / pitch_hz;
                assert!(changed as f64 > 18.0 * period, "{what}: {changed}");

                let level = db(rms(&heard) / rms(&signal));
                assert!(level.abs() < 0.5, "{what}: {level:.2} dB");
                assert!(
                    largest_step(&heard) <= largest_step(&signal) * 1.05,
                    "{what}"
                );

                let ms = sample_rate as usize / 1000;
                for at in [300 * ms, 500 * ms] {
                    let found = find_pitch(
                        &heard[at..at + 50 * ms],
                        sample_rate,
                        20 * ms..=20 * ms,
                        4 * ms..=15 * ms,
                    );
                    let periods = (found.lag as f64 / period).round();
                    let off = (found.lag as f64 / periods - period).abs() / period;
                    assert!(off < 0.03, "{what}: {found:?} for {period:.1}");
                    assert!(found.correlation > 0.9, "{what}: {found:?}");
                }
            }
        }
    }
}

#[test]
fn what_would_be_heard_is_left_alone() {
    let mut stretcher = TimeStretcher::new(8000);
    // Loud noise, like a long s.
    let mut frame = noise(0.3, 160);
    let before = frame.clone();
    assert_eq!(stretcher.shorten(&mut frame), 0);
    assert_eq!(stretcher.lengthen(&mut frame), 0);
    assert_eq!(frame, before);
}

#[test]
fn quiet_noise_and_silence_can_be_changed() {
    let mut stretcher = TimeStretcher::new(8000);
    for signal in [noise(0.002, 160), vec![0.0; 160]] {
        let mut frame = signal.clone();
        let removed = stretcher.shorten(&mut frame);
        assert!(removed >= 20 && frame.len() == 160 - removed);
        let mut frame = signal;
        let added = stretcher.lengthen(&mut frame);
        assert!(added >= 20 && frame.len() == 160 + added);
    }
}

#[test]
fn a_frame_that_is_too_short_is_left_alone() {
    let mut stretcher = TimeStretcher::new(8000);
    for length in [0, 1, 31, 51] {
        let mut frame = tone(400.0, 8000, length);
        assert_eq!(stretcher.shorten(&mut frame), 0);
        assert_eq!(stretcher.lengthen(&mut frame), 0);
        assert_eq!(frame.len(), length);
    }
}

proptest! {
    #[test]
    fn both_ends_of_a_frame_stay_in_place(
        sample_rate in prop_oneof![Just(0u32), Just(300), 1000u32..=50_000],
        length in 0usize..3000,
        hz in 60.0f64..400.0,
    ) {
        let mut stretcher = TimeStretcher::new(sample_rate);
        let signal = tone(hz, sample_rate.max(1), length);
        let mut shorter = signal.clone();
        let removed = stretcher.shorten(&mut shorter);
        prop_assert_eq!(shorter.len() + removed, length);
        let mut longer = signal.clone();
        let added = stretcher.lengthen(&mut longer);
        prop_assert_eq!(longer.len(), length + added);
        if let Some(&last) = signal.last() {
            prop_assert_eq!(*longer.last().unwrap(), last);
            prop_assert_eq!(longer[0], signal[0]);
            let near = largest_step(&signal) * 2.0 + 1e-6;
            prop_assert!((shorter[shorter.len() - 1] - last).abs() <= near);
            prop_assert!((shorter[0] - signal[0]).abs() <= near);
        }
    }
}
