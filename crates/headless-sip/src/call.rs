//! An established call: the face that the program holds.

mod control;
mod driver;

use std::time::Duration;

use media_engine::{AudioBridge, ListenConfig};
use sip_signaling::{Call, HeaderList, SignalingError};
use tokio::sync::mpsc;
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::event::EventSender;
use crate::media::{CallMedia, StartedMedia};
use crate::{Account, CallEvents, CallStats, CollectedDigits, DigitCollection, Error};
pub use control::CallControl;
use driver::Driver;

/// How long a BYE may keep the program waiting; it is repeated in the background for longer.
const BYE_PATIENCE: Duration = Duration::from_secs(2);

/// A call that was answered: audio both ways, its events, and the means to steer it.
///
/// Dropping it hangs up. Its parts can be moved out and used in several tasks; the call then lasts until
/// [`CallControl::hang_up`], the far end's BYE, or the drop of what is left of the `ActiveCall`.
#[derive(Debug)]
pub struct ActiveCall {
    /// The sound: [`AudioSender`](crate::AudioSender) and [`AudioReceiver`](crate::AudioReceiver).
    pub audio: AudioBridge,
    /// What happens in the call.
    pub events: CallEvents,
    /// The means to steer the call, from any task.
    control: CallControl,
    /// Hangs up when what is left of the call goes.
    guard: DropGuard,
}

impl ActiveCall {
    pub(crate) fn start(
        account: Account,
        sip: Call,
        media: CallMedia,
        started: StartedMedia,
        setup: Duration,
    ) -> Result<Self, Error> {
        let handle = media.handle().cloned().ok_or(Error::Ended)?;
        let (events_sender, events) = EventSender::channel();
        let (commands_sender, commands) = mpsc::channel(16);
        let dropped = CancellationToken::new();
        let control = CallControl::new(&account, &sip, handle.clone(), commands_sender, setup);
        let driver = Driver::new(
            account.clone(),
            sip,
            (media, handle),
            (started.events, started.told),
            (commands, events_sender),
            setup,
            dropped.clone(),
        );
        account.client().track(driver.run());
        Ok(Self {
            audio: started.audio,
            events,
            guard: dropped.drop_guard(),
            control,
        })
    }

    /// The means to steer the call; may be cloned, and does not hang up when dropped.
    pub fn control(&self) -> CallControl {
        self.control.clone()
    }

    /// Ends the call with a BYE and waits until the far end has confirmed it, at most 2 s; after that the BYE is repeated in
    /// the background.
    ///
    /// # Errors
    ///
    /// [`Error::Transport`] when the BYE could not be sent; the call is over all the same.
    ///
    /// Not cancel safe: the call may or may not be over; drop it to be sure.
    pub async fn hang_up(&self) -> Result<(), Error> {
        self.control.hang_up().await
    }

    /// Puts the far end on hold: see [`CallControl::hold`].
    pub async fn hold(&self) -> Result<(), Error> {
        self.control.hold().await
    }

    /// Takes the far end back: see [`CallControl::resume`].
    pub async fn resume(&self) -> Result<(), Error> {
        self.control.resume().await
    }

    /// Sends the far end to somebody else: see [`CallControl::transfer`].
    pub async fn transfer(&self, target: &str) -> Result<(), Error> {
        self.control.transfer(target).await
    }

    /// Joins the far end of this call and that of another: see [`CallControl::transfer_to`].
    pub async fn transfer_to(&self, other: &ActiveCall) -> Result<(), Error> {
        self.control.transfer_to(&other.control).await
    }

    /// Presses keys: see [`CallControl::send_dtmf`].
    pub async fn send_dtmf(&self, digits: &str) -> Result<(), Error> {
        self.control.send_dtmf(digits).await
    }

    /// Gathers keys to an input: see [`CallEvents::collect_digits`].
    pub async fn collect_digits(
        &mut self,
        collection: DigitCollection,
    ) -> Result<CollectedDigits, Error> {
        self.events.collect_digits(&self.audio.tx, collection).await
    }

    /// Listens for other things in the sound: see [`CallControl::listen`].
    pub fn listen(&self, listen: ListenConfig) -> Result<(), Error> {
        self.control.listen(listen)
    }

    /// The figures so far: see [`CallControl::stats`].
    pub fn stats(&self) -> CallStats {
        self.control.stats()
    }

    /// The `Call-ID`.
    pub fn call_id(&self) -> &str {
        self.control.call_id()
    }

    /// The far end's address, as in its `From` or `To`.
    pub fn remote(&self) -> &str {
        self.control.remote()
    }

    /// Lets the call live without this value: dropping the parts does not hang up any more.
    pub fn into_parts(self) -> (CallControl, AudioBridge, CallEvents) {
        self.guard.disarm();
        (self.control, self.audio, self.events)
    }
}

/// Header fields of the program, checked.
pub(crate) fn header_list(fields: &[(&str, &str)]) -> Result<HeaderList, Error> {
    let mut headers = HeaderList::new();
    for (name, value) in fields {
        headers.push(name, *value)?;
    }
    Ok(headers)
}

pub(crate) fn pairs(headers: &HeaderList) -> Vec<(String, String)> {
    let fields = headers.iter();
    fields
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect()
}

/// Sends the BYE and waits a while for its confirmation. The call is over whatever becomes of it: the program is told only when it could
/// not be sent at all.
pub(crate) async fn say_bye(call: &Call, headers: HeaderList) -> Result<(), Error> {
    let sip = call.handle();
    let bye = tokio::spawn(async move { sip.bye(headers).await });
    match tokio::time::timeout(BYE_PATIENCE, bye).await {
        Ok(Ok(Err(SignalingError::Transport { peer, why }))) => Err(Error::Transport(format!(
            "the BYE did not reach {peer}: {why}; the call is over here"
        ))),
        Ok(_) => Ok(()),
        Err(_) => {
            tracing::info!(
                "the far end has not confirmed the BYE yet; it is repeated in the background"
            );
            Ok(())
        }
    }
}
