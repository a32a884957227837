//! One `m=` line with what belongs to it (RFC 8866 section 5.14).

use crate::attribute::Attribute;
use crate::bandwidth::Bandwidth;
use crate::connection::Connection;
use crate::direction::Direction;
use crate::fmtp::Fmtp;
use crate::rtcp::Rtcp;
use crate::rtpmap::Rtpmap;

/// One media stream of a description.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct MediaDescription {
    /// `audio`, `video`, `image`, `message`, ...
    pub media: String,
    /// Transport port; 0 refuses or ends the stream.
    pub port: u16,
    /// Transport protocol, such as `RTP/AVP`.
    pub protocol: String,
    /// Formats in the writer's order of preference: RTP payload types as decimal text, or names.
    pub formats: Vec<String>,
    /// Address of this stream; the session's when absent.
    pub connection: Option<Connection>,
    /// Bandwidths.
    pub bandwidths: Vec<Bandwidth>,
    /// Meanings of payload types.
    pub rtpmaps: Vec<Rtpmap>,
    /// Format parameters.
    pub fmtps: Vec<Fmtp>,
    /// Audio per packet that the writer wishes to receive, in ms.
    pub ptime: Option<u32>,
    /// Longest audio per packet that the writer takes, in ms.
    pub maxptime: Option<u32>,
    /// RTCP's port and address.
    pub rtcp: Option<Rtcp>,
    /// RTP and RTCP may share the port.
    pub rtcp_mux: bool,
    /// Direction; the session's when absent.
    pub direction: Option<Direction>,
    /// All other attributes, in their order.
    pub attributes: Vec<Attribute>,
}
