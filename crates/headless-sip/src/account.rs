//! An account: who we are towards the far end, and where that is registered.

use std::net::SocketAddr;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use sip_signaling::{
    Body, Credentials, HeaderList, IncomingInvite, InviteOptions, Method, NameAddr, Registration,
    RegistrationConfig, RegistrationState, RequestOptions, Response, Subscription,
    SubscriptionConfig, Uri, UserAgent,
};
use tokio::sync::watch;

use crate::call::pairs;
use crate::request::Request;
use crate::{
    ActiveCall, ClientConfig, Dial, Error, HeadlessSipClient, Password, Register, Transport,
    address,
};

/// The settings of one more account of a client, for [`HeadlessSipClient::add_account`]. The first one stands in [`ClientConfig`].
#[derive(Clone, Debug)]
pub struct AccountConfig {
    /// The user part of our address of record, and of the digest unless `auth_username` says otherwise.
    pub username: Option<String>,
    /// The password for digest authentication (RFC 8760).
    pub password: Option<Password>,
    /// The digest user name where it differs from `username`.
    pub auth_username: Option<String>,
    /// The name shown beside our address in `From`.
    pub display_name: Option<String>,
    /// Where to register, as a SIP URI or a bare host name; none: calls go out unregistered.
    pub registrar: Option<String>,
    /// An outbound proxy that every request of this account goes through first, as a SIP URI or a bare host name.
    pub proxy: Option<String>,
    /// The transport of requests that we begin. Default [`Transport::Udp`]: what the URI names, else UDP; a `sips:` URI
    /// goes over TLS.
    pub transport: Transport,
    /// When and whether to register. Default [`Register::Wait`].
    pub register: Register,
    /// The lifetime asked for a registration; refreshed well before it ends. Default 300 s.
    pub register_expires: Duration,
    /// See [`ClientConfig::instance_id`].
    pub instance_id: Option<String>,
    /// Header fields added to every REGISTER and INVITE, as (name, value).
    pub headers: Vec<(String, String)>,
}

impl Default for AccountConfig {
    fn default() -> Self {
        Self::from(&ClientConfig::default())
    }
}

impl AccountConfig {
    /// An account with the defaults.
    pub fn new(username: &str, password: &str, registrar: &str) -> Self {
        Self::from(&ClientConfig::account(username, password, registrar))
    }

    fn check(&self) -> Result<(), Error> {
        let auth_username = self.auth_username.as_ref();
        if auth_username.is_some_and(|name| name.contains(char::is_control)) {
            return Err(Error::Config(
                "auth_username holds a control character (CR, LF or NUL)".into(),
            ));
        }
        if self.registrar.is_some() && self.username.is_none() && self.register != Register::Never {
            return Err(Error::Config(
                "a registrar is set but no username; give the user to register".into(),
            ));
        }
        Ok(())
    }
}

impl From<&ClientConfig> for AccountConfig {
    fn from(config: &ClientConfig) -> Self {
        Self {
            username: config.username.clone(),
            password: config.password.clone(),
            auth_username: config.auth_username.clone(),
            display_name: config.display_name.clone(),
            registrar: config.registrar.clone(),
            proxy: config.proxy.clone(),
            transport: config.transport,
            register: config.register,
            register_expires: config.register_expires,
            instance_id: config.instance_id.clone(),
            headers: config.headers.clone(),
        }
    }
}

/// An account of a client. Cheap to clone; clones are the same account.
///
/// Calls, texts, requests and subscriptions that it begins carry its address and answer challenges with its password. Dropping it changes
/// nothing; [`remove`](Self::remove) ends it.
#[derive(Clone, Debug)]
pub struct Account {
    client: HeadlessSipClient,
    state: Arc<AccountState>,
}

