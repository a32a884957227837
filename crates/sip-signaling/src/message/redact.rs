//! A message as it may be shown: without passwords, digest answers and media keys.

#![deny(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects
)]

use super::{HeaderList, Message, Request, Response, text::split_outside_quotes};

/// What stands in the place of a secret.
const HIDDEN: &str = "***";

/// Headers that prove who somebody is; of a digest all but the proof is shown.
const PROOFS: [&str; 4] = [
    "Authorization",
    "Proxy-Authorization",
    "Authentication-Info",
    "Proxy-Authentication-Info",
];
/// Attributes of a session description whose value is a key or a password (RFC 4568, 4567, 8839; `k=` of RFC 4566).
const KEYS: [&str; 4] = ["a=crypto:", "a=key-mgmt:", "a=ice-pwd:", "k="];

impl Message {
    /// The message without its secrets, for showing and storing: passwords in URIs, answers of digests, keys of SRTP in a session
    /// description. `***` stands in their place; the length of the body is that of what is shown.
    pub fn redacted(&self) -> Message {
        match self {
            Message::Request(request) => {
                let mut shown = Request::new(request.method.clone(), request.uri.clone());
                // A URI with `***` as its password is one like any other.
                if let Ok(uri) = super::Uri::parse(&without_passwords(&request.uri.to_string())) {
                    shown.uri = uri;
                }
                shown.headers = headers(&request.headers);
                shown.body = body(&request.body);
                Message::Request(shown)
            }
            Message::Response(response) => Message::Response(Response::from_parts(
                response.status,
                response.reason().to_owned(),
                headers(&response.headers),
                body(&response.body),
            )),
        }
    }
}

fn headers(headers: &HeaderList) -> HeaderList {
    let mut shown = HeaderList::new();
    for (name, value) in headers.iter() {
        let proof = PROOFS.iter().any(|proof| proof.eq_ignore_ascii_case(name));
        let value = if proof { proven(value) } else { value.into() };
        shown.push_raw(name, without_passwords(&value));
    }
    shown
}

/// A digest without its answer; of any other scheme its name alone.
fn proven(value: &str) -> String {
    let (scheme, fields) = match value.split_once(char::is_whitespace) {
        Some((scheme, fields)) if scheme.eq_ignore_ascii_case("Digest") => (scheme, fields),
        // The fields of Authentication-Info have no scheme before them.
        _ if value.contains("rspauth") => ("", value),
        Some((scheme, _)) => return format!("{scheme} {HIDDEN}"),
        None => return HIDDEN.to_owned(),
    };
    let shown: Vec<String> = split_outside_quotes(fields, ',')
        .into_iter()
        .map(|field| match field.split_once('=') {
            Some((name, _)) if is_proof(name) => format!("{}=\"{HIDDEN}\"", name.trim()),
            Some(_) => field.to_owned(),
            None => HIDDEN.to_owned(),
        })
        .collect();
    format!("{scheme} {}", shown.join(", ")).trim().to_owned()
}

fn is_proof(name: &str) -> bool {
    let name = name.trim();
    ["response", "rspauth", "password", "passwd"]
        .iter()
        .any(|proof| name.eq_ignore_ascii_case(proof))
}

/// Text whose SIP URIs show no password (`sip:alice:secret@host`, RFC 3261 section 19.1.1).
fn without_passwords(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = scheme_end(rest) {
        let (head, tail) = rest.split_at(at);
        shown.push_str(head);
        rest = tail;
        let end = rest
            .find(|c: char| c.is_whitespace() || "<>\"".contains(c))
            .unwrap_or(rest.len());
        let userinfo = rest.get(..end).and_then(|uri| uri.split_once('@'));
        if let Some((user, _)) = userinfo.and_then(|(userinfo, _)| userinfo.split_once(':')) {
            shown.push_str(user);
            shown.push(':');
            shown.push_str(HIDDEN);
            rest = rest.find('@').and_then(|at| rest.get(at..)).unwrap_or("");
        }
    }
    shown.push_str(rest);
    shown
}

/// Behind the next `sip:` or `sips:`.
fn scheme_end(text: &str) -> Option<usize> {
    let lower = text.to_ascii_lowercase();
    ["sip:", "sips:"]
        .iter()
        .filter_map(|scheme| lower.find(scheme)?.checked_add(scheme.len()))
        .min()
}

/// A body without keys, whatever its type: session descriptions come in parts of others too.
fn body(bytes: &[u8]) -> Vec<u8> {
    let mut shown = Vec::with_capacity(bytes.len());
    for line in bytes.split_inclusive(|&byte| byte == b'\n') {
        let text = String::from_utf8_lossy(line);
        let lower = text.to_ascii_lowercase();
        let start = lower.trim_start();
        if KEYS.iter().any(|key| start.starts_with(key)) || lower.contains("inline:") {
            shown.extend_from_slice(without_key(&text).as_bytes());
        } else {
            shown.extend_from_slice(line);
        }
    }
    shown
}

