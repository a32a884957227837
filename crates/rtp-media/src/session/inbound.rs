//! The way in: one datagram, from its first byte to the jitter buffer.
#![deny(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects
)]

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use super::compound::{self, RtcpMessage};
use super::extended_report::LastReference;
use super::reception::{Reception, ReceptionBlock, Sequence, short_ntp};
use super::source::Verdict;
use super::{Channel, RtpSession, push_bounded};
use crate::demux::{DatagramKind, datagram_kind};
use crate::event::{PeerReport, RtpEvent};
use crate::guard;
use crate::jitter_buffer::PacketMeta;
use crate::packet::RtpPacket;
use crate::redundancy::{Arrivals, RedundantPayload};
use crate::stats::DroppedPackets;
use crate::telephone_event::{KeyChange, TelephoneEventReceiver};
use crate::units::{ClockRate, PayloadType, Ssrc};

/// Round trips beyond this are answers to a report of another life.
const ROUND_TRIP_AT_MOST: u32 = 60 << 16;

/// The peer's streams.
#[derive(Debug)]
pub(super) struct Inbound {
    pub(super) reception: Option<Reception>,
    /// Received and expected of streams before this one.
    received_before: u64,
    expected_before: u64,
    clock_rate: ClockRate,
    pub(super) octets: u64,
    pub(super) reports: u64,
    pub(super) dropped: DroppedPackets,
    pub(super) keys: TelephoneEventReceiver,
    pub(super) heard_since_report: bool,
    /// Of the last audio.
    pub(super) payload_type: Option<PayloadType>,
    /// What came of the stream while it is redundant.
    arrivals: Arrivals,
    pub(super) recovered: u64,
    /// A reference time of the peer that waits for its answer: whose, its middle bits, and when it came.
    reference: Option<(Ssrc, u32, Instant)>,
}

impl Inbound {
    pub(super) fn new(clock_rate: ClockRate) -> Self {
        Self {
            reception: None,
            received_before: 0,
            expected_before: 0,
            clock_rate,
            octets: 0,
            reports: 0,
            dropped: DroppedPackets::default(),
            keys: TelephoneEventReceiver::default(),
            heard_since_report: false,
            payload_type: None,
            arrivals: Arrivals::default(),
            recovered: 0,
            reference: None,
        }
    }

    pub(super) fn received(&self) -> u64 {
        let here = self.reception.as_ref().map_or(0, Reception::received);
        self.received_before.saturating_add(here)
    }

    pub(super) fn expected(&self) -> u64 {
        let here = self.reception.as_ref().map_or(0, Reception::expected);
        self.expected_before.saturating_add(here)
    }

    pub(super) fn jitter(&self) -> Duration {
        let units = self.reception.as_ref().map_or(0, Reception::jitter_units);
        self.clock_rate.duration(units)
    }

    /// The block of the next report, if the stream was heard since the last one.
    pub(super) fn take_block(&mut self, now: Instant) -> Option<ReceptionBlock> {
        if !std::mem::take(&mut self.heard_since_report) {
            return None;
        }
        self.reception
            .as_mut()
            .map(|reception| reception.take_block(now))
    }

    /// What answers the peer's reference time; once.
    pub(super) fn take_last_reference(&mut self, now: Instant) -> Option<LastReference> {
        let (ssrc, middle, at) = self.reference.take()?;
        Some(LastReference {
            ssrc,
            middle,
            delay: short_ntp(now.saturating_duration_since(at)),
        })
    }

    fn start_stream(&mut self, ssrc: Ssrc, sequence: u16) {
        self.received_before = self.received();
        self.expected_before = self.expected();
        self.arrivals.restart();
        self.reception = Some(Reception::new(ssrc, sequence));
    }

    fn set_clock(&mut self, clock_rate: ClockRate) {
        if clock_rate != self.clock_rate {
            if let Some(reception) = &mut self.reception {
                reception.change_clock(self.clock_rate, clock_rate);
            }
            self.clock_rate = clock_rate;
        }
    }
}

/// What a payload type stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Content {
    Audio,
    TelephoneEvent { clock_rate: ClockRate },
}

