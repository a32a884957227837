//! Reading WAV: any rate, any channel count, 8, 16, 24 or 32 bits, or 32-bit float.

use std::fs::File;
use std::io::{BufReader, Cursor, Read};
use std::path::Path;

use hound::{SampleFormat, WavReader};

use super::rate::RateFit;
use crate::exit::Failure;

const ACCEPTED: &str = "accepted is WAV with PCM of 8, 16, 24 or 32 bits or 32-bit float, any sample rate, any number of channels";

/// A source of bytes that a WAV is read from.
type Source = Box<dyn Read + Send>;

/// A WAV file that is read chunk by chunk, so that its length does not matter.
pub(crate) struct WavChunks {
    name: String,
    sample_rate: u32,
    channels: u16,
    frames_left: u32,
    /// For a rate that no call takes; the chunks are mono then.
    fit: Option<RateFit>,
    samples: Box<dyn Iterator<Item = Result<f32, hound::Error>> + Send>,
}

impl WavChunks {
    /// Opens a file and checks its header.
    ///
    /// # Errors
    /// A usage [`Failure`] that names the file and says what is accepted.
    pub(crate) fn open(path: &Path) -> Result<Self, Failure> {
        let name = path.display().to_string();
        let file = File::open(path)
            .map_err(|error| Failure::usage(format!("cannot read {name}: {error}")))?;
        Self::from_source(name, Box::new(BufReader::new(file)))
    }

    /// The same from memory.
    ///
    /// # Errors
    /// As for [`WavChunks::open`].
    pub(crate) fn from_bytes(name: &str, bytes: &'static [u8]) -> Result<Self, Failure> {
        Self::from_source(name.to_owned(), Box::new(Cursor::new(bytes)))
    }

    fn from_source(name: String, source: Source) -> Result<Self, Failure> {
        let reader = WavReader::new(source)
            .map_err(|error| Failure::usage(refusal(&name, &error.to_string())))?;
        let spec = reader.spec();
        if spec.sample_rate == 0 || spec.channels == 0 {
            return Err(Failure::usage(refusal(
                &name,
                "its header names no rate or no channel",
            )));
        }
        let frames_left = reader.duration();
        if frames_left == 0 {
            return Err(Failure::usage(format!(
                "{name} holds no sound: it has 0 samples"
            )));
        }
        Ok(Self {
            samples: samples_of(reader, &name)?,
            fit: RateFit::for_rate(spec.sample_rate)
                .map_err(|why| Failure::usage(refusal(&name, &why)))?,
            name,
            sample_rate: spec.sample_rate,
            channels: spec.channels,
            frames_left,
        })
    }

    /// Samples a second of each channel in the chunks, in Hz: 8,000 to 192,000.
    pub(crate) fn sample_rate(&self) -> u32 {
        self.fit.as_ref().map_or(self.sample_rate, RateFit::rate)
    }

    /// Channels, interleaved in each chunk.
    pub(crate) fn channels(&self) -> u16 {
        if self.fit.is_some() { 1 } else { self.channels }
    }

    /// The next chunk of at most one second, interleaved, in [-1, 1]; `None` at the end.
    ///
    /// # Errors
    /// A [`Failure`] when the file ends too early or breaks.
    pub(crate) fn next_chunk(&mut self) -> Result<Option<Vec<f32>>, Failure> {
        let frames = self.frames_left.min(self.sample_rate);
        if frames == 0 {
            return Ok(None);
        }
        self.frames_left -= frames;
        let wanted = frames as usize * usize::from(self.channels);
        let mut chunk = Vec::with_capacity(wanted);
        for sample in self.samples.by_ref().take(wanted) {
            let sample = sample.map_err(|error| {
                Failure::usage(format!("{} breaks off or is damaged: {error}", self.name))
            })?;
            chunk.push(sample);
        }
        if let Some(fit) = &mut self.fit {
            chunk = fit.process(mixed(&chunk, self.channels), self.frames_left == 0);
        }
        Ok(Some(chunk))
    }

    /// Everything at once, mixed to one channel.
    ///
    /// # Errors
    /// As for [`WavChunks::next_chunk`].
    pub(crate) fn into_mono(mut self) -> Result<Vec<f32>, Failure> {
        let channels = self.channels();
        let mut mono = Vec::with_capacity(self.frames_left as usize);
        while let Some(chunk) = self.next_chunk()? {
            mono.append(&mut mixed(&chunk, channels));
        }
        Ok(mono)
    }
}

/// All channels in one.
fn mixed(chunk: &[f32], channels: u16) -> Vec<f32> {
    chunk
        .chunks_exact(usize::from(channels))
        .map(|frame| frame.iter().sum::<f32>() / f32::from(channels))
        .collect()
}

fn refusal(name: &str, why: &str) -> String {
    format!("{name} is not a WAV that can be played: {why}; {ACCEPTED}")
}

