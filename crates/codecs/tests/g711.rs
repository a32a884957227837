//! G.711 against ITU-T G.191 (STL, `g711.c`): every input, every codeword.

use audio_codec_algorithms::{decode_alaw, decode_ulaw, encode_alaw, encode_ulaw};
use audio_codecs::g711::*;
use audio_codecs::{Codec, CodecError, CodecParameters, Pcma, Pcmu, sample};
use proptest::prelude::*;

/// `ulaw_compress` of G.191, restated.
fn g191_ulaw_compress(linear: i16) -> u8 {
    let magnitude = if linear < 0 { !linear } else { linear };
    let biased = ((magnitude >> 2) + 33).min(0x1FFF);
    let mut segment = 1;
    let mut rest = biased >> 6;
    while rest != 0 {
        segment += 1;
        rest >>= 1;
    }
    let high = 8 - segment;
    let low = 0xF - ((biased >> segment) & 0xF);
    let sign = if linear >= 0 { 0x80 } else { 0 };
    ((high << 4) | low | sign) as u8
}

/// `ulaw_expand` of G.191, restated.
fn g191_ulaw_expand(codeword: u8) -> i16 {
    let inverted = !i32::from(codeword);
    let exponent = (inverted >> 4) & 7;
    let mantissa = inverted & 0xF;
    let step = 4 << (exponent + 1);
    let magnitude = (0x80 << exponent) + step * mantissa + step / 2 - 4 * 33;
    (if codeword < 0x80 {
        -magnitude
    } else {
        magnitude
    }) as i16
}

/// `alaw_compress` of G.191, restated.
fn g191_alaw_compress(linear: i16) -> u8 {
    let mut value = (if linear < 0 { !linear } else { linear }) >> 4;
    if value > 15 {
        let mut exponent = 1;
        while value > 16 + 15 {
            value >>= 1;
            exponent += 1;
        }
        value -= 16;
        value += exponent << 4;
    }
    if linear >= 0 {
        value |= 0x80;
    }
    (value ^ 0x55) as u8
}

/// `alaw_expand` of G.191, restated.
fn g191_alaw_expand(codeword: u8) -> i16 {
    let bits = i32::from(codeword ^ 0x55) & 0x7F;
    let exponent = bits >> 4;
    let mut mantissa = bits & 0xF;
    if exponent > 0 {
        mantissa += 16;
    }
    mantissa = (mantissa << 4) + 8;
    if exponent > 1 {
        mantissa <<= exponent - 1;
    }
    (if codeword > 127 { mantissa } else { -mantissa }) as i16
}

#[test]
fn every_linear_value_is_compressed_as_g191_does() {
    for linear in i16::MIN..=i16::MAX {
        let ulaw = linear_to_ulaw(linear);
        assert_eq!(ulaw, g191_ulaw_compress(linear), "u-law of {linear}");
        assert_eq!(ulaw, encode_ulaw(linear), "u-law of {linear}, other crate");
        let alaw = linear_to_alaw(linear);
        assert_eq!(alaw, g191_alaw_compress(linear), "A-law of {linear}");
        assert_eq!(alaw, encode_alaw(linear), "A-law of {linear}, other crate");
    }
}

#[test]
fn every_codeword_is_expanded_as_g191_does() {
    for codeword in 0..=u8::MAX {
        let ulaw = ulaw_to_linear(codeword);
        assert_eq!(ulaw, g191_ulaw_expand(codeword), "u-law {codeword:#04x}");
        assert_eq!(ulaw, decode_ulaw(codeword));
        assert_eq!(ulaw_to_f32(codeword), sample::i16_to_f32(ulaw));
        let alaw = alaw_to_linear(codeword);
        assert_eq!(alaw, g191_alaw_expand(codeword), "A-law {codeword:#04x}");
        assert_eq!(alaw, decode_alaw(codeword));
        assert_eq!(alaw_to_f32(codeword), sample::i16_to_f32(alaw));
    }
}

