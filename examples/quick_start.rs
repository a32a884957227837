//! The shortest program that calls somebody, speaks and listens.
//!
//!     cargo run --release -p headless-sip-cli -- pbx --user alice:secret      # in another terminal
//!     cargo run -p headless-sip --example quick_start
//!
//! Prints what it heard of its own voice: `echo` sends back what it hears.

use std::env;

use headless_sip::{AudioFrame, ClientConfig, HeadlessSipClient};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let registrar =
        env::var("HEADLESS_SIP_REGISTRAR").unwrap_or_else(|_| "sip:127.0.0.1:5060".into());
    let samples = tone(24_000, 2.0);

    let client = HeadlessSipClient::new(ClientConfig {
        local_sip_addr: "127.0.0.1:0".parse()?,
        username: Some("alice".into()),
        password: Some("secret".into()),
        registrar: Some(registrar),
        ..Default::default()
    })
    .await?;
    let mut call = client.call("echo").await?;
    call.audio
        .tx
        .send(AudioFrame {
            samples,
            sample_rate: 24_000,
            channels: 1,
        })
        .await?;

    let (mut heard, mut energy) = (0.0, 0.0);
    while let Some(frame) = call.audio.rx.recv().await {
        heard += frame.samples.len() as f64 / f64::from(frame.sample_rate);
        energy += frame.samples.iter().map(|s| f64::from(s * s)).sum::<f64>()
            / f64::from(frame.sample_rate);
        if heard > 3.0 {
            break;
        }
    }
    println!(
        "heard {heard:.2} s, of which {:.2} s were the tone",
        energy / (0.25 / 2.0)
    );

    call.hang_up().await?;
    client.shutdown().await;
    Ok(())
}

/// 440 Hz at half amplitude, as a text-to-speech engine would hand it over: all at once.
fn tone(rate: u32, seconds: f32) -> Vec<f32> {
    (0..(rate as f32 * seconds) as u32)
        .map(|n| 0.5 * (n as f32 * 440.0 * std::f32::consts::TAU / rate as f32).sin())
        .collect()
}
