//! What the program has said and the peer has not been sent yet: a value, with time in nanoseconds.
//!
//! ```text
//!   sent to the peer | fetched by the media thread | waiting
//!   -----------------+-----------------------------+---------------------
//!                    ^ front of the ledger         ^ ledger[fetched]
//! ```

use std::collections::VecDeque;
use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::sync::oneshot;

use crate::frame::nanos;
use crate::{AudioError, AudioFrame};

/// How many utterances that were sent in full are remembered, so that a part that comes late
/// still counts on top of what was sent before.
const REMEMBERED_UTTERANCES: usize = 8;

/// Names one utterance of a call: what one `send`, and any `send_part` after it, gave to play.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct UtteranceId(u64);

impl fmt::Display for UtteranceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "utterance {}", self.0)
    }
}

/// What became of an utterance that was cleared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PlayedUtterance {
    /// The utterance.
    pub id: UtteranceId,
    /// How long it was, all its parts together.
    pub queued: Duration,
    /// How much of it was sent to the peer.
    pub sent: Duration,
}

/// What `clear` threw away.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Cleared {
    /// The utterances that were playing or waiting, oldest first.
    pub utterances: Vec<PlayedUtterance>,
}

impl Cleared {
    /// How much audio was thrown away.
    pub fn unsent(&self) -> Duration {
        self.utterances
            .iter()
            .map(|u| u.queued.saturating_sub(u.sent))
            .sum()
    }
}

/// A place in what is being said: a future that tells whether everything queued before it has been sent. `false` when it was cleared, or
/// the call ended.
///
/// # Cancel safety
/// Dropping it changes nothing; it may be polled by reference and asked again.
#[derive(Debug)]
#[must_use = "it waits when it is awaited"]
pub struct Milestone(oneshot::Receiver<bool>);

impl Future for Milestone {
    type Output = bool;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<bool> {
        let reached = Pin::new(&mut self.0).poll(context);
        reached.map(|reached| reached.unwrap_or(false))
    }
}

/// A mark that was reached or thrown away.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct FiredMark {
    pub(crate) name: String,
    pub(crate) cleared: bool,
}

#[derive(Debug)]
enum Entry {
    Audio {
        utterance: UtteranceId,
        frame: AudioFrame,
        nanos: u64,
        sent: u64,
    },
    Mark(String),
    /// Told whether everything before it has been sent.
    Milestone(oneshot::Sender<bool>),
}

#[derive(Debug)]
struct Utterance {
    id: UtteranceId,
    queued: u64,
    sent: u64,
}

/// The queue between `AudioSender` and the capture path.
#[derive(Debug)]
pub(crate) struct PlaybackQueue {
    limit: u64,
    ledger: VecDeque<Entry>,
    fetched: usize,
    queued: u64,
    utterances: VecDeque<Utterance>,
    /// Those of the last clears.
    past: VecDeque<Utterance>,
    next_id: u64,
    /// Utterances below this number were cleared or wholly sent before the last `clear`.
    cleared_below: u64,
    generation: u64,
    fired: Vec<FiredMark>,
    paused: bool,
    closed: bool,
}

impl Utterance {
    fn played(&self) -> PlayedUtterance {
        PlayedUtterance {
            id: self.id,
            queued: Duration::from_nanos(self.queued),
            sent: Duration::from_nanos(self.sent),
        }
    }
}

impl PlaybackQueue {
    /// An empty queue that is full when `limit` is queued.
    pub(crate) fn new(limit: Duration) -> Self {
        Self {
            limit: u64::try_from(limit.as_nanos()).unwrap_or(u64::MAX).max(1),
            ledger: VecDeque::new(),
            fetched: 0,
            queued: 0,
            utterances: VecDeque::new(),
            past: VecDeque::new(),
            next_id: 0,
            cleared_below: 0,
            generation: 0,
            fired: Vec::new(),
            paused: false,
            closed: false,
        }
    }

    /// Takes a frame as a new utterance or as a part of `utterance`; on failure it is given back.
    pub(crate) fn push(
        &mut self,
        frame: AudioFrame,
        utterance: Option<UtteranceId>,
    ) -> Result<UtteranceId, (AudioFrame, AudioError)> {
        if let Err(error) = self.check(&frame, utterance) {
            return Err((frame, error));
        }
        let id = utterance.unwrap_or_else(|| self.begin_utterance());
        let nanos = nanos(frame.samples_per_channel() as u64, frame.sample_rate);
        if nanos == 0 {
            return Ok(id);
        }
        self.queued += nanos;
        self.utterance(id).queued += nanos;
        self.ledger.push_back(Entry::Audio {
            utterance: id,
            frame,
            nanos,
            sent: 0,
        });
        Ok(id)
    }

    fn check(&self, frame: &AudioFrame, utterance: Option<UtteranceId>) -> Result<(), AudioError> {
        frame.check()?;
        if self.closed {
            return Err(AudioError::Closed);
        }
        if let Some(id) = utterance {
            if id.0 >= self.next_id {
                return Err(AudioError::UnknownUtterance(id));
            }
            if id.0 < self.cleared_below {
                return Err(AudioError::Cleared);
            }
        }
        if self.is_full() {
            return Err(AudioError::Full);
        }
        Ok(())
    }

    fn begin_utterance(&mut self) -> UtteranceId {
        let id = UtteranceId(self.next_id);
        self.next_id += 1;
        id
    }

