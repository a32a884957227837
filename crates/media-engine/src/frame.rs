//! Audio as a program gives and gets it: `f32` samples with their rate and channels.

use std::time::Duration;

use crate::AudioError;

/// The lowest and highest sample rate of a frame, in Hz.
pub const SAMPLE_RATES: std::ops::RangeInclusive<u32> = 8_000..=192_000;

/// A piece of audio of any length.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct AudioFrame {
    /// Samples in [-1, 1], interleaved when there are several channels.
    pub samples: Vec<f32>,
    /// Samples per second and channel, in Hz: 8,000 to 192,000.
    pub sample_rate: u32,
    /// Channels, 1 or more.
    pub channels: u16,
}

impl AudioFrame {
    /// One channel of `samples` at `sample_rate` Hz.
    pub fn mono(samples: Vec<f32>, sample_rate: u32) -> Self {
        Self {
            samples,
            sample_rate,
            channels: 1,
        }
    }

    /// One channel of silence.
    pub fn silence(duration: Duration, sample_rate: u32) -> Self {
        let samples = duration.as_secs_f64() * f64::from(sample_rate);
        Self::mono(vec![0.0; samples.round() as usize], sample_rate)
    }

    /// Samples per channel.
    pub fn samples_per_channel(&self) -> usize {
        self.samples.len() / usize::from(self.channels.max(1))
    }

    /// How long the frame takes to hear. Zero when it has no rate.
    pub fn duration(&self) -> Duration {
        Duration::from_nanos(nanos(self.samples_per_channel() as u64, self.sample_rate))
    }

    /// Whether the engine can play this frame; the error says what is wrong with it.
    pub fn check(&self) -> Result<(), AudioError> {
        if !SAMPLE_RATES.contains(&self.sample_rate) {
            return Err(AudioError::SampleRate(self.sample_rate));
        }
        if self.channels == 0 {
            return Err(AudioError::NoChannels);
        }
        if !self
            .samples
            .len()
            .is_multiple_of(usize::from(self.channels))
        {
            return Err(AudioError::UnevenLength {
                samples: self.samples.len(),
                channels: self.channels,
            });
        }
        Ok(())
    }
}

/// A frame of received audio with what the engine knows of it.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ReceivedFrame {
    /// The audio: one channel, one ptime long.
    pub frame: AudioFrame,
    /// When in the call the frame begins: the sum of all frames before it, heard or dropped.
    pub media_time: Duration,
    /// Part of it or all of it was invented because packets were lost or late.
    pub concealed: bool,
    /// It was heard before the call was answered.
    pub early_media: bool,
}

/// The time of `samples` at `rate` Hz in nanoseconds, rounded down.
pub(crate) fn nanos(samples: u64, rate: u32) -> u64 {
    match rate {
        0 => 0,
        rate => (u128::from(samples) * 1_000_000_000 / u128::from(rate)) as u64,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn duration_counts_samples_per_channel() {
        let stereo = AudioFrame {
            samples: vec![0.0; 96_000],
            sample_rate: 48_000,
            channels: 2,
        };
        assert_eq!(stereo.duration(), Duration::from_secs(1));
        assert_eq!(
            AudioFrame::silence(Duration::from_millis(20), 8_000)
                .samples
                .len(),
            160
        );
        assert_eq!(AudioFrame::default().duration(), Duration::ZERO);
    }

    #[test]
    fn bad_frames_are_refused_by_kind() {
        let frame = |samples, sample_rate, channels| AudioFrame {
            samples: vec![0.0; samples],
            sample_rate,
            channels,
        };
        assert_eq!(frame(4, 0, 1).check(), Err(AudioError::SampleRate(0)));
        assert_eq!(
            frame(4, 7_999, 1).check(),
            Err(AudioError::SampleRate(7_999))
        );
        assert_eq!(
            frame(4, 192_001, 1).check(),
            Err(AudioError::SampleRate(192_001))
        );
        assert_eq!(frame(4, 8_000, 0).check(), Err(AudioError::NoChannels));
        assert_eq!(
            frame(5, 8_000, 2).check(),
            Err(AudioError::UnevenLength {
                samples: 5,
                channels: 2
            })
        );
        assert_eq!(frame(6, 192_000, 2).check(), Ok(()));
        assert_eq!(frame(0, 8_000, 1).check(), Ok(()));
    }
}
