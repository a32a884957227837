//! The process that is measured: the media engine with N calls, and a program behind each that speaks and listens.

use std::io::{BufRead, BufReader, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use audio_codecs::Pcmu;
use media_engine::{
    AudioBridge, AudioFrame, AudioReceiver, AudioSender, EngineConfig, MediaConfig, MediaEngine,
    MediaFormat, MediaHandle,
};

use crate::RunArgs;
use crate::report::Row;
use crate::rtp_peer::{PeerPorts, PeerReport};
use headless_sip_bench::cpu;

type AnyError = Box<dyn std::error::Error>;

const LOOPBACK: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
/// Until jitter buffers and queues have found their level.
const WARM_UP: Duration = Duration::from_secs(2);
/// The program hands over this much audio at a time, as a speech synthesiser does that streams.
const CHUNK: Duration = Duration::from_millis(100);
/// How the runtime's threads are called, so that their time is told from the engine's.
const PROGRAM_THREAD: &str = "program";

/// What the programs behind the calls saw.
#[derive(Debug, Default)]
struct Heard {
    frames: AtomicU64,
    audible: AtomicU64,
}

pub(crate) fn run(calls: usize, args: RunArgs) -> Result<Row, AnyError> {
    let mut peer = Peer::start(calls)?;
    let engine = MediaEngine::new(EngineConfig {
        threads: args.threads,
        ..EngineConfig::default()
    })?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .thread_name(PROGRAM_THREAD)
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let heard = Arc::new(Heard::default());
        let memory_before = cpu::resident()?;
        let started = start_calls(&engine, &peer.ports, args, &heard)?;
        peer.connect(&started.ports)?;
        tokio::time::sleep(WARM_UP).await;

        let (begun, cpu_before) = (Instant::now(), CpuTime::now()?);
        let (frames, audible) = (
            heard.frames.load(Ordering::Relaxed),
            heard.audible.load(Ordering::Relaxed),
        );
        tokio::time::sleep(Duration::from_secs(args.seconds.into())).await;
        let (seconds, cpu_after) = (begun.elapsed().as_secs_f64(), CpuTime::now()?);
        let (frames, audible_frames) = (
            heard.frames.load(Ordering::Relaxed) - frames,
            heard.audible.load(Ordering::Relaxed) - audible,
        );
        let memory = cpu::resident()?.saturating_sub(memory_before) as f64 / calls as f64;

        // What the program handed over and what it holds ready, as f32.
        let queued: Duration = started.senders.iter().map(AudioSender::queued).sum();
        let spoken = (queued.as_secs_f64() / calls as f64 + CHUNK.as_secs_f64())
            * f64::from(args.rate)
            * 4.0;

        let peer = peer.report()?;
        let call_seconds = calls as f64 * seconds;
        let mut row = Row {
            calls,
            seconds,
            engine_us: micros(cpu_after.engine - cpu_before.engine) / call_seconds,
            program_us: micros(cpu_after.program - cpu_before.program) / call_seconds,
            memory,
            spoken,
            engine_threads: cpu_after.engine_threads,
            threads: cpu_after.threads,
            peer,
            received: 0,
            sent: 0,
            lost: 0,
            late: 0,
            frames,
            audible_frames,
            dropped_frames: 0,
        };
        for handle in &started.handles {
            let stats = handle.stats();
            row.received += stats.received_packets;
            row.sent += stats.sent_packets;
            row.lost += stats.lost_packets;
            row.late += stats.late_packets;
            row.dropped_frames += stats.dropped_frames;
        }
        Ok(row)
    })
}

fn micros(time: Duration) -> f64 {
    time.as_secs_f64() * 1e6
}

/// CPU time so far, by whose threads they are.
struct CpuTime {
    engine: Duration,
    program: Duration,
    engine_threads: usize,
    threads: usize,
}

impl CpuTime {
    fn now() -> Result<CpuTime, AnyError> {
        let threads = cpu::threads()?;
        let main = std::process::id();
        // The main thread only sleeps, but it is ours and not the engine's.
        let (program, engine): (Vec<_>, Vec<_>) = threads
            .iter()
            .partition(|thread| thread.id == main || thread.name == PROGRAM_THREAD);
        Ok(CpuTime {
            engine: engine.iter().map(|thread| thread.cpu).sum(),
            program: program.iter().map(|thread| thread.cpu).sum(),
            engine_threads: engine.len(),
            threads: threads.len(),
        })
    }
}

