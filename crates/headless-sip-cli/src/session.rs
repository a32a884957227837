//! A call that stands: plays, records, presses keys, tells its events, and knows when to end.

mod hear;
mod keys;
mod no_media;
mod play;
mod steer;

pub(crate) use play::Sound;

use std::time::Duration;

use headless_sip::{ActiveCall, CallControl, CallEnded, CallEvent, Error, WavRecorder};
use tokio::task::JoinHandle;
use tokio::time::Instant;

use crate::args::{Dtmf, InCall};
use crate::event::{EndedBy, Event, Stats};
use crate::exit::{Exit, Failure};
use crate::listen;
use crate::output::Output;
use crate::shutdown::Shutdown;

/// How long the far end may go on after all that we have to say was sent.
const AFTERMATH: Duration = Duration::from_secs(5);

/// A call that was shorter than this need not have brought any sound.
const TOO_SHORT_TO_TELL: Duration = Duration::from_secs(1);

/// What to do in a call.
pub(crate) struct Plan {
    /// What to play.
    pub sound: Sound,
    /// Keys to press.
    pub dtmf: Option<Dtmf>,
    /// Where to record.
    pub recording: Option<WavRecorder>,
    /// When we hang up, if the far end has not.
    pub until: Until,
    /// Hold, resume and transfer.
    pub steering: InCall,
}

/// When we hang up.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Until {
    /// This long after the answer.
    After(Duration),
    /// 5 s after everything has been sent.
    Sent,
    /// Never.
    FarEnd,
}

/// Runs a call to its end.
///
/// # Errors
/// A [`Failure`]: 6 when no sound ever arrived, 1 when a file or the call broke.
pub(crate) async fn run(
    call: ActiveCall,
    plan: Plan,
    output: &Output,
    shutdown: Shutdown,
) -> Result<(), Failure> {
    let (control, audio, events) = call.into_parts();
    let call_id = control.call_id().to_owned();
    let stats = Stats::from(&control.stats());
    output.event(&Event::Answered {
        call_id: call_id.clone(),
        codec: stats.codec,
        setup_ms: stats.setup_ms,
    });
    let recording = plan
        .recording
        .as_ref()
        .map(|recording| recording.path().to_owned());
    let echo = matches!(plan.sound, Sound::Echo).then(|| audio.tx.clone());
    let hearing = tokio::spawn(hear::run(audio.rx, audio.sent, plan.recording, echo));
    let speaking = tokio::spawn(speak(
        audio.tx,
        plan.sound,
        plan.dtmf,
        plan.steering.clone(),
        control.clone(),
    ));

    let mut session = Session {
        control,
        call_id,
        output: output.clone(),
        // A transfer ends the call when the far end has got there.
        until: match plan.until {
            Until::Sent if plan.steering.transfer.is_some() => Until::FarEnd,
            until => until,
        },
        following: None,
        began: Instant::now(),
        heard: Heard::Nothing,
        failure: None,
    };
    let ended = session.follow(events, speaking, shutdown.clone()).await;
    let following = session.following.take();
    // The received sound ends with the call, so this ends too; the recording is closed then.
    let recorded = hearing
        .await
        .unwrap_or_else(|_| Err(Failure::other("the recording broke")));
    output.event(&Event::Ended {
        call_id: session.call_id.clone(),
        by: ended.by,
        status: ended.status,
        reason: ended.reason.clone(),
        stats: Some(ended.stats.clone()),
        recording,
    });
    let outcome = session.judge(&ended, recorded);
    match following {
        Some(following) => outcome.and(go_on(following, plan.steering, output, shutdown).await),
        None => outcome,
    }
}

/// Goes on with the call that the far end has sent us to, until it is over.
async fn go_on(
    following: JoinHandle<Result<ActiveCall, Error>>,
    steering: InCall,
    output: &Output,
    shutdown: Shutdown,
) -> Result<(), Failure> {
    let call = following
        .await
        .map_err(|_| Failure::other("the transfer broke"))??;
    let plan = Plan {
        sound: Sound::None,
        dtmf: None,
        recording: None,
        until: Until::FarEnd,
        steering: InCall {
            hold_after: None,
            transfer: None,
            ..steering
        },
    };
    Box::pin(run(call, plan, output, shutdown)).await
}

/// Plays the sound, presses the keys and holds, side by side; transfers after that. Returns when all of it has been done.
async fn speak(
    tx: headless_sip::AudioSender,
    sound: Sound,
    dtmf: Option<Dtmf>,
    steering: InCall,
    control: CallControl,
) -> Result<(), Failure> {
    let (played, pressed, held) = tokio::join!(
        play::run(tx, sound),
        keys::press(&control, dtmf.as_ref()),
        steer::hold(&control, &steering)
    );
    played.and(pressed).and(held)?;
    steer::transfer(&control, &steering).await
}

/// The end of a call, as it is told.
struct Over {
    by: EndedBy,
    status: Option<u16>,
    reason: String,
    stats: Stats,
}

impl From<CallEnded> for Over {
    fn from(ended: CallEnded) -> Self {
        Self {
            by: ended.by.into(),
            status: ended.status,
            reason: ended.reason.unwrap_or_default(),
            stats: Stats::from(&ended.stats),
        }
    }
}

struct Session {
    control: CallControl,
    call_id: String,
    output: Output,
    until: Until,
    /// The call that the far end sends us to.
    following: Option<JoinHandle<Result<ActiveCall, Error>>>,
    began: Instant,
    heard: Heard,
    failure: Option<Failure>,
}

