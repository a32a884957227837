//! L16: samples as they are.

use audio_codecs::{Codec, CodecError, CodecParameters, L16, sample};
use proptest::prelude::*;

#[test]
fn l16_is_the_rows_of_rfc_3551() {
    for (rate, payload_type) in [(8000, None), (16_000, None), (44_100, Some(11))] {
        let codec = L16::new(rate);
        assert_eq!((codec.encoding_name(), codec.rtp_channels()), ("L16", 1));
        assert_eq!((codec.clock_rate(), codec.sample_rate()), (rate, rate));
        assert_eq!(codec.static_payload_type(), payload_type);
    }
}

#[test]
fn a_packet_is_never_fragmented() {
    let accepted = |rate: u32| {
        let all = (1..=60).filter(move |&ptime| L16::new(rate).accepts_ptime(ptime));
        all.filter(|ptime| ptime % 10 == 0).collect::<Vec<_>>()
    };
    assert_eq!(accepted(8000), [10, 20, 30, 40, 50, 60]);
    assert_eq!(accepted(16_000), [10, 20, 30, 40]);
    assert_eq!(accepted(44_100), [10]);
    assert!(!L16::default().accepts_ptime(0));
}

#[test]
fn a_rate_out_of_range_is_refused() {
    for rate in [0, 7999, 48_001, u32::MAX] {
        let parameters = CodecParameters::default();
        let error = L16::new(rate).encoder(&parameters).err();
        assert!(
            matches!(error, Some(CodecError::Parameter { .. })),
            "{rate}"
        );
        assert!(L16::new(rate).decoder(&parameters).is_err());
    }
}

#[test]
fn half_a_sample_is_malformed() {
    let mut decoder = L16::default().decoder(&CodecParameters::default()).unwrap();
    let mut heard = vec![0.5];
    for payload in [&[][..], &[1], &[1, 2, 3]] {
        assert!(matches!(
            decoder.decode(payload, &mut heard),
            Err(CodecError::MalformedPayload { .. })
        ));
        assert_eq!(decoder.samples_in(payload), None);
    }
    assert_eq!(heard, [0.5]);
    let mut encoder = L16::default().encoder(&CodecParameters::default()).unwrap();
    assert!(encoder.encode(&[], &mut Vec::new()).is_err());
}

#[test]
fn a_lost_packet_is_concealed_at_every_rate() {
    for rate in [8000, 16_000, 44_100] {
        let codec = L16::new(rate);
        let parameters = CodecParameters::default();
        let mut encoder = codec.encoder(&parameters).unwrap();
        let mut decoder = codec.decoder(&parameters).unwrap();
        let frame = rate as usize / 100;
        let tone = |i: usize| (i as f32 * 200.0 / rate as f32 * std::f32::consts::TAU).sin() * 0.4;
        let meant: Vec<f32> = (0..8 * frame).map(tone).collect();
        let payloads: Vec<Vec<u8>> = meant
            .chunks(frame)
            .map(|pcm| {
                let mut payload = Vec::new();
                encoder.encode(pcm, &mut payload).unwrap();
                payload
            })
            .collect();
        let mut heard = Vec::new();
        for (i, payload) in payloads.iter().enumerate() {
            match i {
                4 => decoder.conceal_until(&payloads[5], frame, &mut heard),
                6 => decoder.conceal(frame, &mut heard),
                _ => {
                    decoder.decode(payload, &mut heard).unwrap();
                }
            }
        }
        // A gap of two whole periods goes on in phase.
        for (i, (heard, meant)) in heard.iter().zip(&meant).enumerate() {
            assert!((heard - meant).abs() < 0.05, "{rate} Hz, sample {i}");
        }
    }
}

proptest! {
    #[test]
    fn bytes_go_through_as_they_are_but_for_the_loudest(linear in proptest::collection::vec(-16_384i16..=16_384, 1..300)) {
        let parameters = CodecParameters::default();
        let payload: Vec<u8> = linear.iter().flat_map(|x| x.to_be_bytes()).collect();
        let mut heard = Vec::new();
        let mut decoder = L16::default().decoder(&parameters).unwrap();
        prop_assert_eq!(decoder.decode(&payload, &mut heard).unwrap(), linear.len());
        prop_assert_eq!(heard[0], sample::i16_to_f32(linear[0]));
        let mut again = Vec::new();
        L16::default().encoder(&parameters).unwrap().encode(&heard, &mut again).unwrap();
        prop_assert_eq!(again, payload);
    }
}
