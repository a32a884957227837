//! Which protocol a datagram on a media port is (RFC 7983 section 7, RFC 5761 section 4).
#![deny(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects
)]

/// What a datagram claims to be, from its first two bytes alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum DatagramKind {
    /// First byte 128 to 191 and no RTCP packet type.
    Rtp,
    /// First byte 128 to 191, second byte 192 to 223: what would be RTP payload types 64 to 95 with the marker set.
    Rtcp,
    /// First byte 0 to 3.
    Stun,
    /// First byte 20 to 63: DTLS, so the peer expects keys to be agreed for SRTP.
    Dtls,
    /// First byte 16 to 19 (ZRTP), 64 to 79 (TURN channel) or anything else, and datagrams shorter than two bytes.
    Other,
}

/// Tells RTP, RTCP, STUN and DTLS apart.
pub fn datagram_kind(bytes: &[u8]) -> DatagramKind {
    let (Some(&first), Some(&second)) = (bytes.first(), bytes.get(1)) else {
        return DatagramKind::Other;
    };
    match first {
        0..=3 => DatagramKind::Stun,
        20..=63 => DatagramKind::Dtls,
        // RFC 5761 section 4: payload types 64 to 95 are not to be used for RTP where RTCP may share the port.
        128..=191 if (192..=223).contains(&second) => DatagramKind::Rtcp,
        128..=191 => DatagramKind::Rtp,
        _ => DatagramKind::Other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ranges_are_those_of_rfc_7983() {
        let rows: &[(&[u8], DatagramKind)] = &[
            (&[0x00, 0x01], DatagramKind::Stun),
            (&[0x01, 0x01], DatagramKind::Stun),
            (&[20, 254], DatagramKind::Dtls),
            (&[22, 254], DatagramKind::Dtls),
            (&[0x80, 0], DatagramKind::Rtp),
            (&[0x80, 0x80], DatagramKind::Rtp),
            (&[0x80, 0x80 | 101], DatagramKind::Rtp),
            (&[0x80, 127], DatagramKind::Rtp),
            (&[0x80, 200], DatagramKind::Rtcp),
            (&[0x81, 201], DatagramKind::Rtcp),
            (&[0x8f, 206], DatagramKind::Rtcp),
            (&[0x40, 0], DatagramKind::Other),
            (&[17, 0], DatagramKind::Other),
            (&[0xff, 0xff], DatagramKind::Other),
            (&[0x80], DatagramKind::Other),
            (&[], DatagramKind::Other),
        ];
        for &(bytes, kind) in rows {
            assert_eq!(datagram_kind(bytes), kind, "{bytes:02x?}");
        }
    }
}
