//! What a call tells its program, in one stream.

use std::collections::VecDeque;
use std::time::Duration;

use media_engine::{Heard, NoMediaCause};
use tokio::sync::{mpsc, oneshot};

use crate::CallStats;

/// Something that happened in an established call.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum CallEvent {
    /// A key was pressed at the far end; once per press, whichever ways it comes.
    Dtmf {
        /// `0` to `9`, `*`, `#`, `A` to `D`.
        digit: char,
        /// How it came.
        method: DtmfMethod,
        /// How long it was held down, as the far end says.
        duration: Duration,
    },
    /// Something in the sound of the call that [`ClientConfig::listen`](crate::ClientConfig::listen) asked for.
    Heard(Heard),
    /// The far end put us on hold (RFC 3264 section 8.4).
    Held,
    /// The far end took us back from hold.
    Resumed,
    /// Everything before the mark has been sent, or was dropped by a `clear`.
    Mark {
        /// As given to [`AudioSender::mark`](crate::AudioSender::mark).
        name: String,
        /// Whether a `clear` overtook it: not everything before it was heard.
        cleared: bool,
    },
    /// No audio arrives, and why that seems to be.
    NoMedia(NoMediaCause),
    /// Audio arrives again.
    MediaResumed,
    /// How a transfer fares that we asked for with [`ActiveCall::transfer`](crate::ActiveCall::transfer).
    Transfer {
        /// What the third party answered the far end; 100 while that is not known.
        status: u16,
        /// The reason phrase; may be empty.
        reason: String,
        /// Nothing follows. The call itself still stands: hang up when it is no longer wanted.
        done: bool,
    },
    /// The far end asks us to call somebody else, only with [`ClientConfig::allow_refer`](crate::ClientConfig::allow_refer): do so with
    /// [`CallControl::follow_transfer`](crate::CallControl::follow_transfer) within 5 s, or it is refused.
    TransferRequested {
        /// Whom to call.
        target: String,
        /// Who wants it (RFC 3892); verified by nobody.
        referred_by: Option<String>,
    },
    /// The far end sent a text within the call (RFC 3428).
    Message {
        /// The text.
        text: String,
    },
    /// The figures so far; every [`ClientConfig::quality_interval`](crate::ClientConfig::quality_interval).
    Quality(CallStats),
    /// The call is over; nothing comes after this.
    Ended(CallEnded),
}

/// How a key press was carried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum DtmfMethod {
    /// RFC 4733 telephone-event packets.
    Rfc4733,
    /// An INFO request with `application/dtmf-relay` or `application/dtmf`.
    Info,
    /// A tone in the audio.
    InBand,
}

impl DtmfMethod {
    /// The name of it in lower case, as the command prints it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Rfc4733 => "rfc4733",
            Self::Info => "info",
            Self::InBand => "inband",
        }
    }
}

/// How a call ended.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct CallEnded {
    /// Who ended it.
    pub by: EndedBy,
    /// The SIP status that ended it, where it was not a plain BYE.
    pub status: Option<u16>,
    /// Why, in words: the `Reason` header of the BYE (RFC 3326), or our own.
    pub reason: Option<String>,
    /// The cause of the telephone network (ITU-T Q.850, 1 to 127), where the far end's BYE names one (RFC 3326).
    pub q850_cause: Option<u8>,
    /// Header fields of the far end's BYE, or of its answer to ours; empty where there was none.
    pub headers: Vec<(String, String)>,
    /// The final figures.
    pub stats: CallStats,
}

/// Who ended a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum EndedBy {
    /// This program, by hanging up or by dropping the call.
    Local,
    /// The far end.
    Remote,
    /// No audio arrived for [`ClientConfig::media_timeout`](crate::ClientConfig::media_timeout).
    MediaTimeout,
    /// The signalling failed: no answer to a request, or the transport broke.
    Signaling,
}

impl EndedBy {
    /// The name of it in lower case, as the command prints it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Local => "local",
            Self::Remote => "remote",
            Self::MediaTimeout => "media_timeout",
            Self::Signaling => "signaling",
        }
    }
}

/// How many events wait for a program that does not fetch them; later ones are dropped, but never the end.
const EVENT_QUEUE: usize = 256;

/// The event stream of one call.
#[derive(Debug)]
pub struct CallEvents {
    /// What came while keys alone were waited for.
    passed_over: VecDeque<CallEvent>,
    queue: mpsc::Receiver<CallEvent>,
    ended: Option<oneshot::Receiver<CallEnded>>,
}

