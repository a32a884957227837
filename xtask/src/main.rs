//! Automation of this workspace: `cargo xtask --help`.

use std::process::ExitCode;

use xtask::test_all::{self, Options};

const HELP: &str = "\
Automation of headless-sip.

Usage: cargo xtask test-all [--only STEP]... [--list]

test-all runs everything that must hold before a change lands, one step after another: format, lints,
docs, tests, each crate alone, the layering, every example, the demo, and the calls against SIPp,
baresip and Kamailio. On Debian, as root, it installs the programs that are missing; elsewhere it says
what it leaves out. It goes on after a failure and ends with a table; exit status 1 if a step failed.

  --only STEP   run this step alone; may be given many times; a part of a name takes all that begin so
  --list        name the steps, one a line, and run none
  --help        this text
";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match parse(&arguments) {
        Ok(Some(options)) => match test_all::run(&options) {
            Ok(true) => ExitCode::SUCCESS,
            Ok(false) => ExitCode::FAILURE,
            Err(error) => {
                eprintln!("xtask: {error}");
                ExitCode::FAILURE
            }
        },
        Ok(None) => {
            print!("{HELP}");
            ExitCode::SUCCESS
        }
        Err(mistake) => {
            eprintln!("xtask: {mistake}\n\n{HELP}");
            ExitCode::from(2)
        }
    }
}

/// The options; `None` asks for help.
fn parse(arguments: &[String]) -> Result<Option<Options>, String> {
    let mut arguments = arguments.iter().map(String::as_str);
    match arguments.next() {
        None | Some("--help" | "-h" | "help") => return Ok(None),
        Some("test-all") => {}
        Some(other) => return Err(format!("there is no task {other:?}")),
    }
    let mut options = Options::default();
    while let Some(argument) = arguments.next() {
        match argument {
            "--help" | "-h" => return Ok(None),
            "--list" => options.list = true,
            "--only" => {
                let step = arguments.next().ok_or("--only needs the name of a step")?;
                options.only.push(step.to_owned());
            }
            other => return Err(format!("test-all has no option {other:?}")),
        }
    }
    Ok(Some(options))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(line: &str) -> Result<Option<Options>, String> {
        let arguments: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
        parse(&arguments)
    }

    #[test]
    fn options_are_read() {
        let options = check("test-all --only clippy --only docs --list")
            .unwrap()
            .unwrap();
        assert_eq!(options.only, ["clippy", "docs"]);
        assert!(options.list);
    }

    #[test]
    fn help_and_mistakes_are_told_apart() {
        assert_eq!(check("").unwrap(), None);
        assert_eq!(check("test-all --help").unwrap(), None);
        check("test-everything").unwrap_err();
        check("test-all --fast").unwrap_err();
        check("test-all --only").unwrap_err();
    }
}
