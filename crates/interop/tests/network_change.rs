//! The address of this machine goes and another one comes while a call is up: it is registered from there, and heard, within seconds.
#![cfg(target_os = "linux")]

use std::sync::mpsc;
use std::time::{Duration, Instant};

use headless_sip::{
    ActiveCall, CallEvent, ClientConfig, CodecTable, EndedBy, HeadlessSipClient, Transport,
};
use headless_sip_interop::{Network, in_own_network, tone};
use sip_testkit::audio::Clip;
use sip_testkit::pbx::Pbx;
use tokio::sync::oneshot;

const PATIENCE: Duration = Duration::from_secs(20);
/// From the new address to unbroken sound, both ways.
const BACK_WITHIN: Duration = Duration::from_secs(3);
/// 100 ms.
const WINDOW: usize = 800;

/// What alice says, and bob, Hz.
const ALICE: u32 = 440;
const BOB: u32 = 1_000;

fn runtime() -> tokio::runtime::Runtime {
    // All of it on this thread: a thread is in the network of the one that started it.
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap()
}

async fn within<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, future)
        .await
        .expect("it happens in time")
}

async fn client(user: &str, pbx: &str, transport: Transport) -> HeadlessSipClient {
    let client = HeadlessSipClient::new(ClientConfig {
        transport,
        codecs: CodecTable::from_names("pcmu").unwrap(),
        media_threads: Some(1),
        ..ClientConfig::account(user, "secret", pbx)
    });
    within(client).await.unwrap()
}

/// Listens until the tone has been there for a second without a break, and tells how long after `since` that second began.
async fn unbroken(call: &mut ActiveCall, hz: u32, since: Instant) -> Duration {
    // What was heard before does not count.
    while call.audio.rx.try_recv().is_some() {}
    let mut window = Vec::new();
    let mut good = 0;
    within(async {
        loop {
            let frame = call.audio.rx.recv().await.expect("the call is up");
            assert_eq!(frame.sample_rate, 8_000);
            window.extend(frame.samples);
            if window.len() < WINDOW {
                continue;
            }
            let clip = Clip {
                samples: std::mem::take(&mut window),
                sample_rate: 8_000,
            };
            let heard = clip.rms() > 0.05 && clip.energy_share(hz.into()) > 0.9;
            good = if heard { good + 1 } else { 0 };
            if good == 10 {
                return since.elapsed().saturating_sub(Duration::from_secs(1));
            }
        }
    })
    .await
}

struct FarEnd {
    pbx: String,
    pbx_user: String,
}

/// What the near end asks the far end to do.
enum Ask {
    /// Tell how long it takes from then until alice is heard.
    Hear(Instant, oneshot::Sender<Duration>),
    /// Tell where alice is registered.
    Contacts(oneshot::Sender<Vec<String>>),
    /// Hold and resume her, then hang up.
    HoldAndHangUp(oneshot::Sender<()>),
}

/// The exchange and bob, whose address stays.
async fn far_end(started: oneshot::Sender<FarEnd>, mut asks: tokio::sync::mpsc::Receiver<Ask>) {
    let pbx = Pbx::builder()
        .listen("10.77.0.1:0")
        .user("alice", "secret")
        .user("bob", "secret")
        .start()
        .await
        .unwrap();
    let bob = client("bob", &pbx.uri(), Transport::Udp).await;
    let told = started.send(FarEnd {
        pbx: pbx.uri(),
        pbx_user: pbx.user_uri("bob"),
    });
    assert!(told.is_ok(), "the near end waits");
    let incoming = within(bob.incoming()).await.expect("alice calls");
    let mut call = within(incoming.answer()).await.unwrap();
    call.audio.tx.send(tone(BOB, PATIENCE)).await.unwrap();
    while let Some(ask) = within(asks.recv()).await {
        match ask {
            Ask::Hear(since, answer) => {
                let took = unbroken(&mut call, ALICE, since).await;
                answer.send(took).unwrap();
            }
            Ask::Contacts(answer) => answer.send(pbx.contacts("alice")).unwrap(),
            Ask::HoldAndHangUp(answer) => {
                within(call.hold()).await.unwrap();
                within(call.resume()).await.unwrap();
                within(call.hang_up()).await.unwrap();
                answer.send(()).unwrap();
            }
        }
    }
    within(bob.shutdown()).await;
    within(pbx.shutdown()).await;
}

