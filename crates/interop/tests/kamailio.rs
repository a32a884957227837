//! headless-sip behind Kamailio: registration and calls with digest, over UDP and TCP, and what goes wrong there.

use std::time::{Duration, Instant};

use headless_sip::{ClientConfig, EndedBy, Error, Register, TlsConfig, Transport};
use headless_sip_interop::{Authority, Kamailio, Phone, Program, hear_tone, tone};

const SECOND: Duration = Duration::from_secs(1);

fn kamailio_is_here() -> bool {
    Program::all_installed(&[Program::Kamailio])
}

fn account(kamailio: &Kamailio, user: &str, transport: Transport) -> ClientConfig {
    let registrar = match transport {
        Transport::Tls => format!("sip:{};transport=tls", kamailio.tls_addr()),
        Transport::Tcp => format!("sip:{};transport=tcp", kamailio.addr()),
        _ => format!("sip:{}", kamailio.addr()),
    };
    let tls = TlsConfig {
        ca: Some(kamailio.ca()),
        ..TlsConfig::default()
    };
    ClientConfig {
        transport,
        tls,
        ..ClientConfig::account(user, &format!("pw-{user}"), &registrar)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn two_clients_call_each_other_through_kamailio_over_udp() {
    call_through(Transport::Udp, Transport::Udp).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_clients_call_each_other_through_kamailio_over_tcp() {
    call_through(Transport::Tcp, Transport::Tcp).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_on_udp_calls_one_on_tcp_through_kamailio() {
    call_through(Transport::Udp, Transport::Tcp).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_clients_call_each_other_through_kamailio_over_tls() {
    if Kamailio::has_tls() {
        call_through(Transport::Tls, Transport::Tls).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_on_tls_calls_one_on_udp_through_kamailio() {
    if Kamailio::has_tls() {
        call_through(Transport::Tls, Transport::Udp).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn kamailios_certificate_is_not_taken_without_its_authority() {
    if !kamailio_is_here() || !Kamailio::has_tls() {
        return;
    }
    let kamailio = Kamailio::start().await;
    let error = Phone::try_start(ClientConfig {
        tls: TlsConfig {
            ca: Some(Authority::new().pem()),
            ..TlsConfig::default()
        },
        ..account(&kamailio, "alice", Transport::Tls)
    })
    .await
    .expect_err("an unknown authority");
    assert!(error.to_string().contains("--ca FILE"), "{error}");
}

async fn call_through(callers: Transport, callees: Transport) {
    if !kamailio_is_here() {
        return;
    }
    let kamailio = Kamailio::start().await;
    let bob = Phone::start(account(&kamailio, "bob", callees)).await;
    let alice = Phone::start(account(&kamailio, "alice", callers)).await;
    // By the bare user name: the registrar's host completes it.
    let (outgoing, incoming) = tokio::join!(alice.client.call("bob"), async {
        let call = bob.incoming().await;
        assert!(call.from().contains("alice"), "{}", call.from());
        call.answer().await
    });
    let (mut outgoing, mut incoming) = (outgoing.expect("answered"), incoming.expect("answered"));
    outgoing
        .audio
        .tx
        .send(tone(500, 10 * SECOND))
        .await
        .expect("queued");
    incoming
        .audio
        .tx
        .send(tone(800, 10 * SECOND))
        .await
        .expect("queued");
    tokio::join!(
        hear_tone("alice", &mut outgoing.audio.rx, 800, 2 * SECOND),
        hear_tone("bob", &mut incoming.audio.rx, 500, 2 * SECOND)
    );
    // In-dialog requests both ways take the recorded route: a hold by the callee, the BYE of the caller.
    incoming.hold().await.expect("held");
    incoming.resume().await.expect("resumed");
    outgoing.hang_up().await.expect("hung up");
    assert_eq!(
        incoming
            .events
            .ended()
            .await
            .expect("the end of the call")
            .by,
        EndedBy::Remote
    );
    alice.client.shutdown().await;
    bob.client.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_has_shut_down_is_no_longer_found() {
    if !kamailio_is_here() {
        return;
    }
    let kamailio = Kamailio::start().await;
    let bob = Phone::start(account(&kamailio, "bob", Transport::Udp)).await;
    let alice = Phone::start(account(&kamailio, "alice", Transport::Udp)).await;
    bob.client.shutdown().await;
    let error = alice.client.call("bob").await.expect_err("bob is gone");
    assert!(
        matches!(error, Error::Rejected { status: 404, .. }),
        "{error:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_callees_refusal_comes_through_as_it_is() {
    if !kamailio_is_here() {
        return;
    }
    let kamailio = Kamailio::start().await;
    let bob = Phone::start(account(&kamailio, "bob", Transport::Udp)).await;
    let alice = Phone::start(account(&kamailio, "alice", Transport::Udp)).await;
    let (outgoing, rejected) = tokio::join!(alice.client.call("bob"), async {
        bob.incoming().await.reject(603).await
    });
    rejected.expect("rejected");
    let error = outgoing.expect_err("refused");
    assert!(
        matches!(error, Error::Rejected { status: 603, .. }),
        "{error:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_fault_users_give_typed_errors() {
    if !kamailio_is_here() {
        return;
    }
    let kamailio = Kamailio::start().await;
    // Timer B (RFC 3261 section 17.1.1.2) is 64 times T1: 3.2 s here.
    let t1 = Duration::from_millis(50);
    let alice = Phone::start(ClientConfig {
        sip_t1: t1,
        ..account(&kamailio, "alice", Transport::Udp)
    })
    .await;
    for (user, expected) in [("busy", 486), ("redir", 302), ("nobody", 404)] {
        let error = alice.client.call(user).await.expect_err(user);
        assert!(
            matches!(error, Error::Rejected { status, .. } if status == expected),
            "{user}: {error:?}"
        );
    }
    let begun = Instant::now();
    let error = alice
        .client
        .call("blackhole")
        .await
        .expect_err("nobody answers");
    assert!(matches!(error, Error::Timeout(_)), "{error:?}");
    let waited = begun.elapsed();
    assert!(
        waited >= 60 * t1 && waited < 200 * t1,
        "given up after {waited:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_password_is_refused_at_registration_and_at_a_call() {
    if !kamailio_is_here() {
        return;
    }
    let kamailio = Kamailio::start().await;
    let wrong = ClientConfig {
        password: Some("wrong".into()),
        ..account(&kamailio, "alice", Transport::Udp)
    };
    let error = Phone::try_start(wrong.clone())
        .await
        .expect_err("a wrong password");
    assert!(matches!(error, Error::Unauthorized(_)), "{error:?}");
    let unregistered = Phone::start(ClientConfig {
        register: Register::Never,
        ..wrong
    })
    .await;
    let error = unregistered
        .client
        .call("bob")
        .await
        .expect_err("a wrong password");
    assert!(matches!(error, Error::Unauthorized(_)), "{error:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_register_is_sent_again() {
    if !kamailio_is_here() {
        return;
    }
    let kamailio = Kamailio::start().await;
    // The third REGISTER of carol that Kamailio sees is lost: the first one of the second registration.
    for _ in 0..2 {
        Phone::start(account(&kamailio, "carol", Transport::Udp)).await;
    }
}
