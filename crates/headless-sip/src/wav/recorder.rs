//! Recording a call: frames in without waiting, a WAV out on a thread of its own.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, mpsc};
use std::time::Duration;

use media_engine::{AudioReceiver, ReceivedFrame};
use tokio::sync::oneshot;

use super::WavError;
use super::tape::{Block, Tape};
use super::writer::{WavWriter, create};

/// How much audio may wait for the disk.
const MAX_BACKLOG: Duration = Duration::from_secs(30);

/// Stack of the thread: it does nothing but write.
const STACK: usize = 256 * 1024;

/// What to record.
#[derive(Debug, Clone, PartialEq)]
pub struct RecorderConfig {
    /// Two channels: left is received, right is sent, in step. Needs
    /// [`ClientConfig::tap_sent`](crate::ClientConfig::tap_sent). Default off: one channel of what is received.
    pub stereo: bool,
    /// Rate of the file in Hz, 8,000 to 192,000; audio of other rates is converted. Default: that of the first frame received.
    pub sample_rate: Option<u32>,
    /// How often the file is brought up to date: so much is lost at most when the process is killed. Default 500 ms.
    pub flush_interval: Duration,
}

impl Default for RecorderConfig {
    fn default() -> Self {
        Self {
            stereo: false,
            sample_rate: None,
            flush_interval: Duration::from_millis(500),
        }
    }
}

impl RecorderConfig {
    /// Both sides in step: left is received, right is sent.
    pub fn stereo() -> Self {
        Self {
            stereo: true,
            ..Self::default()
        }
    }
}

/// A recording that was closed.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Recorded {
    /// The file.
    pub path: PathBuf,
    /// How long it plays.
    pub duration: Duration,
    /// Its rate in Hz.
    pub sample_rate: u32,
    /// 1, or 2 for received and sent.
    pub channels: u16,
}

/// Records a call to a WAV file of 16-bit samples.
///
/// Nothing here waits for the disk: a thread of the recorder's own writes, and brings the header up to date every
/// [`flush_interval`](RecorderConfig::flush_interval), so that the file can be played at any time from then on. Frames stand
/// where their media time says: what a program that lagged has lost becomes silence, and both sides stay in step.
///
/// Dropping the recorder lets the thread write the rest and close the file; [`finish`](Self::finish) waits for that.
///
/// ```no_run
/// use headless_sip::{ActiveCall, RecorderConfig, WavRecorder};
///
/// # async fn example(mut call: ActiveCall) -> Result<(), Box<dyn std::error::Error>> {
/// let recorder = WavRecorder::create("call.wav", RecorderConfig::stereo())?;
/// let audio = &mut call.audio;
/// let recorded = recorder.record(&mut audio.rx, audio.sent.as_mut()).await?;
/// println!("{}: {:?}", recorded.path.display(), recorded.duration);
/// # Ok(())
/// # }
/// ```
pub struct WavRecorder {
    path: PathBuf,
    stereo: bool,
    flush_interval: Duration,
    tape: Tape,
    /// To the thread; `None` once the recording is over.
    blocks: Option<mpsc::Sender<Block>>,
    handed_over: u64,
    written: Arc<AtomicU64>,
    /// What came of it; none once that was told.
    outcome: Option<oneshot::Receiver<Result<Recorded, WavError>>>,
}

