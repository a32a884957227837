//! The guard against the crates it guards: named reproducers, mutated seeds, random bytes.

use bytes::Bytes;
use proptest::prelude::*;
use rtp_media::guard;
use webrtc_util::marshal::{Marshal, Unmarshal};

/// Everything a caller may do with a packet of the `rtp` crate.
fn exercise_rtp(datagram: &[u8]) {
    let mut bytes = Bytes::copy_from_slice(datagram);
    if let Ok(packet) = rtp::packet::Packet::unmarshal(&mut bytes) {
        let range =
            guard::rtp_payload_range(datagram).expect("sound datagrams have a payload range");
        assert_eq!(&packet.payload[..], &datagram[range]);
        let _ = packet.marshal();
        let _ = packet.to_string();
    }
    let _ = rtp::header::Header::unmarshal(&mut &datagram[..]);
}

fn exercise_rtcp(datagram: &[u8]) {
    let mut bytes = Bytes::copy_from_slice(datagram);
    if let Ok(packets) = rtcp::packet::unmarshal(&mut bytes) {
        for packet in &packets {
            let _ = packet.destination_ssrc();
            let _ = packet.to_string();
            let _ = packet.raw_size();
        }
        let _ = rtcp::packet::marshal(&packets);
    }
}

/// The guard's promise on any bytes.
fn check(datagram: &[u8]) {
    if guard::rtp_is_sound(datagram) {
        exercise_rtp(datagram);
    }
    if guard::rtcp_is_sound(datagram) {
        exercise_rtcp(datagram);
    }
    for packet in guard::sound_rtcp_packets(datagram) {
        exercise_rtcp(packet);
    }
    let _ = rtp_media::RtpPacket::parse(datagram);
    let _ = guard::rtcp_looks_encrypted(datagram);
    let _ = rtp_media::datagram_kind(datagram);
}

fn hex(text: &str) -> Vec<u8> {
    (0..text.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&text[at..at + 2], 16).expect("hex"))
        .collect()
}

#[test]
fn rtp_two_byte_element_longer_than_the_packet_is_refused() {
    let datagram = hex("906500010000000101020304100000018a8100a0");
    assert!(!guard::rtp_is_sound(&datagram));
    check(&datagram);
}

#[test]
fn rtp_two_byte_element_without_a_length_is_refused() {
    let datagram = hex("90650001000000010102030410000001090000a0");
    assert!(!guard::rtp_is_sound(&datagram));
    check(&datagram);
}

#[test]
fn rtcp_short_feedback_is_refused() {
    let datagram = hex("81cd000100070e15");
    assert!(!guard::rtcp_is_sound(&datagram));
    assert_eq!(guard::sound_rtcp_packets(&datagram).count(), 0);
    check(&datagram);
}

#[test]
fn the_crates_do_panic_on_what_is_refused() {
    // Should these crates be mended one day, the guard can go: this test says when.
    type Parse = fn(&[u8]);
    let rows: [(&str, Parse); 3] = [
        ("906500010000000101020304100000018a8100a0", |d| {
            let _ = rtp::packet::Packet::unmarshal(&mut Bytes::copy_from_slice(d));
        }),
        ("90650001000000010102030410000001090000a0", |d| {
            let _ = rtp::packet::Packet::unmarshal(&mut Bytes::copy_from_slice(d));
        }),
        ("81cd000100070e15", exercise_rtcp),
    ];
    for (text, parse) in rows {
        let datagram = hex(text);
        let outcome = std::panic::catch_unwind(|| parse(&datagram));
        assert!(outcome.is_err(), "{text} no longer panics");
    }
}

fn rtp_seeds() -> Vec<Vec<u8>> {
    vec![
        hex("b26012340000112 2deadbeef0102030405060708bede000210ff2201020300000000000000000000000000000000000000000000000004".replace(' ', "").as_str()),
        hex("9060123400001122deadbeef10000002010209090301070007070707070707"),
        hex("90601234000011 22deadbeefabcd00011122334455".replace(' ', "").as_str()),
        hex("8000123400001122deadbeefffffffffffffffff"),
        hex("906500010000000101020304100000018a8100a0"),
        hex("90650001000000010102030410000001090000a0"),
    ]
}

