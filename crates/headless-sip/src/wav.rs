//! WAV files: what is played comes from one, what is recorded goes into one.
//!
//! - [`WavReader`] reads any rate and width in pieces; [`WavPlayer`] plays it and tells how much was heard.
//! - [`WavWriter`] writes samples; [`WavRecorder`] records a call, one side or both in step, on a thread of its own.

mod player;
mod rate;
mod reader;
mod recorder;
mod tape;
mod writer;

pub use player::{Played, WavPlayer, play_wav};
pub use reader::WavReader;
pub use recorder::{Recorded, RecorderConfig, WavRecorder};
pub use writer::WavWriter;

use std::io;
use std::path::PathBuf;

use media_engine::AudioError;

/// What a [`WavReader`] can read.
const ACCEPTED: &str = "accepted is WAV with PCM of 8, 16, 24 or 32 bits or 32-bit float, any sample rate, any number of channels";

/// Why a WAV file was not played or recorded. The text names the file and says what to do.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WavError {
    /// The file is missing or may not be read.
    #[error("cannot read {}: {source}", path.display())]
    Open {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// It is no WAV, or one of a kind that cannot be played.
    #[error("{name} is not a WAV that can be played: {why}; {ACCEPTED}")]
    NotPlayable {
        /// The file.
        name: String,
        /// What is wrong with it.
        why: String,
    },
    /// A WAV without a single sample.
    #[error("{name} holds no sound: it has 0 samples")]
    Empty {
        /// The file.
        name: String,
    },
    /// Its header is good, but there is less in it than that says.
    #[error("{name} breaks off or is damaged: {why}")]
    Damaged {
        /// The file.
        name: String,
        /// What was found.
        why: String,
    },
    /// The file cannot be made.
    #[error("cannot write {}: {source}", path.display())]
    Create {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// There is no room left. What was written before can be played.
    #[error("cannot write {}: the disk is full; make room, or record to another place", path.display())]
    DiskFull {
        /// The file.
        path: PathBuf,
    },
    /// Writing failed for another reason. What was written before can be played.
    #[error("cannot write {}: {source}", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// WAV counts its bytes in 32 bits: 4 GB is the end.
    #[error("{} has 4 GB, more a WAV cannot hold: begin another file", path.display())]
    TooLong {
        /// The file.
        path: PathBuf,
    },
    /// Audio comes faster than the disk takes it.
    #[error("{} was given up: the disk is {seconds} s behind; record to a faster one", path.display())]
    TooSlow {
        /// The file.
        path: PathBuf,
        /// How much audio waits to be written.
        seconds: u64,
    },
    /// A stereo recording was asked for, but the call does not hand out what it sends.
    #[error("what is sent cannot be recorded: set `tap_sent` in the client's settings")]
    NoTap,
    /// It has failed before, with an error that was told then.
    #[error("it has failed before, with an error that was told then")]
    Ended,
    /// The audio was not taken, for example because the call has ended.
    #[error(transparent)]
    Audio(#[from] AudioError),
}
