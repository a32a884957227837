//! Reading datagrams on Linux: `recvmmsg` takes all that waits, with the kernel's stamps, and says
//! in the same call that no more do.

use std::io::IoSliceMut;
use std::net::{SocketAddr, UdpSocket};
use std::os::fd::AsRawFd;
use std::time::{Duration, Instant};

use nix::cmsg_space;
use nix::sys::socket::{
    ControlMessageOwned, MsgFlags, MultiHeaders, RecvMsg, SockaddrIn, SockaddrIn6, SockaddrLike,
    recvmmsg, setsockopt, sockopt,
};
use nix::sys::time::TimeSpec;

use super::{Datagram, MAX_DATAGRAM, MAX_DATAGRAMS_PER_VISIT, VisitTime};

/// Datagrams taken in one system call. One or two wait at a visit in steady state; a call that
/// brings fewer than this many has emptied the socket.
const BATCH: usize = 8;

/// Asks the kernel to stamp datagrams on arrival (SO_TIMESTAMPNS). A kernel that refuses leaves
/// the time of reading.
pub(crate) fn enable_timestamps(socket: &UdpSocket) {
    let _ = setsockopt(socket, sockopt::ReceiveTimestampns, &true);
}

/// The buffers that all sockets of a thread share.
pub(crate) struct DatagramReader {
    v4: Headers<SockaddrIn>,
    v6: Headers<SockaddrIn6>,
    buffers: Box<[[u8; MAX_DATAGRAM]; BATCH]>,
}

/// The kernel writes back into the headers how much of them it used, so each address family,
/// whose addresses are all of one length, has its own.
struct Headers<S>(MultiHeaders<S>);

/// One received datagram without its bytes.
#[derive(Clone, Copy)]
struct Envelope {
    length: usize,
    source: SocketAddr,
    arrival: Instant,
}

impl DatagramReader {
    pub(crate) fn new() -> Self {
        Self {
            v4: Headers::new(),
            v6: Headers::new(),
            buffers: Box::new([[0; MAX_DATAGRAM]; BATCH]),
        }
    }

    /// Hands everything that waits in a non-blocking socket to `each`.
    pub(crate) fn read(
        &mut self,
        socket: &UdpSocket,
        local: SocketAddr,
        time: VisitTime,
        mut each: impl FnMut(Datagram<'_>),
    ) {
        for _ in 0..MAX_DATAGRAMS_PER_VISIT / BATCH {
            let mut envelopes = [None; BATCH];
            let received = if local.is_ipv4() {
                self.v4
                    .receive(socket, &mut self.buffers, time, &mut envelopes)
            } else {
                self.v6
                    .receive(socket, &mut self.buffers, time, &mut envelopes)
            };
            for (envelope, buffer) in envelopes.iter().zip(self.buffers.iter()) {
                if let Some(envelope) = envelope {
                    each(Datagram {
                        source: envelope.source,
                        arrival: envelope.arrival,
                        bytes: &buffer[..envelope.length],
                    });
                }
            }
            if received < BATCH {
                return;
            }
        }
    }
}

impl<S: SockaddrLike + Copy + Into<SocketAddr>> Headers<S> {
    fn new() -> Self {
        Self(MultiHeaders::preallocate(
            BATCH,
            Some(cmsg_space!(TimeSpec)),
        ))
    }

    /// One system call; answers how many datagrams it brought, too long ones included.
    fn receive(
        &mut self,
        socket: &UdpSocket,
        buffers: &mut [[u8; MAX_DATAGRAM]; BATCH],
        time: VisitTime,
        envelopes: &mut [Option<Envelope>; BATCH],
    ) -> usize {
        let mut slices = buffers.each_mut().map(|buffer| [IoSliceMut::new(buffer)]);
        let Ok(messages) = recvmmsg(
            socket.as_raw_fd(),
            &mut self.0,
            slices.iter_mut(),
            MsgFlags::MSG_DONTWAIT,
            None,
        ) else {
            return 0; // nothing waits; any other error shows as missing media
        };
        let mut received = 0;
        let mut stamped = true;
        for (message, envelope) in messages.zip(envelopes.iter_mut()) {
            received += 1;
            let stamp = stamp_of(&message);
            stamped &= stamp.is_some();
            *envelope = seal(&message, stamp, time);
        }
        if !stamped {
            // The kernel took the missing stamp's room out of the header: make room again.
            *self = Self::new();
        }
        received
    }
}

/// `None` for a datagram that is too long.
fn seal<S: Copy + Into<SocketAddr>>(
    message: &RecvMsg<'_, '_, S>,
    stamp: Option<Duration>,
    time: VisitTime,
) -> Option<Envelope> {
    if message.flags.contains(MsgFlags::MSG_TRUNC) {
        return None;
    }
    Some(Envelope {
        length: message.bytes.min(MAX_DATAGRAM),
        source: message.address?.into(),
        arrival: stamp.map_or(time.now, |stamp| time.arrival(stamp)),
    })
}

/// The kernel's wall-clock time of arrival, since the Unix epoch.
fn stamp_of<S>(message: &RecvMsg<'_, '_, S>) -> Option<Duration> {
    message.cmsgs().ok()?.find_map(|control| match control {
        ControlMessageOwned::ScmTimestampns(stamp) => Some(Duration::from(stamp)),
        _ => None,
    })
}
