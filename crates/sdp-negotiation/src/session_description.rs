//! A whole description, read from and printed as text (RFC 8866).

use std::fmt;

use crate::attribute::Attribute;
use crate::bandwidth::Bandwidth;
use crate::connection::Connection;
use crate::direction::Direction;
use crate::error::SdpError;
use crate::media_description::MediaDescription;
use crate::origin::Origin;

/// A session description: what one side sends as `application/sdp`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct SessionDescription {
    /// Who wrote it.
    pub origin: Origin,
    /// Session name; `-` when there is none.
    pub session_name: String,
    /// Address of the streams that have none of their own.
    pub connection: Option<Connection>,
    /// Bandwidths.
    pub bandwidths: Vec<Bandwidth>,
    /// Start and stop time in NTP seconds; `(0, 0)` in telephony.
    pub timing: (u64, u64),
    /// Direction of the streams that have none of their own.
    pub direction: Option<Direction>,
    /// All other session attributes, in their order.
    pub attributes: Vec<Attribute>,
    /// The streams.
    pub media: Vec<MediaDescription>,
}

impl SessionDescription {
    /// Reads a description as it came from the network.
    ///
    /// Tolerant where telephones are sloppy: see the crate's documentation for what is mended.
    ///
    /// # Errors
    ///
    /// [`SdpError`] when the text is no SDP, or larger than the limits of this crate.
    pub fn parse(text: &[u8]) -> Result<Self, SdpError> {
        crate::text::parse(text)
    }
}

impl Default for SessionDescription {
    fn default() -> Self {
        SessionDescription {
            origin: Origin::default(),
            session_name: "-".to_owned(),
            connection: None,
            bandwidths: Vec::new(),
            timing: (0, 0),
            direction: None,
            attributes: Vec::new(),
            media: Vec::new(),
        }
    }
}

impl fmt::Display for SessionDescription {
    /// Prints the text with CRLF line ends.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&crate::text::print(self))
    }
}
