//! L16: plain 16-bit samples (RFC 3551 section 4.5.11).

use crate::{Codec, CodecError, CodecParameters, Concealer, Decoder, Encoder, sample};

const ENCODING_NAME: &str = "L16";
const SAMPLE_BYTES: usize = 2;
/// What fits into one datagram of an Ethernet beside the headers of IPv6, UDP and RTP, with some room.
const MOST_PAYLOAD_BYTES: u64 = 1400;
const SAMPLE_RATES: std::ops::RangeInclusive<u32> = 8000..=48_000;

/// L16 mono: 16-bit samples in network byte order, uncompressed.
///
/// 128 kbit/s at 8 kHz, 256 at 16 kHz: for networks where that costs nothing, and for measuring. One
/// packet holds at most 1400 bytes, so that it is not fragmented: 20 ms up to 32 kHz, 10 ms above.
/// Payload type 11 at 44.1 kHz, dynamic at other rates. (Two channels, payload type 10, do not fit into a
/// packet of 10 ms.)
///
/// The decoder conceals losses with a [`Concealer`]. Any frame length will do.
///
/// ```
/// use audio_codecs::{Codec, CodecParameters, L16};
///
/// # fn main() -> Result<(), audio_codecs::CodecError> {
/// let mut encoder = L16::new(16_000).encoder(&CodecParameters::default())?;
/// let mut payload = Vec::new();
/// encoder.encode(&[-1.0, 0.0], &mut payload)?;
/// assert_eq!(payload, [0x80, 0x01, 0x00, 0x00]);
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct L16 {
    /// Rate of the samples and of the RTP clock in Hz, 8000 to 48000.
    pub sample_rate: u32,
}

impl L16 {
    /// L16 at `sample_rate` Hz.
    pub fn new(sample_rate: u32) -> Self {
        L16 { sample_rate }
    }

    fn check(self) -> Result<(), CodecError> {
        if SAMPLE_RATES.contains(&self.sample_rate) {
            return Ok(());
        }
        Err(CodecError::Parameter {
            codec: ENCODING_NAME.into(),
            parameter: "sample_rate".into(),
            value: self.sample_rate.to_string(),
            expected: "8000 to 48000 Hz".into(),
        })
    }
}

impl Default for L16 {
    /// 16 kHz, the whole band of a voice.
    fn default() -> Self {
        L16::new(16_000)
    }
}

impl Codec for L16 {
    fn encoding_name(&self) -> &str {
        ENCODING_NAME
    }

    fn clock_rate(&self) -> u32 {
        self.sample_rate
    }

    fn static_payload_type(&self) -> Option<u8> {
        (self.sample_rate == 44_100).then_some(11)
    }

    fn accepts_ptime(&self, ptime_ms: u32) -> bool {
        let thousandths = u64::from(self.sample_rate) * u64::from(ptime_ms);
        let bytes = thousandths / 1000 * SAMPLE_BYTES as u64;
        thousandths > 0 && thousandths.is_multiple_of(1000) && bytes <= MOST_PAYLOAD_BYTES
    }

    fn encoder(&self, _: &CodecParameters) -> Result<Box<dyn Encoder>, CodecError> {
        self.check()?;
        Ok(Box::new(L16Encoder {
            sample_rate: self.sample_rate,
        }))
    }

    fn decoder(&self, _: &CodecParameters) -> Result<Box<dyn Decoder>, CodecError> {
        self.check()?;
        Ok(Box::new(L16Decoder {
            sample_rate: self.sample_rate,
            concealer: Concealer::new(self.sample_rate),
            next: Vec::new(),
        }))
    }
}

struct L16Encoder {
    sample_rate: u32,
}

impl Encoder for L16Encoder {
    fn sample_rate(&self) -> u32 {
        self.sample_rate
    }

    fn encode(&mut self, pcm: &[f32], out: &mut Vec<u8>) -> Result<(), CodecError> {
        if pcm.is_empty() {
            return Err(CodecError::FrameLength {
                codec: ENCODING_NAME.into(),
                samples: 0,
                expected: "at least one sample".into(),
            });
        }
        out.extend(
            pcm.iter()
                .flat_map(|&sample| sample::f32_to_i16(sample).to_be_bytes()),
        );
        Ok(())
    }

    fn reset(&mut self) {}
}

fn expand(payload: &[u8], out: &mut Vec<f32>) {
    let (pairs, _) = payload.as_chunks::<SAMPLE_BYTES>();
    out.extend(
        pairs
            .iter()
            .map(|&pair| sample::i16_to_f32(i16::from_be_bytes(pair))),
    );
}

struct L16Decoder {
    sample_rate: u32,
    concealer: Concealer,
    /// The packet after a gap.
    next: Vec<f32>,
}

impl Decoder for L16Decoder {
    fn sample_rate(&self) -> u32 {
        self.sample_rate
    }

    /// As the trait says; half a sample is malformed too.
    fn decode(&mut self, payload: &[u8], out: &mut Vec<f32>) -> Result<usize, CodecError> {
        let Some(samples) = self.samples_in(payload) else {
            return Err(CodecError::MalformedPayload {
                codec: ENCODING_NAME.into(),
                bytes: payload.len(),
                reason: "it does not hold whole samples".into(),
            });
        };
        let start = out.len();
        expand(payload, out);
        self.concealer.received(&mut out[start..]);
        Ok(samples)
    }

    fn conceal(&mut self, samples: usize, out: &mut Vec<f32>) {
        self.concealer.conceal(samples, out);
    }

    fn conceal_until(&mut self, next_payload: &[u8], samples: usize, out: &mut Vec<f32>) {
        self.next.clear();
        expand(next_payload, &mut self.next);
        self.concealer.conceal_until(&self.next, samples, out);
    }

    fn samples_in(&self, payload: &[u8]) -> Option<usize> {
        let whole = !payload.is_empty() && payload.len().is_multiple_of(SAMPLE_BYTES);
        whole.then_some(payload.len() / SAMPLE_BYTES)
    }

    fn reset(&mut self) {
        self.concealer.reset();
    }
}
