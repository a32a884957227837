//! The task that joins the sockets with the core.

use super::PbxEvent;
use super::core::{Core, Outgoing};
use super::event::PbxMessage;
use super::flow::Flow;
use super::transport::{Arrival, Sockets};
use sip_signaling::message::Message;
use sip_signaling::{NameAddr, Request, Transport};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

/// The core, shared by the task and by those who ask for its state.
#[derive(Clone)]
pub(super) struct SharedCore(Arc<Mutex<Core>>);

impl SharedCore {
    pub(super) fn new(core: Core) -> Self {
        Self(Arc::new(Mutex::new(core)))
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, Core> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Serves until it is aborted.
pub(super) async fn serve(core: SharedCore, mut sockets: Sockets) {
    loop {
        let outgoing = match sockets.next().await {
            Arrival::Message { flow, message } => {
                learn_alias(&mut sockets, flow, &message);
                let mut core = core.lock();
                core.tell(PbxEvent::Message(line_of(flow, &message, false)));
                core.handle(Instant::now(), flow, *message)
            }
            Arrival::Undeliverable { bytes } => match Request::parse(&bytes) {
                Ok(request) => core.lock().handle_undeliverable(&request),
                Err(_) => Vec::new(),
            },
            Arrival::Closed { .. } => Vec::new(),
        };
        for Outgoing { flow, message } in outgoing {
            core.lock()
                .tell(PbxEvent::Message(line_of(flow, &message, true)));
            sockets.send(flow, message.to_bytes()).await;
        }
    }
}

/// A phone's Contact may name a port on which it does not listen, or one that it listens on while
/// a connection stands already: requests go back over that.
fn learn_alias(sockets: &mut Sockets, flow: Flow, message: &Message) {
    if flow.transport != Transport::Tcp {
        return;
    }
    let contact = message
        .headers()
        .get("Contact")
        .and_then(|contact| NameAddr::parse(contact).ok());
    let Some(contact) = contact.and_then(|contact| Flow::to_uri(contact.uri())) else {
        return;
    };
    // A response or a request that another proxy passed on carries somebody else's Contact.
    let hops = message.headers().get_list("Via").len();
    if contact.transport == Transport::Tcp
        && hops
            <= if matches!(message, Message::Request(_)) {
                1
            } else {
                2
            }
    {
        sockets.learn_alias(contact.peer, flow.peer);
    }
}

fn line_of(flow: Flow, message: &Message, sent: bool) -> PbxMessage {
    let headers = message.headers();
    let method = headers
        .get("CSeq")
        .and_then(|cseq| cseq.split_whitespace().nth(1))
        .unwrap_or_default();
    PbxMessage {
        at: Instant::now(),
        sent,
        transport: flow.transport,
        peer: flow.peer,
        start_line: message.start_line(),
        method: method.to_owned(),
        call_id: headers.get("Call-ID").unwrap_or_default().to_owned(),
    }
}
