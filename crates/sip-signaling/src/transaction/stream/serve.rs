//! The task of one stream: reads, writes, keeps it alive, and tells when it is over.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use rsipstack::{
    sip::SipMessage,
    transport::{SipConnection, TransportEvent},
};
use tokio::sync::{OwnedSemaphorePermit, mpsc};
use tokio_util::sync::CancellationToken;

use super::{
    framer::Frame,
    pool::Stream,
    wire::{Outgoing, Reader, Wire, Writer},
};
use crate::{
    agent::now,
    session::{KeepAlive, KeepAliveStep},
    transaction::{
        convert::to_stack_addr,
        gate::Gate,
        guarded_socket::{Verdict, admit},
        target::Target,
    },
};

/// A peer that does not take what is written to it within this time is gone.
const WRITE_TIMEOUT: Duration = Duration::from_secs(10);
/// Messages that wait for a slow peer; one that lets more wait is gone.
const MAX_WAITING: usize = 4_096;
/// Answers of our own that wait; a peer that sends faster than it reads loses further ones.
const MAX_OWN: usize = 64;

/// The stack's ends of the stream.
pub(super) struct Ends {
    pub(super) to_stack: mpsc::UnboundedSender<TransportEvent>,
    pub(super) from_stack: mpsc::UnboundedReceiver<TransportEvent>,
}

pub(super) async fn run(
    stream: Arc<Stream>,
    wire: Wire,
    ends: Ends,
    keep_alive: Duration,
    gate: Arc<Gate>,
    cancel: CancellationToken,
    _place: Option<OwnedSemaphorePermit>,
) {
    let web_socket = matches!(wire, Wire::WebSocket(_));
    let (reader, writer) = wire.split(gate.message_bytes());
    let alive = Mutex::new(KeepAlive::new(now(), keep_alive, web_socket));
    let (own, own_queue) = mpsc::channel(MAX_OWN);
    let side = Side {
        stream: &stream,
        alive: &alive,
        own,
        gate,
    };
    let why = {
        let reading = side.read(reader, &ends.to_stack);
        let writing = side.write(writer, ends.from_stack, own_queue, &cancel);
        tokio::pin!(writing);
        tokio::select! {
            why = reading => {
                // What was answered to the last message still goes out.
                let closing = async {
                    let asked = side.own.send(Own::Close);
                    tokio::join!(asked, &mut writing)
                };
                tokio::time::timeout(Duration::from_secs(1), closing).await.ok();
                why
            }
            why = &mut writing => why,
        }
    };
    tracing::debug!(transport = %stream.transport, peer = %stream.peer, why, "stream closed");
    stream.why.set(why).ok();
    stream.closed.cancel();
}

/// What is written beside the stack's messages.
enum Own {
    Send(Outgoing),
    Close,
}

struct Side<'a> {
    stream: &'a Arc<Stream>,
    alive: &'a Mutex<KeepAlive>,
    own: mpsc::Sender<Own>,
    gate: Arc<Gate>,
}

impl Side<'_> {
    fn alive<T>(&self, with: impl FnOnce(&mut KeepAlive) -> T) -> T {
        with(&mut self.alive.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Reads until the end, and says why it came.
    async fn read(
        &self,
        mut reader: Reader,
        to_stack: &mpsc::UnboundedSender<TransportEvent>,
    ) -> String {
        loop {
            let frame = match reader
                .next(|| self.alive(|alive| alive.awaits_pong()))
                .await
            {
                Ok(frame) => frame,
                Err(why) => return why,
            };
            match frame {
                Frame::Pong => self.alive(|alive| alive.ponged(now())),
                Frame::Ping => {
                    self.alive(|alive| alive.heard(now()));
                    self.own.try_send(Own::Send(Outgoing::Pong)).ok();
                }
                Frame::Message(bytes) => {
                    self.alive(|alive| alive.heard(now()));
                    if let Some(event) = self.message(&bytes)
                        && to_stack.send(event).is_err()
                    {
                        return "closed here".into();
                    }
                }
                Frame::Broken(bytes, error) => {
                    if let Verdict::Answer(answer) = self.admit(&bytes) {
                        self.own.try_send(Own::Send(Outgoing::Message(answer))).ok();
                    }
                    return format!("what it sends is no SIP: {error}");
                }
            }
        }
    }

    fn admit(&self, bytes: &[u8]) -> Verdict {
        admit(
            bytes,
            self.stream.peer,
            self.stream.transport,
            usize::MAX,
            &self.gate,
        )
    }

    /// What the stack is told of a message; a request that is not sound is answered here.
    fn message(&self, bytes: &[u8]) -> Option<TransportEvent> {
        let canonical = match self.admit(bytes) {
            Verdict::Pass(canonical) => canonical,
            Verdict::Answer(answer) => {
                self.own.try_send(Own::Send(Outgoing::Message(answer))).ok();
                return None;
            }
            Verdict::Drop => return None,
        };
        let source = to_stack_addr(Target::of(self.stream.transport, self.stream.peer));
        let message = SipMessage::try_from(canonical.as_slice()).ok()?;
        let transport = source.r#type.unwrap_or_default();
        let message =
            SipConnection::update_msg_received(message, self.stream.peer, transport).ok()?;
        Some(TransportEvent::Incoming(
            message,
            self.stream.connection.clone(),
            source,
        ))
    }

    /// Writes until the end, and says why it came.
    async fn write(
        &self,
        mut writer: Writer,
        mut from_stack: mpsc::UnboundedReceiver<TransportEvent>,
        mut own: mpsc::Receiver<Own>,
        cancel: &CancellationToken,
    ) -> String {
        let why = loop {
            let deadline = self.alive(|alive| alive.poll_timeout());
            let outgoing = tokio::select! {
                biased;
                Some(event) = from_stack.recv() => match bytes_of(event) {
                    Some(bytes) => Outgoing::Message(bytes),
                    None => continue,
                },
                Some(own) = own.recv() => match own {
                    Own::Send(outgoing) => outgoing,
                    Own::Close => break "the peer closed the connection".into(),
                },
                () = cancel.cancelled() => break "closed here".into(),
                () = self.stream.leave.cancelled() => break "this machine's address has changed".into(),
                () = tokio::time::sleep_until(deadline.into()) => {
                    match self.alive(|alive| alive.handle_timeout(now())) {
                        KeepAliveStep::Wait => continue,
                        KeepAliveStep::Ping => Outgoing::Ping,
                        KeepAliveStep::Dead => break "it does not answer keep-alives any more".into(),
                    }
                }
            };
            if from_stack.len() > MAX_WAITING {
                break "the peer reads too slowly".into();
            }
            match tokio::time::timeout(WRITE_TIMEOUT, writer.send(outgoing)).await {
                Ok(Ok(())) => {}
                Ok(Err(why)) => break why,
                Err(_) => break "the peer does not read any more".into(),
            }
        };
        tokio::time::timeout(Duration::from_secs(1), writer.close())
            .await
            .ok();
        why
    }
}

fn bytes_of(event: TransportEvent) -> Option<Vec<u8>> {
    match event {
        TransportEvent::Incoming(message, ..) => Some(message.to_bytes().to_vec()),
        _ => None,
    }
}
