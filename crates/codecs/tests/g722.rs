//! G.722 against the bit streams of another implementation, and by what the recommendation promises.

use std::f64::consts::TAU;

use audio_codecs::{Codec, CodecError, CodecParameters, Decoder, Encoder, G722};
use proptest::prelude::*;

const RATE: f64 = 16_000.0;

fn our_encoder() -> Box<dyn Encoder> {
    G722.encoder(&CodecParameters::default()).unwrap()
}

fn our_decoder() -> Box<dyn Decoder> {
    G722.decoder(&CodecParameters::default()).unwrap()
}

fn encode(pcm: &[f32]) -> Vec<u8> {
    let mut payload = Vec::new();
    our_encoder().encode(pcm, &mut payload).unwrap();
    payload
}

fn decode(payload: &[u8]) -> Vec<f32> {
    let mut pcm = Vec::new();
    our_decoder().decode(payload, &mut pcm).unwrap();
    pcm
}

/// The samples that come out, as 16-bit integers.
fn decode_linear(payload: &[u8]) -> Vec<i16> {
    let heard = decode(payload);
    heard.iter().map(|x| (x * 32_768.0) as i16).collect()
}

/// Signals in integers, the same on any machine: name, samples, and the FNV-1a hashes of the bit stream
/// and of the decoded samples (16 bits, little endian) that libg722 makes of them from a reset.
fn reference() -> Vec<(&'static str, Vec<i32>, u64, u64)> {
    const LENGTH: usize = 16_000;
    let random = || lcg().take(LENGTH);
    let steps = (0..LENGTH).map(|i| if i / 500 % 2 == 0 { 20_000 } else { -20_000 });
    vec![
        (
            "silence",
            vec![0; LENGTH],
            0x9bcd_3e24_1114_625b,
            0xd6c2_9528_37bf_d906,
        ),
        (
            "noise",
            random().map(|x| x as i32 % 20_001 - 10_000).collect(),
            0x6fca_09d2_d5f6_b322,
            0x511e_3b30_9d58_65f6,
        ),
        (
            "faint noise",
            random().map(|x| x as i32 % 41 - 20).collect(),
            0x453e_edd2_f0ad_22b8,
            0x12d4_a52c_a283_c2ef,
        ),
        (
            "a voice",
            integer_voice(LENGTH),
            0x96ef_92e2_2709_7fca,
            0xa36e_c1a5_92ab_db3a,
        ),
        (
            "a sweep",
            triangle_sweep(LENGTH),
            0x0284_d4da_261c_9714,
            0x6d4d_ae58_30b7_73cf,
        ),
        (
            "steps",
            steps.collect(),
            0x5072_7e42_58e6_94bc,
            0x6423_4018_1dc3_b295,
        ),
    ]
}

fn lcg() -> impl Iterator<Item = u32> {
    let mut state = 12_345u32;
    std::iter::repeat_with(move || {
        state = state.wrapping_mul(1_103_515_245).wrapping_add(12_345) & 0x7FFF_FFFF;
        state >> 15
    })
}

/// Pulses at 120 Hz through a resonance at 700 Hz, with pauses.
fn integer_voice(length: usize) -> Vec<i32> {
    let (mut y1, mut y2) = (0, 0);
    let pulses = (0..length).map(|i| i32::from(i % 133 == 0 && i / 4000 % 3 != 2) * 2500);
    let resonance = pulses.map(|x| {
        let y = x + ((30_986 * y1 - 15_815 * y2) >> 14);
        (y2, y1) = (y1, y);
        y.clamp(-20_000, 20_000)
    });
    resonance.collect()
}

/// A triangle that rises from 50 Hz to 8 kHz.
fn triangle_sweep(length: usize) -> Vec<i32> {
    let mut phase = 0;
    let triangle = (0..length as i32).map(|i| {
        phase = (phase + 200 + 2 * i) & 0xFFFF;
        if phase < 32_768 {
            phase - 16_384
        } else {
            49_151 - phase
        }
    });
    triangle.collect()
}

