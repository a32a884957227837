//! The gatekeeper before the stack, for limits and trunks: what is refused costs neither a transaction nor memory.

use std::{
    net::{IpAddr, SocketAddr},
    sync::{Mutex, MutexGuard, PoisonError},
};

use super::guarded_socket::{Verdict, answer_with};
use crate::{
    HeaderList, Limits, Request, SignalingError, StatusCode, TrunkConfig,
    agent::{now, token},
    session::{Admission, Trunk},
};

/// Shared by all sockets and streams. Without a trunk everybody passes.
#[derive(Debug)]
pub(crate) struct Gate {
    limits: Limits,
    trunk: Option<Mutex<Trunk>>,
}

impl Gate {
    pub(super) fn new(
        limits: Limits,
        config: Option<&TrunkConfig>,
    ) -> Result<Gate, SignalingError> {
        let trunk = |config| Trunk::new(config, &token(64), now()).map(Mutex::new);
        let trunk = config.map(trunk).transpose()?;
        Ok(Gate { limits, trunk })
    }

    /// Largest message that is read, in bytes.
    pub(super) fn message_bytes(&self) -> usize {
        self.limits.message_bytes
    }

    /// True if a message has more header lines than are taken.
    pub(super) fn is_overfull(&self, headers: &HeaderList) -> bool {
        headers.len() > self.limits.headers
    }

    /// What refuses a request, if anything.
    pub(super) fn refusal(&self, request: &Request, source: SocketAddr) -> Option<Verdict> {
        if self.is_overfull(&request.headers) {
            return Some(answer_with(request, StatusCode::BAD_REQUEST, source, &[]));
        }
        let admission = self.trunk()?.admit(now(), source.ip(), request, &token(16));
        let (status, name, values) = match admission {
            Admission::Pass => return None,
            Admission::Drop => return Some(Verdict::Drop),
            Admission::Challenge(challenges) => {
                (StatusCode::UNAUTHORIZED, "WWW-Authenticate", challenges)
            }
            Admission::Forbidden => (StatusCode::FORBIDDEN, "", Vec::new()),
            Admission::Busy(seconds) => (
                StatusCode::SERVICE_UNAVAILABLE,
                "Retry-After",
                vec![seconds.to_string()],
            ),
        };
        let headers: Vec<(&str, &str)> = values.iter().map(|value| (name, &**value)).collect();
        Some(answer_with(request, status, source, &headers))
    }

    /// A call is made of an INVITE: the trunk peer that it is of, `None` without a trunk and for our registrar's.
    ///
    /// # Errors
    /// The status that refuses it.
    pub(crate) fn begin(
        &self,
        request: &Request,
        source: SocketAddr,
    ) -> Result<Option<String>, StatusCode> {
        match self.trunk() {
            Some(mut trunk) => Ok(trunk.begin(source.ip(), request)?.map(str::to_owned)),
            None => Ok(None),
        }
    }

    /// Our registration stands at this registrar.
    pub(crate) fn trust(&self, registrar: IpAddr) {
        if let Some(mut trunk) = self.trunk() {
            trunk.trust(registrar);
        }
    }

    fn trunk(&self) -> Option<MutexGuard<'_, Trunk>> {
        let trunk = self.trunk.as_ref()?;
        Some(trunk.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
