//! `headless-sip call`: calls somebody, plays and records.

use std::time::Duration;

use headless_sip::{
    ActiveCall, Error, HeadlessSipClient, OutgoingCall, Progress, WavReader, WavRecorder,
};

use crate::args::CallArgs;
use crate::client::{self, Wishes};
use crate::event::{Direction, EndedBy, Event};
use crate::exit::{Exit, Failure, reason};
use crate::listen;
use crate::output::Output;
use crate::recording;
use crate::session::{self, Plan, Sound, Until};
use crate::shutdown::Shutdown;

/// How long a tone lasts when nobody says how long the call is.
const TONE: Duration = Duration::from_secs(5);

/// What is granted beyond a limit before it is enforced.
const LATITUDE: Duration = Duration::from_millis(500);

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
        tap_sent: plan.recording.as_ref().is_some_and(WavRecorder::is_stereo),
        in_call: Some(args.in_call.clone()),
        ..Wishes::default()
    };
    let client = client::open(&args.account, wishes, output, &mut shutdown).await?;
    let outcome = match dial(&client, args, output, &mut shutdown).await {
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
        (Some(path), _) => Sound::Wav(Box::new(WavReader::open(path)?)),
        (None, Some(frequency)) => Sound::Tone {
            frequency,
            length: if length.is_some() { None } else { Some(TONE) },
        },
        (None, None) => Sound::None,
    };
    Ok(Plan {
        sound,
        dtmf: args.dtmf.clone(),
        recording: args.record.as_deref().map(recording::create).transpose()?,
        until: length.map_or(Until::Sent, Until::After),
        steering: args.in_call.clone(),
    })
}

/// Calls and tells how it goes; `None` when the user gave up.
async fn dial(
    client: &HeadlessSipClient,
    args: &CallArgs,
    output: &Output,
    shutdown: &mut Shutdown,
) -> Result<Option<ActiveCall>, Failure> {
    let mut call = client.dial(&args.uri).await?;
    let call_id = call.call_id().to_owned();
    // The client knows the limit too, but counts on an answer of some kind.
    let patience = Duration::from_secs(args.ring.into()) + LATITUDE;
    let outcome = tokio::select! {
        outcome = ring(&mut call, &call_id, client, args, output) => outcome,
        () = tokio::time::sleep(patience) => {
            Err(Error::Timeout(format!("nothing but silence for {} s", args.ring)))
        }
        () = shutdown.asked() => {
            give_up(call).await;
            output.event(&ended_early(&call_id, EndedBy::Local, None, "cancelled"));
            return Ok(None);
        }
    };
    let outcome = match outcome {
        Ok(()) => call.answered().await,
        Err(error) => {
            give_up(call).await;
            Err(error)
        }
    };
    outcome.map(Some).map_err(|error| {
        output.event(&failed(&call_id, &error));
        error.into()
    })
}

/// Tells what happens until the answer.
async fn ring(
    call: &mut OutgoingCall,
    call_id: &str,
    client: &HeadlessSipClient,
    args: &CallArgs,
    output: &Output,
) -> Result<(), Error> {
    let mut told = false;
    loop {
        match call.progress().await? {
            // One event for what may be several 18x.
            Progress::Ringing { .. } if !told => {
                told = true;
                output.event(&Event::Ringing {
                    direction: Direction::Outgoing,
                    call_id: call_id.to_owned(),
                    from: client.address(),
                    to: args.uri.clone(),
                });
            }
            Progress::EarlyMedia => output.event(&Event::EarlyMedia {
                call_id: call_id.to_owned(),
            }),
            Progress::Heard(heard) => {
                if let Some(event) = listen::event(call_id.to_owned(), heard) {
                    output.event(&event);
                }
            }
            Progress::Answered => return Ok(()),
            _ => {}
        }
    }
}

/// Cancels, but does not wait long for somebody who may not be there.
async fn give_up(call: OutgoingCall) {
    let _ = tokio::time::timeout(LATITUDE, call.cancel()).await;
}

/// The end of a call that failed.
fn failed(call_id: &str, error: &Error) -> Event {
    match error {
        Error::Rejected { status, reason, .. } => {
            ended_early(call_id, by(error), Some(*status), reason)
        }
        _ => ended_early(call_id, by(error), None, &reason(error)),
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
