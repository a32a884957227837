//! A whole description, read from and printed as text (RFC 8866).

use std::fmt;
use std::net::IpAddr;

use crate::attribute::Attribute;
use crate::bandwidth::Bandwidth;
use crate::connection::Connection;
use crate::direction::Direction;
use crate::error::{NegotiationError, SdpError};
use crate::media_description::MediaDescription;
use crate::origin::Origin;
use crate::ptime::parse_packet_time;

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

    /// The direction of a stream: its own, else the session's, else sendrecv (RFC 8866 section 6.7).
    #[must_use]
    pub fn direction_of(&self, media: &MediaDescription) -> Direction {
        media.direction.or(self.direction).unwrap_or_default()
    }

    /// The `c=` line of a stream: its own, else the session's (RFC 8866 section 5.7).
    #[must_use]
    pub fn connection_of<'a>(&'a self, media: &'a MediaDescription) -> Option<&'a Connection> {
        media.connection.as_ref().or(self.connection.as_ref())
    }

    pub(crate) fn ip_of(&self, media: &MediaDescription) -> Result<IpAddr, NegotiationError> {
        let connection =
            self.connection_of(media)
                .ok_or_else(|| NegotiationError::UnusableAddress {
                    address: String::new(),
                    reason: "there is no c= line",
                })?;
        connection
            .address
            .ip()
            .ok_or_else(|| NegotiationError::UnusableAddress {
                address: connection.address.to_string(),
                reason: "it is a host name",
            })
    }

    /// A packet time of a stream. RFC 8866 knows it at media level only, some stacks write it at session level.
    pub(crate) fn packet_time_of(&self, name: &str, own: Option<u32>) -> Option<u32> {
        own.or_else(|| {
            self.attributes
                .iter()
                .filter(|attribute| attribute.name == name)
                .find_map(|attribute| parse_packet_time(attribute.value.as_deref()?))
        })
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
