//! Telephone codecs: samples to bytes and back, resampling, concealment.
//!
//! The crate knows samples and bytes; it has never heard of RTP or SIP. A
//! [`Codec`] is a row of a codec table and makes [`Encoder`]s and
//! [`Decoder`]s: [`Pcmu`] and [`Pcma`] bit-exact with ITU-T G.191, [`G722`] in
//! the integer arithmetic of its recommendation, [`L16`], and `Opus` with the
//! feature `opus` (pure Rust) or `opus-audiopus` (libopus). A codec of
//! one's own implements the same traits. Beside them stand the parts that a
//! phone call needs: a [`Resampler`], a [`Concealer`] for lost packets, a
//! [`TimeStretcher`] that steers a playout delay inaudibly, and comfort noise
//! for silence that is not sent ([`SilenceSuppressor`], [`ComfortNoise`]).
//!
//! PCM is `f32` in [-1, 1]. Everything here is a plain value: `&mut self`, no
//! clock, no task, no lock. (The one shared thing is a cache of filter
//! coefficients, locked while a [`Resampler`] is made.)
//!
//! ```
//! use audio_codecs::{Codec, CodecParameters, Pcmu};
//!
//! # fn main() -> Result<(), audio_codecs::CodecError> {
//! let mut encoder = Pcmu.encoder(&CodecParameters::default())?;
//! let mut decoder = Pcmu.decoder(&CodecParameters::default())?;
//!
//! let frame = vec![0.25; 160]; // 20 ms at 8 kHz
//! let mut payload = Vec::new();
//! encoder.encode(&frame, &mut payload)?;
//! assert_eq!(payload.len(), 160);
//!
//! let mut heard = Vec::new();
//! assert_eq!(decoder.decode(&payload, &mut heard)?, 160);
//! assert!((heard[0] - 0.25).abs() < 0.01);
//!
//! decoder.conceal(160, &mut heard); // the next packet was lost
//! assert_eq!(heard.len(), 320);
//! # Ok(())
//! # }
//! ```

mod codec;
mod decoder;
mod encoder;
mod error;
mod impairment;

pub mod g711;
mod g722;
mod l16;
#[cfg(any(feature = "opus", feature = "opus-audiopus"))]
mod opus;
pub mod sample;

mod comfort_noise;
mod concealer;
mod pitch;
mod resampler;
mod time_stretcher;

#[cfg(test)]
mod test_signal;

pub use codec::{Codec, CodecParameters};
pub use comfort_noise::{
    ComfortNoise, NoiseAnalyser, NoiseDescription, SilenceSuppressor, Suppression,
};
pub use concealer::Concealer;
pub use decoder::Decoder;
pub use encoder::Encoder;
pub use error::CodecError;
pub use g711::{Pcma, Pcmu};
pub use g722::G722;
pub use impairment::Impairment;
pub use l16::L16;
#[cfg(any(feature = "opus", feature = "opus-audiopus"))]
pub use opus::{Opus, OpusBackend};
pub use resampler::{Resampler, ResamplerQuality};
pub use time_stretcher::TimeStretcher;
