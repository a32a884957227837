//! What one side says is what the other hears, whatever the network and the call do.

use std::sync::Arc;
use std::time::Duration;

use audio_codecs::{Codec, G722, L16, Opus, Pcma, Pcmu};
use media_engine::{
    AudioFrame, Channel, MediaEvent, MediaFormat, MediaUpdate, NoMediaCause, TelephoneEvent,
    TelephoneEventFormat,
};
use proptest::prelude::*;
use rtp_media::{ClockRate, PayloadType};

use crate::network::{Call, Faults, addr};
use crate::signal::{best_fit, rms, share_at, sweep, tone};

const SECOND: Duration = Duration::from_secs(1);

fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

fn telephone_event() -> TelephoneEventFormat {
    TelephoneEventFormat {
        send_payload_type: PayloadType(101),
        receive_payload_type: PayloadType(101),
        clock_rate: ClockRate(8_000),
    }
}

fn pcmu() -> MediaFormat {
    MediaFormat::new(0, Arc::new(Pcmu))
}

#[test]
fn speech_of_any_rate_is_heard_as_it_was_said() {
    let mut call = Call::new();
    call.run(5 * SECOND); // the jitter buffer has found its delay
    // Up to 1.5 kHz: half a sample of delay at 8 kHz would show at 3 kHz.
    let said = sweep(300.0, 1_500.0, 44_100, 2.0);
    call.a
        .bridge
        .tx
        .try_send(AudioFrame::mono(said, 44_100))
        .unwrap();
    call.run(3 * SECOND);
    let heard = call.b.audio();
    let (at, fit) = best_fit(&heard[40_000..], &sweep(300.0, 1_500.0, 8_000, 2.0));
    assert!(fit > 0.99, "correlation {fit}");
    // One packet, the jitter buffer's first target and two resampler delays at most.
    assert!(at < 8 * 120, "{} ms late", at / 8);
    let stats = call.b.session.stats(call.now);
    assert_eq!(
        (stats.lost_packets, stats.late_packets, stats.concealed),
        (0, 0, Duration::ZERO)
    );
}

#[test]
fn frames_come_steadily_and_packets_go_out_with_nothing_to_say() {
    let mut call = Call::new();
    call.run(10 * SECOND);
    for party in [&call.a, &call.b] {
        assert!((499..=500).contains(&party.heard.len()));
        assert!((499..=500).contains(&party.rtp_out));
        for (i, frame) in party.heard.iter().enumerate() {
            assert_eq!(frame.media_time, ms(20) * i as u32);
            assert_eq!(frame.frame.samples.len(), 160);
            assert!(frame.frame.samples.iter().all(|&s| s == 0.0));
            assert!(!frame.concealed && !frame.early_media);
        }
    }
}

#[test]
fn a_tone_survives_loss_jitter_and_duplicates() {
    let faults = Faults {
        loss: 0.05,
        duplicates: 0.02,
        delay: ms(30),
        jitter: ms(40),
        seed: 5,
    };
    let mut call = Call::with(faults, |_| {});
    call.a
        .bridge
        .tx
        .try_send(AudioFrame::mono(tone(440.0, 16_000, 20.0), 16_000))
        .unwrap();
    call.run(18 * SECOND);
    let heard = call.b.audio();
    assert_eq!(heard.len(), call.b.heard.len() * 160);
    let share = share_at(&heard[16_000..24_000], 440.0, 8_000);
    assert!(share > 0.5, "share {share}");
    // Stretching and concealing move the phase: each piece is the tone all the same.
    let pieces: Vec<f64> = heard[16_000..]
        .chunks(800)
        .map(|p| share_at(p, 440.0, 8_000))
        .collect();
    let good = pieces.iter().filter(|&&share| share > 0.9).count();
    assert!(
        good * 100 >= pieces.len() * 85,
        "{good} of {}",
        pieces.len()
    );
    let level = rms(&heard[16_000..]);
    assert!((0.30..0.37).contains(&level), "level {level}");
    let stats = call.b.session.stats(call.now);
    assert!(
        stats.lost_packets > 20 && stats.duplicate_packets > 5,
        "{stats:?}"
    );
    assert!(
        stats.concealed > ms(400) && stats.concealed < ms(2_000),
        "{stats:?}"
    );
    let concealed = call.b.heard.iter().filter(|frame| frame.concealed).count() as u64;
    assert!(
        concealed * 20 >= stats.concealed.as_millis() as u64,
        "{concealed} frames"
    );
    assert!(stats.mos.unwrap() < 4.0, "{stats:?}");
}

