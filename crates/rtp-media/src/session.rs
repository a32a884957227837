//! RTP and RTCP of one call.

#![deny(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects
)]

pub(crate) mod config;
mod inbound;
mod outbound;
mod reports;
mod source;
mod watch;

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use self::config::{RtpSessionConfig, RtpSessionUpdate};
use self::inbound::{Reception, Sequence, since};
use self::outbound::Outbound;
use self::reports::{Received, Reports, Sent};
use self::source::{Sources, Verdict};
use self::watch::Watch;
use crate::clock::NtpTime;
use crate::demux::{DatagramKind, datagram_kind};
use crate::event::RtpEvent;
use crate::guard::{rtcp_is_framed, rtcp_looks_encrypted, sound_rtcp_packets};
use crate::jitter_buffer::{JitterBuffer, JitterBufferStats, PacketMeta, Playout};
use crate::packet::RtpPacket;
use crate::random::Random;
use crate::stats::{DroppedPackets, RtpStats};
use crate::telephone_event::{KeyReceiver, KeySender, TelephoneEvent, TelephoneEventError};
use crate::units::{ClockRate, PayloadType, Ssrc};

/// Events that wait for the owner; more are dropped, the newest first.
const MAX_EVENTS: usize = 256;

/// Which of the two sockets a datagram belongs to. With rtcp-mux all go through [`Channel::Rtp`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Channel {
    /// The even port.
    Rtp,
    /// The odd port.
    Rtcp,
}

/// Where to send what [`RtpSession::poll_transmit`] has put into the buffer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Transmit {
    /// Address of the peer.
    pub destination: SocketAddr,
    /// Socket to send from.
    pub channel: Channel,
}

/// The deadlines of a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Timer {
    /// The next RTCP report (RFC 3550 section 6.3).
    Report,
    /// No media: say so.
    NoMedia,
    /// No sign of the peer: say so.
    MediaTimeout,
    /// The end of a key press was lost.
    TelephoneEventEnd,
}

/// RTP and RTCP of one call, as a value.
#[derive(Debug)]
pub struct RtpSession {
    config: RtpSessionConfig,
    started: Instant,
    jitter_buffer: JitterBuffer,
    outbound: Outbound,
    reports: Reports,
    sources: Sources,
    watch: Watch,
    keys_out: KeySender,
    keys_in: KeyReceiver,
    reception: Option<Reception>,
    /// Of streams that have ended: expected packets.
    expected_before: u64,
    /// Where media and reports go: SDP's address until the peer sends from another.
    remote_rtp: SocketAddr,
    remote_rtcp: SocketAddr,
    events: VecDeque<RtpEvent>,
    received_packets: u64,
    received_octets: u64,
    dropped: DroppedPackets,
    stopped: bool,
}

impl RtpSession {
    /// Starts at `now`. Nothing is sent until the first call says so, but for RTCP.
    pub fn new(now: Instant, mut config: RtpSessionConfig) -> Self {
        config.jitter_buffer.clock_rate = config.clock_rate;
        config.jitter_buffer.ptime = config.ptime;
        let mut random = Random::new(config.seed);
        Self {
            started: now,
            jitter_buffer: JitterBuffer::new(config.jitter_buffer),
            outbound: Outbound::new(config.ssrc, &mut random),
            reports: Reports::new(now, config.ssrc, &config.cname, config.clock_anchor, random),
            sources: Sources::default(),
            watch: Watch::new(
                now,
                config.no_media_after,
                config.media_timeout,
                config.may_receive,
            ),
            keys_out: KeySender::default(),
            keys_in: KeyReceiver::default(),
            reception: None,
            expected_before: 0,
            remote_rtp: config.remote_rtp,
            remote_rtcp: config.remote_rtcp,
            events: VecDeque::new(),
            received_packets: 0,
            received_octets: 0,
            dropped: DroppedPackets::default(),
            stopped: false,
            config,
        }
    }

    /// A datagram arrived. `now` is its arrival, best from the kernel: jitter and playout are measured with it.
    pub fn handle_datagram(
        &mut self,
        now: Instant,
        source: SocketAddr,
        channel: Channel,
        bytes: &[u8],
    ) {
        if self.stopped {
            return;
        }
        match (datagram_kind(bytes), channel) {
            (DatagramKind::Rtcp, Channel::Rtp) if !self.config.rtcp_mux => self.count_not_rtp(),
            (DatagramKind::Rtcp, _) => self.on_rtcp(now, source, bytes),
            (DatagramKind::Rtp, Channel::Rtp) => self.on_rtp(now, source, bytes),
            (DatagramKind::Dtls, _) => {
                self.watch.saw_encrypted();
                self.count_not_rtp();
            }
            _ => self.count_not_rtp(),
        }
    }

