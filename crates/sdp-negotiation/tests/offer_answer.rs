//! The offer/answer rules of RFC 3264, one behaviour a test.

mod support;

use sdp_negotiation::{
    AudioCapabilities, AudioFormat, Direction, LocalMedia, NegotiationError, PendingOffer,
    SessionDescription,
};
use support::*;

fn offer_with(capabilities: &AudioCapabilities) -> (SessionDescription, PendingOffer) {
    session().create_offer(capabilities, local("192.0.2.1:4000"), Direction::SendRecv)
}

#[test]
fn an_offer_lists_formats_and_a_telephone_event_for_each_clock() {
    let (offer, _) = offer_with(&opus_first());
    assert_eq!(
        offer.to_string().replace("\r\n", "\n"),
        "v=0\n\
         o=tester 42 1 IN IP4 192.0.2.1\n\
         s=-\n\
         c=IN IP4 192.0.2.1\n\
         t=0 0\n\
         m=audio 4000 RTP/AVP 96 0 8 97 101\n\
         a=rtpmap:96 opus/48000/2\n\
         a=fmtp:96 useinbandfec=1\n\
         a=rtpmap:0 PCMU/8000\n\
         a=rtpmap:8 PCMA/8000\n\
         a=rtpmap:97 telephone-event/48000\n\
         a=fmtp:97 0-15\n\
         a=rtpmap:101 telephone-event/8000\n\
         a=fmtp:101 0-15\n\
         a=ptime:20\n\
         a=sendrecv\n"
    );
}

#[test]
fn rtcp_elsewhere_is_written_and_rtcp_at_the_next_port_is_not() {
    let rtcp_of = |rtcp: &str| {
        let media = LocalMedia {
            rtp: addr("192.0.2.1:4000"),
            rtcp: Some(addr(rtcp)),
        };
        let (offer, _) =
            session().create_offer(&AudioCapabilities::default(), media, Direction::SendRecv);
        offer.media[0].rtcp.as_ref().map(ToString::to_string)
    };
    assert_eq!(rtcp_of("192.0.2.1:4001"), None);
    assert_eq!(rtcp_of("192.0.2.1:5001").as_deref(), Some("5001"));
    assert_eq!(
        rtcp_of("192.0.2.2:4001").as_deref(),
        Some("4001 IN IP4 192.0.2.2")
    );
}

#[test]
fn the_answer_follows_our_preference_and_the_offers_numbers() {
    let offer = with_media(
        "m=audio 5000 RTP/AVP 0 111 110 101\na=rtpmap:111 opus/48000/2\na=fmtp:111 minptime=10; stereo=0\n\
         a=rtpmap:110 telephone-event/48000\na=rtpmap:101 telephone-event/8000",
    );
    let (answer, audio) = answer(&offer, &opus_first()).unwrap();
    assert_eq!(
        media_lines(&answer),
        "m=audio 4000 RTP/AVP 111 110\n\
         a=rtpmap:111 opus/48000/2\n\
         a=fmtp:111 useinbandfec=1\n\
         a=rtpmap:110 telephone-event/48000\n\
         a=fmtp:110 0-15\n\
         a=ptime:20\n\
         a=sendrecv\n"
    );
    assert_eq!(audio.format.format_index, 0);
    assert_eq!(audio.format.send_payload_type, 111);
    assert_eq!(
        audio.format.remote_fmtp.as_deref(),
        Some("minptime=10; stereo=0")
    );
    assert_eq!(audio.format.local_fmtp.as_deref(), Some("useinbandfec=1"));
    assert_eq!(audio.telephone_event.unwrap().clock_rate, 48_000);
    let others: Vec<u8> = audio
        .also_receivable
        .iter()
        .map(|format| format.receive_payload_type)
        .collect();
    assert_eq!(others, [0]);
}

