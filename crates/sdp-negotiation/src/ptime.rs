//! `a=ptime` and `a=maxptime`: audio per packet, in milliseconds (RFC 8866 sections 6.4 and 6.5).

/// Name of the attribute for the wished packet time.
pub(crate) const PTIME: &str = "ptime";

/// Name of the attribute for the longest packet time.
pub(crate) const MAXPTIME: &str = "maxptime";

/// Packet times outside this range are taken for a fault of the peer and ignored.
const SANE_MS: std::ops::RangeInclusive<u32> = 1..=1_000;

/// Reads the value of `a=ptime` or `a=maxptime` in ms; `None` when it is no number or out of all reason.
///
/// A fraction (some stacks write `20.0`, and Opus knows 2.5 ms) is cut off.
#[must_use]
pub(crate) fn parse_packet_time(value: &str) -> Option<u32> {
    let whole = value.trim().split('.').next()?;
    whole.parse().ok().filter(|ms| SANE_MS.contains(ms))
}

/// Packet times that all our codecs can frame, in ms.
const SENDABLE_MS: std::ops::RangeInclusive<u32> = 10..=120;

/// The packet time to send with, in ms: the one the peer wishes to receive, else our own, never more than
/// the peer's `maxptime`; a multiple of 10 from 10 to 120.
#[must_use]
pub(crate) fn choose_ptime(ours: u32, peers: Option<u32>, peers_max: Option<u32>) -> u32 {
    // RFC 3264 section 6.1: the ptime of a description is what its writer would like to receive.
    let wished = peers.unwrap_or(ours);
    let allowed = peers_max.map_or(wished, |max| wished.min(max));
    let clamped = allowed.clamp(*SENDABLE_MS.start(), *SENDABLE_MS.end());
    clamped.saturating_sub(clamped % 10)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packet_times_are_whole_sane_milliseconds() {
        assert_eq!(parse_packet_time("20"), Some(20));
        assert_eq!(parse_packet_time(" 30.0 "), Some(30));
        for value in ["", "0", "-20", "20000", "abc", "2 0"] {
            assert_eq!(parse_packet_time(value), None, "{value}");
        }
    }

    #[test]
    fn the_peers_wish_wins_within_its_maximum() {
        assert_eq!(choose_ptime(20, None, None), 20);
        assert_eq!(choose_ptime(20, Some(30), None), 30);
        assert_eq!(choose_ptime(60, None, Some(40)), 40);
        assert_eq!(choose_ptime(20, Some(60), Some(40)), 40);
    }

    #[test]
    fn what_no_codec_frames_is_rounded() {
        assert_eq!(choose_ptime(20, Some(2), None), 10);
        assert_eq!(choose_ptime(20, Some(35), None), 30);
        assert_eq!(choose_ptime(20, Some(1_000), None), 120);
    }
}
