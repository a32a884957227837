//! A media thread: its sessions, the tick that serves them, and the only place that reads the clock.
//!
//! ```text
//!  slots of 5 ms  |0    |1    |2    |3    |4    |5    |6    |7    |
//!  20 ms calls     a d   b     c     e     a d   b     c     e       each at its own place in the 20 ms
//! ```
//!
//! The thread sleeps until the next slot that has a session; no packet wakes it. The schedule is
//! absolute: what is late does not shift what comes after.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::task::Waker;
use std::time::{Duration, Instant, SystemTime};

use rtp_media::Channel;

use crate::handle::SessionShared;
use crate::load::{Load, Weight};
use crate::mailbox::{Command, Mailbox};
use crate::slots::{SLOT, Slots};
use crate::socket::{DatagramReader, VisitTime};
use crate::{MediaPorts, MediaSession};

/// How often the RTCP socket is read and the figures are renewed: reports come every few seconds.
const RTCP_INTERVAL: Duration = Duration::from_millis(200);

/// Frames that a late thread makes up for in one go. What is beyond is left out, so that neither
/// the peer nor the program gets a burst.
const MAX_CATCH_UP: u32 = 3;

/// A session on its way to a media thread.
pub(crate) struct NewSession {
    pub(crate) id: u64,
    /// Large, so that it is boxed once and never copied again.
    pub(crate) session: Box<MediaSession>,
    pub(crate) ports: MediaPorts,
    pub(crate) shared: Arc<SessionShared>,
    pub(crate) weight: Weight,
}

/// Serves sessions until the engine is gone.
pub(crate) fn run(mailbox: &Mailbox, load: &Load) {
    let mut thread = MediaThread::new(Instant::now());
    let mut commands = Vec::new();
    loop {
        mailbox.take(&mut commands);
        for command in commands.drain(..) {
            thread.obey(command, load);
        }
        match thread.next_visit() {
            None if thread.shutdown => return,
            None => std::thread::park(),
            Some(due) => {
                let now = Instant::now();
                if due > now {
                    std::thread::park_timeout(due - now);
                } else {
                    thread.visit(now, load);
                }
            }
        }
    }
}

struct MediaThread {
    slots: Slots,
    sessions: Vec<Running>,
    reader: DatagramReader,
    datagram: Vec<u8>,
    /// Who waits for what this visit brought; woken at its end, once for many frames.
    wakers: Vec<Waker>,
    shutdown: bool,
}

struct Running {
    id: u64,
    session: Box<MediaSession>,
    ports: MediaPorts,
    shared: Arc<SessionShared>,
    weight: Weight,
    /// When its next frame is due.
    due: Instant,
    rtcp_due: Instant,
    last_visit: Instant,
    last_rtcp_visit: Instant,
}

impl MediaThread {
    fn new(now: Instant) -> Self {
        Self {
            slots: Slots::new(now),
            sessions: Vec::new(),
            reader: DatagramReader::new(),
            datagram: Vec::with_capacity(2_048),
            wakers: Vec::new(),
            shutdown: false,
        }
    }

    fn obey(&mut self, command: Command, load: &Load) {
        match command {
            Command::Start(new) => self.start(*new),
            Command::Update(id, update) => {
                let now = Instant::now();
                if let Some(running) = self.find(id)
                    && let Err(error) = running.session.update(now, *update)
                {
                    tracing::warn!(%error, "a change of media was not applied");
                }
            }
            Command::Move(id, ports) => {
                if let Some(running) = self.find(id) {
                    running.ports = *ports;
                }
            }
            Command::Dtmf(id, event, duration) => {
                if let Some(running) = self.find(id)
                    && let Err(error) = running.session.send_dtmf(event, duration)
                {
                    tracing::warn!(%error, "a DTMF digit was not sent");
                }
            }
            Command::DtmfTone(id, digit, duration) => {
                if let Some(running) = self.find(id)
                    && let Err(error) = running.session.send_dtmf_tone(digit, duration)
                {
                    tracing::warn!(%error, "a DTMF digit was not sent");
                }
            }
            Command::Stop(id) => self.stop(id, load),
            Command::Shutdown => self.shutdown = true,
        }
    }

    fn find(&mut self, id: u64) -> Option<&mut Running> {
        self.sessions.iter_mut().find(|running| running.id == id)
    }

