//! Sessions in virtual time: pairs over a virtual link, and one session against hand-made datagrams.
#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

mod extended_reports;
mod long_calls;
mod redundancy;

use std::collections::BTreeMap;

use super::config::TelephoneEventFormat;
use super::*;
use crate::clock::{ClockAnchor, NtpTime};
use crate::event::NoMediaCause;
use crate::jitter_buffer::PacketMeta;
use crate::packet::RtpPacket;
use crate::telephone_event::{TelephoneEvent, TelephoneEventError};
use crate::units::Ssrc;

const PTIME: Duration = Duration::from_millis(20);
const PCMU: PayloadType = PayloadType(0);
const RATE: ClockRate = ClockRate(8_000);

#[allow(clippy::disallowed_methods, reason = "an Instant has no other source")]
fn start() -> Instant {
    Instant::now() + Duration::from_secs(100)
}

fn ms(milliseconds: u64) -> Duration {
    Duration::from_millis(milliseconds)
}

fn address(last: u8) -> SocketAddr {
    SocketAddr::from(([192, 0, 2, last], 4_000))
}

fn keys(payload_type: u8) -> Option<TelephoneEventFormat> {
    Some(TelephoneEventFormat {
        send_payload_type: PayloadType(payload_type),
        receive_payload_type: PayloadType(payload_type),
        clock_rate: RATE,
    })
}

fn config(now: Instant, remote: u8) -> RtpSessionConfig {
    let anchor = ClockAnchor {
        instant: now,
        ntp: NtpTime(0xe000_0000_0000_0000),
    };
    RtpSessionConfig {
        telephone_event: keys(101),
        ..RtpSessionConfig::new(anchor, u64::from(remote), address(remote), PCMU, RATE)
    }
}

/// Two sessions and the link between them.
struct Pair {
    start: Instant,
    now: Instant,
    sessions: [RtpSession; 2],
    events: [Vec<RtpEvent>; 2],
    played: [Vec<u8>; 2],
    missing: [usize; 2],
    one_way: Duration,
    /// Datagrams that are lost: called with a running number.
    lose: fn(u64) -> bool,
    on_the_way: BTreeMap<(Instant, u64), (usize, Channel, Vec<u8>)>,
    sent: u64,
    ticks: u64,
}

impl Pair {
    fn new(one_way: Duration, adjust: impl Fn(&mut RtpSessionConfig)) -> Self {
        let start = start();
        let session = |remote: u8| {
            let mut config = config(start, remote);
            adjust(&mut config);
            RtpSession::new(start, config)
        };
        Self {
            start,
            now: start,
            sessions: [session(2), session(1)],
            events: [Vec::new(), Vec::new()],
            played: [Vec::new(), Vec::new()],
            missing: [0, 0],
            one_way,
            lose: |_| false,
            on_the_way: BTreeMap::new(),
            sent: 0,
            ticks: 0,
        }
    }

    /// One packet time: each side sends a packet whose payload is its tick, and plays.
    fn tick(&mut self) {
        self.deliver();
        for side in 0..2 {
            let session = &mut self.sessions[side];
            session.handle_timeout(self.now);
            match session.playout(self.now, Duration::ZERO) {
                Playout::Packet { payload, .. } => self.played[side].push(payload[0]),
                Playout::Missing { .. } => self.missing[side] += 1,
                Playout::Silence => {}
            }
            session.send_audio(self.now, &[self.ticks as u8; 160], 160);
            self.collect(side);
        }
        self.ticks += 1;
        self.now += PTIME;
    }

    fn collect(&mut self, side: usize) {
        let mut datagram = Vec::new();
        while let Some(transmit) = self.sessions[side].poll_transmit(self.now, &mut datagram) {
            self.sent += 1;
            if !(self.lose)(self.sent) {
                self.on_the_way.insert(
                    (self.now + self.one_way, self.sent),
                    (side, transmit.channel, datagram.clone()),
                );
            }
        }
        while let Some(event) = self.sessions[side].poll_event() {
            self.events[side].push(event);
        }
    }

