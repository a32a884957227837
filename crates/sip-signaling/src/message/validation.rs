//! What a request must be, beyond that it parses, before anything is done with it (RFC 3261 sections 8.1.1 and 8.2).

#![deny(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects
)]

use super::{
    method::Method, name_addr::NameAddr, request::Request, status::StatusCode, uri::UriError,
    via::Via,
};

/// Headers of which a request has one at most (RFC 3261 section 7.3.1).
const SINGLE: [&str; 6] = [
    "From",
    "To",
    "Call-ID",
    "CSeq",
    "Max-Forwards",
    "Content-Type",
];

/// The status with which a request has to be refused whoever it is for; `None` for a sound one.
///
/// Order matters where a request has several faults: a method that nobody knows says least about what the rest means.
pub(crate) fn refusal(request: &Request) -> Option<StatusCode> {
    if matches!(request.method, Method::Other(_)) {
        return Some(StatusCode::NOT_IMPLEMENTED);
    }
    let sound = is_counted_right(request)
        && vias_parse(request)
        && request.call_id().is_some_and(|id| !id.is_empty())
        && request.headers.get("To").is_some_and(is_address)
        && request.headers.get("From").is_some_and(is_tagged)
        && contacts_parse(request)
        && cseq_fits(request)
        // RFC 3261 table 1 and section 19.1.5: a Request-URI has no headers.
        && request.uri.headers().is_none();
    (!sound).then_some(StatusCode::BAD_REQUEST)
}

fn is_counted_right(request: &Request) -> bool {
    SINGLE
        .iter()
        .all(|name| request.headers.get_all(name).count() <= 1)
}

fn cseq_fits(request: &Request) -> bool {
    request
        .cseq()
        .is_some_and(|(_, method)| method == request.method)
}

fn vias_parse(request: &Request) -> bool {
    let vias = request.headers.get_list("Via");
    !vias.is_empty() && vias.into_iter().all(|via| Via::parse(via).is_some())
}

fn contacts_parse(request: &Request) -> bool {
    request
        .headers
        .get_list("Contact")
        .into_iter()
        .all(|contact| contact == "*" || is_address(contact))
}

/// A scheme that nobody here knows is no fault: the address may be meant for somebody else.
fn is_address(value: &str) -> bool {
    matches!(NameAddr::parse(value), Ok(_) | Err(UriError::UnknownScheme))
}

/// RFC 3261 section 8.1.1.3. Callers of RFC 2543 have no tag, and rsipstack does not tell their transactions apart.
fn is_tagged(from: &str) -> bool {
    is_address(from) && NameAddr::parse(from).map_or(true, |from| from.tag().is_some())
}
