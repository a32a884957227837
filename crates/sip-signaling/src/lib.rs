//! SIP registrations and calls: a user agent whose bodies are bytes.

pub mod digest;
mod error;
pub mod message;
mod transport;

pub use digest::Credentials;
pub use error::{Rejection, SignalingError};
pub use message::{Body, HeaderList, Method, NameAddr, Request, Response, StatusCode, Uri};
pub use transport::Transport;
