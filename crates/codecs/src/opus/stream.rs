//! One Opus stream, whatever library does the work.

use std::ops::RangeInclusive;

use crate::{CodecError, Decoder, Encoder, sample};

use super::fmtp::Fmtp;
use super::packet::Packet;
use super::{ENCODING_NAME, Opus};

/// Durations of a packet that we send.
pub(super) const PTIMES_MS: [u32; 4] = [10, 20, 40, 60];
/// RFC 7587 section 6.1: the range of `maxaveragebitrate`, in bits per second.
pub(super) const BITRATES: RangeInclusive<u32> = 6000..=510_000;
/// RFC 6716 section 3.4: the longest frame. A longer packet would not go into
/// one datagram either.
const MOST_PAYLOAD_BYTES: usize = 1275;
/// With discontinuous transmission, a packet this short says "nothing new":
/// it need not be sent.
const NOTHING_TO_SEND_BYTES: usize = 2;
/// Our configuration and the peer's wishes, joined.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct EncoderSettings {
    pub(super) sample_rate: u32,
    /// Channels of the PCM that comes in.
    pub(super) channels: u16,
    /// Channels that are encoded: 1 if the peer wants no more.
    pub(super) coded_channels: u16,
    pub(super) bitrate: u32,
    pub(super) constant_bitrate: bool,
    pub(super) complexity: u8,
    pub(super) fec: bool,
    pub(super) expected_loss: u8,
    pub(super) dtx: bool,
    /// The audio band that is worth encoding.
    pub(super) bandwidth: Bandwidth,
}

/// RFC 6716 section 2.1.3.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Bandwidth {
    Narrow,
    Medium,
    Wide,
    SuperWide,
    Full,
}

/// A library's encoder: 16-bit or float inside.
pub(super) trait EncoderBackend: Send + Sized {
    fn new(settings: &EncoderSettings) -> Result<Self, String>;
    /// Encodes one frame of clean, interleaved samples; returns the bytes written.
    fn encode(&mut self, pcm: &[f32], out: &mut [u8]) -> Result<usize, String>;
    fn set_expected_loss(&mut self, percent: u8) -> Result<(), String>;
}

/// A library's decoder: interleaved channels.
pub(super) trait DecoderBackend: Send + Sized {
    fn new(sample_rate: u32, channels: u16) -> Result<Self, String>;
    /// Fills `out` from a packet, or from the redundancy in it. Returns the
    /// samples written per channel.
    fn decode(&mut self, packet: &[u8], redundancy: bool, out: &mut [f32])
    -> Result<usize, String>;
    /// Appends `samples` invented ones per channel.
    fn conceal(&mut self, samples: usize, out: &mut Vec<f32>);
}

impl EncoderSettings {
    pub(super) fn new(ours: &Opus, theirs: &Fmtp) -> Self {
        let wanted = ours.bitrate.unwrap_or(match ours.sample_rate {
            8000 => 16_000,
            12_000 => 20_000,
            16_000 => 24_000,
            24_000 => 32_000,
            _ => 40_000,
        });
        let coded_channels = if theirs.stereo { ours.channels } else { 1 };
        let wanted = match (ours.bitrate, coded_channels) {
            (None, 2) => wanted * 3 / 2,
            _ => wanted,
        };
        let most = theirs.max_average_bitrate.unwrap_or(*BITRATES.end());
        let rate = theirs.max_playback_rate.unwrap_or(u32::MAX);
        EncoderSettings {
            sample_rate: ours.sample_rate,
            channels: ours.channels,
            coded_channels,
            bitrate: wanted.min(most).clamp(*BITRATES.start(), *BITRATES.end()),
            constant_bitrate: ours.constant_bitrate || theirs.constant_bitrate,
            complexity: ours.complexity,
            // RFC 7587 section 6.1: not specified means that the peer cannot use it.
            fec: ours.fec && theirs.use_inband_fec,
            expected_loss: ours.expected_loss,
            dtx: theirs.use_dtx.unwrap_or(ours.dtx),
            bandwidth: Bandwidth::of_rate(rate.min(ours.sample_rate)),
        }
    }
}

impl Bandwidth {
    /// RFC 7587 section 3.1.1: the band that a rate in Hz can carry.
    fn of_rate(sample_rate: u32) -> Self {
        match sample_rate {
            0..12_000 => Bandwidth::Narrow,
            12_000..16_000 => Bandwidth::Medium,
            16_000..24_000 => Bandwidth::Wide,
            24_000..48_000 => Bandwidth::SuperWide,
            _ => Bandwidth::Full,
        }
    }
}

pub(super) struct OpusEncoder<B> {
    settings: EncoderSettings,
    backend: B,
    clean: Vec<f32>,
}

impl<B: EncoderBackend> OpusEncoder<B> {
    pub(super) fn new(settings: EncoderSettings) -> Result<Self, CodecError> {
        let backend = B::new(&settings).map_err(failed)?;
        Ok(OpusEncoder {
            settings,
            backend,
            clean: Vec::new(),
        })
    }
}

impl<B: EncoderBackend> Encoder for OpusEncoder<B> {
    fn sample_rate(&self) -> u32 {
        self.settings.sample_rate
    }