    /// The account of an utterance, opened if it is new or was forgotten.
    fn utterance(&mut self, id: UtteranceId) -> &mut Utterance {
        let at = match self.utterances.binary_search_by_key(&id, |u| u.id) {
            Ok(at) => at,
            Err(at) => {
                self.utterances.insert(
                    at,
                    Utterance {
                        id,
                        queued: 0,
                        sent: 0,
                    },
                );
                at
            }
        };
        &mut self.utterances[at]
    }

    /// Appends a mark: it fires when everything before it has been sent.
    pub(crate) fn mark(&mut self, name: String) -> Result<(), AudioError> {
        if self.closed {
            return Err(AudioError::Closed);
        }
        self.ledger.push_back(Entry::Mark(name));
        Ok(())
    }

    /// Throws away everything that was not sent and tells what became of it.
    pub(crate) fn clear(&mut self) -> Cleared {
        self.generation += 1;
        self.cleared_below = self.next_id;
        for entry in self.ledger.drain(..) {
            match entry {
                Entry::Mark(name) => self.fired.push(FiredMark {
                    name,
                    cleared: true,
                }),
                Entry::Milestone(reached) => drop(reached.send(false)),
                Entry::Audio { .. } => {}
            }
        }
        self.fetched = 0;
        self.queued = 0;
        let unsent = self.utterances.iter().filter(|u| u.sent < u.queued);
        let utterances = unsent.map(Utterance::played).collect();
        self.past.append(&mut self.utterances);
        let forgotten = self.past.len().saturating_sub(REMEMBERED_UTTERANCES);
        self.past.drain(..forgotten);
        Cleared { utterances }
    }

    /// What became of an utterance so far; `None` if it was over long ago, or never was.
    pub(crate) fn played(&self, id: UtteranceId) -> Option<PlayedUtterance> {
        let mut all = self.utterances.iter().chain(&self.past);
        all.find(|u| u.id == id).map(Utterance::played)
    }

    /// Waits, once it is polled, until everything queued so far has been sent or cleared.
    pub(crate) fn milestone(&mut self) -> Milestone {
        let (reached, milestone) = oneshot::channel();
        if !self.closed {
            self.ledger.push_back(Entry::Milestone(reached));
        }
        Milestone(milestone)
    }

    /// The next frame for the capture path; `None` when everything has been fetched.
    pub(crate) fn fetch(&mut self) -> Option<AudioFrame> {
        while let Some(entry) = self.ledger.get_mut(self.fetched) {
            self.fetched += 1;
            if let Entry::Audio { frame, .. } = entry {
                return Some(std::mem::take(frame));
            }
        }
        None
    }

    /// Notes that `nanos` more of what was fetched have been sent, and fires the marks that this reaches.
    pub(crate) fn advance(&mut self, mut nanos: u64) {
        while let Some(front) = self.ledger.front_mut() {
            if let Entry::Audio {
                utterance,
                nanos: length,
                sent,
                ..
            } = front
            {
                if self.fetched == 0 {
                    return;
                }
                let step = nanos.min(*length - *sent);
                nanos -= step;
                *sent += step;
                let (utterance, whole) = (*utterance, sent == length);
                self.queued -= step;
                self.utterance(utterance).sent += step;
                if !whole {
                    return;
                }
            }
            self.pop_front();
            self.forget_old_utterances();
        }
    }

    /// Notes that all that was fetched has been sent: nothing is left in the capture path.
    pub(crate) fn finish(&mut self) {
        let fetched: u64 = self
            .ledger
            .iter()
            .take(self.fetched)
            .map(Entry::unsent)
            .sum();
        self.advance(fetched);
    }

    fn pop_front(&mut self) {
        self.fetched = self.fetched.saturating_sub(1);
        match self.ledger.pop_front() {
            Some(Entry::Mark(name)) => self.fired.push(FiredMark {
                name,
                cleared: false,
            }),
            Some(Entry::Milestone(reached)) => drop(reached.send(true)),
            _ => {}
        }
    }

    fn forget_old_utterances(&mut self) {
        while self.utterances.len() > REMEMBERED_UTTERANCES
            && self.utterances.front().is_some_and(|u| u.sent == u.queued)
        {
            self.utterances.pop_front();
        }
    }

    /// Moves the marks that fired since the last call to the end of `marks`.
    pub(crate) fn take_fired(&mut self, marks: &mut Vec<FiredMark>) {
        marks.append(&mut self.fired);
    }

    /// No more audio is taken, and what is queued will not be sent.
    pub(crate) fn close(&mut self) {
        self.closed = true;
        self.clear();
    }

    pub(crate) fn set_paused(&mut self, paused: bool) {
        self.paused = paused;
    }

    pub(crate) fn is_paused(&self) -> bool {
        self.paused
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.closed
    }

    /// Whether there is no room for another frame.
    pub(crate) fn is_full(&self) -> bool {
        self.queued >= self.limit
    }

    /// Changes with every `clear`.
    pub(crate) fn generation(&self) -> u64 {
        self.generation
    }

    /// What has not been sent yet.
    pub(crate) fn queued(&self) -> Duration {
        Duration::from_nanos(self.queued)
    }
}

impl Entry {
    fn unsent(&self) -> u64 {
        match self {
            Entry::Audio { nanos, sent, .. } => nanos - sent,
            Entry::Mark(_) | Entry::Milestone(_) => 0,
        }
    }
}

#[cfg(test)]
mod tests;
