//! SDP text and the offer/answer rules of RFC 3264, as values.

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
mod remote_audio;
mod rtcp;
mod rtcp_mux;
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
pub use negotiated::{NegotiatedAudio, NegotiatedFormat, NegotiatedTelephoneEvent};
pub use offer::PendingOffer;
pub use origin::Origin;
pub use rtcp::Rtcp;
pub use rtpmap::Rtpmap;
pub use sdp_session::SdpSession;
pub use session_description::SessionDescription;
