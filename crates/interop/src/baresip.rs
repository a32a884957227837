//! baresip as the far end of a call.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use sip_testkit::audio::Clip;
use tempfile::TempDir;
use tokio::process::Command;

use crate::authority::{Authority, Certificate};
use crate::ports::Ports;
use crate::process::PeerProcess;
use crate::program::Program;
use crate::ready::{Transport, is_bound, until};
use crate::{BaresipControl, BaresipEvent};

/// How long a step of a call may take: far more than it does.
const PATIENCE: Duration = Duration::from_secs(15);

/// Where Debian puts its modules.
const MODULES: &str = "/usr/lib/baresip/modules";

/// What a [`Baresip`] is to be.
#[derive(Debug, Clone)]
pub struct BaresipConfig {
    /// User part of its address.
    pub user: String,
    /// Codecs in its order of preference, as baresip writes them: `PCMU/8000/1`, `opus/48000/2`.
    pub codecs: String,
    /// The sine it says, Hz.
    pub tone_hz: u32,
    /// Answer calls at once; else they ring until `accept` is commanded.
    pub auto_answer: bool,
    /// Where it registers, with its password; `None`: it is called at its own address.
    pub registrar: Option<(SocketAddr, String)>,
    /// The transport of what it sends.
    pub transport: Transport,
    /// The authority of its certificate and of those that it trusts; with one it speaks TLS as well.
    pub authority: Option<Arc<Authority>>,
}

impl Default for BaresipConfig {
    fn default() -> Self {
        BaresipConfig {
            user: "baresip".into(),
            codecs: "PCMU/8000/1".into(),
            tone_hz: 440,
            auto_answer: true,
            registrar: None,
            transport: Transport::Udp,
            authority: None,
        }
    }
}

/// A running baresip.
#[derive(Debug)]
pub struct Baresip {
    /// The connection over which it is driven.
    pub control: BaresipControl,
    process: PeerProcess,
    user: String,
    sip: Ports,
    _control: Ports,
    _rtp: Ports,
}

impl Baresip {
    /// Starts one and waits until it can be called (and is registered, if it is to register).
    ///
    /// # Panics
    ///
    /// When that does not come about.
    pub async fn start(config: BaresipConfig) -> Baresip {
        // It takes the port after its SIP port for TLS.
        let (sip, control_port, rtp) = (Ports::claim(2), Ports::claim(1), Ports::claim(40));
        let folder = TempDir::new().expect("make a folder for baresip");
        let tls = config.authority.as_ref();
        let tls = tls.map_or_else(String::new, |authority| {
            tls_settings(folder.path(), authority)
        });
        let text = include_str!("../peers/baresip.config")
            .replace("@TLS@", &tls)
            .replace("@SIP_PORT@", &sip.first().to_string())
            .replace("@CONTROL_PORT@", &control_port.first().to_string())
            .replace("@RTP_FIRST@", &rtp.first().to_string())
            .replace("@RTP_LAST@", &rtp.last().to_string())
            .replace("@TONE_HZ@", &config.tone_hz.to_string())
            .replace("@MODULES@", MODULES)
            .replace("@FOLDER@", &folder.path().display().to_string());
        for (file, text) in [
            ("config", text),
            ("accounts", account(&config, sip.addr())),
            ("contacts", String::new()),
        ] {
            std::fs::write(folder.path().join(file), text)
                .expect("write the configuration of baresip");
        }
        let mut command = Command::new(Program::Baresip.path().expect("baresip is installed"));
        command.arg("-f").arg(folder.path());
        let mut process = PeerProcess::start("baresip", folder, command);
        let control = process
            .ready("its control port is open", PATIENCE, async || {
                BaresipControl::connect(control_port.addr()).await.ok()
            })
            .await;
        process
            .ready("its SIP port is open", PATIENCE, async || {
                is_bound(Transport::Udp, sip.addr()).then_some(())
            })
            .await;
        let mut baresip = Baresip {
            control,
            process,
            user: config.user,
            sip,
            _control: control_port,
            _rtp: rtp,
        };
        if config.registrar.is_some() {
            // The event may have come before the connection: the command tells the state either way.
            baresip.registered().await;
        }
        baresip
    }

    /// Where it listens for SIP, UDP and TCP.
    #[must_use]
    pub fn sip_addr(&self) -> SocketAddr {
        self.sip.addr()
    }

    /// Where it listens for TLS, if it has an authority.
    #[must_use]
    pub fn tls_addr(&self) -> SocketAddr {
        SocketAddr::new(self.sip.addr().ip(), self.sip.last())
    }

    /// Its address of record when it is called directly.
    #[must_use]
    pub fn uri(&self) -> String {
        format!("sip:{}@{}", self.user, self.sip_addr())
    }

