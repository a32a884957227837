//! Tests of Opus: every backend alone, and each with what the other encoded.

use proptest::prelude::*;

use super::packet::Packet;
use super::{Opus, OpusBackend};
use crate::test_signal::{db, fit_tone, noise, rms, snr, tone, voice};
use crate::{Codec, CodecError, CodecParameters, Decoder, Encoder};

const BACKENDS: &[OpusBackend] = &[
    #[cfg(feature = "opus")]
    OpusBackend::Ropus,
    #[cfg(feature = "opus-audiopus")]
    OpusBackend::Libopus,
];
const RATES: [u32; 5] = [8000, 12_000, 16_000, 24_000, 48_000];

fn opus(backend: OpusBackend) -> Opus {
    Opus {
        backend,
        ..Opus::default()
    }
}

fn parameters(fmtp: &str, ptime_ms: u32) -> CodecParameters {
    CodecParameters {
        fmtp: Some(fmtp.into()),
        ptime_ms,
    }
}

fn encode(encoder: &mut dyn Encoder, signal: &[f32], ptime_ms: u32) -> Vec<Vec<u8>> {
    let frame = (encoder.sample_rate() / 1000 * ptime_ms) as usize;
    signal
        .chunks_exact(frame)
        .map(|pcm| {
            let mut payload = Vec::new();
            encoder.encode(pcm, &mut payload).unwrap();
            payload
        })
        .collect()
}

fn decode(decoder: &mut dyn Decoder, payloads: &[Vec<u8>]) -> Vec<f32> {
    let mut heard = Vec::new();
    for payload in payloads {
        let expected = decoder.samples_in(payload);
        let samples = decoder.decode(payload, &mut heard).unwrap();
        assert_eq!(Some(samples), expected);
    }
    heard
}

/// The best SNR of a quarter second of `heard` as a copy of `meant`, over the
/// delays that an encoder may have, up to 12 ms.
#[cfg(all(feature = "opus", feature = "opus-audiopus"))]
fn delayed_snr(meant: &[f32], heard: &[f32], sample_rate: u32) -> f64 {
    let quarter = sample_rate as usize / 4;
    (0..quarter / 20)
        .map(|delay| {
            snr(
                &meant[quarter..2 * quarter],
                &heard[quarter + delay..][..quarter],
            )
        })
        .fold(f64::NEG_INFINITY, f64::max)
}

/// A voice that rises from 100 to 180 Hz in steps, with pauses: 2 s.
fn speech(sample_rate: u32) -> Vec<f32> {
    let part = sample_rate as usize / 4;
    let mut signal = Vec::new();
    for i in 0..8 {
        let mut vowel = voice(100.0 + 10.0 * f64::from(i), sample_rate, part);
        let length = vowel.len();
        for (at, sample) in vowel.iter_mut().enumerate() {
            let phase = at as f32 / length as f32;
            *sample *= (std::f32::consts::PI * phase).sin().powi(2);
        }
        signal.extend(vowel);
    }
    signal
}

fn bandwidth_of(payload: &[u8]) -> &'static str {
    // RFC 6716 section 3.1, table 2.
    match payload[0] >> 3 {
        0..4 | 16..20 => "narrow",
        4..8 => "medium",
        8..12 | 20..24 => "wide",
        12..14 | 24..28 => "superwide",
        _ => "full",
    }
}

#[test]
fn a_tone_comes_through_at_every_rate_and_ptime() {
    for &backend in BACKENDS {
        for sample_rate in RATES {
            for ptime_ms in [10, 20, 40, 60] {
                let opus = Opus {
                    sample_rate,
                    ..opus(backend)
                };
                let parameters = parameters("useinbandfec=1", ptime_ms);
                let mut encoder = opus.encoder(&parameters).unwrap();
                let mut decoder = opus.decoder(&parameters).unwrap();
                assert_eq!(
                    (encoder.sample_rate(), decoder.sample_rate()),
                    (sample_rate, sample_rate)
                );
                let signal = tone(440.0, sample_rate, sample_rate as usize * 6 / 10);
                let heard = decode(&mut *decoder, &encode(&mut *encoder, &signal, ptime_ms));
                assert_eq!(heard.len(), signal.len());
                let settled = &heard[heard.len() / 2..];
                let (amplitude, rest) = fit_tone(settled, 440.0, sample_rate);
                let what = format!("{backend:?}, {sample_rate} Hz, {ptime_ms} ms");
                let level = db(amplitude / 0.5);
                assert!(level.abs() < 1.0, "{what}: {level:.2} dB");
                let sinad = db(amplitude / 2f64.sqrt() / rest);
                assert!(sinad > 8.0, "{what}: SINAD {sinad:.1} dB");
            }
        }
    }
}

