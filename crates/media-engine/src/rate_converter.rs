//! Audio of changing rates to one rate, without a click where one stream goes into the next.

use audio_codecs::{Resampler, ResamplerQuality};

/// A resampler to a fixed rate that follows the rate of what comes in.
#[derive(Debug)]
pub(crate) struct RateConverter {
    to_hz: u32,
    quality: ResamplerQuality,
    current: Option<Resampler>,
}

impl RateConverter {
    /// To `to_hz`, which must be 8 to 192 kHz for anything but audio of that rate to pass.
    pub(crate) fn new(to_hz: u32, quality: ResamplerQuality) -> Self {
        Self {
            to_hz,
            quality,
            current: None,
        }
    }

    pub(crate) fn to_hz(&self) -> u32 {
        self.to_hz
    }

    pub(crate) fn quality(&self) -> ResamplerQuality {
        self.quality
    }

    /// Appends `input` of `from_hz` to `out`. Audio of equal rate continues; when the rate changes,
    /// the end of the stream before comes out first. Answers by how many samples the output lags
    /// when this call began a stream.
    pub(crate) fn process(&mut self, from_hz: u32, input: &[f32], out: &mut Vec<f32>) -> usize {
        if self
            .current
            .as_ref()
            .is_some_and(|r| r.from_hz() != from_hz)
        {
            self.finish(out);
        }
        if from_hz == self.to_hz {
            out.extend_from_slice(input);
            return 0;
        }
        let mut began = 0;
        if self.current.is_none() {
            // Rates were checked where the audio came in.
            self.current = Resampler::with_quality(from_hz, self.to_hz, self.quality).ok();
            began = self.current.as_ref().map_or(0, Resampler::latency_samples);
        }
        if let Some(resampler) = &mut self.current {
            resampler.process(input, out);
        }
        began
    }

    /// Ends the stream: appends what the resampler still holds.
    pub(crate) fn finish(&mut self, out: &mut Vec<f32>) {
        if let Some(mut resampler) = self.current.take() {
            resampler.flush(out);
        }
    }

    /// Forgets the stream.
    pub(crate) fn reset(&mut self) {
        self.current = None;
    }

    /// Whether something of a stream is still inside.
    pub(crate) fn is_empty(&self) -> bool {
        self.current.is_none()
    }
}

/// A whole piece of audio at another rate, no longer than it was: without the resampler's delay.
pub(crate) fn convert_once(samples: &[f32], from: u32, to: u32) -> Vec<f32> {
    let Ok(mut resampler) = Resampler::new(from, to) else {
        return Vec::new();
    };
    let latency = resampler.latency_samples();
    let mut out = Vec::new();
    resampler.process(samples, &mut out);
    resampler.flush(&mut out);
    out.drain(..latency.min(out.len()));
    out
}
