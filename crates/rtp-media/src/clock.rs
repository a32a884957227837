//! NTP time for sender reports, derived from one reading of the wall clock.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Seconds from 1900 (NTP) to 1970 (Unix).
const NTP_UNIX_OFFSET: u64 = 2_208_988_800;

/// Wall-clock time as 32.32 fixed point seconds since 1900 (RFC 3550 section 4).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct NtpTime(pub u64);

impl NtpTime {
    /// From a time since the Unix epoch. Wraps in 2036 as NTP does.
    pub fn from_unix(since_epoch: Duration) -> Self {
        let seconds = since_epoch.as_secs().wrapping_add(NTP_UNIX_OFFSET);
        Self((seconds << 32) | fraction(since_epoch.subsec_nanos()))
    }

    /// The middle 32 bits, in units of 1/65536 s: the form of LSR and DLSR (RFC 3550 section 6.4.1).
    pub fn middle(self) -> u32 {
        // Truncation is the definition.
        (self.0 >> 16) as u32
    }

    fn add(self, duration: Duration) -> Self {
        Self(
            self.0
                .wrapping_add((duration.as_secs() << 32) | fraction(duration.subsec_nanos())),
        )
    }

    fn sub(self, duration: Duration) -> Self {
        Self(
            self.0
                .wrapping_sub((duration.as_secs() << 32) | fraction(duration.subsec_nanos())),
        )
    }
}

fn fraction(nanos: u32) -> u64 {
    (u64::from(nanos) << 32) / 1_000_000_000
}

/// One moment on both clocks. All later NTP times are counted from it on the steady clock, so a step of the wall clock
/// during a call does not disturb the round-trip figures.
#[derive(Debug, Clone, Copy)]
pub struct ClockAnchor {
    /// The moment on the steady clock.
    pub instant: Instant,
    /// The same moment on the wall clock.
    pub ntp: NtpTime,
}

impl ClockAnchor {
    /// Joins two readings taken at the same moment: `ClockAnchor::new(Instant::now(), SystemTime::now())`.
    pub fn new(instant: Instant, system: SystemTime) -> Self {
        let since_epoch = system.duration_since(UNIX_EPOCH).unwrap_or_default();
        Self {
            instant,
            ntp: NtpTime::from_unix(since_epoch),
        }
    }

    /// NTP time at `instant`, which may lie before the anchor.
    pub fn ntp_at(&self, instant: Instant) -> NtpTime {
        match instant.checked_duration_since(self.instant) {
            Some(later) => self.ntp.add(later),
            None => self
                .ntp
                .sub(self.instant.saturating_duration_since(instant)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn middle_bits_count_in_65536ths() {
        let start = NtpTime::from_unix(Duration::from_secs(1_000_000));
        let later = NtpTime::from_unix(Duration::from_millis(1_000_000_500));
        assert_eq!(later.middle().wrapping_sub(start.middle()), 32_768);
    }

    #[test]
    #[allow(clippy::disallowed_methods, reason = "an Instant has no other source")]
    fn the_anchor_counts_both_ways() {
        let instant = Instant::now() + Duration::from_secs(100);
        let anchor = ClockAnchor {
            instant,
            ntp: NtpTime(1 << 40),
        };
        let later = anchor.ntp_at(instant + Duration::from_secs(2));
        let earlier = anchor.ntp_at(instant - Duration::from_secs(2));
        assert_eq!(later.0 - anchor.ntp.0, 2 << 32);
        assert_eq!(anchor.ntp.0 - earlier.0, 2 << 32);
    }
}
