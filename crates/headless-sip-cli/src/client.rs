//! From the options of the account to a client that is ready, and registered if it shall be.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use headless_sip::{
    ClientConfig, CodecTable, DtmfMode, Error, HeadlessSipClient, IpNet, Register,
    RegistrationState, TlsConfig, TlsIdentity, TrunkConfig, TrunkPeer,
};
use tokio::sync::watch;

use crate::args::{self, Account, InCall};
use crate::event::Event;
use crate::exit::{Exit, Failure};
use crate::listen;
use crate::output::Output;
use crate::shutdown::Shutdown;

/// What a command wants of its client beside the account.
#[derive(Debug, Clone, Default)]
pub(crate) struct Wishes {
    /// Life of the registration to ask for.
    pub expires: Option<Duration>,
    /// How long an outgoing call may ring.
    pub ring: Option<Duration>,
    /// Hand out what is sent beside what is received, for recordings with two channels.
    pub tap_sent: bool,
    /// How calls are kept up and steered.
    pub in_call: Option<InCall>,
    /// Networks that may call; none: anybody may.
    pub trunk: Vec<IpNet>,
    /// Where to listen beside UDP and TCP.
    pub listen: Listen,
}

/// Where to listen for what is no UDP and no TCP.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Listen {
    pub tls: Option<SocketAddr>,
    pub ws: Option<SocketAddr>,
    pub wss: Option<SocketAddr>,
}

/// A client whose sockets are open and which is registered, if the account has a registrar.
///
/// # Errors
/// A [`Failure`]: usage for a setting that cannot be used, 1 when an address or port is not to be had, 4 for a refused
/// password, 5 when the registrar does not answer.
pub(crate) async fn open(
    account: &Account,
    wishes: Wishes,
    output: &Output,
    shutdown: &mut Shutdown,
) -> Result<HeadlessSipClient, Failure> {
    let client = HeadlessSipClient::new(config(account, &wishes)?)
        .await
        .map_err(set_up_failure)?;
    if let Some(mut state) = client.registration() {
        let registered = tokio::select! {
            outcome = first_outcome(&mut state) => outcome,
            () = shutdown.asked() => Err(Failure::other("stopped before the registration was answered")),
        };
        match registered {
            Ok(granted) => output.event(&Event::Registered {
                aor: client.address(),
                expires_s: granted,
            }),
            Err(failure) => {
                client.shutdown().await;
                return Err(failure);
            }
        }
    }
    Ok(client)
}

fn config(account: &Account, wishes: &Wishes) -> Result<ClientConfig, Failure> {
    let mut config = ClientConfig {
        username: account.user.clone(),
        password: account
            .password
            .as_ref()
            .map(|password| password.reveal().into()),
        auth_username: account.auth_user.clone(),
        registrar: account.registrar.clone(),
        proxy: account.proxy.clone(),
        transport: account.transport.into(),
        tls: tls(account)?,
        tls_listen: wishes.listen.tls,
        ws_listen: wishes.listen.ws,
        wss_listen: wishes.listen.wss,
        // Not `Wait`: so that what is wrong here and what is wrong there are told apart.
        register: Register::Background,
        headers: account
            .headers
            .iter()
            .map(|header| (header.name.clone(), header.value.clone()))
            .collect(),
        codecs: CodecTable::from_names(&account.codec.to_string())?,
        rtp_ports: account.rtp_ports.ports(),
        tap_sent: wishes.tap_sent,
        trace_file: account.trace.clone(),
        ..ClientConfig::default()
    };
    if let Some(in_call) = &wishes.in_call {
        config.session_expires = Some(in_call.session_expires());
        config.allow_refer = in_call.allow_refer;
        config.redundancy = in_call.redundancy;
        config.listen = listen::config(&in_call.listen);
        config.dtmf_mode = match in_call.dtmf_mode {
            args::DtmfMode::Rfc4733 => DtmfMode::Rfc4733,
            args::DtmfMode::Info => DtmfMode::Info,
            args::DtmfMode::Inband => DtmfMode::InBand,
        };
    }
    if !wishes.trunk.is_empty() {
        let peers = wishes.trunk.iter();
        config.trunk = Some(TrunkConfig {
            peers: peers
                .map(|network| TrunkPeer::network(&network.to_string(), *network))
                .collect(),
            ..TrunkConfig::default()
        });
    }
    if let Some(local) = account.local {
        config.local_sip_addr = local;
    }
    if let Some(expires) = wishes.expires {
        config.register_expires = expires;
    }
    if let Some(ring) = wishes.ring {
        config.ring_timeout = ring;
    }
    Ok(config)
}

