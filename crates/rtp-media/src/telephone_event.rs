//! Keys as RTP (RFC 4733): the digits, their payload, and the two halves that send and receive them.

mod receiver;
mod sender;

use std::fmt;

use thiserror::Error;

pub(crate) use self::receiver::KeyReceiver;
pub(crate) use self::sender::KeySender;

/// A DTMF key: 0 to 9, *, #, A to D (RFC 4733 section 3.2). Other named events are not keys and are ignored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TelephoneEvent(u8);

impl TelephoneEvent {
    const KEYS: [char; 16] = [
        '0', '1', '2', '3', '4', '5', '6', '7', '8', '9', '*', '#', 'A', 'B', 'C', 'D',
    ];

    /// From its character; letters of either case.
    ///
    /// # Errors
    /// [`TelephoneEventError::NotAKey`] for any other character.
    pub fn from_char(key: char) -> Result<Self, TelephoneEventError> {
        let key = key.to_ascii_uppercase();
        (0_u8..)
            .zip(Self::KEYS)
            .find(|&(_, c)| c == key)
            .map(|(code, _)| Self(code))
            .ok_or(TelephoneEventError::NotAKey(key))
    }

    /// From the event code of RFC 4733 Table 3; `None` above 15.
    pub fn from_code(code: u8) -> Option<Self> {
        (code < 16).then_some(Self(code))
    }

    /// The event code, 0 to 15.
    pub fn code(self) -> u8 {
        self.0
    }

    /// Its character, letters in upper case.
    pub fn as_char(self) -> char {
        Self::KEYS.get(usize::from(self.0)).copied().unwrap_or('?')
    }
}

impl TryFrom<char> for TelephoneEvent {
    type Error = TelephoneEventError;

    fn try_from(key: char) -> Result<Self, Self::Error> {
        Self::from_char(key)
    }
}

impl fmt::Display for TelephoneEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.as_char())
    }
}

/// Why a key cannot be sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum TelephoneEventError {
    /// Not one of 0-9 * # A-D.
    #[error("{0:?} is not a DTMF key: use 0-9, *, # or A-D")]
    NotAKey(char),
    /// The peer did not offer telephone-event.
    #[error("the peer did not negotiate telephone-event: send the key in-band or by SIP INFO")]
    NotNegotiated,
    /// The call is on hold or receive-only.
    #[error("the direction of the media does not allow sending: resume the call first")]
    NotSending,
    /// Too many keys wait already.
    #[error("{0} keys are waiting to be sent: wait until some are out")]
    QueueFull(usize),
    /// The duration is zero or longer than a minute.
    #[error("a key press lasts from 1 ms to 60 s: choose a duration between")]
    BadDuration,
}