#[test]
fn half_an_hour_with_drifting_clocks_stays_close_and_whole() {
    let faults = Faults {
        delay: ms(20),
        jitter: ms(10),
        seed: 9,
        ..Faults::default()
    };
    let mut call = Call::with(faults, |_| {});
    // 100 ppm: the peers differ by 180 ms in the end.
    call.b.set_drift(Duration::from_micros(2));
    for _ in 0..30 {
        call.run(60 * SECOND);
        call.a.heard.clear();
        call.b.heard.clear();
    }
    for party in [&call.a, &call.b] {
        let stats = party.session.stats(call.now);
        assert!(stats.received_packets > 89_900, "{stats:?}");
        assert_eq!(stats.lost_packets, 0);
        assert!(stats.late_packets < 500, "{stats:?}");
        assert!(stats.playout_delay < ms(100), "{stats:?}");
        assert!(
            stats
                .round_trip
                .is_some_and(|rtt| rtt > ms(40) && rtt < ms(60)),
            "{stats:?}"
        );
        assert_eq!(stats.remote_lost_packets, Some(0));
    }
}

#[test]
fn the_program_gets_the_rate_it_asked_for() {
    for rate in [8_000, 16_000, 22_050, 44_100, 48_000] {
        let mut call = Call::with(Faults::default(), |config| config.receive_rate = Some(rate));
        call.a
            .bridge
            .tx
            .try_send(AudioFrame::mono(tone(1_000.0, 24_000, 3.0), 24_000))
            .unwrap();
        call.run(3 * SECOND);
        assert_eq!(call.b.bridge.rx.sample_rate(), rate);
        assert!(
            call.b
                .heard
                .iter()
                .all(|frame| frame.frame.sample_rate == rate)
        );
        let heard = call.b.audio();
        let expected = call.b.heard.len() * rate as usize / 50;
        assert!(heard.len().abs_diff(expected) <= 1);
        let middle = &heard[rate as usize..2 * rate as usize];
        assert!(share_at(middle, 1_000.0, rate) > 0.98, "{rate} Hz");
    }
}

#[test]
fn every_packet_time_of_every_codec_carries_the_tone() {
    let codecs: [(u8, Arc<dyn Codec>); 5] = [
        (0, Arc::new(Pcmu)),
        (8, Arc::new(Pcma)),
        (9, Arc::new(G722)),
        (96, Arc::new(L16::new(16_000))),
        (97, Arc::new(Opus::default())),
    ];
    for (payload_type, codec) in codecs {
        let rate = codec.sample_rate();
        for ptime in [10, 20, 30, 40, 60] {
            if !codec.accepts_ptime(ptime) {
                continue;
            }
            let format = MediaFormat::new(payload_type, codec.clone());
            let mut call = Call::with(Faults::default(), |config| {
                config.ptime = ms(ptime.into());
                config.send = format.clone();
                config.receive = vec![format.clone()];
            });
            call.a
                .bridge
                .tx
                .try_send(AudioFrame::mono(tone(1_000.0, 8_000, 3.0), 8_000))
                .unwrap();
            call.run(3 * SECOND);
            let name = format!("{} {ptime} ms", codec.encoding_name());
            assert!(
                call.a.rtp_out.abs_diff(3_000 / u64::from(ptime)) <= 1,
                "{name}"
            );
            let second = &call.b.audio()[rate as usize..2 * rate as usize];
            assert!(share_at(second, 1_000.0, rate) > 0.98, "{name}");
            assert_eq!(
                call.b.session.stats(call.now).concealed,
                Duration::ZERO,
                "{name}"
            );
        }
    }
}

/// Noise of about `level`, rms.
fn noise(level: f32, samples: usize) -> Vec<f32> {
    let mut state = 1_u32;
    (0..samples)
        .map(|_| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state as i32 as f32 / 2_147_483_648.0) * level * 3_f32.sqrt()
        })
        .collect()
}

