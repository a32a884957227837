//! RTCP compounds: written through the `rtcp` crate, read through it behind the guard.
#![deny(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects
)]

use bytes::Bytes;
use rtcp::goodbye::Goodbye;
use rtcp::receiver_report::ReceiverReport;
use rtcp::reception_report::ReceptionReport;
use rtcp::sender_report::SenderReport;
use rtcp::source_description::{
    SdesType, SourceDescription, SourceDescriptionChunk, SourceDescriptionItem,
};
use webrtc_util::marshal::{Marshal, Unmarshal};

use super::extended_report::{self, ExtendedReport, LastReference};
use super::reception::ReceptionBlock;
use crate::clock::NtpTime;
use crate::guard;
use crate::units::Ssrc;
use crate::voip_metrics::VoipMetrics;

/// Longest CNAME (RFC 3550 section 6.5).
const CNAME_AT_MOST: usize = 255;

/// What a packet of a compound says to us.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum RtcpMessage {
    /// SR: its sender and its NTP time.
    SenderReport { ssrc: Ssrc, ntp: NtpTime },
    /// RR: its sender.
    ReceiverReport { ssrc: Ssrc },
    /// A report block of an SR or RR: whose reception it tells of.
    Block { ssrc: Ssrc, block: ReceptionBlock },
    /// BYE for this stream.
    Goodbye { ssrc: Ssrc },
    /// XR: how its sender hears a stream.
    VoipMetrics { ssrc: Ssrc, metrics: VoipMetrics },
    /// XR: the time of a sender that may send no media.
    ReferenceTime { ssrc: Ssrc, ntp: NtpTime },
    /// XR: what its sender makes of a reference time.
    LastReference { ssrc: Ssrc, last: LastReference },
}

/// Calls `handle` for all that matters in a datagram. Feedback and other types are passed over. Allocates nothing.
pub(crate) fn read(datagram: &[u8], mut handle: impl FnMut(RtcpMessage)) {
    for packet in guard::sound_rtcp_packets(datagram) {
        let _ = read_packet(packet, &mut handle);
    }
}

fn read_packet(packet: &[u8], handle: &mut impl FnMut(RtcpMessage)) -> Option<()> {
    let count = usize::from(packet.first()? & 0x1f);
    match *packet.get(1)? {
        200 => {
            // The crate is given the report without its blocks, which it would collect into a vector.
            let fixed = without_count::<28>(packet)?;
            let report = SenderReport::unmarshal(&mut &fixed[..]).ok()?;
            let ssrc = Ssrc(report.ssrc);
            handle(RtcpMessage::SenderReport {
                ssrc,
                ntp: NtpTime(report.ntp_time),
            });
            read_blocks(packet.get(28..)?, count, ssrc, handle)
        }
        201 => {
            let fixed = without_count::<8>(packet)?;
            let report = ReceiverReport::unmarshal(&mut &fixed[..]).ok()?;
            let ssrc = Ssrc(report.ssrc);
            handle(RtcpMessage::ReceiverReport { ssrc });
            read_blocks(packet.get(8..)?, count, ssrc, handle)
        }
        203 => {
            let goodbye = Goodbye::unmarshal(&mut &packet[..]).ok()?;
            for ssrc in goodbye.sources {
                handle(RtcpMessage::Goodbye { ssrc: Ssrc(ssrc) });
            }
            Some(())
        }
        extended_report::PACKET_TYPE => extended_report::read(packet, handle),
        _ => Some(()),
    }
}

/// The first `N` bytes with a count of zero.
fn without_count<const N: usize>(packet: &[u8]) -> Option<[u8; N]> {
    let mut fixed: [u8; N] = packet.get(..N)?.try_into().ok()?;
    *fixed.first_mut()? &= 0xe0;
    Some(fixed)
}

fn read_blocks(
    mut bytes: &[u8],
    count: usize,
    ssrc: Ssrc,
    handle: &mut impl FnMut(RtcpMessage),
) -> Option<()> {
    for _ in 0..count {
        let block = ReceptionReport::unmarshal(&mut bytes).ok()?;
        handle(RtcpMessage::Block {
            ssrc,
            block: ReceptionBlock {
                ssrc: Ssrc(block.ssrc),
                fraction_lost: block.fraction_lost,
                total_lost: sign_extend_24(block.total_lost),
                last_sequence: block.last_sequence_number,
                jitter: block.jitter,
                last_sender_report: block.last_sender_report,
                delay: block.delay,
            },
        });
    }
    Some(())
}

/// The crate reads the 24-bit signed number as unsigned.
fn sign_extend_24(value: u32) -> i32 {
    (value << 8).cast_signed() >> 8
}

/// What a sender report says of our stream.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SenderInfo {
    pub(crate) ntp: NtpTime,
    pub(crate) timestamp: u32,
    pub(crate) packets: u32,
    pub(crate) octets: u32,
}

/// Writes our compounds. The packets are kept and filled anew each time, so nothing is allocated.
#[derive(Debug)]
pub(crate) struct CompoundWriter {
    sender: SenderReport,
    receiver: ReceiverReport,
    description: SourceDescription,
    goodbye: Goodbye,
}