    fn deliver(&mut self) {
        while let Some(entry) = self.on_the_way.first_entry() {
            if entry.key().0 > self.now {
                break;
            }
            let ((at, _), (from, channel, datagram)) = entry.remove_entry();
            let port = if channel == Channel::Rtcp {
                4_001
            } else {
                4_000
            };
            let source = SocketAddr::new(address(from as u8 + 1).ip(), port);
            self.sessions[1 - from].handle_datagram(at, source, channel, &datagram);
        }
    }

    fn run(&mut self, seconds: u64) {
        let end = self.now + Duration::from_secs(seconds);
        while self.now < end {
            self.tick();
        }
    }

    fn stats(&self, side: usize) -> RtpStats {
        self.sessions[side].stats(self.now)
    }
}

/// One session that is sent hand-made packets.
struct Lone {
    start: Instant,
    session: RtpSession,
}

impl Lone {
    fn new(adjust: impl FnOnce(&mut RtpSessionConfig)) -> Self {
        let start = start();
        let mut config = config(start, 2);
        adjust(&mut config);
        Self {
            start,
            session: RtpSession::new(start, config),
        }
    }

    fn receive(
        &mut self,
        at: u64,
        source: SocketAddr,
        ssrc: u32,
        sequence: u16,
        payload_type: u8,
        payload: &[u8],
    ) {
        let packet = RtpPacket {
            meta: PacketMeta {
                sequence,
                timestamp: u32::from(sequence) * 160,
                marker: false,
                payload_type: PayloadType(payload_type),
            },
            ssrc: Ssrc(ssrc),
            payload,
        };
        let mut bytes = Vec::new();
        packet.write(&mut bytes);
        self.raw(at, source, Channel::Rtp, &bytes);
    }

    fn raw(&mut self, at: u64, source: SocketAddr, channel: Channel, bytes: &[u8]) {
        self.session
            .handle_datagram(self.start + ms(at), source, channel, bytes);
    }

    fn audio(&mut self, at: u64, source: SocketAddr, ssrc: u32, sequence: u16) {
        self.receive(at, source, ssrc, sequence, 0, &[0; 160]);
    }

    fn events(&mut self) -> Vec<RtpEvent> {
        std::iter::from_fn(|| self.session.poll_event()).collect()
    }

    /// Lets time pass to `at`, firing deadlines on the way; what happened.
    fn wait(&mut self, at: u64) -> Vec<RtpEvent> {
        let end = self.start + ms(at);
        while let Some(deadline) = self.session.poll_timeout() {
            if deadline > end {
                break;
            }
            self.session.handle_timeout(deadline);
        }
        self.events()
            .into_iter()
            .filter(|event| !matches!(event, RtpEvent::PeerReport(_)))
            .collect()
    }

    fn transmits(&mut self) -> Vec<(Transmit, Vec<u8>)> {
        let now = self.start;
        std::iter::from_fn(|| {
            let mut bytes = Vec::new();
            self.session
                .poll_transmit(now, &mut bytes)
                .map(|transmit| (transmit, bytes))
        })
        .collect()
    }
}

#[test]
fn a_clean_call_plays_what_was_sent() {
    let mut pair = Pair::new(ms(30), |_| {});
    pair.run(30);
    for side in 0..2 {
        let stats = pair.stats(side);
        assert_eq!(
            (
                stats.lost_packets,
                stats.late_packets,
                stats.duplicate_packets
            ),
            (0, 0, 0)
        );
        assert_eq!(pair.missing[side], 0);
        assert_eq!(stats.dropped.total(), 0);
        assert_eq!(stats.sent_packets, 1_500);
        assert_eq!(stats.sent_octets, 1_500 * 160);
        let in_order = pair.played[side]
            .windows(2)
            .all(|w| w[1] == w[0].wrapping_add(1));
        assert!(in_order && pair.played[side].len() > 1_490);
        assert_eq!(stats.jitter, Duration::ZERO);
        assert!(matches!(pair.events[side][0], RtpEvent::FirstPacket { .. }));
    }
}

