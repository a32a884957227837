//! Answers one call with a menu: prompts, keys that interrupt them, a number to key in, and time-outs.
//!
//!     cargo run --release -p headless-sip-cli -- pbx --user alice:secret --user bob:secret      # in another terminal
//!     cargo run -p headless-sip --example ivr_menu
//!     cargo run --release -p headless-sip-cli -- call alice --user bob --password secret --registrar sip:127.0.0.1:5060 --dtmf 12345#0
//!
//! Keys count by RFC 4733, by INFO and as tones in the audio, whatever the caller's telephone sends. The program prints how much of each
//! prompt the caller heard before a key cut it off.

use std::env;
use std::time::Duration;

use headless_sip::{
    ActiveCall, AudioFrame, ClientConfig, CollectedDigits, DigitCollection, DigitOutcome, Error,
    HeadlessSipClient,
};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let registrar =
        env::var("HEADLESS_SIP_REGISTRAR").unwrap_or_else(|_| "sip:127.0.0.1:5060".into());
    let client = HeadlessSipClient::new(ClientConfig {
        local_sip_addr: "127.0.0.1:0".parse()?,
        ..ClientConfig::account("alice", "secret", &registrar)
    })
    .await?;
    println!("waiting for a call to {}", client.address());

    let incoming = client.incoming().await.ok_or("the client was shut down")?;
    println!("{} calls", incoming.from());
    let mut call = incoming.answer().await?;
    match menu(&mut call).await {
        Ok(()) => call.hang_up().await?,
        Err(Error::Ended) => println!("the caller has hung up"),
        Err(error) => return Err(error.into()),
    }
    client.shutdown().await;
    Ok(())
}

async fn menu(call: &mut ActiveCall) -> Result<(), Error> {
    let one_key = DigitCollection {
        max_digits: 1,
        terminator: None,
        ..DigitCollection::default()
    };
    let mut patience = 2;
    while patience > 0 {
        // "For your account, press 1. To leave, press 0."
        let choice = ask(call, prompt(330.0), one_key).await?;
        match choice.outcome {
            DigitOutcome::Complete(key) if key == "0" => {
                println!("goodbye");
                return Ok(());
            }
            DigitOutcome::Complete(key) if key == "1" => account(call).await?,
            DigitOutcome::NoInput => patience -= 1,
            // "This is no choice."
            _ => drop(call.audio.tx.send(prompt(220.0)).await),
        }
    }
    println!("nobody is there");
    Ok(())
}

async fn account(call: &mut ActiveCall) -> Result<(), Error> {
    // "Enter your account number, and then the hash key."
    let number = DigitCollection {
        max_digits: 10,
        inter_digit_timeout: Duration::from_secs(3),
        ..DigitCollection::default()
    };
    let input = ask(call, prompt(440.0), number).await?;
    match input.outcome {
        DigitOutcome::Terminated(number) | DigitOutcome::Complete(number) => {
            println!("account {number}");
        }
        other => println!("no account number, only {:?}", other.digits()),
    }
    Ok(())
}

/// Says the prompt, which the first key interrupts, and waits for keys.
async fn ask(
    call: &mut ActiveCall,
    prompt: AudioFrame,
    keys: DigitCollection,
) -> Result<CollectedDigits, Error> {
    call.audio.tx.send(prompt).await?;
    let input = call.collect_digits(keys).await?;
    if let Some(cut) = &input.interrupted {
        for prompt in &cut.utterances {
            println!(
                "a key after {} of {} ms of the prompt",
                prompt.sent.as_millis(),
                prompt.queued.as_millis()
            );
        }
    }
    Ok(input)
}

/// Stands for a recorded prompt of 3 s.
fn prompt(hz: f32) -> AudioFrame {
    let samples = (0..48_000)
        .map(|n| 0.3 * (n as f32 * hz * std::f32::consts::TAU / 16_000.0).sin())
        .collect();
    AudioFrame {
        samples,
        sample_rate: 16_000,
        channels: 1,
    }
}
