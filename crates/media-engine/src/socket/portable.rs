//! Reading datagrams anywhere: the arrival is the time of reading.

use std::net::{SocketAddr, UdpSocket};

use super::{Datagram, MAX_DATAGRAM, MAX_DATAGRAMS_PER_VISIT, VisitTime};

/// There is no portable way to have the system stamp datagrams.
pub(crate) fn enable_timestamps(_socket: &UdpSocket) {}

/// The buffer that all sockets of a thread share.
pub(crate) struct DatagramReader {
    // One byte more than is taken tells a datagram that is too long.
    buffer: Box<[u8; MAX_DATAGRAM + 1]>,
}

impl DatagramReader {
    pub(crate) fn new() -> Self {
        Self {
            buffer: Box::new([0; MAX_DATAGRAM + 1]),
        }
    }

    /// Hands everything that waits in a non-blocking socket to `each`.
    pub(crate) fn read(
        &mut self,
        socket: &UdpSocket,
        _local: SocketAddr,
        time: VisitTime,
        mut each: impl FnMut(Datagram<'_>),
    ) {
        for _ in 0..MAX_DATAGRAMS_PER_VISIT {
            let Ok((length, source)) = socket.recv_from(&mut self.buffer[..]) else {
                return;
            };
            if length <= MAX_DATAGRAM {
                each(Datagram {
                    source,
                    arrival: time.now,
                    bytes: &self.buffer[..length],
                });
            }
        }
    }
}
