//! The settings of a client, each with the default that suits most programs.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::ops::RangeInclusive;
use std::time::Duration;

use crate::CodecTable;

/// Settings of a [`HeadlessSipClient`](crate::HeadlessSipClient).
///
/// ```
/// use headless_sip::ClientConfig;
///
/// let config = ClientConfig {
///     username: Some("alice".into()),
///     password: Some("secret".into()),
///     registrar: Some("sip:registrar.example.com".into()),
///     ..Default::default()
/// };
/// assert!(!format!("{config:?}").contains("secret"));
/// ```
#[derive(Clone, Debug)]
pub struct ClientConfig {
    /// Where to listen for SIP, UDP and TCP alike. Port 0 takes a free one; `0.0.0.0` listens on every
    /// address and names the one that routes to the far end. Default `0.0.0.0:0`.
    pub local_sip_addr: SocketAddr,
    /// The user part of our address of record, and of the digest unless `auth_username` says otherwise.
    pub username: Option<String>,
    /// The password for digest authentication (RFC 8760).
    pub password: Option<Password>,
    /// The digest user name where it differs from `username`.
    pub auth_username: Option<String>,
    /// The name shown beside our address in `From`.
    pub display_name: Option<String>,
    /// Where to register, as a SIP URI or a bare host name; none: calls go out unregistered.
    pub registrar: Option<String>,
    /// An outbound proxy that every request goes through first, as a SIP URI or a bare host name.
    pub proxy: Option<String>,
    /// The transport of requests that we begin. Default UDP.
    pub transport: Transport,
    /// When and whether to register. Default [`Register::Wait`].
    pub register: Register,
    /// The lifetime asked for a registration; refreshed well before it ends. Default 300 s.
    pub register_expires: Duration,
    /// Header fields added to every REGISTER and INVITE, as (name, value).
    pub headers: Vec<(String, String)>,
    /// Codecs in order of preference. Default: all that are compiled in.
    pub codecs: CodecTable,
    /// The audio time in one RTP packet that we send, 10 to 60 ms, unless the peer asks otherwise. Default 20 ms.
    pub ptime: Duration,
    /// UDP ports for RTP and RTCP; each call takes an even one and the odd one above it. Default 16384 to 32767.
    pub rtp_ports: RangeInclusive<u16>,
    /// The address for RTP sockets and SDP. Default: the one SIP uses towards the far end.
    pub local_rtp_ip: Option<IpAddr>,
    /// The sample rate of received frames, in Hz, 8,000 to 192,000. Default: that of the negotiated codec.
    pub receive_sample_rate: Option<u32>,
    /// How much audio may wait to be sent before [`AudioSender::send`](crate::AudioSender::send) waits. Default 30 s.
    pub playback_buffer: Duration,
    /// How long an outgoing call may ring before it is cancelled. Default 180 s.
    pub ring_timeout: Duration,
    /// A call whose media has stopped for this long is hung up; off while on hold. Default 30 s.
    pub media_timeout: Option<Duration>,
    /// After how long without media [`CallEvent::NoMedia`](crate::CallEvent::NoMedia) tells the cause. Default 5 s.
    pub no_media_after: Duration,
    /// How often [`CallEvent::Quality`](crate::CallEvent::Quality) comes. Default 5 s.
    pub quality_interval: Duration,
    /// Media threads, apart from the async runtime. Default: one per core, at most 4.
    pub media_threads: Option<usize>,
    /// Also hand out the audio that is sent, frame by frame beside what is received, for recorders
    /// ([`AudioBridge::sent`](crate::AudioBridge)). Default off.
    pub tap_sent: bool,
    /// The `User-Agent` and `Server` header. Default `headless-sip/VERSION`.
    pub user_agent: String,
    /// T1, the round-trip estimate that SIP's timers are made of (RFC 3261 section 17.1.1.1). Default 500 ms.
    pub sip_t1: Duration,
    /// The session interval that calls ask for (RFC 4028): a call whose far end vanished ends within it. `None` asks for none. Default 30 min.
    pub session_expires: Option<Duration>,
    /// How [`CallControl::send_dtmf`](crate::CallControl::send_dtmf) sends keys; received ones are told whichever way they come. Default
    /// [`DtmfMode::Rfc4733`].
    pub dtmf_mode: DtmfMode,
    /// Far ends may ask us to call somebody else ([`CallEvent::TransferRequested`](crate::CallEvent::TransferRequested)); otherwise they are
    /// refused with 603. Default false.
    pub allow_refer: bool,
    /// Calls may take the place of others (`Replaces`, RFC 3891), as attended transfers do; otherwise they are refused with 403. Default false.
    pub allow_replaces: bool,
}

impl Default for ClientConfig {
    fn default() -> Self {
        Self {
            local_sip_addr: SocketAddr::from(([0, 0, 0, 0], 0)),
            username: None,
            password: None,
            auth_username: None,
            display_name: None,
            registrar: None,
            proxy: None,
            transport: Transport::Udp,
            register: Register::Wait,
            register_expires: Duration::from_secs(300),
            headers: Vec::new(),
            codecs: CodecTable::default(),
            ptime: Duration::from_millis(20),
            rtp_ports: 16_384..=32_767,
            local_rtp_ip: None,
            receive_sample_rate: None,
            playback_buffer: Duration::from_secs(30),
            ring_timeout: Duration::from_secs(180),
            media_timeout: Some(Duration::from_secs(30)),
            no_media_after: Duration::from_secs(5),
            quality_interval: Duration::from_secs(5),
            media_threads: None,
            tap_sent: false,
            user_agent: concat!("headless-sip/", env!("CARGO_PKG_VERSION")).to_owned(),
            sip_t1: Duration::from_millis(500),
            session_expires: Some(Duration::from_secs(1_800)),
            dtmf_mode: DtmfMode::Rfc4733,
            allow_refer: false,
            allow_replaces: false,
        }
    }
}

impl ClientConfig {
    /// The settings of an account, for building on: `ClientConfig::account("alice", "secret", "sip:pbx.example.com")`.
    pub fn account(username: &str, password: &str, registrar: &str) -> Self {
        Self {
            username: Some(username.to_owned()),
            password: Some(password.into()),
            registrar: Some(registrar.to_owned()),
            ..Self::default()
        }
    }
}

/// The transport of the requests that we begin (RFC 3261 section 18).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Transport {
    /// SIP over UDP.
    #[default]
    Udp,
    /// SIP over TCP.
    Tcp,
}

/// How keys are sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum DtmfMode {
    /// In the audio stream as telephone-event packets (RFC 4733).
    #[default]
    Rfc4733,
    /// In INFO requests with `application/dtmf-relay`; `application/dtmf` where the far end refuses that with 415.
    Info,
}

/// When a client registers (RFC 3261 section 10).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Register {
    /// At once; a client that cannot register is an error.
    #[default]
    Wait,
    /// At once, in the background, again and again until it works.
    Background,
    /// Not before [`HeadlessSipClient::register`](crate::HeadlessSipClient::register); the registrar's host completes
    /// dialled numbers all the same.
    Never,
}

/// A password that no log and no `Debug` shows.
#[derive(Clone, PartialEq, Eq)]
pub struct Password(String);

impl Password {
    /// The text of it, for computing a digest.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl From<&str> for Password {
    fn from(text: &str) -> Self {
        Self(text.to_owned())
    }
}

impl From<String> for Password {
    fn from(text: String) -> Self {
        Self(text)
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password(***)")
    }
}
