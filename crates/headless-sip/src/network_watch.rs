//! Notices that this machine has other addresses or another way out (Linux, rtnetlink).

use std::collections::BTreeSet;
use std::io;
use std::net::IpAddr;
use std::os::fd::AsRawFd;
use std::time::Duration;

use nix::libc;
use nix::net::if_::InterfaceFlags;
use nix::sys::socket::{
    AddressFamily, NetlinkAddr, SockFlag, SockProtocol, SockType, bind, socket,
};
use sip_signaling::UserAgent;

/// Changes come in groups: an address, its route, the default route.
const SETTLE: Duration = Duration::from_millis(100);

/// Addresses of documentation (RFC 5737, RFC 3849): the way to them is the default route. Nothing is sent there.
const ELSEWHERE: [&str; 2] = ["192.0.2.1:9", "[2001:db8::1]:9"];

/// A socket on which the kernel tells of changes, and how things stand.
#[derive(Debug)]
pub(crate) struct NetworkWatch {
    /// Not UDP, but a socket of datagrams that is waited for and read in the same way.
    socket: tokio::net::UdpSocket,
    known: Ways,
    /// Knows which of our addresses is the one towards a peer.
    agent: UserAgent,
}

/// What matters of the network: our addresses, and which of them goes out.
#[derive(Debug, PartialEq, Eq)]
struct Ways {
    addresses: BTreeSet<IpAddr>,
    outward: [Option<IpAddr>; 2],
}

impl NetworkWatch {
    /// Begins to listen. Within a tokio runtime.
    pub(crate) fn open(agent: UserAgent) -> io::Result<Self> {
        let socket = socket(
            AddressFamily::Netlink,
            SockType::Raw,
            SockFlag::SOCK_NONBLOCK | SockFlag::SOCK_CLOEXEC,
            SockProtocol::NetlinkRoute,
        )?;
        let groups = libc::RTMGRP_IPV4_IFADDR
            | libc::RTMGRP_IPV6_IFADDR
            | libc::RTMGRP_IPV4_ROUTE
            | libc::RTMGRP_IPV6_ROUTE;
        bind(
            socket.as_raw_fd(),
            &NetlinkAddr::new(0, groups.cast_unsigned()),
        )?;
        Ok(Self {
            socket: tokio::net::UdpSocket::from_std(socket.into())?,
            known: Ways::now(&agent),
            agent,
        })
    }

    /// Waits for a change that matters.
    ///
    /// Cancel safe.
    pub(crate) async fn changed(&mut self) -> io::Result<()> {
        loop {
            self.said_something().await?;
            tokio::time::sleep(SETTLE).await;
            let ways = Ways::now(&self.agent);
            if ways != self.known {
                self.known = ways;
                return Ok(());
            }
        }
    }

    /// What the kernel says in detail is of no interest: things are looked at when it has said something.
    async fn said_something(&self) -> io::Result<()> {
        let mut message = [0; 4_096];
        match self.socket.recv(&mut message).await {
            // More was told than there was room for.
            Err(error) if error.raw_os_error() == Some(libc::ENOBUFS) => Ok(()),
            read => {
                read?;
                while self.socket.try_recv(&mut message).is_ok() {}
                Ok(())
            }
        }
    }
}

impl Ways {
    fn now(agent: &UserAgent) -> Self {
        let interfaces = nix::ifaddrs::getifaddrs().into_iter().flatten();
        let addresses = interfaces
            .filter(|interface| {
                let flags = interface.flags;
                flags.contains(InterfaceFlags::IFF_UP)
                    && !flags.contains(InterfaceFlags::IFF_LOOPBACK)
            })
            .filter_map(|interface| {
                let address = interface.address?;
                let v4 = address.as_sockaddr_in().map(|addr| addr.ip().into());
                v4.or_else(|| address.as_sockaddr_in6().map(|addr| addr.ip().into()))
            })
            .filter(|ip| !matches!(ip, IpAddr::V6(ip) if ip.is_unicast_link_local()));
        Self {
            addresses: addresses.collect(),
            outward: ELSEWHERE.map(|peer| agent.advertised_ip_for(peer.parse().ok()?).ok()),
        }
    }
}
