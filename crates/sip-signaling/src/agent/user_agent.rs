//! The user agent itself: sockets, the calls that are up, and what they share.

use std::{
    collections::{HashMap, HashSet, VecDeque},
    net::{IpAddr, SocketAddr},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::sync::{broadcast, mpsc, oneshot, watch};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::{
    auth::{Authenticator, is_challenge},
    clock::token,
    config::{InviteOptions, RegistrationConfig, RequestOptions, UserAgentConfig},
    dispatch,
    incoming::{IncomingCalls, IncomingInvite},
    messages::{self, IncomingMessage, IncomingMessages},
    notifier::{IncomingSubscription, IncomingSubscriptions},
    outgoing::OutgoingInvite,
    outgoing_task,
    registration::{Registration, RegistrationState},
    registration_task,
    subscription::{Subscription, SubscriptionConfig},
    subscription_task,
    trace::TracedMessage,
};
use crate::{
    HeaderList, Method, NameAddr, Request, Response, SignalingError, StatusCode, Transport, Uri,
    agent_headers::{ALLOWED_METHODS, SUPPORTED},
    message::{Scheme, check_body, check_token},
    session::{Dialog, DialogId, SessionTimer},
    transaction::{
        Candidate, ClientEvent, LayerConfig, ListenConfig, ServerTransaction, Target,
        TransactionLayer, local_ip_towards, transport_towards,
    },
};

/// A SIP user agent: registers, calls, is called. Clones share sockets and calls; when the last clone, call and
/// registration is gone, the sockets close.
#[derive(Clone)]
pub struct UserAgent {
    inner: Arc<Inner>,
}

impl std::fmt::Debug for UserAgent {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("UserAgent")
            .field("local_addr", &self.local_addr())
            .finish_non_exhaustive()
    }
}

impl UserAgent {
    /// Opens the sockets. Must be called within a tokio runtime with time and I/O.
    ///
    /// Cancel safe: nothing stays open.
    ///
    /// # Errors
    /// `Transport` if an address cannot be bound (it is taken, or not this machine's), `Config` and `InvalidInput`.
    pub async fn bind(
        config: UserAgentConfig,
    ) -> Result<(UserAgent, IncomingCalls), SignalingError> {
        HeaderList::new().push("User-Agent", config.user_agent.as_str())?;
        check_path(&config.ws_path)?;
        let cancel = CancellationToken::new();
        let guard = cancel.clone().drop_guard();
        let layer = LayerConfig {
            local_addr: config.local_addr,
            udp: config.udp,
            tcp: config.tcp,
            listen: ListenConfig {
                tls: config.tls_listen,
                ws: config.ws_listen,
                wss: config.wss_listen,
            },
            dns_servers: config.dns_servers.clone(),
            udp_limit: config.udp_limit,
            tls: config.tls.clone(),
            ws_path: config.ws_path.clone(),
            user_agent: config.user_agent.clone(),
            timers: config.timers,
            connect_timeout: config.connect_timeout,
            keep_alive: config.keep_alive,
            limits: config.limits,
            trunk: config.trunk.clone(),
        };
        let (layer, events) = TransactionLayer::bind(layer, cancel.clone()).await?;
        let (incoming, queue) = mpsc::channel(config.limits.pending_calls.max(1));
        let inner = Arc::new(Inner {
            layer,
            config,
            incoming,
            calls: Mutex::default(),
            invites: Mutex::default(),
            arriving: Mutex::default(),
            learned: Mutex::default(),
            registrations: Mutex::default(),
            messages: Mutex::default(),
            notifications: Mutex::default(),
            packages: Mutex::default(),
            draining: Mutex::default(),
            network: watch::Sender::default(),
            tasks: TaskTracker::new(),
            closing: cancel.child_token(),
            _guard: guard,
        });
        tokio::spawn(dispatch::run(Arc::downgrade(&inner), events));
        Ok((UserAgent { inner }, IncomingCalls { queue }))
    }

    /// The address that was bound, with the port that was really taken (UDP and TCP have the same).
    pub fn local_addr(&self) -> SocketAddr {
        self.inner.layer.local_addr()
    }

    /// Where is listened for a transport, with the port that was really taken; `None` where it is not.
    pub fn listen_addr(&self, transport: Transport) -> Option<SocketAddr> {
        self.inner.layer.listening(transport)
    }

