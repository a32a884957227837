//! One of the two who talk: what it hears is kept, with all that the report tells of it.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use headless_sip::{AudioReceiver, CallControl, CallEnded, CallEvent, CallEvents};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::event::millis;
use crate::report::{LevelTrace, NetworkSample};

/// How often the figures are read for the pictures.
const SAMPLE_EVERY: Duration = Duration::from_millis(100);

/// The ear of one side, from the answer to the end of the call.
pub(super) struct Ear {
    /// What has happened so far.
    log: Arc<Mutex<Log>>,
    progress: watch::Receiver<Progress>,
    tasks: Vec<JoinHandle<()>>,
}

/// Everything that one side heard and saw.
#[derive(Debug, Clone, Default)]
pub(super) struct Log {
    /// All sound that arrived, mono.
    pub samples: Vec<f32>,
    /// Its rate in Hz.
    pub sample_rate: u32,
    /// When its first sample was heard.
    pub began: Option<Instant>,
    /// Stretches that were invented, as places in `samples`.
    pub concealed: Vec<(usize, usize)>,
    /// The level of what arrived and of what was sent; times are seconds since the origin.
    pub heard: LevelTrace,
    /// As `heard`, for what this side sent.
    pub said: LevelTrace,
    /// Keys that arrived, with the time in seconds since the origin.
    pub digits: Vec<(f64, char)>,
    /// What the network did.
    pub network: Vec<NetworkSample>,
    /// Missing packets: when, how many.
    pub lost: Vec<(f64, u64)>,
}

/// What the script waits for.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Progress {
    /// Digits that have arrived.
    pub digits: String,
    /// Whether the far end holds us.
    pub held: bool,
    /// How often we were put on hold.
    pub holds: u32,
    /// Set at the end of the call.
    pub ended: Option<CallEnded>,
}

impl Ear {
    /// Begins to listen. `origin` is the zero of all times.
    pub(super) fn open(
        control: CallControl,
        rx: AudioReceiver,
        sent: Option<AudioReceiver>,
        events: CallEvents,
        origin: Instant,
    ) -> Self {
        let log = Arc::new(Mutex::new(Log::default()));
        let (tell, progress) = watch::channel(Progress::default());
        let mut tasks = vec![
            tokio::spawn(hear(Arc::clone(&log), rx, origin)),
            tokio::spawn(follow(Arc::clone(&log), events, tell, origin)),
            tokio::spawn(measure(Arc::clone(&log), control, progress.clone(), origin)),
        ];
        if let Some(sent) = sent {
            tasks.push(tokio::spawn(overhear(Arc::clone(&log), sent, origin)));
        }
        Self {
            log,
            progress,
            tasks,
        }
    }

    /// Waits until something has come true, but not longer than `patience`; whether it has.
    pub(super) async fn wait(
        &mut self,
        patience: Duration,
        done: impl FnMut(&Progress) -> bool,
    ) -> bool {
        let waiting = tokio::time::timeout(patience, self.progress.wait_for(done)).await;
        matches!(waiting, Ok(Ok(_)))
    }

    /// How things stand.
    pub(super) fn progress(&self) -> Progress {
        self.progress.borrow().clone()
    }

    /// How much has been heard so far, in samples.
    pub(super) fn heard(&self) -> usize {
        lock(&self.log).samples.len()
    }

    /// Everything, once the call is over.
    pub(super) async fn close(self) -> Log {
        for task in self.tasks {
            let _ = task.await;
        }
        lock(&self.log).clone()
    }
}

fn lock(log: &Mutex<Log>) -> std::sync::MutexGuard<'_, Log> {
    // No task panics while it holds the lock; if one did, what it wrote is still the best there is.
    log.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
}

async fn hear(log: Arc<Mutex<Log>>, mut rx: AudioReceiver, origin: Instant) {
    while let Some(received) = rx.recv_annotated().await {
        let mut log = lock(&log);
        let frame = &received.frame;
        if log.began.is_none() {
            // The frame has just ended, so it began its own length ago.
            let began = Instant::now()
                .checked_sub(frame.duration())
                .unwrap_or(origin);
            log.began = Some(began);
            log.sample_rate = frame.sample_rate;
            log.heard =
                LevelTrace::starting_at(began.saturating_duration_since(origin).as_secs_f64());
        }
        let place = log.samples.len();
        log.samples.extend_from_slice(&frame.samples);
        log.heard.push(&frame.samples, frame.sample_rate);
        if received.concealed {
            let end = place + frame.samples.len();
            match log.concealed.last_mut() {
                Some((_, last)) if *last == place => *last = end,
                _ => log.concealed.push((place, end)),
            }
        }
    }
}

/// Listens to what this side itself sends.
async fn overhear(log: Arc<Mutex<Log>>, mut sent: AudioReceiver, origin: Instant) {
    let mut first = true;
    while let Some(frame) = sent.recv().await {
        let mut log = lock(&log);
        if std::mem::take(&mut first) {
            log.said = LevelTrace::starting_at(origin.elapsed().as_secs_f64());
        }
        log.said.push(&frame.samples, frame.sample_rate);
    }
}

async fn follow(
    log: Arc<Mutex<Log>>,
    mut events: CallEvents,
    tell: watch::Sender<Progress>,
    origin: Instant,
) {
    while let Some(event) = events.recv().await {
        match event {
            CallEvent::Dtmf { digit, .. } => {
                lock(&log)
                    .digits
                    .push((origin.elapsed().as_secs_f64(), digit));
                tell.send_modify(|progress| progress.digits.push(digit));
            }
            CallEvent::Held => tell.send_modify(|progress| {
                progress.held = true;
                progress.holds += 1;
            }),
            CallEvent::Resumed => tell.send_modify(|progress| progress.held = false),
            CallEvent::Ended(ended) => tell.send_modify(|progress| progress.ended = Some(ended)),
            _ => {}
        }
    }
}

/// Reads the figures now and then until the call ends.
async fn measure(
    log: Arc<Mutex<Log>>,
    control: CallControl,
    mut progress: watch::Receiver<Progress>,
    origin: Instant,
) {
    let mut tick = tokio::time::interval(SAMPLE_EVERY);
    let mut missing = 0;
    loop {
        tokio::select! {
            _ = tick.tick() => {}
            ended = progress.wait_for(|progress| progress.ended.is_some()) => {
                drop(ended);
                return;
            }
        }
        let stats = control.stats();
        let at = origin.elapsed().as_secs_f64();
        let mut log = lock(&log);
        log.network.push(NetworkSample {
            at,
            playout_delay_ms: millis(stats.playout_delay),
            jitter_ms: millis(stats.jitter),
        });
        let now = stats.lost_packets + stats.late_packets;
        if now > missing {
            log.lost.push((at, now - missing));
        }
        missing = now;
    }
}
