//! Sockets and transactions of one user agent.

use std::{
    collections::HashMap,
    net::SocketAddr,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use rsipstack::{
    EndpointBuilder,
    sip::SipMessage,
    transaction::{
        Endpoint, Transaction,
        endpoint::{EndpointInnerRef, EndpointOption, MessageInspector, TransportEventInspector},
        key::{TransactionKey, TransactionRole},
    },
    transport::{
        SipAddr, SipConnection, TcpListenerConnection, TransportEvent, TransportLayer,
        stream::StreamConnection, udp::UdpConnection,
    },
};
use tokio::{
    net::UdpSocket,
    sync::{Semaphore, broadcast, mpsc},
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::{
    client::ClientTransaction,
    convert::{from_stack_addr, to_stack_addr, to_stack_request},
    guarded_socket::GuardedSocket,
    inspector::Inspector,
    server::ServerTransaction,
    target::{Target, local_ip_towards},
};
use crate::{
    Method, Request, Response, SignalingError, Transport,
    agent::{Timers, TracedMessage, token},
    message::Via,
};

/// What the layer needs to know.
pub(crate) struct LayerConfig {
    pub(crate) local_addr: SocketAddr,
    pub(crate) udp: bool,
    pub(crate) tcp: bool,
    pub(crate) user_agent: String,
    pub(crate) timers: Timers,
    pub(crate) connect_timeout: Duration,
    pub(crate) keep_alive: Duration,
    pub(crate) max_server_transactions: usize,
}

/// What comes up from the layer.
#[derive(Debug)]
pub(crate) enum LayerEvent {
    /// A request of a peer that starts a transaction.
    Request(Box<ServerTransaction>),
    /// A 2xx to an INVITE: the first one (seen by its transaction too), one sent again, or one of another branch.
    InviteSuccess(Box<Response>),
    /// A TCP stream to this peer has closed.
    StreamClosed(SocketAddr),
}

/// The sockets and the stack's endpoint.
pub(crate) struct TransactionLayer {
    endpoint: EndpointInnerRef,
    udp: Option<SipConnection>,
    tcp: bool,
    local_addr: SocketAddr,
    connect_timeout: Duration,
    streams: Streams,
    closed: broadcast::Sender<SocketAddr>,
    trace: broadcast::Sender<TracedMessage>,
    transactions: Transactions,
    cancel: CancellationToken,
}

/// The tasks of all transactions. They end before the sockets close, each when what it was given to send has gone out.
#[derive(Clone)]
pub(super) struct Transactions {
    pub(super) tasks: TaskTracker,
    pub(super) closing: CancellationToken,
}

type Streams = Arc<Mutex<HashMap<SipAddr, SipConnection>>>;

impl TransactionLayer {
    /// Opens the sockets and starts the stack.
    pub(crate) async fn bind(
        config: LayerConfig,
        cancel: CancellationToken,
    ) -> Result<(TransactionLayer, mpsc::Receiver<LayerEvent>), SignalingError> {
        if !config.udp && !config.tcp {
            return Err(SignalingError::Config(
                "neither UDP nor TCP is on; switch one on".into(),
            ));
        }
        let (events, receiver) = mpsc::channel(4_096);
        let (trace, _) = broadcast::channel(1_024);
        let (closed, _) = broadcast::channel(256);
        let transactions = Transactions {
            tasks: TaskTracker::new(),
            closing: cancel.child_token(),
        };
        let transports = TransportLayer::new(cancel.clone());
        // Keep-alives cross every 25 s; only a peer that does not even answer those is given up.
        transports.set_stream_idle_timeout(Duration::from_secs(1_800));
        let (udp, local_addr) = open_sockets(&config, &transports, &cancel).await?;
        if let Some(connection) = &udp {
            transports.add_transport(connection.clone());
        }
        let streams = Streams::default();
        let watcher = StreamWatcher {
            streams: streams.clone(),
            closed: closed.clone(),
            events: events.clone(),
        };
        let mut builder = EndpointBuilder::new();
        builder
            .with_user_agent(&config.user_agent)
            .with_option(endpoint_option(&config.timers))
            .with_transport_layer(transports)
            .with_cancel_token(cancel.clone())
            .with_inspector(Box::new(Inspector {
                trace: trace.clone(),
                events: events.clone(),
            }))
            .with_transport_inspector(Box::new(watcher));
        let endpoint = builder.build();
        let incoming = endpoint
            .incoming_transactions()
            .map_err(|error| SignalingError::Config(error.to_string()))?;
        tokio::spawn(take_requests(
            incoming,
            events,
            config.timers.give_up,
            config.max_server_transactions,
            transactions.clone(),
        ));
        tokio::spawn(keep_streams_alive(
            streams.clone(),
            config.keep_alive,
            cancel.clone(),
        ));
        let inner = endpoint.inner.clone();
        tokio::spawn(serve(endpoint));
        let layer = TransactionLayer {
            endpoint: inner,
            udp,
            tcp: config.tcp,
            local_addr,
            connect_timeout: config.connect_timeout,
            streams,
            closed,
            trace,
            transactions,
            cancel,
        };
        Ok((layer, receiver))
    }

    pub(crate) fn local_addr(&self) -> SocketAddr {
        self.local_addr
    }

    pub(crate) fn trace(&self) -> broadcast::Receiver<TracedMessage> {
        self.trace.subscribe()
    }

    /// The transport for a target that names none.
    pub(crate) fn default_transport(&self) -> Transport {
        if self.udp.is_some() {
            Transport::Udp
        } else {
            Transport::Tcp
        }
    }

    /// The address that peers beyond `peer` reach us at.
    pub(crate) fn advertised(&self, peer: SocketAddr) -> Result<SocketAddr, SignalingError> {
        let ip = if self.local_addr.ip().is_unspecified() {
            local_ip_towards(peer)?
        } else {
            self.local_addr.ip()
        };
        Ok(SocketAddr::new(ip, self.local_addr.port()))
    }

    /// Finds or opens the way to a target, so that one that cannot be reached is told at once and not after 64 T1.
    pub(crate) async fn connect(&self, target: Target) -> Result<(), SignalingError> {
        self.connection(target).await.map(|_| ())
    }

    async fn connection(&self, target: Target) -> Result<SipConnection, SignalingError> {
        let failed = |why: String| SignalingError::Transport {
            peer: format!("{} {}", target.transport, target.addr),
            why,
        };
        match (target.transport, &self.udp) {
            (Transport::Udp, Some(udp)) => Ok(udp.clone()),
            (Transport::Udp, None) => Err(SignalingError::Config(
                "UDP is wanted but switched off".into(),
            )),
            (Transport::Tcp, _) if !self.tcp => Err(SignalingError::Config(
                "TCP is wanted but switched off".into(),
            )),
            (Transport::Tcp, _) => {
                let addr = to_stack_addr(target);
                let lookup = self.endpoint.transport_layer.lookup(&addr, None);
                match tokio::time::timeout(self.connect_timeout, lookup).await {
                    Ok(Ok((connection, _))) => Ok(connection),
                    Ok(Err(error)) => Err(failed(error.to_string())),
                    Err(_) => Err(failed(format!(
                        "no connection within {} s",
                        self.connect_timeout.as_secs_f32()
                    ))),
                }
            }
        }
    }

    /// Sends a request in a new transaction; the Via is added here.
    pub(crate) async fn request(
        &self,
        mut request: Request,
        target: Target,
    ) -> Result<ClientTransaction, SignalingError> {
        let via = self.via(target)?;
        request.headers.push_front("Via", via.to_string())?;
        self.start(request, target).await
    }

    /// Sends the CANCEL of an INVITE, which carries the INVITE's own Via (RFC 3261 section 9.1).
    pub(crate) async fn cancel(
        &self,
        invite: &ClientTransaction,
    ) -> Result<ClientTransaction, SignalingError> {
        let mut cancel = Request::new(Method::Cancel, invite.request.uri.clone());
        if let Some(via) = invite.request.headers.get_list("Via").first() {
            cancel.headers.push_raw("Via", *via);
        }
        cancel.headers.push_raw("Max-Forwards", "70");
        for name in ["Route", "From", "To", "Call-ID"] {
            for value in invite.request.headers.get_all(name) {
                cancel.headers.push_raw(name, value);
            }
        }
        let number = invite.request.cseq().map_or(1, |(number, _)| number);
        cancel.headers.push_raw("CSeq", format!("{number} CANCEL"));
        self.start(cancel, invite.target).await
    }

    async fn start(
        &self,
        request: Request,
        target: Target,
    ) -> Result<ClientTransaction, SignalingError> {
        let connection = self.connection(target).await?;
        let stack = to_stack_request(&request)?;
        let key = TransactionKey::from_request(&stack, TransactionRole::Client)
            .map_err(|error| SignalingError::input("request", error.to_string()))?;
        let mut transaction =
            Transaction::new_client(key, stack, self.endpoint.clone(), Some(connection));
        transaction.destination = Some(to_stack_addr(target));
        Ok(ClientTransaction::spawn(
            request,
            target,
            transaction,
            self.closed.subscribe(),
            &self.transactions,
        ))
    }

    /// Sends an ACK of a 2xx: a request without a transaction. Returns it as sent, to be sent again as it is.
    pub(crate) async fn send_ack(
        &self,
        mut ack: Request,
        target: Target,
    ) -> Result<Request, SignalingError> {
        if ack.via().is_none() {
            ack.headers
                .push_front("Via", self.via(target)?.to_string())?;
        }
        let connection = self.connection(target).await?;
        let dest = to_stack_addr(target);
        let message = SipMessage::Request(to_stack_request(&ack)?);
        let message = match &self.inspector() {
            Some(inspector) => inspector.before_send(message, Some(&dest)),
            None => message,
        };
        connection
            .send(message, Some(&dest))
            .await
            .map_err(|error| SignalingError::Transport {
                peer: target.addr.to_string(),
                why: error.to_string(),
            })?;
        Ok(ack)
    }

    /// For what is sent outside the stack's transactions.
    fn inspector(&self) -> Option<Inspector> {
        let (events, _) = mpsc::channel(1);
        (self.trace.receiver_count() > 0).then(|| Inspector {
            trace: self.trace.clone(),
            events,
        })
    }

    fn via(&self, target: Target) -> Result<Via, SignalingError> {
        let advertised = self.advertised(target.addr)?;
        let mut via = Via {
            transport: target.transport.to_string(),
            host: advertised.ip().to_string(),
            port: Some(advertised.port()),
            params: Default::default(),
        };
        via.params
            .set_raw("branch", Some(&format!("z9hG4bK{}", token(20))));
        // RFC 3581 section 3.
        via.params.set_raw("rport", None);
        Ok(via)
    }

    /// True while a stream to this address is open.
    pub(crate) fn has_stream(&self, peer: SocketAddr) -> bool {
        let addr = to_stack_addr(Target {
            transport: Transport::Tcp,
            addr: peer,
        });
        self.streams
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .contains_key(&addr)
    }

    /// Peers whose streams close, from now on.
    pub(crate) fn closed_streams(&self) -> broadcast::Receiver<SocketAddr> {
        self.closed.subscribe()
    }

    /// Ends the transactions, and waits until what they were given to send has gone out.
    pub(crate) async fn drain(&self) {
        self.transactions.closing.cancel();
        self.transactions.tasks.close();
        self.transactions.tasks.wait().await;
    }

    /// Closes the sockets.
    pub(crate) fn close(&self) {
        self.cancel.cancel();
    }
}

fn endpoint_option(timers: &Timers) -> EndpointOption {
    EndpointOption {
        t1: timers.t1,
        t2: timers.t2,
        t4: timers.t4,
        t1x64: timers.give_up,
        // The ring timeout is ours: the stack's timer C would end the transaction without a CANCEL.
        timerc: Duration::from_secs(24 * 3_600),
        callid_suffix: Some("headless-sip.invalid".to_owned()),
        // The ACK of a 2xx belongs to the dialog (RFC 3261 section 13.2.2.4), with or without a body.
        auto_ack_2xx: false,
        ..EndpointOption::default()
    }
}

async fn serve(endpoint: Endpoint) {
    endpoint.serve().await;
}

/// Opens UDP, then TCP on the same port; a port that is taken for one of them only is tried again if it was chosen here.
async fn open_sockets(
    config: &LayerConfig,
    transports: &TransportLayer,
    cancel: &CancellationToken,
) -> Result<(Option<SipConnection>, SocketAddr), SignalingError> {
    let failed = |addr: SocketAddr, error: &dyn std::fmt::Display| SignalingError::Transport {
        peer: addr.to_string(),
        why: format!("cannot bind: {error}"),
    };
    let free_choice = config.local_addr.port() == 0;
    let mut attempts = if free_choice { 32 } else { 1 };
    loop {
        attempts -= 1;
        let mut addr = config.local_addr;
        let udp = if config.udp {
            let socket = UdpSocket::bind(addr)
                .await
                .map_err(|error| failed(addr, &error))?;
            addr.set_port(
                socket
                    .local_addr()
                    .map_err(|error| failed(addr, &error))?
                    .port(),
            );
            Some(socket)
        } else {
            None
        };
        if config.tcp {
            if addr.port() == 0 {
                // The stack's listener cannot tell which port it got: find one first.
                let probe =
                    std::net::TcpListener::bind(addr).map_err(|error| failed(addr, &error))?;
                addr.set_port(
                    probe
                        .local_addr()
                        .map_err(|error| failed(addr, &error))?
                        .port(),
                );
            }
            let listener = TcpListenerConnection::new(addr, None)
                .await
                .map_err(|error| failed(addr, &error))?;
            // Started here and not by serve(), which only logs that a port is taken.
            match listener.serve_listener(transports.inner.clone()).await {
                Ok(()) => {}
                Err(_) if free_choice && attempts > 0 => continue,
                Err(error) => return Err(failed(addr, &error)),
            }
        }
        let udp = match udp {
            Some(socket) => {
                let connection = UdpConnection::from_socket(
                    Arc::new(GuardedSocket::new(socket)),
                    None,
                    Some(cancel.child_token()),
                )
                .await;
                Some(SipConnection::Udp(
                    connection.map_err(|error| failed(addr, &error))?,
                ))
            }
            None => None,
        };
        return Ok((udp, addr));
    }
}

/// Takes every new transaction from the stack at once, so that its unbounded queue stays empty.
async fn take_requests(
    mut incoming: rsipstack::transaction::TransactionReceiver,
    events: mpsc::Sender<LayerEvent>,
    give_up: Duration,
    limit: usize,
    transactions: Transactions,
) {
    let slots = Arc::new(Semaphore::new(limit));
    loop {
        let transaction = tokio::select! {
            transaction = incoming.recv() => transaction,
            () = transactions.closing.cancelled() => return,
        };
        let Some(mut transaction) = transaction else {
            return;
        };
        let Ok(permit) = slots.clone().try_acquire_owned() else {
            transaction
                .reply(rsipstack::sip::StatusCode::ServiceUnavailable)
                .await
                .ok();
            continue;
        };
        let source = transaction
            .connection
            .as_ref()
            .and_then(|connection| connection.get_remote_addr())
            .and_then(from_stack_addr);
        let Some(source) = source else { continue };
        if let Some(transaction) =
            ServerTransaction::spawn(transaction, source, give_up, permit, &transactions).await
            && events
                .send(LayerEvent::Request(Box::new(transaction)))
                .await
                .is_err()
        {
            return;
        }
    }
}

/// RFC 5626 section 3.5.1: a double CRLF on every stream, well below the usual idle limits.
async fn keep_streams_alive(streams: Streams, interval: Duration, cancel: CancellationToken) {
    loop {
        tokio::select! {
            () = tokio::time::sleep(interval) => {}
            () = cancel.cancelled() => return,
        }
        let open: Vec<SipConnection> = streams
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .values()
            .cloned()
            .collect();
        for connection in open {
            if let SipConnection::Tcp(stream) = connection {
                // A peer that does not read must not hold up the others.
                tokio::time::timeout(Duration::from_secs(1), stream.send_raw(b"\r\n\r\n"))
                    .await
                    .ok();
            }
        }
    }
}

/// Knows which streams are open and tells of those that close.
struct StreamWatcher {
    streams: Streams,
    closed: broadcast::Sender<SocketAddr>,
    events: mpsc::Sender<LayerEvent>,
}

#[async_trait::async_trait]
impl TransportEventInspector for StreamWatcher {
    async fn handle(&self, event: TransportEvent) -> Option<TransportEvent> {
        let open = || self.streams.lock().unwrap_or_else(PoisonError::into_inner);
        match &event {
            TransportEvent::New(connection) => {
                if let Some(remote) = connection.get_remote_addr() {
                    open().insert(remote.clone(), connection.clone());
                }
            }
            TransportEvent::Closed(connection) => {
                if let Some(remote) = connection.get_remote_addr() {
                    open().remove(remote);
                    if let Some(target) = from_stack_addr(remote) {
                        self.closed.send(target.addr).ok();
                        self.events
                            .try_send(LayerEvent::StreamClosed(target.addr))
                            .ok();
                    }
                }
            }
            TransportEvent::Incoming(..) => {}
        }
        Some(event)
    }
}