#[cfg(all(feature = "opus", feature = "opus-audiopus"))]
#[test]
fn each_backend_decodes_what_the_other_encoded() {
    for sample_rate in RATES {
        let signal = speech(sample_rate);
        for fmtp in ["useinbandfec=1", "", "maxaveragebitrate=12000;cbr=1"] {
            let parameters = parameters(fmtp, 20);
            let with = |backend| Opus {
                sample_rate,
                backend,
                ..Opus::default()
            };
            for from in [OpusBackend::Ropus, OpusBackend::Libopus] {
                let mut encoder = with(from).encoder(&parameters).unwrap();
                let payloads = encode(&mut *encoder, &signal, 20);
                let heard = |backend: OpusBackend| {
                    let mut decoder = with(backend).decoder(&parameters).unwrap();
                    decode(&mut *decoder, &payloads)
                };
                let (ropus, libopus) = (heard(OpusBackend::Ropus), heard(OpusBackend::Libopus));
                let what = format!("{from:?} at {sample_rate} Hz with {fmtp:?}");
                let alike = snr(&libopus, &ropus);
                assert!(alike > 60.0, "{what}: decoders differ by {alike:.1} dB");
                let clean = delayed_snr(&signal, &ropus, sample_rate);
                assert!(clean > 6.0, "{what}: {clean:.1} dB of the original");
            }
        }
    }
}

#[cfg(all(feature = "opus", feature = "opus-audiopus"))]
#[test]
fn each_backend_recovers_from_the_redundancy_of_the_other() {
    let signal = speech(16_000);
    let parameters = parameters("useinbandfec=1", 20);
    for (from, to) in [
        (OpusBackend::Ropus, OpusBackend::Libopus),
        (OpusBackend::Libopus, OpusBackend::Ropus),
    ] {
        let mut encoder = opus(from).encoder(&parameters).unwrap();
        encoder.set_expected_loss(25);
        let payloads = encode(&mut *encoder, &signal, 20);
        let (recovered, gain) = recover_every_tenth(&opus(to), &payloads);
        assert!(recovered >= 5, "{from:?} to {to:?}: {recovered}");
        assert!(gain > 3.0, "{from:?} to {to:?}: {gain:.1} dB");
    }
}

#[test]
fn libopus_is_the_default_where_it_is_compiled_in() {
    #[cfg(feature = "opus-audiopus")]
    assert_eq!(Opus::default().backend, OpusBackend::Libopus);
    #[cfg(not(feature = "opus-audiopus"))]
    assert_eq!(Opus::default().backend, OpusBackend::Ropus);
}

#[test]
fn sdp_says_what_rfc_7587_wants() {
    let opus = Opus::default();
    assert_eq!(opus.encoding_name(), "opus");
    assert_eq!((opus.clock_rate(), opus.rtp_channels()), (48_000, 2));
    assert_eq!(
        (opus.sample_rate(), opus.static_payload_type()),
        (16_000, None)
    );
    assert!(opus.fmtp().unwrap().contains("useinbandfec=1"));
    for (ptime_ms, accepted) in [
        (10, true),
        (20, true),
        (30, false),
        (60, true),
        (120, false),
    ] {
        assert_eq!(opus.accepts_ptime(ptime_ms), accepted);
    }
}

