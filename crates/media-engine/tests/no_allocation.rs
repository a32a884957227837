//! A running call allocates nothing but the samples that it hands to the program, and is small.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use audio_codecs::Pcmu;
use media_engine::analysis::{AnsweringMachineConfig, VoiceActivityConfig};
use media_engine::{
    AudioBridge, AudioFrame, Channel, ClockAnchor, InBandDtmf, ListenConfig, MediaConfig,
    MediaEvents, MediaFormat, MediaSession,
};

const NOTHING: ListenConfig = ListenConfig {
    voice: None,
    talk_over: None,
    dtmf: InBandDtmf::Off,
    call_progress: false,
    answering_machine: None,
};

thread_local! {
    static ALLOCATIONS: Cell<u64> = const { Cell::new(0) };
    static LIVE_BYTES: Cell<i64> = const { Cell::new(0) };
}

/// The system's allocator with two counters per thread.
struct Counting;

fn count(allocations: u64, bytes: i64) {
    // The counters are gone while a thread ends.
    let _ = ALLOCATIONS.try_with(|counter| counter.set(counter.get() + allocations));
    let _ = LIVE_BYTES.try_with(|counter| counter.set(counter.get() + bytes));
}

// SAFETY: every call is passed on to the system's allocator unchanged; the counters are plain
// thread-local cells, which neither allocate nor unwind.
#[allow(unsafe_code, reason = "only an allocator can count allocations")]
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(1, layout.size() as i64);
        // SAFETY: the caller's promise is the one the system's allocator asks for.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        count(0, -(layout.size() as i64));
        // SAFETY: `pointer` came from `alloc` or `realloc` above with this layout.
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        count(1, new_size as i64 - layout.size() as i64);
        // SAFETY: `pointer` came from `alloc` or `realloc` above with this layout.
        unsafe { System.realloc(pointer, layout, new_size) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

struct End {
    session: MediaSession,
    audio: AudioBridge,
    events: MediaEvents,
}

fn addr(host: u8, channel: Channel) -> SocketAddr {
    SocketAddr::from((
        [192, 0, 2, host],
        4_000 + u16::from(channel == Channel::Rtcp),
    ))
}

fn end(now: Instant, host: u8, receive_rate: Option<u32>, listen: ListenConfig) -> End {
    let format = MediaFormat::new(0, Arc::new(Pcmu));
    let mut config = MediaConfig::new(addr(3 - host, Channel::Rtp), format);
    config.receive_rate = receive_rate;
    config.listen = listen;
    config.quality_interval = Duration::from_millis(200);
    let anchor = ClockAnchor::new(now, SystemTime::now());
    let (session, audio, events) = MediaSession::new(now, anchor, host.into(), config).unwrap();
    End {
        session,
        audio,
        events,
    }
}

/// Runs both ends for `frames` packet times; answers how many frames the programs got and how
/// many RTCP reports were sent.
fn run(ends: &mut [End; 2], now: &mut Instant, frames: usize, buf: &mut Vec<u8>) -> (u64, u64) {
    let (mut heard, mut reports) = (0, 0);
    for _ in 0..frames {
        for index in 0..2 {
            let [a, b] = &mut *ends;
            let (from, to, host) = if index == 0 { (a, b, 1) } else { (b, a, 2) };
            from.session.tick(*now);
            while let Some(transmit) = from.session.poll_transmit(*now, buf) {
                reports += u64::from(transmit.channel == Channel::Rtcp);
                to.session.handle_datagram(
                    *now,
                    addr(host, transmit.channel),
                    transmit.channel,
                    buf,
                );
            }
            while let Some(frame) = from.audio.rx.try_recv() {
                heard += 1;
                drop(frame);
            }
            while from.events.try_recv().is_some() {}
        }
        *now += Duration::from_millis(20);
    }
    (heard, reports)
}

fn allocations_in_steady_state(receive_rate: Option<u32>, speech_rate: u32, listen: ListenConfig) {
    let mut now = Instant::now();
    let mut ends = [
        end(now, 1, receive_rate, listen),
        end(now, 2, receive_rate, listen),
    ];
    let mut buf = Vec::with_capacity(2_048);
    for end in &ends {
        let samples = (0..speech_rate * 40)
            .map(|i| (i as f32 * 0.05).sin() * 0.5)
            .collect();
        end.audio
            .tx
            .try_send(AudioFrame::mono(samples, speech_rate))
            .unwrap();
    }
    run(&mut ends, &mut now, 250, &mut buf);
    let before = ALLOCATIONS.get();
    let (heard, reports) = run(&mut ends, &mut now, 1_000, &mut buf);
    let allocations = ALLOCATIONS.get() - before;
    assert_eq!(heard, 2_000);
    // The list of reception blocks of a report, every few seconds, is a vector of its own.
    assert!(reports <= 20, "{reports} reports in 20 s");
    assert!(
        (heard..=heard + reports).contains(&allocations),
        "{allocations} allocations for {heard} frames handed to the program and {reports} reports"
    );
    for end in &ends {
        let stats = end.session.stats(now);
        assert!(
            stats.received_packets > 1_200 && stats.concealed.is_zero(),
            "{stats:?}"
        );
        assert!(
            !end.audio.tx.queued().is_zero(),
            "something was being said all the time"
        );
    }
}

#[test]
fn nothing_is_allocated_at_the_codecs_rate() {
    allocations_in_steady_state(None, 8_000, NOTHING);
}

#[test]
fn nothing_is_allocated_while_resampling_both_ways() {
    allocations_in_steady_state(Some(48_000), 24_000, NOTHING);
}

#[test]
fn nothing_is_allocated_while_every_detector_listens() {
    let everything = ListenConfig {
        voice: Some(VoiceActivityConfig::default()),
        talk_over: Some(Duration::from_millis(300)),
        dtmf: InBandDtmf::On,
        call_progress: true,
        answering_machine: Some(AnsweringMachineConfig::default()),
    };
    allocations_in_steady_state(None, 8_000, everything);
    allocations_in_steady_state(Some(48_000), 24_000, everything);
}

#[test]
fn a_g711_call_takes_less_than_24_kilobytes() {
    let mut now = Instant::now();
    let before = LIVE_BYTES.get();
    let mut ends = [end(now, 1, None, NOTHING), end(now, 2, None, NOTHING)];
    let mut buf = Vec::with_capacity(2_048);
    run(&mut ends, &mut now, 500, &mut buf);
    let of_each = (LIVE_BYTES.get() - before - buf.capacity() as i64) / 2;
    println!("{of_each} bytes per call");
    assert!(of_each > 1_000, "the counter works");
    assert!(of_each <= 24 * 1_024, "{of_each} bytes");
}