#[test]
fn both_sides_know_loss_and_round_trip() {
    let mut pair = Pair::new(ms(50), |_| {});
    // The running number counts both sides alternately; scattered, it is 10 % of each.
    pair.lose = |number| Random::new(number).next_u64().is_multiple_of(10);
    pair.run(60);
    for side in 0..2 {
        let stats = pair.stats(side);
        let round_trip = stats
            .round_trip
            .expect("several reports have gone both ways");
        assert!((ms(98)..=ms(102)).contains(&round_trip), "{round_trip:?}");
        let share = stats.lost_packets as f64 / 3_000.0;
        assert!((0.08..0.12).contains(&share), "{share}");
        assert!(
            (0.03..0.2).contains(&stats.remote_fraction_lost),
            "{}",
            stats.remote_fraction_lost
        );
        let told = f64::from(stats.remote_lost_packets) / 3_000.0;
        assert!((0.06..0.12).contains(&told), "{told}");
        assert_eq!(pair.missing[side] as u64, stats.lost_packets);
        assert!(
            pair.events[side]
                .iter()
                .any(|e| matches!(e, RtpEvent::PeerReport(_)))
        );
        assert!((stats.concealed.as_millis() as u64).abs_diff(stats.lost_packets * 20) <= 100);
    }
}

#[test]
fn the_first_report_comes_early_and_is_well_formed() {
    for seed in 0..20 {
        let mut lone = Lone::new(|config| config.seed = seed);
        lone.audio(0, address(2), 7, 1);
        lone.session.send_audio(lone.start, &[0; 160], 160);
        lone.wait(2_500);
        let reports: Vec<_> = lone
            .transmits()
            .into_iter()
            .filter(|(transmit, _)| transmit.channel == Channel::Rtcp)
            .collect();
        let (transmit, bytes) = &reports[0];
        assert_eq!(
            transmit.destination,
            SocketAddr::new(address(2).ip(), 4_001)
        );
        assert!(crate::guard::rtcp_is_sound(bytes));
        assert_eq!(bytes[..2], [0x81, 200], "an SR with one block");
    }
}

#[test]
fn who_sends_nothing_reports_as_a_receiver() {
    let mut lone = Lone::new(|_| {});
    lone.audio(0, address(2), 7, 1);
    lone.wait(2_500);
    let (_, bytes) = &lone.transmits()[0];
    assert_eq!(bytes[..2], [0x81, 201]);
    lone.wait(60_000);
    let (_, bytes) = lone.transmits().pop().expect("more reports");
    assert_eq!(
        bytes[..2],
        [0x80, 201],
        "nothing was heard since the one before"
    );
}

#[test]
fn with_rtcp_mux_all_goes_over_one_port() {
    let mut pair = Pair::new(ms(10), |config| config.rtcp_mux = true);
    pair.run(20);
    for side in 0..2 {
        let stats = pair.stats(side);
        assert!(stats.sent_reports >= 3 && stats.received_reports >= 3);
        assert!(stats.round_trip.is_some());
        assert_eq!(stats.dropped.total(), 0);
    }
}

#[test]
fn a_peer_that_muxes_unasked_is_understood() {
    let mut lone = Lone::new(|_| {});
    lone.audio(0, address(2), 7, 1);
    let report = [0x80, 201, 0, 1, 0, 0, 0, 7];
    lone.raw(10, address(2), Channel::Rtp, &report);
    assert_eq!(lone.session.stats(lone.start).received_reports, 1);
}

