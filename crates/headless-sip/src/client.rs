//! The client: one SIP address, one media engine, many calls.

use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use media_engine::{EngineConfig, MediaEngine};
use sip_signaling::{
    Body, Call, Credentials, HeaderList, IncomingCalls, IncomingMessages, InviteOptions, Method,
    NameAddr, Registration, RegistrationConfig, RegistrationState, RequestOptions, Response,
    Timers, TracedMessage, Uri, UserAgent, UserAgentConfig,
};
use tokio::sync::{Mutex, broadcast, watch};
use tokio::task::JoinHandle;
use tokio_util::sync::{CancellationToken, DropGuard};
use tokio_util::task::{AbortOnDropHandle, TaskTracker};

use crate::call::{pairs, say_bye};
use crate::media::MediaSettings;
#[cfg(target_os = "linux")]
use crate::network_watch::NetworkWatch;
use crate::{
    ActiveCall, ClientConfig, Dial, Error, IncomingCall, Register, TextMessage, Transport,
    TrunkConfig, address, trace_file,
};

/// Makes and answers calls. Cheap to clone; clones are the same client.
///
/// [`shutdown`](Self::shutdown) ends it in good order. When all clones and all calls are dropped, its sockets close.
#[derive(Clone, Debug)]
pub struct HeadlessSipClient {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    config: ClientConfig,
    agent: UserAgent,
    engine: MediaEngine,
    media: MediaSettings,
    account: Account,
    /// Set once, when registering begins.
    registration: OnceLock<Registration>,
    incoming: Mutex<IncomingCalls>,
    messages: Mutex<IncomingMessages>,
    drivers: TaskTracker,
    closing: CancellationToken,
    /// Counts the changes of this machine's network.
    network: watch::Sender<u64>,
    /// Waits for such changes.
    _network_watch: OnceLock<AbortOnDropHandle<()>>,
    /// Writes the trace file.
    trace: Mutex<Option<JoinHandle<()>>>,
    /// Ends that.
    untraced: CancellationToken,
    _untraced: DropGuard,
}

/// Who we are towards the far end.
#[derive(Debug)]
struct Account {
    from: NameAddr,
    credentials: Option<Credentials>,
    /// The registrar: the domain of our address and of bare names that are dialled.
    domain: Option<Uri>,
    headers: HeaderList,
}

impl HeadlessSipClient {
    /// Opens the sockets and, where a registrar is set, registers.
    ///
    /// # Errors
    ///
    /// [`Error::Config`] for a setting that cannot be used, [`Error::Transport`] when the SIP address cannot be bound or the
    /// registrar cannot be reached, [`Error::Unauthorized`] for a wrong user or password, [`Error::Timeout`] when the registrar does not
    /// answer, [`Error::Rejected`] when it refuses.
    ///
    /// Cancel safe: nothing is left behind.
    pub async fn new(config: ClientConfig) -> Result<Self, Error> {
        check(&config)?;
        let engine = MediaEngine::new(EngineConfig {
            threads: config.media_threads,
            rtp_ports: config.rtp_ports.clone(),
        })?;
        let trace = config
            .trace_file
            .as_deref()
            .map(trace_file::create)
            .transpose()?;
        let proxy = config
            .proxy
            .as_deref()
            .map(|proxy| address::server(proxy, "the proxy"))
            .transpose()?;
        let (agent, incoming) = UserAgent::bind(UserAgentConfig {
            local_addr: config.local_sip_addr,
            user_agent: config.user_agent.clone(),
            outbound_proxy: proxy,
            tls: config.tls.clone(),
            tls_listen: config.tls_listen,
            ws_listen: config.ws_listen,
            wss_listen: config.wss_listen,
            ws_path: config.ws_path.clone(),
            timers: Timers::from_t1(config.sip_t1),
            session_expires: config.session_expires,
            allow_replaces: config.allow_replaces,
            limits: config.limits.signaling(),
            trunk: config.trunk.as_ref().map(TrunkConfig::signaling),
            ..UserAgentConfig::default()
        })
        .await?;
        let messages = agent.messages();
        let untraced = CancellationToken::new();
        let trace = trace
            .map(|writer| tokio::spawn(trace_file::write(writer, agent.trace(), untraced.clone())));
        let account = Account::new(&config, &agent)?;
        let inner = Inner {
            media: MediaSettings::new(&config),
            config,
            agent,
            engine,
            account,
            registration: OnceLock::new(),
            incoming: Mutex::new(incoming),
            messages: Mutex::new(messages),
            drivers: TaskTracker::new(),
            closing: CancellationToken::new(),
            network: watch::Sender::default(),
            _network_watch: OnceLock::new(),
            trace: Mutex::new(trace),
            untraced: untraced.clone(),
            _untraced: untraced.drop_guard(),
        };
        let client = Self {
            inner: Arc::new(inner),
        };
        client.watch_network();
        match client.inner.config.register {
            Register::Wait if client.inner.account.domain.is_some() => {
                if let Err(error) = client.register().await {
                    client.shutdown().await;
                    return Err(error);
                }
            }
            Register::Background if client.inner.account.domain.is_some() => {
                client.begin_registration()?;
            }
            _ => {}
        }
        Ok(client)
    }