/// Loses every tenth packet; how many of them could be recovered, and by how
/// many dB the recovered frames are nearer to the undisturbed ones than
/// concealed frames are.
fn recover_every_tenth(opus: &Opus, payloads: &[Vec<u8>]) -> (usize, f64) {
    let parameters = CodecParameters::default();
    let mut undisturbed = opus.decoder(&parameters).unwrap();
    let mut recovering = opus.decoder(&parameters).unwrap();
    let mut concealing = opus.decoder(&parameters).unwrap();
    let frame = opus.sample_rate as usize / 50;
    let mut count = 0;
    let (mut meant, mut recovered, mut concealed) = (Vec::new(), Vec::new(), Vec::new());
    for (i, payload) in payloads.iter().enumerate() {
        let mut ignored = Vec::new();
        let mut exact = Vec::new();
        undisturbed.decode(payload, &mut exact).unwrap();
        if i % 10 == 7 && i + 1 < payloads.len() {
            let start = recovered.len();
            let next = &payloads[i + 1];
            if recovering.recover(next, frame, &mut recovered).unwrap() {
                assert_eq!(recovered.len(), start + frame);
                meant.extend(exact);
                concealing.conceal(frame, &mut concealed);
                count += 1;
            } else {
                assert_eq!(recovered.len(), start);
                recovering.conceal(frame, &mut ignored);
                concealing.conceal(frame, &mut ignored);
            }
        } else {
            recovering.decode(payload, &mut ignored).unwrap();
            concealing.decode(payload, &mut ignored).unwrap();
        }
    }
    if count == 0 {
        return (0, 0.0);
    }
    let gain = snr(&meant, &recovered) - snr(&meant, &concealed);
    (count, gain)
}

#[test]
fn a_lost_packet_is_recovered_from_the_next_where_both_sides_can() {
    let signal = speech(16_000);
    for &backend in BACKENDS {
        for (fmtp, loss, redundant) in [
            ("useinbandfec=1", 25, true),
            // Not said means that the peer cannot use it.
            ("", 25, false),
            ("useinbandfec=0", 25, false),
            ("useinbandfec=1", 0, false),
        ] {
            let opus = opus(backend);
            let mut encoder = opus.encoder(&parameters(fmtp, 20)).unwrap();
            encoder.set_expected_loss(loss);
            let payloads = encode(&mut *encoder, &signal, 20);
            let (recovered, gain) = recover_every_tenth(&opus, &payloads);
            let what = format!("{backend:?} with {fmtp:?}, {loss} %");
            assert_eq!(recovered > 0, redundant, "{what}: {recovered}");
            if redundant {
                assert!(gain > 3.0, "{what}: {gain:.1} dB");
            }
        }
    }
}

#[test]
fn redundancy_is_sent_from_the_start_if_the_peer_can_use_it() {
    let signal = speech(16_000);
    for &backend in BACKENDS {
        let mut encoder = opus(backend)
            .encoder(&parameters("useinbandfec=1", 20))
            .unwrap();
        let redundant = encode(&mut *encoder, &signal, 20)
            .iter()
            .filter(|payload| Packet::parse(payload).unwrap().has_redundancy())
            .count();
        assert!(redundant > 20, "{backend:?}: {redundant} of 100");
    }
}

#[test]
fn a_gap_longer_than_a_frame_is_concealed_before_what_is_recovered() {
    for &backend in BACKENDS {
        let opus = opus(backend);
        let mut encoder = opus.encoder(&parameters("useinbandfec=1", 20)).unwrap();
        encoder.set_expected_loss(25);
        let payloads = encode(&mut *encoder, &voice(120.0, 16_000, 16_000), 20);
        let mut decoder = opus.decoder(&CodecParameters::default()).unwrap();
        let mut heard = decode(&mut *decoder, &payloads[..20]);
        let before = heard.len();
        assert!(decoder.recover(&payloads[23], 960, &mut heard).unwrap());
        assert_eq!(heard.len(), before + 960);
        // Less than a frame of it cannot be had.
        for samples in [0, 160, 319] {
            assert!(!decoder.recover(&payloads[23], samples, &mut heard).unwrap());
        }
        assert_eq!(heard.len(), before + 960);
    }
}

#[test]
fn concealment_goes_on_with_the_voice_and_fits_any_length() {
    for &backend in BACKENDS {
        for sample_rate in RATES {
            let opus = Opus {
                sample_rate,
                ..opus(backend)
            };
            let parameters = CodecParameters::default();
            let mut encoder = opus.encoder(&parameters).unwrap();
            let mut decoder = opus.decoder(&parameters).unwrap();
            let signal = voice(120.0, sample_rate, sample_rate as usize / 2);
            let mut heard = decode(&mut *decoder, &encode(&mut *encoder, &signal, 20));
            let spoken = rms(&heard[heard.len() / 2..]);
            let frame = sample_rate as usize / 50;
            let start = heard.len();
            decoder.conceal(frame, &mut heard);
            assert_eq!(heard.len(), start + frame);
            let level = db(rms(&heard[start..]) / spoken);
            assert!(
                (-5.0..1.5).contains(&level),
                "{backend:?} {sample_rate}: {level:.1} dB"
            );
            for samples in [0, 1, 7, frame / 3, frame * 9 + 1] {
                let start = heard.len();
                decoder.conceal(samples, &mut heard);
                assert_eq!(heard.len(), start + samples);
            }
        }
    }
}