    fn start(&mut self, new: NewSession) {
        let now = Instant::now();
        let busy = self
            .sessions
            .iter()
            .map(|running| (running.due, running.session.ptime()));
        let due = self.slots.emptiest(now, new.session.ptime(), busy);
        let running = Running {
            id: new.id,
            session: new.session,
            ports: new.ports,
            shared: new.shared,
            weight: new.weight,
            due,
            rtcp_due: now,
            last_visit: now,
            last_rtcp_visit: now,
        };
        // What waited in the sockets since they were bound is older than the call.
        let time = VisitTime {
            now,
            wall: SystemTime::now(),
            last: now,
        };
        self.reader
            .read(&running.ports.rtp, running.ports.rtp_addr(), time, |_| {});
        self.reader
            .read(&running.ports.rtcp, running.ports.rtcp_addr(), time, |_| {});
        running.publish(now);
        self.sessions.push(running);
    }

    fn stop(&mut self, id: u64, load: &Load) {
        let Some(index) = self.sessions.iter().position(|running| running.id == id) else {
            return;
        };
        let mut running = self.sessions.swap_remove(index);
        load.take_off(running.weight);
        let now = Instant::now();
        running.session.stop(now);
        running.send(now, &mut self.datagram, &mut self.wakers);
        running.publish(now);
        running.end();
        self.wakers.drain(..).for_each(Waker::wake);
    }

    /// The start of the slot in which the next session is due.
    fn next_visit(&self) -> Option<Instant> {
        let due = self.sessions.iter().map(|running| running.due).min()?;
        Some(self.slots.ceil(due))
    }

    /// Serves every session that is due.
    fn visit(&mut self, now: Instant, load: &Load) {
        let wall = SystemTime::now();
        let mut index = 0;
        while let Some(running) = self.sessions.get_mut(index) {
            if running.due <= now {
                let (reader, datagram, wakers) =
                    (&mut self.reader, &mut self.datagram, &mut self.wakers);
                // A codec of the program's own may panic: that ends its call and no other.
                let served = catch_unwind(AssertUnwindSafe(|| {
                    running.serve(now, wall, reader, datagram, wakers)
                }));
                if served.is_err() {
                    tracing::error!("the media of a call has ended: its codec panicked");
                    load.take_off(running.weight);
                    self.sessions.swap_remove(index).end();
                    continue;
                }
            }
            index += 1;
        }
        self.wakers.drain(..).for_each(Waker::wake);
    }
}

impl Running {
    fn serve(
        &mut self,
        now: Instant,
        wall: SystemTime,
        reader: &mut DatagramReader,
        datagram: &mut Vec<u8>,
        wakers: &mut Vec<Waker>,
    ) {
        let time = |last| VisitTime { now, wall, last };
        let session = &mut self.session;
        let last = std::mem::replace(&mut self.last_visit, now);
        reader.read(
            &self.ports.rtp,
            self.ports.rtp_addr(),
            time(last),
            |packet| {
                session.handle_datagram(packet.arrival, packet.source, Channel::Rtp, packet.bytes);
            },
        );
        if now >= self.rtcp_due {
            let last = std::mem::replace(&mut self.last_rtcp_visit, now);
            reader.read(
                &self.ports.rtcp,
                self.ports.rtcp_addr(),
                time(last),
                |packet| {
                    session.handle_datagram(
                        packet.arrival,
                        packet.source,
                        Channel::Rtcp,
                        packet.bytes,
                    );
                },
            );
        }
        // Reports carry the time at which they really go out; frames are due when the schedule says.
        session.handle_timeout(now);
        self.resync(now);
        while self.due <= now {
            self.session.tick(self.due);
            self.due += self.session.ptime();
            self.send(now, datagram, wakers);
        }
        if now >= self.rtcp_due {
            self.rtcp_due = now + RTCP_INTERVAL;
            self.publish(now);
        }
    }

    /// Leaves out what is too late to make up for.
    fn resync(&mut self, now: Instant) {
        let ptime = self.session.ptime();
        let late = now.saturating_duration_since(self.due);
        let missed = (late.as_nanos() / ptime.as_nanos()) as u32;
        if missed > MAX_CATCH_UP {
            self.session.skip(now, missed);
            self.due += ptime * missed;
        }
    }

    fn send(&mut self, now: Instant, datagram: &mut Vec<u8>, wakers: &mut Vec<Waker>) {
        while let Some(transmit) = self.session.poll_transmit_quietly(now, datagram, wakers) {
            let socket = match transmit.channel {
                Channel::Rtp => &self.ports.rtp,
                Channel::Rtcp => &self.ports.rtcp,
            };
            if socket.send_to(datagram, transmit.destination).is_err() {
                self.session.send_failed();
            }
        }
    }

    fn publish(&self, now: Instant) {
        self.shared.set_stats(self.session.stats(now));
    }

    /// Gives the sockets back before anybody is told.
    fn end(self) {
        let Running {
            session,
            ports,
            shared,
            ..
        } = self;
        drop((ports, session));
        shared.set_stopped();
    }
}

// The slot is what the wake-ups are rounded to; it must divide the usual packet times.
const _: () = assert!(20 % SLOT.as_millis() == 0);
