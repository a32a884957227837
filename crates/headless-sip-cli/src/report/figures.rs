//! The figures: a few large ones at the top, what was checked, and the whole table with a word on each.

use std::fmt::Write;

use super::html::esc;
use crate::event::Check;

/// How good a figure is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tone {
    /// Neither good nor bad.
    Plain,
    /// As it should be.
    Good,
    /// Can be heard.
    Fair,
    /// Disturbs.
    Bad,
}

/// One large figure.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Tile {
    /// What it is.
    pub name: String,
    /// The figure.
    pub value: String,
    /// Its unit, or empty.
    pub unit: String,
    /// A few words under it.
    pub note: String,
    /// How good it is.
    pub tone: Tone,
}

/// The table of all figures: a column for each side.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Figures {
    /// Heads of the columns.
    pub columns: Vec<String>,
    /// The rows.
    pub rows: Vec<FigureRow>,
}

/// One row of the table.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct FigureRow {
    /// What it is.
    pub name: String,
    /// The values, one a column.
    pub values: Vec<String>,
    /// What it means, for somebody who sees it for the first time.
    pub meaning: String,
}

pub(super) fn tiles(tiles: &[Tile]) -> String {
    let mut out = String::from("<div class=\"tiles\">");
    for tile in tiles {
        let tone = match tile.tone {
            Tone::Plain => "",
            Tone::Good => " good",
            Tone::Fair => " fair",
            Tone::Bad => " bad",
        };
        let _ = write!(
            out,
            "<div class=\"tile{tone}\"><span class=\"name\">{}</span><span class=\"value\">{}<small>{}</small></span>\
             <span class=\"note\">{}</span></div>",
            esc(&tile.name),
            esc(&tile.value),
            esc(&tile.unit),
            esc(&tile.note)
        );
    }
    out.push_str("</div>");
    out
}

pub(super) fn checks(checks: &[Check]) -> String {
    if checks.is_empty() {
        return String::new();
    }
    let mut out = String::from("<section><h2>What was checked</h2><ul class=\"checks\">");
    for check in checks {
        let (class, mark) = if check.ok {
            ("ok", "\u{2713}")
        } else {
            ("no", "\u{2717}")
        };
        let _ = write!(
            out,
            "<li class=\"{class}\"><i>{mark}</i><div><b>{}</b><span>{}</span></div></li>",
            esc(&check.name),
            esc(&check.detail)
        );
    }
    out.push_str("</ul></section>");
    out
}

pub(super) fn table(figures: &Figures) -> String {
    if figures.rows.is_empty() {
        return String::new();
    }
    let mut out = String::from(
        "<section><h2>All figures</h2><div class=\"scroll\"><table><thead><tr><th></th>",
    );
    for column in &figures.columns {
        let _ = write!(out, "<th>{}</th>", esc(column));
    }
    out.push_str("<th class=\"meaning\">what it means</th></tr></thead><tbody>");
    for row in &figures.rows {
        let _ = write!(out, "<tr><th>{}</th>", esc(&row.name));
        for value in &row.values {
            let _ = write!(out, "<td>{}</td>", esc(value));
        }
        let _ = write!(out, "<td class=\"meaning\">{}</td></tr>", esc(&row.meaning));
    }
    out.push_str("</tbody></table></div></section>");
    out
}
