//! One packet in, one packet out, and the jitter buffer between them.

use std::net::SocketAddr;
use std::time::{Duration, Instant, SystemTime};

use divan::{Bencher, black_box, counter::ItemsCount};
use rtp_media::{
    Channel, ClockAnchor, ClockRate, JitterBuffer, JitterBufferConfig, PacketMeta, PayloadType,
    Playout, RtpSession, RtpSessionConfig,
};

const PTIME: Duration = Duration::from_millis(20);
const UNITS: u32 = 160;
const PCMU: PayloadType = PayloadType(0);
/// A second of packets an iteration, so that RTCP and the like have their share.
const PACKETS: u32 = 50;

fn main() {
    divan::main();
}

fn session(start: Instant, peer: SocketAddr) -> RtpSession {
    let anchor = ClockAnchor::new(start, SystemTime::now());
    RtpSession::new(
        start,
        RtpSessionConfig::new(anchor, 1, peer, PCMU, ClockRate(8000)),
    )
}

fn addr(port: u16) -> SocketAddr {
    ([127, 0, 0, 1], port).into()
}

/// Packets out of a session: header, statistics, RTCP when it is due.
#[divan::bench]
fn send(bencher: Bencher<'_, '_>) {
    let mut now = Instant::now();
    let mut sender = session(now, addr(4000));
    let mut datagram = Vec::with_capacity(1500);
    bencher.counter(ItemsCount::new(PACKETS)).bench_local(|| {
        for _ in 0..PACKETS {
            now += PTIME;
            sender.handle_timeout(now);
            sender.send_audio(now, black_box(&[0x9E; UNITS as usize]), UNITS);
            while sender.poll_transmit(now, &mut datagram).is_some() {
                black_box(&datagram);
            }
        }
    });
}

/// Packets into a session and out of its jitter buffer to the decoder's door.
#[divan::bench]
fn receive_and_play(bencher: Bencher<'_, '_>) {
    let mut now = Instant::now();
    let (mut sender, mut receiver) = (session(now, addr(4002)), session(now, addr(4000)));
    let mut datagram = Vec::with_capacity(1500);
    let mut played = 0_u64;
    // The datagrams are made outside of the measurement, a second of them at a time.
    bencher
        .counter(ItemsCount::new(PACKETS))
        .with_inputs(|| {
            let mut second = Vec::new();
            for _ in 0..PACKETS {
                now += PTIME;
                sender.send_audio(now, &[0x9E; UNITS as usize], UNITS);
                while let Some(transmit) = sender.poll_transmit(now, &mut datagram) {
                    if transmit.channel == Channel::Rtp {
                        second.push((now, datagram.clone()));
                    }
                }
            }
            second
        })
        .bench_local_values(|second| {
            for (now, datagram) in &second {
                receiver.handle_timeout(*now);
                receiver.handle_datagram(*now, addr(4000), Channel::Rtp, black_box(datagram));
                if let Playout::Packet { payload, .. } = receiver.playout(*now, Duration::ZERO) {
                    played += payload.len() as u64;
                }
            }
            second
        });
    assert!(played > 0, "nothing came out of the jitter buffer");
}

/// The jitter buffer alone.
#[divan::bench]
fn jitter_buffer_insert_and_playout(bencher: Bencher<'_, '_>) {
    let mut now = Instant::now();
    let mut buffer = JitterBuffer::new(JitterBufferConfig::default());
    let mut meta = PacketMeta {
        sequence: 0,
        timestamp: 0,
        marker: false,
        payload_type: PCMU,
    };
    let mut played = 0_u64;
    bencher.counter(ItemsCount::new(PACKETS)).bench_local(|| {
        for _ in 0..PACKETS {
            now += PTIME;
            meta.sequence = meta.sequence.wrapping_add(1);
            meta.timestamp = meta.timestamp.wrapping_add(UNITS);
            buffer.insert(now, meta, black_box(&[0x9E; UNITS as usize]));
            if let Playout::Packet { payload, .. } = buffer.playout(now, Duration::ZERO) {
                played += payload.len() as u64;
            }
        }
    });
    assert!(played > 0, "nothing came out of the jitter buffer");
}
