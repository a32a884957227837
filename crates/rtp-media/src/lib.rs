//! RTP and RTCP of one call as a value: streams, jitter buffer, reports, telephone-event.
//!
//! Nothing here owns a socket, a task, a lock or a clock. [`RtpSession`] is told what arrived and what time it is, and
//! says what to send and what to play. It knows payload bytes and clock units, never samples, SIP or SDP.
//!
//! ```text
//!  datagram ─▶ demux ─▶ guard ─▶ source latch ─▶ statistics ─▶ JitterBuffer ─▶ playout() ─▶ decoder of the caller
//!                 └▶ RTCP ─▶ reports             └▶ telephone-event ─▶ poll_event()
//!  encoder of the caller ─▶ send_audio() ─▶ sequence, timestamp, marker ─▶ poll_transmit() ─▶ socket of the caller
//! ```
//!
//! # First example
//!
//! Two sessions, one packet, no network:
//!
//! ```
//! use std::time::{Duration, Instant, SystemTime};
//! use rtp_media::{Channel, ClockAnchor, ClockRate, PayloadType, Playout, RtpSession, RtpSessionConfig};
//!
//! let start = Instant::now();
//! let anchor = ClockAnchor::new(start, SystemTime::now());
//! let (a, b) = ("192.0.2.1:4000".parse().unwrap(), "192.0.2.2:4000".parse().unwrap());
//! let pcmu = PayloadType(0);
//! let mut alice = RtpSession::new(start, RtpSessionConfig::new(anchor, 1, b, pcmu, ClockRate(8_000)));
//! let mut bob = RtpSession::new(start, RtpSessionConfig::new(anchor, 2, a, pcmu, ClockRate(8_000)));
//!
//! alice.send_audio(start, &[0xff; 160], 160);
//! let mut datagram = Vec::new();
//! let transmit = alice.poll_transmit(start, &mut datagram).expect("one packet is queued");
//! assert_eq!((transmit.destination, transmit.channel), (b, Channel::Rtp));
//!
//! bob.handle_datagram(start, a, Channel::Rtp, &datagram);
//! let later = start + Duration::from_millis(100); // past the initial target of the jitter buffer
//! assert!(matches!(bob.playout(later, Duration::ZERO), Playout::Packet { payload, .. } if payload.len() == 160));
//! ```
//!
//! # Bytes from the network
//!
//! The `rtp` and `rtcp` crates of the webrtc-rs 0.17 line panic on short input. [`guard`] checks every length first and
//! is public, for whoever uses those crates elsewhere.

mod burst_gap;
mod clock;
mod demux;
mod event;
pub mod guard;
pub mod jitter_buffer;
mod packet;
pub mod quality;
mod random;
mod redundancy;
mod session;
mod stats;
mod telephone_event;
mod units;
mod voip_metrics;

pub use burst_gap::{BurstGap, GMIN};
pub use clock::{ClockAnchor, NtpTime};
pub use demux::{DatagramKind, datagram_kind};
pub use event::{NoMediaCause, PeerReport, RtpEvent};
pub use jitter_buffer::{
    JitterBuffer, JitterBufferConfig, JitterBufferStats, Pace, PacketMeta, Playout,
};
pub use packet::RtpPacket;
pub use quality::{CodecQuality, QualityInput, listening_mos, mos};
pub use redundancy::{RedundantBlock, RedundantPayload};
pub use session::config::{
    ExtendedReports, RedundancyFormat, RtpSessionConfig, RtpSessionUpdate, TelephoneEventFormat,
};
pub use session::{Channel, RtpSession, Timer, Transmit};
pub use stats::{DroppedPackets, RtpStats};
pub use telephone_event::{TelephoneEvent, TelephoneEventError};
pub use units::{ClockRate, PayloadType, Ssrc};
pub use voip_metrics::VoipMetrics;
