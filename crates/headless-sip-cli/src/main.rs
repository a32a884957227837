//! The command `headless-sip`: make, answer and measure phone calls.

mod args;
mod event;
mod exit;
mod logging;
mod output;
mod report;
mod shutdown;
mod tone;
mod wav;

use std::process::ExitCode;

fn main() -> ExitCode {
    let cli = match args::Cli::parse_checked(std::env::args_os()) {
        Ok(cli) => cli,
        Err(error) => error.exit(),
    };
    logging::start();
    println!("{cli:?}");
    ExitCode::SUCCESS
}
