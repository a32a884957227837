//! Calls on real threads, sockets and the real clock.

use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket};
use std::sync::Arc;
use std::time::Duration;

use audio_codecs::{Codec, CodecError, CodecParameters, Decoder, Encoder, Pcmu};
use media_engine::{
    AudioBridge, AudioError, AudioFrame, EngineConfig, EngineError, MediaConfig, MediaEngine,
    MediaEvent, MediaEvents, MediaFormat, MediaHandle, MediaUpdate, TelephoneEventFormat,
};
use rtp_media::{ClockRate, PayloadType};

use crate::signal::{share_at, tone};

const LOCALHOST: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

struct End {
    handle: MediaHandle,
    audio: AudioBridge,
    events: MediaEvents,
    addr: SocketAddr,
}

fn engine() -> MediaEngine {
    MediaEngine::new(EngineConfig {
        threads: Some(2),
        rtp_ports: 30_000..=39_999,
    })
    .unwrap()
}

fn call_with(engine: &MediaEngine, change: impl Fn(&mut MediaConfig)) -> [End; 2] {
    let ports = [
        engine.reserve(LOCALHOST).unwrap(),
        engine.reserve(LOCALHOST).unwrap(),
    ];
    let addrs = ports.each_ref().map(|ports| ports.rtp_addr());
    let mut remotes = addrs.into_iter().rev();
    ports.map(|ports| {
        let addr = ports.rtp_addr();
        let format = MediaFormat::new(0, Arc::new(Pcmu));
        let mut config = MediaConfig::new(remotes.next().unwrap(), format);
        change(&mut config);
        let (handle, audio, events) = engine.start(ports, config).unwrap();
        End {
            handle,
            audio,
            events,
            addr,
        }
    })
}

/// Listens until the tone has been there for half a second.
async fn hear_tone(end: &mut End, hz: f64) {
    let mut heard = Vec::new();
    let listen = async {
        loop {
            let frame = end.audio.rx.recv().await.expect("the call is up");
            let rate = frame.sample_rate;
            heard.extend(frame.samples);
            let half = rate as usize / 2;
            if heard.len() >= half && share_at(&heard[heard.len() - half..], hz, rate) > 0.97 {
                return;
            }
        }
    };
    tokio::time::timeout(Duration::from_secs(20), listen)
        .await
        .expect("the tone is heard");
}

#[tokio::test]
async fn two_calls_hear_each_other_and_stop_cleanly() {
    let engine = engine();
    let [mut a, mut b] = call_with(&engine, |_| {});
    assert_eq!(engine.calls(), 2);
    a.audio
        .tx
        .send(AudioFrame::mono(tone(440.0, 24_000, 10.0), 24_000))
        .await
        .unwrap();
    b.audio
        .tx
        .send(AudioFrame::mono(tone(1_000.0, 48_000, 10.0), 48_000))
        .await
        .unwrap();
    tokio::join!(hear_tone(&mut a, 1_000.0), hear_tone(&mut b, 440.0));
    assert!(matches!(
        b.events.recv().await,
        Some(MediaEvent::FirstMedia { .. })
    ));

    tokio::time::timeout(Duration::from_secs(10), a.handle.stop())
        .await
        .unwrap();
    assert!(a.handle.is_stopped());
    let stats = a.handle.stats();
    assert!(
        stats.sent_packets >= 25 && stats.received_packets >= 25,
        "{stats:?}"
    );
    assert_eq!(stats.send_errors, 0);
    assert_eq!(stats.codec.as_str(), "PCMU");
    assert_eq!(
        a.audio.tx.send(AudioFrame::mono(vec![0.0; 8], 8_000)).await,
        Err(AudioError::Closed)
    );
    while a.audio.rx.recv().await.is_some() {}
    let mut last = None;
    while let Some(event) = a.events.recv().await {
        last = Some(event);
    }
    assert_eq!(last, Some(MediaEvent::Stopped));
    assert!(matches!(
        a.handle.update(MediaUpdate::default()),
        Err(EngineError::Stopped)
    ));
    UdpSocket::bind(a.addr).expect("the port is free again");
    // The other side learns of it by RTCP.
    let bye = async { while b.events.recv().await != Some(MediaEvent::RemoteBye) {} };
    tokio::time::timeout(Duration::from_secs(10), bye)
        .await
        .expect("RTCP BYE is told");
    drop(b.handle);
    while b.audio.rx.recv().await.is_some() {}
}

