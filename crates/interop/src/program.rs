//! Which programs the tests need, and what to do when one is missing.

use std::env;
use std::io::Write;
use std::path::PathBuf;

/// With this variable set to `1` a suite whose program is not installed is left out (and says so); without it a missing
/// program is a failure.
const OPTIONAL: &str = "HEADLESS_SIP_INTEROP_OPTIONAL";

/// A program that a suite runs against.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Program {
    /// The SIP scenario runner.
    Sipp,
    /// The user agent with a text console.
    Baresip,
    /// The SIP proxy and registrar.
    Kamailio,
    /// The tool that sets up networks.
    Ip,
}

impl Program {
    /// The command's name.
    #[must_use]
    pub fn command(self) -> &'static str {
        match self {
            Program::Sipp => "sipp",
            Program::Baresip => "baresip",
            Program::Kamailio => "kamailio",
            Program::Ip => "ip",
        }
    }

    /// The Debian package that holds the command.
    #[must_use]
    pub fn debian_package(self) -> &'static str {
        match self {
            Program::Sipp => "sip-tester",
            Program::Baresip => "baresip-core",
            Program::Kamailio => "kamailio",
            Program::Ip => "iproute2",
        }
    }

    /// Where the command lies, in `PATH` or in the folders of daemons, which only root has in its `PATH`.
    #[must_use]
    pub fn path(self) -> Option<PathBuf> {
        let path = env::var_os("PATH").unwrap_or_default();
        env::split_paths(&path)
            .chain(["/usr/sbin".into(), "/usr/local/sbin".into()])
            .map(|folder| folder.join(self.command()))
            .find(|file| file.is_file())
    }

    /// Whether all of `programs` are installed; `false` only where the environment allows to leave a suite out, and then a
    /// line on standard error says so (past the capture of the test harness).
    ///
    /// # Panics
    ///
    /// When one is missing and `HEADLESS_SIP_INTEROP_OPTIONAL=1` is not set; the text names the Debian package.
    #[must_use]
    pub fn all_installed(programs: &[Program]) -> bool {
        let Some(missing) = programs.iter().find(|program| program.path().is_none()) else {
            return true;
        };
        let (command, package) = (missing.command(), missing.debian_package());
        assert!(
            may_be_left_out(),
            "`{command}` is not installed: apt-get install --no-install-recommends {package} (or set {OPTIONAL}=1 to leave this suite out)"
        );
        let test = std::thread::current().name().unwrap_or("?").to_owned();
        let _ = writeln!(
            std::io::stderr(),
            "SKIPPED {test}: `{command}` is not installed (Debian package {package})"
        );
        false
    }
}

/// Whether the environment allows to leave a suite out whose program is missing.
pub(crate) fn may_be_left_out() -> bool {
    env::var_os(OPTIONAL).is_some_and(|value| value == "1")
}
