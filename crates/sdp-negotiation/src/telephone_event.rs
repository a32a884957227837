//! telephone-event in offers and answers (RFC 4733 section 2.4).

use crate::capabilities::AudioFormat;
use crate::rtpmap::Rtpmap;

/// Its encoding name.
pub(crate) const ENCODING_NAME: &str = "telephone-event";

/// The events that we know: 0-9, *, #, A-D.
pub(crate) const EVENTS: &str = "0-15";

/// The clock to fall back to when the audio format's own is not on the table.
pub(crate) const COMMON_CLOCK: u32 = 8_000;

/// The clocks to offer: one for each clock among the formats, in the formats' order, and 8000 Hz beside them.
///
/// RFC 4733 section 2.1: events share the timestamp of the audio they stand in for, so they need its clock. Many peers that
/// speak Opus know telephone-event at 8000 Hz alone, and would leave it out of their answer.
pub(crate) fn clocks_to_offer(formats: &[AudioFormat]) -> Vec<u32> {
    let mut clocks = Vec::new();
    for clock in formats
        .iter()
        .map(|format| format.clock_rate)
        .chain([COMMON_CLOCK])
    {
        if !clocks.contains(&clock) {
            clocks.push(clock);
        }
    }
    clocks
}

/// Whether a format is telephone-event.
pub(crate) fn is_telephone_event(map: &Rtpmap) -> bool {
    map.encoding_name.eq_ignore_ascii_case(ENCODING_NAME)
}

/// The entry to use with audio at `clock_rate`: that clock, else 8000 Hz, else whatever is there.
pub(crate) fn choose<T>(
    entries: impl Iterator<Item = T> + Clone,
    clock_of: impl Fn(&T) -> u32,
    clock_rate: u32,
) -> Option<T> {
    let at = |clock| entries.clone().find(|entry| clock_of(entry) == clock);
    at(clock_rate)
        .or_else(|| at(COMMON_CLOCK))
        .or_else(|| entries.clone().next())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_clocks_are_offered_with_opus_and_g711() {
        let formats = [
            AudioFormat::opus(),
            AudioFormat::pcmu(),
            AudioFormat::pcma(),
        ];
        assert_eq!(clocks_to_offer(&formats), [48_000, 8_000]);
        assert_eq!(clocks_to_offer(&formats[..1]), [48_000, 8_000]);
        assert_eq!(clocks_to_offer(&formats[1..]), [8_000]);
    }

    #[test]
    fn the_codecs_clock_wins_then_8000_then_any() {
        let pick = |clocks: &[u32]| choose(clocks.iter().copied(), |clock| *clock, 48_000);
        assert_eq!(pick(&[8_000, 48_000]), Some(48_000));
        assert_eq!(pick(&[16_000, 8_000]), Some(8_000));
        assert_eq!(pick(&[16_000]), Some(16_000));
        assert_eq!(pick(&[]), None);
    }
}
