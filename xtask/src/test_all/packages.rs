//! Installs on Debian what the interop suite, the tests on speech and the feature `opus-audiopus` need.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use super::command::{Log, run};
use super::{Context, Outcome};

const PACKAGES: [&str; 9] = [
    "asterisk-core-sounds-en-wav",
    "espeak-ng",
    "sip-tester",
    "baresip-core",
    "kamailio",
    "kamailio-tls-modules",
    "iproute2",
    "libopus-dev",
    "pkg-config",
];

/// Debian asks this program whether a package may start its daemon.
const POLICY: &str = "/usr/sbin/policy-rc.d";

/// Installs what is missing.
pub(crate) fn install_missing(_: &Context, log: &mut Log) -> Outcome {
    if !Path::new("/etc/debian_version").exists() {
        return Outcome::LeftOut("this is not Debian: install the peers by hand".to_owned());
    }
    let missing: Vec<&str> = PACKAGES
        .into_iter()
        .filter(|package| !is_installed(package))
        .collect();
    if missing.is_empty() {
        return Outcome::Passed;
    }
    if !is_root() {
        let names = missing.join(" ");
        return Outcome::LeftOut(format!(
            "not root: apt-get install --no-install-recommends {names}"
        ));
    }
    let _policy = NoDaemons::declare(log);
    match run(apt(&["update"]), log) {
        Outcome::Passed => {}
        other => return other,
    }
    let mut install = vec!["install", "--yes", "--no-install-recommends"];
    install.extend(missing);
    run(apt(&install), log)
}

fn apt(arguments: &[&str]) -> Command {
    let mut command = Command::new("apt-get");
    command
        .arg("--quiet")
        .args(arguments)
        .env("DEBIAN_FRONTEND", "noninteractive");
    command
}

/// While it lives, no package starts its daemon: the tests start Kamailio themselves.
struct NoDaemons {
    ours: bool,
}

impl NoDaemons {
    fn declare(log: &mut Log) -> Self {
        if Path::new(POLICY).exists() {
            return NoDaemons { ours: false };
        }
        let written = fs::write(POLICY, "#!/bin/sh\nexit 101\n")
            .and_then(|()| Command::new("chmod").args(["755", POLICY]).status());
        if let Err(error) = &written {
            log.note(&format!("cannot write {POLICY}: {error}"));
        }
        NoDaemons {
            ours: written.is_ok(),
        }
    }
}

impl Drop for NoDaemons {
    fn drop(&mut self) {
        if self.ours {
            let _ = fs::remove_file(POLICY);
        }
    }
}

fn is_installed(package: &str) -> bool {
    prints(
        Command::new("dpkg-query").args(["--show", "--showformat=${Status}", package]),
        "install ok installed",
    )
}

pub(super) fn is_root() -> bool {
    prints(Command::new("id").arg("--user"), "0")
}

fn prints(command: &mut Command, expected: &str) -> bool {
    command
        .stderr(Stdio::null())
        .output()
        .is_ok_and(|output| String::from_utf8_lossy(&output.stdout).trim() == expected)
}
