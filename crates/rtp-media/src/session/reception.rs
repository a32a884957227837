//! Statistics of what is received (RFC 3550 Appendix A.1, A.3, A.8).
#![deny(clippy::unwrap_used, clippy::indexing_slicing)]

use std::time::{Duration, Instant};

use crate::units::{ClockRate, Ssrc};

/// RFC 3550 Appendix A.1.
const MAX_DROPOUT: u16 = 3_000;
const MAX_MISORDER: u16 = 100;
const CYCLE: u32 = 1 << 16;

/// Whether a packet belongs to the sequence.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sequence {
    /// In the window.
    Valid,
    /// The second packet in a row that continues another count: the sender started over.
    Restarted,
    /// A large jump. The next packet tells.
    Suspect,
}

/// One stream of the peer.
#[derive(Debug)]
pub(crate) struct Reception {
    ssrc: Ssrc,
    max_sequence: u16,
    cycles: u32,
    base_sequence: u32,
    bad_sequence: Option<u16>,
    received: u64,
    expected_prior: u64,
    received_prior: u64,
    /// Expected and lost before the sender started over.
    expected_before: u64,
    /// Arrival and RTP timestamp of the last packet that counts for jitter.
    last_transit: Option<(Instant, u32)>,
    /// Jitter in units, scaled by 16 (Appendix A.8).
    jitter: u64,
    /// Middle bits of the last sender report, and when it came.
    last_sender_report: Option<(u32, Instant)>,
}

/// The figures of a reception report block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ReceptionBlock {
    pub(crate) ssrc: Ssrc,
    pub(crate) fraction_lost: u8,
    pub(crate) total_lost: i32,
    pub(crate) last_sequence: u32,
    pub(crate) jitter: u32,
    pub(crate) last_sender_report: u32,
    pub(crate) delay: u32,
}

impl Reception {
    /// Starts with the first packet, which counts. The probation of Appendix A.1 is left out: a call's first words count.
    pub(crate) fn new(ssrc: Ssrc, sequence: u16) -> Self {
        Self {
            ssrc,
            max_sequence: sequence,
            cycles: 0,
            base_sequence: u32::from(sequence),
            bad_sequence: None,
            received: 0,
            expected_prior: 0,
            received_prior: 0,
            expected_before: 0,
            last_transit: None,
            jitter: 0,
            last_sender_report: None,
        }
    }

    pub(crate) fn ssrc(&self) -> Ssrc {
        self.ssrc
    }

    /// RFC 3550 Appendix A.1, `update_seq`.
    pub(crate) fn update_sequence(&mut self, sequence: u16) -> Sequence {
        let ahead = sequence.wrapping_sub(self.max_sequence);
        let mut outcome = Sequence::Valid;
        if ahead < MAX_DROPOUT {
            if sequence < self.max_sequence {
                self.cycles = self.cycles.wrapping_add(CYCLE);
            }
            self.max_sequence = sequence;
        } else if ahead <= u16::MAX - MAX_MISORDER {
            if self.bad_sequence != Some(sequence) {
                self.bad_sequence = Some(sequence.wrapping_add(1));
                return Sequence::Suspect;
            }
            self.restart(sequence);
            outcome = Sequence::Restarted;
        }
        // Otherwise a duplicate or a reordered packet: it counts as received.
        self.bad_sequence = None;
        self.received = self.received.saturating_add(1);
        outcome
    }

    fn restart(&mut self, sequence: u16) {
        self.expected_before = self.expected();
        self.base_sequence = u32::from(sequence);
        self.max_sequence = sequence;
        self.cycles = 0;
        self.last_transit = None;
    }

    /// RFC 3550 Appendix A.8. Arrival times are those of the packets, so `now` may go back a little.
    pub(crate) fn update_jitter(&mut self, now: Instant, timestamp: u32, clock_rate: ClockRate) {
        if let Some((before, last)) = self.last_transit {
            let elapsed = match now.checked_duration_since(before) {
                Some(after) => i64::from(clock_rate.units(after)),
                None => -i64::from(clock_rate.units(before.saturating_duration_since(now))),
            };
            let sent = i64::from(timestamp.wrapping_sub(last).cast_signed());
            let difference = elapsed.saturating_sub(sent).unsigned_abs();
            // A jump of the timestamps is no jitter.
            if difference < u64::from(clock_rate.0) {
                self.jitter = self
                    .jitter
                    .saturating_add(difference)
                    .saturating_sub(self.jitter.saturating_add(8) >> 4);
            }
        }
        self.last_transit = Some((now, timestamp));
    }

    /// Jitter in units of the clock.
    pub(crate) fn jitter_units(&self) -> u32 {
        u32::try_from(self.jitter >> 4).unwrap_or(u32::MAX)
    }

    /// The clock changes: the figure keeps its time.
    pub(crate) fn change_clock(&mut self, from: ClockRate, to: ClockRate) {
        let scaled = self.jitter.saturating_mul(u64::from(to.0)) / u64::from(from.0.max(1));
        self.jitter = scaled;
        self.last_transit = None;
    }

    pub(crate) fn received(&self) -> u64 {
        self.received
    }

    /// RFC 3550 Appendix A.3.
    pub(crate) fn expected(&self) -> u64 {
        let extended = self.cycles.wrapping_add(u32::from(self.max_sequence));
        let here = extended.wrapping_sub(self.base_sequence).wrapping_add(1);
        self.expected_before.saturating_add(u64::from(here))
    }

    /// A sender report of this stream came.
    pub(crate) fn note_sender_report(&mut self, now: Instant, ntp_middle: u32) {
        self.last_sender_report = Some((ntp_middle, now));
    }