#[test]
fn static_payload_types_need_no_rtpmap() {
    let offer = with_media("m=audio 5000 RTP/AVP 18 8");
    let (answer, audio) = answer(&offer, &AudioCapabilities::default()).unwrap();
    assert_eq!(audio.format.encoding_name, "PCMA");
    assert_eq!(answer.media[0].formats, ["8"]);
    assert_eq!(audio.telephone_event, None);
}

#[test]
fn an_rtpmap_overrides_the_fixed_meaning_of_a_number() {
    let offer =
        with_media("m=audio 5000 RTP/AVP 0 96\na=rtpmap:0 X-OTHER/8000\na=rtpmap:96 pcmu/8000/1");
    let (_, audio) = answer(&offer, &AudioCapabilities::default()).unwrap();
    assert_eq!(audio.format.send_payload_type, 96);
}

#[test]
fn telephone_event_falls_back_to_the_clock_that_is_there() {
    let offer = with_media(
        "m=audio 5000 RTP/AVP 111 101\na=rtpmap:111 opus/48000/2\na=rtpmap:101 telephone-event/8000",
    );
    let (_, audio) = answer(&offer, &opus_first()).unwrap();
    let event = audio.telephone_event.unwrap();
    assert_eq!((event.send_payload_type, event.clock_rate), (101, 8_000));
}

#[test]
fn telephone_event_that_we_lack_is_not_answered() {
    let offer = with_media("m=audio 5000 RTP/AVP 0 101\na=rtpmap:101 telephone-event/8000");
    let capabilities = AudioCapabilities {
        telephone_event: false,
        ..AudioCapabilities::default()
    };
    let (answer, audio) = answer(&offer, &capabilities).unwrap();
    assert_eq!(answer.media[0].formats, ["0"]);
    assert_eq!(audio.telephone_event, None);
}

#[test]
fn other_streams_are_refused_in_place() {
    let offer = with_media(
        "m=video 6000 RTP/AVP 99\na=rtpmap:99 H264/90000\nm=message 2855 TCP/MSRP *\n\
         m=audio 5000 RTP/AVP 0\nm=audio 5002 RTP/AVP 8\nm=application 70000 TCP/TLS/BFCP *\nm=image 7000 udptl t38",
    );
    let (answer, audio) = answer(&offer, &AudioCapabilities::default()).unwrap();
    assert_eq!(
        media_lines(&answer),
        "m=video 0 RTP/AVP 99\n\
         m=message 0 TCP/MSRP *\n\
         m=audio 4000 RTP/AVP 0\n\
         a=rtpmap:0 PCMU/8000\n\
         a=ptime:20\n\
         a=sendrecv\n\
         m=audio 0 RTP/AVP 8\n\
         m=application 0 TCP/TLS/BFCP *\n\
         m=image 0 udptl t38\n"
    );
    assert_eq!(audio.remote_rtp, addr("192.0.2.9:5000"));
}

#[test]
fn a_later_offer_of_ours_keeps_the_peers_streams_and_numbers() {
    let mut session = session();
    let offer = with_media(
        "m=video 6000 RTP/AVP 99\nm=audio 5000 RTP/AVPF 120 126\na=rtpmap:120 opus/48000/2\na=rtpmap:126 telephone-event/8000",
    );
    let media = local("192.0.2.1:4000");
    session
        .answer(&offer, &opus_first(), media, Direction::SendRecv)
        .unwrap();
    let (hold, pending) = session.create_offer(&opus_first(), media, Direction::SendOnly);
    let audio = &hold.media[1];
    assert_eq!((hold.media.len(), hold.media[0].port), (2, 0));
    assert_eq!(audio.protocol, "RTP/AVPF");
    assert_eq!(audio.formats, ["120", "0", "8", "96", "126"]);
    assert_eq!(hold.origin.session_version, 2);
    let answer = with_media(
        "m=video 0 RTP/AVP 99\nm=audio 5000 RTP/AVPF 120\na=rtpmap:120 opus/48000/2\na=recvonly",
    );
    let held = pending.accept(&answer).unwrap();
    assert_eq!(held.direction, Direction::SendOnly);
    assert!(!held.remote_is_holding);
}

