//! `headless-sip call`: calls somebody, plays and records.

use std::time::Duration;

use headless_sip::{ActiveCall, Error, HeadlessSipClient, Progress};

use crate::args::CallArgs;
use crate::client::{self, Wishes};
use crate::event::{EndedBy, Event};
use crate::exit::{Exit, Failure};
use crate::output::Output;
use crate::session::{self, Plan, Sound, Until};
use crate::shutdown::Shutdown;
use crate::wav::{Recording, WavChunks};

/// How long a tone lasts when nobody says how long the call is.
const TONE: Duration = Duration::from_secs(5);

/// Runs the command.
///
/// # Errors
/// A [`Failure`] with the exit code that tells why.
pub(crate) async fn run(
    args: &CallArgs,
    output: &Output,
    mut shutdown: Shutdown,
) -> Result<(), Failure> {
    // Files first: nobody is called for a call that cannot be made.
    let plan = plan(args)?;
    let wishes = Wishes {
        ring: Some(Duration::from_secs(args.ring.into())),
        tap_sent: plan.recording.as_ref().is_some_and(Recording::is_stereo),
        ..Wishes::default()
    };
    let client = client::open(&args.account, wishes, output, &mut shutdown).await?;
    let outcome = match dial(&client, &args.uri, output, &mut shutdown).await {
        Ok(Some(call)) => session::run(call, plan, output, shutdown).await,
        Ok(None) => Ok(()),
        Err(failure) => Err(failure),
    };
    client.shutdown().await;
    outcome
}

fn plan(args: &CallArgs) -> Result<Plan, Failure> {
    let length = args.seconds.map(Duration::from_secs_f64);
    let sound = match (&args.play, args.tone) {
        (Some(path), _) => Sound::Wav(Box::new(WavChunks::open(path)?)),
        (None, Some(frequency)) => Sound::Tone {
            frequency,
            length: if length.is_some() { None } else { Some(TONE) },
        },
        (None, None) => Sound::None,
    };
    Ok(Plan {
        sound,
        dtmf: args.dtmf.clone(),
        recording: args.record.as_deref().map(Recording::create).transpose()?,
        until: length.map_or(Until::Sent, Until::After),
    })
}

/// Calls and tells how it goes; `None` when the user gave up.
async fn dial(
    client: &HeadlessSipClient,
    uri: &str,
    output: &Output,
    shutdown: &mut Shutdown,
) -> Result<Option<ActiveCall>, Failure> {
    let mut call = client.dial(uri).await?;
    let call_id = call.call_id().to_owned();
    let mut told = false;
    loop {
        let progress = tokio::select! {
            progress = call.progress() => progress,
            () = shutdown.asked() => {
                call.cancel().await;
                output.event(&ended_early(&call_id, EndedBy::Local, None, "cancelled"));
                return Ok(None);
            }
        };
        match progress {
            // One event for what may be several 18x.
            Ok(Progress::Ringing { .. }) if !told => {
                told = true;
                output.event(&Event::Ringing {
                    call_id: call_id.clone(),
                    from: client.address(),
                    to: uri.to_owned(),
                });
            }
            Ok(Progress::EarlyMedia) => output.event(&Event::EarlyMedia {
                call_id: call_id.clone(),
            }),
            Ok(Progress::Answered) => return Ok(Some(call.answered().await?)),
            Ok(_) => {}
            Err(error) => {
                let by = by(&error);
                output.event(&ended_early(
                    &call_id,
                    by,
                    error.status(),
                    &error.to_string(),
                ));
                return Err(error.into());
            }
        }
    }
}

fn by(error: &Error) -> EndedBy {
    match Exit::of(error) {
        Exit::NoAnswer if error.status().is_none() => EndedBy::Timeout,
        Exit::Other => EndedBy::Signaling,
        _ => EndedBy::Remote,
    }
}

/// The end of a call that never stood.
fn ended_early(call_id: &str, by: EndedBy, status: Option<u16>, reason: &str) -> Event {
    Event::Ended {
        call_id: call_id.to_owned(),
        by,
        status,
        reason: reason.to_owned(),
        stats: None,
        recording: None,
    }
}
