//! RTP and RTCP sockets from the configured range, held from the offer to the end of the call.

use std::io;
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::ops::RangeInclusive;

use socket2::{Domain, Protocol, Socket, Type};

use crate::EngineError;
use crate::socket;

/// Room for some seconds of audio while this host is busy; the system takes it only when used.
const RECEIVE_BUFFER: usize = 128 * 1024;
const SEND_BUFFER: usize = 64 * 1024;

/// A pair of bound UDP sockets: RTP on an even port, RTCP on the one after (RFC 3550 section 11).
///
/// Dropping it gives the ports back.
#[derive(Debug)]
pub struct MediaPorts {
    pub(crate) rtp: UdpSocket,
    pub(crate) rtcp: UdpSocket,
    rtp_addr: SocketAddr,
    rtcp_addr: SocketAddr,
}

impl MediaPorts {
    /// Where RTP is received, for SDP. The address is unspecified if `reserve` was given such a one.
    pub fn rtp_addr(&self) -> SocketAddr {
        self.rtp_addr
    }

    /// Where RTCP is received.
    pub fn rtcp_addr(&self) -> SocketAddr {
        self.rtcp_addr
    }

    /// Binds the first free pair of `range` on `local_ip`, looking from a place in it that `start` picks.
    pub(crate) fn reserve(
        local_ip: IpAddr,
        range: &RangeInclusive<u16>,
        start: u64,
    ) -> Result<Self, EngineError> {
        let first = range.start().next_multiple_of(2);
        let pairs = pairs_in(range);
        for offset in 0..pairs {
            let pair = (start % pairs as u64) as usize;
            let port = first + 2 * ((pair + offset) % pairs) as u16;
            match Self::bind(local_ip, port) {
                Ok(ports) => return Ok(ports),
                Err(error) if is_taken(&error) => {}
                Err(source) => return Err(EngineError::Bind { local_ip, source }),
            }
        }
        Err(EngineError::NoFreePorts {
            local_ip,
            range: range.clone(),
            tried: pairs,
        })
    }

    fn bind(ip: IpAddr, port: u16) -> io::Result<Self> {
        let rtp = bind(SocketAddr::new(ip, port))?;
        let rtcp = bind(SocketAddr::new(ip, port + 1))?;
        Ok(Self {
            rtp_addr: rtp.local_addr()?,
            rtcp_addr: rtcp.local_addr()?,
            rtp,
            rtcp,
        })
    }
}

/// How many even ports of `range` have their odd neighbour in it.
pub(crate) fn pairs_in(range: &RangeInclusive<u16>) -> usize {
    let first = u32::from(*range.start()).next_multiple_of(2);
    let end = u32::from(*range.end()) + 1;
    (end.saturating_sub(first) / 2) as usize
}

/// In use, or reserved for others by the system: another port may do.
fn is_taken(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::AddrInUse | io::ErrorKind::PermissionDenied
    )
}

fn bind(addr: SocketAddr) -> io::Result<UdpSocket> {
    let socket = Socket::new(Domain::for_address(addr), Type::DGRAM, Some(Protocol::UDP))?;
    if addr.is_ipv6() {
        // One family per socket, so that sources look like the addresses in SDP.
        socket.set_only_v6(true)?;
    }
    socket.bind(&addr.into())?;
    socket.set_nonblocking(true)?;
    // The system's own sizes do as well: a limit below ours is no reason to fail.
    let _ = socket.set_recv_buffer_size(RECEIVE_BUFFER);
    let _ = socket.set_send_buffer_size(SEND_BUFFER);
    let socket = UdpSocket::from(socket);
    socket::enable_timestamps(&socket);
    Ok(socket)
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOCALHOST: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);

    /// Some pair that is free at this moment.
    fn free_pair() -> MediaPorts {
        MediaPorts::reserve(LOCALHOST, &(20_000..=30_000), rand::random()).unwrap()
    }

    #[test]
    fn rtp_is_even_and_rtcp_the_port_after() {
        let ports = free_pair();
        assert_eq!(ports.rtp_addr().port() % 2, 0);
        assert_eq!(ports.rtcp_addr().port(), ports.rtp_addr().port() + 1);
    }

    #[test]
    fn a_busy_range_is_told_with_how_many_were_tried() {
        let held = free_pair();
        let port = held.rtp_addr().port();
        let error = MediaPorts::reserve(LOCALHOST, &(port..=port + 1), 7).unwrap_err();
        assert!(
            matches!(&error, EngineError::NoFreePorts { tried: 1, .. }),
            "{error:?}"
        );
        let text = error.to_string();
        assert!(text.contains(&format!("{port}-{}", port + 1)), "{text}");
        drop(held);
        MediaPorts::reserve(LOCALHOST, &(port..=port + 1), 7).unwrap();
    }

    #[test]
    fn a_pair_with_its_rtcp_port_taken_is_passed_over() {
        let held = free_pair();
        let port = held.rtp_addr().port();
        let MediaPorts { rtp, rtcp, .. } = held;
        drop(rtp);
        let error = MediaPorts::reserve(LOCALHOST, &(port..=port + 1), 0).unwrap_err();
        assert!(matches!(error, EngineError::NoFreePorts { .. }));
        drop(rtcp);
    }

    #[test]
    fn an_address_of_another_host_is_told_apart_from_busy_ports() {
        let elsewhere = "192.0.2.1".parse().unwrap();
        let error = MediaPorts::reserve(elsewhere, &(20_000..=20_009), 0).unwrap_err();
        assert!(matches!(error, EngineError::Bind { .. }), "{error:?}");
    }

    #[test]
    fn ranges_are_counted_in_whole_pairs() {
        for (range, pairs) in [
            (10_000..=10_001, 1),
            (10_000..=10_000, 0),
            (10_001..=10_002, 0),
            (10_001..=10_003, 1),
            (16_384..=32_767, 8_192),
            (65_534..=65_535, 1),
            (65_535..=65_535, 0),
        ] {
            assert_eq!(pairs_in(&range), pairs, "{range:?}");
        }
    }
}
