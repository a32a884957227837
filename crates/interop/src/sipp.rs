//! SIPp: one run of a scenario, as caller, callee or registrar.

use std::f64::consts::TAU;
use std::net::SocketAddr;
use std::time::Duration;

use tempfile::TempDir;
use tokio::process::Command;

use crate::ports::Ports;
use crate::process::PeerProcess;
use crate::program::Program;
use crate::ready::{Transport, is_bound};

/// A scenario and how it is to be run; then `start`.
#[derive(Debug)]
#[must_use = "a description does nothing until it is started"]
pub struct Sipp {
    scenario: Scenario,
    transport: Transport,
    tone_hz: u32,
    args: Vec<String>,
}

#[derive(Debug)]
enum Scenario {
    /// One that SIPp has in itself: `uas`, `uac`.
    BuiltIn(&'static str),
    /// One of the folder `scenarios`: its name and text.
    Own(&'static str, &'static str),
}

impl Sipp {
    /// A scenario of the folder `scenarios`; use the macro [`scenario!`](crate::scenario) to read it.
    pub fn own(name: &'static str, text: &'static str) -> Sipp {
        Sipp {
            scenario: Scenario::Own(name, text),
            transport: Transport::Udp,
            tone_hz: 440,
            args: Vec::new(),
        }
    }

    /// A scenario that SIPp has in itself, by its name: `uas`, `uac`.
    pub fn built_in(name: &'static str) -> Sipp {
        Sipp {
            scenario: Scenario::BuiltIn(name),
            ..Sipp::own("", "")
        }
    }

    /// Runs over TCP; without it over UDP.
    pub fn over_tcp(mut self) -> Sipp {
        self.transport = Transport::Tcp;
        self.args(["-t", "t1"])
    }

    /// The user that it calls (or registers), and itself.
    pub fn users(self, service: &str, user: &str) -> Sipp {
        self.args(["-s", service, "-key", "user", user])
    }

    /// Makes this many calls, `rate` of them a second.
    pub fn calls(self, count: u32, rate: u32) -> Sipp {
        self.args([
            "-m",
            &count.to_string(),
            "-l",
            &count.to_string(),
            "-r",
            &rate.to_string(),
        ])
    }

    /// What a bare `<pause/>` of the scenario lasts: the length of a call.
    pub fn call_length(self, length: Duration) -> Sipp {
        self.args(["-d", &length.as_millis().to_string()])
    }

    /// Loses this share of SIP messages, both those it sends and those it gets.
    pub fn losing(self, percent: u32) -> Sipp {
        self.args(["-lost", &percent.to_string()])
    }

    /// Sends each RTP packet that reaches its media port back to its sender.
    pub fn echoing_rtp(self) -> Sipp {
        self.args(["-rtp_echo"])
    }

    /// The tone that a scenario's `@TONE@` says, Hz; 440 without it.
    pub fn tone(mut self, hz: u32) -> Sipp {
        self.tone_hz = hz;
        self
    }

    /// Further arguments of the command.
    pub fn args<'a>(mut self, args: impl IntoIterator<Item = &'a str>) -> Sipp {
        self.args.extend(args.into_iter().map(str::to_owned));
        self
    }

    /// Starts it as the side that waits for requests; returns when its SIP port is open.
    ///
    /// # Panics
    ///
    /// When it does not start.
    pub async fn start_server(self) -> SippRun {
        let transport = self.transport;
        let mut run = self.start(None);
        let addr = run.sip.addr();
        run.process
            .ready(
                "its SIP port is open",
                Duration::from_secs(10),
                async || is_bound(transport, addr).then_some(()),
            )
            .await;
        run
    }

    /// Starts it as the side that sends requests to `target`.
    ///
    /// # Panics
    ///
    /// When it does not start.
    #[must_use]
    pub fn start_client(self, target: SocketAddr) -> SippRun {
        self.start(Some(target))
    }