    /// The address of this machine that Contact and Via name towards `target`; SDP should name the same.
    ///
    /// # Errors
    /// `Transport` if there is no route.
    pub fn advertised_ip_for(&self, target: SocketAddr) -> Result<IpAddr, SignalingError> {
        self.inner.layer.advertised(target).map(|addr| addr.ip())
    }

    /// Where the INVITE of a call with these options would go first.
    ///
    /// # Errors
    /// `Transport` if the name cannot be resolved or a TCP connection is refused, `Config` for a scheme or transport
    /// that is not spoken.
    pub async fn next_hop(&self, options: &InviteOptions) -> Result<SocketAddr, SignalingError> {
        let hop = self
            .inner
            .first_hop(options.proxy.as_ref(), &options.route, &options.target)
            .clone();
        self.inner
            .reach(&hop, options.transport)
            .await
            .map(|target| target.addr)
    }

    /// Starts a registration and keeps it up in the background until it is told to stop.
    ///
    /// # Errors
    /// As [`RegistrationConfig::check`].
    pub fn register(&self, config: RegistrationConfig) -> Result<Registration, SignalingError> {
        config.check()?;
        let (state_sender, state) = watch::channel(RegistrationState::Registering);
        let (stop, stop_receiver) = mpsc::unbounded_channel();
        self.inner.registrations().push(stop.clone());
        tokio::spawn(registration_task::run(
            self.inner.clone(),
            config,
            state_sender,
            stop_receiver,
        ));
        Ok(Registration { state, stop })
    }

    /// Sends an INVITE. The way to the first hop is found before this returns, so an address that cannot be
    /// reached is told at once.
    ///
    /// Cancel safe: before it returns no INVITE has been sent.
    ///
    /// # Errors
    /// `InvalidInput`, `Config`, `Transport`. What the peer answers comes as an event.
    pub async fn invite(&self, options: InviteOptions) -> Result<OutgoingInvite, SignalingError> {
        outgoing_task::start(&self.inner, options).await
    }

    /// Sends a request outside any call and waits for its 2xx; challenges are answered. For MESSAGE (RFC 3428), OPTIONS, PUBLISH and what
    /// this crate does not know; calls and registrations have functions of their own.
    ///
    /// Cancel safe: the request may have been sent.
    ///
    /// # Errors
    /// `InvalidInput` for a method that begins or belongs to a call or registration, or an unusable header or body type; `Config`, `Transport`,
    /// `Unauthorized`, `Timeout`, and `Rejected` for any final answer but 2xx.
    pub async fn request(&self, options: RequestOptions) -> Result<Response, SignalingError> {
        messages::send(&self.inner, options).await
    }

    /// Subscribes to the state of a resource (RFC 6665), and keeps that up in the background until it is told to stop: refreshed in time, and
    /// begun anew after a failure that may pass.
    ///
    /// # Errors
    /// `InvalidInput` for a package that is no token, a header that is this crate's own, or a control character.
    pub fn subscribe(&self, config: SubscriptionConfig) -> Result<Subscription, SignalingError> {
        check_token("event package", &config.package)?;
        check_headers(&config.headers, false)?;
        check_body(config.body.as_ref())?;
        HeaderList::new().push("Accept", config.accept.join(", "))?;
        let (sender, events) = mpsc::channel(self.inner.config.limits.pending_messages.max(2));
        let (stop, stop_receiver) = mpsc::unbounded_channel();
        self.inner.tasks.spawn(subscription_task::run(
            self.inner.clone(),
            config,
            sender,
            stop_receiver,
        ));
        Ok(Subscription { events, stop })
    }

    /// The MESSAGEs that come in outside calls from now on. Without this, or once it is dropped, they are refused with 405; a second call takes
    /// the place of the first.
    pub fn messages(&self) -> IncomingMessages {
        let (sender, queue) = mpsc::channel(self.inner.config.limits.pending_messages.max(1));
        *locked(&self.inner.messages) = Some(sender);
        IncomingMessages { queue }
    }

    /// The NOTIFYs that come in without a subscription from now on, as some PBXs tell of waiting messages. Without this, or once it is dropped,
    /// they are refused with 481; a second call takes the place of the first.
    pub fn unsolicited_notifications(&self) -> IncomingMessages {
        let (sender, queue) = mpsc::channel(self.inner.config.limits.pending_messages.max(1));
        *locked(&self.inner.notifications) = Some(sender);
        IncomingMessages { queue }
    }

