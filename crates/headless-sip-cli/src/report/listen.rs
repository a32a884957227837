//! The players of the recordings, with the sound inside the page.

use std::fmt::Write;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::html::esc;

/// A recording to listen to.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Clip {
    /// Whose ear it is.
    pub title: String,
    /// What is to be heard.
    pub description: String,
    /// When the recording begins, in seconds on the axis of the report.
    pub start: f64,
    /// A whole WAV file.
    pub wav: Vec<u8>,
    /// Which lane it belongs to; gives the colour.
    pub lane: usize,
}

/// The section, or nothing if there is nothing to hear.
pub(super) fn section(clips: &[Clip]) -> String {
    let mut out = String::new();
    if clips.is_empty() {
        return out;
    }
    out.push_str("<section><h2>Listen</h2><div class=\"clips\">");
    for clip in clips {
        let _ = write!(
            out,
            "<figure class=\"clip lane{}\"><figcaption><b>{}</b><span>{}</span></figcaption>\
             <audio controls preload=\"metadata\" data-start=\"{:.3}\" src=\"data:audio/wav;base64,{}\"></audio></figure>",
            clip.lane % 2,
            esc(&clip.title),
            esc(&clip.description),
            clip.start,
            STANDARD.encode(&clip.wav)
        );
    }
    out.push_str("</div><p class=\"hint\">While it plays, a line moves through the pictures below.</p></section>");
    out
}
