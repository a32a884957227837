//! SIP registrations and calls: a user agent whose bodies are bytes.
//!
//! ```no_run
//! use sip_signaling::{Body, Credentials, HeaderList, InviteEvent, InviteOptions, NameAddr, RegistrationConfig, Uri, UserAgent, UserAgentConfig};
//!
//! # async fn run(offer: Vec<u8>) -> Result<(), Box<dyn std::error::Error>> {
//! let (agent, mut incoming) = UserAgent::bind(UserAgentConfig::default()).await?;
//! let alice: NameAddr = "Alice <sip:alice@example.com>".parse()?;
//! let credentials = Some(Credentials::new("alice", "secret"));
//!
//! let config = RegistrationConfig { credentials: credentials.clone(), ..RegistrationConfig::new("sip:example.com".parse()?, alice.clone()) };
//! let registration = agent.register(config)?;
//! registration.wait_registered().await?;
//!
//! let options = InviteOptions { credentials, body: Some(Body::sdp(offer)), ..InviteOptions::new("sip:bob@example.com".parse()?, alice) };
//! let mut outgoing = agent.invite(options).await?;
//! let call = loop {
//!     match outgoing.next_event().await {
//!         InviteEvent::Answered(answered) => break answered.ack(None).await?,
//!         InviteEvent::Failed(error) => return Err(error.into()),
//!         _ringing => {}
//!     }
//! };
//! call.handle().bye(HeaderList::new()).await?;
//! agent.shutdown().await;
//! # Ok(())
//! # }
//! ```
//!
//! The crate knows nothing of SDP or RTP: offers and answers are a [`Body`]. What it does know: registration with digest
//! authentication, refresh and back-off; calls out and in with early media, CANCEL, forked answers and delayed offers; re-INVITE,
//! UPDATE, INFO and BYE within calls; OPTIONS. UDP, TCP, TLS ([`TlsConfig`]) and WebSocket.
//!
//! ```text
//! message   what stands on the wire, as values that print and parse
//! digest    challenges and their answers, both roles
//! (session) dialog, INVITE, offers, registration: the rules, as values with `now` as an argument
//! (agent)   the tasks that drive them: UserAgent, OutgoingInvite, IncomingInvite, Call, Registration
//! (transaction)  sockets and transactions, from rsipstack
//! ```
//!
//! # Logs
//!
//! rsipstack logs whole messages, credentials' digests included, at INFO. Keep its target at WARN
//! (`RUST_LOG=info,rsipstack=warn`); [`UserAgent::trace`] shows what passes without secrets.

mod agent;
mod agent_headers;
pub mod digest;
mod error;
pub mod event_package;
mod limits;
pub mod message;
mod session;
mod tls;
pub mod trace;
mod transaction;
mod transport;

pub use agent::{
    Acknowledged, AnsweredInvite, Call, CallEnd, CallEvent, CallHandle, EarlyOffers, EndedBy,
    IncomingCalls, IncomingInvite, IncomingMessage, IncomingMessages, IncomingOffer, IncomingRefer,
    IncomingSubscription, IncomingSubscriptions, InviteEvent, InviteOptions, Notification,
    Notifier, NotifierEnd, OfferAnswer, OutgoingInvite, Provisional, ReferNotifier, Registration,
    RegistrationConfig, RegistrationState, RequestOptions, Subscription, SubscriptionConfig,
    SubscriptionEvent, Timers, TraceDirection, TracedMessage, TransferProgress, UserAgent,
    UserAgentConfig,
};
pub use digest::Credentials;
pub use error::{Rejection, SignalingError};
pub use ipnet::IpNet;
pub use limits::Limits;
pub use message::{
    Body, HeaderList, Method, NameAddr, Request, Response, StatusCode, SubscriptionState, Uri,
};
pub use session::{Passwords, RateLimit, TrunkConfig, TrunkPeer};
pub use tls::{TlsConfig, TlsIdentity};
pub use transport::Transport;
