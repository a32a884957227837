//! The far end of the load run: plain UDP sockets and twelve bytes of RTP header, nothing of headless-sip.

use std::io::{BufRead, Write};
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use headless_sip_bench::cpu;

/// Audio in one packet.
const PTIME: Duration = Duration::from_millis(20);
/// Bytes of PCMU in 20 ms.
const PAYLOAD: usize = 160;
/// RTP header without CSRC list (RFC 3550 section 5.1).
const HEADER: usize = 12;
/// Calls are spread over this many ticks of a ptime, so that the load is flat.
const SLOTS: usize = 4;

/// What the peer saw, summed over its calls.
#[derive(Debug, Default, Clone, Serialize, Deserialize)]
pub(crate) struct PeerReport {
    /// Packets sent.
    pub(crate) sent: u64,
    /// Sound PCMU packets of 20 ms received.
    pub(crate) received: u64,
    /// Received packets that held anything but silence.
    pub(crate) audible: u64,
    /// Gaps in the sequence numbers received.
    pub(crate) lost: u64,
    /// Datagrams that were no such packet.
    pub(crate) unsound: u64,
    /// Datagrams on the port for RTCP.
    pub(crate) rtcp: u64,
    /// The call that received least.
    pub(crate) least: u64,
    /// CPU time of the peer, microseconds a call and second: what the bare sockets cost on this machine at this moment.
    pub(crate) cpu_us: f64,
    /// The latest that it sent a packet after its time: how well the peer itself kept pace.
    pub(crate) worst_lag_ms: f64,
}

/// Where the peer takes media.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct PeerPorts {
    /// RTP, one a call.
    pub(crate) rtp: Vec<u16>,
    /// RTCP of all calls.
    pub(crate) rtcp: u16,
}

/// Runs the peer: prints the ports of its calls, reads those of the other side, sends and receives until a line says
/// `report`, prints one, and ends with its standard input.
pub(crate) fn run(calls: usize) -> std::io::Result<()> {
    let mut calls = (0..calls)
        .map(Call::bind)
        .collect::<std::io::Result<Vec<_>>>()?;
    let rtcp = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
    rtcp.set_nonblocking(true)?;
    let rtp = calls
        .iter()
        .map(|call| port(&call.socket))
        .collect::<std::io::Result<Vec<_>>>()?;
    println!(
        "{}",
        serde_json::to_string(&PeerPorts {
            rtp,
            rtcp: port(&rtcp)?
        })?
    );
    std::io::stdout().flush()?;

    let mut line = String::new();
    std::io::stdin().lock().read_line(&mut line)?;
    let remote: Vec<u16> = serde_json::from_str(&line)?;
    for (call, port) in calls.iter_mut().zip(remote) {
        call.remote = (Ipv4Addr::LOCALHOST, port).into();
    }

    let stop = AtomicBool::new(false);
    let report = thread::scope(|scope| {
        let media = scope.spawn(|| exchange(&mut calls, &rtcp, &stop));
        let mut line = String::new();
        let read = std::io::stdin().lock().read_line(&mut line);
        stop.store(true, Ordering::Relaxed);
        let report = media.join().expect("the media thread of the peer ended");
        read.and(report)
    })?;
    println!("{}", serde_json::to_string(&report)?);
    Ok(())
}

/// Sends 50 packets a second and call, at their time, and counts what comes.
fn exchange(
    calls: &mut [Call],
    rtcp: &UdpSocket,
    stop: &AtomicBool,
) -> std::io::Result<PeerReport> {
    let tick = PTIME / SLOTS as u32;
    let begun = Instant::now();
    let mut due = begun;
    let mut worst_lag = Duration::ZERO;
    let mut reports = 0;
    while !stop.load(Ordering::Relaxed) {
        for slot in 0..SLOTS {
            thread::sleep(due.saturating_duration_since(Instant::now()));
            worst_lag = worst_lag.max(due.elapsed());
            for call in calls.iter_mut().skip(slot).step_by(SLOTS) {
                call.receive()?;
                call.send()?;
            }
            due += tick;
        }
        drain(rtcp, |_| reports += 1)?;
    }
    let call_seconds = calls.len() as f64 * begun.elapsed().as_secs_f64();
    let cpu_us = cpu::current_thread()?.as_secs_f64() * 1e6 / call_seconds;
    let worst_lag_ms = worst_lag.as_secs_f64() * 1000.0;
    let mut report = PeerReport {
        worst_lag_ms,
        least: u64::MAX,
        rtcp: reports,
        cpu_us,
        ..PeerReport::default()
    };
    for call in calls {
        call.receive()?;
        report.sent += call.sent;
        report.received += call.counts.received;
        report.audible += call.counts.audible;
        report.unsound += call.counts.unsound;
        report.least = report.least.min(call.counts.received);
        report.lost += call.counts.lost();
    }
    Ok(report)
}

