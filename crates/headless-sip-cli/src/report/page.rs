//! The page as a whole.

use std::fmt::Write;

use super::html::{esc, script_json};
use super::{CallReport, figures, ladder, listen, timeline};

const STYLE: &str = include_str!("page.css");
const SCRIPT: &str = include_str!("page.js");

pub(super) fn render(report: &CallReport) -> String {
    let mut out = String::with_capacity(64 * 1024);
    let _ = write!(
        out,
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\
         <meta name=\"color-scheme\" content=\"light dark\"><title>{} - headless-sip</title>\
         <style>{STYLE}</style></head><body><main>",
        esc(&report.title)
    );
    header(&mut out, report);
    out.push_str(&figures::tiles(&report.tiles));
    out.push_str(&listen::section(&report.clips));
    out.push_str(&timeline::sections(report));
    out.push_str(&figures::checks(&report.checks));
    out.push_str(&ladder::section(&report.ladder));
    out.push_str(&figures::table(&report.figures));
    let _ = writeln!(
        out,
        "<footer>Made by headless-sip {}. This page needs nothing but itself: keep it, mail it, open it anywhere.</footer>\
         </main><script type=\"application/json\" id=\"data\">{}</script><script>{SCRIPT}</script></body></html>",
        env!("CARGO_PKG_VERSION"),
        script_json(&timeline::data(report))
    );
    out
}

fn header(out: &mut String, report: &CallReport) {
    let _ = write!(
        out,
        "<header><p class=\"brand\">headless-sip <span>call report</span></p><h1>{}</h1><p class=\"conditions\">{}</p>",
        esc(&report.title),
        esc(&report.conditions)
    );
    if !report.checks.is_empty() {
        let differing = report.checks.iter().filter(|check| !check.ok).count();
        if differing == 0 {
            out.push_str(
                "<p class=\"verdict ok\"><i>\u{2713}</i>What was heard is what was said</p>",
            );
        } else {
            let _ = write!(
                out,
                "<p class=\"verdict no\"><i>\u{2717}</i>What was heard differs from what was said: {differing} of {} checks failed</p>",
                report.checks.len()
            );
        }
    }
    let _ = write!(out, "<p class=\"date\">{}</p></header>", esc(&report.date));
}
