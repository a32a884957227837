//! Length checks on datagrams before the `rtp` and `rtcp` crates see a byte.
//!
//! `rtp` 0.17 reads CSRCs and header-extension elements with `get_u8` and `copy_to_bytes`, which panic at the end of the
//! input; `rtcp` 0.17 does the same in feedback packets (types 205 and 206). One datagram from anywhere would end the
//! call. What [`rtp_is_sound`] and [`rtcp_is_sound`] accept, those crates parse, print and write without panicking.
#![deny(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects
)]

use std::ops::Range;

/// Fixed part of an RTP header in bytes (RFC 3550 section 5.1).
pub const RTP_HEADER_LEN: usize = 12;

/// Header-extension profiles (RFC 8285 sections 4.2 and 4.3). `rtp` 0.17 knows only the two-byte form without appbits.
const ONE_BYTE_PROFILE: u16 = 0xBEDE;
const TWO_BYTE_PROFILE: u16 = 0x1000;

/// RTCP packet types that are looked at.
const SENDER_REPORT: u8 = 200;
const RECEIVER_REPORT: u8 = 201;
const SOURCE_DESCRIPTION: u8 = 202;
const GOODBYE: u8 = 203;
const EXTENDED_REPORT: u8 = 207;

/// Whether `rtp` 0.17 parses this datagram without panicking and finds its payload where it is.
///
/// Stricter than the protocol in one point: a one-byte extension element with the reserved ID 15 is refused, since the
/// crate then takes the rest of the extension for payload. [`rtp_payload_range`] copes with those.
pub fn rtp_is_sound(bytes: &[u8]) -> bool {
    rtp_payload_range(bytes).is_some()
        && extension(bytes).is_none_or(|(profile, block)| elements_are_sound(profile, block))
}

/// Where the payload of an RTP datagram lies: after CSRCs and header extension, before padding. `None` if the lengths do
/// not add up or the version is not 2. The elements of the extension are not looked at.
pub fn rtp_payload_range(bytes: &[u8]) -> Option<Range<usize>> {
    let first = *bytes.first()?;
    if bytes.len() < RTP_HEADER_LEN || first >> 6 != 2 {
        return None;
    }
    let mut start = csrc_end(first);
    if first & 0x10 != 0 {
        let words = be_u16(bytes, start.checked_add(2)?)?;
        start = start
            .checked_add(4)?
            .checked_add(usize::from(words).checked_mul(4)?)?;
    }
    let payload = bytes.get(start..)?;
    if first & 0x20 == 0 {
        return Some(start..bytes.len());
    }
    // RFC 3550 section 5.1: the last octet counts the padding, itself included.
    let padding = usize::from(*payload.last()?);
    if padding == 0 {
        return None;
    }
    Some(start..start.checked_add(payload.len().checked_sub(padding)?)?)
}

/// Whether `rtcp` 0.17 parses this whole datagram without panicking: sender and receiver reports, source descriptions,
/// goodbyes and extended reports only, each as long as its counts say. A compound with other types in it is refused here;
/// [`sound_rtcp_packets`] takes the known ones out of it.
pub fn rtcp_is_sound(bytes: &[u8]) -> bool {
    if !rtcp_is_framed(bytes) {
        return false;
    }
    let mut rest = bytes;
    while !rest.is_empty() {
        match split_rtcp_packet(rest) {
            Some((packet, after)) if known_packet_is_sound(packet) => rest = after,
            _ => return false,
        }
    }
    true
}

/// Whether the lengths of an RTCP compound add up to that of the datagram, whatever its types (RFC 3550 Appendix A.2).
pub fn rtcp_is_framed(bytes: &[u8]) -> bool {
    let mut rest = bytes;
    if rest.len() < 8 {
        return false;
    }
    while !rest.is_empty() {
        match split_rtcp_packet(rest) {
            Some((_, after)) => rest = after,
            None => return false,
        }
    }
    true
}

/// Whether a datagram starts like RTCP, but what follows the first eight bytes does not fit: what SRTCP looks like to who
/// has no keys (RFC 3711 section 3.4 leaves just those bytes in the clear).
pub fn rtcp_looks_encrypted(bytes: &[u8]) -> bool {
    let (Some(&first), Some(&packet_type)) = (bytes.first(), bytes.get(1)) else {
        return false;
    };
    let starts_like_a_report = first >> 6 == 2
        && matches!(packet_type, SENDER_REPORT | RECEIVER_REPORT)
        && bytes.len() > 8;
    starts_like_a_report && !rtcp_is_framed(bytes)
}

/// The packets of a compound that the `rtcp` crate can be given, one by one; other types are passed over by their length,
/// and the walk ends at the first length that does not fit.
pub fn sound_rtcp_packets(bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = bytes;
    std::iter::from_fn(move || {
        let (packet, after) = split_rtcp_packet(rest)?;
        rest = after;
        Some(packet)
    })
    .filter(|packet| known_packet_is_sound(packet))
}

fn be_u16(bytes: &[u8], at: usize) -> Option<u16> {
    let end = at.checked_add(2)?;
    bytes.get(at..end)?.try_into().ok().map(u16::from_be_bytes)
}

fn csrc_end(first: u8) -> usize {
    usize::from(first & 0x0f)
        .saturating_mul(4)
        .saturating_add(RTP_HEADER_LEN)
}

