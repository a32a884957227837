//! Networks of a test's own: Linux namespaces, which need root.

use std::io::Write;
use std::process::Command;
use std::thread::JoinHandle;

use nix::sched::{CloneFlags, unshare};
use nix::unistd::{Pid, gettid};

use crate::Program;
use crate::program::may_be_left_out;

/// The network of the thread that [`in_own_network`] started; stays on that thread.
#[derive(Debug)]
pub struct Network {
    thread: Pid,
}

/// Runs `work` on a thread that has a network of its own, in which only loopback is up. Threads and programs that it starts are in that
/// network too. It goes when the last of them has ended.
pub fn in_own_network<T: Send + 'static>(
    name: &str,
    work: impl FnOnce(Network) -> T + Send + 'static,
) -> JoinHandle<T> {
    let thread = std::thread::Builder::new().name(name.to_owned());
    let work = move || {
        unshare(CloneFlags::CLONE_NEWNET).expect("a network namespace, since they are permitted");
        let network = Network { thread: gettid() };
        network.ip("link set lo up");
        work(network)
    };
    thread.spawn(work).expect("a thread")
}

impl Network {
    /// Whether networks can be made here; `false` only where the environment allows to leave a suite out, and then a line on standard error
    /// says so.
    ///
    /// # Panics
    ///
    /// When they cannot, and may not be left out.
    #[must_use]
    pub fn can_be_made() -> bool {
        if !Program::all_installed(&[Program::Ip]) {
            return false;
        }
        let attempt = std::thread::spawn(|| unshare(CloneFlags::CLONE_NEWNET));
        let Err(error) = attempt.join().expect("the attempt does not panic") else {
            return true;
        };
        assert!(
            may_be_left_out(),
            "no network namespace can be made ({error}): run as root"
        );
        let _ = writeln!(
            std::io::stderr(),
            "SKIPPED: no network namespace can be made ({error})"
        );
        false
    }

    /// Names this network to `ip`.
    #[must_use]
    pub fn id(&self) -> Pid {
        self.thread
    }

    /// Runs `ip` with these arguments, parted by spaces.
    ///
    /// # Panics
    ///
    /// When it fails.
    pub fn ip(&self, arguments: &str) {
        let program = Program::Ip.path().expect("ip is installed");
        let output = Command::new(program)
            .args(arguments.split(' '))
            .output()
            .expect("ip runs");
        assert!(
            output.status.success(),
            "ip {arguments}: {}",
            String::from_utf8_lossy(&output.stderr)
        );
    }
}
