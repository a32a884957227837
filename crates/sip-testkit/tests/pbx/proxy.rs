//! Calls through the proxy, message by message.

use crate::script::{Phone, ack_of, in_dialog};
use sip_signaling::{Method, Request, StatusCode};
use sip_testkit::pbx::{Pbx, PbxBuilder, PbxEvent};

fn pbx() -> PbxBuilder {
    Pbx::builder()
        .user("alice", "secret")
        .user("bob", "secret")
        .extensions(false)
}

/// Sets up a call and gives the INVITE as the callee saw it and the 200 as the caller saw it.
async fn call(alice: &mut Phone, bob: &mut Phone) -> (Request, sip_signaling::Response) {
    bob.register("secret").await;
    let invite = alice.invite_request("bob", "call-1");
    alice.send(invite.to_bytes()).await;
    let challenge = alice.expect(407).await;
    let with_credentials = alice
        .with_credentials(&invite, &challenge, "secret")
        .unwrap();
    alice.send(ack_of(&invite, &challenge).to_bytes()).await;
    alice.send(with_credentials.to_bytes()).await;
    let seen = bob.expect_request(Method::Invite).await;
    bob.answer(&seen, 180).await;
    alice.expect(180).await;
    bob.answer(&seen, 200).await;
    let ok = alice.expect(200).await;
    (seen, ok)
}

async fn whole_call(mut alice: Phone, mut bob: Phone, routes: usize) {
    let (seen, ok) = call(&mut alice, &mut bob).await;
    assert_eq!(seen.uri.to_string(), bob.contact());
    assert_eq!(seen.headers.get("Max-Forwards"), Some("69"));
    assert_eq!(
        seen.headers.get("Proxy-Authorization"),
        None,
        "the credentials end at the proxy"
    );
    assert_eq!(seen.headers.get_list("Via").len(), 2);
    assert_eq!(seen.headers.get_list("Record-Route").len(), routes);
    assert_eq!(
        ok.headers.get_list("Via").len(),
        1,
        "the proxy takes its own Via off"
    );
    let ack = in_dialog(&mut alice, "ACK", &ok);
    alice.send(ack.to_bytes()).await;
    let ack = bob.expect_request(Method::Ack).await;
    assert_eq!(
        (ack.headers.get("Route"), ack.uri.to_string()),
        (None, bob.contact())
    );
    // The callee hangs up: its route set is the Record-Route list in order.
    let caller = seen.contact().unwrap().uri().to_string();
    let to = seen.headers.get("From").unwrap().to_owned();
    let mut bye = bob.request("BYE", &caller, &to, "call-1", &[]);
    for route in seen.headers.get_list("Record-Route") {
        bye.headers.push("Route", route).unwrap();
    }
    bye.headers
        .set("From", ok.headers.get("To").unwrap())
        .unwrap();
    bob.send(bye.to_bytes()).await;
    let bye = alice.expect_request(Method::Bye).await;
    assert_eq!(bye.headers.get("Route"), None);
    alice.answer(&bye, 200).await;
    bob.expect(200).await;
}

#[tokio::test]
async fn a_call_over_udp_is_challenged_record_routed_and_hung_up_by_the_callee() {
    let pbx = pbx().start().await.unwrap();
    whole_call(
        Phone::udp("alice", &pbx).await,
        Phone::udp("bob", &pbx).await,
        1,
    )
    .await;
}

#[tokio::test]
async fn an_exchange_on_all_addresses_names_the_one_by_which_it_is_reached() {
    let pbx = pbx().listen("0.0.0.0:0").start().await.unwrap();
    assert!(pbx.addr().ip().is_loopback());
    whole_call(
        Phone::udp("alice", &pbx).await,
        Phone::udp("bob", &pbx).await,
        1,
    )
    .await;
}

#[tokio::test]
async fn a_call_over_tcp_goes_the_same_way() {
    let pbx = pbx().start().await.unwrap();
    whole_call(
        Phone::tcp("alice", &pbx).await,
        Phone::tcp("bob", &pbx).await,
        1,
    )
    .await;
}

