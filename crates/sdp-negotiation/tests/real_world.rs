//! Descriptions as real telephones write them, with the answer that they get.

mod support;

use sdp_negotiation::{AudioFormat, Direction, NegotiatedAudio, SessionDescription};
use support::*;

/// Answers `offer` with Opus, PCMU and PCMA; compares our streams and the result with what is expected.
#[track_caller]
fn check(offer: &str, expected_answer: &str, expected_result: &str) {
    let (text, audio) = answer(&parse(offer), &opus_first()).unwrap();
    assert_eq!(media_lines(&text), expected_answer);
    assert_eq!(summary(&audio), expected_result);
    let again = SessionDescription::parse(text.to_string().as_bytes()).unwrap();
    assert_eq!(again, text, "our own answer reads back as written");
}

fn summary(audio: &NegotiatedAudio) -> String {
    let format = &audio.format;
    let event = audio.telephone_event.map_or("no events".to_owned(), |e| {
        format!("events {}/{}", e.send_payload_type, e.clock_rate)
    });
    format!(
        "{} {}/{} to {} rtcp {} {event} {} ms {}{}{}",
        format.send_payload_type,
        format.encoding_name,
        format.clock_rate,
        audio.remote_rtp,
        audio.remote_rtcp,
        audio.ptime_ms,
        audio.direction,
        if audio.rtcp_mux { " mux" } else { "" },
        if audio.remote_is_holding { " held" } else { "" },
    )
}

#[test]
fn asterisk() {
    check(
        "v=0\r\no=- 1245871937 1245871937 IN IP4 203.0.113.5\r\ns=Asterisk\r\nc=IN IP4 203.0.113.5\r\nt=0 0\r\n\
         m=audio 16214 RTP/AVP 8 0 101\r\na=rtpmap:8 PCMA/8000\r\na=rtpmap:0 PCMU/8000\r\n\
         a=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-16\r\na=ptime:20\r\na=maxptime:150\r\na=sendrecv\r\n",
        "m=audio 4000 RTP/AVP 0 101\na=rtpmap:0 PCMU/8000\na=rtpmap:101 telephone-event/8000\n\
         a=fmtp:101 0-15\na=ptime:20\na=sendrecv\n",
        "0 PCMU/8000 to 203.0.113.5:16214 rtcp 203.0.113.5:16215 events 101/8000 20 ms sendrecv",
    );
}

#[test]
fn cisco_gateway_that_leaves_a_trailing_nul_and_holds_in_the_old_way() {
    check(
        "v=0\r\no=CiscoSystemsSIP-GW-UserAgent 7014 4829 IN IP4 198.51.100.20\r\ns=SIP Call\r\n\
         c=IN IP4 0.0.0.0\r\nt=0 0\r\nm=audio 17388 RTP/AVP 18 0 100 101\r\nc=IN IP4 0.0.0.0\r\n\
         a=rtpmap:18 G729/8000\r\na=fmtp:18 annexb=no\r\na=rtpmap:0 PCMU/8000\r\na=rtpmap:100 X-NSE/8000\r\n\
         a=fmtp:100 192-194\r\na=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-16\r\na=ptime:20\r\n\0",
        "m=audio 4000 RTP/AVP 0 101\na=rtpmap:0 PCMU/8000\na=rtpmap:101 telephone-event/8000\n\
         a=fmtp:101 0-15\na=ptime:20\na=recvonly\n",
        "0 PCMU/8000 to 0.0.0.0:17388 rtcp 0.0.0.0:17389 events 101/8000 20 ms recvonly held",
    );
}

