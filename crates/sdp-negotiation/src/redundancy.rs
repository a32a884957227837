//! Redundant audio data in offers and answers (RFC 2198 section 5).

use crate::payload_type_map::FormatKey;
use crate::rtpmap::Rtpmap;

/// Its encoding name.
pub(crate) const ENCODING_NAME: &str = "red";

/// Whether a format is redundant data for audio of a clock. Channels are not looked at: some write none for a codec of two.
pub(crate) fn is_redundancy(map: &Rtpmap, clock_rate: u32) -> bool {
    map.encoding_name.eq_ignore_ascii_case(ENCODING_NAME) && map.clock_rate == clock_rate
}

/// What stands for it in the table of numbers.
pub(crate) fn key(clock_rate: u32) -> FormatKey {
    FormatKey {
        encoding_name: ENCODING_NAME.to_owned(),
        clock_rate,
        channels: 1,
        fmtp: None,
    }
}

/// Its parameters: the payload type of the primary block, then that of each older one, as in `0/0`.
pub(crate) fn parameters(payload_type: u8, generations: u8) -> String {
    let older = usize::from(generations.clamp(1, 4));
    let number = payload_type.to_string();
    vec![number; older.saturating_add(1)].join("/")
}