/// Profile and elements of the header extension of a datagram whose lengths add up.
fn extension(bytes: &[u8]) -> Option<(u16, &[u8])> {
    let first = *bytes.first()?;
    if first & 0x10 == 0 {
        return None;
    }
    let at = csrc_end(first);
    let profile = be_u16(bytes, at)?;
    let words = be_u16(bytes, at.checked_add(2)?)?;
    let start = at.checked_add(4)?;
    let end = start.checked_add(usize::from(words).checked_mul(4)?)?;
    Some((profile, bytes.get(start..end)?))
}

/// Whether each element ends inside the extension block.
fn elements_are_sound(profile: u16, block: &[u8]) -> bool {
    let mut rest = block;
    while let Some((&first, after)) = rest.split_first() {
        // RFC 8285 section 4.1.2: a zero byte is padding.
        if first == 0 && matches!(profile, ONE_BYTE_PROFILE | TWO_BYTE_PROFILE) {
            rest = after;
            continue;
        }
        let skipped = match profile {
            ONE_BYTE_PROFILE if first >> 4 == 15 => None,
            ONE_BYTE_PROFILE => after.get(usize::from(first & 0x0f).saturating_add(1)..),
            TWO_BYTE_PROFILE => after
                .split_first()
                .and_then(|(&length, value)| value.get(usize::from(length)..)),
            _ => return true,
        };
        match skipped {
            Some(next) => rest = next,
            None => return false,
        }
    }
    true
}

/// The first packet of a compound and what follows it.
fn split_rtcp_packet(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let first = *bytes.first()?;
    if first >> 6 != 2 {
        return None;
    }
    let words = usize::from(be_u16(bytes, 2)?).checked_add(1)?;
    bytes.split_at_checked(words.checked_mul(4)?)
}

/// Whether a single packet has a known type and room for what it counts.
fn known_packet_is_sound(packet: &[u8]) -> bool {
    let (Some(&first), Some(&packet_type)) = (packet.first(), packet.get(1)) else {
        return false;
    };
    let count = usize::from(first & 0x1f);
    let least = match packet_type {
        SENDER_REPORT => count.saturating_mul(24).saturating_add(28),
        RECEIVER_REPORT => count.saturating_mul(24).saturating_add(8),
        // A chunk is an SSRC and at least one null octet, padded to a word.
        SOURCE_DESCRIPTION => count.saturating_mul(8).saturating_add(4),
        GOODBYE => count.saturating_mul(4).saturating_add(4),
        EXTENDED_REPORT => 8,
        _ => return false,
    };
    packet.len() >= least
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
    fn payload_ranges_of_well_formed_packets() {
        let header = [0x80, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3];
        let with = |first: u8, rest: &[u8]| {
            let mut packet = header.to_vec();
            packet[0] = first;
            packet.extend_from_slice(rest);
            packet
        };
        let rows: &[(Vec<u8>, Option<Range<usize>>)] = &[
            (with(0x80, &[]), Some(12..12)),
            (with(0x80, &[1, 2]), Some(12..14)),
            // One CSRC.
            (with(0x81, &[9, 9, 9, 9, 1]), Some(16..17)),
            (with(0x81, &[9, 9, 9]), None),
            // An extension of one word, and one that is too long.
            (
                with(0x90, &[0xbe, 0xde, 0, 1, 0x10, 7, 0, 0, 5]),
                Some(20..21),
            ),
            (with(0x90, &[0xbe, 0xde, 0, 2, 0x10, 7, 0, 0, 5]), None),
            (with(0x90, &[0xbe, 0xde]), None),
            // Padding.
            (with(0xa0, &[1, 2, 0, 2]), Some(12..14)),
            (with(0xa0, &[1, 2, 0, 4]), Some(12..12)),
            (with(0xa0, &[1, 2, 0, 5]), None),
            (with(0xa0, &[1, 2, 0, 0]), None),
            (with(0xa0, &[]), None),
            // Version 1.
            (with(0x40, &[1]), None),
            (header[..11].to_vec(), None),
        ];
        for (packet, range) in rows {
            assert_eq!(&rtp_payload_range(packet), range, "{packet:02x?}");
        }
    }

    #[test]
    fn the_reserved_element_15_is_left_to_the_payload_range() {
        let packet = [
            0x90, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3, 0xbe, 0xde, 0, 1, 0xf0, 1, 2, 3, 42,
        ];
        assert!(!rtp_is_sound(&packet));
        assert_eq!(rtp_payload_range(&packet), Some(20..21));
    }

    #[test]
    fn a_compound_with_feedback_keeps_its_sender_report() {
        let mut compound = vec![0x80, 200, 0, 6];
        compound.extend_from_slice(&[1; 24]);
        let report = compound.clone();
        compound.extend_from_slice(&[0x81, 205, 0, 1, 7, 14, 21, 28]);
        compound.extend_from_slice(&[0x81, 203, 0, 1, 1, 1, 1, 1]);
        assert!(!rtcp_is_sound(&compound));
        assert!(rtcp_is_framed(&compound));
        let packets: Vec<&[u8]> = sound_rtcp_packets(&compound).collect();
        assert_eq!(packets, [&report[..], &[0x81, 203, 0, 1, 1, 1, 1, 1][..]]);
    }

    #[test]
    fn encrypted_rtcp_is_told_from_plain() {
        let mut plain = vec![0x80, 200, 0, 6];
        plain.extend_from_slice(&[1; 24]);
        assert!(!rtcp_looks_encrypted(&plain));
        // SRTCP: the same, scrambled from the ninth byte, then index and tag.
        let mut scrambled = plain.clone();
        scrambled.extend_from_slice(&[0x37; 14]);
        assert!(rtcp_looks_encrypted(&scrambled));
    }
}
