//! What can go wrong, by who can act on it.

use thiserror::Error;

/// The text is no description that can be read.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum SdpError {
    /// The text does not begin with `v=`.
    #[error(
        "the body is not SDP: it does not begin with \"v=0\"; check its Content-Type, or answer 415"
    )]
    NotSdp,
    /// The version is not 0.
    #[error("SDP version {version:?} is unknown, only version 0 exists; answer 488")]
    UnsupportedVersion {
        /// What stood after `v=`.
        version: String,
    },
    /// A line that cannot be mended or left out.
    #[error(
        "SDP line {line:?} cannot be read; ask the peer to send it as RFC 8866 says, or answer 400"
    )]
    InvalidLine {
        /// The line, shortened.
        line: String,
    },
    /// More text than any telephone sends.
    #[error("the SDP is {bytes} bytes long, {limit} are allowed; answer 413")]
    TooLong {
        /// Length of the text in bytes.
        bytes: usize,
        /// The limit in bytes.
        limit: usize,
    },
    /// Too many `m=` lines.
    #[error(
        "the SDP has more than {limit} m= lines; answer 488, or ask the peer to offer fewer streams"
    )]
    TooManyMediaLines {
        /// The limit.
        limit: usize,
    },
    /// Too many formats in one `m=` line.
    #[error(
        "an m= line lists more than {limit} formats; answer 488, or ask the peer to offer fewer"
    )]
    TooManyFormats {
        /// The limit.
        limit: usize,
    },
}

impl SdpError {
    /// An error for the line `kind=value`, which may be long and hold anything.
    pub(crate) fn invalid_line(kind: &str, value: &str) -> Self {
        SdpError::InvalidLine {
            line: format!("{kind}={value}").chars().take(80).collect(),
        }
    }
}

/// Two descriptions that lead to no call.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum NegotiationError {
    /// No `m=audio` line at all.
    #[error(
        "the peer's SDP has no audio stream; only calls with audio can be made, refuse with 488"
    )]
    NoAudio,
    /// Each audio stream has port 0.
    #[error("the peer refused the audio stream (port 0); offer other codecs, or end the call")]
    AudioRefused,
    /// Audio is there, but no codec in common.
    #[error(
        "no codec in common: the peer has {}, we have {}; enable one of the peer's codecs, or refuse with 488",
        list(theirs),
        list(ours)
    )]
    NoCommonFormat {
        /// The peer's formats, as `name/clock`.
        theirs: Vec<String>,
        /// Our formats, as `name/clock`.
        ours: Vec<String>,
    },
    /// The answer names only formats that were not offered.
    #[error(
        "the answer chose {}, which was not offered; end the call with BYE and check the peer's codec settings",
        list(answered)
    )]
    FormatNotOffered {
        /// The answer's formats, as `name/clock`.
        answered: Vec<String>,
    },
    /// The peer insists on encrypted media.
    #[error(
        "the peer requires SRTP ({protocol}), which is not enabled here; allow plain RTP/AVP at the peer, or refuse with 488"
    )]
    SrtpRequired {
        /// The peer's transport protocol.
        protocol: String,
    },
    /// A transport other than RTP over UDP.
    #[error(
        "the peer wants audio over {protocol}, only RTP/AVP and RTP/AVPF are spoken here; refuse with 488"
    )]
    UnsupportedProtocol {
        /// The peer's transport protocol.
        protocol: String,
    },
    /// No address to send to, or one that cannot be used.
    #[error(
        "the peer's media address {address:?} cannot be used: {reason}; the peer must send a unicast IP address in c="
    )]
    UnusableAddress {
        /// The address as written.
        address: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// Our own capabilities hold nothing to offer.
    #[error("no codec is enabled here; enable at least one before making or answering calls")]
    NoCapabilities,
}

fn list(names: &[String]) -> String {
    if names.is_empty() {
        return "nothing".to_owned();
    }
    names.join(", ")
}
