//! The means to steer a call, from any task.

use std::time::Duration;

use media_engine::{ListenConfig, MediaHandle, MediaUpdate};
use sip_signaling::{
    Body, Call, CallHandle, HeaderList, IncomingRefer, NameAddr, SignalingError, StatusCode, Uri,
};
use tokio::sync::{mpsc, oneshot};

use super::ActiveCall;
use super::driver::{Command, Reply};
use super::header_list;
use crate::{Account, CallStats, DtmfMode, Error, Progress, address, info_dtmf};

/// The means to steer a call; cheap to clone, usable from any task.
#[derive(Clone, Debug)]
pub struct CallControl {
    commands: mpsc::Sender<Command>,
    media: MediaHandle,
    sip: CallHandle,
    /// The domain of bare names.
    domain: Option<Uri>,
    dtmf_mode: DtmfMode,
    setup: Duration,
    call_id: String,
    remote: String,
}

impl CallControl {
    pub(super) fn new(
        account: &Account,
        sip: &Call,
        media: MediaHandle,
        commands: mpsc::Sender<Command>,
        setup: Duration,
    ) -> Self {
        Self {
            commands,
            media,
            sip: sip.handle(),
            domain: account.domain().cloned(),
            dtmf_mode: account.client().config().dtmf_mode,
            setup,
            call_id: sip.call_id().to_owned(),
            remote: sip.remote().to_string(),
        }
    }

    /// Ends the call; see [`ActiveCall::hang_up`](crate::ActiveCall::hang_up). Ending a call that is over does nothing.
    pub async fn hang_up(&self) -> Result<(), Error> {
        self.hang_up_with(&[]).await
    }

    /// Ends the call with header fields in the BYE, such as `("Reason", "Q.850;cause=17")`; else as [`hang_up`](Self::hang_up).
    ///
    /// # Errors
    ///
    /// [`Error::Config`] for a field that cannot be sent; the call goes on then.
    pub async fn hang_up_with(&self, fields: &[(&str, &str)]) -> Result<(), Error> {
        let headers = header_list(fields)?;
        match self.ask(|done| Command::HangUp { headers, done }).await {
            Err(Error::Ended) => Ok(()),
            other => other,
        }
    }

    /// Puts the far end on hold: a re-INVITE with `sendonly` (RFC 3264 section 8.4). What is played still goes
    /// out, so that music can be; received frames are silence until [`resume`](Self::resume).
    ///
    /// # Errors
    ///
    /// [`Error::Rejected`] when the far end refuses; the call stays as it was.
    ///
    /// Cancel safe: the request goes on, only its outcome is not told.
    pub async fn hold(&self) -> Result<(), Error> {
        self.ask(|done| Command::Hold { hold: true, done }).await
    }

    /// Takes the far end back from hold: a re-INVITE with `sendrecv`. Errors and cancel safety as in [`hold`](Self::hold).
    pub async fn resume(&self) -> Result<(), Error> {
        self.ask(|done| Command::Hold { hold: false, done }).await
    }

    /// Presses keys, each for 100 ms: `0` to `9`, `*`, `#`, `A` to `D`. By RFC 4733 and as tones it returns at once; the keys go out one after
    /// another, and playback waits meanwhile. By INFO ([`ClientConfig::dtmf_mode`](crate::ClientConfig::dtmf_mode)) it waits for the far
    /// end's answer to each.
    ///
    /// # Errors
    ///
    /// [`Error::Media`] for another character, and when the far end did not negotiate telephone-event; nothing is sent then.
    /// [`Error::Rejected`] and the like when it refuses the INFO.
    ///
    /// Cancel safe.
    pub async fn send_dtmf(&self, digits: &str) -> Result<(), Error> {
        self.send_dtmf_for(digits, Duration::from_millis(100)).await
    }

    /// Presses keys, each for `duration`; see [`send_dtmf`](Self::send_dtmf).
    pub async fn send_dtmf_for(&self, digits: &str, duration: Duration) -> Result<(), Error> {
        if let Some(wrong) = digits.chars().find(|digit| !is_dtmf(*digit)) {
            return Err(Error::Media(format!(
                "{wrong:?} is no DTMF digit; use 0-9, *, #, A-D"
            )));
        }
        for digit in digits.chars() {
            let digit = digit.to_ascii_uppercase();
            match self.dtmf_mode {
                DtmfMode::Rfc4733 => self.media.send_dtmf(digit, duration)?,
                DtmfMode::Info => self.send_info(digit, duration).await?,
                DtmfMode::InBand => self.media.send_dtmf_tone(digit, duration)?,
            }
        }
        Ok(())
    }

    /// Passes on a key of another call: in the way that is set, else as a tone.
    pub(crate) async fn relay_dtmf(&self, digit: char, held: Duration) -> Result<(), Error> {
        let held = held.clamp(Duration::from_millis(80), Duration::from_secs(5));
        match self.send_dtmf_for(&digit.to_string(), held).await {
            Err(Error::Media(_)) => Ok(self.media.send_dtmf_tone(digit, held)?),
            outcome => outcome,
        }
    }

    async fn send_info(&self, digit: char, duration: Duration) -> Result<(), Error> {
        match self.sip.info(info_dtmf::relay(digit, duration)).await {
            Err(SignalingError::Rejected(refusal))
                if refusal.status == StatusCode::UNSUPPORTED_MEDIA_TYPE =>
            {
                Ok(self.sip.info(info_dtmf::plain(digit)).await?)
            }
            outcome => Ok(outcome?),
        }
    }

