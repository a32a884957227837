//! Where a message came from or goes to.

#![deny(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects
)]

use sip_signaling::{Transport, Uri};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// Port of SIP over UDP and TCP where a URI names none (RFC 3261 section 19.1.2).
pub(super) const DEFAULT_PORT: u16 = 5060;

/// A transport and the address at its other end. A TCP connection is known by its peer's address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Flow {
    pub(super) transport: Transport,
    pub(super) peer: SocketAddr,
}

impl Flow {
    pub(super) fn new(transport: Transport, peer: SocketAddr) -> Self {
        Self { transport, peer }
    }

    /// Where a URI points to. Addresses and `localhost` only: the PBX asks no name server.
    pub(super) fn to_uri(uri: &Uri) -> Option<Flow> {
        let ip = host_ip(uri.host())?;
        let peer = SocketAddr::new(ip, uri.port().unwrap_or(DEFAULT_PORT));
        Some(Flow::new(uri.transport().unwrap_or_default(), peer))
    }

    /// As a token that can stand in a Via parameter.
    pub(super) fn to_token(self) -> String {
        let ip = match self.peer.ip() {
            IpAddr::V4(ip) => format!("{:08x}", u32::from(ip)),
            IpAddr::V6(ip) => format!("{:032x}", u128::from(ip)),
        };
        format!("{}.{ip}.{}", self.transport.as_param(), self.peer.port())
    }

    pub(super) fn from_token(token: &str) -> Option<Flow> {
        let mut parts = token.split('.');
        let transport = Transport::from_param(parts.next()?)?;
        let (hex, port) = (parts.next()?, parts.next()?.parse().ok()?);
        let ip = match hex.len() {
            8 => IpAddr::V4(Ipv4Addr::from(u32::from_str_radix(hex, 16).ok()?)),
            32 => IpAddr::V6(Ipv6Addr::from(u128::from_str_radix(hex, 16).ok()?)),
            _ => return None,
        };
        Some(Flow::new(transport, SocketAddr::new(ip, port)))
    }
}

/// A host as an address, where that needs no name server.
pub(super) fn host_ip(host: &str) -> Option<IpAddr> {
    if host.eq_ignore_ascii_case("localhost") {
        return Some(IpAddr::V4(Ipv4Addr::LOCALHOST));
    }
    host.parse().ok()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_flow_comes_back_from_its_token() {
        for (transport, peer) in [
            (Transport::Udp, "127.0.0.1:5060"),
            (Transport::Tcp, "[2001:db8::7]:40000"),
        ] {
            let flow = Flow::new(transport, peer.parse().unwrap());
            assert_eq!(Flow::from_token(&flow.to_token()), Some(flow));
        }
        for bad in [
            "",
            "udp",
            "udp.7f000001",
            "udp.zz.1",
            "sctp.7f000001.1",
            "udp.7f000001.70000",
        ] {
            assert_eq!(Flow::from_token(bad), None, "{bad}");
        }
    }

    #[test]
    fn a_uri_without_port_and_transport_is_udp_5060() {
        let to = |text: &str| Flow::to_uri(&Uri::parse(text).unwrap());
        assert_eq!(
            to("sip:a@127.0.0.1"),
            Some(Flow::new(Transport::Udp, "127.0.0.1:5060".parse().unwrap()))
        );
        assert_eq!(
            to("sip:a@[::1]:7;transport=tcp"),
            Some(Flow::new(Transport::Tcp, "[::1]:7".parse().unwrap()))
        );
        assert_eq!(to("sip:a@example.com"), None);
    }
}
