//! The PBX's sockets: UDP and TCP on one port.

#![deny(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects
)]

use super::flow::Flow;
use sip_signaling::Transport;
use sip_signaling::message::{Message, ParseError};
use std::collections::HashMap;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream, UdpSocket};
use tokio::sync::mpsc;
use tokio::task::JoinSet;

/// Largest message that is read from a stream.
const MESSAGE_LIMIT: usize = 65_536;
/// A phone that does not take a connection within this time is not there.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);
/// Messages that may wait for one slow connection.
const QUEUE: usize = 256;

/// What the sockets tell.
#[derive(Debug)]
pub(super) enum Arrival {
    /// A message.
    Message { flow: Flow, message: Box<Message> },
    /// A message could not be sent.
    Undeliverable { bytes: Vec<u8> },
    /// A connection is over.
    Closed { peer: SocketAddr },
}

#[derive(Debug)]
pub(super) struct Sockets {
    udp: UdpSocket,
    listener: TcpListener,
    datagram: Vec<u8>,
    connections: HashMap<SocketAddr, mpsc::Sender<Vec<u8>>>,
    /// The address in a phone's Contact, and the connection over which that phone spoke.
    aliases: HashMap<SocketAddr, SocketAddr>,
    arrivals: mpsc::Receiver<Arrival>,
    arrival_sender: mpsc::Sender<Arrival>,
    tasks: JoinSet<()>,
}

impl Sockets {
    /// Binds UDP and TCP to the same port; port 0 takes one that is free for both.
    pub(super) async fn bind(address: SocketAddr) -> io::Result<(Sockets, SocketAddr)> {
        let attempts = if address.port() == 0 { 50 } else { 1 };
        let mut last_error = None;
        for _ in 0..attempts {
            let udp = UdpSocket::bind(address).await?;
            let bound = udp.local_addr()?;
            match TcpListener::bind(bound).await {
                Ok(listener) => return Ok((Sockets::new(udp, listener), bound)),
                Err(error) => last_error = Some(error),
            }
        }
        Err(last_error.unwrap_or_else(|| io::Error::from(io::ErrorKind::AddrInUse)))
    }

    fn new(udp: UdpSocket, listener: TcpListener) -> Sockets {
        let (arrival_sender, arrivals) = mpsc::channel(QUEUE);
        Sockets {
            udp,
            listener,
            datagram: vec![0; MESSAGE_LIMIT],
            connections: HashMap::new(),
            aliases: HashMap::new(),
            arrivals,
            arrival_sender,
            tasks: JoinSet::new(),
        }
    }

    /// The next thing that happens. Cancel safe.
    pub(super) async fn next(&mut self) -> Arrival {
        loop {
            tokio::select! {
                received = self.udp.recv_from(&mut self.datagram) => {
                    // An error here is the ICMP answer to an earlier datagram; the socket goes on.
                    let Ok((length, peer)) = received else { continue };
                    let datagram = self.datagram.get(..length).unwrap_or_default();
                    // RFC 5626 section 3.5.1: keep-alives are line breaks; what does not parse is noise.
                    if let Ok(message) = Message::parse(datagram) {
                        return Arrival::Message { flow: Flow::new(Transport::Udp, peer), message: Box::new(message) };
                    }
                    tracing::debug!(%peer, length, "datagram that is no SIP message");
                }
                accepted = self.listener.accept() => {
                    if let Ok((stream, peer)) = accepted {
                        self.adopt(stream, peer);
                    }
                }
                Some(arrival) = self.arrivals.recv() => {
                    if let Arrival::Closed { peer } = &arrival {
                        self.forget(*peer);
                    }
                    return arrival;
                }
                Some(_) = self.tasks.join_next(), if !self.tasks.is_empty() => {}
            }
        }
    }

    /// Notes that a phone whose Contact says `contact` speaks over the connection with `peer`.
    pub(super) fn learn_alias(&mut self, contact: SocketAddr, peer: SocketAddr) {
        if contact != peer {
            self.aliases.insert(contact, peer);
        }
    }

