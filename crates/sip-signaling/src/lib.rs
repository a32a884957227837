//! SIP registrations and calls: a user agent whose bodies are bytes.

mod agent;
mod agent_headers;
pub mod digest;
mod error;
pub mod message;
mod session;
mod transaction;
mod transport;

pub use agent::{
    AnsweredInvite, Call, CallEnd, CallEvent, CallHandle, EndedBy, IncomingCalls, IncomingInvite,
    IncomingOffer, InviteEvent, InviteOptions, OfferAnswer, OutgoingInvite, Provisional,
    Registration, RegistrationConfig, RegistrationState, Timers, TraceDirection, TracedMessage,
    UserAgent, UserAgentConfig,
};
pub use digest::Credentials;
pub use error::{Rejection, SignalingError};
pub use message::{Body, HeaderList, Method, NameAddr, Request, Response, StatusCode, Uri};
pub use transport::Transport;
