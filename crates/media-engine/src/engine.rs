//! The engine: a few media threads for many calls.

use std::net::IpAddr;
use std::ops::RangeInclusive;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Instant, SystemTime};

use rtp_media::ClockAnchor;

use crate::handle::SessionShared;
use crate::load::{Load, Weight, lightest};
use crate::mailbox::{Command, Mailbox};
use crate::media_thread::{self, NewSession};
use crate::ports::pairs_in;
use crate::{
    AudioBridge, EngineError, MediaConfig, MediaEvents, MediaHandle, MediaPorts, MediaSession,
};

/// More threads than this have not been of use: one serves some hundreds of calls.
const MAX_DEFAULT_THREADS: usize = 4;

/// How the engine is set up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EngineConfig {
    /// Media threads. `None`: one per core, at most 4.
    pub threads: Option<usize>,
    /// Where RTP and RTCP ports are taken from. Default 16384-32767.
    pub rtp_ports: RangeInclusive<u16>,
}

impl Default for EngineConfig {
    fn default() -> Self {
        Self {
            threads: None,
            rtp_ports: 16_384..=32_767,
        }
    }
}

/// Runs the media of many calls on threads of its own. Cheap to clone; the threads end when the
/// last clone and the last call are gone.
#[derive(Clone)]
pub struct MediaEngine {
    core: Arc<EngineCore>,
}

pub(crate) struct EngineCore {
    config: EngineConfig,
    workers: Vec<Worker>,
    next_id: AtomicU64,
}

/// One media thread as the engine sees it.
struct Worker {
    mailbox: Arc<Mailbox>,
    /// Of the sessions it has or is about to have.
    load: Arc<Load>,
}

impl MediaEngine {
    /// Starts the media threads. They sleep until there is a call.
    ///
    /// # Errors
    /// [`EngineError::Config`] for no threads or a range without a pair of ports;
    /// [`EngineError::Thread`] when the system refuses a thread.
    pub fn new(config: EngineConfig) -> Result<Self, EngineError> {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let threads = config.threads.unwrap_or(cores.min(MAX_DEFAULT_THREADS));
        if threads == 0 {
            return Err(EngineError::Config("threads is 0: choose 1 or more".into()));
        }
        if pairs_in(&config.rtp_ports) == 0 || *config.rtp_ports.start() == 0 {
            let (first, last) = (config.rtp_ports.start(), config.rtp_ports.end());
            return Err(EngineError::Config(format!(
                "rtp_ports {first}-{last} holds no pair of an even port and the one after: choose a range such as 16384-32767"
            )));
        }
        let mut core = EngineCore {
            config,
            workers: Vec::with_capacity(threads),
            next_id: AtomicU64::new(0),
        };
        for index in 0..threads {
            // On failure the core is dropped, which ends the threads that did start.
            core.workers
                .push(Worker::start(index).map_err(EngineError::Thread)?);
        }
        Ok(Self {
            core: Arc::new(core),
        })
    }

    /// Takes a pair of ports on `local_ip` from the configured range and holds them.
    ///
    /// # Errors
    /// [`EngineError::NoFreePorts`] when all are in use, [`EngineError::Bind`] when the address
    /// is none of this host.
    pub fn reserve(&self, local_ip: IpAddr) -> Result<MediaPorts, EngineError> {
        MediaPorts::reserve(local_ip, &self.core.config.rtp_ports, rand::random())
    }

    /// Starts the media of a call on ports that were reserved for it. What arrived on them before
    /// is thrown away.
    ///
    /// # Errors
    /// [`EngineError::Config`] or [`EngineError::Codec`]; the ports are then given back.
    pub fn start(
        &self,
        ports: MediaPorts,
        config: MediaConfig,
    ) -> Result<(MediaHandle, AudioBridge, MediaEvents), EngineError> {
        let now = Instant::now();
        let anchor = ClockAnchor::new(now, SystemTime::now());
        let (session, bridge, events) =
            MediaSession::new(now, anchor, rand::random(), config.clone())?;
        let id = self.core.next_id.fetch_add(1, Ordering::Relaxed);
        let weight = Weight::of(&config);
        let worker = self.core.worker();
        worker.load.add(weight);
        let shared = Arc::new(SessionShared::default());
        shared.set_stats(session.stats(now));
        worker.mailbox.post(Command::Start(Box::new(NewSession {
            id,
            session: Box::new(session),
            ports,
            shared: shared.clone(),
            weight,
        })));
        let handle = MediaHandle::new(
            id,
            worker.mailbox.clone(),
            shared,
            &config,
            self.core.clone(),
        );
        Ok((handle, bridge, events))
    }

    /// Calls whose media is running.
    pub fn calls(&self) -> usize {
        self.core
            .workers
            .iter()
            .map(|worker| worker.load.calls())
            .sum()
    }
}

impl std::fmt::Debug for MediaEngine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("MediaEngine")
            .field("config", &self.core.config)
            .field("threads", &self.core.workers.len())
            .field("calls", &self.calls())
            .finish()
    }
}

impl EngineCore {
    fn worker(&self) -> &Worker {
        lightest(&self.workers, |worker| &worker.load).unwrap_or(&self.workers[0])
    }
}

impl Drop for EngineCore {
    fn drop(&mut self) {
        for worker in &self.workers {
            worker.mailbox.post(Command::Shutdown);
        }
    }
}

impl Worker {
    fn start(index: usize) -> std::io::Result<Self> {
        let mailbox = Arc::new(Mailbox::default());
        let load = Arc::new(Load::default());
        let (mailbox_there, load_there) = (mailbox.clone(), load.clone());
        let thread = std::thread::Builder::new()
            .name(format!("media-{index}"))
            .spawn(move || media_thread::run(&mailbox_there, &load_there))?;
        mailbox.belongs_to(thread.thread().clone());
        Ok(Self { mailbox, load })
    }
}
