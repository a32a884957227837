//! The buffer in virtual time: arrival tables, network traces, an hour of drift, and any order at all.
#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

use proptest::prelude::*;

use super::*;
use crate::random::Random;

const MS: i64 = 1_000_000;
const FRAME: i64 = 20 * MS;

#[allow(clippy::disallowed_methods, reason = "an Instant has no other source")]
fn start() -> Instant {
    Instant::now() + Duration::from_secs(3_600)
}

fn meta(sequence: u16, timestamp: u32) -> PacketMeta {
    PacketMeta {
        sequence,
        timestamp,
        marker: false,
        payload_type: PayloadType(0),
    }
}

/// What a caller of the buffer does: one tick every 20 ms, a FIFO of decoded audio, stretching in pauses and in need.
struct Listener {
    buffer: JitterBuffer,
    start: Instant,
    /// Decoded and not yet heard.
    fifo: i64,
    stretches: bool,
    /// What was heard: packet index (its payload) or not, and the time it starts to be heard.
    heard: Vec<(Option<u32>, i64)>,
    silence: i64,
}

impl Listener {
    fn new(config: JitterBufferConfig) -> Self {
        Self {
            buffer: JitterBuffer::new(config),
            start: start(),
            fifo: 0,
            stretches: true,
            heard: Vec::new(),
            silence: 0,
        }
    }

    fn insert(&mut self, at: i64, meta: PacketMeta, index: u32) {
        let now = self.start + duration(at);
        self.buffer.insert(now, meta, &index.to_be_bytes());
    }

    fn tick(&mut self, at: i64) {
        let now = self.start + duration(at);
        while self.fifo < FRAME {
            let heard_at = at + self.fifo;
            let length = match self.buffer.playout(now, duration(self.fifo)) {
                Playout::Packet { payload, pace, .. } => {
                    let index = u32::from_be_bytes(payload.try_into().unwrap());
                    self.heard.push((Some(index), heard_at));
                    match pace {
                        Pace::Faster { by, urgent } if self.stretches => {
                            FRAME - self.step(index, by, urgent)
                        }
                        Pace::Slower { by, urgent } if self.stretches => {
                            FRAME + self.step(index, by, urgent)
                        }
                        _ => FRAME,
                    }
                }
                Playout::Missing { units, .. } => {
                    self.heard.push((None, heard_at));
                    i64::from(units) * 125_000
                }
                Playout::Silence => {
                    self.silence += 1;
                    FRAME - self.fifo
                }
            };
            self.fifo += length;
        }
        self.fifo -= FRAME;
    }

    /// A pause of the talk every 3 s, in which any length goes; pitch periods of 5 ms elsewhere.
    fn step(&self, index: u32, by: Duration, urgent: bool) -> i64 {
        let pause = index % 150 >= 130;
        match (pause, urgent) {
            (true, _) => nanos(by).min(16 * MS),
            (false, true) => 5 * MS,
            (false, false) => 0,
        }
    }

    /// Arrivals in time order, ticks every 20 ms from `phase` on, until `end`.
    fn run(&mut self, mut arrivals: Vec<(i64, PacketMeta, u32)>, phase: i64, end: i64) {
        arrivals.sort_by_key(|&(at, ..)| at);
        let mut arrivals = arrivals.into_iter().peekable();
        let mut tick = phase;
        while tick < end {
            while let Some((at, meta, index)) = arrivals.next_if(|&(at, ..)| at <= tick) {
                self.insert(at, meta, index);
            }
            self.tick(tick);
            tick += FRAME;
        }
    }

    fn indices(&self) -> Vec<u32> {
        self.heard.iter().filter_map(|&(index, _)| index).collect()
    }

    /// The frames as text: packet numbers, `-` for concealed.
    fn text(&self) -> String {
        let words: Vec<String> = self
            .heard
            .iter()
            .map(|(index, _)| index.map_or("-".into(), |i| i.to_string()))
            .collect();
        words.join(" ").trim_end_matches(" -").into()
    }
}

