//! What plays the packets: the library, and what it is compared with.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use audio_codecs::{Codec, CodecParameters, Pcmu};
use media_engine::{Channel, ClockAnchor, MediaConfig, MediaFormat, MediaSession};

use crate::AnyError;
use crate::traces::{BASE_MS, FRAME_MS, PACKETS, Trace};

/// Samples in a packet.
pub(crate) const FRAME: usize = 160;
/// Frames that are heard: the trace and what waits at its end.
const TICKS: usize = PACKETS + 40;

/// What came out.
#[derive(Debug, Default)]
pub(crate) struct Heard {
    /// 8 kHz, gapless.
    pub(crate) samples: Vec<f32>,
    /// When the first of them is played, ms.
    pub(crate) start_ms: f64,
    /// Packets that arrived and were not played.
    pub(crate) late: u64,
    /// Audio that was invented, ms.
    pub(crate) concealed_ms: f64,
}

/// The speech as u-law packets of 20 ms.
pub(crate) fn encode(speech: &[f32]) -> Result<Vec<Vec<u8>>, AnyError> {
    let mut encoder = Pcmu.encoder(&CodecParameters::default())?;
    speech
        .chunks_exact(FRAME)
        .map(|frame| {
            let mut payload = Vec::with_capacity(FRAME);
            encoder.encode(frame, &mut payload)?;
            Ok(payload)
        })
        .collect()
}

/// The library as a call uses it: datagrams into a [`MediaSession`], a frame out each 20 ms, `phase_ms` after the
/// sender's.
pub(crate) fn library(
    trace: &Trace,
    packets: &[Vec<u8>],
    phase_ms: f64,
) -> Result<Heard, AnyError> {
    let peer = SocketAddr::from(([127, 0, 0, 1], 4_000));
    let start = Instant::now();
    let anchor = ClockAnchor::new(start, SystemTime::UNIX_EPOCH);
    let config = MediaConfig::new(peer, MediaFormat::new(0, Arc::new(Pcmu)));
    let (mut session, mut bridge, _events) = MediaSession::new(start, anchor, 1, config)?;
    let at = |ms: f64| start + Duration::from_secs_f64(ms / 1e3);
    let mut heard = Heard {
        start_ms: phase_ms,
        ..Heard::default()
    };
    let mut arrivals = trace.arrivals().into_iter().peekable();
    let (mut datagram, mut out) = (Vec::new(), Vec::new());
    let mut now = start;
    for tick in 0..TICKS {
        let due = phase_ms + tick as f64 * FRAME_MS;
        while let Some((arrival, packet)) = arrivals.next_if(|&(arrival, _)| arrival <= due) {
            rtp(packet, &packets[packet], &mut datagram);
            session.handle_datagram(at(arrival), peer, Channel::Rtp, &datagram);
        }
        now = at(due);
        session.tick(now);
        while session.poll_transmit(now, &mut out).is_some() {}
        let frame = bridge.rx.try_recv().ok_or("a tick brought no frame")?;
        heard.samples.extend(frame.frame.samples);
    }
    let stats = session.stats(now);
    heard.late = stats.late_packets;
    heard.concealed_ms = stats.concealed.as_secs_f64() * 1e3;
    Ok(heard)
}

/// An RTP packet (RFC 3550 section 5.1) of payload type 0.
fn rtp(packet: usize, payload: &[u8], datagram: &mut Vec<u8>) {
    let sequence = (packet as u16).wrapping_add(1_000);
    let timestamp = (packet as u32).wrapping_mul(FRAME as u32);
    datagram.clear();
    datagram.extend_from_slice(&[0x80, 0]);
    datagram.extend_from_slice(&sequence.to_be_bytes());
    datagram.extend_from_slice(&timestamp.to_be_bytes());
    datagram.extend_from_slice(&0x1357_9BDF_u32.to_be_bytes());
    datagram.extend_from_slice(payload);
}

/// A buffer of fixed delay: each packet is played `delay_ms` after the first one would have been without delay, and lost
/// if it comes later. The library's decoder fills the gaps.
pub(crate) fn fixed(trace: &Trace, packets: &[Vec<u8>], delay_ms: f64) -> Result<Heard, AnyError> {
    let mut decoder = Pcmu.decoder(&CodecParameters::default())?;
    let mut in_time = vec![false; packets.len()];
    // Whether it is there when the packet before it is due.
    let mut early = vec![false; packets.len() + 1];
    let mut heard = Heard {
        start_ms: BASE_MS + delay_ms,
        ..Heard::default()
    };
    for (arrival, packet) in trace.arrivals() {
        in_time[packet] = arrival <= heard.start_ms + packet as f64 * FRAME_MS;
        early[packet] = arrival <= heard.start_ms + (packet as f64 - 1.0) * FRAME_MS;
        heard.late += u64::from(!in_time[packet]);
    }
    for (packet, payload) in packets.iter().enumerate() {
        if in_time[packet] {
            decoder.decode(payload, &mut heard.samples)?;
        } else {
            match packets.get(packet + 1) {
                Some(next) if early[packet + 1] => {
                    decoder.conceal_until(next, FRAME, &mut heard.samples);
                }
                _ => decoder.conceal(FRAME, &mut heard.samples),
            }
            heard.concealed_ms += FRAME_MS;
        }
    }
    Ok(heard)
}

/// What the packets say when none is lost.
pub(crate) fn decode(packets: &[Vec<u8>]) -> Result<Vec<f32>, AnyError> {
    let mut decoder = Pcmu.decoder(&CodecParameters::default())?;
    let mut samples = Vec::new();
    for packet in packets {
        decoder.decode(packet, &mut samples)?;
    }
    Ok(samples)
}
