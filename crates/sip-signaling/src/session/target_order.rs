//! In which order the servers of a domain are tried (RFC 3263, RFC 2782), and which are passed over for a while.

use std::{
    collections::HashMap,
    hash::Hash,
    time::{Duration, Instant},
};

use crate::Transport;

/// How long a server that failed is tried last, where it does not say itself (`Retry-After`).
pub(crate) const PASSED_OVER: Duration = Duration::from_secs(60);
/// The longest that a server may ask to be left alone.
const LONGEST: Duration = Duration::from_secs(3_600);

/// A NAPTR record of a domain (RFC 3263 section 4.1).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Naptr {
    pub(crate) order: u16,
    pub(crate) preference: u16,
    pub(crate) flags: String,
    pub(crate) service: String,
    /// The name to ask for SRV records.
    pub(crate) replacement: String,
}

/// An SRV record (RFC 2782).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Srv {
    pub(crate) priority: u16,
    pub(crate) weight: u16,
    pub(crate) port: u16,
    pub(crate) target: String,
}

/// The services to follow, in the domain's order; those that are not spoken here fall out, and below `sips:` those without TLS.
pub(crate) fn follow_naptr(
    mut records: Vec<Naptr>,
    secure: bool,
    spoken: impl Fn(Transport) -> bool,
) -> Vec<(Transport, String)> {
    records.sort_by_key(|record| (record.order, record.preference));
    records
        .into_iter()
        .filter(|record| record.flags.eq_ignore_ascii_case("s"))
        .filter_map(|record| Some((service_transport(&record.service)?, record.replacement)))
        .filter(|(transport, _)| spoken(*transport) && (!secure || transport.is_secure()))
        .collect()
}

/// RFC 3263 section 4.1, RFC 7118 section 5.3.
fn service_transport(service: &str) -> Option<Transport> {
    let services = [
        ("SIP+D2U", Transport::Udp),
        ("SIP+D2T", Transport::Tcp),
        ("SIPS+D2T", Transport::Tls),
        ("SIP+D2W", Transport::Ws),
        ("SIPS+D2W", Transport::Wss),
    ];
    services
        .into_iter()
        .find(|(name, _)| name.eq_ignore_ascii_case(service))
        .map(|(_, transport)| transport)
}

/// The name that the SRV records of a domain stand at (RFC 3263 section 4.2).
pub(crate) fn srv_name(transport: Transport, domain: &str) -> String {
    let service = match transport {
        Transport::Udp => "_sip._udp",
        Transport::Tcp => "_sip._tcp",
        Transport::Tls => "_sips._tcp",
        Transport::Ws => "_sip._ws",
        Transport::Wss => "_sips._ws",
    };
    format!("{service}.{domain}")
}

/// RFC 2782: the lowest priority first; within one, drawn by weight. `draw` gives numbers in [0, 1).
pub(crate) fn order_srv(mut records: Vec<Srv>, mut draw: impl FnMut() -> f64) -> Vec<Srv> {
    // A target of "." says that the service is not there.
    records.retain(|record| !record.target.is_empty() && record.target != ".");
    // Those without weight first, so that they have a chance at all.
    records.sort_by_key(|record| (record.priority, record.weight));
    let mut ordered = Vec::with_capacity(records.len());
    while let Some(first) = records.first() {
        let priority = first.priority;
        let equals = records
            .iter()
            .take_while(|record| record.priority == priority)
            .count();
        let total: u64 = records
            .iter()
            .take(equals)
            .map(|record| u64::from(record.weight))
            .sum();
        // A whole number in 0..=total.
        let drawn = (draw().clamp(0.0, 1.0) * (total as f64 + 1.0)) as u64;
        let mut sum = 0_u64;
        let chosen = records
            .iter()
            .take(equals)
            .position(|record| {
                sum = sum.saturating_add(record.weight.into());
                sum >= drawn
            })
            .unwrap_or(equals.saturating_sub(1));
        ordered.push(records.remove(chosen));
    }
    ordered
}

/// What is remembered of servers: who failed lately, and who served a domain last.
#[derive(Debug)]
pub(crate) struct TargetHealth<K> {
    failed: HashMap<K, Instant>,
    served: HashMap<String, K>,
}