    /// Registers, and waits until the registrar has agreed. Only for [`Register::Never`] and [`Register::Background`]: the default has done so in
    /// [`new`](Self::new). From then on the registration is kept up.
    ///
    /// # Errors
    ///
    /// As [`new`](Self::new). The client goes on trying in the background; asking again waits for its next outcome.
    ///
    /// Cancel safe: the registration goes on.
    pub async fn register(&self) -> Result<(), Error> {
        Ok(self.begin_registration()?.wait_registered().await?)
    }

    /// Calls and waits for the answer; `target` is a SIP URI, `user@host`, or a user or number at the registrar.
    ///
    /// # Errors
    ///
    /// As in [`Dial`] and [`OutgoingCall::answered`](crate::OutgoingCall::answered).
    ///
    /// Cancel safe: dropping the future cancels the call.
    pub async fn call(&self, target: &str) -> Result<ActiveCall, Error> {
        self.dial(target).await?.answered().await
    }

    /// Begins a call that can be watched while it rings; set its options, then `.await` it.
    pub fn dial(&self, target: &str) -> Dial {
        Dial::new(self.clone(), target)
    }

    /// The next call from outside; `None` after [`shutdown`](Self::shutdown).
    ///
    /// Cancel safe: no call is lost when the future is dropped.
    pub async fn incoming(&self) -> Option<IncomingCall> {
        let mut calls = self.inner.incoming.lock().await;
        tokio::select! {
            call = calls.recv() => call.map(|invite| IncomingCall::new(self.clone(), invite)),
            () = self.inner.closing.cancelled() => None,
        }
    }

    /// Sends a text outside any call (MESSAGE, RFC 3428) and waits until it was taken; `target` as for [`call`](Self::call).
    ///
    /// # Errors
    ///
    /// [`Error::Config`] for a target that is no address, [`Error::Rejected`], [`Error::Unauthorized`], [`Error::Timeout`], [`Error::Transport`].
    ///
    /// Cancel safe: it may have been sent.
    pub async fn message(&self, target: &str, text: &str) -> Result<(), Error> {
        let body = Body::new("text/plain;charset=UTF-8", text);
        self.request(Method::Message, target, Some(body)).await?;
        Ok(())
    }

    /// Asks the far end what it can do (OPTIONS, RFC 3261 section 11), which also tells that it is there: the header fields of its answer.
    ///
    /// # Errors
    ///
    /// As [`message`](Self::message).
    ///
    /// Cancel safe.
    pub async fn options(&self, target: &str) -> Result<Vec<(String, String)>, Error> {
        let response = self.request(Method::Options, target, None).await?;
        Ok(pairs(&response.headers))
    }

    /// The next text that was sent to us outside calls; `None` after [`shutdown`](Self::shutdown). At most 32 wait to be fetched, later ones are
    /// refused with 480.
    ///
    /// Cancel safe: no text is lost when the future is dropped.
    pub async fn incoming_message(&self) -> Option<TextMessage> {
        let mut messages = self.inner.messages.lock().await;
        tokio::select! {
            message = messages.recv() => message.map(TextMessage::new),
            () = self.inner.closing.cancelled() => None,
        }
    }

    async fn request(
        &self,
        method: Method,
        target: &str,
        body: Option<Body>,
    ) -> Result<Response, Error> {
        let target = address::target(target, self.domain())?;
        let mut options = RequestOptions {
            credentials: self.credentials().cloned(),
            transport: self.config().transport.wanted(),
            body,
            ..RequestOptions::new(method, target, self.own_address())
        };
        let mut hop = InviteOptions::new(options.target.clone(), options.from.clone());
        hop.transport = options.transport;
        options.from = self.address_towards(self.agent().next_hop(&hop).await?)?;
        Ok(self.agent().request(options).await?)
    }

    /// Where we listen for SIP, with the port that was really taken.
    pub fn local_addr(&self) -> SocketAddr {
        self.inner.agent.local_addr()
    }

    /// Where we listen for SIP over this transport, with the port that was really taken; `None` where we do not.
    pub fn listen_addr(&self, transport: Transport) -> Option<SocketAddr> {
        let transport = transport.wanted().unwrap_or_default();
        self.inner.agent.listen_addr(transport)
    }

