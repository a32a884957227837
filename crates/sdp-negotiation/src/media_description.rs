//! One `m=` line with what belongs to it (RFC 8866 section 5.14).

use crate::attribute::Attribute;
use crate::bandwidth::Bandwidth;
use crate::connection::Connection;
use crate::direction::Direction;
use crate::fmtp::Fmtp;
use crate::remote_audio::RemoteFormat;
use crate::rtcp::Rtcp;
use crate::rtpmap::Rtpmap;
use crate::static_payload_types;

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

impl MediaDescription {
    /// Whether this is an audio stream.
    #[must_use]
    pub fn is_audio(&self) -> bool {
        self.media.eq_ignore_ascii_case("audio")
    }

    /// The RTP payload types of the `m=` line, in its order; formats that are none are left out.
    pub fn payload_types(&self) -> impl Iterator<Item = u8> + '_ {
        self.formats
            .iter()
            .filter_map(|format| format.parse().ok())
            .filter(|payload_type| *payload_type < 128)
    }

    /// The meaning of a payload type: its `a=rtpmap`, else its fixed meaning (RFC 3551 section 6).
    #[must_use]
    pub fn rtpmap_of(&self, payload_type: u8) -> Option<Rtpmap> {
        self.rtpmaps
            .iter()
            .find(|map| map.payload_type == payload_type)
            .cloned()
            .or_else(|| static_payload_types::rtpmap_of(payload_type))
    }

    /// The format parameters of a payload type.
    #[must_use]
    pub fn fmtp_of(&self, payload_type: u8) -> Option<&str> {
        self.fmtps
            .iter()
            .find(|fmtp| fmtp.payload_type == payload_type)
            .map(|fmtp| fmtp.parameters.as_str())
    }

    pub(crate) fn remote_formats(&self) -> Vec<RemoteFormat> {
        self.payload_types()
            .map(|payload_type| RemoteFormat {
                payload_type,
                rtpmap: self.rtpmap_of(payload_type),
                fmtp: self.fmtp_of(payload_type).map(str::to_owned),
            })
            .collect()
    }

    /// The same `m=` line with port 0 and nothing else: how a stream is refused.
    pub(crate) fn refused(&self) -> MediaDescription {
        // RFC 3264 section 6: the formats of a refused stream are ignored, but one must stand there.
        let formats = if self.formats.is_empty() {
            vec!["0".to_owned()]
        } else {
            self.formats.clone()
        };
        MediaDescription {
            media: self.media.clone(),
            protocol: self.protocol.clone(),
            formats,
            ..MediaDescription::default()
        }
    }
}
