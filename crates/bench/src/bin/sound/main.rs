//! How calls sound: real speech through seven networks, in virtual time.
//!
//! Each network is heard through the library's receive path and through what it is compared with; every run tells how much
//! delay was added, what was lost or invented, and how good a listener would find it (PESQ).

mod align;
mod cost;
#[cfg(target_os = "linux")]
mod neteq;
mod pesq;
mod plot;
mod policies;
mod random;
mod report;
mod speech;
mod traces;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;

use policies::Heard;
use report::Row;
use traces::Trace;

type AnyError = Box<dyn std::error::Error>;

/// Sample rate of everything here, Hz.
const RATE: u32 = 8_000;

/// How the library is called in the tables.
const LIBRARY: &str = "headless-sip";
const NETEQ: &str = "neteq";

/// Measures what is heard, and when, through seven networks.
#[derive(Debug, Parser)]
#[command(name = "sound")]
struct Cli {
    /// Folder of WAV files with speech, 16 bit mono.
    #[arg(long, default_value = "/usr/share/asterisk/sounds/en_US_f_Allison")]
    speech: PathBuf,
    /// A Python with the package `pesq`; without it that column is left out.
    #[arg(long, default_value = "python3")]
    python: PathBuf,
    /// Seeds of the networks; figures are means over them.
    #[arg(long, value_delimiter = ',', default_value = "1")]
    seed: Vec<u64>,
    /// How long after the sender's frames ours begin, ms; figures are means over them.
    #[arg(long, value_delimiter = ',', default_value = "5,15")]
    phase: Vec<f64>,
    /// Only these networks.
    #[arg(long, value_delimiter = ',')]
    trace: Vec<String>,
    /// Delays of the fixed buffers that it is compared with, ms.
    #[arg(long, value_delimiter = ',', default_value = "50,100")]
    fixed: Vec<u32>,
    /// The library alone.
    #[arg(long)]
    library_only: bool,
    /// Also draw delay against PESQ into this SVG file.
    #[arg(long)]
    plot: Option<PathBuf>,
    /// One JSON object a row instead of the table.
    #[arg(long)]
    json: bool,
}

fn main() -> ExitCode {
    match run(&Cli::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("sound: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(cli: &Cli) -> Result<(), AnyError> {
    let said = speech::load(&cli.speech)?;
    let packets = policies::encode(&said)?;
    let decoded = policies::decode(&packets)?;
    let pesq = pesq::Pesq::find(&cli.python)?;
    if pesq.is_none() {
        eprintln!(
            "sound: {} has no package pesq: no PESQ figures",
            cli.python.display()
        );
    }
    let mut rows: Vec<Row> = Vec::new();
    let mut runs = Vec::new();
    for &seed in &cli.seed {
        let mut traces = traces::all(seed);
        traces.retain(|trace| {
            cli.trace.is_empty() || cli.trace.iter().any(|name| name == trace.name)
        });
        let costs = cost::measure(&traces, &packets, &decoded, !cli.library_only)?;
        for (trace, cost) in traces.iter().zip(costs) {
            for (policy, heard) in listen(cli, trace, &packets)? {
                let pieces = align::pieces(&heard, &decoded, trace);
                let mut row = Row::new(trace, policy, &heard, &pieces);
                row.cost_us = match row.policy.as_str() {
                    LIBRARY => Some(cost.library_us()),
                    NETEQ => cost.neteq_us(),
                    _ => None,
                };
                rows.push(row);
                runs.push((heard, pieces));
            }
        }
    }
    if let Some(pesq) = &pesq {
        for (row, score) in rows.iter_mut().zip(pesq.scores(&said, &runs)?) {
            row.pesq = score;
        }
    }
    let rows = report::means(rows);
    if let Some(file) = &cli.plot {
        std::fs::write(file, plot::svg(&rows))?;
    }
    report::print(&rows, cli.json)
}

/// What each policy makes of a network.
fn listen(cli: &Cli, trace: &Trace, packets: &[Vec<u8>]) -> Result<Vec<(String, Heard)>, AnyError> {
    let mut heard = Vec::new();
    for &phase in &cli.phase {
        heard.push((
            LIBRARY.to_owned(),
            policies::library(trace, packets, phase)?,
        ));
    }
    if !cli.library_only {
        for &delay in &cli.fixed {
            let name = format!("fixed {delay} ms");
            heard.push((name, policies::fixed(trace, packets, delay.into())?));
        }
        #[cfg(target_os = "linux")]
        for &phase in &cli.phase {
            heard.push((NETEQ.to_owned(), neteq::play(trace, packets, phase)?));
        }
    }
    Ok(heard)
}
