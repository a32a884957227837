//! Keys going out.
#![deny(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects
)]

use std::collections::VecDeque;
use std::time::Duration;

use super::{EventPayload, TelephoneEvent, TelephoneEventError};
use crate::units::ClockRate;

/// Keys that may wait.
const QUEUE: usize = 64;
/// Pause between two keys at least.
const PAUSE: Duration = Duration::from_millis(40);
/// Longest press.
const LONGEST: Duration = Duration::from_secs(60);
/// RFC 4733 section 2.5.1.4: the end packet is sent three times.
const END_PACKETS: u8 = 3;
/// Power of a digit, dB below 0 dBm0.
const VOLUME: u8 = 10;
/// The duration field holds no more (RFC 4733 section 2.5.1.3).
const SEGMENT: u64 = 0xffff;

/// A packet to send. Its timestamp is on the audio clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct EventPacket {
    pub(crate) payload: [u8; 4],
    pub(crate) timestamp: u32,
    pub(crate) marker: bool,
}

/// A queue of keys and the one going out. Driven by the passing of packet times, not by a clock of its own.
#[derive(Debug, Default)]
pub(crate) struct TelephoneEventSender {
    queue: VecDeque<(TelephoneEvent, Duration)>,
    pressed: Option<Pressed>,
    /// Time since the last key up; `None` if there was none.
    since_key_up: Option<Duration>,
}

/// All counts in units of telephone-event's clock.
#[derive(Debug)]
struct Pressed {
    event: TelephoneEvent,
    total: u64,
    elapsed: u64,
    /// Where the current segment of a long press starts.
    segment: u64,
    /// RTP timestamp of the key down.
    timestamp: u32,
    first: bool,
    ends_sent: u8,
}

impl TelephoneEventSender {
    pub(crate) fn push(
        &mut self,
        event: TelephoneEvent,
        duration: Duration,
    ) -> Result<(), TelephoneEventError> {
        if duration < Duration::from_millis(1) || duration > LONGEST {
            return Err(TelephoneEventError::BadDuration);
        }
        if self.queue.len() >= QUEUE {
            return Err(TelephoneEventError::QueueFull(self.queue.len()));
        }
        self.queue.push_back((event, duration));
        Ok(())
    }

    pub(crate) fn is_sending(&self) -> bool {
        self.pressed.is_some() || !self.queue.is_empty()
    }

    /// Forgets the key going out and those that wait.
    pub(crate) fn clear(&mut self) {
        self.queue.clear();
        self.pressed = None;
    }

    /// `units` of the audio clock pass, starting at RTP timestamp `timestamp`.
    pub(crate) fn advance(
        &mut self,
        units: u32,
        timestamp: u32,
        audio: ClockRate,
        clock: ClockRate,
        mut send: impl FnMut(EventPacket),
    ) {
        let passed = audio.duration(units);
        let may_start = self.since_key_up.is_none_or(|since| since >= PAUSE);
        if self.pressed.is_none()
            && may_start
            && let Some((event, duration)) = self.queue.pop_front()
        {
            self.pressed = Some(Pressed::new(
                event,
                u64::from(clock.units(duration)).max(1),
                timestamp,
            ));
        }
        if let Some(since) = &mut self.since_key_up {
            *since = since.saturating_add(passed);
        }
        let Some(pressed) = &mut self.pressed else {
            return;
        };
        if pressed.ends_sent == 0 {
            pressed.hold(u64::from(clock.units(passed)), audio, clock, &mut send);
        } else {
            send(pressed.packet(true, audio, clock));
            pressed.ends_sent = pressed.ends_sent.saturating_add(1);
        }
        match pressed.ends_sent {
            1 => self.since_key_up = Some(Duration::ZERO),
            END_PACKETS.. => self.pressed = None,
            _ => {}
        }
    }
}

impl Pressed {
    fn new(event: TelephoneEvent, total: u64, timestamp: u32) -> Self {
        Self {
            event,
            total,
            elapsed: 0,
            segment: 0,
            timestamp,
            first: true,
            ends_sent: 0,
        }
    }

    /// The key stays down for `units` more, or goes up within them.
    fn hold(
        &mut self,
        units: u64,
        audio: ClockRate,
        clock: ClockRate,
        send: &mut impl FnMut(EventPacket),
    ) {
        self.elapsed = self.elapsed.saturating_add(units).min(self.total);
        // RFC 4733 section 2.5.1.3: a segment ends at the greatest duration, and the next one starts there.
        while self.elapsed.saturating_sub(self.segment) > SEGMENT {
            let elapsed =
                std::mem::replace(&mut self.elapsed, self.segment.saturating_add(SEGMENT));
            send(self.packet(false, audio, clock));
            self.first = false;
            self.segment = self.elapsed;
            self.elapsed = elapsed;
        }
        let end = self.elapsed == self.total;
        send(self.packet(end, audio, clock));
        self.first = false;
        self.ends_sent = u8::from(end);
    }

