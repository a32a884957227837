//! Sending keys (RFC 4733 section 2.5.1).

use std::collections::VecDeque;
use std::time::Duration;

use super::{TelephoneEvent, TelephoneEventError};
use crate::units::ClockRate;

/// Keys that may wait.
const MAX_WAITING: usize = 32;

/// Silence between two keys, so that the far end tells them apart.
const GAP: Duration = Duration::from_millis(40);

/// RFC 4733 section 2.5.1.4: the end packet is sent three times.
const END_PACKETS: u8 = 3;

/// Level of the tone that the far end may make of it: -10 dBm0.
const VOLUME: u8 = 10;

/// One packet of a key press.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct KeyPacket {
    /// RTP timestamp: that of the beginning of the key press, or of its segment.
    pub(crate) timestamp: u32,
    /// Set on the first packet of a key press.
    pub(crate) marker: bool,
    pub(crate) payload: [u8; 4],
}

#[derive(Debug, Default)]
pub(crate) struct KeySender {
    waiting: VecDeque<(TelephoneEvent, Duration)>,
    pressed: Option<Pressed>,
    gap: Duration,
}

#[derive(Debug)]
struct Pressed {
    event: TelephoneEvent,
    left: Duration,
    timestamp: u32,
    /// How long the segment lasts so far.
    segment: Duration,
    begun: bool,
    ends_left: u8,
}

impl KeySender {
    pub(crate) fn press(
        &mut self,
        event: TelephoneEvent,
        duration: Duration,
    ) -> Result<(), TelephoneEventError> {
        if duration.is_zero() || duration > Duration::from_secs(60) {
            return Err(TelephoneEventError::BadDuration);
        }
        if self.waiting.len() >= MAX_WAITING {
            return Err(TelephoneEventError::QueueFull(self.waiting.len()));
        }
        self.waiting.push_back((event, duration));
        Ok(())
    }

    pub(crate) fn is_busy(&self) -> bool {
        self.pressed.is_some() || !self.waiting.is_empty()
    }

    pub(crate) fn clear(&mut self) {
        self.waiting.clear();
        self.pressed = None;
    }

    /// `time` passes from `timestamp` on; the packet that tells of it, if a key is down. The timestamp is that of the audio
    /// stream, on its clock (RFC 4733 section 2.1); the duration counts on the clock of the event's own format.
    pub(crate) fn tick(
        &mut self,
        timestamp: u32,
        time: Duration,
        stream: ClockRate,
        clock: ClockRate,
    ) -> Option<KeyPacket> {
        if self.pressed.is_none() {
            self.gap = self.gap.saturating_sub(time);
            if !self.gap.is_zero() {
                return None;
            }
            let (event, duration) = self.waiting.pop_front()?;
            self.pressed = Some(Pressed {
                event,
                left: duration,
                timestamp,
                segment: Duration::ZERO,
                begun: false,
                ends_left: END_PACKETS,
            });
        }
        let pressed = self.pressed.as_mut()?;
        let step = time.min(pressed.left);
        pressed.left -= step;
        // RFC 4733 section 2.5.1.3: a key held for longer than the field can say goes on in a new segment.
        if clock.units(pressed.segment + step) > 0xffff {
            pressed.timestamp = pressed
                .timestamp
                .wrapping_add(stream.units(pressed.segment));
            pressed.segment = Duration::ZERO;
        }
        pressed.segment += step;
        let end = pressed.left.is_zero();
        let marker = !std::mem::replace(&mut pressed.begun, true);
        let duration = u16::try_from(clock.units(pressed.segment))
            .unwrap_or(u16::MAX)
            .to_be_bytes();
        let packet = KeyPacket {
            timestamp: pressed.timestamp,
            marker,
            payload: [
                pressed.event.code(),
                VOLUME | if end { 0x80 } else { 0 },
                duration[0],
                duration[1],
            ],
        };
        if end {
            pressed.ends_left -= 1;
            if pressed.ends_left == 0 {
                self.pressed = None;
                self.gap = GAP;
            }
        }
        Some(packet)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TICK: Duration = Duration::from_millis(20);
    const CLOCK: ClockRate = ClockRate(8_000);

    fn packets(sender: &mut KeySender, ticks: u32) -> Vec<Option<KeyPacket>> {
        (0..ticks)
            .map(|n| sender.tick(n * 160, TICK, CLOCK, CLOCK))
            .collect()
    }

    #[test]
    fn a_key_grows_and_its_end_is_sent_three_times() {
        let mut sender = KeySender::default();
        sender
            .press(
                TelephoneEvent::from_char('5').unwrap(),
                Duration::from_millis(60),
            )
            .unwrap();
        let seen: Vec<_> = packets(&mut sender, 6).into_iter().flatten().collect();
        let durations: Vec<u16> = seen
            .iter()
            .map(|p| u16::from_be_bytes([p.payload[2], p.payload[3]]))
            .collect();
        assert_eq!(durations, [160, 320, 480, 480, 480]);
        assert_eq!(
            seen.iter().map(|p| p.payload[1] >> 7).collect::<Vec<_>>(),
            [0, 0, 1, 1, 1]
        );
        assert_eq!(seen.iter().filter(|p| p.marker).count(), 1);
        assert!(seen.iter().all(|p| p.timestamp == 0 && p.payload[0] == 5));
        assert!(!sender.is_busy());
    }

    #[test]
    fn keys_are_40_ms_apart() {
        let mut sender = KeySender::default();
        for key in ['1', '2'] {
            sender
                .press(TelephoneEvent::from_char(key).unwrap(), TICK)
                .unwrap();
        }
        let keys: Vec<_> = packets(&mut sender, 8)
            .into_iter()
            .map(|p| p.map(|p| p.payload[0]))
            .collect();
        assert_eq!(
            keys,
            [
                Some(1),
                Some(1),
                Some(1),
                None,
                Some(2),
                Some(2),
                Some(2),
                None
            ]
        );
    }

    #[test]
    fn a_long_key_goes_on_in_segments() {
        let mut sender = KeySender::default();
        sender
            .press(
                TelephoneEvent::from_char('#').unwrap(),
                Duration::from_secs(10),
            )
            .unwrap();
        let seen: Vec<_> = packets(&mut sender, 510).into_iter().flatten().collect();
        let mut starts: Vec<u32> = seen.iter().map(|p| p.timestamp).collect();
        starts.dedup();
        assert_eq!(starts, [0, 65_440]);
        assert_eq!(seen.iter().filter(|p| p.marker).count(), 1);
    }

    #[test]
    fn impossible_durations_and_floods_are_refused() {
        let mut sender = KeySender::default();
        let key = TelephoneEvent::from_char('1').unwrap();
        assert_eq!(
            sender.press(key, Duration::ZERO),
            Err(TelephoneEventError::BadDuration)
        );
        for _ in 0..MAX_WAITING {
            sender.press(key, TICK).unwrap();
        }
        assert_eq!(
            sender.press(key, TICK),
            Err(TelephoneEventError::QueueFull(MAX_WAITING))
        );
    }
}