fn packet(index: u32) -> PacketMeta {
    meta(index as u16, index.wrapping_mul(160))
}

/// Packets `(index, delay in ms)` sent every 20 ms, played with a target of 40 ms and no more to learn.
fn check(name: &str, rows: &[(u32, i64)], expected: &str) -> Listener {
    let mut listener = Listener::new(JitterBufferConfig::default());
    let arrivals = rows
        .iter()
        .map(|&(index, delay)| (i64::from(index) * FRAME + delay * MS, packet(index), index))
        .collect();
    let last = rows.iter().map(|r| i64::from(r.0)).max().unwrap_or(0);
    listener.run(arrivals, MS, (last + 4) * FRAME);
    assert_eq!(listener.text(), expected, "{name}");
    listener
}

#[test]
fn arrivals_as_rows() {
    check("in order", &[(0, 0), (1, 0), (2, 0), (3, 0)], "0 1 2 3");
    check("reordered", &[(0, 0), (2, 0), (1, 25), (3, 0)], "0 1 2 3");
    check("first two swapped", &[(1, 0), (0, 30), (2, 0)], "0 1 2");
    let twice = check(
        "duplicated",
        &[(0, 0), (1, 0), (1, 5), (2, 0), (2, 60)],
        "0 1 2",
    );
    assert_eq!(twice.buffer.stats().duplicate, 2);
    let lost = check("one lost", &[(0, 0), (1, 0), (3, 0), (4, 0)], "0 1 - 3 4");
    assert_eq!((lost.buffer.stats().lost, lost.buffer.stats().late), (1, 0));
    let lost = check("three lost", &[(0, 0), (4, 0), (5, 0)], "0 - - - 4 5");
    assert_eq!(
        (lost.buffer.stats().lost, lost.buffer.stats().longest_loss),
        (3, 3)
    );
    let late = check(
        "late",
        &[(0, 0), (1, 70), (2, 0), (3, 0), (4, 0)],
        "0 - 2 3 4",
    );
    assert_eq!((late.buffer.stats().lost, late.buffer.stats().late), (0, 1));
    let late = check(
        "late twice",
        &[(0, 0), (1, 70), (1, 75), (2, 0), (3, 0), (4, 0)],
        "0 - 2 3 4",
    );
    let stats = late.buffer.stats();
    assert_eq!((stats.late, stats.duplicate, stats.lost), (1, 1, 0));
}

#[test]
fn a_lost_packet_is_offered_the_next_one_for_fec() {
    let mut listener = Listener::new(JitterBufferConfig::default());
    for index in [0, 2, 3] {
        listener.insert(i64::from(index) * FRAME, packet(index), index);
    }
    let start = listener.start;
    let mut at = |ms: u64| match listener
        .buffer
        .playout(start + Duration::from_millis(ms), Duration::ZERO)
    {
        Playout::Packet { sequence, .. } => format!("packet {sequence}"),
        Playout::Missing { units, next } => format!("missing {units} {next:?}"),
        Playout::Silence => "silence".into(),
    };
    assert_eq!(at(39), "silence");
    assert_eq!(at(40), "packet 0");
    assert_eq!(at(60), "missing 160 Some([0, 0, 0, 2])");
    assert_eq!(at(80), "packet 2");
}

#[test]
fn the_last_of_several_lost_packets_is_offered_the_next_one_too() {
    let mut listener = Listener::new(JitterBufferConfig::default());
    listener.insert(0, packet(0), 0);
    let start = listener.start;
    let at = |buffer: &mut JitterBuffer, ms: u64| match buffer
        .playout(start + Duration::from_millis(ms), Duration::ZERO)
    {
        Playout::Packet { sequence, .. } => format!("packet {sequence}"),
        Playout::Missing { next, .. } => format!("missing {next:?}"),
        Playout::Silence => "silence".into(),
    };
    assert_eq!(at(&mut listener.buffer, 40), "packet 0");
    // Nothing is there: whether it is late or lost is not known.
    assert_eq!(at(&mut listener.buffer, 60), "missing None");
    listener.insert(65 * MS, packet(3), 3);
    assert_eq!(at(&mut listener.buffer, 80), "missing Some([0, 0, 0, 3])");
    assert_eq!(at(&mut listener.buffer, 100), "packet 3");
    assert_eq!(listener.buffer.stats().lost, 2);
}

