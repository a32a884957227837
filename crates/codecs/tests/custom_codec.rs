//! A codec of one's own plugs in through the traits: no fork, no registration.

use std::sync::Arc;

use audio_codecs::{
    Codec, CodecError, CodecParameters, Concealer, Decoder, Encoder, Pcma, Pcmu, sample,
};

/// L16 (RFC 3551 section 4.5.11) at 16 kHz, which this crate does not have.
#[derive(Debug)]
struct L16;

struct L16Encoder {
    frame: usize,
}

struct L16Decoder {
    concealer: Concealer,
}

impl Codec for L16 {
    fn encoding_name(&self) -> &str {
        "L16"
    }
    fn clock_rate(&self) -> u32 {
        16_000
    }
    fn encoder(&self, parameters: &CodecParameters) -> Result<Box<dyn Encoder>, CodecError> {
        if !self.accepts_ptime(parameters.ptime_ms) {
            return Err(CodecError::Parameter {
                codec: "L16".into(),
                parameter: "ptime".into(),
                value: parameters.ptime_ms.to_string(),
                expected: "1 ms or more".into(),
            });
        }
        let frame = (parameters.ptime_ms * 16) as usize;
        Ok(Box::new(L16Encoder { frame }))
    }
    fn decoder(&self, _: &CodecParameters) -> Result<Box<dyn Decoder>, CodecError> {
        let concealer = Concealer::new(16_000);
        Ok(Box::new(L16Decoder { concealer }))
    }
}

impl Encoder for L16Encoder {
    fn sample_rate(&self) -> u32 {
        16_000
    }
    fn encode(&mut self, pcm: &[f32], out: &mut Vec<u8>) -> Result<(), CodecError> {
        if pcm.len() != self.frame {
            return Err(CodecError::FrameLength {
                codec: "L16".into(),
                samples: pcm.len(),
                expected: self.frame.to_string(),
            });
        }
        out.extend(
            pcm.iter()
                .flat_map(|&s| sample::f32_to_i16(s).to_be_bytes()),
        );
        Ok(())
    }
    fn reset(&mut self) {}
}

impl Decoder for L16Decoder {
    fn sample_rate(&self) -> u32 {
        16_000
    }
    fn decode(&mut self, payload: &[u8], out: &mut Vec<f32>) -> Result<usize, CodecError> {
        let samples = self
            .samples_in(payload)
            .ok_or_else(|| CodecError::MalformedPayload {
                codec: "L16".into(),
                bytes: payload.len(),
                reason: "not a whole number of samples".into(),
            })?;
        let start = out.len();
        let pairs = payload.chunks_exact(2);
        out.extend(pairs.map(|pair| sample::i16_to_f32(i16::from_be_bytes([pair[0], pair[1]]))));
        self.concealer.received(&mut out[start..]);
        Ok(samples)
    }
    fn conceal(&mut self, samples: usize, out: &mut Vec<f32>) {
        self.concealer.conceal(samples, out);
    }
    fn samples_in(&self, payload: &[u8]) -> Option<usize> {
        (!payload.is_empty() && payload.len().is_multiple_of(2)).then_some(payload.len() / 2)
    }
    fn reset(&mut self) {
        self.concealer.reset();
    }
}

#[test]
fn a_codec_of_ones_own_stands_in_the_table_beside_the_others() {
    let table: Vec<Arc<dyn Codec>> = vec![Arc::new(L16), Arc::new(Pcmu), Arc::new(Pcma)];
    let parameters = CodecParameters::default();
    for codec in &table {
        let mut encoder = codec.encoder(&parameters).unwrap();
        let mut decoder = codec.decoder(&parameters).unwrap();
        assert_eq!(encoder.sample_rate(), codec.sample_rate());
        assert_eq!((encoder.channels(), decoder.channels()), (1, 1));

        let samples = codec.sample_rate() as usize / 50;
        let frame: Vec<f32> = (0..samples)
            .map(|i| (i as f32 * 0.05).sin() * 0.5)
            .collect();
        let mut payload = Vec::new();
        encoder.encode(&frame, &mut payload).unwrap();
        assert_eq!(decoder.samples_in(&payload), Some(samples));

        // On a thread of its own, as in a media engine.
        let heard = std::thread::spawn(move || {
            let mut heard = Vec::new();
            assert_eq!(decoder.decode(&payload, &mut heard), Ok(samples));
            decoder.conceal(samples, &mut heard);
            heard
        })
        .join()
        .unwrap();
        assert_eq!(heard.len(), 2 * samples);
        for (meant, heard) in frame.iter().zip(&heard) {
            assert!((meant - heard).abs() < 0.02, "{codec:?}");
        }
    }
}

#[test]
fn defaults_of_the_traits_fit_a_simple_codec() {
    assert_eq!(L16.sample_rate(), 16_000);
    assert_eq!(L16.rtp_channels(), 1);
    assert_eq!((L16.static_payload_type(), L16.fmtp()), (None, None));
    let mut encoder = L16.encoder(&CodecParameters::default()).unwrap();
    encoder.set_expected_loss(10);
    let mut decoder = L16.decoder(&CodecParameters::default()).unwrap();
    assert_eq!(decoder.recover(&[1, 2], 320, &mut Vec::new()), Ok(false));
    let error = encoder.encode(&[0.0; 319], &mut Vec::new()).unwrap_err();
    assert_eq!(
        error.to_string(),
        "L16 cannot encode a frame of 319 samples: pass 320"
    );
}
