//! The client's side: which challenge is answered, nonce counting, when to give up.

use super::{Algorithm, Authorization, Challenge, Credentials, DigestError, Qop};

/// Answers the challenges of one header name (401 or 407) with one account's credentials.
///
/// Remembers the last nonce, so that later requests carry an answer at once ([`DigestClient::preempt`]) with a
/// counted `nc`. One refusal is final unless the server says `stale=true`, once.
#[derive(Debug, Clone)]
pub struct DigestClient {
    credentials: Credentials,
    session: Option<NonceSession>,
}

#[derive(Debug, Clone)]
struct NonceSession {
    challenge: Challenge,
    qop: Option<Qop>,
    count: u32,
    /// The server was told this answer and challenged again.
    stale_seen: bool,
    /// A request with the answer has been accepted since.
    proven: bool,
}

impl DigestClient {
    /// A client that has seen no challenge yet.
    pub fn new(credentials: Credentials) -> DigestClient {
        DigestClient {
            credentials,
            session: None,
        }
    }

    /// The realm that is being answered.
    pub fn realm(&self) -> Option<&str> {
        self.session
            .as_ref()
            .map(|session| session.challenge.realm.as_str())
            .or(self.credentials.realm.as_deref())
    }

    /// The header value that answers the strongest known challenge among `challenges` (RFC 8760 section 2.4).
    /// `cnonce` is fresh random text.
    ///
    /// # Errors
    /// `Unsupported` if none can be answered, `OtherRealm` if all known ones are of another realm, `Refused` if the
    /// credentials were answered already and the server does not say that only the nonce was stale.
    pub fn answer(
        &mut self,
        challenges: &[impl AsRef<str>],
        method: &str,
        uri: &str,
        body: &[u8],
        cnonce: &str,
    ) -> Result<String, DigestError> {
        let known: Vec<Challenge> = challenges
            .iter()
            .filter_map(|text| Challenge::parse(text.as_ref()).ok())
            .collect();
        if known.is_empty() {
            return Err(DigestError::Unsupported);
        }
        let realm = self.realm().map(str::to_owned);
        let fits = |challenge: &&Challenge| {
            realm
                .as_deref()
                .is_none_or(|realm| realm == challenge.realm)
        };
        let best = known
            .iter()
            .filter(fits)
            .max_by_key(|challenge| strength(challenge))
            .ok_or(DigestError::OtherRealm)?;
        let mut stale_seen = false;
        if let Some(session) = &self.session {
            // A new nonce after proven credentials is a server that does not bother to say "stale".
            let renewed = session.proven && best.nonce != session.challenge.nonce;
            if !renewed {
                if !best.stale || session.stale_seen {
                    return Err(DigestError::Refused);
                }
                stale_seen = true;
            }
        }
        let qop = if best.qop.contains(&Qop::Auth) {
            Some(Qop::Auth)
        } else {
            best.qop.first().copied()
        };
        self.session = Some(NonceSession {
            challenge: best.clone(),
            qop,
            count: 0,
            stale_seen,
            proven: false,
        });
        self.preempt(method, uri, body, cnonce)
            .ok_or(DigestError::Unsupported)
    }

    /// The header value for a further request with the nonce that is known; `None` before the first challenge.
    pub fn preempt(
        &mut self,
        method: &str,
        uri: &str,
        body: &[u8],
        cnonce: &str,
    ) -> Option<String> {
        let session = self.session.as_mut()?;
        session.count = session.count.saturating_add(1);
        let mut authorization = Authorization {
            username: self.credentials.username.clone(),
            realm: session.challenge.realm.clone(),
            nonce: session.challenge.nonce.clone(),
            uri: uri.to_owned(),
            algorithm: session.challenge.algorithm,
            opaque: session.challenge.opaque.clone(),
            qop: session
                .qop
                .map(|qop| (qop, cnonce.to_owned(), session.count)),
            response: String::new(),
        };
        authorization.response = authorization.compute(&self.credentials.password, method, body);
        Some(authorization.to_string())
    }

    /// The server accepted a request that carried an answer: a later challenge is a new one, not a refusal.
    pub fn accepted(&mut self) {
        if let Some(session) = &mut self.session {
            session.proven = true;
            session.stale_seen = false;
        }
    }

    /// Forgets nonce and refusals; the realm is kept only where the credentials name one.
    pub fn reset(&mut self) {
        self.session = None;
    }
}

