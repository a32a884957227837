//! WAV files in and out of clips.

use super::Clip;
use hound::{SampleFormat, WavReader, WavSpec, WavWriter};
use std::path::{Path, PathBuf};

/// Why a WAV file could not be read or written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WavError {
    /// The file is missing, unreadable or not WAV.
    #[error("cannot read {path:?} as WAV ({source}); give a PCM or float WAV file")]
    Read {
        /// The file asked for.
        path: PathBuf,
        /// What the WAV reader found.
        source: hound::Error,
    },
    /// The file cannot be created or written.
    #[error(
        "cannot write the WAV file {path:?} ({source}); check that the folder exists and has room"
    )]
    Write {
        /// The file asked for.
        path: PathBuf,
        /// What the WAV writer found.
        source: hound::Error,
    },
}

impl Clip {
    /// Reads a WAV file of any rate, any width and any number of channels, mixed down to mono. Use
    /// [`Clip::at_rate`] for speech at another rate.
    ///
    /// # Errors
    /// [`WavError::Read`] when the file cannot be opened or is no WAV.
    pub fn from_wav(path: impl AsRef<Path>) -> Result<Clip, WavError> {
        let path = path.as_ref();
        read(path).map_err(|source| WavError::Read {
            path: path.to_owned(),
            source,
        })
    }

    /// Writes the clip as 16-bit mono WAV; samples beyond [-1, 1] are clamped.
    ///
    /// # Errors
    /// [`WavError::Write`] when the file cannot be written.
    pub fn to_wav(&self, path: impl AsRef<Path>) -> Result<(), WavError> {
        let path = path.as_ref();
        write(self, path).map_err(|source| WavError::Write {
            path: path.to_owned(),
            source,
        })
    }
}

fn read(path: &Path) -> Result<Clip, hound::Error> {
    let mut reader = WavReader::open(path)?;
    let spec = reader.spec();
    if spec.sample_rate == 0 || spec.channels == 0 {
        return Err(hound::Error::FormatError(
            "sample rate and channel count must be above 0",
        ));
    }
    let samples: Vec<f32> = match spec.sample_format {
        SampleFormat::Float => reader.samples::<f32>().collect::<Result<_, _>>()?,
        SampleFormat::Int => {
            let scale = 1.0 / (1_i64 << (spec.bits_per_sample - 1)) as f32;
            reader
                .samples::<i32>()
                .map(|s| s.map(|s| s as f32 * scale))
                .collect::<Result<_, _>>()?
        }
    };
    let mut clip = Clip::new(spec.sample_rate);
    clip.push_interleaved(&samples, spec.channels);
    Ok(clip)
}

fn write(clip: &Clip, path: &Path) -> Result<(), hound::Error> {
    let spec = WavSpec {
        channels: 1,
        sample_rate: clip.sample_rate,
        bits_per_sample: 16,
        sample_format: SampleFormat::Int,
    };
    let mut writer = WavWriter::create(path, spec)?;
    for sample in &clip.samples {
        writer.write_sample((sample.clamp(-1.0, 1.0) * 32767.0).round() as i16)?;
    }
    writer.finalize()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn a_clip_comes_back_from_its_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("tone.wav");
        let tone = Clip::tone(11_025, 440.0, Duration::from_millis(100), 0.5);
        tone.to_wav(&path).unwrap();
        let back = Clip::from_wav(&path).unwrap();
        assert_eq!(
            (back.sample_rate, back.samples.len()),
            (11_025, tone.samples.len())
        );
        assert!(
            back.samples
                .iter()
                .zip(&tone.samples)
                .all(|(a, b)| (a - b).abs() < 1e-4)
        );
    }

    #[test]
    fn stereo_at_24_bits_is_read_as_mono() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("stereo.wav");
        let spec = WavSpec {
            channels: 2,
            sample_rate: 48_000,
            bits_per_sample: 24,
            sample_format: SampleFormat::Int,
        };
        let mut writer = WavWriter::create(&path, spec).unwrap();
        for sample in [1 << 22, 0, -(1 << 22), -(1 << 22)] {
            writer.write_sample(sample).unwrap();
        }
        writer.finalize().unwrap();
        assert_eq!(Clip::from_wav(&path).unwrap().samples, [0.25, -0.5]);
    }

    #[test]
    fn a_file_that_is_no_wav_is_an_error_with_its_path() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("letter.wav");
        std::fs::write(&path, b"dear reader").unwrap();
        let error = Clip::from_wav(&path).unwrap_err().to_string();
        assert!(error.contains("letter.wav"), "{error}");
    }
}
