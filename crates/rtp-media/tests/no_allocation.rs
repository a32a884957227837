//! In steady state a session allocates nothing, and it stays small.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::net::SocketAddr;
use std::time::{Duration, Instant, SystemTime};

use rtp_media::{
    Channel, ClockAnchor, ClockRate, PayloadType, Playout, RtpSession, RtpSessionConfig,
};

thread_local! {
    /// Allocations of this thread, and bytes it holds.
    static ALLOCATIONS: Cell<u64> = const { Cell::new(0) };
    static HELD: Cell<i64> = const { Cell::new(0) };
}

struct Counting;

fn count(allocations: u64, bytes: i64) {
    let _ = ALLOCATIONS.try_with(|c| c.set(c.get() + allocations));
    let _ = HELD.try_with(|c| c.set(c.get() + bytes));
}

#[allow(unsafe_code, reason = "a global allocator cannot be written without")]
// SAFETY: every call is passed to the system allocator unchanged; the counters are thread-local cells without destructors.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(1, layout.size() as i64);
        // SAFETY: the caller's promise about `layout` is passed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        count(0, -(layout.size() as i64));
        // SAFETY: `pointer` came from `alloc` above with the same layout.
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count(1, size as i64 - layout.size() as i64);
        // SAFETY: as above.
        unsafe { System.realloc(pointer, layout, size) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Two sessions that talk to each other.
struct Call {
    start: Instant,
    tick: u64,
    sessions: [RtpSession; 2],
    addresses: [SocketAddr; 2],
    datagram: Vec<u8>,
    played: u64,
}

impl Call {
    #[allow(clippy::disallowed_methods, reason = "an Instant has no other source")]
    fn new() -> Self {
        let start = Instant::now();
        let anchor = ClockAnchor::new(start, SystemTime::now());
        let addresses: [SocketAddr; 2] =
            ["192.0.2.1:4000", "192.0.2.2:4000"].map(|a| a.parse().expect("an address"));
        let session = |seed, remote| {
            let config =
                RtpSessionConfig::new(anchor, seed, remote, PayloadType(0), ClockRate(8_000));
            RtpSession::new(start, config)
        };
        Self {
            start,
            tick: 0,
            sessions: [session(1, addresses[1]), session(2, addresses[0])],
            addresses,
            datagram: Vec::with_capacity(2_048),
            played: 0,
        }
    }

    /// 20 ms: one packet each way, with some jitter and 1 % loss, and whatever RTCP is due.
    fn step(&mut self) {
        let now = self.start + Duration::from_millis(self.tick * 20);
        for side in 0..2 {
            let session = &mut self.sessions[side];
            session.handle_timeout(now);
            if let Playout::Packet { .. } = session.playout(now, Duration::ZERO) {
                self.played += 1;
            }
            session.send_audio(now, &[0x55; 160], 160);
            let delay = Duration::from_millis(self.tick * 7 % 13);
            while let Some(transmit) = self.sessions[side].poll_transmit(now, &mut self.datagram) {
                if transmit.channel == Channel::Rtp && self.tick % 100 == 50 {
                    continue;
                }
                let source = self.addresses[side];
                self.sessions[1 - side].handle_datagram(
                    now + delay,
                    source,
                    transmit.channel,
                    &self.datagram,
                );
            }
            while self.sessions[side].poll_event().is_some() {}
        }
        self.tick += 1;
    }
}

#[test]
fn a_thousand_packets_each_way_allocate_nothing_reports_included() {
    let mut call = Call::new();
    for _ in 0..1_000 {
        call.step();
    }
    let (before, played) = (ALLOCATIONS.get(), call.played);
    for _ in 0..1_000 {
        call.step();
    }
    assert_eq!(ALLOCATIONS.get() - before, 0);
    assert!(call.played - played > 1_950, "{}", call.played - played);
    let now = call.start + Duration::from_secs(40);
    assert!(call.sessions[0].stats(now).received_reports >= 5);
}

#[test]
fn a_session_takes_less_than_8_kb() {
    let before = HELD.get();
    let mut call = Call::new();
    for _ in 0..500 {
        call.step();
    }
    let heap = HELD.get() - before - call.datagram.capacity() as i64;
    let each = heap / 2 + size_of::<RtpSession>() as i64;
    println!(
        "{each} bytes a session, {} of them inline",
        size_of::<RtpSession>()
    );
    assert!(each <= 8 * 1_024, "{each}");
}
