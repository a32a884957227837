//! RTCP: our reports and when they are due, the peer's reports and what they say of us (RFC 3550 section 6).
#![deny(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects
)]

use std::time::{Duration, Instant};

use rtcp::goodbye::Goodbye;
use rtcp::receiver_report::ReceiverReport;
use rtcp::reception_report::ReceptionReport;
use rtcp::sender_report::SenderReport;
use rtcp::source_description::{
    SdesType, SourceDescription, SourceDescriptionChunk, SourceDescriptionItem,
};
use webrtc_util::marshal::Marshal;

use crate::clock::{ClockAnchor, NtpTime};
use crate::event::PeerReport;
use crate::random::Random;
use crate::units::{ClockRate, Ssrc};

/// RFC 3550 section 6.2: the least time between reports; half of it before the first one.
const MIN_INTERVAL: Duration = Duration::from_secs(5);
const FIRST_INTERVAL: Duration = Duration::from_millis(2_500);

/// RFC 3550 section 6.3.1: e - 3/2 makes up for the reconsideration of the timer.
const COMPENSATION: f64 = 1.218_28;

/// What our reports say of us as a sender.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sent {
    pub(crate) timestamp: u32,
    pub(crate) packets: u64,
    pub(crate) octets: u64,
}

/// What our reports say of the stream that we receive.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Received {
    pub(crate) ssrc: Ssrc,
    pub(crate) fraction_lost: u8,
    pub(crate) lost: i32,
    pub(crate) highest: u32,
    pub(crate) jitter_units: u32,
}

#[derive(Debug)]
pub(crate) struct Reports {
    ssrc: Ssrc,
    anchor: ClockAnchor,
    random: Random,
    /// The SDES packet never changes: made once.
    sdes: Vec<u8>,
    next: Instant,
    last: Instant,
    first: bool,
    /// Packets sent when the last two reports went out: a sender is who has sent since (RFC 3550 section 6.3.8).
    packets_at: [u64; 2],
    /// The peer's last sender report: its NTP middle bits and when it came.
    heard: Option<(u32, Instant)>,
    peer: Option<PeerReport>,
    sent: u64,
    received: u64,
}

impl Reports {
    pub(crate) fn new(
        now: Instant,
        ssrc: Ssrc,
        cname: &str,
        anchor: ClockAnchor,
        random: Random,
    ) -> Self {
        let mut reports = Self {
            ssrc,
            anchor,
            random,
            sdes: source_description(ssrc, cname),
            next: now,
            last: now,
            first: true,
            packets_at: [0; 2],
            heard: None,
            peer: None,
            sent: 0,
            received: 0,
        };
        let first = reports.interval();
        reports.next = now.checked_add(first).unwrap_or(now);
        reports
    }

    pub(crate) fn deadline(&self) -> Instant {
        self.next
    }

    /// Timer reconsideration (RFC 3550 section 6.3.6): whether a report is really due, or only later.
    pub(crate) fn is_due(&mut self, now: Instant) -> bool {
        if now < self.next {
            return false;
        }
        let interval = self.interval();
        let reconsidered = self.last.checked_add(interval).unwrap_or(now);
        if reconsidered > now {
            self.next = reconsidered;
            return false;
        }
        true
    }

    /// Appends SR or RR, and SDES.
    pub(crate) fn write(
        &mut self,
        now: Instant,
        sent: Sent,
        received: Option<Received>,
        out: &mut Vec<u8>,
    ) {
        let blocks: Vec<ReceptionReport> = received
            .map(|received| self.block(now, received))
            .into_iter()
            .collect();
        let [_, before_last] = self.packets_at;
        if sent.packets > before_last {
            append(
                out,
                &SenderReport {
                    ssrc: self.ssrc.0,
                    ntp_time: self.anchor.ntp_at(now).0,
                    rtp_time: sent.timestamp,
                    // Both wrap (RFC 3550 section 6.4.1).
                    packet_count: sent.packets as u32,
                    octet_count: sent.octets as u32,
                    reports: blocks,
                    ..SenderReport::default()
                },
            );
        } else {
            append(
                out,
                &ReceiverReport {
                    ssrc: self.ssrc.0,
                    reports: blocks,
                    ..ReceiverReport::default()
                },
            );
        }
        out.extend_from_slice(&self.sdes);
        let [last, _] = self.packets_at;
        self.packets_at = [sent.packets, last];
        self.first = false;
        self.last = now;
        let interval = self.interval();
        self.next = now.checked_add(interval).unwrap_or(now);
        self.sent = self.sent.saturating_add(1);
    }

