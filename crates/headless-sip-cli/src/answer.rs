//! `headless-sip answer`: waits for calls and answers them, many at once.

mod folder;

use std::sync::Arc;

use headless_sip::{Error, IncomingCall, WavReader};
use tokio::task::JoinSet;

use crate::args::{AnswerArgs, Transport};
use crate::client::{self, Listen, Wishes};
use crate::event::{Direction, EndedBy, Event};
use crate::exit::{Failure, reason};
use crate::output::Output;
use crate::session::{self, Plan, Sound, Until};
use crate::shutdown::Shutdown;
use folder::Folder;

/// Runs the command.
///
/// # Errors
/// The first [`Failure`] of a call, once all calls have ended; or that of the account.
pub(crate) async fn run(
    args: AnswerArgs,
    output: &Output,
    mut shutdown: Shutdown,
) -> Result<(), Failure> {
    // A file that cannot be played is told now, not to the first caller.
    if let Some(path) = &args.play {
        WavReader::open(path)?;
    }
    let folder = args.record.as_deref().map(Folder::open).transpose()?;
    let wishes = Wishes {
        tap_sent: folder.is_some(),
        in_call: Some(args.in_call.clone()),
        trunk: args.trunk.clone(),
        listen: Listen {
            tls: args.local_tls,
            ws: args.local_ws,
            wss: args.local_wss,
        },
        ..Wishes::default()
    };
    let client = client::open(&args.account, wishes, output, &mut shutdown).await?;
    if args.account.registrar.is_none() {
        output.event(&Event::Listening {
            address: client.local_addr().to_string(),
            transport: None,
        });
    }
    for transport in [Transport::Tls, Transport::Ws, Transport::Wss] {
        if let Some(address) = client.listen_addr(transport.into()) {
            output.event(&Event::Listening {
                address: address.to_string(),
                transport: Some(transport),
            });
        }
    }
    let answering = Arc::new(Answering {
        args,
        folder,
        output: output.clone(),
        shutdown: shutdown.clone(),
    });
    let mut calls = JoinSet::new();
    let mut outcome = Ok(());
    let mut ended = 0;
    let mut changes = Box::pin(client::tell_changes(&client, output));
    let mut stay = Box::pin(client::until(answering.args.seconds));
    loop {
        tokio::select! {
            call = client.incoming() => match call {
                Some(call) => drop(calls.spawn(Arc::clone(&answering).take(call))),
                None => break,
            },
            Some(message) = client.incoming_message() => output.event(&Event::Text {
                from: uri_of(&message.from()),
                text: message.text(),
            }),
            Some(finished) = calls.join_next() => {
                outcome = outcome.and(finished.unwrap_or_else(|_| Err(Failure::other("a call broke"))));
                ended += 1;
                if answering.args.calls == Some(ended) {
                    break;
                }
            }
            () = &mut stay => break,
            () = shutdown.asked() => break,
            () = &mut changes => {}
        }
    }
    // Hangs up what still stands; the tasks tell the end of their calls then.
    client.shutdown().await;
    while let Some(finished) = calls.join_next().await {
        outcome = outcome.and(finished.unwrap_or_else(|_| Err(Failure::other("a call broke"))));
    }
    outcome
}

/// What every call needs.
struct Answering {
    args: AnswerArgs,
    folder: Option<Folder>,
    output: Output,
    shutdown: Shutdown,
}

impl Answering {
    /// Takes one call from its ring to its end.
    async fn take(self: Arc<Self>, call: IncomingCall) -> Result<(), Failure> {
        let call_id = call.call_id().to_owned();
        self.output.event(&Event::Ringing {
            direction: Direction::Incoming,
            call_id: call_id.clone(),
            from: uri_of(&call.from()),
            to: uri_of(&call.to()),
        });
        if let Some(status) = self.args.reject {
            let outcome = call.reject(status).await;
            self.output.event(&not_taken(
                call_id,
                EndedBy::Local,
                Some(status),
                "rejected",
            ));
            return Ok(outcome?);
        }
        let plan = self.plan(&call)?;
        let answered = match call.ring().await {
            Ok(()) => call.answer().await,
            Err(error) => Err(error),
        };
        match answered {
            Ok(active) => session::run(active, plan, &self.output, self.shutdown.clone()).await,
            Err(error @ Error::Cancelled) => {
                self.output.event(&not_taken(
                    call_id,
                    EndedBy::Remote,
                    Some(487),
                    &reason(&error),
                ));
                Ok(())
            }
            Err(error) => {
                self.output.event(&not_taken(
                    call_id,
                    EndedBy::Signaling,
                    error.status(),
                    &reason(&error),
                ));
                Err(error.into())
            }
        }
    }

    fn plan(&self, call: &IncomingCall) -> Result<Plan, Failure> {
        let sound = if self.args.echo {
            Sound::Echo
        } else if let Some(path) = &self.args.play {
            Sound::Wav(Box::new(WavReader::open(path)?))
        } else if let Some(frequency) = self.args.tone {
            Sound::Tone {
                frequency,
                length: None,
            }
        } else {
            Sound::None
        };
        let caller = call.caller().unwrap_or("unknown");
        Ok(Plan {
            sound,
            dtmf: None,
            recording: self
                .folder
                .as_ref()
                .map(|folder| folder.recording(caller))
                .transpose()?,
            until: Until::FarEnd,
            steering: self.args.in_call.clone(),
        })
    }
}

/// The URI in a name-addr such as `"Bob" <sip:bob@example.com>;tag=7` (RFC 3261 section 20.10).
fn uri_of(address: &str) -> String {
    let uri = match address.rsplit_once('<') {
        Some((_, rest)) => rest.split('>').next(),
        None => address.split(';').next(),
    };
    uri.unwrap_or(address).trim().to_owned()
}

/// The end of a call that never stood.
fn not_taken(call_id: String, by: EndedBy, status: Option<u16>, reason: &str) -> Event {
    Event::Ended {
        call_id,
        by,
        status,
        reason: reason.to_owned(),
        stats: None,
        recording: None,
    }
}

#[cfg(test)]
mod tests {
    use super::uri_of;

    #[test]
    fn who_calls_is_told_as_a_uri() {
        for address in [
            "sip:bob@example.com",
            "sip:bob@example.com;tag=7",
            "<sip:bob@example.com>",
            "\"Bob <the> builder\" <sip:bob@example.com>;tag=7",
        ] {
            assert_eq!(uri_of(address), "sip:bob@example.com");
        }
    }
}
