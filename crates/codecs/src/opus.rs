//! Opus (RFC 6716, RFC 7587) behind the codec traits.

mod fmtp;
#[cfg(feature = "opus-audiopus")]
mod libopus;
mod packet;
#[cfg(feature = "opus")]
mod ropus;
mod stream;
#[cfg(test)]
mod tests;

use crate::codec::longest_packet_time;
use crate::{Codec, CodecError, CodecParameters, Decoder, Encoder};
use fmtp::Fmtp;
use stream::{EncoderSettings, OpusDecoder, OpusEncoder};

/// RTP timestamps of Opus count at 48 kHz whatever is encoded (RFC 7587
/// section 4.1).
const CLOCK_RATE: u32 = 48_000;
/// RFC 7587 section 7: `a=rtpmap` always says two channels.
const RTP_CHANNELS: u16 = 2;
pub(crate) const ENCODING_NAME: &str = "opus";

/// Opus, mono or stereo.
///
/// The fields are what we send and how; what the peer asks for in its
/// `a=fmtp` is obeyed on top (RFC 7587 section 6.1): `maxaveragebitrate` and
/// `maxplaybackrate` cap ours, `useinbandfec` must be 1 for redundancy and
/// `stereo` for two channels to be sent, `usedtx` and `cbr` are followed, and
/// packets keep to `minptime` and `maxptime`
/// ([`packet_time_ms`](Codec::packet_time_ms)). `sprop-maxcapturerate` and
/// `sprop-stereo` tell what the peer sends, which the decoder takes as it comes:
/// it gives `channels` channels at `sample_rate` whatever is in the packet.
///
/// ```
/// use audio_codecs::{Codec, CodecParameters, Opus};
///
/// # fn main() -> Result<(), audio_codecs::CodecError> {
/// let full_band = Opus { sample_rate: 48_000, ..Opus::default() };
/// let mut encoder = full_band.encoder(&CodecParameters::default())?;
/// let mut payload = Vec::new();
/// encoder.encode(&[0.0; 960], &mut payload)?; // 20 ms
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Opus {
    /// Rate of the PCM in Hz: 8000, 12000, 16000, 24000 or 48000. Default
    /// 16000: the whole band of a voice for half the CPU time of 48000, which is
    /// for music and full-band audio. The RTP clock is 48 kHz anyway.
    pub sample_rate: u32,
    /// Bits per second, 6000 to 510000. `None`: 16000 for 8 kHz, 20000 for
    /// 12 kHz, 24000 for 16 kHz, 32000 for 24 kHz, 40000 for 48 kHz; half as
    /// much again for stereo.
    pub bitrate: Option<u32>,
    /// CPU time spent for quality, 0 to 10. Default 5.
    pub complexity: u8,
    /// In-band forward error correction: packets repeat the one before at low
    /// rate, if the peer can use it and loss is expected. Default on.
    pub fec: bool,
    /// Loss in percent that the encoder reckons with until
    /// [`Encoder::set_expected_loss`] says what it is. Default 10: the redundancy
    /// is there when the first packet gets lost.
    pub expected_loss: u8,
    /// Send next to nothing in silence. Default off.
    pub dtx: bool,
    /// As many bytes in each packet whatever is said. Default off: fewer for what
    /// needs fewer.
    pub constant_bitrate: bool,
    /// Channels of the PCM, 1 or 2. Default 1. With 2 the peer is told that
    /// stereo is welcome, and gets it if it says the same; else the mean of both.
    pub channels: u16,
    /// Who does the work.
    pub backend: OpusBackend,
}

/// A library that encodes and decodes Opus.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum OpusBackend {
    /// `ropus`, in pure Rust (feature `opus`). Losses that are not recovered are
    /// filled by our [`Concealer`](crate::Concealer).
    #[cfg(feature = "opus")]
    Ropus,
    /// libopus, through `audiopus` (feature `opus-audiopus`). Conceals losses
    /// itself.
    #[cfg(feature = "opus-audiopus")]
    Libopus,
}

impl Default for OpusBackend {
    /// libopus where it is compiled in, else `ropus`.
    fn default() -> Self {
        #[cfg(feature = "opus-audiopus")]
        return OpusBackend::Libopus;
        #[cfg(not(feature = "opus-audiopus"))]
        return OpusBackend::Ropus;
    }
}

