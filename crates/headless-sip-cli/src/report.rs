//! The report of a call: one self-contained page that draws it.
//!
//! [`CallReport`] is plain data; [`CallReport::to_html`] is the page, with its style, drawings and script inside and
//! nothing fetched from anywhere. Whatever came from the network is escaped on the way.

mod figures;
mod html;
mod ladder;
mod level;
mod listen;
mod page;
mod timeline;

pub(crate) use figures::{FigureRow, Figures, Tile, Tone};
pub(crate) use ladder::{Ladder, LadderMessage, LadderNote, MessageKind};
pub(crate) use level::LevelTrace;
pub(crate) use listen::Clip;
pub(crate) use timeline::{Hold, Lane, NetworkSample, NetworkTrace};

use crate::event::Check;

/// Everything that the page shows. Times are seconds since the call began to be set up.
#[derive(Debug, Clone, Default)]
pub(crate) struct CallReport {
    /// The headline, for example `alice calls bob`.
    pub title: String,
    /// Under what conditions, in one line.
    pub conditions: String,
    /// When, as text.
    pub date: String,
    /// What was checked; the badge at the top is good only if all of it held.
    pub checks: Vec<Check>,
    /// The most important figures.
    pub tiles: Vec<Tile>,
    /// Recordings to listen to.
    pub clips: Vec<Clip>,
    /// Length of the time axis.
    pub duration: f64,
    /// The directions of the sound.
    pub lanes: Vec<Lane>,
    /// When the call was on hold.
    pub holds: Vec<Hold>,
    /// What each side saw of the network.
    pub network: Vec<NetworkTrace>,
    /// The SIP messages.
    pub ladder: Ladder,
    /// All figures.
    pub figures: Figures,
}

impl CallReport {
    /// The page.
    pub(crate) fn to_html(&self) -> String {
        page::render(self)
    }
}

#[cfg(test)]
mod tests;
