//! Sockets and transactions of one user agent.

use std::{
    collections::HashMap,
    net::SocketAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use rsipstack::{
    EndpointBuilder,
    sip::SipMessage,
    transaction::{
        Endpoint, Transaction,
        endpoint::{EndpointInnerRef, EndpointOption, MessageInspector},
        key::{TransactionKey, TransactionRole},
    },
    transport::{SipConnection, TransportLayer, udp::UdpConnection},
};
use tokio::{
    net::{TcpListener, UdpSocket},
    sync::{broadcast, mpsc},
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::{
    client::ClientTransaction,
    convert::{from_stack_addr, to_stack_addr, to_stack_request},
    dns::Dns,
    gate::Gate,
    guarded_socket::GuardedSocket,
    inspector::Inspector,
    locate::Search,
    server::{ServerTransaction, Slots},
    stream::{ListenConfig, ListenerSet, Stream, StreamConfig, StreamPool},
    target::{Candidate, Target, insecure, local_ip_towards},
};
use crate::{
    Limits, Method, NameAddr, Request, Response, SignalingError, TlsConfig, Transport, TrunkConfig,
    Uri,
    agent::{Timers, TracedMessage, fraction, now, token},
    message::{Scheme, Via},
    session::TargetHealth,
};

/// How long a peer that took no TCP connection is believed to take none.
const WITHOUT_TCP: Duration = Duration::from_secs(600);

/// What the layer needs to know.
pub(crate) struct LayerConfig {
    pub(crate) local_addr: SocketAddr,
    pub(crate) udp: bool,
    pub(crate) tcp: bool,
    pub(crate) listen: ListenConfig,
    pub(crate) dns_servers: Vec<SocketAddr>,
    pub(crate) udp_limit: usize,
    pub(crate) tls: TlsConfig,
    pub(crate) ws_path: String,
    pub(crate) user_agent: String,
    pub(crate) timers: Timers,
    pub(crate) connect_timeout: Duration,
    pub(crate) keep_alive: Duration,
    pub(crate) limits: Limits,
    pub(crate) trunk: Option<TrunkConfig>,
}

/// What comes up from the layer.
#[derive(Debug)]
pub(crate) enum LayerEvent {
    /// A request of a peer that starts a transaction.
    Request(Box<ServerTransaction>),
    /// A 2xx to an INVITE: the first one (seen by its transaction too), one sent again, or one of another branch.
    InviteSuccess(Box<Response>),
}

/// The sockets and the stack's endpoint.
pub(crate) struct TransactionLayer {
    endpoint: EndpointInnerRef,
    udp: Option<SipConnection>,
    tcp: bool,
    local_addr: SocketAddr,
    streams: Arc<StreamPool>,
    gate: Arc<Gate>,
    dns: Dns,
    health: Mutex<TargetHealth<(Transport, SocketAddr)>>,
    /// Peers that took no TCP connection when a request was too large for UDP, and until when that is believed.
    without_tcp: Mutex<HashMap<SocketAddr, Instant>>,
    udp_limit: usize,
    /// How long a server may say nothing before the next one is tried.
    patience: Duration,
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
        let transactions = Transactions {
            tasks: TaskTracker::new(),
            closing: cancel.child_token(),
        };
        let transports = TransportLayer::new(cancel.clone());
        let gate = Arc::new(Gate::new(config.limits, config.trunk.as_ref())?);
        let (udp, listeners, local_addr) = open_sockets(&config, &gate, &cancel).await?;
        if let Some(connection) = &udp {
            transports.add_transport(connection.clone());
        }
        let mut builder = EndpointBuilder::new();
        builder
            .with_user_agent(&config.user_agent)
            .with_option(endpoint_option(&config.timers))
            .with_transport_layer(transports)
            .with_cancel_token(cancel.clone())
            .with_inspector(Box::new(Inspector {
                trace: trace.clone(),
                local: local_addr,
                events: events.clone(),
            }));
        let endpoint = builder.build();
        let incoming = endpoint
            .incoming_transactions()
            .map_err(|error| SignalingError::Config(error.to_string()))?;
        tokio::spawn(take_requests(
            incoming,
            events,
            config.timers.give_up,
            config.limits.server_transactions.max(1),
            transactions.clone(),
        ));
        let inner = endpoint.inner.clone();
        let streams = StreamConfig {
            local_ip: local_addr.ip(),
            tls: config.tls,
            ws_path: config.ws_path,
            connect_timeout: config.connect_timeout,
            keep_alive: config.keep_alive,
            gate: gate.clone(),
        };
        let streams = StreamPool::start(streams, listeners, inner.clone(), cancel.clone())?;
        tokio::spawn(serve(endpoint));
        let layer = TransactionLayer {
            endpoint: inner,
            udp,
            tcp: config.tcp,
            local_addr,
            streams,
            gate,
            dns: Dns::new(&config.dns_servers),
            health: Mutex::default(),
            without_tcp: Mutex::default(),
            udp_limit: config.udp_limit,
            // 4 s with the RFC's timers: the next one is asked within five.
            patience: config.timers.t1.saturating_mul(8),
            trace,
            transactions,
            cancel,
        };
        Ok((layer, receiver))
    }

    pub(crate) fn local_addr(&self) -> SocketAddr {
        self.local_addr
    }

    /// Who may call.
    pub(crate) fn gate(&self) -> &Gate {
        &self.gate
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

    /// Where is listened for a transport.
    pub(crate) fn listening(&self, transport: Transport) -> Option<SocketAddr> {
        match transport {
            Transport::Udp => self.udp.is_some().then_some(self.local_addr),
            other => self.streams.listening(other),
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

    /// The address that a target reaches us at: where we listen for its transport, else our end of the stream to it.
    pub(crate) fn advertised_to(&self, target: Target) -> Result<SocketAddr, SignalingError> {
        let mut addr = self.advertised(target.addr)?;
        match (self.listening(target.transport), self.streams.find(target)) {
            (Some(listening), _) => addr.set_port(listening.port()),
            (None, Some(stream)) => addr = stream.local,
            (None, None) => {}
        }
        Ok(addr)
    }

    /// The places where the server of a URI may be, the best first: the domain's own order, but where a registration stands
    /// before the others, and what failed lately behind them. Never empty.
    pub(crate) async fn locate(
        &self,
        uri: &Uri,
        wanted: Option<Transport>,
    ) -> Result<Vec<Candidate>, SignalingError> {
        let mut candidates = self.search(uri, wanted).await?;
        locked(&self.health).sort(now(), uri.host(), &mut candidates, Candidate::key);
        Ok(candidates)
    }

    /// As [`locate`](Self::locate), for the registration itself, which goes back to a better server once that may be there again.
    pub(crate) async fn locate_registrar(
        &self,
        uri: &Uri,
        wanted: Option<Transport>,
    ) -> Result<Vec<Candidate>, SignalingError> {
        let mut candidates = self.search(uri, wanted).await?;
        locked(&self.health).sort_for_registration(
            now(),
            uri.host(),
            &mut candidates,
            Candidate::key,
            |candidate| candidate.rank,
        );
        Ok(candidates)
    }

    async fn search(
        &self,
        uri: &Uri,
        wanted: Option<Transport>,
    ) -> Result<Vec<Candidate>, SignalingError> {
        let search = Search {
            dns: &self.dns,
            default: self.default_transport(),
            local: self.local_addr.ip(),
            spoken: &|transport| self.check_spoken(transport).is_ok(),
            draw: fraction,
        };
        search.locate(uri, wanted).await
    }

    /// How long a server may say nothing before the next one is tried.
    pub(crate) fn patience(&self) -> Duration {
        self.patience
    }

    /// A server does not answer, refuses, or says 503: others go before it for a while.
    pub(crate) fn failed(&self, server: (Transport, SocketAddr), retry_after: Option<Duration>) {
        locked(&self.health).failed(now(), server, retry_after);
    }

    /// A server has answered.
    pub(crate) fn worked(&self, server: (Transport, SocketAddr)) {
        locked(&self.health).worked(server);
    }

    /// Our registration in a domain stands at this server.
    pub(crate) fn serves(&self, domain: &str, server: (Transport, SocketAddr)) {
        self.gate.trust(server.1.ip());
        locked(&self.health).serves(domain, server);
    }

    /// Our registration in a domain is gone.
    pub(crate) fn forget(&self, domain: &str) {
        locked(&self.health).forget(domain);
    }

    /// Keeps the way through a NAT open: a line break that UDP peers pass over (RFC 5626 section 3.5.1).
    pub(crate) async fn ping(&self, target: Target) {
        if let Some(SipConnection::Udp(udp)) = &self.udp {
            udp.send_raw(b"\r\n\r\n", &to_stack_addr(target)).await.ok();
        }
    }

    /// Finds or opens the way to a place, so that one that cannot be reached is told at once and not after 64 T1.
    pub(crate) async fn connect(&self, candidate: &Candidate) -> Result<Target, SignalingError> {
        let Candidate {
            transport,
            addr,
            host,
            ..
        } = candidate;
        self.check_spoken(*transport)?;
        match transport {
            Transport::Udp => Ok(Target::of(*transport, *addr)),
            stream => self.streams.connect(*stream, *addr, host).await,
        }
    }

    fn check_spoken(&self, transport: Transport) -> Result<(), SignalingError> {
        match transport {
            Transport::Udp if self.udp.is_none() => Err(SignalingError::Config(
                "UDP is wanted but switched off".into(),
            )),
            Transport::Tcp if !self.tcp => Err(SignalingError::Config(
                "TCP is wanted but switched off".into(),
            )),
            _ => Ok(()),
        }
    }

    async fn way(&self, target: Target) -> Result<Way, SignalingError> {
        self.check_spoken(target.transport)?;
        match &self.udp {
            Some(udp) if target.transport == Transport::Udp => Ok(Way::Datagrams(udp.clone())),
            _ => self.streams.reach(target).await.map(Way::Stream),
        }
    }

    /// Sends a request in a new transaction; the Via is added here.
    pub(crate) async fn request(
        &self,
        mut request: Request,
        target: Target,
    ) -> Result<ClientTransaction, SignalingError> {
        let target = self.for_size(&request, target).await;
        let via = self.via(target)?;
        request.headers.push_front("Via", via.to_string())?;
        // RFC 3261 section 8.1.1.8: a sips: Request-URI demands a sips: Contact.
        let contact = request
            .contact()
            .filter(|_| request.uri.scheme() == Scheme::Sips && request.method != Method::Register);
        if let Some(contact) = contact {
            request
                .headers
                .set("Contact", contact.with_sips().to_string())?;
        }
        self.start(request, target).await
    }

    /// RFC 3261 section 18.1.1: what is larger than 1,300 bytes goes over TCP, and over UDP all the same where the peer takes no
    /// connection.
    async fn for_size(&self, request: &Request, target: Target) -> Target {
        // The Via is still to come.
        const VIA: usize = 100;
        let size = request.to_bytes().len().saturating_add(VIA);
        if target.transport != Transport::Udp || size <= self.udp_limit || !self.tcp {
            return target;
        }
        let believed = locked(&self.without_tcp).get(&target.addr).copied();
        if believed.is_some_and(|until| now() < until) {
            return target;
        }
        let host = target.addr.ip().to_string();
        let connecting = self.streams.connect(Transport::Tcp, target.addr, &host);
        match tokio::time::timeout(self.patience, connecting).await {
            Ok(Ok(stream)) => stream,
            _ => {
                tracing::debug!(peer = %target.addr, size, "no TCP there: a large request goes over UDP");
                let mut without_tcp = locked(&self.without_tcp);
                without_tcp.retain(|_, until| now() < *until);
                if let Some(until) = now().checked_add(WITHOUT_TCP) {
                    without_tcp.insert(target.addr, until);
                }
                target
            }
        }
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
        check_protected(&request, target)?;
        let way = self.way(target).await?;
        let stack = to_stack_request(&request)?;
        let key = TransactionKey::from_request(&stack, TransactionRole::Client)
            .map_err(|error| SignalingError::input("request", error.to_string()))?;
        let mut transaction =
            Transaction::new_client(key, stack, self.endpoint.clone(), Some(way.connection()));
        transaction.destination = Some(to_stack_addr(target));
        Ok(ClientTransaction::spawn(
            request,
            target,
            transaction,
            way.stream(),
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
        check_protected(&ack, target)?;
        let connection = self.way(target).await?.connection();
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
            local: self.local_addr,
            events,
        })
    }

    fn via(&self, target: Target) -> Result<Via, SignalingError> {
        let advertised = self.advertised_to(target)?;
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

    /// True while a stream to this target is open.
    pub(crate) fn has_stream(&self, target: Target) -> bool {
        self.streams.find(target).is_some()
    }

    /// True if requests for `host` may go over the stream to this target: its certificate names that host.
    pub(crate) fn covers(&self, target: Target, host: &str) -> bool {
        self.streams.covers(target, host)
    }

    /// Waits until the stream to this target is gone, and says why; for ever for UDP.
    pub(crate) async fn stream_lost(&self, target: Target) -> String {
        if !target.transport.is_stream() {
            return std::future::pending().await;
        }
        match self.streams.find(target) {
            Some(stream) => {
                stream.closed.cancelled().await;
                stream.why().to_owned()
            }
            None => "the connection broke".to_owned(),
        }
    }

    /// Ends the transactions, and waits until what they were given to send has gone out.
    pub(crate) async fn drain(&self) {
        self.transactions.closing.cancel();
        self.transactions.tasks.close();
        self.transactions.tasks.wait().await;
    }

    /// This machine has another address, or another way to the same places: what was learned of them is forgotten, and streams
    /// over the old way end.
    pub(crate) fn network_changed(&self) {
        locked(&self.health).forgive();
        locked(&self.without_tcp).clear();
        self.streams.leave_old_addresses();
    }

    /// Closes the sockets.
    pub(crate) fn close(&self) {
        self.cancel.cancel();
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
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

/// RFC 3261 section 26.2.2: a request to a sips: URI, or through a sips: route, leaves over TLS or not at all.
fn check_protected(request: &Request, target: Target) -> Result<(), SignalingError> {
    let route = request.headers.get_list("Route").first().copied();
    let route = route.and_then(|route| NameAddr::parse(route).ok());
    let uris = [Some(&request.uri), route.as_ref().map(NameAddr::uri)];
    match uris
        .into_iter()
        .flatten()
        .find(|uri| uri.scheme() == Scheme::Sips)
    {
        Some(uri) if !target.transport.is_secure() => Err(insecure(uri, target.transport)),
        _ => Ok(()),
    }
}

/// What a request goes over.
enum Way {
    Datagrams(SipConnection),
    Stream(Arc<Stream>),
}

impl Way {
    fn connection(&self) -> SipConnection {
        match self {
            Way::Datagrams(connection) => connection.clone(),
            Way::Stream(stream) => stream.connection.clone(),
        }
    }

    fn stream(self) -> Option<Arc<Stream>> {
        match self {
            Way::Datagrams(_) => None,
            Way::Stream(stream) => Some(stream),
        }
    }
}

/// Opens UDP, then TCP on the same port; a port that is taken for one of them only is tried again if it was chosen here.
async fn open_sockets(
    config: &LayerConfig,
    gate: &Arc<Gate>,
    cancel: &CancellationToken,
) -> Result<(Option<SipConnection>, ListenerSet, SocketAddr), SignalingError> {
    let failed = |addr: SocketAddr, error: &dyn std::fmt::Display| SignalingError::Transport {
        peer: addr.to_string(),
        why: format!("cannot bind: {error}"),
    };
    let free_choice = config.local_addr.port() == 0;
    let mut attempts = if free_choice { 32 } else { 1 };
    let mut listeners = ListenerSet::default();
    loop {
        attempts -= 1;
        let mut addr = config.local_addr;
        let udp = if config.udp {
            let socket = UdpSocket::bind(addr)
                .await
                .map_err(|error| failed(addr, &error))?;
            addr = socket.local_addr().map_err(|error| failed(addr, &error))?;
            Some(socket)
        } else {
            None
        };
        if config.tcp {
            match TcpListener::bind(addr).await {
                Ok(listener) => {
                    addr = listener
                        .local_addr()
                        .map_err(|error| failed(addr, &error))?;
                    listeners.add(Transport::Tcp, listener);
                }
                Err(_) if free_choice && attempts > 0 => continue,
                Err(error) => return Err(failed(addr, &error)),
            }
        }
        listeners.bind(&config.listen).await?;
        let udp = match udp {
            Some(socket) => {
                let connection = UdpConnection::from_socket(
                    Arc::new(GuardedSocket::new(socket, gate.clone())),
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
        return Ok((udp, listeners, addr));
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
    let slots = Slots::new(limit);
    loop {
        let transaction = tokio::select! {
            transaction = incoming.recv() => transaction,
            () = transactions.closing.cancelled() => return,
        };
        let Some(mut transaction) = transaction else {
            return;
        };
        let Ok(permit) = slots.open.clone().try_acquire_owned() else {
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
        if let Some(transaction) = ServerTransaction::spawn(
            transaction,
            source,
            give_up,
            (permit, &slots),
            &transactions,
        )
        .await
            && events
                .send(LayerEvent::Request(Box::new(transaction)))
                .await
                .is_err()
        {
            return;
        }
    }
}
