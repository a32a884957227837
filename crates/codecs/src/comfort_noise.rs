//! Comfort noise (RFC 3389): background noise as a few bytes, and noise from them.
//!
//! ```text
//!  a frame ─▶ SilenceSuppressor ─▶ speech: encode and send it
//!                               ─▶ NoiseDescription ─▶ payload ~~▶ NoiseDescription ─▶ ComfortNoise ─▶ noise
//!                               ─▶ nothing to send
//! ```

mod analyser;
mod description;
mod generator;
mod suppressor;
#[cfg(test)]
mod tests;

pub use analyser::NoiseAnalyser;
pub use description::NoiseDescription;
pub use generator::ComfortNoise;
pub use suppressor::{SilenceSuppressor, Suppression};