#[test]
fn a_report_behind_feedback_is_not_lost() {
    let mut lone = Lone::new(|_| {});
    lone.audio(0, address(2), 7, 1);
    let mut compound = vec![0x81, 205, 0, 1, 0, 7, 14, 21];
    compound.extend_from_slice(&[0x81, 201, 0, 7, 0, 0, 0, 7]);
    compound.extend_from_slice(&lone.session.config.ssrc.0.to_be_bytes());
    compound.extend_from_slice(&[64, 0, 0, 9, 0, 0, 0, 1, 0, 0, 0, 80, 0, 0, 0, 0, 0, 0, 0, 0]);
    lone.raw(10, address(2), Channel::Rtcp, &compound);
    let report = lone.events().pop().expect("an event");
    let RtpEvent::PeerReport(report) = report else {
        panic!("{report:?}");
    };
    assert_eq!((report.fraction_lost, report.lost_packets), (0.25, 9));
    assert_eq!((report.jitter, report.round_trip), (ms(10), None));
}

#[test]
fn reports_of_strangers_do_not_count() {
    let mut lone = Lone::new(|_| {});
    lone.audio(0, address(2), 7, 1);
    lone.events();
    let stranger = SocketAddr::from(([203, 0, 113, 9], 9));
    lone.raw(10, stranger, Channel::Rtcp, &[0x81, 203, 0, 1, 0, 0, 0, 8]);
    assert_eq!(lone.events(), []);
    assert_eq!(lone.session.stats(lone.start).received_reports, 0);
}

#[test]
fn noise_is_described_under_its_own_number_and_speech_after_it_bears_the_marker() {
    let mut lone = Lone::new(|_| {});
    let now = lone.start;
    let mut seen = Vec::new();
    for tick in 0..6 {
        match tick {
            2 => lone
                .session
                .send_comfort_noise(now, PayloadType(13), &[60, 127], 160),
            3 => lone.session.skip_audio(now, 160),
            _ => lone.session.send_audio(now, &[0; 160], 160),
        }
        for (_, bytes) in lone.transmits() {
            let packet = RtpPacket::parse(&bytes).expect("ours");
            let meta = packet.meta;
            seen.push((meta.payload_type.0, meta.timestamp, meta.marker));
        }
    }
    let first = seen[0].1;
    let relative: Vec<_> = seen
        .iter()
        .map(|&(number, timestamp, marker)| (number, timestamp.wrapping_sub(first), marker))
        .collect();
    assert_eq!(
        relative,
        [
            (0, 0, true),
            (0, 160, false),
            (13, 320, false),
            (0, 640, true),
            (0, 800, false),
        ]
    );
}

#[test]
fn the_marker_is_set_after_silence_and_time_goes_on() {
    let mut lone = Lone::new(|_| {});
    let now = lone.start;
    let mut seen = Vec::new();
    for tick in 0..8 {
        match tick {
            3..5 => lone.session.skip_audio(now, 160),
            _ => lone.session.send_audio(now, &[0; 160], 160),
        }
        for (_, bytes) in lone.transmits() {
            let packet = RtpPacket::parse(&bytes).expect("ours");
            seen.push((
                packet.meta.sequence,
                packet.meta.timestamp,
                packet.meta.marker,
            ));
        }
    }
    let (first_sequence, first_timestamp, _) = seen[0];
    let relative: Vec<_> = seen
        .iter()
        .map(|&(s, t, m)| {
            (
                s.wrapping_sub(first_sequence),
                t.wrapping_sub(first_timestamp),
                m,
            )
        })
        .collect();
    assert_eq!(
        relative,
        [
            (0, 0, true),
            (1, 160, false),
            (2, 320, false),
            (3, 800, true),
            (4, 960, false),
            (5, 1_120, false)
        ]
    );
}

