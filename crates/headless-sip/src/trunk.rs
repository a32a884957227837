//! Calls from peers that are registered nowhere: who they are, and what their calls are like.

use std::net::IpAddr;
use std::time::Duration;

use sip_signaling::{IpNet, Passwords, RateLimit};

use crate::CodecTable;

/// Trunk mode: who may call without a registration; everybody else is refused (403, or 401 where passwords are asked for) before a
/// media port is taken.
///
/// It holds for all requests outside calls. OPTIONS needs the address alone; a registrar that this client is registered at is let in too.
///
/// ```
/// use headless_sip::{ClientConfig, Passwords, TrunkConfig, TrunkPeer};
///
/// let trunk = TrunkConfig {
///     peers: vec![
///         TrunkPeer::network("carrier", "192.0.2.0/24".parse()?),
///         TrunkPeer::passwords("office", Passwords::table([("pbx", "secret")])),
///     ],
///     ..Default::default()
/// };
/// let config = ClientConfig { trunk: Some(trunk), ..Default::default() };
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct TrunkConfig {
    /// The peers; the first that fits counts.
    pub peers: Vec<TrunkPeer>,
    /// The realm of our challenges. Default `headless-sip`.
    pub realm: String,
    /// How long a nonce may be answered; later the peer is told that it is stale. Default 5 min.
    pub nonce_lifetime: Duration,
    /// How many INVITEs an address may send.
    pub rate: RateLimit,
}

impl Default for TrunkConfig {
    fn default() -> Self {
        let sip_signaling::TrunkConfig {
            realm,
            nonce_lifetime,
            rate,
            ..
        } = sip_signaling::TrunkConfig::default();
        Self {
            peers: Vec::new(),
            realm,
            nonce_lifetime,
            rate,
        }
    }
}

/// One peer of a trunk.
#[derive(Clone, Debug)]
pub struct TrunkPeer {
    /// What the program calls it ([`IncomingCall::trunk_peer`](crate::IncomingCall::trunk_peer)); its first peer of a name counts.
    pub name: String,
    /// Its addresses; none: any address, which then needs `passwords`.
    pub networks: Vec<IpNet>,
    /// Its users must know their passwords; `None`: its address is enough.
    pub passwords: Option<Passwords>,
    /// The codecs for its calls. Default: those of the client.
    pub codecs: Option<CodecTable>,
    /// The address that SDP tells it for the media, where that is not the one of the sockets: a public address with its ports forwarded
    /// to us. Default: that of the sockets.
    pub media_address: Option<IpAddr>,
}

impl TrunkPeer {
    /// A peer that is let in by its addresses.
    pub fn network(name: &str, network: IpNet) -> Self {
        Self {
            name: name.to_owned(),
            networks: vec![network],
            passwords: None,
            codecs: None,
            media_address: None,
        }
    }

    /// A peer that is let in by its users' passwords, from anywhere.
    pub fn passwords(name: &str, passwords: Passwords) -> Self {
        Self {
            name: name.to_owned(),
            networks: Vec::new(),
            passwords: Some(passwords),
            codecs: None,
            media_address: None,
        }
    }
}

impl TrunkConfig {
    /// The part of it that signalling enforces.
    pub(crate) fn signaling(&self) -> sip_signaling::TrunkConfig {
        let peer = |peer: &TrunkPeer| sip_signaling::TrunkPeer {
            name: peer.name.clone(),
            networks: peer.networks.clone(),
            passwords: peer.passwords.clone(),
        };
        sip_signaling::TrunkConfig {
            peers: self.peers.iter().map(peer).collect(),
            realm: self.realm.clone(),
            nonce_lifetime: self.nonce_lifetime,
            rate: self.rate,
        }
    }

    pub(crate) fn peer(&self, name: &str) -> Option<&TrunkPeer> {
        self.peers.iter().find(|peer| peer.name == name)
    }
}
