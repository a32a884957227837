//! A registration that keeps itself up.

use std::time::Duration;

use tokio::sync::{mpsc, oneshot, watch};

use crate::{NameAddr, SignalingError};

/// Where a registration stands.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum RegistrationState {
    /// The first attempt is under way.
    Registering,
    /// Registered; renewed in time without further ado.
    Registered {
        /// Lifetime that the registrar granted.
        expires: Duration,
        /// The proxies that requests of this account have to pass (RFC 3608), first to last; usually none.
        service_route: Vec<NameAddr>,
    },
    /// The last attempt failed; another one follows after `retry_in`.
    Failed {
        /// Why.
        error: SignalingError,
        /// Pause before the next attempt.
        retry_in: Duration,
    },
    /// Un-registered or shut down.
    Unregistered,
}

/// A binding at a registrar, renewed until it is told to stop. Dropping it un-registers in the background.
#[derive(Debug)]
pub struct Registration {
    pub(super) state: watch::Receiver<RegistrationState>,
    pub(super) stop: mpsc::UnboundedSender<oneshot::Sender<Result<(), SignalingError>>>,
}

impl Registration {
    /// Waits until registered, or returns the first failure (attempts go on in the background all the same).
    ///
    /// Cancel safe.
    ///
    /// # Errors
    /// `Unauthorized`, `Rejected`, `Timeout`, `Transport`; `Closed` once un-registered.
    pub async fn wait_registered(&self) -> Result<(), SignalingError> {
        let mut state = self.state.clone();
        loop {
            match &*state.borrow_and_update() {
                RegistrationState::Registered { .. } => return Ok(()),
                RegistrationState::Failed { error, .. } => return Err(error.clone()),
                RegistrationState::Unregistered => return Err(SignalingError::Closed),
                RegistrationState::Registering => {}
            }
            state.changed().await.map_err(|_| SignalingError::Closed)?;
        }
    }

    /// The state, to watch.
    pub fn state(&self) -> watch::Receiver<RegistrationState> {
        self.state.clone()
    }

    /// The proxies that requests of this account have to pass (RFC 3608), for [`crate::InviteOptions::route`]; usually none.
    pub fn service_route(&self) -> Vec<NameAddr> {
        match &*self.state.borrow() {
            RegistrationState::Registered { service_route, .. } => service_route.clone(),
            _ => Vec::new(),
        }
    }

    /// Removes the binding at the registrar and ends.
    ///
    /// Not cancel safe in its result: the un-REGISTER goes on if the future is dropped.
    ///
    /// # Errors
    /// What the registrar answered, or `Timeout`; the registration has ended in any case.
    pub async fn unregister(&self) -> Result<(), SignalingError> {
        let (done, result) = oneshot::channel();
        self.stop.send(done).map_err(|_| SignalingError::Closed)?;
        result.await.map_err(|_| SignalingError::Closed)?
    }
}

impl Drop for Registration {
    fn drop(&mut self) {
        let (done, _) = oneshot::channel();
        self.stop.send(done).ok();
    }
}