#[test]
fn silence_is_described_once_a_second_and_heard_as_noise() {
    let mut call = Call::with(Faults::default(), |config| {
        config.comfort_noise.send_payload_type = Some(13);
    });
    // Speech, 5 s of background, speech again.
    let mut said = tone(1_000.0, 8_000, 2.0);
    said.extend(noise(0.001, 40_000));
    said.extend(tone(500.0, 8_000, 2.0));
    let frame = AudioFrame::mono(said, 8_000);
    call.a.bridge.tx.try_send(frame).unwrap();
    call.run(4 * SECOND);
    let sent = call.a.rtp_out;
    call.run(2 * SECOND);
    assert!((2..=3).contains(&(call.a.rtp_out - sent)), "one a second");
    let stats = call.b.session.stats(call.now);
    assert_eq!((stats.concealed, stats.lost_packets), (Duration::ZERO, 0));
    call.run(4 * SECOND);
    // b never said anything: nothing but descriptions of silence.
    assert!((9..=11).contains(&call.b.rtp_out), "{}", call.b.rtp_out);
    assert!(call.a.audio().iter().all(|&sample| sample == 0.0));

    let heard = call.b.audio();
    assert!(share_at(&heard[8_000..15_000], 1_000.0, 8_000) > 0.98);
    let level = 20.0 * rms(&heard[24_000..52_000]).log10();
    assert!(
        (level + 60.0).abs() < 1.5,
        "the background is at {level:.1} dB"
    );
    let shortest_pause = heard[24_000..52_000]
        .chunks(80)
        .map(rms)
        .fold(f64::INFINITY, f64::min);
    assert!(shortest_pause > 0.0004, "without a hole: {shortest_pause}");
    let speech = heard[56_000..]
        .chunks(800)
        .map(|piece| share_at(piece, 500.0, 8_000));
    assert!(
        speech.filter(|&share| share > 0.98).count() >= 17,
        "two seconds are back"
    );
}

#[test]
fn silence_is_sent_as_audio_unless_asked_otherwise() {
    let mut call = Call::new();
    call.run(2 * SECOND);
    assert!((99..=100).contains(&call.a.rtp_out));
}

#[test]
fn noise_is_taken_though_nobody_spoke_of_it_unless_the_number_is_taken() {
    for taken in [false, true] {
        let mut call = Call::with(Faults::default(), |config| {
            config.comfort_noise.send_payload_type = Some(13);
            if taken {
                config.receive.push(MediaFormat::new(13, Arc::new(Pcma)));
            }
        });
        let said = AudioFrame::mono(noise(0.002, 32_000), 8_000);
        call.a.bridge.tx.try_send(said).unwrap();
        call.run(3 * SECOND);
        let heard = call.b.audio();
        let pieces = heard[8_000..].chunks(160).map(rms);
        let noisy = pieces
            .filter(|level| (0.001..0.004).contains(level))
            .count();
        assert_eq!(noisy > 95, !taken, "{noisy} of 100 pieces");
    }
}

#[test]
fn the_two_sides_may_differ_in_packet_time() {
    let mut call = Call::new();
    call.b
        .session
        .update(
            call.now,
            MediaUpdate {
                ptime: Some(ms(60)),
                ..MediaUpdate::default()
            },
        )
        .unwrap();
    let said = AudioFrame::mono(tone(1_000.0, 8_000, 3.0), 8_000);
    call.a.bridge.tx.try_send(said.clone()).unwrap();
    call.b.bridge.tx.try_send(said).unwrap();
    call.run(3 * SECOND);
    for party in [&call.a, &call.b] {
        assert!(share_at(&party.audio()[8_000..16_000], 1_000.0, 8_000) > 0.98);
    }
    assert_eq!(call.b.heard[0].frame.samples.len(), 480);
}

#[test]
fn digits_arrive_once_and_speech_waits_for_them() {
    let mut call = Call::with(
        Faults {
            loss: 0.1,
            seed: 3,
            ..Faults::default()
        },
        |config| config.telephone_event = Some(telephone_event()),
    );
    call.run(SECOND);
    call.faults.loss = 0.0;
    call.a
        .bridge
        .tx
        .try_send(AudioFrame::mono(tone(440.0, 8_000, 1.0), 8_000))
        .unwrap();
    call.run(ms(300));
    for digit in "147*#D".chars() {
        call.a
            .session
            .send_dtmf(TelephoneEvent::from_char(digit).unwrap(), ms(120))
            .unwrap();
    }
    let before = call.a.bridge.tx.queued();
    call.run(ms(500));
    let waited = before - call.a.bridge.tx.queued();
    assert!(waited <= ms(160), "speech went on for {waited:?}");
    call.run(3 * SECOND);
    assert_eq!(call.b.digits(), "147*#D");
    assert_eq!(call.a.bridge.tx.queued(), Duration::ZERO);
    let loud = call
        .b
        .audio()
        .chunks(80)
        .filter(|chunk| rms(chunk) > 0.2)
        .count();
    // All of the second was heard: 100 pieces of 10 ms, and what was concealed before the digits.
    assert!((98..=115).contains(&loud), "{loud}");
}

