//! The two ends of a call's audio that a program holds.

use std::sync::Arc;
use std::time::Duration;

use crate::block_on::block_on;
use crate::playback::Playback;
use crate::queue::Reader;
use crate::{
    AudioError, AudioFrame, Cleared, Milestone, PlayedUtterance, ReceivedFrame, TrySendError,
    UtteranceId,
};

/// The audio of one call: what the peer hears and what the peer says.
#[derive(Debug)]
pub struct AudioBridge {
    /// To the peer.
    pub tx: AudioSender,
    /// From the peer.
    pub rx: AudioReceiver,
    /// What really went out, frame by frame beside `rx`, at the codec's rate: silence and held
    /// time included, so that a recording of both sides stays in step. There when
    /// [`MediaConfig::tap_sent`](crate::MediaConfig::tap_sent) asked for it.
    pub sent: Option<AudioReceiver>,
}

/// Speaks to the peer. Clones speak into the same queue.
///
/// The engine resamples, mixes to mono, paces and fills with silence: give audio as fast and in
/// as long pieces as it comes.
#[derive(Clone)]
pub struct AudioSender {
    playback: Arc<Playback>,
}

impl AudioSender {
    pub(crate) fn new(playback: Arc<Playback>) -> Self {
        Self { playback }
    }

    /// Queues a frame as a new utterance; waits while `playback_buffer` or more is queued. A frame
    /// longer than that is taken whole as soon as the queue is below it.
    ///
    /// # Errors
    /// A frame that cannot be played ([`AudioFrame::check`]); [`AudioError::Closed`] when the call
    /// has ended; [`AudioError::Cleared`] when [`clear`](Self::clear) was called meanwhile.
    ///
    /// # Cancel safety
    /// Dropping the future before it is ready leaves nothing queued.
    pub async fn send(&self, frame: AudioFrame) -> Result<UtteranceId, AudioError> {
        self.playback.push(frame, None).await
    }

    /// Queues one more piece of an utterance that [`send`](Self::send) began, as speech synthesis
    /// yields it. Waits like `send`.
    ///
    /// # Errors
    /// As `send`; [`AudioError::Cleared`] also when the utterance was begun before the last
    /// [`clear`](Self::clear): stop producing it.
    ///
    /// # Cancel safety
    /// Dropping the future before it is ready leaves nothing queued.
    pub async fn send_part(
        &self,
        utterance: UtteranceId,
        frame: AudioFrame,
    ) -> Result<(), AudioError> {
        self.playback.push(frame, Some(utterance)).await.map(drop)
    }

    /// Queues a frame as a new utterance if there is room now.
    ///
    /// # Errors
    /// The frame comes back with the reason: [`AudioError::Full`], or as [`send`](Self::send).
    // The frame is the point of the error: boxing it would cost the caller an allocation.
    #[allow(clippy::result_large_err)]
    pub fn try_send(&self, frame: AudioFrame) -> Result<UtteranceId, TrySendError> {
        self.playback
            .try_push(frame, None)
            .map_err(|(frame, error)| TrySendError { frame, error })
    }

    /// [`send`](Self::send) for a thread without a runtime: the thread sleeps while it waits. Not
    /// for use inside async code.
    ///
    /// # Errors
    /// As `send`.
    pub fn blocking_send(&self, frame: AudioFrame) -> Result<UtteranceId, AudioError> {
        block_on(self.send(frame))
    }

    /// Throws away at once everything that has not been sent, and tells for each utterance that
    /// was playing or waiting how much of it was sent. Marks that were thrown away are told as
    /// events, and a `send` that waits for room returns [`AudioError::Cleared`].
    pub fn clear(&self) -> Cleared {
        self.playback.clear()
    }

    /// Asks for [`MediaEvent::Mark`](crate::MediaEvent::Mark) when everything queued before it has
    /// been sent.
    ///
    /// # Errors
    /// [`AudioError::Closed`] when the call has ended.
    pub fn mark(&self, name: impl Into<String>) -> Result<(), AudioError> {
        self.playback.lock().mark(name.into())
    }

