//! Reading datagrams with the time at which they arrived: one face, a quick way on Linux and a portable one.

#[cfg(target_os = "linux")]
mod linux;
#[cfg(any(not(target_os = "linux"), test))]
mod portable;

use std::net::SocketAddr;
use std::time::{Duration, Instant, SystemTime};

#[cfg(target_os = "linux")]
pub(crate) use linux::{DatagramReader, enable_timestamps};
#[cfg(not(target_os = "linux"))]
pub(crate) use portable::{DatagramReader, enable_timestamps};

/// The longest datagram that is read: audio in 60 ms of 48 kHz stereo fits, IP fragments beyond do not.
const MAX_DATAGRAM: usize = 2_048;

/// Datagrams read from one socket at one visit, so that a flood stays the trouble of its own call.
const MAX_DATAGRAMS_PER_VISIT: usize = 64;

/// One datagram as it lies in the reader's buffer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Datagram<'a> {
    pub(crate) source: SocketAddr,
    pub(crate) arrival: Instant,
    pub(crate) bytes: &'a [u8],
}

/// Both clocks, read at the same moment, and the moment of the visit before.
#[derive(Debug, Clone, Copy)]
pub(crate) struct VisitTime {
    pub(crate) now: Instant,
    pub(crate) wall: SystemTime,
    pub(crate) last: Instant,
}

impl VisitTime {
    /// A kernel's wall-clock stamp on our steady clock. What lies outside of the time since the
    /// last visit, because the wall clock was set, is moved to its edge.
    #[cfg_attr(not(target_os = "linux"), allow(dead_code))]
    fn arrival(&self, stamp: Duration) -> Instant {
        let wall = self
            .wall
            .duration_since(SystemTime::UNIX_EPOCH)
            .unwrap_or_default();
        let age = wall.saturating_sub(stamp);
        let arrival = self.now.checked_sub(age).unwrap_or(self.last);
        arrival.max(self.last.min(self.now))
    }
}

#[cfg(test)]
mod tests {
    use std::net::UdpSocket;

    use super::*;

    fn pair() -> (UdpSocket, UdpSocket) {
        let bind = || {
            let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
            socket.set_nonblocking(true).unwrap();
            socket
        };
        (bind(), bind())
    }

    fn time(last: Instant) -> VisitTime {
        VisitTime {
            now: Instant::now(),
            wall: SystemTime::now(),
            last,
        }
    }

    macro_rules! reads_all {
        ($reader:expr, $enable:expr) => {{
            let mut reader = $reader;
            let (to, from) = pair();
            $enable(&to);
            let before = Instant::now();
            for length in 0..20_u8 {
                from.send_to(&vec![length; usize::from(length)], to.local_addr().unwrap())
                    .unwrap();
            }
            from.send_to(&[9; 3_000], to.local_addr().unwrap()).unwrap();
            let mut seen = 0_u8;
            reader.read(&to, to.local_addr().unwrap(), time(before), |datagram| {
                assert_eq!(datagram.bytes, vec![seen; usize::from(seen)]);
                assert_eq!(datagram.source, from.local_addr().unwrap());
                assert!(datagram.arrival >= before && datagram.arrival <= Instant::now());
                seen += 1;
            });
            assert_eq!(seen, 20, "all but the one that is too long");
            reader.read(&to, to.local_addr().unwrap(), time(before), |datagram| {
                panic!("nothing is left: {datagram:?}")
            });
        }};
    }

    #[test]
    fn the_reader_of_this_system_reads_until_empty_and_drops_what_is_too_long() {
        reads_all!(DatagramReader::new(), enable_timestamps);
    }

    #[test]
    fn the_portable_reader_reads_until_empty_and_drops_what_is_too_long() {
        reads_all!(portable::DatagramReader::new(), portable::enable_timestamps);
    }

    #[test]
    fn ipv6_sources_are_told() {
        let Ok(to) = UdpSocket::bind("[::1]:0") else {
            return; // a host without IPv6 has nothing to show here
        };
        to.set_nonblocking(true).unwrap();
        enable_timestamps(&to);
        let from = UdpSocket::bind("[::1]:0").unwrap();
        from.send_to(b"six", to.local_addr().unwrap()).unwrap();
        let mut reader = DatagramReader::new();
        let mut seen = None;
        reader.read(
            &to,
            to.local_addr().unwrap(),
            time(Instant::now()),
            |datagram| seen = Some(datagram.source),
        );
        assert_eq!(seen, Some(from.local_addr().unwrap()));
    }

    /// How late the stamp of a datagram is that was read 30 ms after it arrived.
    #[cfg(target_os = "linux")]
    fn stamp_error() -> Duration {
        let (to, from) = pair();
        enable_timestamps(&to);
        let mut reader = DatagramReader::new();
        let before = Instant::now();
        from.send_to(b"early", to.local_addr().unwrap()).unwrap();
        let sent = Instant::now();
        while sent.elapsed() < Duration::from_millis(30) {
            std::hint::spin_loop();
        }
        let mut arrival = None;
        reader.read(&to, to.local_addr().unwrap(), time(before), |datagram| {
            arrival = Some(datagram.arrival)
        });
        let arrival = arrival.expect("the datagram is there");
        arrival.saturating_duration_since(sent)
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn the_stamp_is_that_of_arrival_and_not_of_reading() {
        // A busy host may stop us between the readings of the two clocks; a stamp of reading would be 30 ms late each time.
        let least = (0..10).map(|_| stamp_error()).min().unwrap();
        assert!(least < Duration::from_millis(10), "{least:?} late");
    }

    #[test]
    fn a_stamp_outside_of_the_visit_is_moved_to_its_edge() {
        let now = Instant::now() + Duration::from_secs(10);
        let last = now - Duration::from_millis(20);
        let wall = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000);
        let visit = VisitTime { now, wall, last };
        let stamp = |ms: i64| Duration::from_millis((1_000_000_000 + ms) as u64);
        assert_eq!(visit.arrival(stamp(-7)), now - Duration::from_millis(7));
        assert_eq!(visit.arrival(stamp(5_000)), now);
        assert_eq!(visit.arrival(stamp(-5_000)), last);
        assert_eq!(visit.arrival(Duration::ZERO), last);
    }
}
