//! Bursts and gaps of loss (RFC 3611 section 4.7.2).
//!
//! A burst begins and ends with a packet that was not played and holds fewer than Gmin played ones in a row; what lies between
//! is a gap. A single loss with Gmin played packets on both sides belongs to the gap.
#![deny(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects
)]

/// Gmin of RFC 3611: played packets in a row that end a burst.
pub const GMIN: u8 = 16;

/// How loss is spread over a call.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
#[non_exhaustive]
pub struct BurstGap {
    /// Share of packets in bursts that were not played, 0 to 1.
    pub burst_density: f32,
    /// Share of packets in gaps that were not played, 0 to 1.
    pub gap_density: f32,
    /// Mean length of a burst in packets; 0 without bursts.
    pub burst_packets: f32,
    /// Mean length of a gap in packets.
    pub gap_packets: f32,
}

/// Packets, and those of them that were not played.
#[derive(Debug, Clone, Copy, Default)]
struct Share {
    packets: u64,
    missed: u64,
}

impl Share {
    fn add(&mut self, packets: u64, missed: u64) {
        self.packets = self.packets.saturating_add(packets);
        self.missed = self.missed.saturating_add(missed);
    }

    fn density(self) -> f32 {
        self.missed as f32 / self.packets.max(1) as f32
    }
}

/// Counts packets in the order of their playout.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct BurstGapCounter {
    burst: Share,
    gap: Share,
    bursts: u64,
    /// From the last loss that may begin a burst to the last loss.
    open: Share,
    /// Played since the last loss.
    played: u64,
}

impl BurstGapCounter {
    /// `packets` in a row were played.
    pub(crate) fn played(&mut self, packets: u64) {
        self.played = self.played.saturating_add(packets);
    }

    /// `packets` in a row were lost or discarded.
    pub(crate) fn missed(&mut self, packets: u64) {
        if packets == 0 {
            return;
        }
        if self.played >= u64::from(GMIN) {
            self.close();
            self.gap.add(self.played, 0);
        } else if self.open.packets == 0 {
            // RFC 3611 section 4.7.2: the call begins as if Gmin packets had been played before it.
            self.gap.add(self.played, 0);
        } else {
            self.open.add(self.played, 0);
        }
        self.played = 0;
        self.open.add(packets, packets);
    }

    /// What began with a loss is over: a burst, or one loss in a gap.
    fn close(&mut self) {
        let open = std::mem::take(&mut self.open);
        if open.missed > 1 {
            self.burst.add(open.packets, open.missed);
            self.bursts = self.bursts.saturating_add(1);
        } else {
            self.gap.add(open.packets, open.missed);
        }
    }

    /// As of now.
    pub(crate) fn figures(&self) -> BurstGap {
        let mut counted = *self;
        counted.close();
        counted.gap.add(counted.played, 0);
        BurstGap {
            burst_density: counted.burst.density(),
            gap_density: counted.gap.density(),
            burst_packets: counted.burst.packets as f32 / counted.bursts.max(1) as f32,
            // A gap before each burst, and one after the last.
            gap_packets: counted.gap.packets as f32 / counted.bursts.saturating_add(1) as f32,
        }
    }
}

#[cfg(test)]
#[allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects
)]
mod tests {
    use super::*;

    /// `.` is played, `x` is not.
    fn figures(packets: &str) -> BurstGap {
        let mut counter = BurstGapCounter::default();
        for packet in packets.chars() {
            match packet {
                'x' => counter.missed(1),
                _ => counter.played(1),
            }
        }
        counter.figures()
    }

    fn played(packets: usize) -> String {
        ".".repeat(packets)
    }

    #[test]
    fn no_loss_is_one_gap() {
        let clean = figures(&played(500));
        assert_eq!((clean.burst_density, clean.gap_density), (0.0, 0.0));
        assert_eq!((clean.burst_packets, clean.gap_packets), (0.0, 500.0));
        assert_eq!(figures(""), BurstGap::default());
    }

    #[test]
    fn losses_apart_from_one_another_are_of_the_gap() {
        let lonely = format!("{}x{}x{}", played(20), played(16), played(40));
        let lonely = figures(&lonely);
        assert_eq!((lonely.burst_packets, lonely.burst_density), (0.0, 0.0));
        assert_eq!(lonely.gap_packets, 78.0);
        assert!((lonely.gap_density - 2.0 / 78.0).abs() < 1e-6);
    }

    #[test]
    fn fifteen_played_packets_do_not_end_a_burst() {
        let one = figures(&format!("{}x{}x{}", played(100), played(15), played(100)));
        assert_eq!((one.burst_packets, one.gap_packets), (17.0, 100.0));
        assert!((one.burst_density - 2.0 / 17.0).abs() < 1e-6);
        assert_eq!(one.gap_density, 0.0);
    }

    #[test]
    fn durations_are_means() {
        let call = format!(
            "{}xxx{}x.x{}x{}",
            played(30),
            played(30),
            played(30),
            played(30)
        );
        let call = figures(&call);
        assert_eq!(call.burst_packets, 3.0);
        // 30 + 30 + 30 and a lonely loss and 30: 121 in three gaps.
        assert!((call.gap_packets - 121.0 / 3.0).abs() < 1e-4);
        assert!((call.burst_density - 5.0 / 6.0).abs() < 1e-6);
        assert!((call.gap_density - 1.0 / 121.0).abs() < 1e-6);
    }
}
