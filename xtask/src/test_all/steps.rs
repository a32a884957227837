//! The steps, in the order that builds least twice.
//!
//! Quick checks come first. All that builds the whole workspace uses one [`Selection`](super::selection::Selection),
//! so that the tests, the examples, the demo and the interop suite share their artifacts; the crates alone, which need
//! other features, come last.

use super::command::{Log, cargo, run};
use super::{Context, Outcome, crates_alone, demo, examples, interop, packages};

/// A named check.
pub(crate) struct Step {
    pub(crate) name: String,
    pub(crate) about: String,
    pub(crate) run: Check,
}

/// Looks at the workspace, writes to the log, says how it went.
pub(crate) type Check = Box<dyn Fn(&Context, &mut Log) -> Outcome>;

impl Step {
    pub(crate) fn new(
        name: impl Into<String>,
        about: impl Into<String>,
        run: impl Fn(&Context, &mut Log) -> Outcome + 'static,
    ) -> Self {
        Step {
            name: name.into(),
            about: about.into(),
            run: Box::new(run),
        }
    }
}

/// The test target that has a step of its own.
const LAYERING: &str = "layering";

/// All steps.
pub(crate) fn all(context: &Context) -> Vec<Step> {
    let mut steps = vec![
        Step::new(
            "packages",
            "on Debian as root: install the peers and libopus",
            packages::install_missing,
        ),
        Step::new("format", "cargo fmt --check", |_, log| {
            let names_only = ["fmt", "--all", "--check", "--", "--files-with-diff"];
            run(cargo(names_only), log)
        }),
        Step::new("clippy", "every lint as an error", clippy),
        Step::new("docs", "every warning of rustdoc as an error", docs),
        Step::new("build", "all tests, examples and programs", build),
        Step::new("tests", "unit and integration tests", tests),
        Step::new("doc-tests", "the code in the documentation", doc_tests),
        Step::new("layering", "dependencies point one way", layering),
    ];
    steps.extend(interop::steps(&context.workspace));
    steps.extend(examples::steps(&context.workspace));
    steps.push(Step::new(
        "demo",
        "a whole call; what is heard is what was said",
        demo::run_demo,
    ));
    steps.extend(crates_alone::steps(&context.workspace));
    steps
}

fn clippy(context: &Context, log: &mut Log) -> Outcome {
    let selection = context.selection();
    for reason in selection.reasons() {
        log.note(&format!("SKIPPED {reason}"));
    }
    let arguments = selection.with("clippy", &["--all-targets", "--", "--deny", "warnings"]);
    run(cargo(arguments), log)
}

fn docs(context: &Context, log: &mut Log) -> Outcome {
    // The libraries alone: the program `headless-sip` would be documented over the library of that name.
    let arguments = context.selection().with("doc", &["--no-deps", "--lib"]);
    let mut command = cargo(arguments);
    command.env("RUSTDOCFLAGS", "--deny warnings");
    run(command, log)
}

fn build(context: &Context, log: &mut Log) -> Outcome {
    let arguments = context.selection().with("test", &["--no-run"]);
    match run(cargo(arguments), log) {
        Outcome::Passed => build_programs(context, log),
        other => other,
    }
}

/// Builds what the examples and the demo start; nothing to do after the step `build`.
pub(crate) fn build_programs(context: &Context, log: &mut Log) -> Outcome {
    let arguments = context.selection().with("build", &["--bins", "--examples"]);
    run(cargo(arguments), log)
}

/// Everything but the test targets that have steps of their own.
fn tests(context: &Context, log: &mut Log) -> Outcome {
    let mut arguments = context
        .selection()
        .with("test", &["--no-fail-fast", "--lib", "--bins"]);
    for package in &context.workspace.packages {
        if package.name == interop::PACKAGE {
            continue;
        }
        for test in package.tests.iter().filter(|test| *test != LAYERING) {
            arguments.extend(["--test".to_owned(), test.clone()]);
        }
    }
    run(cargo(arguments), log)
}

fn doc_tests(context: &Context, log: &mut Log) -> Outcome {
    run(
        cargo(
            context
                .selection()
                .with("test", &["--no-fail-fast", "--doc"]),
        ),
        log,
    )
}

fn layering(context: &Context, log: &mut Log) -> Outcome {
    run(
        cargo(context.selection().with("test", &["--test", LAYERING])),
        log,
    )
}
