//! The program's hand on the media of one call.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rtp_media::TelephoneEvent;
use tokio::sync::Notify;

use crate::engine::EngineCore;
use crate::mailbox::{Command, Mailbox};
use crate::session::check_send;
use crate::{EngineError, MediaConfig, MediaFormat, MediaPorts, MediaStats, MediaUpdate};

/// The longest key press that RFC 4733 can tell at 8 kHz is 8 s per event; longer ones are
/// continued, and nobody presses for more than a minute.
const MAX_DIGIT: Duration = Duration::from_secs(60);

/// Changes, measures and stops the media of one call. Cheap to clone; when the last clone is
/// dropped the media stops.
#[derive(Clone)]
pub struct MediaHandle {
    inner: Arc<Inner>,
}

struct Inner {
    id: u64,
    mailbox: Arc<Mailbox>,
    shared: Arc<SessionShared>,
    terms: Mutex<Terms>,
    // Keeps the media threads alive.
    _engine: Arc<EngineCore>,
}

/// What was agreed, as far as later requests must be checked against it.
struct Terms {
    send: MediaFormat,
    ptime: Duration,
    telephone_event: bool,
    may_send: bool,
}

/// What the media thread leaves for the handle to read.
#[derive(Default)]
pub(crate) struct SessionShared {
    stats: Mutex<MediaStats>,
    stopped: AtomicBool,
    changed: Notify,
}

impl SessionShared {
    pub(crate) fn set_stats(&self, stats: MediaStats) {
        *self.stats.lock().unwrap_or_else(PoisonError::into_inner) = stats;
    }

    pub(crate) fn set_stopped(&self) {
        self.stopped.store(true, Ordering::Release);
        self.changed.notify_waiters();
    }
}

impl MediaHandle {
    pub(crate) fn new(
        id: u64,
        mailbox: Arc<Mailbox>,
        shared: Arc<SessionShared>,
        config: &MediaConfig,
        engine: Arc<EngineCore>,
    ) -> Self {
        let terms = Terms {
            send: config.send.clone(),
            ptime: config.ptime,
            telephone_event: config.telephone_event.is_some(),
            may_send: config.may_send,
        };
        Self {
            inner: Arc::new(Inner {
                id,
                mailbox,
                shared,
                terms: Mutex::new(terms),
                _engine: engine,
            }),
        }
    }

    /// Applies what a re-INVITE or UPDATE changed, at the next packet time. Sequence numbers,
    /// timestamps and what is queued go on.
    ///
    /// # Errors
    /// [`EngineError::Config`] or [`EngineError::Codec`] when the formats cannot be used,
    /// [`EngineError::Stopped`]; the call is then as it was.
    pub fn update(&self, update: MediaUpdate) -> Result<(), EngineError> {
        self.check_running()?;
        let mut terms = self.terms();
        let send = update.send.as_ref().unwrap_or(&terms.send);
        let ptime = update.ptime.unwrap_or(terms.ptime);
        check_send(send, ptime)?;
        check_codecs(send, update.receive.as_deref(), ptime)?;
        terms.send = send.clone();
        terms.ptime = ptime;
        terms.may_send = update.may_send.unwrap_or(terms.may_send);
        if let Some(telephone_event) = &update.telephone_event {
            terms.telephone_event = telephone_event.is_some();
        }
        self.inner
            .mailbox
            .post(Command::Update(self.inner.id, Box::new(update)));
        Ok(())
    }

    /// Sends from and receives on other sockets from the next packet time on, because the address of those that were is
    /// gone or another way leads to the peer. The peer has to be told (re-INVITE with the new address). Sequence
    /// numbers, timestamps and what is queued go on; the sockets before are closed.
    ///
    /// # Errors
    /// [`EngineError::Stopped`]; the ports are then given back.
    pub fn move_to(&self, ports: MediaPorts) -> Result<(), EngineError> {
        self.check_running()?;
        self.inner
            .mailbox
            .post(Command::Move(self.inner.id, Box::new(ports)));
        Ok(())
    }

