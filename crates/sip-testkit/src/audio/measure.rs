//! What a clip sounds like: level, tone, silence.

use super::Clip;
use super::clip::samples_in;
use rustfft::{FftPlanner, num_complex::Complex};
use std::f64::consts::TAU;
use std::time::Duration;

/// Tones are measured in windows of this length and weighted by energy, so that a slip of a few
/// samples between windows (a jitter buffer that stretched time) does not count as another tone.
const TONE_WINDOW: Duration = Duration::from_millis(100);

impl Clip {
    /// Root mean square of the samples; 0 for an empty clip. A full-scale sine has 0.707.
    #[must_use]
    pub fn rms(&self) -> f64 {
        if self.samples.is_empty() {
            return 0.0;
        }
        (energy(&self.samples) / self.samples.len() as f64).sqrt()
    }

    /// The loudest sample, as a magnitude.
    #[must_use]
    pub fn peak(&self) -> f32 {
        self.samples
            .iter()
            .fold(0.0, |peak, sample| peak.max(sample.abs()))
    }

    /// Share of the clip's energy at `hz`, 0 to 1 (Goertzel over windows of 100 ms, weighted by
    /// energy). A clean tone has 0.98 or more, noise close to 0, silence 0. A tone that is 1 Hz off
    /// still has 0.97, 5 Hz off 0.4.
    #[must_use]
    pub fn energy_share(&self, hz: f64) -> f64 {
        let window = samples_in(self.sample_rate, TONE_WINDOW).max(1);
        let (mut at_hz, mut total) = (0.0, 0.0);
        for window in self.samples.chunks(window) {
            at_hz += tone_energy(window, hz / f64::from(self.sample_rate));
            total += energy(window);
        }
        if total > 0.0 {
            (at_hz / total).clamp(0.0, 1.0)
        } else {
            0.0
        }
    }

    /// The strongest frequency in Hz, or `None` for silence. Good to a fraction of a hertz for a
    /// tone of a quarter of a second or more.
    #[must_use]
    pub fn dominant_frequency(&self) -> Option<f64> {
        let length = (self.sample_rate as usize)
            .next_power_of_two()
            .min(self.samples.len().next_power_of_two().max(64));
        let mut power = vec![0.0; length / 2];
        let fft = FftPlanner::new().plan_fft_forward(length);
        for window in self.samples.chunks(length) {
            let span = window.len() as f64;
            let mut buffer: Vec<Complex<f64>> = window
                .iter()
                .enumerate()
                .map(|(n, sample)| {
                    f64::from(*sample) * (0.5 - 0.5 * (TAU * (n as f64 + 0.5) / span).cos())
                })
                .map(|sample| Complex::new(sample, 0.0))
                .collect();
            buffer.resize(length, Complex::new(0.0, 0.0));
            fft.process(&mut buffer);
            power
                .iter_mut()
                .zip(&buffer)
                .for_each(|(sum, bin)| *sum += bin.norm_sqr());
        }
        let (bin, strongest) = power
            .iter()
            .copied()
            .enumerate()
            .skip(1)
            .max_by(|a, b| a.1.total_cmp(&b.1))?;
        if strongest <= 1e-12 {
            return None;
        }
        let between = match (power.get(bin.wrapping_sub(1)), power.get(bin + 1)) {
            (Some(&before), Some(&after)) => {
                parabola_peak(before.sqrt(), strongest.sqrt(), after.sqrt())
            }
            _ => 0.0,
        };
        Some((bin as f64 + between) * f64::from(self.sample_rate) / length as f64)
    }

    /// The longest stretch in which no sample exceeds `threshold`, between the first and the last
    /// sound of the clip: what a listener notices as a drop-out. The silence before and after does
    /// not count. A clip without any sound is one gap.
    #[must_use]
    pub fn longest_gap(&self, threshold: f32) -> Duration {
        let mut longest = 0;
        let mut last_sound = None;
        for (index, sample) in self.samples.iter().enumerate() {
            if sample.abs() > threshold {
                longest = longest.max(last_sound.map_or(0, |last: usize| index - last - 1));
                last_sound = Some(index);
            }
        }
        let samples = if last_sound.is_none() {
            self.samples.len()
        } else {
            longest
        };
        Duration::from_secs_f64(samples as f64 / f64::from(self.sample_rate))
    }

    /// From the first to the last sample that exceeds `threshold`, or an empty clip.
    #[must_use]
    pub fn trimmed(&self, threshold: f32) -> Clip {
        let loud = |sample: &f32| sample.abs() > threshold;
        let samples = match (
            self.samples.iter().position(loud),
            self.samples.iter().rposition(loud),
        ) {
            (Some(first), Some(last)) => self.samples[first..=last].to_vec(),
            _ => Vec::new(),
        };
        Clip::from_samples(self.sample_rate, samples)
    }
}

