//! The networks: when each packet of 20 ms arrives, if it does.

use crate::random::Random;
use crate::speech::SECONDS;

/// Delay that every packet has, ms.
pub(crate) const BASE_MS: f64 = 40.0;
/// Audio in a packet, ms.
pub(crate) const FRAME_MS: f64 = 20.0;
/// Packets in a trace.
pub(crate) const PACKETS: usize = SECONDS * 50;

/// A network, and its sender's clock.
#[derive(Debug)]
pub(crate) struct Trace {
    pub(crate) name: &'static str,
    /// Delay on top of the base, ms; `None` for packets that are lost.
    delays: Vec<Option<f64>>,
    /// How much slower the sender's clock goes than ours, parts per million.
    ppm: f64,
}

impl Trace {
    /// When a packet is sent, ms.
    pub(crate) fn sent_ms(&self, packet: usize) -> f64 {
        packet as f64 * FRAME_MS * (1.0 + self.ppm / 1e6)
    }

    /// When what is said at `media_ms` is sent, ms: packets go out when their audio begins.
    pub(crate) fn media_sent_ms(&self, media_ms: f64) -> f64 {
        media_ms * (1.0 + self.ppm / 1e6)
    }

    /// Arrival in ms and number of each packet that arrives, in the order of arrival.
    pub(crate) fn arrivals(&self) -> Vec<(f64, usize)> {
        let mut arrivals: Vec<(f64, usize)> = self
            .delays
            .iter()
            .enumerate()
            .filter_map(|(packet, delay)| {
                Some((self.sent_ms(packet) + BASE_MS + (*delay)?, packet))
            })
            .collect();
        arrivals.sort_by(|a, b| a.0.total_cmp(&b.0));
        arrivals
    }
}

/// All seven; another seed makes other packets late or lost in the same way.
pub(crate) fn all(seed: u64) -> Vec<Trace> {
    let random = |trace: u64| Random::new(seed.wrapping_mul(1_000_003).wrapping_add(trace));
    vec![
        independent("clean", random(1), 0.0, |_| 0.0),
        independent("gauss20", random(2), 0.01, |r| r.half_normal(20.0)),
        independent("gauss40", random(3), 0.02, |r| r.half_normal(40.0)),
        in_order(independent("pareto", random(4), 0.01, |r| {
            (8.0 / (1.0 - r.next_f64()).sqrt()).min(400.0)
        })),
        gilbert_elliott(random(5)),
        in_order(wifi(random(6))),
        Trace {
            ppm: 200.0,
            ..independent("drift", random(7), 0.0, |r| r.half_normal(5.0))
        },
    ]
}

fn independent(
    name: &'static str,
    mut random: Random,
    loss: f64,
    delay: impl Fn(&mut Random) -> f64,
) -> Trace {
    let delays = (0..PACKETS)
        .map(|_| {
            let lost = random.next_f64() < loss;
            let delay = delay(&mut random);
            (!lost).then_some(delay)
        })
        .collect();
    Trace {
        name,
        delays,
        ppm: 0.0,
    }
}

/// Two states: in the bad one every packet is lost. Mean burst 3, 4.8 % lost in all.
fn gilbert_elliott(mut random: Random) -> Trace {
    let mut bad = false;
    let delays = (0..PACKETS)
        .map(|_| {
            let change = random.next_f64();
            bad = if bad {
                change >= 1.0 / 3.0
            } else {
                change < 0.0168
            };
            let delay = random.half_normal(10.0);
            (!bad).then_some(delay)
        })
        .collect();
    Trace {
        name: "ge5",
        delays,
        ppm: 0.0,
    }
}

/// Now and then nothing comes for a while, and then all at once.
fn wifi(mut random: Random) -> Trace {
    let mut stall_until = 0.0_f64;
    let delays = (0..PACKETS)
        .map(|packet| {
            let sent = packet as f64 * FRAME_MS;
            if random.next_f64() < 0.006 {
                stall_until = stall_until.max(sent + 80.0 + 120.0 * random.next_f64());
            }
            let lost = random.next_f64() < 0.005;
            (!lost).then_some((stall_until - sent).max(0.0))
        })
        .collect();
    Trace {
        name: "wifi",
        delays,
        ppm: 0.0,
    }
}

/// No packet overtakes another.
fn in_order(mut trace: Trace) -> Trace {
    let mut last = 0.0_f64;
    for (packet, delay) in trace.delays.iter_mut().enumerate() {
        let sent = packet as f64 * FRAME_MS;
        if let Some(delay) = delay {
            last = last.max(sent + *delay);
            *delay = last - sent;
        }
    }
    trace
}