#[test]
fn sequence_and_timestamp_wrap() {
    let mut listener = Listener::new(JitterBufferConfig::default());
    let arrivals = (0..400_u32)
        .map(|index| {
            let sequence = (index as u16).wrapping_add(65_400);
            let timestamp = index.wrapping_mul(160).wrapping_add(u32::MAX - 20_000);
            (i64::from(index) * FRAME, meta(sequence, timestamp), index)
        })
        .collect();
    listener.run(arrivals, MS, 410 * FRAME);
    assert_eq!(listener.indices(), (0..400).collect::<Vec<_>>());
    assert_eq!(listener.buffer.stats().lost, 0);
}

#[test]
fn a_pause_in_the_talk_is_no_loss() {
    // Sequence numbers go on, timestamps jump by two seconds.
    let mut listener = Listener::new(JitterBufferConfig::default());
    let arrivals = (0..200_u32)
        .map(|index| {
            let pause = if index >= 100 { 100 } else { 0 };
            let slot = index + pause;
            (
                i64::from(slot) * FRAME,
                meta(index as u16, slot * 160),
                index,
            )
        })
        .collect();
    listener.run(arrivals, MS, 310 * FRAME);
    let stats = listener.buffer.stats();
    assert_eq!(listener.indices().len(), 200);
    assert_eq!((stats.lost, stats.late), (0, 0));
    let concealed = listener
        .heard
        .iter()
        .filter(|(index, _)| index.is_none())
        .count();
    assert!(
        concealed <= 20,
        "200 ms after each end of the talk: {concealed}"
    );
}

#[test]
fn a_stopped_sender_is_concealed_for_200_ms_and_then_silent() {
    let mut listener = Listener::new(JitterBufferConfig::default());
    let arrivals = (0..50_u32)
        .map(|i| (i64::from(i) * FRAME, packet(i), i))
        .collect();
    listener.run(arrivals, MS, 50 * FRAME + 2_000 * MS);
    let concealed = listener
        .heard
        .iter()
        .rev()
        .take_while(|(index, _)| index.is_none())
        .count();
    assert_eq!(concealed, 10);
    assert!(listener.silence > 80);
    assert_eq!(
        listener.buffer.stats().lost,
        0,
        "nothing is known to be lost"
    );
}

#[test]
fn after_an_outage_playing_starts_again_with_little_delay() {
    // 3 s of packets never come.
    let mut listener = Listener::new(JitterBufferConfig::default());
    let arrivals = (0..500_u32)
        .filter(|index| !(200..350).contains(index))
        .map(|i| (i64::from(i) * FRAME, packet(i), i))
        .collect();
    listener.run(arrivals, MS, 510 * FRAME);
    assert_eq!(listener.indices().len(), 350);
    assert_eq!(listener.buffer.stats().lost, 150);
    let &(_, heard_at) = listener
        .heard
        .iter()
        .find(|(index, _)| *index == Some(360))
        .unwrap();
    assert!(heard_at - 360 * FRAME <= 40 * MS);
}

#[test]
fn a_jump_of_the_timestamps_costs_no_packet() {
    // Music on hold: the same stream, another clock; forwards and backwards.
    for jump in [
        0x4000_0000_u32,
        0xc000_0000,
        1_000_000,
        (-1_000_000_i32).cast_unsigned(),
    ] {
        let mut listener = Listener::new(JitterBufferConfig::default());
        let arrivals = (0..300_u32)
            .map(|index| {
                let offset = if index >= 150 { jump } else { 0 };
                let timestamp = (index * 160).wrapping_add(offset);
                (
                    i64::from(index) * FRAME,
                    meta(index as u16, timestamp),
                    index,
                )
            })
            .collect();
        listener.run(arrivals, MS, 310 * FRAME);
        assert_eq!(
            listener.indices(),
            (0..300).collect::<Vec<_>>(),
            "{jump:#x}"
        );
    }
}

