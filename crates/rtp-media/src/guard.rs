//! Length checks on datagrams before the `rtp` and `rtcp` crates see a byte.
#![deny(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects
)]

use std::ops::Range;

/// Whether `rtp` 0.17 can parse this datagram without panicking.
pub fn rtp_is_sound(bytes: &[u8]) -> bool {
    rtp_payload_range(bytes).is_some()
}

/// Where the payload lies.
pub fn rtp_payload_range(bytes: &[u8]) -> Option<Range<usize>> {
    (bytes.len() >= 12).then_some(12..bytes.len())
}

/// Whether `rtcp` 0.17 can parse this datagram without panicking.
pub fn rtcp_is_sound(bytes: &[u8]) -> bool {
    bytes.len() >= 8
}
