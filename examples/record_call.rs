//! Answers one call and writes what it hears to a WAV file.
//!
//!     cargo run --release -p headless-sip-cli -- pbx --user alice:secret --user bob:secret      # in another terminal
//!     cargo run -p headless-sip --example record_call
//!     cargo run --release -p headless-sip-cli -- call alice --user bob --password secret --registrar sip:127.0.0.1:5060 --tone 440
//!
//! Prints the path of the recording and how much of it had to be concealed.

use std::env;

use headless_sip::{ClientConfig, HeadlessSipClient};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let registrar =
        env::var("HEADLESS_SIP_REGISTRAR").unwrap_or_else(|_| "sip:127.0.0.1:5060".into());
    let client = HeadlessSipClient::new(ClientConfig {
        local_sip_addr: "127.0.0.1:0".parse()?,
        // Whatever codec is negotiated, the recording has this rate.
        receive_sample_rate: Some(16_000),
        ..ClientConfig::account("alice", "secret", &registrar)
    })
    .await?;
    println!("waiting for a call to {}", client.address());

    let incoming = client.incoming().await.ok_or("the client was shut down")?;
    println!("{} calls", incoming.from());
    let mut call = incoming.answer().await?;

    let path = env::temp_dir().join("headless-sip-recording.wav");
    let format = hound::WavSpec {
        channels: 1,
        sample_rate: 16_000,
        bits_per_sample: 16,
        sample_format: hound::SampleFormat::Int,
    };
    let mut file = hound::WavWriter::create(&path, format)?;
    // Frames come steadily for as long as the call lasts, silent ones too: the file is as long as the call.
    while let Some(received) = call.audio.rx.recv_annotated().await {
        for sample in received.frame.samples {
            file.write_sample((sample.clamp(-1.0, 1.0) * 32_767.0).round() as i16)?;
        }
    }
    let seconds = f64::from(file.duration()) / 16_000.0;
    file.finalize()?;
    let stats = call.stats();
    println!(
        "{}: {seconds:.2} s, {} ms of it concealed",
        path.display(),
        stats.concealed.as_millis()
    );
    client.shutdown().await;
    Ok(())
}
