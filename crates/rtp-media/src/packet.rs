//! One RTP packet: read from a datagram, written to a buffer.
#![deny(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects
)]

use rtp::header::Header;
use webrtc_util::marshal::{Marshal, Unmarshal};

use crate::guard::{RTP_HEADER_LEN, rtp_payload_range};
use crate::jitter_buffer::PacketMeta;
use crate::units::{PayloadType, Ssrc};

/// A parsed packet that borrows its payload from the datagram.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RtpPacket<'a> {
    /// Sequence number, timestamp, marker and payload type.
    pub meta: PacketMeta,
    /// Stream.
    pub ssrc: Ssrc,
    /// What the payload format defines, without padding.
    pub payload: &'a [u8],
}

impl<'a> RtpPacket<'a> {
    /// Reads a datagram; `None` if its lengths do not add up. Allocates nothing: CSRCs and header extensions are passed over.
    pub fn parse(bytes: &'a [u8]) -> Option<Self> {
        let range = rtp_payload_range(bytes)?;
        let payload = bytes.get(range)?;
        // The crate sees the fixed header alone, with CSRC count, extension and padding cleared: it would collect
        // them into vectors that nobody reads.
        let mut fixed: [u8; RTP_HEADER_LEN] = bytes.get(..RTP_HEADER_LEN)?.try_into().ok()?;
        fixed[0] &= 0xc0;
        let header = Header::unmarshal(&mut &fixed[..]).ok()?;
        Some(Self {
            meta: PacketMeta {
                sequence: header.sequence_number,
                timestamp: header.timestamp,
                marker: header.marker,
                payload_type: PayloadType(header.payload_type),
            },
            ssrc: Ssrc(header.ssrc),
            payload,
        })
    }

    /// Appends the packet to `out`.
    pub fn write(&self, out: &mut Vec<u8>) {
        let header = Header {
            version: 2,
            marker: self.meta.marker,
            payload_type: self.meta.payload_type.0 & 0x7f,
            sequence_number: self.meta.sequence,
            timestamp: self.meta.timestamp,
            ssrc: self.ssrc.0,
            ..Header::default()
        };
        let mut fixed = [0; RTP_HEADER_LEN];
        if header.marshal_to(&mut fixed).is_ok() {
            out.extend_from_slice(&fixed);
            out.extend_from_slice(self.payload);
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

    #[test]
    fn what_is_written_is_what_is_read() {
        let packet = RtpPacket {
            meta: PacketMeta {
                sequence: 0xfffe,
                timestamp: 0x8000_0001,
                marker: true,
                payload_type: PayloadType(101),
            },
            ssrc: Ssrc(0xdead_beef),
            payload: &[1, 2, 3],
        };
        let mut bytes = Vec::new();
        packet.write(&mut bytes);
        assert_eq!(bytes.len(), 15);
        assert_eq!(RtpPacket::parse(&bytes), Some(packet));
    }

    #[test]
    fn csrcs_extension_and_padding_are_passed_over() {
        let bytes = [
            0xb1, 0x80, 0, 9, 0, 0, 0, 160, 1, 2, 3,
            4, // fixed header, P, X, one CSRC, marker
            5, 5, 5, 5, // CSRC
            0xbe, 0xde, 0, 1, 0xf0, 0, 0, 0, // extension with the reserved element 15
            42, 43, 0, 2, // payload and padding
        ];
        let packet = RtpPacket::parse(&bytes).unwrap();
        assert_eq!(packet.payload, [42, 43]);
        assert!(packet.meta.marker);
        assert_eq!((packet.meta.sequence, packet.meta.timestamp), (9, 160));
    }
}
