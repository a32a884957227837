//! Kamailio as registrar and proxy with digest authentication.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tempfile::TempDir;
use tokio::process::Command;

use crate::authority::Authority;
use crate::ports::Ports;
use crate::process::PeerProcess;
use crate::program::Program;
use crate::ready::{Transport, options_answered};

/// The realm of its challenges, and a name by which it knows itself.
pub const REALM: &str = "sip.test";

const PATIENCE: Duration = Duration::from_secs(20);

/// A running Kamailio, on UDP and TCP, with the users `alice`, `bob` and `carol`, whose passwords are `pw-` and their name.
/// It challenges REGISTER with 401 and calls with 407. Calls to `busy` get 486, to `redir` 302 with bob's address as its
/// Contact, to `blackhole` nothing at all; every third REGISTER of `carol` is lost.
#[derive(Debug)]
pub struct Kamailio {
    process: PeerProcess,
    port: Ports,
    authority: Arc<Authority>,
}

impl Kamailio {
    /// Starts one and waits until it answers OPTIONS over UDP and TCP.
    ///
    /// # Panics
    ///
    /// When it does not.
    pub async fn start() -> Kamailio {
        Kamailio::signed_by(Arc::new(Authority::new())).await
    }

    /// As [`start`](Self::start), with a certificate of this authority.
    ///
    /// # Panics
    ///
    /// When it does not answer.
    pub async fn signed_by(authority: Arc<Authority>) -> Kamailio {
        let port = Ports::claim(2);
        let folder = TempDir::new().expect("make a folder for Kamailio");
        let (listen, module) = tls_settings(folder.path(), port.last(), &authority);
        let text = include_str!("../peers/kamailio.cfg")
            .replace("@PORT@", &port.first().to_string())
            .replace("@REALM@", REALM)
            .replace("@TLS@", &listen)
            .replace("@TLS_MODULE@", &module)
            .replace("@MODULES@", &format!("{}/", modules().display()));
        let file = folder.path().join("kamailio.cfg");
        std::fs::write(&file, text).expect("write the configuration of Kamailio");
        let mut command = Command::new(Program::Kamailio.path().expect("kamailio is installed"));
        // In the foreground, logging to standard error, with little memory (MB shared, MB private).
        command
            .arg("-f")
            .arg(&file)
            .args(["-DD", "-E", "-m", "32", "-M", "4"]);
        command
            .arg("-P")
            .arg(folder.path().join("kamailio.pid"))
            .arg("-Y")
            .arg(folder.path());
        let mut kamailio = Kamailio {
            process: PeerProcess::start("Kamailio", folder, command),
            port,
            authority,
        };
        let addr = kamailio.addr();
        kamailio
            .process
            .ready("it answers OPTIONS", PATIENCE, async || {
                let patience = Duration::from_secs(2);
                let one = tokio::time::timeout(
                    patience,
                    options_answered(Transport::Udp, addr, PATIENCE),
                )
                .await
                .ok()?;
                let other = tokio::time::timeout(
                    patience,
                    options_answered(Transport::Tcp, addr, PATIENCE),
                )
                .await
                .ok()?;
                (one.contains("200") && other.contains("200")).then_some(())
            })
            .await;
        kamailio
    }

    /// Whether it can speak TLS here; `false` only where the environment allows to leave a suite out.
    ///
    /// # Panics
    ///
    /// When it cannot and `HEADLESS_SIP_INTEROP_OPTIONAL=1` is not set; the text names the Debian package.
    #[must_use]
    pub fn has_tls() -> bool {
        let found = modules().join("tls.so").is_file();
        assert!(
            found || crate::program::may_be_left_out(),
            "Kamailio has no TLS here: apt-get install kamailio-tls-modules"
        );
        found
    }

    /// Where it listens for TLS; its certificate is for this address and for [`REALM`].
    #[must_use]
    pub fn tls_addr(&self) -> SocketAddr {
        SocketAddr::new(self.addr().ip(), self.port.last())
    }

    /// The authority of its certificate, in PEM.
    #[must_use]
    pub fn ca(&self) -> Vec<u8> {
        self.authority.pem()
    }

    /// Where it listens, UDP and TCP.
    #[must_use]
    pub fn addr(&self) -> SocketAddr {
        self.port.addr()
    }

    /// The URI of a user of its.
    #[must_use]
    pub fn uri(&self, user: &str) -> String {
        format!("sip:{user}@{}", self.addr())
    }
}

/// The lines of the configuration for TLS; none where the module is missing.
fn tls_settings(folder: &Path, port: u16, authority: &Authority) -> (String, String) {
    if !modules().join("tls.so").is_file() {
        return (String::new(), String::new());
    }
    let certificate = authority.issue(&["127.0.0.1", REALM]);
    let (file, key) = certificate.write(folder);
    let listen = format!("enable_tls=yes\nlisten=tls:127.0.0.1:{port}");
    let module = format!(
        "loadmodule \"tls.so\"\nmodparam(\"tls\", \"tls_method\", \"TLSv1.2+\")\n\
         modparam(\"tls\", \"certificate\", \"{}\")\nmodparam(\"tls\", \"private_key\", \"{}\")",
        file.display(),
        key.display()
    );
    (listen, module)
}

/// Where Debian puts the modules: the folder bears the machine's architecture.
fn modules() -> PathBuf {
    let libraries = std::fs::read_dir("/usr/lib").expect("list /usr/lib");
    let mut candidates = libraries
        .filter_map(Result::ok)
        .map(|entry| entry.path().join("kamailio/modules"));
    candidates
        .find(|folder| folder.join("tm.so").is_file())
        .expect("the modules of Kamailio lie under /usr/lib")
}