    /// The subscriptions that peers ask for from now on, to these event packages; others are refused with 489. Without this, or once it is
    /// dropped, all are. A second call takes the place of the first.
    ///
    /// # Errors
    /// `InvalidInput` for a package that is no token.
    pub fn subscriptions(
        &self,
        packages: &[&str],
    ) -> Result<IncomingSubscriptions, SignalingError> {
        packages
            .iter()
            .try_for_each(|package| check_token("event package", package))?;
        let (sender, queue) = mpsc::channel(self.inner.config.limits.pending_messages.max(1));
        *locked(&self.inner.packages) = Some(Packages {
            names: packages.iter().map(|&name| name.to_owned()).collect(),
            queue: sender,
        });
        Ok(IncomingSubscriptions { queue })
    }

    /// From now on new calls are refused with 503, and OPTIONS outside calls answered so, both with this `Retry-After`; calls that are up or
    /// ring go on. `None` takes calls again.
    pub fn set_draining(&self, retry_after: Option<Duration>) {
        *locked(&self.inner.draining) = retry_after;
    }

    /// This machine has another address, or another way out: registers anew at once and takes the old bindings away, ends the streams that
    /// stand on an address which is gone, and forgets which servers failed. Calls that are up are not touched: a re-INVITE of theirs names
    /// the new address. UDP goes on if [`UserAgentConfig::local_addr`] is an unspecified address; a socket that is bound to one address lives and
    /// dies with it.
    pub fn network_changed(&self) {
        locked(&self.inner.learned).clear();
        self.inner.layer.network_changed();
        self.inner
            .network
            .send_modify(|count| *count = count.wrapping_add(1));
    }

    /// Every SIP message from now on, without its secrets; [`crate::trace`] writes them to text or a capture file. What is refused before a
    /// transaction is made of it (unsound, over a limit, not of a trunk peer) is not among them. Costs nothing while nobody listens; a slow listener loses the oldest.
    pub fn trace(&self) -> broadcast::Receiver<TracedMessage> {
        self.inner.layer.trace()
    }

    /// Un-registers everywhere (waiting at most 8 T1 for each registrar), cancels and refuses the calls that ring, lets
    /// go out what was given to be sent (at most 8 T1), and closes the sockets. Calls that are up end with
    /// `EndedBy::Shutdown`; hang up first if the peers are to know.
    ///
    /// Not cancel safe: what was not done when the future is dropped is not done.
    pub async fn shutdown(&self) {
        let stops = std::mem::take(&mut *self.inner.registrations());
        let mut pending = Vec::new();
        for stop in stops {
            let (done, result) = oneshot::channel();
            if stop.send(done).is_ok() {
                pending.push(result);
            }
        }
        for result in pending {
            result.await.ok();
        }
        let leave = async {
            self.inner.closing.cancel();
            self.inner.tasks.close();
            self.inner.tasks.wait().await;
            self.inner.layer.drain().await;
        };
        let patience = self.inner.config.timers.t1.saturating_mul(8);
        if tokio::time::timeout(patience, leave).await.is_err() {
            tracing::info!("the sockets were closed before all was sent");
        }
        self.inner.layer.close();
    }
}

/// The event packages that peers may subscribe to, and who hears of it.
#[derive(Debug, Clone)]
pub(super) struct Packages {
    pub(super) names: Vec<String>,
    pub(super) queue: mpsc::Sender<IncomingSubscription>,
}

/// Tells a registration to end, and where to say how that went.
type Stop = mpsc::UnboundedSender<oneshot::Sender<Result<(), SignalingError>>>;

/// What is sent to the task of a call or of an outgoing INVITE.
#[derive(Debug)]
pub(super) enum CallInput {
    Request(Box<ServerTransaction>),
    Success(Box<Response>),
    /// Another call has taken the place of this one.
    Replaced,
}

pub(super) type CallInputs = mpsc::UnboundedSender<CallInput>;

/// An INVITE or SUBSCRIBE of ours, by Call-ID and From tag: early dialogs and further 2xx belong to it.
pub(super) type InviteKey = (String, String);

/// An INVITE of a peer, by Call-ID, From tag and CSeq (RFC 3261 section 8.2.2.2).
pub(super) type ArrivalKey = (String, String, u32);

