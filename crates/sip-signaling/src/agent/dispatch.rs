//! Brings each message to the call it belongs to, and answers what belongs to none.

use std::sync::{Arc, Weak};

use tokio::sync::mpsc;

use super::{
    incoming, messages, notifier,
    user_agent::{CallInput, Inner},
};
use crate::{
    Method, Request, Response, StatusCode,
    agent_headers::{ACCEPTED_TYPES, SESSION_TYPE, SUPPORTED},
    message::Params,
    session::DialogId,
    transaction::{LayerEvent, ServerTransaction},
};

pub(super) async fn run(inner: Weak<Inner>, mut events: mpsc::Receiver<LayerEvent>) {
    while let Some(event) = events.recv().await {
        let Some(inner) = inner.upgrade() else { return };
        match event {
            LayerEvent::Request(transaction) => dispatch(&inner, transaction),
            LayerEvent::InviteSuccess(response) => success(&inner, response),
        }
    }
}

fn dispatch(inner: &Arc<Inner>, transaction: Box<ServerTransaction>) {
    let request = &transaction.request;
    // RFC 3261 section 8.2.2.3.
    let unknown: Vec<&str> = request
        .headers
        .get_list("Require")
        .into_iter()
        .filter(|tag| !is_supported(tag))
        .collect();
    if !unknown.is_empty() && request.method != Method::Ack {
        let required = unknown.join(", ");
        return answer(
            inner,
            transaction,
            StatusCode::BAD_EXTENSION,
            &[("Unsupported", &required)],
        );
    }
    match in_dialog(request) {
        Some(id) => match inner
            .call(&id)
            .or_else(|| inner.invite(&(id.call_id.clone(), id.local_tag.clone())))
        {
            Some(inputs) => {
                if let Err(mpsc::error::SendError(CallInput::Request(transaction))) =
                    inputs.send(CallInput::Request(transaction))
                {
                    refuse(inner, transaction, StatusCode::CALL_DOES_NOT_EXIST);
                }
            }
            None => refuse(inner, transaction, StatusCode::CALL_DOES_NOT_EXIST),
        },
        None => outside(inner, transaction),
    }
}

fn is_supported(tag: &str) -> bool {
    SUPPORTED
        .split(", ")
        .any(|known| known.eq_ignore_ascii_case(tag))
}

fn outside(inner: &Arc<Inner>, transaction: Box<ServerTransaction>) {
    let new_call = matches!(transaction.request.method, Method::Invite | Method::Options);
    if let (true, Some(pause)) = (new_call, inner.retry_after()) {
        let status = StatusCode::SERVICE_UNAVAILABLE;
        return answer(inner, transaction, status, &[("Retry-After", &pause)]);
    }
    match transaction.request.method {
        Method::Invite => match unacceptable(&transaction.request) {
            Some((status, header)) => answer(inner, transaction, status, &[header]),
            None => incoming::arrive(inner, transaction),
        },
        Method::Options => answer(
            inner,
            transaction,
            StatusCode::OK,
            &[("Accept", ACCEPTED_TYPES)],
        ),
        Method::Message => {
            let unheard = StatusCode::METHOD_NOT_ALLOWED;
            messages::arrive(inner, transaction, inner.message_queue(), unheard)
        }
        Method::Notify => {
            let unheard = StatusCode::CALL_DOES_NOT_EXIST;
            messages::arrive(inner, transaction, inner.notification_queue(), unheard)
        }
        Method::Subscribe => notifier::arrive(inner, transaction),
        Method::Bye | Method::Info | Method::Update | Method::Prack => {
            refuse(inner, transaction, StatusCode::CALL_DOES_NOT_EXIST)
        }
        Method::Other(_) => refuse(inner, transaction, StatusCode::NOT_IMPLEMENTED),
        _ => refuse(inner, transaction, StatusCode::METHOD_NOT_ALLOWED),
    }
}

/// An INVITE whose body nobody here can read, or whose caller cannot read what an answer holds.
fn unacceptable(request: &Request) -> Option<(StatusCode, (&'static str, &'static str))> {
    let headers = &request.headers;
    let readable = headers.get("Content-Type").is_none_or(is_sdp)
        // RFC 3261 section 20.11.
        || headers
            .get("Content-Disposition")
            .is_some_and(|text| Params::parse(text).get("handling") == Some("optional"));
    let plain = headers
        .get_list("Content-Encoding")
        .into_iter()
        .all(|name| name.eq_ignore_ascii_case("identity"));
    if !request.body.is_empty() && !readable {
        return Some((StatusCode::UNSUPPORTED_MEDIA_TYPE, ("Accept", SESSION_TYPE)));
    }
    if !request.body.is_empty() && !plain {
        return Some((
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            ("Accept-Encoding", "identity"),
        ));
    }
    // RFC 3261 section 20.1: without the header everything may be assumed, an empty one takes nothing.
    let takes = headers.get_list("Accept");
    (headers.contains("Accept") && !takes.into_iter().any(takes_sdp))
        .then_some((StatusCode::NOT_ACCEPTABLE, ("Accept", SESSION_TYPE)))
}

fn media_type(value: &str) -> &str {
    value.split(';').next().unwrap_or("").trim()
}

fn is_sdp(value: &str) -> bool {
    media_type(value).eq_ignore_ascii_case(SESSION_TYPE)
}

fn takes_sdp(range: &str) -> bool {
    is_sdp(range)
        || ["application/*", "*/*"]
            .iter()
            .any(|wide| media_type(range).eq_ignore_ascii_case(wide))
}

fn success(inner: &Arc<Inner>, response: Box<Response>) {
    let tags = (
        response
            .from()
            .and_then(|from| from.tag().map(str::to_owned)),
        response.to().and_then(|to| to.tag().map(str::to_owned)),
    );
    let (Some(call_id), (Some(local_tag), Some(remote_tag))) =
        (response.call_id().map(str::to_owned), tags)
    else {
        return;
    };
    let id = DialogId {
        call_id,
        local_tag,
        remote_tag,
    };
    if let Some(inputs) = inner
        .call(&id)
        .or_else(|| inner.invite(&(id.call_id.clone(), id.local_tag.clone())))
    {
        inputs.send(CallInput::Success(response)).ok();
    }
}

fn in_dialog(request: &Request) -> Option<DialogId> {
    Some(DialogId {
        call_id: request.call_id()?.to_owned(),
        local_tag: request.to()?.tag()?.to_owned(),
        remote_tag: request.from()?.tag()?.to_owned(),
    })
}

/// Answers with a status alone; `Allow` stands in every answer.
pub(super) fn refuse(inner: &Inner, transaction: Box<ServerTransaction>, status: StatusCode) {
    answer(inner, transaction, status, &[]);
}

pub(super) fn answer(
    inner: &Inner,
    mut transaction: Box<ServerTransaction>,
    status: StatusCode,
    headers: &[(&str, &str)],
) {
    let mut response = inner.response(
        &transaction.request,
        status,
        Some(&super::clock::token(12)),
        transaction.source,
    );
    for (name, value) in headers {
        response.headers.push_raw(name, *value);
    }
    transaction.responder.send(&response);
}
