//! Sounds to say, and judgements on what was heard.
//!
//! A [`Clip`] is mono `f32` at a sample rate. Make one ([`Clip::tone`], [`Clip::dtmf`],
//! [`Clip::speech_like`], [`Clip::from_wav`]), put it through the phone program under test, collect
//! what comes out in another clip, then ask: which tone is it ([`Clip::energy_share`],
//! [`assert_tone`]), how long was it silent ([`Clip::longest_gap`]), is it what was said
//! ([`similarity`], [`assert_heard`])?
//!
//! The measures share no code with the codecs and resamplers of headless-sip, so that they can
//! judge them.

mod assertions;
mod clip;
mod correlator;
mod dtmf;
mod generate;
mod measure;
mod resample;
mod similarity;
mod wav;

pub use assertions::{
    AudioMismatch, MIN_HEARD_CORRELATION, MIN_HEARD_SHARE, MIN_TONE_SHARE, assert_dtmf,
    assert_heard, assert_no_gap, assert_silent, assert_tone, check_dtmf, check_heard, check_no_gap,
    check_silent, check_tone,
};
pub use clip::Clip;
pub use dtmf::{DTMF_DIGITS, dtmf_frequencies};
pub use similarity::{SegmentMatch, Similarity, similarity};
pub use wav::WavError;