    /// Fires the deadlines that have passed. To be called at [`poll_timeout`](Self::poll_timeout) or more often.
    pub fn handle_timeout(&mut self, now: Instant) {
        if self.stopped {
            return;
        }
        if self.reports.is_due(now) {
            self.report(now);
        }
        let clock = self.key_clock();
        let events = &mut self.events;
        self.keys_in
            .handle_timeout(now, clock, &mut |event| tell(events, event));
        for event in self
            .watch
            .handle_timeout(now, self.config.remote_rtp)
            .into_iter()
            .flatten()
        {
            self.tell(event);
        }
    }

    /// When [`handle_timeout`](Self::handle_timeout) is wanted next.
    pub fn poll_timeout(&self) -> Option<Instant> {
        [
            Timer::Report,
            Timer::NoMedia,
            Timer::MediaTimeout,
            Timer::TelephoneEventEnd,
        ]
        .into_iter()
        .filter_map(|timer| self.deadline(timer))
        .min()
    }

    /// The deadline of one timer, if it runs.
    pub fn deadline(&self, timer: Timer) -> Option<Instant> {
        if self.stopped {
            return None;
        }
        match timer {
            Timer::Report => Some(self.reports.deadline()),
            Timer::NoMedia => self.watch.no_media_deadline(),
            Timer::MediaTimeout => self.watch.timeout_deadline(),
            Timer::TelephoneEventEnd => self.keys_in.deadline(),
        }
    }

    /// What happened, oldest first.
    pub fn poll_event(&mut self) -> Option<RtpEvent> {
        self.events.pop_front()
    }

    /// The next datagram to send. `buf` is cleared and filled; keep it between calls and nothing is allocated.
    pub fn poll_transmit(&mut self, _now: Instant, buf: &mut Vec<u8>) -> Option<Transmit> {
        self.outbound.next(buf)
    }

    /// Queues one RTP packet of `units` clock units. The marker is set after silence. While the direction does not allow
    /// sending or a key is going out this is [`skip_audio`](Self::skip_audio).
    pub fn send_audio(&mut self, now: Instant, payload: &[u8], units: u32) {
        if self.stopped || !self.config.may_send || self.is_sending_telephone_event() {
            return self.skip_audio(now, units);
        }
        self.outbound
            .audio(self.to_rtp(), self.config.send_payload_type, payload);
        self.outbound.pass(units);
        // Only counts the gap after a key down: none is waiting.
        self.tick_keys(units);
    }

    /// `units` of time pass and no audio is sent (DTX, hold, a key going out). To be called once per packet time all the
    /// same: it drives the packets of a key press.
    pub fn skip_audio(&mut self, _now: Instant, units: u32) {
        self.outbound.fall_silent();
        self.tick_keys(units);
        self.outbound.pass(units);
    }

    /// Queues a key press. Keys go out one after the other with 40 ms or more between.
    ///
    /// # Errors
    /// [`TelephoneEventError`]: not negotiated, not sending, too many waiting, or a duration of 0 or above 60 s.
    pub fn send_telephone_event(
        &mut self,
        _now: Instant,
        event: TelephoneEvent,
        duration: Duration,
    ) -> Result<(), TelephoneEventError> {
        if self.config.telephone_event.is_none() {
            return Err(TelephoneEventError::NotNegotiated);
        }
        if self.stopped || !self.config.may_send {
            return Err(TelephoneEventError::NotSending);
        }
        self.keys_out.press(event, duration)
    }

    /// Whether a key is going out or waits to: audio given meanwhile is not sent.
    pub fn is_sending_telephone_event(&self) -> bool {
        self.keys_out.is_busy()
    }