#[test]
fn sip_trunk_of_a_cloud_provider() {
    check(
        "v=0\r\no=root 1915172047 1915172047 IN IP4 203.0.113.130\r\ns=Media Gateway\r\n\
         c=IN IP4 203.0.113.130\r\nt=0 0\r\nm=audio 12048 RTP/AVP 0 8 101 13\r\na=rtpmap:0 PCMU/8000\r\n\
         a=rtpmap:8 PCMA/8000\r\na=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-16\r\na=rtpmap:13 CN/8000\r\n\
         a=rtcp:12049 IN IP4 203.0.113.130\r\na=ptime:20\r\na=maxptime:20\r\na=silenceSupp:off - - - -\r\n",
        "m=audio 4000 RTP/AVP 0 13 101\na=rtpmap:0 PCMU/8000\na=rtpmap:13 CN/8000\na=rtpmap:101 telephone-event/8000\n\
         a=fmtp:101 0-15\na=ptime:20\na=sendrecv\n",
        "0 PCMU/8000 to 203.0.113.130:12048 rtcp 203.0.113.130:12049 events 101/8000 20 ms sendrecv",
    );
}

#[test]
fn baresip_with_opus() {
    check(
        "v=0\r\no=- 3371508347 3371508347 IN IP4 192.0.2.44\r\ns=-\r\nc=IN IP4 192.0.2.44\r\nt=0 0\r\n\
         a=tool:baresip 1.0.0\r\nm=audio 10202 RTP/AVP 96 0 8 97\r\nb=AS:125\r\na=rtpmap:96 opus/48000/2\r\n\
         a=fmtp:96 stereo=0;sprop-stereo=0;useinbandfec=1\r\na=rtpmap:0 PCMU/8000\r\na=rtpmap:8 PCMA/8000\r\n\
         a=rtpmap:97 telephone-event/8000\r\na=fmtp:97 0-15\r\na=rtcp:10203\r\na=sendrecv\r\na=label:1\r\n\
         a=rtcp-rsize\r\na=ssrc:3310480254 cname:sip:tester@192.0.2.44\r\na=ptime:20\r\n",
        "m=audio 4000 RTP/AVP 96 97\na=rtpmap:96 opus/48000/2\na=fmtp:96 useinbandfec=1\n\
         a=rtpmap:97 telephone-event/8000\na=fmtp:97 0-15\na=ptime:20\na=sendrecv\n",
        "96 opus/48000 to 192.0.2.44:10202 rtcp 192.0.2.44:10203 events 97/8000 20 ms sendrecv",
    );
}

#[test]
fn linphone_with_video_and_both_event_clocks() {
    check(
        "v=0\r\no=alice 2573 3911 IN IP4 192.0.2.60\r\ns=Talk\r\nc=IN IP4 192.0.2.60\r\nt=0 0\r\n\
         a=rtcp-xr:rcvr-rtt=all:10000 stat-summary=loss,dup,jitt,TTL voip-metrics\r\na=record:off\r\n\
         m=audio 7078 RTP/AVPF 96 97 98 0 8 101 99 100\r\na=rtpmap:96 opus/48000/2\r\na=fmtp:96 useinbandfec=1\r\n\
         a=rtpmap:97 speex/16000\r\na=fmtp:97 vbr=on\r\na=rtpmap:98 speex/8000\r\na=fmtp:98 vbr=on\r\n\
         a=rtpmap:101 telephone-event/48000\r\na=rtpmap:99 telephone-event/16000\r\n\
         a=rtpmap:100 telephone-event/8000\r\na=rtcp-mux\r\na=rtcp-fb:* trr-int 1000\r\na=rtcp-fb:* ccm tmmbr\r\n\
         m=video 9078 RTP/AVPF 96 97\r\na=rtpmap:96 VP8/90000\r\na=rtpmap:97 H264/90000\r\n\
         a=fmtp:97 profile-level-id=42801F\r\na=rtcp-fb:* trr-int 1000\r\n",
        "m=audio 4000 RTP/AVPF 96 101\na=rtpmap:96 opus/48000/2\na=fmtp:96 useinbandfec=1\n\
         a=rtpmap:101 telephone-event/48000\na=fmtp:101 0-15\na=ptime:20\na=sendrecv\nm=video 0 RTP/AVPF 96 97\n",
        "96 opus/48000 to 192.0.2.60:7078 rtcp 192.0.2.60:7079 events 101/48000 20 ms sendrecv",
    );
}