impl<K> Default for TargetHealth<K> {
    fn default() -> Self {
        TargetHealth {
            failed: HashMap::new(),
            served: HashMap::new(),
        }
    }
}

impl<K: Copy + Eq + Hash> TargetHealth<K> {
    /// A server did not answer, refused the connection, or said 503: it is tried last for a while.
    pub(crate) fn failed(&mut self, now: Instant, server: K, retry_after: Option<Duration>) {
        self.failed.retain(|_, until| *until > now);
        let pause = retry_after.unwrap_or(PASSED_OVER).min(LONGEST);
        if let Some(until) = now.checked_add(pause) {
            self.failed.insert(server, until);
        }
        self.served.retain(|_, served| *served != server);
    }

    /// Whoever failed has another chance: it may have been our network and not theirs.
    pub(crate) fn forgive(&mut self) {
        self.failed.clear();
    }

    /// A server is there again.
    pub(crate) fn worked(&mut self, server: K) {
        self.failed.remove(&server);
    }

    /// A server keeps our registration in this domain: what else goes to the domain goes there, too.
    pub(crate) fn serves(&mut self, domain: &str, server: K) {
        self.worked(server);
        self.served.insert(domain.to_ascii_lowercase(), server);
    }

    /// The registration is gone: nothing is known of the domain.
    pub(crate) fn forget(&mut self, domain: &str) {
        self.served.remove(&domain.to_ascii_lowercase());
    }

    /// Puts the server of the domain first and those that failed last, the one that comes back first before the others.
    pub(crate) fn sort<T>(
        &self,
        now: Instant,
        domain: &str,
        candidates: &mut [T],
        key: impl Fn(&T) -> K,
    ) {
        let served = self.served.get(&domain.to_ascii_lowercase());
        candidates.sort_by_key(|candidate| {
            let key = key(candidate);
            let until = self.failed.get(&key).filter(|until| **until > now);
            (until.copied(), served != Some(&key))
        });
    }

    /// As [`sort`](Self::sort) for the registration itself, which goes back to a server of a better rank once that may be there again; among
    /// servers of one rank it stays where it is.
    pub(crate) fn sort_for_registration<T>(
        &self,
        now: Instant,
        domain: &str,
        candidates: &mut [T],
        key: impl Fn(&T) -> K,
        rank: impl Fn(&T) -> u32,
    ) {
        self.sort(now, domain, candidates, &key);
        candidates.sort_by_key(|candidate| {
            let until = self.failed.get(&key(candidate));
            (
                until.filter(|until| **until > now).copied(),
                rank(candidate),
            )
        });
    }
}

#[cfg(test)]
#[allow(
    clippy::unwrap_used,
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing
)]
mod tests {
    use super::*;

    fn now() -> Instant {
        tokio::time::Instant::now().into_std()
    }

