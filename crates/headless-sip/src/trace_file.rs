//! The SIP messages of a client, kept in a file for as long as it lives.

use std::fs::File;
use std::io::{self, BufWriter};
use std::path::Path;
use std::time::{Instant, SystemTime};

use sip_signaling::TracedMessage;
use sip_signaling::trace::{TraceFormat, TraceWriter};
use tokio::sync::broadcast::{self, error::RecvError, error::TryRecvError};
use tokio_util::sync::CancellationToken;

use crate::Error;

type Writer = TraceWriter<BufWriter<File>>;

/// Opens the file: a capture if its name ends in `.pcapng`, text otherwise.
pub(crate) fn create(path: &Path) -> Result<Writer, Error> {
    let format = match path.extension() {
        Some(ending) if ending.eq_ignore_ascii_case("pcapng") => TraceFormat::Pcapng,
        _ => TraceFormat::Text,
    };
    File::create(path)
        .and_then(|file| {
            let out = BufWriter::new(file);
            TraceWriter::new(out, format, Instant::now(), SystemTime::now())
        })
        .map_err(|error| Error::Config(format!("the trace file {}: {error}", path.display())))
}

/// Writes what passes until the client is over, and then what is left.
pub(crate) async fn write(
    mut writer: Writer,
    mut messages: broadcast::Receiver<TracedMessage>,
    over: CancellationToken,
) {
    let outcome = async {
        loop {
            let message = tokio::select! {
                message = messages.recv() => message,
                () = over.cancelled() => break,
            };
            match message {
                Ok(message) => writer.write(&message)?,
                Err(RecvError::Lagged(missing)) => {
                    tracing::warn!(
                        missing,
                        "the trace file is behind; messages are missing in it"
                    );
                }
                Err(RecvError::Closed) => break,
            }
            if messages.is_empty() {
                writer.flush()?;
            }
        }
        loop {
            match messages.try_recv() {
                Ok(message) => writer.write(&message)?,
                Err(TryRecvError::Lagged(_)) => {}
                Err(_) => break,
            }
        }
        writer.finish()
    };
    let outcome: io::Result<()> = outcome.await;
    if let Err(error) = outcome {
        tracing::warn!(%error, "the trace file cannot be written any more");
    }
}