#[test]
fn hold_stops_playback_in_place_and_resume_goes_on() {
    let mut call = Call::new();
    call.run(5 * SECOND); // the jitter buffer has found its delay
    let said = sweep(300.0, 3_000.0, 8_000, 2.0);
    call.a
        .bridge
        .tx
        .try_send(AudioFrame::mono(said.clone(), 8_000))
        .unwrap();
    call.run(SECOND);
    let direction = |may_send| MediaUpdate {
        may_send: Some(may_send),
        ..MediaUpdate::default()
    };
    call.a.session.update(call.now, direction(false)).unwrap();
    let (queued, packets) = (call.a.bridge.tx.queued(), call.a.rtp_out);
    call.run(3 * SECOND);
    assert_eq!(call.a.bridge.tx.queued(), queued);
    assert_eq!(call.a.rtp_out, packets);
    call.a.session.update(call.now, direction(true)).unwrap();
    call.run(3 * SECOND);
    assert_eq!(call.a.bridge.tx.queued(), Duration::ZERO);
    let heard = call.b.audio();
    let (first, fit) = best_fit(&heard, &said[..7_800]);
    assert!(fit > 0.98, "before: {fit}");
    let (second, fit) = best_fit(&heard, &said[8_200..]);
    assert!(fit > 0.98, "after: {fit}");
    let gap = (second - first - 8_200) / 8;
    assert!((2_900..=3_150).contains(&gap), "{gap} ms between");
    assert!(call.b.heard.len() >= 599, "silence fills the hold");
}

#[test]
fn clear_answers_what_really_went_out() {
    let mut call = Call::new();
    call.run(ms(500));
    let before = call.a.rtp_out;
    let tx = call.a.bridge.tx.clone();
    let first = tx
        .try_send(AudioFrame::mono(tone(440.0, 24_000, 0.3), 24_000))
        .unwrap();
    let second = tx
        .try_send(AudioFrame::mono(tone(440.0, 16_000, 5.0), 16_000))
        .unwrap();
    let third = tx
        .try_send(AudioFrame::mono(tone(440.0, 48_000, 1.0), 48_000))
        .unwrap();
    tx.mark("end").unwrap();
    call.run(ms(1_000));
    let cleared = tx.clear();
    let frames = call.a.rtp_out - before;
    let ids: Vec<_> = cleared.utterances.iter().map(|played| played.id).collect();
    assert_eq!(ids, [second, third]);
    assert_ne!(first, second);
    let sent = ms(300) + cleared.utterances[0].sent;
    assert!(
        sent.abs_diff(ms(20) * frames as u32) <= ms(6),
        "{sent:?} in {frames} packets"
    );
    assert_eq!(cleared.utterances[1].sent, Duration::ZERO);
    call.run(ms(500));
    assert_eq!(call.a.marks(), [("end", true)]);
    let heard = call.b.audio();
    assert!(heard[heard.len() - 2_000..].iter().all(|&s| s == 0.0));
}

#[test]
fn marks_are_told_when_the_packets_before_them_are_out() {
    let mut call = Call::new();
    let tx = call.a.bridge.tx.clone();
    tx.try_send(AudioFrame::mono(tone(440.0, 8_000, 0.2), 8_000))
        .unwrap();
    tx.mark("one").unwrap();
    tx.try_send(AudioFrame::mono(tone(440.0, 8_000, 0.2), 8_000))
        .unwrap();
    tx.mark("two").unwrap();
    call.run(ms(181));
    assert_eq!(call.a.marks(), [("one", false)]);
    assert_eq!(call.a.rtp_out, 10);
    call.run(ms(200));
    assert_eq!(call.a.marks(), [("one", false), ("two", false)]);
}

