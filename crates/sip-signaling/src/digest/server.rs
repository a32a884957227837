//! The server's side: challenges whose nonces age, and answers that count once (RFC 7616 section 3.3 and 5.4).

#![deny(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects
)]

use std::{
    collections::HashMap,
    time::{Duration, Instant},
};

use super::{Algorithm, Authorization, Challenge, Qop};
use crate::{SignalingError, Uri};

/// Nonces whose counts are remembered; a nonce is remembered once it was answered with the right password.
const MAX_NONCES: usize = 16_384;
/// Counts that may come out of order: requests sent at the same time pass each other.
const WINDOW: u32 = 64;

/// Why an answer is not accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DigestRefusal {
    /// None is there, or none for this realm.
    Missing,
    /// The password is right, but the nonce is too old, of a forerunner of this server, or was used with this count already:
    /// the next challenge says `stale=true`.
    Stale,
    /// User or password are wrong, or the answer is for another request.
    Wrong,
}

/// Challenges, and checks the answers. Nonces are not kept: each carries its age and a seal; only counts of those in use are.
#[derive(Debug)]
pub struct DigestServer {
    realm: String,
    seal: Seal,
    began: Instant,
    lifetime: Duration,
    used: HashMap<String, Counts>,
}

/// A secret that no `Debug` shows.
struct Seal(String);

impl std::fmt::Debug for Seal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("***")
    }
}

/// The counts of one nonce that have come: the highest, and which of those below it.
#[derive(Debug)]
struct Counts {
    expires: Instant,
    highest: u32,
    below: u64,
}

impl DigestServer {
    /// A server for one realm. `secret` is random text of at least 32 digits; a nonce can be answered for `lifetime`.
    ///
    /// # Errors
    /// `InvalidInput` for control characters in the realm.
    pub fn new(
        realm: &str,
        secret: &str,
        lifetime: Duration,
        now: Instant,
    ) -> Result<DigestServer, SignalingError> {
        Challenge::new(realm, "", Algorithm::Md5)?;
        Ok(DigestServer {
            realm: realm.to_owned(),
            seal: Seal(secret.to_owned()),
            began: now,
            lifetime,
            used: HashMap::new(),
        })
    }

    /// Challenges to be sent with a 401, the strongest first: SHA-256, MD5. `fresh` is random text.
    pub fn challenges(&self, now: Instant, fresh: &str, stale: bool) -> Vec<Challenge> {
        let age = now.saturating_duration_since(self.began).as_millis();
        let fresh: String = fresh.chars().filter(char::is_ascii_alphanumeric).collect();
        let nonce = format!("{age:x}-{fresh}-{}", self.sealed(age, &fresh));
        [Algorithm::Sha256, Algorithm::Md5]
            .into_iter()
            .filter_map(|algorithm| Challenge::new(&self.realm, &nonce, algorithm).ok())
            .map(|challenge| Challenge { stale, ..challenge })
            .collect()
    }

