//! Digest authentication (RFC 8760, RFC 7616, RFC 3261 section 22) as values, both roles.
//!
//! ```
//! use sip_signaling::{Credentials, digest::{Algorithm, Authorization, Challenge, DigestClient}};
//!
//! let challenge = Challenge::new("example.com", "n0nce", Algorithm::Sha256)?;
//! let alice = Credentials::new("alice", "secret");
//! let mut client = DigestClient::new(alice.clone());
//! let header = client.answer(&[challenge.to_string()], "REGISTER", "sip:example.com", b"", "cnonce")?;
//! let authorization = Authorization::parse(&header)?;
//! assert!(authorization.verify("secret", "REGISTER", b""));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod algorithm;
mod authorization;
mod challenge;
mod client;
mod credentials;
mod fields;
mod server;

pub use algorithm::Algorithm;
pub use authorization::Authorization;
pub use challenge::{Challenge, Qop};
pub use client::DigestClient;
pub use credentials::Credentials;
pub use server::{DigestRefusal, DigestServer};

/// Why a challenge cannot be answered or an answer cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DigestError {
    /// Not of the Digest scheme (Basic is never answered: RFC 3261 section 22.1).
    #[error("no Digest challenge")]
    NotDigest,
    /// A field is missing or malformed.
    #[error("malformed digest field {0}")]
    Field(&'static str),
    /// An algorithm or quality of protection that this crate does not know.
    #[error("no known algorithm and qop is offered")]
    Unsupported,
    /// The challenge is for another realm than the credentials.
    #[error("the challenge is for another realm than the credentials")]
    OtherRealm,
    /// The server has refused these credentials already.
    #[error("the server refused the credentials")]
    Refused,
}