    fn channels(&self) -> u16 {
        self.settings.channels
    }

    fn encode(&mut self, pcm: &[f32], out: &mut Vec<u8>) -> Result<(), CodecError> {
        let channels = self.settings.channels;
        let samples_per_ms = self.settings.sample_rate / 1000 * u32::from(channels);
        let fits = |ms: u32| pcm.len() == (ms * samples_per_ms) as usize;
        if !PTIMES_MS.into_iter().any(fits) {
            return Err(CodecError::FrameLength {
                codec: ENCODING_NAME.into(),
                samples: pcm.len(),
                expected: format!(
                    "10, 20, 40 or 60 ms, {} samples for each 10",
                    samples_per_ms * 10
                ),
            });
        }
        self.clean.clear();
        if self.settings.coded_channels == channels {
            self.clean.extend_from_slice(pcm);
        } else {
            sample::downmix(pcm, channels, &mut self.clean);
        }
        for sample in &mut self.clean {
            *sample = sample::clamp(*sample);
        }

        let start = out.len();
        out.resize(start + MOST_PAYLOAD_BYTES, 0);
        let written = self.backend.encode(&self.clean, &mut out[start..]);
        let kept = match written {
            Ok(bytes) if self.settings.dtx && bytes <= NOTHING_TO_SEND_BYTES => 0,
            Ok(bytes) => bytes,
            Err(_) => 0,
        };
        out.truncate(start + kept);
        written.map(|_| ()).map_err(failed)
    }

    fn set_expected_loss(&mut self, percent: u8) {
        self.settings.expected_loss = percent.min(100);
        // The only error is a value out of range.
        let _ = self.backend.set_expected_loss(self.settings.expected_loss);
    }

    fn reset(&mut self) {
        // Settings that worked once work again; else the stream just goes on.
        if let Ok(backend) = B::new(&self.settings) {
            self.backend = backend;
        }
    }
}

pub(super) struct OpusDecoder<B> {
    sample_rate: u32,
    channels: u16,
    backend: B,
}

impl<B: DecoderBackend> OpusDecoder<B> {
    pub(super) fn new(sample_rate: u32, channels: u16) -> Result<Self, CodecError> {
        Ok(OpusDecoder {
            sample_rate,
            channels,
            backend: B::new(sample_rate, channels).map_err(failed)?,
        })
    }

    /// Lets the backend append `samples` per channel; leaves `out` as it was on an error.
    fn append(
        &mut self,
        packet: &[u8],
        redundancy: bool,
        samples: usize,
        out: &mut Vec<f32>,
    ) -> Result<usize, String> {
        let start = out.len();
        let channels = usize::from(self.channels);
        out.resize(start + samples * channels, 0.0);
        let written = self.backend.decode(packet, redundancy, &mut out[start..]);
        let kept = written.as_ref().map_or(0, |&written| written.min(samples));
        out.truncate(start + kept * channels);
        written.map(|_| kept)
    }
}

impl<B: DecoderBackend> Decoder for OpusDecoder<B> {
    fn sample_rate(&self) -> u32 {
        self.sample_rate
    }

    fn channels(&self) -> u16 {
        self.channels
    }

    fn decode(&mut self, payload: &[u8], out: &mut Vec<f32>) -> Result<usize, CodecError> {
        let packet = Packet::parse(payload).ok_or_else(|| malformed(payload))?;
        let samples = packet.samples(self.sample_rate);
        self.append(payload, false, samples, out)
            .map_err(|reason| unreadable(payload, reason))
    }

    fn conceal(&mut self, samples: usize, out: &mut Vec<f32>) {
        self.backend.conceal(samples, out);
    }

    fn recover(
        &mut self,
        next_payload: &[u8],
        samples: usize,
        out: &mut Vec<f32>,
    ) -> Result<bool, CodecError> {
        let packet = Packet::parse(next_payload).ok_or_else(|| malformed(next_payload))?;
        let frame = packet.frame_samples(self.sample_rate);
        if !packet.has_redundancy() || samples < frame {
            return Ok(false);
        }
        // The packet repeats the one frame before it; what was lost before that
        // is concealed.
        let before = out.len();
        self.conceal(samples - frame, out);
        if self.append(next_payload, true, frame, out) != Ok(frame) {
            out.truncate(before);
            return Ok(false);
        }
        Ok(true)
    }

    fn samples_in(&self, payload: &[u8]) -> Option<usize> {
        Packet::parse(payload).map(|packet| packet.samples(self.sample_rate))
    }

    fn reset(&mut self) {
        if let Ok(backend) = B::new(self.sample_rate, self.channels) {
            self.backend = backend;
        }
    }
}

fn failed(reason: String) -> CodecError {
    CodecError::Backend {
        codec: ENCODING_NAME.into(),
        reason,
    }
}

fn malformed(payload: &[u8]) -> CodecError {
    let reason = if payload.is_empty() {
        "it is empty"
    } else {
        "its frames do not fit RFC 6716 section 3.4"
    };
    unreadable(payload, reason.into())
}

fn unreadable(payload: &[u8], reason: String) -> CodecError {
    CodecError::MalformedPayload {
        codec: ENCODING_NAME.into(),
        bytes: payload.len(),
        reason,
    }
}