/// Sum of squares.
pub(super) fn energy(samples: &[f32]) -> f64 {
    samples
        .iter()
        .map(|&sample| f64::from(sample) * f64::from(sample))
        .sum()
}

/// Energy of the best fitting sine of `cycles` per sample: Goertzel's two sums, solved by least
/// squares so that a window need not hold whole cycles.
pub(super) fn tone_energy(window: &[f32], cycles: f64) -> f64 {
    let (mut s, mut c, mut ss, mut cc, mut sc) = (0.0, 0.0, 0.0, 0.0, 0.0);
    for (n, &sample) in window.iter().enumerate() {
        let (sin, cos) = (TAU * cycles * n as f64).sin_cos();
        s += f64::from(sample) * sin;
        c += f64::from(sample) * cos;
        ss += sin * sin;
        cc += cos * cos;
        sc += sin * cos;
    }
    let determinant = ss * cc - sc * sc;
    if determinant < 1e-9 * (ss + cc) {
        return if cc > 0.0 { c * c / cc } else { 0.0 };
    }
    (s * s * cc - 2.0 * s * c * sc + c * c * ss) / determinant
}

fn parabola_peak(before: f64, at: f64, after: f64) -> f64 {
    let curve = before - 2.0 * at + after;
    if curve.abs() < 1e-12 {
        0.0
    } else {
        (0.5 * (before - after) / curve).clamp(-0.5, 0.5)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn energy_share_tells_a_tone_from_its_neighbour() {
        let tone = Clip::tone(8000, 440.0, Duration::from_secs(1), 0.3);
        assert!(tone.energy_share(440.0) > 0.9999);
        assert!(tone.energy_share(880.0) < 0.01);
        assert!(tone.energy_share(460.0) < 0.05);
        assert!(tone.energy_share(441.0) < 0.98);
    }

    #[test]
    fn energy_share_survives_a_slip_and_sees_dirt() {
        let mut tone = Clip::tone(8000, 440.0, Duration::from_secs(2), 0.3);
        tone.samples.drain(8123..8160);
        assert!(tone.energy_share(440.0) > 0.95);
        let noise = Clip::noise(8000, 3, Duration::from_secs(2), 0.2);
        tone.samples
            .iter_mut()
            .zip(&noise.samples)
            .for_each(|(a, b)| *a += b);
        assert!(tone.energy_share(440.0) < 0.9);
        assert!(noise.energy_share(440.0) < 0.05);
        assert_eq!(
            Clip::silence(8000, Duration::from_secs(1)).energy_share(440.0),
            0.0
        );
    }

    #[test]
    fn dominant_frequency_is_found_at_any_rate() {
        for rate in [8000, 16_000, 44_100, 48_000] {
            for hz in [123.4, 440.0, 1004.0, 3333.0] {
                let found = Clip::tone(rate, hz, Duration::from_millis(700), 0.1)
                    .dominant_frequency()
                    .unwrap();
                assert!(
                    (found - hz).abs() < 0.5,
                    "{hz} Hz at {rate} was found at {found}"
                );
            }
        }
        assert_eq!(
            Clip::silence(8000, Duration::from_secs(1)).dominant_frequency(),
            None
        );
        assert_eq!(Clip::new(8000).dominant_frequency(), None);
    }

    #[test]
    fn the_longest_gap_lies_between_sounds() {
        let sound = Clip::tone(8000, 440.0, Duration::from_millis(200), 0.5);
        let clip = Clip::silence(8000, Duration::from_secs(1))
            .then(&sound)
            .then(&Clip::silence(8000, Duration::from_millis(60)))
            .then(&sound)
            .then(&Clip::silence(8000, Duration::from_millis(90)))
            .then(&sound)
            .then(&Clip::silence(8000, Duration::from_secs(1)));
        let gap = clip.longest_gap(0.01).as_secs_f64();
        assert!((gap - 0.090).abs() < 0.001, "{gap}");
        assert!(sound.longest_gap(0.01) < Duration::from_millis(1));
        assert_eq!(
            Clip::silence(8000, Duration::from_secs(1)).longest_gap(0.01),
            Duration::from_secs(1)
        );
    }

    #[test]
    fn trimming_leaves_what_sounds() {
        let clip = Clip::silence(8000, Duration::from_secs(1)).then(&Clip::tone(
            8000,
            440.0,
            Duration::from_millis(200),
            0.5,
        ));
        let length = clip.trimmed(0.01).duration().as_secs_f64();
        assert!((length - 0.2).abs() < 0.001, "{length}");
    }
}
