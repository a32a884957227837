//! Opus by `ropus`, in pure Rust, which counts in 16-bit integers.

use ropus::{Application, Bitrate, Channels, DecodeMode, Decoder, Encoder, InbandFec, Signal};

use crate::sample;

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

pub(super) struct RopusDecoder {
    decoder: Decoder,
    linear: Vec<i16>,
}

impl DecoderBackend for RopusDecoder {
    fn new(sample_rate: u32) -> Result<Self, String> {
        let decoder =
            Decoder::new(sample_rate, Channels::Mono).map_err(|error| error.to_string())?;
        Ok(RopusDecoder {
            decoder,
            linear: Vec::new(),
        })
    }

    fn decode(
        &mut self,
        packet: Option<&[u8]>,
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
        // No bytes mean a lost packet.
        let written = self
            .decoder
            .decode(packet.unwrap_or_default(), &mut self.linear, mode)
            .map_err(|error| error.to_string())?;
        for (sample, &linear) in out.iter_mut().zip(self.linear.iter().take(written)) {
            *sample = sample::i16_to_f32(linear);
        }
        Ok(written)
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