#[test]
fn negating_instead_of_complementing_would_differ_in_127_codes() {
    // Sun's g711.c, which many copies follow, negates.
    let differ = (1..=i16::MAX)
        .filter(|&linear| linear_to_ulaw(-linear) != linear_to_ulaw(linear) & 0x7F)
        .count();
    assert_eq!(differ, 127);
}

#[test]
fn every_codeword_survives_the_way_through_linear_and_float() {
    for codeword in 0..=u8::MAX {
        // 0x7F is the negative zero of u-law: the same sample as 0xFF.
        let ulaw = if codeword == 0x7F { 0xFF } else { codeword };
        assert_eq!(linear_to_ulaw(ulaw_to_linear(codeword)), ulaw);
        assert_eq!(f32_to_ulaw(ulaw_to_f32(codeword)), ulaw);
        assert_eq!(linear_to_alaw(alaw_to_linear(codeword)), codeword);
        assert_eq!(f32_to_alaw(alaw_to_f32(codeword)), codeword);
    }
}

#[test]
fn out_of_range_is_clamped_and_nan_is_silence() {
    for (sample, ulaw, alaw) in [
        (1.5, 0x80, 0xAA),
        (f32::INFINITY, 0x80, 0xAA),
        (-1.5, 0x00, 0x2A),
        (f32::NEG_INFINITY, 0x00, 0x2A),
        (f32::NAN, 0xFF, 0xD5),
        (0.0, 0xFF, 0xD5),
    ] {
        assert_eq!(f32_to_ulaw(sample), ulaw, "{sample}");
        assert_eq!(f32_to_alaw(sample), alaw, "{sample}");
    }
}

proptest! {
    #[test]
    fn slices_agree_with_single_samples(samples in proptest::collection::vec(-1.2f32..1.2, 0..200)) {
        let linear: Vec<i16> = samples.iter().map(|&s| sample::f32_to_i16(s)).collect();
        for (extend, expand, compress, expand_one) in [
            (
                extend_ulaw_from_f32 as fn(&mut Vec<u8>, &[f32]),
                extend_f32_from_ulaw as fn(&mut Vec<f32>, &[u8]),
                linear_to_ulaw as fn(i16) -> u8,
                ulaw_to_f32 as fn(u8) -> f32,
            ),
            (extend_alaw_from_f32, extend_f32_from_alaw, linear_to_alaw, alaw_to_f32),
        ] {
            let mut codewords = vec![1];
            extend(&mut codewords, &samples);
            let expected: Vec<u8> = linear.iter().map(|&l| compress(l)).collect();
            prop_assert_eq!(&codewords[1..], &expected[..]);
            let mut back = Vec::new();
            expand(&mut back, &codewords);
            let expected: Vec<f32> = codewords.iter().map(|&c| expand_one(c)).collect();
            prop_assert_eq!(back, expected);
        }
    }
}

#[test]
fn pcmu_and_pcma_are_the_rows_of_rfc_3551() {
    let rows: [(&dyn Codec, &str, u8); 2] = [(&Pcmu, "PCMU", 0), (&Pcma, "PCMA", 8)];
    for (codec, name, payload_type) in rows {
        assert_eq!(codec.encoding_name(), name);
        assert_eq!(codec.static_payload_type(), Some(payload_type));
        assert_eq!((codec.clock_rate(), codec.sample_rate()), (8000, 8000));
        assert_eq!(codec.rtp_channels(), 1);
        assert_eq!(codec.fmtp(), None);
        assert!(codec.accepts_ptime(20) && codec.accepts_ptime(30) && !codec.accepts_ptime(0));
    }
}

#[test]
fn an_empty_frame_or_payload_is_an_error_that_leaves_the_output_alone() {
    for codec in [&Pcmu as &dyn Codec, &Pcma] {
        let parameters = CodecParameters::default();
        let mut encoder = codec.encoder(&parameters).unwrap();
        let mut payload = vec![9];
        let error = encoder.encode(&[], &mut payload).unwrap_err();
        assert!(matches!(error, CodecError::FrameLength { samples: 0, .. }));
        assert_eq!(payload, [9]);

        let mut decoder = codec.decoder(&parameters).unwrap();
        let mut heard = vec![0.5];
        let error = decoder.decode(&[], &mut heard).unwrap_err();
        assert!(matches!(
            error,
            CodecError::MalformedPayload { bytes: 0, .. }
        ));
        assert_eq!(heard, [0.5]);
        assert_eq!(decoder.samples_in(&[]), None);
        assert_eq!(decoder.samples_in(&[0; 240]), Some(240));
    }
}