    /// The same numbers in each run (Numerical Recipes' generator).
    fn seeded(mut state: u32) -> impl FnMut() -> f64 {
        move || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            f64::from(state) / 4_294_967_296.0
        }
    }

    fn srv(priority: u16, weight: u16, target: &str) -> Srv {
        Srv {
            priority,
            weight,
            port: 5060,
            target: target.to_owned(),
        }
    }

    fn targets(records: &[Srv]) -> String {
        let names: Vec<&str> = records
            .iter()
            .map(|record| record.target.as_str())
            .collect();
        names.join(" ")
    }

    #[test]
    fn lower_priorities_come_first_and_weights_are_kept_in_the_long_run() {
        let records = vec![srv(20, 0, "last"), srv(10, 75, "big"), srv(10, 25, "small")];
        let mut draw = seeded(1);
        let mut big_first = 0;
        for _ in 0..10_000 {
            let ordered = targets(&order_srv(records.clone(), &mut draw));
            match ordered.as_str() {
                "big small last" => big_first += 1,
                other => assert_eq!(other, "small big last"),
            }
        }
        assert!((7_200..7_700).contains(&big_first), "{big_first}");
    }

    #[test]
    fn records_without_weight_are_tried_all_the_same() {
        let records = vec![
            srv(1, 0, "a"),
            srv(1, 0, "b"),
            srv(1, 100, "c"),
            srv(1, 0, "."),
        ];
        let ordered = order_srv(records.clone(), seeded(7));
        assert_eq!(ordered.len(), 3);
        // The same numbers give the same order.
        assert_eq!(ordered, order_srv(records, seeded(7)));
        assert_eq!(order_srv(Vec::new(), seeded(7)), []);
        // At either end of the draw.
        for value in [0.0, 0.999_999_999, 1.0] {
            assert_eq!(
                order_srv(vec![srv(1, 5, "a"), srv(1, 5, "b")], || value).len(),
                2
            );
        }
    }

    #[test]
    fn naptr_is_followed_in_order_for_what_is_spoken() {
        let record = |order, preference, service: &str, replacement: &str| Naptr {
            order,
            preference,
            flags: "s".into(),
            service: service.into(),
            replacement: replacement.into(),
        };
        let records = vec![
            record(50, 60, "SIP+D2U", "udp"),
            record(50, 50, "SIPS+D2T", "tls"),
            record(40, 99, "SIP+D2S", "sctp"),
            record(50, 55, "sip+d2t", "tcp"),
            Naptr {
                flags: "u".into(),
                ..record(1, 1, "SIP+D2U", "other")
            },
        ];
        let names = |secure, spoken: fn(Transport) -> bool| {
            follow_naptr(records.clone(), secure, spoken)
                .into_iter()
                .map(|(transport, name)| format!("{transport} {name}"))
                .collect::<Vec<_>>()
        };
        assert_eq!(names(false, |_| true), ["TLS tls", "TCP tcp", "UDP udp"]);
        assert_eq!(names(true, |_| true), ["TLS tls"]);
        assert_eq!(
            names(false, |transport| transport == Transport::Udp),
            ["UDP udp"]
        );
    }

    #[test]
    fn a_server_that_failed_is_tried_last_until_its_time_is_over() {
        let start = now();
        let mut health = TargetHealth::<char>::default();
        let order = |health: &TargetHealth<char>, at: u64| {
            let mut candidates = ['a', 'b', 'c'];
            health.sort(
                start + Duration::from_secs(at),
                "example.com",
                &mut candidates,
                |c| *c,
            );
            candidates.iter().collect::<String>()
        };
        assert_eq!(order(&health, 0), "abc");
        health.failed(start, 'a', None);
        health.failed(start, 'b', Some(Duration::from_secs(10)));
        assert_eq!(order(&health, 1), "cba");
        assert_eq!(order(&health, 10), "bca");
        assert_eq!(order(&health, 60), "abc");
        health.worked('a');
        assert_eq!(order(&health, 1), "acb");
    }

    #[test]
    fn what_goes_to_a_domain_goes_where_the_registration_stands() {
        let start = now();
        let mut health = TargetHealth::<char>::default();
        health.serves("Example.com", 'b');
        let order = |health: &TargetHealth<char>, domain: &str| {
            let mut candidates = ['a', 'b', 'c'];
            health.sort(start, domain, &mut candidates, |c| *c);
            candidates.iter().collect::<String>()
        };
        assert_eq!(order(&health, "example.com"), "bac");
        assert_eq!(order(&health, "example.org"), "abc");
        health.failed(start, 'b', None);
        assert_eq!(order(&health, "example.com"), "acb");
        health.serves("example.com", 'c');
        health.forget("example.COM");
        assert_eq!(order(&health, "example.com"), "acb");
    }

    #[test]
    fn a_registration_goes_back_to_a_better_server_and_stays_among_equals() {
        let start = now();
        let mut health = TargetHealth::<char>::default();
        let order = |health: &TargetHealth<char>, at: u64| {
            let mut candidates = [('a', 0), ('b', 1), ('c', 1)];
            let at = start + Duration::from_secs(at);
            health.sort_for_registration(
                at,
                "example.com",
                &mut candidates,
                |(name, _)| *name,
                |(_, rank)| *rank,
            );
            candidates.iter().map(|(name, _)| *name).collect::<String>()
        };
        health.failed(start, 'a', None);
        health.serves("example.com", 'c');
        assert_eq!(order(&health, 1), "cba");
        assert_eq!(order(&health, 60), "acb");
        health.serves("example.com", 'a');
        assert_eq!(order(&health, 1), "abc");
    }
}
