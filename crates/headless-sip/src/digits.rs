//! Digits that the far end keys, gathered to an input.

use std::time::{Duration, Instant};

/// What a [`DigitCollector`] waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DigitCollection {
    /// So many digits are enough.
    pub max_digits: usize,
    /// This key ends the input and is no part of it.
    pub terminator: Option<char>,
    /// How long to wait for the first digit.
    pub first_digit_timeout: Duration,
    /// How long to wait for each further digit.
    pub inter_digit_timeout: Duration,
    /// Whether the first digit is to stop what is being played; see [`DigitCollector::is_barge_in`]. Without, digits count all the same.
    pub barge_in: bool,
}

impl Default for DigitCollection {
    /// Up to 32 digits, ended by `#`; 10 s for the first and 4 s for each further one; the first stops the prompt.
    fn default() -> Self {
        Self {
            max_digits: 32,
            terminator: Some('#'),
            first_digit_timeout: Duration::from_secs(10),
            inter_digit_timeout: Duration::from_secs(4),
            barge_in: true,
        }
    }
}

/// How collecting digits ended.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum DigitOutcome {
    /// As many digits as wanted.
    Complete(String),
    /// The terminator was keyed; the digits before it, perhaps none.
    Terminated(String),
    /// No further digit came in time; those before.
    TimedOut(String),
    /// Not one digit came in time.
    NoInput,
}

impl DigitOutcome {
    /// The digits, however it ended.
    #[must_use]
    pub fn digits(&self) -> &str {
        match self {
            Self::Complete(digits) | Self::Terminated(digits) | Self::TimedOut(digits) => digits,
            Self::NoInput => "",
        }
    }
}

/// Gathers digits until there are enough, the terminator comes or time is up: a plain value, driven by events and deadlines.
///
/// ```
/// use std::time::Instant;
/// use headless_sip::{DigitCollection, DigitCollector, DigitOutcome};
///
/// let now = Instant::now();
/// let mut collector = DigitCollector::new(now, DigitCollection::default());
/// assert_eq!(collector.handle_digit(now, '4'), None);
/// assert!(collector.is_barge_in()); // stop the prompt: `audio.tx.clear()`
/// assert_eq!(collector.handle_digit(now, '2'), None);
/// let outcome = collector.handle_digit(now, '#');
/// assert_eq!(outcome, Some(DigitOutcome::Terminated("42".into())));
/// ```
#[derive(Clone, Debug)]
pub struct DigitCollector {
    collection: DigitCollection,
    digits: String,
    /// `None` once the outcome is out.
    deadline: Option<Instant>,
    keyed: bool,
}

impl DigitCollector {
    /// Starts to wait at `now`: begin when the prompt ends, or when it begins if digits may interrupt it and the first-digit timeout
    /// allows for its length; [`prompt_ended`](Self::prompt_ended) starts that anew.
    #[must_use]
    pub fn new(now: Instant, collection: DigitCollection) -> Self {
        Self {
            deadline: Some(now + collection.first_digit_timeout),
            digits: String::with_capacity(collection.max_digits.min(64)),
            collection,
            keyed: false,
        }
    }

    /// The prompt is over: as long as nothing was keyed, the time for the first digit counts from `now`.
    pub fn prompt_ended(&mut self, now: Instant) {
        if self.deadline.is_some() && !self.keyed {
            self.deadline = Some(now + self.collection.first_digit_timeout);
        }
    }

    /// A key was pressed. The outcome, if that ends the input; nothing counts after it.
    pub fn handle_digit(&mut self, now: Instant, digit: char) -> Option<DigitOutcome> {
        self.deadline?;
        self.keyed = true;
        if Some(digit) == self.collection.terminator {
            return self.end(DigitOutcome::Terminated);
        }
        self.digits.push(digit);
        if self.digits.len() >= self.collection.max_digits {
            return self.end(DigitOutcome::Complete);
        }
        self.deadline = Some(now + self.collection.inter_digit_timeout);
        None
    }

    /// Time has come to `now`. The outcome, if that ends the input.
    pub fn handle_timeout(&mut self, now: Instant) -> Option<DigitOutcome> {
        if now < self.deadline? {
            return None;
        }
        self.end(|digits| {
            if digits.is_empty() {
                DigitOutcome::NoInput
            } else {
                DigitOutcome::TimedOut(digits)
            }
        })
    }

