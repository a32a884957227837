//! Opus by libopus, through `audiopus`.

use audiopus::coder::{Decoder, Encoder};
use audiopus::packet::Packet;
use audiopus::{Application, Bitrate, Channels, MutSignals, SampleRate, Signal};

use super::stream::{Bandwidth, DecoderBackend, EncoderBackend, EncoderSettings};

/// Losses are concealed in pieces of so many ms, a frame of the codec's layers.
const CONCEAL_MS: usize = 20;

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
    // Two channels are hardly a lone voice.
    let (application, signal) = match settings.coded_channels {
        2 => (Application::Audio, Signal::Auto),
        _ => (Application::Voip, Signal::Voice),
    };
    let mut encoder = Encoder::new(rate, channels(settings.coded_channels), application)?;
    encoder.set_bitrate(Bitrate::BitsPerSecond(settings.bitrate as i32))?;
    encoder.set_vbr(!settings.constant_bitrate)?;
    encoder.set_complexity(settings.complexity)?;
    encoder.set_signal(signal)?;
    encoder.set_max_bandwidth(bandwidth(settings.bandwidth))?;
    encoder.set_inband_fec(settings.fec)?;
    encoder.set_packet_loss_perc(settings.expected_loss)?;
    encoder.set_dtx(settings.dtx)?;
    Ok(encoder)
}

pub(super) struct LibopusDecoder {
    decoder: Decoder,
    sample_rate: usize,
    channels: usize,
}

impl DecoderBackend for LibopusDecoder {
    fn new(rate: u32, count: u16) -> Result<Self, String> {
        let decoder = sample_rate(rate)
            .and_then(|rate| Decoder::new(rate, channels(count)))
            .map_err(|error| error.to_string())?;
        Ok(LibopusDecoder {
            decoder,
            sample_rate: rate as usize,
            channels: count.into(),
        })
    }

    fn decode(
        &mut self,
        packet: &[u8],
        redundancy: bool,
        out: &mut [f32],
    ) -> Result<usize, String> {
        self.fill(Some(packet), redundancy, out)
            .map_err(|error| error.to_string())
    }

    fn conceal(&mut self, samples: usize, out: &mut Vec<f32>) {
        let wanted = out.len() + samples * self.channels;
        // libopus conceals multiples of 2.5 ms.
        let unit = self.sample_rate / 400 * self.channels;
        let piece = self.sample_rate * CONCEAL_MS / 1000 * self.channels;
        while out.len() < wanted {
            let start = out.len();
            let next = (wanted - start).next_multiple_of(unit).min(piece);
            out.resize(start + next, 0.0);
            // On an error it stays silent.
            let _ = self.fill(None, false, &mut out[start..]);
        }
        out.truncate(wanted);
    }
}

impl LibopusDecoder {
    /// No packet means a lost one.
    fn fill(
        &mut self,
        packet: Option<&[u8]>,
        redundancy: bool,
        out: &mut [f32],
    ) -> audiopus::Result<usize> {
        let packet = packet.map(Packet::try_from).transpose()?;
        let out = MutSignals::try_from(out)?;
        self.decoder.decode_float(packet, out, redundancy)
    }
}

fn channels(count: u16) -> Channels {
    if count == 2 {
        Channels::Stereo
    } else {
        Channels::Mono
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
