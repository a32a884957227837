//! A row of the codec table: what SDP and the media engine must know of a codec.

use std::fmt::Debug;
use std::ops::RangeInclusive;

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

    /// The packet time to send with, in ms, when `wished_ms` is wished and the peer's `a=fmtp` parameters are
    /// `peer_fmtp`: the longest of 10 to 60 ms in tens that fits, the shortest if all are longer, and `wished_ms`
    /// if there is none.
    fn packet_time_ms(&self, wished_ms: u32, peer_fmtp: Option<&str>) -> u32 {
        let _ = peer_fmtp;
        longest_packet_time(self, wished_ms, 0..=u32::MAX)
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

/// The packet time of [`Codec::packet_time_ms`] among those in `allowed_ms`; among all if none is.
pub(crate) fn longest_packet_time<C: Codec + ?Sized>(
    codec: &C,
    wished_ms: u32,
    allowed_ms: RangeInclusive<u32>,
) -> u32 {
    let has = |ptime: &u32| codec.accepts_ptime(*ptime);
    let fits = |ptime: &u32| *ptime <= wished_ms;
    let all = (10..=60).step_by(10).filter(has);
    let allowed = all.clone().filter(|ptime| allowed_ms.contains(ptime));
    let (longest, shortest) = (allowed.clone().filter(fits).last(), allowed.clone().next());
    longest
        .or(shortest)
        .or_else(|| all.clone().filter(fits).last())
        .or_else(|| all.clone().next())
        .unwrap_or(wished_ms)
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{L16, Pcmu};

    #[test]
    fn a_packet_time_that_a_codec_does_not_have_becomes_the_next_shorter_one() {
        for (codec, wished, sent) in [
            (&Pcmu as &dyn Codec, 30, 30),
            (&Pcmu, 5, 10),
            (&Pcmu, 120, 60),
            (&L16::new(16_000), 60, 40),
            (&L16::new(44_100), 20, 10),
        ] {
            assert_eq!(
                codec.packet_time_ms(wished, None),
                sent,
                "{codec:?} {wished} ms"
            );
        }
    }
}