async fn near_end(
    network: Network,
    far: FarEnd,
    asks: tokio::sync::mpsc::Sender<Ask>,
    transport: Transport,
) {
    let alice = client("alice", &far.pbx, transport).await;
    let mut call = within(alice.call(&far.pbx_user)).await.unwrap();
    call.audio.tx.send(tone(ALICE, PATIENCE)).await.unwrap();
    let both_hear = async |call: &mut ActiveCall, since| {
        let (answer, heard_there) = oneshot::channel();
        asks.send(Ask::Hear(since, answer)).await.unwrap();
        let (here, there) = tokio::join!(unbroken(call, BOB, since), within(heard_there));
        (here, there.unwrap())
    };
    both_hear(&mut call, Instant::now()).await;

    network.ip("address del 10.77.0.2/24 dev near");
    network.ip("address add 10.77.0.3/24 dev near");
    let (here, there) = both_hear(&mut call, Instant::now()).await;
    println!("{transport:?}: back after {here:?} here, {there:?} there");
    assert!(here < BACK_WITHIN, "alice hears bob after {here:?}");
    assert!(there < BACK_WITHIN, "bob hears alice after {there:?}");

    let contacts = within(async {
        loop {
            let (answer, contacts) = oneshot::channel();
            asks.send(Ask::Contacts(answer)).await.unwrap();
            let contacts = contacts.await.unwrap();
            if contacts.iter().any(|contact| contact.contains("10.77.0.3")) {
                return contacts;
            }
            tokio::task::yield_now().await;
        }
    })
    .await;
    assert_eq!(contacts.len(), 1, "the old binding is gone: {contacts:?}");

    // Requests of the far end find the new address: the re-INVITE has told it.
    let (answer, done) = oneshot::channel();
    asks.send(Ask::HoldAndHangUp(answer)).await.unwrap();
    let mut held = 0;
    let ended = within(async {
        loop {
            match call.events.recv().await.expect("the end is told") {
                CallEvent::Held => held += 1,
                CallEvent::Ended(ended) => return ended,
                _ => {}
            }
        }
    })
    .await;
    assert_eq!((held, ended.by), (1, EndedBy::Remote));
    within(done).await.unwrap();
    within(alice.shutdown()).await;
}

fn address_changes_within_a_call(transport: Transport) {
    if !Network::can_be_made() {
        return;
    }
    let (id_sender, far_id) = mpsc::channel();
    let (ready_sender, ready) = mpsc::channel();
    let (started, far) = oneshot::channel();
    let (asks, asked) = tokio::sync::mpsc::channel(1);
    let there = in_own_network("far", move |network| {
        id_sender.send(network.id()).unwrap();
        ready.recv_timeout(PATIENCE).expect("the link is there");
        network.ip("address add 10.77.0.1/24 dev far");
        network.ip("link set far up");
        runtime().block_on(far_end(started, asked));
    });
    let here = in_own_network("near", move |network| {
        let id = far_id.recv_timeout(PATIENCE).expect("the far end");
        network.ip(&format!("link add near type veth peer name far netns {id}"));
        network.ip("address add 10.77.0.2/24 dev near");
        network.ip("link set near up");
        ready_sender.send(()).unwrap();
        runtime().block_on(async {
            let far = within(far).await.expect("the far end has started");
            near_end(network, far, asks, transport).await;
        });
    });
    let (here, there) = (here.join(), there.join());
    here.expect("the near end did its part");
    there.expect("the far end did its part");
}

#[test]
fn over_udp() {
    address_changes_within_a_call(Transport::Udp);
}

#[test]
fn over_tcp() {
    address_changes_within_a_call(Transport::Tcp);
}
