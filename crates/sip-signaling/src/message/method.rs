//! Request methods.

use std::fmt;

use super::text::is_token;
use crate::SignalingError;

/// A request method; methods compare with case (RFC 3261 section 7.1).
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[allow(missing_docs)]
pub enum Method {
    Invite,
    Ack,
    Bye,
    Cancel,
    Register,
    Options,
    Info,
    Update,
    Prack,
    Message,
    Refer,
    Subscribe,
    Notify,
    Publish,
    /// Any other token.
    Other(MethodToken),
}

/// A method name that this crate does not know; always a token.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct MethodToken(String);

const KNOWN: [(&str, Method); 14] = [
    ("INVITE", Method::Invite),
    ("ACK", Method::Ack),
    ("BYE", Method::Bye),
    ("CANCEL", Method::Cancel),
    ("REGISTER", Method::Register),
    ("OPTIONS", Method::Options),
    ("INFO", Method::Info),
    ("UPDATE", Method::Update),
    ("PRACK", Method::Prack),
    ("MESSAGE", Method::Message),
    ("REFER", Method::Refer),
    ("SUBSCRIBE", Method::Subscribe),
    ("NOTIFY", Method::Notify),
    ("PUBLISH", Method::Publish),
];

impl Method {
    /// The method of that name.
    ///
    /// # Errors
    /// `InvalidInput` if it is no token.
    pub fn parse(name: &str) -> Result<Method, SignalingError> {
        if let Some((_, method)) = KNOWN.iter().find(|(known, _)| *known == name) {
            return Ok(method.clone());
        }
        if !is_token(name) {
            return Err(SignalingError::input("method", "it is no token"));
        }
        Ok(Method::Other(MethodToken(name.to_owned())))
    }

    /// The name as it stands in a request line.
    pub fn as_str(&self) -> &str {
        match self {
            Method::Other(token) => &token.0,
            known => KNOWN
                .iter()
                .find(|(_, method)| method == known)
                .map_or("", |(name, _)| name),
        }
    }
}

impl fmt::Display for Method {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
