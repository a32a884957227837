//! The client: one SIP address, one media engine, many calls.

use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use media_engine::{EngineConfig, MediaEngine};
use sip_signaling::{
    Call, HeaderList, IncomingCalls, IncomingInvite, IncomingMessages, IncomingSubscriptions,
    RegistrationState, Timers, TracedMessage, UserAgent, UserAgentConfig,
};
use tokio::sync::{Mutex, broadcast, watch};
use tokio::task::JoinHandle;
use tokio_util::sync::{CancellationToken, DropGuard};
use tokio_util::task::{AbortOnDropHandle, TaskTracker};

use crate::account::{self, AccountState};
use crate::call::say_bye;
use crate::media::MediaSettings;
#[cfg(target_os = "linux")]
use crate::network_watch::NetworkWatch;
use crate::{
    Account, AccountConfig, ActiveCall, ClientConfig, Dial, Error, IncomingCall, TextMessage,
    Transport, TrunkConfig, trace_file,
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
    /// That of the configuration.
    account: Arc<AccountState>,
    /// It and those that were added.
    accounts: std::sync::Mutex<Vec<Arc<AccountState>>>,
    incoming: Mutex<IncomingCalls>,
    messages: Mutex<IncomingMessages>,
    notifications: Mutex<IncomingMessages>,
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
        let (agent, incoming) = UserAgent::bind(UserAgentConfig {
            local_addr: config.local_sip_addr,
            user_agent: config.user_agent.clone(),
            dns_servers: config.dns_servers.clone(),
            udp_keep_alive: config.udp_keep_alive,
            udp_limit: config.udp_limit,
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
        let account = Arc::new(AccountState::new((&config).into(), agent.local_addr())?);
        let messages = agent.messages();
        let notifications = agent.unsolicited_notifications();
        let untraced = CancellationToken::new();
        let trace = trace
            .map(|writer| tokio::spawn(trace_file::write(writer, agent.trace(), untraced.clone())));
        let inner = Inner {
            media: MediaSettings::new(&config),
            config,
            agent,
            engine,
            accounts: std::sync::Mutex::new(vec![account.clone()]),
            account,
            incoming: Mutex::new(incoming),
            messages: Mutex::new(messages),
            notifications: Mutex::new(notifications),
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
        if let Err(error) = client.account().start().await {
            client.shutdown().await;
            return Err(error);
        }
        Ok(client)
    }

    /// Registers, and waits until the registrar has agreed. Only for [`Register::Never`](crate::Register::Never) and [`Register::Background`](crate::Register::Background): the default has done so in
    /// [`new`](Self::new). From then on the registration is kept up.
    ///
    /// # Errors
    ///
    /// As [`new`](Self::new). The client goes on trying in the background; asking again waits for its next outcome.
    ///
    /// Cancel safe: the registration goes on.
    pub async fn register(&self) -> Result<(), Error> {
        self.account().register().await
    }

    /// The account of the [`ClientConfig`].
    pub fn account(&self) -> Account {
        Account::new(self.clone(), self.inner.account.clone())
    }

    /// Adds an account, and registers it as its configuration says. Calls for it come by [`incoming`](Self::incoming), as all do;
    /// [`IncomingCall::account`] tells which one is called.
    ///
    /// # Errors
    ///
    /// As [`new`](Self::new); the account is not there then.
    ///
    /// Cancel safe: the account is not there, if it was not registered yet.
    pub async fn add_account(&self, config: AccountConfig) -> Result<Account, Error> {
        let state = AccountState::new(config, self.local_addr())?;
        let account = Account::new(self.clone(), Arc::new(state));
        account.start().await?;
        account.join();
        Ok(account)
    }

    /// Calls and waits for the answer; `target` is a SIP URI, `user@host`, or a user or number at the registrar.
    ///
    /// # Errors
    ///
    /// As in [`Dial`] and [`OutgoingCall::answered`](crate::OutgoingCall::answered).
    ///
    /// Cancel safe: dropping the future cancels the call.
    pub async fn call(&self, target: &str) -> Result<ActiveCall, Error> {
        self.account().call(target).await
    }

    /// Begins a call that can be watched while it rings; set its options, then `.await` it.
    pub fn dial(&self, target: &str) -> Dial {
        self.account().dial(target)
    }

    /// The next call from outside; `None` after [`shutdown`](Self::shutdown).
    ///
    /// Cancel safe: no call is lost when the future is dropped.
    pub async fn incoming(&self) -> Option<IncomingCall> {
        let mut calls = self.inner.incoming.lock().await;
        tokio::select! {
            call = calls.recv() => call.map(|invite| IncomingCall::new(self.called(&invite), invite)),
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
        self.account().message(target, text).await
    }

    /// Asks the far end what it can do (OPTIONS, RFC 3261 section 11), which also tells that it is there: the header fields of its answer.
    ///
    /// # Errors
    ///
    /// As [`message`](Self::message).
    ///
    /// Cancel safe.
    pub async fn options(&self, target: &str) -> Result<Vec<(String, String)>, Error> {
        self.account().options(target).await
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

    /// The next NOTIFY that nobody subscribed to, as some PBXs tell of waiting messages; `None` after [`shutdown`](Self::shutdown). At most 32
    /// wait to be fetched, later ones are refused with 480. For those of a subscription see [`Account::subscribe`].
    ///
    /// Cancel safe: none is lost when the future is dropped.
    pub async fn unsolicited_notification(&self) -> Option<TextMessage> {
        let mut notifications = self.inner.notifications.lock().await;
        tokio::select! {
            told = notifications.recv() => told.map(TextMessage::new),
            () = self.inner.closing.cancelled() => None,
        }
    }

    /// The subscriptions that far ends ask for from now on, to these event packages; others are refused with 489. Without this all are.
    ///
    /// # Errors
    ///
    /// [`Error::Config`] for a package that is no token.
    pub fn subscriptions(&self, packages: &[&str]) -> Result<IncomingSubscriptions, Error> {
        Ok(self.inner.agent.subscriptions(packages)?)
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
        self.account().address()
    }

    /// The state of the registration, to look at or to wait on; `None` before it begins.
    pub fn registration(&self) -> Option<watch::Receiver<RegistrationState>> {
        self.account().registration()
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

    /// The account that a call from outside is for.
    fn called(&self, invite: &IncomingInvite) -> Account {
        let accounts = self.accounts();
        let state = account::of_call(&accounts, invite).unwrap_or(&self.inner.account);
        Account::new(self.clone(), state.clone())
    }

    pub(crate) fn accounts(&self) -> std::sync::MutexGuard<'_, Vec<Arc<AccountState>>> {
        let accounts = self.inner.accounts.lock();
        accounts.unwrap_or_else(std::sync::PoisonError::into_inner)
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
    Ok(())
}