impl WavRecorder {
    /// Makes the file, or empties it, and starts the thread.
    ///
    /// # Errors
    /// [`WavError::Create`]; [`WavError::Audio`] for a rate that cannot be converted to.
    pub fn create(path: impl AsRef<Path>, config: RecorderConfig) -> Result<Self, WavError> {
        let path = path.as_ref().to_owned();
        if let Some(rate) = config.sample_rate
            && !media_engine::SAMPLE_RATES.contains(&rate)
        {
            return Err(media_engine::AudioError::SampleRate(rate).into());
        }
        let file = create(&path)?;
        let tape = Tape::new(config.stereo, config.sample_rate);
        let (blocks, from_recorder) = mpsc::channel();
        let (to_recorder, outcome) = oneshot::channel();
        let written = Arc::new(AtomicU64::new(0));
        let thread = Thread {
            path: path.clone(),
            channels: if config.stereo { 2 } else { 1 },
            sample_rate: tape.sample_rate(),
            written: written.clone(),
        };
        std::thread::Builder::new()
            .name("wav-recorder".into())
            .stack_size(STACK)
            .spawn(move || {
                let outcome = thread.run(file, &from_recorder);
                if let Err(Err(error)) = to_recorder.send(outcome) {
                    tracing::warn!(%error, "a recording was not closed well");
                }
            })
            .map_err(|source| WavError::Create {
                path: path.clone(),
                source,
            })?;
        Ok(Self {
            path,
            stereo: config.stereo,
            flush_interval: config.flush_interval,
            tape,
            blocks: Some(blocks),
            handed_over: 0,
            written,
            outcome: Some(outcome),
        })
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Whether it has two channels and so wants what was sent as well.
    pub fn is_stereo(&self) -> bool {
        self.stereo
    }

    /// Adds a frame that was received. Never waits.
    ///
    /// # Errors
    /// Once, whatever ended the recording: [`WavError::DiskFull`], [`WavError::Write`], [`WavError::TooLong`],
    /// [`WavError::TooSlow`]; [`WavError::Ended`] from then on.
    pub fn received(&mut self, frame: &ReceivedFrame) -> Result<(), WavError> {
        self.tape.received(frame);
        self.hand_over()
    }

    /// Adds a frame that was sent, from [`AudioBridge::sent`](crate::AudioBridge::sent); ignored when one channel is recorded.
    /// Never waits.
    ///
    /// # Errors
    /// As for [`WavRecorder::received`].
    pub fn sent(&mut self, frame: &ReceivedFrame) -> Result<(), WavError> {
        self.tape.sent(frame);
        self.hand_over()
    }

    /// Records until the call ends, then closes the file. For a program that has no other use for what is received.
    ///
    /// # Errors
    /// [`WavError::NoTap`] when both sides are wanted and `sent` is none; as for [`WavRecorder::received`].
    ///
    /// # Cancel safety
    /// Dropping the future closes the file with what was recorded.
    pub async fn record(
        mut self,
        rx: &mut AudioReceiver,
        mut sent: Option<&mut AudioReceiver>,
    ) -> Result<Recorded, WavError> {
        if self.stereo && sent.is_none() {
            return Err(WavError::NoTap);
        }
        loop {
            tokio::select! {
                frame = rx.recv_annotated() => match frame {
                    Some(frame) => self.received(&frame)?,
                    None => break,
                },
                Some(frame) = next(&mut sent) => self.sent(&frame)?,
            }
        }
        while let Some(frame) = sent.as_mut().and_then(|sent| sent.try_recv()) {
            self.sent(&frame)?;
        }
        self.finish().await
    }

    /// Closes the file and waits until that is done.
    ///
    /// # Errors
    /// As for [`WavRecorder::received`].
    ///
    /// # Cancel safety
    /// The file is closed all the same.
    pub async fn finish(mut self) -> Result<Recorded, WavError> {
        self.close();
        match self.outcome.take() {
            Some(outcome) => outcome.await.unwrap_or(Err(WavError::Ended)),
            None => Err(WavError::Ended),
        }
    }

    fn hand_over(&mut self) -> Result<(), WavError> {
        let Some(blocks) = &self.blocks else {
            return Err(WavError::Ended);
        };
        let rate = u64::from(self.tape.sample_rate());
        let least = self.flush_interval.as_secs_f64() * rate as f64;
        let Some(block) = self.tape.take(least as usize) else {
            return Ok(());
        };
        self.handed_over += block.samples.len() as u64;
        let channels = if self.stereo { 2 } else { 1 };
        let behind = self.handed_over - self.written.load(Ordering::Relaxed);
        let seconds = behind / (rate * channels);
        if seconds > MAX_BACKLOG.as_secs() {
            self.blocks = None;
            let path = self.path.clone();
            return Err(WavError::TooSlow { path, seconds });
        }
        if blocks.send(block).is_err() {
            // The thread has given up and told why.
            self.blocks = None;
            let told = self.outcome.take().map(|mut outcome| outcome.try_recv());
            return match told {
                Some(Ok(Err(error))) => Err(error),
                _ => Err(WavError::Ended),
            };
        }
        Ok(())
    }

    /// Hands the rest over; the thread ends when it has written that.
    fn close(&mut self) {
        if let Some(blocks) = self.blocks.take()
            && let Some(block) = self.tape.finish()
        {
            let _ = blocks.send(block);
        }
    }
}

impl Drop for WavRecorder {
    fn drop(&mut self) {
        self.close();
    }
}

impl std::fmt::Debug for WavRecorder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("WavRecorder")
            .field("path", &self.path)
            .field("stereo", &self.stereo)
            .finish_non_exhaustive()
    }
}

async fn next(sent: &mut Option<&mut AudioReceiver>) -> Option<ReceivedFrame> {
    match sent {
        Some(sent) => sent.recv_annotated().await,
        None => None,
    }
}

/// The thread's side: takes blocks until there are no more.
struct Thread {
    path: PathBuf,
    channels: u16,
    /// If no block tells another, in Hz.
    sample_rate: u32,
    written: Arc<AtomicU64>,
}

