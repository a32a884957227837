//! From a URI to the places where its server may be, in order (RFC 3263).

use std::{
    net::{IpAddr, SocketAddr},
    time::Duration,
};

use super::{
    dns::Dns,
    target::{Candidate, transport_towards},
};
use crate::{
    SignalingError, Transport, Uri,
    message::Scheme,
    session::{Srv, follow_naptr, order_srv, srv_name},
};

/// Name servers that take longer than this to tell the servers of a domain are as if they knew none: a caller waits.
const SEARCH_TIME: Duration = Duration::from_secs(3);

/// What the search depends on beside the URI.
pub(super) struct Search<'a> {
    pub(super) dns: &'a Dns,
    /// For URIs that name no transport and domains that say nothing.
    pub(super) default: Transport,
    /// The local address: UDP reaches its family only.
    pub(super) local: IpAddr,
    pub(super) spoken: &'a (dyn Fn(Transport) -> bool + Sync),
    /// Numbers in [0, 1), to draw by weight.
    pub(super) draw: fn() -> f64,
}

impl Search<'_> {
    /// `wanted` overrides the URI's transport. Never empty.
    pub(super) async fn locate(
        &self,
        uri: &Uri,
        wanted: Option<Transport>,
    ) -> Result<Vec<Candidate>, SignalingError> {
        let failed = |why: &str| SignalingError::Transport {
            peer: uri.to_string(),
            why: why.to_owned(),
        };
        let transport = transport_towards(uri, wanted, self.default)?;
        let host = uri.params().get("maddr").unwrap_or(uri.host());
        let candidate = |transport, addr, rank| Candidate {
            transport,
            addr,
            host: uri.host().to_owned(),
            rank,
        };
        // RFC 3263 section 4.2: an address, or a port, leaves nothing to look up but addresses.
        if host.parse::<IpAddr>().is_err() && uri.port().is_none() {
            let named = wanted.is_some() || uri.transport().is_some();
            let searching = self.servers(host, named.then_some(transport), uri.scheme());
            let found = tokio::time::timeout(SEARCH_TIME, searching).await;
            let found = found.unwrap_or_default();
            let mut candidates = Vec::new();
            let (mut rank, mut last) = (0_u32, None);
            for (transport, server) in found {
                let group = (transport, server.priority);
                if last.replace(group).is_some_and(|last| last != group) {
                    rank = rank.saturating_add(1);
                }
                let addresses = self.dns.addresses(&server.target).await.unwrap_or_default();
                for ip in self.usable(transport, addresses) {
                    candidates.push(candidate(transport, SocketAddr::new(ip, server.port), rank));
                }
            }
            if !candidates.is_empty() {
                return Ok(candidates);
            }
        }
        let port = uri.port().unwrap_or(transport.default_port());
        let addresses = self.dns.addresses(host).await.map_err(|why| failed(&why))?;
        let candidates: Vec<Candidate> = self
            .usable(transport, addresses)
            .into_iter()
            .map(|ip| candidate(transport, SocketAddr::new(ip, port), 0))
            .collect();
        if candidates.is_empty() {
            return Err(failed(
                "the name has no address of the local address's family (IPv4 or IPv6)",
            ));
        }
        Ok(candidates)
    }

    /// The SRV records to follow, in order.
    async fn servers(
        &self,
        domain: &str,
        transport: Option<Transport>,
        scheme: Scheme,
    ) -> Vec<(Transport, Srv)> {
        // A name of one label, as `localhost`, is none of the public tree.
        if !domain.trim_end_matches('.').contains('.') {
            return Vec::new();
        }
        let secure = scheme == Scheme::Sips;
        let services = match transport {
            Some(transport) => vec![(transport, srv_name(transport, domain))],
            None => {
                let records = self.dns.naptr(domain).await;
                let mut services = follow_naptr(records, secure, self.spoken);
                if services.is_empty() {
                    // RFC 3263 section 4.1: without NAPTR, what we speak, in our own order.
                    let ours = [Transport::Udp, Transport::Tcp, Transport::Tls];
                    services = ours
                        .into_iter()
                        .filter(|ours| (self.spoken)(*ours) && (!secure || ours.is_secure()))
                        .map(|ours| (ours, srv_name(ours, domain)))
                        .collect();
                }
                services
            }
        };
        let mut found = Vec::new();
        for (transport, name) in services {
            let records = order_srv(self.dns.srv(&name).await, self.draw);
            found.extend(records.into_iter().map(|record| (transport, record)));
        }
        found
    }

    /// The local family first; the other where a stream can be opened from anywhere.
    fn usable(&self, transport: Transport, addresses: Vec<IpAddr>) -> Vec<IpAddr> {
        let (mut ours, others): (Vec<IpAddr>, Vec<IpAddr>) = addresses
            .into_iter()
            .partition(|ip| ip.is_ipv4() == self.local.is_ipv4());
        if transport.is_stream() && self.local.is_unspecified() {
            ours.extend(others);
        }
        ours
    }
}
