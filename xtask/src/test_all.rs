//! `cargo xtask test-all`: every check, one after another, and a table at the end.

mod command;
mod crates_alone;
mod demo;
mod examples;
mod interop;
mod packages;
mod running;
mod selection;
mod steps;
mod table;

use std::io::Write as _;
use std::path::PathBuf;
use std::time::Instant;

use crate::workspace::Workspace;
use command::Log;
use selection::Selection;
use steps::Step;
use table::Row;

/// What the command line asks for.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Options {
    /// Steps to run, by name or by how their names begin; empty means all.
    pub only: Vec<String>,
    /// Name the steps and run none.
    pub list: bool,
}

/// How a step ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Outcome {
    Passed,
    /// The log tells why.
    Failed,
    /// Why it could not run here.
    LeftOut(String),
}

/// What every step may look at.
#[derive(Debug)]
pub(crate) struct Context {
    pub(crate) workspace: Workspace,
}

impl Context {
    /// Packages and features of this run. Asked for late: a step before may have installed a library.
    pub(crate) fn selection(&self) -> Selection {
        Selection::of(&self.workspace)
    }

    /// Where logs and recordings go.
    pub(crate) fn folder(&self) -> PathBuf {
        self.workspace.target.join("test-all")
    }
}

/// Runs the steps; `false` when one failed.
///
/// # Errors
///
/// A text when nothing could be run at all.
pub fn run(options: &Options) -> Result<bool, String> {
    let context = Context {
        workspace: Workspace::load()?,
    };
    let steps = chosen(steps::all(&context), &options.only)?;
    if options.list {
        for step in &steps {
            println!("{:<26} {}", step.name, step.about);
        }
        return Ok(true);
    }
    let folder = context.folder();
    std::fs::create_dir_all(&folder)
        .map_err(|error| format!("cannot create {}: {error}", folder.display()))?;
    let rows: Vec<Row> = steps.iter().map(|step| run_step(&context, step)).collect();
    println!("\n{}", table::draw(&rows));
    Ok(rows.iter().all(|row| row.outcome != Outcome::Failed))
}

fn chosen(steps: Vec<Step>, only: &[String]) -> Result<Vec<Step>, String> {
    if only.is_empty() {
        return Ok(steps);
    }
    if let Some(unknown) = only
        .iter()
        .find(|wanted| !steps.iter().any(|step| step.name.starts_with(*wanted)))
    {
        return Err(format!(
            "there is no step {unknown:?}; --list names them all"
        ));
    }
    Ok(steps
        .into_iter()
        .filter(|step| only.iter().any(|wanted| step.name.starts_with(wanted)))
        .collect())
}

fn run_step(context: &Context, step: &Step) -> Row {
    print!("{} ... ", step.name);
    let _ = std::io::stdout().flush();
    let started = Instant::now();
    let path = context.folder().join(format!("{}.log", step.name));
    let mut log = Log::create(&path);
    let outcome = (step.run)(context, &mut log);
    let row = Row {
        name: step.name.clone(),
        outcome,
        elapsed: started.elapsed(),
    };
    let text = log.text();
    match &row.outcome {
        Outcome::Passed => {
            println!("ok, {:.1} s", row.elapsed.as_secs_f64());
            print_closing_lines(&text);
        }
        Outcome::LeftOut(why) => println!("left out: {why}"),
        Outcome::Failed => {
            println!("FAILED, {:.1} s\n{text}", row.elapsed.as_secs_f64());
            println!("^^^^ all of the output of {} ^^^^", row.name);
        }
    }
    row
}

/// What a reader of a passed step wants to see of it: the counts, and what it skipped.
fn print_closing_lines(text: &str) {
    for line in text.lines() {
        if line.starts_with("test result:") || line.starts_with("SKIPPED") {
            println!("{line}");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn step(name: &str) -> Step {
        Step {
            name: name.to_owned(),
            about: String::new(),
            run: Box::new(|_, _| Outcome::Passed),
        }
    }

    fn names(only: &[&str]) -> Result<Vec<String>, String> {
        let steps = vec![step("docs"), step("example-a"), step("example-b")];
        let only: Vec<String> = only.iter().map(|name| (*name).to_owned()).collect();
        let chosen = chosen(steps, &only)?;
        Ok(chosen.into_iter().map(|step| step.name).collect())
    }

    #[test]
    fn steps_are_chosen_by_name_or_beginning_and_keep_their_order() {
        assert_eq!(names(&[]).unwrap().len(), 3);
        assert_eq!(
            names(&["example-b", "docs"]).unwrap(),
            ["docs", "example-b"]
        );
        assert_eq!(names(&["example"]).unwrap(), ["example-a", "example-b"]);
    }

    #[test]
    fn an_unknown_step_is_a_mistake() {
        assert!(names(&["docs", "nothing"]).unwrap_err().contains("nothing"));
    }
}
