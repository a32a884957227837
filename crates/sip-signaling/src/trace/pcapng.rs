//! Capture files (draft-ietf-opsawg-pcapng): one section, one interface of raw IP, one packet a message.

#![deny(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects
)]

use std::{
    io::{self, Write},
    net::{IpAddr, Ipv6Addr, SocketAddr},
    time::Duration,
};

use crate::{TraceDirection, TracedMessage};

/// LINKTYPE_RAW: packets begin with their IP header.
const RAW_IP: u16 = 101;
/// A UDP datagram holds no more.
const MAX_PAYLOAD: usize = 65_000;

/// Section header and interface description.
pub(super) fn begin(out: &mut impl Write) -> io::Result<()> {
    let mut section = Vec::new();
    section.extend(0x1A2B_3C4D_u32.to_le_bytes());
    section.extend([1, 0, 0, 0]);
    // The length of the section is not told.
    section.extend([0xFF; 8]);
    block(out, 0x0A0D_0D0A, &section)?;
    let mut interface = Vec::new();
    interface.extend(RAW_IP.to_le_bytes());
    interface.extend([0; 2]);
    // No limit of the length of packets; times in nanoseconds (`if_tsresol`).
    interface.extend([0; 4]);
    option(&mut interface, 9, &[9]);
    option(&mut interface, 0, &[]);
    block(out, 1, &interface)
}

/// An enhanced packet block; `at` since the Unix epoch.
pub(super) fn packet(
    out: &mut impl Write,
    message: &TracedMessage,
    at: Duration,
) -> io::Result<()> {
    let nowhere = SocketAddr::from(([0, 0, 0, 0], 5_060));
    let (ours, peer) = (message.local, message.peer.unwrap_or(nowhere));
    let (from, to, flags) = match message.direction {
        TraceDirection::Sent => (ours, peer, 2_u32),
        TraceDirection::Received => (peer, ours, 1_u32),
    };
    let payload = message.message.as_bytes();
    let payload = payload.get(..MAX_PAYLOAD).unwrap_or(payload);
    let data = datagram(from, to, payload);
    let nanos = u64::try_from(at.as_nanos()).unwrap_or(u64::MAX);
    let length = u32::try_from(data.len()).unwrap_or(u32::MAX);
    let mut packet = Vec::with_capacity(data.len().saturating_add(96));
    packet.extend([0; 4]);
    packet.extend(((nanos >> 32) as u32).to_le_bytes());
    packet.extend(((nanos & 0xFFFF_FFFF) as u32).to_le_bytes());
    packet.extend(length.to_le_bytes());
    packet.extend(length.to_le_bytes());
    packet.extend(&data);
    pad(&mut packet);
    option(
        &mut packet,
        1,
        format!("over {}", message.transport).as_bytes(),
    );
    option(&mut packet, 2, &flags.to_le_bytes());
    option(&mut packet, 0, &[]);
    block(out, 6, &packet)
}

fn block(out: &mut impl Write, kind: u32, body: &[u8]) -> io::Result<()> {
    let length = u32::try_from(body.len().saturating_add(12)).unwrap_or(u32::MAX);
    out.write_all(&kind.to_le_bytes())?;
    out.write_all(&length.to_le_bytes())?;
    out.write_all(body)?;
    out.write_all(&length.to_le_bytes())
}

fn option(packet: &mut Vec<u8>, code: u16, value: &[u8]) {
    let length = u16::try_from(value.len()).unwrap_or(0);
    packet.extend(code.to_le_bytes());
    packet.extend(length.to_le_bytes());
    packet.extend(value);
    pad(packet);
}

fn pad(bytes: &mut Vec<u8>) {
    while bytes.len() & 3 != 0 {
        bytes.push(0);
    }
}

/// An IP packet with a UDP datagram.
fn datagram(from: SocketAddr, to: SocketAddr, payload: &[u8]) -> Vec<u8> {
    let length = u16::try_from(payload.len().saturating_add(8)).unwrap_or(u16::MAX);
    let mut udp = Vec::with_capacity(payload.len().saturating_add(8));
    udp.extend(from.port().to_be_bytes());
    udp.extend(to.port().to_be_bytes());
    udp.extend(length.to_be_bytes());
    udp.extend([0; 2]);
    udp.extend(payload);
    let addresses = (from.ip().to_canonical(), to.ip().to_canonical());
    let mut packet = Vec::with_capacity(udp.len().saturating_add(40));
    if let (IpAddr::V4(from), IpAddr::V4(to)) = addresses {
        packet.extend([0x45, 0]);
        packet.extend(length.saturating_add(20).to_be_bytes());
        packet.extend([0, 0, 0, 0, 64, 17, 0, 0]);
        packet.extend(from.octets());
        packet.extend(to.octets());
        let sum = checksum([packet.as_slice()]);
        put(&mut packet, 10, sum);
    } else {
        let (from, to) = (mapped(addresses.0), mapped(addresses.1));
        // RFC 8200 section 8.1: over IPv6 the checksum of UDP is a must.
        let pseudo = [0, 0, 0, 17];
        let sum = checksum([
            &from.octets(),
            &to.octets(),
            &u32::from(length).to_be_bytes(),
            &pseudo,
            &udp,
        ]);
        put(&mut udp, 6, if sum == 0 { 0xFFFF } else { sum });
        packet.extend([0x60, 0, 0, 0]);
        packet.extend(length.to_be_bytes());
        packet.extend([17, 64]);
        packet.extend(from.octets());
        packet.extend(to.octets());
    }
    packet.extend(udp);
    packet
}

