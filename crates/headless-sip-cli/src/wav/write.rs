//! Writing WAV: 16 bits, straight to disk, readable even if we never get to close it.

use std::fs::File;
use std::io::BufWriter;
use std::path::{Path, PathBuf};

use hound::{SampleFormat, WavSpec, WavWriter};

use crate::exit::Failure;

/// Rate of a recording into which nothing ever came, in Hz.
const EMPTY_RATE: u32 = 8_000;

/// A recording that grows while the call lasts.
///
/// The header is brought up to date each second, so the file is good even if the process is killed. Dropping the
/// recording closes it; [`Recording::finish`] does so and reports errors.
pub(crate) struct Recording {
    path: PathBuf,
    stereo: bool,
    state: State,
    unflushed: u32,
}

enum State {
    Waiting(File),
    Writing {
        writer: WavWriter<BufWriter<File>>,
        rate: u32,
    },
    Closed,
}

impl Recording {
    /// Makes the file. A name that ends in `.stereo.wav` gets two channels: received and sent.
    ///
    /// # Errors
    /// A usage [`Failure`] that names the file and says why it cannot be written.
    pub(crate) fn create(path: &Path) -> Result<Self, Failure> {
        let file = File::create(path)
            .map_err(|error| Failure::usage(format!("cannot write {}: {error}", path.display())))?;
        Ok(Self {
            path: path.to_owned(),
            stereo: is_stereo(path),
            state: State::Waiting(file),
            unflushed: 0,
        })
    }

    /// Where it is.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// True when it has two channels and so wants what was sent as well.
    pub(crate) fn is_stereo(&self) -> bool {
        self.stereo
    }

    /// The rate of the file in Hz, once the first sound has set it.
    pub(crate) fn rate(&self) -> Option<u32> {
        match self.state {
            State::Writing { rate, .. } => Some(rate),
            State::Waiting(_) | State::Closed => None,
        }
    }

    /// Adds mono sound of one moment: what was received, and what was sent in the same time (shorter is filled with
    /// silence, longer is cut). The first call sets the rate of the file; all sound must have that rate.
    ///
    /// # Errors
    /// A [`Failure`] that names the file, for example when the disk is full.
    pub(crate) fn write(
        &mut self,
        rate: u32,
        received: &[f32],
        sent: &[f32],
    ) -> Result<(), Failure> {
        if matches!(self.state, State::Waiting(_)) {
            self.begin(rate)?;
        }
        let State::Writing { writer, rate } = &mut self.state else {
            return Ok(());
        };
        let mut outcome = Ok(());
        for (index, sample) in received.iter().enumerate() {
            outcome = writer.write_sample(to_i16(*sample));
            if self.stereo && outcome.is_ok() {
                outcome = writer.write_sample(to_i16(sent.get(index).copied().unwrap_or(0.0)));
            }
            if outcome.is_err() {
                break;
            }
        }
        self.unflushed = self
            .unflushed
            .saturating_add(u32::try_from(received.len()).unwrap_or(u32::MAX));
        if outcome.is_ok() && self.unflushed >= *rate {
            self.unflushed = 0;
            outcome = writer.flush();
        }
        outcome.map_err(|error| failed(&self.path, &error))
    }

    /// Closes the file. One into which nothing came is a WAV of no length.
    ///
    /// # Errors
    /// A [`Failure`] that names the file.
    pub(crate) fn finish(&mut self) -> Result<(), Failure> {
        if matches!(self.state, State::Waiting(_)) {
            self.begin(EMPTY_RATE)?;
        }
        match std::mem::replace(&mut self.state, State::Closed) {
            State::Writing { writer, .. } => writer
                .finalize()
                .map_err(|error| failed(&self.path, &error)),
            State::Waiting(_) | State::Closed => Ok(()),
        }
    }

    fn begin(&mut self, rate: u32) -> Result<(), Failure> {
        let State::Waiting(file) = std::mem::replace(&mut self.state, State::Closed) else {
            return Ok(());
        };
        let spec = WavSpec {
            channels: if self.stereo { 2 } else { 1 },
            sample_rate: rate,
            bits_per_sample: 16,
            sample_format: SampleFormat::Int,
        };
        let writer = WavWriter::new(BufWriter::new(file), spec)
            .map_err(|error| failed(&self.path, &error))?;
        self.state = State::Writing { writer, rate };
        Ok(())
    }
}

impl Drop for Recording {
    fn drop(&mut self) {
        if let Err(error) = self.finish() {
            tracing::warn!(%error, "a recording was not closed well");
        }
    }
}

fn is_stereo(path: &Path) -> bool {
    path.file_name()
        .and_then(|name| name.to_str())
        .is_some_and(|name| name.to_ascii_lowercase().ends_with(".stereo.wav"))
}

fn to_i16(sample: f32) -> i16 {
    // `as` makes NaN 0 and clamps, but -1 is -32767 on the way out.
    (sample.clamp(-1.0, 1.0) * 32_767.0).round() as i16
}

fn failed(path: &Path, error: &hound::Error) -> Failure {
    Failure::other(format!("cannot write {}: {error}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exit::Exit;
    use hound::WavReader;

    #[test]
    fn two_channels_hold_received_and_sent_side_by_side() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("call.stereo.wav");
        let mut recording = Recording::create(&path).expect("it can be written");
        recording
            .write(8_000, &[0.5, -1.0, f32::NAN], &[0.25])
            .expect("it is written");
        recording.finish().expect("it is closed");
        let mut reader = WavReader::open(&path).expect("it is a WAV");
        assert_eq!(
            (reader.spec().channels, reader.spec().sample_rate),
            (2, 8_000)
        );
        let samples: Vec<i16> = reader
            .samples()
            .map(|sample| sample.expect("a sample"))
            .collect();
        assert_eq!(samples, [16_384, 8_192, -32_767, 0, 0, 0]);
    }

    #[test]
    fn a_recording_is_readable_while_it_still_grows() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("call.wav");
        let mut recording = Recording::create(&path).expect("it can be written");
        for _ in 0..55 {
            recording
                .write(8_000, &[0.1; 160], &[])
                .expect("it is written");
        }
        let reader = WavReader::open(&path).expect("it is a WAV");
        assert_eq!(reader.duration(), 8_000);
        drop(recording);
        assert_eq!(
            WavReader::open(&path).expect("it is a WAV").duration(),
            55 * 160
        );
    }

    #[test]
    fn a_call_without_sound_leaves_an_empty_wav() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("call.wav");
        drop(Recording::create(&path).expect("it can be written"));
        assert_eq!(WavReader::open(&path).expect("it is a WAV").duration(), 0);
    }

    #[test]
    fn a_file_that_cannot_be_written_is_named_before_anybody_is_called() {
        let failure = Recording::create(Path::new("/nowhere/x.wav"))
            .err()
            .expect("it is refused");
        assert_eq!(failure.exit, Exit::Usage);
        assert!(
            failure.message.starts_with("cannot write /nowhere/x.wav"),
            "{failure}"
        );
    }
}
