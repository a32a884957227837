//! A flood of INVITEs whose sender acknowledges nothing: it costs memory for a while, and nobody else a call.

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant};

use headless_sip::{ActiveCall, ClientConfig, HeadlessSipClient};
use headless_sip_interop::{Phone, Program, scenario, until};

static LIVE_BYTES: AtomicI64 = AtomicI64::new(0);

/// The system's allocator with a counter of what is held.
struct Counting;

fn count(bytes: i64) {
    LIVE_BYTES.fetch_add(bytes, Ordering::Relaxed);
}

// SAFETY: every call is passed on to the system's allocator unchanged; the counter is an atomic, which neither allocates
// nor unwinds.
#[allow(unsafe_code, reason = "only an allocator can count what is held")]
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(layout.size() as i64);
        // SAFETY: the caller's promise is the one the system's allocator asks for.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        count(-(layout.size() as i64));
        // SAFETY: `pointer` came from `alloc` or `realloc` with this layout.
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        count(new_size as i64 - layout.size() as i64);
        // SAFETY: `pointer` came from `alloc` or `realloc` with this layout.
        unsafe { System.realloc(pointer, layout, new_size) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

const MEGABYTE: i64 = 1 << 20;

fn held() -> i64 {
    LIVE_BYTES.load(Ordering::Relaxed)
}

/// Answers a friend, and is busy for everybody else.
async fn answer(client: HeadlessSipClient) {
    while let Some(call) = client.incoming().await {
        if call.caller() == Some("friend") {
            tokio::spawn(async move {
                if let Ok(mut call) = call.answer().await {
                    call.events.ended().await;
                }
            });
        } else {
            call.reject(486).await.ok();
        }
    }
}

async fn friend() -> Phone {
    Phone::start(ClientConfig {
        username: Some("friend".into()),
        ..Default::default()
    })
    .await
}

async fn call(friend: &Phone, target: &str) -> ActiveCall {
    tokio::time::timeout(Duration::from_secs(30), friend.client.call(target))
        .await
        .expect("an answer in time")
        .expect("the call is taken")
}

#[tokio::test(flavor = "multi_thread")]
async fn five_hundred_invites_a_second_without_ack_are_forgotten_and_the_next_call_is_taken_at_once()
 {
    if !Program::all_installed(&[Program::Sipp]) {
        return;
    }
    let phone = Phone::start(ClientConfig::default()).await;
    let answering = tokio::spawn(answer(phone.client.clone()));
    let friend = friend().await;
    // What a first call leaves behind is not counted.
    call(&friend, &phone.uri())
        .await
        .hang_up()
        .await
        .expect("hung up");
    let before = held();
    let sipp = scenario!("uac_flood")
        .users("phone", "stranger")
        .calls(5_000, 500)
        .args(["-default_behaviors", "none"])
        .start_client(phone.client.local_addr());
    sipp.succeeds(Duration::from_secs(60)).await;
    let over = Instant::now();
    let during = held();
    let mut next = call(&friend, &phone.uri()).await;
    let setup = over.elapsed();
    assert!(setup < Duration::from_secs(1), "{setup:?}");
    next.hang_up().await.expect("hung up");
    next.events.ended().await;
    drop(next);
    assert!(
        during - before > MEGABYTE,
        "the flood was held for a while: {before} then {during}"
    );
    // All but a hundredth: what is left is the room of tables that once were full, and is used again.
    let left = || (held() - before <= (during - before) / 100).then_some(());
    let patience = Duration::from_secs(64).saturating_sub(over.elapsed());
    until("the memory is given back", patience, async || left()).await;
    eprintln!(
        "next call after {setup:?}; {} kB held at the end of the flood, back after {:?}",
        (during - before) / 1_000,
        over.elapsed()
    );
    answering.abort();
    phone.client.shutdown().await;
}