#[test]
fn a_jump_of_the_sequence_is_spliced() {
    for (offset, lost_at_most) in [(20_000_u16, 0), (40_000, 1)] {
        let mut listener = Listener::new(JitterBufferConfig::default());
        let arrivals = (0..300_u32)
            .map(|index| {
                let offset = if index >= 150 { offset } else { 0 };
                let meta = meta((index as u16).wrapping_add(offset), index * 160);
                (i64::from(index) * FRAME, meta, index)
            })
            .collect();
        listener.run(arrivals, MS, 310 * FRAME);
        assert!(listener.indices().len() >= 300 - lost_at_most, "{offset}");
        assert!(listener.indices().contains(&299));
    }
}

#[test]
fn packets_of_other_formats_are_not_missing() {
    // A key of 10 packets in the middle: sequence numbers are used, audio pauses.
    let mut listener = Listener::new(JitterBufferConfig::default());
    let start = listener.start;
    for index in 0..100_u32 {
        let at = i64::from(index) * FRAME;
        if (40..50).contains(&index) {
            listener.buffer.skip(index as u16);
        } else {
            listener
                .buffer
                .insert(start + duration(at), packet(index), &index.to_be_bytes());
        }
        listener.tick(at + MS);
    }
    for extra in 100..105 {
        listener.tick(extra * FRAME + MS);
    }
    assert_eq!(listener.indices().len(), 90);
    assert_eq!(listener.buffer.stats().lost, 0);
}

#[test]
fn packets_longer_and_shorter_than_the_tick_play_without_gaps() {
    for ptime in [10_i64, 30, 40, 60] {
        let units = (ptime * 8) as u32;
        let mut buffer = JitterBuffer::new(JitterBufferConfig::default());
        let start = start();
        let (mut fifo, mut concealed, mut played) = (0, 0, 0);
        let mut next = 0_u32;
        for tick in 0..500_i64 {
            let at = tick * FRAME + 3 * MS;
            while i64::from(next) * ptime * MS <= at {
                let now = start + duration(i64::from(next) * ptime * MS);
                buffer.insert(now, meta(next as u16, next * units), &[0; 8]);
                next += 1;
            }
            while fifo < FRAME {
                fifo += match buffer.playout(start + duration(at), duration(fifo)) {
                    Playout::Packet { .. } => {
                        played += 1;
                        ptime * MS
                    }
                    Playout::Missing { units, .. } => {
                        concealed += 1;
                        i64::from(units) * 125_000
                    }
                    Playout::Silence => FRAME - fifo,
                };
            }
            fifo -= FRAME;
        }
        assert!(concealed <= 1, "{ptime} ms: {concealed} concealed");
        assert!(
            i64::from(next) - played <= 120 / ptime + 2,
            "{ptime} ms: {played} of {next}"
        );
    }
}

#[test]
fn an_hour_of_clock_drift_neither_grows_nor_drops_out() {
    for ppm in [-300.0_f64, 300.0] {
        let mut listener = Listener::new(JitterBufferConfig::default());
        let total = 180_000_u32;
        let mut next = 0_u32;
        let mut worst = 0;
        for tick in 0..i64::from(total) {
            let at = tick * FRAME + 7 * MS;
            loop {
                let sent = (f64::from(next) * 20e6 * (1.0 + ppm / 1e6)) as i64;
                if sent > at {
                    break;
                }
                listener.insert(sent, packet(next), next);
                next += 1;
            }
            listener.tick(at);
            if tick > 1_000 {
                worst = worst.max(nanos(listener.buffer.playout_delay()));
            }
        }
        let stats = listener.buffer.stats();
        assert_eq!(
            (stats.lost, stats.late, stats.discarded, stats.overflow),
            (0, 0, 0, 0),
            "{ppm}"
        );
        assert!(worst <= 60 * MS, "{ppm} ppm: {} ms", worst / MS);
        let concealed: Vec<i64> = listener
            .heard
            .iter()
            .filter(|(index, _)| index.is_none())
            .map(|(_, at)| at / FRAME)
            .collect();
        assert!(concealed.len() <= 2, "{ppm} ppm: {concealed:?} concealed");
        assert!(listener.silence < 10);
    }
}