    /// Sends a key press (RFC 4733): 0-9, *, #, A-D. Digits go out one after the other; what the
    /// program says stands still meanwhile and is not lost.
    ///
    /// # Errors
    /// [`EngineError::NoTelephoneEvent`], [`EngineError::BadDigit`], [`EngineError::DigitDuration`],
    /// [`EngineError::OnHold`], [`EngineError::Stopped`].
    pub fn send_dtmf(&self, digit: char, duration: Duration) -> Result<(), EngineError> {
        let event = check_key(digit, duration)?;
        self.check_running()?;
        if !self.terms().telephone_event {
            return Err(EngineError::NoTelephoneEvent);
        }
        self.check_sending()?;
        self.inner
            .mailbox
            .post(Command::Dtmf(self.inner.id, event, duration));
        Ok(())
    }

    /// Sends a key press as a tone in the audio, for a peer that takes no telephone-event; otherwise as [`send_dtmf`](Self::send_dtmf). A
    /// pause of 40 to 100 ms follows each.
    ///
    /// # Errors
    /// [`EngineError::BadDigit`], [`EngineError::DigitDuration`], [`EngineError::OnHold`], [`EngineError::Stopped`].
    pub fn send_dtmf_tone(&self, digit: char, duration: Duration) -> Result<(), EngineError> {
        check_key(digit, duration)?;
        self.check_running()?;
        self.check_sending()?;
        self.inner
            .mailbox
            .post(Command::DtmfTone(self.inner.id, digit, duration));
        Ok(())
    }

    fn check_sending(&self) -> Result<(), EngineError> {
        match self.terms().may_send {
            true => Ok(()),
            false => Err(EngineError::OnHold),
        }
    }

    /// The figures so far, not older than 200 ms; the final ones once the media has stopped.
    pub fn stats(&self) -> MediaStats {
        *self
            .inner
            .shared
            .stats
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether the media has stopped.
    pub fn is_stopped(&self) -> bool {
        self.inner.shared.stopped.load(Ordering::Acquire)
    }

    /// Stops the media: RTCP BYE is sent, the sockets are given back, the program's ends are
    /// closed. Returns when that is done; again, at once.
    ///
    /// # Cancel safety
    /// The media stops even if the future is dropped once it was polled.
    pub async fn stop(&self) {
        self.inner.mailbox.post(Command::Stop(self.inner.id));
        loop {
            let mut changed = std::pin::pin!(self.inner.shared.changed.notified());
            changed.as_mut().enable();
            if self.is_stopped() {
                return;
            }
            changed.await;
        }
    }

    fn terms(&self) -> std::sync::MutexGuard<'_, Terms> {
        self.inner
            .terms
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    fn check_running(&self) -> Result<(), EngineError> {
        match self.is_stopped() {
            true => Err(EngineError::Stopped),
            false => Ok(()),
        }
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.mailbox.post(Command::Stop(self.id));
    }
}

impl std::fmt::Debug for MediaHandle {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("MediaHandle")
            .field("id", &self.inner.id)
            .field("stopped", &self.is_stopped())
            .finish()
    }
}

fn check_key(digit: char, duration: Duration) -> Result<TelephoneEvent, EngineError> {
    let event = TelephoneEvent::from_char(digit).map_err(|_| EngineError::BadDigit(digit))?;
    if duration.is_zero() || duration > MAX_DIGIT {
        return Err(EngineError::DigitDuration(duration));
    }
    Ok(event)
}

/// Sets the codecs up once, here rather than on the media thread, so that the caller learns of it.
fn check_codecs(
    send: &MediaFormat,
    receive: Option<&[MediaFormat]>,
    ptime: Duration,
) -> Result<(), EngineError> {
    let failed = |format: &MediaFormat, source| EngineError::Codec {
        encoding_name: format.codec.encoding_name().to_owned(),
        source,
    };
    let parameters = |format: &MediaFormat| audio_codecs::CodecParameters {
        fmtp: format.fmtp.clone(),
        ptime_ms: ptime.as_millis() as u32,
    };
    send.codec
        .encoder(&parameters(send))
        .map_err(|source| failed(send, source))?;
    let Some(receive) = receive else {
        return Ok(());
    };
    let Some(first) = receive.first() else {
        return Err(EngineError::Config(
            "give at least one format to receive".into(),
        ));
    };
    first
        .codec
        .decoder(&parameters(first))
        .map_err(|source| failed(first, source))?;
    Ok(())
}