    /// The block for the next report; the interval of the fraction starts anew.
    pub(crate) fn take_block(&mut self, now: Instant) -> ReceptionBlock {
        let expected = self.expected();
        let expected_interval = expected.saturating_sub(self.expected_prior);
        let received_interval = self.received.saturating_sub(self.received_prior);
        self.expected_prior = expected;
        self.received_prior = self.received;
        let lost_interval = expected_interval.saturating_sub(received_interval);
        let fraction = lost_interval
            .saturating_mul(256)
            .checked_div(expected_interval)
            .unwrap_or(0);
        let (last_sender_report, delay) = match self.last_sender_report {
            Some((middle, at)) => (middle, short_ntp(now.saturating_duration_since(at))),
            None => (0, 0),
        };
        ReceptionBlock {
            ssrc: self.ssrc,
            fraction_lost: u8::try_from(fraction).unwrap_or(u8::MAX),
            total_lost: total_lost(expected, self.received),
            last_sequence: self.cycles.wrapping_add(u32::from(self.max_sequence)),
            jitter: self.jitter_units(),
            last_sender_report,
            delay,
        }
    }
}

/// Signed, clamped to 24 bits (RFC 3550 section 6.4.1).
fn total_lost(expected: u64, received: u64) -> i32 {
    let expected = i64::try_from(expected).unwrap_or(i64::MAX);
    let received = i64::try_from(received).unwrap_or(i64::MAX);
    let lost = expected
        .saturating_sub(received)
        .clamp(-0x80_0000, 0x7f_ffff);
    i32::try_from(lost).unwrap_or(0)
}

/// A duration in units of 1/65536 s, as DLSR.
pub(crate) fn short_ntp(duration: Duration) -> u32 {
    let units = duration.as_nanos().saturating_mul(65_536) / 1_000_000_000;
    u32::try_from(units).unwrap_or(u32::MAX)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing)]
mod tests {
    use super::*;

    #[allow(clippy::disallowed_methods, reason = "an Instant has no other source")]
    fn now() -> Instant {
        Instant::now()
    }

    fn receive(reception: &mut Reception, sequences: impl IntoIterator<Item = u16>) {
        for sequence in sequences {
            reception.update_sequence(sequence);
        }
    }

    #[test]
    fn loss_is_counted_over_the_wrap() {
        let mut reception = Reception::new(Ssrc(1), 65_530);
        // 65 530 to 65 535 and 0 to 9: sixteen, of which four are missing.
        receive(&mut reception, (65_530..=65_535).chain([0, 1, 2, 7, 8, 9]));
        let block = reception.take_block(now());
        assert_eq!(reception.expected(), 16);
        assert_eq!(block.total_lost, 4);
        assert_eq!(block.fraction_lost, 64, "a quarter");
        assert_eq!(block.last_sequence, 0x1_0009);
        receive(&mut reception, 10..20);
        assert_eq!(
            reception.take_block(now()).fraction_lost,
            0,
            "a new interval"
        );
    }

    #[test]
    fn duplicates_make_the_loss_negative() {
        let mut reception = Reception::new(Ssrc(1), 5);
        receive(&mut reception, [5, 5, 5, 6]);
        let block = reception.take_block(now());
        assert_eq!((block.total_lost, block.fraction_lost), (-2, 0));
    }

    #[test]
    fn a_jump_needs_two_packets_in_a_row() {
        let mut reception = Reception::new(Ssrc(1), 100);
        assert_eq!(reception.update_sequence(100), Sequence::Valid);
        assert_eq!(reception.update_sequence(40_000), Sequence::Suspect);
        assert_eq!(reception.update_sequence(101), Sequence::Valid);
        assert_eq!(reception.update_sequence(40_002), Sequence::Suspect);
        assert_eq!(reception.update_sequence(40_003), Sequence::Restarted);
        assert_eq!(reception.update_sequence(40_004), Sequence::Valid);
        assert_eq!(reception.expected() - reception.received(), 0);
    }

    #[test]
    fn cycles_survive_hours() {
        let mut reception = Reception::new(Ssrc(1), 0);
        receive(&mut reception, (0..400_000_u32).map(|n| n as u16));
        assert_eq!(reception.expected(), 400_000);
        assert_eq!(reception.take_block(now()).total_lost, 0);
    }

    #[test]
    fn jitter_converges_to_the_mean_difference() {
        // Arrivals alternate by 10 ms: |D| is 10 ms each time, so J goes to 10 ms.
        let start = now();
        let mut reception = Reception::new(Ssrc(1), 0);
        for index in 0..500_u32 {
            let wobble = if index % 2 == 0 { 0 } else { 10 };
            let arrival = start + Duration::from_millis(u64::from(index) * 20 + wobble);
            // The timestamp wraps on the way.
            let timestamp = (index * 160).wrapping_sub(40_000);
            reception.update_jitter(arrival, timestamp, ClockRate(8_000));
        }
        assert!(
            (78..=80).contains(&reception.jitter_units()),
            "{}",
            reception.jitter_units()
        );
    }

    #[test]
    fn a_timestamp_jump_is_no_jitter() {
        let start = now();
        let mut reception = Reception::new(Ssrc(1), 0);
        for (ms, timestamp) in [(0, 0), (20, 160), (40, 3_000_000_000), (60, 3_000_000_160)] {
            reception.update_jitter(
                start + Duration::from_millis(ms),
                timestamp,
                ClockRate(8_000),
            );
        }
        assert_eq!(reception.jitter_units(), 0);
    }

    #[test]
    fn the_block_refers_to_the_last_sender_report() {
        let start = now();
        let mut reception = Reception::new(Ssrc(1), 0);
        reception.note_sender_report(start, 0xabcd);
        let block = reception.take_block(start + Duration::from_millis(1_500));
        assert_eq!((block.last_sender_report, block.delay), (0xabcd, 98_304));
    }
}
