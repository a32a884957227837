//! Automation of this workspace: `cargo xtask --help`.

use std::process::ExitCode;

use xtask::bench;
use xtask::test_all::{self, Options};

const HELP: &str = "\
Automation of headless-sip.

Usage: cargo xtask test-all [--only STEP]... [--list]
       cargo xtask bench sound [OPTION]...

test-all runs everything that must hold before a change lands, one step after another: format, lints,
docs, tests, each crate alone, the layering, every example, the demo, and the calls against SIPp,
baresip and Kamailio. On Debian, as root, it installs the programs that are missing; elsewhere it says
what it leaves out. It goes on after a failure and ends with a table; exit status 1 if a step failed.

  --only STEP   run this step alone; may be given many times; a part of a name takes all that begin so
  --list        name the steps, one a line, and run none
  --help        this text

bench sound sends two minutes of speech through seven networks in virtual time and tells what is heard: added
delay, loss, concealment, PESQ and CPU time, beside other ways to play the same packets. On Debian, as root, it
installs speech (asterisk-core-sounds-en-wav; elsewhere espeak-ng speaks), and it makes a Python with the package
pesq below target/; what cannot be had is left out. Its options are those of the program: `bench sound --help`.
";

/// What is asked for.
#[derive(Debug, PartialEq, Eq)]
enum Task {
    Help,
    TestAll(Options),
    BenchSound(Vec<String>),
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let done = match parse(&arguments) {
        Ok(Task::TestAll(options)) => test_all::run(&options),
        Ok(Task::BenchSound(arguments)) => bench::sound(&arguments),
        Ok(Task::Help) => {
            print!("{HELP}");
            return ExitCode::SUCCESS;
        }
        Err(mistake) => {
            eprintln!("xtask: {mistake}\n\n{HELP}");
            return ExitCode::from(2);
        }
    };
    match done {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("xtask: {error}");
            ExitCode::FAILURE
        }
    }
}

fn parse(arguments: &[String]) -> Result<Task, String> {
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words.as_slice() {
        [] | ["--help" | "-h" | "help", ..] => Ok(Task::Help),
        ["test-all", options @ ..] => parse_test_all(options),
        ["bench", "sound", ..] => Ok(Task::BenchSound(arguments[2..].to_vec())),
        ["bench", "--help" | "-h"] => Ok(Task::Help),
        ["bench", other, ..] => Err(format!("there is no benchmark {other:?}")),
        ["bench"] => Err("bench needs to know what: sound".to_owned()),
        [other, ..] => Err(format!("there is no task {other:?}")),
    }
}

fn parse_test_all(arguments: &[&str]) -> Result<Task, String> {
    let mut arguments = arguments.iter().copied();
    let mut options = Options::default();
    while let Some(argument) = arguments.next() {
        match argument {
            "--help" | "-h" => return Ok(Task::Help),
            "--list" => options.list = true,
            "--only" => {
                let step = arguments.next().ok_or("--only needs the name of a step")?;
                options.only.push(step.to_owned());
            }
            other => return Err(format!("test-all has no option {other:?}")),
        }
    }
    Ok(Task::TestAll(options))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(line: &str) -> Result<Task, String> {
        let arguments: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
        parse(&arguments)
    }

    #[test]
    fn options_are_read() {
        let options = Options {
            only: vec!["clippy".to_owned(), "docs".to_owned()],
            list: true,
        };
        assert_eq!(
            check("test-all --only clippy --only docs --list").unwrap(),
            Task::TestAll(options)
        );
        assert_eq!(
            check("bench sound --seed 2").unwrap(),
            Task::BenchSound(vec!["--seed".to_owned(), "2".to_owned()])
        );
    }

    #[test]
    fn help_and_mistakes_are_told_apart() {
        assert_eq!(check("").unwrap(), Task::Help);
        assert_eq!(check("test-all --help").unwrap(), Task::Help);
        assert_eq!(check("bench --help").unwrap(), Task::Help);
        check("bench").unwrap_err();
        check("bench everything").unwrap_err();
        check("test-everything").unwrap_err();
        check("test-all --fast").unwrap_err();
        check("test-all --only").unwrap_err();
    }
}