#[tokio::test]
async fn a_call_that_moves_to_other_sockets_goes_on() {
    let engine = engine();
    let [mut a, mut b] = call_with(&engine, |_| {});
    for (end, hz) in [(&a, 440.0), (&b, 1_000.0)] {
        let said = AudioFrame::mono(tone(hz, 8_000, 20.0), 8_000);
        end.audio.tx.send(said).await.unwrap();
    }
    tokio::join!(hear_tone(&mut a, 1_000.0), hear_tone(&mut b, 440.0));

    let ports = engine.reserve(LOCALHOST).unwrap();
    let moved = ports.rtp_addr();
    a.handle.move_to(ports).unwrap();
    // The far end is not told: it follows what it receives.
    let followed = async {
        loop {
            if let Some(MediaEvent::SourceChanged { from, to }) = b.events.recv().await {
                return (from, to);
            }
        }
    };
    let followed = tokio::time::timeout(Duration::from_secs(10), followed).await;
    assert_eq!(followed.unwrap(), (a.addr, moved));
    UdpSocket::bind(a.addr).expect("the port from before is free again");
    while a.audio.rx.try_recv().is_some() {}
    while b.audio.rx.try_recv().is_some() {}
    tokio::join!(hear_tone(&mut a, 1_000.0), hear_tone(&mut b, 440.0));

    a.handle.stop().await;
    let ports = engine.reserve(LOCALHOST).unwrap();
    assert!(matches!(a.handle.move_to(ports), Err(EngineError::Stopped)));
}

#[tokio::test]
async fn digits_and_updates_reach_the_media_thread() {
    let engine = engine();
    let [a, mut b] = call_with(&engine, |config| {
        config.telephone_event = Some(TelephoneEventFormat {
            send_payload_type: PayloadType(101),
            receive_payload_type: PayloadType(101),
            clock_rate: ClockRate(8_000),
        });
    });
    for digit in ['1', '#'] {
        a.handle
            .send_dtmf(digit, Duration::from_millis(80))
            .unwrap();
    }
    let listen = async {
        let mut digits = String::new();
        while digits.len() < 2 {
            if let Some(MediaEvent::Dtmf { digit, .. }) = b.events.recv().await {
                digits.push(digit);
            }
        }
        digits
    };
    let digits = tokio::time::timeout(Duration::from_secs(10), listen)
        .await
        .unwrap();
    assert_eq!(digits, "1#");

    let press = Duration::from_millis(100);
    assert!(matches!(
        a.handle.send_dtmf('x', press),
        Err(EngineError::BadDigit('x'))
    ));
    assert!(matches!(
        a.handle.send_dtmf('1', Duration::ZERO),
        Err(EngineError::DigitDuration(_))
    ));
    let hold = MediaUpdate {
        may_send: Some(false),
        ..MediaUpdate::default()
    };
    a.handle.update(hold).unwrap();
    assert!(matches!(
        a.handle.send_dtmf('1', press),
        Err(EngineError::OnHold)
    ));
    let off = MediaUpdate {
        telephone_event: Some(None),
        ..MediaUpdate::default()
    };
    a.handle.update(off).unwrap();
    assert!(matches!(
        a.handle.send_dtmf('1', press),
        Err(EngineError::NoTelephoneEvent)
    ));
    let impossible = MediaUpdate {
        ptime: Some(Duration::from_millis(7)),
        ..MediaUpdate::default()
    };
    assert!(matches!(
        a.handle.update(impossible),
        Err(EngineError::Config(_))
    ));
}

#[test]
fn a_program_without_a_runtime_can_speak_and_listen() {
    let engine = engine();
    let [a, mut b] = call_with(&engine, |config| {
        config.playback_buffer = Duration::from_millis(200)
    });
    let speaker = std::thread::spawn(move || {
        for piece in tone(700.0, 16_000, 1.5).chunks(800) {
            a.audio
                .tx
                .blocking_send(AudioFrame::mono(piece.to_vec(), 16_000))
                .unwrap();
        }
        a
    });
    let mut heard = Vec::new();
    while heard.len() < 8_000 * 5 {
        let frame = b.audio.rx.blocking_recv().expect("the call is up");
        heard.extend(frame.frame.samples);
        if heard.len() >= 4_000 && share_at(&heard[heard.len() - 4_000..], 700.0, 8_000) > 0.97 {
            break;
        }
    }
    assert!(heard.len() < 8_000 * 5, "the tone is heard");
    drop(speaker.join().unwrap());
    b.handle.update(MediaUpdate::default()).unwrap();
}

