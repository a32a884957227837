//! Hold, resume and transfer at the times that the command line names.

use std::time::Duration;

use headless_sip::{CallControl, Error};

use crate::args::InCall;
use crate::exit::Failure;

/// Holds and resumes the far end; returns when that is done, or at once where it is not wanted.
///
/// # Errors
/// A [`Failure`] when the far end refuses. The end of the call is no failure.
pub(super) async fn hold(control: &CallControl, steering: &InCall) -> Result<(), Failure> {
    let Some(after) = steering.hold_after else {
        return Ok(());
    };
    tokio::time::sleep(Duration::from_secs_f64(after)).await;
    unless_over(control.hold().await)?;
    if let Some(after) = steering.resume_after {
        tokio::time::sleep(Duration::from_secs_f64(after)).await;
        unless_over(control.resume().await)?;
    }
    Ok(())
}

/// Sends the far end elsewhere, where that is wanted.
///
/// # Errors
/// A [`Failure`] when the far end refuses.
pub(super) async fn transfer(control: &CallControl, steering: &InCall) -> Result<(), Failure> {
    match &steering.transfer {
        Some(target) => unless_over(control.transfer(target).await),
        None => Ok(()),
    }
}

fn unless_over(outcome: Result<(), Error>) -> Result<(), Failure> {
    match outcome {
        Ok(()) | Err(Error::Ended) => Ok(()),
        Err(error) => Err(error.into()),
    }
}
