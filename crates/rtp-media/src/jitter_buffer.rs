//! The jitter buffer: packets in as they come, frames out in order and on time.
//!
//! ```text
//!                 base                     slack ≥ target?
//!   media time ────┼──── relative delay ────┼──▶ arrival          slack: how long the fastest packet of its kind
//!   of a packet    │◀──── slack ───────────────────▶│ playout            would have waited at this playout
//! ```
//!
//! A packet leaves in sequence order, when the one before it has been played. Its *slack* at that moment is compared with
//! the target of the delay estimator, and [`Pace`] steers the one to the other.
//!
//! - The packet is there: play it.
//! - Later ones are there: it is missing. If the target asks for a packet time more, wait with it, else give it up.
//! - None is there: conceal and decide when they come. What then exceeds the target is late; within it the delay grows.
//! - The next packet's time lies ahead though no sequence number is missing: a pause in the talk, no loss.
//! - 200 ms concealed: silence, and a fresh start with the current target when packets return.
#![deny(clippy::unwrap_used, clippy::indexing_slicing)]

mod config;
mod delay_estimator;
mod packet_ring;
mod playout;
mod steering;
#[cfg(test)]
mod tests;

use std::time::{Duration, Instant};

pub use self::config::{JitterBufferConfig, JitterBufferStats};
pub use self::playout::{Pace, PacketMeta, Playout};

use self::delay_estimator::{DelayEstimator, nanos};
use self::packet_ring::{CAPACITY, PacketRing, Placed, Waiting};
use self::steering::Steering;
use crate::units::{ClockRate, PayloadType};

/// How much is concealed in a row before silence takes over.
const CONCEAL_AT_MOST: i64 = 200_000_000;
/// A relative delay beyond these is a jump of the sender's timestamps, not the network.
const JUMP_EARLY: i64 = -500_000_000;
const JUMP_LATE: i64 = 2_000_000_000;
/// RFC 3550 Appendix A.1: sequence numbers further ahead or behind are another count, not loss or reordering.
const MAX_DROPOUT: i64 = 3_000;
const MAX_MISORDER: i64 = 100;
/// Two packets differ by at most this to be taken for one packet time.
const LONGEST_PTIME: i64 = 200_000_000;
/// Packet times by which the delay is off when whole packets are dropped.
const FAR_OFF: i64 = 6;
/// Larger payloads are no telephone audio.
const MAX_PAYLOAD: usize = 4_096;

/// Reorders packets and releases them at a delay that follows the network.
///
/// Sequence numbers and timestamps may wrap, jump and start over; a jump is spliced onto what waits, so that neither
/// music on hold nor a transfer costs more than the packets that really were lost.
#[derive(Debug)]
pub struct JitterBuffer {
    clock_rate: ClockRate,
    max_delay: i64,
    ring: PacketRing,
    estimator: DelayEstimator,
    steering: Steering,
    stats: JitterBufferStats,
    /// All times are nanoseconds from here.
    epoch: Option<Instant>,
    newest: Newest,
    /// Packet time: what two packets in a row differ by.
    frame: i64,
    frame_candidate: i64,
    state: State,
    /// The payload handed out last.
    playing: Vec<u8>,
    playout_delay: i64,
    /// Slack of the packet played last.
    slack: i64,
    /// Lost packets since the last one that was played.
    loss_run: u32,
}

/// The packet with the highest sequence number so far.
#[derive(Debug, Clone, Copy, Default)]
struct Newest {
    /// Whether there was one.
    known: bool,
    sequence: i64,
    raw_sequence: u16,
    time: i64,
    timestamp: u32,
    arrival: i64,
    /// The next packet goes on from this one whatever its numbers say.
    splice: bool,
    /// An old sequence number seen: a second one right after it means that the sender started over.
    suspect: Option<u16>,
}

#[derive(Debug, Clone, Copy)]
enum State {
    /// Nothing has been played yet.
    Fresh,
    /// A pause: the next packet starts when it has waited for the target.
    Paused {
        /// Media time up to which was played or concealed before.
        playhead: i64,
    },
    Playing {
        /// Media time that is due.
        playhead: i64,
        /// Concealed while nothing was there, undecided whether what is missing is late or lost.
        starved: i64,
        /// Concealed in a row.
        concealed: i64,
    },
}

