//! Writing WAV: 16 bits, straight to disk, readable even if we never get to close it.

use std::fs::File;
use std::io::{self, BufWriter};
use std::path::{Path, PathBuf};
use std::time::Duration;

use audio_codecs::sample::f32_to_i16;
use hound::{SampleFormat, WavSpec};
use media_engine::AudioError;

use super::WavError;

/// Bytes of a WAV's samples at most: its header counts them, and itself, in 32 bits.
const MAX_BYTES: u64 = u32::MAX as u64 - 128;

/// Bytes of one sample.
const WIDTH: u64 = 2;

/// A WAV of 16-bit samples that grows.
///
/// The header is brought up to date by each [`flush`](Self::flush): from then on the file is good even if the process is
/// killed. Dropping the writer closes the file; [`finish`](Self::finish) does so and reports errors. It writes to the disk in
/// place; [`WavRecorder`](crate::WavRecorder) leaves that to a thread.
pub struct WavWriter {
    path: PathBuf,
    channels: u16,
    sample_rate: u32,
    written: u64,
    file: hound::WavWriter<BufWriter<File>>,
}

impl WavWriter {
    /// Makes the file, or empties it. `sample_rate` in Hz, `channels` 1 or more.
    ///
    /// # Errors
    /// [`WavError::Create`], [`WavError::Audio`] for a rate of 0 Hz or no channels, [`WavError::DiskFull`], [`WavError::Write`].
    pub fn create(
        path: impl AsRef<Path>,
        sample_rate: u32,
        channels: u16,
    ) -> Result<Self, WavError> {
        let path = path.as_ref();
        Self::begin(create(path)?, path, sample_rate, channels)
    }

    pub(super) fn begin(
        file: File,
        path: &Path,
        sample_rate: u32,
        channels: u16,
    ) -> Result<Self, WavError> {
        if sample_rate == 0 {
            return Err(AudioError::SampleRate(0).into());
        }
        if channels == 0 {
            return Err(AudioError::NoChannels.into());
        }
        let spec = WavSpec {
            channels,
            sample_rate,
            bits_per_sample: 8 * WIDTH as u16,
            sample_format: SampleFormat::Int,
        };
        let mut file = hound::WavWriter::new(BufWriter::new(file), spec)
            .map_err(|error| failed(path, error))?;
        file.flush().map_err(|error| failed(path, error))?;
        Ok(Self {
            path: path.to_owned(),
            channels,
            sample_rate,
            written: 0,
            file,
        })
    }

    /// Appends samples, interleaved; beyond [-1, 1] they are clamped, NaN is 0.
    ///
    /// # Errors
    /// [`WavError::Audio`] when they do not fill all channels, [`WavError::TooLong`], [`WavError::DiskFull`],
    /// [`WavError::Write`]. What was flushed before can be played all the same.
    pub fn write(&mut self, samples: &[f32]) -> Result<(), WavError> {
        if !samples.len().is_multiple_of(usize::from(self.channels)) {
            return Err(AudioError::UnevenLength {
                samples: samples.len(),
                channels: self.channels,
            }
            .into());
        }
        if (self.written + samples.len() as u64) * WIDTH > MAX_BYTES {
            return Err(WavError::TooLong {
                path: self.path.clone(),
            });
        }
        // It fits: 4 GB were the limit.
        let mut block = self.file.get_i16_writer(samples.len() as u32);
        for &sample in samples {
            block.write_sample(f32_to_i16(sample));
        }
        block.flush().map_err(|error| failed(&self.path, error))?;
        self.written += samples.len() as u64;
        Ok(())
    }

    /// Brings the header up to date and hands everything to the system.
    ///
    /// # Errors
    /// [`WavError::DiskFull`], [`WavError::Write`].
    pub fn flush(&mut self) -> Result<(), WavError> {
        self.file.flush().map_err(|error| failed(&self.path, error))
    }

    /// How long the file plays so far.
    pub fn duration(&self) -> Duration {
        let frames = self.written / u64::from(self.channels);
        Duration::from_secs_f64(frames as f64 / f64::from(self.sample_rate))
    }

