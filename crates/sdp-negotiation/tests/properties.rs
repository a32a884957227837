//! What must hold for every description and every pair of sides.

mod support;

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use sdp_negotiation::{
    Address, Attribute, AudioCapabilities, AudioFormat, Bandwidth, Connection, Direction, Fmtp,
    LocalMedia, MediaDescription, NegotiatedAudio, Origin, Rtcp, Rtpmap, SdpSession,
    SessionDescription,
};
use support::{addr, local, opus_first};

fn ip() -> impl Strategy<Value = IpAddr> {
    prop_oneof![
        any::<[u8; 4]>().prop_map(|octets| IpAddr::V4(Ipv4Addr::from(octets))),
        any::<[u16; 8]>().prop_map(|segments| IpAddr::V6(Ipv6Addr::from(segments))),
    ]
}

fn address() -> impl Strategy<Value = Address> {
    prop_oneof![
        4 => ip().prop_map(Address::Ip),
        1 => ("[a-z]{1,8}\\.example", any::<bool>()).prop_map(|(name, ipv6)| Address::Host { name, ipv6 }),
    ]
}

fn origin() -> impl Strategy<Value = Origin> {
    (
        "[a-zA-Z0-9._-]{1,12}",
        any::<u64>(),
        any::<u64>(),
        address(),
    )
        .prop_map(|(username, session_id, session_version, address)| Origin {
            username,
            session_id,
            session_version,
            address,
        })
}

fn direction() -> impl Strategy<Value = Direction> {
    proptest::sample::select(Direction::ALL.to_vec())
}

/// Attributes that have no type of their own.
fn attribute() -> impl Strategy<Value = Attribute> {
    ("x-[a-z]{1,8}", option::of("[!-~]([ -~]{0,20}[!-~])?"))
        .prop_map(|(name, value)| Attribute { name, value })
}

fn bandwidth() -> impl Strategy<Value = Bandwidth> {
    ("[A-W]{2,4}", any::<u64>()).prop_map(|(bandwidth_type, value)| Bandwidth {
        bandwidth_type,
        value,
    })
}

fn rtpmap(payload_type: u8) -> impl Strategy<Value = Rtpmap> {
    ("[a-zA-Z0-9-]{1,12}", 1..=192_000_u32, 1..=8_u16).prop_map(
        move |(encoding_name, clock_rate, channels)| Rtpmap {
            payload_type,
            encoding_name,
            clock_rate,
            channels,
        },
    )
}

fn rtcp() -> impl Strategy<Value = Rtcp> {
    (1..=u16::MAX, option::of(address())).prop_map(|(port, address)| Rtcp { port, address })
}

/// Payload types with their rtpmap and fmtp, in the order that the printer keeps.
fn formats() -> impl Strategy<Value = (Vec<String>, Vec<Rtpmap>, Vec<Fmtp>)> {
    proptest::sample::subsequence((0..128_u8).collect::<Vec<_>>(), 1..8)
        .prop_flat_map(|numbers| {
            numbers
                .into_iter()
                .map(|number| {
                    (
                        rtpmap(number),
                        option::of("[a-z]{1,6}=[0-9]{1,3}(; ?[a-z]{1,5}=[a-z]{1,4})?"),
                    )
                })
                .collect::<Vec<_>>()
        })
        .prop_map(|formats| {
            let names = formats
                .iter()
                .map(|(map, _)| map.payload_type.to_string())
                .collect();
            let fmtps = formats
                .iter()
                .filter_map(|(map, parameters)| {
                    Some(Fmtp {
                        payload_type: map.payload_type,
                        parameters: parameters.clone()?,
                    })
                })
                .collect();
            (
                names,
                formats.into_iter().map(|(map, _)| map).collect(),
                fmtps,
            )
        })
}

