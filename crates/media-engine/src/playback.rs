//! The playback queue as the program's senders and the media thread share it.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;

use crate::playback_queue::PlaybackQueue;
use crate::{AudioError, AudioFrame, Cleared, UtteranceId};

/// The queue behind its lock. Nobody holds the lock for longer than a few moves.
pub(crate) struct Playback {
    queue: Mutex<PlaybackQueue>,
    /// Those who wait for room, one after the other, in the order they came.
    turn: tokio::sync::Mutex<()>,
    /// There is room again, or the queue was cleared or closed.
    room: Notify,
    /// The queue ran empty, or was cleared or closed.
    empty: Notify,
}

impl Playback {
    pub(crate) fn new(limit: Duration) -> Self {
        Self {
            queue: Mutex::new(PlaybackQueue::new(limit)),
            turn: tokio::sync::Mutex::new(()),
            room: Notify::new(),
            empty: Notify::new(),
        }
    }

    /// The queue itself, for the media thread.
    pub(crate) fn lock(&self) -> MutexGuard<'_, PlaybackQueue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Wakes whoever waits for room or for the end, if it has come: not once a packet. Costs next to nothing when nobody waits.
    pub(crate) fn notify(&self) {
        let (room, empty) = {
            let queue = self.lock();
            (!queue.is_full(), queue.queued().is_zero())
        };
        if room {
            self.room.notify_waiters();
        }
        if empty {
            self.empty.notify_waiters();
        }
    }

    fn notify_all(&self) {
        self.room.notify_waiters();
        self.empty.notify_waiters();
    }

    pub(crate) fn try_push(
        &self,
        frame: AudioFrame,
        utterance: Option<UtteranceId>,
    ) -> Result<UtteranceId, (AudioFrame, AudioError)> {
        self.lock().push(frame, utterance)
    }

    /// Waits for room. The frame is queued in the same step that returns, so a dropped future
    /// leaves nothing behind.
    pub(crate) async fn push(
        &self,
        frame: AudioFrame,
        utterance: Option<UtteranceId>,
    ) -> Result<UtteranceId, AudioError> {
        let generation = self.lock().generation();
        let _turn = self.turn.lock().await;
        let mut frame = frame;
        loop {
            let mut changed = std::pin::pin!(self.room.notified());
            changed.as_mut().enable();
            frame = {
                let mut queue = self.lock();
                if queue.is_closed() {
                    return Err(AudioError::Closed);
                }
                if queue.generation() != generation {
                    return Err(AudioError::Cleared);
                }
                match queue.push(frame, utterance) {
                    Ok(id) => return Ok(id),
                    Err((frame, AudioError::Full)) => frame,
                    Err((_, error)) => return Err(error),
                }
            };
            changed.await;
        }
    }

    /// Waits until nothing is queued.
    pub(crate) async fn drained(&self) -> Result<(), AudioError> {
        loop {
            let mut changed = std::pin::pin!(self.empty.notified());
            changed.as_mut().enable();
            {
                let queue = self.lock();
                if queue.is_closed() {
                    return Err(AudioError::Closed);
                }
                if queue.queued().is_zero() {
                    return Ok(());
                }
            }
            changed.await;
        }
    }

    pub(crate) fn clear(&self) -> Cleared {
        let cleared = self.lock().clear();
        self.notify_all();
        cleared
    }

    pub(crate) fn close(&self) {
        self.lock().close();
        self.notify_all();
    }
}