fn without_key(line: &str) -> String {
    let content = line.trim_end_matches(['\r', '\n']);
    let ending = line.get(content.len()..).unwrap_or("");
    let lower = content.to_ascii_lowercase();
    // Of `a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:KEY` the suite is shown.
    let cut = match lower.find("inline:") {
        Some(at) => at.saturating_add("inline:".len()),
        None => content
            .find([':', '='])
            .map_or(0, |_| key_start(&lower).min(content.len())),
    };
    let head = content.get(..cut).unwrap_or("");
    format!("{head}{HIDDEN}{ending}")
}

/// Behind the name of the attribute.
fn key_start(lower: &str) -> usize {
    let blank = lower.len().saturating_sub(lower.trim_start().len());
    let start = lower.trim_start();
    KEYS.iter()
        .find(|key| start.starts_with(**key))
        .map_or(0, |key| key.len().saturating_add(blank))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    const SECRETS: [&str; 8] = [
        "hunter2",
        "6629fae49393a05397450978507c4ef1",
        "WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz",
        "AQAFgM0XflABAAAAAAAAAAAAAAsAyO",
        "asd88fgpdd777uzjYhagZg",
        "prompted-by-k",
        "QWxhZGRpbjpvcGVuIHNlc2FtZQ",
        "c0ffee00c0ffee00",
    ];

    #[test]
    fn secrets_are_hidden_and_all_else_is_shown() {
        let body = "v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\nk=clear:prompted-by-k\r\nm=audio 5004 RTP/SAVP 0\r\n\
            a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz|2^20|1:4\r\n\
            A=CRYPTO:2 F8_128_HMAC_SHA1_80 INLINE:WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz\r\n\
            a=key-mgmt:mikey AQAFgM0XflABAAAAAAAAAAAAAAsAyO\r\na=ice-pwd:asd88fgpdd777uzjYhagZg\r\na=sendrecv\r\n";
        let text = format!(
            "INVITE sip:bob:hunter2@example.com;user=phone SIP/2.0\r\nVia: SIP/2.0/UDP a;branch=z9hG4bK1\r\n\
            From: <sips:al:hunter2@a>;tag=1\r\nTo: \"sip:b\" <sip:bob@b>\r\nCall-ID: c\r\nCSeq: 1 INVITE\r\n\
            Authorization: Digest username=\"al\", realm=\"r\", nonce=\"n\", uri=\"sip:bob:hunter2@b\", response=\"6629fae49393a05397450978507c4ef1\", algorithm=MD5, qop=auth, nc=00000001, cnonce=\"x\"\r\n\
            Proxy-Authorization: Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==\r\n\
            Authentication-Info: rspauth=\"c0ffee00c0ffee00\", qop=auth\r\n\
            Contact: <sip:al@192.0.2.1:5070>, sip:a:hunter2@b\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        );
        let shown = Message::parse(text.as_bytes()).unwrap().redacted();
        let shown = String::from_utf8(shown.to_bytes()).unwrap();
        for secret in SECRETS {
            assert!(!shown.contains(secret), "{secret} in {shown}");
        }
        for kept in [
            "INVITE sip:bob:***@example.com;user=phone SIP/2.0",
            "<sip:al@192.0.2.1:5070>",
            "username=\"al\", realm=\"r\", nonce=\"n\"",
            "response=\"***\", algorithm=MD5",
            "Proxy-Authorization: Basic ***",
            "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:***\r\n",
            "a=key-mgmt:***\r\n",
            "k=***\r\n",
            "a=sendrecv\r\n",
        ] {
            assert!(shown.contains(kept), "{kept} not in {shown}");
        }
        // What is shown is a message again.
        assert!(Message::parse(shown.as_bytes()).is_ok());
    }

    #[test]
    fn message_without_secrets_is_shown_as_it_is() {
        let text = "SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP a;branch=z9hG4bK1\r\nFrom: <sip:a@b:5060;transport=tcp>;tag=1\r\nTo: <sip:c:@d>;tag=2\r\nCall-ID: x\r\nCSeq: 1 OPTIONS\r\nContent-Length: 2\r\n\r\n\u{1}\n";
        let message = Message::parse(text.as_bytes()).unwrap();
        let shown = message.redacted().to_bytes();
        let expected = text.replace("sip:c:@d", "sip:c:***@d");
        assert_eq!(String::from_utf8(shown).unwrap(), expected);
    }
}
