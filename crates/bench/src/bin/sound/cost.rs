//! CPU time of jitter buffer, time-stretching and concealment together, without RTP and decoding.

use std::hint::black_box;
use std::time::{Duration, Instant};

use audio_codecs::g711::extend_f32_from_ulaw;
use audio_codecs::{Concealer, TimeStretcher};
use rtp_media::{
    ClockRate, JitterBuffer, JitterBufferConfig, Pace, PacketMeta, PayloadType, Playout,
};

use crate::policies::FRAME;
use crate::speech::SECONDS;
use crate::traces::{FRAME_MS, PACKETS, Trace};
use crate::{AnyError, RATE};

/// The networks take turns so often, and the fastest run of each counts: a machine that others use too is slow for seconds
/// on end.
const ROUNDS: usize = 40;
/// Runs in a turn, of which the first fill the caches.
const RUNS: usize = 4;
/// Turns between two runs of what the library is compared with, which take ten times as long.
const SELDOM: usize = 4;

/// The fastest runs of one network.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Cost {
    whole: Duration,
    /// What the loop itself costs, copying datagrams and samples included.
    empty: Duration,
    neteq: Duration,
}

impl Cost {
    /// The library's, in microseconds for a second of audio.
    pub(crate) fn library_us(&self) -> f64 {
        per_second(self.whole.saturating_sub(self.empty))
    }

    /// That of the `neteq` crate, its decoding included. `None`: it was not measured.
    pub(crate) fn neteq_us(&self) -> Option<f64> {
        (self.neteq < Duration::MAX).then(|| per_second(self.neteq))
    }
}

fn per_second(spent: Duration) -> f64 {
    spent.as_secs_f64() * 1e6 / SECONDS as f64
}

/// What each of the networks costs.
pub(crate) fn measure(
    traces: &[Trace],
    packets: &[Vec<u8>],
    decoded: &[f32],
    with_neteq: bool,
) -> Result<Vec<Cost>, AnyError> {
    let never = Cost {
        whole: Duration::MAX,
        empty: Duration::MAX,
        neteq: Duration::MAX,
    };
    let mut costs = vec![never; traces.len()];
    for round in 0..ROUNDS {
        for (trace, cost) in traces.iter().zip(&mut costs) {
            for _ in 0..RUNS {
                cost.whole = cost.whole.min(run(trace, packets, decoded, true));
                cost.empty = cost.empty.min(run(trace, packets, decoded, false));
            }
            #[cfg(target_os = "linux")]
            if with_neteq && round % SELDOM == 0 {
                cost.neteq = cost.neteq.min(crate::neteq::cost(trace, packets)?);
            }
        }
    }
    Ok(costs)
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
    // Packets come from the network card, and are in the cache when they are put in.
    let mut datagram = Vec::with_capacity(FRAME);
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
            datagram.clear();
            datagram.extend_from_slice(&packets[packet]);
            black_box(&datagram);
            if whole {
                buffer.insert(arrival, meta, &datagram);
            }
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
