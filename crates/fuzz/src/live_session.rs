//! A session in the middle of a call, to throw datagrams at.

use std::net::SocketAddr;
use std::sync::LazyLock;
use std::time::{Duration, Instant, SystemTime};

use rtp_media::{
    Channel, ClockAnchor, ClockRate, ExtendedReports, PayloadType, RedundancyFormat, RtpPacket,
    RtpSession, RtpSessionConfig, TelephoneEventFormat,
};

const PTIME: Duration = Duration::from_millis(20);
/// Clock units of a packet of G.711.
const UNITS: u32 = 160;
/// Datagrams taken from one input; more would only be slower.
const MAX_DATAGRAMS: usize = 12;

/// One reading of the clock for all runs: what a run does must hang on its input alone.
static ANCHOR: LazyLock<(Instant, ClockAnchor)> = LazyLock::new(|| {
    let now = Instant::now();
    (now, ClockAnchor::new(now, SystemTime::UNIX_EPOCH))
});

/// A session and its virtual time.
pub(crate) struct LiveSession {
    session: RtpSession,
    now: Instant,
    out: Vec<u8>,
}

impl LiveSession {
    /// A call of G.711 with telephone-event, redundancy and extended reports that has sent and received its first packets.
    pub(crate) fn start() -> Self {
        Self::with_mux(false)
    }

    /// The same with RTP and RTCP on one port.
    pub(crate) fn start_muxed() -> Self {
        Self::with_mux(true)
    }

    fn with_mux(rtcp_mux: bool) -> Self {
        let (now, anchor) = *ANCHOR;
        let pcmu = PayloadType(0);
        let event = PayloadType(101);
        let config = RtpSessionConfig {
            receive_payload_types: vec![pcmu, PayloadType(8)],
            telephone_event: Some(TelephoneEventFormat {
                send_payload_type: event,
                receive_payload_type: event,
                clock_rate: ClockRate(8_000),
            }),
            redundancy: Some(RedundancyFormat {
                send_payload_type: PayloadType(96),
                receive_payload_type: PayloadType(96),
                generations: 0,
            }),
            extended_reports: ExtendedReports {
                voip_metrics: true,
                receiver_reference_time: true,
            },
            rtcp_mux,
            ..RtpSessionConfig::new(anchor, 7, peer(), pcmu, ClockRate(8_000))
        };
        let mut live = LiveSession {
            session: RtpSession::new(now, config),
            now,
            out: Vec::new(),
        };
        for sequence in 0..3 {
            live.hear_peer(sequence);
            live.tick(PTIME);
        }
        live
    }

    /// Takes the input as one datagram, then as a script of datagrams with times between them, and goes on.
    pub(crate) fn survives(&mut self, channel: Channel, data: &[u8]) {
        self.receive(peer(), channel, data);
        self.tick(PTIME);
        for (step, source, datagram) in script(data) {
            self.receive(source, channel, datagram);
            self.tick(step);
        }
        self.still_works();
    }

    /// After all that, our audio goes out and time goes on.
    fn still_works(&mut self) {
        while self
            .session
            .poll_transmit(self.now, &mut self.out)
            .is_some()
        {}
        self.session
            .send_audio(self.now, &[0xff; UNITS as usize], UNITS);
        let mut audio = 0;
        while let Some(transmit) = self.session.poll_transmit(self.now, &mut self.out) {
            audio += usize::from(transmit.channel == Channel::Rtp && self.is_audio());
        }
        assert_eq!(audio, 1, "the session has stopped sending");
        self.tick(Duration::from_secs(40));
        self.session.stop(self.now);
        while self
            .session
            .poll_transmit(self.now, &mut self.out)
            .is_some()
        {}
        let stats = self.session.stats(self.now);
        assert!(stats.sent_packets >= 1);
    }

    fn is_audio(&self) -> bool {
        RtpPacket::parse(&self.out).is_some_and(|packet| packet.payload.len() == UNITS as usize)
    }

    fn hear_peer(&mut self, sequence: u16) {
        let packet = [
            0x80,
            0,
            0,
            sequence as u8,
            0,
            0,
            0,
            160u8.wrapping_mul(sequence as u8),
            1,
            2,
            3,
            4,
        ];
        let mut datagram = packet.to_vec();
        datagram.extend_from_slice(&[0xff; UNITS as usize]);
        self.receive(peer(), Channel::Rtp, &datagram);
    }

    fn receive(&mut self, source: SocketAddr, channel: Channel, datagram: &[u8]) {
        self.session
            .handle_datagram(self.now, source, channel, datagram);
    }

    /// Time passes: one packet each way, deadlines, and all that the session has to say.
    fn tick(&mut self, step: Duration) {
        self.now += step;
        let _ = self.session.playout(self.now, Duration::ZERO);
        self.session
            .send_audio(self.now, &[0xff; UNITS as usize], UNITS);
        self.session.handle_timeout(self.now);
        if let Some(deadline) = self.session.poll_timeout() {
            assert!(deadline > self.now, "a deadline that never goes away");
        }
        while self
            .session
            .poll_transmit(self.now, &mut self.out)
            .is_some()
        {}
        while self.session.poll_event().is_some() {}
    }
}

fn peer() -> SocketAddr {
    SocketAddr::from(([192, 0, 2, 9], 5_000))
}

/// Cuts the input into datagrams: a byte of length, a byte of time in 10 ms and of source, the datagram.
fn script(mut data: &[u8]) -> impl Iterator<Item = (Duration, SocketAddr, &[u8])> {
    std::iter::from_fn(move || {
        let (head, rest) = data.split_at_checked(2)?;
        let (datagram, rest) = rest.split_at(usize::from(head[0]).min(rest.len()));
        data = rest;
        let step = Duration::from_millis(u64::from(head[1] & 0x3f) * 10);
        let port = 5_000 + u16::from(head[1] >> 6);
        Some((step, SocketAddr::from(([192, 0, 2, 9], port)), datagram))
    })
    .take(MAX_DATAGRAMS)
}
