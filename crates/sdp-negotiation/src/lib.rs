//! SDP text and the offer/answer rules of RFC 3264, as values.

#![deny(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects
)]
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::arithmetic_side_effects))]

mod session_description;
mod media_description;
mod origin;
mod connection;
mod bandwidth;
mod attribute;
mod rtpmap;
mod fmtp;
mod ptime;
mod direction;
mod rtcp;
mod rtcp_mux;
pub mod limits;
mod text;
mod capabilities;
mod negotiated;
mod sdp_session;
mod offer;
mod error;

pub use attribute::Attribute;
pub use bandwidth::Bandwidth;
pub use capabilities::{AudioCapabilities, AudioFormat, LocalMedia};
pub use connection::{Address, Connection};
pub use direction::Direction;
pub use error::{NegotiationError, SdpError};
pub use fmtp::Fmtp;
pub use media_description::MediaDescription;
pub use negotiated::{NegotiatedAudio, NegotiatedFormat, NegotiatedTelephoneEvent};
pub use offer::PendingOffer;
pub use origin::Origin;
pub use rtcp::Rtcp;
pub use rtpmap::Rtpmap;
pub use sdp_session::SdpSession;
pub use session_description::SessionDescription;