#[test]
fn a_new_codec_takes_over_without_a_gap() {
    let mut call = Call::new();
    let formats = [
        pcmu(),
        MediaFormat::new(8, Arc::new(Pcma)),
        MediaFormat::new(96, Arc::new(Opus::default())),
    ];
    let said = || AudioFrame::mono(tone(700.0, 16_000, 30.0), 16_000);
    call.a.bridge.tx.try_send(said()).unwrap();
    call.run(SECOND);
    for format in [&formats[1], &formats[2], &formats[0]] {
        // As after a re-INVITE: the answering side is ready first, then the other follows.
        for party in [&mut call.b, &mut call.a] {
            let update = MediaUpdate {
                send: Some(format.clone()),
                receive: Some(formats.to_vec()),
                ..MediaUpdate::default()
            };
            party.session.update(call.now, update).unwrap();
        }
        call.run(2 * SECOND);
        let name = format.codec.encoding_name();
        assert_eq!(call.a.session.stats(call.now).codec.as_str(), name);
        let heard = call.b.audio();
        let share = share_at(&heard[heard.len() - 8_000..], 700.0, 8_000);
        assert!(share > 0.97, "{name}: {share}");
        assert!(
            call.b
                .heard
                .iter()
                .all(|frame| frame.frame.sample_rate == 8_000)
        );
    }
    let stats = call.b.session.stats(call.now);
    assert_eq!(stats.lost_packets, 0, "sequence numbers go on");
    let heard = call.b.audio();
    let gaps = heard[8_000..]
        .chunks(80)
        .filter(|chunk| rms(chunk) < 0.1)
        .count();
    assert!(gaps <= 9, "{gaps} pieces of 10 ms are missing");
}

#[test]
fn a_new_payload_type_for_the_same_codec_outlives_the_next_update() {
    let mut call = Call::new();
    let receive = MediaUpdate {
        receive: Some(vec![MediaFormat::new(97, Arc::new(Pcmu))]),
        ..MediaUpdate::default()
    };
    call.b.session.update(call.now, receive).unwrap();
    let update = MediaUpdate {
        send: Some(MediaFormat::new(97, Arc::new(Pcmu))),
        ..MediaUpdate::default()
    };
    call.a.session.update(call.now, update).unwrap();
    let direction = MediaUpdate {
        may_send: Some(true),
        ..MediaUpdate::default()
    };
    call.a.session.update(call.now, direction).unwrap();
    call.run(2 * SECOND);
    let stats = call.b.session.stats(call.now);
    assert!(stats.received_packets > 90, "{stats:?}");
    assert_eq!(stats.dropped_packets, 0, "{stats:?}");
}

#[test]
fn opus_carries_wideband_both_ways_over_a_bad_network() {
    let faults = Faults {
        loss: 0.05,
        jitter: ms(30),
        seed: 11,
        ..Faults::default()
    };
    let opus = || MediaFormat::new(111, Arc::new(Opus::default()));
    let mut call = Call::with(faults, |config| {
        config.send = opus();
        config.receive = vec![opus()];
    });
    call.a
        .bridge
        .tx
        .try_send(AudioFrame::mono(tone(5_000.0, 48_000, 4.0), 48_000))
        .unwrap();
    call.run(4 * SECOND);
    let heard = call.b.audio();
    let rate = Opus::default().sample_rate();
    assert_eq!(heard.len(), call.b.heard.len() * rate as usize / 50);
    let pieces: Vec<f64> = heard[rate as usize..]
        .chunks(rate as usize / 10)
        .map(|p| share_at(p, 5_000.0, rate))
        .collect();
    let good = pieces.iter().filter(|&&share| share > 0.8).count();
    assert!(good * 100 >= pieces.len() * 80, "{pieces:?}");
}

#[test]
fn the_tap_yields_what_went_out_beside_what_was_heard() {
    let mut call = Call::with(Faults::default(), |config| config.tap_sent = true);
    let said = sweep(300.0, 3_000.0, 8_000, 1.0);
    call.a
        .bridge
        .tx
        .try_send(AudioFrame::mono(said.clone(), 8_000))
        .unwrap();
    call.run(2 * SECOND);
    assert_eq!(call.a.sent.len(), call.a.heard.len());
    for (sent, heard) in call.a.sent.iter().zip(&call.a.heard) {
        assert_eq!(sent.media_time, heard.media_time);
        assert_eq!(sent.frame.samples.len(), 160);
    }
    let sent: Vec<f32> = call
        .a
        .sent
        .iter()
        .flat_map(|f| f.frame.samples.clone())
        .collect();
    assert_eq!(sent[..8_000], said[..]);
}

