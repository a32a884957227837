//! PCMU and PCMA: G.711 behind the codec traits.

use crate::{Codec, CodecError, CodecParameters, Concealer, Decoder, Encoder};

use super::{
    extend_alaw_from_f32, extend_f32_from_alaw, extend_f32_from_ulaw, extend_ulaw_from_f32,
};

/// G.711 is sampled at 8 kHz.
const SAMPLE_RATE: u32 = 8000;

/// G.711 µ-law, RTP payload type 0 (RFC 3551 section 4.5.14).
///
/// The decoder conceals losses with a [`Concealer`]. Any frame length will do.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Pcmu;

/// G.711 A-law, RTP payload type 8 (RFC 3551 section 4.5.14).
///
/// The decoder conceals losses with a [`Concealer`]. Any frame length will do.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Pcma;

/// The two laws, as the encoder and the decoder see them.
#[derive(Debug, Clone, Copy)]
struct Law {
    encoding_name: &'static str,
    compress: fn(&mut Vec<u8>, &[f32]),
    expand: fn(&mut Vec<f32>, &[u8]),
}

const ULAW: Law = Law {
    encoding_name: "PCMU",
    compress: extend_ulaw_from_f32,
    expand: extend_f32_from_ulaw,
};

const ALAW: Law = Law {
    encoding_name: "PCMA",
    compress: extend_alaw_from_f32,
    expand: extend_f32_from_alaw,
};

impl Codec for Pcmu {
    fn encoding_name(&self) -> &str {
        ULAW.encoding_name
    }

    fn clock_rate(&self) -> u32 {
        SAMPLE_RATE
    }

    fn static_payload_type(&self) -> Option<u8> {
        Some(0)
    }

    fn encoder(&self, _: &CodecParameters) -> Result<Box<dyn Encoder>, CodecError> {
        Ok(Box::new(G711Encoder { law: ULAW }))
    }

    fn decoder(&self, _: &CodecParameters) -> Result<Box<dyn Decoder>, CodecError> {
        Ok(Box::new(G711Decoder::new(ULAW)))
    }
}

impl Codec for Pcma {
    fn encoding_name(&self) -> &str {
        ALAW.encoding_name
    }

    fn clock_rate(&self) -> u32 {
        SAMPLE_RATE
    }

    fn static_payload_type(&self) -> Option<u8> {
        Some(8)
    }

    fn encoder(&self, _: &CodecParameters) -> Result<Box<dyn Encoder>, CodecError> {
        Ok(Box::new(G711Encoder { law: ALAW }))
    }

    fn decoder(&self, _: &CodecParameters) -> Result<Box<dyn Decoder>, CodecError> {
        Ok(Box::new(G711Decoder::new(ALAW)))
    }
}

struct G711Encoder {
    law: Law,
}

impl Encoder for G711Encoder {
    fn sample_rate(&self) -> u32 {
        SAMPLE_RATE
    }

    fn encode(&mut self, pcm: &[f32], out: &mut Vec<u8>) -> Result<(), CodecError> {
        if pcm.is_empty() {
            // No payload would mean "nothing to send", which is not what was said.
            return Err(CodecError::FrameLength {
                codec: self.law.encoding_name.into(),
                samples: 0,
                expected: "at least one sample".into(),
            });
        }
        (self.law.compress)(out, pcm);
        Ok(())
    }

    fn reset(&mut self) {}
}

struct G711Decoder {
    law: Law,
    concealer: Concealer,
    /// The packet after a gap.
    next: Vec<f32>,
}

impl G711Decoder {
    fn new(law: Law) -> Self {
        G711Decoder {
            law,
            concealer: Concealer::new(SAMPLE_RATE),
            next: Vec::new(),
        }
    }
}

impl Decoder for G711Decoder {
    fn sample_rate(&self) -> u32 {
        SAMPLE_RATE
    }

    fn decode(&mut self, payload: &[u8], out: &mut Vec<f32>) -> Result<usize, CodecError> {
        if payload.is_empty() {
            return Err(CodecError::MalformedPayload {
                codec: self.law.encoding_name.into(),
                bytes: 0,
                reason: "it is empty".into(),
            });
        }
        let start = out.len();
        (self.law.expand)(out, payload);
        self.concealer.received(&mut out[start..]);
        Ok(payload.len())
    }

    fn conceal(&mut self, samples: usize, out: &mut Vec<f32>) {
        self.concealer.conceal(samples, out);
    }

    fn conceal_until(&mut self, next_payload: &[u8], samples: usize, out: &mut Vec<f32>) {
        self.next.clear();
        (self.law.expand)(&mut self.next, next_payload);
        self.concealer.conceal_until(&self.next, samples, out);
    }

    fn samples_in(&self, payload: &[u8]) -> Option<usize> {
        (!payload.is_empty()).then_some(payload.len())
    }

    fn reset(&mut self) {
        self.concealer.reset();
    }
}
