//! Reading WAV: any rate, any channel count, 8, 16, 24 or 32 bits, or 32-bit float.

use std::fs::File;
use std::io::{BufReader, Read};
use std::path::Path;
use std::time::Duration;

use audio_codecs::sample::downmix;
use hound::SampleFormat;
use media_engine::AudioFrame;

use super::WavError;
use super::rate::RateFit;

/// Samples in one chunk at most, all channels together: some headers lie.
const MAX_CHUNK: usize = 1 << 20;

/// A source of bytes that a WAV is read from.
type Source = Box<dyn Read + Send>;

/// A WAV file that is read chunk by chunk, so that its length does not matter.
///
/// Rates from 500 Hz to 1.5 MHz are read. What lies outside the 8,000 to 192,000 Hz that a call takes is brought there on the
/// way, and mixed to one channel.
///
/// ```
/// use headless_sip::{WavReader, WavWriter};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let folder = tempfile::tempdir()?;
/// # let path = folder.path().join("prompt.wav");
/// let mut writer = WavWriter::create(&path, 44_100, 2)?;
/// writer.write(&vec![0.25; 2 * 44_100])?; // a second of stereo
/// writer.finish()?;
///
/// let frame = WavReader::open(&path)?.into_mono()?;
/// assert_eq!((frame.sample_rate, frame.samples.len()), (44_100, 44_100));
/// # Ok(())
/// # }
/// ```
pub struct WavReader {
    name: String,
    sample_rate: u32,
    channels: u16,
    frames: u32,
    frames_left: u32,
    /// For a rate that no call takes; the chunks are mono then.
    fit: Option<RateFit>,
    samples: Box<dyn Iterator<Item = Result<f32, hound::Error>> + Send>,
}

impl WavReader {
    /// Opens a file and checks its header.
    ///
    /// # Errors
    /// [`WavError::Open`], [`WavError::NotPlayable`], [`WavError::Empty`].
    pub fn open(path: impl AsRef<Path>) -> Result<Self, WavError> {
        let path = path.as_ref();
        let file = File::open(path).map_err(|source| WavError::Open {
            path: path.to_owned(),
            source,
        })?;
        Self::from_source(path.display().to_string(), Box::new(BufReader::new(file)))
    }

    /// Reads from anything, memory for example; `name` is what errors call it.
    ///
    /// # Errors
    /// As for [`WavReader::open`].
    pub fn from_reader(name: &str, source: impl Read + Send + 'static) -> Result<Self, WavError> {
        Self::from_source(name.to_owned(), Box::new(source))
    }

    fn from_source(name: String, source: Source) -> Result<Self, WavError> {
        let reader = match hound::WavReader::new(source) {
            Ok(reader) => reader,
            Err(error) => return Err(not_playable(name, error.to_string())),
        };
        let spec = reader.spec();
        if spec.sample_rate == 0 || spec.channels == 0 {
            return Err(not_playable(name, "its header names no rate or no channel"));
        }
        let frames = reader.duration();
        if frames == 0 {
            return Err(WavError::Empty { name });
        }
        let fit = match RateFit::for_rate(spec.sample_rate) {
            Ok(fit) => fit,
            Err(why) => return Err(not_playable(name, why)),
        };
        Ok(Self {
            samples: samples_of(reader, &name)?,
            fit,
            name,
            sample_rate: spec.sample_rate,
            channels: spec.channels,
            frames,
            frames_left: frames,
        })
    }

    /// Samples a second of each channel in the chunks, in Hz: 8,000 to 192,000.
    pub fn sample_rate(&self) -> u32 {
        self.fit.as_ref().map_or(self.sample_rate, RateFit::rate)
    }

    /// Channels, interleaved in each chunk.
    pub fn channels(&self) -> u16 {
        if self.fit.is_some() { 1 } else { self.channels }
    }

    /// How long the whole file plays, as its header says.
    pub fn duration(&self) -> Duration {
        Duration::from_secs_f64(f64::from(self.frames) / f64::from(self.sample_rate))
    }

    /// The next chunk of at most one second, samples in [-1, 1]; `None` at the end. Reads from the disk, and so may block.
    ///
    /// # Errors
    /// [`WavError::Damaged`] when the file ends too early or breaks.
    pub fn next_chunk(&mut self) -> Result<Option<AudioFrame>, WavError> {
        let channels = usize::from(self.channels);
        let most = (MAX_CHUNK / channels).max(1) as u32;
        let frames = self.frames_left.min(self.sample_rate).min(most);
        if frames == 0 {
            return Ok(None);
        }
        self.frames_left -= frames;
        let wanted = frames as usize * channels;
        let mut samples = Vec::with_capacity(wanted);
        for sample in self.samples.by_ref().take(wanted) {
            samples.push(sample.map_err(|error| WavError::Damaged {
                name: self.name.clone(),
                why: error.to_string(),
            })?);
        }
        if let Some(fit) = &mut self.fit {
            samples = fit.process(mixed(&samples, self.channels), self.frames_left == 0);
        }
        Ok(Some(AudioFrame {
            samples,
            sample_rate: self.sample_rate(),
            channels: self.channels(),
        }))
    }