#[test]
fn the_origin_version_goes_up_only_with_a_change() {
    let mut session = session();
    let capabilities = AudioCapabilities::default();
    let media = local("192.0.2.1:4000");
    let mut version = |direction| {
        let (offer, _) = session.create_offer(&capabilities, media, direction);
        (offer.origin.session_id, offer.origin.session_version)
    };
    assert_eq!(version(Direction::SendRecv), (42, 1));
    assert_eq!(version(Direction::SendRecv), (42, 1));
    assert_eq!(version(Direction::SendOnly), (42, 2));
    assert_eq!(version(Direction::SendOnly), (42, 2));
    assert_eq!(version(Direction::SendRecv), (42, 3));
}

#[test]
fn a_refreshed_offer_gets_the_same_answer_with_the_same_version() {
    let mut session = session();
    let offer = with_media("m=audio 5000 RTP/AVP 0");
    let media = local("192.0.2.1:4000");
    let mut answer = || {
        let (answer, _) = session
            .answer(&offer, &opus_first(), media, Direction::SendRecv)
            .unwrap();
        answer.to_string()
    };
    let first = answer();
    assert_eq!(first, answer());
}

#[track_caller]
fn check_direction(offered: &str, wanted: Direction, expected: Direction, holding: bool) {
    let offer = with_media(&format!("m=audio 5000 RTP/AVP 0\n{offered}"));
    let (answer, audio) = session()
        .answer(
            &offer,
            &AudioCapabilities::default(),
            local("192.0.2.1:4000"),
            wanted,
        )
        .unwrap();
    assert_eq!(answer.media[0].direction, Some(expected));
    assert_eq!(audio.direction, expected);
    assert_eq!(audio.remote_is_holding, holding);
}

#[test]
fn directions_are_answered_with_what_both_want() {
    use Direction::*;
    check_direction("a=sendrecv", SendRecv, SendRecv, false);
    check_direction("a=sendonly", SendRecv, RecvOnly, true);
    check_direction("a=recvonly", SendRecv, SendOnly, false);
    check_direction("a=inactive", SendRecv, Inactive, true);
    check_direction("a=sendrecv", SendOnly, SendOnly, false);
    check_direction("a=sendonly", SendOnly, Inactive, true);
    check_direction("", RecvOnly, RecvOnly, false);
}

#[test]
fn a_session_level_direction_holds_for_streams_without_their_own() {
    let offer = |own: &str| {
        parse(&format!(
            "v=0\no=- 1 1 IN IP4 192.0.2.9\ns=-\nc=IN IP4 192.0.2.9\nt=0 0\na=sendonly\nm=audio 5000 RTP/AVP 0\n{own}"
        ))
    };
    let capabilities = AudioCapabilities::default();
    let (_, held) = answer(&offer(""), &capabilities).unwrap();
    assert_eq!(held.direction, Direction::RecvOnly);
    let (_, open) = answer(&offer("a=sendrecv\n"), &capabilities).unwrap();
    assert_eq!(open.direction, Direction::SendRecv);
}

#[test]
fn an_address_of_zeros_is_a_hold() {
    let offer = with_media("m=audio 5000 RTP/AVP 0\nc=IN IP4 0.0.0.0\na=sendrecv");
    let (answer_text, audio) = answer(&offer, &AudioCapabilities::default()).unwrap();
    assert!(audio.remote_is_holding);
    assert_eq!(audio.direction, Direction::RecvOnly);
    assert_eq!(answer_text.media[0].direction, Some(Direction::RecvOnly));
    assert!(audio.remote_rtp.ip().is_unspecified());
}