impl Thread {
    fn run(&self, file: File, blocks: &mpsc::Receiver<Block>) -> Result<Recorded, WavError> {
        let mut block = blocks.recv().ok();
        let sample_rate = block
            .as_ref()
            .map_or(self.sample_rate, |block| block.sample_rate);
        let mut writer = WavWriter::begin(file, &self.path, sample_rate, self.channels)?;
        while let Some(Block { samples, .. }) = block {
            writer.write(&samples)?;
            writer.flush()?;
            self.written
                .fetch_add(samples.len() as u64, Ordering::Relaxed);
            block = blocks.recv().ok();
        }
        let duration = writer.duration();
        writer.finish()?;
        Ok(Recorded {
            path: self.path.clone(),
            duration,
            sample_rate,
            channels: self.channels,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use media_engine::AudioFrame;

    const PTIME: Duration = Duration::from_millis(20);

    fn frame(number: u32) -> ReceivedFrame {
        ReceivedFrame {
            frame: AudioFrame::mono(vec![0.5; 160], 8_000),
            media_time: PTIME * number,
            ..ReceivedFrame::default()
        }
    }

    fn length(path: &Path) -> u32 {
        hound::WavReader::open(path)
            .expect("it is a WAV")
            .duration()
    }

    #[tokio::test]
    async fn the_file_can_be_played_while_it_grows_and_is_whole_when_it_is_closed() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("call.wav");
        let mut recorder =
            WavRecorder::create(&path, RecorderConfig::default()).expect("it begins");
        for number in 0..55 {
            recorder.received(&frame(number)).expect("it is taken");
        }
        // Two intervals of 500 ms are with the thread: it needs only to get to them.
        while recorder.written.load(Ordering::Relaxed) < 8_000 {
            std::thread::yield_now();
        }
        assert_eq!(length(&path), 8_000);
        let recorded = recorder.finish().await.expect("it is closed");
        assert_eq!(recorded.duration, Duration::from_millis(1_100));
        assert_eq!((recorded.sample_rate, recorded.channels), (8_000, 1));
        assert_eq!(length(&path), 55 * 160);
    }

    #[test]
    fn a_dropped_recorder_writes_what_it_has() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("call.wav");
        let mut recorder = WavRecorder::create(&path, RecorderConfig::stereo()).expect("it begins");
        recorder.received(&frame(0)).expect("it is taken");
        let outcome = recorder.outcome.take().expect("nothing was told yet");
        drop(recorder);
        let recorded = outcome
            .blocking_recv()
            .expect("the thread answers")
            .expect("it is closed");
        assert_eq!(recorded.duration, PTIME);
        assert_eq!(length(&path), 160);
    }

    #[tokio::test]
    async fn a_call_without_sound_leaves_an_empty_wav() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("call.wav");
        let recorder = WavRecorder::create(&path, RecorderConfig::default()).expect("it begins");
        let recorded = recorder.finish().await.expect("it is closed");
        assert_eq!(recorded.duration, Duration::ZERO);
        assert_eq!(length(&path), 0);
    }

    #[cfg(target_os = "linux")]
    #[tokio::test]
    async fn a_full_disk_ends_the_recording_and_is_told_once() {
        let mut recorder =
            WavRecorder::create("/dev/full", RecorderConfig::default()).expect("it can be opened");
        let mut number = 0;
        let error = loop {
            number += 1;
            if let Err(error) = recorder.received(&frame(number)) {
                break error;
            }
            std::thread::yield_now();
        };
        assert!(matches!(error, WavError::DiskFull { .. }), "{error:?}");
        let again = recorder.received(&frame(number + 1));
        assert!(matches!(again, Err(WavError::Ended)), "{again:?}");
        assert!(matches!(recorder.finish().await, Err(WavError::Ended)));
    }

    #[test]
    fn a_disk_that_is_too_slow_ends_the_recording_and_never_the_call() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("call.wav");
        let mut recorder =
            WavRecorder::create(&path, RecorderConfig::default()).expect("it begins");
        // A thread that never writes.
        let (blocks, _stuck) = mpsc::channel();
        recorder.blocks = Some(blocks);
        let error = (0..)
            .find_map(|number| recorder.received(&frame(number)).err())
            .expect("it ends");
        assert!(
            matches!(error, WavError::TooSlow { seconds: 31, .. }),
            "{error:?}"
        );
    }

    #[test]
    fn a_rate_that_cannot_be_is_refused() {
        let config = RecorderConfig {
            sample_rate: Some(4_000),
            ..RecorderConfig::default()
        };
        let error = WavRecorder::create("/nowhere/x.wav", config).expect_err("4 kHz");
        assert!(matches!(error, WavError::Audio(_)), "{error:?}");
    }
}
