//! What the PBX was told, and who it is.

use super::Fault;
use super::flow::{DEFAULT_PORT, Flow, host_ip};
use crate::network::ImpairmentConfig;
use sip_signaling::digest::Algorithm;
use sip_signaling::{Transport, Uri};
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::time::Duration;

/// A user that may register and call.
#[derive(Clone)]
pub(super) struct User {
    pub(super) name: String,
    pub(super) auth_name: String,
    pub(super) password: String,
}

#[derive(Clone)]
pub(super) struct Settings {
    pub(super) realm: String,
    pub(super) domains: Vec<String>,
    pub(super) users: Vec<User>,
    pub(super) faults: Vec<(String, Fault)>,
    pub(super) challenge_calls: bool,
    pub(super) algorithms: Vec<Algorithm>,
    pub(super) nonce_lifetime: Duration,
    pub(super) default_expires: u32,
    pub(super) min_expires: u32,
    pub(super) max_expires: u32,
    pub(super) impairment: Option<(ImpairmentConfig, ImpairmentConfig)>,
    /// Where the PBX listens, with the port that it really got.
    pub(super) listen: SocketAddr,
    /// The phone that answers for the extensions.
    pub(super) extensions: Option<SocketAddr>,
}

/// The numbers that the exchange's own phone answers.
pub(super) const EXTENSIONS: [&str; 4] = ["echo", "tone", "dtmf", "music"];

impl Settings {
    pub(super) fn user(&self, name: &str) -> Option<&User> {
        self.users.iter().find(|user| user.name == name)
    }

    pub(super) fn fault(&self, name: &str) -> Option<&Fault> {
        self.faults
            .iter()
            .find(|(user, _)| user == name)
            .map(|(_, fault)| fault)
    }

    /// Where an extension answers.
    pub(super) fn extension(&self, name: &str) -> Option<SocketAddr> {
        self.extensions.filter(|_| EXTENSIONS.contains(&name))
    }

    /// Does the PBX answer for this URI's host?
    pub(super) fn is_ours(&self, uri: &Uri) -> bool {
        let named = self
            .domains
            .iter()
            .any(|domain| domain.eq_ignore_ascii_case(uri.host()));
        if named {
            return uri.port().is_none_or(|port| port == self.listen.port());
        }
        uri.port().unwrap_or(DEFAULT_PORT) == self.listen.port()
            && host_ip(uri.host()).is_some_and(|ip| self.is_own_address(ip))
    }

    fn is_own_address(&self, ip: IpAddr) -> bool {
        if self.listen.ip().is_unspecified() {
            // Only an address of this machine can be bound.
            return UdpSocket::bind((ip, 0)).is_ok();
        }
        ip == self.listen.ip()
    }

    /// The address under which `peer` reaches the PBX.
    pub(super) fn address_for(&self, peer: SocketAddr) -> SocketAddr {
        if !self.listen.ip().is_unspecified() {
            return self.listen;
        }
        // Connecting a datagram socket sends nothing; it asks the system for the route.
        let route = UdpSocket::bind((self.listen.ip(), 0)).and_then(|socket| {
            socket.connect(peer)?;
            socket.local_addr()
        });
        SocketAddr::new(
            route.map_or(peer.ip(), |local| local.ip()),
            self.listen.port(),
        )
    }

    /// The PBX as a URI, for Record-Route and the like.
    pub(super) fn own_uri(&self, flow: Flow) -> String {
        let transport = if flow.transport == Transport::Tcp {
            ";transport=tcp"
        } else {
            ""
        };
        format!("sip:{}{transport}", self.address_for(flow.peer))
    }
}
