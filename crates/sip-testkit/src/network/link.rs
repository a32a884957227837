//! A UDP relay on real sockets that impairs what passes.

use super::schedule::Schedule;
use super::{Impairment, ImpairmentConfig, ImpairmentStats};
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Instant;
use tokio::net::UdpSocket;
use tokio::task::JoinHandle;

/// Datagrams that may wait in one direction; more than that are dropped, as in any router.
const QUEUE: usize = 4096;
/// Largest datagram of UDP.
const DATAGRAM: usize = 65_536;

/// Why a link cannot start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LinkError {
    /// No socket.
    #[error("cannot bind a UDP socket on {address} ({source}); give an address of this machine")]
    Bind {
        /// The address asked for.
        address: IpAddr,
        /// What the system said.
        source: io::Error,
    },
    /// The system gave no even port with its odd neighbour.
    #[error(
        "found no free even port with a free odd port after it on {address}; free some UDP ports"
    )]
    NoPortPair {
        /// The address asked for.
        address: IpAddr,
    },
}

/// Where a link stands and what each direction does.
#[derive(Debug, Clone, Copy)]
pub struct LossyLinkConfig {
    /// Address on which both sockets are bound.
    pub ip: IpAddr,
    /// What happens from endpoint A to endpoint B.
    pub a_to_b: ImpairmentConfig,
    /// What happens from endpoint B to endpoint A.
    pub b_to_a: ImpairmentConfig,
}

impl LossyLinkConfig {
    /// The same both ways on 127.0.0.1, with a seed of its own for each direction.
    #[must_use]
    pub fn both_ways(impairment: ImpairmentConfig) -> Self {
        Self {
            ip: IpAddr::V4(Ipv4Addr::LOCALHOST),
            a_to_b: impairment,
            b_to_a: impairment.with_seed(impairment.seed ^ 0x9E37_79B9_7F4A_7C15),
        }
    }
}

/// What passed a link.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct LinkStats {
    /// From endpoint A to endpoint B.
    pub a_to_b: ImpairmentStats,
    /// From endpoint B to endpoint A.
    pub b_to_a: ImpairmentStats,
    /// Datagrams that came before the other endpoint's address was known, or when the queue was
    /// full.
    pub undeliverable: u64,
}

/// A relay between two UDP endpoints, A and B, over a bad network.
///
/// A sends to [`LossyLink::for_a`], B to [`LossyLink::for_b`]; each sees the other's datagrams come
/// from that same address. Where an endpoint lives is told with [`LossyLink::set_a`] and
/// [`LossyLink::set_b`], or learned from the first datagram that it sends.
///
/// The link stops when it is dropped.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use sip_testkit::network::{ImpairmentConfig, LossyLink, LossyLinkConfig};
///
/// let link = LossyLink::start(LossyLinkConfig::both_ways(ImpairmentConfig::default()))?;
/// let (a, b) = (std::net::UdpSocket::bind("127.0.0.1:0")?, tokio::net::UdpSocket::bind("127.0.0.1:0").await?);
/// link.set_b(b.local_addr()?);
/// a.send_to(b"hello", link.for_a())?;
/// let mut buffer = [0; 100];
/// let (length, from) = b.recv_from(&mut buffer).await?;
/// assert_eq!((&buffer[..length], from), (&b"hello"[..], link.for_b()));
/// # Ok(()) }
/// ```
#[derive(Debug)]
pub struct LossyLink {
    shared: Arc<Shared>,
    for_a: SocketAddr,
    for_b: SocketAddr,
    task: JoinHandle<()>,
}

impl LossyLink {
    /// Binds two sockets on free ports and starts to relay. Must be called in a tokio runtime.
    ///
    /// # Errors
    /// [`LinkError::Bind`] when `config.ip` is no address of this machine.
    pub fn start(config: LossyLinkConfig) -> Result<LossyLink, LinkError> {
        let socket = || bind(config.ip, 0);
        Self::on_sockets(config, socket()?, socket()?)
    }

    /// Two links for RTP and RTCP: each side's RTP port is even and its RTCP port the odd one after
    /// it. Must be called in a tokio runtime.
    ///
    /// # Errors
    /// [`LinkError::Bind`] as [`LossyLink::start`], [`LinkError::NoPortPair`] when ports are scarce.
    pub fn start_rtp_pair(config: LossyLinkConfig) -> Result<(LossyLink, LossyLink), LinkError> {
        let (rtp_a, rtcp_a) = bind_pair(config.ip)?;
        let (rtp_b, rtcp_b) = bind_pair(config.ip)?;
        let rtcp_config = LossyLinkConfig {
            a_to_b: config.a_to_b.with_seed(config.a_to_b.seed.wrapping_add(1)),
            b_to_a: config.b_to_a.with_seed(config.b_to_a.seed.wrapping_add(1)),
            ..config
        };
        Ok((
            Self::on_sockets(config, rtp_a, rtp_b)?,
            Self::on_sockets(rtcp_config, rtcp_a, rtcp_b)?,
        ))
    }