    pub(crate) fn write_bye(&self, out: &mut Vec<u8>) {
        append(
            out,
            &Goodbye {
                sources: vec![self.ssrc.0],
                reason: Default::default(),
            },
        );
    }

    /// A sender report of the peer.
    pub(crate) fn heard_sender(&mut self, now: Instant, ntp: NtpTime) {
        self.heard = Some((ntp.middle(), now));
    }

    /// A block of the peer's about our stream; `words` are its six words.
    pub(crate) fn heard_block(
        &mut self,
        now: Instant,
        words: [u32; 6],
        clock: ClockRate,
    ) -> Option<PeerReport> {
        let [ssrc, loss, _, jitter, last_report, delay] = words;
        if ssrc != self.ssrc.0 {
            return None;
        }
        let [fraction, lost @ ..] = loss.to_be_bytes();
        let [a, b, c] = lost;
        let sign = if a & 0x80 != 0 { 0xff } else { 0 };
        let report = PeerReport {
            fraction_lost: f32::from(fraction) / 256.0,
            lost_packets: i32::from_be_bytes([sign, a, b, c]),
            jitter: clock.duration(jitter),
            round_trip: self.round_trip(now, last_report, delay),
        };
        self.peer = Some(PeerReport {
            round_trip: report.round_trip.or(self.peer.and_then(|p| p.round_trip)),
            ..report
        });
        Some(report)
    }

    pub(crate) fn count_received(&mut self) {
        self.received = self.received.saturating_add(1);
    }

    pub(crate) fn peer(&self) -> Option<PeerReport> {
        self.peer
    }

    pub(crate) fn sent(&self) -> u64 {
        self.sent
    }

    pub(crate) fn received(&self) -> u64 {
        self.received
    }

    /// RFC 3550 section 6.4.1: A - LSR - DLSR, in 65536ths of a second.
    fn round_trip(&self, now: Instant, last_report: u32, delay: u32) -> Option<Duration> {
        if last_report == 0 {
            return None;
        }
        let arrival = self.anchor.ntp_at(now).middle();
        let round_trip = arrival.wrapping_sub(last_report).wrapping_sub(delay);
        // A negative one is what rounding leaves of a very short way; an hour is nonsense.
        if round_trip > 0xffff_0000 {
            return Some(Duration::ZERO);
        }
        (round_trip < 3_600 << 16)
            .then(|| Duration::from_micros(u64::from(round_trip).saturating_mul(1_000_000) >> 16))
    }

    fn block(&self, now: Instant, received: Received) -> ReceptionReport {
        let (last_sender_report, delay) = match self.heard {
            Some((ntp, at)) => {
                let delay = now
                    .saturating_duration_since(at)
                    .as_micros()
                    .saturating_mul(65_536)
                    / 1_000_000;
                (ntp, u32::try_from(delay).unwrap_or(u32::MAX))
            }
            None => (0, 0),
        };
        ReceptionReport {
            ssrc: received.ssrc.0,
            fraction_lost: received.fraction_lost,
            // The crate keeps the low 24 bits, which is the two's complement on the wire; it refuses more.
            total_lost: (received.lost as u32) & 0x00ff_ffff,
            last_sequence_number: received.highest,
            jitter: received.jitter_units,
            last_sender_report,
            delay,
        }
    }

    /// RFC 3550 section 6.3.1: two members, so the least interval, spread and compensated.
    fn interval(&mut self) -> Duration {
        let least = if self.first {
            FIRST_INTERVAL
        } else {
            MIN_INTERVAL
        };
        least.mul_f64((self.random.next_f64() + 0.5) / COMPENSATION)
    }
}

fn source_description(ssrc: Ssrc, cname: &str) -> Vec<u8> {
    let text: Vec<u8> = cname.bytes().take(255).collect();
    let mut out = Vec::new();
    append(
        &mut out,
        &SourceDescription {
            chunks: vec![SourceDescriptionChunk {
                source: ssrc.0,
                items: vec![SourceDescriptionItem {
                    sdes_type: SdesType::SdesCname,
                    text: text.into(),
                }],
            }],
        },
    );
    out
}

/// What cannot be written is left out; our own packets always can.
fn append(out: &mut Vec<u8>, packet: &impl Marshal) {
    let start = out.len();
    out.resize(start.saturating_add(packet.marshal_size()), 0);
    let written = out.get_mut(start..).map(|room| packet.marshal_to(room));
    if !matches!(written, Some(Ok(_))) {
        out.truncate(start);
    }
}
