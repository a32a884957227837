//! Answers every call and joins them all: everybody hears all others and not himself. Ends when all have left.
//!
//!     cargo run --release -p headless-sip-cli -- pbx --user alice:secret --user bob:secret      # in another terminal
//!     cargo run -p headless-sip --example conference
//!     cargo run --release -p headless-sip-cli -- call alice --user bob --password secret --registrar sip:127.0.0.1:5060 --tone 440
//!
//! The last line can be run several times at once, with a tone of its own each.

use std::env;
use std::time::Duration;

use headless_sip::{
    ActiveCall, CallEvent, ClientConfig, HeadlessSipClient, Mixer, RegistrationState,
};
use tokio::task::JoinSet;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let registrar =
        env::var("HEADLESS_SIP_REGISTRAR").unwrap_or_else(|_| "sip:127.0.0.1:5060".into());
    let client = HeadlessSipClient::new(ClientConfig {
        local_sip_addr: "127.0.0.1:0".parse()?,
        ..ClientConfig::account("alice", "secret", &registrar)
    })
    .await?;
    if let Some(state) = client.registration()
        && let RegistrationState::Registered { expires, .. } = &*state.borrow()
    {
        println!("registered for {} s", expires.as_secs());
    }
    println!("waiting for a call to {}", client.address());

    let mixer = Mixer::new(16_000)?;
    let mut calls = JoinSet::new();
    loop {
        tokio::select! {
            incoming = client.incoming() => {
                let incoming = incoming.ok_or("the client was shut down")?;
                let caller = incoming.from();
                match incoming.answer().await {
                    Ok(call) => drop(calls.spawn(take_part(mixer.clone(), caller, call))),
                    Err(error) => println!("{caller} could not be answered: {error}"),
                }
            }
            Some(_) = calls.join_next() => {
                if calls.is_empty() {
                    break;
                }
            }
        }
    }
    client.shutdown().await;
    Ok(())
}

/// One caller, until the end of the call. The keys 1 and 0 mute it and take that back.
async fn take_part(mixer: Mixer, caller: String, call: ActiveCall) {
    let (control, audio, mut events) = call.into_parts();
    let leg = mixer.join(audio);
    println!("{caller} has come, {} are here", mixer.legs());
    while let Some(event) = events.recv().await {
        match event {
            CallEvent::Dtmf { digit: '1', .. } => leg.set_muted(true),
            CallEvent::Dtmf { digit: '0', .. } => leg.set_muted(false),
            CallEvent::Ended(ended) => {
                drop(leg);
                println!(
                    "{caller} has left ({}), {} are here; {} ms were concealed",
                    ended.by.as_str(),
                    mixer.legs(),
                    ended.stats.concealed.as_millis()
                );
                return;
            }
            _ => {}
        }
    }
    // Its driver is gone without a word, which only happens when the client shuts down.
    let _ = tokio::time::timeout(Duration::from_secs(2), control.hang_up()).await;
}