    /// Listens for other things in the sound of the call from now on, in place of [`ClientConfig::listen`](crate::ClientConfig::listen). What goes
    /// on being listened for is not begun anew.
    ///
    /// # Errors
    ///
    /// [`Error::Media`] when the call is over.
    pub fn listen(&self, listen: ListenConfig) -> Result<(), Error> {
        let update = MediaUpdate {
            listen: Some(listen),
            ..MediaUpdate::default()
        };
        Ok(self.media.update(update)?)
    }

    /// Asks the far end to call `target` in our stead (blind transfer, REFER, RFC 3515) and waits until it agrees; `target` as for
    /// [`HeadlessSipClient::call`](crate::HeadlessSipClient::call). How it fares comes as [`CallEvent::Transfer`](crate::CallEvent::Transfer); this call stands until
    /// one side hangs up.
    ///
    /// # Errors
    ///
    /// [`Error::Rejected`] when the far end refuses, [`Error::Config`] for a target that is no address, [`Error::Timeout`], [`Error::Ended`].
    ///
    /// Cancel safe: the request goes on, only its outcome is not told.
    pub async fn transfer(&self, target: &str) -> Result<(), Error> {
        self.transfer_with(target, &[]).await
    }

    /// As [`transfer`](Self::transfer), with header fields in the REFER.
    pub async fn transfer_with(&self, target: &str, fields: &[(&str, &str)]) -> Result<(), Error> {
        let target = address::target(target, self.domain.as_ref())?;
        let target = NameAddr::new(target);
        Ok(self.sip.refer(&target, header_list(fields)?).await?)
    }

    /// Asks the far end to take our place in `other`, so that both far ends are joined (attended transfer, RFC 3891). As [`transfer`](Self::transfer).
    pub async fn transfer_to(&self, other: &CallControl) -> Result<(), Error> {
        Ok(self
            .sip
            .refer_to_call(&other.sip, HeaderList::new())
            .await?)
    }

    /// Does what the far end asked for with [`CallEvent::TransferRequested`](crate::CallEvent::TransferRequested): calls the target, tells the far end how that fares, and gives
    /// the new call. The old one stands until one side hangs up; the far end usually does.
    ///
    /// # Errors
    ///
    /// [`Error::Ended`] when nothing was asked for or it was refused meanwhile; else as for [`HeadlessSipClient::call`](crate::HeadlessSipClient::call).
    ///
    /// Cancel safe: dropping the future cancels the new call, and the far end is told so.
    pub async fn follow_transfer(&self) -> Result<ActiveCall, Error> {
        let (taken, refer) = oneshot::channel();
        self.commands
            .send(Command::TakeRefer(taken))
            .await
            .map_err(|_| Error::Ended)?;
        let (refer, account) = refer.await.map_err(|_| Error::Ended)?;
        follow(refer, &account).await
    }

    /// Refuses what the far end asked for with [`CallEvent::TransferRequested`](crate::CallEvent::TransferRequested) (603). Does nothing when nothing is open.
    pub async fn decline_transfer(&self) {
        let (taken, refer) = oneshot::channel();
        if self.commands.send(Command::TakeRefer(taken)).await.is_ok() {
            drop(refer.await);
        }
    }

    /// Sends a text within the call (MESSAGE, RFC 3428) and waits until it was taken.
    ///
    /// # Errors
    ///
    /// [`Error::Rejected`], [`Error::Timeout`], [`Error::Ended`].
    ///
    /// Cancel safe: it may have been sent.
    pub async fn message(&self, text: &str) -> Result<(), Error> {
        let body = Body::new("text/plain;charset=UTF-8", text);
        Ok(self.sip.message(body).await?)
    }

    /// The figures so far, or the final ones once the call is over.
    pub fn stats(&self) -> CallStats {
        CallStats::new(self.setup, self.media.stats())
    }

    /// The `Call-ID`.
    pub fn call_id(&self) -> &str {
        &self.call_id
    }

    /// The far end's address, as in its `From` or `To`.
    pub fn remote(&self) -> &str {
        &self.remote
    }

    async fn ask(&self, command: impl FnOnce(Reply) -> Command) -> Result<(), Error> {
        let (done, outcome) = oneshot::channel();
        self.commands
            .send(command(done))
            .await
            .map_err(|_| Error::Ended)?;
        outcome.await.map_err(|_| Error::Ended)?
    }
}

fn is_dtmf(digit: char) -> bool {
    matches!(digit.to_ascii_uppercase(), '0'..='9' | '*' | '#' | 'A'..='D')
}

/// Calls whom the far end named, and tells it how that fares.
async fn follow(refer: IncomingRefer, account: &Account) -> Result<ActiveCall, Error> {
    let target = refer.target.uri().to_request_uri().to_string();
    let mut dial = account.dial(&target);
    for (name, value) in refer.invite_headers().iter() {
        dial = dial.header(name, value);
    }
    let notifier = refer.accept()?;
    let outcome = async {
        let mut call = dial.await?;
        loop {
            match call.progress().await? {
                Progress::Answered => return call.answered().await,
                Progress::Ringing { status, .. } => notifier.progress(StatusCode(status)),
                _ => {}
            }
        }
    }
    .await;
    notifier.done(match &outcome {
        Ok(_) => StatusCode::OK,
        Err(Error::Rejected { status, .. }) => StatusCode(*status),
        Err(Error::Timeout(_)) => StatusCode::REQUEST_TIMEOUT,
        Err(_) => StatusCode::SERVICE_UNAVAILABLE,
    });
    outcome
}
