//! The numbers of RTP as types of their own: SSRC, payload type, clock rate.

use std::fmt;
use std::time::Duration;

/// Synchronisation source: names one stream of one sender (RFC 3550 section 3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Ssrc(pub u32);

impl fmt::Display for Ssrc {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:08x}", self.0)
    }
}

/// RTP payload type, 0 to 127 (RFC 3550 section 5.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PayloadType(pub u8);

impl fmt::Display for PayloadType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Rate of the RTP timestamp clock in Hz. It is not always the sampling rate: G.722 samples at 16 kHz on an 8 kHz clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ClockRate(pub u32);

impl ClockRate {
    /// The clock of G.711, G.722 and most telephone-event formats.
    pub const NARROWBAND: Self = Self(8_000);

    /// How long `units` of this clock last. A rate of 0 Hz gives zero.
    pub fn duration(self, units: u32) -> Duration {
        let rate = u64::from(self.0);
        if rate == 0 {
            return Duration::ZERO;
        }
        Duration::from_nanos(u64::from(units).saturating_mul(1_000_000_000) / rate)
    }

    /// How many units of this clock pass in `duration`, rounded to the nearest, at most `u32::MAX`.
    pub fn units(self, duration: Duration) -> u32 {
        let units = duration
            .as_nanos()
            .saturating_mul(u128::from(self.0))
            .saturating_add(500_000_000)
            / 1_000_000_000;
        u32::try_from(units).unwrap_or(u32::MAX)
    }
}

impl fmt::Display for ClockRate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} Hz", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_and_duration_are_inverse() {
        for rate in [8_000, 16_000, 48_000] {
            for units in [0, 80, 160, 960, 65_535] {
                let rate = ClockRate(rate);
                assert_eq!(rate.units(rate.duration(units)), units);
            }
        }
    }

    #[test]
    fn a_rate_of_zero_does_not_divide() {
        assert_eq!(ClockRate(0).duration(160), Duration::ZERO);
        assert_eq!(ClockRate(0).units(Duration::from_secs(1)), 0);
    }
}
