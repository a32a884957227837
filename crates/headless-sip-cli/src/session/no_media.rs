//! Why no sound arrives, for programs and for persons.

use headless_sip::NoMediaCause;

/// The name that programs read.
pub(super) fn name(cause: &NoMediaCause) -> &'static str {
    match cause {
        NoMediaCause::NothingArrives => "nothing_arrives",
        NoMediaCause::FromAnotherAddress { .. } => "from_another_address",
        NoMediaCause::WrongPayloadType { .. } => "wrong_payload_type",
        NoMediaCause::SrtpExpected => "srtp_expected",
        NoMediaCause::NotRtp => "not_rtp",
        _ => "unknown",
    }
}

/// What it means and what to do.
pub(super) fn explain(cause: &NoMediaCause) -> String {
    match cause {
        NoMediaCause::NothingArrives => {
            "not one packet comes; look for a firewall or an address translation between here and there, and at --local".into()
        }
        NoMediaCause::FromAnotherAddress { expected, seen } => {
            format!("packets come from {seen}, but {expected} was agreed on; the far end sits behind an address translation")
        }
        NoMediaCause::WrongPayloadType { seen } => {
            format!("packets come with payload type {}, which was not agreed on; the far end sends another codec", seen.0)
        }
        NoMediaCause::SrtpExpected => "the far end encrypts its sound; turn SRTP off there".into(),
        NoMediaCause::NotRtp => "datagrams come that are no RTP; something else uses this port".into(),
        other => format!("{other:?}"),
    }
}
