//! The settings of a client, each with the default that suits most programs.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::time::Duration;

use audio_codecs::ResamplerQuality;
use sip_signaling::TlsConfig;

use crate::{CodecTable, InBandDtmf, JitterBufferConfig, Limits, ListenConfig, TrunkConfig};

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
    /// The transport of requests that we begin. Default [`Transport::Udp`]: what the URI names, else UDP; a `sips:` URI
    /// goes over TLS.
    pub transport: Transport,
    /// Name servers to ask for the servers of a domain (NAPTR, SRV, A and AAAA, RFC 3263; feature `dns-srv`). Default: those of the system.
    pub dns_servers: Vec<SocketAddr>,
    /// Interval of the keep-alive that holds a registration's way through NAT open over UDP. Default 25 s; `None`: none.
    pub udp_keep_alive: Option<Duration>,
    /// Requests larger than this, in bytes, go over TCP instead of UDP where the server takes it (RFC 3261 section 18.1.1). Default 1,300.
    pub udp_limit: usize,
    /// Whom TLS and WSS trust (default: the system's authorities), and the certificate that we show.
    pub tls: TlsConfig,
    /// Where to listen for TLS; needs [`TlsConfig::identity`]. Default: nowhere, so that calls come in over connections
    /// that we have opened, as those to a registrar.
    pub tls_listen: Option<SocketAddr>,
    /// Where to listen for WebSockets (RFC 7118). Default: nowhere.
    pub ws_listen: Option<SocketAddr>,
    /// Where to listen for WebSockets over TLS; needs [`TlsConfig::identity`]. Default: nowhere.
    pub wss_listen: Option<SocketAddr>,
    /// The path of WebSockets that we open. Default `/ws`.
    pub ws_path: String,
    /// When and whether to register. Default [`Register::Wait`].
    pub register: Register,
    /// The lifetime asked for a registration; refreshed well before it ends. Default 300 s.
    pub register_expires: Duration,
    /// A URN that names this program for ever, such as `urn:uuid:f81d4fae-7dec-11d0-a765-00a0c91e6bf6`: a registrar that knows RFC 5626 then
    /// replaces the binding of an earlier start instead of calling that, too. Default none.
    pub instance_id: Option<String>,
    /// Header fields added to every REGISTER and INVITE, as (name, value).
    pub headers: Vec<(String, String)>,
    /// Codecs in order of preference. Default: Opus (where compiled in), G722, PCMU, PCMA.
    pub codecs: CodecTable,
    /// The audio time in one RTP packet that we send, 10 to 60 ms, unless the peer asks otherwise. Default 20 ms.
    pub ptime: Duration,
    /// Do not send silence with G.711 and G.722, but describe it (comfort noise, RFC 3389), where the peer can take
    /// that. Saves bandwidth; some peers, recorders and NATs do not like the pauses. What the peer describes is
    /// heard as noise in any case. Default off.
    pub silence_suppression: bool,
    /// How many earlier packets each packet repeats (RFC 2198, `red`), 0 to 4, where the peer can take that: audio
    /// survives so many losses in a row, for so many times the bandwidth. What a peer sends redundant is used in any case.
    /// Default 0.
    pub redundancy: u8,
    /// Ask for extended reports (RFC 3611), and send them to a peer that asks: each side then knows how the other hears
    /// it ([`CallStats::remote_mos`](crate::CallStats)). Default true.
    pub extended_reports: bool,
    /// How audio is brought to the codec's rate and back. Default [`Fast`](ResamplerQuality::Fast): 2.5 ms at 8 kHz,
    /// and nothing that is heard on a telephone.
    pub resampler_quality: ResamplerQuality,
    /// UDP ports for RTP and RTCP; each call takes an even one and the odd one above it. Default 16384 to 32767.
    pub rtp_ports: RangeInclusive<u16>,
    /// Notice by itself that this machine has another address or another way out, and do what
    /// [`HeadlessSipClient::network_changed`](crate::HeadlessSipClient::network_changed) does. On Linux, and if `local_sip_addr` is an unspecified
    /// address. Default true.
    pub watch_network: bool,
    /// The address for RTP sockets and SDP. Default: the one SIP uses towards the far end.
    pub local_rtp_ip: Option<IpAddr>,
    /// The sample rate of received frames, in Hz, 8,000 to 192,000. Default: that of the negotiated codec.
    pub receive_sample_rate: Option<u32>,
    /// How received audio is delayed so that packets that come late are still heard: one knob from least delay to best
    /// sound, and bounds. Its clock rate and packet time follow from the codec.
    pub jitter_buffer: JitterBufferConfig,
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
    /// What to listen for in the sound of calls, told as [`CallEvent::Heard`](crate::CallEvent::Heard): speech, both speaking at once, tones of
    /// the network, answering machines; [`Dial::listen`](crate::Dial::listen), [`IncomingCall::set_listen`](crate::IncomingCall::set_listen) and
    /// [`CallControl::listen`](crate::CallControl::listen) say it for one call. Default: keys as tones while telephone-event is not agreed, nothing
    /// else.
    pub listen: ListenConfig,
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
    /// Who may call; everybody else is refused. Default `None`: anybody may.
    pub trunk: Option<TrunkConfig>,
    /// How much far ends may make us read and hold.
    pub limits: Limits,
    /// A file for all SIP messages from the first on, without passwords, answers of digests and keys of media: a capture for Wireshark
    /// and sngrep if its name ends in `.pcapng`, else text with a ladder at the end. It is whole after
    /// [`shutdown`](crate::HeadlessSipClient::shutdown). Default: none.
    pub trace_file: Option<PathBuf>,
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
            dns_servers: Vec::new(),
            udp_keep_alive: Some(Duration::from_secs(25)),
            udp_limit: 1_300,
            tls: TlsConfig::default(),
            tls_listen: None,
            ws_listen: None,
            wss_listen: None,
            ws_path: "/ws".to_owned(),
            register: Register::Wait,
            register_expires: Duration::from_secs(300),
            instance_id: None,
            headers: Vec::new(),
            codecs: CodecTable::default(),
            ptime: Duration::from_millis(20),
            silence_suppression: false,
            redundancy: 0,
            extended_reports: true,
            resampler_quality: ResamplerQuality::default(),
            rtp_ports: 16_384..=32_767,
            watch_network: true,
            local_rtp_ip: None,
            receive_sample_rate: None,
            jitter_buffer: JitterBufferConfig::default(),
            playback_buffer: Duration::from_secs(30),
            ring_timeout: Duration::from_secs(180),
            media_timeout: Some(Duration::from_secs(30)),
            no_media_after: Duration::from_secs(5),
            quality_interval: Duration::from_secs(5),
            media_threads: None,
            listen: ListenConfig {
                dtmf: InBandDtmf::Auto,
                ..ListenConfig::default()
            },
            tap_sent: false,
            user_agent: concat!("headless-sip/", env!("CARGO_PKG_VERSION")).to_owned(),
            sip_t1: Duration::from_millis(500),
            session_expires: Some(Duration::from_secs(1_800)),
            dtmf_mode: DtmfMode::Rfc4733,
            allow_refer: false,
            allow_replaces: false,
            trunk: None,
            limits: Limits::default(),
            trace_file: None,
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
    /// SIP over TLS (feature `tls`).
    Tls,
    /// SIP over WebSocket (RFC 7118, feature `ws`).
    Ws,
    /// SIP over WebSocket with TLS (RFC 7118, features `ws` and `tls`).
    Wss,
}

impl Transport {
    /// What is asked of the signalling: UDP, the default, leaves the choice to the URI.
    pub(crate) fn wanted(self) -> Option<sip_signaling::Transport> {
        match self {
            Self::Udp => None,
            Self::Tcp => Some(sip_signaling::Transport::Tcp),
            Self::Tls => Some(sip_signaling::Transport::Tls),
            Self::Ws => Some(sip_signaling::Transport::Ws),
            Self::Wss => Some(sip_signaling::Transport::Wss),
        }
    }
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
    /// As tones in the audio (ITU-T Q.23), for far ends that know nothing else. Not with Opus at low bitrates: it does not keep tones pure.
    InBand,
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
