//! The users that misbehave on purpose, and requests that the proxy refuses.

use crate::script::{Phone, ack_of};
use sip_signaling::{Method, Request};
use sip_testkit::pbx::{Fault, Pbx, PbxBuilder};

fn pbx() -> PbxBuilder {
    Pbx::builder()
        .user("alice", "secret")
        .user("carol", "secret")
        .challenge_calls(false)
        .extensions(false)
}

#[tokio::test]
async fn every_fault_has_its_status_and_header() {
    let pbx = pbx()
        .fault("teapot", Fault::Status(418))
        .start()
        .await
        .unwrap();
    let mut alice = Phone::udp("alice", &pbx).await;
    let redirected = format!("<{}>", pbx.user_uri("echo"));
    type Expected<'a> = (&'a str, u16, Option<(&'a str, &'a str)>);
    let expected: [Expected<'_>; 8] = [
        ("busy", 486, None),
        ("redirect", 302, Some(("Contact", &redirected))),
        ("decline", 603, None),
        ("unavailable", 503, Some(("Retry-After", "30"))),
        ("timeout", 408, None),
        ("teapot", 418, None),
        ("carol", 480, None),
        ("nobody", 404, None),
    ];
    for (user, status, header) in expected {
        let invite = alice.invite_request(user, user);
        alice.send(invite.to_bytes()).await;
        let response = alice.expect(status).await;
        assert!(response.to().unwrap().tag().is_some(), "{user}");
        if let Some((name, value)) = header {
            assert_eq!(response.headers.get(name), Some(value), "{user}");
        }
        // The ACK ends here: a retransmitted INVITE still gets the same answer, and nothing else comes.
        alice.send(ack_of(&invite, &response).to_bytes()).await;
        alice.send(invite.to_bytes()).await;
        assert_eq!(alice.expect(status).await, response);
    }
}

#[tokio::test]
async fn a_black_hole_swallows_what_others_answer() {
    let pbx = pbx().start().await.unwrap();
    let mut alice = Phone::udp("alice", &pbx).await;
    let swallowed = alice.invite_request("blackhole", "void");
    alice.send(swallowed.to_bytes()).await;
    // The exchange answers in order, so that the next answer proves that there was none before.
    let invite = alice.invite_request("busy", "next");
    alice.send(invite.to_bytes()).await;
    assert_eq!(alice.expect(486).await.call_id(), Some("next"));
}

#[tokio::test]
async fn a_call_that_rings_for_ever_is_487_once_cancelled() {
    let pbx = pbx().start().await.unwrap();
    let mut alice = Phone::udp("alice", &pbx).await;
    let invite = alice.invite_request("ringing", "ring");
    alice.send(invite.to_bytes()).await;
    let ringing = alice.expect(180).await;
    alice.send(cancel_of(&invite).to_bytes()).await;
    let ok = alice.expect(200).await;
    assert_eq!(ok.cseq().unwrap().1, Method::Cancel);
    let ended = alice.expect(487).await;
    assert_eq!(ended.headers.get("To"), ringing.headers.get("To"));
    assert_eq!(ended.cseq().unwrap().1, Method::Invite);
    alice.send(cancel_of(&invite).to_bytes()).await;
    assert_eq!(alice.expect(200).await, ok);
}

#[tokio::test]
async fn a_cancel_of_nothing_is_481() {
    let pbx = pbx().start().await.unwrap();
    let mut alice = Phone::udp("alice", &pbx).await;
    let invite = alice.invite_request("carol", "never-sent");
    alice.send(cancel_of(&invite).to_bytes()).await;
    alice.expect(481).await;
}

#[tokio::test]
async fn hops_extensions_and_names_that_the_proxy_cannot_serve_are_refused() {
    let pbx = pbx().start().await.unwrap();
    let mut alice = Phone::udp("alice", &pbx).await;
    let mut far = alice.invite_request("carol", "far");
    far.headers.set("Max-Forwards", "0").unwrap();
    alice.send(far.to_bytes()).await;
    alice.expect(483).await;
    let mut special = alice.invite_request("carol", "special");
    special.headers.set("Proxy-Require", "magic").unwrap();
    alice.send(special.to_bytes()).await;
    assert_eq!(
        alice.expect(420).await.headers.get("Unsupported"),
        Some("magic")
    );
    let mut elsewhere = alice.invite_request("carol", "elsewhere");
    elsewhere.uri = "sip:carol@example.com".parse().unwrap();
    alice.send(elsewhere.to_bytes()).await;
    alice.expect(404).await;
    let own = format!("sip:{}", pbx.addr());
    let options = alice.request("OPTIONS", &own, &format!("<{own}>"), "ping", &[]);
    alice.send(options.to_bytes()).await;
    assert!(alice.expect(200).await.headers.has_token("Allow", "INVITE"));
    let info = alice.request("INFO", &own, &format!("<{own}>"), "lost", &[]);
    alice.send(info.to_bytes()).await;
    alice.expect(405).await;
}

#[tokio::test]
async fn a_contact_that_points_back_at_the_exchange_is_a_loop() {
    let pbx = pbx().start().await.unwrap();
    let mut carol = Phone::udp("carol", &pbx).await;
    let contact = format!("Contact: <{}>", pbx.user_uri("carol"));
    let request = carol.register_request(&[&contact]);
    carol.ask(request, "secret").await;
    let mut alice = Phone::udp("alice", &pbx).await;
    let invite = alice.invite_request("carol", "round");
    alice.send(invite.to_bytes()).await;
    alice.expect(482).await;
}

fn cancel_of(invite: &Request) -> Request {
    let mut cancel = invite.clone();
    cancel.method = Method::Cancel;
    let (cseq, _) = invite.cseq().unwrap();
    cancel
        .headers
        .set("CSeq", format!("{cseq} CANCEL"))
        .unwrap();
    cancel.headers.remove("Contact");
    cancel
}
