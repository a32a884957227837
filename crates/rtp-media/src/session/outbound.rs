//! What is sent: sequence numbers, timestamps, markers, and the datagrams that wait to go out.

use std::collections::VecDeque;

use super::Transmit;
use crate::jitter_buffer::PacketMeta;
use crate::packet::RtpPacket;
use crate::random::Random;
use crate::units::{PayloadType, Ssrc};

/// Datagrams that may wait; the oldest goes first.
const CAPACITY: usize = 16;

#[derive(Debug)]
pub(crate) struct Outbound {
    ssrc: Ssrc,
    sequence: u16,
    timestamp: u32,
    /// Nothing was sent in the last packet time: the next packet begins a talkspurt.
    silent: bool,
    packets: u64,
    octets: u64,
    waiting: VecDeque<(Transmit, Vec<u8>)>,
    free: Vec<Vec<u8>>,
}

impl Outbound {
    pub(crate) fn new(ssrc: Ssrc, random: &mut Random) -> Self {
        Self {
            ssrc,
            // RFC 3550 section 5.1: both begin at random.
            sequence: random.next_u16(),
            timestamp: random.next_u32(),
            silent: true,
            packets: 0,
            octets: 0,
            waiting: VecDeque::new(),
            free: Vec::new(),
        }
    }

    pub(crate) fn audio(&mut self, to: Transmit, payload_type: PayloadType, payload: &[u8]) {
        let marker = std::mem::replace(&mut self.silent, false);
        self.packet(
            to,
            PacketMeta {
                sequence: 0,
                timestamp: self.timestamp,
                marker,
                payload_type,
            },
            payload,
        );
    }

    /// A packet with its own timestamp and marker; the sequence number is given here.
    pub(crate) fn packet(&mut self, to: Transmit, meta: PacketMeta, payload: &[u8]) {
        let meta = PacketMeta {
            sequence: self.sequence,
            ..meta
        };
        self.sequence = self.sequence.wrapping_add(1);
        self.packets = self.packets.saturating_add(1);
        self.octets = self.octets.saturating_add(payload.len() as u64);
        let mut datagram = self.memory();
        RtpPacket {
            meta,
            ssrc: self.ssrc,
            payload,
        }
        .write(&mut datagram);
        self.push(to, datagram);
    }

    pub(crate) fn report(&mut self, to: Transmit, write: impl FnOnce(&mut Vec<u8>)) {
        let mut datagram = self.memory();
        write(&mut datagram);
        self.push(to, datagram);
    }

    /// Media time passes.
    pub(crate) fn pass(&mut self, units: u32) {
        self.timestamp = self.timestamp.wrapping_add(units);
    }

    pub(crate) fn fall_silent(&mut self) {
        self.silent = true;
    }

    pub(crate) fn next(&mut self, buf: &mut Vec<u8>) -> Option<Transmit> {
        buf.clear();
        let (to, datagram) = self.waiting.pop_front()?;
        buf.extend_from_slice(&datagram);
        self.free.push(datagram);
        Some(to)
    }

    pub(crate) fn timestamp(&self) -> u32 {
        self.timestamp
    }

    pub(crate) fn packets(&self) -> u64 {
        self.packets
    }

    pub(crate) fn octets(&self) -> u64 {
        self.octets
    }

    fn memory(&mut self) -> Vec<u8> {
        let mut datagram = self.free.pop().unwrap_or_default();
        datagram.clear();
        datagram
    }

    fn push(&mut self, to: Transmit, datagram: Vec<u8>) {
        if self.waiting.len() >= CAPACITY
            && let Some((_, oldest)) = self.waiting.pop_front()
        {
            self.free.push(oldest);
        }
        self.waiting.push_back((to, datagram));
    }
}
