//! How a call's media is set up, and what a re-INVITE may change of it.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use audio_codecs::{Codec, ResamplerQuality};
use rtp_media::{ExtendedReports, JitterBufferConfig, RedundancyFormat, TelephoneEventFormat};

use crate::ListenConfig;

/// A codec under the payload type that the two sides agreed on.
#[derive(Debug, Clone)]
pub struct MediaFormat {
    /// Payload type in the RTP header: the peer's number for what we send, ours for what we receive.
    pub payload_type: u8,
    /// The codec.
    pub codec: Arc<dyn Codec>,
    /// The peer's `a=fmtp` parameters for it, which the encoder obeys.
    pub fmtp: Option<String>,
}

impl MediaFormat {
    /// A codec without parameters.
    pub fn new(payload_type: u8, codec: Arc<dyn Codec>) -> Self {
        Self {
            payload_type,
            codec,
            fmtp: None,
        }
    }
}

/// The payload types of comfort noise (RFC 3389).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ComfortNoiseFormat {
    /// Ours for what we receive; `None` takes none. Default 13, the static one: gateways send it whether it
    /// was agreed or not. A format that is received under the same number goes before.
    pub receive_payload_type: Option<u8>,
    /// The peer's number for what we send: silence is then not sent but described (discontinuous
    /// transmission). Default `None`: silence is sent as audio.
    pub send_payload_type: Option<u8>,
}

impl Default for ComfortNoiseFormat {
    fn default() -> Self {
        Self {
            receive_payload_type: Some(13),
            send_payload_type: None,
        }
    }
}

/// Everything the engine must know of a call. [`MediaConfig::new`] gives working values for all
/// that is not an argument.
#[derive(Debug, Clone)]
pub struct MediaConfig {
    /// What we send.
    pub send: MediaFormat,
    /// All that the peer may send; the first is the one it should.
    pub receive: Vec<MediaFormat>,
    /// Where SDP says to send RTP.
    pub remote_rtp: SocketAddr,
    /// Where SDP says to send RTCP. Ignored with `rtcp_mux`.
    pub remote_rtcp: SocketAddr,
    /// RTCP shares the RTP port (RFC 5761).
    pub rtcp_mux: bool,
    /// Audio in one packet that we send, 10 to 60 ms. Frames received have this length too.
    pub ptime: Duration,
    /// DTMF (RFC 4733), when negotiated.
    pub telephone_event: Option<TelephoneEventFormat>,
    /// Comfort noise (RFC 3389).
    pub comfort_noise: ComfortNoiseFormat,
    /// Redundancy (RFC 2198), when negotiated: each packet repeats the ones before it.
    pub redundancy: Option<RedundancyFormat>,
    /// The extended reports (RFC 3611) that the peer asks for. What it sends is read in any case.
    pub extended_reports: ExtendedReports,
    /// Direction: whether we may send. When not, playback waits in place.
    pub may_send: bool,
    /// Direction: whether the peer may send.
    pub may_receive: bool,
    /// Rate of the frames the program receives, in Hz, 8,000 to 192,000. `None`: that of the codec
    /// the call begins with.
    pub receive_rate: Option<u32>,
    /// How audio is brought to the codec's rate and back. Default
    /// [`Fast`](ResamplerQuality::Fast): 2.5 ms at 8 kHz, and nothing that is heard on a telephone.
    pub resampler_quality: ResamplerQuality,
    /// How much audio from the peer waits for a program that lags, until the oldest is lost. Default 1 s.
    pub receive_buffer: Duration,
    /// How much audio may be queued for the peer until `send` waits. Default 30 s.
    pub playback_buffer: Duration,
    /// The jitter buffer; its clock rate and packet time follow from the formats.
    pub jitter_buffer: JitterBufferConfig,
    /// How long without media until [`MediaEvent::NoMedia`](crate::MediaEvent::NoMedia). Default 5 s.
    pub no_media_after: Duration,
    /// How long without any sign of the peer until
    /// [`MediaEvent::MediaTimeout`](crate::MediaEvent::MediaTimeout). Default 30 s; `None` never.
    pub media_timeout: Option<Duration>,
    /// How often [`MediaEvent::Quality`](crate::MediaEvent::Quality) comes. Default 5 s; at least 100 ms.
    pub quality_interval: Duration,
    /// The call is not answered yet: received frames say so.
    pub early_media: bool,
    /// What to listen for in the sound itself. Default nothing.
    pub listen: ListenConfig,
    /// Yield what was sent as [`AudioBridge::sent`](crate::AudioBridge::sent), for recordings.
    pub tap_sent: bool,
    /// Send to the source that really sends (symmetric RTP, RFC 4961). Default true.
    pub symmetric: bool,
    /// Canonical name in RTCP; `None` makes a random one (RFC 7022).
    pub cname: Option<String>,
}

