//! A SIP request.

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
    uri::Uri,
    via::Via,
};
use crate::SignalingError;

/// A SIP request. `Content-Length` is written from the body, whatever the headers say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// Method.
    pub method: Method,
    /// Request-URI.
    pub uri: Uri,
    /// Headers in order.
    pub headers: HeaderList,
    /// Body bytes; empty for none. Its type stands in `Content-Type`.
    pub body: Vec<u8>,
}

impl Request {
    /// A request without headers and body.
    pub fn new(method: Method, uri: Uri) -> Request {
        Request {
            method,
            uri,
            headers: HeaderList::new(),
            body: Vec::new(),
        }
    }

    /// Parses one request (a datagram or a framed piece of a stream).
    pub fn parse(bytes: &[u8]) -> Result<Request, ParseError> {
        match Message::parse(bytes)? {
            Message::Request(request) => Ok(request),
            Message::Response(_) => Err(ParseError::StartLine),
        }
    }

    /// The message as it goes on the wire.
    pub fn to_bytes(&self) -> Vec<u8> {
        super::parse::print(&self.start_line(), &self.headers, &self.body)
    }

    /// `INVITE sip:bob@example.com SIP/2.0`.
    pub fn start_line(&self) -> String {
        format!("{} {} SIP/2.0", self.method, self.uri)
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