#[test]
fn keys_arrive_once_each_through_heavy_loss() {
    let mut pair = Pair::new(ms(20), |_| {});
    pair.lose = |number| Random::new(number).next_u64() % 10 < 3;
    pair.run(1);
    let digits = "0123456789*#ABCD";
    for key in digits.chars() {
        let event = TelephoneEvent::from_char(key).expect("a key");
        pair.sessions[0]
            .send_telephone_event(pair.now, event, ms(100))
            .expect("negotiated");
    }
    assert!(pair.sessions[0].is_sending_telephone_event());
    pair.run(5);
    assert!(!pair.sessions[0].is_sending_telephone_event());
    let keys = |event: &RtpEvent| match event {
        RtpEvent::TelephoneEvent { event, .. } => Some(event.as_char()),
        _ => None,
    };
    let downs: String = pair.events[1].iter().filter_map(keys).collect();
    assert_eq!(downs, digits);
    let ups: Vec<Duration> = pair.events[1]
        .iter()
        .filter_map(|event| match event {
            RtpEvent::TelephoneEventEnded { duration, .. } => Some(*duration),
            _ => None,
        })
        .collect();
    assert_eq!(ups.len(), 16);
    assert!(
        ups.iter().all(|d| (ms(60)..=ms(100)).contains(d)),
        "{ups:?}"
    );
}

#[test]
fn keys_take_the_place_of_audio_and_are_no_loss() {
    let mut pair = Pair::new(ms(20), |_| {});
    pair.run(2);
    let key = TelephoneEvent::from_char('7').expect("a key");
    pair.sessions[0]
        .send_telephone_event(pair.now, key, ms(100))
        .expect("negotiated");
    pair.run(3);
    let stats = pair.stats(1);
    assert_eq!((stats.lost_packets, stats.late_packets), (0, 0));
    assert_eq!(stats.expected_packets, stats.received_packets);
    assert!(
        stats.jitter < ms(1),
        "fixed timestamps are no jitter: {:?}",
        stats.jitter
    );
}

#[test]
fn keys_that_cannot_be_sent_are_refused_with_the_reason() {
    let key = TelephoneEvent::from_char('1').expect("a key");
    let mut lone = Lone::new(|config| config.telephone_event = None);
    let refused = lone.session.send_telephone_event(lone.start, key, ms(100));
    assert_eq!(refused, Err(TelephoneEventError::NotNegotiated));
    let mut lone = Lone::new(|config| config.may_send = false);
    let refused = lone.session.send_telephone_event(lone.start, key, ms(100));
    assert_eq!(refused, Err(TelephoneEventError::NotSending));
}

#[test]
fn keys_with_an_ssrc_of_their_own_do_not_disturb_the_audio() {
    let mut lone = Lone::new(|_| {});
    for sequence in 0..50_u16 {
        let at = u64::from(sequence) * 20;
        lone.audio(at, address(2), 7, sequence);
        if (20..25).contains(&sequence) {
            // The same timestamp: one press.
            let bytes = [
                0x80,
                101,
                0,
                sequence as u8,
                0,
                0,
                0,
                9,
                0,
                0,
                0,
                99,
                5,
                0x8a,
                3,
                0x20,
            ];
            lone.raw(at + 5, address(2), Channel::Rtp, &bytes);
        }
    }
    let events = lone.events();
    let changes = events
        .iter()
        .filter(|e| matches!(e, RtpEvent::SsrcChanged { .. }))
        .count();
    let downs = events
        .iter()
        .filter(|e| matches!(e, RtpEvent::TelephoneEvent { .. }))
        .count();
    assert_eq!((changes, downs), (0, 1));
    assert_eq!(lone.session.stats(lone.start).dropped.foreign, 0);
}

