//! CPU time of jitter buffer, time-stretching and concealment together, without RTP and decoding.

use std::hint::black_box;
use std::time::{Duration, Instant};

use audio_codecs::g711::extend_f32_from_ulaw;
use audio_codecs::{Concealer, TimeStretcher};
use rtp_media::{
    ClockRate, JitterBuffer, JitterBufferConfig, Pace, PacketMeta, PayloadType, Playout,
};

use crate::RATE;
use crate::policies::FRAME;
use crate::speech::SECONDS;
use crate::traces::{FRAME_MS, PACKETS, Trace};

/// Runs, of which the fastest counts: the others were disturbed.
const RUNS: usize = 40;

/// Microseconds for a second of audio.
pub(crate) fn library(trace: &Trace, packets: &[Vec<u8>], decoded: &[f32]) -> f64 {
    let fastest = (0..RUNS)
        .map(|_| run(trace, packets, decoded, true))
        .min()
        .unwrap_or_default();
    // What the loop itself costs, copying the samples included.
    let empty = (0..RUNS)
        .map(|_| run(trace, packets, decoded, false))
        .min()
        .unwrap_or_default();
    fastest.saturating_sub(empty).as_secs_f64() * 1e6 / SECONDS as f64
}

fn run(trace: &Trace, packets: &[Vec<u8>], decoded: &[f32], whole: bool) -> Duration {
    let start = Instant::now();
    let at = |ms: f64| start + Duration::from_secs_f64(ms / 1e3);
    let mut buffer = JitterBuffer::new(JitterBufferConfig::default());
    let (mut concealer, mut stretcher) = (Concealer::new(RATE), TimeStretcher::new(RATE));
    let arrivals: Vec<(Instant, usize)> = trace
        .arrivals()
        .into_iter()
        .map(|(arrival, packet)| (at(arrival), packet))
        .collect();
    let mut arrivals = arrivals.into_iter().peekable();
    let ticks: Vec<Instant> = (0..PACKETS + 40)
        .map(|tick| at(7.0 + tick as f64 * FRAME_MS))
        .collect();
    let (mut frame, mut ahead) = (Vec::with_capacity(4 * FRAME), Vec::with_capacity(FRAME));
    let mut waiting = 0;
    let begun = Instant::now();
    for (tick, &due) in ticks.iter().enumerate() {
        while let Some((arrival, packet)) = arrivals.next_if(|&(arrival, _)| arrival <= due) {
            let meta = PacketMeta {
                sequence: packet as u16,
                timestamp: (packet * FRAME) as u32,
                marker: false,
                payload_type: PayloadType(0),
            };
            if whole {
                buffer.insert(arrival, meta, &packets[packet]);
            }
            black_box(arrival);
        }
        while waiting < FRAME {
            frame.clear();
            let buffered = ClockRate(RATE).duration(waiting as u32);
            let playout = if whole {
                buffer.playout(due, buffered)
            } else {
                frame.extend_from_slice(&decoded[tick % PACKETS * FRAME..][..FRAME]);
                Playout::Silence
            };
            match playout {
                Playout::Packet {
                    timestamp, pace, ..
                } => {
                    frame.extend_from_slice(&decoded[timestamp as usize..][..FRAME]);
                    concealer.received(&mut frame);
                    steer(&mut stretcher, &mut frame, pace);
                }
                Playout::Missing {
                    units,
                    next: Some(next),
                } => {
                    ahead.clear();
                    extend_f32_from_ulaw(&mut ahead, next);
                    concealer.conceal_until(&ahead, units as usize, &mut frame);
                }
                Playout::Missing { units, .. } => concealer.conceal(units as usize, &mut frame),
                Playout::Silence => {}
            }
            waiting += if frame.is_empty() { FRAME } else { frame.len() };
            black_box(&frame);
        }
        waiting -= FRAME;
    }
    begun.elapsed()
}

/// As the receive path of a call does.
fn steer(stretcher: &mut TimeStretcher, frame: &mut Vec<f32>, pace: Pace) {
    let pause = stretcher.is_pause(frame);
    let samples = |by| ClockRate(RATE).units(by) as usize;
    match pace {
        Pace::Faster { by, .. } if pause => stretcher.shorten_pause(frame, samples(by)),
        Pace::Slower { by, .. } if pause => stretcher.lengthen_pause(frame, samples(by)),
        Pace::Faster { urgent: true, .. } => stretcher.shorten(frame),
        Pace::Slower { urgent: true, .. } => stretcher.lengthen(frame),
        _ => 0,
    };
}
