//! SDP text and the offer/answer rules of RFC 3264, as values.

mod attribute;
mod bandwidth;
mod capabilities;
mod connection;
mod direction;
mod error;
mod fmtp;
mod media_description;
mod negotiated;
mod offer;
mod origin;
mod ptime;
mod rtcp;
mod rtcp_mux;
mod rtpmap;
mod sdp_session;
mod session_description;

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
