//! Where a request goes: a transport and an address, found from a URI.

use std::net::{IpAddr, SocketAddr, UdpSocket};

use super::stream::NameId;
use crate::{SignalingError, Transport, Uri, message::Scheme};

/// One place to send to, reached before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Target {
    pub(crate) transport: Transport,
    pub(crate) addr: SocketAddr,
    /// Whom its certificate has to name.
    pub(crate) name: NameId,
}

impl Target {
    /// A place that has no name but its address.
    pub(crate) fn of(transport: Transport, addr: SocketAddr) -> Target {
        Target {
            transport,
            addr,
            name: NameId::default(),
        }
    }
}

/// One place that a URI may lead to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Candidate {
    pub(crate) transport: Transport,
    pub(crate) addr: SocketAddr,
    /// The host of the URI: whom a certificate there has to name (RFC 5922 section 7.3), however the address was found.
    pub(crate) host: String,
    /// Its place in the domain's own order, 0 for the best; servers that share the load have the same.
    pub(crate) rank: u32,
}

impl Candidate {
    /// By what its health is remembered.
    pub(crate) fn key(&self) -> (Transport, SocketAddr) {
        (self.transport, self.addr)
    }
}

/// The transport for a URI: `wanted`, else what it names itself, else `default`; below `sips:` always with TLS (RFC 3261
/// section 26.2.2).
pub(crate) fn transport_towards(
    uri: &Uri,
    wanted: Option<Transport>,
    default: Transport,
) -> Result<Transport, SignalingError> {
    if uri.scheme() == Scheme::Tel {
        return Err(SignalingError::Config(
            "a tel: URI needs an outbound proxy; set one".into(),
        ));
    }
    if let (None, Some(unknown), None) = (wanted, uri.params().get("transport"), uri.transport()) {
        return Err(SignalingError::Transport {
            peer: uri.to_string(),
            why: format!("transport \"{unknown}\" is not spoken here"),
        });
    }
    let named = wanted.or(uri.transport());
    if uri.scheme() != Scheme::Sips {
        return Ok(named.unwrap_or(default));
    }
    let transport = named.unwrap_or(Transport::Tls);
    // What the program itself asks for is not changed behind its back; a URI's transport=tcp below sips means TLS.
    let asked_for = wanted.is_none() || transport.is_secure();
    transport
        .secured()
        .filter(|_| asked_for)
        .ok_or_else(|| insecure(uri, transport))
}

/// The error of a `sips:` request that would leave unprotected.
pub(crate) fn insecure(uri: &Uri, transport: Transport) -> SignalingError {
    SignalingError::Insecure {
        uri: uri.to_string(),
        transport,
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

/// Whether this machine has the address now.
pub(crate) fn is_local(ip: IpAddr) -> bool {
    UdpSocket::bind(SocketAddr::new(ip, 0)).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn towards(uri: &str, wanted: Option<Transport>) -> Result<Transport, SignalingError> {
        transport_towards(&Uri::parse(uri).unwrap(), wanted, Transport::Udp)
    }

    #[test]
    fn sips_takes_tls_or_is_refused() {
        for (uri, wanted, transport) in [
            ("sips:a@b", None, Transport::Tls),
            ("sips:a@b;transport=tcp", None, Transport::Tls),
            ("sips:a@b;transport=ws", None, Transport::Wss),
            ("sips:a@b", Some(Transport::Wss), Transport::Wss),
            ("sip:a@b", None, Transport::Udp),
            ("sip:a@b;transport=tls", None, Transport::Tls),
            ("sip:a@b;transport=ws", Some(Transport::Tcp), Transport::Tcp),
        ] {
            assert_eq!(towards(uri, wanted).unwrap(), transport, "{uri} {wanted:?}");
        }
        for (uri, wanted) in [
            ("sips:a@b;transport=udp", None),
            ("sips:a@b", Some(Transport::Udp)),
            ("sips:a@b", Some(Transport::Tcp)),
            ("sips:a@b", Some(Transport::Ws)),
        ] {
            assert!(
                matches!(towards(uri, wanted), Err(SignalingError::Insecure { .. })),
                "{uri} {wanted:?}"
            );
        }
    }
}