/// What an account is made of, without the client, which has it.
#[derive(Debug)]
pub(crate) struct AccountState {
    config: AccountConfig,
    from: NameAddr,
    credentials: Option<Credentials>,
    /// The registrar: the domain of our address and of bare names that are dialled.
    domain: Option<Uri>,
    proxy: Option<Uri>,
    headers: HeaderList,
    /// What to register; `None` without a registrar.
    registering: Option<RegistrationConfig>,
    /// Set once, when registering begins.
    registration: OnceLock<Registration>,
}

impl AccountState {
    pub(crate) fn new(config: AccountConfig, local: SocketAddr) -> Result<Self, Error> {
        config.check()?;
        let server = |text: &Option<String>, what| {
            let text = text.as_deref();
            text.map(|text| address::server(text, what)).transpose()
        };
        let domain = server(&config.registrar, "the registrar")?;
        let host = domain
            .as_ref()
            .map_or_else(|| local.to_string(), address::host_port);
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
        let from = our_address(&config, &host)?;
        let proxy = server(&config.proxy, "the proxy")?;
        let registering = domain.clone().map(|registrar| RegistrationConfig {
            credentials: credentials.clone(),
            expires: config.register_expires,
            proxy: proxy.clone(),
            transport: config.transport.wanted(),
            instance_id: config.instance_id.clone(),
            headers: headers.clone(),
            ..RegistrationConfig::new(registrar, from.clone())
        });
        if let Some(registering) = &registering {
            registering.check()?;
        }
        Ok(Self {
            from,
            credentials,
            proxy,
            domain,
            registering,
            headers,
            registration: OnceLock::new(),
            config,
        })
    }

    /// How well a call from outside fits this account: its address in To says most, then the Contact that we have registered.
    fn fits(&self, invite: &IncomingInvite) -> u32 {
        let user = self.from.uri().user_decoded();
        let is_ours = |uri: &Uri| user.is_some() && uri.user_decoded() == user;
        let to = invite.to().uri();
        let domain = self.domain.as_ref();
        let at_home = domain.is_some_and(|domain| domain.host().eq_ignore_ascii_case(to.host()));
        // Two servers of one host differ by their ports alone.
        let same_port = at_home && domain.is_some_and(|domain| domain.port() == to.port());
        4 * u32::from(is_ours(to) && at_home)
            + 2 * u32::from(is_ours(invite.uri()))
            + u32::from(at_home)
            + u32::from(same_port)
    }

    /// The proxies that requests of this account have to pass (RFC 3608).
    fn route(&self) -> Vec<NameAddr> {
        let registration = self.registration.get();
        registration.map_or_else(Vec::new, Registration::service_route)
    }
}

/// The account that a call from outside is for: the one that fits best, the first of equals.
pub(crate) fn of_call<'a>(
    accounts: &'a [Arc<AccountState>],
    invite: &IncomingInvite,
) -> Option<&'a Arc<AccountState>> {
    let backwards = accounts.iter().rev();
    backwards.max_by_key(|account| account.fits(invite))
}

impl Account {
    pub(crate) fn new(client: HeadlessSipClient, state: Arc<AccountState>) -> Self {
        Self { client, state }
    }

    /// Our address of record, such as `sip:alice@pbx.example.com`.
    pub fn address(&self) -> String {
        self.state.from.uri().to_string()
    }

    /// The client that it is of.
    pub fn client(&self) -> &HeadlessSipClient {
        &self.client
    }

    /// True if both are the same account.
    pub fn is(&self, other: &Account) -> bool {
        Arc::ptr_eq(&self.state, &other.state)
    }

    /// Calls from outside may be for it from now on.
    pub(crate) fn join(&self) {
        self.client.accounts().push(self.state.clone());
    }

    /// Does as [`Register`] says; `Ok` at once where nothing is to be waited for.
    pub(crate) async fn start(&self) -> Result<(), Error> {
        match self.state.config.register {
            Register::Wait if self.domain().is_some() => self.register().await,
            Register::Background if self.domain().is_some() => {
                self.begin_registration()?;
                Ok(())
            }
            _ => Ok(()),
        }
    }

