//! What a run found, and whether it measured what it should have.

use serde::{Deserialize, Serialize};

use crate::rtp_peer::PeerReport;

/// One run.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Row {
    /// Calls at once.
    pub(crate) calls: usize,
    /// Seconds measured.
    pub(crate) seconds: f64,
    /// CPU time of the engine's threads, microseconds a call and second.
    pub(crate) engine_us: f64,
    /// CPU time of the threads on which the program's side of the calls ran, likewise.
    pub(crate) program_us: f64,
    /// Resident memory that the calls took, bytes a call.
    pub(crate) memory: f64,
    /// Of it audio that the program has ready to be said, bytes a call.
    pub(crate) spoken: f64,
    /// Threads of the engine.
    pub(crate) engine_threads: usize,
    /// Threads of the process.
    pub(crate) threads: usize,
    /// What the far end saw.
    pub(crate) peer: PeerReport,
    /// RTP packets received by the engine, from the first on.
    pub(crate) received: u64,
    /// RTP packets sent by the engine, from the first on.
    pub(crate) sent: u64,
    /// Packets that the engine missed.
    pub(crate) lost: u64,
    /// Packets that came too late to be heard.
    pub(crate) late: u64,
    /// Frames that the programs got while it was measured.
    pub(crate) frames: u64,
    /// Those that held sound.
    pub(crate) audible_frames: u64,
    /// Frames that the programs were too slow to get.
    pub(crate) dropped_frames: u64,
}

const HEAD: [&str; 14] = [
    "calls",
    "us/call-s",
    "engine",
    "program",
    "bare",
    "KB/call",
    "said KB",
    "threads",
    "sent",
    "received",
    "lost",
    "late",
    "frames %",
    "audible %",
];

pub(crate) fn print_head() {
    println!(
        "CPU time in microseconds a call and second: our process, of it the engine and the program's side of the calls;"
    );
    println!(
        "bare: that of the peer, whose loop only sends, receives and counts. said: of the memory, audio that the program has ready."
    );
    println!("threads: the engine's and the others. Packets and frames are those of all calls.");
    print_cells(&HEAD.map(str::to_owned));
}

impl Row {
    pub(crate) fn print(&self) {
        let frames = self.expected_frames();
        print_cells(&[
            self.calls.to_string(),
            format!("{:.0}", self.engine_us + self.program_us),
            format!("{:.0}", self.engine_us),
            format!("{:.0}", self.program_us),
            format!("{:.0}", self.peer.cpu_us),
            format!("{:.1}", self.memory / 1024.0),
            format!("{:.1}", self.spoken / 1024.0),
            format!(
                "{}+{}",
                self.engine_threads,
                self.threads - self.engine_threads
            ),
            self.sent.to_string(),
            self.received.to_string(),
            (self.lost + self.peer.lost).to_string(),
            self.late.to_string(),
            format!("{:.1}", 100.0 * self.frames as f64 / frames),
            format!("{:.1}", 100.0 * self.audible_frames as f64 / frames),
        ]);
    }

    pub(crate) fn print_json(&self) -> Result<(), Box<dyn std::error::Error>> {
        println!("{}", serde_json::to_string(self)?);
        Ok(())
    }

    fn expected_frames(&self) -> f64 {
        self.calls as f64 * self.seconds * 50.0
    }

    /// Why the figures would not be those of calls that work; empty when they are.
    pub(crate) fn faults(&self) -> Vec<String> {
        let mut faults = Vec::new();
        let mut check = |holds: bool, fault: String| {
            if !holds {
                faults.push(fault);
            }
        };
        let (frames, peer) = (self.expected_frames(), &self.peer);
        let nearly = |part: u64, whole: f64| part as f64 >= 0.97 * whole;
        check(
            nearly(self.frames, frames),
            format!("the programs got {} of {frames:.0} frames", self.frames),
        );
        check(
            nearly(self.audible_frames, frames),
            format!("{} of {frames:.0} frames held sound", self.audible_frames),
        );
        check(
            nearly(self.received, peer.sent as f64),
            format!("we received {} of {} packets", self.received, peer.sent),
        );
        check(
            nearly(peer.received, self.sent as f64),
            format!(
                "the peer received {} of {} packets",
                peer.received, self.sent
            ),
        );
        check(
            nearly(peer.audible, peer.received as f64),
            format!(
                "{} of {} packets to the peer held sound",
                peer.audible, peer.received
            ),
        );
        check(
            nearly(peer.sent, frames),
            format!("the peer sent only {} packets: it was starved", peer.sent),
        );
        check(
            nearly(peer.least, self.seconds * 50.0),
            format!(
                "one call of the peer received only {} packets in {} s",
                peer.least, self.seconds
            ),
        );
        check(
            peer.unsound == 0,
            format!(
                "the peer got {} datagrams that are no PCMU of 20 ms",
                peer.unsound
            ),
        );
        faults
    }
}

fn print_cells(cells: &[String; 14]) {
    let cells: Vec<String> = cells.iter().map(|cell| format!("{cell:>9}")).collect();
    println!("{}", cells.join(" "));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row() -> Row {
        Row {
            calls: 2,
            seconds: 10.0,
            engine_us: 100.0,
            program_us: 50.0,
            memory: 10_000.0,
            spoken: 5000.0,
            engine_threads: 2,
            threads: 5,
            peer: PeerReport {
                sent: 1200,
                received: 1195,
                audible: 1190,
                lost: 0,
                unsound: 0,
                rtcp: 8,
                cpu_us: 100.0,
                least: 597,
                worst_lag_ms: 1.0,
            },
            received: 1198,
            sent: 1196,
            lost: 0,
            late: 0,
            frames: 1000,
            audible_frames: 999,
            dropped_frames: 0,
        }
    }

    #[test]
    fn a_run_in_which_all_was_heard_has_no_fault() {
        assert!(row().faults().is_empty(), "{:?}", row().faults());
    }

    #[test]
    fn a_run_without_sound_or_with_a_deaf_call_is_told() {
        assert_eq!(
            Row {
                audible_frames: 0,
                ..row()
            }
            .faults()
            .len(),
            1
        );
        let mut deaf = row();
        deaf.peer.least = 0;
        assert_eq!(deaf.faults().len(), 1);
    }
}