const IMS: &str = "v=0\r\no=rp 2890844526000000000000 1 IN IP6 2001:db8:0:1::5\r\ns=-\r\nc=IN IP6 2001:db8:0:1::5\r\n\
     b=AS:49\r\nb=RS:600\r\nb=RR:2000\r\nt=0 0\r\na=sendrecv\r\nm=audio 49152 RTP/AVP 104 102 105 100\r\n\
     b=AS:49\r\nb=RS:600\r\nb=RR:2000\r\na=rtpmap:104 AMR-WB/16000/1\r\n\
     a=fmtp:104 mode-change-capability=2;max-red=0\r\na=rtpmap:102 AMR/8000/1\r\n\
     a=fmtp:102 mode-change-capability=2;max-red=0\r\na=rtpmap:105 telephone-event/16000\r\na=fmtp:105 0-15\r\n\
     a=rtpmap:100 telephone-event/8000\r\na=fmtp:100 0-15\r\na=curr:qos local none\r\na=curr:qos remote none\r\n\
     a=des:qos mandatory local sendrecv\r\na=des:qos optional remote sendrecv\r\na=maxptime:240\r\na=ptime:20\r\n";

#[test]
fn ims_handset_with_amr_names_its_codecs_when_we_have_none_of_them() {
    let error = session()
        .answer(
            &parse(IMS),
            &opus_first(),
            local("[2001:db8::1]:4000"),
            Direction::SendRecv,
        )
        .unwrap_err();
    assert!(
        error.to_string().contains("AMR-WB/16000, AMR/8000"),
        "{error}"
    );
}

#[test]
fn ims_handset_with_amr_gets_events_at_16000() {
    let mut capabilities = opus_first();
    capabilities
        .formats
        .push(AudioFormat::new("AMR-WB", 16_000, 1, None));
    let (text, audio) = session()
        .answer(
            &parse(IMS),
            &capabilities,
            local("[2001:db8::1]:4000"),
            Direction::SendRecv,
        )
        .unwrap();
    assert_eq!(text.media[0].formats, ["104", "105"]);
    assert_eq!(
        summary(&audio),
        "104 AMR-WB/16000 to [2001:db8:0:1::5]:49152 rtcp [2001:db8:0:1::5]:49153 events 105/16000 20 ms sendrecv"
    );
    assert_eq!(
        audio.format.remote_fmtp.as_deref(),
        Some("mode-change-capability=2;max-red=0")
    );
}

#[test]
fn fax_and_chat_beside_audio_do_not_cost_the_call() {
    check(
        "v=0\no=gw 8000000000000000000000001 x IN IP4 192.0.2.30\nc=IN IP4 192.0.2.30\n\
         m=image 5010 udptl t38\na=T38FaxVersion:0\nm=audio 5004 RTP/AVP 8\na=ptime:20\n\
         m=message 2855 TCP/MSRP *\na=accept-types:text/plain\na=path:msrp://192.0.2.30:2855/s1;tcp\n\
         m=control 99999 QUIC/X zz\n\n\n",
        "m=image 0 udptl t38\nm=audio 4000 RTP/AVP 8\na=rtpmap:8 PCMA/8000\na=ptime:20\na=sendrecv\n\
         m=message 0 TCP/MSRP *\nm=control 0 QUIC/X zz\n",
        "8 PCMA/8000 to 192.0.2.30:5004 rtcp 192.0.2.30:5005 no events 20 ms sendrecv",
    );
}

#[test]
fn a_browser_behind_a_gateway_without_srtp_keeps_its_attributes_as_text() {
    let offer = parse(
        "v=0\r\no=mozilla 1 0 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\na=group:BUNDLE 0\r\na=ice-options:trickle\r\n\
         m=audio 9 UDP/TLS/RTP/SAVPF 109 0\r\nc=IN IP4 192.0.2.5\r\na=mid:0\r\na=rtpmap:109 opus/48000/2\r\n\
         a=setup:actpass\r\na=candidate:0 1 UDP 2122252543 192.0.2.5 51389 typ host\r\n",
    );
    assert_eq!(offer.attributes.len(), 2);
    assert_eq!(offer.media[0].attributes.len(), 3);
    assert!(
        answer(&offer, &opus_first())
            .unwrap_err()
            .to_string()
            .contains("UDP/TLS/RTP/SAVPF")
    );
}
