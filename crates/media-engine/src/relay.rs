//! The sound of one call passed on to another.

use std::time::Duration;

use tokio::time::Instant;

use crate::pace::Pace;
use crate::{AudioFrame, AudioReceiver, AudioSender};

/// What is put before the first sound: packets must be whole when they are due, however unevenly frames come.
const LEAD: Duration = Duration::from_millis(10);

/// Passes what is received on to another call, whatever the rates of the two, until the call that it comes from has ended. Each frame goes on
/// as it comes; what waits without need is left out, in silence if that does.
///
/// # Cancel safety
/// Dropping the future loses no frame.
pub async fn relay(from: &mut AudioReceiver, to: &AudioSender) {
    let mut pace = Pace::new(Instant::now(), LEAD);
    let _ = to.try_send(AudioFrame::silence(LEAD, from.sample_rate()));
    while let Some(frame) = from.recv().await {
        if pace.takes(
            Instant::now(),
            to.queued(),
            &frame.samples,
            frame.duration(),
        ) {
            // Full or closed: that call lags by its whole playback buffer, or is over.
            let _ = to.try_send(frame);
        }
    }
}
