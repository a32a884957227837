//! The SIP ladder: who sent what to whom, and when, from top to bottom.

use std::fmt::Write;

use super::html::esc;

/// A pause that is told, in seconds.
const PAUSE: f64 = 0.25;

/// The messages of a call.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Ladder {
    /// Who took part, from left to right.
    pub participants: Vec<String>,
    /// The messages.
    pub messages: Vec<LadderMessage>,
    /// What happened beside the messages.
    pub notes: Vec<LadderNote>,
}

/// One SIP message.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct LadderMessage {
    /// When, in seconds.
    pub at: f64,
    /// Index of the sender among the participants.
    pub from: usize,
    /// Index of the receiver among the participants.
    pub to: usize,
    /// The method, or the status with its words.
    pub label: String,
    /// For a response the method that it answers; for a request a word on its purpose; or empty.
    pub detail: String,
    /// What kind it is; gives the colour.
    pub kind: MessageKind,
}

/// The kinds of SIP messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum MessageKind {
    /// A request.
    Request,
    /// 1xx.
    Provisional,
    /// 2xx.
    Success,
    /// 401 and 407: asks for the password.
    Challenge,
    /// Other 3xx to 6xx.
    Failure,
}

impl MessageKind {
    /// The kind of a response.
    pub(crate) fn of_status(status: u16) -> Self {
        match status {
            100..=199 => Self::Provisional,
            200..=299 => Self::Success,
            401 | 407 => Self::Challenge,
            _ => Self::Failure,
        }
    }

    fn class(self) -> &'static str {
        match self {
            Self::Request => "request",
            Self::Provisional => "provisional",
            Self::Success => "success",
            Self::Challenge => "challenge",
            Self::Failure => "failure",
        }
    }
}

/// Something that happened, drawn as a band across the ladder.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct LadderNote {
    /// When, in seconds.
    pub at: f64,
    /// What.
    pub text: String,
}

/// The section, or nothing if no message was seen.
pub(super) fn section(ladder: &Ladder) -> String {
    let count = ladder.participants.len();
    if count < 2 || ladder.messages.is_empty() {
        return String::new();
    }
    let mut out = format!(
        "<section><h2>The SIP conversation</h2><p class=\"lead\">SIP sets the call up, changes it and ends it. \
         The sound itself takes another way, as RTP packets.</p><div class=\"ladder\" style=\"--n:{count}\">"
    );
    heads(&mut out, ladder);
    out.push_str("<div class=\"rungs\">");
    lifelines(&mut out, count);
    rungs(&mut out, ladder, count);
    out.push_str("</div></div></section>");
    out
}

fn heads(out: &mut String, ladder: &Ladder) {
    out.push_str("<div class=\"heads\"><span class=\"at\">seconds</span><div class=\"field\">");
    for (index, name) in ladder.participants.iter().enumerate() {
        let _ = write!(
            out,
            "<b style=\"left:{}\">{}</b>",
            centre(index, ladder.participants.len()),
            esc(name)
        );
    }
    out.push_str("</div></div>");
}

fn lifelines(out: &mut String, count: usize) {
    out.push_str("<div class=\"lines\"><div class=\"field\">");
    for index in 0..count {
        let _ = write!(out, "<i style=\"left:{}\"></i>", centre(index, count));
    }
    out.push_str("</div></div>");
}

/// One thing on the ladder, in the order of time.
enum Rung<'a> {
    Message(&'a LadderMessage),
    Note(&'a LadderNote),
}

impl Rung<'_> {
    fn at(&self) -> f64 {
        match self {
            Self::Message(message) => message.at,
            Self::Note(note) => note.at,
        }
    }
}

fn rungs(out: &mut String, ladder: &Ladder, count: usize) {
    let mut rungs: Vec<Rung<'_>> = ladder
        .messages
        .iter()
        .filter(|message| message.from < count && message.to < count && message.from != message.to)
        .map(Rung::Message)
        .chain(ladder.notes.iter().map(Rung::Note))
        .collect();
    rungs.sort_by(|a, b| a.at().total_cmp(&b.at()));
    let mut before: Option<f64> = None;
    for rung in &rungs {
        let at = rung.at();
        if let Some(gap) = before.map(|before| at - before).filter(|gap| *gap >= PAUSE) {
            let _ = write!(
                out,
                "<div class=\"pause\"><span class=\"at\"></span><div class=\"field\"><em>{gap:.1} s</em></div></div>"
            );
        }
        before = Some(at);
        match rung {
            Rung::Message(message) => arrow(out, message, count),
            Rung::Note(note) => {
                let _ = write!(
                    out,
                    "<div class=\"event\"><span class=\"at\">{at:.4}</span><div class=\"field\"><em>{}</em></div></div>",
                    esc(&note.text)
                );
            }
        }
    }
}

fn arrow(out: &mut String, message: &LadderMessage, count: usize) {
    let (left, right) = (message.from.min(message.to), message.from.max(message.to));
    let side = if message.to > message.from {
        "right"
    } else {
        "left"
    };
    let width = (right - left) as f64 / count as f64 * 100.0;
    let _ = write!(
        out,
        "<div class=\"rung\"><span class=\"at\">{:.4}</span><div class=\"field\"><div class=\"arrow {side} {}\" \
         style=\"left:{};width:{width:.3}%\"><span><b>{}</b>",
        message.at,
        message.kind.class(),
        centre(left, count),
        esc(&message.label)
    );
    if !message.detail.is_empty() {
        let _ = write!(out, " <small>{}</small>", esc(&message.detail));
    }
    out.push_str("</span></div></div></div>");
}

/// The middle of a participant's column.
fn centre(index: usize, count: usize) -> String {
    format!("{:.3}%", (index as f64 + 0.5) / count as f64 * 100.0)
}
