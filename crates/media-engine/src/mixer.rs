//! Conferences: everybody hears all others and not himself.

mod bus;
mod limiter;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::task::JoinHandle;
use tokio::time::{Instant, MissedTickBehavior};

use crate::pace::Pace;
use crate::{AudioBridge, AudioError, AudioFrame, AudioSender, SAMPLE_RATES};
use bus::{LegId, MixBus, ROUNDS_PER_SECOND};

const ROUND: Duration = Duration::from_millis(1_000 / ROUNDS_PER_SECOND as u64);

/// What is put before the first sound for a leg: it is sent in packets of 20 ms and more, which must be whole when they are due.
const LEAD: Duration = Duration::from_millis(30);

/// Joins the audio of calls to a conference. Clones are the same conference; it ends when the last clone and the last leg are gone.
///
/// What a leg says is heard by the others some 40 ms later: 10 ms wait for frames that come unevenly, 30 ms for packets that must be
/// whole. Several loud voices at once are turned down rather than clipped. Legs may have any rates and come and go at any time; a leg whose call
/// has ended leaves by itself.
///
/// ```no_run
/// # async fn example(a: media_engine::AudioBridge, b: media_engine::AudioBridge) -> Result<(), media_engine::AudioError> {
/// use media_engine::Mixer;
///
/// let mixer = Mixer::new(16_000)?;
/// let first = mixer.join(a);
/// let second = mixer.join(b);
/// second.set_muted(true);
/// let audio = first.leave().await; // to go on alone
/// # Ok(()) }
/// ```
#[derive(Debug, Clone)]
pub struct Mixer {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    sample_rate: u32,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    bus: MixBus,
    outputs: Vec<Output>,
    /// The task that mixes runs.
    runs: bool,
}

/// Where what a leg hears goes.
#[derive(Debug)]
struct Output {
    id: LegId,
    tx: AudioSender,
    pace: Pace,
}

/// A call in a conference. Dropping it leaves, and the call's audio goes with it; [`leave`](Self::leave) gives that back.
#[derive(Debug)]
#[must_use = "dropping it leaves the conference"]
pub struct MixerLeg {
    shared: Arc<Shared>,
    id: LegId,
    /// Reads what the call says; gives the audio back.
    reading: Option<JoinHandle<AudioBridge>>,
    stop: Arc<tokio::sync::Notify>,
}

impl Mixer {
    /// A conference without legs, mixed at `sample_rate` Hz, 8,000 to 192,000: that of the best codec in it, usually 16,000.
    ///
    /// # Errors
    /// [`AudioError::SampleRate`] for another rate.
    pub fn new(sample_rate: u32) -> Result<Self, AudioError> {
        if !SAMPLE_RATES.contains(&sample_rate) {
            return Err(AudioError::SampleRate(sample_rate));
        }
        // Whole rounds and whole steps of the limiter: 44,100 Hz becomes 44,000.
        let sample_rate = sample_rate - sample_rate % 400;
        Ok(Self {
            shared: Arc::new(Shared {
                sample_rate,
                state: Mutex::new(State {
                    bus: MixBus::new(sample_rate),
                    outputs: Vec::new(),
                    runs: false,
                }),
            }),
        })
    }

    /// Takes a call into the conference, until it ends or leaves. What is queued for it already is heard before. To be called within a tokio
    /// runtime.
    pub fn join(&self, audio: AudioBridge) -> MixerLeg {
        let id = {
            let mut state = self.shared.state();
            let id = state.bus.add();
            let lead = AudioFrame::silence(LEAD, self.shared.sample_rate);
            let _ = audio.tx.try_send(lead);
            state.outputs.push(Output::new(id, audio.tx.clone()));
            if !std::mem::replace(&mut state.runs, true) {
                tokio::spawn(mix(self.shared.clone()));
            }
            id
        };
        let stop = Arc::new(tokio::sync::Notify::new());
        let reading = tokio::spawn(read(self.shared.clone(), id, audio, stop.clone()));
        MixerLeg {
            shared: self.shared.clone(),
            id,
            reading: Some(reading),
            stop,
        }
    }

    /// How many calls are in it.
    pub fn legs(&self) -> usize {
        self.shared.state().bus.len()
    }

    /// The rate at which is mixed, Hz.
    pub fn sample_rate(&self) -> u32 {
        self.shared.sample_rate
    }
}

impl MixerLeg {
    /// A muted leg hears the others, and they do not hear it.
    pub fn set_muted(&self, muted: bool) {
        self.shared.state().bus.set_muted(self.id, muted);
    }

    /// Whether the call is still in the conference; it leaves when it ends.
    pub fn is_joined(&self) -> bool {
        let state = self.shared.state();
        state.outputs.iter().any(|output| output.id == self.id)
    }

    /// Leaves, and gives the call's audio back; `None` if reading it has failed. What was mixed for it and not sent yet still is.
    ///
    /// # Cancel safety
    /// The leg has left once this was polled; the audio is lost when the future is dropped.
    pub async fn leave(mut self) -> Option<AudioBridge> {
        self.shared.leave(self.id);
        self.stop.notify_one();
        self.reading.take()?.await.ok()
    }
}

impl Drop for MixerLeg {
    fn drop(&mut self) {
        self.shared.leave(self.id);
        self.stop.notify_one();
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn leave(&self, id: LegId) {
        let mut state = self.state();
        state.bus.remove(id);
        state.outputs.retain(|output| output.id != id);
    }
}

/// Gives what a call says to the bus, until it ends or shall stop.
async fn read(
    shared: Arc<Shared>,
    id: LegId,
    mut audio: AudioBridge,
    stop: Arc<tokio::sync::Notify>,
) -> AudioBridge {
    loop {
        let frame = tokio::select! {
            frame = audio.rx.recv() => frame,
            () = stop.notified() => break,
        };
        match frame {
            Some(frame) => shared.state().bus.push(id, &frame),
            None => break,
        }
    }
    shared.leave(id);
    audio
}

/// Mixes a round every 10 ms for as long as there is a leg.
async fn mix(shared: Arc<Shared>) {
    let mut rounds = tokio::time::interval(ROUND);
    // A runtime that was late makes the rounds up: queues come back to their length.
    rounds.set_missed_tick_behavior(MissedTickBehavior::Burst);
    loop {
        let now = rounds.tick().await;
        let mut state = shared.state();
        let State { bus, outputs, runs } = &mut *state;
        if outputs.is_empty() {
            *runs = false;
            return;
        }
        bus.mix(|id, samples| {
            if let Some(output) = outputs.iter_mut().find(|output| output.id == id) {
                output.hear(now, samples, shared.sample_rate);
            }
        });
    }
}

impl Output {
    fn new(id: LegId, tx: AudioSender) -> Self {
        let pace = Pace::new(Instant::now(), LEAD);
        Self { id, tx, pace }
    }

    fn hear(&mut self, now: Instant, samples: &[f32], sample_rate: u32) {
        if self.pace.takes(now, self.tx.queued(), samples, ROUND) {
            // Full or closed: the call lags by the whole playback buffer, or is over.
            let _ = self
                .tx
                .try_send(AudioFrame::mono(samples.to_vec(), sample_rate));
        }
    }
}
