//! Who hears whom, at which level, and with which delay.

use proptest::prelude::*;

use super::*;

const RATE: u32 = 16_000;
const ROUND: usize = 160;

fn tone(hz: f32, level: f32, rate: u32, samples: usize, from: usize) -> AudioFrame {
    let sample = |n: usize| level * (std::f32::consts::TAU * hz * n as f32 / rate as f32).sin();
    AudioFrame::mono((from..from + samples).map(sample).collect(), rate)
}

/// Amplitude at `hz`.
fn amplitude(samples: &[f32], hz: f32) -> f32 {
    let (mut re, mut im) = (0.0, 0.0);
    for (n, sample) in samples.iter().enumerate() {
        let angle = std::f32::consts::TAU * hz * n as f32 / RATE as f32;
        re += sample * angle.cos();
        im += sample * angle.sin();
    }
    2.0 * (re * re + im * im).sqrt() / samples.len() as f32
}

/// Lets legs say a tone each in 20 ms frames for two seconds; what each heard in the last.
fn conference(voices: &[(f32, f32, u32)], muted: Option<usize>) -> Vec<Vec<f32>> {
    let mut bus = MixBus::new(RATE);
    let legs: Vec<LegId> = voices.iter().map(|_| bus.add()).collect();
    if let Some(index) = muted {
        bus.set_muted(legs[index], true);
    }
    let mut heard = vec![Vec::new(); legs.len()];
    for frame in 0..100 {
        for (leg, (hz, level, rate)) in legs.iter().zip(voices) {
            let samples = *rate as usize / 50;
            bus.push(*leg, &tone(*hz, *level, *rate, samples, frame * samples));
        }
        for _ in 0..2 {
            bus.mix(|id, samples| {
                let index = legs.iter().position(|leg| *leg == id).unwrap();
                assert_eq!(samples.len(), ROUND);
                heard[index].extend_from_slice(samples);
            });
        }
    }
    heard
        .into_iter()
        .map(|heard| heard[heard.len() - RATE as usize..].to_vec())
        .collect()
}

#[test]
fn everybody_hears_all_others_and_never_himself() {
    let voices = [
        (400.0, 0.2, 8_000),
        (1_000.0, 0.3, 16_000),
        (1_700.0, 0.25, 48_000),
    ];
    let heard = conference(&voices, None);
    for (listener, heard) in heard.iter().enumerate() {
        for (speaker, (hz, level, _)) in voices.iter().enumerate() {
            let amplitude = amplitude(heard, *hz);
            if listener == speaker {
                assert!(amplitude < 1e-5, "{listener} hears himself: {amplitude}");
            } else {
                assert!(
                    (amplitude - level).abs() < 0.01,
                    "{listener} hears {speaker} at {amplitude}"
                );
            }
        }
    }
}

#[test]
fn a_muted_leg_hears_and_is_not_heard() {
    let heard = conference(&[(400.0, 0.2, 8_000), (1_000.0, 0.3, 8_000)], Some(0));
    assert!(amplitude(&heard[0], 1_000.0) > 0.29);
    assert!(heard[1].iter().all(|sample| *sample == 0.0));
}

#[test]
fn many_loud_voices_do_not_clip() {
    let voices: Vec<_> = (0..8)
        .map(|n| (300.0 + 217.0 * n as f32, 0.8, 16_000))
        .collect();
    for heard in conference(&voices, None) {
        let peak = heard.iter().fold(0.0_f32, |peak, s| peak.max(s.abs()));
        assert!((0.5..=0.99).contains(&peak), "{peak}");
    }
}

#[test]
fn a_leg_that_stops_is_not_waited_for_and_comes_back() {
    let mut bus = MixBus::new(RATE);
    let (speaker, listener) = (bus.add(), bus.add());
    let level = |bus: &mut MixBus, frames: std::ops::Range<usize>, says: bool| {
        let mut heard = Vec::new();
        for frame in frames {
            if says {
                bus.push(speaker, &tone(500.0, 0.3, RATE, 320, frame * 320));
            }
            for _ in 0..2 {
                bus.mix(|id, samples| {
                    if id == listener {
                        heard.extend_from_slice(samples);
                    }
                });
            }
        }
        amplitude(&heard[heard.len() / 2..], 500.0)
    };
    assert!(level(&mut bus, 0..20, true) > 0.29);
    assert!(level(&mut bus, 20..40, false) < 1e-3);
    assert!(level(&mut bus, 40..60, true) > 0.29);
    bus.remove(speaker);
    assert!(level(&mut bus, 60..80, true) < 1e-3);
    assert_eq!(bus.len(), 1);
}

#[test]
fn a_leg_far_ahead_is_brought_back_so_that_delay_does_not_stay() {
    let mut bus = MixBus::new(RATE);
    let (speaker, _listener) = (bus.add(), bus.add());
    for frame in 0..50 {
        bus.push(speaker, &tone(500.0, 0.3, RATE, 320, frame * 320));
    }
    let waiting = bus.legs[0].fifo.len();
    assert!(waiting <= 320 + (MAX_LEAD + 2) * ROUND, "{waiting} samples");
}

proptest! {
    #[test]
    fn whatever_is_said_the_mix_is_the_sum_of_the_others(
        says in prop::collection::vec(prop::collection::vec(-0.2f32..0.2, 320), 2..5),
    ) {
        let mut bus = MixBus::new(RATE);
        let legs: Vec<LegId> = says.iter().map(|_| bus.add()).collect();
        for (leg, samples) in legs.iter().zip(&says) {
            bus.push(*leg, &AudioFrame::mono(samples.clone(), RATE));
        }
        let mut heard = vec![Vec::new(); legs.len()];
        for _ in 0..4 {
            bus.mix(|id, samples| {
                let index = legs.iter().position(|leg| *leg == id).unwrap();
                heard[index].extend_from_slice(samples);
            });
        }
        // A round of slack and the limiter's step lie before it.
        let delay = ROUND + RATE as usize / 400;
        for (listener, heard) in heard.iter().enumerate() {
            for n in 0..300 {
                let others: f64 = says
                    .iter()
                    .enumerate()
                    .filter(|(speaker, _)| *speaker != listener)
                    .map(|(_, samples)| f64::from(samples[n]))
                    .sum();
                prop_assert!((f64::from(heard[n + delay]) - others).abs() < 1e-6);
            }
        }
    }
}