    fn on_sockets(
        config: LossyLinkConfig,
        a: std::net::UdpSocket,
        b: std::net::UdpSocket,
    ) -> Result<LossyLink, LinkError> {
        let failed = |source| LinkError::Bind {
            address: config.ip,
            source,
        };
        let (a, b) = (
            UdpSocket::from_std(a).map_err(failed)?,
            UdpSocket::from_std(b).map_err(failed)?,
        );
        let (for_a, for_b) = (
            a.local_addr().map_err(failed)?,
            b.local_addr().map_err(failed)?,
        );
        let shared = Arc::new(Shared::default());
        let relay = Relay {
            shared: Arc::clone(&shared),
            a,
            b,
            waiting: Schedule::new(),
        };
        let task = tokio::spawn(relay.run(
            Impairment::new(config.a_to_b),
            Impairment::new(config.b_to_a),
        ));
        Ok(LossyLink {
            shared,
            for_a,
            for_b,
            task,
        })
    }

    /// Where endpoint A sends to and gets datagrams from.
    #[must_use]
    pub fn for_a(&self) -> SocketAddr {
        self.for_a
    }

    /// Where endpoint B sends to and gets datagrams from.
    #[must_use]
    pub fn for_b(&self) -> SocketAddr {
        self.for_b
    }

    /// Endpoint A receives here from now on.
    pub fn set_a(&self, endpoint: SocketAddr) {
        self.shared.lock().endpoint_a = Some(endpoint);
    }

    /// Endpoint B receives here from now on.
    pub fn set_b(&self, endpoint: SocketAddr) {
        self.shared.lock().endpoint_b = Some(endpoint);
    }

    /// What passed so far.
    #[must_use]
    pub fn stats(&self) -> LinkStats {
        self.shared.lock().stats
    }
}

impl Drop for LossyLink {
    fn drop(&mut self) {
        self.task.abort();
    }
}