#[tokio::test]
async fn dropping_the_last_handle_ends_the_call() {
    let engine = engine();
    let [a, mut b] = call_with(&engine, |_| {});
    let clone = b.handle.clone();
    drop(b.handle);
    assert!(!clone.is_stopped());
    drop(clone);
    while b.audio.rx.recv().await.is_some() {}
    a.handle.stop().await;
    assert_eq!(engine.calls(), 0);
}

#[tokio::test]
async fn many_calls_run_at_once() {
    let engine = engine();
    let mut calls: Vec<[End; 2]> = (0..20).map(|_| call_with(&engine, |_| {})).collect();
    for (i, [a, _]) in calls.iter().enumerate() {
        let hz = 400.0 + 50.0 * i as f64;
        a.audio
            .tx
            .send(AudioFrame::mono(tone(hz, 16_000, 20.0), 16_000))
            .await
            .unwrap();
    }
    for (i, [_, b]) in calls.iter_mut().enumerate() {
        hear_tone(b, 400.0 + 50.0 * i as f64).await;
    }
    for [a, b] in calls {
        a.handle.stop().await;
        b.handle.stop().await;
    }
    assert_eq!(engine.calls(), 0);
}

#[test]
fn a_configuration_that_cannot_work_is_refused() {
    let new = |threads, rtp_ports| {
        MediaEngine::new(EngineConfig { threads, rtp_ports })
            .map(|_| ())
            .unwrap_err()
    };
    assert!(matches!(
        new(Some(0), 16_384..=32_767),
        EngineError::Config(_)
    ));
    assert!(matches!(new(None, 16_385..=16_386), EngineError::Config(_)));
    assert!(matches!(new(None, 0..=100), EngineError::Config(_)));
}

/// A codec with a fault: it panics when it hears anything.
#[derive(Debug)]
struct Explosive;

struct ExplosiveDecoder;

impl Codec for Explosive {
    fn encoding_name(&self) -> &str {
        "EXPLOSIVE"
    }
    fn clock_rate(&self) -> u32 {
        8_000
    }
    fn encoder(&self, parameters: &CodecParameters) -> Result<Box<dyn Encoder>, CodecError> {
        Pcmu.encoder(parameters)
    }
    fn decoder(&self, _: &CodecParameters) -> Result<Box<dyn Decoder>, CodecError> {
        Ok(Box::new(ExplosiveDecoder))
    }
}

impl Decoder for ExplosiveDecoder {
    fn sample_rate(&self) -> u32 {
        8_000
    }
    fn decode(&mut self, _: &[u8], _: &mut Vec<f32>) -> Result<usize, CodecError> {
        panic!("as the test wants it")
    }
    fn conceal(&mut self, samples: usize, out: &mut Vec<f32>) {
        out.resize(out.len() + samples, 0.0);
    }
    fn samples_in(&self, payload: &[u8]) -> Option<usize> {
        Some(payload.len())
    }
    fn reset(&mut self) {}
}

#[tokio::test]
async fn a_codec_that_panics_ends_its_own_call_only() {
    let engine = MediaEngine::new(EngineConfig {
        threads: Some(1),
        rtp_ports: 30_000..=39_999,
    })
    .unwrap();
    let [a, mut b] = call_with(&engine, |_| {});
    let faulty = MediaUpdate {
        receive: Some(vec![MediaFormat::new(0, Arc::new(Explosive))]),
        ..MediaUpdate::default()
    };
    a.handle.update(faulty).unwrap();
    let mut events = a.events;
    let ended = async {
        while events
            .recv()
            .await
            .is_some_and(|event| event != MediaEvent::Stopped)
        {}
    };
    tokio::time::timeout(Duration::from_secs(10), ended)
        .await
        .expect("the call ends");
    tokio::time::timeout(Duration::from_secs(10), a.handle.stop())
        .await
        .expect("stop returns");
    assert!(b.audio.rx.recv().await.is_some(), "the other call goes on");
    assert!(!b.handle.is_stopped());
}