    fn packet(&self, end: bool, audio: ClockRate, clock: ClockRate) -> EventPacket {
        let duration = self.elapsed.saturating_sub(self.segment).min(SEGMENT);
        let payload = EventPayload {
            code: self.event.code(),
            end,
            volume: VOLUME,
            duration: u16::try_from(duration).unwrap_or(u16::MAX),
        };
        let offset = self
            .segment
            .saturating_mul(u64::from(audio.0))
            .checked_div(u64::from(clock.0))
            .unwrap_or(0);
        EventPacket {
            payload: payload.to_bytes(),
            // Timestamps wrap.
            timestamp: self.timestamp.wrapping_add(offset as u32),
            marker: self.first,
        }
    }
}

#[cfg(test)]
#[allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects
)]
mod tests {
    use super::*;

    const RATE: ClockRate = ClockRate(8_000);

    fn key(c: char) -> TelephoneEvent {
        TelephoneEvent::from_char(c).unwrap()
    }

    /// One line per packet: `time-ms event duration timestamp flags`.
    fn ladder(
        sender: &mut TelephoneEventSender,
        ptime_ms: u32,
        audio: ClockRate,
        clock: ClockRate,
        steps: u32,
    ) -> Vec<String> {
        let units = audio.0 / 1_000 * ptime_ms;
        let mut lines = Vec::new();
        for step in 0..steps {
            sender.advance(units, 1_000 + step * units, audio, clock, |packet| {
                let payload = EventPayload::parse(&packet.payload).unwrap();
                lines.push(format!(
                    "{} {} {} {}{}{}",
                    step * ptime_ms,
                    TelephoneEvent::from_code(payload.code).unwrap(),
                    payload.duration,
                    packet.timestamp,
                    if packet.marker { " M" } else { "" },
                    if payload.end { " E" } else { "" },
                ));
            });
        }
        lines
    }

    #[test]
    fn a_press_grows_and_ends_three_times() {
        let mut sender = TelephoneEventSender::default();
        sender.push(key('5'), Duration::from_millis(80)).unwrap();
        assert!(sender.is_sending());
        assert_eq!(
            ladder(&mut sender, 20, RATE, RATE, 10),
            [
                "0 5 160 1000 M",
                "20 5 320 1000",
                "40 5 480 1000",
                "60 5 640 1000 E",
                "80 5 640 1000 E",
                "100 5 640 1000 E",
            ]
        );
        assert!(!sender.is_sending());
    }

    #[test]
    fn keys_are_40_ms_apart_at_any_packet_time() {
        for ptime in [10, 20, 30, 60] {
            let mut sender = TelephoneEventSender::default();
            for c in "12".chars() {
                sender.push(key(c), Duration::from_millis(120)).unwrap();
            }
            let lines = ladder(&mut sender, ptime, RATE, RATE, 60);
            let up = lines.iter().find(|l| l.ends_with('E')).unwrap();
            let up_at: u32 = up.split(' ').next().unwrap().parse::<u32>().unwrap() + ptime;
            let down = lines.iter().find(|l| l.contains(" 2 ")).unwrap();
            let down_at: u32 = down.split(' ').next().unwrap().parse().unwrap();
            assert!(down_at - up_at >= 40, "{ptime}: {lines:#?}");
            assert!(down_at - up_at <= 40 + 3 * ptime, "{ptime}: {lines:#?}");
        }
    }

    #[test]
    fn durations_count_in_the_clock_of_the_event() {
        let mut sender = TelephoneEventSender::default();
        sender.push(key('#'), Duration::from_millis(40)).unwrap();
        assert_eq!(
            ladder(&mut sender, 20, ClockRate(48_000), RATE, 2),
            ["0 # 160 1000 M", "20 # 320 1000 E"]
        );
    }

    #[test]
    fn a_long_press_is_split_into_segments() {
        let mut sender = TelephoneEventSender::default();
        sender.push(key('9'), Duration::from_millis(1_500)).unwrap();
        let rate = ClockRate(48_000);
        let lines = ladder(&mut sender, 20, rate, rate, 80);
        // 1.5 s are 72 000 units: 65 535 and 6 465.
        assert!(
            lines.contains(&"1360 9 65535 1000".to_string()),
            "{lines:#?}"
        );
        assert!(
            lines.contains(&"1360 9 705 66535".to_string()),
            "{lines:#?}"
        );
        assert_eq!(lines.iter().filter(|l| l.contains('M')).count(), 1);
        assert_eq!(
            lines.iter().filter(|l| l.ends_with("6465 66535 E")).count(),
            3
        );
    }

    #[test]
    fn nonsense_is_refused() {
        let mut sender = TelephoneEventSender::default();
        assert_eq!(
            sender.push(key('1'), Duration::ZERO),
            Err(TelephoneEventError::BadDuration)
        );
        assert_eq!(
            sender.push(key('1'), Duration::from_secs(61)),
            Err(TelephoneEventError::BadDuration)
        );
        for _ in 0..QUEUE {
            sender.push(key('1'), Duration::from_millis(100)).unwrap();
        }
        assert_eq!(
            sender.push(key('1'), Duration::from_millis(100)),
            Err(TelephoneEventError::QueueFull(QUEUE))
        );
    }
}
