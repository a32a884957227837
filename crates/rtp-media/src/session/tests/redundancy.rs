//! Redundant audio (RFC 2198) between two sessions, and from peers that do it otherwise.

use super::*;
use crate::redundancy::RedundancyWriter;
use crate::session::config::RedundancyFormat;

const RED: PayloadType = PayloadType(97);

fn red(generations: u8) -> Option<RedundancyFormat> {
    Some(RedundancyFormat {
        send_payload_type: RED,
        receive_payload_type: RED,
        generations,
    })
}

/// One in ten, without a pattern.
fn one_in_ten(packet: u64) -> bool {
    let mut random = Random::new(packet);
    random.next_f64() < 0.1
}

fn lossy_call(generations: u8, lose: fn(u64) -> bool) -> Pair {
    let mut pair = Pair::new(ms(30), |config| config.redundancy = red(generations));
    pair.lose = lose;
    pair.run(120);
    pair
}

#[test]
fn one_generation_makes_ten_percent_of_loss_one() {
    let plain = lossy_call(0, one_in_ten);
    let redundant = lossy_call(1, one_in_ten);
    let twice = lossy_call(2, one_in_ten);
    for side in 0..2 {
        let [bare, one, two] = [&plain, &redundant, &twice].map(|pair| pair.stats(side));
        let packets = bare.expected_packets as f64;
        let share = |count: u64| count as f64 / packets;
        assert!(share(bare.lost_packets) > 0.08, "{bare:?}");
        assert_eq!(bare.recovered_packets, 0);
        // Two in a row are lost once in a hundred.
        let gone = share(one.lost_packets + one.late_packets);
        assert!(gone < 0.02, "{gone}: {one:?}");
        let recovered = share(one.recovered_packets);
        assert!((0.07..0.11).contains(&recovered), "{recovered}: {one:?}");
        assert_eq!(
            one.duplicate_packets, 0,
            "what is there is not inserted again"
        );
        assert!(
            share(two.lost_packets + two.late_packets) < 0.004,
            "{two:?}"
        );
        assert!(one.mos > bare.mos);
        // RFC 3550 counts what the network lost, recovered or not.
        assert!(one.remote_lost_packets > 400);
        let in_order = redundant.played[side]
            .windows(2)
            .all(|w| matches!(w[1].wrapping_sub(w[0]), 1..20));
        assert!(in_order);
    }
    let concealed = |pair: &Pair| pair.missing[0] as f64 / pair.ticks as f64;
    assert!(concealed(&redundant) < 0.025, "{}", concealed(&redundant));
    assert!(concealed(&plain) > 0.08);
}

#[test]
fn without_loss_redundancy_changes_nothing_that_is_heard() {
    let pair = lossy_call(2, |_| false);
    let stats = pair.stats(0);
    assert_eq!((stats.recovered_packets, stats.duplicate_packets), (0, 0));
    assert_eq!((stats.lost_packets, pair.missing[0]), (0, 0));
    assert_eq!(stats.target_delay, {
        let plain = lossy_call(0, |_| false);
        plain.stats(0).target_delay
    });
}

/// A packet of redundant data from the peer.
fn redundant(lone: &mut Lone, at: u64, sequence: u16, payload: &[u8]) {
    lone.receive(at, address(2), 7, sequence, 97, payload);
}

#[test]
fn a_block_stands_for_its_packet() {
    let mut lone = Lone::new(|config| config.redundancy = red(0));
    let mut writer = RedundancyWriter::default();
    let payloads: Vec<Vec<u8>> = (0..40_u16)
        .map(|sequence| {
            let timestamp = u32::from(sequence) * 160;
            writer
                .write(PCMU, timestamp, &[sequence as u8; 160], 1)
                .to_vec()
        })
        .collect();
    let mut heard = Vec::new();
    for sequence in 0..40_u16 {
        let at = u64::from(sequence) * 20;
        if sequence != 20 {
            redundant(&mut lone, at, sequence, &payloads[usize::from(sequence)]);
        }
        let now = lone.start + ms(at + 1);
        if let Playout::Packet {
            payload,
            payload_type,
            sequence,
            timestamp,
            ..
        } = lone.session.playout(now, Duration::ZERO)
        {
            assert_eq!(payload_type, PCMU);
            assert_eq!(timestamp, u32::from(sequence) * 160);
            heard.push((sequence, payload[0]));
        }
    }
    let all = (heard[0].0..).zip(heard[0].1..).take(heard.len());
    assert!(heard.iter().copied().eq(all), "{heard:?}");
    assert!(heard.len() > 35);
    let stats = lone.session.stats(lone.start);
    assert_eq!((stats.recovered_packets, stats.lost_packets), (1, 0));
    assert_eq!(stats.received_packets, 39, "as the network brought them");
}

