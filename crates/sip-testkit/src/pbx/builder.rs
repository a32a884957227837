//! How an exchange is set up.

use super::core::Core;
use super::media::MediaRelays;
use super::server::{SharedCore, serve};
use super::settings::{Settings, User};
use super::transport::Sockets;
use super::{Fault, Pbx, PbxError};
use crate::network::ImpairmentConfig;
use sip_signaling::Uri;
use sip_signaling::digest::Algorithm;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::broadcast;

/// Events that may wait for a slow reader.
const EVENT_QUEUE: usize = 4096;

/// Settings of a [`Pbx`]. Every method changes one of them; [`PbxBuilder::start`] ends it.
#[derive(Clone)]
#[must_use = "an exchange runs only after start()"]
pub struct PbxBuilder {
    listen: String,
    settings: Settings,
    extensions: bool,
}

impl PbxBuilder {
    pub(super) fn new() -> Self {
        let settings = Settings {
            realm: "sip-testkit".to_owned(),
            domains: Vec::new(),
            users: Vec::new(),
            faults: Fault::usual(),
            challenge_calls: true,
            algorithms: vec![Algorithm::Sha256, Algorithm::Md5],
            nonce_lifetime: Duration::from_secs(300),
            default_expires: 3600,
            min_expires: 1,
            max_expires: 7200,
            impairment: None,
            listen: SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0),
            extensions: None,
        };
        Self {
            listen: "127.0.0.1:0".to_owned(),
            settings,
            extensions: true,
        }
    }

    /// Where to listen, as `IP:port`; port 0 takes a free one. Default `127.0.0.1:0`.
    pub fn listen(mut self, address: impl Into<String>) -> Self {
        self.listen = address.into();
        self
    }

    /// The realm of the challenges; a host name of it is also a domain of the exchange. Default
    /// `sip-testkit`.
    pub fn realm(mut self, realm: impl Into<String>) -> Self {
        self.settings.realm = realm.into();
        self
    }

    /// A host name for which the exchange answers, beside its address.
    pub fn domain(mut self, domain: impl Into<String>) -> Self {
        self.settings.domains.push(domain.into());
        self
    }

    /// A user that may register and call.
    pub fn user(self, name: impl Into<String>, password: impl Into<String>) -> Self {
        let name = name.into();
        self.user_with_auth_name(name.clone(), name, password)
    }

    /// A user whose name in digest authentication differs from that in its address.
    pub fn user_with_auth_name(
        mut self,
        name: impl Into<String>,
        auth_name: impl Into<String>,
        password: impl Into<String>,
    ) -> Self {
        let user = User {
            name: name.into(),
            auth_name: auth_name.into(),
            password: password.into(),
        };
        self.settings.users.retain(|known| known.name != user.name);
        self.settings.users.push(user);
        self
    }

    /// Lets this number fail in this way, instead of or beside the usual ones.
    pub fn fault(mut self, name: impl Into<String>, fault: Fault) -> Self {
        let name = name.into();
        self.settings.faults.retain(|(known, _)| *known != name);
        self.settings.faults.push((name, fault));
        self
    }

    /// Takes away all fault users set so far, the usual ones too.
    pub fn without_faults(mut self) -> Self {
        self.settings.faults.clear();
        self
    }

    /// Whether INVITE and other requests that start something need credentials (407). Default yes.
    pub fn challenge_calls(mut self, challenge: bool) -> Self {
        self.settings.challenge_calls = challenge;
        self
    }

    /// The digest algorithms that are offered, the preferred first (RFC 8760). Default SHA-256, MD5.
    pub fn algorithms(mut self, algorithms: impl Into<Vec<Algorithm>>) -> Self {
        self.settings.algorithms = algorithms.into();
        self
    }

    /// How long a nonce can be used before a client is asked again with `stale=true`. Default 300 s;
    /// zero lets no answer pass, for a test of who gives up.
    pub fn nonce_lifetime(mut self, lifetime: Duration) -> Self {
        self.settings.nonce_lifetime = lifetime;
        self
    }

    /// Registrations shorter than this are refused with 423 and Min-Expires, in seconds. Default 1.
    pub fn min_expires(mut self, seconds: u32) -> Self {
        self.settings.min_expires = seconds;
        self
    }

    /// Registrations are shortened to this, in seconds. Default 7200.
    pub fn max_expires(mut self, seconds: u32) -> Self {
        self.settings.max_expires = seconds;
        self
    }

    /// Puts a bad network between the media of all calls, the same both ways (with another seed).
    /// The exchange then rewrites the SDP that it passes on, so that RTP and RTCP go through it.
    pub fn impairment(self, impairment: ImpairmentConfig) -> Self {
        let back = impairment.with_seed(impairment.seed ^ 0x9E37_79B9_7F4A_7C15);
        self.impairment_per_direction(impairment, back)
    }

    /// As [`PbxBuilder::impairment`] with one network for what callers send and another for what
    /// they hear.
    pub fn impairment_per_direction(
        mut self,
        towards_callee: ImpairmentConfig,
        towards_caller: ImpairmentConfig,
    ) -> Self {
        self.settings.impairment = Some((towards_callee, towards_caller));
        self
    }

    /// Whether the numbers `echo`, `tone`, `dtmf` and `music` answer. Default yes; without the
    /// feature `extensions` they never do.
    pub fn extensions(mut self, extensions: bool) -> Self {
        self.extensions = extensions;
        self
    }

    /// Opens the sockets and serves. Must be called in a tokio runtime.
    ///
    /// # Errors
    /// [`PbxError::ListenAddress`], [`PbxError::Bind`], [`PbxError::Name`], and
    /// [`PbxError::Extension`] when the phone behind the extensions does not start.
    ///
    /// Cancel safe: nothing is left behind when the future is dropped.
    pub async fn start(self) -> Result<Pbx, PbxError> {
        let Self {
            listen,
            mut settings,
            extensions,
        } = self;
        let asked: SocketAddr = listen
            .parse()
            .map_err(|_| PbxError::ListenAddress(listen))?;
        check_names(&settings)?;
        if Uri::sip(None, &settings.realm, None).is_ok() {
            settings.domains.push(settings.realm.clone());
        }
        let (sockets, addr) = Sockets::bind(asked)
            .await
            .map_err(|source| PbxError::Bind {
                address: asked,
                source,
            })?;
        settings.listen = addr;
        #[cfg(feature = "extensions")]
        let running = if extensions {
            Some(super::extensions::Extensions::start(addr).await?)
        } else {
            None
        };
        #[cfg(feature = "extensions")]
        {
            settings.extensions = running.as_ref().map(|running| running.addr());
        }
        #[cfg(not(feature = "extensions"))]
        let _ = extensions;
        let media = settings.impairment.map(|(towards_callee, towards_caller)| {
            MediaRelays::new(media_ip(addr.ip()), towards_callee, towards_caller)
        });
        let (events, _) = broadcast::channel(EVENT_QUEUE);
        let core = SharedCore::new(Core::new(Arc::new(settings), media, events));
        let server = tokio::spawn(serve(core.clone(), sockets));
        Ok(Pbx {
            addr: reachable(addr),
            core,
            server,
            #[cfg(feature = "extensions")]
            extensions: running,
        })
    }
}

