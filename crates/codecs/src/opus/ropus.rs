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
        // Two channels are hardly a lone voice.
        let (application, signal) = match settings.coded_channels {
            2 => (Application::Audio, Signal::Auto),
            _ => (Application::Voip, Signal::Voice),
        };
        let channels = channels(settings.coded_channels);
        let encoder = Encoder::builder(settings.sample_rate, channels, application)
            .bitrate(Bitrate::Bits(settings.bitrate))
            .vbr(!settings.constant_bitrate)
            .complexity(settings.complexity)
            .signal(signal)
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
    /// One for each channel.
    concealers: Vec<Concealer>,
    channel: Vec<f32>,
    linear: Vec<i16>,
}

impl DecoderBackend for RopusDecoder {
    fn new(sample_rate: u32, count: u16) -> Result<Self, String> {
        let decoder =
            Decoder::new(sample_rate, channels(count)).map_err(|error| error.to_string())?;
        Ok(RopusDecoder {
            decoder,
            concealers: vec![Concealer::new(sample_rate); count.into()],
            channel: Vec::new(),
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
        let channels = self.concealers.len();
        let written = written.min(out.len() / channels);
        self.received(&mut out[..written * channels]);
        Ok(written)
    }

    fn conceal(&mut self, samples: usize, out: &mut Vec<f32>) {
        let (start, channels) = (out.len(), self.concealers.len());
        if let [concealer] = &mut self.concealers[..] {
            return concealer.conceal(samples, out);
        }
        out.resize(start + samples * channels, 0.0);
        for (index, concealer) in self.concealers.iter_mut().enumerate() {
            self.channel.clear();
            concealer.conceal(samples, &mut self.channel);
            let places = out[start..].iter_mut().skip(index).step_by(channels);
            places
                .zip(&self.channel)
                .for_each(|(place, &sample)| *place = sample);
        }
    }
}

impl RopusDecoder {
    /// Shows interleaved audio to the concealers, which fade it in after a gap.
    fn received(&mut self, heard: &mut [f32]) {
        let channels = self.concealers.len();
        if let [concealer] = &mut self.concealers[..] {
            return concealer.received(heard);
        }
        for (index, concealer) in self.concealers.iter_mut().enumerate() {
            self.channel.clear();
            let samples = heard.iter().skip(index).step_by(channels);
            self.channel.extend(samples);
            concealer.received(&mut self.channel);
            let places = heard.iter_mut().skip(index).step_by(channels);
            places
                .zip(&self.channel)
                .for_each(|(place, &sample)| *place = sample);
        }
    }
}

fn channels(count: u16) -> Channels {
    if count == 2 {
        Channels::Stereo
    } else {
        Channels::Mono
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
