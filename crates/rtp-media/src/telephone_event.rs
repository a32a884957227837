//! Keys as RTP (RFC 4733): the digits, their payload, and the two halves that send and receive them.
//!
//! ```text
//!            0          1           2  3
//!   payload  event      E R volume  duration        one packet per packet time, timestamp fixed at the key's start
//!
//!   key down │ ptime │ ptime │ ... │ key up │       │       │
//!   packet   M,20ms   40ms    ...    E,dur    E,dur   E,dur   then 40 ms or more from key up before the next key
//! ```
//!
//! The RTP timestamp is always on the clock of the stream's audio (RFC 4733 section 2.1: same sequence number and
//! timestamp base as the audio), the duration field on the clock of telephone-event's own `rtpmap` line. Where the two
//! differ, as with `opus/48000` and `telephone-event/8000`, only that field counts in the slower clock.
#![deny(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects
)]

mod receiver;
mod sender;

use std::fmt;

use thiserror::Error;

pub(crate) use receiver::{KeyChange, TelephoneEventReceiver};
pub(crate) use sender::TelephoneEventSender;

/// The payload of a telephone-event packet (RFC 4733 section 2.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct EventPayload {
    code: u8,
    end: bool,
    /// Power below 0 dBm0 in dB, 0 to 63.
    volume: u8,
    /// Units of telephone-event's clock.
    duration: u16,
}

impl EventPayload {
    fn parse(bytes: &[u8]) -> Option<Self> {
        let &[code, flags, high, low] = bytes.first_chunk::<4>()?;
        Some(Self {
            code,
            end: flags & 0x80 != 0,
            volume: flags & 0x3f,
            duration: u16::from_be_bytes([high, low]),
        })
    }

    fn to_bytes(self) -> [u8; 4] {
        let [high, low] = self.duration.to_be_bytes();
        [
            self.code,
            u8::from(self.end) << 7 | self.volume & 0x3f,
            high,
            low,
        ]
    }
}

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

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn every_key_has_its_code() {
        for (code, key) in (0_u8..).zip("0123456789*#ABCD".chars()) {
            let event = TelephoneEvent::from_char(key).unwrap();
            assert_eq!((event.code(), event.as_char()), (code, key));
            assert_eq!(TelephoneEvent::from_code(code), Some(event));
        }
        assert_eq!(TelephoneEvent::from_char('d').unwrap().code(), 15);
        assert_eq!(
            TelephoneEvent::from_char('E'),
            Err(TelephoneEventError::NotAKey('E'))
        );
        assert_eq!(TelephoneEvent::from_code(16), None);
    }

    #[test]
    fn the_payload_is_that_of_rfc_4733() {
        let payload = EventPayload {
            code: 5,
            end: true,
            volume: 10,
            duration: 800,
        };
        assert_eq!(payload.to_bytes(), [5, 0x8a, 0x03, 0x20]);
        assert_eq!(EventPayload::parse(&payload.to_bytes()), Some(payload));
        assert_eq!(EventPayload::parse(&[5, 0x8a, 3]), None);
    }
}