    /// Calls `uri` and returns when the call is answered.
    ///
    /// # Panics
    ///
    /// When it is not.
    pub async fn dial(&mut self, uri: &str) {
        self.control.command("dial", uri).await;
        self.established().await;
    }

    /// Waits until a call is answered, by it or by the far end.
    ///
    /// # Panics
    ///
    /// When none is.
    pub async fn established(&mut self) -> BaresipEvent {
        self.control.event("CALL_ESTABLISHED", PATIENCE).await
    }

    /// Waits until a call has ended; the event's parameter is the reason.
    ///
    /// # Panics
    ///
    /// When none does.
    pub async fn closed(&mut self) -> BaresipEvent {
        self.control.event("CALL_CLOSED", PATIENCE).await
    }

    /// Ends the call.
    ///
    /// # Panics
    ///
    /// When it does not end.
    pub async fn hang_up(&mut self) {
        self.control.command("hangup", "").await;
        self.closed().await;
    }

    /// Presses one key; it sends a telephone-event (RFC 4733).
    pub async fn press(&mut self, digit: char) {
        self.control.command("sndcode", &digit.to_string()).await;
    }

    /// Waits for `count` digits from the far end.
    ///
    /// # Panics
    ///
    /// When fewer come.
    pub async fn digits(&mut self, count: usize) -> String {
        let mut digits = String::new();
        for _ in 0..count {
            digits += &self.control.event("CALL_DTMF_START", PATIENCE).await.param;
        }
        digits
    }

    /// Waits until it has decoded `duration` of audio in its newest call.
    ///
    /// # Panics
    ///
    /// When it does not.
    pub async fn hears(&self, duration: Duration) {
        until(
            &format!("baresip hears {duration:?} of audio"),
            PATIENCE,
            async || {
                // The header of a file that is being written tells no length yet; the file's size does.
                let size = std::fs::metadata(self.recordings().pop()?).ok()?.len();
                let spec = hound::WavReader::open(self.recordings().pop()?)
                    .ok()?
                    .spec();
                let bytes_a_second = f64::from(spec.sample_rate)
                    * f64::from(spec.channels)
                    * f64::from(spec.bits_per_sample / 8);
                (size as f64 / bytes_a_second >= duration.as_secs_f64()).then_some(())
            },
        )
        .await;
    }

    /// What it decoded in its newest call; whole once the call has ended.
    ///
    /// # Panics
    ///
    /// When it recorded nothing.
    #[must_use]
    pub fn heard(&self) -> Clip {
        let newest = self.recordings().pop();
        let newest = newest.unwrap_or_else(|| {
            panic!(
                "baresip decoded nothing; it printed:\n{}",
                self.process.output()
            )
        });
        Clip::from_wav(newest).expect("a recording of baresip's")
    }

    /// What it decoded, a file a call, oldest first.
    fn recordings(&self) -> Vec<PathBuf> {
        let files = std::fs::read_dir(self.process.folder()).expect("list the folder of baresip");
        let mut files: Vec<PathBuf> = files
            .map(|entry| entry.expect("list the folder of baresip").path())
            .filter(|path| path.to_string_lossy().ends_with("-dec.wav"))
            .collect();
        // The names bear the time at which the call began.
        files.sort();
        files
    }

    async fn registered(&mut self) {
        let deadline = tokio::time::Instant::now() + PATIENCE;
        loop {
            let info = self.control.command("reginfo", "").await;
            if info.contains("OK") {
                return;
            }
            assert!(
                tokio::time::Instant::now() < deadline,
                "baresip did not register: {info}"
            );
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}

/// The lines of the configuration for TLS; baresip wants certificate and key in one file.
fn tls_settings(folder: &Path, authority: &Authority) -> String {
    let Certificate { certificate, key } = authority.issue(&["127.0.0.1"]);
    let (both, ca) = (folder.join("both.pem"), folder.join("ca.pem"));
    std::fs::write(&both, certificate + &key).expect("write the certificate");
    std::fs::write(&ca, authority.pem()).expect("write the authority");
    format!(
        "sip_certificate {}\nsip_cafile {}\nsip_verify_server yes",
        both.display(),
        ca.display()
    )
}

/// A line of baresip's account file.
fn account(config: &BaresipConfig, sip: SocketAddr) -> String {
    let BaresipConfig { user, codecs, .. } = config;
    let transport = config.transport.name().to_lowercase();
    let answer = if config.auto_answer { "auto" } else { "manual" };
    let (domain, registration) = match &config.registrar {
        Some((registrar, password)) => (
            *registrar,
            format!("auth_user={user};auth_pass={password};regint=60"),
        ),
        None => (sip, "regint=0".to_owned()),
    };
    format!(
        "<sip:{user}@{domain};transport={transport}>;{registration};answermode={answer};audio_codecs={codecs};dtmfmode=rtpevent\n"
    )
}
