//! RTP and RTCP of one call.

pub(crate) mod config;

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use self::config::{RtpSessionConfig, RtpSessionUpdate};
use crate::event::RtpEvent;
use crate::jitter_buffer::{JitterBuffer, Playout};
use crate::stats::RtpStats;
use crate::telephone_event::{TelephoneEvent, TelephoneEventError};

/// Which of the two sockets a datagram belongs to. With rtcp-mux all go through [`Channel::Rtp`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Channel {
    /// The even port.
    Rtp,
    /// The odd port.
    Rtcp,
}

/// Where to send what [`RtpSession::poll_transmit`] has put into the buffer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Transmit {
    /// Address of the peer.
    pub destination: SocketAddr,
    /// Socket to send from.
    pub channel: Channel,
}

/// The deadlines of a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Timer {
    /// The next RTCP report (RFC 3550 section 6.3).
    Report,
    /// No media: say so.
    NoMedia,
    /// No sign of the peer: say so.
    MediaTimeout,
    /// The end of a key press was lost.
    TelephoneEventEnd,
}

/// RTP and RTCP of one call, as a value.
#[derive(Debug)]
pub struct RtpSession {
    config: RtpSessionConfig,
    jitter_buffer: JitterBuffer,
}

impl RtpSession {
    /// Starts at `now`. Nothing is sent until the first call says so, but for RTCP.
    pub fn new(_now: Instant, config: RtpSessionConfig) -> Self {
        Self {
            jitter_buffer: JitterBuffer::new(config.jitter_buffer),
            config,
        }
    }

    /// A datagram arrived. `now` is its arrival, best from the kernel: jitter and playout are measured with it.
    pub fn handle_datagram(
        &mut self,
        _now: Instant,
        _source: SocketAddr,
        _channel: Channel,
        _bytes: &[u8],
    ) {
    }

    /// Fires the deadlines that have passed. To be called at [`poll_timeout`](Self::poll_timeout) or more often.
    pub fn handle_timeout(&mut self, _now: Instant) {}

    /// When [`handle_timeout`](Self::handle_timeout) is wanted next.
    pub fn poll_timeout(&self) -> Option<Instant> {
        None
    }

    /// What happened, oldest first.
    pub fn poll_event(&mut self) -> Option<RtpEvent> {
        None
    }

    /// The next datagram to send. `buf` is cleared and filled; keep it between calls and nothing is allocated.
    pub fn poll_transmit(&mut self, _now: Instant, buf: &mut Vec<u8>) -> Option<Transmit> {
        buf.clear();
        None
    }

    /// Queues one RTP packet of `units` clock units. The marker is set after silence. While the direction does not allow
    /// sending or a key is going out this is [`skip_audio`](Self::skip_audio).
    pub fn send_audio(&mut self, _now: Instant, _payload: &[u8], _units: u32) {}

    /// `units` of time pass and no audio is sent (DTX, hold, a key going out). To be called once per packet time all the
    /// same: it drives the packets of a key press.
    pub fn skip_audio(&mut self, _now: Instant, _units: u32) {}

    /// Queues a key press. Keys go out one after the other with 40 ms or more between.
    ///
    /// # Errors
    /// [`TelephoneEventError`]: not negotiated, not sending, too many waiting, or a duration of 0 or above 60 s.
    pub fn send_telephone_event(
        &mut self,
        _now: Instant,
        _event: TelephoneEvent,
        _duration: Duration,
    ) -> Result<(), TelephoneEventError> {
        Err(TelephoneEventError::NotNegotiated)
    }

    /// Whether a key is going out or waits to: audio given meanwhile is not sent.
    pub fn is_sending_telephone_event(&self) -> bool {
        false
    }

    /// What to play at `now`, when `buffered` of decoded audio has not been heard yet.
    pub fn playout(&mut self, now: Instant, buffered: Duration) -> Playout<'_> {
        self.jitter_buffer.playout(now, buffered)
    }

    /// Applies a re-INVITE or UPDATE: SSRC, sequence numbers and timestamps go on.
    pub fn update(&mut self, _now: Instant, update: RtpSessionUpdate) {
        if let Some(may_send) = update.may_send {
            self.config.may_send = may_send;
        }
    }

    /// The figures at `now`.
    pub fn stats(&self, _now: Instant) -> RtpStats {
        RtpStats::default()
    }

    /// Queues an RTCP BYE (RFC 3550 section 6.6). Poll the last datagram out afterwards; media is neither sent nor taken any more.
    pub fn stop(&mut self, _now: Instant) {}
}