    /// Closes the file.
    ///
    /// # Errors
    /// As for [`WavWriter::flush`].
    pub fn finish(self) -> Result<(), WavError> {
        let Self { path, file, .. } = self;
        file.finalize().map_err(|error| failed(&path, error))
    }
}

impl std::fmt::Debug for WavWriter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("WavWriter")
            .field("path", &self.path)
            .field("sample_rate", &self.sample_rate)
            .field("channels", &self.channels)
            .finish_non_exhaustive()
    }
}

pub(super) fn create(path: &Path) -> Result<File, WavError> {
    File::create(path).map_err(|source| WavError::Create {
        path: path.to_owned(),
        source,
    })
}

fn failed(path: &Path, error: hound::Error) -> WavError {
    let path = path.to_owned();
    match error {
        hound::Error::IoError(source)
            if matches!(
                source.kind(),
                io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded
            ) =>
        {
            WavError::DiskFull { path }
        }
        hound::Error::IoError(source) => WavError::Write { path, source },
        other => WavError::Write {
            path,
            source: io::Error::other(other),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file() -> (tempfile::TempDir, PathBuf) {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("x.wav");
        (folder, path)
    }

    #[test]
    fn samples_are_clamped_and_rounded() {
        let (_folder, path) = file();
        let mut writer = WavWriter::create(&path, 8_000, 2).expect("it can be written");
        writer
            .write(&[0.5, 0.25, -7.0, f32::NAN])
            .expect("it is written");
        assert_eq!(writer.duration(), Duration::from_micros(250));
        writer.finish().expect("it is closed");
        let mut reader = hound::WavReader::open(&path).expect("it is a WAV");
        let spec = reader.spec();
        assert_eq!((spec.channels, spec.sample_rate), (2, 8_000));
        let samples: Vec<i16> = reader
            .samples()
            .map(|sample| sample.expect("a sample"))
            .collect();
        assert_eq!(samples, [16_384, 8_192, -32_767, 0]);
    }

    #[test]
    fn the_file_is_good_after_each_flush() {
        let (_folder, path) = file();
        let mut writer = WavWriter::create(&path, 8_000, 1).expect("it can be written");
        let length = || {
            hound::WavReader::open(&path)
                .expect("it is a WAV")
                .duration()
        };
        assert_eq!(length(), 0);
        for block in 1..=3 {
            writer.write(&[0.1; 8_000]).expect("it is written");
            writer.flush().expect("it is flushed");
            assert_eq!(length(), block * 8_000);
        }
        writer.write(&[0.1; 7]).expect("it is written");
        drop(writer);
        assert_eq!(length(), 24_007);
    }

    #[test]
    fn what_cannot_be_written_is_told_by_kind() {
        let error = WavWriter::create("/nowhere/x.wav", 8_000, 1).expect_err("there is no folder");
        assert!(matches!(error, WavError::Create { .. }), "{error:?}");
        assert!(error.to_string().starts_with("cannot write /nowhere/x.wav"));
        let (_folder, path) = file();
        for (rate, channels) in [(0, 1), (8_000, 0)] {
            let error = WavWriter::create(&path, rate, channels).expect_err("nonsense");
            assert!(matches!(error, WavError::Audio(_)), "{error:?}");
        }
        let mut writer = WavWriter::create(&path, 8_000, 2).expect("it can be written");
        let error = writer.write(&[0.0; 3]).expect_err("half a frame");
        assert!(matches!(error, WavError::Audio(_)), "{error:?}");
        writer.written = MAX_BYTES / WIDTH;
        let error = writer.write(&[0.0; 2]).expect_err("4 GB are full");
        assert!(matches!(error, WavError::TooLong { .. }), "{error:?}");
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_full_disk_is_told_as_such() {
        let error = WavWriter::create("/dev/full", 8_000, 1).expect_err("it is always full");
        assert!(matches!(error, WavError::DiskFull { .. }), "{error:?}");
    }
}
