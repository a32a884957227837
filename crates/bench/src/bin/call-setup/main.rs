//! What it costs to take a call: CPU time, time to the answer and memory, of calls that SIPp makes at a steady rate.
//!
//! Each call is INVITE, 180, 200, ACK and BYE, with its media set up: sockets, codecs, jitter buffer. This process is the called side; SIPp
//! is another one, whose CPU time does not count.

mod caller;
mod sipp;

use std::io;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use clap::Parser;
use headless_sip::{ClientConfig, CodecTable, HeadlessSipClient};
use headless_sip_bench::cpu;
use tokio::task::JoinHandle;

use sipp::Caller;

/// Measures what taking calls costs.
#[derive(Debug, Parser)]
#[command(name = "call-setup")]
struct Cli {
    /// Calls a second, one run each.
    #[arg(long, value_delimiter = ',', default_value = "10,300,1000")]
    rates: Vec<u32>,
    /// Seconds of each run, after one second of warming up.
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..=600))]
    seconds: u32,
    /// Seconds after the last call until memory is read: transactions are kept for 32 s (RFC 3261, timer J).
    #[arg(long, default_value_t = 40)]
    settle: u64,
}

#[tokio::main]
async fn main() -> ExitCode {
    let cli = Cli::parse();
    match time_to_answer().await {
        Ok((p50, p95)) => println!("INVITE to 200: p50 {p50:.2} ms, p95 {p95:.2} ms\n"),
        Err(error) => {
            eprintln!("call-setup: {error}");
            return ExitCode::FAILURE;
        }
    }
    println!(
        "{:>7} {:>7} {:>7} {:>8} {:>8} {:>13}",
        "calls/s", "calls", "failed", "retrans.", "us/call", "kB held/call"
    );
    for rate in &cli.rates {
        if let Err(error) = run(*rate, &cli).await {
            eprintln!("call-setup: {error}");
            return ExitCode::FAILURE;
        }
    }
    ExitCode::SUCCESS
}

async fn client() -> io::Result<HeadlessSipClient> {
    HeadlessSipClient::new(ClientConfig {
        local_sip_addr: ([127, 0, 0, 1], 0).into(),
        codecs: CodecTable::from_names("pcmu,pcma").map_err(io::Error::other)?,
        ..ClientConfig::default()
    })
    .await
    .map_err(io::Error::other)
}

/// Median and 95th percentile of calls one after another, ms.
async fn time_to_answer() -> io::Result<(f64, f64)> {
    const CALLS: u32 = 1_000;
    let client = client().await?;
    let answering = answer(client.clone());
    let target = client.local_addr();
    let calling = tokio::task::spawn_blocking(move || caller::times_to_answer(target, CALLS));
    let times = calling.await.map_err(io::Error::other)??;
    answering.abort();
    client.shutdown().await;
    let at = |quantile: f64| {
        let last = times.len().saturating_sub(1) as f64;
        let time = times.get((last * quantile) as usize);
        time.map_or(f64::NAN, |time| time.as_secs_f64() * 1e3)
    };
    Ok((at(0.50), at(0.95)))
}

async fn run(rate: u32, cli: &Cli) -> io::Result<()> {
    let client = client().await?;
    let answering = answer(client.clone());
    let caller = Caller {
        target: client.local_addr(),
        rate,
    };
    caller.call(rate).await?;
    let (held, spent_before, began) = (cpu::resident()?, cpu::process()?, Instant::now());
    let told = caller.call(rate.saturating_mul(cli.seconds)).await?;
    let spent = cpu::process()?.saturating_sub(spent_before);
    tokio::time::sleep(Duration::from_secs(cli.settle)).await;
    let left = cpu::resident()? as f64 - held as f64;
    let calls = f64::from(told.calls.max(1));
    println!(
        "{rate:>7} {:>7} {:>7} {:>8} {:>8.0} {:>13.2}",
        told.calls,
        told.failed,
        told.retransmissions,
        spent.as_secs_f64() * 1e6 / calls,
        left / calls / 1_000.0,
    );
    let seconds = began.elapsed().as_secs().saturating_sub(cli.settle);
    if seconds > u64::from(cli.seconds) * 2 {
        eprintln!(
            "call-setup: {seconds} s for {} s of calls: this machine is too busy",
            cli.seconds
        );
    }
    answering.abort();
    client.shutdown().await;
    Ok(())
}

/// Rings, answers, and waits for the BYE.
fn answer(client: HeadlessSipClient) -> JoinHandle<()> {
    tokio::spawn(async move {
        while let Some(call) = client.incoming().await {
            tokio::spawn(async move {
                if call.ring().await.is_ok()
                    && let Ok(mut call) = call.answer().await
                {
                    call.events.ended().await;
                }
            });
        }
    })
}
