//! Runs a program into a log, with a limit of time.

use std::fs::File;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use super::Outcome;

/// Longest time for one program; the whole run is meant to take less.
const LIMIT: Duration = Duration::from_secs(20 * 60);
/// How often a running program is looked at.
const LOOK: Duration = Duration::from_millis(50);

/// What the programs of a step print, in a file.
#[derive(Debug)]
pub(crate) struct Log {
    path: PathBuf,
    /// `None` when the file cannot be made; what is printed is then lost, the result is not.
    file: Option<File>,
}

impl Log {
    pub(crate) fn create(path: &Path) -> Self {
        Log {
            path: path.to_owned(),
            file: File::create(path).ok(),
        }
    }

    /// Adds a line of our own.
    pub(crate) fn note(&mut self, line: &str) {
        if let Some(file) = &mut self.file {
            let _ = writeln!(file, "{line}");
        }
    }

    /// A handle for the output of a program.
    pub(crate) fn stdio(&self) -> Stdio {
        self.file
            .as_ref()
            .and_then(|file| file.try_clone().ok())
            .map_or_else(Stdio::inherit, Stdio::from)
    }

    /// Deletes the file.
    #[cfg(test)]
    pub(crate) fn remove(self) {
        std::fs::remove_file(self.path).unwrap();
    }

    /// All that was printed.
    pub(crate) fn text(&self) -> String {
        std::fs::read(&self.path)
            .map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
            .unwrap_or_default()
    }
}

/// `cargo` with these arguments.
pub(crate) fn cargo<S: AsRef<str>>(arguments: impl IntoIterator<Item = S>) -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.env("CARGO_TERM_COLOR", "never");
    for argument in arguments {
        command.arg(argument.as_ref());
    }
    command
}

/// Runs to the end; what it prints goes to the log.
pub(crate) fn run(command: Command, log: &mut Log) -> Outcome {
    run_within(command, LIMIT, log)
}

/// The same with a limit of its own.
pub(crate) fn run_within(mut command: Command, limit: Duration, log: &mut Log) -> Outcome {
    let child = spawn(&mut command, log);
    child.map_or(Outcome::Failed, |child| wait(child, limit, log))
}

/// Starts a program whose output goes to the log; `None` (and a note) if it does not start.
pub(crate) fn spawn(command: &mut Command, log: &mut Log) -> Option<Child> {
    let (stdout, stderr) = (log.stdio(), log.stdio());
    spawn_with(command.stdout(stdout).stderr(stderr), log)
}

/// Starts a program whose output was dealt with before.
pub(crate) fn spawn_with(command: &mut Command, log: &mut Log) -> Option<Child> {
    log.note(&format!("$ {}", shown(command)));
    match command.stdin(Stdio::null()).spawn() {
        Ok(child) => Some(child),
        Err(error) => {
            log.note(&format!("does not start: {error}"));
            None
        }
    }
}

/// Waits for the end, at most `limit`; a program that takes longer is killed and has failed.
pub(crate) fn wait(mut child: Child, limit: Duration, log: &mut Log) -> Outcome {
    match ended_within(&mut child, limit) {
        Some(status) if status.success() => Outcome::Passed,
        Some(status) => {
            log.note(&format!("ended with {status}"));
            Outcome::Failed
        }
        None => {
            log.note(&format!("killed after {} s", limit.as_secs()));
            let _ = child.kill();
            let _ = child.wait();
            Outcome::Failed
        }
    }
}

fn ended_within(child: &mut Child, limit: Duration) -> Option<ExitStatus> {
    let started = Instant::now();
    loop {
        match child.try_wait() {
            Ok(Some(status)) => return Some(status),
            Ok(None) if started.elapsed() < limit => thread::sleep(LOOK),
            _ => return None,
        }
    }
}

fn shown(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    let words: Vec<String> = words
        .map(|word| word.to_string_lossy().into_owned())
        .collect();
    words.join(" ")
}
