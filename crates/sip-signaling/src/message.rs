//! The message model: what stands on the wire, as typed values that print and parse.

mod body;
mod event;
mod headers;
mod identity;
mod method;
mod name_addr;
mod params;
mod parse;
mod redact;
pub(crate) mod refer;
mod request;
mod response;
mod status;
pub(crate) mod text;
pub(crate) mod uri;
mod validation;
mod via;

pub use body::Body;
pub(crate) use body::check_body;
pub use event::SubscriptionState;
pub(crate) use event::{Event, check_token};
pub use headers::HeaderList;
pub use identity::{CallInfo, Diversion, HistoryEntry, Reason, UserToUser};
pub use method::{Method, MethodToken};
pub use name_addr::NameAddr;
pub(crate) use name_addr::name_addrs;
pub use params::Params;
pub use parse::{Message, ParseError};
pub use request::Request;
pub use response::Response;
pub use status::StatusCode;
pub use uri::{Scheme, Uri, UriError};
pub(crate) use validation::refusal;
pub use via::Via;
