//! Receiving keys (RFC 4733 section 2.5.2): once per press, whatever is lost, repeated or out of order.
#![deny(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects
)]

use std::time::{Duration, Instant};

use super::TelephoneEvent;
use crate::event::RtpEvent;
use crate::units::ClockRate;

/// Without a packet for this long a key counts as released: its end was lost.
const LOST_END: Duration = Duration::from_millis(120);

#[derive(Debug, Default)]
pub(crate) struct KeyReceiver {
    current: Option<Key>,
}

#[derive(Debug, Clone, Copy)]
struct Key {
    event: TelephoneEvent,
    timestamp: u32,
    /// Units of the segments before this one.
    before: u32,
    duration: u16,
    last_seen: Instant,
    ended: bool,
}

impl Key {
    fn lasted(&self, clock: ClockRate) -> Duration {
        clock.duration(self.before.saturating_add(self.duration.into()))
    }

    fn end(&self, clock: ClockRate) -> RtpEvent {
        RtpEvent::TelephoneEventEnded {
            event: self.event,
            duration: self.lasted(clock),
        }
    }
}

impl KeyReceiver {
    /// A packet of the telephone-event payload type; what it tells, at most three events.
    pub(crate) fn receive(
        &mut self,
        now: Instant,
        timestamp: u32,
        payload: &[u8],
        clock: ClockRate,
        tell: &mut impl FnMut(RtpEvent),
    ) {
        let &[code, flags, high, low, ..] = payload else {
            return;
        };
        let Some(event) = TelephoneEvent::from_code(code) else {
            return;
        };
        let (end, duration) = (flags & 0x80 != 0, u16::from_be_bytes([high, low]));
        if let Some(key) = &mut self.current {
            let later = timestamp.wrapping_sub(key.timestamp) as i32;
            if later == 0 && key.event == event {
                key.last_seen = now;
                key.duration = key.duration.max(duration);
                if end && !key.ended {
                    key.ended = true;
                    tell(key.end(clock));
                }
                return;
            }
            if later <= 0 {
                // A packet of an earlier key, overtaken.
                return;
            }
            // A key held for longer than the field can say goes on where its segment ended.
            if !key.ended
                && key.event == event
                && later.unsigned_abs() >= u32::from(key.duration)
                && key.duration > 0xf000
            {
                *key = Key {
                    timestamp,
                    before: key.before.saturating_add(key.duration.into()),
                    duration,
                    last_seen: now,
                    ended: end,
                    event,
                };
                if end {
                    tell(key.end(clock));
                }
                return;
            }
            if !key.ended {
                tell(key.end(clock));
            }
        }
        let key = Key {
            event,
            timestamp,
            before: 0,
            duration,
            last_seen: now,
            ended: end,
        };
        self.current = Some(key);
        let level_dbm0 = i8::try_from(flags & 0x3f).unwrap_or(63).saturating_neg();
        tell(RtpEvent::TelephoneEvent {
            event,
            duration: key.lasted(clock),
            level_dbm0,
        });
        if end {
            tell(key.end(clock));
        }
    }

    /// When the end of the key is given up, if one is down.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        let key = self.current.filter(|key| !key.ended)?;
        key.last_seen.checked_add(LOST_END)
    }

    pub(crate) fn handle_timeout(
        &mut self,
        now: Instant,
        clock: ClockRate,
        tell: &mut impl FnMut(RtpEvent),
    ) {
        if self.deadline().is_some_and(|deadline| now >= deadline)
            && let Some(key) = &mut self.current
        {
            key.ended = true;
            tell(key.end(clock));
        }
    }

    /// Another stream: its timestamps have nothing to do with those before.
    pub(crate) fn restart(&mut self, clock: ClockRate, tell: &mut impl FnMut(RtpEvent)) {
        if let Some(key) = self.current.take().filter(|key| !key.ended) {
            tell(key.end(clock));
        }
    }
}

#[cfg(test)]
#[allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::disallowed_methods
)]
mod tests {
    use super::*;

    const CLOCK: ClockRate = ClockRate(8_000);

    fn told(packets: &[(u64, u32, [u8; 4])]) -> Vec<(char, u128)> {
        let start = Instant::now();
        let mut receiver = KeyReceiver::default();
        let mut events = Vec::new();
        let mut tell = |event| match event {
            RtpEvent::TelephoneEvent { event, .. } => events.push((event.as_char(), 0)),
            RtpEvent::TelephoneEventEnded { event, duration } => {
                events.push((event.as_char(), duration.as_millis()))
            }
            other => panic!("{other:?}"),
        };
        for &(at, timestamp, payload) in packets {
            let now = start + Duration::from_millis(at);
            receiver.handle_timeout(now, CLOCK, &mut tell);
            receiver.receive(now, timestamp, &payload, CLOCK, &mut tell);
        }
        receiver.handle_timeout(start + Duration::from_secs(10), CLOCK, &mut tell);
        events
    }

    /// Milliseconds, RTP timestamp, payload.
    type Packet = (u64, u32, [u8; 4]);
    /// Key and how long it was down in ms; 0 when it goes down.
    type Told = (char, u128);

    #[test]
    fn every_press_is_told_once_whatever_happens_to_its_packets() {
        let rows: &[(&str, &[Packet], &[Told])] = &[
            (
                "a whole key",
                &[
                    (0, 9, [5, 10, 0, 160]),
                    (20, 9, [5, 10, 1, 64]),
                    (40, 9, [5, 138, 1, 64]),
                    (60, 9, [5, 138, 1, 64]),
                ],
                &[('5', 0), ('5', 40)],
            ),
            (
                "only an end came",
                &[(0, 9, [11, 138, 1, 64])],
                &[('#', 0), ('#', 40)],
            ),
            (
                "the end was lost",
                &[(0, 9, [1, 10, 0, 160])],
                &[('1', 0), ('1', 20)],
            ),
            (
                "the same key twice",
                &[(0, 9, [1, 138, 0, 160]), (100, 900, [1, 138, 0, 160])],
                &[('1', 0), ('1', 20), ('1', 0), ('1', 20)],
            ),
            (
                "an end of the first key comes after the second has begun",
                &[
                    (0, 9, [1, 138, 0, 160]),
                    (40, 900, [2, 10, 0, 160]),
                    (41, 9, [1, 138, 0, 160]),
                    (60, 900, [2, 138, 0, 160]),
                ],
                &[('1', 0), ('1', 20), ('2', 0), ('2', 20)],
            ),
            (
                "a key of two segments",
                &[
                    (0, 0, [3, 10, 0xff, 0xff]),
                    (20, 65_535, [3, 10, 0, 160]),
                    (40, 65_535, [3, 138, 0, 160]),
                ],
                &[('3', 0), ('3', 8_211)],
            ),
            (
                "no key of ours, and too short",
                &[(0, 9, [16, 138, 0, 160])],
                &[],
            ),
        ];
        for (name, packets, events) in rows {
            assert_eq!(told(packets), *events, "{name}");
        }
    }
}
