//! What a call costs: many calls' media at once, both ways, against a peer process that is none of ours.
//!
//! For each number of calls the program starts itself twice: as the process that is measured, which runs the media engine and
//! the program's side of every call, and as the far end of all of them, which is plain UDP (`rtp_peer.rs`).

mod measure;
mod report;
mod rtp_peer;

use std::process::{Command, ExitCode};

use clap::{Args, Parser, Subcommand};
use report::Row;

/// Measures CPU time and memory of many G.711 calls.
#[derive(Debug, Parser)]
#[command(name = "call-load", args_conflicts_with_subcommands = true)]
struct Cli {
    #[command(subcommand)]
    role: Option<Role>,
    /// How many calls at once, one run each.
    #[arg(long, value_delimiter = ',', default_value = "20,100,200,400")]
    calls: Vec<usize>,
    #[command(flatten)]
    run: RunArgs,
    /// One JSON object a run instead of the table.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Clone, Copy, Args)]
pub(crate) struct RunArgs {
    /// Seconds that are measured, after two seconds of warming up.
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..=600))]
    pub(crate) seconds: u32,
    /// Sample rate in which the program speaks and hears, Hz; 8000 needs no resampling.
    #[arg(long, default_value_t = 8000, value_parser = clap::value_parser!(u32).range(8000..=192_000))]
    pub(crate) rate: u32,
    /// Media threads; as the engine likes without it.
    #[arg(long)]
    pub(crate) threads: Option<usize>,
}

#[derive(Debug, Subcommand)]
enum Role {
    /// The process that is measured: prints one JSON object.
    #[command(hide = true)]
    Measure {
        #[arg(long)]
        calls: usize,
        #[command(flatten)]
        run: RunArgs,
    },
    /// The far end of all calls.
    #[command(hide = true)]
    RtpPeer {
        #[arg(long)]
        calls: usize,
    },
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    let result = match cli.role {
        Some(Role::Measure { calls, run }) => {
            measure::run(calls, run).and_then(|row| row.print_json())
        }
        Some(Role::RtpPeer { calls }) => rtp_peer::run(calls).map_err(Into::into),
        None => all_runs(&cli),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("call-load: {error}");
            ExitCode::FAILURE
        }
    }
}

/// A process of its own for each run: memory that an earlier run left behind would hide what a call takes.
fn all_runs(cli: &Cli) -> Result<(), Box<dyn std::error::Error>> {
    if !cli.json {
        report::print_head();
    }
    let mut faults = Vec::new();
    for calls in &cli.calls {
        let mut command = Command::new(std::env::current_exe()?);
        command.args(["measure", "--calls", &calls.to_string()]);
        command.args([
            "--seconds",
            &cli.run.seconds.to_string(),
            "--rate",
            &cli.run.rate.to_string(),
        ]);
        if let Some(threads) = cli.run.threads {
            command.args(["--threads", &threads.to_string()]);
        }
        let output = command.stderr(std::process::Stdio::inherit()).output()?;
        if !output.status.success() {
            return Err(format!("the run of {calls} calls failed").into());
        }
        let row: Row = serde_json::from_slice(&output.stdout)?;
        if cli.json {
            row.print_json()?;
        } else {
            row.print();
        }
        faults.extend(
            row.faults()
                .into_iter()
                .map(|fault| format!("{calls} calls: {fault}")),
        );
    }
    if faults.is_empty() {
        Ok(())
    } else {
        Err(format!("not what was to be measured:\n  {}", faults.join("\n  ")).into())
    }
}
