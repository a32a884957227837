//! G.722: 7 kHz audio in 64 kbit/s by sub-band ADPCM, in the integer arithmetic of the ITU-T
//! recommendation.
//!
//! ```text
//!              ┌─ lower band, 6 bits ─┐
//!  16 kHz ─ QMF                        ├─ a byte for each two samples
//!              └─ upper band, 2 bits ─┘
//! ```

mod band;
mod codec;
mod qmf;

pub use codec::G722;
