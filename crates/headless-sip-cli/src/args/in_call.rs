//! The options for what happens within a call: the same for `call` and `answer`.

use std::time::Duration;

use clap::{Args, ValueEnum};

use super::value;
use crate::listen::Listen;

/// How a call is kept up and steered.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Call")]
pub(crate) struct InCall {
    /// Session interval to ask for, in seconds; a call whose far end vanished ends within it
    #[arg(long, value_name = "S", default_value_t = 1_800, value_parser = clap::value_parser!(u32).range(90..=86_400))]
    pub session_expires: u32,

    /// How key presses are sent; received ones are told whichever way they come
    #[arg(long, value_enum, default_value_t = DtmfMode::Rfc4733)]
    pub dtmf_mode: DtmfMode,

    /// Repeat so many earlier packets in each packet (RFC 2198), where the far end can take that
    #[arg(long, value_name = "N", default_value_t = 0, value_parser = clap::value_parser!(u8).range(0..=4))]
    pub redundancy: u8,

    /// Tell what is heard in the sound, several with commas between
    #[arg(long, value_enum, value_name = "WHAT", value_delimiter = ',')]
    pub listen: Vec<Listen>,

    /// Put the far end on hold so many seconds after the answer
    #[arg(long, value_name = "S", value_parser = value::seconds)]
    pub hold_after: Option<f64>,

    /// Take it back so many seconds after that
    #[arg(long, value_name = "S", value_parser = value::seconds, requires = "hold_after")]
    pub resume_after: Option<f64>,

    /// Send the far end to this address when everything has been played, and hang up once it has got there
    #[arg(long, value_name = "URI", value_parser = value::non_empty)]
    pub transfer: Option<String>,

    /// Call whom the far end sends us to (REFER), and go on with that call; otherwise it is refused
    #[arg(long)]
    pub allow_refer: bool,
}

impl InCall {
    pub(crate) fn session_expires(&self) -> Duration {
        Duration::from_secs(self.session_expires.into())
    }
}

/// The ways to send a key press.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum DtmfMode {
    /// In the audio stream (telephone-event)
    #[default]
    Rfc4733,
    /// In INFO requests (dtmf-relay)
    Info,
    /// As tones in the audio
    Inband,
}