/// A network: delay of each packet in ns on top of 40 ms, `None` for lost.
struct Trace {
    name: &'static str,
    delays: Vec<Option<i64>>,
    /// Sender's clock against ours.
    ppm: f64,
}

fn gauss(random: &mut Random, sigma_ms: f64) -> i64 {
    let radius = (-2.0 * (1.0 - random.next_f64()).ln()).sqrt();
    let value = radius * (std::f64::consts::TAU * random.next_f64()).cos();
    (value.abs() * sigma_ms * 1e6) as i64
}

fn traces(packets: usize) -> Vec<Trace> {
    let mut random = Random::new(20);
    let r = &mut random;
    let mut plain = |name, loss: f64, delay: &mut dyn FnMut(&mut Random) -> i64| Trace {
        name,
        delays: (0..packets)
            .map(|_| {
                let lost = r.next_f64() < loss;
                let delay = delay(r);
                (!lost).then_some(delay)
            })
            .collect(),
        ppm: 0.0,
    };
    let clean = plain("clean", 0.0, &mut |_| 0);
    let gauss20 = plain("gauss20", 0.01, &mut |r| gauss(r, 20.0));
    let gauss40 = plain("gauss40", 0.02, &mut |r| gauss(r, 40.0));
    let pareto = plain("pareto", 0.01, &mut |r| {
        ((8.0 / (1.0 - r.next_f64()).sqrt()).min(400.0) * 1e6) as i64
    });
    let mut bad = false;
    let mut ge5 = plain("ge5", 0.0, &mut |r| gauss(r, 10.0));
    for delay in &mut ge5.delays {
        bad = if bad {
            random.next_f64() >= 1.0 / 3.0
        } else {
            random.next_f64() < 0.0168
        };
        if bad {
            *delay = None;
        }
    }
    let r = &mut random;
    let mut stall_until = 0;
    let wifi = Trace {
        name: "wifi",
        delays: (0..packets as i64)
            .map(|index| {
                let sent = index * FRAME;
                if r.next_f64() < 0.006 {
                    stall_until = sent + ((80.0 + 120.0 * r.next_f64()) * 1e6) as i64;
                }
                let delay = (stall_until - sent).max(0);
                (r.next_f64() >= 0.005).then_some(delay)
            })
            .collect(),
        ppm: 0.0,
    };
    let drift = Trace {
        name: "drift",
        delays: (0..packets).map(|_| Some(gauss(r, 5.0))).collect(),
        ppm: 200.0,
    };
    let mut pareto = pareto;
    keep_in_order(&mut pareto.delays);
    let mut wifi = wifi;
    keep_in_order(&mut wifi.delays);
    vec![clean, gauss20, gauss40, pareto, ge5, wifi, drift]
}

/// No packet overtakes another.
fn keep_in_order(delays: &mut [Option<i64>]) {
    let mut last = 0;
    for (index, delay) in delays.iter_mut().enumerate() {
        let sent = index as i64 * FRAME;
        if let Some(delay) = delay {
            last = last.max(sent + *delay);
            *delay = last - sent;
        }
    }
}

struct Outcome {
    mean_ms: f64,
    p95_ms: f64,
    network_loss: f64,
    not_played: f64,
    concealed: f64,
}

