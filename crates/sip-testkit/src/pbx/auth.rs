//! Digest challenges and their answers.

#![deny(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects
)]

use super::memory::Memory;
use super::settings::Settings;
use sip_signaling::digest::{Algorithm, Authorization, Challenge};
use sip_signaling::{Request, Uri};
use std::time::{Duration, Instant};

/// Nonces are remembered for this long after they went stale, to tell stale ones from invented ones.
const REMEMBERED: Duration = Duration::from_secs(3600);

/// Who is asked for credentials: the registrar (401) or the proxy (407).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Asker {
    Registrar,
    Proxy,
}

impl Asker {
    pub(super) fn challenge_header(self) -> &'static str {
        match self {
            Asker::Registrar => "WWW-Authenticate",
            Asker::Proxy => "Proxy-Authenticate",
        }
    }

    pub(super) fn answer_header(self) -> &'static str {
        match self {
            Asker::Registrar => "Authorization",
            Asker::Proxy => "Proxy-Authorization",
        }
    }
}

/// The outcome of a check.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// The credentials are right and belong to this user.
    Granted(String),
    /// Ask again; `stale` when the password was right and only the nonce old (RFC 7616 section 3.3).
    Challenge { stale: bool },
}

/// The nonces that were given out.
#[derive(Debug)]
pub(super) struct Authenticator {
    nonces: Memory<Nonce>,
}

#[derive(Debug)]
struct Nonce {
    stale_from: Instant,
    last_count: u32,
}

impl Authenticator {
    pub(super) fn new() -> Self {
        Self {
            nonces: Memory::new(REMEMBERED),
        }
    }

    /// The header values of a challenge, one for each algorithm in order of preference (RFC 8760
    /// section 2.3).
    pub(super) fn challenges(
        &mut self,
        now: Instant,
        settings: &Settings,
        stale: bool,
    ) -> Vec<String> {
        let nonce = format!("{:032x}", rand::random::<u128>());
        let stale_from = now.checked_add(settings.nonce_lifetime).unwrap_or(now);
        self.nonces.insert(
            now,
            nonce.clone(),
            Nonce {
                stale_from,
                last_count: 0,
            },
        );
        let challenge = |algorithm: &Algorithm| {
            let mut challenge = Challenge::new(&settings.realm, &nonce, *algorithm).ok()?;
            challenge.stale = stale;
            Some(challenge.to_string())
        };
        settings.algorithms.iter().filter_map(challenge).collect()
    }

    /// Checks the answer that a request carries, if any.
    pub(super) fn check(
        &mut self,
        now: Instant,
        settings: &Settings,
        asker: Asker,
        request: &Request,
    ) -> Verdict {
        let answers = request.headers.get_all(asker.answer_header());
        let ours = answers
            .filter_map(|value| Authorization::parse(value).ok())
            .find(|a| a.realm == settings.realm);
        let Some(answer) = ours else {
            return Verdict::Challenge { stale: false };
        };
        let Some(user) = settings
            .users
            .iter()
            .find(|user| user.auth_name == answer.username)
        else {
            return Verdict::Challenge { stale: false };
        };
        let right = settings.algorithms.contains(&answer.algorithm)
            && names_request(&answer.uri, &request.uri)
            && answer.verify(&user.password, request.method.as_str(), &request.body);
        let Some(nonce) = self.nonces.get_mut(now, &answer.nonce) else {
            return Verdict::Challenge { stale: right };
        };
        // RFC 7616 section 3.4: the count must grow, so that an answer cannot be used twice.
        let fresh = now < nonce.stale_from
            && match answer.qop {
                Some((_, _, count)) => count > nonce.last_count,
                None => true,
            };
        if right && fresh {
            nonce.last_count = answer.qop.map_or(nonce.last_count, |(_, _, count)| count);
            Verdict::Granted(user.name.clone())
        } else {
            Verdict::Challenge { stale: right }
        }
    }
}

/// RFC 7616 section 3.4.6: the digest must be for the resource that is asked for.
fn names_request(digest_uri: &str, request_uri: &Uri) -> bool {
    Uri::parse(digest_uri).is_ok_and(|uri| uri.is_equivalent(request_uri))
}
