//! Free ports for peers that cannot be told to bind port 0.

use std::net::{Ipv4Addr, SocketAddr, TcpListener, UdpSocket};
use std::sync::atomic::{AtomicU32, Ordering};

/// Below the range from which Linux hands out ports of its own accord (32768 and up), so that no other socket takes a
/// picked port between its choice and its use.
const LOWEST: u16 = 10_000;
const HIGHEST: u16 = 32_000;

/// The address on which a claimed port is held: a second loopback address, so that the peer itself can bind the port on
/// 127.0.0.1 while every other test, in this process or another, sees that it is taken. For TCP, as some peers bind RTP
/// (UDP) on every address.
const CLAIM: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 2);

static NEXT: AtomicU32 = AtomicU32::new(0);

/// A run of consecutive ports, the first one even, free on 127.0.0.1 for UDP and TCP when they were claimed and claimed
/// until this value is dropped.
#[derive(Debug)]
pub struct Ports {
    claims: Vec<TcpListener>,
    first: u16,
}

impl Ports {
    /// Claims `count` consecutive ports.
    ///
    /// # Panics
    ///
    /// When no such run is free.
    #[must_use]
    pub fn claim(count: u16) -> Ports {
        let step = u32::from(count.next_multiple_of(2));
        let span = u32::from(HIGHEST - LOWEST);
        // Test processes that run side by side start their search at different places.
        let start = std::process::id().wrapping_mul(7919) % span;
        for _ in 0..5000 {
            let offset = (start + NEXT.fetch_add(step, Ordering::Relaxed)) % span;
            let first = LOWEST + u16::try_from(offset & !1).expect("the span fits 16 bits");
            if let Some(claims) = (first..first + count)
                .map(claim_one)
                .collect::<Option<Vec<_>>>()
            {
                return Ports { claims, first };
            }
        }
        panic!("no {count} consecutive free ports between {LOWEST} and {HIGHEST} on 127.0.0.1");
    }

    /// The first port, which is even.
    #[must_use]
    pub fn first(&self) -> u16 {
        self.first
    }

    /// The last port.
    #[must_use]
    pub fn last(&self) -> u16 {
        self.first + u16::try_from(self.claims.len()).expect("claimed as a u16") - 1
    }

    /// The first port on 127.0.0.1.
    #[must_use]
    pub fn addr(&self) -> SocketAddr {
        (Ipv4Addr::LOCALHOST, self.first).into()
    }
}

fn claim_one(port: u16) -> Option<TcpListener> {
    let claim = TcpListener::bind((CLAIM, port)).ok()?;
    UdpSocket::bind((Ipv4Addr::LOCALHOST, port)).ok()?;
    TcpListener::bind((Ipv4Addr::LOCALHOST, port)).ok()?;
    Some(claim)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn claimed_ports_are_even_first_and_nobody_elses() {
        let one = Ports::claim(4);
        let other = Ports::claim(3);
        assert_eq!(one.first() % 2, 0);
        assert_eq!(one.last() - one.first(), 3);
        assert!(other.first() > one.last() || other.last() < one.first());
        assert!(
            claim_one(one.first()).is_none(),
            "a claimed port was claimed again"
        );
        UdpSocket::bind(one.addr()).expect("the owner of the claim can bind the port");
    }

    #[test]
    fn a_port_in_use_is_not_claimed() {
        let busy = TcpListener::bind("127.0.0.1:0").expect("bind");
        assert!(claim_one(busy.local_addr().expect("addr").port()).is_none());
    }
}