    /// Registers, and waits until the registrar has agreed. Only for [`Register::Never`] and [`Register::Background`]: the default does so by itself.
    /// From then on the registration is kept up.
    ///
    /// # Errors
    ///
    /// As [`HeadlessSipClient::new`]. The client goes on trying in the background; asking again waits for its next outcome.
    ///
    /// Cancel safe: the registration goes on.
    pub async fn register(&self) -> Result<(), Error> {
        Ok(self.begin_registration()?.wait_registered().await?)
    }

    fn begin_registration(&self) -> Result<&Registration, Error> {
        let state = &self.state;
        if let Some(registration) = state.registration.get() {
            return Ok(registration);
        }
        let config = state
            .registering
            .clone()
            .ok_or_else(|| Error::Config("no registrar is set; name one to register".into()))?;
        let registration = self.client.agent().register(config)?;
        Ok(state.registration.get_or_init(|| registration))
    }

    /// The state of the registration, to look at or to wait on; `None` before it begins.
    pub fn registration(&self) -> Option<watch::Receiver<RegistrationState>> {
        self.state.registration.get().map(Registration::state)
    }

    /// Un-registers, and takes the account from the client: calls that come for it go to the account that fits best among the others. Calls
    /// that are up go on. The account of the [`ClientConfig`] is un-registered and stays.
    ///
    /// # Errors
    ///
    /// What the registrar answered, or [`Error::Timeout`]; the account is gone in any case.
    pub async fn remove(self) -> Result<(), Error> {
        let same = |state: &Arc<AccountState>| Arc::ptr_eq(state, &self.state);
        self.client.accounts().retain(|state| !same(state));
        match self.state.registration.get() {
            Some(registration) => Ok(registration.unregister().await?),
            None => Ok(()),
        }
    }

    /// Calls and waits for the answer; as [`HeadlessSipClient::call`].
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

    /// Sends a text outside any call; as [`HeadlessSipClient::message`].
    ///
    /// # Errors
    ///
    /// [`Error::Config`] for a target that is no address, [`Error::Rejected`], [`Error::Unauthorized`], [`Error::Timeout`], [`Error::Transport`].
    ///
    /// Cancel safe: it may have been sent.
    pub async fn message(&self, target: &str, text: &str) -> Result<(), Error> {
        let request = self.request("MESSAGE", target);
        request.body("text/plain;charset=UTF-8", text).await?;
        Ok(())
    }

    /// Asks the far end what it can do; as [`HeadlessSipClient::options`].
    ///
    /// # Errors
    ///
    /// As [`message`](Self::message).
    ///
    /// Cancel safe.
    pub async fn options(&self, target: &str) -> Result<Vec<(String, String)>, Error> {
        let response = self.request("OPTIONS", target).await?;
        Ok(pairs(&response.headers))
    }

    /// Begins a request outside any call, such as PUBLISH (RFC 3903); set its headers and body, then `.await` its 2xx. `target` as for
    /// [`HeadlessSipClient::call`].
    ///
    /// ```no_run
    /// # async fn example(account: headless_sip::Account, state: &str) -> Result<(), headless_sip::Error> {
    /// let published = account
    ///     .request("PUBLISH", &account.address())
    ///     .header("Event", "presence")
    ///     .header("Expires", "3600")
    ///     .body("application/pidf+xml", state)
    ///     .await?;
    /// let tag = published.headers.get("SIP-ETag");
    /// # Ok(()) }
    /// ```
    pub fn request(&self, method: &str, target: &str) -> Request {
        Request::new(self.clone(), method, target)
    }