fn media() -> impl Strategy<Value = MediaDescription> {
    (
        (
            proptest::sample::select(vec!["audio", "video", "image", "message", "x-new"]),
            any::<u16>(),
            proptest::sample::select(vec![
                "RTP/AVP",
                "RTP/SAVPF",
                "TCP/MSRP",
                "udptl",
                "QUIC/NEW",
            ]),
            formats(),
        ),
        (
            option::of(address()),
            vec(bandwidth(), 0..3),
            vec(attribute(), 0..4),
        ),
        (
            option::of(1..=1_000_u32),
            option::of(1..=1_000_u32),
            option::of(rtcp()),
        ),
        (any::<bool>(), option::of(direction())),
    )
        .prop_map(
            |(
                (media, port, protocol, (formats, rtpmaps, fmtps)),
                (connection, bandwidths, attributes),
                (ptime, maxptime, rtcp),
                (rtcp_mux, direction),
            )| MediaDescription {
                media: media.to_owned(),
                port,
                protocol: protocol.to_owned(),
                formats,
                connection: connection.map(|address| Connection { address }),
                bandwidths,
                rtpmaps,
                fmtps,
                ptime,
                maxptime,
                rtcp,
                rtcp_mux,
                direction,
                attributes,
            },
        )
}

fn description() -> impl Strategy<Value = SessionDescription> {
    (
        (origin(), "[!-~]([ -~]{0,12}[!-~])?", option::of(address())),
        (
            vec(bandwidth(), 0..3),
            any::<(u64, u64)>(),
            option::of(direction()),
        ),
        (vec(attribute(), 0..4), vec(media(), 0..5)),
    )
        .prop_map(
            |(
                (origin, session_name, connection),
                (bandwidths, timing, direction),
                (attributes, media),
            )| SessionDescription {
                origin,
                session_name,
                connection: connection.map(|address| Connection { address }),
                bandwidths,
                timing,
                direction,
                attributes,
                media,
            },
        )
}

/// A few formats of a small world, so that two sides often have something in common.
fn capabilities() -> impl Strategy<Value = AudioCapabilities> {
    let all = vec![
        AudioFormat::opus(),
        AudioFormat::pcmu(),
        AudioFormat::pcma(),
        AudioFormat::new("G722", 8_000, 1, Some(9)),
        AudioFormat::new("X-TOY", 16_000, 1, Some(115)),
        AudioFormat::new("L16", 48_000, 1, None),
    ];
    (
        proptest::sample::subsequence(all, 1..=6).prop_shuffle(),
        any::<bool>(),
        proptest::sample::select(vec![10, 20, 30, 40, 60]),
        any::<bool>(),
    )
        .prop_map(
            |(formats, telephone_event, ptime_ms, rtcp_mux)| AudioCapabilities {
                formats,
                telephone_event,
                ptime_ms,
                comfort_noise: telephone_event,
                redundancy: u8::from(rtcp_mux) * 2,
                extended_reports: telephone_event,
                maxptime_ms: None,
                rtcp_mux,
            },
        )
}

/// What one side sends is what the other expects.
fn assert_agree(offerer: &NegotiatedAudio, answerer: &NegotiatedAudio) {
    let (ours, theirs) = (&offerer.format, &answerer.format);
    assert!(
        ours.encoding_name
            .eq_ignore_ascii_case(&theirs.encoding_name)
    );
    assert_eq!(ours.clock_rate, theirs.clock_rate);
    assert_eq!(ours.send_payload_type, theirs.receive_payload_type);
    assert_eq!(ours.receive_payload_type, theirs.send_payload_type);
    assert_eq!(ours.local_fmtp, theirs.remote_fmtp);
    assert_eq!(ours.remote_fmtp, theirs.local_fmtp);
    assert_eq!(offerer.direction, answerer.direction.reversed());
    assert_eq!(offerer.rtcp_mux, answerer.rtcp_mux);
    assert_eq!(offerer.ptime_ms, answerer.ptime_ms);
    let event = |audio: &NegotiatedAudio| {
        audio.telephone_event.map(|event| {
            (
                event.clock_rate,
                event.send_payload_type,
                event.receive_payload_type,
            )
        })
    };
    assert_eq!(
        event(offerer),
        event(answerer).map(|(clock, send, receive)| (clock, receive, send))
    );
    assert_eq!(
        offerer
            .comfort_noise
            .map(|noise| (noise.send_payload_type, noise.receive_payload_type)),
        answerer
            .comfort_noise
            .map(|noise| (noise.receive_payload_type, noise.send_payload_type))
    );
    for other in &answerer.also_receivable {
        assert!(offerer.also_receivable.iter().any(|known| {
            known.encoding_name == other.encoding_name
                && known.send_payload_type == other.receive_payload_type
        }));
    }
}

