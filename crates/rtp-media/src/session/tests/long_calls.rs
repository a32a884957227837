//! Figures after hours: sequence numbers, timestamps, NTP times and counters wrap, and nothing else changes.

use super::*;
use crate::session::reception::Reception;

const HOUR: u64 = 3_600;

/// The last report that a side sent: its RTCP datagram.
fn last_report(session: &mut RtpSession, now: Instant) -> Vec<u8> {
    session.stop(now);
    let mut datagram = Vec::new();
    let mut last = Vec::new();
    while let Some(transmit) = session.poll_transmit(now, &mut datagram) {
        if transmit.channel == Channel::Rtcp {
            last.clone_from(&datagram);
        }
    }
    last
}

fn word(bytes: &[u8], at: usize) -> u32 {
    u32::from_be_bytes(bytes[at..at + 4].try_into().unwrap())
}

#[test]
fn three_hours_of_loss_are_counted_to_the_packet() {
    let mut pair = Pair::new(ms(45), |config| {
        // The middle 32 bits of NTP time wrap after ten minutes, and the seconds at midnight of 2036.
        config.clock_anchor.ntp = NtpTime(0xffff_fda8_0000_0000);
    });
    for session in &mut pair.sessions {
        session.outbound.sequence = 65_000;
        session.outbound.timestamp = u32::MAX - 8_000 * 1_800;
    }
    pair.lose = |packet| packet % 101 == 100;
    for hour in 1..=3 {
        pair.run(HOUR);
        for side in 0..2 {
            let (mine, theirs) = (pair.stats(side), pair.stats(1 - side));
            assert_eq!(mine.sent_packets, hour * HOUR * 50);
            assert_eq!(mine.sent_octets, mine.sent_packets * 160);
            // Three packets are on their way.
            assert!(
                mine.expected_packets.abs_diff(theirs.sent_packets) <= 4,
                "{mine:?}"
            );
            let share = (mine.expected_packets - mine.received_packets) as f64
                / mine.expected_packets as f64;
            assert!((share - 1.0 / 101.0).abs() < 0.001, "{share}: {mine:?}");
            let waits = mine.expected_packets - mine.received_packets - mine.lost_packets;
            assert!(waits <= 2, "{mine:?}");
            assert_eq!((mine.late_packets, mine.discarded_packets), (0, 0));
            assert_eq!(mine.jitter, Duration::ZERO);
            assert_eq!(mine.remote_jitter, Duration::ZERO);
            let round_trip = mine.round_trip.unwrap();
            assert!((ms(89)..ms(92)).contains(&round_trip), "{round_trip:?}");
            // The peer's last report is at most 8 s old.
            let told = u64::try_from(mine.remote_lost_packets).unwrap();
            let lost = theirs.expected_packets - theirs.received_packets;
            assert!(lost - told <= 6, "{told} of {lost}");
            assert!((0.0..0.05).contains(&mine.remote_fraction_lost));
            assert!(mine.bursts.burst_packets == 0.0 && mine.bursts.gap_density > 0.009);
            assert_eq!(mine.playout_delay, theirs.playout_delay);
        }
    }
    let reports = pair.stats(0).sent_reports as f64;
    assert!(
        (4.6..5.4).contains(&(3.0 * HOUR as f64 / reports)),
        "{reports}"
    );
    assert!(pair.missing[0] as u64 <= pair.stats(0).lost_packets + 10);
}

#[test]
fn counts_of_a_sender_report_wrap_at_32_bits() {
    let mut lone = Lone::new(|_| {});
    lone.session.outbound.packets = u64::from(u32::MAX) - 4;
    lone.session.outbound.octets = u64::from(u32::MAX) - 159;
    lone.session.outbound.timestamp = u32::MAX - 159;
    for tick in 0..10 {
        lone.session
            .send_audio(lone.start + ms(tick * 20), &[0; 160], 160);
    }
    let report = last_report(&mut lone.session, lone.start + ms(200));
    assert_eq!(report[1], 200);
    assert_eq!(word(&report, 20), 5, "packets");
    assert_eq!(word(&report, 24), 9 * 160, "octets");
    // 200 ms after a stream that began 160 units before zero.
    assert_eq!(word(&report, 16), 9 * 160);
    let stats = lone.session.stats(lone.start);
    assert_eq!(
        stats.sent_packets,
        u64::from(u32::MAX) + 6,
        "ours do not wrap"
    );
}

