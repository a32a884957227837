//! One request of a peer, and our answers to it.

use std::{
    sync::{Arc, OnceLock},
    time::Duration,
};

use rsipstack::{
    sip::SipMessage,
    transaction::{
        Transaction,
        transaction::{TransactionEvent, TransactionEventSender},
    },
};
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore, mpsc};
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

/// How many transactions there may be: of requests that are being answered, and of refused ones that wait for their ACK.
#[derive(Clone)]
pub(super) struct Slots {
    pub(super) open: Arc<Semaphore>,
    refused: Arc<Semaphore>,
}

impl Slots {
    /// `limit` requests being answered, and as many refused ones.
    pub(super) fn new(limit: usize) -> Slots {
        let slots = || Arc::new(Semaphore::new(limit.min(Semaphore::MAX_PERMITS)));
        Slots {
            open: slots(),
            refused: slots(),
        }
    }
}

/// Sends answers. If it is dropped before a final answer, the request is answered 500: nobody is left in silence.
pub(crate) struct Responder {
    sender: TransactionEventSender,
    final_sent: Arc<FinalSent>,
    request: Option<Request>,
}

/// The final answer, once it was given to be sent.
#[derive(Default)]
struct FinalSent {
    status: OnceLock<StatusCode>,
    told: Notify,
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
            self.final_sent.status.set(response.status).ok();
            self.final_sent.told.notify_one();
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
        (permit, slots): (OwnedSemaphorePermit, &Slots),
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
        let final_sent = Arc::new(FinalSent::default());
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
            (permit, slots.refused.clone()),
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

/// How long a refused request is kept where there is no room to wait for its ACK: its answer goes out meanwhile.
const SHORT: Duration = Duration::from_millis(100);

async fn drive(
    mut transaction: Transaction,
    events: mpsc::UnboundedSender<ServerEvent>,
    final_sent: Arc<FinalSent>,
    give_up: Duration,
    (permit, refused): (OwnedSemaphorePermit, Arc<Semaphore>),
    closing: CancellationToken,
) {
    // The stack ends a transaction 64 T1 after its final answer, except when that could not be sent.
    let overdue = async {
        final_sent.told.notified().await;
        let success = final_sent
            .status
            .get()
            .is_some_and(|status| status.is_success());
        if success {
            tokio::time::sleep(give_up.saturating_mul(2)).await;
            return;
        }
        // Who sends requests and no ACK keeps nobody else from being answered: its slot is free, and where too many
        // wait for an ACK already, this one is not waited for.
        drop(permit);
        match refused.try_acquire() {
            // Timer H (RFC 3261 section 17.2.1).
            Ok(_waiting) => tokio::time::sleep(give_up).await,
            Err(_) => tokio::time::sleep(SHORT).await,
        }
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