/// SHA-512-256 over SHA-256 over MD5; the plain form before `-sess`, which needs qop.
fn strength(challenge: &Challenge) -> (u8, bool) {
    let family = match challenge.algorithm {
        Algorithm::Md5 | Algorithm::Md5Sess => 0,
        Algorithm::Sha256 | Algorithm::Sha256Sess => 1,
        Algorithm::Sha512_256 | Algorithm::Sha512_256Sess => 2,
    };
    (family, !challenge.algorithm.is_session())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 7616 section 3.9.1.
    #[test]
    fn rfc7616_example_answers_match() {
        for (algorithm, expected) in [
            (Algorithm::Md5, "8ca523f5e9506fed4657c9700eebdbec"),
            (
                Algorithm::Sha256,
                "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1",
            ),
        ] {
            let mut challenge = Challenge::new(
                "http-auth@example.org",
                "7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v",
                algorithm,
            )
            .unwrap();
            challenge.qop = vec![Qop::Auth, Qop::AuthInt];
            let mut client = DigestClient::new(Credentials::new("Mufasa", "Circle of Life"));
            let text = client
                .answer(
                    &[challenge.to_string()],
                    "GET",
                    "/dir/index.html",
                    b"",
                    "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ",
                )
                .unwrap();
            assert!(text.contains(expected), "{text}");
            assert!(text.contains("nc=00000001"));
        }
    }

    /// RFC 2069 form (no qop) with the vector of RFC 2617 erratum 749.
    #[test]
    fn challenge_without_qop_is_answered_in_the_old_form() {
        let challenge = r#"Digest realm="testrealm@host.com", nonce="dcd98b7102dd2f0e8b11d0f600bfb0c093", opaque="5ccc069c403ebaf9f0171e9517f40e41""#;
        let mut client = DigestClient::new(Credentials::new("Mufasa", "CircleOfLife"));
        let text = client
            .answer(&[challenge], "GET", "/dir/index.html", b"", "unused")
            .unwrap();
        assert!(text.contains("1949323746fe6a43ef61f9606e7febea"), "{text}");
        assert!(!text.contains("cnonce"));
    }

    #[test]
    fn strongest_known_challenge_is_answered_whatever_the_order() {
        let names = ["MD5", "SHA-512-256", "FOO-9", "SHA-256"];
        let challenges: Vec<String> = names
            .iter()
            .map(|name| {
                format!(
                    r#"Digest realm="r", nonce="{name}", qop="auth,auth-int", algorithm={name}"#
                )
            })
            .collect();
        let mut client = DigestClient::new(Credentials::new("a", "b"));
        let answer = Authorization::parse(
            &client
                .answer(&challenges, "INVITE", "sip:x", b"", "c")
                .unwrap(),
        )
        .unwrap();
        assert_eq!(
            (answer.algorithm, answer.nonce.as_str()),
            (Algorithm::Sha512_256, "SHA-512-256")
        );
        assert!(answer.verify("b", "INVITE", b""));
        assert!(!answer.verify("B", "INVITE", b"") && !answer.verify("b", "BYE", b""));
    }

    #[test]
    fn nonce_count_grows_and_a_second_refusal_is_final() {
        let challenge = |nonce: &str, stale: &str| {
            format!(r#"Digest realm="r", nonce="{nonce}", qop="auth"{stale}"#)
        };
        let mut client = DigestClient::new(Credentials::new("a", "b"));
        client
            .answer(&[challenge("1", "")], "REGISTER", "sip:x", b"", "c")
            .unwrap();
        assert_eq!(
            client.answer(&[challenge("2", "")], "REGISTER", "sip:x", b"", "c"),
            Err(DigestError::Refused)
        );
        client
            .answer(
                &[challenge("2", ", stale=true")],
                "REGISTER",
                "sip:x",
                b"",
                "c",
            )
            .unwrap();
        assert_eq!(
            client.answer(
                &[challenge("3", ", stale=TRUE")],
                "REGISTER",
                "sip:x",
                b"",
                "c"
            ),
            Err(DigestError::Refused)
        );
        client.accepted();
        assert!(
            client
                .preempt("REGISTER", "sip:x", b"", "d")
                .unwrap()
                .contains("nc=00000002")
        );
        client
            .answer(&[challenge("4", "")], "REGISTER", "sip:x", b"", "c")
            .unwrap();
    }

    #[test]
    fn other_realms_and_basic_are_never_answered() {
        let mut client = DigestClient::new(Credentials::new("a", "b").with_realm("mine"));
        assert_eq!(
            client.answer(
                &[r#"Digest realm="theirs", nonce="1""#],
                "INVITE",
                "sip:x",
                b"",
                "c"
            ),
            Err(DigestError::OtherRealm)
        );
        assert_eq!(
            client.answer(&[r#"Basic realm="mine""#], "INVITE", "sip:x", b"", "c"),
            Err(DigestError::Unsupported)
        );
    }

    #[test]
    fn sess_and_auth_int_verify_on_the_server_side() {
        for algorithm in ["MD5-sess", "SHA-256-sess", "SHA-512-256"] {
            let challenge =
                format!(r#"Digest realm="r", nonce="n", qop="auth-int", algorithm={algorithm}"#);
            let mut client = DigestClient::new(Credentials::new("a", "b"));
            let answer = Authorization::parse(
                &client
                    .answer(&[challenge], "INVITE", "sip:x", b"body", "c")
                    .unwrap(),
            )
            .unwrap();
            assert!(answer.verify("b", "INVITE", b"body"));
            assert!(!answer.verify("b", "INVITE", b"other"));
        }
    }

    #[test]
    fn debug_shows_neither_password_nor_response() {
        let mut client = DigestClient::new(Credentials::new("alice", "hunter2"));
        let text = client
            .answer(
                &[r#"Digest realm="r", nonce="n""#],
                "INVITE",
                "sip:x",
                b"",
                "c",
            )
            .unwrap();
        let answer = Authorization::parse(&text).unwrap();
        let shown = format!("{client:?} {answer:?}");
        assert!(!shown.contains("hunter2") && !shown.contains(&answer.response));
    }
}
