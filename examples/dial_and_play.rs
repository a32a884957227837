//! Dials, tells how the call gets on, plays a WAV file and waits until all of it was sent.
//!
//!     cargo run --release -p headless-sip-cli -- pbx --user alice:secret      # in another terminal
//!     cargo run -p headless-sip --example dial_and_play
//!
//! Prints the progress of the call, the mark at the end of the speech and the figures of the call.

use std::env;
use std::time::Duration;

use headless_sip::{
    AudioFrame, CallEvent, ClientConfig, HeadlessSipClient, Progress, WavError, WavReader,
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

    let mut call = client
        .dial("echo")
        .header("X-Campaign", "spring")
        .ring_timeout(Duration::from_secs(30))
        .await?;
    loop {
        match call.progress().await? {
            Progress::Ringing { status, reason } => println!("{status} {reason}"),
            Progress::EarlyMedia => println!("early media"),
            Progress::Answered => break,
            _ => {}
        }
    }
    let mut call = call.answered().await?;
    println!("answered");

    let mut speech = greeting()?;
    speech.samples.truncate(speech.sample_rate as usize * 4);
    println!(
        "playing {:.1} s at {} Hz",
        speech.duration().as_secs_f32(),
        speech.sample_rate
    );
    call.audio.tx.send(speech).await?;
    call.audio.tx.mark("end of speech")?;

    while let Some(event) = call.events.recv().await {
        match event {
            CallEvent::Mark { name, .. } => {
                println!("reached: {name}");
                break;
            }
            CallEvent::Ended(ended) => return Err(format!("the far end hung up: {ended:?}").into()),
            other => println!("{other:?}"),
        }
    }
    call.hang_up().await?;
    let stats = call.stats();
    println!(
        "{}: {} packets sent, {} received, {} lost",
        stats.codec, stats.sent_packets, stats.received_packets, stats.lost_packets
    );
    client.shutdown().await;
    Ok(())
}

/// The speech beside the examples; any rate and channel count would do.
fn greeting() -> Result<AudioFrame, WavError> {
    WavReader::open(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../examples/assets/greeting.wav"
    ))?
    .into_mono()
}