impl CallEvents {
    /// The next event; `None` after [`CallEvent::Ended`].
    ///
    /// At most 256 events wait for a program that does not fetch them; later ones are dropped, but never the end.
    ///
    /// Cancel safe: no event is lost when the future is dropped.
    pub async fn recv(&mut self) -> Option<CallEvent> {
        if let Some(event) = self.passed_over.pop_front() {
            return Some(event);
        }
        if let Some(event) = self.queue.recv().await {
            return Some(event);
        }
        let ended = self.ended.as_mut()?.await;
        self.ended = None;
        ended.ok().map(CallEvent::Ended)
    }

    /// The next key; what else happens is kept for [`recv`](Self::recv). `None` when the call is over.
    ///
    /// Cancel safe.
    pub(crate) async fn next_key(&mut self) -> Option<Key> {
        let key = |event: &CallEvent| match event {
            CallEvent::Dtmf {
                digit,
                method,
                duration,
            } => Some(Key {
                digit: *digit,
                method: *method,
                held: *duration,
            }),
            _ => None,
        };
        if let Some(at) = self
            .passed_over
            .iter()
            .position(|event| key(event).is_some())
        {
            return self.passed_over.remove(at).as_ref().and_then(key);
        }
        loop {
            let event = self.queue.recv().await?;
            if let Some(key) = key(&event) {
                return Some(key);
            }
            match event {
                CallEvent::Quality(_) if self.passed_over.len() >= EVENT_QUEUE / 2 => {}
                event if self.passed_over.len() < EVENT_QUEUE => self.passed_over.push_back(event),
                _ => tracing::debug!("a call event was dropped: the program does not fetch them"),
            }
        }
    }

    /// Puts a key back, before all others.
    pub(crate) fn give_back(&mut self, key: Key) {
        self.passed_over.push_front(CallEvent::Dtmf {
            digit: key.digit,
            method: key.method,
            duration: key.held,
        });
    }

    /// Waits for the end of the call and passes over all other events; `None` if it was told already.
    ///
    /// Cancel safe.
    pub async fn ended(&mut self) -> Option<CallEnded> {
        while let Some(event) = self.recv().await {
            if let CallEvent::Ended(ended) = event {
                return Some(ended);
            }
        }
        None
    }
}

/// A key that was pressed at the far end.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Key {
    pub(crate) digit: char,
    pub(crate) method: DtmfMethod,
    pub(crate) held: Duration,
}

/// The driver's end of [`CallEvents`].
#[derive(Debug)]
pub(crate) struct EventSender {
    queue: mpsc::Sender<CallEvent>,
    ended: oneshot::Sender<CallEnded>,
}

impl EventSender {
    pub(crate) fn channel() -> (Self, CallEvents) {
        let (queue_sender, queue) = mpsc::channel(EVENT_QUEUE);
        let (ended_sender, ended) = oneshot::channel();
        (
            Self {
                queue: queue_sender,
                ended: ended_sender,
            },
            CallEvents {
                passed_over: VecDeque::new(),
                queue,
                ended: Some(ended),
            },
        )
    }

    /// Never waits: a program that does not fetch its events must not stop its call.
    pub(crate) fn send(&self, event: CallEvent) {
        if self.queue.try_send(event).is_err() {
            tracing::debug!("a call event was dropped: the program does not fetch them");
        }
    }

    pub(crate) fn end(self, ended: CallEnded) {
        let _ = self.ended.send(ended);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ended() -> CallEnded {
        CallEnded {
            by: EndedBy::Remote,
            status: None,
            reason: None,
            q850_cause: None,
            headers: Vec::new(),
            stats: CallStats::default(),
        }
    }

    #[tokio::test]
    async fn the_end_comes_last_even_when_the_queue_overflowed() {
        let (sender, mut events) = EventSender::channel();
        for _ in 0..EVENT_QUEUE + 10 {
            sender.send(CallEvent::Held);
        }
        sender.end(ended());
        let mut seen = 0;
        while let Some(event) = events.recv().await {
            seen += 1;
            if let CallEvent::Ended(end) = event {
                assert_eq!(end.by, EndedBy::Remote);
            }
        }
        assert_eq!(seen, EVENT_QUEUE + 1);
        assert!(events.recv().await.is_none());
    }

    #[tokio::test]
    async fn a_driver_that_is_gone_ends_the_stream() {
        let (sender, mut events) = EventSender::channel();
        drop(sender);
        assert!(events.recv().await.is_none());
    }
}