    /// What to play at `now`, when `buffered` of decoded audio has not been heard yet.
    pub fn playout(&mut self, now: Instant, buffered: Duration) -> Playout<'_> {
        self.jitter_buffer.playout(now, buffered)
    }

    /// Applies a re-INVITE or UPDATE: SSRC, sequence numbers and timestamps go on.
    pub fn update(&mut self, now: Instant, update: RtpSessionUpdate) {
        let config = &mut self.config;
        if let Some(remote) = update
            .remote_rtp
            .filter(|remote| *remote != config.remote_rtp)
        {
            // Signalling names a new address: what was latched before is over.
            (config.remote_rtp, self.remote_rtp) = (remote, remote);
            self.sources.restart();
        }
        if let Some(remote) = update
            .remote_rtcp
            .filter(|remote| *remote != config.remote_rtcp)
        {
            (config.remote_rtcp, self.remote_rtcp) = (remote, remote);
        }
        config.rtcp_mux = update.rtcp_mux.unwrap_or(config.rtcp_mux);
        config.send_payload_type = update.send_payload_type.unwrap_or(config.send_payload_type);
        if let Some(types) = update.receive_payload_types {
            config.receive_payload_types = types;
        }
        if let Some(rates) = update.other_clock_rates {
            config.other_clock_rates = rates;
        }
        if let Some(telephone_event) = update.telephone_event {
            config.telephone_event = telephone_event;
        }
        config.clock_rate = update.clock_rate.unwrap_or(config.clock_rate);
        config.ptime = update.ptime.unwrap_or(config.ptime);
        config.may_send = update.may_send.unwrap_or(config.may_send);
        config.may_receive = update.may_receive.unwrap_or(config.may_receive);
        self.watch.expect(now, self.config.may_receive);
        if !self.config.may_send || self.config.telephone_event.is_none() {
            self.keys_out.clear();
        }
    }

    /// The figures at `now`.
    pub fn stats(&self, _now: Instant) -> RtpStats {
        let buffer = self.jitter_buffer.stats();
        let peer = self.reports.peer();
        let expected = self.reception.as_ref().map_or(0, Reception::expected);
        RtpStats {
            sent_packets: self.outbound.packets(),
            sent_octets: self.outbound.octets(),
            received_packets: self.received_packets,
            received_octets: self.received_octets,
            expected_packets: self.expected_before.saturating_add(expected),
            lost_packets: buffer.lost,
            late_packets: buffer.late,
            duplicate_packets: buffer.duplicate,
            reordered_packets: buffer.reordered,
            dropped: DroppedPackets {
                overflow: buffer.overflow,
                ..self.dropped
            },
            jitter: self
                .reception
                .as_ref()
                .map_or(Duration::ZERO, Reception::jitter),
            round_trip: peer.and_then(|peer| peer.round_trip),
            remote_lost_packets: peer.map_or(0, |peer| peer.lost_packets),
            remote_fraction_lost: peer.map_or(0.0, |peer| peer.fraction_lost),
            remote_jitter: peer.map_or(Duration::ZERO, |peer| peer.jitter),
            playout_delay: self.jitter_buffer.playout_delay(),
            target_delay: self.jitter_buffer.target_delay(),
            buffered: self.jitter_buffer.buffered(),
            concealed: buffer.concealed,
            longest_loss: buffer.longest_loss,
            burst_ratio: burst_ratio(&buffer),
            sent_reports: self.reports.sent(),
            received_reports: self.reports.received(),
        }
    }

    /// Queues an RTCP BYE (RFC 3550 section 6.6). Poll the last datagram out afterwards; media is neither sent nor taken any more.
    pub fn stop(&mut self, now: Instant) {
        if std::mem::replace(&mut self.stopped, true) {
            return;
        }
        self.report_with(now, true);
    }

    fn on_rtp(&mut self, now: Instant, source: SocketAddr, bytes: &[u8]) {
        let Some(packet) = RtpPacket::parse(bytes) else {
            self.dropped.malformed = self.dropped.malformed.saturating_add(1);
            return;
        };
        if !self.config.symmetric && source.ip() != self.config.remote_rtp.ip() {
            self.watch.saw_elsewhere(source);
            self.dropped.foreign = self.dropped.foreign.saturating_add(1);
            return;
        }
        let is_key = self
            .config
            .telephone_event
            .is_some_and(|event| event.receive_payload_type == packet.meta.payload_type);
        if !is_key
            && !self
                .config
                .receive_payload_types
                .contains(&packet.meta.payload_type)
        {
            self.watch.saw_payload_type(packet.meta.payload_type);
            self.dropped.payload_type = self.dropped.payload_type.saturating_add(1);
            return;
        }
        if !self.config.may_receive && !is_key {
            self.dropped.not_receiving = self.dropped.not_receiving.saturating_add(1);
            return;
        }
        match self
            .sources
            .judge(now, source, packet.ssrc, packet.meta.sequence)
        {
            Verdict::Take => {}
            Verdict::First => {
                self.tell(RtpEvent::FirstPacket {
                    source,
                    ssrc: packet.ssrc,
                });
                self.latch(source);
            }
            Verdict::Change {
                ssrc,
                source: moved,
            } => self.on_change(ssrc, moved, &packet, source),
            Verdict::Foreign => {
                self.watch.saw_elsewhere(source);
                self.dropped.foreign = self.dropped.foreign.saturating_add(1);
                return;
            }
        }
        self.take(now, &packet, is_key);
    }

    fn take(&mut self, now: Instant, packet: &RtpPacket<'_>, is_key: bool) {
        let reception = self
            .reception
            .get_or_insert_with(|| Reception::new(packet.meta.sequence));
        match reception.count(packet.meta.sequence) {
            Sequence::Fits => {}
            Sequence::Restarted => self.jitter_buffer.splice(),
            Sequence::Jumped => {
                self.dropped.sequence_jump = self.dropped.sequence_jump.saturating_add(1);
                return;
            }
        }
        self.received_packets = self.received_packets.saturating_add(1);
        self.received_octets = self
            .received_octets
            .saturating_add(packet.payload.len() as u64);
        if let Some(event) = self.watch.media(now) {
            self.tell(event);
        }
        if is_key {
            let clock = self.key_clock();
            let events = &mut self.events;
            self.keys_in.receive(
                now,
                packet.meta.timestamp,
                packet.payload,
                clock,
                &mut |event| tell(events, event),
            );
            self.jitter_buffer.skip(packet.meta.sequence);
            return;
        }
        let clock = self.receive_clock(packet.meta.payload_type);
        if let Some(reception) = &mut self.reception {
            reception.time(since(self.started, now), packet.meta.timestamp, clock);
        }
        // The peer may change its codec alone, and the clock with it.
        self.jitter_buffer.set_clock_rate(clock);
        self.jitter_buffer.insert(now, packet.meta, packet.payload);
    }

    fn on_change(
        &mut self,
        ssrc: Option<Ssrc>,
        moved: Option<SocketAddr>,
        packet: &RtpPacket<'_>,
        source: SocketAddr,
    ) {
        if let Some(from) = ssrc {
            self.tell(RtpEvent::SsrcChanged {
                from,
                to: packet.ssrc,
            });
            let expected = self
                .reception
                .take()
                .map_or(0, |reception| reception.expected());
            self.expected_before = self.expected_before.saturating_add(expected);
            self.jitter_buffer.splice();
            let clock = self.key_clock();
            let events = &mut self.events;
            self.keys_in
                .restart(clock, &mut |event| tell(events, event));
        }
        if let Some(from) = moved {
            self.tell(RtpEvent::SourceChanged { from, to: source });
            self.latch(source);
        }
    }

    /// Media goes to where it comes from (RFC 4961), and reports to the port after it, as long as SDP named no other host for them.
    fn latch(&mut self, source: SocketAddr) {
        if self.config.symmetric && source != self.remote_rtp {
            self.remote_rtp = source;
            if self.config.remote_rtcp.ip() == self.config.remote_rtp.ip()
                && source.ip() != self.config.remote_rtp.ip()
            {
                self.remote_rtcp = SocketAddr::new(source.ip(), source.port().saturating_add(1));
            }
        }
    }

    fn on_rtcp(&mut self, now: Instant, source: SocketAddr, bytes: &[u8]) {
        if !rtcp_is_framed(bytes) {
            if rtcp_looks_encrypted(bytes) {
                self.watch.saw_encrypted();
            }
            self.dropped.malformed_rtcp = self.dropped.malformed_rtcp.saturating_add(1);
            return;
        }
        if !self.config.symmetric && source.ip() != self.config.remote_rtcp.ip() {
            self.dropped.foreign = self.dropped.foreign.saturating_add(1);
            return;
        }
        self.reports.count_received();
        self.watch.sign(now);
        for packet in sound_rtcp_packets(bytes) {
            match packet.get(1) {
                Some(200) => self.on_report(now, packet, 28),
                Some(201) => self.on_report(now, packet, 8),
                Some(203) => self.on_bye(packet),
                _ => {}
            }
        }
    }

    /// SR or RR, whose blocks begin at `blocks`; the guard has checked that the count fits the length.
    fn on_report(&mut self, now: Instant, packet: &[u8], blocks: usize) {
        let from_current = word(packet, 4).map(Ssrc) == self.sources.ssrc();
        if blocks == 28
            && from_current
            && let (Some(high), Some(low)) = (word(packet, 8), word(packet, 12))
        {
            let ntp = NtpTime((u64::from(high) << 32) | u64::from(low));
            self.reports.heard_sender(now, ntp);
        }
        let count = usize::from(packet.first().map_or(0, |first| first & 0x1f));
        for block in packet
            .get(blocks..)
            .unwrap_or_default()
            .chunks_exact(24)
            .take(count)
        {
            let mut words = [0; 6];
            for (at, value) in words.iter_mut().enumerate() {
                *value = word(block, at.saturating_mul(4)).unwrap_or(0);
            }
            if let Some(report) = self.reports.heard_block(now, words, self.config.clock_rate) {
                self.tell(RtpEvent::PeerReport(report));
            }
        }
    }

    fn on_bye(&mut self, packet: &[u8]) {
        let count = usize::from(packet.first().map_or(0, |first| first & 0x1f));
        let ours = self.sources.ssrc();
        let left = (1..=count)
            .any(|at| ours.is_some() && word(packet, at.saturating_mul(4)).map(Ssrc) == ours);
        if left {
            self.tell(RtpEvent::RemoteBye);
        }
    }

    fn report(&mut self, now: Instant) {
        self.report_with(now, false);
    }

    fn report_with(&mut self, now: Instant, bye: bool) {
        let sent = Sent {
            timestamp: self.outbound.timestamp(),
            packets: self.outbound.packets(),
            octets: self.outbound.octets(),
        };
        let clock = self.config.clock_rate;
        let received = match (&mut self.reception, self.sources.ssrc()) {
            (Some(reception), Some(ssrc)) => Some(Received {
                ssrc,
                fraction_lost: reception.fraction_since_last(),
                lost: reception.lost(),
                highest: reception.extended_highest(),
                jitter_units: clock.units(reception.jitter()),
            }),
            _ => None,
        };
        let to = self.to_rtcp();
        let reports = &mut self.reports;
        self.outbound.report(to, |out| {
            reports.write(now, sent, received, out);
            if bye {
                reports.write_bye(out);
            }
        });
    }

    fn tick_keys(&mut self, units: u32) {
        let Some(format) = self.config.telephone_event else {
            return;
        };
        let stream = self.config.clock_rate;
        let time = stream.duration(units);
        if let Some(key) =
            self.keys_out
                .tick(self.outbound.timestamp(), time, stream, format.clock_rate)
        {
            let meta = PacketMeta {
                sequence: 0,
                timestamp: key.timestamp,
                marker: key.marker,
                payload_type: format.send_payload_type,
            };
            self.outbound.packet(self.to_rtp(), meta, &key.payload);
        }
    }

    fn to_rtp(&self) -> Transmit {
        Transmit {
            destination: self.remote_rtp,
            channel: Channel::Rtp,
        }
    }

    fn to_rtcp(&self) -> Transmit {
        match self.config.rtcp_mux {
            true => self.to_rtp(),
            false => Transmit {
                destination: self.remote_rtcp,
                channel: Channel::Rtcp,
            },
        }
    }

    fn key_clock(&self) -> ClockRate {
        self.config
            .telephone_event
            .map_or(self.config.clock_rate, |event| event.clock_rate)
    }

    fn receive_clock(&self, payload_type: PayloadType) -> ClockRate {
        let other = self
            .config
            .other_clock_rates
            .iter()
            .find(|(other, _)| *other == payload_type);
        other.map_or(self.config.clock_rate, |&(_, rate)| rate)
    }

    fn count_not_rtp(&mut self) {
        self.watch.saw_something_else();
        self.dropped.not_rtp = self.dropped.not_rtp.saturating_add(1);
    }

    fn tell(&mut self, event: RtpEvent) {
        tell(&mut self.events, event);
    }
}

fn tell(events: &mut VecDeque<RtpEvent>, event: RtpEvent) {
    if events.len() < MAX_EVENTS {
        events.push_back(event);
    }
}

/// Mean run of lost packets over the mean that random loss of the same share gives, 1 / (1 - share) (ITU-T G.107 section 3.5).
fn burst_ratio(buffer: &JitterBufferStats) -> f32 {
    if buffer.lost == 0 || buffer.loss_runs == 0 {
        return 1.0;
    }
    let mean = buffer.lost as f32 / buffer.loss_runs as f32;
    let share = buffer.lost as f32 / (buffer.lost as f32 + buffer.played as f32);
    (mean * (1.0 - share)).max(1.0)
}

/// The 32-bit word at `at`.
fn word(bytes: &[u8], at: usize) -> Option<u32> {
    let end = at.checked_add(4)?;
    bytes.get(at..end)?.try_into().ok().map(u32::from_be_bytes)
}