    /// Subscribes to an event package (SUBSCRIBE, RFC 6665), such as `message-summary` at our own address for the lamp of waiting messages, or
    /// `dialog` for that of a busy telephone; [`event_package`](crate::event_package) reads what is told. Kept up until it is told to stop, or dropped.
    ///
    /// ```no_run
    /// # async fn example(account: headless_sip::Account) -> Result<(), Box<dyn std::error::Error>> {
    /// use headless_sip::{SubscriptionEvent, event_package::MessageSummary};
    ///
    /// let mut mailbox = account.subscribe(&account.address(), MessageSummary::PACKAGE).await?;
    /// while let Some(event) = mailbox.next_event().await {
    ///     if let SubscriptionEvent::Notified(told) = event
    ///         && let Some(body) = told.body
    ///     {
    ///         println!("messages wait: {}", MessageSummary::parse(&body.bytes)?.waiting);
    ///     }
    /// }
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error::Config`] for a target or package that cannot be used, [`Error::Transport`] when the way there cannot be found. What the notifier
    /// answers comes as an event.
    pub async fn subscribe(&self, target: &str, package: &str) -> Result<Subscription, Error> {
        let target = address::target(target, self.domain())?;
        let state = &self.state;
        let config = SubscriptionConfig {
            credentials: state.credentials.clone(),
            proxy: state.proxy.clone(),
            route: state.route(),
            transport: state.config.transport.wanted(),
            ..SubscriptionConfig::new(target, state.from.clone(), package)
        };
        let from = self.address_for(&config.target).await?;
        Ok(self
            .client
            .agent()
            .subscribe(SubscriptionConfig { from, ..config })?)
    }

    pub(crate) async fn send(
        &self,
        method: Method,
        target: &str,
        headers: HeaderList,
        body: Option<Body>,
    ) -> Result<Response, Error> {
        let target = address::target(target, self.domain())?;
        let state = &self.state;
        let mut options = RequestOptions {
            credentials: state.credentials.clone(),
            proxy: state.proxy.clone(),
            route: state.route(),
            transport: state.config.transport.wanted(),
            headers,
            body,
            ..RequestOptions::new(method, target, state.from.clone())
        };
        options.from = self.address_for(&options.target).await?;
        Ok(self.client.agent().request(options).await?)
    }

    /// The options of a call of this account, and where its INVITE would go first.
    pub(crate) async fn invite(&self, target: Uri) -> Result<(InviteOptions, SocketAddr), Error> {
        let state = &self.state;
        let mut options = InviteOptions {
            credentials: state.credentials.clone(),
            proxy: state.proxy.clone(),
            route: state.route(),
            transport: state.config.transport.wanted(),
            headers: state.headers.clone(),
            ..InviteOptions::new(target, state.from.clone())
        };
        let peer = self.client.agent().next_hop(&options).await?;
        options.from = self.address_towards(peer)?;
        Ok((options, peer))
    }

    async fn address_for(&self, target: &Uri) -> Result<NameAddr, Error> {
        if self.has_own_host() {
            return Ok(self.state.from.clone());
        }
        let (options, _) = self.invite(target.clone()).await?;
        Ok(options.from)
    }

    /// Our address names a host that does not depend on the way: the registrar's, or the one we are bound to.
    fn has_own_host(&self) -> bool {
        self.domain().is_some() || !self.client.local_addr().ip().is_unspecified()
    }

    /// Our address towards `peer`: without a registrar it names the address of this host on the way there.
    fn address_towards(&self, peer: SocketAddr) -> Result<NameAddr, Error> {
        if self.has_own_host() {
            return Ok(self.state.from.clone());
        }
        let agent: &UserAgent = self.client.agent();
        let host = SocketAddr::new(agent.advertised_ip_for(peer)?, agent.local_addr().port());
        our_address(&self.state.config, &host.to_string())
    }

    pub(crate) fn credentials(&self) -> Option<&Credentials> {
        self.state.credentials.as_ref()
    }

    pub(crate) fn domain(&self) -> Option<&Uri> {
        self.state.domain.as_ref()
    }
}

fn our_address(config: &AccountConfig, host: &str) -> Result<NameAddr, Error> {
    let user = config.username.as_deref().unwrap_or("anonymous");
    let address = NameAddr::new(address::target(&format!("{user}@{host}"), None)?);
    match &config.display_name {
        Some(name) => Ok(address.with_display_name(name)?),
        None => Ok(address),
    }
}
