//! Servers of one name (RFC 3263): a call passes over one that answers 503, a registration leaves one that dies.

#[allow(dead_code, clippy::unwrap_used)]
#[path = "../../sip-signaling/tests/loopback/name_server.rs"]
mod name_server;

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use headless_sip::{ClientConfig, Error, TlsConfig};
use headless_sip_interop::{Authority, Kamailio, Phone, Program, scenario, until};
use name_server::{NameServer, Record};

const PATIENCE: Duration = Duration::from_secs(20);

/// `sip.test`, whose servers are these in this order.
async fn servers(service: &'static str, name: &'static str, addrs: [SocketAddr; 2]) -> NameServer {
    let mut records = vec![
        ("sip.test", Record::Naptr(10, 10, service, name)),
        ("server.sip.test", Record::A(Ipv4Addr::LOCALHOST)),
    ];
    for (priority, addr) in (1..).zip(addrs) {
        let record = Record::Srv(priority, 10, addr.port(), "server.sip.test");
        records.push((name, record));
    }
    NameServer::start(records).await
}

/// The status that a call is refused with.
async fn refusal(phone: &Phone, target: &str) -> u16 {
    match phone.client.call(target).await.expect_err("refused") {
        Error::Rejected { status, .. } => status,
        error => panic!("{error:?}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_passes_over_a_server_that_answers_503() {
    if !Program::all_installed(&[Program::Sipp]) {
        return;
    }
    let first = scenario!("uas_unavailable")
        .calls(1, 1)
        .start_server()
        .await;
    let second = scenario!("uas_busy").calls(2, 2).start_server().await;
    let addrs = [first.sip_addr(), second.sip_addr()];
    let names = servers("SIP+D2U", "_sip._udp.sip.test", addrs).await;
    let phone = Phone::start(ClientConfig {
        dns_servers: vec![names.addr],
        ..ClientConfig::default()
    })
    .await;
    assert_eq!(refusal(&phone, "sip:bob@sip.test").await, 486);
    first.succeeds(PATIENCE).await;
    // Within its Retry-After the first is not asked again.
    assert_eq!(refusal(&phone, "sip:bob@sip.test").await, 486);
    second.succeeds(PATIENCE).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_registration_over_tcp_leaves_a_kamailio_that_dies_and_calls_follow_it() {
    if Program::all_installed(&[Program::Kamailio]) {
        leaves_the_dead("SIP+D2T", "_sip._tcp.sip.test", Kamailio::addr).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_registration_over_tls_leaves_a_kamailio_that_dies_and_calls_follow_it() {
    if Program::all_installed(&[Program::Kamailio]) && Kamailio::has_tls() {
        leaves_the_dead("SIPS+D2T", "_sips._tcp.sip.test", Kamailio::tls_addr).await;
    }
}

async fn leaves_the_dead(
    service: &'static str,
    name: &'static str,
    listens: fn(&Kamailio) -> SocketAddr,
) {
    let authority = Arc::new(Authority::new());
    let (first, second) = tokio::join!(
        Kamailio::signed_by(authority.clone()),
        Kamailio::signed_by(authority.clone())
    );
    let names = servers(service, name, [listens(&first), listens(&second)]).await;
    let alice = Phone::start(ClientConfig {
        dns_servers: vec![names.addr],
        tls: TlsConfig {
            ca: Some(authority.pem()),
            ..TlsConfig::default()
        },
        ..ClientConfig::account("alice", "pw-alice", "sip:sip.test")
    })
    .await;
    let at_second = format!("sip:{}", second.addr());
    let bob = Phone::start(ClientConfig::account("bob", "pw-bob", &at_second)).await;
    assert_eq!(refusal(&bob, "alice").await, 404);
    let called = alice.client.clone();
    let busy = tokio::spawn(async move {
        while let Some(call) = called.incoming().await {
            call.reject(486).await.ok();
        }
    });
    let died = Instant::now();
    drop(first);
    until("alice is found at the second", PATIENCE, async || {
        (refusal(&bob, "alice").await == 486).then_some(())
    })
    .await;
    let moved = died.elapsed();
    assert!(moved < Duration::from_secs(10), "{moved:?}");
    let (status, refused) = tokio::join!(refusal(&alice, "bob"), async {
        bob.incoming().await.reject(603).await
    });
    refused.expect("rejected");
    assert_eq!(status, 603);
    alice.client.shutdown().await;
    busy.await.expect("ended with the client");
    assert_eq!(refusal(&bob, "alice").await, 404);
}
