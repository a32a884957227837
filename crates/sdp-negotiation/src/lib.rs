//! SDP text and the offer/answer rules of RFC 3264, as values.
//!
//! No sockets, no clock, no codecs: a description comes in as bytes and goes out as text, and what both sides
//! agreed on is a [`NegotiatedAudio`]. Works with any SIP stack, or without one.
//!
//! ```
//! use sdp_negotiation::{
//!     AudioCapabilities, AudioFormat, Direction, LocalMedia, SdpSession, SessionDescription,
//! };
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let capabilities = AudioCapabilities {
//!     formats: vec![AudioFormat::opus(), AudioFormat::pcmu(), AudioFormat::pcma()],
//!     ..AudioCapabilities::default()
//! };
//!
//! // The caller makes an offer; its text is the body of the INVITE.
//! let mut caller = SdpSession::new(1, "alice");
//! let here = LocalMedia::new("192.0.2.1:4000".parse()?);
//! let (offer, pending) = caller.create_offer(&capabilities, here, Direction::SendRecv);
//! let body = offer.to_string();
//!
//! // The called side reads it and answers.
//! let mut called = SdpSession::new(2, "bob");
//! let there = LocalMedia::new("192.0.2.2:6000".parse()?);
//! let offer = SessionDescription::parse(body.as_bytes())?;
//! let telephone = AudioCapabilities::default();
//! let (answer, at_bob) = called.answer(&offer, &telephone, there, Direction::SendRecv)?;
//!
//! // The caller takes the answer: both now know codec, payload types, addresses and direction.
//! let at_alice = pending.accept(&answer)?;
//! assert_eq!(at_alice.format.encoding_name, "PCMU");
//! assert_eq!(at_alice.remote_rtp, there.rtp);
//! assert_eq!(at_bob.telephone_event.map(|event| event.clock_rate), Some(8_000));
//! # Ok(())
//! # }
//! ```
//!
//! # What is mended
//!
//! Reading goes through the `sdp` crate, whose types stay inside, after a pass of our own: a missing `s=`, `t=`
//! or `o=` is put in; ids in `o=` that are no 64-bit numbers are replaced; lines in the wrong order are sorted;
//! unknown lines, a trailing NUL and blank lines are dropped; LF and CR alone end a line. A stream of a kind
//! that nobody here knows (`TCP/MSRP`, a port over 65535) is kept and refused, and does not cost the call.
//! An attribute that is malformed stays as text among the [`Attribute`]s.
//!
//! # What is decided
//!
//! - Our order of preference picks the codec of an answer; the offer's payload type numbers stay.
//! - An answer names one codec and one telephone-event. What else both sides have in common is still
//!   receivable: see [`NegotiatedAudio::also_receivable`].
//! - Redundancy is answered wherever it is offered at the codec's clock, and offered when asked for.
//! - telephone-event runs at the codec's clock; when the peer has none at that clock, at 8000 Hz, then at any.
//! - The first audio stream that works is taken; every other stream is refused with port 0.
//! - Only RTP/AVP and RTP/AVPF: an offer of SRTP alone is an error that says so.
//!
//! # Limits
//!
//! [`limits`] says how much of a description is read; more is an [`SdpError`]. No input panics.

#![deny(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects
)]
#![cfg_attr(
    test,
    allow(
        clippy::unwrap_used,
        clippy::indexing_slicing,
        clippy::arithmetic_side_effects
    )
)]

mod answer;
mod attribute;
mod bandwidth;
mod capabilities;
mod comfort_noise;
mod connection;
mod direction;
mod error;
mod fmtp;
pub mod limits;
mod local_audio;
mod media_description;
mod negotiated;
mod offer;
mod origin;
mod payload_type_map;
mod ptime;
mod redundancy;
mod remote_audio;
mod rtcp;
mod rtcp_mux;
mod rtcp_xr;
mod rtpmap;
mod sdp_session;
mod session_description;
mod static_payload_types;
mod telephone_event;
mod text;

pub use attribute::Attribute;
pub use bandwidth::Bandwidth;
pub use capabilities::{AudioCapabilities, AudioFormat, LocalMedia};
pub use connection::{Address, Connection};
pub use direction::Direction;
pub use error::{NegotiationError, SdpError};
pub use fmtp::Fmtp;
pub use media_description::MediaDescription;
pub use negotiated::{
    NegotiatedAudio, NegotiatedComfortNoise, NegotiatedExtendedReports, NegotiatedFormat,
    NegotiatedRedundancy, NegotiatedTelephoneEvent,
};
pub use offer::PendingOffer;
pub use origin::Origin;
pub use rtcp::Rtcp;
pub use rtpmap::Rtpmap;
pub use sdp_session::SdpSession;
pub use session_description::SessionDescription;
