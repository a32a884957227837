//! Which payload type number means which of our formats, through the offers of one call.

use crate::static_payload_types;
use crate::telephone_event;

/// Dynamic numbers (RFC 3551 section 6).
const DYNAMIC: std::ops::RangeInclusive<u8> = 96..=127;
/// Numbers that RFC 3551 leaves unassigned and that no RTCP packet type collides with (RFC 5761 section 4).
const SPARE: std::ops::RangeInclusive<u8> = 35..=63;
/// The number that half of all telephones take telephone-event at 8000 Hz for, whatever the SDP says.
const TELEPHONE_EVENT: u8 = 101;

/// What a number stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct FormatKey {
    pub(crate) encoding_name: String,
    pub(crate) clock_rate: u32,
    pub(crate) channels: u16,
    pub(crate) fmtp: Option<String>,
}

/// The numbers given so far.
///
/// RFC 3264 section 8.3.2: within a call a number must not come to mean another format.
#[derive(Debug, Clone, Default)]
pub(crate) struct PayloadTypeMap {
    entries: Vec<(FormatKey, u8)>,
}

impl PayloadTypeMap {
    /// The number for a format in our offer; `None` when all are used up.
    pub(crate) fn assign(&mut self, key: FormatKey, preferred: Option<u8>) -> Option<u8> {
        if let Some((_, number)) = self.entries.iter().find(|(known, _)| *known == key) {
            return Some(*number);
        }
        let fixed =
            static_payload_types::payload_type_of(&key.encoding_name, key.clock_rate, key.channels);
        let is_event = key.encoding_name == telephone_event::ENCODING_NAME
            && key.clock_rate == telephone_event::COMMON_CLOCK;
        let wished = preferred
            .filter(|number| DYNAMIC.contains(number) || SPARE.contains(number))
            .or_else(|| is_event.then_some(TELEPHONE_EVENT));
        let number = [fixed, wished]
            .into_iter()
            .flatten()
            .chain(DYNAMIC.filter(|number| *number != TELEPHONE_EVENT))
            .chain([TELEPHONE_EVENT])
            .chain(SPARE)
            .find(|number| !self.is_used(*number))?;
        self.entries.push((key, number));
        Some(number)
    }

    /// Takes over the peer's numbering, so that our later offers keep it.
    pub(crate) fn record(&mut self, key: FormatKey, number: u8) {
        self.entries
            .retain(|(known, used)| *known != key && *used != number);
        self.entries.push((key, number));
    }

    fn is_used(&self, number: u8) -> bool {
        self.entries.iter().any(|(_, used)| *used == number)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(name: &str, clock_rate: u32) -> FormatKey {
        FormatKey {
            encoding_name: name.to_owned(),
            clock_rate,
            channels: 1,
            fmtp: None,
        }
    }

    #[test]
    fn static_formats_keep_their_number_and_others_get_a_dynamic_one() {
        let mut map = PayloadTypeMap::default();
        assert_eq!(map.assign(key("pcma", 8_000), Some(99)), Some(8));
        assert_eq!(map.assign(key("X", 16_000), None), Some(96));
        assert_eq!(map.assign(key("Y", 16_000), Some(120)), Some(120));
        assert_eq!(map.assign(key("Z", 16_000), Some(120)), Some(97));
        assert_eq!(map.assign(key("X", 16_000), Some(111)), Some(96));
    }

    #[test]
    fn a_wish_for_a_number_with_another_fixed_meaning_is_not_granted() {
        let mut map = PayloadTypeMap::default();
        assert_eq!(map.assign(key("X", 16_000), Some(0)), Some(96));
        assert_eq!(map.assign(key("Y", 16_000), Some(72)), Some(97));
    }

    #[test]
    fn the_peers_number_displaces_what_stood_there() {
        let mut map = PayloadTypeMap::default();
        map.assign(key("X", 16_000), None);
        map.record(key("Y", 16_000), 96);
        assert_eq!(map.assign(key("Y", 16_000), None), Some(96));
        assert_eq!(map.assign(key("X", 16_000), None), Some(97));
    }

    #[test]
    fn sixty_one_numbers_are_there_to_give() {
        let mut map = PayloadTypeMap::default();
        let given: std::collections::BTreeSet<u8> = (0..70)
            .filter_map(|clock| map.assign(key("X", clock), None))
            .collect();
        assert_eq!(given.len(), 61);
    }
}
