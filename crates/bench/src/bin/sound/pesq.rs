//! PESQ-NB by the Python package of that name, in a process of its own.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::{Value, json};

use crate::align::Piece;
use crate::policies::Heard;
use crate::{AnyError, RATE};

const SCRIPT: &str = include_str!("pesq.py");
/// Seconds of a segment.
const SEGMENT: usize = 8;

/// A Python that has `pesq`.
#[derive(Debug)]
pub(crate) struct Pesq {
    python: PathBuf,
    folder: tempfile::TempDir,
}

impl Pesq {
    /// `None` when that Python lacks it.
    pub(crate) fn find(python: &Path) -> Result<Option<Self>, AnyError> {
        let found = Command::new(python)
            .args(["-c", "import pesq, numpy"])
            .stderr(Stdio::null())
            .status();
        if !found.is_ok_and(|status| status.success()) {
            return Ok(None);
        }
        Ok(Some(Self {
            python: python.to_owned(),
            folder: tempfile::tempdir()?,
        }))
    }

    /// The score of each run: the mean over its segments, each against what was said, shifted by its usual delay.
    pub(crate) fn scores(
        &self,
        said: &[f32],
        runs: &[(Heard, Vec<Piece>)],
    ) -> Result<Vec<Option<f64>>, AnyError> {
        let said_file = self.folder.path().join("said");
        write(&said_file, said)?;
        let mut jobs = Vec::new();
        for (number, (heard, pieces)) in runs.iter().enumerate() {
            let file = self.folder.path().join(format!("heard-{number}"));
            write(&file, &heard.samples)?;
            jobs.push(json!({ "heard": file, "segments": segments(heard, pieces, said.len()) }));
        }
        let job = json!({ "rate": RATE, "said": said_file, "runs": jobs });
        let mut child = Command::new(&self.python)
            .args(["-c", SCRIPT])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        child
            .stdin
            .take()
            .ok_or("python has no input")?
            .write_all(job.to_string().as_bytes())?;
        let output = child.wait_with_output()?;
        if !output.status.success() {
            return Err("the Python script failed".into());
        }
        let scores: Vec<Value> = serde_json::from_slice(&output.stdout)?;
        Ok(scores.iter().map(Value::as_f64).collect())
    }
}

/// Where to compare: start in what was heard, in what was said, length; in samples.
fn segments(heard: &Heard, pieces: &[Piece], said: usize) -> Vec<[usize; 3]> {
    let length = SEGMENT * RATE as usize;
    let mut segments = Vec::new();
    for start in (0..heard.samples.len().saturating_sub(length / 2)).step_by(length) {
        let mut offsets: Vec<i64> = pieces
            .iter()
            .filter(|piece| (start..start + length).contains(&piece.heard_at))
            .map(|piece| piece.said_at as i64 - piece.heard_at as i64)
            .collect();
        offsets.sort_unstable();
        let Some(&offset) = offsets.get(offsets.len() / 2) else {
            continue;
        };
        // What lies before the first sample said, or after the last, is left out of both.
        let skip = (-(start as i64 + offset)).max(0) as usize;
        let (heard_at, said_at) = (
            start + skip,
            (start as i64 + offset) as usize * usize::from(skip == 0),
        );
        let length = (length - skip)
            .min(said.saturating_sub(said_at))
            .min(heard.samples.len() - heard_at);
        if length >= RATE as usize * SEGMENT / 2 {
            segments.push([heard_at, said_at, length]);
        }
    }
    segments
}

fn write(file: &Path, samples: &[f32]) -> std::io::Result<()> {
    let bytes: Vec<u8> = samples
        .iter()
        .flat_map(|sample| sample.to_le_bytes())
        .collect();
    std::fs::write(file, bytes)
}