pub(crate) struct Inner {
    pub(super) layer: TransactionLayer,
    pub(super) config: UserAgentConfig,
    pub(super) incoming: mpsc::Sender<IncomingInvite>,
    calls: Mutex<HashMap<DialogId, CallInputs>>,
    invites: Mutex<HashMap<InviteKey, CallInputs>>,
    arriving: Mutex<HashSet<ArrivalKey>>,
    /// What registrars saw as our address, by the registrar's own.
    learned: Mutex<HashMap<IpAddr, SocketAddr>>,
    registrations: Mutex<Vec<Stop>>,
    messages: Mutex<Option<mpsc::Sender<IncomingMessage>>>,
    /// For NOTIFYs of no subscription.
    notifications: Mutex<Option<mpsc::Sender<IncomingMessage>>>,
    packages: Mutex<Option<Packages>>,
    /// New calls are refused, and what they are told of when to try again.
    draining: Mutex<Option<Duration>>,
    /// Counts the changes of this machine's network.
    network: watch::Sender<u64>,
    /// The tasks of INVITEs, which have something to say at the end.
    pub(super) tasks: TaskTracker,
    /// Cancelled while the sockets are still open.
    pub(super) closing: CancellationToken,
    _guard: tokio_util::sync::DropGuard,
}

impl std::fmt::Debug for Inner {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Inner").finish_non_exhaustive()
    }
}

