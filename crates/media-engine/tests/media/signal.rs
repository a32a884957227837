//! Making tones and finding them again.

use std::f64::consts::TAU;

/// `seconds` of a sine of half of full scale.
pub(crate) fn tone(hz: f64, rate: u32, seconds: f64) -> Vec<f32> {
    let samples = (seconds * f64::from(rate)).round() as usize;
    (0..samples)
        .map(|i| ((i as f64 * hz / f64::from(rate)).fract() * TAU).sin() as f32 * 0.5)
        .collect()
}

/// Share of the energy of `samples` at `hz`, 0 to 1: a plain correlation with sine and cosine.
pub(crate) fn share_at(samples: &[f32], hz: f64, rate: u32) -> f64 {
    let (mut sine, mut cosine, mut energy) = (0.0, 0.0, 0.0);
    for (i, &sample) in samples.iter().enumerate() {
        let angle = i as f64 * hz / f64::from(rate) * TAU;
        let sample = f64::from(sample);
        sine += sample * angle.sin();
        cosine += sample * angle.cos();
        energy += sample * sample;
    }
    let at = 2.0 * (sine * sine + cosine * cosine) / samples.len().max(1) as f64;
    if energy > 0.0 { at / energy } else { 0.0 }
}

pub(crate) fn rms(samples: &[f32]) -> f64 {
    let energy: f64 = samples.iter().map(|&s| f64::from(s) * f64::from(s)).sum();
    (energy / samples.len().max(1) as f64).sqrt()
}

/// Where `needle` fits best into `samples`, and how well: the normalised correlation there.
pub(crate) fn best_fit(samples: &[f32], needle: &[f32]) -> (usize, f64) {
    let norm = rms(needle) * (needle.len() as f64).sqrt();
    let mut best = (0, -1.0);
    for at in 0..=samples.len().saturating_sub(needle.len()) {
        let piece = &samples[at..at + needle.len()];
        let product: f64 = piece
            .iter()
            .zip(needle)
            .map(|(&a, &b)| f64::from(a) * f64::from(b))
            .sum();
        let own = rms(piece) * (piece.len() as f64).sqrt();
        let fit = product / (norm * own).max(1e-12);
        if fit > best.1 {
            best = (at, fit);
        }
    }
    best
}

/// A sound with a beginning and an end that fits at one place only: a rising sweep.
pub(crate) fn sweep(from: f64, to: f64, rate: u32, seconds: f64) -> Vec<f32> {
    let samples = (seconds * f64::from(rate)).round() as usize;
    let mut phase = 0.0_f64;
    (0..samples)
        .map(|i| {
            let hz = from + (to - from) * i as f64 / samples as f64;
            phase += hz / f64::from(rate);
            (phase.fract() * TAU).sin() as f32 * 0.5
        })
        .collect()
}
