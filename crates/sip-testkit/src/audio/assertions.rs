//! Judgements as results (`check_*`) and as panics (`assert_*`).

use super::{Clip, Similarity, similarity};
use std::time::Duration;

/// Share of the energy that a clean tone has at its frequency.
pub const MIN_TONE_SHARE: f64 = 0.98;
/// Correlation from which on a recording counts as the original. Other speech has less than 0.2;
/// speech that lost 10 % of its packets has 0.92 through G.711 and 0.82 through Opus, 30 % 0.77 and 0.65.
pub const MIN_HEARD_CORRELATION: f64 = 0.65;
/// Share of the original, by loudness, that must be recognised in the recording.
pub const MIN_HEARD_SHARE: f64 = 0.7;

/// Quieter than this (RMS, -60 dB of full scale) counts as silence.
const AUDIBLE: f64 = 0.001;

/// What was heard is not what was expected.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum AudioMismatch {
    /// There is nothing to judge.
    #[error(
        "heard only silence ({duration:?}, RMS {rms:.5}): check that audio flows in this direction"
    )]
    Silent {
        /// Length of what was heard.
        duration: Duration,
        /// Its RMS.
        rms: f64,
    },
    /// Sound where silence was expected.
    #[error("expected silence and heard sound (RMS {rms:.5}, strongest at {dominant:?} Hz)")]
    NotSilent {
        /// RMS of what was heard.
        rms: f64,
        /// Its strongest frequency in Hz.
        dominant: Option<f64>,
    },
    /// Another tone, or a dirty one.
    #[error(
        "expected a clean tone of {expected_hz} Hz: {share:.4} of the energy is there (needed {MIN_TONE_SHARE}), strongest at {dominant:?} Hz"
    )]
    Tone {
        /// The frequency asked for, in Hz.
        expected_hz: f64,
        /// Share of the energy found there.
        share: f64,
        /// The strongest frequency in Hz.
        dominant: Option<f64>,
    },
    /// Another sound than the original, or too much of it lost.
    #[error(
        "what was heard is not what was said: correlation {:.3} (needed {MIN_HEARD_CORRELATION}), {:.0} % recognised (needed {:.0} %), delay {:.1} ms",
        .0.correlation, .0.heard_share * 100.0, MIN_HEARD_SHARE * 100.0, .0.delay_ms
    )]
    NotHeard(Box<Similarity>),
    /// A drop-out.
    #[error("a gap of {longest:?} where at most {allowed:?} is allowed")]
    Gap {
        /// The longest gap found.
        longest: Duration,
        /// What was allowed.
        allowed: Duration,
    },
    /// Other digits.
    #[error("expected the DTMF digits {expected:?} and heard {heard:?}")]
    Digits {
        /// The digits asked for.
        expected: String,
        /// The digits found in the sound.
        heard: String,
    },
}

fn check_audible(heard: &Clip) -> Result<(), AudioMismatch> {
    let rms = heard.rms();
    if rms < AUDIBLE {
        Err(AudioMismatch::Silent {
            duration: heard.duration(),
            rms,
        })
    } else {
        Ok(())
    }
}

/// Is this a clean tone of `hz`? Returns the share of energy found there.
///
/// # Errors
/// [`AudioMismatch::Silent`] or [`AudioMismatch::Tone`].
pub fn check_tone(heard: &Clip, hz: f64) -> Result<f64, AudioMismatch> {
    check_audible(heard)?;
    let share = heard.energy_share(hz);
    if share >= MIN_TONE_SHARE {
        Ok(share)
    } else {
        Err(AudioMismatch::Tone {
            expected_hz: hz,
            share,
            dominant: heard.dominant_frequency(),
        })
    }
}

/// Is the recording what was said? Returns how alike they are, with the delay.
///
/// # Errors
/// [`AudioMismatch::Silent`] or [`AudioMismatch::NotHeard`].
pub fn check_heard(reference: &Clip, heard: &Clip) -> Result<Similarity, AudioMismatch> {
    check_audible(heard)?;
    let found = similarity(reference, heard);
    if found.correlation >= MIN_HEARD_CORRELATION && found.heard_share >= MIN_HEARD_SHARE {
        Ok(found)
    } else {
        Err(AudioMismatch::NotHeard(Box::new(found)))
    }
}

/// Has the sound no drop-out longer than `allowed`? Counts as silence what stays below 0.001.
/// Returns the longest.
///
/// # Errors
/// [`AudioMismatch::Silent`] or [`AudioMismatch::Gap`].
pub fn check_no_gap(heard: &Clip, allowed: Duration) -> Result<Duration, AudioMismatch> {
    check_audible(heard)?;
    let longest = heard.longest_gap(AUDIBLE as f32);
    if longest <= allowed {
        Ok(longest)
    } else {
        Err(AudioMismatch::Gap { longest, allowed })
    }
}