    /// Our address of record, such as `sip:alice@pbx.example.com`.
    pub fn address(&self) -> String {
        self.inner.account.from.uri().to_string()
    }

    /// The state of the registration, to look at or to wait on; `None` before it begins.
    pub fn registration(&self) -> Option<watch::Receiver<RegistrationState>> {
        self.inner.registration.get().map(Registration::state)
    }

    /// Every SIP message from now on, without its secrets, for ladders and logs; for a file see [`ClientConfig::trace_file`]. Costs nothing while nobody listens.
    pub fn sip_trace(&self) -> broadcast::Receiver<TracedMessage> {
        self.inner.agent.trace()
    }

    /// Takes no more calls: each is refused with 503 and this `Retry-After`, and so is OPTIONS, so that a balancer looks elsewhere. Waits until
    /// the calls that are up have ended; [`shutdown`](Self::shutdown) ends them.
    ///
    /// Cancel safe: new calls stay refused.
    pub async fn drain(&self, retry_after: Duration) {
        self.inner.agent.set_draining(Some(retry_after));
        self.inner.drivers.close();
        self.inner.drivers.wait().await;
    }

    /// Says that this machine has another address, or another way out (Wi-Fi to cable, a VPN): registers anew at once, opens new connections,
    /// and moves the calls that are up: their RTP sockets to the new address, which a re-INVITE tells the far end. Calls whose address towards the
    /// far end is the same as before go on untouched; those that still ring are not moved.
    ///
    /// On Linux this happens by itself ([`ClientConfig::watch_network`]). It needs an unspecified [`ClientConfig::local_sip_addr`], such as the
    /// default: a socket that is bound to one address lives and dies with it.
    pub fn network_changed(&self) {
        self.inner.agent.network_changed();
        self.inner
            .network
            .send_modify(|count| *count = count.wrapping_add(1));
    }

    #[cfg(target_os = "linux")]
    fn watch_network(&self) {
        let config = &self.inner.config;
        if !config.watch_network || !config.local_sip_addr.ip().is_unspecified() {
            return;
        }
        let mut watch = match NetworkWatch::open(self.inner.agent.clone()) {
            Ok(watch) => watch,
            Err(error) => {
                tracing::warn!(%error, "changes of the network are not noticed; call network_changed() on them");
                return;
            }
        };
        let inner = Arc::downgrade(&self.inner);
        let task = tokio::spawn(async move {
            while let Ok(()) = watch.changed().await {
                let Some(inner) = inner.upgrade() else { return };
                tracing::info!("the network has changed: registering and moving calls");
                Self { inner }.network_changed();
            }
        });
        let _ = self.inner._network_watch.set(AbortOnDropHandle::new(task));
    }

    #[cfg(not(target_os = "linux"))]
    fn watch_network(&self) {}

    /// Changes of the network from now on.
    pub(crate) fn network_changes(&self) -> watch::Receiver<u64> {
        self.inner.network.subscribe()
    }

    /// Hangs up all calls, un-registers, and closes the sockets.
    ///
    /// Not cancel safe: what was not done when the future is dropped is not done.
    pub async fn shutdown(&self) {
        self.inner.closing.cancel();
        self.inner.drivers.close();
        self.inner.drivers.wait().await;
        self.inner.agent.shutdown().await;
        if let Some(trace) = self.inner.trace.lock().await.take() {
            self.inner.untraced.cancel();
            trace.await.ok();
        }
    }

    fn begin_registration(&self) -> Result<&Registration, Error> {
        if let Some(registration) = self.inner.registration.get() {
            return Ok(registration);
        }
        let Inner {
            config,
            account,
            agent,
            ..
        } = &*self.inner;
        let registrar = account
            .domain
            .clone()
            .ok_or_else(|| Error::Config("no registrar is set; name one to register".into()))?;
        let registration = agent.register(RegistrationConfig {
            credentials: account.credentials.clone(),
            expires: config.register_expires,
            transport: config.transport.wanted(),
            headers: account.headers.clone(),
            ..RegistrationConfig::new(registrar, account.from.clone())
        })?;
        Ok(self.inner.registration.get_or_init(|| registration))
    }

    pub(crate) fn agent(&self) -> &UserAgent {
        &self.inner.agent
    }

    pub(crate) fn engine(&self) -> &MediaEngine {
        &self.inner.engine
    }

    pub(crate) fn config(&self) -> &ClientConfig {
        &self.inner.config
    }

    pub(crate) fn media_settings(&self) -> MediaSettings {
        self.inner.media.clone()
    }

    pub(crate) fn own_address(&self) -> NameAddr {
        self.inner.account.from.clone()
    }

