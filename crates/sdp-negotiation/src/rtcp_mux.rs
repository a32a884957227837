//! `a=rtcp-mux`: RTP and RTCP on one port (RFC 5761 section 5.1.1).

/// The attribute's name.
pub(crate) const NAME: &str = "rtcp-mux";

/// Whether RTCP shares the RTP port.
pub(crate) fn negotiated(offered: bool, answered: bool) -> bool {
    // RFC 5761 section 5.1.1: multiplexing is used only if offer and answer both hold the attribute.
    offered && answered
}