fn fnv(bytes: impl IntoIterator<Item = u8>) -> u64 {
    bytes.into_iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

fn tone(hz: f64, amplitude: f64, samples: usize) -> Vec<f32> {
    (0..samples)
        .map(|i| (amplitude * (TAU * hz * i as f64 / RATE).sin()) as f32)
        .collect()
}

fn to_f32(linear: &[i32]) -> Vec<f32> {
    linear.iter().map(|&x| x as f32 / 32_767.0).collect()
}

#[test]
fn bit_streams_and_decodings_are_those_of_another_implementation() {
    for (name, linear, encoded, decoded) in reference() {
        let payload = encode(&to_f32(&linear));
        assert_eq!(fnv(payload.iter().copied()), encoded, "encoding of {name}");
        let heard = decode_linear(&payload);
        let bytes = heard.iter().flat_map(|x| x.to_le_bytes());
        assert_eq!(fnv(bytes), decoded, "decoding of {name}");
    }
}

#[test]
fn bytes_that_no_encoder_sends_decode_as_another_implementation_does() {
    let payload: Vec<u8> = lcg().take(20_000).map(|x| x as u8).collect();
    let bytes = decode_linear(&payload)
        .into_iter()
        .flat_map(i16::to_le_bytes);
    assert_eq!(fnv(bytes), 0x47af_fab3_7d5e_90c9);
}

#[test]
fn the_idle_code_is_fa() {
    assert_eq!(encode(&[0.0; 64]), [0xFA; 32]);
}

#[test]
fn full_scale_square_waves_are_limited_as_the_recommendation_has_it() {
    // The filters overshoot by a quarter there: G.722 limits the bands to 15 bits.
    for half_period in [1, 3, 8, 40] {
        let square = |i: usize| [1.0, -1.0][i / half_period % 2];
        let pcm: Vec<f32> = (0..16_000).map(square).collect();
        let heard = decode(&encode(&pcm));
        let rms = |signal: &[f32]| {
            (signal.iter().map(|x| x * x).sum::<f32>() / signal.len() as f32).sqrt()
        };
        assert!(rms(&heard[800..]) > 0.5, "half period {half_period}");
    }
}

#[test]
fn codes_that_the_recommendation_forbids_are_never_sent() {
    for (name, linear, ..) in reference() {
        let payload = encode(&to_f32(&linear));
        // Table 2: the lower band has 60 levels of 64, so that no byte begins a run of zeros.
        assert!(payload.iter().all(|code| code & 0x3F >= 4), "{name}");
    }
}

#[test]
fn what_comes_out_is_what_went_in_22_samples_later() {
    for (name, pcm, least) in [
        ("1 kHz", tone(1000.0, 0.5, 16_000), 30.0),
        ("3 kHz", tone(3000.0, 0.5, 16_000), 25.0),
        ("6 kHz", tone(6000.0, 0.3, 16_000), 15.0),
        ("a voice", to_f32(&integer_voice(32_000)), 18.0),
    ] {
        let heard = decode(&encode(&pcm));
        assert_eq!(heard.len(), pcm.len());
        let snr = |delay: usize| {
            let meant = &pcm[1600..pcm.len() - delay];
            let heard = &heard[1600 + delay..];
            let energy: f32 = meant.iter().map(|x| x * x).sum();
            let noise: f32 = meant.iter().zip(heard).map(|(m, h)| (m - h).powi(2)).sum();
            10.0 * (energy / noise).log10()
        };
        assert!(snr(22) > least, "{name}: {:.1} dB", snr(22));
        if name == "a voice" {
            assert!(snr(22) > snr(21) && snr(22) > snr(23), "{name}");
        }
    }
}

#[test]
fn g722_is_the_row_of_rfc_3551() {
    assert_eq!(G722.encoding_name(), "G722");
    assert_eq!(G722.static_payload_type(), Some(9));
    // The clock is half of the sample rate (RFC 3551 section 4.5.2).
    assert_eq!((G722.clock_rate(), G722.sample_rate()), (8000, 16_000));
    assert_eq!((G722.rtp_channels(), G722.fmtp()), (1, None));
    for ptime in [10, 20, 30, 40, 60] {
        assert!(G722.accepts_ptime(ptime));
    }
}

#[test]
fn frames_that_do_not_make_whole_bytes_are_refused() {
    for length in [0, 1, 319] {
        let mut payload = vec![9];
        let error = our_encoder()
            .encode(&vec![0.0; length], &mut payload)
            .unwrap_err();
        assert!(matches!(error, CodecError::FrameLength { samples, .. } if samples == length));
        assert_eq!(payload, [9]);
    }
    let mut heard = vec![0.5];
    let mut decoder = our_decoder();
    assert!(decoder.decode(&[], &mut heard).is_err());
    assert_eq!(heard, [0.5]);
    assert_eq!(decoder.samples_in(&[]), None);
    assert_eq!(decoder.samples_in(&[0; 160]), Some(320));
}

#[test]
fn reset_makes_as_new() {
    let pcm = to_f32(&integer_voice(3200));
    let (mut encoder, mut decoder) = (our_encoder(), our_decoder());
    let (mut first, mut second, mut heard, mut again) = (vec![], vec![], vec![], vec![]);
    encoder.encode(&pcm, &mut first).unwrap();
    encoder.reset();
    encoder.encode(&pcm, &mut second).unwrap();
    assert_eq!(first, second);
    decoder.decode(&first, &mut heard).unwrap();
    decoder.conceal(77, &mut vec![]);
    decoder.reset();
    decoder.decode(&first, &mut again).unwrap();
    assert_eq!(heard, again);
}

proptest! {
    #[test]
    fn any_bytes_decode_to_samples_in_range(
        payloads in proptest::collection::vec((any::<bool>(), proptest::collection::vec(any::<u8>(), 1..300)), 1..8),
    ) {
        let (mut decoder, mut heard) = (our_decoder(), Vec::new());
        for (lost, payload) in payloads {
            let before = heard.len();
            if lost {
                decoder.conceal(2 * payload.len(), &mut heard);
            } else {
                prop_assert_eq!(decoder.decode(&payload, &mut heard).unwrap(), 2 * payload.len());
            }
            prop_assert_eq!(heard.len() - before, 2 * payload.len());
        }
        prop_assert!(heard.iter().all(|x| (-1.0..=1.0).contains(x)));
    }

    #[test]
    fn frames_of_any_even_length_make_the_same_stream(
        lengths in proptest::collection::vec(1usize..200, 1..20),
    ) {
        let linear: Vec<i32> = lcg().take(2 * lengths.iter().sum::<usize>()).map(|x| x as i32 % 9001 - 4500).collect();
        let pcm = to_f32(&linear);
        let (mut encoder, mut payload) = (our_encoder(), Vec::new());
        let (mut decoder, mut heard) = (our_decoder(), Vec::new());
        let mut rest = &pcm[..];
        for length in lengths {
            let (frame, after) = rest.split_at(2 * length);
            let start = payload.len();
            encoder.encode(frame, &mut payload).unwrap();
            decoder.decode(&payload[start..], &mut heard).unwrap();
            rest = after;
        }
        prop_assert_eq!(&payload, &encode(&pcm));
        prop_assert_eq!(&heard, &decode(&payload));
    }
}
