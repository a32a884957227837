//! The command `headless-sip`: make, answer and measure phone calls.

mod answer;
mod args;
mod call;
mod client;
mod demo;
mod event;
mod exit;
mod listen;
mod logging;
mod message;
mod output;
mod pbx;
mod recording;
mod register;
mod report;
mod session;
mod shutdown;
mod tone;

use std::process::ExitCode;

use args::{Cli, Command};
use exit::{Exit, Failure};
use output::Output;
use shutdown::Shutdown;

fn main() -> ExitCode {
    let cli = match Cli::parse_checked(std::env::args_os()) {
        Ok(cli) => cli,
        Err(error) => error.exit(),
    };
    logging::start();
    match run(cli) {
        Ok(()) => ExitCode::from(Exit::Done as u8),
        Err(failure) => {
            eprintln!("headless-sip: {}", output::clean(&failure.message));
            ExitCode::from(failure.exit as u8)
        }
    }
}

fn run(cli: Cli) -> Result<(), Failure> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::other(format!("the async runtime cannot start: {error}")))?;
    runtime.block_on(async {
        let output = Output::new(cli.json);
        let shutdown = Shutdown::listen()
            .map_err(|error| Failure::other(format!("cannot listen for Ctrl-C: {error}")))?;
        match cli.command {
            Command::Demo(args) => demo::run(args, &output, shutdown).await,
            Command::Pbx(args) => pbx::run(args, &output, shutdown).await,
            Command::Register(args) => register::run(&args, &output, shutdown).await,
            Command::Call(args) => call::run(&args, &output, shutdown).await,
            Command::Answer(args) => answer::run(args, &output, shutdown).await,
            Command::Message(args) => message::run(&args, &output, shutdown).await,
        }
    })
}
