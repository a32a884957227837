//! Any sample rate to any other, in a stream.

mod filter;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::Duration;

use crate::CodecError;
use filter::{Filter, Place};

/// The rates that can be converted, in Hz.
const RATES: std::ops::RangeInclusive<u32> = 8000..=192_000;
/// Input samples that are filtered at a time.
const BLOCK: usize = 256;

/// Converts mono `f32` audio from one sample rate to another.
///
/// State is kept across calls, so a stream may be cut into pieces of any
/// length: what comes out is, to the bit, what one call with all of it would
/// have given. `n` samples in give `n * to / from` out, rounded up over the
/// whole stream; for 20 ms frames of the usual rates that is 20 ms each time.
///
/// A polyphase filter (sinc under a Kaiser window), in one of two lengths:
///
/// | [`ResamplerQuality`] | flat | aliases and images | latency at 8 / 16 / 48 kHz |
/// |---|---|---|---|
/// | `Fast` | to 0.05 dB up to 0.425 of the lower rate | 85 dB down beyond 0.5625 | 2.5 / 1.25 / 0.42 ms |
/// | `Best` | to 0.01 dB up to 0.45 of the lower rate | 100 dB down beyond 0.55 | 4.5 / 2.25 / 0.75 ms |
///
/// The latency is 20 or 36 samples of the lower rate. Equal rates pass through without any.
///
/// Coefficients are shared among all resamplers of the same ratio (0.2 to 130 KB, for rates with little in
/// common 500 KB; gone with the last of them). Each has 256 samples and the length of the filter of its
/// own: 1.2 KB for 8 to 48 kHz and `Fast`, 2 KB for 48 to 8 kHz. After the first call nothing is
/// allocated, but where `out` has to grow.
///
/// ```
/// # fn main() -> Result<(), audio_codecs::CodecError> {
/// let mut resampler = audio_codecs::Resampler::new(24_000, 8000)?;
/// let mut telephone = Vec::new();
/// resampler.process(&[0.0; 480], &mut telephone); // 20 ms
/// assert_eq!(telephone.len(), 160);
/// resampler.flush(&mut telephone); // the end of the stream: the last 2.5 ms
/// assert_eq!(telephone.len(), 180);
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct Resampler {
    from_hz: u32,
    to_hz: u32,
    /// None where the rates are equal.
    stage: Option<Stage>,
}

/// What a [`Resampler`] is made for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ResamplerQuality {
    /// Little latency and cost, and nothing that is heard on a telephone: aliases and images are 85 dB
    /// down, below the noise of G.711 by 45 dB.
    #[default]
    Fast,
    /// Aliases and images 100 dB down and a wider band, for 1.8 times the latency and cost: for
    /// recordings, measurements, and full-band audio.
    Best,
}

#[derive(Debug, Clone)]
struct Stage {
    filter: Arc<Filter>,
    /// The last inputs, one less than the filter is long; then those of the
    /// block at work.
    window: Vec<f32>,
    place: Place,
}

impl Resampler {
    /// A [`Fast`](ResamplerQuality::Fast) resampler from `from_hz` to `to_hz`.
    ///
    /// # Errors
    ///
    /// [`CodecError::UnsupportedRate`] unless both are 8000 to 192000 Hz.
    pub fn new(from_hz: u32, to_hz: u32) -> Result<Self, CodecError> {
        Self::with_quality(from_hz, to_hz, ResamplerQuality::default())
    }

    /// A resampler from `from_hz` to `to_hz` of this quality.
    ///
    /// # Errors
    ///
    /// As [`new`](Self::new).
    pub fn with_quality(
        from_hz: u32,
        to_hz: u32,
        quality: ResamplerQuality,
    ) -> Result<Self, CodecError> {
        if !RATES.contains(&from_hz) || !RATES.contains(&to_hz) {
            return Err(CodecError::UnsupportedRate { from_hz, to_hz });
        }
        let stage = (from_hz != to_hz).then(|| Stage::new(filter::shared(from_hz, to_hz, quality)));
        Ok(Resampler {
            from_hz,
            to_hz,
            stage,
        })
    }

    /// Rate of the input in Hz.
    pub fn from_hz(&self) -> u32 {
        self.from_hz
    }

    /// Rate of the output in Hz.
    pub fn to_hz(&self) -> u32 {
        self.to_hz
    }

    /// Converts `input` and appends the result to `out`. NaN and infinities
    /// count as 0.
    pub fn process(&mut self, input: &[f32], out: &mut Vec<f32>) {
        match &mut self.stage {
            Some(stage) => {
                for block in input.chunks(BLOCK) {
                    stage.process(block.iter().copied(), out);
                }
            }
            None => out.extend(input.iter().copied().map(finite)),
        }
    }

    /// Ends the stream: appends what the filter still holds, which is as long
    /// as the latency, and makes the resampler as good as new.
    pub fn flush(&mut self, out: &mut Vec<f32>) {
        if let Some(stage) = &mut self.stage {
            let mut left = stage.filter.delay();
            while left > 0 {
                let block = left.min(BLOCK);
                stage.process(std::iter::repeat_n(0.0, block), out);
                left -= block;
            }
        }
        self.reset();
    }

    /// Forgets the stream, as if the resampler were new.
    pub fn reset(&mut self) {
        if let Some(stage) = &mut self.stage {
            stage.reset();
        }
    }

    /// By how many samples the output lags behind the input, in samples of the
    /// output rate, rounded.
    pub fn latency_samples(&self) -> usize {
        let delay = self.delay() as u64 * u64::from(self.to_hz);
        let from = u64::from(self.from_hz);
        ((delay + from / 2) / from) as usize
    }

    /// By how much the output lags behind the input.
    pub fn latency(&self) -> Duration {
        Duration::from_nanos(self.delay() as u64 * 1_000_000_000 / u64::from(self.from_hz))
    }

    fn delay(&self) -> usize {
        self.stage.as_ref().map_or(0, |stage| stage.filter.delay())
    }
}

impl Stage {
    fn new(filter: Arc<Filter>) -> Self {
        let history = filter.taps() - 1;
        let mut window = Vec::with_capacity(history + BLOCK);
        window.resize(history, 0.0);
        Stage {
            filter,
            window,
            place: Place::default(),
        }
    }

    fn process(&mut self, block: impl Iterator<Item = f32>, out: &mut Vec<f32>) {
        let history = self.filter.taps() - 1;
        self.window.extend(block.map(finite));
        let available = self.window.len() - history;

        let start = out.len();
        let count = self.filter.outputs_in(self.place, available);
        out.resize(start + count, 0.0);
        self.place = self.filter.run(&self.window, self.place, &mut out[start..]);
        self.place.ahead -= available;

        self.window.copy_within(available.., 0);
        self.window.truncate(history);
    }

    fn reset(&mut self) {
        self.window.clear();
        self.window.resize(self.filter.taps() - 1, 0.0);
        self.place = Place::default();
    }
}

fn finite(sample: f32) -> f32 {
    if sample.is_finite() { sample } else { 0.0 }
}
