//! How much a peer may make us read.

mod support;

use sdp_negotiation::{SdpError, SessionDescription, limits};

fn parse(text: &str) -> Result<SessionDescription, SdpError> {
    SessionDescription::parse(text.as_bytes())
}

const HEAD: &str = "v=0\no=- 1 1 IN IP4 192.0.2.9\ns=-\nc=IN IP4 192.0.2.9\nt=0 0\n";

#[test]
fn sixteen_streams_are_read_and_seventeen_are_not() {
    let with = |count: usize| format!("{HEAD}{}", "m=audio 5000 RTP/AVP 0\n".repeat(count));
    assert_eq!(parse(&with(16)).unwrap().media.len(), 16);
    assert_eq!(
        parse(&with(17)).unwrap_err(),
        SdpError::TooManyMediaLines {
            limit: limits::MAX_MEDIA_LINES
        }
    );
}

#[test]
fn sixty_four_formats_are_read_and_sixty_five_are_not() {
    let with = |count: usize| format!("{HEAD}m=audio 5000 RTP/AVP{}\n", " 96".repeat(count));
    assert_eq!(parse(&with(64)).unwrap().media[0].formats.len(), 64);
    assert_eq!(
        parse(&with(65)).unwrap_err(),
        SdpError::TooManyFormats {
            limit: limits::MAX_FORMATS
        }
    );
}

#[test]
fn sixty_four_kilobytes_are_read_and_a_byte_more_is_not() {
    let with = |size: usize| {
        let head = format!("{HEAD}m=audio 5000 RTP/AVP 0\na=x:");
        let fill = size - head.len();
        format!("{head}{}", "x".repeat(fill))
    };
    assert_eq!(parse(&with(limits::MAX_BYTES)).unwrap().media.len(), 1);
    assert_eq!(
        parse(&with(limits::MAX_BYTES + 1)).unwrap_err(),
        SdpError::TooLong {
            bytes: 65_537,
            limit: 65_536
        }
    );
}

#[test]
fn an_audio_line_without_a_port_is_named_in_the_error() {
    for line in ["m=audio", "m=audio x RTP/AVP 0", "m=audio 70000 RTP/AVP 0"] {
        let error = parse(&format!("{HEAD}{line}\n")).unwrap_err();
        assert!(error.to_string().contains(line), "{error}");
    }
}

#[test]
fn an_audio_line_without_formats_is_read() {
    let description = parse(&format!("{HEAD}m=audio 0 RTP/AVP\n")).unwrap();
    assert!(description.media[0].formats.is_empty());
}