    /// When [`handle_timeout`](Self::handle_timeout) is due; `None` once the outcome is out.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.deadline
    }

    /// Whether what is being played should stop: a key was pressed, and the collection has barge-in.
    #[must_use]
    pub fn is_barge_in(&self) -> bool {
        self.collection.barge_in && self.keyed
    }

    /// The digits so far.
    #[must_use]
    pub fn digits(&self) -> &str {
        &self.digits
    }

    fn end(&mut self, outcome: impl FnOnce(String) -> DigitOutcome) -> Option<DigitOutcome> {
        self.deadline = None;
        Some(outcome(std::mem::take(&mut self.digits)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn secs(secs: u64) -> Duration {
        Duration::from_secs(secs)
    }

    fn collector(now: Instant, max_digits: usize) -> DigitCollector {
        let collection = DigitCollection {
            max_digits,
            ..DigitCollection::default()
        };
        DigitCollector::new(now, collection)
    }

    #[test]
    fn enough_digits_end_it_and_later_ones_do_not_count() {
        let now = Instant::now();
        let mut pin = collector(now, 4);
        for digit in ['1', '*', '3'] {
            assert_eq!(pin.handle_digit(now, digit), None);
        }
        assert_eq!(pin.digits(), "1*3");
        let complete = DigitOutcome::Complete("1*34".to_owned());
        assert_eq!(pin.handle_digit(now, '4'), Some(complete));
        assert_eq!(pin.handle_digit(now, '5'), None);
        assert_eq!(pin.poll_timeout(), None);
        assert_eq!(pin.handle_timeout(now + secs(60)), None);
    }

    #[test]
    fn the_terminator_ends_it_even_at_once() {
        let now = Instant::now();
        let terminated = DigitOutcome::Terminated(String::new());
        assert_eq!(collector(now, 4).handle_digit(now, '#'), Some(terminated));
        let collection = DigitCollection {
            terminator: None,
            max_digits: 1,
            ..DigitCollection::default()
        };
        let complete = DigitOutcome::Complete("#".to_owned());
        let mut any = DigitCollector::new(now, collection);
        assert_eq!(any.handle_digit(now, '#'), Some(complete));
    }

    #[test]
    fn the_first_digit_has_its_time_and_each_further_one_another() {
        let now = Instant::now();
        let mut pin = collector(now, 4);
        assert_eq!(pin.poll_timeout(), Some(now + secs(10)));
        assert_eq!(pin.handle_timeout(now + secs(9)), None);
        let nothing = pin.clone().handle_timeout(now + secs(10));
        assert_eq!(nothing, Some(DigitOutcome::NoInput));

        pin.handle_digit(now + secs(9), '7');
        assert_eq!(pin.poll_timeout(), Some(now + secs(13)));
        assert_eq!(pin.handle_timeout(now + secs(12)), None);
        let timed_out = pin.handle_timeout(now + secs(13));
        assert_eq!(timed_out, Some(DigitOutcome::TimedOut("7".to_owned())));
    }

    #[test]
    fn the_end_of_the_prompt_starts_the_time_for_the_first_digit_alone() {
        let now = Instant::now();
        let mut pin = collector(now, 4);
        pin.prompt_ended(now + secs(8));
        assert_eq!(pin.poll_timeout(), Some(now + secs(18)));
        pin.handle_digit(now + secs(9), '1');
        pin.prompt_ended(now + secs(12));
        assert_eq!(pin.poll_timeout(), Some(now + secs(13)));
    }

    #[test]
    fn the_first_key_barges_in_where_that_is_wanted() {
        let now = Instant::now();
        let mut pin = collector(now, 4);
        assert!(!pin.is_barge_in());
        pin.handle_digit(now, '1');
        assert!(pin.is_barge_in());
        let polite = DigitCollection {
            barge_in: false,
            ..DigitCollection::default()
        };
        let mut pin = DigitCollector::new(now, polite);
        pin.handle_digit(now, '1');
        assert!(!pin.is_barge_in());
    }
}
