//! Names of transactions, and the Via headers that they come from.

#![deny(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects
)]

use sip_signaling::message::Via;
use sip_signaling::{HeaderList, Method, Request};
use std::hash::{DefaultHasher, Hash, Hasher};

/// RFC 3261 section 8.1.1.7: branches of today's rules start with this.
const MAGIC_COOKIE: &str = "z9hG4bK";

/// What a request belongs to. INVITE, its CANCEL and the ACK of its failure share the name
/// (RFC 3261 section 17.2.3).
pub(super) fn transaction_name(request: &Request) -> Option<String> {
    let via = request.via()?;
    let sent_by = format!("{}:{}", via.host, via.port.unwrap_or(0));
    match via
        .branch()
        .filter(|branch| branch.starts_with(MAGIC_COOKIE))
    {
        Some(branch) => Some(format!("{branch}|{sent_by}")),
        None => {
            let from = request.headers.get("From").unwrap_or_default();
            let cseq = request.cseq().map_or(0, |(number, _)| number);
            let parts = (
                via.to_string(),
                from,
                request.call_id(),
                cseq,
                request.uri.to_string(),
            );
            Some(format!("{:016x}|{sent_by}", hash(&parts)))
        }
    }
}

/// The name for answers that are kept: as above with the method, where ACK and CANCEL are their own.
pub(super) fn reply_name(transaction: &str, method: &Method) -> String {
    format!("{transaction}|{method}")
}

/// The branch that the PBX puts into its own Via: the same for every retransmission (RFC 3261
/// section 16.11), its end telling apart a loop from a spiral (section 16.6, step 8).
pub(super) fn own_branch(transaction: &str, request: &Request) -> String {
    format!(
        "{MAGIC_COOKIE}{:016x}{:016x}",
        hash(&transaction),
        loop_mark(request)
    )
}

/// The fields that decide where a request goes.
fn loop_mark(request: &Request) -> u64 {
    // Not the tag of To: the ACK of a failure has one where its INVITE had none, and both need the
    // same branch.
    let from_tag = request
        .from()
        .and_then(|from| from.tag().map(str::to_owned));
    let route: Vec<String> = request
        .headers
        .get_list("Route")
        .into_iter()
        .map(str::to_owned)
        .collect();
    let cseq = request.cseq().map_or(0, |(number, _)| number);
    let call_id = request.call_id().unwrap_or_default();
    hash(&(request.uri.to_string(), from_tag, call_id, cseq, route))
}

/// Has the PBX passed on this very request before?
pub(super) fn is_loop(request: &Request, is_own: impl Fn(&Via) -> bool) -> bool {
    let mark = format!("{:016x}", loop_mark(request));
    let vias = request.headers.get_list("Via");
    vias.into_iter()
        .filter_map(Via::parse)
        .filter(is_own)
        .any(|via| via.branch().is_some_and(|b| b.ends_with(&mark)))
}

/// Replaces all Via headers by these, in order, at the top.
pub(super) fn set_vias(headers: &mut HeaderList, vias: &[String]) {
    headers.remove("Via");
    for via in vias.iter().rev() {
        // The values come from a parsed message and so hold no line break.
        let _ = headers.push_front("Via", via.clone());
    }
}

/// The elements of all Via headers.
pub(super) fn vias(headers: &HeaderList) -> Vec<String> {
    headers
        .get_list("Via")
        .into_iter()
        .map(str::to_owned)
        .collect()
}

/// The tag that the PBX gives to To in its own answers: the same for every retransmission.
pub(super) fn own_tag(transaction: &str) -> String {
    format!("pbx{:016x}", hash(&transaction))
}

/// The same in every run: the hasher starts from fixed keys.
fn hash(value: &impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    value.hash(&mut hasher);
    hasher.finish()
}
