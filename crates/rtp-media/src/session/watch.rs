//! Whether media arrives, and if not, why.
#![deny(clippy::unwrap_used, clippy::indexing_slicing)]

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use crate::event::NoMediaCause;
use crate::units::PayloadType;

/// Datagrams that were not media, since the last that was.
#[derive(Debug, Clone, Copy, Default)]
struct Evidence {
    another_address: Option<SocketAddr>,
    payload_type: Option<PayloadType>,
    encrypted: bool,
    not_rtp: bool,
}

#[derive(Debug)]
pub(crate) struct MediaWatch {
    no_media_after: Duration,
    media_timeout: Option<Duration>,
    /// The direction expects media.
    active: bool,
    last_media: Instant,
    /// RTP or RTCP of the peer.
    last_sign: Instant,
    told_no_media: bool,
    told_timeout: bool,
    evidence: Evidence,
}

impl MediaWatch {
    pub(crate) fn new(
        now: Instant,
        no_media_after: Duration,
        media_timeout: Option<Duration>,
        active: bool,
    ) -> Self {
        Self {
            no_media_after,
            media_timeout,
            active,
            last_media: now,
            last_sign: now,
            told_no_media: false,
            told_timeout: false,
            evidence: Evidence::default(),
        }
    }

    /// The direction changed. Waiting starts anew.
    pub(crate) fn set_active(&mut self, now: Instant, active: bool) {
        if active && !self.active {
            self.last_media = now;
            self.last_sign = now;
            self.told_no_media = false;
            self.told_timeout = false;
            self.evidence = Evidence::default();
        }
        self.active = active;
    }

    /// Media arrived. Whether that ends a time of none.
    pub(crate) fn note_media(&mut self, now: Instant) -> bool {
        self.last_media = self.last_media.max(now);
        self.evidence = Evidence::default();
        self.note_sign(now);
        std::mem::take(&mut self.told_no_media)
    }

    /// The peer lives, media or not: one that sends nothing while it is silent still sends RTCP.
    pub(crate) fn note_sign(&mut self, now: Instant) {
        self.last_sign = self.last_sign.max(now);
        self.told_timeout = false;
    }

    pub(crate) fn note_another_address(&mut self, seen: SocketAddr) {
        self.evidence.another_address = Some(seen);
    }

    pub(crate) fn note_payload_type(&mut self, seen: PayloadType) {
        self.evidence.payload_type = Some(seen);
    }

    pub(crate) fn note_encrypted(&mut self) {
        self.evidence.encrypted = true;
    }

    pub(crate) fn note_not_rtp(&mut self) {
        self.evidence.not_rtp = true;
    }

    pub(crate) fn no_media_deadline(&self) -> Option<Instant> {
        (self.active && !self.told_no_media).then(|| self.last_media + self.no_media_after)
    }

    pub(crate) fn timeout_deadline(&self) -> Option<Instant> {
        let timeout = self.media_timeout?;
        (self.active && !self.told_timeout).then(|| self.last_sign + timeout)
    }

    /// The first deadline has passed: the most telling cause.
    pub(crate) fn tell_no_media(&mut self, expected: SocketAddr) -> NoMediaCause {
        self.told_no_media = true;
        let evidence = self.evidence;
        if evidence.encrypted {
            NoMediaCause::SrtpExpected
        } else if let Some(seen) = evidence.payload_type {
            NoMediaCause::WrongPayloadType { seen }
        } else if let Some(seen) = evidence.another_address {
            NoMediaCause::FromAnotherAddress { expected, seen }
        } else if evidence.not_rtp {
            NoMediaCause::NotRtp
        } else {
            NoMediaCause::NothingArrives
        }
    }

    /// The second deadline has passed.
    pub(crate) fn tell_timeout(&mut self) {
        self.told_timeout = true;
    }
}