/// Whether sound has arrived.
#[derive(Debug, PartialEq)]
enum Heard {
    /// Nothing yet, and nobody has said why.
    Nothing,
    /// On hold, so that silence is right.
    OnHold,
    /// The engine has told why nothing arrives.
    NoMedia(String),
}

impl Session {
    /// Tells the events until the call is over.
    async fn follow(
        &mut self,
        mut events: headless_sip::CallEvents,
        mut speaking: JoinHandle<Result<(), Failure>>,
        mut shutdown: Shutdown,
    ) -> Over {
        let mut deadline = match self.until {
            Until::After(duration) => Some(self.began + duration),
            Until::Sent | Until::FarEnd => None,
        };
        let mut spoken = false;
        let mut leaving = false;
        loop {
            tokio::select! {
                event = events.recv() => match event {
                    Some(CallEvent::Ended(ended)) => {
                        speaking.abort();
                        return ended.into();
                    }
                    Some(event) => self.tell(event),
                    None => {
                        speaking.abort();
                        return self.lost();
                    }
                },
                outcome = &mut speaking, if !spoken => {
                    spoken = true;
                    if let Ok(Err(failure)) = outcome {
                        self.failure.get_or_insert(failure);
                        deadline = Some(Instant::now());
                    } else if self.until == Until::Sent {
                        deadline = Some(Instant::now() + AFTERMATH);
                    }
                }
                () = at(deadline), if !leaving => {
                    leaving = true;
                    self.hang_up();
                }
                () = shutdown.asked(), if !leaving => {
                    leaving = true;
                    self.hang_up();
                }
            }
        }
    }

    fn hang_up(&self) {
        let control = self.control.clone();
        tokio::spawn(async move {
            if let Err(error) = control.hang_up().await {
                tracing::warn!(%error, "the far end did not confirm the end of the call");
            }
        });
    }

    /// The event stream broke off without an end; tell at least what is known.
    fn lost(&self) -> Over {
        Over {
            by: EndedBy::Signaling,
            status: None,
            reason: "the call broke".into(),
            stats: Stats::from(&self.control.stats()),
        }
    }

    fn tell(&mut self, event: CallEvent) {
        let call_id = self.call_id.clone();
        let told = match event {
            CallEvent::Dtmf { digit, method, .. } => Event::Dtmf {
                call_id,
                digit,
                method: method.as_str().to_owned(),
            },
            CallEvent::Heard(heard) => match listen::event(call_id, heard) {
                Some(event) => event,
                None => return,
            },
            CallEvent::Held => {
                self.heard = Heard::OnHold;
                Event::Held { call_id }
            }
            CallEvent::Resumed => {
                self.heard = Heard::Nothing;
                Event::Resumed { call_id }
            }
            CallEvent::Mark { name, .. } => Event::Mark { call_id, name },
            CallEvent::NoMedia(cause) => {
                let detail = no_media::explain(&cause);
                self.heard = Heard::NoMedia(detail.clone());
                Event::NoMedia {
                    call_id,
                    cause: no_media::name(&cause).to_owned(),
                    detail,
                }
            }
            CallEvent::Message { text } => Event::Message { call_id, text },
            CallEvent::Transfer {
                status,
                reason,
                done,
            } => {
                if done {
                    if status >= 300 {
                        self.failure.get_or_insert(Failure::other(format!(
                            "the transfer failed: {status} {reason}"
                        )));
                    }
                    self.hang_up();
                }
                Event::Transfer {
                    call_id,
                    status,
                    reason,
                    done,
                }
            }
            CallEvent::TransferRequested { target, .. } => {
                let control = self.control.clone();
                self.following = Some(tokio::spawn(async move { control.follow_transfer().await }));
                Event::TransferRequested { call_id, target }
            }
            CallEvent::Quality(stats) => Event::Quality {
                call_id,
                stats: Stats::from(&stats),
            },
            CallEvent::MediaResumed => {
                self.heard = Heard::Nothing;
                self.output.line("sound arrives again");
                return;
            }
            other => {
                tracing::debug!(event = ?other, "an event that the command does not tell");
                return;
            }
        };
        self.output.event(&told);
    }

    /// What the end means for the exit code.
    fn judge(self, ended: &Over, recorded: Result<(), Failure>) -> Result<(), Failure> {
        if let Some(failure) = self.failure {
            return Err(failure);
        }
        recorded?;
        match ended.by {
            EndedBy::MediaTimeout => {
                return Err(Failure::new(
                    Exit::NoMedia,
                    "the call was ended because no sound arrived any more",
                ));
            }
            EndedBy::Local | EndedBy::Remote => {}
            EndedBy::Timeout | EndedBy::Signaling => {
                return Err(Failure::other(format!("the call broke: {}", ended.reason)));
            }
        }
        if ended.stats.received_packets > 0 || self.began.elapsed() < TOO_SHORT_TO_TELL {
            return Ok(());
        }
        match self.heard {
            Heard::OnHold => Ok(()),
            Heard::NoMedia(detail) => Err(Failure::new(
                Exit::NoMedia,
                format!("no sound arrived: {detail}"),
            )),
            Heard::Nothing => Err(Failure::new(
                Exit::NoMedia,
                "no sound arrived: not one RTP packet came",
            )),
        }
    }
}

/// Waits for a moment, or for ever.
async fn at(deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => tokio::time::sleep_until(deadline).await,
        None => std::future::pending().await,
    }
}