fn through_text(description: &SessionDescription) -> SessionDescription {
    SessionDescription::parse(description.to_string().as_bytes()).unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn print_then_parse_is_identity(description in description()) {
        let text = description.to_string();
        prop_assert_eq!(SessionDescription::parse(text.as_bytes()), Ok(description), "{}", text);
    }

    #[test]
    fn random_bytes_never_panic(bytes in vec(any::<u8>(), 0..512)) {
        let _ = SessionDescription::parse(&bytes);
    }

    /// Valid lines with random ones between and random bytes in them; what can be read can be answered.
    #[test]
    fn broken_descriptions_never_panic(
        description in description(),
        noise in vec((any::<proptest::sample::Index>(), any::<u8>()), 0..12),
        cut in any::<proptest::sample::Index>(),
    ) {
        let mut bytes = description.to_string().into_bytes();
        for (place, byte) in noise {
            let at = place.index(bytes.len());
            bytes[at] = byte;
        }
        bytes.truncate(cut.index(bytes.len()) + 1);
        if let Ok(broken) = SessionDescription::parse(&bytes) {
            // What was read once is stable from then on.
            let again = through_text(&broken);
            prop_assert_eq!(again.media.len(), broken.media.len());
            let mut session = SdpSession::new(1, "x");
            let media = local("192.0.2.1:4000");
            let (_, pending) = session.create_offer(&opus_first(), media, Direction::SendRecv);
            let _ = pending.accept(&broken);
            if let Ok((answer, _)) = session.answer(&broken, &opus_first(), media, Direction::SendRecv) {
                prop_assert_eq!(answer.media.len(), broken.media.len());
                prop_assert_eq!(through_text(&answer).media.len(), broken.media.len());
            }
        }
    }

    #[test]
    fn both_sides_agree(
        ours in capabilities(),
        theirs in capabilities(),
        offered in direction(),
        wanted in direction(),
        later in vec((any::<bool>(), direction(), direction()), 0..4),
    ) {
        let mut alice = SdpSession::new(1, "alice");
        let mut bob = SdpSession::new(2, "bob");
        let at_alice = LocalMedia { rtp: addr("192.0.2.1:4000"), rtcp: Some(addr("192.0.2.1:5001")) };
        let at_bob = local("192.0.2.2:6000");
        let first = (true, offered, wanted);
        for (from_alice, offered, wanted) in std::iter::once(first).chain(later) {
            let (offerer, offering, answerer, answering) = if from_alice {
                ((&mut alice, &ours), at_alice, (&mut bob, &theirs), at_bob)
            } else {
                ((&mut bob, &theirs), at_bob, (&mut alice, &ours), at_alice)
            };
            let (offer, pending) = offerer.0.create_offer(offerer.1, offering, offered);
            prop_assert_eq!(&through_text(&offer), &offer);
            let result = answerer.0.answer(&through_text(&offer), answerer.1, answering, wanted);
            let in_common = offerer.1.formats.iter().any(|format| {
                answerer.1.formats.iter().any(|other| other.encoding_name == format.encoding_name)
            });
            prop_assert_eq!(result.is_ok(), in_common);
            let Ok((answer, at_answerer)) = result else { return Ok(()) };
            prop_assert_eq!(answer.media.len(), offer.media.len());
            let at_offerer = pending.accept(&through_text(&answer)).unwrap();
            assert_agree(&at_offerer, &at_answerer);
            prop_assert_eq!(at_offerer.remote_rtp, answering.rtp);
            prop_assert_eq!(at_answerer.remote_rtp, offering.rtp);
            if !at_offerer.rtcp_mux && from_alice {
                prop_assert_eq!(at_answerer.remote_rtcp, addr("192.0.2.1:5001"));
            }
        }
    }
}