/// What to hand out, before anything is borrowed.
enum Due {
    Play,
    Missing { fec: bool },
    Silence,
}

impl JitterBuffer {
    /// An empty buffer.
    pub fn new(config: JitterBufferConfig) -> Self {
        let clock_rate = ClockRate(config.clock_rate.0.max(1));
        let frame = nanos(config.ptime).clamp(1_000_000, LONGEST_PTIME);
        Self {
            clock_rate,
            max_delay: nanos(config.max_delay),
            ring: PacketRing::new(),
            estimator: DelayEstimator::new(
                config.latency_vs_quality,
                config.min_delay,
                config.max_delay,
                config.initial_delay,
            ),
            steering: Steering::default(),
            stats: JitterBufferStats::default(),
            epoch: None,
            newest: Newest::default(),
            frame,
            frame_candidate: frame,
            state: State::Fresh,
            playing: Vec::new(),
            playout_delay: 0,
            slack: 0,
            loss_run: 0,
        }
    }

    /// A packet arrived at `now`. Its payload is copied.
    pub fn insert(&mut self, now: Instant, meta: PacketMeta, payload: &[u8]) {
        if payload.len() > MAX_PAYLOAD {
            self.stats.overflow += 1;
            return;
        }
        let arrival = self.nanos_at(now);
        let Some((sequence, time)) = self.unwrap(arrival, meta) else {
            return;
        };
        if !self.make_room(sequence) {
            return;
        }
        let reordered = sequence < self.newest.sequence && !self.ring.is_empty();
        let mut buffer = self.ring.buffer();
        buffer.extend_from_slice(payload);
        let placed = self.ring.insert(Waiting {
            sequence,
            raw_sequence: meta.sequence,
            time,
            timestamp: meta.timestamp,
            payload_type: meta.payload_type,
            payload: Some(buffer),
        });
        match placed {
            Placed::Queued => self.stats.reordered += u64::from(reordered),
            Placed::Duplicate => self.stats.duplicate += 1,
            Placed::Late | Placed::Ancient => {
                self.stats.late += 1;
                if placed == Placed::Late {
                    self.stats.lost = self.stats.lost.saturating_sub(1);
                }
            }
        }
        if placed != Placed::Duplicate {
            self.estimator.observe(arrival, time, self.slack);
        }
        if sequence >= self.newest.sequence {
            self.learn_frame(sequence, time);
            self.newest = Newest {
                known: true,
                sequence,
                raw_sequence: meta.sequence,
                time,
                timestamp: meta.timestamp,
                arrival,
                splice: false,
                suspect: None,
            };
        }
    }

    /// A packet of the stream arrived that is no audio (telephone-event): its sequence number is not missing.
    pub fn skip(&mut self, sequence: u16) {
        if !self.newest.known || self.newest.splice {
            return;
        }
        let ahead = i64::from(
            sequence
                .wrapping_sub(self.newest.raw_sequence)
                .cast_signed(),
        );
        if !(-MAX_MISORDER..CAPACITY).contains(&ahead) {
            return;
        }
        let sequence_ext = self.newest.sequence + ahead;
        if !self.make_room(sequence_ext) {
            return;
        }
        let placed = self.ring.insert(Waiting {
            sequence: sequence_ext,
            raw_sequence: sequence,
            time: self.newest.time,
            timestamp: self.newest.timestamp,
            payload_type: PayloadType(0),
            payload: None,
        });
        if placed == Placed::Late {
            self.stats.lost = self.stats.lost.saturating_sub(1);
        }
        // Time and timestamp stay those of the last audio: the event has its own.
        if ahead > 0 {
            self.newest.sequence = sequence_ext;
            self.newest.raw_sequence = sequence;
            self.frame_candidate = 0;
        }
    }

