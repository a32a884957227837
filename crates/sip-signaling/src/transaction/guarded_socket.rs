//! A UDP socket that looks at every datagram before rsipstack does.
//!
//! rsipstack cuts datagrams at 8,192 bytes, loses all headers behind a byte that is no UTF-8, drops a body without
//! Content-Length, shortens a body without a word and drops unknown methods. Here each datagram is parsed with our own
//! reader; what is sound goes on in canonical form, a request that is not is answered without a transaction.

#![deny(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects
)]

use std::{net::SocketAddr, sync::Arc};

use rsipstack::platform::net::UdpSocket as PlatformUdpSocket;
use tokio::{net::UdpSocket, sync::Mutex};

use super::gate::Gate;
use crate::{
    Transport,
    agent_headers::ALLOWED_METHODS,
    message::{
        Message, Method, NameAddr, ParseError, Request, Response, Scheme, StatusCode, Via, refusal,
    },
};

pub(super) struct GuardedSocket {
    socket: UdpSocket,
    gate: Arc<Gate>,
    buffer: Mutex<Vec<u8>>,
}

impl GuardedSocket {
    pub(super) fn new(socket: UdpSocket, gate: Arc<Gate>) -> GuardedSocket {
        GuardedSocket {
            socket,
            gate,
            buffer: Mutex::new(vec![0; 65_536]),
        }
    }
}

#[async_trait::async_trait]
impl PlatformUdpSocket for GuardedSocket {
    async fn recv_from(&self, out: &mut [u8]) -> rsipstack::Result<(usize, SocketAddr)> {
        let mut buffer = self.buffer.lock().await;
        loop {
            let (length, source) = self.socket.recv_from(&mut buffer).await?;
            match admit(
                buffer.get(..length).unwrap_or(&[]),
                source,
                Transport::Udp,
                out.len(),
                &self.gate,
            ) {
                Verdict::Pass(bytes) => {
                    if let Some(place) = out.get_mut(..bytes.len()) {
                        place.copy_from_slice(&bytes);
                        return Ok((bytes.len(), source));
                    }
                }
                Verdict::Answer(response) => {
                    // Not awaited to the end: a full send buffer loses an error answer, never the reader's time.
                    self.socket.try_send_to(&response, source).ok();
                }
                Verdict::Drop => {
                    tracing::debug!(%source, length, "dropped a datagram that is no SIP message")
                }
            }
        }
    }

    async fn send_to(&self, bytes: &[u8], addr: SocketAddr) -> rsipstack::Result<usize> {
        Ok(self.socket.send_to(bytes, addr).await?)
    }

    fn local_addr(&self) -> rsipstack::Result<SocketAddr> {
        Ok(self.socket.local_addr()?)
    }
}

#[derive(Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    Pass(Vec<u8>),
    Answer(Vec<u8>),
    Drop,
}

/// Reads one message: whether the stack gets it, and what it is answered if not.
pub(super) fn admit(
    bytes: &[u8],
    source: SocketAddr,
    transport: Transport,
    room: usize,
    gate: &Gate,
) -> Verdict {
    if bytes.iter().all(|byte| byte.is_ascii_whitespace()) {
        return if bytes == b"\r\n\r\n" {
            Verdict::Pass(bytes.to_vec())
        } else {
            Verdict::Drop
        };
    }
    match Message::parse(bytes) {
        Ok(message) => admit_parsed(message, source, transport, room, gate),
        Err(error) => refuse_unparsed(bytes, &error, source),
    }
}

fn admit_parsed(
    mut message: Message,
    source: SocketAddr,
    transport: Transport,
    room: usize,
    gate: &Gate,
) -> Verdict {
    match &mut message {
        Message::Request(request) => {
            if let Some(status) = refusal(request) {
                return answer(request, status, source);
            }
            // RFC 3261 section 26.2.2: sips comes over TLS or not at all.
            if request.uri.scheme() == Scheme::Sips && !transport.is_secure() {
                return answer(request, StatusCode::UNSUPPORTED_URI_SCHEME, source);
            }
            if let Some(refused) = gate.refusal(request, source) {
                return refused;
            }
            without_odd_spaces(request);
        }
        Message::Response(response) => {
            let complete = ["Via", "From", "To", "Call-ID"]
                .iter()
                .all(|name| response.headers.contains(name));
            if !complete || response.cseq().is_none() || gate.is_overfull(&response.headers) {
                return Verdict::Drop;
            }
        }
    }
    let canonical = message.to_bytes();
    if canonical.len() <= room.min(gate.message_bytes()) {
        return Verdict::Pass(canonical);
    }
    match &message {
        Message::Request(request) => answer(request, StatusCode::MESSAGE_TOO_LARGE, source),
        Message::Response(_) => Verdict::Drop,
    }
}