    /// Checks the values of a request's `Authorization` headers; the name of the user whose password was known.
    ///
    /// An answer is for this method and Request-URI, with `qop=auth`, and each count of a nonce is good for one request.
    ///
    /// # Errors
    /// A [`DigestRefusal`]; the next challenge is stale if it says so.
    pub fn check<'a>(
        &mut self,
        now: Instant,
        method: &str,
        uri: &Uri,
        answers: impl Iterator<Item = &'a str>,
        password: impl FnOnce(&str) -> Option<String>,
    ) -> Result<String, DigestRefusal> {
        let answer = answers
            .filter_map(|text| Authorization::parse(text).ok())
            .find(|answer| answer.realm == self.realm)
            .ok_or(DigestRefusal::Missing)?;
        let offered = matches!(answer.algorithm, Algorithm::Sha256 | Algorithm::Md5);
        let Some((Qop::Auth, _, count)) = answer.qop.as_ref().filter(|_| offered) else {
            return Err(DigestRefusal::Wrong);
        };
        let (known, password) = match password(&answer.username) {
            Some(password) => (true, password),
            // The same work for a user who is not there: how long it takes tells nothing.
            None => (false, String::new()),
        };
        let meant = Uri::parse(&answer.uri).is_ok_and(|meant| meant.is_equivalent(uri));
        if !(answer.verify(&password, method, b"") && known && meant) {
            return Err(DigestRefusal::Wrong);
        }
        let expires = self
            .expiry(&answer.nonce)
            .filter(|expires| now < *expires)
            .ok_or(DigestRefusal::Stale)?;
        if self.count(now, &answer.nonce, *count, expires) {
            Ok(answer.username)
        } else {
            Err(DigestRefusal::Stale)
        }
    }

    fn sealed(&self, age: u128, fresh: &str) -> String {
        let text = format!("{}:{age:x}:{fresh}:{}", self.seal.0, self.realm);
        let mut hash = Algorithm::Sha256.hash(text.as_bytes());
        // Half of it: a whole SHA-256 could be prolonged by who does not know the secret.
        hash.truncate(32);
        hash
    }

    /// Until when a nonce is good; `None` for one that this server did not make.
    fn expiry(&self, nonce: &str) -> Option<Instant> {
        let mut parts = nonce.splitn(3, '-');
        let (age, fresh, seal) = (parts.next()?, parts.next()?, parts.next()?);
        let age = u64::from_str_radix(age, 16).ok()?;
        (self.sealed(age.into(), fresh) == seal).then_some(())?;
        self.began
            .checked_add(Duration::from_millis(age))?
            .checked_add(self.lifetime)
    }

    /// Takes a count down; false if it was used.
    fn count(&mut self, now: Instant, nonce: &str, count: u32, expires: Instant) -> bool {
        if let Some(counts) = self.used.get_mut(nonce) {
            return counts.take(count);
        }
        if self.used.len() >= MAX_NONCES {
            self.used.retain(|_, counts| now < counts.expires);
        }
        if self.used.len() >= MAX_NONCES {
            return false;
        }
        let counts = Counts {
            expires,
            highest: count,
            below: 0,
        };
        self.used.insert(nonce.to_owned(), counts);
        true
    }
}

impl Counts {
    fn take(&mut self, count: u32) -> bool {
        if count > self.highest {
            let step = count.saturating_sub(self.highest);
            let moved = self.below.checked_shl(step).unwrap_or(0);
            // The highest so far is now one of those below.
            let old = 1_u64.checked_shl(step.saturating_sub(1)).unwrap_or(0);
            self.below = moved | old;
            self.highest = count;
            return true;
        }
        let back = self.highest.saturating_sub(count);
        if back == 0 || back > WINDOW {
            return false;
        }
        let bit = 1_u64.checked_shl(back.saturating_sub(1)).unwrap_or(0);
        let fresh = self.below & bit == 0;
        self.below |= bit;
        fresh
    }
}

#[cfg(test)]
#[allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects
)]
mod tests {
    use super::*;
    use crate::{Credentials, digest::DigestClient};

    const LIFETIME: Duration = Duration::from_secs(60);

    fn server(now: Instant) -> DigestServer {
        DigestServer::new("trunk", "0123456789abcdef0123456789abcdef", LIFETIME, now).unwrap()
    }

    fn password(user: &str) -> Option<String> {
        (user == "carrier").then(|| "secret".to_owned())
    }

    fn uri() -> Uri {
        Uri::parse("sip:bob@192.0.2.1").unwrap()
    }

    fn answer(client: &mut DigestClient, server: &DigestServer, now: Instant) -> String {
        let challenges: Vec<String> = server
            .challenges(now, "f1", false)
            .iter()
            .map(ToString::to_string)
            .collect();
        client
            .answer(&challenges, "INVITE", &uri().to_string(), b"", "c")
            .unwrap()
    }

    fn check(server: &mut DigestServer, now: Instant, text: &str) -> Result<String, DigestRefusal> {
        server.check(now, "INVITE", &uri(), [text].into_iter(), password)
    }