    fn start(self, target: Option<SocketAddr>) -> SippRun {
        let folder = TempDir::new().expect("make a folder for SIPp");
        let (sip, media) = (Ports::claim(1), Ports::claim(200));
        let mut command = Command::new(Program::Sipp.path().expect("sipp is installed"));
        let name = match self.scenario {
            Scenario::BuiltIn(name) => {
                command.args(["-sn", name]);
                name
            }
            Scenario::Own(name, text) => {
                let tone = folder.path().join("tone.pcmu");
                std::fs::write(&tone, pcmu_tone(self.tone_hz)).expect("write the tone");
                let file = folder.path().join("scenario.xml");
                std::fs::write(&file, text.replace("@TONE@", &tone.display().to_string()))
                    .expect("write the scenario");
                command.arg("-sf").arg(file);
                name
            }
        };
        command
            .args([
                "-i",
                "127.0.0.1",
                "-mi",
                "127.0.0.1",
                "-nostdin",
                "-trace_err",
                "-trace_screen",
            ])
            .args([
                "-p",
                &sip.first().to_string(),
                "-mp",
                &media.first().to_string(),
            ])
            .args(self.args)
            .args(target.map(|target| target.to_string()));
        SippRun {
            process: PeerProcess::start(format!("SIPp ({name})"), folder, command),
            sip,
            media,
        }
    }
}

/// A SIPp that runs.
#[derive(Debug)]
pub struct SippRun {
    process: PeerProcess,
    sip: Ports,
    media: Ports,
}

impl SippRun {
    /// Where it takes SIP.
    #[must_use]
    pub fn sip_addr(&self) -> SocketAddr {
        self.sip.addr()
    }

    /// Where it takes RTP when it [echoes](Sipp::echoing_rtp).
    #[must_use]
    pub fn media_addr(&self) -> SocketAddr {
        self.media.addr()
    }

    /// Waits until it has made all its calls.
    ///
    /// # Panics
    ///
    /// When a call of its failed, with its log of errors, or it does not end within `patience`.
    pub async fn succeeds(mut self, patience: Duration) {
        let status = self.process.exit(patience).await;
        assert!(
            status.success(),
            "SIPp: {status} (1 = a call failed)\n{}",
            self.error_log()
        );
    }

    /// Waits until it has made all its calls, at least one of which must have failed; returns its log of errors.
    ///
    /// # Panics
    ///
    /// When none failed, or it does not end within `patience`.
    pub async fn fails(mut self, patience: Duration) -> String {
        let status = self.process.exit(patience).await;
        assert_eq!(
            status.code(),
            Some(1),
            "SIPp was to fail\n{}",
            self.error_log()
        );
        self.error_log()
    }

    /// Ends it whatever it does.
    pub fn stop(mut self) {
        self.process.stop();
    }

    fn error_log(&self) -> String {
        self.process
            .files_ending_in("_errors.log")
            .into_iter()
            .map(|(_, text)| text)
            .collect()
    }
}

/// Reads a scenario of the folder `scenarios` by its name, without `.xml`.
#[macro_export]
macro_rules! scenario {
    ($name:literal) => {
        $crate::Sipp::own(
            $name,
            include_str!(concat!(
                env!("CARGO_MANIFEST_DIR"),
                "/scenarios/",
                $name,
                ".xml"
            )),
        )
    };
}

/// One second of a sine in mu-law at 8 kHz, which loops without a step when `hz` is whole. Independent of the codecs under
/// test.
fn pcmu_tone(hz: u32) -> Vec<u8> {
    let step = TAU * f64::from(hz) / 8000.0;
    (0..8000)
        .map(|n| mu_law((f64::from(n) * step).sin() * 10_000.0))
        .collect()
}

/// Mu-law from its definition (ITU-T G.711 table 2a): sign, segment, and place in the segment, all bits inverted.
fn mu_law(linear: f64) -> u8 {
    let magnitude = linear.abs().min(32_635.0) as u16 + 132;
    let segment = 8 - magnitude.leading_zeros() as u16;
    let place = (magnitude >> (segment + 3)) & 0x0F;
    let sign = if linear < 0.0 { 0x80 } else { 0 };
    !(sign | (segment << 4 | place) as u8)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mu_law_agrees_with_the_table_of_the_recommendation() {
        // G.711 table 2a, values scaled to 16 bits: silence, the ends of the scale, and a middle decision.
        assert_eq!(mu_law(0.0), 0xFF);
        assert_eq!(mu_law(32_767.0), 0x80);
        assert_eq!(mu_law(-32_767.0), 0x00);
        assert_eq!(mu_law(8031.0 * 4.0), 0x80);
        assert_eq!(mu_law(1000.0), 0xCE);
    }
}
