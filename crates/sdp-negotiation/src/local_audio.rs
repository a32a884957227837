//! Our audio stream as an offer or an answer writes it.

use crate::attribute::Attribute;
use crate::capabilities::{AudioCapabilities, LocalMedia};
use crate::comfort_noise;
use crate::connection::{Address, Connection};
use crate::direction::Direction;
use crate::fmtp::Fmtp;
use crate::media_description::MediaDescription;
use crate::redundancy;
use crate::rtcp::Rtcp;
use crate::rtpmap::Rtpmap;
use crate::session_description::SessionDescription;
use crate::telephone_event;

/// A format with the number it goes by in our description.
#[derive(Debug, Clone)]
pub(crate) struct LocalFormat {
    pub(crate) rtpmap: Rtpmap,
    pub(crate) fmtp: Option<String>,
}

impl LocalFormat {
    /// Comfort noise.
    pub(crate) fn comfort_noise(payload_type: u8) -> Self {
        LocalFormat {
            rtpmap: Rtpmap {
                payload_type,
                encoding_name: comfort_noise::ENCODING_NAME.to_owned(),
                clock_rate: comfort_noise::CLOCK_RATE,
                channels: 1,
            },
            fmtp: None,
        }
    }

    /// Redundant data around the format that goes by `codec`.
    pub(crate) fn redundancy(payload_type: u8, codec: &Rtpmap, generations: u8) -> Self {
        LocalFormat {
            rtpmap: Rtpmap {
                payload_type,
                encoding_name: redundancy::ENCODING_NAME.to_owned(),
                clock_rate: codec.clock_rate,
                channels: codec.channels,
            },
            fmtp: Some(redundancy::parameters(codec.payload_type, generations)),
        }
    }

    /// telephone-event at a clock.
    pub(crate) fn telephone_event(payload_type: u8, clock_rate: u32) -> Self {
        LocalFormat {
            rtpmap: Rtpmap {
                payload_type,
                encoding_name: telephone_event::ENCODING_NAME.to_owned(),
                clock_rate,
                channels: 1,
            },
            fmtp: Some(telephone_event::EVENTS.to_owned()),
        }
    }
}

/// All that our `m=audio` line and its attributes say.
#[derive(Debug)]
pub(crate) struct LocalAudio<'a> {
    pub(crate) formats: &'a [LocalFormat],
    pub(crate) protocol: &'a str,
    pub(crate) local: LocalMedia,
    pub(crate) ptime_ms: u32,
    pub(crate) capabilities: &'a AudioCapabilities,
    pub(crate) rtcp_mux: bool,
    pub(crate) write_rtcp: bool,
    pub(crate) direction: Direction,
    /// What we ask for of extended reports.
    pub(crate) extended_reports: Option<Attribute>,
}

impl LocalAudio<'_> {
    /// The stream.
    pub(crate) fn describe(&self) -> MediaDescription {
        MediaDescription {
            media: "audio".to_owned(),
            port: self.local.rtp.port(),
            protocol: self.protocol.to_owned(),
            formats: self
                .formats
                .iter()
                .map(|format| format.rtpmap.payload_type.to_string())
                .collect(),
            rtpmaps: self
                .formats
                .iter()
                .map(|format| format.rtpmap.clone())
                .collect(),
            fmtps: self.formats.iter().filter_map(fmtp).collect(),
            ptime: Some(self.ptime_ms).filter(|ms| *ms > 0),
            maxptime: self.capabilities.maxptime_ms,
            rtcp: self.write_rtcp.then(|| rtcp(self.local)).flatten(),
            rtcp_mux: self.rtcp_mux,
            direction: Some(self.direction),
            attributes: self.extended_reports.iter().cloned().collect(),
            ..MediaDescription::default()
        }
    }
}

/// A description around our streams; the session stamps `o=` onto it.
pub(crate) fn describe_session(
    local: LocalMedia,
    timing: (u64, u64),
    media: Vec<MediaDescription>,
) -> SessionDescription {
    SessionDescription {
        connection: Some(Connection::new(local.rtp.ip())),
        timing,
        media,
        ..SessionDescription::default()
    }
}

fn fmtp(format: &LocalFormat) -> Option<Fmtp> {
    let parameters = format.fmtp.clone().filter(|text| !text.is_empty())?;
    Some(Fmtp {
        payload_type: format.rtpmap.payload_type,
        parameters,
    })
}

/// `a=rtcp` when RTCP is not where everyone expects it (RFC 3605 section 2.1).
fn rtcp(local: LocalMedia) -> Option<Rtcp> {
    let rtcp = local.rtcp?;
    let same_ip = rtcp.ip() == local.rtp.ip();
    let expected = local.rtp.port().checked_add(1);
    if same_ip && Some(rtcp.port()) == expected {
        return None;
    }
    Some(Rtcp {
        port: rtcp.port(),
        address: (!same_ip).then(|| Address::Ip(rtcp.ip())),
    })
}
