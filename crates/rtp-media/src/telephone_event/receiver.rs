//! Keys coming in.
//!
//! | what the network or the peer does | what happens |
//! |---|---|
//! | packets repeated, end packets repeated or reordered | same stream, timestamp and event: same press |
//! | marker missing, first packets lost | any first packet of a press starts it |
//! | all end packets lost | ended after 120 ms without packets, or when the next press starts |
//! | press longer than the duration field | the next segment starts 0xFFFF later: same press |
#![deny(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects
)]

use std::time::{Duration, Instant};

use super::{EventPayload, TelephoneEvent};
use crate::units::{ClockRate, Ssrc};

/// A press without packets for so long is over.
const LOST_END: Duration = Duration::from_millis(120);
/// Packets so much older than the newest press, in time, belong to none.
const STALE: Duration = Duration::from_secs(5);
/// The duration field holds no more.
const SEGMENT: u32 = 0xffff;
/// Presses that are remembered.
const MEMORY: usize = 4;

/// A change of state of a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum KeyChange {
    Down {
        event: TelephoneEvent,
        duration: Duration,
        level_dbm0: i8,
    },
    Up {
        event: TelephoneEvent,
        duration: Duration,
    },
}

/// What makes a press one press.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Press {
    ssrc: Ssrc,
    timestamp: u32,
    event: TelephoneEvent,
}

#[derive(Debug)]
struct Pressed {
    press: Press,
    /// Units of segments that are over.
    before: u32,
    /// Units of this segment.
    duration: u16,
    last_packet: Instant,
    clock: ClockRate,
}

impl Pressed {
    fn duration(&self) -> Duration {
        self.clock
            .duration(self.before.saturating_add(u32::from(self.duration)))
    }

    /// RFC 4733 section 2.5.1.3: whether a segment with this timestamp continues the press.
    fn is_continued_by(&self, press: Press, audio: ClockRate) -> bool {
        let segment = u64::from(SEGMENT)
            .saturating_mul(u64::from(audio.0))
            .checked_div(u64::from(self.clock.0))
            .unwrap_or(0);
        let ahead = u64::from(press.timestamp.wrapping_sub(self.press.timestamp));
        let tolerance = segment / 64;
        press.ssrc == self.press.ssrc
            && press.event == self.press.event
            && ahead.abs_diff(segment) <= tolerance
    }
}

/// Turns packets into presses.
#[derive(Debug, Default)]
pub(crate) struct TelephoneEventReceiver {
    pressed: Option<Pressed>,
    over: [Option<Press>; MEMORY],
    oldest: usize,
}

