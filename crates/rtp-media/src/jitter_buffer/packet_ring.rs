//! Packets that wait, by sequence number, in recycled slots.
#![deny(clippy::unwrap_used, clippy::indexing_slicing)]

use crate::units::PayloadType;

/// Most packets that wait at once: 1.28 s of 20 ms packets. A power of two.
pub(super) const CAPACITY: i64 = 64;

/// Slots at the start; doubled when packets wait that do not fit. A power of two.
const USUAL_SLOTS: usize = 8;

/// Sequence numbers before the next one whose fate is remembered, to tell late packets from duplicates.
const HISTORY: i64 = 128;

/// A packet that waits.
#[derive(Debug)]
pub(super) struct Waiting {
    /// Sequence number without wrap.
    pub(super) sequence: i64,
    /// Sequence number as in the header.
    pub(super) raw_sequence: u16,
    /// Media time in nanoseconds, without wrap or jumps.
    pub(super) time: i64,
    /// Timestamp as in the header.
    pub(super) timestamp: u32,
    /// Payload type as in the header.
    pub(super) payload_type: PayloadType,
    /// `None` for packets of the same stream that are no audio: they hold their place in the sequence only.
    pub(super) payload: Option<Vec<u8>>,
}

/// What became of an insertion.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Placed {
    /// It waits.
    Queued,
    /// It is here, or was, already.
    Duplicate,
    /// Its turn has passed; the first copy of it.
    Late,
    /// It is from before the start, or its turn has passed so long ago that nothing is known of it.
    Ancient,
}

/// The ring. `next` is the lowest sequence number that has not been played or given up.
#[derive(Debug)]
pub(super) struct PacketRing {
    /// As many as a power of two, `CAPACITY` at most: few packets wait in most calls.
    slots: Vec<Option<Waiting>>,
    next: i64,
    /// The first sequence number of the stream.
    origin: i64,
    waiting: usize,
    /// Bit n: `next - 1 - n` has arrived.
    arrived: u128,
    /// Payload buffers for reuse.
    free: Vec<Vec<u8>>,
}

impl PacketRing {
    pub(super) fn new() -> Self {
        Self {
            slots: (0..USUAL_SLOTS).map(|_| None).collect(),
            next: 0,
            origin: 0,
            waiting: 0,
            arrived: 0,
            free: Vec::new(),
        }
    }

    pub(super) fn next(&self) -> i64 {
        self.next
    }

    pub(super) fn is_empty(&self) -> bool {
        self.waiting == 0
    }

    /// Places a packet whose sequence number is below `next + CAPACITY`.
    #[inline]
    pub(super) fn insert(&mut self, packet: Waiting) -> Placed {
        let age = self.next.saturating_sub(packet.sequence);
        if age > 0 {
            let placed = if packet.sequence < self.origin {
                Placed::Ancient
            } else {
                self.place_in_history(age)
            };
            self.recycle(packet.payload);
            return placed;
        }
        self.make_slot(packet.sequence);
        match self.slot(packet.sequence) {
            Some(slot @ None) => {
                *slot = Some(packet);
                self.waiting += 1;
                Placed::Queued
            }
            _ => {
                self.recycle(packet.payload);
                Placed::Duplicate
            }
        }
    }

    fn place_in_history(&mut self, age: i64) -> Placed {
        if age > HISTORY {
            return Placed::Ancient;
        }
        let bit = 1_u128 << (age - 1);
        let seen = self.arrived & bit != 0;
        self.arrived |= bit;
        if seen {
            Placed::Duplicate
        } else {
            Placed::Late
        }
    }

    /// The packet with the lowest sequence number.
    pub(super) fn first(&self) -> Option<&Waiting> {
        if self.waiting == 0 {
            return None;
        }
        (self.next..self.next + CAPACITY).find_map(|sequence| self.get(sequence))
    }

    pub(super) fn get(&self, sequence: i64) -> Option<&Waiting> {
        self.slots
            .get(self.index(sequence))?
            .as_ref()
            .filter(|packet| packet.sequence == sequence)
    }

    /// Takes the packet whose turn it is, and moves on. `None` gives up one that is not there.
    #[inline]
    pub(super) fn advance(&mut self) -> Option<Waiting> {
        let next = self.next;
        let packet = self.slot(next).and_then(Option::take);
        self.waiting -= usize::from(packet.is_some());
        self.arrived = (self.arrived << 1) | u128::from(packet.is_some());
        self.next += 1;
        packet
    }

    /// Starts over at `sequence`: nothing waits and nothing is remembered.
    pub(super) fn restart(&mut self, sequence: i64) {
        while !self.is_empty() {
            if let Some(packet) = self.advance() {
                self.recycle(packet.payload);
            }
        }
        self.next = sequence;
        self.origin = sequence;
        self.arrived = 0;
    }