impl Default for Opus {
    fn default() -> Self {
        Opus {
            sample_rate: 16_000,
            bitrate: None,
            complexity: 5,
            fec: true,
            expected_loss: 10,
            dtx: false,
            constant_bitrate: false,
            channels: 1,
            backend: OpusBackend::default(),
        }
    }
}

impl Codec for Opus {
    fn encoding_name(&self) -> &str {
        ENCODING_NAME
    }

    fn clock_rate(&self) -> u32 {
        CLOCK_RATE
    }

    fn rtp_channels(&self) -> u16 {
        RTP_CHANNELS
    }

    fn sample_rate(&self) -> u32 {
        self.sample_rate
    }

    fn fmtp(&self) -> Option<String> {
        Some(fmtp::of(self))
    }

    /// 10, 20, 40 and 60 ms. Opus has shorter frames too, which pay for
    /// themselves nowhere in telephony, and longer ones, which lose too much
    /// with one packet.
    fn accepts_ptime(&self, ptime_ms: u32) -> bool {
        stream::PTIMES_MS.contains(&ptime_ms)
    }

    /// Beside what the trait says, within the peer's `minptime` and `maxptime`.
    fn packet_time_ms(&self, wished_ms: u32, peer_fmtp: Option<&str>) -> u32 {
        let theirs = Fmtp::parse(peer_fmtp.unwrap_or_default());
        let shortest = theirs.min_ptime.unwrap_or(0);
        let longest = theirs.max_ptime.unwrap_or(u32::MAX);
        let wished_ms = theirs.ptime.unwrap_or(wished_ms).min(longest);
        longest_packet_time(self, wished_ms.max(shortest), shortest..=longest)
    }

    fn encoder(&self, parameters: &CodecParameters) -> Result<Box<dyn Encoder>, CodecError> {
        self.check()?;
        if !self.accepts_ptime(parameters.ptime_ms) {
            return Err(refused("ptime", parameters.ptime_ms, "10, 20, 40 or 60 ms"));
        }
        let theirs = Fmtp::parse(parameters.fmtp.as_deref().unwrap_or_default());
        let settings = EncoderSettings::new(self, &theirs);
        Ok(match self.backend {
            #[cfg(feature = "opus")]
            OpusBackend::Ropus => Box::new(OpusEncoder::<ropus::RopusEncoder>::new(settings)?),
            #[cfg(feature = "opus-audiopus")]
            OpusBackend::Libopus => {
                Box::new(OpusEncoder::<libopus::LibopusEncoder>::new(settings)?)
            }
        })
    }

    fn decoder(&self, _: &CodecParameters) -> Result<Box<dyn Decoder>, CodecError> {
        self.check()?;
        Ok(match self.backend {
            #[cfg(feature = "opus")]
            OpusBackend::Ropus => Box::new(OpusDecoder::<ropus::RopusDecoder>::new(
                self.sample_rate,
                self.channels,
            )?),
            #[cfg(feature = "opus-audiopus")]
            OpusBackend::Libopus => Box::new(OpusDecoder::<libopus::LibopusDecoder>::new(
                self.sample_rate,
                self.channels,
            )?),
        })
    }
}

impl Opus {
    fn check(&self) -> Result<(), CodecError> {
        if !matches!(self.sample_rate, 8000 | 12_000 | 16_000 | 24_000 | 48_000) {
            return Err(refused(
                "sample_rate",
                self.sample_rate,
                "8000, 12000, 16000, 24000 or 48000 Hz",
            ));
        }
        if let Some(bitrate) = self.bitrate
            && !stream::BITRATES.contains(&bitrate)
        {
            return Err(refused("bitrate", bitrate, "6000 to 510000 bit/s"));
        }
        if !matches!(self.channels, 1 | 2) {
            return Err(refused("channels", self.channels, "1 or 2"));
        }
        if self.complexity > 10 {
            return Err(refused("complexity", self.complexity, "0 to 10"));
        }
        if self.expected_loss > 100 {
            return Err(refused("expected_loss", self.expected_loss, "0 to 100 %"));
        }
        Ok(())
    }
}

fn refused(parameter: &str, value: impl ToString, expected: &str) -> CodecError {
    CodecError::Parameter {
        codec: ENCODING_NAME.into(),
        parameter: parameter.into(),
        value: value.to_string(),
        expected: expected.into(),
    }
}