    /// Sends a message; over TCP on the connection that is there, or a new one. What cannot be
    /// delivered comes back through [`Sockets::next`].
    pub(super) async fn send(&mut self, flow: Flow, bytes: Vec<u8>) {
        if flow.transport == Transport::Udp {
            if let Err(error) = self.udp.send_to(&bytes, flow.peer).await {
                tracing::debug!(peer = %flow.peer, %error, "datagram not sent");
            }
            return;
        }
        let alias = self.aliases.get(&flow.peer).unwrap_or(&flow.peer);
        let connection = self
            .connections
            .get(&flow.peer)
            .or_else(|| self.connections.get(alias));
        let sender = match connection {
            Some(sender) => sender.clone(),
            None => self.dial(flow.peer),
        };
        if let Err(
            mpsc::error::TrySendError::Closed(bytes) | mpsc::error::TrySendError::Full(bytes),
        ) = sender.try_send(bytes)
        {
            let arrivals = self.arrival_sender.clone();
            self.tasks.spawn(async move {
                let _ = arrivals.send(Arrival::Undeliverable { bytes }).await;
            });
        }
    }

    fn forget(&mut self, peer: SocketAddr) {
        self.connections.remove(&peer);
        self.aliases.retain(|_, connection| *connection != peer);
    }

    fn adopt(&mut self, stream: TcpStream, peer: SocketAddr) {
        let (sender, queue) = mpsc::channel(QUEUE);
        self.connections.insert(peer, sender);
        self.tasks
            .spawn(serve(stream, peer, queue, self.arrival_sender.clone()));
    }

    fn dial(&mut self, peer: SocketAddr) -> mpsc::Sender<Vec<u8>> {
        let (sender, mut queue) = mpsc::channel(QUEUE);
        self.connections.insert(peer, sender.clone());
        let arrivals = self.arrival_sender.clone();
        self.tasks.spawn(async move {
            match tokio::time::timeout(CONNECT_TIMEOUT, TcpStream::connect(peer)).await {
                Ok(Ok(stream)) => serve(stream, peer, queue, arrivals).await,
                _ => {
                    let _ = arrivals.send(Arrival::Closed { peer }).await;
                    queue.close();
                    while let Some(bytes) = queue.recv().await {
                        let _ = arrivals.send(Arrival::Undeliverable { bytes }).await;
                    }
                }
            }
        });
        sender
    }
}

/// Reads and writes one connection until either side ends it.
async fn serve(
    stream: TcpStream,
    peer: SocketAddr,
    queue: mpsc::Receiver<Vec<u8>>,
    arrivals: mpsc::Sender<Arrival>,
) {
    // Small messages that wait for each other gain nothing from being gathered.
    let _ = stream.set_nodelay(true);
    let (reader, writer) = stream.into_split();
    let (pong_sender, pongs) = mpsc::channel(1);
    tokio::select! {
        () = read_messages(reader, peer, &arrivals, pong_sender) => {}
        () = write_messages(writer, queue, pongs) => {}
    }
    let _ = arrivals.send(Arrival::Closed { peer }).await;
}

async fn read_messages(
    mut reader: OwnedReadHalf,
    peer: SocketAddr,
    arrivals: &mpsc::Sender<Arrival>,
    pongs: mpsc::Sender<()>,
) {
    let mut buffer = Vec::new();
    while reader
        .read_buf(&mut buffer)
        .await
        .is_ok_and(|length| length > 0)
    {
        loop {
            if buffer.starts_with(b"\r\n\r\n") {
                // RFC 5626 section 4.4.1: a ping is answered by one line break.
                buffer.drain(..4);
                let _ = pongs.try_send(());
                continue;
            }
            match next_message(&mut buffer) {
                Ok(Some(message)) => {
                    let (flow, message) = (Flow::new(Transport::Tcp, peer), Box::new(message));
                    if arrivals
                        .send(Arrival::Message { flow, message })
                        .await
                        .is_err()
                    {
                        return;
                    }
                }
                Ok(None) => break,
                Err(error) => {
                    tracing::debug!(%peer, %error, "connection that speaks no SIP is closed");
                    return;
                }
            }
        }
    }
}

fn next_message(buffer: &mut Vec<u8>) -> Result<Option<Message>, ParseError> {
    let Some(length) = Message::frame(buffer, MESSAGE_LIMIT)? else {
        return Ok(None);
    };
    let bytes: Vec<u8> = buffer.drain(..length.min(buffer.len())).collect();
    Message::parse(&bytes).map(Some)
}

async fn write_messages(
    mut writer: OwnedWriteHalf,
    mut queue: mpsc::Receiver<Vec<u8>>,
    mut pongs: mpsc::Receiver<()>,
) {
    loop {
        let bytes = tokio::select! {
            Some(bytes) = queue.recv() => bytes,
            Some(()) = pongs.recv() => b"\r\n".to_vec(),
            else => return,
        };
        if writer.write_all(&bytes).await.is_err() {
            return;
        }
    }
}
