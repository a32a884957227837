//! A program that goes on while the step looks at its lines.

use std::io::{BufRead as _, BufReader, Read};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::{Duration, Instant};

use super::Outcome;
use super::command::{Log, spawn_with, wait};

/// For the last lines of a program that has ended.
const LAST_LINES: Duration = Duration::from_secs(5);

/// A program whose lines are read while it runs; dropping it ends it.
pub(crate) struct Running {
    child: Option<Child>,
    lines: Receiver<String>,
}

impl Running {
    pub(crate) fn start(command: &mut Command, log: &mut Log) -> Option<Self> {
        let stderr = log.stdio();
        let command = command.stdout(Stdio::piped()).stderr(stderr);
        let mut child = spawn_with(command, log)?;
        let lines = read_lines(child.stdout.take()?);
        Some(Running {
            child: Some(child),
            lines,
        })
    }

    /// The first line that holds `part`; `None` when it does not come in time.
    pub(crate) fn line_with(
        &mut self,
        part: &str,
        limit: Duration,
        log: &mut Log,
    ) -> Option<String> {
        let started = Instant::now();
        loop {
            let left = limit.checked_sub(started.elapsed())?;
            let line = self.lines.recv_timeout(left).ok()?;
            log.note(&line);
            if line.contains(part) {
                return Some(line);
            }
        }
    }

    /// Waits for the end, with the remaining lines in the log.
    pub(crate) fn finish(mut self, limit: Duration, log: &mut Log) -> Outcome {
        let outcome = self
            .child
            .take()
            .map_or(Outcome::Failed, |child| wait(child, limit, log));
        // The program has ended, so the reader comes to an end as well.
        while let Ok(line) = self.lines.recv_timeout(LAST_LINES) {
            log.note(&line);
        }
        outcome
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// Reads in a thread, so that nobody waits for ever and no program blocks on a full pipe.
fn read_lines(output: impl Read + Send + 'static) -> Receiver<String> {
    let (sender, receiver) = channel();
    thread::spawn(move || {
        for line in BufReader::new(output).lines().map_while(Result::ok) {
            if sender.send(line).is_err() {
                break;
            }
        }
    });
    receiver
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    fn shell(script: &str, name: &str) -> (Running, Log) {
        let path = std::env::temp_dir().join(format!("xtask-{name}-{}.log", std::process::id()));
        let mut log = Log::create(&path);
        let running = Running::start(Command::new("sh").args(["-c", script]), &mut log);
        (running.unwrap(), log)
    }

    const LIMIT: Duration = Duration::from_secs(30);

    #[test]
    fn a_line_is_awaited_and_the_rest_is_logged() {
        let (mut running, mut log) = shell("echo one; echo two; echo three", "rest");
        let line = running.line_with("tw", LIMIT, &mut log);
        assert_eq!(line.as_deref(), Some("two"));
        assert_eq!(running.finish(LIMIT, &mut log), Outcome::Passed);
        assert!(log.text().ends_with("one\ntwo\nthree\n"), "{}", log.text());
        log.remove();
    }

    #[test]
    fn a_program_that_ends_without_the_line_is_not_waited_for() {
        let (mut running, mut log) = shell("echo one; exit 3", "without");
        let started = Instant::now();
        assert_eq!(running.line_with("two", LIMIT, &mut log), None);
        assert!(started.elapsed() < LIMIT);
        assert_eq!(running.finish(LIMIT, &mut log), Outcome::Failed);
        assert!(log.text().contains("3"), "{}", log.text());
        log.remove();
    }

    #[test]
    fn a_program_that_takes_too_long_is_killed_and_has_failed() {
        let (running, mut log) = shell("exec sleep 600", "long");
        let outcome = running.finish(Duration::from_millis(100), &mut log);
        assert_eq!(outcome, Outcome::Failed);
        assert!(log.text().contains("killed"), "{}", log.text());
        log.remove();
    }
}