fn simulate(trace: &Trace, phase: i64) -> Outcome {
    let mut listener = Listener::new(JitterBufferConfig::default());
    let sent = |index: usize| (index as f64 * 20e6 * (1.0 + trace.ppm / 1e6)) as i64;
    let arrivals: Vec<_> = trace
        .delays
        .iter()
        .enumerate()
        .filter_map(|(index, delay)| {
            Some((
                sent(index) + 40 * MS + (*delay)?,
                packet(index as u32),
                index as u32,
            ))
        })
        .collect();
    let packets = trace.delays.len();
    let arrived = arrivals.len();
    listener.run(arrivals, phase, (packets as i64 + 30) * FRAME);
    let mut added: Vec<f64> = listener
        .heard
        .iter()
        .filter_map(|&(index, at)| Some((at - sent(index? as usize) - 40 * MS) as f64 / 1e6))
        .collect();
    added.sort_by(f64::total_cmp);
    let played = added.len();
    let stats = listener.buffer.stats();
    assert_eq!(stats.played as usize, played);
    let concealed = listener
        .heard
        .iter()
        .filter(|(index, _)| index.is_none())
        .count();
    Outcome {
        mean_ms: added.iter().sum::<f64>() / played as f64,
        p95_ms: added[played * 95 / 100],
        network_loss: 1.0 - arrived as f64 / packets as f64,
        not_played: 1.0 - played as f64 / packets as f64,
        concealed: concealed as f64 / packets as f64,
    }
}

#[test]
fn the_seven_networks_stay_within_bounds() {
    // Mean added delay in ms at most, and how much of what arrived may be lost to lateness.
    let bounds = [
        ("clean", 25.0, 0.0),
        ("gauss20", 62.0, 0.0125),
        ("gauss40", 100.0, 0.0235),
        ("pareto", 88.0, 0.036),
        ("ge5", 43.0, 0.005),
        ("wifi", 47.0, 0.035),
        ("drift", 27.0, 0.005),
    ];
    let traces = traces(3_000);
    for (trace, (name, delay, late)) in traces.iter().zip(bounds) {
        assert_eq!(trace.name, name);
        for phase in [MS, 11 * MS] {
            let o = simulate(trace, phase);
            let late_share = o.not_played - o.network_loss;
            println!(
                "{name:8} phase {:2} ms: added mean {:5.1} p95 {:5.1} ms, network loss {:4.1} %, late {:4.2} %, concealed {:4.2} %",
                phase / MS,
                o.mean_ms,
                o.p95_ms,
                o.network_loss * 100.0,
                late_share * 100.0,
                o.concealed * 100.0
            );
            assert!(o.mean_ms <= delay, "{name}: {} ms", o.mean_ms);
            assert!(late_share <= late + 1e-9, "{name}: {late_share}");
            // Nothing is invented beyond what is not played, but where the delay has to grow.
            let inserted = o.concealed - o.not_played;
            assert!(inserted <= 0.006, "{name}: {inserted}");
        }
    }
}

#[test]
fn a_listener_that_cannot_stretch_is_brought_near_the_target_by_whole_frames() {
    let mut listener = Listener::new(JitterBufferConfig::default());
    listener.stretches = false;
    // A stall of 300 ms, then a clean network.
    let arrivals = (0..3_000_u32)
        .map(|index| {
            let sent = i64::from(index) * FRAME;
            let stall_ends = 515 * FRAME;
            let arrival = if (500..515).contains(&index) {
                stall_ends
            } else {
                sent
            };
            (arrival, packet(index), index)
        })
        .collect();
    listener.run(arrivals, MS, 3_010 * FRAME);
    assert!(listener.buffer.playout_delay() < Duration::from_millis(200));
    assert!(listener.buffer.stats().discarded < 20);
}