impl std::fmt::Debug for PbxBuilder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // Without the users, whose passwords are nobody's business.
        f.debug_struct("PbxBuilder")
            .field("listen", &self.listen)
            .finish_non_exhaustive()
    }
}

fn check_names(settings: &Settings) -> Result<(), PbxError> {
    let unfit = |what, value: &str| PbxError::Name {
        what,
        value: value.to_owned(),
    };
    if settings.realm.is_empty() || settings.realm.chars().any(char::is_control) {
        return Err(unfit("realm", &settings.realm));
    }
    for domain in &settings.domains {
        Uri::sip(None, domain, None).map_err(|_| unfit("domain", domain))?;
    }
    let users = settings
        .users
        .iter()
        .flat_map(|user| [&user.name, &user.auth_name]);
    let faults = settings.faults.iter().map(|(name, _)| name);
    for user in users.chain(faults) {
        if user.is_empty() || user.chars().any(|c| c.is_control() || c.is_whitespace()) {
            return Err(unfit("user", user));
        }
    }
    Ok(())
}

/// One address of all is none that SDP can name.
fn media_ip(listen: IpAddr) -> IpAddr {
    reachable(SocketAddr::new(listen, 0)).ip()
}

/// An exchange that listens everywhere is reached on this machine's loopback.
pub(super) fn reachable(listen: SocketAddr) -> SocketAddr {
    let ip = match listen.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => IpAddr::V4(Ipv4Addr::LOCALHOST),
        IpAddr::V6(ip) if ip.is_unspecified() => IpAddr::V6(Ipv6Addr::LOCALHOST),
        ip => ip,
    };
    SocketAddr::new(ip, listen.port())
}
