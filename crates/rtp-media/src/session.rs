//! RTP and RTCP of one call.
#![deny(clippy::unwrap_used, clippy::indexing_slicing)]

mod compound;
pub(crate) mod config;
mod extended_report;
mod inbound;
mod outbound;
mod rating;
mod reception;
mod schedule;
mod source;
#[cfg(test)]
mod tests;
mod watch;

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use self::config::{RtpSessionConfig, RtpSessionUpdate};
use self::inbound::Inbound;
use self::outbound::Outbound;
use self::rating::LossWatch;
use self::schedule::ReportSchedule;
use self::source::SourceLatch;
use self::watch::MediaWatch;
use crate::event::{PeerReport, RtpEvent};
use crate::jitter_buffer::{JitterBuffer, JitterBufferConfig, Playout};
use crate::quality::{listening_mos, mos};
use crate::random::Random;
use crate::stats::{DroppedPackets, RtpStats};
use crate::units::{ClockRate, PayloadType};
use crate::voip_metrics::VoipMetrics;

/// Events that wait to be polled; the oldest go when nobody does.
const EVENTS_AT_MOST: usize = 256;

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

impl Timer {
    const ALL: [Self; 4] = [
        Self::Report,
        Self::NoMedia,
        Self::MediaTimeout,
        Self::TelephoneEventEnd,
    ];
}

/// RTP and RTCP of one call, as a value.
///
/// The owner feeds it datagrams and the time, and asks what to send, what to play and what happened. Per packet time:
/// [`handle_datagram`](Self::handle_datagram) for all that arrived, [`handle_timeout`](Self::handle_timeout),
/// [`playout`](Self::playout) until there is enough to play, [`send_audio`](Self::send_audio) or
/// [`skip_audio`](Self::skip_audio), then [`poll_transmit`](Self::poll_transmit) and [`poll_event`](Self::poll_event)
/// until they have no more. In steady state none of this allocates.
///
/// Instants may go back a little between calls, as kernel receive times do; they never make it panic.
#[derive(Debug)]
pub struct RtpSession {
    config: RtpSessionConfig,
    random: Random,
    events: VecDeque<RtpEvent>,
    outbound: Outbound,
    inbound: Inbound,
    jitter_buffer: JitterBuffer,
    latch: SourceLatch,
    /// Where RTCP goes without rtcp-mux.
    rtcp_destination: SocketAddr,
    watch: MediaWatch,
    schedule: ReportSchedule,
    loss: LossWatch,
    peer_report: Option<PeerReport>,
    /// Share of all our packets that the peer lost, by its last report.
    peer_loss: f32,
    peer_metrics: Option<VoipMetrics>,
    round_trip: Option<Duration>,
    stopped: bool,
}

impl RtpSession {
    /// Starts at `now`. The first RTCP report is due within 2.5 s; RTP is sent when the owner says so.
    pub fn new(now: Instant, config: RtpSessionConfig) -> Self {
        let mut random = Random::new(config.seed);
        let outbound = Outbound::new(now, &config, &mut random);
        let schedule = ReportSchedule::new(now, &mut random);
        let jitter_buffer = JitterBuffer::new(JitterBufferConfig {
            clock_rate: config.clock_rate,
            ptime: config.ptime,
            ..config.jitter_buffer
        });
        Self {
            events: VecDeque::new(),
            outbound,
            inbound: Inbound::new(config.clock_rate),
            jitter_buffer,
            latch: SourceLatch::new(config.remote_rtp, config.symmetric),
            rtcp_destination: config.remote_rtcp,
            watch: MediaWatch::new(
                now,
                config.no_media_after,
                config.media_timeout,
                config.may_receive,
            ),
            schedule,
            loss: LossWatch::default(),
            peer_report: None,
            peer_loss: 0.0,
            peer_metrics: None,
            round_trip: None,
            stopped: false,
            random,
            config,
        }
    }