impl MediaConfig {
    /// One format both ways, 20 ms, sending and receiving, RTCP on the port after RTP.
    pub fn new(remote_rtp: SocketAddr, format: MediaFormat) -> Self {
        Self {
            receive: vec![format.clone()],
            send: format,
            remote_rtp,
            remote_rtcp: SocketAddr::new(remote_rtp.ip(), remote_rtp.port().wrapping_add(1)),
            rtcp_mux: false,
            ptime: Duration::from_millis(20),
            telephone_event: None,
            comfort_noise: ComfortNoiseFormat::default(),
            redundancy: None,
            extended_reports: ExtendedReports::default(),
            may_send: true,
            may_receive: true,
            receive_rate: None,
            resampler_quality: ResamplerQuality::default(),
            receive_buffer: Duration::from_secs(1),
            playback_buffer: Duration::from_secs(30),
            jitter_buffer: JitterBufferConfig::default(),
            no_media_after: Duration::from_secs(5),
            media_timeout: Some(Duration::from_secs(30)),
            quality_interval: Duration::from_secs(5),
            early_media: false,
            listen: ListenConfig::default(),
            tap_sent: false,
            symmetric: true,
            cname: None,
        }
    }
}

/// What a re-INVITE, an UPDATE or the answer to early media changed; `None` keeps what is. Sequence
/// numbers, timestamps and what is queued go on.
#[derive(Debug, Clone, Default)]
pub struct MediaUpdate {
    /// What we send.
    pub send: Option<MediaFormat>,
    /// All that the peer may send.
    pub receive: Option<Vec<MediaFormat>>,
    /// New destination of RTP.
    pub remote_rtp: Option<SocketAddr>,
    /// New destination of RTCP.
    pub remote_rtcp: Option<SocketAddr>,
    /// RTCP shares the RTP port.
    pub rtcp_mux: Option<bool>,
    /// Audio in one packet that we send, 10 to 60 ms.
    pub ptime: Option<Duration>,
    /// DTMF: `Some(None)` turns it off.
    pub telephone_event: Option<Option<TelephoneEventFormat>>,
    /// Comfort noise.
    pub comfort_noise: Option<ComfortNoiseFormat>,
    /// Redundancy: `Some(None)` turns it off.
    pub redundancy: Option<Option<RedundancyFormat>>,
    /// Extended reports that the peer asks for.
    pub extended_reports: Option<ExtendedReports>,
    /// New direction.
    pub may_send: Option<bool>,
    /// New direction.
    pub may_receive: Option<bool>,
    /// Whether the call is still not answered.
    pub early_media: Option<bool>,
    /// What to listen for in the sound itself.
    pub listen: Option<ListenConfig>,
}

impl From<MediaConfig> for MediaUpdate {
    /// Everything in `config` that was negotiated. What to listen for stays.
    fn from(config: MediaConfig) -> Self {
        Self {
            send: Some(config.send),
            receive: Some(config.receive),
            remote_rtp: Some(config.remote_rtp),
            remote_rtcp: Some(config.remote_rtcp),
            rtcp_mux: Some(config.rtcp_mux),
            ptime: Some(config.ptime),
            telephone_event: Some(config.telephone_event),
            comfort_noise: Some(config.comfort_noise),
            redundancy: Some(config.redundancy),
            extended_reports: Some(config.extended_reports),
            may_send: Some(config.may_send),
            may_receive: Some(config.may_receive),
            early_media: Some(config.early_media),
            listen: None,
        }
    }
}
