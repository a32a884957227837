//! A peer's process: its folder, its output, and its certain end.

use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process, kill_process_group};
use tempfile::TempDir;
use tokio::process::{Child, Command};

use crate::ready::until;

/// How long a peer may take to end by itself before it is killed.
const GRACE: Duration = Duration::from_secs(2);

/// A running peer. Dropping it ends the process (SIGTERM, after two seconds SIGKILL), waits for it, and, when the test is
/// failing, prints what the peer printed. The folder goes last.
#[derive(Debug)]
pub struct PeerProcess {
    name: String,
    child: Child,
    pid: Pid,
    output: PathBuf,
    folder: TempDir,
}

impl PeerProcess {
    /// Starts `command` in `folder`, in a process group of its own, with its output going to a file there.
    ///
    /// # Panics
    ///
    /// When the program cannot be started.
    #[must_use]
    pub fn start(name: impl Into<String>, folder: TempDir, mut command: Command) -> PeerProcess {
        let name = name.into();
        let output = folder.path().join("output.txt");
        let file = std::fs::File::create(&output).expect("create the output file");
        let child = command
            .current_dir(folder.path())
            .stdin(Stdio::null())
            .stdout(file.try_clone().expect("duplicate the output file"))
            .stderr(file)
            .process_group(0)
            .kill_on_drop(true)
            .spawn()
            .unwrap_or_else(|error| panic!("{name} did not start: {error}"));
        let pid = child
            .id()
            .and_then(|id| Pid::from_raw(id.cast_signed()))
            .expect("a new process has an id");
        PeerProcess {
            name,
            child,
            pid,
            output,
            folder,
        }
    }

    /// The peer's own folder, removed at the end.
    #[must_use]
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// All that the peer printed so far.
    #[must_use]
    pub fn output(&self) -> String {
        String::from_utf8_lossy(&std::fs::read(&self.output).unwrap_or_default()).into_owned()
    }

    /// Name and text of the files in its folder whose name ends so.
    #[must_use]
    pub fn files_ending_in(&self, ending: &str) -> Vec<(String, String)> {
        let files = std::fs::read_dir(self.folder())
            .expect("list the peer's folder")
            .flatten();
        let names = files.map(|file| file.file_name().to_string_lossy().into_owned());
        let text = |name: &String| {
            String::from_utf8_lossy(&std::fs::read(self.folder().join(name)).unwrap_or_default())
                .into_owned()
        };
        names
            .filter(|name| name.ends_with(ending))
            .map(|name| {
                let text = text(&name);
                (name, text)
            })
            .collect()
    }

    /// Waits until `ready` has an answer.
    ///
    /// # Panics
    ///
    /// When the process ends before, or `patience` runs out.
    pub async fn ready<T>(
        &mut self,
        what: &str,
        patience: Duration,
        mut ready: impl AsyncFnMut() -> Option<T>,
    ) -> T {
        let (name, child) = (&self.name, &mut self.child);
        until(&format!("{name}: {what}"), patience, async || {
            if let Ok(Some(status)) = child.try_wait() {
                panic!("{name} ended ({status}) before it was ready ({what})");
            }
            ready().await
        })
        .await
    }

    /// Waits until the process ends by itself.
    ///
    /// # Panics
    ///
    /// When it does not within `patience`.
    pub async fn exit(&mut self, patience: Duration) -> ExitStatus {
        match tokio::time::timeout(patience, self.child.wait()).await {
            Ok(status) => status.expect("wait for a child process"),
            Err(_) => panic!("{} still runs after {patience:?}", self.name),
        }
    }

    /// Ends the process and waits for it: asks first (SIGTERM), kills it and its group after two seconds.
    pub fn stop(&mut self) {
        // The group is only signalled while its leader is unreaped: until then its id cannot be another process's.
        if self.has_ended() {
            return;
        }
        let _ = kill_process(self.pid, Signal::TERM);
        let deadline = Instant::now() + GRACE;
        while !self.has_ended() {
            if Instant::now() > deadline {
                let _ = kill_process_group(self.pid, Signal::KILL);
            }
            thread::sleep(Duration::from_millis(5));
        }
    }

    fn has_ended(&mut self) -> bool {
        !matches!(self.child.try_wait(), Ok(None))
    }
}

impl Drop for PeerProcess {
    fn drop(&mut self) {
        self.stop();
        if thread::panicking() {
            eprintln!(
                "---- {} (process {}) printed ----\n{}",
                self.name,
                self.pid,
                tail(&self.output())
            );
            for (file, text) in self.files_ending_in(".log") {
                eprintln!("---- its {file} ----\n{}", tail(&text));
            }
        }
    }
}

/// The end of a long text: the part that tells why a peer failed.
fn tail(text: &str) -> &str {
    const KEPT: usize = 12_000;
    let mut start = text.len().saturating_sub(KEPT);
    while !text.is_char_boundary(start) {
        start += 1;
    }
    &text[start..]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str) -> PeerProcess {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        PeerProcess::start("shell", TempDir::new().expect("temp folder"), command)
    }

    fn runs(pid: Pid) -> bool {
        rustix::process::test_kill_process(pid).is_ok()
    }

    #[tokio::test]
    async fn output_is_kept_and_the_exit_code_is_told() {
        let mut peer = shell("echo out; echo err >&2; exit 3");
        assert_eq!(peer.exit(Duration::from_secs(5)).await.code(), Some(3));
        assert_eq!(peer.output(), "out\nerr\n");
    }

    #[tokio::test]
    async fn dropping_ends_the_process_even_one_that_ignores_sigterm() {
        let mut peer = shell("trap '' TERM; echo up; while :; do sleep 1; done");
        let (output, pid) = (peer.output.clone(), peer.pid);
        peer.ready("prints", Duration::from_secs(5), async || {
            std::fs::read_to_string(&output)
                .is_ok_and(|text| text.contains("up"))
                .then_some(())
        })
        .await;
        assert!(runs(pid));
        drop(peer);
        assert!(!runs(pid));
    }

    #[tokio::test]
    #[should_panic(expected = "before it was ready")]
    async fn a_peer_that_ends_early_is_told_at_once() {
        let mut peer = shell("exit 1");
        peer.ready("never", Duration::from_secs(60), async || None::<()>)
            .await;
    }
}
