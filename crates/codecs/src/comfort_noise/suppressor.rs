//! Which frames are worth sending.

use super::{NoiseAnalyser, NoiseDescription};

/// A frame louder than this is speech: -50 dBov, 10 dB under a low voice on the telephone.
const THRESHOLD: f32 = 0.003_162;
/// What follows on speech is sent for this long, so that no word loses its end.
const HANGOVER_MS: u32 = 200;
/// The background is described anew when its level changes by so much, ...
const CHANGE_DB: f32 = 3.0;
/// ... but not more often than this, ...
const UPDATE_MS: u32 = 200;
/// ... and in any case after this: a description may have been lost, and it keeps NAT open.
const REFRESH_MS: u32 = 1000;

/// Decides, frame by frame, what of an outgoing stream is speech and what is background that a
/// [`NoiseDescription`] can stand for (discontinuous transmission, RFC 3389 section 5).
///
/// Silence of a program that has nothing to say is background of no level. The first frame after silence
/// that is louder than -50 dBov is sent at once: speech loses nothing.
#[derive(Debug, Clone)]
pub struct SilenceSuppressor {
    sample_rate: u32,
    analyser: NoiseAnalyser,
    /// Samples of background since the last speech.
    quiet: u64,
    /// What was told last, and how many samples ago.
    told: Option<(NoiseDescription, u64)>,
}

/// What to do with a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Suppression {
    /// Encode and send it.
    Speech,
    /// Send this in its place.
    Describe(NoiseDescription),
    /// Send nothing.
    Nothing,
}

impl SilenceSuppressor {
    /// For mono audio of `sample_rate` Hz.
    pub fn new(sample_rate: u32) -> Self {
        SilenceSuppressor {
            sample_rate,
            analyser: NoiseAnalyser::new(sample_rate),
            // Nothing was said yet.
            quiet: u64::MAX / 2,
            told: None,
        }
    }

    /// Takes the next frame.
    pub fn next(&mut self, frame: &[f32]) -> Suppression {
        let samples = frame.len() as u64;
        let energy: f32 = frame.iter().map(|x| x * x).sum();
        if energy > THRESHOLD * THRESHOLD * frame.len() as f32 {
            self.quiet = 0;
            self.told = None;
            self.analyser.reset();
            return Suppression::Speech;
        }
        self.analyser.observe(frame);
        self.quiet = self.quiet.saturating_add(samples);
        if self.quiet <= self.samples(HANGOVER_MS) {
            return Suppression::Speech;
        }
        let noise = self.analyser.describe();
        if let Some((told, ago)) = &mut self.told {
            *ago += samples;
            let (changed, ago) = (
                (noise.level_dbov() - told.level_dbov()).abs() >= CHANGE_DB,
                *ago,
            );
            let due = if changed { UPDATE_MS } else { REFRESH_MS };
            if ago < self.samples(due) {
                return Suppression::Nothing;
            }
        }
        self.told = Some((noise, 0));
        Suppression::Describe(noise)
    }

    fn samples(&self, ms: u32) -> u64 {
        u64::from(self.sample_rate) * u64::from(ms) / 1000
    }
}