impl RtpSession {
    /// A datagram arrived. `now` is its arrival, best from the kernel: jitter and playout are measured with it. Whatever
    /// the bytes are, this does not panic; what is not of the peer is counted and dropped.
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
            (DatagramKind::Rtcp, _) => self.handle_rtcp(now, source, channel, bytes),
            (DatagramKind::Rtp, Channel::Rtp) => self.handle_rtp(now, source, bytes),
            (kind, _) => {
                bump(&mut self.inbound.dropped.not_rtp);
                match kind {
                    // DTLS is how keys for SRTP are agreed (RFC 5764).
                    DatagramKind::Dtls => self.watch.note_encrypted(),
                    _ => self.watch.note_not_rtp(),
                }
            }
        }
    }

    fn handle_rtp(&mut self, now: Instant, source: SocketAddr, bytes: &[u8]) {
        let parsed = RtpPacket::parse(bytes);
        let octets = parsed.map_or(0, |packet| packet.payload.len());
        let Some((packet, redundant)) = parsed.and_then(|packet| self.open_redundant(packet))
        else {
            bump(&mut self.inbound.dropped.malformed);
            self.watch.note_not_rtp();
            return;
        };
        let Some(content) = self.content_of(packet.meta.payload_type) else {
            bump(&mut self.inbound.dropped.payload_type);
            self.watch.note_payload_type(packet.meta.payload_type);
            return;
        };
        // Keys are taken in any direction: who is put on hold may still press them.
        if !self.config.may_receive && content == Content::Audio {
            bump(&mut self.inbound.dropped.not_receiving);
            return;
        }
        if !self.admit(now, source, &packet, content) {
            return;
        }
        self.inbound.octets = self.inbound.octets.saturating_add(octets as u64);
        self.inbound.heard_since_report = true;
        self.schedule.peer_present();
        if self.watch.note_media(now) {
            self.push_event(RtpEvent::MediaResumed);
        }
        if let Some(redundant) = redundant {
            self.recover(now, &packet, redundant);
        }
        self.take(now, &packet, content);
    }

    fn take(&mut self, now: Instant, packet: &RtpPacket<'_>, content: Content) {
        match content {
            Content::Audio => self.take_audio(now, packet),
            Content::TelephoneEvent { clock_rate } => {
                self.jitter_buffer.skip(packet.meta.sequence);
                self.take_key(now, packet, clock_rate);
            }
        }
        if self.config.redundancy.is_some() {
            let meta = packet.meta;
            self.inbound.arrivals.note(meta.sequence, meta.timestamp);
        }
    }

    /// A packet of redundant data as its primary block would have come alone, and all of it. `None` if its lengths do not add
    /// up.
    fn open_redundant<'a>(
        &self,
        packet: RtpPacket<'a>,
    ) -> Option<(RtpPacket<'a>, Option<RedundantPayload<'a>>)> {
        let payload_type = self.config.redundancy.map(|red| red.receive_payload_type);
        if payload_type != Some(packet.meta.payload_type) {
            return Some((packet, None));
        }
        let redundant = RedundantPayload::parse(packet.payload)?;
        let primary = redundant.primary();
        let opened = RtpPacket {
            meta: PacketMeta {
                payload_type: primary.payload_type,
                ..packet.meta
            },
            payload: primary.payload,
            ..packet
        };
        Some((opened, Some(redundant)))
    }

    /// Takes the blocks whose own packets are missing as if those had come, the oldest first.
    fn recover(&mut self, now: Instant, packet: &RtpPacket<'_>, redundant: RedundantPayload<'_>) {
        let meta = packet.meta;
        let clock_rate = self.clock_rate_of(meta.payload_type);
        let frame = clock_rate.units(self.jitter_buffer.packet_time());
        let blocks = redundant.redundant().count();
        for (index, block) in redundant.redundant().enumerate() {
            let back = u16::try_from(blocks.saturating_sub(index)).unwrap_or(u16::MAX);
            let Some(content) = self.content_of(block.payload_type) else {
                continue;
            };
            let missing = self.inbound.arrivals.missing(
                meta.sequence,
                meta.timestamp,
                back,
                block.offset,
                frame,
            );
            let Some(sequence) = missing.filter(|_| !block.payload.is_empty()) else {
                continue;
            };
            let is_audio = content == Content::Audio;
            // Another clock would not fit the offset; and what may not be heard need not be recovered.
            if is_audio
                && (!self.config.may_receive
                    || self.clock_rate_of(block.payload_type) != clock_rate)
            {
                continue;
            }
            let recovered = RtpPacket {
                meta: PacketMeta {
                    sequence,
                    timestamp: meta.timestamp.wrapping_sub(block.offset),
                    marker: false,
                    payload_type: block.payload_type,
                },
                ssrc: packet.ssrc,
                payload: block.payload,
            };
            let late = self.jitter_buffer.stats().late;
            match content {
                // It is no measure of the network's jitter.
                Content::Audio => self
                    .jitter_buffer
                    .insert(now, recovered.meta, recovered.payload),
                Content::TelephoneEvent { clock_rate } => {
                    self.jitter_buffer.skip(sequence);
                    self.take_key(now, &recovered, clock_rate);
                }
            }
            self.inbound
                .arrivals
                .note(sequence, recovered.meta.timestamp);
            if self.jitter_buffer.stats().late == late {
                bump(&mut self.inbound.recovered);
            }
        }
    }

    fn content_of(&self, payload_type: PayloadType) -> Option<Content> {
        if let Some(format) = self.config.telephone_event
            && format.receive_payload_type == payload_type
        {
            return Some(Content::TelephoneEvent {
                clock_rate: format.clock_rate,
            });
        }
        self.config
            .receive_payload_types
            .contains(&payload_type)
            .then_some(Content::Audio)
    }

    /// Whether the packet is of the peer's stream, which it may begin or change.
    fn admit(
        &mut self,
        now: Instant,
        source: SocketAddr,
        packet: &RtpPacket<'_>,
        content: Content,
    ) -> bool {
        if let Content::TelephoneEvent { clock_rate } = content
            && self.is_side_stream(source, packet.ssrc)
        {
            // Some gateways give their keys an SSRC of their own: the audio goes on beside it.
            self.take_key(now, packet, clock_rate);
            return false;
        }
        match self
            .latch
            .offer(now, source, packet.ssrc, packet.meta.sequence)
        {
            Verdict::Current => {}
            Verdict::First => {
                self.inbound.start_stream(packet.ssrc, packet.meta.sequence);
                self.push_event(RtpEvent::FirstPacket {
                    source,
                    ssrc: packet.ssrc,
                });
            }
            Verdict::NewStream { from } => {
                self.inbound.start_stream(packet.ssrc, packet.meta.sequence);
                self.jitter_buffer.splice();
                if from != packet.ssrc {
                    self.push_event(RtpEvent::SsrcChanged {
                        from,
                        to: packet.ssrc,
                    });
                }
            }
            Verdict::Foreign => {
                bump(&mut self.inbound.dropped.foreign);
                self.watch.note_another_address(source);
                return false;
            }
        }
        if let Some((from, to)) = self.latch.follow(now) {
            self.follow_with_reports(to);
            self.push_event(RtpEvent::SourceChanged { from, to });
        }
        self.admit_sequence(packet.meta.sequence)
    }

    /// Until the peer's RTCP shows its address: the port after that of RTP, if SDP named no other host for it.
    fn follow_with_reports(&mut self, to: SocketAddr) {
        if self.inbound.reports == 0 && self.config.remote_rtcp.ip() == self.config.remote_rtp.ip()
        {
            self.rtcp_destination = SocketAddr::new(to.ip(), to.port().saturating_add(1));
        }
    }

    fn is_side_stream(&self, source: SocketAddr, ssrc: Ssrc) -> bool {
        self.latch
            .current()
            .is_some_and(|(current, stream)| current == source && stream != ssrc)
    }

    fn admit_sequence(&mut self, sequence: u16) -> bool {
        let Some(reception) = &mut self.inbound.reception else {
            return false;
        };
        match reception.update_sequence(sequence) {
            Sequence::Valid => true,
            Sequence::Restarted => {
                self.jitter_buffer.splice();
                self.inbound.arrivals.restart();
                true
            }
            Sequence::Suspect => {
                bump(&mut self.inbound.dropped.sequence_jump);
                false
            }
        }
    }

    fn take_audio(&mut self, now: Instant, packet: &RtpPacket<'_>) {
        let clock_rate = self.clock_rate_of(packet.meta.payload_type);
        self.inbound.set_clock(clock_rate);
        self.inbound.payload_type = Some(packet.meta.payload_type);
        if let Some(reception) = &mut self.inbound.reception {
            reception.update_jitter(now, packet.meta.timestamp, clock_rate);
        }
        self.jitter_buffer.set_clock_rate(clock_rate);
        self.jitter_buffer.insert(now, packet.meta, packet.payload);
    }

    fn take_key(&mut self, now: Instant, packet: &RtpPacket<'_>, clock_rate: ClockRate) {
        let events = &mut self.events;
        self.inbound.keys.handle_packet(
            now,
            packet.ssrc,
            packet.meta.timestamp,
            packet.payload,
            clock_rate,
            self.inbound.clock_rate,
            |change| push_bounded(events, key_event(change)),
        );
    }

    fn handle_rtcp(&mut self, now: Instant, source: SocketAddr, channel: Channel, bytes: &[u8]) {
        if !guard::rtcp_is_framed(bytes) {
            bump(&mut self.inbound.dropped.malformed_rtcp);
            if guard::rtcp_looks_encrypted(bytes) {
                self.watch.note_encrypted();
            }
            return;
        }
        if !self.config.symmetric && source.ip() != self.config.remote_rtcp.ip() {
            bump(&mut self.inbound.dropped.foreign);
            return;
        }
        let mut of_peer = false;
        compound::read(bytes, |message| {
            of_peer |= self.handle_rtcp_message(now, source, message)
        });
        if !of_peer {
            return;
        }
        self.inbound.reports = self.inbound.reports.saturating_add(1);
        self.schedule.note_size(bytes.len());
        self.watch.note_sign(now);
        if self.config.symmetric && channel == Channel::Rtcp {
            self.rtcp_destination = source;
        }
    }

    /// Whether the message is of the peer: its stream, or before there is one, its host.
    fn handle_rtcp_message(
        &mut self,
        now: Instant,
        source: SocketAddr,
        message: RtcpMessage,
    ) -> bool {
        let sender = match message {
            RtcpMessage::SenderReport { ssrc, .. }
            | RtcpMessage::ReceiverReport { ssrc }
            | RtcpMessage::Block { ssrc, .. }
            | RtcpMessage::Goodbye { ssrc }
            | RtcpMessage::VoipMetrics { ssrc, .. }
            | RtcpMessage::ReferenceTime { ssrc, .. }
            | RtcpMessage::LastReference { ssrc, .. } => ssrc,
        };
        if !self.is_peer(source, sender) {
            return false;
        }
        match message {
            RtcpMessage::SenderReport { ssrc, ntp } => {
                if let Some(reception) =
                    self.inbound.reception.as_mut().filter(|r| r.ssrc() == ssrc)
                {
                    reception.note_sender_report(now, ntp.middle());
                }
            }
            RtcpMessage::ReceiverReport { .. } => {}
            RtcpMessage::Block { block, .. } if block.ssrc == self.config.ssrc => {
                self.take_peer_report(now, block)
            }
            RtcpMessage::Block { .. } => {}
            RtcpMessage::VoipMetrics { metrics, .. } => {
                if metrics.ssrc == self.config.ssrc {
                    self.peer_metrics = Some(metrics);
                }
            }
            RtcpMessage::ReferenceTime { ssrc, ntp } => {
                self.inbound.reference = Some((ssrc, ntp.middle(), now));
            }
            RtcpMessage::LastReference { last, .. } => {
                if last.ssrc == self.config.ssrc {
                    let round_trip = self.round_trip_since(now, last.middle, last.delay);
                    self.round_trip = round_trip.or(self.round_trip);
                }
            }
            RtcpMessage::Goodbye { .. } => {
                self.schedule.peer_left(now);
                self.push_event(RtpEvent::RemoteBye);
            }
        }
        true
    }

    fn is_peer(&self, source: SocketAddr, sender: Ssrc) -> bool {
        match self.latch.current() {
            // A receiver that sends no media reports under an SSRC we have not heard.
            Some((current, ssrc)) => ssrc == sender || current.ip() == source.ip(),
            None => {
                source.ip() == self.config.remote_rtcp.ip()
                    || source.ip() == self.config.remote_rtp.ip()
            }
        }
    }

    fn take_peer_report(&mut self, now: Instant, block: ReceptionBlock) {
        let round_trip = self.round_trip_since(now, block.last_sender_report, block.delay);
        self.round_trip = round_trip.or(self.round_trip);
        let report = PeerReport {
            fraction_lost: f32::from(block.fraction_lost) / 256.0,
            lost_packets: block.total_lost,
            jitter: self.config.clock_rate.duration(block.jitter),
            round_trip,
        };
        self.peer_report = Some(report);
        let lost = u64::from(block.total_lost.max(0).unsigned_abs());
        self.peer_loss = (lost as f32 / self.outbound.packets.max(1) as f32).min(1.0);
        self.push_event(RtpEvent::PeerReport(report));
    }

    /// RFC 3550 section 6.4.1: arrival minus LSR minus DLSR; RFC 3611 section 4.5: the same with LRR and DLRR.
    fn round_trip_since(&self, now: Instant, middle: u32, delay: u32) -> Option<Duration> {
        if middle == 0 {
            return None;
        }
        let arrival = self.config.clock_anchor.ntp_at(now).middle();
        let elapsed = arrival.wrapping_sub(middle);
        if elapsed > ROUND_TRIP_AT_MOST {
            return None;
        }
        // The peer's clock may run ahead of ours by the rounding of DLSR.
        let round_trip = elapsed.saturating_sub(delay);
        Some(Duration::from_nanos(
            u64::from(round_trip).saturating_mul(1_000_000_000) >> 16,
        ))
    }
}

pub(super) fn key_event(change: KeyChange) -> RtpEvent {
    match change {
        KeyChange::Down {
            event,
            duration,
            level_dbm0,
        } => RtpEvent::TelephoneEvent {
            event,
            duration,
            level_dbm0,
        },
        KeyChange::Up { event, duration } => RtpEvent::TelephoneEventEnded { event, duration },
    }
}

fn bump(counter: &mut u64) {
    *counter = counter.saturating_add(1);
}
