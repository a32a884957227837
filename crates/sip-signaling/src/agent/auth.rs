//! Answers 401 and 407 for one account: both kinds within one call, nonces reused.

use super::clock::token;
use crate::{
    Credentials, Request, Response, SignalingError, StatusCode,
    digest::{Challenge, DigestClient, DigestError},
};

/// The two protection spaces of a request: the target's and the proxy's.
#[derive(Debug, Default)]
pub(super) struct Authenticator {
    target: Option<DigestClient>,
    proxy: Option<DigestClient>,
}

const KINDS: [(u16, &str, &str); 2] = [
    (401, "WWW-Authenticate", "Authorization"),
    (407, "Proxy-Authenticate", "Proxy-Authorization"),
];

impl Authenticator {
    pub(super) fn new(credentials: Option<&Credentials>) -> Authenticator {
        let client = || credentials.cloned().map(DigestClient::new);
        Authenticator {
            target: client(),
            proxy: client(),
        }
    }

    fn client(&mut self, status: u16) -> Option<&mut DigestClient> {
        if status == 407 {
            self.proxy.as_mut()
        } else {
            self.target.as_mut()
        }
    }

    /// Adds the answers for nonces that are known already.
    pub(super) fn apply(&mut self, request: &mut Request) {
        for (status, _, header) in KINDS {
            if !request.headers.contains(header) {
                self.add(status, header, request);
            }
        }
    }

    fn add(&mut self, status: u16, header: &str, request: &mut Request) {
        let (method, uri) = (request.method.as_str().to_owned(), request.uri.to_string());
        if let Some(value) = self
            .client(status)
            .and_then(|client| client.preempt(&method, &uri, &request.body, &token(16)))
        {
            request.headers.set_raw(header, value);
        }
    }

    /// Puts the answer to a 401 or 407 into the next attempt, beside what is known of the other kind.
    pub(super) fn challenged(
        &mut self,
        response: &Response,
        next: &mut Request,
    ) -> Result<(), SignalingError> {
        let status = response.status;
        let Some((code, challenge, header)) =
            KINDS.into_iter().find(|(code, ..)| *code == status.0)
        else {
            return Err(rejected(response));
        };
        let challenges: Vec<&str> = response.headers.get_all(challenge).collect();
        let realm = challenges
            .iter()
            .find_map(|text| Challenge::parse(text).ok())
            .map(|challenge| challenge.realm)
            .unwrap_or_default();
        let refused = |why: &str| SignalingError::Unauthorized {
            status,
            realm: realm.clone(),
            why: why.to_owned(),
        };
        let (method, uri) = (next.method.as_str().to_owned(), next.uri.to_string());
        let client = self
            .client(code)
            .ok_or_else(|| refused("no credentials are configured"))?;
        let answer = client
            .answer(&challenges, &method, &uri, &next.body, &token(16))
            .map_err(|error| match error {
                DigestError::Refused => refused("the server refused user name or password"),
                other => refused(&other.to_string()),
            })?;
        next.headers.set_raw(header, answer);
        self.apply(next);
        Ok(())
    }

    /// A request was accepted: the nonces stay good until the server says otherwise.
    pub(super) fn accepted(&mut self) {
        for client in [&mut self.target, &mut self.proxy].into_iter().flatten() {
            client.accepted();
        }
    }

    /// A new series of requests: earlier refusals are forgotten (a password may have been set right at the server).
    pub(super) fn start_over(&mut self) {
        for client in [&mut self.target, &mut self.proxy].into_iter().flatten() {
            client.reset();
        }
    }
}

/// The typed error of a final answer.
pub(super) fn rejected(response: &Response) -> SignalingError {
    SignalingError::Rejected(Box::new(crate::Rejection {
        status: response.status,
        reason: response.reason().to_owned(),
        retry_after: crate::session::seconds(response.headers.get("Retry-After")),
        headers: response.headers.clone(),
    }))
}

/// True for an answer that asks for credentials.
pub(super) fn is_challenge(status: StatusCode) -> bool {
    matches!(status.0, 401 | 407)
}
