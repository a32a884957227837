//! Offline conversion between any two rates.

use std::f64::consts::PI;

/// Zero crossings of the sinc on each side of its centre.
const CROSSINGS: usize = 48;
/// Kernel values stored per zero crossing; between them the kernel is interpolated.
const STEPS: usize = 512;

/// Converts a whole signal from one rate to another.
pub(super) fn resample(samples: &[f32], from: u32, to: u32) -> Vec<f32> {
    if from == to || samples.is_empty() {
        return samples.to_vec();
    }
    let kernel = kernel();
    // Going down, the kernel is stretched so that it cuts off at the new Nyquist frequency.
    let cutoff = (f64::from(to) / f64::from(from)).min(1.0) * 0.95;
    let reach = CROSSINGS as f64 / cutoff;
    let length = (samples.len() as u128 * u128::from(to) / u128::from(from)) as usize;
    let step = f64::from(from) / f64::from(to);
    (0..length)
        .map(|n| {
            let centre = n as f64 * step;
            let first = (centre - reach).ceil().max(0.0) as usize;
            let last = ((centre + reach).floor() as usize).min(samples.len() - 1);
            let mut sum = 0.0;
            for (index, sample) in samples.iter().enumerate().take(last + 1).skip(first) {
                let position = ((index as f64 - centre).abs() * cutoff) * STEPS as f64;
                let whole = position as usize;
                let part = position - whole as f64;
                sum +=
                    f64::from(*sample) * (kernel[whole] * (1.0 - part) + kernel[whole + 1] * part);
            }
            (sum * cutoff) as f32
        })
        .collect()
}

/// One half of a sinc under a Blackman window.
fn kernel() -> Vec<f64> {
    let reach = (CROSSINGS * STEPS) as f64;
    (0..=CROSSINGS * STEPS + 1)
        .map(|i| {
            let x = PI * i as f64 / STEPS as f64;
            let sinc = if i == 0 { 1.0 } else { x.sin() / x };
            let w = PI * (i as f64 / reach).min(1.0);
            sinc * (0.42 + 0.5 * w.cos() + 0.08 * (2.0 * w).cos())
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use crate::audio::Clip;
    use std::time::Duration;

    #[test]
    fn a_tone_survives_every_rate() {
        for (from, to) in [
            (8000, 48_000),
            (48_000, 8000),
            (44_100, 8000),
            (16_000, 22_050),
            (8000, 11_025),
        ] {
            let tone = Clip::tone(from, 1000.0, Duration::from_millis(500), 0.5);
            let other = tone
                .at_rate(to)
                .slice(Duration::from_millis(100), Duration::from_millis(300));
            assert!(
                other.energy_share(1000.0) > 0.9999,
                "{from} -> {to}: {}",
                other.energy_share(1000.0)
            );
            assert!(
                (other.rms() - 0.3535).abs() < 0.004,
                "{from} -> {to}: rms {}",
                other.rms()
            );
        }
    }

    #[test]
    fn what_does_not_fit_the_lower_rate_is_removed() {
        let tone = Clip::tone(48_000, 5000.0, Duration::from_millis(500), 0.5);
        let other = tone
            .at_rate(8000)
            .slice(Duration::from_millis(100), Duration::from_millis(300));
        assert!(other.rms() < 0.5e-4, "{}", other.rms());
    }
}
