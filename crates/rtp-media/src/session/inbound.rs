//! What is received, counted as RFC 3550 Appendix A says.
#![deny(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects
)]

use std::time::{Duration, Instant};

use crate::units::ClockRate;

/// RFC 3550 Appendix A.1.
const MAX_DROPOUT: u16 = 3_000;
const MAX_MISORDER: u16 = 100;

/// Whether a sequence number belongs to the stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sequence {
    Fits,
    /// Too far from the others, and not confirmed yet by the one after it.
    Jumped,
    /// The stream goes on from here: the packet before was the first of the new numbers.
    Restarted,
}

/// Reception statistics of one stream.
#[derive(Debug, Clone)]
pub(crate) struct Reception {
    base: u32,
    highest: u16,
    cycles: u32,
    awaited: Option<u16>,
    received: u64,
    expected_before: u64,
    received_before: u64,
    transit: Option<i64>,
    /// In microseconds, times 16.
    jitter: i64,
}

impl Reception {
    pub(crate) fn new(sequence: u16) -> Self {
        Self {
            base: sequence.into(),
            highest: sequence,
            cycles: 0,
            awaited: None,
            received: 0,
            expected_before: 0,
            received_before: 0,
            transit: None,
            jitter: 0,
        }
    }

    /// RFC 3550 Appendix A.1, without its probation at the start: the payload type has vouched for the stream.
    pub(crate) fn count(&mut self, sequence: u16) -> Sequence {
        let forward = sequence.wrapping_sub(self.highest);
        if forward < MAX_DROPOUT {
            if sequence < self.highest {
                self.cycles = self.cycles.saturating_add(1);
            }
            self.highest = sequence;
        } else if forward <= u16::MAX.wrapping_sub(MAX_MISORDER) {
            if self.awaited != Some(sequence) {
                self.awaited = Some(sequence.wrapping_add(1));
                return Sequence::Jumped;
            }
            let received = self.received;
            *self = Self {
                received: received.saturating_add(1),
                jitter: self.jitter,
                ..Self::new(sequence)
            };
            self.base = self
                .base
                .saturating_sub(u32::try_from(received).unwrap_or(0));
            return Sequence::Restarted;
        }
        self.awaited = None;
        self.received = self.received.saturating_add(1);
        Sequence::Fits
    }

    /// RFC 3550 Appendix A.8, in microseconds instead of clock units.
    pub(crate) fn time(&mut self, arrival: Duration, timestamp: u32, clock: ClockRate) {
        let arrival = i64::try_from(arrival.as_micros()).unwrap_or(i64::MAX);
        let media = i64::try_from(clock.duration(timestamp).as_micros()).unwrap_or(i64::MAX);
        let transit = arrival.saturating_sub(media);
        if let Some(before) = self.transit.replace(transit) {
            let moved = transit.saturating_sub(before).saturating_abs();
            // A wrap of the timestamp, a talkspurt of a sender whose clock stood still: not jitter.
            if moved < 1_000_000 {
                self.jitter = self
                    .jitter
                    .saturating_add(moved)
                    .saturating_sub(self.jitter.saturating_add(8) / 16);
            }
        }
    }

    pub(crate) fn jitter(&self) -> Duration {
        Duration::from_micros(u64::try_from(self.jitter / 16).unwrap_or(0))
    }

    pub(crate) fn extended_highest(&self) -> u32 {
        (self.cycles << 16) | u32::from(self.highest)
    }

    pub(crate) fn expected(&self) -> u64 {
        u64::from(self.extended_highest())
            .saturating_add(1)
            .saturating_sub(self.base.into())
    }

    /// Packets lost since the beginning; duplicates can make it negative (RFC 3550 section 6.4.1). 24 bits.
    pub(crate) fn lost(&self) -> i32 {
        let lost = i128::from(self.expected())
            .saturating_sub(self.received.into())
            .clamp(-0x80_0000, 0x7f_ffff);
        i32::try_from(lost).unwrap_or(0)
    }

    /// Share lost since the last time this was asked, in 256ths (RFC 3550 Appendix A.3).
    pub(crate) fn fraction_since_last(&mut self) -> u8 {
        let (expected, received) = (self.expected(), self.received);
        let interval = expected.saturating_sub(self.expected_before);
        let lost = interval.saturating_sub(received.saturating_sub(self.received_before));
        (self.expected_before, self.received_before) = (expected, received);
        let share = lost.saturating_mul(256).checked_div(interval).unwrap_or(0);
        u8::try_from(share).unwrap_or(u8::MAX)
    }
}

/// Time since `epoch`; zero before it.
pub(crate) fn since(epoch: Instant, now: Instant) -> Duration {
    now.saturating_duration_since(epoch)
}
