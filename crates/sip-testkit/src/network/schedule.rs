//! Datagrams waiting for their time to come out.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::time::Instant;

/// Items by time; those of one time in the order in which they came.
#[derive(Debug)]
pub(super) struct Schedule<T> {
    heap: BinaryHeap<Reverse<Entry<T>>>,
    next_number: u64,
}

#[derive(Debug)]
struct Entry<T> {
    at: Instant,
    number: u64,
    item: T,
}

impl<T> Schedule<T> {
    pub(super) fn new() -> Self {
        Self {
            heap: BinaryHeap::new(),
            next_number: 0,
        }
    }

    pub(super) fn push(&mut self, at: Instant, item: T) {
        self.heap.push(Reverse(Entry {
            at,
            number: self.next_number,
            item,
        }));
        self.next_number += 1;
    }

    pub(super) fn next_at(&self) -> Option<Instant> {
        self.heap.peek().map(|Reverse(entry)| entry.at)
    }

    pub(super) fn len(&self) -> usize {
        self.heap.len()
    }

    pub(super) fn pop_due(&mut self, now: Instant) -> Option<T> {
        if self.next_at()? > now {
            return None;
        }
        self.heap.pop().map(|Reverse(entry)| entry.item)
    }
}

impl<T> PartialEq for Entry<T> {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl<T> Eq for Entry<T> {}

impl<T> PartialOrd for Entry<T> {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl<T> Ord for Entry<T> {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (self.at, self.number).cmp(&(other.at, other.number))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn items_come_out_by_time_then_by_order_of_arrival() {
        let now = Instant::now();
        let later = now + Duration::from_millis(5);
        let mut schedule = Schedule::new();
        for (at, item) in [(later, 'c'), (now, 'a'), (later, 'd'), (now, 'b')] {
            schedule.push(at, item);
        }
        let drain = |schedule: &mut Schedule<char>, now| {
            std::iter::from_fn(|| schedule.pop_due(now)).collect::<String>()
        };
        assert_eq!(drain(&mut schedule, now), "ab");
        assert_eq!(schedule.next_at(), Some(later));
        assert_eq!(drain(&mut schedule, later), "cd");
        assert_eq!(schedule.len(), 0);
    }
}
