//! Payload types with a fixed meaning (RFC 3551 section 6), which need no `a=rtpmap`.

use crate::rtpmap::Rtpmap;

/// Number, encoding name, clock rate in Hz, channels.
const TABLE: [(u8, &str, u32, u16); 17] = [
    (0, "PCMU", 8_000, 1),
    (3, "GSM", 8_000, 1),
    (4, "G723", 8_000, 1),
    (5, "DVI4", 8_000, 1),
    (6, "DVI4", 16_000, 1),
    (7, "LPC", 8_000, 1),
    (8, "PCMA", 8_000, 1),
    (9, "G722", 8_000, 1),
    (10, "L16", 44_100, 2),
    (11, "L16", 44_100, 1),
    (12, "QCELP", 8_000, 1),
    (13, "CN", 8_000, 1),
    (14, "MPA", 90_000, 1),
    (15, "G728", 8_000, 1),
    (16, "DVI4", 11_025, 1),
    (17, "DVI4", 22_050, 1),
    (18, "G729", 8_000, 1),
];

/// The meaning of a payload type that stands without `a=rtpmap`.
pub(crate) fn rtpmap_of(payload_type: u8) -> Option<Rtpmap> {
    TABLE
        .into_iter()
        .find(|(number, ..)| *number == payload_type)
        .map(|(payload_type, name, clock_rate, channels)| Rtpmap {
            payload_type,
            encoding_name: name.to_owned(),
            clock_rate,
            channels,
        })
}

/// The fixed payload type of an encoding.
pub(crate) fn payload_type_of(name: &str, clock_rate: u32, channels: u16) -> Option<u8> {
    TABLE
        .into_iter()
        .find(|row| row.1.eq_ignore_ascii_case(name) && row.2 == clock_rate && row.3 == channels)
        .map(|row| row.0)
}
