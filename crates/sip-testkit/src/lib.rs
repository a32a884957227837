//! In-process PBX, lossy network and audio assertions for tests of phone programs.

pub mod audio;
pub mod network;
#[cfg(feature = "pbx")]
pub mod pbx;
