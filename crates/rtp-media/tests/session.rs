//! Two sessions in virtual time: what one sends, the other counts, plays and tells.
#![allow(clippy::disallowed_methods, reason = "an Instant has no other source")]

use std::net::SocketAddr;
use std::time::{Duration, Instant, SystemTime};

use rtp_media::{
    Channel, ClockAnchor, ClockRate, NoMediaCause, PayloadType, Playout, RtpEvent, RtpSession,
    RtpSessionConfig, RtpSessionUpdate, TelephoneEvent, TelephoneEventFormat,
};

const PTIME: Duration = Duration::from_millis(20);
const PCMU: PayloadType = PayloadType(0);

fn alice_addr() -> SocketAddr {
    "192.0.2.1:4000".parse().unwrap()
}

fn bob_addr() -> SocketAddr {
    "192.0.2.2:5000".parse().unwrap()
}

fn config(seed: u64, remote: SocketAddr, anchor: ClockAnchor) -> RtpSessionConfig {
    let mut config = RtpSessionConfig::new(anchor, seed, remote, PCMU, ClockRate(8_000));
    config.telephone_event = Some(TelephoneEventFormat {
        send_payload_type: PayloadType(101),
        receive_payload_type: PayloadType(101),
        clock_rate: ClockRate(8_000),
    });
    config
}

/// Alice and Bob with a network of `delay` between them that may lose, readdress or change datagrams.
struct Pair {
    now: Instant,
    alice: RtpSession,
    bob: RtpSession,
    /// Where Bob sees Alice's packets come from.
    alice_seen_as: SocketAddr,
    lose: fn(u64) -> bool,
    sent: u64,
    played: u64,
    missing: u64,
    events: Vec<RtpEvent>,
    /// Where Bob's RTP went last.
    bobs_target: Option<SocketAddr>,
    buffer: Vec<u8>,
}

impl Pair {
    fn new() -> Self {
        Self::with(|_| {})
    }

    fn with(change_bob: impl FnOnce(&mut RtpSessionConfig)) -> Self {
        let now = Instant::now();
        let anchor = ClockAnchor::new(now, SystemTime::now());
        let mut bob = config(2, alice_addr(), anchor);
        change_bob(&mut bob);
        Self {
            now,
            alice: RtpSession::new(now, config(1, bob_addr(), anchor)),
            bob: RtpSession::new(now, bob),
            alice_seen_as: alice_addr(),
            lose: |_| false,
            sent: 0,
            played: 0,
            missing: 0,
            events: Vec::new(),
            bobs_target: None,
            buffer: Vec::new(),
        }
    }

    /// One packet time: both speak, both hear.
    fn tick(&mut self) {
        self.now += PTIME;
        self.alice.send_audio(self.now, &[0xff; 160], 160);
        self.bob.send_audio(self.now, &[0x7f; 160], 160);
        self.exchange();
        match self.bob.playout(self.now + PTIME, Duration::ZERO) {
            Playout::Packet { payload, .. } => {
                assert_eq!(payload, [0xff; 160]);
                self.played += 1;
            }
            Playout::Missing { .. } => self.missing += 1,
            Playout::Silence => {}
        }
        while let Some(event) = self.bob.poll_event() {
            self.events.push(event);
        }
    }

    fn exchange(&mut self) {
        let delay = Duration::from_millis(5);
        self.alice.handle_timeout(self.now);
        self.bob.handle_timeout(self.now);
        while let Some(transmit) = self.alice.poll_transmit(self.now, &mut self.buffer) {
            self.sent += 1;
            if !(self.lose)(self.sent) {
                self.bob.handle_datagram(
                    self.now + delay,
                    self.alice_seen_as,
                    transmit.channel,
                    &self.buffer,
                );
            }
        }
        while let Some(transmit) = self.bob.poll_transmit(self.now, &mut self.buffer) {
            if transmit.channel == Channel::Rtp {
                self.bobs_target = Some(transmit.destination);
            }
            self.alice.handle_datagram(
                self.now + delay,
                bob_addr(),
                transmit.channel,
                &self.buffer,
            );
        }
    }

    fn run(&mut self, time: Duration) {
        for _ in 0..time.as_millis() / PTIME.as_millis() {
            self.tick();
        }
    }

    fn count(&self, wanted: impl Fn(&RtpEvent) -> bool) -> usize {
        self.events.iter().filter(|event| wanted(event)).count()
    }
}

