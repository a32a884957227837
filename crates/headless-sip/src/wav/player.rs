//! Playing a WAV in a call, a second at a time, and telling how much of it was heard.

use std::path::Path;
use std::time::Duration;

use media_engine::{AudioError, AudioFrame, AudioSender, Milestone, UtteranceId};
use tokio::task::JoinHandle;

use super::{WavError, WavReader};

/// What the lengths of a file's pieces may lack together.
const ROUNDING: Duration = Duration::from_millis(1);

/// How much of a file was heard.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Played {
    /// What was sent to the peer.
    pub heard: Duration,
    /// How long the whole file is.
    pub length: Duration,
    /// Whether all of it was sent.
    pub complete: bool,
}

/// Plays a WAV file of any rate, width and channel count.
///
/// The file is read while it plays, at most two seconds ahead and not on the runtime's own threads. Playing is stopped by
/// [`stop`](Self::stop), which tells how much was heard:
///
/// ```no_run
/// use headless_sip::{ActiveCall, CallEvent, WavPlayer};
///
/// # async fn example(mut call: ActiveCall) -> Result<(), Box<dyn std::error::Error>> {
/// let mut prompt = WavPlayer::open(&call.audio.tx, "prompt.wav")?;
/// loop {
///     tokio::select! {
///         played = prompt.play() => break println!("heard to the end: {:?}", played?.heard),
///         event = call.events.recv() => match event {
///             Some(CallEvent::Dtmf { digit, .. }) => {
///                 break println!("{digit} after {:?}", prompt.stop().heard);
///             }
///             Some(_) => {} // `play` goes on where it was
///             None => break,
///         },
///     }
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct WavPlayer {
    tx: AudioSender,
    source: Source,
    length: Duration,
    utterance: Option<UtteranceId>,
    /// Read, and not given to the sender yet.
    next: Option<AudioFrame>,
    /// The ends of the last two pieces that were given.
    before: Option<Milestone>,
    last: Option<Milestone>,
}

/// Where the next piece comes from.
#[derive(Debug)]
enum Source {
    Ready(WavReader),
    Reading(JoinHandle<(WavReader, Result<Option<AudioFrame>, WavError>)>),
    Over,
}

/// Plays a whole WAV file and waits until the peer has been sent all of it.
///
/// When [`clear`](AudioSender::clear) cuts it short, that is no error: the answer tells how much was heard.
///
/// # Errors
/// [`WavError::Open`], [`WavError::NotPlayable`], [`WavError::Empty`], [`WavError::Damaged`]; [`WavError::Audio`] when the call ends.
///
/// # Cancel safety
/// What was queued before the future is dropped, two seconds at most, is still played. To stop at once and learn how much was
/// heard use [`WavPlayer`].
pub async fn play_wav(tx: &AudioSender, path: impl AsRef<Path>) -> Result<Played, WavError> {
    WavPlayer::open(tx, path)?.play().await
}

impl WavPlayer {
    /// Opens a file and checks its header. Nothing is played yet.
    ///
    /// # Errors
    /// As for [`WavReader::open`].
    pub fn open(tx: &AudioSender, path: impl AsRef<Path>) -> Result<Self, WavError> {
        Ok(Self::new(tx, WavReader::open(path)?))
    }

    /// Plays what is left of a reader.
    pub fn new(tx: &AudioSender, reader: WavReader) -> Self {
        Self {
            tx: tx.clone(),
            length: reader.duration(),
            source: Source::Ready(reader),
            utterance: None,
            next: None,
            before: None,
            last: None,
        }
    }

    /// Plays until all was sent or was cut short by a [`clear`](AudioSender::clear). Must be awaited in a tokio runtime.
    ///
    /// # Errors
    /// [`WavError::Damaged`]; [`WavError::Audio`] when the call has ended.
    ///
    /// # Cancel safety
    /// Playing goes on for at most two seconds when the future is dropped; called again, it goes on without a gap if that is in
    /// time.
    pub async fn play(&mut self) -> Result<Played, WavError> {
        while let Some(frame) = self.read().await? {
            // Room for this piece is there when the last but one has been sent.
            if let Some(before) = &mut self.before {
                let passed = before.await;
                self.before = None;
                if !passed {
                    return self.cut_short();
                }
            }
            let given = match self.utterance {
                None => self.tx.send(frame).await,
                Some(id) => self.tx.send_part(id, frame).await.map(|()| id),
            };
            match given {
                Ok(id) => self.utterance = Some(id),
                Err(AudioError::Cleared) => return self.cut_short(),
                Err(error) => return Err(error.into()),
            }
            self.next = None;
            self.before = self.last.replace(self.tx.milestone());
        }
        if let Some(last) = &mut self.last {
            let passed = last.await;
            self.last = None;
            if !passed {
                return self.cut_short();
            }
        }
        Ok(self.played())
    }

    /// Stops at once and tells how much was heard. Everything else that is queued in this call is thrown away too, as by
    /// [`AudioSender::clear`].
    pub fn stop(&mut self) -> Played {
        self.tx.clear();
        self.give_up();
        self.played()
    }

    /// How much was heard so far.
    pub fn played(&self) -> Played {
        let played = self.utterance.and_then(|id| self.tx.played(id));
        Played {
            heard: played
                .map_or(Duration::ZERO, |played| played.sent)
                .min(self.length),
            length: self.length,
            complete: played.is_some_and(|played| {
                played.sent == played.queued && played.queued + ROUNDING >= self.length
            }),
        }
    }

    /// The next piece. It also stays here until the sender has it, so that nothing is lost when a future is dropped.
    async fn read(&mut self) -> Result<Option<AudioFrame>, WavError> {
        loop {
            if self.next.is_some() {
                return Ok(self.next.clone());
            }
            if let Source::Reading(reading) = &mut self.source {
                let outcome = reading.await;
                self.source = Source::Over;
                let (reader, piece) = outcome.map_err(|_| WavError::Ended)?;
                self.next = piece?;
                if self.next.is_some() {
                    self.source = Source::Ready(reader);
                }
                continue;
            }
            let Source::Ready(mut reader) = std::mem::replace(&mut self.source, Source::Over)
            else {
                return Ok(None);
            };
            self.source = Source::Reading(tokio::task::spawn_blocking(move || {
                let piece = reader.next_chunk();
                (reader, piece)
            }));
        }
    }

    /// Somebody cleared the queue, or the call has ended.
    fn cut_short(&mut self) -> Result<Played, WavError> {
        self.give_up();
        match self.tx.is_closed() {
            true => Err(AudioError::Closed.into()),
            false => Ok(self.played()),
        }
    }

    fn give_up(&mut self) {
        self.source = Source::Over;
        self.next = None;
        self.before = None;
        self.last = None;
    }
}
