//! Calls with sound over TLS and WebSockets, between two clients.
#![cfg(all(feature = "tls", feature = "ws"))]

mod common;

use common::*;
use headless_sip::{ClientConfig, HeadlessSipClient, TlsConfig, TlsIdentity, Transport};
use rcgen::{
    BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, KeyUsagePurpose, SanType,
};

/// A certificate of an authority of its own for `sip:example.com`, and the authority.
fn certificate() -> TlsConfig {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
    params
        .distinguished_name
        .push(DnType::CommonName, "Test CA");
    let key = KeyPair::generate().unwrap();
    let ca = params.self_signed(&key).unwrap().pem();
    let issuer = Issuer::new(params, key);
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.subject_alt_names = vec![SanType::URI("sip:example.com".try_into().unwrap())];
    let key = KeyPair::generate().unwrap();
    let certificate = params.signed_by(&key, &issuer).unwrap();
    TlsConfig {
        ca: Some(ca.into_bytes()),
        identity: Some(TlsIdentity::from_pem(
            certificate.pem(),
            key.serialize_pem(),
        )),
        ..TlsConfig::default()
    }
}

fn at(bob: &HeadlessSipClient, scheme: &str, transport: Transport) -> String {
    let port = bob.listen_addr(transport).unwrap().port();
    format!("{scheme}:bob@example.com:{port};maddr=127.0.0.1")
}

async fn hears_both_ways(scheme: &str, transport: Transport) {
    let tls = certificate();
    let any = Some(([127, 0, 0, 1], 0).into());
    let bob = client(ClientConfig {
        tls: tls.clone(),
        tls_listen: any,
        ws_listen: any,
        wss_listen: any,
        ..config()
    })
    .await;
    let alice = client(ClientConfig {
        tls: TlsConfig {
            identity: None,
            ..tls
        },
        transport,
        ..config()
    })
    .await;
    let target = at(&bob, scheme, transport);
    let (caller, callee) = tokio::join!(alice.call(&target), async {
        bob.incoming().await.expect("a call comes").answer().await
    });
    let (mut caller, mut callee) = (caller.unwrap(), callee.unwrap());
    let (there, back) = (tone(440.0, 2.0, 24_000), tone(660.0, 2.0, 24_000));
    caller.audio.tx.send(there).await.unwrap();
    callee.audio.tx.send(back).await.unwrap();
    let (at_caller, at_callee) = tokio::join!(listen(&mut caller, 1.0), listen(&mut callee, 1.0));
    assert_tone(440.0, &at_callee[4_000..]);
    assert_tone(660.0, &at_caller[4_000..]);
    within(caller.hold()).await.unwrap();
    within(caller.resume()).await.unwrap();
    // Over the caller's own connection: it listens nowhere else for this.
    callee.hang_up().await.unwrap();
    within(caller.events.ended()).await.unwrap();
}

#[tokio::test]
async fn a_call_over_tls_is_heard_both_ways() {
    hears_both_ways("sip", Transport::Tls).await;
}

#[tokio::test]
async fn a_sips_call_is_heard_both_ways() {
    hears_both_ways("sips", Transport::Tls).await;
}

#[tokio::test]
async fn a_call_over_a_web_socket_is_heard_both_ways() {
    hears_both_ways("sip", Transport::Ws).await;
}

#[tokio::test]
async fn a_call_over_a_protected_web_socket_is_heard_both_ways() {
    hears_both_ways("sip", Transport::Wss).await;
}