#[test]
fn our_hold_and_resume_are_told_by_the_answers_direction() {
    let capabilities = AudioCapabilities::default();
    let mut session = session();
    let media = local("192.0.2.1:4000");
    let mut exchange = |offered, answered: &str| {
        let (_, pending) = session.create_offer(&capabilities, media, offered);
        let answer = with_media(&format!("m=audio 5000 RTP/AVP 0\n{answered}"));
        let audio = pending.accept(&answer).unwrap();
        (audio.direction, audio.remote_is_holding)
    };
    use Direction::*;
    assert_eq!(exchange(SendOnly, "a=recvonly"), (SendOnly, false));
    assert_eq!(exchange(Inactive, "a=inactive"), (Inactive, false));
    assert_eq!(exchange(SendRecv, "a=sendrecv"), (SendRecv, false));
    assert_eq!(exchange(SendRecv, "a=sendonly"), (RecvOnly, true));
    assert_eq!(exchange(SendRecv, "a=inactive"), (Inactive, true));
    // A peer that ignores the direction of a hold: ours still rules.
    assert_eq!(exchange(SendOnly, ""), (SendOnly, false));
}

#[test]
fn the_first_offered_format_of_the_answer_is_used() {
    let (_, pending) = offer_with(&opus_first());
    let answer = with_media(
        "m=audio 5000 RTP/AVP 101 18 8 0 96\na=rtpmap:101 telephone-event/8000\na=rtpmap:96 opus/48000/2",
    );
    let audio = pending.accept(&answer).unwrap();
    assert_eq!(audio.format.encoding_name, "PCMA");
    assert_eq!(audio.format.format_index, 2);
    assert_eq!(audio.telephone_event.unwrap().clock_rate, 8_000);
    let others: Vec<u8> = audio
        .also_receivable
        .iter()
        .map(|format| format.receive_payload_type)
        .collect();
    assert_eq!(others, [96, 0]);
}

#[test]
fn the_answer_may_number_formats_anew() {
    let (_, pending) = offer_with(&opus_first());
    let answer = with_media(
        "m=audio 5000 RTP/AVP 120 121\na=rtpmap:120 OPUS/48000/2\na=rtpmap:121 telephone-event/48000",
    );
    let audio = pending.accept(&answer).unwrap();
    assert_eq!(audio.format.send_payload_type, 120);
    assert_eq!(audio.format.receive_payload_type, 96);
    let event = audio.telephone_event.unwrap();
    assert_eq!(
        (event.send_payload_type, event.receive_payload_type),
        (121, 97)
    );
}

#[test]
fn an_answer_without_rtpmap_means_the_offers_number() {
    let (_, pending) = offer_with(&opus_first());
    let audio = pending
        .accept(&with_media("m=audio 5000 RTP/AVP 96 97"))
        .unwrap();
    assert_eq!(audio.format.encoding_name, "opus");
    assert_eq!(audio.telephone_event.unwrap().clock_rate, 48_000);
}

#[test]
fn an_answer_with_what_was_not_offered_is_an_error() {
    let (_, pending) = offer_with(&AudioCapabilities::default());
    let error = pending
        .accept(&with_media(
            "m=audio 5000 RTP/AVP 18 99\na=rtpmap:99 iLBC/8000",
        ))
        .unwrap_err();
    assert_eq!(
        error,
        NegotiationError::FormatNotOffered {
            answered: vec!["G729/8000".to_owned(), "iLBC/8000".to_owned()]
        }
    );
    assert!(
        error.to_string().contains("G729/8000, iLBC/8000"),
        "{error}"
    );
}

#[test]
fn a_refused_stream_is_an_error_on_both_sides() {
    let refused = with_media("m=audio 0 RTP/AVP 0");
    let (_, pending) = offer_with(&AudioCapabilities::default());
    assert_eq!(
        pending.accept(&refused).unwrap_err(),
        NegotiationError::AudioRefused
    );
    assert_eq!(
        answer(&refused, &AudioCapabilities::default()).unwrap_err(),
        NegotiationError::AudioRefused
    );
    let video = with_media("m=video 5000 RTP/AVP 99");
    assert_eq!(
        answer(&video, &AudioCapabilities::default()).unwrap_err(),
        NegotiationError::NoAudio
    );
}

