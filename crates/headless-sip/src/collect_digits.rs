//! Waiting for the digits of a caller, with a prompt that they may interrupt.

use std::time::Instant;

use crate::event::Key;
use crate::{
    AudioError, AudioSender, CallEvents, Cleared, DigitCollection, DigitCollector, DigitOutcome,
    Error,
};

/// What a caller keyed, and what was heard of the prompt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CollectedDigits {
    /// The digits, and what ended them.
    pub outcome: DigitOutcome,
    /// What the first digit cut off, and how much of it had been heard; `None` if it cut off nothing.
    pub interrupted: Option<Cleared>,
}

impl CallEvents {
    /// Gathers keys until there are enough, the terminator comes or time is up. Queue the prompt before: the time for the first key begins
    /// when everything in `playing` has been sent, and with [`DigitCollection::barge_in`] the first key stops it. Keys that were pressed
    /// before and not fetched yet count (typing ahead); other events are kept for [`recv`](Self::recv).
    ///
    /// ```no_run
    /// # async fn example(mut call: headless_sip::ActiveCall, prompt: headless_sip::AudioFrame)
    /// # -> Result<(), Box<dyn std::error::Error>> {
    /// use headless_sip::{DigitCollection, DigitOutcome};
    ///
    /// call.audio.tx.send(prompt).await?;
    /// let pin = DigitCollection { max_digits: 4, ..DigitCollection::default() };
    /// let input = call.collect_digits(pin).await?;
    /// match input.outcome {
    ///     DigitOutcome::Complete(pin) => println!("{} digits", pin.len()),
    ///     other => println!("gave up after {:?}", other.digits()),
    /// }
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error::Ended`] when the call ends first; the end itself is the next event.
    ///
    /// Cancel safe: the keys gathered so far come again; a prompt that they have cut off stays so.
    pub async fn collect_digits(
        &mut self,
        playing: &AudioSender,
        collection: DigitCollection,
    ) -> Result<CollectedDigits, Error> {
        let mut taken = Taken {
            events: self,
            keys: Vec::new(),
        };
        let mut collector = DigitCollector::new(Instant::now(), collection);
        let mut interrupted = None;
        let mut prompt_plays = !playing.queued().is_zero();
        loop {
            // While the prompt plays and nothing was keyed, there is no hurry.
            let waits = prompt_plays && collector.digits().is_empty();
            let deadline = collector.poll_timeout().filter(|_| !waits);
            let outcome = tokio::select! {
                key = taken.events.next_key() => {
                    let Some(key) = key else {
                        taken.keys.clear();
                        return Err(Error::Ended);
                    };
                    taken.keys.push(key);
                    let outcome = collector.handle_digit(Instant::now(), key.digit);
                    if collector.is_barge_in() && interrupted.is_none() {
                        let cleared = playing.clear();
                        interrupted = Some(cleared).filter(|cleared| !cleared.utterances.is_empty());
                    }
                    outcome
                }
                drained = playing.drained(), if prompt_plays => {
                    prompt_plays = false;
                    // The call is over: the events say so when the keys before it have been taken.
                    if drained != Err(AudioError::Closed) {
                        collector.prompt_ended(Instant::now());
                    }
                    None
                }
                () = at(deadline) => collector.handle_timeout(Instant::now()),
            };
            if let Some(outcome) = outcome {
                taken.keys.clear();
                return Ok(CollectedDigits {
                    outcome,
                    interrupted,
                });
            }
        }
    }
}

/// Keys that were taken and have led to nothing yet; gives them back when it is dropped.
struct Taken<'a> {
    events: &'a mut CallEvents,
    keys: Vec<Key>,
}

impl Drop for Taken<'_> {
    fn drop(&mut self) {
        for key in self.keys.drain(..).rev() {
            self.events.give_back(key);
        }
    }
}

async fn at(deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => tokio::time::sleep_until(deadline.into()).await,
        None => std::future::pending().await,
    }
}
