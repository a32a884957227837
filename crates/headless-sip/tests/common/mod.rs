//! Two clients of one process that can call each other directly.
#![allow(dead_code, unreachable_pub)]

pub mod scripted_peer;

use std::time::Duration;

use headless_sip::{
    ActiveCall, AudioFrame, CallEvent, ClientConfig, CodecTable, HeadlessSipClient,
};

/// Longer than anything that works takes, shorter than a person's patience.
pub const PATIENCE: Duration = Duration::from_secs(10);

pub fn config() -> ClientConfig {
    ClientConfig {
        local_sip_addr: ([127, 0, 0, 1], 0).into(),
        codecs: CodecTable::from_names("pcmu").expect("PCMU is always there"),
        media_threads: Some(1),
        ..Default::default()
    }
}

pub async fn client(config: ClientConfig) -> HeadlessSipClient {
    HeadlessSipClient::new(config)
        .await
        .expect("the client starts")
}

pub fn uri(user: &str, client: &HeadlessSipClient) -> String {
    format!("sip:{user}@{}", client.local_addr())
}

pub struct Pair {
    pub alice: HeadlessSipClient,
    pub bob: HeadlessSipClient,
    /// Alice's end: she called.
    pub caller: ActiveCall,
    /// Bob's end.
    pub callee: ActiveCall,
}

pub async fn connected() -> Pair {
    connected_with(config(), config()).await
}

pub async fn connected_with(alice: ClientConfig, bob: ClientConfig) -> Pair {
    let (alice, bob) = (client(alice).await, client(bob).await);
    let target = uri("bob", &bob);
    let (caller, callee) = tokio::join!(alice.call(&target), async {
        bob.incoming().await.expect("a call comes").answer().await
    });
    Pair {
        caller: caller.expect("answered"),
        callee: callee.expect("connected"),
        alice,
        bob,
    }
}

pub fn tone(hz: f32, seconds: f32, rate: u32) -> AudioFrame {
    let samples = (0..(seconds * rate as f32) as u32)
        .map(|n| 0.5 * (n as f32 * hz * std::f32::consts::TAU / rate as f32).sin())
        .collect();
    AudioFrame {
        samples,
        sample_rate: rate,
        channels: 1,
    }
}

/// Listens for this long in media time.
pub async fn listen(call: &mut ActiveCall, seconds: f64) -> Vec<f32> {
    let mut heard = Vec::new();
    let mut rate = 8_000;
    while (heard.len() as f64) < seconds * f64::from(rate) {
        let frame = within(call.audio.rx.recv())
            .await
            .expect("frames come for as long as the call lasts");
        rate = frame.sample_rate;
        heard.extend(frame.samples);
    }
    heard
}

/// Share of the energy at `hz`, in windows of 100 ms: a change of the playout delay moves the phase, not the tone.
pub fn share_at(hz: f32, samples: &[f32], rate: u32) -> f64 {
    let step = f64::from(hz) * std::f64::consts::TAU / f64::from(rate);
    let (mut tone, mut all) = (0.0, 1e-12);
    for window in samples.chunks_exact(rate as usize / 10) {
        let (mut re, mut im) = (0.0, 0.0);
        for (n, sample) in window.iter().enumerate() {
            let sample = f64::from(*sample);
            re += sample * (n as f64 * step).cos();
            im += sample * (n as f64 * step).sin();
            all += sample * sample;
        }
        tone += 2.0 * (re * re + im * im) / window.len() as f64;
    }
    tone / all
}

/// At 8 kHz.
#[track_caller]
pub fn assert_tone(hz: f32, heard: &[f32]) {
    let share = share_at(hz, heard, 8_000);
    assert!(share > 0.98, "{share:.3} of the energy is at {hz} Hz");
}

pub async fn event(call: &mut ActiveCall, wanted: impl Fn(&CallEvent) -> bool) -> CallEvent {
    within(async {
        loop {
            let event = call.events.recv().await.expect("the call lasts");
            if wanted(&event) {
                return event;
            }
        }
    })
    .await
}

pub async fn within<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, future)
        .await
        .expect("it happens in time")
}
