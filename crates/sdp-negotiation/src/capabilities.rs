//! What our side can do: formats in order of preference, packet times, sockets.

use std::net::SocketAddr;

use crate::payload_type_map::FormatKey;
use crate::rtpmap::Rtpmap;

/// An audio format as SDP knows it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct AudioFormat {
    /// Encoding name of `a=rtpmap`, such as `PCMU` or `opus`; compared without regard to case.
    pub encoding_name: String,
    /// RTP clock in Hz.
    pub clock_rate: u32,
    /// Channels as in `a=rtpmap`: 2 for Opus whatever is really sent, else mostly 1.
    pub channels: u16,
    /// Static payload type, or the dynamic one that our offers prefer; `None` lets the offer choose.
    pub payload_type: Option<u8>,
    /// Our format parameters: what we wish to receive.
    pub fmtp: Option<String>,
}

impl AudioFormat {
    /// G.711 mu-law, payload type 0.
    #[must_use]
    pub fn pcmu() -> Self {
        AudioFormat::new("PCMU", 8_000, 1, Some(0))
    }

    /// G.711 A-law, payload type 8.
    #[must_use]
    pub fn pcma() -> Self {
        AudioFormat::new("PCMA", 8_000, 1, Some(8))
    }

    /// Opus (RFC 7587), dynamic payload type, with in-band FEC asked for.
    #[must_use]
    pub fn opus() -> Self {
        AudioFormat {
            fmtp: Some("useinbandfec=1".to_owned()),
            ..AudioFormat::new("opus", 48_000, 2, None)
        }
    }

    /// A format without parameters.
    #[must_use]
    pub fn new(
        encoding_name: impl Into<String>,
        clock_rate: u32,
        channels: u16,
        payload_type: Option<u8>,
    ) -> Self {
        AudioFormat {
            encoding_name: encoding_name.into(),
            clock_rate,
            channels,
            payload_type,
            fmtp: None,
        }
    }

    pub(crate) fn rtpmap(&self, payload_type: u8) -> Rtpmap {
        Rtpmap {
            payload_type,
            encoding_name: self.encoding_name.clone(),
            clock_rate: self.clock_rate,
            channels: self.channels,
        }
    }

    pub(crate) fn key(&self) -> FormatKey {
        FormatKey {
            encoding_name: self.encoding_name.clone(),
            clock_rate: self.clock_rate,
            channels: self.channels,
            fmtp: self.fmtp.clone(),
        }
    }

    /// `name/clock`, as errors print it.
    pub(crate) fn label(&self) -> String {
        format!("{}/{}", self.encoding_name, self.clock_rate)
    }
}

/// What our side can send and receive.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct AudioCapabilities {
    /// Formats in order of preference.
    pub formats: Vec<AudioFormat>,
    /// Whether telephone-event (RFC 4733) is offered and answered.
    pub telephone_event: bool,
    /// Whether comfort noise (RFC 3389) is offered with formats of an 8000 Hz clock. Where the peer offers it, it is
    /// answered in any case: it costs nothing to receive.
    pub comfort_noise: bool,
    /// How many older packets each packet repeats (RFC 2198, `red`), 0 to 4: offered when not 0, and answered in any case.
    pub redundancy: u8,
    /// Whether extended reports (RFC 3611) are asked for, and sent to a peer that asks.
    pub extended_reports: bool,
    /// Audio per packet that we wish to receive, in ms; also what we send when the peer wishes nothing else.
    pub ptime_ms: u32,
    /// Longest audio per packet that we take, in ms.
    pub maxptime_ms: Option<u32>,
    /// Whether RTP and RTCP may share a port (RFC 5761).
    pub rtcp_mux: bool,
}

impl Default for AudioCapabilities {
    /// PCMU and PCMA, telephone-event, no comfort noise, redundancy or extended reports, 20 ms, no rtcp-mux.
    fn default() -> Self {
        AudioCapabilities {
            formats: vec![AudioFormat::pcmu(), AudioFormat::pcma()],
            telephone_event: true,
            comfort_noise: false,
            redundancy: 0,
            extended_reports: false,
            ptime_ms: 20,
            maxptime_ms: None,
            rtcp_mux: false,
        }
    }
}

/// The sockets that our description names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct LocalMedia {
    /// Where we receive RTP: the address that the peer can reach, not a wildcard.
    pub rtp: SocketAddr,
    /// Where we receive RTCP; `None` means RTP's port plus one.
    pub rtcp: Option<SocketAddr>,
}

impl LocalMedia {
    /// RTP at `rtp`, RTCP at the next port.
    #[must_use]
    pub fn new(rtp: SocketAddr) -> Self {
        LocalMedia { rtp, rtcp: None }
    }
}