/// The queue, if somebody listens.
fn open<T>(queue: &Mutex<Option<mpsc::Sender<T>>>) -> Option<mpsc::Sender<T>> {
    locked(queue).clone().filter(|queue| !queue.is_closed())
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Inner {
    pub(super) fn call(&self, id: &DialogId) -> Option<CallInputs> {
        locked(&self.calls).get(id).cloned()
    }

    pub(super) fn set_call(&self, id: DialogId, inputs: CallInputs) {
        locked(&self.calls).insert(id, inputs);
    }

    pub(super) fn forget_call(&self, id: &DialogId) {
        locked(&self.calls).remove(id);
    }

    pub(super) fn invite(&self, key: &InviteKey) -> Option<CallInputs> {
        locked(&self.invites).get(key).cloned()
    }

    pub(super) fn set_invite(&self, key: InviteKey, inputs: CallInputs) {
        locked(&self.invites).insert(key, inputs);
    }

    pub(super) fn forget_invite(&self, key: &InviteKey) {
        locked(&self.invites).remove(key);
    }

    /// False if the same INVITE is here already over another path.
    pub(super) fn arrives(&self, key: ArrivalKey) -> bool {
        locked(&self.arriving).insert(key)
    }

    pub(super) fn forget_arrival(&self, key: &ArrivalKey) {
        locked(&self.arriving).remove(key);
    }

    /// Changes of the network from now on.
    pub(super) fn network_changes(&self) -> watch::Receiver<u64> {
        self.network.subscribe()
    }

    /// `Retry-After` while no new calls are taken.
    pub(super) fn retry_after(&self) -> Option<String> {
        locked(&self.draining).map(|pause| pause.as_secs().to_string())
    }

    pub(super) fn message_queue(&self) -> Option<mpsc::Sender<IncomingMessage>> {
        open(&self.messages)
    }

    pub(super) fn notification_queue(&self) -> Option<mpsc::Sender<IncomingMessage>> {
        open(&self.notifications)
    }

    pub(super) fn packages(&self) -> Option<Packages> {
        let packages = locked(&self.packages).clone();
        packages.filter(|packages| !packages.queue.is_closed())
    }

    fn registrations(&self) -> MutexGuard<'_, Vec<Stop>> {
        let mut list = locked(&self.registrations);
        list.retain(|stop| !stop.is_closed());
        list
    }

    pub(super) fn learn(&self, peer: IpAddr, seen: SocketAddr) {
        locked(&self.learned).insert(peer, seen);
    }

    /// The first hop of a request outside a dialog: its proxy, ours, the first of its route, or its target.
    pub(super) fn first_hop<'a>(
        &'a self,
        proxy: Option<&'a Uri>,
        route: &'a [NameAddr],
        target: &'a Uri,
    ) -> &'a Uri {
        proxy
            .or(self.config.outbound_proxy.as_ref())
            .or(route.first().map(NameAddr::uri))
            .unwrap_or(target)
    }

    /// The first address of a hop that can be reached.
    pub(super) async fn reach(
        &self,
        hop: &Uri,
        wanted: Option<Transport>,
    ) -> Result<Target, SignalingError> {
        let candidates = self.layer.locate(hop, wanted).await?;
        self.reach_first(&mut candidates.into(), hop).await
    }

    /// Reaches the first of these places that can be reached, and takes it and those before it away.
    pub(super) async fn reach_first(
        &self,
        candidates: &mut VecDeque<Candidate>,
        hop: &Uri,
    ) -> Result<Target, SignalingError> {
        let mut failure = SignalingError::Transport {
            peer: hop.to_string(),
            why: "no server is left to try".into(),
        };
        while let Some(candidate) = candidates.pop_front() {
            let patience = if candidates.is_empty() {
                self.config.connect_timeout
            } else {
                self.layer.patience().min(self.config.connect_timeout)
            };
            let connecting = async {
                local_ip_towards(candidate.addr)?;
                self.layer.connect(&candidate).await
            };
            failure = match tokio::time::timeout(patience, connecting).await {
                Ok(Ok(target)) => return Ok(target),
                Ok(Err(error)) => error,
                Err(_) => SignalingError::Transport {
                    peer: format!("{} {}", candidate.transport, candidate.addr),
                    why: format!("no connection within {} s", patience.as_secs_f32()),
                },
            };
            self.layer.failed(candidate.key(), None);
        }
        Err(failure)
    }

    /// Where the next request of a dialog goes. A stream that the dialog came over is used again while it is open:
    /// behind NAT there is no other way to the peer.
    pub(super) async fn reach_dialog(
        &self,
        dialog: &Dialog,
        flow: Target,
    ) -> Result<Target, SignalingError> {
        let hop = dialog.next_hop();
        let transport = match transport_towards(hop, None, flow.transport) {
            // RFC 7118 section 5.2.2: `ws` in a URI may mean either kind of WebSocket.
            Ok(Transport::Ws) if flow.transport == Transport::Wss => Transport::Wss,
            Ok(transport) => transport,
            Err(error @ SignalingError::Insecure { .. }) => return Err(error),
            Err(_) => flow.transport,
        };
        let same_peer = !dialog.has_route()
            || hop.host_ip() == Some(flow.addr.ip())
            || self.layer.covers(flow, hop.host());
        if transport.is_stream()
            && transport == flow.transport
            && same_peer
            && self.layer.has_stream(flow)
        {
            return Ok(flow);
        }
        match self.reach(hop, Some(transport)).await {
            // A Contact that leads nowhere (a private name, `.invalid`): where the dialog came from is worth a try.
            Err(_) if hop.scheme() != Scheme::Sips || flow.transport.is_secure() => Ok(flow),
            reached => reached,
        }
    }

    /// The session timer of a new call.
    pub(super) fn session_timer(&self) -> SessionTimer {
        SessionTimer::new(self.config.session_expires, self.config.min_session_expires)
    }

    /// Our Contact towards a peer, with the transport named wherever it is not UDP.
    pub(super) fn contact(
        &self,
        user: Option<&str>,
        target: Target,
    ) -> Result<NameAddr, SignalingError> {
        let learned = locked(&self.learned).get(&target.addr.ip()).copied();
        let addr = match learned.filter(|_| target.transport == Transport::Udp) {
            Some(addr) => addr,
            None => self.layer.advertised_to(target)?,
        };
        contact_at(user, addr, target.transport)
    }

    /// Headers that every request outside a dialog and every target refresh carries.
    pub(super) fn add_agent_headers(&self, headers: &mut HeaderList) {
        add_missing(headers, "Allow", ALLOWED_METHODS);
        add_missing(headers, "Supported", SUPPORTED);
        add_missing(headers, "User-Agent", &self.config.user_agent);
    }

    /// An answer with our headers; 1xx and 2xx that begin a dialog carry Contact and Record-Route (RFC 3261 section 12.1.1).
    pub(super) fn response(
        &self,
        request: &Request,
        status: StatusCode,
        tag: Option<&str>,
        source: Target,
    ) -> Response {
        let mut response = Response::to_request(request, status, tag);
        let succeeds = status.0 > 100 && status.0 < 300;
        if matches!(request.method, Method::Invite | Method::Subscribe) && succeeds {
            for route in request.headers.get_all("Record-Route") {
                response.headers.push_raw("Record-Route", route);
            }
        }
        let refreshes = matches!(
            request.method,
            Method::Invite | Method::Update | Method::Subscribe
        );
        if refreshes && succeeds {
            let user = request.to().and_then(|to| to.uri().user_decoded());
            if let Ok(contact) = self.contact(user.as_deref(), source) {
                // RFC 3261 section 12.1.1: sips is answered with sips.
                let contact = match request.uri.scheme() {
                    Scheme::Sips => contact.with_sips(),
                    _ => contact,
                };
                response.headers.push_raw("Contact", contact.to_string());
            }
        }
        if status.0 > 100 {
            self.add_agent_headers(&mut response.headers);
        }
        response
    }

    /// Sends a request and waits for its final answer; challenges are answered as long as the credentials allow.
    /// `make` gives a fresh request for each try, with a new CSeq.
    pub(super) async fn transact(
        &self,
        mut make: impl FnMut() -> Result<Request, SignalingError>,
        target: Target,
        auth: &mut Authenticator,
    ) -> Result<Response, SignalingError> {
        let mut request = make()?;
        auth.apply(&mut request);
        loop {
            let response = self.exchange(request, target).await?;
            if !is_challenge(response.status) {
                // Any other answer than "forbidden" came from behind the check of the credentials.
                if response.status != StatusCode::FORBIDDEN {
                    auth.accepted();
                }
                return Ok(response);
            }
            request = make()?;
            auth.challenged(&response, &mut request)?;
        }
    }

    async fn exchange(&self, request: Request, target: Target) -> Result<Response, SignalingError> {
        let what = method_name(&request.method);
        let mut transaction = self.layer.request(request, target).await?;
        loop {
            match transaction.next().await {
                Some(ClientEvent::Response(response)) if response.status.is_final() => {
                    return Ok(response);
                }
                Some(ClientEvent::Response(_)) => {}
                Some(ClientEvent::Timeout) => {
                    return Err(SignalingError::Timeout {
                        what,
                        after: self.config.timers.give_up,
                    });
                }
                Some(ClientEvent::Broken) => return Err(transaction.broken()),
                None => return Err(SignalingError::Closed),
            }
        }
    }
}