impl CompoundWriter {
    pub(crate) fn new(ssrc: Ssrc, cname: &str) -> Self {
        let mut end = cname.len().min(CNAME_AT_MOST);
        while !cname.is_char_boundary(end) {
            end = end.saturating_sub(1);
        }
        let text = Bytes::copy_from_slice(cname.get(..end).unwrap_or_default().as_bytes());
        Self {
            sender: SenderReport {
                ssrc: ssrc.0,
                ..SenderReport::default()
            },
            receiver: ReceiverReport {
                ssrc: ssrc.0,
                ..ReceiverReport::default()
            },
            description: SourceDescription {
                chunks: vec![SourceDescriptionChunk {
                    source: ssrc.0,
                    items: vec![SourceDescriptionItem {
                        sdes_type: SdesType::SdesCname,
                        text,
                    }],
                }],
            },
            goodbye: Goodbye {
                sources: vec![ssrc.0],
                ..Goodbye::default()
            },
        }
    }

    /// Appends SR or RR, SDES, what is extended and, when leaving, BYE (RFC 3550 section 6.1).
    pub(crate) fn write(
        &mut self,
        sender: Option<SenderInfo>,
        block: Option<ReceptionBlock>,
        extended: ExtendedReport,
        leaving: bool,
        out: &mut Vec<u8>,
    ) {
        let block = block.map(report_of);
        match sender {
            Some(info) => {
                self.sender.ntp_time = info.ntp.0;
                self.sender.rtp_time = info.timestamp;
                self.sender.packet_count = info.packets;
                self.sender.octet_count = info.octets;
                self.sender.reports.clear();
                self.sender.reports.extend(block);
                append(&self.sender, out);
            }
            None => {
                self.receiver.reports.clear();
                self.receiver.reports.extend(block);
                append(&self.receiver, out);
            }
        }
        append(&self.description, out);
        extended.write(Ssrc(self.sender.ssrc), out);
        if leaving {
            append(&self.goodbye, out);
        }
    }
}

fn append(packet: &impl Marshal, out: &mut Vec<u8>) {
    let start = out.len();
    let end = start.saturating_add(packet.marshal_size());
    out.resize(end, 0);
    let written = out.get_mut(start..).map(|space| packet.marshal_to(space));
    if !matches!(written, Some(Ok(_))) {
        out.truncate(start);
    }
}

fn report_of(block: ReceptionBlock) -> ReceptionReport {
    ReceptionReport {
        ssrc: block.ssrc.0,
        fraction_lost: block.fraction_lost,
        total_lost: block.total_lost.cast_unsigned() & 0xff_ffff,
        last_sequence_number: block.last_sequence,
        jitter: block.jitter,
        last_sender_report: block.last_sender_report,
        delay: block.delay,
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

    const BLOCK: ReceptionBlock = ReceptionBlock {
        ssrc: Ssrc(0xdead_beef),
        fraction_lost: 12,
        total_lost: -3,
        last_sequence: 0x1_0005,
        jitter: 77,
        last_sender_report: 0x1234_5678,
        delay: 65_536,
    };

    fn messages(datagram: &[u8]) -> Vec<RtcpMessage> {
        let mut messages = Vec::new();
        read(datagram, |message| messages.push(message));
        messages
    }

    #[test]
    fn what_is_written_is_what_is_read() {
        let mut writer = CompoundWriter::new(Ssrc(7), "cname");
        let info = SenderInfo {
            ntp: NtpTime(1 << 33),
            timestamp: 160,
            packets: 1,
            octets: 160,
        };
        let mut out = Vec::new();
        writer.write(
            Some(info),
            Some(BLOCK),
            ExtendedReport::default(),
            true,
            &mut out,
        );
        assert!(guard::rtcp_is_sound(&out));
        assert_eq!(
            messages(&out),
            [
                RtcpMessage::SenderReport {
                    ssrc: Ssrc(7),
                    ntp: NtpTime(1 << 33)
                },
                RtcpMessage::Block {
                    ssrc: Ssrc(7),
                    block: BLOCK
                },
                RtcpMessage::Goodbye { ssrc: Ssrc(7) },
            ]
        );
        out.clear();
        writer.write(None, None, ExtendedReport::default(), false, &mut out);
        assert_eq!(
            messages(&out),
            [RtcpMessage::ReceiverReport { ssrc: Ssrc(7) }]
        );
        assert_eq!(
            &out[out.len() - 16..out.len() - 12],
            [0x81, 202, 0, 3],
            "RR, then SDES"
        );
    }

    #[test]
    fn a_long_cname_is_cut_at_a_character() {
        let mut writer = CompoundWriter::new(Ssrc(7), &"é".repeat(200));
        let mut out = Vec::new();
        writer.write(None, None, ExtendedReport::default(), false, &mut out);
        assert!(guard::rtcp_is_sound(&out));
        assert_eq!(out[8 + 4 + 4 + 1], 254);
    }

    #[test]
    fn padding_after_the_blocks_does_not_disturb() {
        let mut datagram = vec![0xa0, 201, 0, 2, 0, 0, 0, 9];
        datagram.extend_from_slice(&[0, 0, 0, 4]);
        assert_eq!(
            messages(&datagram),
            [RtcpMessage::ReceiverReport { ssrc: Ssrc(9) }]
        );
    }
}
