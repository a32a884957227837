//! Answers one call, says something, and records both sides to a stereo WAV: left what the caller says, right what is said here.
//!
//!     cargo run --release -p headless-sip-cli -- pbx --user alice:secret --user bob:secret      # in another terminal
//!     cargo run -p headless-sip --example record_stereo
//!     cargo run --release -p headless-sip-cli -- call alice --user bob --password secret --registrar sip:127.0.0.1:5060 --tone 440
//!
//! Both sides are in step to the sample, whatever the codec, and the file can be played while the call still lasts. Prints its path and
//! length, and how much had to be concealed.

use std::env;

use headless_sip::{ClientConfig, HeadlessSipClient, RecorderConfig, WavPlayer, WavRecorder};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let registrar =
        env::var("HEADLESS_SIP_REGISTRAR").unwrap_or_else(|_| "sip:127.0.0.1:5060".into());
    let client = HeadlessSipClient::new(ClientConfig {
        local_sip_addr: "127.0.0.1:0".parse()?,
        // What is sent, frame by frame beside what is received.
        tap_sent: true,
        ..ClientConfig::account("alice", "secret", &registrar)
    })
    .await?;
    println!("waiting for a call to {}", client.address());

    let incoming = client.incoming().await.ok_or("the client was shut down")?;
    println!("{} calls", incoming.from());
    let mut call = incoming.answer().await?;

    let path = env::temp_dir().join("headless-sip-recording.stereo.wav");
    let recorder = WavRecorder::create(
        &path,
        RecorderConfig {
            // Whatever codec is negotiated, the recording has this rate.
            sample_rate: Some(16_000),
            ..RecorderConfig::stereo()
        },
    )?;
    let mut greeting = WavPlayer::open(
        &call.audio.tx,
        concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/../../examples/assets/greeting.wav"
        ),
    )?;
    let control = call.control();
    let audio = &mut call.audio;
    let recording = recorder.record(&mut audio.rx, audio.sent.as_mut());
    tokio::pin!(recording);
    // The greeting plays while the recorder listens; both end with the call.
    let recorded = tokio::select! {
        recorded = &mut recording => recorded?,
        played = greeting.play() => {
            if let Ok(played) = played {
                println!("the caller heard {} ms of the greeting", played.heard.as_millis());
            }
            recording.await?
        }
    };
    let concealed = control.stats().concealed;
    println!(
        "{}: {:.2} s, {} channels, {} ms of it concealed",
        recorded.path.display(),
        recorded.duration.as_secs_f64(),
        recorded.channels,
        concealed.as_millis()
    );
    client.shutdown().await;
    Ok(())
}
