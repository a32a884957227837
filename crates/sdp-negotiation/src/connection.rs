//! `c=<network type> <address type> <address>`, at session and at media level (RFC 8866 section 5.7).

use std::fmt;
use std::net::{IpAddr, Ipv4Addr};

/// Where media is to be sent: the `c=` line.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Connection {
    /// The address.
    pub address: Address,
}

impl Connection {
    /// A connection to a literal address.
    #[must_use]
    pub fn new(ip: IpAddr) -> Self {
        Connection {
            address: Address::Ip(ip),
        }
    }
}

/// An address in an `o=`, `c=` or `a=rtcp` line.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Address {
    /// A literal IPv4 or IPv6 address.
    Ip(IpAddr),
    /// A host name, which the caller would have to resolve.
    Host {
        /// The name.
        name: String,
        /// Whether the line said `IP6`.
        ipv6: bool,
    },
}

impl Address {
    /// Reads the address type (`IP4` or `IP6`) and the address. A multicast TTL or count is dropped.
    ///
    /// An address literal of the other family than announced is taken as what it is.
    #[must_use]
    pub fn parse(address_type: &str, address: &str) -> Option<Self> {
        let ipv6 = if address_type.eq_ignore_ascii_case("IP6") {
            true
        } else if address_type.eq_ignore_ascii_case("IP4") {
            false
        } else {
            return None;
        };
        let address = address.split('/').next().unwrap_or_default();
        let literal = address.trim_start_matches('[').trim_end_matches(']');
        if let Ok(ip) = literal.parse() {
            return Some(Address::Ip(ip));
        }
        let is_name = !address.is_empty() && address.bytes().all(|byte| byte.is_ascii_graphic());
        is_name.then(|| Address::Host {
            name: address.to_owned(),
            ipv6,
        })
    }

    /// The literal address, if it is one.
    #[must_use]
    pub fn ip(&self) -> Option<IpAddr> {
        match self {
            Address::Ip(ip) => Some(*ip),
            Address::Host { .. } => None,
        }
    }

    /// `IP4` or `IP6`.
    #[must_use]
    pub fn address_type(&self) -> &'static str {
        match self {
            Address::Ip(IpAddr::V4(_)) | Address::Host { ipv6: false, .. } => "IP4",
            Address::Ip(IpAddr::V6(_)) | Address::Host { ipv6: true, .. } => "IP6",
        }
    }
}

impl Default for Address {
    fn default() -> Self {
        Address::Ip(IpAddr::V4(Ipv4Addr::UNSPECIFIED))
    }
}

impl fmt::Display for Address {
    /// Prints the address alone, without its type.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Address::Ip(ip) => write!(f, "{ip}"),
            Address::Host { name, .. } => f.write_str(name),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(address_type: &str, address: &str, expected: Option<&str>) {
        let printed = Address::parse(address_type, address)
            .map(|address| format!("{} {address}", address.address_type()));
        assert_eq!(printed.as_deref(), expected);
    }

    #[test]
    fn literals_names_and_multicast_are_read() {
        check("IP4", "192.0.2.7", Some("IP4 192.0.2.7"));
        check("IP6", "2001:db8::7", Some("IP6 2001:db8::7"));
        check("IP6", "[2001:db8::7]", Some("IP6 2001:db8::7"));
        check("ip4", "media.example.com", Some("IP4 media.example.com"));
        check("IP4", "224.2.1.1/127/3", Some("IP4 224.2.1.1"));
    }

    #[test]
    fn a_literal_of_the_other_family_is_taken_as_what_it_is() {
        check("IP4", "2001:db8::7", Some("IP6 2001:db8::7"));
    }

    #[test]
    fn unknown_address_types_are_refused() {
        check("E164", "+4930123", None);
        check("IP4", "", None);
    }
}
