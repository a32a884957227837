//! The keys that we press in a call.

use std::time::Duration;

use headless_sip::{CallControl, Error};

use crate::args::{Dtmf, DtmfStep};
use crate::exit::Failure;

/// How long a key is held down.
const HELD: Duration = Duration::from_millis(100);

/// From the begin of one key to the begin of the next, at least: time to tell two of the same apart.
const APART: Duration = Duration::from_millis(200);

/// What a comma waits.
const COMMA: Duration = Duration::from_secs(1);

/// Presses the keys one after another and returns when the last is on its way.
///
/// # Errors
/// A [`Failure`] when the far end takes no digits. The end of the call is no failure.
pub(super) async fn press(control: &CallControl, dtmf: Option<&Dtmf>) -> Result<(), Failure> {
    for step in dtmf.map_or(&[][..], Dtmf::steps) {
        match step {
            DtmfStep::Wait => tokio::time::sleep(COMMA).await,
            DtmfStep::Key(key) => {
                match control
                    .send_dtmf_for(key.encode_utf8(&mut [0; 4]), HELD)
                    .await
                {
                    Ok(()) => tokio::time::sleep(APART).await,
                    Err(Error::Ended) => return Ok(()),
                    Err(error) => return Err(error.into()),
                }
            }
        }
    }
    Ok(())
}
