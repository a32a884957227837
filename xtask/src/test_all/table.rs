//! The table at the end.

use std::time::Duration;

use super::Outcome;

/// A step that ran, or did not.
#[derive(Debug, Clone)]
pub(crate) struct Row {
    pub(crate) name: String,
    pub(crate) outcome: Outcome,
    pub(crate) elapsed: Duration,
}

/// Draws the rows and a line that sums them up.
pub(crate) fn draw(rows: &[Row]) -> String {
    let width = rows
        .iter()
        .map(|row| row.name.len())
        .max()
        .unwrap_or(0)
        .max(4);
    let mut lines = vec![format!("{:<width$}  {:<8}  seconds", "step", "result")];
    for row in rows {
        let (result, reason) = match &row.outcome {
            Outcome::Passed => ("ok", ""),
            Outcome::Failed => ("FAILED", ""),
            Outcome::LeftOut(reason) => ("left out", reason.as_str()),
        };
        let seconds = row.elapsed.as_secs_f64();
        let line = format!(
            "{:<width$}  {result:<8}  {seconds:>7.1}  {reason}",
            row.name
        );
        lines.push(line.trim_end().to_owned());
    }
    lines.push(summary(rows));
    lines.join("\n")
}

fn summary(rows: &[Row]) -> String {
    let count =
        |wanted: fn(&Outcome) -> bool| rows.iter().filter(|row| wanted(&row.outcome)).count();
    let total: Duration = rows.iter().map(|row| row.elapsed).sum();
    format!(
        "{} ok, {} failed, {} left out, {:.0} s in all",
        count(|outcome| *outcome == Outcome::Passed),
        count(|outcome| *outcome == Outcome::Failed),
        count(|outcome| matches!(outcome, Outcome::LeftOut(_))),
        total.as_secs_f64(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_tells_its_result_and_the_last_line_counts() {
        let row = |name: &str, outcome, seconds| Row {
            name: name.to_owned(),
            outcome,
            elapsed: Duration::from_secs(seconds),
        };
        let rows = [
            row("format", Outcome::Passed, 1),
            row("interop-sipp", Outcome::LeftOut("no sipp".to_owned()), 0),
            row("tests", Outcome::Failed, 100),
        ];
        assert_eq!(
            draw(&rows),
            "step          result    seconds\n\
             format        ok            1.0\n\
             interop-sipp  left out      0.0  no sipp\n\
             tests         FAILED      100.0\n\
             1 ok, 1 failed, 1 left out, 101 s in all"
        );
    }
}
