//! Delay against PESQ, one panel a network, as SVG.

use std::fmt::Write as _;

use crate::report::Row;

/// A panel's size and the room around it, px.
const PANEL: (f64, f64) = (210.0, 150.0);
const GAP: (f64, f64) = (50.0, 55.0);
const COLUMNS: usize = 4;
/// What the axes span: added delay in ms, PESQ.
const DELAY: (f64, f64) = (0.0, 160.0);
const PESQ: (f64, f64) = (1.5, 4.6);
const COLOURS: [&str; 6] = [
    "#c1272d", "#5b7c99", "#8aa29e", "#7b5ea7", "#b08d57", "#555555",
];

/// The picture; rows without PESQ are left out.
pub(crate) fn svg(rows: &[Row]) -> String {
    let mut traces: Vec<&str> = Vec::new();
    let mut policies: Vec<&str> = Vec::new();
    for row in rows {
        if !traces.contains(&row.trace) {
            traces.push(row.trace);
        }
        if !policies.contains(&row.policy.as_str()) {
            policies.push(&row.policy);
        }
    }
    let lines = traces.len().div_ceil(COLUMNS);
    let width = COLUMNS as f64 * (PANEL.0 + GAP.0) + 10.0;
    let height = lines as f64 * (PANEL.1 + GAP.1) + 30.0;
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" font-family=\"sans-serif\" font-size=\"11\">\n\
         <rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n"
    );
    for (index, trace) in traces.iter().enumerate() {
        let left = (index % COLUMNS) as f64 * (PANEL.0 + GAP.0) + 40.0;
        let top = (index / COLUMNS) as f64 * (PANEL.1 + GAP.1) + 25.0;
        let _ = writeln!(out, "<g transform=\"translate({left} {top})\">");
        panel(&mut out, trace);
        for row in rows.iter().filter(|row| row.trace == *trace) {
            let policy = policies.iter().position(|policy| *policy == row.policy);
            point(&mut out, row, policy.unwrap_or(0));
        }
        out += "</g>\n";
    }
    for (policy, name) in policies.iter().enumerate() {
        let (x, y) = (40.0 + policy as f64 * 130.0, height - 12.0);
        let colour = COLOURS[policy % COLOURS.len()];
        let _ = writeln!(
            out,
            "<circle cx=\"{x}\" cy=\"{}\" r=\"5\" fill=\"{colour}\"/><text x=\"{}\" y=\"{y}\">{name}</text>",
            y - 4.0,
            x + 10.0
        );
    }
    out + "</svg>\n"
}

fn panel(out: &mut String, trace: &str) {
    let (width, height) = PANEL;
    let _ = writeln!(
        out,
        "<text y=\"-7\" font-weight=\"bold\">{trace}</text>\
         <rect width=\"{width}\" height=\"{height}\" fill=\"none\" stroke=\"#999\"/>"
    );
    for delay in (0..=160).step_by(40) {
        let x = along(f64::from(delay), DELAY) * width;
        let _ = writeln!(
            out,
            "<text x=\"{x:.1}\" y=\"{}\" text-anchor=\"middle\" fill=\"#666\">{delay}</text>",
            height + 14.0
        );
    }
    for pesq in [2.0, 3.0, 4.0] {
        let y = (1.0 - along(pesq, PESQ)) * height;
        let _ = writeln!(
            out,
            "<line x2=\"{width}\" y1=\"{y:.1}\" y2=\"{y:.1}\" stroke=\"#e4e4e4\"/>\
             <text x=\"-6\" y=\"{:.1}\" text-anchor=\"end\" fill=\"#666\">{pesq}</text>",
            y + 4.0
        );
    }
    let _ = writeln!(
        out,
        "<text x=\"{width}\" y=\"{}\" text-anchor=\"end\" fill=\"#666\">added delay, ms</text>",
        height + 27.0
    );
}

fn point(out: &mut String, row: &Row, policy: usize) {
    let Some(pesq) = row.pesq else { return };
    let x = along(row.mean_ms, DELAY).clamp(0.0, 1.0) * PANEL.0;
    let y = (1.0 - along(pesq, PESQ).clamp(0.0, 1.0)) * PANEL.1;
    let colour = COLOURS[policy % COLOURS.len()];
    let _ = writeln!(
        out,
        "<circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"5\" fill=\"{colour}\"><title>{}: {:.0} ms, {pesq:.2}</title></circle>",
        row.policy, row.mean_ms
    );
}

/// Where between the ends of a span, 0 to 1.
fn along(value: f64, (from, to): (f64, f64)) -> f64 {
    (value - from) / (to - from)
}
