//! One request on its way, and what comes back.

use std::sync::Arc;

use rsipstack::{
    sip::SipMessage,
    transaction::{
        Transaction,
        key::TransactionKey,
        transaction::{TransactionEvent, TransactionEventSender},
    },
};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::{
    convert::from_stack_response, inspector::is_local, layer::Transactions, stream::Stream,
    target::Target,
};
use crate::{Request, Response, SignalingError};

/// What becomes of a client transaction.
#[derive(Debug)]
pub(crate) enum ClientEvent {
    Response(Response),
    /// Timer B or F: nobody answered.
    Timeout,
    /// The stream broke or could not be written to.
    Broken,
}

/// A client transaction: owns a task that keeps the stack's timers going.
#[derive(Debug)]
pub(crate) struct ClientTransaction {
    /// The request as sent, with Via.
    pub(crate) request: Request,
    pub(crate) target: Target,
    events: mpsc::UnboundedReceiver<ClientEvent>,
    stream: Option<Arc<Stream>>,
    stop: Stop,
}

impl ClientTransaction {
    /// The next event; `None` when the transaction is over. Cancel safe.
    pub(crate) async fn next(&mut self) -> Option<ClientEvent> {
        self.events.recv().await
    }

    /// What [`ClientEvent::Broken`] means, in the words of the stream.
    pub(crate) fn broken(&self) -> SignalingError {
        let why = self.stream.as_ref().map(|stream| stream.why().to_owned());
        SignalingError::Transport {
            peer: format!("{} {}", self.target.transport, self.target.addr),
            why: why.unwrap_or_else(|| "it could not be sent".into()),
        }
    }

    pub(super) fn spawn(
        request: Request,
        target: Target,
        transaction: Transaction,
        stream: Option<Arc<Stream>>,
        transactions: &Transactions,
    ) -> ClientTransaction {
        let (sender, events) = mpsc::unbounded_channel();
        let stop = Stop(transaction.tu_sender.clone(), transaction.key.clone());
        let closing = transactions.closing.clone();
        transactions
            .tasks
            .spawn(drive(transaction, stream.clone(), sender, closing));
        ClientTransaction {
            request,
            target,
            events,
            stream,
            stop,
        }
    }
}

/// Ends the stack's transaction when nobody waits for it any more.
struct Stop(TransactionEventSender, TransactionKey);

impl std::fmt::Debug for Stop {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Stop")
    }
}

impl Drop for ClientTransaction {
    fn drop(&mut self) {
        let Stop(sender, key) = &self.stop;
        sender.send(TransactionEvent::Terminate(key.clone())).ok();
    }
}

async fn drive(
    mut transaction: Transaction,
    stream: Option<Arc<Stream>>,
    events: mpsc::UnboundedSender<ClientEvent>,
    closing: CancellationToken,
) {
    if transaction.send().await.is_err() {
        events.send(ClientEvent::Broken).ok();
        return;
    }
    let stream_closed = async {
        match &stream {
            Some(stream) => stream.closed.cancelled().await,
            None => std::future::pending().await,
        }
    };
    tokio::pin!(stream_closed);
    loop {
        // receive() must not be dropped half way; it is only when the stream is gone and with it the transaction.
        let message = tokio::select! {
            biased;
            message = transaction.receive() => message,
            () = &mut stream_closed => {
                events.send(ClientEvent::Broken).ok();
                return;
            }
            () = closing.cancelled() => return,
        };
        let event = match message {
            Some(SipMessage::Response(response)) if is_local(&response) => {
                match response.status_code.code() {
                    408 => ClientEvent::Timeout,
                    _ => ClientEvent::Broken,
                }
            }
            Some(SipMessage::Response(response)) => {
                ClientEvent::Response(from_stack_response(&response))
            }
            Some(SipMessage::Request(_)) => continue,
            None => return,
        };
        events.send(event).ok();
    }
}
