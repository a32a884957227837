//! SIPp as the caller.

use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Stdio;

use tokio::process::Command;

const SCENARIO: &str = include_str!("sipp.xml");

/// Calls `target` so many times a second.
pub(crate) struct Caller {
    pub(crate) target: SocketAddr,
    pub(crate) rate: u32,
}

/// What SIPp tells of a run.
pub(crate) struct Told {
    pub(crate) calls: u32,
    pub(crate) failed: u32,
    pub(crate) retransmissions: u32,
}

impl Caller {
    /// Makes this many calls.
    pub(crate) async fn call(&self, calls: u32) -> io::Result<Told> {
        let folder = tempfile::tempdir()?;
        std::fs::write(folder.path().join("caller.xml"), SCENARIO)?;
        let target = self.target.to_string();
        let mut command = Command::new("sipp");
        command
            .current_dir(folder.path())
            .args([target.as_str(), "-sf", "caller.xml", "-s", "bot"])
            .args(["-i", "127.0.0.1", "-key", "user", "sipp", "-nostdin"])
            .args(["-r", &self.rate.to_string(), "-m", &calls.to_string()])
            .args(["-l", &calls.to_string()])
            .args(["-trace_stat", "-stf", "stat.csv", "-fd", "1"])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .kill_on_drop(true);
        // SIPp ends with 1 where a call failed, which its figures tell.
        command.status().await.map_err(|error| {
            io::Error::other(format!("cannot run sipp ({error}); install sip-tester"))
        })?;
        let figures = Figures::read(&folder.path().join("stat.csv"))?;
        Ok(Told {
            calls: figures.last("TotalCallCreated")?,
            failed: figures.last("FailedCall(C)")?,
            retransmissions: figures.last("Retransmissions(C)")?,
        })
    }
}

/// The table that `-trace_stat` writes.
struct Figures {
    names: Vec<String>,
    last: Vec<String>,
}

impl Figures {
    fn read(file: &Path) -> io::Result<Figures> {
        let text = std::fs::read_to_string(file)?;
        let mut lines = text.lines().map(fields);
        let names = lines.next().unwrap_or_default();
        let last = lines.next_back().unwrap_or_default();
        Ok(Figures { names, last })
    }

    fn last(&self, name: &str) -> io::Result<u32> {
        let at = self.names.iter().position(|known| known == name);
        at.and_then(|at| self.last.get(at)?.parse().ok())
            .ok_or_else(|| io::Error::other(format!("sipp's figures lack {name}")))
    }
}

fn fields(line: &str) -> Vec<String> {
    line.split(';')
        .map(|field| field.trim().to_owned())
        .collect()
}