    /// Everything that is left, mixed to one channel.
    ///
    /// # Errors
    /// As for [`WavReader::next_chunk`].
    pub fn into_mono(mut self) -> Result<AudioFrame, WavError> {
        let mut mono = Vec::new();
        while let Some(chunk) = self.next_chunk()? {
            downmix(&chunk.samples, chunk.channels, &mut mono);
        }
        Ok(AudioFrame::mono(mono, self.sample_rate()))
    }
}

impl std::fmt::Debug for WavReader {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("WavReader")
            .field("name", &self.name)
            .field("sample_rate", &self.sample_rate)
            .field("channels", &self.channels)
            .finish_non_exhaustive()
    }
}

fn mixed(samples: &[f32], channels: u16) -> Vec<f32> {
    let mut mono = Vec::new();
    downmix(samples, channels, &mut mono);
    mono
}

fn finite(sample: f32) -> f32 {
    if sample.is_finite() { sample } else { 0.0 }
}

fn not_playable(name: String, why: impl Into<String>) -> WavError {
    WavError::NotPlayable {
        name,
        why: why.into(),
    }
}

fn samples_of(
    reader: hound::WavReader<Source>,
    name: &str,
) -> Result<Box<dyn Iterator<Item = Result<f32, hound::Error>> + Send>, WavError> {
    let spec = reader.spec();
    match (spec.sample_format, spec.bits_per_sample) {
        (SampleFormat::Float, 32) => Ok(Box::new(
            reader
                .into_samples::<f32>()
                .map(|sample| sample.map(finite)),
        )),
        (SampleFormat::Int, bits @ 1..=32) => {
            let full_scale = (1_u64 << (bits - 1)) as f32;
            Ok(Box::new(reader.into_samples::<i32>().map(move |sample| {
                sample.map(|sample| sample as f32 / full_scale)
            })))
        }
        (_, bits) => Err(not_playable(
            name.to_owned(),
            format!("its samples have {bits} bits"),
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
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
                let wav = WavReader::open(&path).expect("the file is good");
                assert_eq!((wav.sample_rate(), wav.channels()), (rate, channels));
                let length = f64::from(rate / 10) / f64::from(rate);
                assert_eq!(wav.duration(), Duration::from_secs_f64(length));
                let mono = wav.into_mono().expect("the file is whole").samples;
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
        let mut wav = WavReader::open(&path).expect("the file is good");
        let mut lengths = Vec::new();
        while let Some(chunk) = wav.next_chunk().expect("the file is whole") {
            lengths.push(chunk.samples.len());
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
        let error = WavReader::open(&path).expect_err("it is refused");
        assert!(matches!(error, WavError::NotPlayable { .. }), "{error:?}");
        let text = error.to_string();
        assert!(text.contains("song.mp3"), "{text}");
        assert!(text.contains("accepted is WAV"), "{text}");
    }

    #[test]
    fn a_missing_file_is_named() {
        let error = WavReader::open("/nowhere/x.wav").expect_err("it is refused");
        assert!(matches!(error, WavError::Open { .. }), "{error:?}");
        let text = error.to_string();
        assert!(text.starts_with("cannot read /nowhere/x.wav"), "{text}");
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
            let outcome = WavReader::open(&path).and_then(WavReader::into_mono);
            assert!(outcome.is_err(), "{length} of {} bytes", whole.len());
        }
    }

    proptest::proptest! {
        #[test]
        fn a_header_that_lies_is_an_error_or_sound_and_never_a_panic(
            at in 0_usize..80,
            byte: u8,
            more in proptest::collection::vec((0_usize..80, proptest::num::u8::ANY), 0..4),
        ) {
            let mut bytes = Vec::new();
            let spec = WavSpec {
                channels: 3,
                sample_rate: 8_000,
                bits_per_sample: 24,
                sample_format: SampleFormat::Int,
            };
            let mut writer = WavWriter::new(std::io::Cursor::new(&mut bytes), spec)
                .expect("memory takes it");
            for sample in 0..300 {
                writer.write_sample(sample).expect("a sample can be written");
            }
            writer.finalize().expect("memory takes it");
            for (at, byte) in more.into_iter().chain([(at, byte)]) {
                bytes[at] = byte;
            }
            let wav = WavReader::from_reader("lies", std::io::Cursor::new(bytes));
            if let Ok(frame) = wav.and_then(WavReader::into_mono) {
                proptest::prop_assert!(frame.samples.iter().all(|sample| sample.is_finite()));
            }
        }
    }
}
