//! RTCP extended reports (RFC 3611): VoIP metrics, and the round trip of who sends no media.
//!
//! Read and written here rather than through the `rtcp` crate, which puts each block into a box and gives up the whole packet
//! for one block that it does not understand.
#![deny(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects
)]

use super::compound::RtcpMessage;
use crate::clock::NtpTime;
use crate::units::Ssrc;
use crate::voip_metrics::{self, VoipMetrics};

/// Packet type of extended reports.
pub(super) const PACKET_TYPE: u8 = 207;
/// Block types (RFC 3611 sections 4.4 and 4.5).
const RECEIVER_REFERENCE_TIME: u8 = 4;
const DELAY_SINCE_LAST: u8 = 5;

/// What a receiver reference time is answered with (RFC 3611 section 4.5).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct LastReference {
    /// Whose reference time it was.
    pub(crate) ssrc: Ssrc,
    /// The middle 32 bits of that time.
    pub(crate) middle: u32,
    /// How long ago it came, in units of 1/65536 s.
    pub(crate) delay: u32,
}

/// The blocks of our extended report.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct ExtendedReport {
    pub(crate) metrics: Option<VoipMetrics>,
    pub(crate) reference_time: Option<NtpTime>,
    pub(crate) last_reference: Option<LastReference>,
}

impl ExtendedReport {
    /// Appends the packet of `ssrc`; nothing when there are no blocks.
    pub(crate) fn write(&self, ssrc: Ssrc, out: &mut Vec<u8>) {
        let start = out.len();
        out.extend_from_slice(&[0x80, PACKET_TYPE, 0, 0]);
        out.extend_from_slice(&ssrc.0.to_be_bytes());
        let empty = out.len();
        if let Some(time) = self.reference_time {
            out.extend_from_slice(&[RECEIVER_REFERENCE_TIME, 0, 0, 2]);
            out.extend_from_slice(&time.0.to_be_bytes());
        }
        if let Some(last) = self.last_reference {
            out.extend_from_slice(&[DELAY_SINCE_LAST, 0, 0, 3]);
            for word in [last.ssrc.0, last.middle, last.delay] {
                out.extend_from_slice(&word.to_be_bytes());
            }
        }
        if let Some(metrics) = self.metrics {
            out.extend_from_slice(&metrics.to_bytes());
        }
        if out.len() == empty {
            return out.truncate(start);
        }
        // RFC 3550 section 6.4.1: length in words, less one.
        let words = (out.len().saturating_sub(start) / 4).saturating_sub(1);
        if let Some([_, _, high, low, ..]) = out.get_mut(start..) {
            [*high, *low] = u16::try_from(words).unwrap_or(0).to_be_bytes();
        }
    }
}

/// Calls `handle` for the blocks of a packet that are known; others are passed over by their length.
pub(super) fn read(packet: &[u8], handle: &mut impl FnMut(RtcpMessage)) -> Option<()> {
    let ssrc = Ssrc(word(packet, 4)?);
    let mut rest = packet.get(8..)?;
    while let Some(&[block_type, _, high, low]) = rest.first_chunk() {
        let length = usize::from(u16::from_be_bytes([high, low]))
            .saturating_add(1)
            .saturating_mul(4);
        let (block, after) = rest.split_at_checked(length)?;
        rest = after;
        match block_type {
            RECEIVER_REFERENCE_TIME => {
                let time = block.get(4..12)?.try_into().ok()?;
                handle(RtcpMessage::ReferenceTime {
                    ssrc,
                    ntp: NtpTime(u64::from_be_bytes(time)),
                });
            }
            DELAY_SINCE_LAST => {
                for part in block.get(4..)?.chunks_exact(12) {
                    let last = LastReference {
                        ssrc: Ssrc(word(part, 0)?),
                        middle: word(part, 4)?,
                        delay: word(part, 8)?,
                    };
                    handle(RtcpMessage::LastReference { ssrc, last });
                }
            }
            voip_metrics::BLOCK_TYPE => {
                if let Some(metrics) = VoipMetrics::parse(block) {
                    handle(RtcpMessage::VoipMetrics { ssrc, metrics });
                }
            }
            _ => {}
        }
    }
    Some(())
}

fn word(bytes: &[u8], at: usize) -> Option<u32> {
    let end = at.checked_add(4)?;
    bytes.get(at..end)?.try_into().ok().map(u32::from_be_bytes)
}

#[cfg(test)]
#[allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects
)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::guard;

    fn messages(packet: &[u8]) -> Vec<RtcpMessage> {
        let mut messages = Vec::new();
        let _ = read(packet, &mut |message| messages.push(message));
        messages
    }

    #[test]
    fn what_is_written_is_what_is_read() {
        let metrics = VoipMetrics::new(Ssrc(5));
        let last = LastReference {
            ssrc: Ssrc(6),
            middle: 7,
            delay: 8,
        };
        let report = ExtendedReport {
            metrics: Some(metrics),
            reference_time: Some(NtpTime(9)),
            last_reference: Some(last),
        };
        let mut out = vec![0; 3];
        report.write(Ssrc(1), &mut out);
        let packet = &out[3..];
        assert_eq!(packet.len(), 8 + 12 + 16 + 36);
        assert_eq!(packet[..8], [0x80, 207, 0, 17, 0, 0, 0, 1]);
        assert!(guard::rtcp_is_sound(packet));
        let ssrc = Ssrc(1);
        let ntp = NtpTime(9);
        assert_eq!(
            messages(packet),
            [
                RtcpMessage::ReferenceTime { ssrc, ntp },
                RtcpMessage::LastReference { ssrc, last },
                RtcpMessage::VoipMetrics { ssrc, metrics },
            ]
        );
    }

    #[test]
    fn a_report_without_blocks_is_not_written() {
        let mut out = vec![1];
        ExtendedReport::default().write(Ssrc(1), &mut out);
        assert_eq!(out, [1]);
    }

    #[test]
    fn unknown_blocks_are_passed_over_and_cut_ones_end_the_packet() {
        let metrics = VoipMetrics::new(Ssrc(5));
        let mut packet = vec![0x80, 207, 0, 0, 0, 0, 0, 1];
        packet.extend_from_slice(&[99, 0, 0, 1, 1, 2, 3, 4]);
        packet.extend_from_slice(&metrics.to_bytes());
        packet.extend_from_slice(&[7, 0, 0, 8, 1, 2, 3, 4]);
        let ssrc = Ssrc(1);
        assert_eq!(
            messages(&packet),
            [RtcpMessage::VoipMetrics { ssrc, metrics }]
        );
    }

    proptest! {
        #[test]
        fn any_packet_is_read(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            messages(&bytes);
            let mut framed = vec![0x80, PACKET_TYPE, 0, 0];
            framed.extend_from_slice(&bytes);
            messages(&framed);
        }
    }
}
