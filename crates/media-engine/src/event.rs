//! What happens to a call's media.

use std::net::SocketAddr;
use std::time::Duration;

use rtp_media::NoMediaCause;

use crate::block_on::block_on;
use crate::queue::Reader;
use crate::{Heard, MediaStats};

/// How many events wait for a program that does not read them. Quality figures give way first.
pub(crate) const EVENT_CAPACITY: usize = 64;

/// Taken with [`MediaEvents::recv`].
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
// Quality is the largest and the most frequent: boxing it would allocate on the media thread.
#[allow(clippy::large_enum_variant)]
pub enum MediaEvent {
    /// The first packet from the peer.
    FirstMedia {
        /// Where it came from.
        source: SocketAddr,
    },
    /// The peer pressed a key (RFC 4733, or a tone). Once per key press and way, when it begins.
    Dtmf {
        /// 0-9, *, #, A-D.
        digit: char,
        /// How long the key had been down when this was told.
        duration: Duration,
        /// It was heard in the audio, as [`ListenConfig::dtmf`](crate::ListenConfig::dtmf) asked for.
        in_band: bool,
    },
    /// Something in the sound that [`ListenConfig`](crate::ListenConfig) asked for.
    Heard(Heard),
    /// Everything queued before a mark has been sent, or was cleared.
    Mark {
        /// The name given to [`AudioSender::mark`](crate::AudioSender::mark).
        name: String,
        /// It was thrown away by [`AudioSender::clear`](crate::AudioSender::clear).
        cleared: bool,
    },
    /// No media for `no_media_after`, with the most telling cause. Once until media is back.
    NoMedia(NoMediaCause),
    /// Media is back.
    MediaResumed,
    /// No sign of the peer for `media_timeout`: the call is most likely dead.
    MediaTimeout,
    /// Media now goes to, and comes from, another address (symmetric RTP).
    SourceChanged {
        /// The address before.
        from: SocketAddr,
        /// The address now.
        to: SocketAddr,
    },
    /// The peer ended its stream (RTCP BYE). The call itself ends by signalling.
    RemoteBye,
    /// The figures so far, every `quality_interval`.
    Quality(MediaStats),
    /// The media has stopped: the last event, with the final figures in `MediaHandle::stats`.
    Stopped,
}

impl MediaEvent {
    pub(crate) fn is_quality(&self) -> bool {
        matches!(self, MediaEvent::Quality(_))
    }
}

/// The events of one call's media. They wait in a bounded queue: when nobody reads, the oldest
/// quality figures are lost first.
pub struct MediaEvents {
    events: Reader<MediaEvent>,
}

impl MediaEvents {
    pub(crate) fn new(events: Reader<MediaEvent>) -> Self {
        Self { events }
    }

    /// The next event; `None` after [`MediaEvent::Stopped`].
    ///
    /// # Cancel safety
    /// Dropping the future loses no event.
    pub async fn recv(&mut self) -> Option<MediaEvent> {
        self.events.recv().await
    }

    /// The next event if there is one now.
    pub fn try_recv(&mut self) -> Option<MediaEvent> {
        self.events.try_recv()
    }

    /// [`recv`](Self::recv) for a thread without a runtime. Not for use inside async code.
    pub fn blocking_recv(&mut self) -> Option<MediaEvent> {
        block_on(self.events.recv())
    }
}

impl std::fmt::Debug for MediaEvents {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("MediaEvents").finish_non_exhaustive()
    }
}
