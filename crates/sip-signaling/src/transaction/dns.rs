//! What name servers say of a domain.

use std::net::{IpAddr, SocketAddr};

use crate::session::{Naptr, Srv};

/// Asks name servers; what fails is as if it were not there.
pub(super) struct Dns {
    #[cfg(feature = "dns-srv")]
    resolver: Option<hickory_resolver::TokioResolver>,
    /// Name servers were named by the program, so that addresses are asked of them as well.
    named: bool,
}

impl Dns {
    /// `servers`: those to ask; none: those of the system.
    pub(super) fn new(servers: &[SocketAddr]) -> Dns {
        Dns {
            #[cfg(feature = "dns-srv")]
            resolver: records::resolver(servers),
            named: !servers.is_empty(),
        }
    }

    pub(super) async fn naptr(&self, _name: &str) -> Vec<Naptr> {
        #[cfg(feature = "dns-srv")]
        if let Some(resolver) = &self.resolver {
            return records::naptr(resolver, _name).await;
        }
        Vec::new()
    }

    pub(super) async fn srv(&self, _name: &str) -> Vec<Srv> {
        #[cfg(feature = "dns-srv")]
        if let Some(resolver) = &self.resolver {
            return records::srv(resolver, _name).await;
        }
        Vec::new()
    }

    /// A and AAAA records; the system's own ways (hosts file, mDNS) where no name servers were named.
    pub(super) async fn addresses(&self, name: &str) -> Result<Vec<IpAddr>, String> {
        if let Ok(address) = name.parse() {
            return Ok(vec![address]);
        }
        #[cfg(feature = "dns-srv")]
        if let Some(resolver) = self.resolver.as_ref().filter(|_| self.named) {
            return records::addresses(resolver, name).await;
        }
        let _ = self.named;
        let found = tokio::net::lookup_host((name.trim_end_matches('.'), 0)).await;
        found
            .map(|found| found.map(|addr| addr.ip()).collect())
            .map_err(|error| error.to_string())
    }
}

#[cfg(feature = "dns-srv")]
mod records {
    use std::{net::IpAddr, net::SocketAddr, time::Duration};

    use hickory_resolver::{
        TokioResolver,
        config::{ConnectionConfig, NameServerConfig, ResolverConfig},
        net::runtime::TokioRuntimeProvider,
        proto::rr::{RData, RecordType},
    };

    use crate::session::{Naptr, Srv};

    pub(super) fn resolver(servers: &[SocketAddr]) -> Option<TokioResolver> {
        let mut builder = if servers.is_empty() {
            TokioResolver::builder_tokio().ok()?
        } else {
            let servers = servers.iter().map(|server| {
                let with_port = |mut connection: ConnectionConfig| {
                    connection.port = server.port();
                    connection
                };
                let connections = vec![
                    with_port(ConnectionConfig::udp()),
                    with_port(ConnectionConfig::tcp()),
                ];
                NameServerConfig::new(server.ip(), true, connections)
            });
            TokioResolver::builder_with_config(
                ResolverConfig::from_name_servers(servers.collect()),
                TokioRuntimeProvider::default(),
            )
        };
        let options = builder.options_mut();
        // A call waits meanwhile.
        options.timeout = Duration::from_millis(1_500);
        options.attempts = 1;
        builder.build().ok()
    }

    /// Whole, so that no search list is tried.
    fn whole(name: &str) -> String {
        format!("{}.", name.trim_end_matches('.'))
    }

    fn text(bytes: &[u8]) -> String {
        String::from_utf8_lossy(bytes).into_owned()
    }

    async fn data(resolver: &TokioResolver, name: &str, kind: RecordType) -> Vec<RData> {
        match resolver.lookup(whole(name), kind).await {
            Ok(found) => found
                .answers()
                .iter()
                .map(|record| record.data.clone())
                .collect(),
            Err(error) => {
                tracing::debug!(name, %kind, %error, "no records");
                Vec::new()
            }
        }
    }

    pub(super) async fn naptr(resolver: &TokioResolver, name: &str) -> Vec<Naptr> {
        let found = data(resolver, name, RecordType::NAPTR).await;
        found
            .into_iter()
            .filter_map(|data| match data {
                RData::NAPTR(record) => Some(Naptr {
                    order: record.order,
                    preference: record.preference,
                    flags: text(&record.flags),
                    service: text(&record.services),
                    replacement: record.replacement.to_utf8(),
                }),
                _ => None,
            })
            .collect()
    }

    pub(super) async fn srv(resolver: &TokioResolver, name: &str) -> Vec<Srv> {
        let found = data(resolver, name, RecordType::SRV).await;
        found
            .into_iter()
            .filter_map(|data| match data {
                RData::SRV(record) => Some(Srv {
                    priority: record.priority,
                    weight: record.weight,
                    port: record.port,
                    target: record.target.to_utf8(),
                }),
                _ => None,
            })
            .collect()
    }

    pub(super) async fn addresses(
        resolver: &TokioResolver,
        name: &str,
    ) -> Result<Vec<IpAddr>, String> {
        let found = resolver
            .lookup_ip(whole(name))
            .await
            .map_err(|error| error.to_string())?;
        Ok(found.iter().collect())
    }
}