#[tokio::test]
async fn udp_calls_tcp_and_back_with_two_record_routes() {
    let pbx = pbx().start().await.unwrap();
    whole_call(
        Phone::udp("alice", &pbx).await,
        Phone::tcp("bob", &pbx).await,
        2,
    )
    .await;
    whole_call(
        Phone::tcp("alice", &pbx).await,
        Phone::udp("bob", &pbx).await,
        2,
    )
    .await;
}

#[tokio::test]
async fn the_caller_hangs_up_and_the_events_tell_of_the_call() {
    let pbx = pbx().start().await.unwrap();
    let mut events = pbx.events();
    let (mut alice, mut bob) = (
        Phone::udp("alice", &pbx).await,
        Phone::udp("bob", &pbx).await,
    );
    let (_, ok) = call(&mut alice, &mut bob).await;
    let bye = in_dialog(&mut alice, "BYE", &ok);
    alice.send(bye.to_bytes()).await;
    let bye = bob.expect_request(Method::Bye).await;
    bob.answer(&bye, 200).await;
    alice.expect(200).await;
    let call_id = "call-1".to_owned();
    let mut expected = vec![
        PbxEvent::CallStarted {
            call_id: call_id.clone(),
            from: pbx.user_uri("alice"),
            to: pbx.user_uri("bob"),
        },
        PbxEvent::CallAnswered {
            call_id: call_id.clone(),
        },
        PbxEvent::CallEnded {
            call_id,
            status: None,
        },
    ];
    let mut ladder = Vec::new();
    while !expected.is_empty() {
        match events.recv().await.unwrap() {
            PbxEvent::Message(message) if message.call_id == "call-1" => {
                ladder.push(format!(
                    "{} {}",
                    if message.sent { "<" } else { ">" },
                    message.method
                ));
            }
            event if event == expected[0] => drop(expected.remove(0)),
            _ => {}
        }
    }
    assert_eq!(ladder[..4], ["> INVITE", "< INVITE", "> ACK", "> INVITE"]);
}

#[tokio::test]
async fn a_retransmitted_invite_is_passed_on_identically_and_not_challenged_again() {
    let pbx = pbx().start().await.unwrap();
    let (mut alice, mut bob) = (
        Phone::udp("alice", &pbx).await,
        Phone::udp("bob", &pbx).await,
    );
    bob.register("secret").await;
    let invite = alice.invite_request("bob", "twice");
    alice.send(invite.to_bytes()).await;
    let challenge = alice.expect(407).await;
    let invite = alice
        .with_credentials(&invite, &challenge, "secret")
        .unwrap();
    alice.send(invite.to_bytes()).await;
    let first = bob.expect_request(Method::Invite).await;
    // Registered elsewhere meanwhile: a retransmission still goes where the first one went.
    let mut other = Phone::udp("bob", &pbx).await;
    other.number_from(1000);
    other.register("secret").await;
    alice.send(invite.to_bytes()).await;
    assert_eq!(bob.expect_request(Method::Invite).await, first);
    let busy = bob.answer(&first, 486).await;
    let response = alice.expect(486).await;
    // The ACK of a failure has the branch of its INVITE on both hops.
    alice.send(ack_of(&invite, &response).to_bytes()).await;
    let ack = bob.expect_request(Method::Ack).await;
    assert_eq!(ack.via().unwrap().branch(), busy.via().unwrap().branch());
}

