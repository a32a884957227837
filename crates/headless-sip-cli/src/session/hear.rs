//! What we hear in a call: recorded, and said back if we are an echo.

use headless_sip::codecs::Resampler;
use headless_sip::{AudioFrame, AudioReceiver, AudioSender};

use crate::exit::Failure;
use crate::wav::Recording;

/// Receives until the call ends, and closes the recording then.
///
/// # Errors
/// A [`Failure`] when the recording cannot be written; the call goes on without it.
pub(super) async fn run(
    mut rx: AudioReceiver,
    mut sent: Option<AudioReceiver>,
    recording: Option<Recording>,
    echo: Option<AudioSender>,
) -> Result<(), Failure> {
    let mut recorder = recording.map(Recorder::new);
    let mut outcome = Ok(());
    loop {
        tokio::select! {
            frame = rx.recv() => {
                let Some(frame) = frame else { break };
                if let Some(open) = &mut recorder
                    && let Err(failure) = open.received(&frame)
                {
                    tracing::error!(%failure, "the recording ends here");
                    outcome = Err(failure);
                    recorder = None;
                }
                if let Some(echo) = &echo {
                    // A full queue means that we lag by the whole playback buffer: then this frame is better not said.
                    let _ = echo.try_send(frame);
                }
            }
            Some(frame) = next(&mut sent) => {
                if let Some(open) = &mut recorder {
                    open.sent(&frame);
                }
            }
        }
    }
    match recorder {
        Some(mut open) => open.finish(),
        None => outcome,
    }
}

async fn next(sent: &mut Option<AudioReceiver>) -> Option<AudioFrame> {
    match sent {
        Some(receiver) => receiver.recv().await,
        None => None,
    }
}

/// Puts both directions side by side. Both streams begin with the call and have one frame a ptime, so that equal
/// counts of samples are equal times.
struct Recorder {
    file: Recording,
    received: Side,
    sent: Side,
}

impl Recorder {
    fn new(file: Recording) -> Self {
        Self {
            file,
            received: Side::default(),
            sent: Side::default(),
        }
    }

    fn received(&mut self, frame: &AudioFrame) -> Result<(), Failure> {
        let rate = self.file.rate().unwrap_or(frame.sample_rate);
        self.received.push(frame, rate);
        let ready = if self.file.is_stereo() {
            self.received.samples.len().min(self.sent.samples.len())
        } else {
            self.received.samples.len()
        };
        self.write(rate, ready)
    }

    fn sent(&mut self, frame: &AudioFrame) {
        if self.file.is_stereo() {
            self.sent
                .push(frame, self.file.rate().unwrap_or(frame.sample_rate));
        }
    }

    fn write(&mut self, rate: u32, count: usize) -> Result<(), Failure> {
        let paired = count.min(self.sent.samples.len());
        self.file.write(
            rate,
            &self.received.samples[..count],
            &self.sent.samples[..paired],
        )?;
        self.received.samples.drain(..count);
        self.sent.samples.drain(..paired);
        Ok(())
    }

    fn finish(&mut self) -> Result<(), Failure> {
        if let Some(rate) = self.file.rate() {
            self.write(rate, self.received.samples.len())?;
        }
        self.file.finish()
    }
}

/// One direction at the rate of the file.
#[derive(Default)]
struct Side {
    samples: Vec<f32>,
    /// For sound of another rate than the file's: a call may change its codec.
    resampler: Option<(u32, Resampler)>,
}

impl Side {
    fn push(&mut self, frame: &AudioFrame, rate: u32) {
        if frame.sample_rate == rate {
            self.resampler = None;
            self.samples.extend_from_slice(&frame.samples);
            return;
        }
        if self
            .resampler
            .as_ref()
            .is_none_or(|(from, _)| *from != frame.sample_rate)
        {
            self.resampler = Resampler::new(frame.sample_rate, rate)
                .inspect_err(|error| tracing::warn!(%error, "sound that cannot be recorded"))
                .ok()
                .map(|resampler| (frame.sample_rate, resampler));
        }
        if let Some((_, resampler)) = &mut self.resampler {
            resampler.process(&frame.samples, &mut self.samples);
        }
    }
}