#[test]
fn before_anything_was_heard_a_gap_is_silent() {
    for &backend in BACKENDS {
        let mut decoder = opus(backend).decoder(&CodecParameters::default()).unwrap();
        let mut heard = Vec::new();
        decoder.conceal(320, &mut heard);
        assert_eq!(heard, [0.0; 320]);
    }
}

#[test]
fn the_peers_bitrate_is_kept() {
    let signal = speech(16_000);
    for &backend in BACKENDS {
        let bitrate = |fmtp: &str| {
            let mut encoder = opus(backend).encoder(&parameters(fmtp, 20)).unwrap();
            let payloads = encode(&mut *encoder, &signal, 20);
            payloads.iter().map(Vec::len).sum::<usize>() * 8 / 2
        };
        assert!(bitrate("") > 14_000, "{backend:?}: {}", bitrate(""));
        let capped = bitrate("maxaveragebitrate=10000");
        assert!(capped < 11_500, "{backend:?}: {capped}");
        // Beyond RFC 7587's range, as if at its edge; more than ours stays ours.
        assert!(bitrate("maxaveragebitrate=1") < 8000);
        assert_eq!(bitrate("maxaveragebitrate=500000"), bitrate(""));
    }
}

/// A different tone for each ear, interleaved.
fn two_tones(sample_rate: u32, samples: usize) -> Vec<f32> {
    let (left, right) = (
        tone(440.0, sample_rate, samples),
        tone(1000.0, sample_rate, samples),
    );
    left.into_iter()
        .zip(right)
        .flat_map(|(left, right)| [left, right])
        .collect()
}

/// Level of the 440 Hz and the 1 kHz in a channel of the second half.
fn levels(heard: &[f32], channel: usize, channels: usize, sample_rate: u32) -> [f64; 2] {
    let signal: Vec<f32> = heard
        .iter()
        .skip(channel)
        .step_by(channels)
        .copied()
        .collect();
    let settled = &signal[signal.len() / 2..];
    [440.0, 1000.0].map(|hz| fit_tone(settled, hz, sample_rate).0)
}

fn is_stereo(payload: &[u8]) -> bool {
    // RFC 6716 section 3.1: the bit s.
    payload[0] & 4 != 0
}

#[test]
fn stereo_is_sent_if_both_sides_want_it_and_each_ear_hears_its_own() {
    for &backend in BACKENDS {
        let stereo = Opus {
            sample_rate: 48_000,
            channels: 2,
            ..opus(backend)
        };
        let signal = two_tones(48_000, 48_000);
        for (fmtp, sent) in [("stereo=1", true), ("stereo=0", false), ("", false)] {
            let mut encoder = stereo.encoder(&parameters(fmtp, 20)).unwrap();
            assert_eq!(encoder.channels(), 2);
            let payloads: Vec<Vec<u8>> = signal
                .chunks_exact(1920)
                .map(|pcm| {
                    let mut payload = Vec::new();
                    encoder.encode(pcm, &mut payload).unwrap();
                    payload
                })
                .collect();
            assert!(
                payloads[5..].iter().all(|p| is_stereo(p) == sent),
                "{backend:?} {fmtp}"
            );

            // Who wants stereo hears what was sent; who wants mono hears both.
            let mut decoder = stereo.decoder(&parameters("", 20)).unwrap();
            assert_eq!(decoder.channels(), 2);
            let heard = decode(&mut *decoder, &payloads);
            assert_eq!(heard.len(), signal.len());
            let ([low, other], [another, high]) =
                (levels(&heard, 0, 2, 48_000), levels(&heard, 1, 2, 48_000));
            if sent {
                assert!(low > 0.4 && high > 0.4, "{backend:?}: {low} {high}");
                assert!(
                    other < 0.05 && another < 0.05,
                    "{backend:?}: {other} {another}"
                );
            } else {
                assert!((low - 0.25).abs() < 0.05 && (high - 0.25).abs() < 0.05);
            }
            let mut mono = opus(backend).decoder(&parameters("", 20)).unwrap();
            let [low, high] = levels(&decode(&mut *mono, &payloads), 0, 1, 16_000);
            assert!(low > 0.2 && high > 0.2, "{backend:?}: {low} {high}");

            // A gap is filled in both channels, and no more than it.
            decoder.conceal(960, &mut Vec::new());
            let mut gap = Vec::new();
            decoder.conceal(333, &mut gap);
            assert_eq!(gap.len(), 666);
        }
    }
}

