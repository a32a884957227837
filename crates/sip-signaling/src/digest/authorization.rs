//! One answer: the value of `Authorization` or `Proxy-Authorization`, and its check by a server.

#![deny(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects
)]

use std::fmt;

use super::{Algorithm, DigestError, Qop, fields::Fields};
use crate::message::text::quote;

/// A digest answer. The response value is not shown by `Debug`.
#[derive(Clone, PartialEq, Eq)]
pub struct Authorization {
    /// User name.
    pub username: String,
    /// Realm.
    pub realm: String,
    /// The nonce of the challenge.
    pub nonce: String,
    /// The digest-uri; a server compares it with the Request-URI.
    pub uri: String,
    /// Algorithm.
    pub algorithm: Algorithm,
    /// Returned from the challenge.
    pub opaque: Option<String>,
    /// Quality of protection with client nonce and nonce count (1, 2, … per nonce).
    pub qop: Option<(Qop, String, u32)>,
    pub(super) response: String,
}

impl Authorization {
    /// Parses one header value.
    pub fn parse(text: &str) -> Result<Authorization, DigestError> {
        let fields = Fields::parse(text)?;
        let algorithm = match fields.get("algorithm") {
            Some(name) => Algorithm::parse(name).ok_or(DigestError::Unsupported)?,
            None => Algorithm::Md5,
        };
        let qop = match fields.get("qop") {
            Some(name) => {
                let qop = Qop::parse(name).ok_or(DigestError::Unsupported)?;
                let count = u32::from_str_radix(&fields.required("nc")?, 16)
                    .map_err(|_| DigestError::Field("nc"))?;
                Some((qop, fields.required("cnonce")?, count))
            }
            None => None,
        };
        Ok(Authorization {
            username: fields.required("username")?,
            realm: fields.required("realm")?,
            nonce: fields.required("nonce")?,
            uri: fields.required("uri")?,
            algorithm,
            opaque: fields.get("opaque").map(str::to_owned),
            qop,
            response: fields.required("response")?,
        })
    }

    /// True if the answer was made with this password, for this method and body. The server still has to check
    /// nonce, nonce count, realm and that `uri` is the Request-URI.
    pub fn verify(&self, password: &str, method: &str, body: &[u8]) -> bool {
        let expected = self.compute(password, method, body);
        // Compared without an early exit, so that timing tells nothing about the right answer.
        expected.len() == self.response.len()
            && expected
                .bytes()
                .zip(self.response.bytes())
                .fold(0, |diff, (a, b)| diff | (a ^ b.to_ascii_lowercase()))
                == 0
    }

    /// RFC 7616 section 3.4.1; without qop RFC 2069.
    pub(super) fn compute(&self, password: &str, method: &str, body: &[u8]) -> String {
        let hash = |text: String| self.algorithm.hash(text.as_bytes());
        let mut ha1 = hash(format!("{}:{}:{password}", self.username, self.realm));
        if let (true, Some((_, cnonce, _))) = (self.algorithm.is_session(), &self.qop) {
            ha1 = hash(format!("{ha1}:{}:{cnonce}", self.nonce));
        }
        let ha2 = match &self.qop {
            Some((Qop::AuthInt, ..)) => hash(format!(
                "{method}:{}:{}",
                self.uri,
                self.algorithm.hash(body)
            )),
            _ => hash(format!("{method}:{}", self.uri)),
        };
        match &self.qop {
            Some((qop, cnonce, count)) => hash(format!(
                "{ha1}:{}:{count:08x}:{cnonce}:{}:{ha2}",
                self.nonce,
                qop.name()
            )),
            None => hash(format!("{ha1}:{}:{ha2}", self.nonce)),
        }
    }
}

impl fmt::Display for Authorization {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "Digest username={}, realm={}, nonce={}, uri={}, response=\"{}\", algorithm={}",
            quote(&self.username),
            quote(&self.realm),
            quote(&self.nonce),
            quote(&self.uri),
            self.response,
            self.algorithm
        )?;
        if let Some(opaque) = &self.opaque {
            write!(f, ", opaque={}", quote(opaque))?;
        }
        if let Some((qop, cnonce, count)) = &self.qop {
            write!(
                f,
                ", qop={}, nc={count:08x}, cnonce={}",
                qop.name(),
                quote(cnonce)
            )?;
        }
        Ok(())
    }
}

impl fmt::Debug for Authorization {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Authorization")
            .field("username", &self.username)
            .field("realm", &self.realm)
            .field("uri", &self.uri)
            .field("algorithm", &self.algorithm)
            .finish_non_exhaustive()
    }
}