#[test]
fn the_total_of_lost_packets_stops_at_24_bits() {
    let mut reception = Reception::new(Ssrc(1), 0);
    let mut sequence = 0_u16;
    // Each step loses 2,900 packets: 8,388,607 after 2,893 of them.
    for step in 0..3_000_u32 {
        reception.update_sequence(sequence);
        sequence = sequence.wrapping_add(2_901);
        if step == 2_000 {
            let block = reception.take_block(start());
            assert_eq!(block.total_lost, 2_000 * 2_900);
            assert_eq!(block.fraction_lost, 255);
        }
    }
    assert_eq!(reception.take_block(start()).total_lost, 0x7f_ffff);
    let mut doubled = Reception::new(Ssrc(1), 0);
    for _ in 0..9_000_000 {
        doubled.update_sequence(0);
    }
    assert_eq!(doubled.take_block(start()).total_lost, -0x80_0000);
}

#[test]
fn the_total_goes_over_the_wire_as_a_signed_number() {
    let mut pair = Pair::new(ms(20), |_| {});
    pair.run(1);
    let mut twice = Vec::new();
    let source = address(1);
    let packet = RtpPacket {
        meta: PacketMeta {
            sequence: pair.sessions[0].outbound.sequence.wrapping_sub(5),
            timestamp: 0,
            marker: false,
            payload_type: PCMU,
        },
        ssrc: pair.sessions[0].config.ssrc,
        payload: &[0; 160],
    };
    packet.write(&mut twice);
    for _ in 0..50 {
        pair.sessions[1].handle_datagram(pair.now, source, Channel::Rtp, &twice);
    }
    pair.run(20);
    assert!((-50..=-47).contains(&pair.stats(0).remote_lost_packets));
    assert_eq!(pair.stats(1).lost_packets, 0);
}

#[test]
fn pauses_and_keys_do_not_disturb_the_jitter() {
    let mut pair = Pair::new(ms(30), |_| {});
    for session in &mut pair.sessions {
        // It wraps during the fourth round.
        session.outbound.timestamp = u32::MAX - 8_000 * 40;
    }
    for digit in "1590*".chars() {
        pair.run(5);
        let now = pair.now;
        let key = TelephoneEvent::from_char(digit).unwrap();
        pair.sessions[0]
            .send_telephone_event(now, key, ms(160))
            .unwrap();
        pair.run(2);
        // Two seconds and a half without a packet, as with DTX.
        for _ in 0..125 {
            pair.deliver();
            pair.sessions[0].skip_audio(pair.now, 160);
            pair.sessions[1].playout(pair.now, Duration::ZERO);
            pair.collect(0);
            pair.now += PTIME;
        }
        assert_eq!(pair.stats(1).jitter, Duration::ZERO, "after {digit}");
    }
    pair.run(5);
    let stats = pair.stats(1);
    assert_eq!(
        (stats.lost_packets, stats.late_packets),
        (0, 0),
        "{stats:?}"
    );
    let keys = pair.events[1]
        .iter()
        .filter(|event| matches!(event, RtpEvent::TelephoneEvent { .. }))
        .count();
    assert_eq!(keys, 5);
}

#[test]
fn a_round_trip_is_measured_over_the_wrap_of_the_middle_bits() {
    // The middle bits wrap 1 s after the start, and every 18 h 12 min after that.
    for offset in [0, 1, 2, 3, 4, 5] {
        let mut pair = Pair::new(ms(40), |config| {
            config.clock_anchor.ntp = NtpTime((0xe000_ffff - offset) << 32);
        });
        let mut measured = Vec::new();
        for _ in 0..15 {
            pair.run(1);
            measured.extend(pair.stats(0).round_trip);
        }
        assert!(measured.len() > 4, "{measured:?}");
        for round_trip in measured {
            assert!(
                (ms(79)..ms(82)).contains(&round_trip),
                "{offset}: {round_trip:?}"
            );
        }
    }
}