#[test]
fn encrypted_media_is_named_as_the_cause() {
    for protocol in [
        "RTP/SAVP",
        "RTP/SAVPF",
        "UDP/TLS/RTP/SAVPF",
        "UDP/TLS/RTP/SAVP",
    ] {
        let offer = with_media(&format!("m=audio 5000 {protocol} 0"));
        let error = answer(&offer, &AudioCapabilities::default()).unwrap_err();
        assert_eq!(
            error,
            NegotiationError::SrtpRequired {
                protocol: protocol.to_owned()
            }
        );
        assert!(error.to_string().contains("requires SRTP"), "{error}");
    }
    let both = with_media("m=audio 5000 RTP/SAVP 0\nm=audio 5002 RTP/AVP 0");
    let (text, audio) = answer(&both, &AudioCapabilities::default()).unwrap();
    assert_eq!(audio.remote_rtp.port(), 5002);
    assert_eq!((text.media[0].port, text.media[1].port), (0, 4000));
}

#[test]
fn no_codec_in_common_names_both_sides() {
    let offer = with_media("m=audio 5000 RTP/AVP 18 96 97\na=rtpmap:96 AMR/8000");
    let error = answer(&offer, &AudioCapabilities::default()).unwrap_err();
    assert_eq!(
        error.to_string(),
        "no codec in common: the peer has G729/8000, AMR/8000, payload type 97, we have PCMU/8000, PCMA/8000; \
         enable one of the peer's codecs, or refuse with 488"
    );
    let nothing = AudioCapabilities {
        formats: Vec::new(),
        ..AudioCapabilities::default()
    };
    assert_eq!(
        answer(&offer, &nothing).unwrap_err(),
        NegotiationError::NoCapabilities
    );
}

#[test]
fn a_failed_answer_leaves_the_session_as_it_was() {
    let mut session = session();
    let media = local("192.0.2.1:4000");
    let good = with_media("m=audio 5000 RTP/AVP 0");
    let bad = with_media("m=video 1 RTP/AVP 99\nm=audio 5000 RTP/AVP 18");
    let capabilities = AudioCapabilities::default();
    let (before, _) = session
        .answer(&good, &capabilities, media, Direction::SendRecv)
        .unwrap();
    session
        .answer(&bad, &capabilities, media, Direction::SendRecv)
        .unwrap_err();
    let (after, _) = session
        .answer(&good, &capabilities, media, Direction::SendRecv)
        .unwrap();
    assert_eq!(before, after);
}

#[test]
fn rtcp_mux_needs_both_sides() {
    let with_mux = |rtcp_mux| AudioCapabilities {
        rtcp_mux,
        ..AudioCapabilities::default()
    };
    let offer = with_media("m=audio 5000 RTP/AVP 0\na=rtcp:5009\na=rtcp-mux");
    let (text, muxed) = answer(&offer, &with_mux(true)).unwrap();
    assert!(text.media[0].rtcp_mux && muxed.rtcp_mux);
    assert_eq!(muxed.remote_rtcp, addr("192.0.2.9:5000"));
    let (text, apart) = answer(&offer, &with_mux(false)).unwrap();
    assert!(!text.media[0].rtcp_mux && !apart.rtcp_mux);
    assert_eq!(apart.remote_rtcp, addr("192.0.2.9:5009"));

    let (_, pending) = offer_with(&with_mux(true));
    let plain = with_media("m=audio 5000 RTP/AVP 0");
    let audio = pending.accept(&plain).unwrap();
    assert!(!audio.rtcp_mux);
    assert_eq!(audio.remote_rtcp, addr("192.0.2.9:5001"));
}

