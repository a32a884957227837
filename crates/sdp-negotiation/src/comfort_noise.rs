//! Comfort noise in offers and answers (RFC 3389 section 4).

use crate::payload_type_map::FormatKey;
use crate::rtpmap::Rtpmap;

/// Its encoding name.
pub(crate) const ENCODING_NAME: &str = "CN";

/// RFC 3389 section 4: the static payload type is for codecs of this clock, and only that is used here.
pub(crate) const CLOCK_RATE: u32 = 8_000;

/// The static payload type.
pub(crate) const PAYLOAD_TYPE: u8 = 13;

/// Whether a format is comfort noise of the one clock that we use.
pub(crate) fn is_comfort_noise(map: &Rtpmap) -> bool {
    map.encoding_name.eq_ignore_ascii_case(ENCODING_NAME) && map.clock_rate == CLOCK_RATE
}

/// What stands for it in the table of numbers.
pub(crate) fn key() -> FormatKey {
    FormatKey {
        encoding_name: ENCODING_NAME.to_owned(),
        clock_rate: CLOCK_RATE,
        channels: 1,
        fmtp: None,
    }
}
