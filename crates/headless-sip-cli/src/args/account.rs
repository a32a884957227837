//! The options that say who we are and which way our messages take: the same for `register`, `call` and `answer`.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, ValueEnum};
use serde::Serialize;

use super::value::{self, CodecList, Header, Password, PortRange};

/// Who we are, and over what.
#[derive(Debug, Args)]
#[command(next_help_heading = "Account")]
pub(crate) struct Account {
    /// Address and port for SIP [default: the address that reaches the far end, a free port]
    #[arg(long, value_name = "IP:PORT", value_parser = value::socket_address)]
    pub local: Option<SocketAddr>,

    /// Name of the account, the part before the @
    #[arg(long, value_name = "U", value_parser = value::non_empty)]
    pub user: Option<String>,

    /// Password of the account; the environment variable is safer, for other users of this machine can read a command line
    #[arg(
        long,
        value_name = "P",
        env = "HEADLESS_SIP_PASSWORD",
        hide_env_values = true
    )]
    pub password: Option<Password>,

    /// Name for the password check, if it is another one than --user
    #[arg(long, value_name = "A", value_parser = value::non_empty)]
    pub auth_user: Option<String>,

    /// Where to register, for example sip:example.com
    #[arg(long, value_name = "URI", value_parser = value::sip_uri)]
    pub registrar: Option<String>,

    /// Proxy through which every request goes, for example sip:proxy.example.com
    #[arg(long, value_name = "URI", value_parser = value::sip_uri)]
    pub proxy: Option<String>,

    /// Transport for SIP; udp: what the address names, else UDP
    #[arg(long, value_enum, default_value_t = Transport::Udp)]
    pub transport: Transport,

    /// Certificate authorities to trust for tls and wss, in PEM [default: those of the system]
    #[arg(long, value_name = "FILE", help_heading = "TLS")]
    pub ca: Option<PathBuf>,

    /// Our certificate, in PEM, for those who call us and for servers that demand one
    #[arg(long, value_name = "FILE", requires = "key", help_heading = "TLS")]
    pub cert: Option<PathBuf>,

    /// The private key of --cert, in PEM
    #[arg(long, value_name = "FILE", requires = "cert", help_heading = "TLS")]
    pub key: Option<PathBuf>,

    /// Codecs in order of preference, of opus, g722, pcmu, pcma and l16
    #[arg(long, value_name = "LIST", default_value_t, help_heading = "Call")]
    pub codec: CodecList,

    /// UDP ports for sound, first and last; each call takes an even one and the next
    #[arg(long, value_name = "A-B", default_value_t, help_heading = "Call")]
    pub rtp_ports: PortRange,

    /// Write the SIP messages to this file, without passwords and keys: a capture if it ends in .pcapng, else text
    #[arg(long, value_name = "FILE", help_heading = "Output")]
    pub trace: Option<PathBuf>,

    /// A header to add to the requests that start a call or a registration; may be given many times
    #[arg(long = "header", value_name = "N: V", help_heading = "Call")]
    pub headers: Vec<Header>,
}

/// The transports for SIP.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Transport {
    Udp,
    Tcp,
    Tls,
    Ws,
    Wss,
}

impl From<Transport> for headless_sip::Transport {
    fn from(transport: Transport) -> Self {
        match transport {
            Transport::Udp => Self::Udp,
            Transport::Tcp => Self::Tcp,
            Transport::Tls => Self::Tls,
            Transport::Ws => Self::Ws,
            Transport::Wss => Self::Wss,
        }
    }
}

impl Account {
    /// What is wrong with these options taken together, if anything.
    pub(super) fn mistake(&self) -> Option<String> {
        if self.registrar.is_some() && self.user.is_none() {
            return Some("--registrar needs --user U: the name to register".into());
        }
        if self.auth_user.is_some() && self.password.is_none() {
            return Some(
                "--auth-user needs a password: --password P or the environment variable HEADLESS_SIP_PASSWORD".into(),
            );
        }
        None
    }
}