#[test]
fn a_media_level_address_wins_over_the_sessions() {
    let offer = with_media(
        "m=audio 5000 RTP/AVP 0\nc=IN IP4 198.51.100.7\na=rtcp:5003 IN IP4 198.51.100.8",
    );
    let (_, audio) = answer(&offer, &AudioCapabilities::default()).unwrap();
    assert_eq!(audio.remote_rtp, addr("198.51.100.7:5000"));
    assert_eq!(audio.remote_rtcp, addr("198.51.100.8:5003"));
}

#[test]
fn ipv6_is_negotiated_like_ipv4() {
    let mut session = session();
    let (offer, pending) = session.create_offer(
        &AudioCapabilities::default(),
        local("[2001:db8::1]:4000"),
        Direction::SendRecv,
    );
    let text = offer.to_string();
    assert!(text.contains("c=IN IP6 2001:db8::1\r\n"), "{text}");
    assert!(
        text.contains("o=tester 42 1 IN IP6 2001:db8::1\r\n"),
        "{text}"
    );
    let answer = parse(
        "v=0\no=- 1 1 IN IP6 2001:db8::9\ns=-\nc=IN IP6 2001:db8::9\nt=0 0\nm=audio 5000 RTP/AVP 0\n",
    );
    let audio = pending.accept(&answer).unwrap();
    assert_eq!(audio.remote_rtp, addr("[2001:db8::9]:5000"));
    assert_eq!(audio.remote_rtcp, addr("[2001:db8::9]:5001"));
}

#[test]
fn addresses_that_cannot_be_sent_to_are_errors() {
    for connection in [
        "c=IN IP4 239.1.2.3/127",
        "c=IN IP4 255.255.255.255",
        "c=IN IP4 media.example.com",
        "c=IN IP6 2001:db8::1",
    ] {
        let offer = with_media(&format!("m=audio 5000 RTP/AVP 0\n{connection}"));
        let error = answer(&offer, &AudioCapabilities::default()).unwrap_err();
        assert!(
            matches!(error, NegotiationError::UnusableAddress { .. }),
            "{connection}: {error}"
        );
    }
    let nowhere = parse("v=0\no=- 1 1 IN IP4 192.0.2.9\ns=-\nt=0 0\nm=audio 5000 RTP/AVP 0\n");
    let error = answer(&nowhere, &AudioCapabilities::default()).unwrap_err();
    assert!(error.to_string().contains("no c= line"), "{error}");
}

#[test]
fn packet_times_are_the_receivers_wish() {
    let offer = with_media("m=audio 5000 RTP/AVP 0\na=ptime:30\na=maxptime:60");
    let (text, audio) = answer(&offer, &AudioCapabilities::default()).unwrap();
    assert_eq!((audio.ptime_ms, text.media[0].ptime), (30, Some(30)));

    let limited = AudioCapabilities {
        maxptime_ms: Some(20),
        ..AudioCapabilities::default()
    };
    let (text, audio) = answer(&offer, &limited).unwrap();
    assert_eq!(audio.ptime_ms, 30);
    assert_eq!(
        (text.media[0].ptime, text.media[0].maxptime),
        (Some(20), Some(20))
    );
}

#[test]
fn comfort_noise_is_offered_when_asked_for_and_answered_always() {
    let plain = AudioCapabilities::default();
    let (offer, _) = offer_with(&plain);
    assert_eq!(offer.media[0].formats, ["0", "8", "101"]);

    let quiet = AudioCapabilities {
        comfort_noise: true,
        ..AudioCapabilities::default()
    };
    let (offer, pending) = offer_with(&quiet);
    assert_eq!(offer.media[0].formats, ["0", "8", "13", "101"]);
    let (reply, answered) = answer(&offer, &plain).unwrap();
    assert_eq!(reply.media[0].formats, ["0", "13", "101"]);
    let accepted = pending.accept(&reply).unwrap();
    let both = [answered.comfort_noise, accepted.comfort_noise];
    for noise in both.map(Option::unwrap) {
        assert_eq!(
            (noise.send_payload_type, noise.receive_payload_type),
            (13, 13)
        );
    }
    // It is no codec to talk in.
    assert_eq!(accepted.format.encoding_name, "PCMU");
    assert!(
        accepted
            .also_receivable
            .iter()
            .all(|f| f.encoding_name != "CN")
    );
}