    /// Moves the start back to `sequence`, if nothing has left yet and all that waits still fits.
    pub(super) fn begin_earlier(&mut self, sequence: i64) -> bool {
        let last = (self.next..self.next + CAPACITY)
            .rev()
            .find(|&s| self.get(s).is_some());
        let fits = last.is_none_or(|last| last - sequence < CAPACITY);
        if sequence < self.next && fits {
            self.next = sequence;
            self.origin = sequence;
            self.make_slot(last.unwrap_or(sequence));
        }
        fits
    }

    /// An empty buffer, used before if possible.
    pub(super) fn buffer(&mut self) -> Vec<u8> {
        self.free.pop().unwrap_or_default()
    }

    #[inline]
    pub(super) fn recycle(&mut self, payload: Option<Vec<u8>>) {
        if let Some(mut payload) = payload {
            payload.clear();
            self.free.push(payload);
        }
    }

    /// Adds slots until `sequence` has one of its own beside all that may wait before it.
    #[inline]
    fn make_slot(&mut self, sequence: i64) {
        let ahead = usize::try_from(sequence.saturating_sub(self.next)).unwrap_or(0);
        if ahead >= self.slots.len() && ahead < CAPACITY as usize {
            self.grow((ahead + 1).next_power_of_two());
        }
    }

    #[cold]
    fn grow(&mut self, slots: usize) {
        let before = std::mem::take(&mut self.slots);
        self.slots.resize_with(slots, || None);
        for packet in before.into_iter().flatten() {
            if let Some(slot) = self.slot(packet.sequence) {
                *slot = Some(packet);
            }
        }
    }

    fn slot(&mut self, sequence: i64) -> Option<&mut Option<Waiting>> {
        let index = self.index(sequence);
        self.slots.get_mut(index)
    }

    fn index(&self, sequence: i64) -> usize {
        // The number of slots is a power of two, so the low bits are the position, for negative numbers too.
        sequence as usize & (self.slots.len() - 1)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing)]
mod tests {
    use super::*;

    fn packet(sequence: i64) -> Waiting {
        Waiting {
            sequence,
            raw_sequence: 0,
            time: 0,
            timestamp: 0,
            payload_type: PayloadType(0),
            payload: Some(vec![1]),
        }
    }

    #[test]
    fn late_is_told_from_duplicate() {
        let mut ring = PacketRing::new();
        ring.restart(10);
        assert_eq!(ring.insert(packet(10)), Placed::Queued);
        assert_eq!(ring.insert(packet(10)), Placed::Duplicate);
        assert!(ring.advance().is_some());
        assert!(ring.advance().is_none(), "11 never came");
        assert_eq!(ring.insert(packet(10)), Placed::Duplicate);
        assert_eq!(ring.insert(packet(11)), Placed::Late);
        assert_eq!(ring.insert(packet(11)), Placed::Duplicate);
        assert_eq!(ring.insert(packet(9)), Placed::Ancient, "before the start");
        assert_eq!(ring.insert(packet(-500)), Placed::Ancient);
    }

    #[test]
    fn slots_are_added_while_packets_wait() {
        for step in [1, 5, 7] {
            let mut ring = PacketRing::new();
            ring.restart(-20);
            let sequences: Vec<i64> = (0..CAPACITY).map(|n| -20 + n * step % CAPACITY).collect();
            for &sequence in &sequences {
                assert_eq!(ring.insert(packet(sequence)), Placed::Queued);
                assert_eq!(ring.insert(packet(sequence)), Placed::Duplicate);
            }
            for sequence in -20..-20 + CAPACITY {
                assert_eq!(ring.advance().unwrap().sequence, sequence);
            }
            assert!(ring.is_empty());
        }
    }

    #[test]
    fn the_start_moves_back_while_it_can() {
        let mut ring = PacketRing::new();
        ring.restart(10);
        assert_eq!(ring.insert(packet(10)), Placed::Queued);
        assert!(ring.begin_earlier(8));
        assert_eq!(ring.next(), 8);
        assert!(!ring.begin_earlier(10 - CAPACITY));
        assert_eq!(ring.first().unwrap().sequence, 10);
        // A step back beyond the slots at hand.
        assert!(ring.begin_earlier(-30));
        assert_eq!(ring.insert(packet(-30)), Placed::Queued);
        assert_eq!(ring.insert(packet(2)), Placed::Queued);
        let waiting: Vec<i64> = (-30..=10)
            .filter_map(|_| ring.advance().map(|packet| packet.sequence))
            .collect();
        assert_eq!(waiting, [-30, 2, 10]);
    }
}