#[test]
fn a_minute_of_talk_is_played_whole_and_reported_by_both_sides() {
    let mut pair = Pair::new();
    pair.run(Duration::from_secs(60));
    let bob = pair.bob.stats(pair.now);
    assert_eq!(
        (bob.lost_packets, bob.late_packets, pair.missing),
        (0, 0, 0)
    );
    assert_eq!(bob.received_packets, 3_000);
    assert!(pair.played > 2_990, "{}", pair.played);
    assert!(bob.jitter < Duration::from_millis(1), "{:?}", bob.jitter);
    let round_trip = bob.round_trip.expect("both have reported");
    assert!(round_trip <= Duration::from_millis(11), "{round_trip:?}");
    assert!(
        bob.sent_reports >= 8 && bob.received_reports >= 8,
        "{bob:?}"
    );
    let first = pair
        .events
        .iter()
        .find(|event| matches!(event, RtpEvent::FirstPacket { .. }));
    assert!(matches!(first, Some(RtpEvent::FirstPacket { source, .. }) if *source == alice_addr()));
}

#[test]
fn loss_is_counted_here_and_told_to_the_sender() {
    let mut pair = Pair::new();
    pair.lose = |n| n % 10 == 0;
    pair.run(Duration::from_secs(60));
    let bob = pair.bob.stats(pair.now);
    assert!((290..=305).contains(&bob.lost_packets), "{bob:?}");
    let alice = pair.alice.stats(pair.now);
    assert!(
        (250..=305).contains(&alice.remote_lost_packets),
        "{alice:?}"
    );
    assert!((alice.remote_fraction_lost - 0.1).abs() < 0.03, "{alice:?}");
}

#[test]
fn keys_are_told_once_though_packets_are_lost() {
    let mut pair = Pair::new();
    pair.lose = |n| n % 4 == 0;
    pair.run(Duration::from_secs(1));
    for key in "19*#AD".chars() {
        let key = TelephoneEvent::from_char(key).unwrap();
        pair.alice
            .send_telephone_event(pair.now, key, Duration::from_millis(100))
            .unwrap();
    }
    pair.run(Duration::from_secs(3));
    let keys: String = pair
        .events
        .iter()
        .filter_map(|event| match event {
            RtpEvent::TelephoneEvent { event, .. } => Some(event.as_char()),
            _ => None,
        })
        .collect();
    assert_eq!(keys, "19*#AD");
    assert_eq!(
        pair.count(|event| matches!(event, RtpEvent::TelephoneEventEnded { .. })),
        6
    );
}

#[test]
fn a_key_press_is_silence_and_no_loss() {
    let mut pair = Pair::new();
    pair.run(Duration::from_secs(1));
    let key = TelephoneEvent::from_char('5').unwrap();
    pair.alice
        .send_telephone_event(pair.now, key, Duration::from_secs(1))
        .unwrap();
    let played = pair.played;
    pair.run(Duration::from_secs(3));
    assert!(pair.missing <= 1, "{} frames concealed", pair.missing);
    assert_eq!(pair.bob.stats(pair.now).lost_packets, 0);
    assert!(pair.played - played > 90, "the audio goes on after the key");
}

#[test]
fn a_key_is_refused_where_none_can_be_sent() {
    let mut pair = Pair::with(|bob| bob.telephone_event = None);
    let key = TelephoneEvent::from_char('1').unwrap();
    assert!(pair.bob.send_telephone_event(pair.now, key, PTIME).is_err());
    let hold = RtpSessionUpdate {
        may_send: Some(false),
        ..Default::default()
    };
    pair.alice.update(pair.now, hold);
    assert!(
        pair.alice
            .send_telephone_event(pair.now, key, PTIME)
            .is_err()
    );
}

#[test]
fn media_follows_the_peer_to_another_port_but_not_a_stranger() {
    let mut pair = Pair::new();
    pair.run(Duration::from_secs(1));
    assert_eq!(pair.bobs_target, Some(alice_addr()));
    // A stranger with a stream of his own.
    let stranger: SocketAddr = "203.0.113.9:9000".parse().unwrap();
    let mut datagram = vec![0x80, 0];
    for n in 0..50_u16 {
        datagram.truncate(2);
        datagram.extend(n.to_be_bytes());
        datagram.extend((u32::from(n) * 160).to_be_bytes());
        datagram.extend([9, 9, 9, 9]);
        datagram.extend([0; 160]);
        pair.bob
            .handle_datagram(pair.now, stranger, Channel::Rtp, &datagram);
        pair.tick();
    }
    assert_eq!(pair.bobs_target, Some(alice_addr()));
    assert_eq!(pair.bob.stats(pair.now).dropped.foreign, 50);
    // Alice's NAT gives her another port.
    pair.alice_seen_as = "192.0.2.1:4444".parse().unwrap();
    pair.run(Duration::from_secs(1));
    assert_eq!(pair.bobs_target, Some(pair.alice_seen_as));
    assert_eq!(
        pair.count(|event| matches!(event, RtpEvent::SourceChanged { .. })),
        1
    );
}

#[test]
fn a_peer_that_starts_over_with_a_new_ssrc_is_followed() {
    let mut pair = Pair::new();
    pair.run(Duration::from_secs(1));
    let anchor = ClockAnchor::new(pair.now, SystemTime::now());
    pair.alice = RtpSession::new(pair.now, config(77, bob_addr(), anchor));
    let before = pair.played;
    pair.run(Duration::from_secs(2));
    assert_eq!(
        pair.count(|event| matches!(event, RtpEvent::SsrcChanged { .. })),
        1
    );
    assert!(pair.played - before > 90, "{}", pair.played - before);
}

