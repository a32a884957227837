//! Answers one call and sends back what it hears until the caller hangs up.
//!
//!     cargo run --release -p headless-sip-cli -- pbx --user alice:secret --user bob:secret      # in another terminal
//!     cargo run -p headless-sip --example answer_and_echo
//!     cargo run --release -p headless-sip-cli -- call alice --user bob --password secret --registrar sip:127.0.0.1:5060 --tone 440
//!
//! Prints who calls and how the call ended.

use std::env;

use headless_sip::{ClientConfig, HeadlessSipClient};

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
    incoming.ring().await?;
    let mut call = incoming.answer().await?;

    while let Some(frame) = call.audio.rx.recv().await {
        // A frame heard is a frame to say: the sender paces it, whatever its rate.
        if call.audio.tx.send(frame).await.is_err() {
            break;
        }
    }
    if let Some(ended) = call.events.ended().await {
        println!(
            "ended by {}: {} packets received",
            ended.by.as_str(),
            ended.stats.received_packets
        );
    }
    client.shutdown().await;
    Ok(())
}