pub(super) fn method_name(method: &Method) -> &'static str {
    match method {
        Method::Invite => "INVITE",
        Method::Register => "REGISTER",
        Method::Bye => "BYE",
        Method::Update => "UPDATE",
        Method::Info => "INFO",
        Method::Cancel => "CANCEL",
        Method::Subscribe => "SUBSCRIBE",
        Method::Notify => "NOTIFY",
        _ => "request",
    }
}

pub(super) fn contact_at(
    user: Option<&str>,
    addr: SocketAddr,
    transport: Transport,
) -> Result<NameAddr, SignalingError> {
    let mut uri = Uri::from_socket_addr(user, addr)?;
    if transport != Transport::Udp {
        uri.params_mut()
            .set_raw("transport", Some(transport.as_param()));
    }
    Ok(NameAddr::new(uri))
}

fn add_missing(headers: &mut HeaderList, name: &str, value: &str) {
    if !headers.contains(name) {
        headers.push_raw(name, value);
    }
}

/// The path of a WebSocket goes into the request line of its handshake.
fn check_path(path: &str) -> Result<(), SignalingError> {
    let breaks = |c: char| c.is_control() || c.is_whitespace();
    if path.starts_with('/') && !path.contains(breaks) {
        return Ok(());
    }
    Err(SignalingError::input(
        "WebSocket path",
        "it does not begin with \"/\", or holds a space or a control character (CR, LF or NUL)",
    ))
}

/// Waits for a change of the network; for ever once the user agent is gone.
pub(super) async fn changed(network: &mut watch::Receiver<u64>) {
    if network.changed().await.is_err() {
        std::future::pending().await
    }
}

/// Headers that make the protocol run are not the program's to set.
pub(super) fn check_headers(
    headers: &HeaderList,
    contact_allowed: bool,
) -> Result<(), SignalingError> {
    const OURS: [&str; 12] = [
        "Via",
        "From",
        "To",
        "Call-ID",
        "CSeq",
        "Max-Forwards",
        "Route",
        "Record-Route",
        "Content-Length",
        "Content-Type",
        "Authorization",
        "Proxy-Authorization",
    ];
    let taken = |name: &str| {
        OURS.iter().any(|ours| ours.eq_ignore_ascii_case(name))
            || (!contact_allowed && name.eq_ignore_ascii_case("Contact"))
    };
    match headers.iter().find(|(name, _)| taken(name)) {
        Some((name, _)) => Err(SignalingError::input(
            "header",
            format!("{name} is set by the user agent itself"),
        )),
        None => Ok(()),
    }
}

/// The program's headers take the place of ours.
pub(super) fn add_custom(headers: &mut HeaderList, custom: &HeaderList) {
    for (name, _) in custom.iter() {
        headers.remove(name);
    }
    headers.extend(custom);
}

/// A Call-ID or tag of ours.
pub(super) fn new_call_id() -> String {
    token(32)
}