    /// What is due at `now`, when `buffered` of decoded audio has not been heard yet. Each packet is handed out once.
    pub fn playout(&mut self, now: Instant, buffered: Duration) -> Playout<'_> {
        let now = self.nanos_at(now);
        let buffered = nanos(buffered);
        match self.decide(now) {
            Due::Silence => Playout::Silence,
            Due::Missing { fec } => self.hand_out_missing(fec),
            Due::Play => self.hand_out_packet(now, buffered),
        }
    }

    /// The stream goes on from another count: a new SSRC, or a sender that started over. What waits is played first.
    pub fn splice(&mut self) {
        self.newest.splice = true;
    }

    /// The stream goes on with another RTP clock, as after a change of codec.
    pub fn set_clock_rate(&mut self, clock_rate: ClockRate) {
        if clock_rate != self.clock_rate && clock_rate.0 > 0 {
            self.clock_rate = clock_rate;
            self.newest.splice = true;
        }
    }

    /// Nothing waits any more and playing starts afresh; what is known of the network stays.
    pub fn clear(&mut self) {
        self.ring.restart(self.newest.sequence + 1);
        self.state = State::Fresh;
        self.newest.splice = true;
    }

    /// Delay the buffer aims at.
    pub fn target_delay(&self) -> Duration {
        duration(self.estimator.target())
    }

    /// Delay on top of the fastest packet, smoothed: this buffer and the decoded audio that waits.
    pub fn playout_delay(&self) -> Duration {
        duration(self.playout_delay)
    }

    /// Packet time of the stream.
    pub fn packet_time(&self) -> Duration {
        duration(self.frame)
    }

    /// Audio that waits in the buffer, holes included.
    pub fn buffered(&self) -> Duration {
        match self.ring.first() {
            Some(first) => duration(self.newest.time - first.time + self.frame),
            None => Duration::ZERO,
        }
    }

    /// Counters so far.
    pub fn stats(&self) -> JitterBufferStats {
        self.stats
    }

    fn nanos_at(&mut self, now: Instant) -> i64 {
        let epoch = *self.epoch.get_or_insert(now);
        match now.checked_duration_since(epoch) {
            Some(after) => nanos(after),
            None => -nanos(epoch.saturating_duration_since(now)),
        }
    }

    /// Sequence number and media time on scales that neither wrap nor jump. `None`: not to be used.
    fn unwrap(&mut self, arrival: i64, meta: PacketMeta) -> Option<(i64, i64)> {
        if !self.newest.known {
            self.ring.restart(0);
            return Some((0, arrival));
        }
        let ahead = i64::from(
            meta.sequence
                .wrapping_sub(self.newest.raw_sequence)
                .cast_signed(),
        );
        if self.newest.splice || ahead > MAX_DROPOUT {
            return Some(self.splice_after_newest(arrival));
        }
        if ahead <= -MAX_MISORDER {
            // RFC 3550 Appendix A.1: two in a row make a sender that started over.
            if self.newest.suspect == Some(meta.sequence) {
                return Some(self.splice_after_newest(arrival));
            }
            self.newest.suspect = Some(meta.sequence.wrapping_add(1));
            self.stats.late += 1;
            return None;
        }
        let units = i64::from(
            meta.timestamp
                .wrapping_sub(self.newest.timestamp)
                .cast_signed(),
        );
        let time = self.newest.time + self.nanos_of(units);
        let relative = arrival - time - self.estimator.base();
        if ahead > 0 && !(JUMP_EARLY..JUMP_LATE).contains(&relative) {
            let (_, time) = self.splice_after_newest(arrival);
            return Some((self.newest.sequence + ahead, time));
        }
        Some((self.newest.sequence + ahead, time))
    }

    /// The next sequence number, and as much media time as passed between the arrivals.
    fn splice_after_newest(&self, arrival: i64) -> (i64, i64) {
        let elapsed = (arrival - self.newest.arrival).max(self.frame);
        (self.newest.sequence + 1, self.newest.time + elapsed)
    }

    fn nanos_of(&self, units: i64) -> i64 {
        // 2^31 units times 10^9 stay below 2^63.
        units * 1_000_000_000 / i64::from(self.clock_rate.0)
    }

    fn units_of(&self, nanos: i64) -> u32 {
        self.clock_rate.units(duration(nanos))
    }

    /// Moves the window of the ring so that `sequence` fits. False: it is older than the start and does not.
    #[inline]
    fn make_room(&mut self, sequence: i64) -> bool {
        if sequence < self.ring.next() && matches!(self.state, State::Fresh) {
            return self.ring.begin_earlier(sequence);
        }
        while sequence >= self.ring.next() + CAPACITY {
            if self.ring.is_empty() {
                // A long outage: what lies between is lost.
                let missing = sequence - self.ring.next();
                self.count_lost(missing);
                self.ring.restart(sequence);
                if let State::Playing { playhead, .. } = self.state {
                    self.state = State::Paused { playhead };
                }
                break;
            }
            match self.ring.advance() {
                Some(packet) => {
                    self.stats.overflow += u64::from(packet.payload.is_some());
                    self.ring.recycle(packet.payload);
                }
                None => self.count_lost(1),
            }
        }
        true
    }

    fn count_lost(&mut self, packets: i64) {
        if packets <= 0 {
            return;
        }
        let packets = u64::try_from(packets).unwrap_or(0);
        self.stats.lost += packets;
        self.stats.loss_runs += u64::from(self.loss_run == 0);
        self.loss_run = self
            .loss_run
            .saturating_add(u32::try_from(packets).unwrap_or(u32::MAX));
        self.stats.longest_loss = self.stats.longest_loss.max(self.loss_run);
    }

    /// Packet time is what consecutive packets differ by, once seen twice in a row.
    fn learn_frame(&mut self, sequence: i64, time: i64) {
        if sequence != self.newest.sequence + 1 || self.newest.splice {
            return;
        }
        let difference = time - self.newest.time;
        if !(1_000_000..=LONGEST_PTIME).contains(&difference) {
            return;
        }
        if difference == self.frame_candidate {
            self.frame = difference;
        }
        self.frame_candidate = difference;
    }

    fn decide(&mut self, now: i64) -> Due {
        loop {
            while self.next_is_no_audio() {
                self.ring.advance();
            }
            let next = self.ring.next();
            let Some((sequence, time)) = self.first_audio() else {
                return self.starve();
            };
            let slack = now - time - self.estimator.base();
            let missing = sequence - next;
            if slack > self.max_delay + 2 * self.frame {
                self.discard_first(sequence);
                continue;
            }
            let due = match self.state {
                State::Fresh | State::Paused { .. } => self.start(slack, time, sequence),
                State::Playing { .. } => self.go_on(slack, time, missing, sequence),
            };
            if let Some(due) = due {
                if matches!(due, Due::Play) {
                    self.give_up_before(sequence);
                    self.state = State::Playing {
                        playhead: time + self.frame,
                        starved: 0,
                        concealed: 0,
                    };
                    self.slack = slack;
                }
                return due;
            }
        }
    }

    fn next_is_no_audio(&self) -> bool {
        self.ring
            .get(self.ring.next())
            .is_some_and(|packet| packet.payload.is_none())
    }

    fn first_audio(&self) -> Option<(i64, i64)> {
        let next = self.ring.next();
        (next..next + CAPACITY)
            .filter(|_| !self.ring.is_empty())
            .find_map(|sequence| self.ring.get(sequence).filter(|p| p.payload.is_some()))
            .map(|packet| (packet.sequence, packet.time))
    }

    /// After a pause: the packet waits until it has been here for as long as is best.
    fn start(&mut self, slack: i64, time: i64, sequence: i64) -> Option<Due> {
        let best = self.estimator.best(slack, self.frame);
        if slack < best {
            return Some(Due::Silence);
        }
        if slack > best && self.newest.sequence > sequence {
            match self.state {
                State::Paused { playhead } if time < playhead => self.drop_late(sequence),
                _ => self.discard_first(sequence),
            }
            return None;
        }
        self.steering.restart();
        Some(Due::Play)
    }

    fn go_on(&mut self, slack: i64, time: i64, missing: i64, sequence: i64) -> Option<Due> {
        let State::Playing {
            playhead,
            starved,
            concealed,
        } = self.state
        else {
            return Some(Due::Silence);
        };
        let gap = time - playhead;
        let tolerance = self.frame / 4;
        if gap < -tolerance && starved > 0 && !self.estimator.is_worth(slack - self.frame, slack) {
            // It came while its place was being concealed, and more delay would not be worth it.
            self.drop_late(sequence);
            return None;
        }
        if gap <= tolerance {
            let far_off =
                |from: i64| from - self.estimator.best(from, self.frame) > FAR_OFF * self.frame;
            if starved == 0
                && slack > FAR_OFF * self.frame
                && far_off(slack)
                && self.steering.may_drop()
            {
                self.discard_first(sequence);
                if let State::Playing { playhead, .. } = &mut self.state {
                    *playhead += self.frame;
                }
                return None;
            }
            return Some(Due::Play);
        }
        if missing == 0 {
            return Some(self.pause(gap, slack));
        }
        let due_slack = slack + gap;
        let wait = concealed < CONCEAL_AT_MOST
            && self.estimator.is_worth(due_slack, due_slack + self.frame);
        if wait {
            self.stats.inserted += duration(self.frame);
        } else {
            self.ring.advance();
            self.count_lost(1);
        }
        self.state = State::Playing {
            playhead: if wait {
                playhead
            } else {
                playhead + self.frame
            },
            starved,
            concealed: concealed + self.frame,
        };
        // The packet after the missing one holds its in-band FEC; two further on does not. How many are missing does not
        // tell: the first of them may have been concealed already.
        Some(Due::Missing {
            fec: !wait && gap <= self.frame + tolerance,
        })
    }

    /// No packet is missing, but the time of the next one lies ahead.
    fn pause(&mut self, gap: i64, slack: i64) -> Due {
        // Packets may be longer than thought: then there is no pause, and the delay stays what it is.
        if gap < 3 * self.frame && slack >= self.slack - self.frame / 4 {
            return Due::Play;
        }
        if gap >= 3 * self.frame && slack >= self.estimator.best(slack, self.frame) {
            return Due::Play;
        }
        if let State::Playing { playhead, .. } = self.state
            && gap >= 3 * self.frame
        {
            self.state = State::Paused { playhead };
        }
        Due::Silence
    }

    /// Nothing waits.
    fn starve(&mut self) -> Due {
        let State::Playing {
            playhead,
            starved,
            concealed,
        } = self.state
        else {
            return Due::Silence;
        };
        if concealed >= CONCEAL_AT_MOST {
            self.state = State::Paused { playhead };
            return Due::Silence;
        }
        self.state = State::Playing {
            playhead: playhead + self.frame,
            starved: starved + self.frame,
            concealed: concealed + self.frame,
        };
        Due::Missing { fec: false }
    }

    fn give_up_before(&mut self, sequence: i64) {
        while self.ring.next() < sequence {
            match self.ring.advance() {
                Some(packet) => self.ring.recycle(packet.payload),
                None => self.count_lost(1),
            }
        }
    }

    fn drop_late(&mut self, sequence: i64) {
        self.discard_first(sequence);
        self.stats.discarded -= 1;
        self.stats.late += 1;
    }

    fn discard_first(&mut self, sequence: i64) {
        self.give_up_before(sequence);
        if let Some(packet) = self.ring.advance() {
            self.ring.recycle(packet.payload);
        }
        self.stats.discarded += 1;
    }

    fn hand_out_missing(&mut self, fec: bool) -> Playout<'_> {
        self.stats.concealed += duration(self.frame);
        let next = if fec {
            self.ring
                .first()
                .and_then(|packet| packet.payload.as_deref())
        } else {
            None
        };
        Playout::Missing {
            units: self.units_of(self.frame),
            next,
        }
    }

    fn hand_out_packet(&mut self, now: i64, buffered: i64) -> Playout<'_> {
        let Some(packet) = self.ring.advance() else {
            return Playout::Silence;
        };
        if let Some(payload) = packet.payload {
            let used = std::mem::replace(&mut self.playing, payload);
            self.ring.recycle(Some(used));
        }
        self.stats.played += 1;
        self.loss_run = 0;
        let slack = now - packet.time - self.estimator.base();
        self.playout_delay += (slack + buffered - self.playout_delay) / 16;
        let pace = self
            .steering
            .pace(slack, buffered, self.frame, &self.estimator);
        Playout::Packet {
            payload: &self.playing,
            payload_type: packet.payload_type,
            timestamp: packet.timestamp,
            sequence: packet.raw_sequence,
            pace,
        }
    }
}

fn duration(nanos: i64) -> Duration {
    Duration::from_nanos(u64::try_from(nanos).unwrap_or(0))
}
