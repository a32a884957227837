//! Waiting for a real signal, with a deadline: never a fixed pause.

use std::fmt::Write;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpStream, UdpSocket};
use tokio::time::{sleep, timeout};

/// The transport protocol of SIP.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Transport {
    /// One message a datagram.
    Udp,
    /// Messages in a stream, framed by Content-Length.
    Tcp,
}

impl Transport {
    /// As the Via header has it (RFC 3261 section 20.42).
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Transport::Udp => "UDP",
            Transport::Tcp => "TCP",
        }
    }
}

/// Asks `look` again and again until it has an answer.
///
/// # Panics
///
/// When there is none within `patience`; `what` names it.
pub async fn until<T>(
    what: &str,
    patience: Duration,
    mut look: impl AsyncFnMut() -> Option<T>,
) -> T {
    let deadline = Instant::now() + patience;
    loop {
        if let Some(found) = look().await {
            return found;
        }
        assert!(Instant::now() < deadline, "{what}: not within {patience:?}");
        sleep(Duration::from_millis(10)).await;
    }
}

/// Whether some process has `addr` bound (UDP) or listens on it (TCP). Linux only; IPv4.
#[must_use]
pub fn is_bound(transport: Transport, addr: SocketAddr) -> bool {
    let SocketAddr::V4(addr) = addr else {
        return false;
    };
    let (table, state) = match transport {
        Transport::Udp => ("/proc/net/udp", "07"),
        Transport::Tcp => ("/proc/net/tcp", "0A"),
    };
    // The kernel prints the address as one little-endian word.
    let mut wanted = String::new();
    let _ = write!(
        wanted,
        "{:08X}:{:04X}",
        u32::from_le_bytes(addr.ip().octets()),
        addr.port()
    );
    std::fs::read_to_string(table)
        .unwrap_or_default()
        .lines()
        .any(|line| {
            let mut words = line.split_whitespace().skip(1);
            words.next() == Some(&wanted) && words.nth(1) == Some(state)
        })
}

/// Sends OPTIONS (RFC 3261 section 11) until a final response comes; returns its first line.
///
/// # Panics
///
/// When none comes within `patience`.
pub async fn options_answered(
    transport: Transport,
    addr: SocketAddr,
    patience: Duration,
) -> String {
    until(
        &format!("OPTIONS answered by {} {addr}", transport.name()),
        patience,
        async || {
            let answer = timeout(Duration::from_millis(250), async {
                match transport {
                    Transport::Udp => ask_over_udp(addr).await,
                    Transport::Tcp => ask_over_tcp(addr).await,
                }
            });
            answer.await.ok()?.ok()
        },
    )
    .await
}

async fn ask_over_udp(addr: SocketAddr) -> std::io::Result<String> {
    let socket = UdpSocket::bind("127.0.0.1:0").await?;
    socket.connect(addr).await?;
    socket
        .send(options(Transport::Udp, socket.local_addr()?, addr).as_bytes())
        .await?;
    let mut answer = [0; 4096];
    let length = socket.recv(&mut answer).await?;
    Ok(first_line(&answer[..length]))
}

async fn ask_over_tcp(addr: SocketAddr) -> std::io::Result<String> {
    let mut stream = TcpStream::connect(addr).await?;
    let request = options(Transport::Tcp, stream.local_addr()?, addr);
    stream.write_all(request.as_bytes()).await?;
    let mut answer = [0; 4096];
    let length = stream.read(&mut answer).await?;
    if length == 0 {
        return Err(std::io::ErrorKind::UnexpectedEof.into());
    }
    Ok(first_line(&answer[..length]))
}

fn options(transport: Transport, from: SocketAddr, to: SocketAddr) -> String {
    let id = from.port();
    format!(
        "OPTIONS sip:{to} SIP/2.0\r\nVia: SIP/2.0/{} {from};branch=z9hG4bKready{id};rport\r\nMax-Forwards: 70\r\n\
         From: <sip:ready@{from}>;tag=r{id}\r\nTo: <sip:{to}>\r\nCall-ID: ready-{id}@{from}\r\nCSeq: 1 OPTIONS\r\n\
         Contact: <sip:ready@{from}>\r\nContent-Length: 0\r\n\r\n",
        transport.name()
    )
}

fn first_line(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes)
        .lines()
        .next()
        .unwrap_or_default()
        .to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bound_sockets_are_seen_and_free_ports_are_not() {
        let udp = std::net::UdpSocket::bind("127.0.0.1:0").expect("bind");
        let tcp = std::net::TcpListener::bind("127.0.0.1:0").expect("bind");
        let (udp_addr, tcp_addr) = (
            udp.local_addr().expect("addr"),
            tcp.local_addr().expect("addr"),
        );
        assert!(is_bound(Transport::Udp, udp_addr));
        assert!(is_bound(Transport::Tcp, tcp_addr));
        drop((udp, tcp));
        assert!(!is_bound(Transport::Udp, udp_addr));
        assert!(!is_bound(Transport::Tcp, tcp_addr));
    }
}
