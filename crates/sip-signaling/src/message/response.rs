//! A SIP response.

#![deny(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects
)]

use super::{
    body::Body,
    headers::HeaderList,
    method::Method,
    name_addr::NameAddr,
    parse::{Message, ParseError},
    request::Request,
    status::StatusCode,
    text::has_control,
    via::Via,
};
use crate::SignalingError;

/// A SIP response. `Content-Length` is written from the body, whatever the headers say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Response {
    /// Status code.
    pub status: StatusCode,
    reason: String,
    /// Headers in order.
    pub headers: HeaderList,
    /// Body bytes; empty for none. Its type stands in `Content-Type`.
    pub body: Vec<u8>,
}

impl Response {
    /// A response without headers, with the usual reason phrase.
    pub fn new(status: StatusCode) -> Response {
        Response {
            status,
            reason: status.default_reason().to_owned(),
            headers: HeaderList::new(),
            body: Vec::new(),
        }
    }

    /// The response to a request: Via, From, To, Call-ID and CSeq copied (RFC 3261 section 8.2.6.2); `to_tag` is added
    /// to a To without tag.
    pub fn to_request(request: &Request, status: StatusCode, to_tag: Option<&str>) -> Response {
        let mut response = Response::new(status);
        for name in ["Via", "From", "To", "Call-ID", "CSeq"] {
            for value in request.headers.get_all(name) {
                response.headers.push_raw(name, value);
            }
        }
        if let (Some(tag), Some(to)) = (to_tag, response.headers.get("To"))
            && NameAddr::parse(to).is_ok_and(|to| to.tag().is_none())
        {
            let tagged = format!("{to};tag={tag}");
            response.headers.set_raw("To", tagged);
        }
        response
    }

    /// The same with another reason phrase.
    ///
    /// # Errors
    /// `InvalidInput` for control characters.
    pub fn with_reason(mut self, reason: &str) -> Result<Response, SignalingError> {
        if has_control(reason) {
            return Err(SignalingError::input(
                "reason phrase",
                "it holds a control character (CR, LF or NUL)",
            ));
        }
        self.reason = reason.trim().to_owned();
        Ok(self)
    }

    pub(crate) fn from_parts(
        status: StatusCode,
        reason: String,
        headers: HeaderList,
        body: Vec<u8>,
    ) -> Response {
        let reason = reason
            .replace(|c: char| c.is_control(), " ")
            .trim()
            .to_owned();
        Response {
            status,
            reason,
            headers,
            body,
        }
    }

    /// Parses one response (a datagram or a framed piece of a stream).
    pub fn parse(bytes: &[u8]) -> Result<Response, ParseError> {
        match Message::parse(bytes)? {
            Message::Response(response) => Ok(response),
            Message::Request(_) => Err(ParseError::StartLine),
        }
    }

    /// The message as it goes on the wire.
    pub fn to_bytes(&self) -> Vec<u8> {
        super::parse::print(&self.start_line(), &self.headers, &self.body)
    }

    /// `SIP/2.0 180 Ringing`.
    pub fn start_line(&self) -> String {
        format!("SIP/2.0 {} {}", self.status, self.reason)
    }

    /// Reason phrase.
    pub fn reason(&self) -> &str {
        &self.reason
    }

    /// Call-ID.
    pub fn call_id(&self) -> Option<&str> {
        self.headers.get("Call-ID")
    }

    /// Number and method of CSeq.
    pub fn cseq(&self) -> Option<(u32, Method)> {
        super::parse::cseq(&self.headers)
    }

    /// From.
    pub fn from(&self) -> Option<NameAddr> {
        self.headers
            .get("From")
            .and_then(|value| NameAddr::parse(value).ok())
    }

    /// To.
    pub fn to(&self) -> Option<NameAddr> {
        self.headers
            .get("To")
            .and_then(|value| NameAddr::parse(value).ok())
    }

    /// The first Contact.
    pub fn contact(&self) -> Option<NameAddr> {
        super::parse::contact(&self.headers)
    }

    /// The topmost Via.
    pub fn via(&self) -> Option<Via> {
        super::parse::via(&self.headers)
    }

    /// Body and type, where there is a body.
    pub fn body(&self) -> Option<Body> {
        super::parse::body(&self.headers, &self.body)
    }

    /// Sets or removes body and `Content-Type`.
    ///
    /// # Errors
    /// `InvalidInput` for a content type with control characters.
    pub fn set_body(&mut self, body: Option<Body>) -> Result<(), SignalingError> {
        self.body = super::parse::set_body(&mut self.headers, body)?;
        Ok(())
    }
}
