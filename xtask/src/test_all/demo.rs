//! The demo of the README; it checks itself that what was heard is what was said.

use std::process::Command;
use std::time::Duration;

use super::command::{Log, run_within};
use super::steps::build_programs;
use super::{Context, Outcome};

const LIMIT: Duration = Duration::from_secs(120);

pub(crate) fn run_demo(context: &Context, log: &mut Log) -> Outcome {
    match build_programs(context, log) {
        Outcome::Passed => {}
        other => return other,
    }
    let mut command = Command::new(context.workspace.target.join("debug/headless-sip"));
    command
        .arg("demo")
        .arg("--out")
        .arg(context.folder().join("demo"));
    run_within(command, LIMIT, log)
}
