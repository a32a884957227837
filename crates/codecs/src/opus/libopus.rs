//! Opus by libopus, through `audiopus`.

use audiopus::coder::{Decoder, Encoder};
use audiopus::packet::Packet;
use audiopus::{Application, Bitrate, Channels, MutSignals, SampleRate, Signal};

use super::stream::{Bandwidth, DecoderBackend, EncoderBackend, EncoderSettings};

pub(super) struct LibopusEncoder(Encoder);

impl EncoderBackend for LibopusEncoder {
    fn new(settings: &EncoderSettings) -> Result<Self, String> {
        configured(settings)
            .map(LibopusEncoder)
            .map_err(|error| error.to_string())
    }

    fn encode(&mut self, pcm: &[f32], out: &mut [u8]) -> Result<usize, String> {
        self.0
            .encode_float(pcm, out)
            .map_err(|error| error.to_string())
    }

    fn set_expected_loss(&mut self, percent: u8) -> Result<(), String> {
        self.0
            .set_packet_loss_perc(percent)
            .map_err(|error| error.to_string())
    }
}

fn configured(settings: &EncoderSettings) -> audiopus::Result<Encoder> {
    let rate = sample_rate(settings.sample_rate)?;
    let mut encoder = Encoder::new(rate, Channels::Mono, Application::Voip)?;
    encoder.set_bitrate(Bitrate::BitsPerSecond(settings.bitrate as i32))?;
    encoder.set_vbr(!settings.constant_bitrate)?;
    encoder.set_complexity(settings.complexity)?;
    encoder.set_signal(Signal::Voice)?;
    encoder.set_max_bandwidth(bandwidth(settings.bandwidth))?;
    encoder.set_inband_fec(settings.fec)?;
    encoder.set_packet_loss_perc(settings.expected_loss)?;
    encoder.set_dtx(settings.dtx)?;
    Ok(encoder)
}

pub(super) struct LibopusDecoder(Decoder);

impl DecoderBackend for LibopusDecoder {
    fn new(rate: u32) -> Result<Self, String> {
        sample_rate(rate)
            .and_then(|rate| Decoder::new(rate, Channels::Mono))
            .map(LibopusDecoder)
            .map_err(|error| error.to_string())
    }

    fn decode(
        &mut self,
        packet: Option<&[u8]>,
        redundancy: bool,
        out: &mut [f32],
    ) -> Result<usize, String> {
        let decode = || {
            let packet = packet.map(Packet::try_from).transpose()?;
            let out = MutSignals::try_from(out)?;
            self.0.decode_float(packet, out, redundancy)
        };
        decode().map_err(|error: audiopus::Error| error.to_string())
    }
}

/// Fails if Opus has no such rate.
fn sample_rate(hz: u32) -> audiopus::Result<SampleRate> {
    SampleRate::try_from(hz as i32)
}

fn bandwidth(bandwidth: Bandwidth) -> audiopus::Bandwidth {
    match bandwidth {
        Bandwidth::Narrow => audiopus::Bandwidth::Narrowband,
        Bandwidth::Medium => audiopus::Bandwidth::Mediumband,
        Bandwidth::Wide => audiopus::Bandwidth::Wideband,
        Bandwidth::SuperWide => audiopus::Bandwidth::Superwideband,
        Bandwidth::Full => audiopus::Bandwidth::Fullband,
    }
}
