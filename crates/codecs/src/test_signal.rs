//! Signals to test with, and what can be measured on a signal.

use std::f64::consts::TAU;

/// A sine of amplitude 0.5.
pub(crate) fn tone(hz: f64, sample_rate: u32, samples: usize) -> Vec<f32> {
    (0..samples)
        .map(|i| (0.5 * (i as f64 * hz / f64::from(sample_rate) * TAU).sin()) as f32)
        .collect()
}

/// A vowel: pulses at `pitch_hz` through three resonances; peaks near 0.5.
pub(crate) fn voice(pitch_hz: f64, sample_rate: u32, samples: usize) -> Vec<f32> {
    let rate = f64::from(sample_rate);
    let mut phase = 0.0;
    let mut signal: Vec<f64> = (0..samples)
        .map(|_| {
            phase += pitch_hz / rate;
            let pulse = phase >= 1.0;
            phase -= f64::from(u8::from(pulse));
            f64::from(u8::from(pulse))
        })
        .collect();
    for (formant_hz, width_hz) in [(650.0, 90.0), (1100.0, 110.0), (2400.0, 160.0)] {
        let radius = (-TAU / 2.0 * width_hz / rate).exp();
        let feedback = 2.0 * radius * (TAU * formant_hz / rate).cos();
        let (mut y1, mut y2) = (0.0, 0.0);
        for x in &mut signal {
            let y = *x + feedback * y1 - radius * radius * y2;
            (y2, y1) = (y1, y);
            *x = y;
        }
    }
    let peak = signal.iter().fold(0.0f64, |peak, x| peak.max(x.abs()));
    signal.iter().map(|x| (x / peak * 0.5) as f32).collect()
}

/// Noise of a fixed seed, within `amplitude`.
pub(crate) fn noise(amplitude: f32, samples: usize) -> Vec<f32> {
    let mut state = 0x2545_F491_4F6C_DD1Du64;
    (0..samples)
        .map(|_| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            ((state >> 40) as f32 / (1u64 << 23) as f32 - 1.0) * amplitude
        })
        .collect()
}

pub(crate) fn rms(signal: &[f32]) -> f64 {
    let energy: f64 = signal.iter().map(|&x| f64::from(x).powi(2)).sum();
    (energy / signal.len() as f64).sqrt()
}

pub(crate) fn db(ratio: f64) -> f64 {
    20.0 * ratio.log10()
}

/// Amplitude of the best fitting sine of `hz`, and the rms of what is left
/// without it.
pub(crate) fn fit_tone(signal: &[f32], hz: f64, sample_rate: u32) -> (f64, f64) {
    let at = |i: usize| (i as f64 * hz / f64::from(sample_rate) * TAU).sin_cos();
    let (mut s, mut c, mut ss, mut cc, mut sc) = (0.0, 0.0, 0.0, 0.0, 0.0);
    for (i, &x) in signal.iter().enumerate() {
        let (sin, cos) = at(i);
        s += f64::from(x) * sin;
        c += f64::from(x) * cos;
        ss += sin * sin;
        cc += cos * cos;
        sc += sin * cos;
    }
    let determinant = ss * cc - sc * sc;
    let a = (s * cc - c * sc) / determinant;
    let b = (c * ss - s * sc) / determinant;
    let rest: Vec<f32> = signal
        .iter()
        .enumerate()
        .map(|(i, &x)| {
            let (sin, cos) = at(i);
            (f64::from(x) - a * sin - b * cos) as f32
        })
        .collect();
    (a.hypot(b), rms(&rest))
}

/// Signal to noise in dB of `heard` as a copy of `meant`.
pub(crate) fn snr(meant: &[f32], heard: &[f32]) -> f64 {
    assert_eq!(meant.len(), heard.len());
    let difference: Vec<f32> = meant.iter().zip(heard).map(|(m, h)| m - h).collect();
    db(rms(meant) / rms(&difference).max(1e-12))
}

/// The largest change from one sample to the next.
pub(crate) fn largest_step(signal: &[f32]) -> f32 {
    signal
        .windows(2)
        .map(|pair| (pair[1] - pair[0]).abs())
        .fold(0.0, f32::max)
}