fn tls(account: &Account) -> Result<TlsConfig, Failure> {
    let read = |file: &PathBuf| {
        TlsConfig::read(file).map_err(|error| Failure::new(Exit::Usage, error.to_string()))
    };
    let identity = match (&account.cert, &account.key) {
        (Some(certificate), Some(key)) => {
            Some(TlsIdentity::from_pem(read(certificate)?, read(key)?))
        }
        _ => None,
    };
    Ok(TlsConfig {
        ca: account.ca.as_ref().map(read).transpose()?,
        identity,
        ..TlsConfig::default()
    })
}

/// Nothing has been sent yet, so the fault is on this machine.
fn set_up_failure(error: Error) -> Failure {
    let failure = Failure::from(error);
    match failure.exit {
        Exit::Usage => failure,
        _ => Failure::other(failure.message),
    }
}

/// Waits until the registrar has said yes or no; the granted life in seconds.
async fn first_outcome(
    state: &mut watch::Receiver<RegistrationState>,
) -> Result<Option<u64>, Failure> {
    loop {
        let now = state.borrow_and_update().clone();
        match now {
            RegistrationState::Registered { expires, .. } => return Ok(Some(expires.as_secs())),
            RegistrationState::Failed { error, .. } => {
                return Err(registration_failure(error.into()));
            }
            RegistrationState::Unregistered => {
                return Err(Failure::other("the registration was ended"));
            }
            _ => {}
        }
        if state.changed().await.is_err() {
            return Err(Failure::other("the registration broke off"));
        }
    }
}

fn registration_failure(error: Error) -> Failure {
    match &error {
        // Many registrars say 403 to a wrong password and 404 to an unknown user.
        Error::Rejected {
            status: 403 | 404, ..
        } => Failure::new(
            Exit::Unauthorized,
            format!(
                "the registrar refused the account: {error}; check --user, --password and --auth-user"
            ),
        ),
        Error::Timeout(detail) => Failure::new(
            Exit::NoAnswer,
            format!("the registrar does not answer ({detail})"),
        ),
        Error::Transport(detail) => Failure::new(
            Exit::NoAnswer,
            format!("the registrar cannot be reached ({detail})"),
        ),
        _ => Failure::from(error),
    }
}

/// Tells from now on when the registration is lost and when it is back. Never ends.
pub(crate) async fn tell_changes(client: &HeadlessSipClient, output: &Output) {
    let Some(mut state) = client.registration() else {
        return std::future::pending().await;
    };
    let aor = client.address();
    let mut registered = true;
    while state.changed().await.is_ok() {
        let now = state.borrow_and_update().clone();
        match now {
            RegistrationState::Registered { expires, .. } if !registered => {
                registered = true;
                output.event(&Event::Registered {
                    aor: aor.clone(),
                    expires_s: Some(expires.as_secs()),
                });
            }
            RegistrationState::Failed { error, retry_in } => {
                tracing::warn!(%error, ?retry_in, "the registration failed; it is tried again");
                if std::mem::take(&mut registered) {
                    output.event(&Event::Unregistered { aor: aor.clone() });
                }
            }
            _ => {}
        }
    }
    std::future::pending().await
}

/// Waits for so many seconds, or for ever.
pub(crate) async fn until(seconds: Option<f64>) {
    match seconds {
        Some(seconds) => tokio::time::sleep(Duration::from_secs_f64(seconds)).await,
        None => std::future::pending().await,
    }
}
