//! Two minutes of a person talking, at 8 kHz.

use std::path::{Path, PathBuf};

use audio_codecs::{Resampler, sample};

use crate::random::Random;
use crate::{AnyError, RATE};

/// How long the speech is, and its packets of 20 ms with it.
pub(crate) const SECONDS: usize = 120;
/// Prompts shorter than this are single words, longer ones fill the two minutes alone. Seconds.
const PROMPT: std::ops::Range<f64> = 2.0..12.0;

/// Noise of the line under all of it, as a deviation of samples in [-1, 1]: -60 dB of full scale. Prompts are cut out of
/// digital silence, in which no telephone stands.
const LINE_NOISE: f64 = 1e-3;

/// Prompts of a folder in the order of their names, with pauses of 300 to 900 ms between them and the noise of a line under
/// all of it; no level is changed.
pub(crate) fn load(folder: &Path) -> Result<Vec<f32>, AnyError> {
    let mut files: Vec<PathBuf> = std::fs::read_dir(folder)
        .map_err(|error| format!("cannot read {}: {error}", folder.display()))?
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.extension().is_some_and(|extension| extension == "wav"))
        .collect();
    files.sort();
    let mut random = Random::new(120);
    let mut speech = Vec::new();
    for file in &files {
        if speech.len() >= SECONDS * RATE as usize {
            break;
        }
        let prompt = read(file)?;
        if PROMPT.contains(&(prompt.len() as f64 / f64::from(RATE))) {
            speech.extend(prompt);
            let pause = 0.3 + 0.6 * random.next_f64();
            speech.extend(std::iter::repeat_n(0.0, (pause * f64::from(RATE)) as usize));
        }
    }
    if speech.len() < SECONDS * RATE as usize {
        return Err(format!(
            "{} holds less than {SECONDS} s of prompts in WAV files",
            folder.display()
        )
        .into());
    }
    speech.truncate(SECONDS * RATE as usize);
    for sample in &mut speech {
        // Steps of 16 bits, as all that a telephone digitises.
        *sample = sample::i16_to_f32(sample::f32_to_i16(
            *sample + random.normal(LINE_NOISE) as f32,
        ));
    }
    Ok(speech)
}

fn read(file: &Path) -> Result<Vec<f32>, AnyError> {
    let mut reader = hound::WavReader::open(file)
        .map_err(|error| format!("cannot read {}: {error}", file.display()))?;
    let spec = reader.spec();
    if spec.channels != 1 || spec.bits_per_sample != 16 {
        return Err(format!("{} is not 16 bit mono", file.display()).into());
    }
    let linear: Vec<i16> = reader.samples().collect::<Result<_, _>>()?;
    let mut samples = Vec::new();
    sample::extend_f32(&mut samples, &linear);
    if spec.sample_rate == RATE {
        return Ok(samples);
    }
    let mut resampler = Resampler::new(spec.sample_rate, RATE)?;
    let mut resampled = Vec::new();
    resampler.process(&samples, &mut resampled);
    resampler.flush(&mut resampled);
    Ok(resampled)
}
