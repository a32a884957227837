//! What an [`RtpSession`](crate::RtpSession) tells its owner.

use std::net::SocketAddr;
use std::time::Duration;

use crate::telephone_event::TelephoneEvent;
use crate::units::{PayloadType, Ssrc};

/// Taken with [`RtpSession::poll_event`](crate::RtpSession::poll_event).
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum RtpEvent {
    /// The first sound RTP packet of the session, audio or telephone-event.
    FirstPacket {
        /// Where it came from.
        source: SocketAddr,
        /// Its stream.
        ssrc: Ssrc,
    },
    /// A key was pressed at the far end (RFC 4733). Once per key press, on the first packet that shows it.
    TelephoneEvent {
        /// The key.
        event: TelephoneEvent,
        /// How long the key had been down when the packet was made.
        duration: Duration,
        /// Signal level in dBm0, 0 to -63.
        level_dbm0: i8,
    },
    /// The key was released. Follows every [`RtpEvent::TelephoneEvent`], after 120 ms without packets if its end was lost.
    TelephoneEventEnded {
        /// The key.
        event: TelephoneEvent,
        /// How long it was down, as far as packets told.
        duration: Duration,
    },
    /// The peer's stream is a new one (transfer, music on hold, restart of its sender).
    SsrcChanged {
        /// The stream before.
        from: Ssrc,
        /// The stream now.
        to: Ssrc,
    },
    /// Media now goes to, and comes from, another address than before (symmetric RTP, RFC 4961).
    SourceChanged {
        /// The destination before.
        from: SocketAddr,
        /// The destination now.
        to: SocketAddr,
    },
    /// No sound RTP packet for `no_media_after`, with the most telling cause. Once until media is back.
    NoMedia(NoMediaCause),
    /// Media is back after [`RtpEvent::NoMedia`].
    MediaResumed,
    /// Neither RTP nor RTCP from the peer for `media_timeout`. Once until media is back.
    MediaTimeout,
    /// RTCP BYE for the peer's stream (RFC 3550 section 6.6). The call itself ends by signalling.
    RemoteBye,
    /// The peer reported how it receives us.
    PeerReport(PeerReport),
}

/// A reception report block about our stream (RFC 3550 section 6.4.1).
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub struct PeerReport {
    /// Share of our packets lost since the peer's last report, 0 to 1.
    pub fraction_lost: f32,
    /// Packets of ours lost since the start. Negative when duplicates outnumber losses.
    pub lost_packets: i32,
    /// Interarrival jitter that the peer sees.
    pub jitter: Duration,
    /// Round trip, when the block refers to a sender report of ours.
    pub round_trip: Option<Duration>,
}

/// Why no media arrives, as far as the datagrams that did arrive can tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum NoMediaCause {
    /// Not one datagram. Check the address in our SDP, NAT and firewalls.
    NothingArrives,
    /// RTP arrives, but from an address that is not accepted.
    FromAnotherAddress {
        /// The address that is accepted.
        expected: SocketAddr,
        /// The last other address.
        seen: SocketAddr,
    },
    /// RTP arrives with a payload type that was not negotiated.
    WrongPayloadType {
        /// The last such payload type.
        seen: PayloadType,
    },
    /// The peer encrypts: DTLS handshakes arrive, or RTCP whose first header is right and whose rest is noise.
    SrtpExpected,
    /// Datagrams arrive that are not RTP.
    NotRtp,
}