#[derive(Debug, Clone)]
enum Step {
    Arrive(u32),
    Skip(u32),
    Tick,
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    /// Any order, duplication and loss: each packet leaves at most once, in order, and all time is accounted for.
    #[test]
    fn each_packet_leaves_at_most_once_and_in_order(
        steps in prop::collection::vec(
            prop_oneof![
                4 => (0_u32..100).prop_map(Step::Arrive),
                1 => (0_u32..100).prop_map(Step::Skip),
                5 => Just(Step::Tick),
            ],
            1..400,
        ),
        first_sequence: u16,
        first_timestamp: u32,
    ) {
        let mut buffer = JitterBuffer::new(JitterBufferConfig::default());
        let start = start();
        let mut ticks = 0_u32;
        let mut heard: Vec<u32> = Vec::new();
        let (mut packets, mut missing, mut silence) = (0_u64, 0_u64, 0_u64);
        let (mut inserted, mut skipped) = (0_u64, 0_u64);
        for step in steps {
            let now = start + Duration::from_millis(u64::from(ticks) * 20);
            match step {
                Step::Arrive(index) => {
                    inserted += 1;
                    let meta = meta(
                        first_sequence.wrapping_add(index as u16),
                        first_timestamp.wrapping_add(index * 160),
                    );
                    buffer.insert(now, meta, &index.to_be_bytes());
                }
                Step::Skip(index) => {
                    skipped += 1;
                    buffer.skip(first_sequence.wrapping_add(index as u16));
                }
                Step::Tick => {
                    ticks += 1;
                    match buffer.playout(now, Duration::ZERO) {
                        Playout::Packet { payload, sequence, timestamp, .. } => {
                            packets += 1;
                            let index = u32::from_be_bytes(payload.try_into().unwrap());
                            prop_assert_eq!(sequence, first_sequence.wrapping_add(index as u16));
                            prop_assert_eq!(timestamp, first_timestamp.wrapping_add(index * 160));
                            heard.push(index);
                        }
                        Playout::Missing { units, .. } => {
                            missing += 1;
                            prop_assert!(units > 0 && units <= 1_600);
                        }
                        Playout::Silence => silence += 1,
                    }
                }
            }
        }
        // Within 100 sequence numbers nothing is taken for a sender that started over.
        prop_assert!(heard.windows(2).all(|pair| pair[1] > pair[0]), "{heard:?}");
        let stats = buffer.stats();
        prop_assert_eq!(stats.played, packets);
        prop_assert_eq!(packets + missing + silence, u64::from(ticks));
        // Each insertion is played, late, a duplicate, discarded, without room, or waits.
        let accounted = stats.played + stats.late + stats.duplicate + stats.discarded + stats.overflow;
        prop_assert!(accounted <= inserted + skipped, "{stats:?} of {inserted}");
    }

    /// Ordinary networks: whatever arrives within the target is played, and output time equals media time.
    #[test]
    fn output_time_is_conserved(
        delays in prop::collection::vec(prop::option::weighted(0.9, 0_i64..35), 20..200),
    ) {
        let mut listener = Listener::new(JitterBufferConfig {
            min_delay: Duration::from_millis(40),
            max_delay: Duration::from_millis(40),
            ..JitterBufferConfig::default()
        });
        listener.stretches = false;
        let delays: Vec<Option<i64>> = std::iter::once(Some(0))
            .chain(delays)
            .chain([Some(0), Some(0)])
            .collect();
        let arrivals: Vec<_> = delays
            .iter()
            .enumerate()
            .filter_map(|(i, delay)| Some((i as i64 * FRAME + (*delay)? * MS, packet(i as u32), i as u32)))
            .collect();
        let arrived: Vec<u32> = delays.iter().zip(0..).filter_map(|(d, i)| d.map(|_| i)).collect();
        listener.run(arrivals, MS, (delays.len() as i64 + 4) * FRAME);
        let longest_gap = arrived.windows(2).map(|w| w[1] - w[0]).max().unwrap_or(0);
        prop_assume!(longest_gap <= 4);
        prop_assert_eq!(listener.indices(), arrived);
        let frames = listener.heard.iter().rposition(|(index, _)| index.is_some()).unwrap();
        prop_assert_eq!(frames + 1, delays.len(), "one frame out for each packet time: {}", listener.text());
    }
}
