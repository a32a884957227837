//! Each crate alone: its tests without default features, and each of its features by itself.

use super::command::{Log, cargo, run};
use super::steps::Step;
use super::{Context, Outcome};
use crate::layers::LEAVES;
use crate::workspace::{Package, Workspace};

/// One step a crate: the leaves, then those that join them.
pub(crate) fn steps(workspace: &Workspace) -> Vec<Step> {
    let names = LEAVES.into_iter().chain(["media-engine", "headless-sip"]);
    names
        .filter_map(|name| workspace.package(name))
        .map(|package| {
            let package = package.clone();
            Step::new(
                format!("alone-{}", package.name),
                "tested without default features, checked with each feature",
                move |context, log| alone(context, &package, log),
            )
        })
        .collect()
}

fn alone(context: &Context, package: &Package, log: &mut Log) -> Outcome {
    let name = package.name.as_str();
    let mut outcome = run(
        cargo([
            "test",
            "--no-fail-fast",
            "-p",
            name,
            "--no-default-features",
        ]),
        log,
    );
    let selection = context.selection();
    for feature in package.features.keys() {
        if let Some(reason) = selection.left_out(feature) {
            log.note(&format!("SKIPPED {reason}"));
            continue;
        }
        let check = [
            "check",
            "-p",
            name,
            "--no-default-features",
            "--features",
            feature,
        ];
        if run(cargo(check), log) != Outcome::Passed {
            outcome = Outcome::Failed;
        }
    }
    outcome
}