    /// Fires the deadlines that have passed. To be called at [`poll_timeout`](Self::poll_timeout) or more often.
    pub fn handle_timeout(&mut self, now: Instant) {
        for timer in Timer::ALL {
            if self.deadline(timer).is_some_and(|deadline| deadline <= now) {
                self.fire(now, timer);
            }
        }
    }

    /// When [`handle_timeout`](Self::handle_timeout) is wanted next; `None` once stopped.
    pub fn poll_timeout(&self) -> Option<Instant> {
        Timer::ALL
            .into_iter()
            .filter_map(|timer| self.deadline(timer))
            .min()
    }

    /// When `timer` is due; `None` if it does not run.
    pub fn deadline(&self, timer: Timer) -> Option<Instant> {
        if self.stopped {
            return None;
        }
        match timer {
            Timer::Report => Some(self.schedule.deadline()),
            Timer::NoMedia => self.watch.no_media_deadline(),
            Timer::MediaTimeout => self.watch.timeout_deadline(),
            Timer::TelephoneEventEnd => self.inbound.keys.deadline(),
        }
    }

    fn fire(&mut self, now: Instant, timer: Timer) {
        match timer {
            Timer::Report => self.send_report_if_due(now),
            Timer::NoMedia => {
                let cause = self.watch.tell_no_media(self.latch.signalled());
                self.push_event(RtpEvent::NoMedia(cause));
            }
            Timer::MediaTimeout => {
                self.watch.tell_timeout();
                self.push_event(RtpEvent::MediaTimeout);
            }
            Timer::TelephoneEventEnd => {
                let events = &mut self.events;
                self.inbound.keys.handle_timeout(now, |change| {
                    push_bounded(events, inbound::key_event(change))
                });
            }
        }
    }

    /// What happened, oldest first.
    pub fn poll_event(&mut self) -> Option<RtpEvent> {
        self.events.pop_front()
    }

