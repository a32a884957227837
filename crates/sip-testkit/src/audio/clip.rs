//! A piece of mono sound: samples and their rate.

use std::time::Duration;

/// Mono sound: `f32` samples in [-1, 1] at `sample_rate`.
///
/// ```
/// use sip_testkit::audio::Clip;
/// use std::time::Duration;
///
/// let mut heard = Clip::new(8000);
/// heard.push(&Clip::tone(8000, 440.0, Duration::from_secs(1), 0.5).samples);
/// assert_eq!(heard.duration(), Duration::from_secs(1));
/// assert!(heard.energy_share(440.0) > 0.98);
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Clip {
    /// The samples, one channel, [-1, 1].
    pub samples: Vec<f32>,
    /// Samples per second, in Hz. Never 0.
    pub sample_rate: u32,
}

impl Clip {
    /// An empty clip to collect what is heard.
    ///
    /// # Panics
    /// When `sample_rate` is 0.
    #[must_use]
    pub fn new(sample_rate: u32) -> Self {
        Self::from_samples(sample_rate, Vec::new())
    }

    /// A clip of these samples.
    ///
    /// # Panics
    /// When `sample_rate` is 0.
    #[must_use]
    pub fn from_samples(sample_rate: u32, samples: Vec<f32>) -> Self {
        assert!(sample_rate > 0, "a clip needs a sample rate above 0 Hz");
        Self {
            samples,
            sample_rate,
        }
    }

    /// Digital silence.
    #[must_use]
    pub fn silence(sample_rate: u32, duration: Duration) -> Self {
        Self::from_samples(sample_rate, vec![0.0; samples_in(sample_rate, duration)])
    }

    /// How long the clip plays.
    #[must_use]
    pub fn duration(&self) -> Duration {
        Duration::from_secs_f64(self.samples.len() as f64 / f64::from(self.sample_rate))
    }

    /// Appends mono samples of the clip's own rate.
    pub fn push(&mut self, samples: &[f32]) {
        self.samples.extend_from_slice(samples);
    }

    /// Appends interleaved samples of the clip's own rate, mixed down to mono.
    ///
    /// # Panics
    /// When `channels` is 0.
    pub fn push_interleaved(&mut self, samples: &[f32], channels: u16) {
        assert!(channels > 0, "interleaved audio has at least one channel");
        let channels = usize::from(channels);
        self.samples.extend(
            samples
                .chunks_exact(channels)
                .map(|frame| frame.iter().sum::<f32>() / channels as f32),
        );
    }

    /// This clip followed by another, which is resampled to this clip's rate.
    #[must_use]
    pub fn then(mut self, next: &Clip) -> Self {
        let next = next.at_rate(self.sample_rate);
        self.samples.extend_from_slice(&next.samples);
        self
    }

    /// The part from `start` of at most `duration`; shorter or empty where the clip ends before.
    #[must_use]
    pub fn slice(&self, start: Duration, duration: Duration) -> Clip {
        let from = samples_in(self.sample_rate, start).min(self.samples.len());
        let to = from
            .saturating_add(samples_in(self.sample_rate, duration))
            .min(self.samples.len());
        Clip::from_samples(self.sample_rate, self.samples[from..to].to_vec())
    }

    /// The same sound with every sample multiplied by `factor`.
    #[must_use]
    pub fn scaled(mut self, factor: f32) -> Self {
        self.samples.iter_mut().for_each(|sample| *sample *= factor);
        self
    }

    /// The same sound at another rate (windowed sinc, pass band to 0.45 of the lower rate, stop band
    /// below -80 dB). The whole clip is converted at once, so there is no delay.
    ///
    /// # Panics
    /// When `sample_rate` is 0.
    #[must_use]
    pub fn at_rate(&self, sample_rate: u32) -> Clip {
        assert!(sample_rate > 0, "a clip needs a sample rate above 0 Hz");
        Clip::from_samples(
            sample_rate,
            super::resample::resample(&self.samples, self.sample_rate, sample_rate),
        )
    }
}

/// Samples in `duration`, rounded.
pub(super) fn samples_in(sample_rate: u32, duration: Duration) -> usize {
    (duration.as_secs_f64() * f64::from(sample_rate)).round() as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn interleaved_audio_is_mixed_to_mono() {
        let mut clip = Clip::new(8000);
        clip.push_interleaved(&[1.0, 0.0, 0.5, 0.5], 2);
        assert_eq!(clip.samples, [0.5, 0.5]);
    }

    #[test]
    fn a_slice_past_the_end_is_shorter() {
        let clip = Clip::silence(8000, Duration::from_millis(100));
        assert_eq!(
            clip.slice(Duration::from_millis(80), Duration::from_secs(1))
                .samples
                .len(),
            160
        );
        assert!(
            clip.slice(Duration::from_secs(1), Duration::from_secs(1))
                .samples
                .is_empty()
        );
    }

    #[test]
    fn joining_clips_of_two_rates_keeps_the_first_rate() {
        let joined = Clip::silence(8000, Duration::from_millis(500))
            .then(&Clip::silence(48_000, Duration::from_millis(500)));
        assert_eq!(
            (joined.sample_rate, joined.duration()),
            (8000, Duration::from_secs(1))
        );
    }
}
