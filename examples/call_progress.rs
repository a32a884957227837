//! Calls somebody and tells from the sound alone what has become of it: tones of the network, a person, a machine and its beep.
//!
//!     cargo run --release -p headless-sip-cli -- pbx --user alice:secret      # in another terminal
//!     cargo run -p headless-sip --example call_progress -- music
//!
//! The PBX's number `music` plays on and on, which no person does who answers a telephone. Call your own voice mail through your
//! provider to hear of the beep.

use std::env;
use std::time::Duration;

use headless_sip::analysis::{AnsweringMachineEvent, CallProgressEvent};
use headless_sip::{
    CallEvent, ClientConfig, HeadlessSipClient, Heard, InBandDtmf, ListenConfig, Progress,
};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let registrar =
        env::var("HEADLESS_SIP_REGISTRAR").unwrap_or_else(|_| "sip:127.0.0.1:5060".into());
    let target = env::args().nth(1).unwrap_or_else(|| "music".into());
    let client = HeadlessSipClient::new(ClientConfig {
        local_sip_addr: "127.0.0.1:0".parse()?,
        ..ClientConfig::account("alice", "secret", &registrar)
    })
    .await?;

    let mut call = client
        .dial(&target)
        .listen(ListenConfig {
            voice: None,
            talk_over: None,
            dtmf: InBandDtmf::Off,
            call_progress: true,
            answering_machine: Some(Default::default()),
        })
        .await?;
    loop {
        match call.progress().await {
            Ok(Progress::Ringing { status, reason }) => println!("{status} {reason}"),
            Ok(Progress::Heard(heard)) => println!("before the answer: {}", words(heard)),
            Ok(Progress::Answered) => break,
            Ok(_) => {}
            Err(error) => {
                println!("not answered: {error}");
                client.shutdown().await;
                return Ok(());
            }
        }
    }
    let mut call = call.answered().await?;
    println!("answered; listening");

    // A machine's greeting may last; its beep comes after it.
    let listening = async {
        while let Some(event) = call.events.recv().await {
            match event {
                CallEvent::Heard(heard) => {
                    println!("{}", words(heard));
                    if is_decided(heard) {
                        return;
                    }
                }
                CallEvent::Ended(ended) => {
                    println!("ended by {}", ended.by.as_str());
                    return;
                }
                _ => {}
            }
        }
    };
    if tokio::time::timeout(Duration::from_secs(20), listening)
        .await
        .is_err()
    {
        println!("nothing more was found out within 20 s");
    }
    call.hang_up().await?;
    client.shutdown().await;
    Ok(())
}

fn is_decided(heard: Heard) -> bool {
    matches!(heard, Heard::AnsweringMachine(AnsweringMachineEvent::Opinion(opinion)) if opinion.is_final)
}

fn words(heard: Heard) -> String {
    match heard {
        Heard::CallProgress(CallProgressEvent::Started { tone, .. }) => format!("{tone:?} tone"),
        Heard::CallProgress(CallProgressEvent::Stopped { tone, .. }) => {
            format!("{tone:?} tone has stopped")
        }
        Heard::AnsweringMachine(AnsweringMachineEvent::Opinion(opinion)) => format!(
            "{:?} with confidence {:.2}: {:?}, {} ms after the answer",
            opinion.answerer,
            opinion.confidence,
            opinion.reason,
            opinion.at.as_millis()
        ),
        Heard::AnsweringMachine(AnsweringMachineEvent::Beep { hz, end, .. }) => {
            format!("a beep of {hz:.0} Hz until {} ms", end.as_millis())
        }
        other => format!("{other:?}"),
    }
}
