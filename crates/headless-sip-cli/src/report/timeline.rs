//! The pictures over time: the sound of each direction, and what each side saw of the network.
//!
//! The drawings stretch with the page; all text in them is HTML on top, so that it keeps its size on a phone.
//!
//! ```text
//! said    ▂▅▇▅▂▁▂▆▇▃▁      upper half: what was said
//! heard   ▂▅▇▅▂▁▂▆▇▃▁      lower half: what arrived at the other ear, with loss and concealment marked
//! ```

use std::fmt::Write;

use super::CallReport;
use super::html::{esc, percent};
use super::level::{FLOOR_DB, LevelTrace};

/// Points of one line, at most: more than any screen shows.
const POINTS: usize = 1_200;

/// One direction of the sound.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Lane {
    /// Who speaks.
    pub from: String,
    /// Who hears.
    pub to: String,
    /// What was handed over and sent.
    pub said: LevelTrace,
    /// What arrived.
    pub heard: LevelTrace,
    /// Stretches in which the heard sound was invented: begin and end in seconds.
    pub concealed: Vec<(f64, f64)>,
    /// Packets that did not come in time: when, how many.
    pub lost: Vec<(f64, u64)>,
    /// Keys that were pressed: when they arrived, which.
    pub digits: Vec<(f64, char)>,
}

/// A stretch on hold.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Hold {
    /// Begin in seconds.
    pub start: f64,
    /// End in seconds.
    pub end: f64,
    /// Whose wish it was.
    pub by: String,
}

/// What one side saw of the network over time.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct NetworkTrace {
    /// Which side.
    pub name: String,
    /// What it saw, in the order of time.
    pub samples: Vec<NetworkSample>,
}

/// What one side saw at one moment.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(crate) struct NetworkSample {
    /// When, in seconds.
    pub at: f64,
    /// From a packet's arrival to its sound.
    pub playout_delay_ms: f64,
    /// Variation of the packets' delay.
    pub jitter_ms: f64,
}

/// Both groups of pictures.
pub(super) fn sections(report: &CallReport) -> String {
    let mut out = String::new();
    if !report.lanes.is_empty() {
        out.push_str(
            "<section class=\"time\"><h2>The sound, both ways</h2><p class=\"legend\">\
             <span><i class=\"k said\"></i>said</span><span><i class=\"k heard\"></i>heard at the other end</span>\
             <span><i class=\"k conceal\"></i>concealed: invented in place of what did not arrive</span>\
             <span><i class=\"k lost\"></i>packets missing</span><span><i class=\"k digit\">5</i>key press</span>\
             <span><i class=\"k hold\"></i>on hold</span></p>",
        );
        for (index, lane) in report.lanes.iter().enumerate() {
            lane_picture(&mut out, report, lane, index);
        }
        axis(&mut out, report.duration);
        out.push_str("<p class=\"readout\" hidden></p></section>");
    }
    if report.network.iter().any(|trace| !trace.samples.is_empty()) {
        out.push_str(
            "<section class=\"time\"><h2>The network, as each side saw it</h2><p class=\"legend\">\
             <span><i class=\"k delay\"></i>playout delay: how long sound waits, so that late packets still count</span>\
             <span><i class=\"k jitter\"></i>jitter: how unevenly packets arrive</span></p>",
        );
        for (index, trace) in report.network.iter().enumerate() {
            network_picture(&mut out, report, trace, index);
        }
        axis(&mut out, report.duration);
        out.push_str("<p class=\"readout\" hidden></p></section>");
    }
    out
}

/// The numbers behind the pictures, for the script that tells them under the pointer.
pub(super) fn data(report: &CallReport) -> serde_json::Value {
    let level = |trace: &LevelTrace| {
        let (bin, levels) = trace.reduced(POINTS);
        let rounded: Vec<i32> = levels.iter().map(|db| db.round() as i32).collect();
        serde_json::json!({"start": round3(trace.start()), "bin": bin, "db": rounded})
    };
    let lanes: Vec<_> = report
        .lanes
        .iter()
        .map(|lane| {
            serde_json::json!({
                "from": lane.from, "to": lane.to, "said": level(&lane.said), "heard": level(&lane.heard)
            })
        })
        .collect();
    let network: Vec<_> = report
        .network
        .iter()
        .map(|trace| {
            let samples: Vec<_> = thinned(&trace.samples)
                .map(|s| {
                    serde_json::json!([
                        round3(s.at),
                        round1(s.playout_delay_ms),
                        round1(s.jitter_ms)
                    ])
                })
                .collect();
            serde_json::json!({"name": trace.name, "samples": samples})
        })
        .collect();
    serde_json::json!({"duration": round3(report.duration), "lanes": lanes, "network": network})
}

fn round3(value: f64) -> f64 {
    (value * 1_000.0).round() / 1_000.0
}

fn round1(value: f64) -> f64 {
    (value * 10.0).round() / 10.0
}

fn thinned(samples: &[NetworkSample]) -> impl Iterator<Item = &NetworkSample> {
    samples
        .iter()
        .step_by(samples.len().div_ceil(POINTS).max(1))
}

