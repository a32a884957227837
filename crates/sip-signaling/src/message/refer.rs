//! What transfers carry: `Replaces` (RFC 3891), the URI of a `Refer-To` with it, and the status line of a NOTIFY (RFC 3515).

use std::fmt;

use super::{Params, StatusCode, Uri};

/// The dialog that an INVITE takes over, as the side sees it that the INVITE comes to (RFC 3891 section 6.1).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Replaces {
    pub(crate) call_id: String,
    /// The tag of the side that the INVITE comes to.
    pub(crate) to_tag: String,
    pub(crate) from_tag: String,
    pub(crate) early_only: bool,
}

impl Replaces {
    pub(crate) fn parse(text: &str) -> Option<Replaces> {
        let (call_id, params) = text.split_once(';')?;
        let params = Params::parse(params);
        let call_id = call_id.trim();
        (!call_id.is_empty()).then_some(())?;
        Some(Replaces {
            call_id: call_id.to_owned(),
            to_tag: params.get("to-tag")?.to_owned(),
            from_tag: params.get("from-tag")?.to_owned(),
            early_only: params.contains("early-only"),
        })
    }
}

impl fmt::Display for Replaces {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Replaces {
            call_id,
            to_tag,
            from_tag,
            ..
        } = self;
        write!(f, "{call_id};to-tag={to_tag};from-tag={from_tag}")
    }
}

/// `Refer-To` with a `Replaces` within the URI (RFC 3891 section 7.1), whose separators are escaped there.
pub(crate) fn refer_to_replacing(target: &Uri, replaces: &Replaces) -> String {
    let mut escaped = String::new();
    for byte in replaces.to_string().bytes() {
        match byte {
            b'0'..=b'9' | b'A'..=b'Z' | b'a'..=b'z' | b'-' | b'_' | b'.' | b'~' => {
                escaped.push(byte.into())
            }
            _ => escaped.push_str(&format!("%{byte:02X}")),
        }
    }
    format!("<{}?Replaces={escaped}>", target.to_request_uri())
}

/// A header within a URI, unescaped.
pub(crate) fn uri_header(uri: &Uri, name: &str) -> Option<String> {
    let fields = uri.headers()?.split('&');
    let value = fields
        .filter_map(|field| field.split_once('='))
        .find(|(key, _)| key.eq_ignore_ascii_case(name))?
        .1;
    let mut bytes = Vec::new();
    let mut rest = value.as_bytes();
    while let Some((&byte, tail)) = rest.split_first() {
        let escaped = (byte == b'%')
            .then(|| tail.get(..2))
            .flatten()
            .and_then(|digits| std::str::from_utf8(digits).ok())
            .and_then(|digits| u8::from_str_radix(digits, 16).ok());
        bytes.push(escaped.unwrap_or(byte));
        rest = if escaped.is_some() {
            tail.get(2..).unwrap_or_default()
        } else {
            tail
        };
    }
    String::from_utf8(bytes).ok()
}

/// The status line that a NOTIFY about a REFER brings as `message/sipfrag` (RFC 3515 section 2.4.5).
pub(crate) fn sipfrag_status(body: &[u8]) -> Option<(StatusCode, String)> {
    let text = String::from_utf8_lossy(body);
    let line = text.lines().next()?.trim();
    let mut fields = line.splitn(3, ' ');
    let version = fields.next()?;
    let code: u16 = fields.next()?.parse().ok()?;
    let sound = version.eq_ignore_ascii_case("SIP/2.0") && (100..=699).contains(&code);
    sound.then(|| (StatusCode(code), fields.next().unwrap_or("").to_owned()))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn replaces_passes_through_a_refer_to() {
        let replaces = Replaces {
            call_id: "98732@sip.example.com".into(),
            to_tag: "r33th4x0r".into(),
            from_tag: "ff87ff".into(),
            early_only: false,
        };
        let target = Uri::parse("sip:bob@192.0.2.4:5070;transport=tcp").unwrap();
        let text = refer_to_replacing(&target, &replaces);
        assert_eq!(
            text,
            "<sip:bob@192.0.2.4:5070;transport=tcp?Replaces=98732%40sip.example.com%3Bto-tag%3Dr33th4x0r%3Bfrom-tag%3Dff87ff>"
        );
        let back = super::super::NameAddr::parse(&text).unwrap();
        let header = uri_header(back.uri(), "replaces").unwrap();
        assert_eq!(Replaces::parse(&header), Some(replaces));
    }

    #[test]
    fn replaces_needs_call_and_both_tags() {
        for broken in [
            "",
            "a",
            "a;to-tag=1",
            "a;from-tag=1",
            ";to-tag=1;from-tag=2",
        ] {
            assert_eq!(Replaces::parse(broken), None, "{broken}");
        }
        let early = Replaces::parse("a ;from-tag=2;to-tag=1;early-only").unwrap();
        assert!(early.early_only);
        assert_eq!((early.to_tag.as_str(), early.call_id.as_str()), ("1", "a"));
    }

    #[test]
    fn fragments_are_read_and_others_are_not() {
        let read = |text: &str| sipfrag_status(text.as_bytes()).map(|(code, text)| (code.0, text));
        assert_eq!(read("SIP/2.0 100 Trying\r\n"), Some((100, "Trying".into())));
        assert_eq!(
            read("SIP/2.0 486 Busy Here\r\nTo: x\r\n"),
            Some((486, "Busy Here".into()))
        );
        assert_eq!(read("SIP/2.0 200"), Some((200, String::new())));
        for odd in [
            "",
            "SIP/2.0",
            "SIP/2.0 20 x",
            "SIP/2.0 900 x",
            "HTTP/1.1 200 OK",
        ] {
            assert_eq!(read(odd), None, "{odd}");
        }
    }

    #[test]
    fn broken_escapes_are_kept_as_they_are() {
        let uri = Uri::parse("sip:a@b?X=%4&Replaces=%zz%41%").unwrap();
        assert_eq!(uri_header(&uri, "Replaces").as_deref(), Some("%zzA%"));
        assert_eq!(uri_header(&uri, "Other"), None);
    }
}
