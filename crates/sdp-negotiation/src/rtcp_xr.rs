//! `a=rtcp-xr:<parameters>`: which extended reports are wished for (RFC 3611 section 5).

use crate::attribute::Attribute;
use crate::negotiated::NegotiatedExtendedReports;

/// The attribute's name.
const NAME: &str = "rtcp-xr";
const VOIP_METRICS: &str = "voip-metrics";
const RECEIVER_ROUND_TRIP: &str = "rcvr-rtt";

/// The attribute in an offer of ours.
pub(crate) fn offered() -> Attribute {
    Attribute::new(NAME, format!("{VOIP_METRICS} {RECEIVER_ROUND_TRIP}=all"))
}

/// The attribute in our answer to a peer with these wishes. RFC 3611 section 5.2: each side asks for the metrics on its own,
/// but reference times need both.
pub(crate) fn answered(theirs: NegotiatedExtendedReports) -> Attribute {
    match theirs.receiver_reference_time {
        true => offered(),
        false => Attribute::new(NAME, VOIP_METRICS),
    }
}

/// What a peer wishes; `None` without the attribute. That of the stream goes before that of the session.
pub(crate) fn wishes(
    media: &[Attribute],
    session: &[Attribute],
) -> Option<NegotiatedExtendedReports> {
    let attribute = [media, session].into_iter().find_map(|attributes| {
        attributes
            .iter()
            .find(|attribute| attribute.name.eq_ignore_ascii_case(NAME))
    })?;
    let mut wishes = NegotiatedExtendedReports::default();
    for parameter in attribute
        .value
        .iter()
        .flat_map(|text| text.split_whitespace())
    {
        let name = parameter
            .split_once('=')
            .map_or(parameter, |(name, _)| name);
        wishes.voip_metrics |= name.eq_ignore_ascii_case(VOIP_METRICS);
        wishes.receiver_reference_time |= name.eq_ignore_ascii_case(RECEIVER_ROUND_TRIP);
    }
    Some(wishes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(value: Option<&str>, expected: Option<(bool, bool)>) {
        let attributes: Vec<Attribute> =
            value.map(|v| Attribute::new(NAME, v)).into_iter().collect();
        let wishes = wishes(&attributes, &[]);
        let wishes = wishes.map(|w| (w.voip_metrics, w.receiver_reference_time));
        assert_eq!(wishes, expected, "{value:?}");
    }

    #[test]
    fn wishes_are_read_and_what_is_unknown_is_passed_over() {
        check(None, None);
        check(Some(""), Some((false, false)));
        check(Some("voip-metrics"), Some((true, false)));
        check(
            Some("pkt-loss-rle=100 rcvr-rtt=all:10 VoIP-Metrics"),
            Some((true, true)),
        );
        check(Some("stat-summary=loss,dup"), Some((false, false)));
    }

    #[test]
    fn the_stream_goes_before_the_session() {
        let none = [Attribute::new(NAME, "")];
        assert_eq!(
            wishes(&none, &[offered()]),
            Some(NegotiatedExtendedReports::default())
        );
        assert!(wishes(&[], &[offered()]).is_some_and(|wishes| wishes.voip_metrics));
    }
}
