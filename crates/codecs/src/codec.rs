//! A row of the codec table: what SDP and the media engine must know of a codec.

use std::fmt::Debug;

use crate::{CodecError, Decoder, Encoder, Impairment};

/// A codec: its names and numbers in SDP, and its encoders and decoders.
///
/// A codec of one's own is a type that implements this trait; nothing else in
/// the crate has to know of it.
pub trait Codec: Send + Sync + Debug {
    /// Encoding name as in `a=rtpmap`, for example `PCMU`. Compared without
    /// regard to case (RFC 4855 section 3).
    fn encoding_name(&self) -> &str;

    /// RTP clock rate in Hz, as in `a=rtpmap`.
    fn clock_rate(&self) -> u32;

    /// Channels as in `a=rtpmap`: 1 for most; Opus always says 2, mono or not
    /// (RFC 7587 section 7).
    fn rtp_channels(&self) -> u16 {
        1
    }

    /// Rate of the PCM of the encoders and decoders, in Hz.
    fn sample_rate(&self) -> u32 {
        self.clock_rate()
    }

    /// The payload type that RFC 3551 section 6 assigns, if any.
    fn static_payload_type(&self) -> Option<u8> {
        None
    }

    /// Our own `a=fmtp` parameters, without the payload type: what we want to
    /// receive.
    fn fmtp(&self) -> Option<String> {
        None
    }

    /// Whether one packet can hold `ptime_ms` milliseconds.
    fn accepts_ptime(&self, ptime_ms: u32) -> bool {
        ptime_ms > 0 && (u64::from(self.sample_rate()) * u64::from(ptime_ms)).is_multiple_of(1000)
    }

    /// What it costs in the E-model (ITU-T G.107), for the estimated opinion
    /// scores: what is published under its name, unless it knows better.
    fn impairment(&self) -> Impairment {
        Impairment::published(self.encoding_name())
    }

    /// A new encoder that obeys what the peer asked for.
    ///
    /// # Errors
    ///
    /// [`CodecError::Parameter`] when the configuration or the parameters are
    /// out of range.
    fn encoder(&self, parameters: &CodecParameters) -> Result<Box<dyn Encoder>, CodecError>;

    /// A new decoder.
    ///
    /// # Errors
    ///
    /// [`CodecError::Parameter`] when the configuration or the parameters are
    /// out of range.
    fn decoder(&self, parameters: &CodecParameters) -> Result<Box<dyn Decoder>, CodecError>;
}

/// What was negotiated for a stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CodecParameters {
    /// The peer's `a=fmtp` parameters without the payload type, which say what
    /// the peer wants to receive: the encoder obeys them.
    pub fmtp: Option<String>,
    /// Milliseconds of audio in one packet that we send (`a=ptime`).
    pub ptime_ms: u32,
}

impl Default for CodecParameters {
    /// No parameters, 20 ms (RFC 3551 section 4.2).
    fn default() -> Self {
        CodecParameters {
            fmtp: None,
            ptime_ms: 20,
        }
    }
}