    /// What to play at `now`, when `buffered` of decoded audio has not been heard yet. Silence while the direction does not
    /// expect media, and where a key press stands in for audio.
    pub fn playout(&mut self, now: Instant, buffered: Duration) -> Playout<'_> {
        if !self.config.may_receive || self.stopped {
            return Playout::Silence;
        }
        self.loss.follow(&self.jitter_buffer.stats());
        // While a key is down its packets come in place of audio: nothing is missing that could be concealed.
        let key_is_down = self.inbound.keys.deadline().is_some();
        match self.jitter_buffer.playout(now, buffered) {
            Playout::Missing { .. } if key_is_down => Playout::Silence,
            playout => playout,
        }
    }

    /// Applies a re-INVITE or UPDATE: SSRC, sequence numbers and timestamps go on.
    pub fn update(&mut self, now: Instant, update: RtpSessionUpdate) {
        self.update_addresses(now, &update);
        let config = &mut self.config;
        if let Some(payload_type) = update.send_payload_type {
            config.send_payload_type = payload_type;
        }
        if let Some(payload_types) = update.receive_payload_types {
            config.receive_payload_types = payload_types;
        }
        if let Some(rates) = update.other_clock_rates {
            config.other_clock_rates = rates;
        }
        if let Some(clock_rate) = update.clock_rate {
            config.clock_rate = clock_rate;
        }
        if let Some(ptime) = update.ptime {
            config.ptime = ptime;
        }
        if let Some(telephone_event) = update.telephone_event {
            config.telephone_event = telephone_event;
        }
        if let Some(redundancy) = update.redundancy {
            config.redundancy = redundancy;
        }
        if let Some(extended_reports) = update.extended_reports {
            config.extended_reports = extended_reports;
        }
        if let Some(quality) = update.send_quality {
            config.send_quality = quality;
        }
        if let Some(qualities) = update.receive_qualities {
            config.receive_qualities = qualities;
        }
        self.outbound.redundancy.restart();
        if let Some(may_send) = update.may_send {
            config.may_send = may_send;
        }
        if let Some(may_receive) = update.may_receive {
            if config.may_receive != may_receive {
                self.jitter_buffer.clear();
            }
            config.may_receive = may_receive;
            self.watch.set_active(now, may_receive);
        }
        if !self.config.may_send || self.config.telephone_event.is_none() {
            self.outbound.keys.clear();
        }
    }

    fn update_addresses(&mut self, now: Instant, update: &RtpSessionUpdate) {
        if let Some(remote) = update.remote_rtp {
            self.config.remote_rtp = remote;
            self.latch.retarget(now, remote);
        }
        if let Some(remote) = update.remote_rtcp
            && remote != self.config.remote_rtcp
        {
            self.config.remote_rtcp = remote;
            self.rtcp_destination = remote;
        }
        if let Some(mux) = update.rtcp_mux {
            self.config.rtcp_mux = mux;
        }
    }

    /// The figures at `now`.
    pub fn stats(&self, _now: Instant) -> RtpStats {
        let buffer = self.jitter_buffer.stats();
        let peer = self.peer_report;
        let bursts = self.loss.bursts.figures();
        let mut stats = RtpStats {
            sent_packets: self.outbound.packets,
            sent_octets: self.outbound.octets,
            received_packets: self.inbound.received(),
            received_octets: self.inbound.octets,
            expected_packets: self.inbound.expected(),
            lost_packets: buffer.lost,
            late_packets: buffer.late,
            discarded_packets: buffer.discarded,
            duplicate_packets: buffer.duplicate,
            reordered_packets: buffer.reordered,
            dropped: DroppedPackets {
                overflow: buffer.overflow,
                ..self.inbound.dropped
            },
            jitter: self.inbound.jitter(),
            round_trip: self.round_trip,
            remote_lost_packets: peer.map_or(0, |p| p.lost_packets),
            remote_fraction_lost: peer.map_or(0.0, |p| p.fraction_lost),
            remote_jitter: peer.map_or(Duration::ZERO, |p| p.jitter),
            playout_delay: self.jitter_buffer.playout_delay(),
            target_delay: self.jitter_buffer.target_delay(),
            buffered: self.jitter_buffer.buffered(),
            concealed: buffer.concealed,
            longest_loss: buffer.longest_loss,
            burst_ratio: burst_ratio(buffer.lost, buffer.loss_runs, buffer.lost + buffer.played),
            sent_reports: self.outbound.reports,
            received_reports: self.inbound.reports,
            recovered_packets: self.inbound.recovered,
            bursts,
            burst_duration: self.packet_times(bursts.burst_packets),
            gap_duration: self.packet_times(bursts.gap_packets),
            remote_metrics: self.peer_metrics,
            ..RtpStats::default()
        };
        let heard = self.heard(&stats);
        stats.mos = heard.map(mos);
        stats.listening_mos = heard.map(listening_mos);
        stats.remote_mos = self.remote_mos(&stats);
        stats
    }

    /// The destination of RTP now: what SDP named, or the source that really sends.
    pub fn remote_rtp(&self) -> SocketAddr {
        self.latch.destination()
    }

    /// Clock of a payload type.
    fn clock_rate_of(&self, payload_type: PayloadType) -> ClockRate {
        self.config
            .other_clock_rates
            .iter()
            .find(|(other, _)| *other == payload_type)
            .map_or(self.config.clock_rate, |(_, rate)| *rate)
    }

    fn push_event(&mut self, event: RtpEvent) {
        push_bounded(&mut self.events, event);
    }
}

fn push_bounded(events: &mut VecDeque<RtpEvent>, event: RtpEvent) {
    if events.len() >= EVENTS_AT_MOST {
        events.pop_front();
    }
    events.push_back(event);
}

/// ITU-T G.107: mean length of runs of loss over the mean of random loss, 1 / (1 - share).
fn burst_ratio(lost: u64, runs: u64, expected: u64) -> f32 {
    if lost == 0 || runs == 0 || lost >= expected {
        return 1.0;
    }
    let mean_run = lost as f32 / runs as f32;
    let share = lost as f32 / expected as f32;
    (mean_run * (1.0 - share)).max(1.0)
}
