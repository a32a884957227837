//! One challenge: the value of `WWW-Authenticate` or `Proxy-Authenticate`.

#![deny(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects
)]

use std::fmt;

use super::{Algorithm, DigestError, fields::Fields};
use crate::{
    SignalingError,
    message::text::{has_control, quote},
};

/// Quality of protection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Qop {
    /// Request line only.
    Auth,
    /// Request line and body.
    AuthInt,
}

impl Qop {
    pub(super) fn parse(text: &str) -> Option<Qop> {
        match text.trim() {
            t if t.eq_ignore_ascii_case("auth") => Some(Qop::Auth),
            t if t.eq_ignore_ascii_case("auth-int") => Some(Qop::AuthInt),
            _ => None,
        }
    }

    /// `auth` or `auth-int`.
    pub fn name(self) -> &'static str {
        match self {
            Qop::Auth => "auth",
            Qop::AuthInt => "auth-int",
        }
    }
}

/// A digest challenge. Print it to send it, parse it to answer it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Challenge {
    /// Protection space.
    pub realm: String,
    /// Server nonce.
    pub nonce: String,
    /// To be returned unchanged.
    pub opaque: Option<String>,
    /// Algorithm.
    pub algorithm: Algorithm,
    /// Offered qualities of protection; empty for the old form of RFC 2069.
    pub qop: Vec<Qop>,
    /// The nonce was old, the credentials were right.
    pub stale: bool,
}

impl Challenge {
    /// A challenge with `qop="auth"`.
    ///
    /// # Errors
    /// `InvalidInput` for control characters in realm or nonce.
    pub fn new(
        realm: &str,
        nonce: &str,
        algorithm: Algorithm,
    ) -> Result<Challenge, SignalingError> {
        if has_control(realm) || has_control(nonce) {
            return Err(SignalingError::input(
                "realm or nonce",
                "it holds a control character (CR, LF or NUL)",
            ));
        }
        Ok(Challenge {
            realm: realm.to_owned(),
            nonce: nonce.to_owned(),
            opaque: None,
            algorithm,
            qop: vec![Qop::Auth],
            stale: false,
        })
    }

    /// Parses one header value.
    ///
    /// # Errors
    /// `NotDigest`, `Field` for a missing realm or nonce, `Unsupported` for an unknown algorithm or only unknown qop.
    pub fn parse(text: &str) -> Result<Challenge, DigestError> {
        let fields = Fields::parse(text)?;
        let algorithm = match fields.get("algorithm") {
            Some(name) => Algorithm::parse(name).ok_or(DigestError::Unsupported)?,
            None => Algorithm::Md5,
        };
        let qop = match fields.get("qop") {
            Some(list) => {
                let known: Vec<Qop> = list.split(',').filter_map(Qop::parse).collect();
                if known.is_empty() {
                    return Err(DigestError::Unsupported);
                }
                known
            }
            None => Vec::new(),
        };
        Ok(Challenge {
            realm: fields.required("realm")?,
            nonce: fields.required("nonce")?,
            opaque: fields.get("opaque").map(str::to_owned),
            algorithm,
            qop,
            stale: fields
                .get("stale")
                .is_some_and(|stale| stale.eq_ignore_ascii_case("true")),
        })
    }
}

impl fmt::Display for Challenge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "Digest realm={}, nonce={}, algorithm={}",
            quote(&self.realm),
            quote(&self.nonce),
            self.algorithm
        )?;
        if let Some(opaque) = &self.opaque {
            write!(f, ", opaque={}", quote(opaque))?;
        }
        if !self.qop.is_empty() {
            let names: Vec<&str> = self.qop.iter().map(|qop| qop.name()).collect();
            write!(f, ", qop=\"{}\"", names.join(","))?;
        }
        if self.stale {
            f.write_str(", stale=true")?;
        }
        Ok(())
    }
}
