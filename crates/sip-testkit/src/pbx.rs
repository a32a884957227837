//! A telephone exchange inside the test process.
//!
//! [`Pbx`] listens on UDP and TCP at one port. It is a registrar with digest authentication, a
//! record-routing proxy between its users, and a collection of users that misbehave on purpose
//! ([`Fault`]). With the feature `extensions`, four of its numbers answer:
//!
//! | number  | what answers                                               |
//! |---------|------------------------------------------------------------|
//! | `echo`  | what it hears                                              |
//! | `tone`  | a tone of 440 Hz                                           |
//! | `dtmf`  | reads four digits (RFC 4733) and sends them back, repeatedly |
//! | `music` | a tune                                                     |
//!
//! | number        | how it fails                                    |
//! |---------------|-------------------------------------------------|
//! | `busy`        | 486 Busy Here                                   |
//! | `redirect`    | 302 Moved Temporarily, to `echo`                |
//! | `blackhole`   | no answer at all                                |
//! | `decline`     | 603 Decline                                     |
//! | `unavailable` | 503 Service Unavailable with Retry-After 30     |
//! | `ringing`     | 180 for ever; 487 once cancelled                |
//! | `timeout`     | 408 Request Timeout                             |
//!
//! A user that is known and not registered is 480, an unknown one 404.
//!
//! The proxy passes requests on without a transaction of its own (RFC 3261 section 16.11): phones
//! retransmit and time out end to end. Of several contacts of a user it calls one, that with the
//! highest q and then the newest. It resolves no host names, so contacts are to hold addresses.

mod auth;
mod builder;
mod core;
mod error;
mod event;
#[cfg(feature = "extensions")]
mod extensions;
mod fault;
mod flow;
mod media;
mod memory;
mod registrar;
mod routing;
mod sdp;
mod server;
mod settings;
mod transaction;
mod transport;
#[cfg(feature = "extensions")]
mod tune;

pub use builder::PbxBuilder;
pub use error::PbxError;
pub use event::{PbxEvent, PbxEvents, PbxMessage};
pub use fault::Fault;
pub use sip_signaling::digest::Algorithm;

use crate::network::LinkStats;
use server::SharedCore;
use std::net::SocketAddr;
use std::time::Instant;
use tokio::task::JoinHandle;

/// An exchange that runs until it is shut down or dropped.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use sip_testkit::pbx::Pbx;
///
/// let pbx = Pbx::builder().user("alice", "secret").user("bob", "secret").start().await?;
/// println!("register alice at {} and call {}", pbx.uri(), pbx.user_uri("bob"));
/// assert!(pbx.contacts("alice").is_empty(), "she has not registered yet");
/// pbx.shutdown().await;
/// # Ok(()) }
/// ```
pub struct Pbx {
    addr: SocketAddr,
    core: SharedCore,
    server: JoinHandle<()>,
    #[cfg(feature = "extensions")]
    extensions: Option<extensions::Extensions>,
}

impl Pbx {
    /// An exchange to set up; without further words it listens on a free port of 127.0.0.1.
    pub fn builder() -> PbxBuilder {
        PbxBuilder::new()
    }

    /// Where it listens, with the port that it got.
    #[must_use]
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// The registrar's URI, such as `sip:127.0.0.1:35060`.
    #[must_use]
    pub fn uri(&self) -> String {
        format!("sip:{}", self.addr)
    }

    /// The URI of one of its users or extensions.
    #[must_use]
    pub fn user_uri(&self, user: &str) -> String {
        format!("sip:{user}@{}", self.addr)
    }

    /// What happens from now on.
    #[must_use]
    pub fn events(&self) -> PbxEvents {
        PbxEvents::new(self.core.lock().events.subscribe())
    }

    /// The contact URIs under which a user is registered at this moment, the preferred first.
    #[must_use]
    pub fn contacts(&self, user: &str) -> Vec<String> {
        let bindings = self.core.lock().location.contacts(Instant::now(), user);
        bindings
            .iter()
            .map(|binding| binding.uri().to_string())
            .collect()
    }

    /// Waits until the user is registered; for ever, if it never is.
    ///
    /// Cancel safe.
    pub async fn wait_registered(&self, user: &str) {
        let mut events = self.events();
        while self.contacts(user).is_empty() {
            if events.recv().await.is_none() {
                return;
            }
        }
    }

    /// What the bad network did to the media of all calls so far; `a_to_b` is what callers sent.
    /// All zero where no impairment was asked for.
    #[must_use]
    pub fn media_stats(&self) -> LinkStats {
        self.core
            .lock()
            .media
            .as_ref()
            .map(media::MediaRelays::stats)
            .unwrap_or_default()
    }

    /// Hangs up what the extensions talk to and closes all sockets. Calls between users go on
    /// without it, except that they cannot be hung up through it any more.
    ///
    /// Not cancel safe: when the future is dropped, the extensions' calls may not have been told.
    pub async fn shutdown(self) {
        #[cfg(feature = "extensions")]
        if let Some(extensions) = &self.extensions {
            extensions.shutdown().await;
        }
        self.server.abort();
    }
}

impl Drop for Pbx {
    fn drop(&mut self) {
        self.server.abort();
    }
}

impl std::fmt::Debug for Pbx {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Pbx")
            .field("addr", &self.addr)
            .finish_non_exhaustive()
    }
}
