//! Properties of the message model: what is printed parses to the same, and no bytes make a reader panic.

use proptest::prelude::*;
use sip_signaling::{
    HeaderList, Method, NameAddr, Request, Response, StatusCode, Uri,
    digest::{Authorization, Challenge},
    event_package::{DialogInfo, DialogTable, MessageSummary},
    message::{Message, Via},
};

fn header() -> impl Strategy<Value = (String, String)> {
    ("X-[A-Za-z0-9]{1,8}", "[ -~äöü\t]{0,40}")
        .prop_map(|(name, value)| (name, value.trim().to_owned()))
}

fn uri() -> impl Strategy<Value = Uri> {
    (
        "[ -~é]{0,12}",
        "[a-z][a-z0-9-]{0,8}(\\.[a-z]{1,5}){0,2}",
        proptest::option::of(1_u16..),
        any::<bool>(),
    )
        .prop_map(|(user, host, port, lr)| {
            let mut uri = Uri::sip(Some(&user), &host, port).unwrap();
            if lr {
                uri.params_mut().set("lr", None).unwrap();
            }
            uri
        })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn printed_requests_parse_to_the_same(uri in uri(), headers in prop::collection::vec(header(), 0..8), body in prop::collection::vec(any::<u8>(), 0..64)) {
        let mut request = Request::new(Method::Message, uri);
        for (name, value) in headers {
            request.headers.push(&name, value).unwrap();
        }
        request.body = body;
        let bytes = request.to_bytes();
        prop_assert_eq!(Message::frame(&bytes, 65_536), Ok(Some(bytes.len())));
        let mut parsed = Request::parse(&bytes).unwrap();
        parsed.headers.remove("Content-Length");
        prop_assert_eq!(parsed, request);
    }

    #[test]
    fn printed_responses_parse_to_the_same(code in 100_u16..700, reason in "[ -~ö]{0,30}", headers in prop::collection::vec(header(), 0..4)) {
        let mut response = Response::new(StatusCode(code)).with_reason(&reason).unwrap();
        for (name, value) in headers {
            response.headers.push(&name, value).unwrap();
        }
        let mut parsed = Response::parse(&response.to_bytes()).unwrap();
        parsed.headers.remove("Content-Length");
        prop_assert_eq!(parsed, response);
    }

    #[test]
    fn printed_addresses_parse_to_the_same(uri in uri(), name in "[ -~äß]{0,20}", tag in "[a-z0-9]{0,8}") {
        let mut addr = NameAddr::new(uri).with_display_name(name.trim()).unwrap();
        if !tag.is_empty() {
            addr.params_mut().set("tag", Some(&tag)).unwrap();
        }
        prop_assert_eq!(NameAddr::parse(&addr.to_string()).unwrap(), addr);
    }

    #[test]
    fn no_bytes_make_a_reader_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        read_all(&bytes);
    }

    #[test]
    fn no_damage_to_a_message_makes_a_reader_panic(at in 0_usize..400, with in any::<u8>(), cut in 0_usize..400) {
        let mut bytes = b"INVITE sip:bob@[2001:db8::1]:5060;lr SIP/2.0\r\nv: SIP/2.0/UDP a:1;branch=z9hG4bK1;received=1.2.3.4, SIP/2.0/TCP b\r\nFrom: \"A \\\" B\" <sip:a@b>;tag=1\r\nt: sip:c@d;tag=2\r\nCall-ID: x\r\nCSeq: 1 INVITE\r\nContact: *\r\nSubject: folded\r\n line\r\nWWW-Authenticate: Digest realm=\"r\", nonce=\"n\", qop=\"auth,auth-int\", algorithm=SHA-256\r\nl: 4\r\n\r\nbody".to_vec();
        if let Some(byte) = bytes.get_mut(at) {
            *byte = with;
        }
        bytes.truncate(bytes.len().saturating_sub(cut));
        read_all(&bytes);
    }
}

fn read_all(bytes: &[u8]) {
    let _ = Message::frame(bytes, 100);
    if let Ok(message) = Message::parse(bytes) {
        let again = message.to_bytes();
        assert!(
            Message::parse(&again).is_ok(),
            "{}",
            String::from_utf8_lossy(&again)
        );
        for (name, value) in message.headers().iter() {
            let _ = (
                NameAddr::parse(value),
                Via::parse(value),
                Uri::parse(value),
                Challenge::parse(value),
                Authorization::parse(value),
            );
            let _ = message.headers().get_list(name);
        }
    }
    let text = String::from_utf8_lossy(bytes);
    let _ = (
        NameAddr::parse(&text),
        Via::parse(&text),
        Uri::parse(&text),
        Challenge::parse(&text),
        Authorization::parse(&text),
    );
    let _ = HeaderList::new().push("X", text.into_owned());
    let _ = MessageSummary::parse(bytes);
    if let Ok(info) = DialogInfo::parse(bytes) {
        DialogTable::default().update(&info);
    }
}

#[test]
fn header_that_is_printed_never_starts_another() {
    let mut headers = HeaderList::new();
    assert!(headers.push("X", "a\r\nB: c").is_err());
    let parsed =
        Message::parse(b"OPTIONS sip:a SIP/2.0\r\nX: a\rB: c\r\nY: \x00d\r\n\r\n").unwrap();
    assert!(
        !parsed
            .to_bytes()
            .windows(3)
            .any(|three| three == b"\rB:" || three == b"\x00d\r")
    );
}

#[test]
fn huge_content_length_is_refused() {
    let bytes = b"OPTIONS sip:a SIP/2.0\r\nContent-Length: 18446744073709551615\r\n\r\n";
    assert!(Message::frame(bytes, 65_536).is_err());
    assert!(Message::parse(bytes).is_err());
    assert!(Message::parse(b"OPTIONS sip:a SIP/2.0\r\nContent-Length: +1\r\n\r\nx").is_err());
}
