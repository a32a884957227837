//! Where a request goes: a transport and an address, found from a URI.

use std::net::{IpAddr, SocketAddr, UdpSocket};

use crate::{SignalingError, Transport, Uri, message::Scheme};

/// One place to send to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Target {
    pub(crate) transport: Transport,
    pub(crate) addr: SocketAddr,
}

impl Target {
    /// A and AAAA records of the URI's host, of the family of `local`. `wanted` overrides the URI's transport.
    pub(crate) async fn resolve(
        uri: &Uri,
        wanted: Option<Transport>,
        default: Transport,
        local: IpAddr,
    ) -> Result<Vec<Target>, SignalingError> {
        let failed = |why: &str| SignalingError::Transport {
            peer: uri.to_string(),
            why: why.to_owned(),
        };
        match uri.scheme() {
            Scheme::Sip => {}
            Scheme::Sips => {
                return Err(SignalingError::Config(
                    "sips: needs TLS, which this build does not speak; use sip:".into(),
                ));
            }
            Scheme::Tel => {
                return Err(SignalingError::Config(
                    "a tel: URI needs an outbound proxy; set one".into(),
                ));
            }
        }
        if let (None, Some(unknown), None) =
            (wanted, uri.params().get("transport"), uri.transport())
        {
            return Err(failed(&format!(
                "transport \"{unknown}\" is not spoken here"
            )));
        }
        let transport = wanted.or(uri.transport()).unwrap_or(default);
        let host = uri.params().get("maddr").unwrap_or(uri.host());
        let port = uri.port().unwrap_or(5060);
        let found: Vec<SocketAddr> = match host.parse::<IpAddr>() {
            Ok(ip) => vec![SocketAddr::new(ip, port)],
            Err(_) => tokio::net::lookup_host((host, port))
                .await
                .map_err(|error| failed(&error.to_string()))?
                .collect(),
        };
        let targets: Vec<Target> = found
            .into_iter()
            .filter(|addr| addr.is_ipv4() == local.is_ipv4())
            .map(|addr| Target { transport, addr })
            .collect();
        if targets.is_empty() {
            return Err(failed(
                "the name has no address of the local address's family (IPv4 or IPv6)",
            ));
        }
        Ok(targets)
    }
}

/// The local address that the system routes to `peer` from; nothing is sent.
pub(crate) fn local_ip_towards(peer: SocketAddr) -> Result<IpAddr, SignalingError> {
    let any = if peer.is_ipv4() {
        SocketAddr::from(([0, 0, 0, 0], 0))
    } else {
        SocketAddr::from(([0_u16; 8], 0))
    };
    let probe = || -> std::io::Result<IpAddr> {
        let socket = UdpSocket::bind(any)?;
        socket.connect(peer)?;
        Ok(socket.local_addr()?.ip())
    };
    probe().map_err(|error| SignalingError::Transport {
        peer: peer.to_string(),
        why: error.to_string(),
    })
}
