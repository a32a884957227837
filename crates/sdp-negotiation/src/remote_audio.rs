//! The peer's audio stream as its description means it: defaults filled in, session level applied.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use crate::capabilities::AudioFormat;
use crate::direction::Direction;
use crate::error::NegotiationError;
use crate::media_description::MediaDescription;
use crate::negotiated::NegotiatedExtendedReports;
use crate::rtcp_xr;
use crate::rtpmap::Rtpmap;
use crate::session_description::SessionDescription;

/// An audio stream that RTP can be sent to.
#[derive(Debug, Clone)]
pub(crate) struct RemoteAudio {
    /// In the peer's order of preference.
    pub(crate) formats: Vec<RemoteFormat>,
    pub(crate) rtp: SocketAddr,
    /// RTCP when it does not share RTP's port.
    pub(crate) rtcp: SocketAddr,
    pub(crate) rtcp_mux: bool,
    /// Seen from the peer; one that holds by `c=0.0.0.0` does not receive.
    pub(crate) direction: Direction,
    pub(crate) ptime: Option<u32>,
    pub(crate) maxptime: Option<u32>,
    /// What the peer asks for of extended reports; `None` where it does not speak of them.
    pub(crate) extended_reports: Option<NegotiatedExtendedReports>,
}

/// One payload type of the peer.
#[derive(Debug, Clone)]
pub(crate) struct RemoteFormat {
    pub(crate) payload_type: u8,
    /// `None` for a dynamic number without `a=rtpmap`.
    pub(crate) rtpmap: Option<Rtpmap>,
    pub(crate) fmtp: Option<String>,
}

impl RemoteAudio {
    /// Reads stream `media` of `description`, which is to be sent to from an address like `local`.
    pub(crate) fn read(
        description: &SessionDescription,
        media: &MediaDescription,
        local: IpAddr,
    ) -> Result<Self, NegotiationError> {
        if media.port == 0 {
            return Err(NegotiationError::AudioRefused);
        }
        check_protocol(&media.protocol)?;
        let ip = description.ip_of(media)?;
        check_address(ip, local)?;
        let written = description.direction_of(media);
        let direction = if ip.is_unspecified() {
            // RFC 3264 section 8.4: an address of zeros is how RFC 2543 put a stream on hold.
            Direction::new(written.sends(), false)
        } else {
            written
        };
        let rtp = SocketAddr::new(ip, media.port);
        Ok(RemoteAudio {
            formats: media.remote_formats(),
            rtp,
            rtcp: rtcp_address(media, rtp),
            rtcp_mux: media.rtcp_mux,
            direction,
            ptime: description.packet_time_of(crate::ptime::PTIME, media.ptime),
            extended_reports: rtcp_xr::wishes(&media.attributes, &description.attributes),
            maxptime: description.packet_time_of(crate::ptime::MAXPTIME, media.maxptime),
        })
    }

    /// The peer's formats, as errors print them.
    pub(crate) fn labels(&self) -> Vec<String> {
        self.formats
            .iter()
            .map(|format| match &format.rtpmap {
                Some(map) => format!("{}/{}", map.encoding_name, map.clock_rate),
                None => format!("payload type {}", format.payload_type),
            })
            .collect()
    }
}

impl RemoteFormat {
    /// Whether the peer means our format.
    pub(crate) fn is(&self, ours: &AudioFormat) -> bool {
        self.rtpmap
            .as_ref()
            .is_some_and(|theirs| same_format(theirs, ours))
    }
}

/// RFC 3264 section 6.1: names are compared without regard to case, clock and channels must be equal.
fn same_format(theirs: &Rtpmap, ours: &AudioFormat) -> bool {
    let name = &ours.encoding_name;
    if !theirs.encoding_name.eq_ignore_ascii_case(name) {
        return false;
    }
    let same_clock = theirs.clock_rate == ours.clock_rate
        // RFC 3551 section 4.5.2: G.722 samples at 16 kHz, its clock is 8 kHz; some write what they mean.
        || (name.eq_ignore_ascii_case("G722") && matches!(theirs.clock_rate, 8_000 | 16_000));
    // RFC 7587 section 7: opus is always written with two channels; some forget it.
    let same_channels = theirs.channels == ours.channels || name.eq_ignore_ascii_case("opus");
    same_clock && same_channels
}

fn check_protocol(protocol: &str) -> Result<(), NegotiationError> {
    let upper = protocol.to_ascii_uppercase();
    if upper == "RTP/AVP" || upper == "RTP/AVPF" {
        return Ok(());
    }
    let protocol = protocol.to_owned();
    Err(if upper.contains("SAVP") {
        NegotiationError::SrtpRequired { protocol }
    } else {
        NegotiationError::UnsupportedProtocol { protocol }
    })
}

fn check_address(ip: IpAddr, local: IpAddr) -> Result<(), NegotiationError> {
    let reason = if ip.is_unspecified() {
        return Ok(());
    } else if ip.is_multicast() {
        "it is a multicast address"
    } else if ip == IpAddr::V4(Ipv4Addr::BROADCAST) {
        "it is the broadcast address"
    } else if ip.is_ipv4() != local.is_ipv4() {
        "it is not of the IP family of our media sockets"
    } else {
        return Ok(());
    };
    Err(NegotiationError::UnusableAddress {
        address: ip.to_string(),
        reason,
    })
}

/// RFC 3605 section 2.1, else RFC 3550 section 11: the port above RTP's.
fn rtcp_address(media: &MediaDescription, rtp: SocketAddr) -> SocketAddr {
    match &media.rtcp {
        Some(rtcp) => {
            let ip = rtcp
                .address
                .as_ref()
                .and_then(|address| address.ip())
                .filter(|ip| !ip.is_unspecified() && !ip.is_multicast())
                .filter(|ip| ip.is_ipv4() == rtp.is_ipv4());
            SocketAddr::new(ip.unwrap_or(rtp.ip()), rtcp.port)
        }
        None => SocketAddr::new(rtp.ip(), rtp.port().saturating_add(1)),
    }
}
