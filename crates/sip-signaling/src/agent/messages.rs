//! Requests outside calls: MESSAGE both ways (RFC 3428), OPTIONS and others out.

use std::sync::Arc;

use tokio::sync::mpsc;

use super::{
    auth::{Authenticator, rejected},
    clock::first_cseq,
    config::RequestOptions,
    dispatch::refuse,
    outgoing_task::outside_request,
    user_agent::{Inner, add_custom, check_headers},
};
use crate::{
    Body, HeaderList, Method, NameAddr, Response, SignalingError, StatusCode,
    transaction::ServerTransaction,
};

/// A MESSAGE or a NOTIFY of a peer, outside any call and subscription; answered 200 already.
#[derive(Debug, Clone)]
pub struct IncomingMessage {
    /// From: the sender, verified by nobody.
    pub from: NameAddr,
    /// To.
    pub to: NameAddr,
    /// All headers.
    pub headers: HeaderList,
    /// The text or the state, and its type.
    pub body: Option<Body>,
}

/// A queue of incoming MESSAGEs or NOTIFYs. Dropping it refuses further ones.
#[derive(Debug)]
pub struct IncomingMessages {
    pub(super) queue: mpsc::Receiver<IncomingMessage>,
}

impl IncomingMessages {
    /// The next message; `None` once the user agent is gone.
    ///
    /// Cancel safe.
    pub async fn recv(&mut self) -> Option<IncomingMessage> {
        self.queue.recv().await
    }
}

/// A MESSAGE or NOTIFY outside any call: 200 if it found its place in the queue, `unheard` if there is none.
pub(super) fn arrive(
    inner: &Inner,
    transaction: Box<ServerTransaction>,
    queue: Option<mpsc::Sender<IncomingMessage>>,
    unheard: StatusCode,
) {
    let request = &transaction.request;
    let (Some(from), Some(to)) = (request.from(), request.to()) else {
        return refuse(inner, transaction, StatusCode::BAD_REQUEST);
    };
    let message = IncomingMessage {
        from,
        to,
        headers: request.headers.clone(),
        body: request.body(),
    };
    let status = match queue.map(|queue| queue.try_reserve_owned().ok()) {
        Some(Some(slot)) => {
            slot.send(message);
            StatusCode::OK
        }
        Some(None) => StatusCode::TEMPORARILY_UNAVAILABLE,
        None => unheard,
    };
    refuse(inner, transaction, status);
}

pub(super) async fn send(
    inner: &Arc<Inner>,
    options: RequestOptions,
) -> Result<Response, SignalingError> {
    let method = &options.method;
    if !matches!(
        method,
        Method::Message | Method::Options | Method::Publish | Method::Other(_)
    ) {
        return Err(SignalingError::input(
            "method",
            format!("{method} is not for requests outside calls"),
        ));
    }
    check_headers(&options.headers, true)?;
    let (target, route) = (&options.target, &options.route);
    let hop = inner.first_hop(options.proxy.as_ref(), route, target);
    let mut base = outside_request(method.clone(), target, &options.from, hop, route);
    inner.add_agent_headers(&mut base.headers);
    if *method == Method::Options {
        base.headers
            .push_raw("Accept", crate::agent_headers::ACCEPTED_TYPES);
    }
    add_custom(&mut base.headers, &options.headers);
    base.set_body(options.body)?;
    let target = inner.reach(hop, options.transport).await?;
    let mut number = first_cseq();
    let make = || {
        number += 1;
        let mut request = base.clone();
        let cseq = format!("{number} {}", request.method);
        request.headers.push_raw("CSeq", cseq);
        Ok(request)
    };
    let mut auth = Authenticator::new(options.credentials.as_ref());
    let response = inner.transact(make, target, &mut auth).await?;
    if response.status.is_success() {
        Ok(response)
    } else {
        Err(rejected(&response))
    }
}