#[test]
fn no_media_and_its_end_are_told() {
    let mut call = Call::new();
    call.faults.loss = 1.0;
    call.run(6 * SECOND);
    assert_eq!(
        call.b.told[0],
        MediaEvent::NoMedia(NoMediaCause::NothingArrives)
    );
    call.faults.loss = 0.0;
    call.run(6 * SECOND);
    assert!(
        call.b
            .told
            .iter()
            .any(|event| matches!(event, MediaEvent::FirstMedia { .. }))
    );
    assert!(
        call.b.told.contains(&MediaEvent::MediaResumed),
        "{:?}",
        call.b.told
    );
    call.faults.loss = 1.0;
    call.run(31 * SECOND);
    assert!(
        call.b.told.contains(&MediaEvent::MediaTimeout),
        "{:?}",
        call.b.told
    );
}

#[test]
fn early_media_is_marked_until_the_answer() {
    let mut call = Call::with(Faults::default(), |config| config.early_media = true);
    call.run(SECOND);
    let answered = MediaUpdate {
        early_media: Some(false),
        ..MediaUpdate::default()
    };
    call.a.session.update(call.now, answered).unwrap();
    call.run(SECOND);
    let early = call
        .a
        .heard
        .iter()
        .take_while(|frame| frame.early_media)
        .count();
    assert_eq!(early, 50);
    assert!(call.a.heard[early..].iter().all(|frame| !frame.early_media));
}

#[test]
fn quality_comes_at_its_interval() {
    let mut call = Call::with(Faults::default(), |config| {
        config.quality_interval = ms(200)
    });
    call.run(10 * SECOND);
    let quality = call
        .a
        .told
        .iter()
        .filter(|event| matches!(event, MediaEvent::Quality(_)))
        .count();
    assert!((48..=50).contains(&quality), "{quality}");
}

#[test]
fn a_late_host_leaves_time_out_instead_of_bursting() {
    let mut call = Call::new();
    call.a
        .bridge
        .tx
        .try_send(AudioFrame::mono(tone(440.0, 8_000, 2.0), 8_000))
        .unwrap();
    call.run(ms(500));
    let queued = call.a.bridge.tx.queued();
    call.a.session.skip(call.now, 10);
    assert_eq!(call.a.bridge.tx.queued(), queued);
    call.run(ms(100));
    let stats = call.a.session.stats(call.now);
    assert_eq!(stats.skipped, ms(200));
    let last = call.a.heard.last().unwrap().media_time;
    assert!(last >= ms(780), "media time goes on: {last:?}");
}

#[test]
fn stop_says_bye_and_closes_the_programs_ends() {
    let mut call = Call::new();
    call.run(SECOND);
    call.a
        .bridge
        .tx
        .try_send(AudioFrame::mono(tone(440.0, 8_000, 2.0), 8_000))
        .unwrap();
    call.a.session.stop(call.now);
    call.run(SECOND);
    assert!(
        call.b.told.contains(&MediaEvent::RemoteBye),
        "{:?}",
        call.b.told
    );
    assert!(call.a.bridge.tx.is_closed());
    let error = call
        .a
        .bridge
        .tx
        .try_send(AudioFrame::mono(vec![0.0; 8], 8_000))
        .unwrap_err();
    assert_eq!(error.error, media_engine::AudioError::Closed);
}

#[test]
fn nonsense_in_the_configuration_is_refused() {
    let refused = |change: fn(&mut media_engine::MediaConfig)| {
        let mut config = crate::network::config(0);
        change(&mut config);
        let now = std::time::Instant::now();
        let anchor = media_engine::ClockAnchor::new(now, std::time::SystemTime::now());
        let error = media_engine::MediaSession::new(now, anchor, 1, config)
            .map(|_| ())
            .unwrap_err();
        assert!(
            matches!(error, media_engine::EngineError::Config(_)),
            "{error:?}"
        );
    };
    refused(|config| config.ptime = Duration::from_millis(5));
    refused(|config| config.ptime = Duration::from_micros(20_500));
    refused(|config| config.ptime = Duration::from_millis(80));
    refused(|config| config.receive.clear());
    refused(|config| config.receive_rate = Some(4_000));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn any_bytes_from_anywhere_leave_the_call_alone(
        datagrams in proptest::collection::vec((any::<bool>(), proptest::collection::vec(any::<u8>(), 0..80)), 1..100),
    ) {
        let mut call = Call::new();
        for (rtcp, bytes) in datagrams {
            let channel = if rtcp { Channel::Rtcp } else { Channel::Rtp };
            let now = call.now;
            call.a.session.handle_datagram(now, addr(9, 9_000), channel, &bytes);
            call.run(ms(20));
        }
        call.run(SECOND);
        prop_assert!(call.a.heard.len() >= 49);
    }
}