#[test]
fn comfort_noise_that_does_not_fit_is_left_out() {
    let quiet = AudioCapabilities {
        comfort_noise: true,
        ..opus_first()
    };
    // The other side leaves it out, or has it for another clock, or talks in Opus.
    for (media, formats) in [
        ("m=audio 5000 RTP/AVP 0", vec!["0"]),
        ("m=audio 5000 RTP/AVP 0 98\na=rtpmap:98 CN/16000", vec!["0"]),
        (
            "m=audio 5000 RTP/AVP 96 13\na=rtpmap:96 opus/48000/2",
            vec!["96"],
        ),
    ] {
        let (reply, negotiated) = answer(&with_media(media), &quiet).unwrap();
        assert_eq!(reply.media[0].formats, formats, "{media}");
        assert_eq!(negotiated.comfort_noise, None, "{media}");
        let (_, pending) = offer_with(&quiet);
        assert_eq!(
            pending.accept(&with_media(media)).unwrap().comfort_noise,
            None,
            "{media}"
        );
    }
    // Without a format of its clock there is nothing that it could go with.
    let opus_alone = AudioCapabilities {
        formats: vec![AudioFormat::opus()],
        ..quiet
    };
    let (offer, _) = offer_with(&opus_alone);
    assert!(!offer.media[0].formats.iter().any(|format| format == "13"));
}

#[test]
fn a_codec_of_the_users_own_is_negotiated_like_any_other() {
    let capabilities = AudioCapabilities {
        formats: vec![
            AudioFormat {
                fmtp: Some("mode=7".to_owned()),
                ..AudioFormat::new("X-TOY", 16_000, 1, Some(115))
            },
            AudioFormat::pcmu(),
        ],
        ..AudioCapabilities::default()
    };
    let (offer, pending) = offer_with(&capabilities);
    assert_eq!(offer.media[0].formats, ["115", "0", "96", "101"]);
    let (reply, answered) = answer(&offer, &capabilities).unwrap();
    let accepted = pending.accept(&reply).unwrap();
    assert_eq!(answered.format.encoding_name, "X-TOY");
    assert_eq!(accepted.format, answered.format);
    assert_eq!(accepted.format.remote_fmtp.as_deref(), Some("mode=7"));
    assert_eq!(accepted.telephone_event.unwrap().clock_rate, 16_000);
}

#[test]
fn early_and_final_answers_can_both_be_taken() {
    let (_, pending) = offer_with(&AudioCapabilities::default());
    let early = pending
        .clone()
        .accept(&with_media("m=audio 5000 RTP/AVP 8"))
        .unwrap();
    let last = pending
        .accept(&with_media("m=audio 6000 RTP/AVP 0"))
        .unwrap();
    assert_eq!(early.format.encoding_name, "PCMA");
    assert_eq!(last.format.encoding_name, "PCMU");
}

