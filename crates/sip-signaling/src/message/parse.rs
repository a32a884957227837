//! Message text: framing, parsing and printing (RFC 3261 section 7 and 18.3).

#![deny(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects
)]

use super::{
    body::Body,
    headers::{HeaderList, long_name},
    method::Method,
    name_addr::NameAddr,
    request::Request,
    response::Response,
    status::StatusCode,
    text::{is_token, lossless_text},
    uri::{Uri, UriError},
    via::Via,
};
use crate::SignalingError;

/// Why bytes are no SIP message.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ParseError {
    /// No empty line ends the headers.
    #[error("the headers are not ended by an empty line")]
    Incomplete,
    /// Neither a request line nor a status line of SIP/2.0.
    #[error("malformed start line")]
    StartLine,
    /// A version other than SIP/2.0 (answered 505).
    #[error("not SIP/2.0")]
    Version,
    /// The Request-URI is no URI (answered 400, or 416 for an unknown scheme).
    #[error("request URI: {0}")]
    RequestUri(#[from] UriError),
    /// A header line without colon or with a malformed name.
    #[error("malformed header line")]
    Header,
    /// Content-Length is no number or larger than the bytes that are there.
    #[error("Content-Length does not fit the body")]
    ContentLength,
    /// Larger than the given limit.
    #[error("larger than the limit of {0} bytes")]
    TooLarge(usize),
}

/// A request or a response.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Message {
    /// A request.
    Request(Request),
    /// A response.
    Response(Response),
}

impl Message {
    /// Parses one message. Without Content-Length the body reaches to the end (RFC 3261 section 18.3); a
    /// shorter Content-Length cuts it, a longer one is an error.
    pub fn parse(bytes: &[u8]) -> Result<Message, ParseError> {
        let (head, body) = split_head(bytes).ok_or(ParseError::Incomplete)?;
        let head = lossless_text(head);
        let mut lines = head
            .split('\n')
            .map(|line| line.strip_suffix('\r').unwrap_or(line))
            .skip_while(|line| line.is_empty());
        let start = lines.next().ok_or(ParseError::StartLine)?;
        let headers = parse_headers(lines)?;
        let body = match content_length(&headers)? {
            Some(length) => body.get(..length).ok_or(ParseError::ContentLength)?,
            None => body,
        };
        if start
            .get(..4)
            .is_some_and(|version| version.eq_ignore_ascii_case("SIP/"))
        {
            let (status, reason) = parse_status_line(start)?;
            Ok(Message::Response(Response::from_parts(
                status,
                reason,
                headers,
                body.to_vec(),
            )))
        } else {
            let (method, uri) = parse_request_line(start)?;
            Ok(Message::Request(Request {
                method,
                uri,
                headers,
                body: body.to_vec(),
            }))
        }
    }

    /// Length in bytes of the first message of a stream, leading CRLF included; `None` while more bytes are needed.
    ///
    /// # Errors
    /// `TooLarge` once headers or body cannot fit `limit`, `ContentLength` for one that is no number. The stream
    /// cannot be used after an error.
    pub fn frame(bytes: &[u8], limit: usize) -> Result<Option<usize>, ParseError> {
        let blank = bytes
            .iter()
            .take_while(|byte| matches!(byte, b'\r' | b'\n'))
            .count();
        let rest = bytes.get(blank..).unwrap_or(&[]);
        let Some((head, after)) = split_head(rest) else {
            return if rest.len() > limit {
                Err(ParseError::TooLarge(limit))
            } else {
                Ok(None)
            };
        };
        let text = lossless_text(head);
        let headers = parse_headers(
            text.split('\n')
                .map(|line| line.strip_suffix('\r').unwrap_or(line))
                .skip(1),
        )?;
        // RFC 3261 section 20.14: required on streams; a message without one is taken to have no body.
        let length = content_length(&headers)?.unwrap_or(0);
        let start = bytes.len().saturating_sub(after.len());
        let end = start
            .checked_add(length)
            .filter(|end| *end <= limit)
            .ok_or(ParseError::TooLarge(limit))?;
        Ok((end <= bytes.len()).then_some(end))
    }

    /// The message as it goes on the wire.
    pub fn to_bytes(&self) -> Vec<u8> {
        match self {
            Message::Request(request) => request.to_bytes(),
            Message::Response(response) => response.to_bytes(),
        }
    }

    /// The headers.
    pub fn headers(&self) -> &HeaderList {
        match self {
            Message::Request(request) => &request.headers,
            Message::Response(response) => &response.headers,
        }
    }

    /// Request line or status line.
    pub fn start_line(&self) -> String {
        match self {
            Message::Request(request) => request.start_line(),
            Message::Response(response) => response.start_line(),
        }
    }
}