fn rtcp_seeds() -> Vec<Vec<u8>> {
    let report = "81c8000c0101010100000001000000020000000300000004000000050909090903000001000001020000000300000004 00000005".replace(' ', "");
    let sdes = "81ca0003010101010103616263000000";
    let bye = "81cb00020101010102686900";
    let nack = "8fcd000501010101020202020001000300000100200304 00".replace(' ', "");
    let xr = "80cf000701010101040000020101010102020202070000020000000100000002";
    let xr_metrics =
        "80cf000a010101010700000801010101000000000000000000000000000000000000000000000000000000 00"
            .replace(' ', "");
    let mut compound = String::new();
    for part in [&report, sdes, bye, &nack, xr] {
        compound.push_str(part);
    }
    let mut seeds: Vec<Vec<u8>> = [
        compound.as_str(),
        &report,
        sdes,
        bye,
        xr,
        &xr_metrics,
        &nack,
    ]
    .iter()
    .map(|text| hex(text))
    .collect();
    seeds.push(hex("81cd000100070e15"));
    seeds
}

/// One change to a datagram: what fuzzers do.
#[derive(Debug, Clone)]
enum Mutation {
    Set(prop::sample::Index, u8),
    Flip(prop::sample::Index, u8),
    Truncate(prop::sample::Index),
    Insert(prop::sample::Index, u8),
    Remove(prop::sample::Index),
    Repeat(prop::sample::Index, usize),
}

fn mutation() -> impl Strategy<Value = Mutation> {
    let index = any::<prop::sample::Index>;
    prop_oneof![
        (index(), any::<u8>()).prop_map(|(i, b)| Mutation::Set(i, b)),
        (index(), 0_u8..8).prop_map(|(i, b)| Mutation::Flip(i, b)),
        index().prop_map(Mutation::Truncate),
        (index(), any::<u8>()).prop_map(|(i, b)| Mutation::Insert(i, b)),
        index().prop_map(Mutation::Remove),
        (index(), 0_usize..20).prop_map(|(i, n)| Mutation::Repeat(i, n)),
    ]
}

fn mutate(mut bytes: Vec<u8>, mutations: Vec<Mutation>) -> Vec<u8> {
    for mutation in mutations {
        if bytes.is_empty() {
            break;
        }
        let length = bytes.len();
        match mutation {
            Mutation::Set(at, value) => bytes[at.index(length)] = value,
            Mutation::Flip(at, bit) => bytes[at.index(length)] ^= 1 << bit,
            Mutation::Truncate(at) => bytes.truncate(at.index(length)),
            Mutation::Insert(at, value) => bytes.insert(at.index(length), value),
            Mutation::Remove(at) => drop(bytes.remove(at.index(length))),
            Mutation::Repeat(at, count) => {
                let at = at.index(length);
                let copy = bytes[at..(at + count).min(length)].to_vec();
                bytes.splice(at..at, copy);
            }
        }
    }
    bytes
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn mutated_rtp_never_panics(
        seed in prop::sample::select(rtp_seeds()),
        mutations in prop::collection::vec(mutation(), 0..6),
    ) {
        check(&mutate(seed, mutations));
    }

    #[test]
    fn mutated_rtcp_never_panics(
        seed in prop::sample::select(rtcp_seeds()),
        mutations in prop::collection::vec(mutation(), 0..6),
    ) {
        check(&mutate(seed, mutations));
    }

    #[test]
    fn random_bytes_never_panic(
        first in prop_oneof![Just(0x80_u8), Just(0x90), Just(0xb1), any::<u8>()],
        second in prop_oneof![200_u8..208, any::<u8>()],
        rest in prop::collection::vec(any::<u8>(), 0..90),
    ) {
        let mut datagram = vec![first, second];
        datagram.extend(rest);
        check(&datagram);
    }
}