fn lane_picture(out: &mut String, report: &CallReport, lane: &Lane, index: usize) {
    let _ = write!(
        out,
        "<div class=\"picture lane{}\"><h3>{} <span>speaks,</span> {} <span>hears</span></h3><div class=\"plot sound\">",
        index % 2,
        esc(&lane.from),
        esc(&lane.to)
    );
    holds(out, report);
    out.push_str(
        "<svg viewBox=\"0 0 1000 200\" preserveAspectRatio=\"none\" aria-hidden=\"true\">",
    );
    area(out, "said", &lane.said, report.duration, |share| {
        98.0 - share * 96.0
    });
    area(out, "heard", &lane.heard, report.duration, |share| {
        102.0 + share * 96.0
    });
    out.push_str("</svg>");
    for (start, end) in &lane.concealed {
        let _ = write!(
            out,
            "<u class=\"conceal\" style=\"left:{};width:{}\"></u>",
            percent(*start, report.duration),
            percent(end - start, report.duration)
        );
    }
    for (at, count) in &lane.lost {
        let _ = write!(
            out,
            "<s class=\"lost\" style=\"left:{}\" title=\"{count} missing\"></s>",
            percent(*at, report.duration)
        );
    }
    for (at, digit) in &lane.digits {
        let _ = write!(
            out,
            "<b class=\"digit\" style=\"left:{}\">{}</b>",
            percent(*at, report.duration),
            esc(&digit.to_string())
        );
    }
    out.push_str("<i class=\"cursor\"></i></div></div>");
}

/// A filled curve of levels; `y` turns a share of the full height into a coordinate.
fn area(out: &mut String, class: &str, trace: &LevelTrace, duration: f64, y: impl Fn(f64) -> f64) {
    let (bin, levels) = trace.reduced(POINTS);
    if levels.is_empty() || duration <= 0.0 {
        return;
    }
    let x = |seconds: f64| (seconds / duration * 1_000.0).clamp(0.0, 1_000.0);
    let _ = write!(
        out,
        "<path class=\"{class}\" d=\"M{:.1},{:.1}",
        x(trace.start()),
        y(0.0)
    );
    let mut end = trace.start();
    for (index, db) in levels.iter().enumerate() {
        let share = f64::from(1.0 - db / FLOOR_DB);
        end = trace.start() + bin * (index as f64 + 0.5);
        let _ = write!(out, "L{:.1},{:.1}", x(end), y(share));
    }
    let _ = write!(out, "L{:.1},{:.1}Z\"/>", x(end + bin / 2.0), y(0.0));
}

fn network_picture(out: &mut String, report: &CallReport, trace: &NetworkTrace, index: usize) {
    let highest = trace
        .samples
        .iter()
        .map(|sample| sample.playout_delay_ms.max(sample.jitter_ms))
        .fold(0.0, f64::max);
    let top = nice_top(highest);
    let _ = write!(
        out,
        "<div class=\"picture lane{}\"><h3>{}</h3><div class=\"plot network\">",
        index % 2,
        esc(&trace.name)
    );
    holds(out, report);
    for share in [0.0, 0.5, 1.0] {
        let _ = write!(
            out,
            "<em class=\"grid\" style=\"bottom:{}\"><span>{} ms</span></em>",
            percent(share, 1.0),
            top * share
        );
    }
    out.push_str(
        "<svg viewBox=\"0 0 1000 100\" preserveAspectRatio=\"none\" aria-hidden=\"true\">",
    );
    line(out, "delay", trace, report.duration, top, |sample| {
        sample.playout_delay_ms
    });
    line(out, "jitter", trace, report.duration, top, |sample| {
        sample.jitter_ms
    });
    out.push_str("</svg><i class=\"cursor\"></i></div></div>");
}

fn line(
    out: &mut String,
    class: &str,
    trace: &NetworkTrace,
    duration: f64,
    top: f64,
    value: impl Fn(&NetworkSample) -> f64,
) {
    if duration <= 0.0 {
        return;
    }
    let _ = write!(out, "<polyline class=\"{class}\" points=\"");
    for sample in thinned(&trace.samples) {
        let x = (sample.at / duration * 1_000.0).clamp(0.0, 1_000.0);
        let y = 100.0 - (value(sample) / top * 100.0).clamp(0.0, 100.0);
        let _ = write!(out, "{x:.1},{y:.1} ");
    }
    out.push_str("\"/>");
}

/// The next round number above, so that the scale reads well.
fn nice_top(highest: f64) -> f64 {
    [
        20.0, 40.0, 60.0, 100.0, 200.0, 400.0, 600.0, 1_000.0, 2_000.0,
    ]
    .into_iter()
    .find(|top| *top >= highest)
    .unwrap_or(10_000.0)
}

fn holds(out: &mut String, report: &CallReport) {
    for hold in &report.holds {
        let _ = write!(
            out,
            "<u class=\"hold\" style=\"left:{};width:{}\"><span>hold by {}</span></u>",
            percent(hold.start, report.duration),
            percent(hold.end - hold.start, report.duration),
            esc(&hold.by)
        );
    }
}

fn axis(out: &mut String, duration: f64) {
    let step = [0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0, 300.0, 600.0, 3_600.0]
        .into_iter()
        .find(|step| duration / step <= 12.0)
        .unwrap_or(36_000.0);
    out.push_str("<div class=\"axis\">");
    let mut at = 0.0;
    while at <= duration {
        let _ = write!(
            out,
            "<span style=\"left:{}\">{at} s</span>",
            percent(at, duration)
        );
        at += step;
    }
    out.push_str("</div>");
}