fn split_head(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let crlf = bytes
        .windows(4)
        .position(|four| four == b"\r\n\r\n")
        .map(|at| (at, 4_usize));
    let lf = bytes
        .windows(2)
        .position(|two| two == b"\n\n")
        .map(|at| (at, 2_usize));
    let (at, gap) = match (crlf, lf) {
        (Some(a), Some(b)) => {
            if a.0 <= b.0 {
                a
            } else {
                b
            }
        }
        (a, b) => a.or(b)?,
    };
    Some((bytes.get(..at)?, bytes.get(at.saturating_add(gap)..)?))
}

fn parse_headers<'a>(lines: impl Iterator<Item = &'a str>) -> Result<HeaderList, ParseError> {
    let mut unfolded: Vec<String> = Vec::new();
    for line in lines {
        if line.starts_with([' ', '\t']) {
            // RFC 3261 section 7.3.1: a folded line continues the one before.
            let last = unfolded.last_mut().ok_or(ParseError::Header)?;
            last.push(' ');
            last.push_str(line.trim());
        } else if !line.is_empty() {
            unfolded.push(line.to_owned());
        }
    }
    let mut headers = HeaderList::new();
    for line in &unfolded {
        let (name, value) = line.split_once(':').ok_or(ParseError::Header)?;
        let name = name.trim();
        if !is_token(name) {
            return Err(ParseError::Header);
        }
        headers.push_raw(long_name(name), value);
    }
    Ok(headers)
}

fn content_length(headers: &HeaderList) -> Result<Option<usize>, ParseError> {
    let mut values = headers.get_all("Content-Length");
    let Some(value) = values.next() else {
        return Ok(None);
    };
    // Two that differ leave open where the message ends: what one element reads as a body another reads as a request.
    if values.any(|other| other != value) {
        return Err(ParseError::ContentLength);
    }
    if value.is_empty() || !value.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(ParseError::ContentLength);
    }
    value
        .parse()
        .map(Some)
        .map_err(|_| ParseError::ContentLength)
}

fn parse_request_line(line: &str) -> Result<(Method, Uri), ParseError> {
    let mut parts = line.split(' ');
    let (Some(method), Some(uri), Some(version), None) =
        (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return Err(ParseError::StartLine);
    };
    if !version.eq_ignore_ascii_case("SIP/2.0") {
        return Err(
            if version
                .get(..4)
                .is_some_and(|v| v.eq_ignore_ascii_case("SIP/"))
            {
                ParseError::Version
            } else {
                ParseError::StartLine
            },
        );
    }
    let method = Method::parse(method).map_err(|_| ParseError::StartLine)?;
    Ok((method, Uri::parse(uri)?))
}

fn parse_status_line(line: &str) -> Result<(StatusCode, String), ParseError> {
    let mut parts = line.splitn(3, ' ');
    let (Some(version), Some(code)) = (parts.next(), parts.next()) else {
        return Err(ParseError::StartLine);
    };
    if !version.eq_ignore_ascii_case("SIP/2.0") {
        return Err(ParseError::Version);
    }
    let code: u16 = code
        .parse()
        .ok()
        .filter(|code| (100..700).contains(code))
        .ok_or(ParseError::StartLine)?;
    Ok((StatusCode(code), parts.next().unwrap_or("").to_owned()))
}

pub(super) fn print(start_line: &str, headers: &HeaderList, body: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(body.len().saturating_add(512));
    out.extend_from_slice(start_line.as_bytes());
    out.extend_from_slice(b"\r\n");
    for (name, value) in headers
        .iter()
        .filter(|(name, _)| !name.eq_ignore_ascii_case("Content-Length"))
    {
        out.extend_from_slice(name.as_bytes());
        out.extend_from_slice(b": ");
        out.extend_from_slice(value.as_bytes());
        out.extend_from_slice(b"\r\n");
    }
    out.extend_from_slice(format!("Content-Length: {}\r\n\r\n", body.len()).as_bytes());
    out.extend_from_slice(body);
    out
}

pub(super) fn cseq(headers: &HeaderList) -> Option<(u32, Method)> {
    let (number, method) = headers.get("CSeq")?.split_once(char::is_whitespace)?;
    Some((number.parse().ok()?, Method::parse(method.trim()).ok()?))
}

pub(super) fn contact(headers: &HeaderList) -> Option<NameAddr> {
    headers
        .get_list("Contact")
        .first()
        .and_then(|value| NameAddr::parse(value).ok())
}

pub(super) fn via(headers: &HeaderList) -> Option<Via> {
    headers
        .get_list("Via")
        .first()
        .and_then(|value| Via::parse(value))
}

pub(super) fn body(headers: &HeaderList, bytes: &[u8]) -> Option<Body> {
    (!bytes.is_empty()).then(|| {
        Body::new(
            headers.get("Content-Type").unwrap_or("application/sdp"),
            bytes,
        )
    })
}

pub(super) fn set_body(
    headers: &mut HeaderList,
    body: Option<Body>,
) -> Result<Vec<u8>, SignalingError> {
    match body {
        Some(body) => {
            headers.set("Content-Type", body.content_type)?;
            Ok(body.bytes)
        }
        None => {
            headers.remove("Content-Type");
            Ok(Vec::new())
        }
    }
}