/// Is it silent (RMS below 0.001)?
///
/// # Errors
/// [`AudioMismatch::NotSilent`].
pub fn check_silent(heard: &Clip) -> Result<(), AudioMismatch> {
    match check_audible(heard) {
        Ok(()) => Err(AudioMismatch::NotSilent {
            rms: heard.rms(),
            dominant: heard.dominant_frequency(),
        }),
        Err(_) => Ok(()),
    }
}

/// Do exactly these DTMF digits sound?
///
/// # Errors
/// [`AudioMismatch::Digits`].
pub fn check_dtmf(heard: &Clip, digits: &str) -> Result<(), AudioMismatch> {
    let (expected, heard) = (digits.to_ascii_uppercase(), heard.dtmf_digits());
    if expected == heard {
        Ok(())
    } else {
        Err(AudioMismatch::Digits { expected, heard })
    }
}

/// Panics unless this is a clean tone of `hz`: see [`check_tone`].
#[track_caller]
pub fn assert_tone(heard: &Clip, hz: f64) {
    check_tone(heard, hz).unwrap_or_else(|mismatch| panic!("{mismatch}"));
}

/// Panics unless the recording is what was said, and returns how alike they are: see
/// [`check_heard`].
#[track_caller]
pub fn assert_heard(reference: &Clip, heard: &Clip) -> Similarity {
    check_heard(reference, heard).unwrap_or_else(|mismatch| panic!("{mismatch}"))
}

/// Panics at a drop-out longer than `allowed`: see [`check_no_gap`].
#[track_caller]
pub fn assert_no_gap(heard: &Clip, allowed: Duration) {
    check_no_gap(heard, allowed).unwrap_or_else(|mismatch| panic!("{mismatch}"));
}

/// Panics unless it is silent: see [`check_silent`].
#[track_caller]
pub fn assert_silent(heard: &Clip) {
    check_silent(heard).unwrap_or_else(|mismatch| panic!("{mismatch}"));
}

/// Panics unless exactly these DTMF digits sound: see [`check_dtmf`].
#[track_caller]
pub fn assert_dtmf(heard: &Clip, digits: &str) {
    check_dtmf(heard, digits).unwrap_or_else(|mismatch| panic!("{mismatch}"));
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn a_clean_tone_passes_and_another_says_which_it_was() {
        let tone = Clip::tone(8000, 440.0, SECOND, 0.3);
        assert_tone(&tone, 440.0);
        let message = check_tone(&tone, 1000.0).unwrap_err().to_string();
        assert!(
            message.contains("1000 Hz") && message.contains("440"),
            "{message}"
        );
    }

    #[test]
    fn silence_is_neither_tone_nor_speech() {
        let silence = Clip::silence(8000, SECOND);
        assert!(matches!(
            check_tone(&silence, 440.0),
            Err(AudioMismatch::Silent { .. })
        ));
        assert!(matches!(
            check_heard(&Clip::speech_like(8000, 1, SECOND), &silence),
            Err(AudioMismatch::Silent { .. })
        ));
        assert_silent(&silence);
        assert!(check_silent(&Clip::tone(8000, 440.0, SECOND, 0.3)).is_err());
    }

    #[test]
    fn speech_is_heard_through_a_delay_and_other_speech_is_not() {
        let said = Clip::speech_like(16_000, 1, SECOND * 4);
        let heard = Clip::silence(8000, Duration::from_millis(300))
            .then(&said)
            .scaled(0.5);
        assert!((assert_heard(&said, &heard).delay_ms - 300.0).abs() < 1.0);
        let other = Clip::speech_like(8000, 2, SECOND * 4);
        assert!(matches!(
            check_heard(&said, &other),
            Err(AudioMismatch::NotHeard(_))
        ));
    }

    #[test]
    fn speech_with_its_second_half_missing_is_not_heard() {
        let said = Clip::speech_like(8000, 1, SECOND * 4);
        assert!(check_heard(&said, &said.slice(Duration::ZERO, SECOND * 2)).is_err());
    }

    #[test]
    #[should_panic(expected = "a gap of")]
    fn a_drop_out_panics_with_its_length() {
        let tone = Clip::tone(8000, 440.0, SECOND, 0.3);
        assert_no_gap(&tone, Duration::from_millis(5));
        assert_no_gap(
            &tone
                .clone()
                .then(&Clip::silence(8000, Duration::from_millis(100)))
                .then(&tone),
            Duration::from_millis(60),
        );
    }

    #[test]
    fn digits_must_be_exactly_those() {
        let tones = Clip::dtmf(
            8000,
            "12#a",
            Duration::from_millis(100),
            Duration::from_millis(60),
            0.25,
        );
        assert_dtmf(&tones, "12#A");
        assert_eq!(
            check_dtmf(&tones, "12#").unwrap_err().to_string(),
            r##"expected the DTMF digits "12#" and heard "12#A""##
        );
    }
}