fn port(socket: &UdpSocket) -> std::io::Result<u16> {
    Ok(socket.local_addr()?.port())
}

/// Takes all datagrams that wait.
fn drain(socket: &UdpSocket, mut take: impl FnMut(&[u8])) -> std::io::Result<()> {
    let mut datagram = [0; 2048];
    loop {
        match socket.recv(&mut datagram) {
            Ok(length) => take(&datagram[..length]),
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => return Ok(()),
            // The other side closed its port at the end of the run (ICMP port unreachable).
            Err(error) if error.kind() == std::io::ErrorKind::ConnectionRefused => {}
            Err(error) => return Err(error),
        }
    }
}

struct Call {
    socket: UdpSocket,
    remote: SocketAddr,
    packet: [u8; HEADER + PAYLOAD],
    sent: u64,
    counts: Counts,
}

impl Call {
    fn bind(index: usize) -> std::io::Result<Call> {
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
        socket.set_nonblocking(true)?;
        let mut packet = [0; HEADER + PAYLOAD];
        packet[0] = 0x80;
        packet[8..12].copy_from_slice(&(index as u32 + 1).to_be_bytes());
        // A square wave of 500 Hz: never silence.
        for (n, byte) in packet[HEADER..].iter_mut().enumerate() {
            *byte = if n / 8 % 2 == 0 { 0x9E } else { 0x1E };
        }
        Ok(Call {
            socket,
            remote: (Ipv4Addr::LOCALHOST, 9).into(),
            packet,
            sent: 0,
            counts: Counts::default(),
        })
    }

    fn send(&mut self) -> std::io::Result<()> {
        self.packet[2..4].copy_from_slice(&(self.sent as u16).to_be_bytes());
        self.packet[4..8].copy_from_slice(
            &(self.sent as u32)
                .wrapping_mul(PAYLOAD as u32)
                .to_be_bytes(),
        );
        match self.socket.send_to(&self.packet, self.remote) {
            Err(error) if error.kind() != std::io::ErrorKind::ConnectionRefused => Err(error),
            _ => {
                self.sent += 1;
                Ok(())
            }
        }
    }

    fn receive(&mut self) -> std::io::Result<()> {
        let Call { socket, counts, .. } = self;
        drain(socket, |datagram| counts.count(datagram))
    }
}

/// What one call received.
#[derive(Debug, Default)]
struct Counts {
    received: u64,
    audible: u64,
    unsound: u64,
    first_sequence: u16,
    last_sequence: u16,
    wraps: u64,
}

impl Counts {
    fn count(&mut self, datagram: &[u8]) {
        // Version 2, payload type 0 with or without the marker, 20 ms of it.
        if datagram.len() != HEADER + PAYLOAD || datagram[0] != 0x80 || datagram[1] & 0x7F != 0 {
            self.unsound += 1;
            return;
        }
        // Codewords from 0x78 on, but for the sign, are the eight steps next to zero.
        if datagram[HEADER..].iter().any(|&byte| byte & 0x7F < 0x78) {
            self.audible += 1;
        }
        let sequence = u16::from_be_bytes([datagram[2], datagram[3]]);
        if self.received == 0 {
            self.first_sequence = sequence;
        } else if sequence < self.last_sequence && self.last_sequence - sequence > 0x8000 {
            self.wraps += 1;
        }
        self.last_sequence = sequence;
        self.received += 1;
    }

    /// Packets that the sequence numbers promise and that did not come (RFC 3550 appendix A.3).
    fn lost(&self) -> u64 {
        if self.received == 0 {
            return 0;
        }
        let last = self.wraps * 0x1_0000 + u64::from(self.last_sequence);
        (last + 1).saturating_sub(u64::from(self.first_sequence) + self.received)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packet(sequence: u16, byte: u8) -> Vec<u8> {
        let mut packet = vec![0x80, 0];
        packet.extend(sequence.to_be_bytes());
        packet.extend([0; 8]);
        packet.extend([byte; PAYLOAD]);
        packet
    }

    #[test]
    fn gaps_are_counted_across_the_wrap_of_the_sequence_number() {
        let mut counts = Counts::default();
        for sequence in [65_533, 65_534, 0, 1] {
            counts.count(&packet(sequence, 0x9E));
        }
        assert_eq!((counts.received, counts.lost()), (4, 1));
    }

    #[test]
    fn silence_and_noise_of_other_protocols_are_told_from_audio() {
        let mut counts = Counts::default();
        counts.count(&packet(1, 0xFF));
        counts.count(&packet(2, 0x9E));
        counts.count(b"hello");
        assert_eq!((counts.received, counts.audible, counts.unsound), (2, 1, 1));
    }
}
