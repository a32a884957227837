//! Opus by `ropus`, in pure Rust, which counts in 16-bit integers.

use ropus::{Application, Bitrate, Channels, DecodeMode, Decoder, Encoder, InbandFec, Signal};

use crate::{Concealer, sample};

use super::stream::{Bandwidth, DecoderBackend, EncoderBackend, EncoderSettings};

pub(super) struct RopusEncoder {
    encoder: Encoder,
    linear: Vec<i16>,
}

impl EncoderBackend for RopusEncoder {
    fn new(settings: &EncoderSettings) -> Result<Self, String> {
        let fec = if settings.fec {
            InbandFec::Enabled
        } else {
            InbandFec::Disabled
        };
        let encoder = Encoder::builder(settings.sample_rate, Channels::Mono, Application::Voip)
            .bitrate(Bitrate::Bits(settings.bitrate))
            .vbr(!settings.constant_bitrate)
            .complexity(settings.complexity)
            .signal(Signal::Voice)
            .max_bandwidth(bandwidth(settings.bandwidth))
            .inband_fec(fec)
            .packet_loss_perc(settings.expected_loss)
            .dtx(settings.dtx)
            .build()
            .map_err(|error| error.to_string())?;
        Ok(RopusEncoder {
            encoder,
            linear: Vec::new(),
        })
    }

    fn encode(&mut self, pcm: &[f32], out: &mut [u8]) -> Result<usize, String> {
        self.linear.clear();
        sample::extend_i16(&mut self.linear, pcm);
        self.encoder
            .encode(&self.linear, out)
            .map_err(|error| error.to_string())
    }

    fn set_expected_loss(&mut self, percent: u8) -> Result<(), String> {
        self.encoder
            .set_packet_loss_perc(percent)
            .map_err(|error| error.to_string())
    }
}

/// Conceals with our own [`Concealer`]: that of `ropus` 0.12 forgets the voice.
/// Its SILK decoder begins a loss with an empty pitch memory, so that the level
/// falls by 15 dB within the first lost 20 ms and takes the next packet along.
pub(super) struct RopusDecoder {
    decoder: Decoder,
    concealer: Concealer,
    linear: Vec<i16>,
}

impl DecoderBackend for RopusDecoder {
    fn new(sample_rate: u32) -> Result<Self, String> {
        let decoder =
            Decoder::new(sample_rate, Channels::Mono).map_err(|error| error.to_string())?;
        Ok(RopusDecoder {
            decoder,
            concealer: Concealer::new(sample_rate),
            linear: Vec::new(),
        })
    }

    fn decode(
        &mut self,
        packet: &[u8],
        redundancy: bool,
        out: &mut [f32],
    ) -> Result<usize, String> {
        let mode = if redundancy {
            DecodeMode::Fec
        } else {
            DecodeMode::Normal
        };
        self.linear.clear();
        self.linear.resize(out.len(), 0);
        let written = self
            .decoder
            .decode(packet, &mut self.linear, mode)
            .map_err(|error| error.to_string())?;
        for (sample, &linear) in out.iter_mut().zip(&self.linear) {
            *sample = sample::i16_to_f32(linear);
        }
        let written = written.min(out.len());
        self.concealer.received(&mut out[..written]);
        Ok(written)
    }

    fn conceal(&mut self, samples: usize, out: &mut Vec<f32>) {
        self.concealer.conceal(samples, out);
    }
}

fn bandwidth(bandwidth: Bandwidth) -> ropus::Bandwidth {
    match bandwidth {
        Bandwidth::Narrow => ropus::Bandwidth::Narrowband,
        Bandwidth::Medium => ropus::Bandwidth::Mediumband,
        Bandwidth::Wide => ropus::Bandwidth::Wideband,
        Bandwidth::SuperWide => ropus::Bandwidth::Superwideband,
        Bandwidth::Full => ropus::Bandwidth::Fullband,
    }
}