#[test]
fn silence_on_the_wire_is_told_with_its_cause_once_and_its_end_too() {
    let rows: [(&str, &[u8], NoMediaCause); 4] = [
        ("nothing", &[], NoMediaCause::NothingArrives),
        ("noise", &[0x45, 1, 2, 3], NoMediaCause::NotRtp),
        ("DTLS", &[22, 254, 253, 0, 0], NoMediaCause::SrtpExpected),
        (
            "G.729",
            &[0x80, 18, 0, 1, 0, 0, 0, 1, 1, 2, 3, 4, 0, 0],
            NoMediaCause::WrongPayloadType {
                seen: PayloadType(18),
            },
        ),
    ];
    for (name, datagram, cause) in rows {
        let mut pair = Pair::new();
        pair.lose = |_| true;
        for _ in 0..300 {
            if !datagram.is_empty() {
                pair.bob
                    .handle_datagram(pair.now, alice_addr(), Channel::Rtp, datagram);
            }
            pair.tick();
        }
        assert_eq!(pair.events, [RtpEvent::NoMedia(cause)], "{name}");
        pair.lose = |_| false;
        pair.run(Duration::from_secs(1));
        assert_eq!(
            pair.count(|event| *event == RtpEvent::MediaResumed),
            1,
            "{name}"
        );
    }
}

#[test]
fn the_media_timeout_waits_for_any_sign_and_not_on_hold() {
    let mut pair = Pair::with(|bob| bob.media_timeout = Some(Duration::from_secs(10)));
    pair.run(Duration::from_secs(1));
    pair.lose = |_| true;
    let hold = RtpSessionUpdate {
        may_receive: Some(false),
        ..Default::default()
    };
    pair.bob.update(pair.now, hold);
    pair.run(Duration::from_secs(60));
    assert_eq!(pair.count(|event| *event == RtpEvent::MediaTimeout), 0);
    let resume = RtpSessionUpdate {
        may_receive: Some(true),
        ..Default::default()
    };
    pair.bob.update(pair.now, resume);
    pair.run(Duration::from_secs(11));
    assert_eq!(pair.count(|event| *event == RtpEvent::MediaTimeout), 1);
}

#[test]
fn the_end_is_told_by_rtcp_and_nothing_is_taken_after_it() {
    let mut pair = Pair::new();
    pair.run(Duration::from_secs(1));
    pair.alice.stop(pair.now);
    pair.exchange();
    pair.bob.handle_timeout(pair.now);
    assert!(std::iter::from_fn(|| pair.bob.poll_event()).any(|event| event == RtpEvent::RemoteBye));
    let before = pair.alice.stats(pair.now);
    pair.run(Duration::from_secs(1));
    assert_eq!(
        pair.alice.stats(pair.now).received_packets,
        before.received_packets
    );
    assert_eq!(pair.alice.stats(pair.now).sent_packets, before.sent_packets);
}

#[test]
fn a_new_address_by_signalling_is_used_at_once_and_numbers_go_on() {
    let mut pair = Pair::new();
    pair.run(Duration::from_secs(1));
    let elsewhere: SocketAddr = "198.51.100.7:7000".parse().unwrap();
    let update = RtpSessionUpdate {
        remote_rtp: Some(elsewhere),
        ..Default::default()
    };
    pair.bob.update(pair.now, update);
    pair.bob.send_audio(pair.now, &[0x7f; 160], 160);
    let transmit = pair.bob.poll_transmit(pair.now, &mut pair.buffer).unwrap();
    assert_eq!(transmit.destination, elsewhere);
    let before = pair.alice.stats(pair.now).received_packets;
    pair.alice
        .handle_datagram(pair.now, bob_addr(), Channel::Rtp, &pair.buffer);
    let after = pair.alice.stats(pair.now);
    assert_eq!(
        (after.received_packets, after.dropped.total()),
        (before + 1, 0)
    );
}

#[test]
fn any_datagram_is_survived() {
    let mut pair = Pair::new();
    let mut seed = 1_u64;
    for _ in 0..20_000 {
        let mut datagram = [0; 64];
        for byte in &mut datagram {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            *byte = (seed >> 56) as u8;
        }
        datagram[0] = 0x80 | (datagram[0] & 0x3f);
        let length = usize::from(datagram[63]) % 64;
        let channel = if datagram[62] & 1 == 0 {
            Channel::Rtp
        } else {
            Channel::Rtcp
        };
        pair.bob
            .handle_datagram(pair.now, alice_addr(), channel, &datagram[..length]);
        let _ = pair.bob.playout(pair.now, Duration::ZERO);
        while pair.bob.poll_event().is_some() {}
        pair.now += Duration::from_millis(1);
    }
}
