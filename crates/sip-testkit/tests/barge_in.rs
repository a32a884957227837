//! What `clear` tells of an interrupted utterance, held against the far end's recording.
#![cfg(feature = "extensions")]

use std::time::Duration;

use headless_sip::{ActiveCall, AudioFrame, ClientConfig, CodecTable, HeadlessSipClient};

/// At which the far end records.
const RATE: u32 = 8_000;
const PTIME: Duration = Duration::from_millis(20);
/// How much of the end of a recording is looked up in what was said: 200 ms.
const ENDING: usize = 1_600;
/// The fade at the cut, which is not looked at: 4 ms.
const FADE: usize = 32;

/// What is fainter than this after a tone of 0.4 is the codec's ringing: Opus takes some 20 ms to fall silent.
const RINGING: f32 = 0.15;

/// 40 ms at the rate of the recording.
const TONE: usize = 320;

/// A sound that never repeats: a tone of another pitch every 40 ms. The same at every rate.
fn said(rate: u32, seconds: f32) -> Vec<f32> {
    let mut random = 0x2545_F491_u32;
    let mut phase = 0.0_f32;
    let mut hz = 0.0;
    let mut pitch = usize::MAX;
    (0..(seconds * rate as f32) as usize)
        .map(|n| {
            let now = n * 25 / rate as usize;
            if now != pitch {
                pitch = now;
                random ^= random << 13;
                random ^= random >> 17;
                random ^= random << 5;
                hz = 300.0 + (random % 2_600) as f32;
            }
            phase = (phase + hz / rate as f32).fract();
            0.4 * (phase * std::f32::consts::TAU).sin()
        })
        .collect()
}

/// Where in `said` the heard piece fits best, in samples, how well, and how well it fits anywhere else.
fn place_of(heard: &[f32], said: &[f32]) -> (usize, f32, f32) {
    let energy = |samples: &[f32]| samples.iter().map(|s| s * s).sum::<f32>();
    let own = energy(heard);
    let fits: Vec<f32> = (0..said.len() - heard.len())
        .map(|at| {
            let there = &said[at..at + heard.len()];
            let dot: f32 = heard.iter().zip(there).map(|(a, b)| a * b).sum();
            dot / (own * energy(there)).sqrt().max(1e-9)
        })
        .collect();
    let best = |fits: &[f32]| {
        let places = fits.iter().enumerate();
        let better = |best: (usize, f32), (at, fit): (usize, &f32)| match *fit > best.1 {
            true => (at, *fit),
            false => best,
        };
        places.fold((0, 0.0), better)
    };
    let (at, fit) = best(&fits);
    let before = best(&fits[..at.saturating_sub(TONE)]);
    let behind = best(&fits[(at + TONE).min(fits.len())..]);
    (at, fit, before.1.max(behind.1))
}

async fn client(codec: &str) -> HeadlessSipClient {
    let config = ClientConfig {
        local_sip_addr: "127.0.0.1:0".parse().unwrap(),
        codecs: CodecTable::from_names(codec).unwrap(),
        receive_sample_rate: Some(RATE),
        media_threads: Some(1),
        ..ClientConfig::default()
    };
    HeadlessSipClient::new(config).await.unwrap()
}

/// Records until so much sound was heard.
async fn record(call: &mut ActiveCall, recording: &mut Vec<f32>, sound: usize) {
    while recording.iter().filter(|s| s.abs() > 0.1).count() < sound {
        let frame = call.audio.rx.recv().await.expect("the call is up");
        recording.extend(frame.samples);
    }
}

/// Records until it has been silent for 200 ms.
async fn record_to_silence(call: &mut ActiveCall, recording: &mut Vec<f32>) {
    loop {
        let frame = call.audio.rx.recv().await.expect("the call is up");
        recording.extend(frame.samples);
        let tail = &recording[recording.len().saturating_sub(ENDING)..];
        if tail.len() == ENDING && tail.iter().all(|s| s.abs() < 0.02) {
            return;
        }
    }
}

/// What the far end has invented so far. Figures are up to 200 ms old, so it listens on for a little longer.
async fn concealed(call: &mut ActiveCall, recording: &mut Vec<f32>) -> Duration {
    let until = recording.len() + RATE as usize / 4;
    while recording.len() < until {
        let frame = call.audio.rx.recv().await.expect("the call is up");
        recording.extend(frame.samples);
    }
    call.stats().concealed
}

async fn what_is_told_is_what_was_heard(codec: &str) {
    let (alice, bob) = (client(codec).await, client(codec).await);
    let target = format!("sip:bob@{}", bob.local_addr());
    let (call, answered) = tokio::join!(alice.call(&target), async {
        bob.incoming().await.expect("a call").answer().await
    });
    let (call, mut far) = (call.unwrap(), answered.unwrap());
    let at_8_khz = said(RATE, 4.0);
    let (mut round, mut tries) = (0_u32, 0);
    while round < 8 {
        tries += 1;
        assert!(tries <= 24, "{codec}: this machine is too busy for sound");
        let speech = AudioFrame::mono(said(24_000, 4.0), 24_000);
        let utterance = call.audio.tx.send(speech).await.unwrap();
        let mut recording = Vec::new();
        record(&mut far, &mut recording, 1_900 + 700 * round as usize).await;
        if round % 2 == 1 {
            // What waits stays, and goes on after the pause.
            call.audio.tx.pause();
            record_to_silence(&mut far, &mut recording).await;
            call.audio.tx.resume();
            let heard = recording.iter().filter(|s| s.abs() > 0.1).count();
            record(&mut far, &mut recording, heard + 2_000).await;
        }
        let concealed = concealed(&mut far, &mut recording).await;
        let cleared = call.audio.tx.clear();
        let [told] = &cleared.utterances[..] else {
            panic!("{cleared:?}");
        };
        assert_eq!(told.id, utterance);
        assert_eq!(call.audio.tx.played(utterance), Some(*told));
        record_to_silence(&mut far, &mut recording).await;
        if self::concealed(&mut far, &mut Vec::new()).await != concealed {
            // A busy machine was late with a packet: what was invented after the end is not what was sent.
            continue;
        }
        round += 1;

        let end = recording.iter().rposition(|s| s.abs() > RINGING).unwrap();
        let ending = &recording[end - FADE - ENDING..end - FADE];
        let (at, fit, elsewhere) = place_of(ending, &at_8_khz);
        assert!(
            fit > 3.0 * elsewhere,
            "{codec}: the ending fits by {fit:.2} at its place, by {elsewhere:.2} elsewhere"
        );
        let heard = (at + ENDING + FADE) as f64 / f64::from(RATE);
        let heard = Duration::from_secs_f64(heard);
        eprintln!(
            "{codec} {round}: told {:?} heard {heard:?} {fit}",
            told.sent
        );
        assert!(
            told.sent.abs_diff(heard) <= PTIME,
            "{codec}: told {:?}, heard {heard:?}",
            told.sent
        );
    }
    call.hang_up().await.unwrap();
}

async fn in_time(test: impl Future<Output = ()>) {
    tokio::time::timeout(Duration::from_secs(60), test)
        .await
        .expect("it ends in time");
}

#[tokio::test(flavor = "multi_thread")]
async fn in_g711() {
    in_time(what_is_told_is_what_was_heard("pcmu")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn in_g722() {
    in_time(what_is_told_is_what_was_heard("g722")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn in_opus() {
    in_time(what_is_told_is_what_was_heard("opus")).await;
}
