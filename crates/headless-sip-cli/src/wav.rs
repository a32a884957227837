//! WAV files: what we play comes from one, what we record goes into one.

mod rate;
mod read;
mod write;

pub(crate) use read::WavChunks;
pub(crate) use write::Recording;