#[test]
fn packets_keep_within_the_peers_minptime_and_maxptime() {
    let opus = Opus::default();
    for (fmtp, wished, sent) in [
        ("", 20, 20),
        ("", 30, 20),
        ("", 50, 40),
        ("", 120, 60),
        ("minptime=10;useinbandfec=1", 10, 10),
        ("minptime=40", 10, 40),
        ("minptime=30", 20, 40),
        ("maxptime=40", 60, 40),
        ("maxptime=3", 20, 10),
        ("minptime=60;maxptime=10", 20, 60),
        ("ptime=60", 20, 60),
    ] {
        assert_eq!(
            opus.packet_time_ms(wished, Some(fmtp)),
            sent,
            "{fmtp} {wished}"
        );
    }
    assert_eq!(opus.packet_time_ms(20, None), 20);
}

#[test]
fn a_constant_bitrate_is_constant() {
    for &backend in BACKENDS {
        let mut encoder = opus(backend).encoder(&parameters("cbr=1", 20)).unwrap();
        let payloads = encode(&mut *encoder, &speech(16_000), 20);
        // 24 kbit/s of 20 ms.
        assert!(
            payloads.iter().all(|payload| payload.len() == 60),
            "{backend:?}"
        );
    }
}

#[test]
fn what_the_peer_cannot_play_is_not_sent() {
    for &backend in BACKENDS {
        for (rate, bandwidth) in [(8000, "narrow"), (12_000, "medium"), (16_000, "wide")] {
            let full_band = Opus {
                sample_rate: 48_000,
                bitrate: Some(64_000),
                ..opus(backend)
            };
            let fmtp = format!("maxplaybackrate={rate}");
            let mut encoder = full_band.encoder(&parameters(&fmtp, 20)).unwrap();
            let payloads = encode(&mut *encoder, &speech(48_000), 20);
            let last = bandwidth_of(&payloads[payloads.len() - 10]);
            assert_eq!(last, bandwidth, "{backend:?}");
            let mut encoder = full_band.encoder(&CodecParameters::default()).unwrap();
            let payloads = encode(&mut *encoder, &speech(48_000), 20);
            assert_eq!(bandwidth_of(&payloads[payloads.len() - 10]), "full");
        }
    }
}

#[test]
fn silence_is_not_sent_if_the_peer_prefers_that() {
    for &backend in BACKENDS {
        // Speech, then 4 s of silence.
        let mut signal = speech(16_000);
        signal.extend([0.0; 64_000]);
        for (ours, fmtp, silent) in [
            (false, "usedtx=1", true),
            (true, "", true),
            (true, "usedtx=0", false),
            (false, "", false),
        ] {
            let opus = Opus {
                dtx: ours,
                ..opus(backend)
            };
            let mut encoder = opus.encoder(&parameters(fmtp, 20)).unwrap();
            let payloads = encode(&mut *encoder, &signal, 20);
            let empty = payloads.iter().filter(|payload| payload.is_empty()).count();
            let what = format!("{backend:?}, ours {ours}, theirs {fmtp:?}: {empty} of 300");
            assert_eq!(empty > 150, silent, "{what}");
            assert_eq!(empty == 0, !silent, "{what}");
        }
    }
}

#[test]
fn a_reset_makes_it_as_good_as_new() {
    for &backend in BACKENDS {
        let parameters = CodecParameters::default();
        let opus = opus(backend);
        let mut encoder = opus.encoder(&parameters).unwrap();
        let mut decoder = opus.decoder(&parameters).unwrap();
        let signal = speech(16_000);
        let first = encode(&mut *encoder, &signal, 20);
        let heard = decode(&mut *decoder, &first);
        encoder.reset();
        decoder.reset();
        assert_eq!(encode(&mut *encoder, &signal, 20), first);
        assert_eq!(decode(&mut *decoder, &first), heard);
    }
}