    /// Our address towards `peer`: without a registrar it names the address of this host on the way there.
    pub(crate) fn address_towards(&self, peer: SocketAddr) -> Result<NameAddr, Error> {
        let Inner {
            config,
            account,
            agent,
            ..
        } = &*self.inner;
        if account.domain.is_some() || !agent.local_addr().ip().is_unspecified() {
            return Ok(account.from.clone());
        }
        let host = SocketAddr::new(agent.advertised_ip_for(peer)?, agent.local_addr().port());
        our_address(config, &host.to_string())
    }

    pub(crate) fn credentials(&self) -> Option<&Credentials> {
        self.inner.account.credentials.as_ref()
    }

    pub(crate) fn domain(&self) -> Option<&Uri> {
        self.inner.account.domain.as_ref()
    }

    pub(crate) fn headers(&self) -> &HeaderList {
        &self.inner.account.headers
    }

    pub(crate) fn closing(&self) -> CancellationToken {
        self.inner.closing.clone()
    }

    /// Ends a call that never became one for the program; [`shutdown`](Self::shutdown) waits for its BYE.
    pub(crate) fn end(&self, call: Call) {
        self.track(async move {
            if let Err(error) = say_bye(&call, HeaderList::new()).await {
                tracing::info!(%error, "a call that could not be used was ended");
            }
        });
    }

    pub(crate) fn track(&self, driver: impl Future<Output = ()> + Send + 'static) {
        self.inner.drivers.spawn(driver);
    }

    /// The address for RTP sockets and SDP towards `peer`.
    pub(crate) fn rtp_ip(&self, peer: SocketAddr) -> Result<IpAddr, Error> {
        match self.inner.config.local_rtp_ip {
            Some(ip) => Ok(ip),
            None => Ok(self.inner.agent.advertised_ip_for(peer)?),
        }
    }
}

/// Earlier packets that one packet repeats at most.
const MAX_REDUNDANCY: u8 = 4;

fn check(config: &ClientConfig) -> Result<(), Error> {
    if config.codecs.is_empty() {
        return Err(Error::Config(
            "the codec table is empty; add at least one codec".into(),
        ));
    }
    let ptime = config.ptime.as_millis();
    if !(10..=60).contains(&ptime) || !ptime.is_multiple_of(10) {
        return Err(Error::Config(format!(
            "ptime {ptime} ms is not one of 10, 20, 30, 40, 50, 60"
        )));
    }
    if config.redundancy > MAX_REDUNDANCY {
        return Err(Error::Config(format!(
            "redundancy {} repeats too much; choose 0 to {MAX_REDUNDANCY} earlier packets",
            config.redundancy
        )));
    }
    if let Some(rate) = config
        .receive_sample_rate
        .filter(|rate| !media_engine::SAMPLE_RATES.contains(rate))
    {
        return Err(Error::Config(format!(
            "receive_sample_rate {rate} Hz is not within 8,000 to 192,000"
        )));
    }
    if config
        .session_expires
        .is_some_and(|interval| interval < Duration::from_secs(90))
    {
        return Err(Error::Config(
            "session_expires is below 90 s, the shortest that RFC 4028 allows".into(),
        ));
    }
    if config
        .auth_username
        .as_ref()
        .is_some_and(|name| name.contains(char::is_control))
    {
        return Err(Error::Config(
            "auth_username holds a control character (CR, LF or NUL)".into(),
        ));
    }
    if config.registrar.is_some() && config.username.is_none() && config.register != Register::Never
    {
        return Err(Error::Config(
            "a registrar is set but no username; give the user to register".into(),
        ));
    }
    Ok(())
}

impl Account {
    fn new(config: &ClientConfig, agent: &UserAgent) -> Result<Self, Error> {
        let domain = config
            .registrar
            .as_deref()
            .map(|text| address::server(text, "the registrar"))
            .transpose()?;
        let host = domain
            .as_ref()
            .map_or_else(|| agent.local_addr().to_string(), address::host_port);
        let from = our_address(config, &host)?;
        let credentials = match (&config.username, &config.password) {
            (Some(username), Some(password)) => {
                let username = config.auth_username.as_ref().unwrap_or(username);
                Some(Credentials::new(username.clone(), password.reveal()))
            }
            _ => None,
        };
        let mut headers = HeaderList::new();
        for (name, value) in &config.headers {
            headers.push(name, value.as_str())?;
        }
        Ok(Self {
            from,
            credentials,
            domain,
            headers,
        })
    }
}

fn our_address(config: &ClientConfig, host: &str) -> Result<NameAddr, Error> {
    let user = config.username.as_deref().unwrap_or("anonymous");
    let address = NameAddr::new(address::target(&format!("{user}@{host}"), None)?);
    match &config.display_name {
        Some(name) => Ok(address.with_display_name(name)?),
        None => Ok(address),
    }
}
