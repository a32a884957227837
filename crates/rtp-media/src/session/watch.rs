//! Watches for media that does not come, and gathers what may be the cause.
#![deny(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects
)]

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use crate::event::{NoMediaCause, RtpEvent};
use crate::units::PayloadType;

#[derive(Debug)]
pub(crate) struct Watch {
    no_media_after: Duration,
    media_timeout: Option<Duration>,
    expected: bool,
    last_media: Instant,
    last_sign: Instant,
    no_media_told: bool,
    timeout_told: bool,
    clues: Clues,
}

/// What arrived instead of media, since media last came.
#[derive(Debug, Clone, Copy, Default)]
struct Clues {
    encrypted: bool,
    payload_type: Option<PayloadType>,
    elsewhere: Option<SocketAddr>,
    not_rtp: bool,
}

impl Watch {
    pub(crate) fn new(
        now: Instant,
        no_media_after: Duration,
        media_timeout: Option<Duration>,
        expected: bool,
    ) -> Self {
        Self {
            no_media_after,
            media_timeout,
            expected,
            last_media: now,
            last_sign: now,
            no_media_told: false,
            timeout_told: false,
            clues: Clues::default(),
        }
    }

    /// Whether media is expected at all; on hold none is missed.
    pub(crate) fn expect(&mut self, now: Instant, expected: bool) {
        if self.expected != expected {
            *self = Self::new(now, self.no_media_after, self.media_timeout, expected);
        }
    }

    pub(crate) fn media(&mut self, now: Instant) -> Option<RtpEvent> {
        (self.last_media, self.last_sign) = (now, now);
        self.clues = Clues::default();
        self.timeout_told = false;
        std::mem::take(&mut self.no_media_told).then_some(RtpEvent::MediaResumed)
    }

    pub(crate) fn sign(&mut self, now: Instant) {
        self.last_sign = now;
    }

    pub(crate) fn saw_encrypted(&mut self) {
        self.clues.encrypted = true;
    }

    pub(crate) fn saw_payload_type(&mut self, seen: PayloadType) {
        self.clues.payload_type = Some(seen);
    }

    pub(crate) fn saw_elsewhere(&mut self, seen: SocketAddr) {
        self.clues.elsewhere = Some(seen);
    }

    pub(crate) fn saw_something_else(&mut self) {
        self.clues.not_rtp = true;
    }

    pub(crate) fn no_media_deadline(&self) -> Option<Instant> {
        let waits = self.expected && !self.no_media_told;
        waits
            .then(|| self.last_media.checked_add(self.no_media_after))
            .flatten()
    }

    pub(crate) fn timeout_deadline(&self) -> Option<Instant> {
        let waits = self.expected && !self.timeout_told;
        let timeout = self.media_timeout.filter(|_| waits)?;
        self.last_sign.checked_add(timeout)
    }

    pub(crate) fn handle_timeout(
        &mut self,
        now: Instant,
        expected_from: SocketAddr,
    ) -> [Option<RtpEvent>; 2] {
        let passed = |deadline: Option<Instant>| deadline.is_some_and(|deadline| now >= deadline);
        let no_media = passed(self.no_media_deadline());
        let timeout = passed(self.timeout_deadline());
        self.no_media_told |= no_media;
        self.timeout_told |= timeout;
        [
            no_media.then(|| RtpEvent::NoMedia(self.cause(expected_from))),
            timeout.then_some(RtpEvent::MediaTimeout),
        ]
    }

    /// The most telling clue.
    fn cause(&self, expected: SocketAddr) -> NoMediaCause {
        match self.clues {
            Clues {
                encrypted: true, ..
            } => NoMediaCause::SrtpExpected,
            Clues {
                payload_type: Some(seen),
                ..
            } => NoMediaCause::WrongPayloadType { seen },
            Clues {
                elsewhere: Some(seen),
                ..
            } => NoMediaCause::FromAnotherAddress { expected, seen },
            Clues { not_rtp: true, .. } => NoMediaCause::NotRtp,
            _ => NoMediaCause::NothingArrives,
        }
    }
}
