//! Whose certificate it is, by the rules of RFC 5922.

use std::net::IpAddr;

/// The identities in a certificate's subjectAltName (RFC 5922 section 7.1).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct PeerIdentity {
    domains: Vec<String>,
    addresses: Vec<IpAddr>,
}

impl PeerIdentity {
    /// From the URIs, DNS names and addresses of subjectAltName. The common name is not asked: it stands for nothing.
    pub(crate) fn new<'a>(
        uris: impl Iterator<Item = &'a str>,
        dns_names: impl Iterator<Item = &'a str>,
        addresses: Vec<IpAddr>,
    ) -> PeerIdentity {
        let mut domains: Vec<String> = uris.filter_map(sip_domain).collect();
        // RFC 5922 section 7.1: DNS names count where there is no SIP URI.
        if domains.is_empty() {
            domains = dns_names.map(str::to_ascii_lowercase).collect();
        }
        PeerIdentity { domains, addresses }
    }

    /// True if the certificate stands for this host of a URI: a whole name without case, or an address.
    pub(crate) fn covers(&self, host: &str) -> bool {
        match host.parse::<IpAddr>() {
            Ok(address) => self.addresses.contains(&address),
            Err(_) => {
                let host = host.trim_end_matches('.');
                // RFC 5922 section 7.2: no wildcards, no suffixes. A wildcard is no host name, so it equals none.
                self.domains
                    .iter()
                    .any(|domain| domain.eq_ignore_ascii_case(host))
            }
        }
    }

    /// The names, for people.
    pub(crate) fn names(&self) -> Vec<String> {
        let addresses = self.addresses.iter().map(IpAddr::to_string);
        self.domains.iter().cloned().chain(addresses).collect()
    }
}

/// The domain of a `sip:` URI without user part; another URI is no domain identity.
fn sip_domain(uri: &str) -> Option<String> {
    let (scheme, rest) = uri.split_once(':')?;
    if !scheme.eq_ignore_ascii_case("sip") || rest.contains('@') {
        return None;
    }
    let host = rest.split([';', '?', ':']).next()?;
    (!host.is_empty()).then(|| host.to_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn identity(uris: &[&str], names: &[&str]) -> PeerIdentity {
        PeerIdentity::new(
            uris.iter().copied(),
            names.iter().copied(),
            vec![IpAddr::from([192, 0, 2, 1])],
        )
    }

    #[test]
    fn a_sip_uri_counts_alone_and_dns_names_where_there_is_none() {
        let both = identity(&["sip:Example.com"], &["proxy.example.com"]);
        assert!(both.covers("example.COM"));
        assert!(!both.covers("proxy.example.com"));
        assert!(identity(&[], &["proxy.example.com"]).covers("Proxy.example.com"));
        // RFC 5922 section 7.1: a URI of a user, or of another scheme, is no identity of a domain.
        let others = identity(
            &["sip:alice@example.com", "https://example.com"],
            &["example.org"],
        );
        assert!(!others.covers("example.com"));
        assert!(others.covers("example.org"));
    }

    #[test]
    fn wildcards_and_suffixes_match_nothing() {
        let wild = identity(&[], &["*.example.com", "example.org"]);
        for host in [
            "sip.example.com",
            "example.com",
            "sub.example.org",
            "org",
            "",
        ] {
            assert!(!wild.covers(host), "{host}");
        }
        assert!(wild.covers("example.org."));
    }

    #[test]
    fn an_address_matches_an_address_only() {
        let identity = identity(&["sip:example.com"], &["192.0.2.2"]);
        assert!(identity.covers("192.0.2.1"));
        assert!(!identity.covers("192.0.2.2"));
        assert_eq!(identity.names(), ["example.com", "192.0.2.1"]);
    }
}
