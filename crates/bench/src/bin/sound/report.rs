//! The figures of a run, as a table.

use serde::Serialize;

use crate::AnyError;
use crate::align::Piece;
use crate::policies::Heard;
use crate::traces::{FRAME_MS, PACKETS, Trace};

/// A network through a policy.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Row {
    pub(crate) trace: &'static str,
    pub(crate) policy: String,
    /// PESQ-NB as MOS-LQO, mean of segments of 8 s.
    pub(crate) pesq: Option<f64>,
    /// Added delay: mean, median, 95th percentile, ms.
    pub(crate) mean_ms: f64,
    pub(crate) p50_ms: f64,
    pub(crate) p95_ms: f64,
    /// Packets that arrived and were not played, of all.
    pub(crate) late: f64,
    /// Audio that was invented, of all.
    pub(crate) concealed: f64,
    /// CPU time of buffer and concealment, microseconds for a second of audio.
    pub(crate) cost_us: Option<f64>,
}

impl Row {
    pub(crate) fn new(trace: &Trace, policy: String, heard: &Heard, pieces: &[Piece]) -> Self {
        let mut added: Vec<f64> = pieces.iter().map(|piece| piece.added_ms).collect();
        added.sort_by(f64::total_cmp);
        let at = |share: f64| {
            let index = (added.len() as f64 * share) as usize;
            added.get(index).copied().unwrap_or(f64::NAN)
        };
        Self {
            trace: trace.name,
            policy,
            pesq: None,
            cost_us: None,
            mean_ms: added.iter().sum::<f64>() / added.len() as f64,
            p50_ms: at(0.5),
            p95_ms: at(0.95),
            late: heard.late as f64 / PACKETS as f64,
            concealed: heard.concealed_ms / (PACKETS as f64 * FRAME_MS),
        }
    }
}

/// The rows of one network and policy become one.
pub(crate) fn means(rows: Vec<Row>) -> Vec<Row> {
    let mut means: Vec<(Row, f64)> = Vec::new();
    for row in rows {
        let same =
            |mean: &&mut (Row, f64)| mean.0.trace == row.trace && mean.0.policy == row.policy;
        match means.iter_mut().find(same) {
            None => means.push((row, 1.0)),
            Some((mean, count)) => {
                let part = 1.0 / (*count + 1.0);
                let mix = |a: &mut f64, b: f64| *a += (b - *a) * part;
                mix(&mut mean.mean_ms, row.mean_ms);
                mix(&mut mean.p50_ms, row.p50_ms);
                mix(&mut mean.p95_ms, row.p95_ms);
                mix(&mut mean.late, row.late);
                mix(&mut mean.concealed, row.concealed);
                if let (Some(a), Some(b)) = (&mut mean.cost_us, row.cost_us) {
                    mix(a, b);
                }
                if let (Some(a), Some(b)) = (&mut mean.pesq, row.pesq) {
                    mix(a, b);
                }
                *count += 1.0;
            }
        }
    }
    means.into_iter().map(|(row, _)| row).collect()
}

pub(crate) fn print(rows: &[Row], json: bool) -> Result<(), AnyError> {
    if json {
        for row in rows {
            println!("{}", serde_json::to_string(row)?);
        }
    } else {
        print!("{}", table(rows));
    }
    Ok(())
}

fn table(rows: &[Row]) -> String {
    let mut text = String::from(
        "| network | policy | PESQ | delay mean | p50 | p95 ms | late % | concealed % | CPU us/s |\n|---|---|---|---|---|---|---|---|---|\n",
    );
    for row in rows {
        let pesq = row.pesq.map_or("-".to_owned(), |pesq| format!("{pesq:.2}"));
        let cost = row.cost_us.map_or("-".to_owned(), |us| format!("{us:.1}"));
        text += &format!(
            "| {} | {} | {pesq} | {:.1} | {:.1} | {:.1} | {:.2} | {:.2} | {cost} |\n",
            row.trace,
            row.policy,
            row.mean_ms,
            row.p50_ms,
            row.p95_ms,
            row.late * 100.0,
            row.concealed * 100.0,
        );
    }
    text
}