    /// A place at the end of what is queued now: a future that tells whether everything before it has been sent.
    pub fn milestone(&self) -> Milestone {
        self.playback.lock().milestone()
    }

    /// How much of an utterance has been sent so far, cleared ones too; `None` if it was sent or cleared some eight utterances ago.
    pub fn played(&self, utterance: UtteranceId) -> Option<PlayedUtterance> {
        self.playback.lock().played(utterance)
    }

    /// Waits until everything queued has been sent or cleared.
    ///
    /// # Errors
    /// [`AudioError::Closed`] when the call ends first.
    ///
    /// # Cancel safety
    /// Dropping the future changes nothing.
    pub async fn drained(&self) -> Result<(), AudioError> {
        self.playback.drained().await
    }

    /// Stops playing in place: the peer hears silence, nothing queued is lost.
    pub fn pause(&self) {
        self.playback.lock().set_paused(true);
    }

    /// Goes on playing where [`pause`](Self::pause) stopped.
    pub fn resume(&self) {
        self.playback.lock().set_paused(false);
    }

    /// Whether playing is paused by [`pause`](Self::pause).
    pub fn is_paused(&self) -> bool {
        self.playback.lock().is_paused()
    }

    /// How much audio is queued and not sent yet.
    pub fn queued(&self) -> Duration {
        self.playback.lock().queued()
    }

    /// Whether the call has ended.
    pub fn is_closed(&self) -> bool {
        self.playback.lock().is_closed()
    }
}

impl std::fmt::Debug for AudioSender {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let queue = self.playback.lock();
        f.debug_struct("AudioSender")
            .field("queued", &queue.queued())
            .field("paused", &queue.is_paused())
            .field("closed", &queue.is_closed())
            .finish()
    }
}

/// Hears the peer: one frame of one channel per ptime for as long as the call lasts, whatever the
/// network does. A program that lags behind by more than `receive_buffer` loses the oldest frames.
pub struct AudioReceiver {
    frames: Reader<ReceivedFrame>,
    sample_rate: u32,
}

impl AudioReceiver {
    pub(crate) fn new(frames: Reader<ReceivedFrame>, sample_rate: u32) -> Self {
        Self {
            frames,
            sample_rate,
        }
    }

    /// The next frame; `None` when the call has ended and everything was read.
    ///
    /// # Cancel safety
    /// Dropping the future loses no frame.
    pub async fn recv(&mut self) -> Option<AudioFrame> {
        self.recv_annotated().await.map(|received| received.frame)
    }

    /// The next frame with its media time and whether it was concealed or early media.
    ///
    /// # Cancel safety
    /// Dropping the future loses no frame.
    pub async fn recv_annotated(&mut self) -> Option<ReceivedFrame> {
        self.frames.recv().await
    }

    /// The next frame if there is one now.
    pub fn try_recv(&mut self) -> Option<ReceivedFrame> {
        self.frames.try_recv()
    }

    /// [`recv_annotated`](Self::recv_annotated) for a thread without a runtime. Not for use inside
    /// async code.
    pub fn blocking_recv(&mut self) -> Option<ReceivedFrame> {
        block_on(self.frames.recv())
    }

    /// Samples per second of the frames, in Hz, when the call began. A tap of what was sent
    /// changes its rate when the call's codec does: each frame tells its own.
    pub fn sample_rate(&self) -> u32 {
        self.sample_rate
    }

    /// Frames that were lost because the program did not read them in time.
    pub fn dropped_frames(&self) -> u64 {
        self.frames.dropped()
    }
}

impl std::fmt::Debug for AudioReceiver {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("AudioReceiver")
            .field("sample_rate", &self.sample_rate)
            .field("dropped_frames", &self.dropped_frames())
            .finish()
    }
}
