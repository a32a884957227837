//! What the program sets: the user agent, a registration, a call.

use std::{net::SocketAddr, time::Duration};

use super::user_agent::check_headers;
use crate::{
    Body, Credentials, HeaderList, Limits, Method, NameAddr, SignalingError, TlsConfig, Transport,
    TrunkConfig, Uri,
};

/// RFC 3261 table 4. The defaults are the RFC's; tests use shorter ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timers {
    /// Round-trip estimate, default 500 ms.
    pub t1: Duration,
    /// Longest interval between retransmissions, default 4 s.
    pub t2: Duration,
    /// How long a message stays in the network, default 5 s.
    pub t4: Duration,
    /// How long an unanswered request or an unacknowledged answer is kept up (timers B, F, H, L), default 64 T1 = 32 s.
    pub give_up: Duration,
}

impl Default for Timers {
    fn default() -> Self {
        Timers::from_t1(Duration::from_millis(500))
    }
}

impl Timers {
    /// All timers in the RFC's proportion to T1.
    pub fn from_t1(t1: Duration) -> Timers {
        Timers {
            t1,
            t2: t1.saturating_mul(8),
            t4: t1.saturating_mul(10),
            give_up: t1.saturating_mul(64),
        }
    }
}

/// Configuration of a [`crate::UserAgent`].
#[derive(Debug, Clone)]
pub struct UserAgentConfig {
    /// Address of the sockets, default `0.0.0.0:5060`. Port 0 takes one free port for UDP and TCP alike. With an
    /// unspecified address (0.0.0.0, ::) Contact and Via name the address that routes to the peer.
    pub local_addr: SocketAddr,
    /// UDP is spoken, default true.
    pub udp: bool,
    /// TCP is spoken and listened on, default true.
    pub tcp: bool,
    /// Requests larger than this, in bytes, go over TCP instead of UDP where the peer takes it (RFC 3261 section 18.1.1), default
    /// 1,300.
    pub udp_limit: usize,
    /// Interval of the keep-alive that holds a registration's way through NAT open over UDP, default 25 s; `None`: none.
    pub udp_keep_alive: Option<Duration>,
    /// Name servers to ask for NAPTR, SRV and addresses (RFC 3263; feature `dns-srv`); none: those of the system.
    pub dns_servers: Vec<SocketAddr>,
    /// Whom TLS and WSS trust, and who we are there.
    pub tls: TlsConfig,
    /// Where to listen for TLS (usually port 5061); needs [`TlsConfig::identity`]. `None`: only calls out go over TLS.
    pub tls_listen: Option<SocketAddr>,
    /// Where to listen for WebSockets (RFC 7118).
    pub ws_listen: Option<SocketAddr>,
    /// Where to listen for WebSockets over TLS; needs [`TlsConfig::identity`].
    pub wss_listen: Option<SocketAddr>,
    /// The path of WebSockets that are opened, default `/ws`.
    pub ws_path: String,
    /// The User-Agent and Server header, default `headless-sip/<version>`.
    pub user_agent: String,
    /// First hop of every request outside a dialog, unless the call or registration names its own.
    pub outbound_proxy: Option<Uri>,
    /// Transaction timers.
    pub timers: Timers,
    /// How long a peer's offer waits for the program's answer before it is refused with 500, default 5 s.
    pub offer_timeout: Duration,
    /// How long a connection may take, the handshakes of TLS and WebSocket included, default 5 s.
    pub connect_timeout: Duration,
    /// Interval of the keep-alive on streams (RFC 5626 section 4.4.1), default 25 s. A peer that has answered one before and
    /// then leaves one unanswered for 10 s is given up: the connection is closed, and registrations over it start again.
    pub keep_alive: Duration,
    /// How much peers may make us read and hold.
    pub limits: Limits,
    /// The session interval that calls ask for (RFC 4028), default 1,800 s; `None` asks for none, and honours what a peer asks for.
    pub session_expires: Option<Duration>,
    /// The shortest session interval that is taken from a peer, others are refused with 422; default 90 s, the RFC's least.
    pub min_session_expires: Duration,
    /// Calls may take the place of others (INVITE with Replaces, RFC 3891), default false: refused with 403. Whoever knows Call-ID and tags of a
    /// call can take it over.
    pub allow_replaces: bool,
    /// Who may call; everybody else is refused. `None`, the default: anybody may.
    pub trunk: Option<TrunkConfig>,
}

impl Default for UserAgentConfig {
    fn default() -> Self {
        UserAgentConfig {
            local_addr: SocketAddr::from(([0, 0, 0, 0], 5060)),
            udp: true,
            tcp: true,
            udp_limit: 1_300,
            udp_keep_alive: Some(Duration::from_secs(25)),
            dns_servers: Vec::new(),
            tls: TlsConfig::default(),
            tls_listen: None,
            ws_listen: None,
            wss_listen: None,
            ws_path: "/ws".to_owned(),
            user_agent: concat!("headless-sip/", env!("CARGO_PKG_VERSION")).to_owned(),
            outbound_proxy: None,
            timers: Timers::default(),
            offer_timeout: Duration::from_secs(5),
            connect_timeout: Duration::from_secs(5),
            keep_alive: Duration::from_secs(25),
            limits: Limits::default(),
            session_expires: Some(Duration::from_secs(1_800)),
            min_session_expires: crate::session::LEAST_SESSION,
            allow_replaces: false,
            trunk: None,
        }
    }
}

