//! One request of a peer, and our answers to it.

use std::{sync::Arc, time::Duration};

use rsipstack::{
    sip::SipMessage,
    transaction::{
        Transaction,
        transaction::{TransactionEvent, TransactionEventSender},
    },
};
use tokio::sync::{Notify, OwnedSemaphorePermit, mpsc};
use tokio_util::sync::CancellationToken;

use super::{
    convert::{from_stack_request, to_stack_response},
    layer::Transactions,
    target::Target,
};
use crate::{Method, Request, Response, StatusCode};

/// What happens to a server transaction after its request.
#[derive(Debug)]
pub(crate) enum ServerEvent {
    /// CANCEL; the stack has answered it 200. The INVITE still needs its 487.
    Cancelled,
    /// ACK of the final answer.
    Ack(Box<Request>),
}

/// A server transaction. Its task keeps retransmissions and timers going as long as they are needed.
#[derive(Debug)]
pub(crate) struct ServerTransaction {
    pub(crate) request: Request,
    /// Where the request came from.
    pub(crate) source: Target,
    pub(crate) responder: Responder,
    /// CANCEL and ACK; ends when the transaction is over (64 T1 after a 2xx without ACK).
    pub(crate) events: mpsc::UnboundedReceiver<ServerEvent>,
}

/// Sends answers. If it is dropped before a final answer, the request is answered 500: nobody is left in silence.
pub(crate) struct Responder {
    sender: TransactionEventSender,
    final_sent: Arc<Notify>,
    request: Option<Request>,
}

impl std::fmt::Debug for Responder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Responder")
            .field("open", &self.request.is_some())
            .finish()
    }
}

impl Responder {
    /// Sends an answer; ignored after a final one.
    pub(crate) fn send(&mut self, response: &Response) {
        if self.request.is_none() {
            return;
        }
        self.sender
            .send(TransactionEvent::Respond(to_stack_response(response)))
            .ok();
        if response.status.is_final() {
            self.request = None;
            self.final_sent.notify_one();
        }
    }

    /// True until a final answer was sent.
    pub(crate) fn is_open(&self) -> bool {
        self.request.is_some()
    }
}

impl Drop for Responder {
    fn drop(&mut self) {
        if let Some(request) = &self.request {
            let response =
                Response::to_request(request, StatusCode::SERVER_INTERNAL_ERROR, Some("dropped"));
            self.send(&response);
        }
    }
}

impl ServerTransaction {
    /// Takes a transaction of the stack over; `None` if its request is malformed (it has been answered 400 then).
    pub(super) async fn spawn(
        mut transaction: Transaction,
        source: Target,
        give_up: Duration,
        permit: OwnedSemaphorePermit,
        transactions: &Transactions,
    ) -> Option<ServerTransaction> {
        // The source itself, not the Via: the stack prints IPv6 addresses there in double brackets.
        transaction.destination = Some(super::convert::to_stack_addr(source));
        let Some(request) = from_stack_request(&transaction.original) else {
            transaction
                .reply(rsipstack::sip::StatusCode::BadRequest)
                .await
                .ok();
            return None;
        };
        let (sender, events) = mpsc::unbounded_channel();
        let final_sent = Arc::new(Notify::new());
        let responder = Responder {
            sender: transaction.tu_sender.clone(),
            final_sent: final_sent.clone(),
            request: Some(request.clone()),
        };
        transactions.tasks.spawn(drive(
            transaction,
            sender,
            final_sent,
            give_up,
            permit,
            transactions.closing.clone(),
        ));
        Some(ServerTransaction {
            request,
            source,
            responder,
            events,
        })
    }
}

async fn drive(
    mut transaction: Transaction,
    events: mpsc::UnboundedSender<ServerEvent>,
    final_sent: Arc<Notify>,
    give_up: Duration,
    _permit: OwnedSemaphorePermit,
    closing: CancellationToken,
) {
    // The stack ends a transaction 64 T1 after its final answer, except when that could not be sent.
    let overdue = async {
        final_sent.notified().await;
        tokio::time::sleep(give_up.saturating_mul(2)).await;
    };
    tokio::pin!(overdue);
    loop {
        let message = tokio::select! {
            // The stack first: an answer that it was given goes out before the end is looked at.
            biased;
            message = transaction.receive() => message,
            () = &mut overdue => return,
            () = closing.cancelled() => return,
        };
        let Some(message) = message else { return };
        let SipMessage::Request(request) = message else {
            continue;
        };
        let Some(request) = from_stack_request(&request) else {
            continue;
        };
        let event = match request.method {
            Method::Cancel => ServerEvent::Cancelled,
            Method::Ack => ServerEvent::Ack(Box::new(request)),
            _ => continue,
        };
        events.send(event).ok();
    }
}
