//! Answers one call and lets the caller choose with the keys of the telephone.
//!
//!     cargo run --release -p headless-sip-cli -- pbx --user alice:secret --user bob:secret      # in another terminal
//!     cargo run -p headless-sip --example dtmf_menu
//!     cargo run --release -p headless-sip-cli -- call alice --user bob --password secret --registrar sip:127.0.0.1:5060 --dtmf 12#
//!
//! A key interrupts what is being said; the program prints how much of it the caller heard. `#` ends the call.

use std::env;
use std::time::Duration;

use headless_sip::{ActiveCall, AudioFrame, CallEvent, ClientConfig, HeadlessSipClient};

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
    menu(incoming.answer().await?).await?;
    client.shutdown().await;
    Ok(())
}

async fn menu(mut call: ActiveCall) -> Result<(), headless_sip::Error> {
    call.audio.tx.send(prompt(330.0)).await?;
    // A caller who presses nothing for 15 s is sent away.
    while let Ok(Some(event)) =
        tokio::time::timeout(Duration::from_secs(15), call.events.recv()).await
    {
        let CallEvent::Dtmf { digit, .. } = event else {
            if let CallEvent::Ended(ended) = event {
                println!("ended by {}", ended.by.as_str());
                return Ok(());
            }
            continue;
        };
        let heard: Duration = call
            .audio
            .tx
            .clear()
            .utterances
            .iter()
            .map(|utterance| utterance.sent)
            .sum();
        println!(
            "key {digit}; the prompt was heard for {} ms",
            heard.as_millis()
        );
        match digit {
            '#' => break,
            '1' => call.audio.tx.send(prompt(440.0)).await?,
            '2' => call.audio.tx.send(prompt(550.0)).await?,
            _ => call.audio.tx.send(prompt(220.0)).await?,
        };
    }
    call.hang_up().await
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
