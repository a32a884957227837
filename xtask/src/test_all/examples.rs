//! Runs each example against a PBX of its own.
//!
//! ```text
//! headless-sip pbx --listen 127.0.0.1:0 --json      first line: {"event":"listening","address":"127.0.0.1:PORT"}
//! example, HEADLESS_SIP_REGISTRAR=sip:127.0.0.1:PORT
//! headless-sip call alice                           for those that answer, once they say that they wait
//! ```

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use serde_json::Value;

use super::command::Log;
use super::running::Running;
use super::steps::{Step, build_programs};
use super::{Context, Outcome};
use crate::workspace::Workspace;

/// The examples that wait for calls, with how many come at once, and how.
const ANSWERING: [(&str, usize, &[&str]); 6] = [
    ("answer_and_echo", 1, &["--tone", "440", "--seconds", "3"]),
    ("busy_lamp", 1, &["--tone", "440", "--seconds", "1"]),
    ("conference", 3, &["--tone", "440", "--seconds", "3"]),
    ("ivr_menu", 1, &["--dtmf", "12345#0", "--seconds", "10"]),
    ("record_stereo", 1, &["--tone", "440", "--seconds", "3"]),
    ("voice_bot", 1, &["--play", GREETING]),
];
/// Speech, below the workspace's root.
const GREETING: &str = "examples/assets/greeting.wav";
/// How those say that they wait.
const WAITING: &str = "waiting for a call";

/// For the PBX to listen, and for an example to register.
const READY: Duration = Duration::from_secs(15);
/// For a whole example.
const LIMIT: Duration = Duration::from_secs(40);

/// One step an example.
pub(crate) fn steps(workspace: &Workspace) -> Vec<Step> {
    let examples = workspace
        .package("headless-sip")
        .map(|package| package.examples.clone());
    examples
        .into_iter()
        .flatten()
        .map(|example| {
            Step::new(
                format!("example-{example}"),
                format!("examples/{example}.rs against the PBX"),
                move |context, log| run_example(context, &example, log),
            )
        })
        .collect()
}

fn run_example(context: &Context, example: &str, log: &mut Log) -> Outcome {
    match build_programs(context, log) {
        Outcome::Passed => {}
        other => return other,
    }
    let folder = context.workspace.target.join("debug");
    let Some(pbx) = Pbx::start(&folder, log) else {
        return Outcome::Failed;
    };
    let mut command = Command::new(folder.join("examples").join(example));
    command
        .env("HEADLESS_SIP_REGISTRAR", pbx.uri())
        .env("HEADLESS_SIP_USER", "alice")
        .env("HEADLESS_SIP_PASSWORD", "secret");
    let Some(mut running) = Running::start(&mut command, log) else {
        return Outcome::Failed;
    };
    let call = ANSWERING.iter().find(|(name, ..)| *name == example);
    let called = match call {
        Some((_, callers, arguments)) => {
            if running.line_with(WAITING, READY, log).is_some() {
                pbx.call_alice(&folder, *callers, arguments, log)
            } else {
                log.note(&format!("it never said {WAITING:?}"));
                Outcome::Failed
            }
        }
        None => Outcome::Passed,
    };
    let ended = running.finish(LIMIT, log);
    if called == Outcome::Passed {
        ended
    } else {
        called
    }
}

/// The PBX of the command, on a free port.
struct Pbx {
    address: String,
    /// Ends it when this is dropped, and keeps its output flowing until then.
    _running: Running,
}

impl Pbx {
    fn start(folder: &Path, log: &mut Log) -> Option<Self> {
        let mut command = Command::new(program(folder));
        command.args(["pbx", "--listen", "127.0.0.1:0", "--json"]);
        command.args(["--user", "alice:secret", "--user", "bob:secret"]);
        let mut running = Running::start(&mut command, log)?;
        let line = running.line_with("\"listening\"", READY, log);
        let address = line.and_then(|line| {
            let event: Value = serde_json::from_str(&line).ok()?;
            event["address"].as_str().map(str::to_owned)
        });
        if address.is_none() {
            log.note("the PBX did not say where it listens");
        }
        Some(Pbx {
            address: address?,
            _running: running,
        })
    }

    fn uri(&self) -> String {
        format!("sip:{}", self.address)
    }

    /// Bob calls alice, so many times at once.
    fn call_alice(
        &self,
        folder: &Path,
        callers: usize,
        arguments: &[&str],
        log: &mut Log,
    ) -> Outcome {
        let calls: Vec<_> = (0..callers)
            .map(|_| {
                let mut command = Command::new(program(folder));
                command
                    .args(["call", "alice", "--user", "bob", "--password", "secret"])
                    .args(["--local", "127.0.0.1:0", "--registrar", &self.uri()])
                    .args(arguments);
                Running::start(&mut command, log)
            })
            .collect();
        let mut outcome = Outcome::Passed;
        for call in calls {
            let ended = call.map_or(Outcome::Failed, |running| running.finish(LIMIT, log));
            if ended != Outcome::Passed {
                outcome = ended;
            }
        }
        outcome
    }
}

fn program(folder: &Path) -> PathBuf {
    folder.join("headless-sip")
}
