//! Why the PBX does not start.

use std::io;
use std::net::SocketAddr;

/// Why the PBX could not start, or why waiting for it failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PbxError {
    /// The listen address is no `IP:port`.
    #[error(
        "{0:?} is no address to listen on; write IP:port, such as 127.0.0.1:5060, port 0 for a free one"
    )]
    ListenAddress(String),
    /// The address cannot be bound for UDP and TCP.
    #[error(
        "cannot listen on {address} over UDP and TCP ({source}); is another SIP program running there?"
    )]
    Bind {
        /// The address asked for.
        address: SocketAddr,
        /// What the system said.
        source: io::Error,
    },
    /// A user, realm or domain that cannot stand in a SIP message.
    #[error(
        "the {what} {value:?} cannot stand in a SIP message; use printable text without spaces"
    )]
    Name {
        /// Which one: user, realm or domain.
        what: &'static str,
        /// As given.
        value: String,
    },
    /// The extensions' own phones could not register with the PBX.
    #[error("the extension {extension} did not come up: {reason}")]
    Extension {
        /// Its name.
        extension: String,
        /// What its phone said.
        reason: String,
    },
}
