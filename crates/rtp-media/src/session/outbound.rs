//! The way out: audio, keys and reports, queued until the shell polls them.
#![deny(clippy::unwrap_used, clippy::indexing_slicing)]

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use super::compound::{CompoundWriter, SenderInfo};
use super::extended_report::ExtendedReport;
use super::{Channel, RtpSession, Transmit};
use crate::jitter_buffer::PacketMeta;
use crate::packet::RtpPacket;
use crate::random::Random;
use crate::redundancy::RedundancyWriter;
use crate::session::config::RtpSessionConfig;
use crate::telephone_event::{TelephoneEvent, TelephoneEventError, TelephoneEventSender};
use crate::units::{PayloadType, Ssrc};

/// Datagrams that wait to be polled; the oldest go when nobody does.
const QUEUE: usize = 32;

/// Our stream.
#[derive(Debug)]
pub(super) struct Outbound {
    ssrc: Ssrc,
    pub(super) sequence: u16,
    /// Of the next audio.
    pub(super) timestamp: u32,
    /// The timestamp that was due at this moment: for sender reports.
    reference: (u32, Instant),
    /// The next audio packet starts a talkspurt.
    marker: bool,
    pub(super) packets: u64,
    pub(super) octets: u64,
    pub(super) reports: u64,
    packets_at_report: u64,
    pub(super) keys: TelephoneEventSender,
    pub(super) redundancy: RedundancyWriter,
    queue: VecDeque<(Channel, Vec<u8>)>,
    free: Vec<Vec<u8>>,
    compound: CompoundWriter,
}

impl Outbound {
    pub(super) fn new(now: Instant, config: &RtpSessionConfig, random: &mut Random) -> Self {
        // RFC 3550 section 5.1: both start at random.
        let (sequence, timestamp) = (random.next_u16(), random.next_u32());
        Self {
            ssrc: config.ssrc,
            sequence,
            timestamp,
            reference: (timestamp, now),
            marker: true,
            packets: 0,
            octets: 0,
            reports: 0,
            packets_at_report: 0,
            keys: TelephoneEventSender::default(),
            redundancy: RedundancyWriter::default(),
            queue: VecDeque::new(),
            free: Vec::new(),
            compound: CompoundWriter::new(config.ssrc, &config.cname),
        }
    }

    fn enqueue(&mut self, channel: Channel, fill: impl FnOnce(&mut Vec<u8>, &mut CompoundWriter)) {
        if self.queue.len() >= QUEUE
            && let Some((_, dropped)) = self.queue.pop_front()
        {
            self.free.push(dropped);
        }
        let mut datagram = self.free.pop().unwrap_or_default();
        datagram.clear();
        fill(&mut datagram, &mut self.compound);
        self.queue.push_back((channel, datagram));
    }

    fn send_packet(
        &mut self,
        payload_type: PayloadType,
        timestamp: u32,
        marker: bool,
        payload: &[u8],
    ) {
        let packet = RtpPacket {
            meta: PacketMeta {
                sequence: self.sequence,
                timestamp,
                marker,
                payload_type,
            },
            ssrc: self.ssrc,
            payload,
        };
        self.enqueue(Channel::Rtp, |out, _| packet.write(out));
        self.sequence = self.sequence.wrapping_add(1);
        self.packets += 1;
        self.octets += payload.len() as u64;
    }
}

impl RtpSession {
    /// Queues one RTP packet of `units` clock units. The marker is set after silence. While the direction does not allow
    /// sending or a key is going out this is [`skip_audio`](Self::skip_audio).
    pub fn send_audio(&mut self, now: Instant, payload: &[u8], units: u32) {
        if self.stopped || !self.config.may_send || self.outbound.keys.is_sending() {
            return self.skip_audio(now, units);
        }
        let outbound = &mut self.outbound;
        // RFC 3551 section 4.1: the first packet of a talkspurt.
        let marker = std::mem::replace(&mut outbound.marker, false);
        let timestamp = outbound.timestamp;
        let payload_type = self.config.send_payload_type;
        match self.config.redundancy.filter(|red| red.generations > 0) {
            Some(red) => {
                let mut writer = std::mem::take(&mut outbound.redundancy);
                let payload = writer.write(payload_type, timestamp, payload, red.generations);
                outbound.send_packet(red.send_payload_type, timestamp, marker, payload);
                outbound.redundancy = writer;
            }
            None => outbound.send_packet(payload_type, timestamp, marker, payload),
        }
        self.pass(now, units);
    }

    /// Queues a description of the background noise (RFC 3389) in place of audio of `units` clock units. What is sent
    /// after it starts a talkspurt. While audio would not be sent this is [`skip_audio`](Self::skip_audio).
    pub fn send_comfort_noise(
        &mut self,
        now: Instant,
        payload_type: PayloadType,
        payload: &[u8],
        units: u32,
    ) {
        if self.stopped || !self.config.may_send || self.outbound.keys.is_sending() {
            return self.skip_audio(now, units);
        }
        let outbound = &mut self.outbound;
        outbound.redundancy.restart();
        outbound.send_packet(payload_type, outbound.timestamp, false, payload);
        // RFC 3551 section 4.1: the marker tells the first packet after silence.
        outbound.marker = true;
        self.pass(now, units);
    }