    #[test]
    fn right_answer_counts_once_and_counts_may_come_out_of_order() {
        let now = crate::agent::now();
        let mut server = server(now);
        let mut client = DigestClient::new(Credentials::new("carrier", "secret"));
        let first = answer(&mut client, &server, now);
        assert!(first.contains("algorithm=SHA-256"), "{first}");
        let more: Vec<String> = (0..70)
            .map(|_| {
                client
                    .preempt("INVITE", &uri().to_string(), b"", "c")
                    .unwrap()
            })
            .collect();
        assert_eq!(check(&mut server, now, &first).unwrap(), "carrier");
        assert_eq!(check(&mut server, now, &first), Err(DigestRefusal::Stale));
        assert!(check(&mut server, now, &more[1]).is_ok());
        assert!(check(&mut server, now, &more[0]).is_ok());
        for used in [&first, &more[0], &more[1]] {
            assert_eq!(check(&mut server, now, used), Err(DigestRefusal::Stale));
        }
        assert!(check(&mut server, now, &more[69]).is_ok());
        // Too far behind to be known: refused.
        assert_eq!(check(&mut server, now, &more[2]), Err(DigestRefusal::Stale));
        assert!(check(&mut server, now, &more[40]).is_ok());
        assert_eq!(
            check(&mut server, now, &more[40]),
            Err(DigestRefusal::Stale)
        );
    }

    #[test]
    fn nonce_ages_and_one_of_another_server_is_stale() {
        let now = crate::agent::now();
        let mut server = server(now);
        let mut client = DigestClient::new(Credentials::new("carrier", "secret"));
        let text = answer(&mut client, &server, now);
        let late = now + LIFETIME;
        assert_eq!(check(&mut server, late, &text), Err(DigestRefusal::Stale));
        let mut other =
            DigestServer::new("trunk", "another secret of a server", LIFETIME, now).unwrap();
        assert_eq!(check(&mut other, now, &text), Err(DigestRefusal::Stale));
        assert!(server.challenges(late, "f2", true)[0].stale);
        assert!(check(&mut server, late - Duration::from_millis(1), &text).is_ok());
    }

    #[test]
    fn wrong_user_password_method_uri_realm_and_qop_are_refused() {
        let now = crate::agent::now();
        let mut server = server(now);
        for (user, secret) in [("carrier", "Secret"), ("nobody", "secret"), ("nobody", "")] {
            let mut client = DigestClient::new(Credentials::new(user, secret));
            let text = answer(&mut client, &server, now);
            assert_eq!(check(&mut server, now, &text), Err(DigestRefusal::Wrong));
        }
        let mut client = DigestClient::new(Credentials::new("carrier", "secret"));
        let text = answer(&mut client, &server, now);
        let other = Uri::parse("sip:eve@192.0.2.1").unwrap();
        for (method, uri) in [("MESSAGE", &uri()), ("INVITE", &other)] {
            let checked = server.check(now, method, uri, [text.as_str()].into_iter(), password);
            assert_eq!(checked, Err(DigestRefusal::Wrong));
        }
        let elsewhere = text.replace("realm=\"trunk\"", "realm=\"else\"");
        assert_eq!(
            check(&mut server, now, &elsewhere),
            Err(DigestRefusal::Missing)
        );
        // RFC 2069's form has no count, and could be sent again.
        let nonce = &server.challenges(now, "f3", false)[0].nonce;
        let old = format!("Digest realm=\"trunk\", nonce=\"{nonce}\", algorithm=SHA-256");
        let mut client = DigestClient::new(Credentials::new("carrier", "secret"));
        let text = client
            .answer(&[old], "INVITE", &uri().to_string(), b"", "c")
            .unwrap();
        assert_eq!(check(&mut server, now, &text), Err(DigestRefusal::Wrong));
        assert!(!format!("{server:?}").contains("0123456789abcdef"));
    }

    #[test]
    fn md5_is_taken_from_who_knows_nothing_better() {
        let now = crate::agent::now();
        let mut server = server(now);
        let mut client = DigestClient::new(Credentials::new("carrier", "secret"));
        let md5 = server.challenges(now, "f", false)[1].to_string();
        assert!(md5.contains("algorithm=MD5"));
        let text = client
            .answer(&[md5], "INVITE", &uri().to_string(), b"", "c")
            .unwrap();
        assert!(check(&mut server, now, &text).is_ok());
    }
}
