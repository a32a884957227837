//! What can go wrong between samples and bytes.

use thiserror::Error;

/// An error of an encoder, a decoder, a codec's set-up or a resampler.
///
/// Codecs outside this crate build these variants too; the codec's encoding
/// name goes into `codec`.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum CodecError {
    /// The encoder was handed a frame of a length that the codec cannot encode.
    #[error("{codec} cannot encode a frame of {samples} samples: pass {expected}")]
    FrameLength {
        /// Encoding name of the codec.
        codec: String,
        /// Samples in the frame, over all channels.
        samples: usize,
        /// The lengths that would do, in words.
        expected: String,
    },
    /// A payload from the network is not one of this codec: drop it and conceal.
    #[error(
        "the {codec} payload of {bytes} bytes is malformed ({reason}): drop it and conceal the loss"
    )]
    MalformedPayload {
        /// Encoding name of the codec.
        codec: String,
        /// Length of the payload.
        bytes: usize,
        /// What is wrong with it.
        reason: String,
    },
    /// A configuration value or a negotiated parameter is out of range.
    #[error("{codec} does not take {parameter} = {value}: use {expected}")]
    Parameter {
        /// Encoding name of the codec.
        codec: String,
        /// Name of the parameter.
        parameter: String,
        /// The value that was refused.
        value: String,
        /// The values that would do, in words.
        expected: String,
    },
    /// A resampler was asked for a rate outside of what it handles.
    #[error(
        "cannot resample from {from_hz} Hz to {to_hz} Hz: both rates must be 8000 to 192000 Hz"
    )]
    UnsupportedRate {
        /// Rate of the input, in Hz.
        from_hz: u32,
        /// Rate of the output, in Hz.
        to_hz: u32,
    },
    /// The library behind a codec failed.
    #[error("the {codec} library failed ({reason}): reset the encoder or decoder and go on")]
    Backend {
        /// Encoding name of the codec.
        codec: String,
        /// The library's own words.
        reason: String,
    },
}