    /// `units` of time pass and no audio is sent (DTX, hold, a key going out). To be called once per packet time all the
    /// same: it drives the packets of a key press.
    pub fn skip_audio(&mut self, now: Instant, units: u32) {
        self.outbound.marker = true;
        self.outbound.redundancy.restart();
        self.pass(now, units);
    }

    /// The clock of our stream goes on, and with it a key press.
    fn pass(&mut self, now: Instant, units: u32) {
        let timestamp = self.outbound.timestamp;
        self.outbound.reference = (timestamp, now);
        self.outbound.timestamp = timestamp.wrapping_add(units);
        let Some(format) = self.config.telephone_event.filter(|_| !self.stopped) else {
            return;
        };
        let mut keys = std::mem::take(&mut self.outbound.keys);
        keys.advance(
            units,
            timestamp,
            self.config.clock_rate,
            format.clock_rate,
            |packet| {
                self.outbound.send_packet(
                    format.send_payload_type,
                    packet.timestamp,
                    packet.marker,
                    &packet.payload,
                );
            },
        );
        self.outbound.keys = keys;
    }

    /// Queues a key press of `duration` (1 ms to 60 s). Keys go out one after the other with 40 ms or more between.
    ///
    /// # Errors
    /// [`TelephoneEventError`]: not negotiated, not sending, too many waiting, or a duration out of range.
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
        self.outbound.keys.push(event, duration)
    }

    /// Whether a key is going out or waits to: audio given meanwhile is not sent.
    pub fn is_sending_telephone_event(&self) -> bool {
        self.outbound.keys.is_sending()
    }

    /// The next datagram to send. `buf` is cleared and filled; keep it between calls and nothing is allocated.
    pub fn poll_transmit(&mut self, _now: Instant, buf: &mut Vec<u8>) -> Option<Transmit> {
        buf.clear();
        let (channel, datagram) = self.outbound.queue.pop_front()?;
        buf.extend_from_slice(&datagram);
        self.outbound.free.push(datagram);
        let destination = match channel {
            Channel::Rtp => self.latch.destination(),
            Channel::Rtcp => self.rtcp_destination,
        };
        Some(Transmit {
            destination,
            channel,
        })
    }

    /// Queues an RTCP BYE (RFC 3550 section 6.6). Poll the last datagram out afterwards; media is neither sent nor taken
    /// any more.
    pub fn stop(&mut self, now: Instant) {
        if self.stopped {
            return;
        }
        self.outbound.keys.clear();
        // RFC 3550 section 6.3.7: who never sent anything leaves in silence.
        if self.outbound.packets > 0 || self.outbound.reports > 0 {
            self.send_report(now, true);
        }
        self.stopped = true;
    }

    pub(super) fn send_report_if_due(&mut self, now: Instant) {
        let we_sent = self.outbound.packets > self.outbound.packets_at_report;
        self.schedule
            .set_senders(we_sent, self.inbound.heard_since_report);
        if self.schedule.expire(now, &mut self.random) {
            self.send_report(now, false);
        }
    }

    fn send_report(&mut self, now: Instant, leaving: bool) {
        let sender = self.sender_info(now);
        self.outbound.packets_at_report = self.outbound.packets;
        let extended = self.extended_report(now, sender.is_none());
        let block = self.inbound.take_block(now);
        // RFC 5761 section 5.1.1: with rtcp-mux reports share the port.
        let channel = if self.config.rtcp_mux {
            Channel::Rtp
        } else {
            Channel::Rtcp
        };
        let mut size = 0;
        self.outbound.enqueue(channel, |out, compound| {
            compound.write(sender, block, extended, leaving, out);
            size = out.len();
        });
        self.schedule.note_size(size);
        self.outbound.reports += 1;
    }

    /// What the peer asked for beside the report.
    fn extended_report(&mut self, now: Instant, receives_only: bool) -> ExtendedReport {
        let wished = self.config.extended_reports;
        let metrics = match wished.voip_metrics && self.inbound.heard_since_report {
            true => self.voip_metrics(&self.stats(now)),
            false => None,
        };
        ExtendedReport {
            metrics,
            // RFC 3611 section 4.4: from those who send no reports that carry the time.
            reference_time: (wished.receiver_reference_time && receives_only)
                .then(|| self.config.clock_anchor.ntp_at(now)),
            last_reference: self.inbound.take_last_reference(now),
        }
    }

    /// An SR needs media since the last report (RFC 3550 section 6.4).
    fn sender_info(&self, now: Instant) -> Option<SenderInfo> {
        let outbound = &self.outbound;
        if outbound.packets == outbound.packets_at_report {
            return None;
        }
        let (timestamp, at) = outbound.reference;
        let since = self
            .config
            .clock_rate
            .units(now.saturating_duration_since(at));
        Some(SenderInfo {
            ntp: self.config.clock_anchor.ntp_at(now),
            timestamp: timestamp.wrapping_add(since),
            // RFC 3550 section 6.4.1: both wrap.
            packets: outbound.packets as u32,
            octets: outbound.octets as u32,
        })
    }
}