fn mapped(address: IpAddr) -> Ipv6Addr {
    match address {
        IpAddr::V4(v4) => v4.to_ipv6_mapped(),
        IpAddr::V6(v6) => v6,
    }
}

fn put(bytes: &mut [u8], at: usize, value: u16) {
    if let Some(place) = bytes.get_mut(at..at.saturating_add(2)) {
        place.copy_from_slice(&value.to_be_bytes());
    }
}

/// RFC 1071. All parts but the last have an even length.
fn checksum<const N: usize>(parts: [&[u8]; N]) -> u16 {
    let mut sum = 0_u64;
    for pair in parts.iter().flat_map(|part| part.chunks(2)) {
        let high = u64::from(pair.first().copied().unwrap_or(0)) << 8;
        let low = u64::from(pair.get(1).copied().unwrap_or(0));
        sum = sum.saturating_add(high | low);
    }
    while sum > 0xFFFF {
        sum = (sum & 0xFFFF).saturating_add(sum >> 16);
    }
    !(sum as u16)
}

#[cfg(test)]
#[allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects
)]
mod tests {
    use pcap_file::pcapng::{Block, PcapNgReader, blocks::enhanced_packet::EnhancedPacketOption};

    use super::*;
    use crate::trace::tests::message;

    #[test]
    fn reader_of_others_finds_each_message_between_its_addresses() {
        let now = crate::agent::now();
        let (sent, received) = (TraceDirection::Sent, TraceDirection::Received);
        let mut told = message(
            now,
            0,
            sent,
            "198.51.100.7:5060",
            "OPTIONS sip:b SIP/2.0",
            "1 OPTIONS",
        );
        let mut six = message(
            now,
            0,
            received,
            "[2001:db8::7]:5070",
            "SIP/2.0 200 OK",
            "1 OPTIONS",
        );
        six.local = "[2001:db8::1]:5060".parse().unwrap();
        let mut huge = told.clone();
        huge.message = "x".repeat(70_000);
        told.peer = Some("[::ffff:198.51.100.7]:5060".parse().unwrap());
        let at = Duration::from_micros(1_700_000_000_123_456);
        let mut file = Vec::new();
        begin(&mut file).unwrap();
        for message in [&told, &six, &huge] {
            packet(&mut file, message, at).unwrap();
        }
        let mut reader = PcapNgReader::new(file.as_slice()).unwrap();
        let mut packets = Vec::new();
        while let Some(block) = reader.next_block() {
            match block.unwrap() {
                Block::InterfaceDescription(interface) => {
                    assert_eq!(u32::from(interface.linktype), u32::from(RAW_IP));
                }
                Block::EnhancedPacket(packet) => packets.push(packet.into_owned()),
                other => panic!("{other:?}"),
            }
        }
        assert_eq!(packets.len(), 3);
        assert_eq!(packets[0].timestamp, at);
        assert!(matches!(
            &packets[0].options[0],
            EnhancedPacketOption::Comment(comment) if comment == "over TCP"
        ));
        let four = &packets[0].data;
        assert_eq!(
            four[12..20],
            [192, 0, 2, 1, 198, 51, 100, 7],
            "from us to the peer"
        );
        assert_eq!(checksum([&four[..20]]), 0);
        assert_eq!(four[28..], *told.message.as_bytes());
        let bytes = &packets[1].data;
        assert_eq!(bytes[0] >> 4, 6);
        let length = u32::from(u16::from_be_bytes([bytes[44], bytes[45]]));
        let pseudo = [0, 0, 0, 17];
        let sum = checksum([&bytes[8..40], &length.to_be_bytes(), &pseudo, &bytes[40..]]);
        assert_eq!(sum, 0);
        assert_eq!(packets[2].data.len(), MAX_PAYLOAD + 28);
    }
}
