//! A codec of one's own, negotiated in a real call between two clients of this program.
//!
//!     cargo run -p headless-sip --example custom_codec
//!
//! The codec is a toy: 8-bit linear PCM at 16 kHz. Prints the codec that was negotiated and what came through it.

use std::sync::Arc;

use headless_sip::codecs::{Codec, CodecError, CodecParameters, Decoder, Encoder};
use headless_sip::{AudioFrame, ClientConfig, CodecTable, HeadlessSipClient};

/// The row of the codec table: what SDP must know, and how to make the two halves.
#[derive(Debug)]
struct Linear8;

impl Codec for Linear8 {
    fn encoding_name(&self) -> &str {
        "X-LIN8"
    }
    fn clock_rate(&self) -> u32 {
        16_000
    }
    fn sample_rate(&self) -> u32 {
        16_000
    }
    fn encoder(&self, _: &CodecParameters) -> Result<Box<dyn Encoder>, CodecError> {
        Ok(Box::new(Half))
    }
    fn decoder(&self, _: &CodecParameters) -> Result<Box<dyn Decoder>, CodecError> {
        Ok(Box::new(Half))
    }
}

/// Both halves are so simple that one type will do.
struct Half;

impl Encoder for Half {
    fn sample_rate(&self) -> u32 {
        16_000
    }
    fn encode(&mut self, pcm: &[f32], out: &mut Vec<u8>) -> Result<(), CodecError> {
        out.extend(
            pcm.iter()
                .map(|sample| (sample.clamp(-1.0, 1.0) * 127.0).round() as i8 as u8),
        );
        Ok(())
    }
    fn reset(&mut self) {}
}

impl Decoder for Half {
    fn sample_rate(&self) -> u32 {
        16_000
    }
    fn decode(&mut self, payload: &[u8], out: &mut Vec<f32>) -> Result<usize, CodecError> {
        out.extend(payload.iter().map(|byte| f32::from(*byte as i8) / 127.0));
        Ok(payload.len())
    }
    fn conceal(&mut self, samples: usize, out: &mut Vec<f32>) {
        out.resize(out.len() + samples, 0.0);
    }
    fn samples_in(&self, payload: &[u8]) -> Option<usize> {
        Some(payload.len())
    }
    fn reset(&mut self) {}
}

async fn client() -> Result<HeadlessSipClient, headless_sip::Error> {
    let mut codecs = CodecTable::default();
    codecs.prefer(Arc::new(Linear8));
    HeadlessSipClient::new(ClientConfig {
        local_sip_addr: ([127, 0, 0, 1], 0).into(),
        codecs,
        ..Default::default()
    })
    .await
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let (alice, bob) = (client().await?, client().await?);
    let answering = {
        let bob = bob.clone();
        tokio::spawn(async move { bob.incoming().await.expect("a call comes").answer().await })
    };
    let call = alice.call(&format!("sip:bob@{}", bob.local_addr())).await?;
    let mut answered = answering.await??;

    let tone = (0..16_000)
        .map(|n| 0.5 * (n as f32 * 440.0 * std::f32::consts::TAU / 16_000.0).sin())
        .collect();
    call.audio
        .tx
        .send(AudioFrame {
            samples: tone,
            sample_rate: 16_000,
            channels: 1,
        })
        .await?;
    let mut loudest = 0.0_f32;
    for _ in 0..50 {
        let frame = answered.audio.rx.recv().await.ok_or("the call ended")?;
        loudest = frame
            .samples
            .iter()
            .fold(loudest, |loudest, sample| loudest.max(sample.abs()));
    }
    println!(
        "negotiated {}; the loudest sample was {loudest:.3}",
        answered.stats().codec
    );
    call.hang_up().await?;
    Ok(())
}
