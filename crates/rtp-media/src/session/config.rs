//! How a session is set up, and what a re-INVITE may change.

use std::net::SocketAddr;
use std::time::Duration;

use crate::clock::ClockAnchor;
use crate::jitter_buffer::JitterBufferConfig;
use crate::quality::CodecQuality;
use crate::random::Random;
use crate::units::{ClockRate, PayloadType, Ssrc};

/// telephone-event as negotiated (RFC 4733 section 2.4). The clock rate is that of the `rtpmap` line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TelephoneEventFormat {
    /// The peer's number for it: what we send.
    pub send_payload_type: PayloadType,
    /// Our number for it: what we receive.
    pub receive_payload_type: PayloadType,
    /// Clock of the duration field in Hz.
    pub clock_rate: ClockRate,
}

/// Redundant audio data as negotiated (RFC 2198). Its clock is that of the audio in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RedundancyFormat {
    /// The peer's number for it: what we send.
    pub send_payload_type: PayloadType,
    /// Our number for it: what we receive.
    pub receive_payload_type: PayloadType,
    /// How many older packets each packet of ours repeats, at most 4. With 0 it is only received.
    pub generations: u8,
}

/// Which extended reports the peer wishes (RFC 3611 section 5). What it sends is read in any case.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ExtendedReports {
    /// VoIP metrics with each report of ours.
    pub voip_metrics: bool,
    /// Reference times while we send no media, so that a side that only listens knows the round trip too.
    pub receiver_reference_time: bool,
}

/// Everything a session must know. [`RtpSessionConfig::new`] gives working values for all that is not an argument.
#[derive(Debug, Clone)]
pub struct RtpSessionConfig {
    /// Our stream.
    pub ssrc: Ssrc,
    /// Canonical name for SDES: random per call rather than user@host (RFC 7022). At most 255 bytes are sent.
    pub cname: String,
    /// Joins the steady clock and the wall clock.
    pub clock_anchor: ClockAnchor,
    /// Makes first sequence number, first timestamp and report times unpredictable: take it from the operating system.
    pub seed: u64,
    /// RTP clock of what we send, and of what we receive unless `other_clock_rates` says otherwise.
    pub clock_rate: ClockRate,
    /// Payload type of [`send_audio`](crate::RtpSession::send_audio).
    pub send_payload_type: PayloadType,
    /// All audio that can be decoded. Others are counted and dropped.
    pub receive_payload_types: Vec<PayloadType>,
    /// Those of `receive_payload_types` whose RTP clock is not `clock_rate`.
    pub other_clock_rates: Vec<(PayloadType, ClockRate)>,
    /// DTMF, when negotiated.
    pub telephone_event: Option<TelephoneEventFormat>,
    /// Redundancy, when negotiated.
    pub redundancy: Option<RedundancyFormat>,
    /// Extended reports, when the peer asks for them.
    pub extended_reports: ExtendedReports,
    /// What the codec that we send with costs. Default G.711.
    pub send_quality: CodecQuality,
    /// What those of `receive_payload_types` cost that are not like G.711.
    pub receive_qualities: Vec<(PayloadType, CodecQuality)>,
    /// Where SDP says to send RTP.
    pub remote_rtp: SocketAddr,
    /// Where SDP says to send RTCP; ignored with `rtcp_mux`.
    pub remote_rtcp: SocketAddr,
    /// RTCP shares the RTP port (RFC 5761).
    pub rtcp_mux: bool,
    /// Packet time of what we send.
    pub ptime: Duration,
    /// Direction: whether we may send media. RTCP is sent regardless.
    pub may_send: bool,
    /// Direction: whether we expect media.
    pub may_receive: bool,
    /// Its `clock_rate` and `ptime` are replaced by those above.
    pub jitter_buffer: JitterBufferConfig,
    /// How long without media until [`NoMedia`](crate::RtpEvent::NoMedia). Default 5 s.
    pub no_media_after: Duration,
    /// How long without any sign of the peer until [`MediaTimeout`](crate::RtpEvent::MediaTimeout). Default 30 s; `None` never.
    pub media_timeout: Option<Duration>,
    /// Send to the source that really sends (symmetric RTP, RFC 4961), and accept media from any address. Default true.
    /// When false, media goes where SDP says and is accepted only from that IP address.
    pub symmetric: bool,
}

impl RtpSessionConfig {
    /// Audio of one payload type both ways, 20 ms, symmetric, RTCP on the next port; SSRC and CNAME are made from the seed.
    pub fn new(
        clock_anchor: ClockAnchor,
        seed: u64,
        remote_rtp: SocketAddr,
        payload_type: PayloadType,
        clock_rate: ClockRate,
    ) -> Self {
        let mut random = Random::new(!seed);
        let ptime = Duration::from_millis(20);
        Self {
            ssrc: Ssrc(random.next_u32()),
            cname: format!("{:016x}", random.next_u64()),
            clock_anchor,
            seed,
            clock_rate,
            send_payload_type: payload_type,
            receive_payload_types: vec![payload_type],
            other_clock_rates: Vec::new(),
            telephone_event: None,
            redundancy: None,
            extended_reports: ExtendedReports::default(),
            send_quality: CodecQuality::G711,
            receive_qualities: Vec::new(),
            remote_rtp,
            remote_rtcp: SocketAddr::new(remote_rtp.ip(), remote_rtp.port().wrapping_add(1)),
            rtcp_mux: false,
            ptime,
            may_send: true,
            may_receive: true,
            jitter_buffer: JitterBufferConfig {
                clock_rate,
                ptime,
                ..JitterBufferConfig::default()
            },
            no_media_after: Duration::from_secs(5),
            media_timeout: Some(Duration::from_secs(30)),
            symmetric: true,
        }
    }
}

/// What a re-INVITE or UPDATE changed; `None` keeps what is. SSRC, sequence numbers and timestamps go on.
#[derive(Debug, Clone, Default)]
pub struct RtpSessionUpdate {
    /// New destination of RTP.
    pub remote_rtp: Option<SocketAddr>,
    /// New destination of RTCP.
    pub remote_rtcp: Option<SocketAddr>,
    /// RTCP shares the RTP port.
    pub rtcp_mux: Option<bool>,
    /// New RTP clock of what we send and receive.
    pub clock_rate: Option<ClockRate>,
    /// New payload type of what we send.
    pub send_payload_type: Option<PayloadType>,
    /// New set of what can be decoded.
    pub receive_payload_types: Option<Vec<PayloadType>>,
    /// Those whose RTP clock is not `clock_rate`.
    pub other_clock_rates: Option<Vec<(PayloadType, ClockRate)>>,
    /// DTMF: `Some(None)` turns it off.
    pub telephone_event: Option<Option<TelephoneEventFormat>>,
    /// Redundancy: `Some(None)` turns it off.
    pub redundancy: Option<Option<RedundancyFormat>>,
    /// New wishes for extended reports.
    pub extended_reports: Option<ExtendedReports>,
    /// New cost of what we send.
    pub send_quality: Option<CodecQuality>,
    /// New costs of what is received.
    pub receive_qualities: Option<Vec<(PayloadType, CodecQuality)>>,
    /// New packet time of what we send.
    pub ptime: Option<Duration>,
    /// New direction.
    pub may_send: Option<bool>,
    /// New direction.
    pub may_receive: Option<bool>,
}
