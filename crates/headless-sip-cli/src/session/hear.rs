//! What we hear in a call: recorded, and said back if we are an echo.

use headless_sip::{AudioReceiver, AudioSender, ReceivedFrame, WavRecorder};

use crate::exit::Failure;

/// Receives until the call ends, and closes the recording then.
///
/// # Errors
/// A [`Failure`] when the recording cannot be written; the call goes on without it.
pub(super) async fn run(
    mut rx: AudioReceiver,
    mut sent: Option<AudioReceiver>,
    mut recorder: Option<WavRecorder>,
    echo: Option<AudioSender>,
) -> Result<(), Failure> {
    let mut outcome = Ok(());
    loop {
        let written = tokio::select! {
            frame = rx.recv_annotated() => {
                let Some(frame) = frame else { break };
                let written = recorder.as_mut().map(|open| open.received(&frame));
                if let Some(echo) = &echo {
                    // A full queue means that we lag by the whole playback buffer: then this frame is better not said.
                    let _ = echo.try_send(frame.frame);
                }
                written
            }
            Some(frame) = next(&mut sent) => recorder.as_mut().map(|open| open.sent(&frame)),
        };
        if let Some(Err(error)) = written {
            tracing::error!(%error, "the recording ends here");
            outcome = Err(error.into());
            recorder = None;
        }
    }
    let Some(mut recorder) = recorder else {
        return outcome;
    };
    while let Some(frame) = sent.as_mut().and_then(AudioReceiver::try_recv) {
        recorder.sent(&frame)?;
    }
    recorder.finish().await?;
    Ok(())
}

async fn next(sent: &mut Option<AudioReceiver>) -> Option<ReceivedFrame> {
    match sent {
        Some(receiver) => receiver.recv_annotated().await,
        None => None,
    }
}