impl TelephoneEventReceiver {
    /// When the end of the key that is down counts as lost.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        self.pressed
            .as_ref()
            .and_then(|pressed| pressed.last_packet.checked_add(LOST_END))
    }

    pub(crate) fn handle_timeout(&mut self, now: Instant, mut tell: impl FnMut(KeyChange)) {
        if self.deadline().is_some_and(|deadline| deadline <= now) {
            self.release(&mut tell);
        }
    }

    /// A telephone-event packet arrived. `clock` is that of its duration, `audio` that of its timestamp.
    #[allow(
        clippy::too_many_arguments,
        reason = "the fields of one packet and the two clocks it is on"
    )]
    pub(crate) fn handle_packet(
        &mut self,
        now: Instant,
        ssrc: Ssrc,
        timestamp: u32,
        bytes: &[u8],
        clock: ClockRate,
        audio: ClockRate,
        mut tell: impl FnMut(KeyChange),
    ) {
        let Some(payload) = EventPayload::parse(bytes) else {
            return;
        };
        let Some(event) = TelephoneEvent::from_code(payload.code) else {
            return;
        };
        let press = Press {
            ssrc,
            timestamp,
            event,
        };
        if self.over.contains(&Some(press)) || self.is_stale(press, audio) {
            return;
        }
        self.press(now, press, payload, clock, audio, &mut tell);
        if payload.end {
            self.release(&mut tell);
        }
    }

    fn press(
        &mut self,
        now: Instant,
        press: Press,
        payload: EventPayload,
        clock: ClockRate,
        audio: ClockRate,
        tell: &mut impl FnMut(KeyChange),
    ) {
        match &mut self.pressed {
            Some(pressed) if pressed.press == press => {
                pressed.duration = pressed.duration.max(payload.duration);
                pressed.last_packet = pressed.last_packet.max(now);
            }
            Some(pressed) if pressed.is_continued_by(press, audio) => {
                let segment = std::mem::replace(&mut pressed.press, press);
                pressed.before = pressed.before.saturating_add(SEGMENT);
                pressed.duration = payload.duration;
                pressed.last_packet = now;
                self.remember(segment);
            }
            _ => {
                self.release(tell);
                self.pressed = Some(Pressed {
                    press,
                    before: 0,
                    duration: payload.duration,
                    last_packet: now,
                    clock,
                });
                tell(KeyChange::Down {
                    event: press.event,
                    duration: clock.duration(u32::from(payload.duration)),
                    level_dbm0: 0_i8.saturating_sub_unsigned(payload.volume),
                });
            }
        }
    }

    /// Whether the packet is older than the newest press: one that was reordered far.
    fn is_stale(&self, press: Press, audio: ClockRate) -> bool {
        let newest = self
            .pressed
            .iter()
            .map(|pressed| pressed.press)
            .chain(self.over.iter().flatten().copied());
        let stale = audio.units(STALE);
        newest
            .filter(|other| other.ssrc == press.ssrc)
            .any(|other| (1..stale).contains(&other.timestamp.wrapping_sub(press.timestamp)))
    }

    fn release(&mut self, tell: &mut impl FnMut(KeyChange)) {
        if let Some(pressed) = self.pressed.take() {
            self.remember(pressed.press);
            tell(KeyChange::Up {
                event: pressed.press.event,
                duration: pressed.duration(),
            });
        }
    }

    fn remember(&mut self, press: Press) {
        if let Some(slot) = self.over.get_mut(self.oldest) {
            *slot = Some(press);
        }
        self.oldest = self.oldest.wrapping_add(1) % MEMORY;
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

    #[allow(clippy::disallowed_methods, reason = "an Instant has no other source")]
    fn start() -> Instant {
        Instant::now()
    }

    /// Packets `(ms, timestamp, key, duration, end)`; the answer is the changes as text.
    fn check(name: &str, packets: &[(u64, u32, char, u16, bool)], expected: &[&str]) {
        let start = start();
        let rate = ClockRate(8_000);
        let mut receiver = TelephoneEventReceiver::default();
        let changes = std::cell::RefCell::new(Vec::new());
        let tell = |change: KeyChange| {
            changes.borrow_mut().push(match change {
                KeyChange::Down { event, .. } => format!("{event} down"),
                KeyChange::Up { event, duration } => format!("{event} up {}", duration.as_millis()),
            });
        };
        for &(ms, timestamp, key, duration, end) in packets {
            let now = start + Duration::from_millis(ms);
            receiver.handle_timeout(now, tell);
            let payload = EventPayload {
                code: TelephoneEvent::from_char(key).unwrap().code(),
                end,
                volume: 10,
                duration,
            };
            receiver.handle_packet(
                now,
                Ssrc(1),
                timestamp,
                &payload.to_bytes(),
                rate,
                rate,
                tell,
            );
        }
        if let Some(deadline) = receiver.deadline() {
            receiver.handle_timeout(deadline, tell);
        }
        assert_eq!(*changes.borrow(), expected, "{name}");
    }

    #[test]
    fn presses_as_rows() {
        let ordinary = [
            (0, 800, '5', 160, false),
            (20, 800, '5', 320, false),
            (40, 800, '5', 480, true),
            (60, 800, '5', 480, true),
            (80, 800, '5', 480, true),
        ];
        check("ordinary", &ordinary, &["5 down", "5 up 60"]);
        check("start lost", &ordinary[1..], &["5 down", "5 up 60"]);
        check(
            "only one end packet came",
            &ordinary[4..],
            &["5 down", "5 up 60"],
        );
        check("end lost", &ordinary[..2], &["5 down", "5 up 40"]);
        let mut shuffled = ordinary;
        shuffled.swap(1, 4);
        check("end before the middle", &shuffled, &["5 down", "5 up 60"]);
        let doubled: Vec<_> = ordinary.iter().flat_map(|&p| [p, p]).collect();
        check("each packet twice", &doubled, &["5 down", "5 up 60"]);
        check(
            "same key twice",
            &[(0, 800, '5', 480, true), (200, 2_400, '5', 480, true)],
            &["5 down", "5 up 60", "5 down", "5 up 60"],
        );
        check(
            "end lost, next key",
            &[
                (0, 800, '1', 160, false),
                (100, 1_600, '2', 160, false),
                (120, 1_600, '2', 320, true),
            ],
            &["1 down", "1 up 20", "2 down", "2 up 40"],
        );
        check(
            "packets return after the timeout",
            &[
                (0, 800, '1', 160, false),
                (300, 800, '1', 2_400, false),
                (320, 800, '1', 2_560, true),
            ],
            &["1 down", "1 up 20"],
        );
        check(
            "old packet after a new press",
            &[
                (0, 800, '1', 480, true),
                (100, 1_600, '2', 160, false),
                (110, 640, '1', 320, false),
            ],
            &["1 down", "1 up 60", "2 down", "2 up 20"],
        );
        check(
            "zero duration first (some gateways)",
            &[(0, 800, '7', 0, false), (20, 800, '7', 160, true)],
            &["7 down", "7 up 20"],
        );
    }

    #[test]
    fn a_long_press_is_one_press() {
        let mut packets: Vec<_> = (1..=81_u16)
            .map(|n| (u64::from(n) * 100, 1_000, '9', n.saturating_mul(800), false))
            .collect();
        packets.push((8_192, 1_000, '9', 65_535, false));
        packets.push((8_200, 1_000 + 65_535, '9', 65, false));
        packets.push((8_210, 1_000, '9', 65_535, false));
        packets.push((8_300, 1_000 + 65_535, '9', 865, true));
        check("8.3 s", &packets, &["9 down", "9 up 8300"]);
    }

    #[test]
    fn other_events_and_short_payloads_are_ignored() {
        let rate = ClockRate(8_000);
        let mut receiver = TelephoneEventReceiver::default();
        let mut changes = 0;
        for bytes in [&[16_u8, 10, 0, 160][..], &[255, 0, 0, 0], &[1, 2, 3], &[]] {
            receiver.handle_packet(start(), Ssrc(1), 1, bytes, rate, rate, |_| changes += 1);
        }
        assert_eq!(changes, 0);
    }
}
