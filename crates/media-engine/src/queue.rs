//! A bounded queue from a media thread to the program: the writer never waits, the oldest gives way.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

/// What one end writes and the other reads.
struct Shared<T> {
    state: Mutex<State<T>>,
}

struct State<T> {
    items: VecDeque<T>,
    capacity: usize,
    dropped: u64,
    writer_gone: bool,
    reader_gone: bool,
    waker: Option<Waker>,
}

/// A queue of at most `capacity` items. Memory for `usual` of them is taken here; more only when a
/// reader lags behind that, and then once.
pub(crate) fn bounded<T>(capacity: usize, usual: usize) -> (Writer<T>, Reader<T>) {
    let capacity = capacity.max(1);
    let shared = Arc::new(Shared {
        state: Mutex::new(State {
            items: VecDeque::with_capacity(usual.min(capacity)),
            capacity,
            dropped: 0,
            writer_gone: false,
            reader_gone: false,
            waker: None,
        }),
    });
    (Writer(shared.clone()), Reader(shared))
}

impl<T> Shared<T> {
    fn lock(&self) -> MutexGuard<'_, State<T>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The media thread's end.
pub(crate) struct Writer<T>(Arc<Shared<T>>);

impl<T> Writer<T> {
    /// Appends an item; when the queue is full the oldest one goes, or the oldest of those that
    /// `expendable` names. Answers whom to wake: a media thread does that once it has served all
    /// its calls, so that the program's threads wake once for many frames.
    #[must_use]
    pub(crate) fn push_dropping(&self, item: T, expendable: impl Fn(&T) -> bool) -> Option<Waker> {
        let (waker, thrown) = {
            let mut state = self.0.lock();
            if state.reader_gone {
                return None;
            }
            let mut thrown = None;
            if state.items.len() >= state.capacity {
                let at = state.items.iter().position(expendable).unwrap_or(0);
                thrown = state.items.remove(at);
                state.dropped += 1;
            }
            state.items.push_back(item);
            (state.waker.take(), thrown)
        };
        drop(thrown);
        waker
    }

    /// Appends an item; when the queue is full the oldest one goes. Answers whom to wake.
    #[must_use]
    pub(crate) fn push(&self, item: T) -> Option<Waker> {
        self.push_dropping(item, |_| true)
    }

    /// Whether somebody can still read.
    pub(crate) fn has_reader(&self) -> bool {
        !self.0.lock().reader_gone
    }

    /// Items that gave way so far.
    pub(crate) fn dropped(&self) -> u64 {
        self.0.lock().dropped
    }
}

impl<T> Drop for Writer<T> {
    fn drop(&mut self) {
        let waker = {
            let mut state = self.0.lock();
            state.writer_gone = true;
            state.waker.take()
        };
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}

/// The program's end.
pub(crate) struct Reader<T>(Arc<Shared<T>>);

impl<T> Reader<T> {
    /// The oldest item; `None` when the writer is gone and everything was read.
    /// Cancel safe: an item is taken only when it is returned.
    pub(crate) async fn recv(&mut self) -> Option<T> {
        poll_fn(|context| self.poll_recv(context)).await
    }

    fn poll_recv(&mut self, context: &mut Context<'_>) -> Poll<Option<T>> {
        let mut state = self.0.lock();
        if let Some(item) = state.items.pop_front() {
            return Poll::Ready(Some(item));
        }
        if state.writer_gone {
            return Poll::Ready(None);
        }
        match &mut state.waker {
            Some(waker) => waker.clone_from(context.waker()),
            none => *none = Some(context.waker().clone()),
        }
        Poll::Pending
    }

    /// The oldest item if there is one now.
    pub(crate) fn try_recv(&mut self) -> Option<T> {
        self.0.lock().items.pop_front()
    }

    /// Items that gave way so far.
    pub(crate) fn dropped(&self) -> u64 {
        self.0.lock().dropped
    }
}

impl<T> Drop for Reader<T> {
    fn drop(&mut self) {
        let items = {
            let mut state = self.0.lock();
            state.reader_gone = true;
            std::mem::take(&mut state.items)
        };
        drop(items);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::block_on::block_on;

    #[test]
    fn the_oldest_item_gives_way_and_is_counted() {
        let (writer, mut reader) = bounded(3, 3);
        for item in 0..5 {
            assert!(writer.push(item).is_none(), "nobody waits");
        }
        assert_eq!(reader.dropped(), 2);
        assert_eq!(writer.dropped(), 2);
        assert_eq!(
            [reader.try_recv(), reader.try_recv(), reader.try_recv()],
            [Some(2), Some(3), Some(4)]
        );
        assert_eq!(reader.try_recv(), None);
    }

    #[test]
    fn preferred_items_give_way_first() {
        let (writer, mut reader) = bounded(3, 3);
        for item in [1, 10, 2, 3] {
            assert!(writer.push_dropping(item, |&item| item >= 10).is_none());
        }
        assert_eq!(
            [reader.try_recv(), reader.try_recv(), reader.try_recv()],
            [Some(1), Some(2), Some(3)]
        );
    }

    #[test]
    fn reading_ends_after_the_last_item_when_the_writer_goes() {
        let (writer, mut reader) = bounded(3, 3);
        assert!(writer.push(7).is_none());
        drop(writer);
        assert_eq!(block_on(reader.recv()), Some(7));
        assert_eq!(block_on(reader.recv()), None);
    }

    #[test]
    fn a_waiting_reader_on_another_thread_is_woken() {
        let (writer, mut reader) = bounded(3, 3);
        let thread = std::thread::spawn(move || {
            block_on(async move { [reader.recv().await, reader.recv().await] })
        });
        for item in [7, 8] {
            if let Some(waker) = writer.push(item) {
                waker.wake();
            }
        }
        assert_eq!(thread.join().unwrap(), [Some(7), Some(8)]);
    }

    #[test]
    fn writing_to_nobody_is_told() {
        let (writer, reader) = bounded(3, 3);
        assert!(writer.has_reader());
        drop(reader);
        assert!(!writer.has_reader());
        assert!(writer.push(1).is_none());
    }
}