/// White space is allowed around `/`, `;` and `=` (RFC 3261 section 25.1), and rsipstack does not read such headers.
fn without_odd_spaces(request: &mut Request) {
    let vias: Vec<Via> = request
        .headers
        .get_list("Via")
        .into_iter()
        .filter_map(Via::parse)
        .collect();
    request.headers.remove("Via");
    for via in vias.iter().rev() {
        request.headers.push_front("Via", via.to_string()).ok();
    }
    for name in ["From", "To"] {
        let odd = |value: &&str| {
            [" ;", "; ", " =", "= "]
                .iter()
                .any(|space| value.contains(space))
        };
        let plain = request
            .headers
            .get(name)
            .filter(odd)
            .and_then(|value| NameAddr::parse(value).ok());
        if let Some(plain) = plain {
            request.headers.set_raw(name, plain.to_string());
        }
    }
    if let Some((number, method)) = request.cseq() {
        request
            .headers
            .set_raw("CSeq", format!("{number} {method}"));
    }
}

/// A request whose start line or length is wrong is answered if its headers can be read at all.
fn refuse_unparsed(bytes: &[u8], error: &ParseError, source: SocketAddr) -> Verdict {
    let status = match error {
        ParseError::ContentLength | ParseError::Header => StatusCode::BAD_REQUEST,
        ParseError::StartLine if is_meant_as_request(bytes) => StatusCode::BAD_REQUEST,
        ParseError::RequestUri(crate::message::UriError::UnknownScheme) => {
            StatusCode::UNSUPPORTED_URI_SCHEME
        }
        ParseError::RequestUri(_) => StatusCode::BAD_REQUEST,
        ParseError::Version => StatusCode::VERSION_NOT_SUPPORTED,
        _ => return Verdict::Drop,
    };
    // The headers alone, under a start line that is known to parse.
    let Some(line_end) = bytes.iter().position(|&byte| byte == b'\n') else {
        return Verdict::Drop;
    };
    let (start, rest) = bytes.split_at(line_end);
    if start.starts_with(b"SIP/") || start.starts_with(b"ACK ") {
        return Verdict::Drop;
    }
    let mut mended = b"OPTIONS sip:unreadable.invalid SIP/2.0".to_vec();
    let headers_end = rest
        .windows(4)
        .position(|four| four == b"\r\n\r\n")
        .map_or(rest.len(), |at| at.saturating_add(2));
    for line in rest
        .get(..headers_end)
        .unwrap_or(&[])
        .split_inclusive(|&byte| byte == b'\n')
    {
        let lower = line.to_ascii_lowercase();
        if !lower.starts_with(b"content-length") && !lower.starts_with(b"l:") {
            mended.extend_from_slice(line);
        }
    }
    mended.extend_from_slice(b"\r\n");
    match Message::parse(&mended) {
        Ok(Message::Request(request)) => answer(&request, status, source),
        _ => Verdict::Drop,
    }
}

/// A request line with spaces where none belong still ends in the version.
fn is_meant_as_request(bytes: &[u8]) -> bool {
    bytes
        .split(|&byte| byte == b'\n')
        .next()
        .is_some_and(|line| line.trim_ascii_end().ends_with(b" SIP/2.0"))
}

fn answer(request: &Request, status: StatusCode, source: SocketAddr) -> Verdict {
    answer_with(request, status, source, &[])
}

