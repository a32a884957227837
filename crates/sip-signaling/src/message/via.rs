//! One Via element (RFC 3261 section 20.42).

#![deny(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects
)]

use std::{
    fmt,
    net::{IpAddr, SocketAddr},
};

use super::{
    params::Params,
    text::is_token,
    uri::{bracketed, parse_host_port},
};

/// `SIP/2.0/UDP host:port;branch=…`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Via {
    /// Transport as written: `UDP`, `TCP`, …
    pub transport: String,
    /// Host of sent-by, IPv6 without brackets.
    pub host: String,
    /// Port of sent-by.
    pub port: Option<u16>,
    /// `branch`, `received`, `rport`, …
    pub params: Params,
}

impl Via {
    /// Parses one element; `None` if it is malformed.
    pub fn parse(text: &str) -> Option<Via> {
        // White space may stand around each slash (RFC 3261 section 25.1, SLASH).
        let mut parts = text.splitn(3, '/').map(str::trim);
        let (name, version, rest) = (parts.next()?, parts.next()?, parts.next()?);
        let (transport, rest) = rest.split_once(char::is_whitespace)?;
        if !name.eq_ignore_ascii_case("SIP") || version != "2.0" || !is_token(transport) {
            return None;
        }
        let (sent_by, params) = rest.split_once(';').unwrap_or((rest, ""));
        let (host, port) = parse_host_port(sent_by)?;
        Some(Via {
            transport: transport.to_ascii_uppercase(),
            host,
            port,
            params: Params::parse(params),
        })
    }

    /// The branch parameter.
    pub fn branch(&self) -> Option<&str> {
        self.params
            .get("branch")
            .filter(|branch| !branch.is_empty())
    }

    /// `received`, where it is an address (brackets around IPv6 tolerated).
    pub fn received(&self) -> Option<IpAddr> {
        self.params
            .get("received")?
            .trim_matches(['[', ']'])
            .parse()
            .ok()
    }

    /// `rport`, where it has a value (RFC 3581).
    pub fn rport(&self) -> Option<u16> {
        self.params.get("rport")?.parse().ok()
    }

    /// Notes where the request really came from, as a server must (RFC 3261 section 18.2.1, RFC 3581 section 4).
    pub fn set_source(&mut self, source: SocketAddr) {
        let differs = self.host.parse() != Ok(source.ip());
        let asked = self.params.contains("rport");
        if differs || asked {
            self.params
                .set_raw("received", Some(&source.ip().to_string()));
        }
        if asked {
            self.params
                .set_raw("rport", Some(&source.port().to_string()));
        }
    }
}

impl fmt::Display for Via {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SIP/2.0/{} {}", self.transport, bracketed(&self.host))?;
        if let Some(port) = self.port {
            write!(f, ":{port}")?;
        }
        write!(f, "{}", self.params)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn source_is_noted_in_received_and_rport() {
        let mut via = Via::parse("SIP/2.0/udp 10.0.0.1:5060;branch=z9hG4bK1;rport").unwrap();
        via.set_source("192.0.2.1:4000".parse().unwrap());
        assert_eq!(
            via.to_string(),
            "SIP/2.0/UDP 10.0.0.1:5060;branch=z9hG4bK1;received=192.0.2.1;rport=4000"
        );
        assert_eq!(
            (via.received().unwrap().to_string(), via.rport()),
            ("192.0.2.1".into(), Some(4000))
        );
        assert_eq!(
            Via::parse("SIP/2.0/UDP [2001:db8::1]:5;received=[2001:db8::2]")
                .unwrap()
                .received(),
            "2001:db8::2".parse().ok()
        );
        assert!(Via::parse("SIP/2.0").is_none());
    }
}
