//! The calls against real programs: one step for each file of tests in the interop package.

use std::path::PathBuf;

use super::Outcome;
use super::command::{cargo, run};
use super::packages::is_root;
use super::steps::Step;
use crate::workspace::Workspace;

/// The package of the suites.
pub(crate) const PACKAGE: &str = "headless-sip-interop";

/// A program and the Debian package that it comes in.
const PROGRAMS: [(&str, &str); 3] = [
    ("sipp", "sip-tester"),
    ("baresip", "baresip-core"),
    ("kamailio", "kamailio"),
];

/// The suite that takes addresses away, and what it needs beside root.
const NETWORK_CHANGE: (&str, &str, &str) = ("network_change", "ip", "iproute2");

/// One step a suite.
pub(crate) fn steps(workspace: &Workspace) -> Vec<Step> {
    let suites = workspace
        .package(PACKAGE)
        .map(|package| package.tests.clone());
    let suites = suites.into_iter().flatten();
    suites
        .map(|suite| {
            Step::new(
                format!("interop-{suite}"),
                format!("real calls: {suite}"),
                move |context, log| {
                    if let Some(reason) = missing(&suite) {
                        return Outcome::LeftOut(reason);
                    }
                    let arguments = context
                        .selection()
                        .with("test", &["--no-fail-fast", "--test", &suite]);
                    run(cargo(arguments), log)
                },
            )
        })
        .collect()
}

/// Why the suite cannot run here. A suite that has no program's name needs all of them.
fn missing(suite: &str) -> Option<String> {
    let (network_change, program, package) = NETWORK_CHANGE;
    if suite == network_change {
        return match (is_root(), is_installed(program)) {
            (true, true) => None,
            (false, _) => Some("not root: it makes network namespaces".to_owned()),
            (true, false) => Some(format!(
                "not installed: {program} (Debian package {package})"
            )),
        };
    }
    let named = PROGRAMS.iter().any(|(program, _)| *program == suite);
    let absent: Vec<String> = PROGRAMS
        .iter()
        .filter(|(program, _)| !named || *program == suite)
        .filter(|(program, _)| !is_installed(program))
        .map(|(program, package)| format!("{program} (Debian package {package})"))
        .collect();
    (!absent.is_empty()).then(|| format!("not installed: {}", absent.join(", ")))
}

/// Looks in `PATH` and where Debian keeps daemons, which not everybody has in `PATH`.
fn is_installed(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .chain([PathBuf::from("/usr/sbin"), PathBuf::from("/usr/local/sbin")])
        .any(|folder| folder.join(program).is_file())
}