#[test]
fn a_recovered_packet_that_comes_after_all_is_a_duplicate() {
    let mut lone = Lone::new(|config| config.redundancy = red(0));
    let mut writer = RedundancyWriter::default();
    let payloads: Vec<Vec<u8>> = (0..4_u32)
        .map(|n| writer.write(PCMU, n * 160, &[n as u8; 160], 1).to_vec())
        .collect();
    for (at, sequence) in [(0, 0_u16), (20, 1), (60, 3), (61, 2)] {
        redundant(&mut lone, at, sequence, &payloads[usize::from(sequence)]);
    }
    let stats = lone.session.stats(lone.start);
    assert_eq!((stats.recovered_packets, stats.duplicate_packets), (1, 1));
    assert_eq!(stats.late_packets, 0);
}

#[test]
fn keys_inside_redundant_data_are_told_once() {
    let mut lone = Lone::new(|config| config.redundancy = red(0));
    let silence = [0xff; 160];
    let event = |end: u8, duration: u16| {
        let [high, low] = duration.to_be_bytes();
        [5, end << 7 | 10, high, low]
    };
    let mut writer = RedundancyWriter::default();
    let mut sequence = 0;
    let mut send = |lone: &mut Lone, kind: u8, payload: &[u8], lost: bool, timestamp: u32| {
        let bytes = writer
            .write(PayloadType(kind), timestamp, payload, 1)
            .to_vec();
        let packet = RtpPacket {
            meta: PacketMeta {
                sequence,
                timestamp,
                marker: false,
                payload_type: RED,
            },
            ssrc: Ssrc(7),
            payload: &bytes,
        };
        let mut datagram = Vec::new();
        packet.write(&mut datagram);
        if !lost {
            lone.raw(
                u64::from(sequence) * 20,
                address(2),
                Channel::Rtp,
                &datagram,
            );
        }
        sequence += 1;
    };
    for n in 0..5 {
        send(&mut lone, 0, &silence, false, n * 160);
    }
    // The first packet of the press is lost, and the one that ends it.
    for (duration, end, lost) in [
        (160, 0, true),
        (320, 0, false),
        (480, 0, false),
        (640, 1, true),
    ] {
        send(&mut lone, 101, &event(end, duration), lost, 800);
    }
    send(&mut lone, 101, &event(1, 640), false, 800);
    for n in 10..14 {
        send(&mut lone, 0, &silence, false, n * 160);
    }
    let keys: Vec<RtpEvent> = lone
        .events()
        .into_iter()
        .filter(|event| !matches!(event, RtpEvent::FirstPacket { .. }))
        .collect();
    assert!(
        matches!(
            keys[..],
            [
                RtpEvent::TelephoneEvent { event: down, .. },
                RtpEvent::TelephoneEventEnded { event: up, duration },
            ] if down == up && down.as_char() == '5' && duration == ms(80)
        ),
        "{keys:?}"
    );
    assert_eq!(lone.session.stats(lone.start).dropped.total(), 0);
}

#[test]
fn a_key_press_ends_the_redundancy_until_the_next_word() {
    let mut pair = Pair::new(ms(30), |config| config.redundancy = red(1));
    pair.run(5);
    let now = pair.now;
    let key = TelephoneEvent::from_char('7').unwrap();
    pair.sessions[0]
        .send_telephone_event(now, key, ms(100))
        .unwrap();
    pair.run(5);
    let told = pair.events[1]
        .iter()
        .filter(|event| matches!(event, RtpEvent::TelephoneEvent { .. }))
        .count();
    assert_eq!(told, 1);
    let stats = pair.stats(1);
    assert_eq!((stats.recovered_packets, stats.lost_packets), (0, 0));
    assert_eq!(stats.dropped.total(), 0);
}

#[test]
fn payloads_that_make_no_sense_are_counted_and_dropped() {
    let mut lone = Lone::new(|config| config.redundancy = red(0));
    redundant(&mut lone, 0, 0, &[0x80]);
    redundant(&mut lone, 20, 1, &[]);
    // Well-formed, but the primary block is of a type that nobody agreed on.
    redundant(&mut lone, 40, 2, &[55, 1, 2]);
    // Redundant data within redundant data.
    redundant(&mut lone, 60, 3, &[97, 0, 1, 2]);
    let dropped = lone.session.stats(lone.start).dropped;
    assert_eq!((dropped.malformed, dropped.payload_type), (2, 2));
}

#[test]
fn redundancy_may_come_and_go_with_a_reinvite() {
    let mut pair = Pair::new(ms(30), |_| {});
    pair.run(2);
    for session in &mut pair.sessions {
        let update = RtpSessionUpdate {
            redundancy: Some(red(1)),
            ..RtpSessionUpdate::default()
        };
        session.update(pair.now, update);
    }
    pair.lose = |packet| packet % 19 == 7;
    pair.run(20);
    assert!(pair.stats(0).recovered_packets > 20, "{:?}", pair.stats(0));
    for session in &mut pair.sessions {
        let update = RtpSessionUpdate {
            redundancy: Some(None),
            ..RtpSessionUpdate::default()
        };
        session.update(pair.now, update);
    }
    let before = pair.stats(0).recovered_packets;
    pair.run(10);
    // What was on its way is of a type that is no longer agreed on.
    assert!(pair.stats(0).recovered_packets - before <= 1);
}
