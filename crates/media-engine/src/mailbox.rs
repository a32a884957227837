//! How the program's requests reach a media thread: checked at each slot, and waking it.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, OnceLock, PoisonError};
use std::thread::Thread;
use std::time::Duration;

use rtp_media::TelephoneEvent;

use crate::media_thread::NewSession;
use crate::{MediaPorts, MediaUpdate};

/// What a media thread is asked to do; the number names the session.
pub(crate) enum Command {
    Start(Box<NewSession>),
    Update(u64, Box<MediaUpdate>),
    /// Other sockets, from now on.
    Move(u64, Box<MediaPorts>),
    Dtmf(u64, TelephoneEvent, Duration),
    DtmfTone(u64, char, Duration),
    Stop(u64),
    /// The engine is gone: end when the last session has stopped.
    Shutdown,
}

/// The requests that wait. Looking for some costs one load when there are none.
#[derive(Default)]
pub(crate) struct Mailbox {
    waiting: AtomicBool,
    commands: Mutex<Vec<Command>>,
    thread: OnceLock<Thread>,
}

impl Mailbox {
    /// Says which thread to wake.
    pub(crate) fn belongs_to(&self, thread: Thread) {
        let _ = self.thread.set(thread);
    }

    pub(crate) fn post(&self, command: Command) {
        self.commands
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(command);
        self.waiting.store(true, Ordering::Release);
        if let Some(thread) = self.thread.get() {
            thread.unpark();
        }
    }

    /// Moves what waits to the end of `commands`.
    pub(crate) fn take(&self, commands: &mut Vec<Command>) {
        if self.waiting.swap(false, Ordering::Acquire) {
            commands.append(&mut self.commands.lock().unwrap_or_else(PoisonError::into_inner));
        }
    }
}