/// A binding to keep at a registrar.
#[derive(Debug, Clone)]
pub struct RegistrationConfig {
    /// Request-URI: the registrar's domain, without user (`sip:example.com`).
    pub registrar: Uri,
    /// Address of record: To and From (`sip:alice@example.com`).
    pub aor: NameAddr,
    /// User part of the Contact; `None` takes that of the address of record.
    pub contact_user: Option<String>,
    /// A URN that names this device or program for ever, such as `urn:uuid:f81d4fae-7dec-11d0-a765-00a0c91e6bf6`: the registrar then replaces the
    /// binding of an earlier start instead of adding one (RFC 5626). Default `None`.
    pub instance_id: Option<String>,
    /// Answers to the registrar's challenge.
    pub credentials: Option<Credentials>,
    /// Wanted lifetime, default 300 s; the registrar may shorten it or demand a longer one (423).
    pub expires: Duration,
    /// First hop instead of the registrar and of [`UserAgentConfig::outbound_proxy`].
    pub proxy: Option<Uri>,
    /// Transport; `None` follows the `transport` parameter of the first hop, else UDP where it is spoken.
    pub transport: Option<Transport>,
    /// More headers of the REGISTER requests.
    pub headers: HeaderList,
    /// Shortest and longest pause after a failed attempt; doubled each time, jittered. Default 1 s to 60 s.
    pub retry_after_failure: (Duration, Duration),
}

impl RegistrationConfig {
    /// A registration with the defaults.
    pub fn new(registrar: Uri, aor: NameAddr) -> RegistrationConfig {
        RegistrationConfig {
            registrar,
            aor,
            contact_user: None,
            instance_id: None,
            credentials: None,
            expires: Duration::from_secs(300),
            proxy: None,
            transport: None,
            headers: HeaderList::new(),
            retry_after_failure: (Duration::from_secs(1), Duration::from_secs(60)),
        }
    }

    /// Whether it can be used; [`crate::UserAgent::register`] asks the same.
    ///
    /// # Errors
    /// `InvalidInput` for a header that is this crate's own, an instance id that is no URN, or a control character.
    pub fn check(&self) -> Result<(), SignalingError> {
        check_headers(&self.headers, false)?;
        // It goes between `"<` and `>"` (RFC 5626 section 4.1).
        let sound = |c: char| c.is_ascii_graphic() && !"<>\"\\".contains(c);
        let is_urn = |id: &str| id.len() > 4 && id.starts_with("urn:") && id.chars().all(sound);
        if self.instance_id.as_deref().is_some_and(|id| !is_urn(id)) {
            return Err(SignalingError::input(
                "instance id",
                "it is no URN, such as \"urn:uuid:f81d4fae-7dec-11d0-a765-00a0c91e6bf6\"",
            ));
        }
        Ok(())
    }
}

/// A request outside any call: MESSAGE, OPTIONS, PUBLISH, or one that this crate does not know.
#[derive(Debug, Clone)]
pub struct RequestOptions {
    /// The method.
    pub method: Method,
    /// Request-URI and To.
    pub target: Uri,
    /// From (a tag is added).
    pub from: NameAddr,
    /// Answers to challenges of the target and of proxies.
    pub credentials: Option<Credentials>,
    /// First hop instead of the target and of [`UserAgentConfig::outbound_proxy`]; goes into a Route header.
    pub proxy: Option<Uri>,
    /// Proxies to pass after that, such as [`crate::Registration::service_route`].
    pub route: Vec<NameAddr>,
    /// Transport; `None` follows the `transport` parameter of the first hop, else UDP where it is spoken.
    pub transport: Option<Transport>,
    /// More headers.
    pub headers: HeaderList,
    /// Body.
    pub body: Option<Body>,
}

impl RequestOptions {
    /// A request without body.
    pub fn new(method: Method, target: Uri, from: NameAddr) -> RequestOptions {
        RequestOptions {
            method,
            target,
            from,
            credentials: None,
            proxy: None,
            route: Vec::new(),
            transport: None,
            headers: HeaderList::new(),
            body: None,
        }
    }
}

/// A call to make.
#[derive(Debug, Clone)]
pub struct InviteOptions {
    /// Who is called: Request-URI and To.
    pub target: Uri,
    /// Who calls: From (a tag is added). Its user part goes into the Contact.
    pub from: NameAddr,
    /// Answers to challenges of the target and of proxies.
    pub credentials: Option<Credentials>,
    /// First hop instead of the target and of [`UserAgentConfig::outbound_proxy`]; goes into a Route header.
    pub proxy: Option<Uri>,
    /// Proxies to pass after that, such as [`crate::Registration::service_route`].
    pub route: Vec<NameAddr>,
    /// Transport; `None` follows the `transport` parameter of the first hop, else UDP where it is spoken.
    pub transport: Option<Transport>,
    /// More headers of the INVITE.
    pub headers: HeaderList,
    /// The offer; `None` leaves the offer to the peer (RFC 3264 over RFC 3261 section 13.2.1).
    pub body: Option<Body>,
    /// How long the peer may ring before the call is cancelled, default 180 s.
    pub ring_timeout: Duration,
}

impl InviteOptions {
    /// A call with the defaults.
    pub fn new(target: Uri, from: NameAddr) -> InviteOptions {
        InviteOptions {
            target,
            from,
            credentials: None,
            proxy: None,
            route: Vec::new(),
            transport: None,
            headers: HeaderList::new(),
            body: None,
            ring_timeout: Duration::from_secs(180),
        }
    }
}
