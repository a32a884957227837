//! A text from outside, apart from calls.

use sip_signaling::IncomingMessage;

/// A text that somebody sent us (MESSAGE, RFC 3428).
#[derive(Clone, Debug)]
pub struct TextMessage {
    message: IncomingMessage,
}

impl TextMessage {
    pub(crate) fn new(message: IncomingMessage) -> Self {
        Self { message }
    }

    /// The sender's address, as in `From`: display name and SIP URI. Not verified by anybody.
    pub fn from(&self) -> String {
        self.message.from.to_string()
    }

    /// The text; bytes that are no UTF-8 are replaced.
    pub fn text(&self) -> String {
        self.message.body.as_ref().map_or_else(String::new, |body| {
            String::from_utf8_lossy(&body.bytes).into_owned()
        })
    }

    /// The type of it, usually `text/plain`; empty for an empty message.
    pub fn content_type(&self) -> &str {
        self.message
            .body
            .as_ref()
            .map_or("", |body| &body.content_type)
    }

    /// A header field; the first of that name, whose case does not matter.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.message.headers.get(name)
    }
}