/// An answer without a transaction, with these headers.
pub(super) fn answer_with(
    request: &Request,
    status: StatusCode,
    source: SocketAddr,
    headers: &[(&str, &str)],
) -> Verdict {
    // Without a Via nobody knows whom the answer is for, and an ACK is never answered.
    if request.method == Method::Ack || !request.headers.contains("Via") {
        return Verdict::Drop;
    }
    let mut response = Response::to_request(request, status, Some("refused"));
    let vias: Vec<String> = request
        .headers
        .get_list("Via")
        .into_iter()
        .map(str::to_owned)
        .collect();
    response.headers.remove("Via");
    for (at, via) in vias.iter().enumerate().rev() {
        let text = match (at, Via::parse(via)) {
            (0, Some(mut top)) => {
                top.set_source(source);
                top.to_string()
            }
            _ => via.clone(),
        };
        if response.headers.push_front("Via", text).is_err() {
            return Verdict::Drop;
        }
    }
    response.headers.push_raw("Allow", ALLOWED_METHODS);
    for (name, value) in headers {
        response.headers.push_raw(name, *value);
    }
    Verdict::Answer(response.to_bytes())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::Limits;

    const SOURCE: &str = "192.0.2.1:4000";

    fn message(start: &str, more: &str, body: &str) -> Vec<u8> {
        format!("{start}\r\nVia: SIP/2.0/UDP 10.0.0.1;branch=z9hG4bK1\r\nFrom: <sip:a@b>;tag=1\r\nTo: <sip:c@d>\r\nCall-ID: x\r\nCSeq: 1 {}\r\n{more}\r\n{body}", start.split(' ').next().unwrap()).into_bytes()
    }

    fn check(bytes: &[u8]) -> Verdict {
        let gate = Gate::new(Limits::default(), None).unwrap();
        admit(bytes, SOURCE.parse().unwrap(), Transport::Udp, 8_192, &gate)
    }

    fn status(verdict: Verdict) -> u16 {
        match verdict {
            Verdict::Answer(bytes) => Response::parse(&bytes).unwrap().status.0,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn body_without_content_length_reaches_to_the_end_of_the_datagram() {
        let Verdict::Pass(bytes) = check(&message(
            "MESSAGE sip:c@d SIP/2.0",
            "Content-Type: text/plain\r\n",
            "hello",
        )) else {
            panic!()
        };
        assert!(
            String::from_utf8(bytes)
                .unwrap()
                .ends_with("Content-Length: 5\r\n\r\nhello")
        );
    }

    #[test]
    fn latin1_display_name_keeps_the_headers_behind_it() {
        let mut bytes = message("INVITE sip:c@d SIP/2.0", "X-Last: here\r\n", "");
        let at = bytes.windows(5).position(|five| five == b"<sip:").unwrap();
        bytes.splice(at..at, *b"M\xfcller ");
        let Verdict::Pass(bytes) = check(&bytes) else {
            panic!()
        };
        let text = String::from_utf8(bytes).unwrap();
        assert!(text.contains("Müller") && text.contains("X-Last: here"));
    }

    #[test]
    fn unsound_requests_are_answered_and_unsound_responses_dropped() {
        assert_eq!(
            status(check(&message("FROBNICATE sip:c@d SIP/2.0", "", ""))),
            501
        );
        assert_eq!(
            status(check(&message(
                "INVITE sip:c@d SIP/2.0",
                "Content-Length: 99\r\n",
                "short"
            ))),
            400
        );
        assert_eq!(
            status(check(&message("INVITE sip:c@d SIP/7.0", "", ""))),
            505
        );
        assert_eq!(
            status(check(&message("INVITE nobody:c@d SIP/2.0", "", ""))),
            416
        );
        assert_eq!(
            status(check(&message(
                "MESSAGE sip:c@d SIP/2.0",
                "",
                &"x".repeat(9_000)
            ))),
            513
        );
        assert_eq!(
            check(&message(
                "SIP/2.0 200 OK",
                "Content-Length: 99\r\n",
                "short"
            )),
            Verdict::Drop
        );
        assert_eq!(
            check(&message(
                "ACK sip:c@d SIP/2.0",
                "Content-Length: 99\r\n",
                ""
            )),
            Verdict::Drop
        );
        assert_eq!(
            status(check(&message("INVITE sips:c@d SIP/2.0", "", ""))),
            416
        );
        assert_eq!(check(b"\x00\x01\x02"), Verdict::Drop);
        assert_eq!(check(b"\r\n"), Verdict::Drop);
    }
}
