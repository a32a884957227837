//! Two sessions in virtual time, joined by a network that loses, delays and repeats by a seed.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use audio_codecs::Pcmu;
use media_engine::{
    AudioBridge, Channel, ClockAnchor, MediaConfig, MediaEvent, MediaEvents, MediaFormat,
    MediaSession, ReceivedFrame,
};

/// How bad the network is.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Faults {
    /// Share of datagrams that are lost.
    pub(crate) loss: f64,
    /// Share that arrive twice.
    pub(crate) duplicates: f64,
    pub(crate) delay: Duration,
    /// Each datagram is delayed by up to this much more.
    pub(crate) jitter: Duration,
    pub(crate) seed: u64,
}

/// One end of the call with what it heard so far.
pub(crate) struct Party {
    pub(crate) session: MediaSession,
    pub(crate) bridge: AudioBridge,
    events: MediaEvents,
    pub(crate) told: Vec<MediaEvent>,
    pub(crate) heard: Vec<ReceivedFrame>,
    pub(crate) sent: Vec<ReceivedFrame>,
    pub(crate) rtp_out: u64,
    addr: SocketAddr,
    due: Instant,
    /// Its clock runs slower by this share of a packet time.
    drift: Duration,
}

type InFlight = Reverse<(Instant, u64, usize, bool, Vec<u8>)>;

pub(crate) struct Call {
    pub(crate) a: Party,
    pub(crate) b: Party,
    pub(crate) now: Instant,
    started: Instant,
    pub(crate) faults: Faults,
    in_flight: BinaryHeap<InFlight>,
    random: u64,
    count: u64,
    buf: Vec<u8>,
}

pub(crate) fn addr(host: u8, port: u16) -> SocketAddr {
    SocketAddr::from(([192, 0, 2, host], port))
}

/// PCMU, to the peer of party `index`.
pub(crate) fn config(index: usize) -> MediaConfig {
    let remote = addr(2 - index as u8, 4_000);
    MediaConfig::new(remote, MediaFormat::new(0, Arc::new(Pcmu)))
}

impl Party {
    fn new(start: Instant, index: usize, config: MediaConfig) -> Self {
        let anchor = ClockAnchor::new(start, SystemTime::now());
        let (session, bridge, events) =
            MediaSession::new(start, anchor, 77 + index as u64, config).unwrap();
        Self {
            session,
            bridge,
            events,
            told: Vec::new(),
            heard: Vec::new(),
            sent: Vec::new(),
            rtp_out: 0,
            addr: addr(1 + index as u8, 4_000),
            due: start + Duration::from_millis(7) * index as u32,
            drift: Duration::ZERO,
        }
    }

    pub(crate) fn set_drift(&mut self, drift: Duration) {
        self.drift = drift;
    }

    fn collect(&mut self) {
        while let Some(frame) = self.bridge.rx.try_recv() {
            self.heard.push(frame);
        }
        if let Some(sent) = &mut self.bridge.sent {
            while let Some(frame) = sent.try_recv() {
                self.sent.push(frame);
            }
        }
        while let Some(event) = self.events.try_recv() {
            self.told.push(event);
        }
    }

    /// All that was heard, as one piece.
    pub(crate) fn audio(&self) -> Vec<f32> {
        self.heard
            .iter()
            .flat_map(|frame| frame.frame.samples.iter().copied())
            .collect()
    }

    pub(crate) fn digits(&self) -> String {
        self.told
            .iter()
            .filter_map(|event| match event {
                MediaEvent::Dtmf { digit, .. } => Some(*digit),
                _ => None,
            })
            .collect()
    }

    pub(crate) fn marks(&self) -> Vec<(&str, bool)> {
        self.told
            .iter()
            .filter_map(|event| match event {
                MediaEvent::Mark { name, cleared } => Some((name.as_str(), *cleared)),
                _ => None,
            })
            .collect()
    }
}

impl Call {
    /// A PCMU call over a perfect network.
    pub(crate) fn new() -> Self {
        Self::with(Faults::default(), |_| {})
    }

    pub(crate) fn with(faults: Faults, change: impl Fn(&mut MediaConfig)) -> Self {
        let start = Instant::now();
        let party = |index| {
            let mut config = config(index);
            change(&mut config);
            Party::new(start, index, config)
        };
        Self {
            a: party(0),
            b: party(1),
            now: start,
            started: start,
            faults,
            in_flight: BinaryHeap::new(),
            random: faults.seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1,
            count: 0,
            buf: Vec::new(),
        }
    }

    pub(crate) fn started(&self) -> Instant {
        self.started
    }

    /// Lets time pass.
    pub(crate) fn run(&mut self, duration: Duration) {
        let end = self.now + duration;
        loop {
            let arrival = self.in_flight.peek().map(|Reverse((at, ..))| *at);
            let due = self.a.due.min(self.b.due);
            let next = arrival.map_or(due, |arrival| arrival.min(due));
            if next >= end {
                self.now = end;
                return;
            }
            self.now = next;
            if arrival == Some(next) {
                self.deliver();
            } else if self.a.due == next {
                self.serve(0);
            } else {
                self.serve(1);
            }
        }
    }

    fn serve(&mut self, index: usize) {
        let now = self.now;
        let mut buf = std::mem::take(&mut self.buf);
        let party = self.party(index);
        party.session.tick(now);
        while let Some(transmit) = self.party(index).session.poll_transmit(now, &mut buf) {
            let rtcp = transmit.channel == Channel::Rtcp;
            self.party(index).rtp_out += u64::from(!rtcp);
            assert_eq!(
                transmit.destination,
                addr(2 - index as u8, 4_000 + u16::from(rtcp))
            );
            self.send(1 - index, rtcp, &buf);
        }
        self.buf = buf;
        let party = self.party(index);
        party.due += party.session.ptime() + party.drift;
        party.collect();
    }

    fn send(&mut self, to: usize, rtcp: bool, bytes: &[u8]) {
        if self.chance() < self.faults.loss {
            return;
        }
        let copies = 1 + usize::from(self.chance() < self.faults.duplicates);
        for _ in 0..copies {
            let at = self.now + self.faults.delay + self.faults.jitter.mul_f64(self.chance());
            self.count += 1;
            self.in_flight
                .push(Reverse((at, self.count, to, rtcp, bytes.to_vec())));
        }
    }

    fn deliver(&mut self) {
        let Some(Reverse((at, _, to, rtcp, bytes))) = self.in_flight.pop() else {
            return;
        };
        let mut source = self.party(1 - to).addr;
        source.set_port(4_000 + u16::from(rtcp));
        let channel = if rtcp { Channel::Rtcp } else { Channel::Rtp };
        self.party(to)
            .session
            .handle_datagram(at, source, channel, &bytes);
    }

    fn party(&mut self, index: usize) -> &mut Party {
        if index == 0 { &mut self.a } else { &mut self.b }
    }

    /// xorshift64*: 0 to 1.
    fn chance(&mut self) -> f64 {
        self.random ^= self.random >> 12;
        self.random ^= self.random << 25;
        self.random ^= self.random >> 27;
        (self.random.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 11) as f64 / (1_u64 << 53) as f64
    }
}