#[derive(Debug, Default)]
struct Shared(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    endpoint_a: Option<SocketAddr>,
    endpoint_b: Option<SocketAddr>,
    stats: LinkStats,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.0
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Side {
    A,
    B,
}

#[derive(Debug)]
struct Relay {
    shared: Arc<Shared>,
    a: UdpSocket,
    b: UdpSocket,
    waiting: Schedule<(Side, Vec<u8>)>,
}

impl Relay {
    async fn run(mut self, mut a_to_b: Impairment, mut b_to_a: Impairment) {
        let (mut from_a, mut from_b) = (vec![0; DATAGRAM], vec![0; DATAGRAM]);
        loop {
            let next = self.waiting.next_at();
            tokio::select! {
                received = self.a.recv_from(&mut from_a) => {
                    // An error here is an ICMP answer to an earlier send; the socket goes on.
                    if let Ok((length, source)) = received {
                        self.accept(Side::B, source, &from_a[..length], &mut a_to_b);
                    }
                }
                received = self.b.recv_from(&mut from_b) => {
                    if let Ok((length, source)) = received {
                        self.accept(Side::A, source, &from_b[..length], &mut b_to_a);
                    }
                }
                () = until(next), if next.is_some() => {}
            }
            self.send_due().await;
        }
    }

    fn accept(
        &mut self,
        to: Side,
        source: SocketAddr,
        datagram: &[u8],
        impairment: &mut Impairment,
    ) {
        let mut state = self.shared.lock();
        let known = if to == Side::B {
            &mut state.endpoint_a
        } else {
            &mut state.endpoint_b
        };
        known.get_or_insert(source);
        if self.waiting.len() >= QUEUE {
            state.stats.undeliverable += 1;
            return;
        }
        for at in impairment.deliver(Instant::now()) {
            self.waiting.push(at, (to, datagram.to_vec()));
        }
        match to {
            Side::B => state.stats.a_to_b = impairment.stats(),
            Side::A => state.stats.b_to_a = impairment.stats(),
        }
    }

    async fn send_due(&mut self) {
        while let Some((to, datagram)) = self.waiting.pop_due(Instant::now()) {
            let (socket, endpoint) = {
                let mut state = self.shared.lock();
                let (socket, endpoint) = if to == Side::A {
                    (&self.a, state.endpoint_a)
                } else {
                    (&self.b, state.endpoint_b)
                };
                if endpoint.is_none() {
                    state.stats.undeliverable += 1;
                }
                (socket, endpoint)
            };
            if let Some(endpoint) = endpoint {
                // A refused datagram is the endpoint's business: UDP promises nothing.
                let _ = socket.send_to(&datagram, endpoint).await;
            }
        }
    }
}

async fn until(at: Option<Instant>) {
    if let Some(at) = at {
        tokio::time::sleep_until(at.into()).await;
    }
}

fn bind(ip: IpAddr, port: u16) -> Result<std::net::UdpSocket, LinkError> {
    let failed = |source| LinkError::Bind {
        address: ip,
        source,
    };
    let socket = std::net::UdpSocket::bind((ip, port)).map_err(failed)?;
    socket.set_nonblocking(true).map_err(failed)?;
    Ok(socket)
}

/// RFC 3550 section 11: RTP on an even port, RTCP on the odd one after it.
fn bind_pair(ip: IpAddr) -> Result<(std::net::UdpSocket, std::net::UdpSocket), LinkError> {
    for _ in 0..200 {
        let one = bind(ip, 0)?;
        let port = one
            .local_addr()
            .map_err(|source| LinkError::Bind {
                address: ip,
                source,
            })?
            .port();
        let pair = if port % 2 == 0 {
            bind(ip, port + 1).map(|odd| (one, odd))
        } else {
            bind(ip, port - 1).map(|even| (even, one))
        };
        if let Ok(pair) = pair {
            return Ok(pair);
        }
    }
    Err(LinkError::NoPortPair { address: ip })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::network::Loss;
    use std::time::Duration;

    async fn endpoint() -> UdpSocket {
        UdpSocket::bind("127.0.0.1:0").await.unwrap()
    }

    async fn receive(socket: &UdpSocket) -> (Vec<u8>, SocketAddr) {
        let mut buffer = [0; 2000];
        let received = tokio::time::timeout(Duration::from_secs(5), socket.recv_from(&mut buffer));
        let (length, from) = received.await.expect("a datagram within 5 s").unwrap();
        (buffer[..length].to_vec(), from)
    }

    #[tokio::test]
    async fn both_ways_through_a_link_that_learned_one_endpoint() {
        let link =
            LossyLink::start(LossyLinkConfig::both_ways(ImpairmentConfig::default())).unwrap();
        let (a, b) = (endpoint().await, endpoint().await);
        link.set_b(b.local_addr().unwrap());
        a.send_to(b"ping", link.for_a()).await.unwrap();
        assert_eq!(receive(&b).await, (b"ping".to_vec(), link.for_b()));
        b.send_to(b"pong", link.for_b()).await.unwrap();
        assert_eq!(receive(&a).await, (b"pong".to_vec(), link.for_a()));
        assert_eq!(
            (
                link.stats().a_to_b.delivered(),
                link.stats().b_to_a.delivered()
            ),
            (1, 1)
        );
    }

    #[tokio::test]
    async fn what_arrives_is_what_the_counts_say() {
        let mut config = LossyLinkConfig::both_ways(ImpairmentConfig::default());
        config.a_to_b = ImpairmentConfig {
            loss: Loss::Random(0.2),
            duplicate: 0.1,
            ..Default::default()
        };
        let link = LossyLink::start(config).unwrap();
        let (a, b) = (endpoint().await, endpoint().await);
        link.set_b(b.local_addr().unwrap());
        link.set_a(a.local_addr().unwrap());
        let mut received = 0;
        for n in 0..1000_u32 {
            a.send_to(&n.to_be_bytes(), link.for_a()).await.unwrap();
            // The way back is perfect: its echo tells that the link has dealt with the datagram.
            b.send_to(b"echo", link.for_b()).await.unwrap();
            receive(&a).await;
            let mut buffer = [0; 100];
            while b.try_recv_from(&mut buffer).is_ok() {
                received += 1;
            }
        }
        while received < link.stats().a_to_b.delivered() {
            receive(&b).await;
            received += 1;
        }
        let stats = link.stats();
        assert_eq!(
            (stats.a_to_b.offered, received),
            (1000, stats.a_to_b.delivered())
        );
        assert!((stats.a_to_b.loss_share() - 0.2).abs() < 0.05, "{stats:?}");
        assert_eq!(stats.b_to_a.lost, 0);
    }

    #[tokio::test]
    async fn a_delay_is_waited_for() {
        let delay = Duration::from_millis(60);
        let link = LossyLink::start(LossyLinkConfig::both_ways(ImpairmentConfig {
            delay,
            ..Default::default()
        }))
        .unwrap();
        let (a, b) = (endpoint().await, endpoint().await);
        link.set_b(b.local_addr().unwrap());
        let start = Instant::now();
        a.send_to(b"slow", link.for_a()).await.unwrap();
        receive(&b).await;
        assert!(start.elapsed() >= delay);
    }

    #[tokio::test]
    async fn an_rtp_pair_has_even_and_odd_ports() {
        let (rtp, rtcp) =
            LossyLink::start_rtp_pair(LossyLinkConfig::both_ways(ImpairmentConfig::default()))
                .unwrap();
        for (rtp, rtcp) in [(rtp.for_a(), rtcp.for_a()), (rtp.for_b(), rtcp.for_b())] {
            assert_eq!((rtp.port() % 2, rtcp.port()), (0, rtp.port() + 1));
        }
    }

    #[tokio::test]
    async fn a_foreign_address_is_an_error_that_names_it() {
        let mut config = LossyLinkConfig::both_ways(ImpairmentConfig::default());
        config.ip = "192.0.2.1".parse().unwrap();
        assert!(
            LossyLink::start(config)
                .unwrap_err()
                .to_string()
                .contains("192.0.2.1")
        );
    }
}