#[tokio::test]
async fn a_cancel_follows_its_invite_and_the_487_comes_back() {
    let pbx = pbx().challenge_calls(false).start().await.unwrap();
    let (mut alice, mut bob) = (
        Phone::udp("alice", &pbx).await,
        Phone::udp("bob", &pbx).await,
    );
    bob.register("secret").await;
    let invite = alice.invite_request("bob", "cancelled");
    alice.send(invite.to_bytes()).await;
    let seen = bob.expect_request(Method::Invite).await;
    bob.answer(&seen, 180).await;
    alice.expect(180).await;
    let mut cancel = invite.clone();
    cancel.method = Method::Cancel;
    cancel
        .headers
        .set("CSeq", format!("{} CANCEL", invite.cseq().unwrap().0))
        .unwrap();
    alice.send(cancel.to_bytes()).await;
    let cancel = bob.expect_request(Method::Cancel).await;
    assert_eq!(cancel.via().unwrap().branch(), seen.via().unwrap().branch());
    assert_eq!(cancel.uri, seen.uri);
    bob.answer(&cancel, 200).await;
    bob.answer(&seen, 487).await;
    assert_eq!(alice.expect(200).await.cseq().unwrap().1, Method::Cancel);
    alice.expect(487).await;
}

#[tokio::test]
async fn who_claims_to_be_somebody_else_may_not_call() {
    let pbx = pbx().start().await.unwrap();
    let mut alice = Phone::udp("alice", &pbx).await;
    let mut invite = alice.invite_request("bob", "liar");
    invite
        .headers
        .set("From", format!("<sip:bob@{}>;tag=1", pbx.addr()))
        .unwrap();
    assert_eq!(
        alice.ask(invite, "secret").await.0.status,
        StatusCode::FORBIDDEN
    );
}

#[tokio::test]
async fn a_phone_behind_an_address_translation_is_called_where_it_registered_from() {
    let pbx = pbx().challenge_calls(false).start().await.unwrap();
    let (mut alice, mut bob) = (
        Phone::udp("alice", &pbx).await,
        Phone::udp("bob", &pbx).await,
    );
    let request = bob.register_request(&["Contact: <sip:bob@192.0.2.99:5060>"]);
    bob.ask(request, "secret").await;
    let invite = alice.invite_request("bob", "nat");
    alice.send(invite.to_bytes()).await;
    assert_eq!(
        bob.expect_request(Method::Invite).await.uri.to_string(),
        "sip:bob@192.0.2.99:5060"
    );
}

#[tokio::test]
async fn a_phone_whose_connection_is_gone_is_480() {
    let pbx = pbx().challenge_calls(false).start().await.unwrap();
    let mut alice = Phone::udp("alice", &pbx).await;
    let mut bob = Phone::tcp("bob", &pbx).await;
    bob.register("secret").await;
    drop(bob);
    let invite = alice.invite_request("bob", "gone");
    alice.send(invite.to_bytes()).await;
    alice.expect(480).await;
}

#[tokio::test]
async fn an_outbound_proxy_passes_on_what_is_for_others() {
    let pbx = pbx().start().await.unwrap();
    let (mut alice, mut other) = (
        Phone::udp("alice", &pbx).await,
        Phone::udp("other", &pbx).await,
    );
    let mut invite = alice.invite_request("other", "outbound");
    invite.uri = other.contact().parse().unwrap();
    invite
        .headers
        .push("Route", format!("<{};lr>", pbx.uri()))
        .unwrap();
    alice.send(invite.to_bytes()).await;
    let challenge = alice.expect(407).await;
    let invite = alice
        .with_credentials(&invite, &challenge, "secret")
        .unwrap();
    alice.send(invite.to_bytes()).await;
    let seen = other.expect_request(Method::Invite).await;
    assert_eq!(
        (seen.headers.get("Route"), seen.uri.to_string()),
        (None, other.contact())
    );
}

#[tokio::test]
async fn without_rport_the_answer_goes_to_the_port_of_the_via() {
    let pbx = pbx().challenge_calls(false).start().await.unwrap();
    let mut alice = Phone::udp("alice", &pbx).await;
    let listener = Phone::udp("alice", &pbx).await;
    let mut invite = alice.invite_request("busy", "old");
    let via = format!("SIP/2.0/UDP {};branch=z9hG4bKold", listener.addr);
    invite.headers.set("Via", via).unwrap();
    alice.send(invite.to_bytes()).await;
    let mut listener = listener;
    listener.expect(486).await;
}