/// The calls that run.
struct Calls {
    handles: Vec<MediaHandle>,
    senders: Vec<AudioSender>,
    ports: Vec<u16>,
}

fn start_calls(
    engine: &MediaEngine,
    peer: &PeerPorts,
    args: RunArgs,
    heard: &Arc<Heard>,
) -> Result<Calls, AnyError> {
    let mut calls = Calls {
        handles: Vec::new(),
        senders: Vec::new(),
        ports: Vec::new(),
    };
    let chunk = chunk(args.rate);
    for &port in &peer.rtp {
        let ports = engine.reserve(LOOPBACK)?;
        calls.ports.push(ports.rtp_addr().port());
        let (handle, bridge, events) =
            engine.start(ports, config((LOOPBACK, port).into(), peer.rtcp, args.rate))?;
        calls.handles.push(handle);
        // The program does not care for events: they are bounded.
        drop(events);
        let AudioBridge { tx, rx, .. } = bridge;
        calls.senders.push(tx.clone());
        tokio::spawn(speak(tx, Arc::clone(&chunk), args.rate));
        tokio::spawn(listen(rx, Arc::clone(heard)));
    }
    Ok(calls)
}

/// A call in PCMU both ways. The program has two chunks waiting at most: what it queues is its memory, not the engine's.
fn config(remote_rtp: SocketAddr, rtcp_port: u16, rate: u32) -> MediaConfig {
    MediaConfig {
        remote_rtcp: (LOOPBACK, rtcp_port).into(),
        receive_rate: Some(rate),
        playback_buffer: 2 * CHUNK,
        ..MediaConfig::new(remote_rtp, MediaFormat::new(0, Arc::new(Pcmu)))
    }
}

/// A tone that goes on without a step from one chunk to the next.
fn chunk(rate: u32) -> Arc<[f32]> {
    let samples = (f64::from(rate) * CHUNK.as_secs_f64()) as usize;
    let step = std::f32::consts::TAU * 500.0 / rate as f32;
    (0..samples)
        .map(|n| (n as f32 * step).sin() * 0.25)
        .collect()
}

/// Says the chunk again and again for as long as the call lasts.
async fn speak(tx: AudioSender, chunk: Arc<[f32]>, rate: u32) {
    loop {
        let frame = AudioFrame {
            samples: chunk.to_vec(),
            sample_rate: rate,
            channels: 1,
        };
        if tx.send(frame).await.is_err() {
            return;
        }
    }
}

/// Hears all there is and counts it.
async fn listen(mut rx: AudioReceiver, heard: Arc<Heard>) {
    while let Some(frame) = rx.recv().await {
        heard.frames.fetch_add(1, Ordering::Relaxed);
        if frame.samples.iter().any(|sample| sample.abs() > 0.01) {
            heard.audible.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// The far end of all calls: this program again, as a process of its own.
struct Peer {
    child: Child,
    stdin: ChildStdin,
    stdout: BufReader<ChildStdout>,
    ports: PeerPorts,
}

impl Peer {
    fn start(calls: usize) -> Result<Peer, AnyError> {
        let mut child = Command::new(std::env::current_exe()?)
            .args(["rtp-peer", "--calls", &calls.to_string()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let (stdin, stdout) = (
            child.stdin.take().ok_or("no standard input")?,
            child.stdout.take().ok_or("no standard output")?,
        );
        let mut stdout = BufReader::new(stdout);
        let mut line = String::new();
        stdout.read_line(&mut line)?;
        Ok(Peer {
            child,
            stdin,
            stdout,
            ports: serde_json::from_str(&line)?,
        })
    }

    fn connect(&mut self, ports: &[u16]) -> Result<(), AnyError> {
        writeln!(self.stdin, "{}", serde_json::to_string(ports)?)?;
        Ok(())
    }

    /// Ends the exchange and asks what the peer saw.
    fn report(&mut self) -> Result<PeerReport, AnyError> {
        writeln!(self.stdin, "report")?;
        Ok(serde_json::from_str(&self.line()?)?)
    }

    fn line(&mut self) -> Result<String, AnyError> {
        let mut line = String::new();
        if self.stdout.read_line(&mut line)? == 0 {
            return Err("the peer process ended".into());
        }
        Ok(line)
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