fn samples_of(
    reader: WavReader<Source>,
    name: &str,
) -> Result<Box<dyn Iterator<Item = Result<f32, hound::Error>> + Send>, Failure> {
    let spec = reader.spec();
    match (spec.sample_format, spec.bits_per_sample) {
        (SampleFormat::Float, 32) => Ok(Box::new(reader.into_samples::<f32>())),
        (SampleFormat::Int, bits @ 1..=32) => {
            let full_scale = (1_u64 << (bits - 1)) as f32;
            Ok(Box::new(reader.into_samples::<i32>().map(move |sample| {
                sample.map(|sample| sample as f32 / full_scale)
            })))
        }
        (_, bits) => Err(Failure::usage(refusal(
            name,
            &format!("its samples have {bits} bits"),
        ))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exit::Exit;
    use hound::{WavSpec, WavWriter};

    fn write(path: &Path, bits: u16, format: SampleFormat, rate: u32, channels: u16) {
        let spec = WavSpec {
            channels,
            sample_rate: rate,
            bits_per_sample: bits,
            sample_format: format,
        };
        let mut writer = WavWriter::create(path, spec).expect("the file can be made");
        let frames = rate / 10;
        for frame in 0..frames {
            let value = (std::f32::consts::TAU * frame as f32 / 80.0).sin() * 0.5;
            for channel in 0..channels {
                let value = if channel == 0 { value } else { 0.0 };
                match format {
                    SampleFormat::Float => writer.write_sample(value),
                    SampleFormat::Int => {
                        let full = ((1_i64 << (bits - 1)) - 1) as f32;
                        writer.write_sample((value * full).round() as i32)
                    }
                }
                .expect("a sample can be written");
            }
        }
        writer.finalize().expect("the file can be closed");
    }

    #[test]
    fn every_width_rate_and_channel_count_gives_the_same_sound() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("x.wav");
        let formats = [
            (8, SampleFormat::Int, 0.01),
            (16, SampleFormat::Int, 1e-4),
            (24, SampleFormat::Int, 1e-6),
            (32, SampleFormat::Int, 1e-6),
            (32, SampleFormat::Float, 1e-6),
        ];
        for (bits, format, tolerance) in formats {
            for (rate, channels) in [
                (8_000, 1),
                (11_025, 2),
                (44_100, 2),
                (48_000, 6),
                (192_000, 1),
            ] {
                write(&path, bits, format, rate, channels);
                let wav = WavChunks::open(&path).expect("the file is good");
                assert_eq!((wav.sample_rate(), wav.channels()), (rate, channels));
                let mono = wav.into_mono().expect("the file is whole");
                assert_eq!(mono.len(), rate as usize / 10);
                for (index, got) in mono.iter().enumerate() {
                    let want = (std::f32::consts::TAU * index as f32 / 80.0).sin() * 0.5
                        / f32::from(channels);
                    assert!(
                        (got - want).abs() <= tolerance,
                        "{bits} bits, {rate} Hz, {channels} channels, sample {index}: {got} is not {want}"
                    );
                }
            }
        }
    }

    #[test]
    fn a_long_file_comes_in_chunks_of_a_second() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("x.wav");
        let spec = WavSpec {
            channels: 2,
            sample_rate: 8_000,
            bits_per_sample: 16,
            sample_format: SampleFormat::Int,
        };
        let mut writer = WavWriter::create(&path, spec).expect("the file can be made");
        for _ in 0..2 * 20_000 {
            writer
                .write_sample(100_i16)
                .expect("a sample can be written");
        }
        writer.finalize().expect("the file can be closed");
        let mut wav = WavChunks::open(&path).expect("the file is good");
        let mut lengths = Vec::new();
        while let Some(chunk) = wav.next_chunk().expect("the file is whole") {
            lengths.push(chunk.len());
        }
        assert_eq!(lengths, [16_000, 16_000, 8_000]);
    }

    #[test]
    fn what_is_no_wav_is_named_and_what_is_accepted_is_said() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("song.mp3");
        std::fs::write(
            &path,
            b"ID3\x03 this is no RIFF at all, however long it may be",
        )
        .expect("a file");
        let failure = WavChunks::open(&path).err().expect("it is refused");
        assert_eq!(failure.exit, Exit::Usage);
        assert!(failure.message.contains("song.mp3"), "{failure}");
        assert!(failure.message.contains("accepted is WAV"), "{failure}");
    }

    #[test]
    fn a_missing_file_is_named() {
        let failure = WavChunks::open(Path::new("/nowhere/x.wav"))
            .err()
            .expect("it is refused");
        assert!(
            failure.message.starts_with("cannot read /nowhere/x.wav"),
            "{failure}"
        );
    }

    #[test]
    fn a_file_that_breaks_off_is_an_error_and_not_a_panic() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("x.wav");
        write(&path, 16, SampleFormat::Int, 8_000, 1);
        let whole = std::fs::read(&path).expect("the file is there");
        for length in 0..whole.len() {
            if length > 60 && length % 37 != 0 {
                continue;
            }
            std::fs::write(&path, &whole[..length]).expect("a file");
            let outcome = WavChunks::open(&path).and_then(WavChunks::into_mono);
            assert!(outcome.is_err(), "{length} of {} bytes", whole.len());
        }
    }
}