#[test]
fn redundancy_is_offered_when_asked_for_and_answered_always() {
    let plain = AudioCapabilities::default();
    let twice = AudioCapabilities {
        redundancy: 2,
        ..plain.clone()
    };
    let (offer, pending) = offer_with(&twice);
    let text = media_lines(&offer);
    assert!(
        text.starts_with("m=audio 4000 RTP/AVP 0 8 96 101\n"),
        "{text}"
    );
    assert!(text.contains("a=rtpmap:96 red/8000\n"), "{text}");
    assert!(text.contains("a=fmtp:96 0/0/0\n"), "{text}");

    let (text, answered) = answer(&offer, &plain).unwrap();
    let lines = media_lines(&text);
    assert!(lines.contains("a=fmtp:96 0/0\n"), "{lines}");
    let accepted = pending.accept(&text).unwrap();
    for agreed in [answered.redundancy, accepted.redundancy] {
        let agreed = agreed.expect("both have it");
        assert_eq!(
            (agreed.send_payload_type, agreed.receive_payload_type),
            (96, 96)
        );
    }

    let (offer, _) = offer_with(&plain);
    assert!(!offer.to_string().contains("red/"), "{offer}");
}

#[test]
fn redundancy_has_the_clock_of_the_codec_and_the_numbers_of_each_side() {
    let offer = with_media(
        "m=audio 5000 RTP/AVP 111 63 0 97\na=rtpmap:111 opus/48000/2\na=rtpmap:63 red/48000/2\n\
         a=fmtp:63 111/111\na=rtpmap:97 RED/8000\na=fmtp:97 0/0",
    );
    let number = |capabilities: &AudioCapabilities| {
        let (_, negotiated) = answer(&offer, capabilities).unwrap();
        negotiated.redundancy.map(|red| red.receive_payload_type)
    };
    assert_eq!(number(&AudioCapabilities::default()), Some(97));
    assert_eq!(number(&opus_first()), Some(63));

    let (_, pending) = offer_with(&AudioCapabilities {
        redundancy: 1,
        ..AudioCapabilities::default()
    });
    let answered = with_media("m=audio 5000 RTP/AVP 8 121\na=rtpmap:121 red/8000");
    let red = pending
        .clone()
        .accept(&answered)
        .unwrap()
        .redundancy
        .unwrap();
    assert_eq!((red.send_payload_type, red.receive_payload_type), (121, 96));
    let without = with_media("m=audio 5000 RTP/AVP 8");
    assert_eq!(pending.accept(&without).unwrap().redundancy, None);
}

#[test]
fn extended_reports_are_sent_to_who_asks_for_them() {
    let with = AudioCapabilities {
        extended_reports: true,
        ..AudioCapabilities::default()
    };
    let (offer, pending) = offer_with(&with);
    let asks = "a=rtcp-xr:voip-metrics rcvr-rtt=all\n";
    assert!(media_lines(&offer).contains(asks), "{offer}");
    let (text, answered) = answer(&offer, &with).unwrap();
    assert!(media_lines(&text).contains(asks), "{text}");
    let accepted = pending.clone().accept(&text).unwrap();
    for wishes in [answered.extended_reports, accepted.extended_reports] {
        assert!(wishes.voip_metrics && wishes.receiver_reference_time);
    }

    let silent = with_media("m=audio 5000 RTP/AVP 0");
    let (text, answered) = answer(&silent, &with).unwrap();
    assert!(
        !text.to_string().contains("rtcp-xr"),
        "nobody asked: {text}"
    );
    let accepted = pending.accept(&silent).unwrap();
    for wishes in [answered.extended_reports, accepted.extended_reports] {
        assert!(!wishes.voip_metrics && !wishes.receiver_reference_time);
    }

    let metrics = with_media("m=audio 5000 RTP/AVP 0\na=rtcp-xr:voip-metrics");
    let (text, answered) = answer(&metrics, &with).unwrap();
    assert!(
        media_lines(&text).contains("a=rtcp-xr:voip-metrics\n"),
        "{text}"
    );
    assert!(answered.extended_reports.voip_metrics);
    assert!(!answered.extended_reports.receiver_reference_time);
    let (text, answered) = answer(&metrics, &AudioCapabilities::default()).unwrap();
    assert!(!text.to_string().contains("rtcp-xr") && !answered.extended_reports.voip_metrics);
}
