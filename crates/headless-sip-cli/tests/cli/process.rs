//! Runs the command and reads its events.

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use serde_json::Value;

/// Longer than any step takes on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// The command, running; killed when dropped.
pub(crate) struct Headless {
    child: Child,
    lines: Receiver<String>,
    errors: Option<JoinHandle<String>>,
    seen: Vec<Value>,
}

/// The command, finished.
#[derive(Debug)]
pub(crate) struct Finished {
    pub code: Option<i32>,
    pub events: Vec<Value>,
    pub stderr: String,
}

impl Headless {
    /// Starts the command with `--json` and these arguments.
    pub(crate) fn start(arguments: &[&str]) -> Self {
        Self::start_with(arguments, &[])
    }

    /// The same, with environment variables.
    pub(crate) fn start_with(arguments: &[&str], environment: &[(&str, &str)]) -> Self {
        let mut child = command(arguments)
            .arg("--json")
            .envs(environment.iter().copied())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the built command starts");
        let stdout = BufReader::new(child.stdout.take().expect("it is piped"));
        let mut stderr = child.stderr.take().expect("it is piped");
        let (tell, lines) = channel();
        std::thread::spawn(move || {
            for line in stdout.lines().map_while(Result::ok) {
                if tell.send(line).is_err() {
                    break;
                }
            }
        });
        let errors = std::thread::spawn(move || {
            let mut text = String::new();
            let _ = stderr.read_to_string(&mut text);
            text
        });
        Self {
            child,
            lines,
            errors: Some(errors),
            seen: Vec::new(),
        }
    }

    /// Waits for the next event of this name and gives it.
    pub(crate) fn event(&mut self, name: &str) -> Value {
        let deadline = Instant::now() + PATIENCE;
        loop {
            match self
                .lines
                .recv_timeout(deadline.saturating_duration_since(Instant::now()))
            {
                Ok(line) => {
                    let event = parse(&line);
                    self.seen.push(event.clone());
                    if event["event"] == name {
                        return event;
                    }
                }
                Err(RecvTimeoutError::Timeout) => {
                    panic!("no event {name} within a minute, only {:?}", self.seen)
                }
                Err(RecvTimeoutError::Disconnected) => {
                    let _ = self.child.wait();
                    let errors = self
                        .errors
                        .take()
                        .and_then(|errors| errors.join().ok())
                        .unwrap_or_default();
                    panic!(
                        "it ended without event {name}, only {:?}; it said: {errors}",
                        self.seen
                    );
                }
            }
        }
    }

    /// Sends a signal, such as `TERM` or `INT`.
    #[cfg(unix)]
    pub(crate) fn signal(&self, name: &str) {
        let status = Command::new("kill")
            .args([format!("-{name}"), self.child.id().to_string()])
            .status()
            .expect("kill is there");
        assert!(status.success());
    }

    /// Waits for the end.
    pub(crate) fn finish(mut self) -> Finished {
        let deadline = Instant::now() + PATIENCE;
        loop {
            match self
                .lines
                .recv_timeout(deadline.saturating_duration_since(Instant::now()))
            {
                Ok(line) => self.seen.push(parse(&line)),
                Err(RecvTimeoutError::Disconnected) => break,
                Err(RecvTimeoutError::Timeout) => {
                    panic!("it does not end; it has said {:?}", self.seen)
                }
            }
        }
        let status = self.child.wait().expect("it can be waited for");
        let stderr = self
            .errors
            .take()
            .and_then(|errors| errors.join().ok())
            .unwrap_or_default();
        Finished {
            code: status.code(),
            events: std::mem::take(&mut self.seen),
            stderr,
        }
    }
}

impl Drop for Headless {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Finished {
    /// The only event of this name.
    pub(crate) fn event(&self, name: &str) -> &Value {
        let found: Vec<_> = self
            .events
            .iter()
            .filter(|event| event["event"] == name)
            .collect();
        match found[..] {
            [event] => event,
            _ => panic!("not one event {name} but {}: {self:?}", found.len()),
        }
    }

    /// All events of this name, in order.
    pub(crate) fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a Value> {
        self.events
            .iter()
            .filter(move |event| event["event"] == name)
    }

    /// Asserts the exit code, and shows everything if it is another.
    pub(crate) fn assert_code(&self, code: i32) -> &Self {
        assert_eq!(self.code, Some(code), "{self:#?}");
        self
    }
}

/// Runs the command with these arguments to its end; `--json` is not added.
pub(crate) fn run(arguments: &[&str]) -> (Option<i32>, String, String) {
    let output = command(arguments).output().expect("the built command runs");
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("it speaks UTF-8");
    (
        output.status.code(),
        text(output.stdout),
        text(output.stderr),
    )
}

fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_headless-sip"));
    command
        .args(arguments)
        .env_remove("HEADLESS_SIP_PASSWORD")
        .env_remove("RUST_LOG")
        .stdin(Stdio::null());
    command
}

fn parse(line: &str) -> Value {
    serde_json::from_str(line).unwrap_or_else(|error| panic!("{line:?} is not JSON: {error}"))
}

/// The telephone system of the command on a free port.
pub(crate) struct Pbx {
    process: Headless,
    address: String,
}

impl Pbx {
    /// Starts it; alice and bob may register with the password `secret`.
    pub(crate) fn start() -> Self {
        let mut process = Headless::start(&["pbx", "--listen", "127.0.0.1:0"]);
        let listening = process.event("listening");
        assert_eq!(process.seen.len(), 1, "it is the first line");
        let address = listening["address"]
            .as_str()
            .expect("it names its address")
            .to_owned();
        Self { process, address }
    }

    /// `sip:NAME@ADDRESS`.
    pub(crate) fn uri(&self, name: &str) -> String {
        format!("sip:{name}@{}", self.address)
    }

    /// `sip:ADDRESS`.
    pub(crate) fn registrar(&self) -> String {
        format!("sip:{}", self.address)
    }

    /// Ends it as Ctrl-C does.
    #[cfg(unix)]
    pub(crate) fn stop(self) -> Finished {
        self.process.signal("INT");
        self.process.finish()
    }
}