#[test]
fn a_decoder_conceals_and_fades_back_in() {
    for codec in [&Pcmu as &dyn Codec, &Pcma] {
        let parameters = CodecParameters::default();
        let mut encoder = codec.encoder(&parameters).unwrap();
        let mut decoder = codec.decoder(&parameters).unwrap();
        let mut untouched = codec.decoder(&parameters).unwrap();
        let tone = |i: usize| (i as f32 * 200.0 / 8000.0 * std::f32::consts::TAU).sin() * 0.4;
        let payloads: Vec<Vec<u8>> = (0..6)
            .map(|frame| {
                let pcm: Vec<f32> = (frame * 160..(frame + 1) * 160).map(tone).collect();
                let mut payload = Vec::new();
                encoder.encode(&pcm, &mut payload).unwrap();
                payload
            })
            .collect();
        let (mut heard, mut meant) = (Vec::new(), Vec::new());
        for (i, payload) in payloads.iter().enumerate() {
            untouched.decode(payload, &mut meant).unwrap();
            if i == 3 {
                // G.711 has no redundancy to recover from.
                assert!(!decoder.recover(&payloads[4], 160, &mut heard).unwrap());
                decoder.conceal(160, &mut heard);
            } else {
                assert_eq!(decoder.decode(payload, &mut heard).unwrap(), 160);
            }
        }
        assert_eq!(heard[..480], meant[..480]);
        // 200 Hz has a period of 40 samples: the gap goes on in phase, at its
        // level, then falling by a fifth.
        for i in 480..560 {
            assert!((heard[i] - meant[i]).abs() < 0.03, "sample {i}");
        }
        for i in 560..680 {
            assert!((heard[i] - meant[i]).abs() < 0.12, "sample {i}");
        }
        // Faded back in within 10 ms; from there to the bit what was sent.
        assert_eq!(heard[720..], meant[720..]);

        decoder.reset();
        heard.clear();
        decoder.conceal(80, &mut heard);
        assert_eq!(heard, [0.0; 80]);
    }
}

#[test]
fn a_decoder_leads_a_gap_to_the_packet_after_it() {
    for codec in [&Pcmu as &dyn Codec, &Pcma] {
        let parameters = CodecParameters::default();
        let mut encoder = codec.encoder(&parameters).unwrap();
        let mut decoder = codec.decoder(&parameters).unwrap();
        let mut untouched = codec.decoder(&parameters).unwrap();
        let (mut heard, mut meant) = (Vec::new(), Vec::new());
        let payloads: Vec<Vec<u8>> = (0..6)
            .map(|frame| {
                let tone =
                    |i: usize| (i as f32 * 210.0 / 8000.0 * std::f32::consts::TAU).sin() * 0.4;
                let pcm: Vec<f32> = (frame * 160..(frame + 1) * 160).map(tone).collect();
                let mut payload = Vec::new();
                encoder.encode(&pcm, &mut payload).unwrap();
                untouched.decode(&payload, &mut meant).unwrap();
                payload
            })
            .collect();
        for (i, payload) in payloads.iter().enumerate() {
            if i == 3 {
                decoder.conceal_until(&payloads[4], 160, &mut heard);
            } else {
                decoder.decode(payload, &mut heard).unwrap();
            }
        }
        for i in 480..640 {
            assert!((heard[i] - meant[i]).abs() < 0.06, "sample {i}");
        }
        // What follows is what was sent, from its first sample on.
        assert_eq!(heard[640..], meant[640..]);
        // No packet at all is no reason to fall over.
        decoder.conceal_until(&[], 160, &mut heard);
        assert_eq!(heard.len(), 1120);
    }
}