#[test]
fn frames_of_other_lengths_are_refused() {
    for &backend in BACKENDS {
        let mut encoder = opus(backend).encoder(&CodecParameters::default()).unwrap();
        for samples in [0, 1, 40, 319, 480, 1280] {
            let mut payload = vec![1, 2];
            let error = encoder
                .encode(&vec![0.0; samples], &mut payload)
                .unwrap_err();
            assert!(matches!(error, CodecError::FrameLength { .. }), "{error}");
            assert_eq!(payload, [1, 2]);
        }
    }
}

#[test]
fn configuration_out_of_range_is_refused() {
    let good = Opus::default();
    let refused = |opus: &Opus, ptime_ms| {
        let error = opus.encoder(&parameters("", ptime_ms)).err();
        match error {
            Some(CodecError::Parameter { parameter, .. }) => parameter,
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(refused(&good, 30), "ptime");
    let opus = |change: fn(&mut Opus)| {
        let mut opus = Opus::default();
        change(&mut opus);
        opus
    };
    assert_eq!(
        refused(&opus(|o| o.sample_rate = 44_100), 20),
        "sample_rate"
    );
    assert_eq!(refused(&opus(|o| o.bitrate = Some(5999)), 20), "bitrate");
    assert_eq!(refused(&opus(|o| o.complexity = 11), 20), "complexity");
    assert_eq!(
        refused(&opus(|o| o.expected_loss = 101), 20),
        "expected_loss"
    );
    assert!(
        opus(|o| o.sample_rate = 44_100)
            .decoder(&parameters("", 20))
            .is_err()
    );
}

#[test]
fn empty_and_torn_payloads_are_errors_that_leave_the_output_alone() {
    for &backend in BACKENDS {
        let mut decoder = opus(backend).decoder(&CodecParameters::default()).unwrap();
        // Nothing; odd halves; a length without its frame; a count without frames.
        for payload in [&[][..], &[9 << 3 | 1, 1], &[9 << 3 | 2, 9], &[9 << 3 | 3]] {
            let mut heard = vec![0.25];
            let error = decoder.decode(payload, &mut heard).unwrap_err();
            assert!(matches!(error, CodecError::MalformedPayload { .. }));
            assert!(decoder.recover(payload, 320, &mut heard).is_err());
            assert_eq!(decoder.samples_in(payload), None);
            assert_eq!(heard, [0.25]);
        }
    }
}

#[test]
fn what_is_not_a_number_is_silence_and_what_is_too_loud_is_clipped() {
    for &backend in BACKENDS {
        let parameters = CodecParameters::default();
        let mut encoder = opus(backend).encoder(&parameters).unwrap();
        let mut decoder = opus(backend).decoder(&parameters).unwrap();
        let mut signal = noise(3.0, 3200);
        signal.extend([f32::NAN; 1600]);
        signal.extend([f32::INFINITY; 320]);
        signal.extend([0.0; 3200]);
        let heard = decode(&mut *decoder, &encode(&mut *encoder, &signal, 20));
        assert!(heard.iter().all(|sample| sample.is_finite()));
        assert!(rms(&heard[7200..]) < 0.01);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn no_payload_panics(
        sample_rate in proptest::sample::select(&RATES[..]),
        steps in proptest::collection::vec(
            (0u8..4, proptest::collection::vec(any::<u8>(), 0..120), 0usize..2000), 1..40),
    ) {
        for &backend in BACKENDS {
            let opus = Opus { sample_rate, ..opus(backend) };
            let mut decoder = opus.decoder(&CodecParameters::default()).unwrap();
            let mut heard = Vec::new();
            for (kind, payload, samples) in &steps {
                heard.clear();
                let appended = match kind {
                    0 => { decoder.conceal(*samples, &mut heard); *samples }
                    1 => match decoder.recover(payload, *samples, &mut heard) {
                        Ok(true) => *samples,
                        _ => 0,
                    },
                    _ => match decoder.decode(payload, &mut heard) {
                        Ok(appended) => {
                            prop_assert_eq!(Some(appended), decoder.samples_in(payload));
                            appended
                        }
                        Err(_) => 0,
                    },
                };
                prop_assert_eq!(heard.len(), appended);
                prop_assert!(heard.iter().all(|sample| sample.is_finite()));
            }
        }
    }
}
