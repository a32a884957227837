//! What we say in a call.

use std::time::Duration;

use headless_sip::{AudioError, AudioFrame, AudioSender, WavError, WavPlayer, WavReader};

use crate::exit::Failure;
use crate::tone::{TONE_RATE, Tone};

/// Samples of a tone that are handed over at once: half a second.
const TONE_CHUNK: usize = TONE_RATE as usize / 2;

/// The sound that we play.
pub(crate) enum Sound {
    /// Silence.
    None,
    /// What we hear.
    Echo,
    /// A file.
    Wav(Box<WavReader>),
    /// A tone, for so long or for ever.
    Tone {
        /// In Hz.
        frequency: f32,
        /// How long; `None` is as long as the call.
        length: Option<Duration>,
    },
}

/// Plays the sound and returns when all of it has been sent, which for an endless one is never before the call ends.
///
/// # Errors
/// A [`Failure`] when the file is damaged. The end of the call is no failure.
pub(super) async fn run(tx: AudioSender, sound: Sound) -> Result<(), Failure> {
    match sound {
        Sound::None => return Ok(()),
        Sound::Echo => return std::future::pending().await,
        Sound::Wav(wav) => match WavPlayer::new(&tx, *wav).play().await {
            Ok(_) | Err(WavError::Audio(AudioError::Closed)) => {}
            Err(error) => return Err(error.into()),
        },
        Sound::Tone { frequency, length } => play_tone(&tx, frequency, length).await?,
    }
    // Both fail only when the call is over, which others tell.
    if tx.mark("played").is_ok() {
        let _ = tx.drained().await;
    }
    Ok(())
}

async fn play_tone(
    tx: &AudioSender,
    frequency: f32,
    length: Option<Duration>,
) -> Result<(), Failure> {
    let mut tone = Tone::new(frequency);
    let mut left =
        length.map(|length| (length.as_secs_f64() * f64::from(TONE_RATE)).round() as usize);
    while left != Some(0) {
        let samples = left.map_or(TONE_CHUNK, |left| left.min(TONE_CHUNK));
        left = left.map(|left| left - samples);
        if !sent(
            tx.send(AudioFrame::mono(tone.take(samples), TONE_RATE))
                .await,
        )? {
            break;
        }
    }
    Ok(())
}

/// False when the call is over.
fn sent<T>(outcome: Result<T, AudioError>) -> Result<bool, Failure> {
    match outcome {
        Ok(_) => Ok(true),
        Err(AudioError::Closed) => Ok(false),
        Err(error) => Err(Failure::usage(error.to_string())),
    }
}