#[test]
fn no_media_has_its_cause() {
    let expected = address(2);
    let elsewhere = SocketAddr::from(([203, 0, 113, 9], 9));
    let dtls = [22_u8, 254, 253, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1];
    let mut srtcp = vec![0x80, 200, 0, 6];
    srtcp.extend_from_slice(&[0x5a; 38]);
    type Feed<'a> = &'a dyn Fn(&mut Lone);
    let rows: [(&str, Feed<'_>, NoMediaCause); 6] = [
        ("nothing", &|_| {}, NoMediaCause::NothingArrives),
        (
            "another address",
            &|lone| lone.audio(100, elsewhere, 7, 1),
            NoMediaCause::FromAnotherAddress {
                expected,
                seen: elsewhere,
            },
        ),
        (
            "wrong payload type",
            &|lone| lone.receive(100, expected, 7, 1, 8, &[0; 160]),
            NoMediaCause::WrongPayloadType {
                seen: PayloadType(8),
            },
        ),
        (
            "DTLS",
            &|lone| lone.raw(100, expected, Channel::Rtp, &dtls),
            NoMediaCause::SrtpExpected,
        ),
        (
            "SRTCP",
            &|lone| lone.raw(100, expected, Channel::Rtcp, &srtcp),
            NoMediaCause::SrtpExpected,
        ),
        (
            "noise",
            &|lone| lone.raw(100, expected, Channel::Rtp, b"hello"),
            NoMediaCause::NotRtp,
        ),
    ];
    for (name, feed, cause) in rows {
        let mut lone = Lone::new(|config| config.symmetric = false);
        feed(&mut lone);
        assert_eq!(lone.wait(4_999), [], "{name}");
        assert_eq!(lone.wait(5_000), [RtpEvent::NoMedia(cause)], "{name}");
        assert_eq!(lone.wait(29_999), [], "{name}: told once");
        assert_eq!(lone.wait(30_000), [RtpEvent::MediaTimeout], "{name}");
        assert_eq!(lone.wait(90_000), [], "{name}: told once");
        lone.audio(90_000, expected, 7, 2);
        let events = lone.events();
        assert!(
            events.contains(&RtpEvent::MediaResumed),
            "{name}: {events:?}"
        );
    }
}

#[test]
fn a_held_call_misses_nothing() {
    let mut lone = Lone::new(|_| {});
    lone.audio(0, address(2), 7, 1);
    lone.events();
    let hold = RtpSessionUpdate {
        may_receive: Some(false),
        ..RtpSessionUpdate::default()
    };
    lone.session.update(lone.start + ms(100), hold);
    assert_eq!(lone.wait(600_000), []);
    let resume = RtpSessionUpdate {
        may_receive: Some(true),
        ..RtpSessionUpdate::default()
    };
    lone.session.update(lone.start + ms(600_000), resume);
    assert_eq!(lone.wait(604_999), []);
    assert_eq!(
        lone.wait(605_000),
        [RtpEvent::NoMedia(NoMediaCause::NothingArrives)],
        "counted from the resumption"
    );
}

#[test]
fn reports_of_a_silent_peer_hold_off_the_timeout() {
    let mut lone = Lone::new(|_| {});
    lone.audio(0, address(2), 7, 1);
    for at in (0..100_000).step_by(5_000) {
        lone.raw(
            at,
            address(2),
            Channel::Rtcp,
            &[0x80, 201, 0, 1, 0, 0, 0, 7],
        );
        let events = lone.wait(at + 4_999);
        assert!(
            !events.contains(&RtpEvent::MediaTimeout),
            "{at}: {events:?}"
        );
    }
    assert_eq!(lone.wait(125_000).last(), Some(&RtpEvent::MediaTimeout));
}

#[test]
fn a_reinvite_keeps_ssrc_sequence_and_timestamp() {
    let mut lone = Lone::new(|_| {});
    let start = lone.start;
    lone.session.send_audio(start, &[0; 160], 160);
    let update = RtpSessionUpdate {
        remote_rtp: Some(address(9)),
        remote_rtcp: Some(address(8)),
        send_payload_type: Some(PayloadType(8)),
        receive_payload_types: Some(vec![PayloadType(8)]),
        telephone_event: Some(keys(96)),
        ..RtpSessionUpdate::default()
    };
    lone.session.update(start, update);
    lone.session.send_audio(start, &[0; 160], 160);
    let sent = lone.transmits();
    let packets: Vec<_> = sent
        .iter()
        .map(|(_, b)| RtpPacket::parse(b).expect("ours"))
        .collect();
    assert_eq!(packets[0].ssrc, packets[1].ssrc);
    assert_eq!(
        packets[1].meta.sequence,
        packets[0].meta.sequence.wrapping_add(1)
    );
    assert_eq!(
        packets[1].meta.timestamp,
        packets[0].meta.timestamp.wrapping_add(160)
    );
    assert_eq!(packets[1].meta.payload_type, PayloadType(8));
    assert_eq!(sent[1].0.destination, address(9));
}

#[test]
fn media_follows_the_source_that_really_sends() {
    let mut lone = Lone::new(|_| {});
    let nat = SocketAddr::from(([198, 51, 100, 7], 31_234));
    for sequence in 0..2 {
        lone.audio(u64::from(sequence) * 20, nat, 7, sequence);
    }
    assert_eq!(lone.session.remote_rtp(), address(2));
    lone.audio(40, nat, 7, 2);
    assert_eq!(lone.session.remote_rtp(), nat);
    let moved = RtpEvent::SourceChanged {
        from: address(2),
        to: nat,
    };
    assert!(lone.events().contains(&moved));
    lone.session.send_audio(lone.start, &[0; 160], 160);
    assert_eq!(lone.transmits()[0].0.destination, nat);
    lone.wait(3_000);
    let report = lone.transmits().remove(0).0;
    assert_eq!(
        report.destination,
        SocketAddr::new(nat.ip(), 31_235),
        "the port after it, until RTCP tells"
    );
    lone.raw(
        3_100,
        SocketAddr::new(nat.ip(), 40_000),
        Channel::Rtcp,
        &[0x80, 201, 0, 1, 0, 0, 0, 7],
    );
    lone.wait(20_000);
    assert_eq!(lone.transmits().remove(0).0.destination.port(), 40_000);
}

#[test]
fn a_foreign_stream_is_counted_and_not_heard() {
    let mut lone = Lone::new(|_| {});
    let stranger = SocketAddr::from(([203, 0, 113, 9], 9));
    let mut played = Vec::new();
    for sequence in 0..100_u16 {
        let at = u64::from(sequence) * 20;
        lone.receive(at, address(2), 7, sequence, 0, &[1; 160]);
        lone.receive(at + 1, stranger, 99, sequence, 0, &[2; 160]);
        if let Playout::Packet { payload, .. } = lone
            .session
            .playout(lone.start + ms(at + 2), Duration::ZERO)
        {
            played.push(payload[0]);
        }
    }
    assert!(played.len() > 90 && played.iter().all(|&p| p == 1));
    assert_eq!(lone.session.stats(lone.start).dropped.foreign, 100);
    assert_eq!(lone.session.remote_rtp(), address(2));
}

#[test]
fn a_new_stream_of_the_peer_costs_no_packet() {
    // Transfer: another SSRC, sequence and timestamp from the same address.
    let mut lone = Lone::new(|_| {});
    let mut played = 0;
    for tick in 0..200_u16 {
        let at = u64::from(tick) * 20;
        match tick {
            0..100 => lone.audio(at, address(2), 7, tick),
            _ => lone.audio(at, address(2), 8, tick.wrapping_add(30_000)),
        }
        let playout = lone
            .session
            .playout(lone.start + ms(at + 1), Duration::ZERO);
        played += u16::from(matches!(playout, Playout::Packet { .. }));
    }
    let stats = lone.session.stats(lone.start + ms(4_000));
    assert!(played >= 196, "{played}");
    assert_eq!(
        (
            stats.lost_packets,
            stats.received_packets,
            stats.expected_packets
        ),
        (0, 200, 200)
    );
    let changed = RtpEvent::SsrcChanged {
        from: Ssrc(7),
        to: Ssrc(8),
    };
    assert!(lone.events().contains(&changed));
}

#[test]
fn a_codec_with_another_clock_is_played_on_its_own_time() {
    // G.711 and Opus, both negotiated: the peer changes in the middle of the call.
    let opus = PayloadType(96);
    let mut lone = Lone::new(|config| {
        config.receive_payload_types = vec![PCMU, opus];
        config.other_clock_rates = vec![(opus, ClockRate(48_000))];
    });
    let mut played = 0;
    for tick in 0..400_u32 {
        let at = u64::from(tick) * 20;
        let (payload_type, timestamp) = if tick < 200 {
            (PCMU, tick * 160)
        } else {
            (opus, tick * 960)
        };
        let packet = RtpPacket {
            meta: PacketMeta {
                sequence: tick as u16,
                timestamp,
                marker: false,
                payload_type,
            },
            ssrc: Ssrc(7),
            payload: &[0; 80],
        };
        let mut bytes = Vec::new();
        packet.write(&mut bytes);
        lone.raw(at, address(2), Channel::Rtp, &bytes);
        let playout = lone
            .session
            .playout(lone.start + ms(at + 1), Duration::ZERO);
        played += u16::from(matches!(playout, Playout::Packet { .. }));
    }
    let stats = lone.session.stats(lone.start);
    assert!(played >= 396, "{played}");
    assert_eq!((stats.lost_packets, stats.late_packets), (0, 0));
    assert_eq!(stats.jitter, Duration::ZERO);
}

#[test]
fn stopping_says_goodbye_to_who_was_sent_something() {
    let mut pair = Pair::new(ms(10), |_| {});
    pair.run(1);
    let now = pair.now;
    pair.sessions[0].stop(now);
    pair.collect(0);
    pair.run(1);
    assert!(pair.events[1].contains(&RtpEvent::RemoteBye));
    assert_eq!(pair.sessions[0].poll_timeout(), None);
    let mut silent = Lone::new(|_| {});
    silent.session.stop(silent.start);
    assert_eq!(silent.transmits().len(), 0, "RFC 3550 section 6.3.7");
}

#[test]
fn a_jump_of_the_sequence_needs_a_second_packet() {
    let mut lone = Lone::new(|_| {});
    for sequence in [1, 2, 40_000, 3, 4] {
        lone.audio(u64::from(sequence % 100) * 20, address(2), 7, sequence);
    }
    let stats = lone.session.stats(lone.start);
    assert_eq!(
        (stats.dropped.sequence_jump, stats.received_packets),
        (1, 4)
    );
}

#[test]
fn thirty_minutes_of_a_bad_call_stay_in_bounds() {
    let mut pair = Pair::new(ms(70), |_| {});
    pair.lose = |number| number.is_multiple_of(33);
    pair.run(1_800);
    let stats = pair.stats(0);
    assert!(stats.playout_delay < ms(60), "{:?}", stats.playout_delay);
    assert_eq!(stats.late_packets, 0);
    let reports = stats.sent_reports as f64 / (1_800.0 / 5.0);
    assert!((0.85..1.15).contains(&reports), "{reports}");
    assert!(pair.start + Duration::from_secs(1_800) <= pair.now);
}

#[test]
fn datagrams_of_any_bytes_do_no_harm() {
    let mut lone = Lone::new(|_| {});
    let mut random = Random::new(5);
    lone.audio(0, address(2), 7, 1);
    for at in 0..20_000_u64 {
        let length = (random.next_u32() % 60) as usize;
        let mut bytes: Vec<u8> = (0..length).map(|_| random.next_u32() as u8).collect();
        if let Some(first) = bytes.first_mut() {
            *first = [0x80, 0x90, 0xb1, *first][(random.next_u32() % 4) as usize];
        }
        if let Some(second) = bytes.get_mut(1) {
            *second = [0, 101, 200, 201, 203, *second][(random.next_u32() % 6) as usize];
        }
        let channel = if random.next_u32().is_multiple_of(2) {
            Channel::Rtp
        } else {
            Channel::Rtcp
        };
        lone.raw(at, address(2), channel, &bytes);
        let now = lone.start + ms(at);
        let _ = lone.session.playout(now, Duration::ZERO);
        lone.session.handle_timeout(now);
    }
    assert!(lone.session.stats(lone.start).dropped.total() > 1_000);
}
