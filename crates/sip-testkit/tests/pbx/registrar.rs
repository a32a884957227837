//! REGISTER, message by message.

use crate::script::Phone;
use sip_signaling::StatusCode;
use sip_testkit::pbx::{Algorithm, Pbx, PbxBuilder, PbxEvent};
use std::time::Duration;

fn pbx() -> PbxBuilder {
    Pbx::builder()
        .realm("pbx.test")
        .user("alice", "secret")
        .user("bob", "secret")
        .extensions(false)
}

#[tokio::test]
async fn a_register_is_challenged_with_both_algorithms_and_then_granted() {
    let pbx = pbx().start().await.unwrap();
    let mut events = pbx.events();
    let mut alice = Phone::udp("alice", &pbx).await;
    let contact = format!("Contact: <{}>", alice.contact());
    let request = alice.register_request(&[&contact, "Expires: 120"]);
    alice.send(request.to_bytes()).await;
    let challenge = alice.expect(401).await;
    let offered: Vec<&str> = challenge.headers.get_all("WWW-Authenticate").collect();
    assert_eq!(offered.len(), 2);
    assert!(
        offered[0].contains("SHA-256") && offered[1].contains("MD5"),
        "{offered:?}"
    );
    assert!(
        offered
            .iter()
            .all(|value| value.contains("realm=\"pbx.test\"") && !value.contains("stale"))
    );
    let granted = alice
        .with_credentials(&request, &challenge, "secret")
        .unwrap();
    alice.send(granted.to_bytes()).await;
    let ok = alice.expect(200).await;
    assert_eq!(
        ok.headers.get("Contact"),
        Some(format!("<{}>;expires=120", alice.contact()).as_str())
    );
    assert_eq!(pbx.contacts("alice"), [alice.contact()]);
    let registered = PbxEvent::Registered {
        user: "alice".into(),
        contact: alice.contact(),
        expires: 120,
    };
    while events.recv().await.unwrap() != registered {}
}

#[tokio::test]
async fn an_answer_in_md5_is_good_too_and_an_algorithm_not_offered_is_not() {
    let pbx = pbx().algorithms([Algorithm::Md5]).start().await.unwrap();
    let mut alice = Phone::udp("alice", &pbx).await;
    let ok = alice.register("secret").await;
    assert_eq!(ok.status, StatusCode::OK);
    let request = alice.register_request(&[]);
    alice.send(request.to_bytes()).await;
    let challenge = alice.expect(401).await;
    let mut stronger = challenge.clone();
    let value = challenge
        .headers
        .get("WWW-Authenticate")
        .unwrap()
        .replace("MD5", "SHA-256");
    stronger.headers.set("WWW-Authenticate", value).unwrap();
    let answer = alice
        .with_credentials(&request, &stronger, "secret")
        .unwrap();
    alice.send(answer.to_bytes()).await;
    alice.expect(401).await;
}

#[tokio::test]
async fn a_wrong_password_an_unknown_user_and_a_foreign_name_are_refused() {
    let pbx = pbx().start().await.unwrap();
    let mut alice = Phone::udp("alice", &pbx).await;
    let request = alice.register_request(&[]);
    let (response, _) = alice.ask(request, "wrong").await;
    assert_eq!(response.status, StatusCode::UNAUTHORIZED);
    assert!(
        !response
            .headers
            .get("WWW-Authenticate")
            .unwrap()
            .contains("stale")
    );
    let mut nobody = Phone::udp("nobody", &pbx).await;
    let request = nobody.register_request(&[]);
    assert_eq!(
        nobody.ask(request, "secret").await.0.status,
        StatusCode::UNAUTHORIZED
    );
    // Bob's credentials for Alice's address.
    let mut bob = Phone::udp("bob", &pbx).await;
    let mut request = bob.register_request(&[]);
    request
        .headers
        .set("To", format!("<sip:alice@{}>", pbx.addr()))
        .unwrap();
    assert_eq!(
        bob.ask(request, "secret").await.0.status,
        StatusCode::FORBIDDEN
    );
    assert!(pbx.contacts("alice").is_empty());
}

#[tokio::test]
async fn an_old_nonce_is_stale_and_a_used_one_too() {
    let pbx = pbx().nonce_lifetime(Duration::ZERO).start().await.unwrap();
    let mut alice = Phone::udp("alice", &pbx).await;
    let request = alice.register_request(&[]);
    let (response, _) = alice.ask(request.clone(), "secret").await;
    assert_eq!(response.status, StatusCode::UNAUTHORIZED);
    assert!(
        response
            .headers
            .get("WWW-Authenticate")
            .unwrap()
            .contains("stale=true")
    );

    let pbx = self::pbx().start().await.unwrap();
    let mut alice = Phone::udp("alice", &pbx).await;
    let request = alice.register_request(&[]);
    let (ok, with_credentials) = alice.ask(request, "secret").await;
    assert_eq!(ok.status, StatusCode::OK);
    let mut again = alice.register_request(&[]);
    again
        .headers
        .set(
            "Authorization",
            with_credentials.headers.get("Authorization").unwrap(),
        )
        .unwrap();
    alice.send(again.to_bytes()).await;
    let response = alice.expect(401).await;
    assert!(
        response
            .headers
            .get("WWW-Authenticate")
            .unwrap()
            .contains("stale=true"),
        "the nonce count did not grow"
    );
}

#[tokio::test]
async fn a_retransmission_gets_the_identical_answer() {
    let pbx = pbx().start().await.unwrap();
    let mut alice = Phone::udp("alice", &pbx).await;
    let contact = format!("Contact: <{}>", alice.contact());
    let request = alice.register_request(&[&contact]);
    alice.send(request.to_bytes()).await;
    let first = alice.expect(401).await;
    alice.send(request.to_bytes()).await;
    assert_eq!(alice.expect(401).await, first);
    let next = alice.with_credentials(&request, &first, "secret").unwrap();
    alice.send(next.to_bytes()).await;
    let ok = alice.expect(200).await;
    alice.send(next.to_bytes()).await;
    assert_eq!(alice.expect(200).await, ok);
}

#[tokio::test]
async fn a_short_registration_is_423_with_the_minimum_and_a_long_one_is_shortened() {
    let pbx = pbx()
        .min_expires(60)
        .max_expires(600)
        .start()
        .await
        .unwrap();
    let mut alice = Phone::udp("alice", &pbx).await;
    let contact = format!("Contact: <{}>", alice.contact());
    let request = alice.register_request(&[&contact, "Expires: 30"]);
    let (refused, _) = alice.ask(request, "secret").await;
    assert_eq!(
        (refused.status, refused.headers.get("Min-Expires")),
        (StatusCode::INTERVAL_TOO_BRIEF, Some("60"))
    );
    let contact = format!("{contact};expires=9999");
    let request = alice.register_request(&[&contact]);
    let (ok, _) = alice.ask(request, "secret").await;
    assert!(
        ok.headers.get("Contact").unwrap().ends_with(";expires=600"),
        "{:?}",
        ok.headers
    );
}

#[tokio::test]
async fn several_contacts_are_listed_preferred_and_removed_one_by_one() {
    let pbx = pbx().start().await.unwrap();
    let mut alice = Phone::udp("alice", &pbx).await;
    let both = "Contact: <sip:alice@127.0.0.1:7001>;q=0.2, <sip:alice@127.0.0.1:7002>;q=0.9";
    let request = alice.register_request(&[both]);
    let (ok, _) = alice.ask(request, "secret").await;
    assert_eq!(ok.headers.get_all("Contact").count(), 2);
    assert_eq!(
        pbx.contacts("alice"),
        ["sip:alice@127.0.0.1:7002", "sip:alice@127.0.0.1:7001"]
    );
    let request = alice.register_request(&["Contact: <sip:alice@127.0.0.1:7002>;expires=0"]);
    let (ok, _) = alice.ask(request, "secret").await;
    assert_eq!(ok.headers.get_all("Contact").count(), 1);
    assert_eq!(pbx.contacts("alice"), ["sip:alice@127.0.0.1:7001"]);
    // A query changes nothing.
    let request = alice.register_request(&[]);
    let (ok, _) = alice.ask(request, "secret").await;
    assert_eq!(ok.headers.get_all("Contact").count(), 1);
    let request = alice.register_request(&["Contact: *", "Expires: 0"]);
    let (ok, _) = alice.ask(request, "secret").await;
    assert_eq!(ok.headers.get("Contact"), None);
    assert!(pbx.contacts("alice").is_empty());
}

#[tokio::test]
async fn a_star_without_expires_zero_and_an_old_cseq_change_nothing() {
    let pbx = pbx().start().await.unwrap();
    let mut alice = Phone::udp("alice", &pbx).await;
    alice.register("secret").await;
    let request = alice.register_request(&["Contact: *"]);
    assert_eq!(
        alice.ask(request, "secret").await.0.status,
        StatusCode::BAD_REQUEST
    );
    let contact = format!("Contact: <{}>;expires=0", alice.contact());
    let mut request = alice.register_request(&[&contact]);
    request.headers.set("CSeq", "0 REGISTER").unwrap();
    assert_eq!(
        alice.ask(request, "secret").await.0.status,
        StatusCode::SERVER_INTERNAL_ERROR
    );
    assert_eq!(pbx.contacts("alice"), [alice.contact()]);
}

#[tokio::test]
async fn a_registration_over_tcp_is_answered_on_its_connection_in_pieces_too() {
    let pbx = pbx().start().await.unwrap();
    let mut alice = Phone::tcp("alice", &pbx).await;
    let bytes = alice.register_request(&[]).to_bytes();
    let (head, tail) = bytes.split_at(40);
    alice.send(b"\r\n\r\n").await;
    alice.send(head).await;
    tokio::task::yield_now().await;
    alice.send(tail).await;
    alice.expect(401).await;
    alice.register("secret").await;
    assert_eq!(pbx.contacts("alice"), [alice.contact()]);
}

#[tokio::test]
async fn noise_is_ignored_and_a_request_without_its_headers_is_400() {
    let pbx = pbx().start().await.unwrap();
    let mut alice = Phone::udp("alice", &pbx).await;
    alice.send(b"\r\n\r\n").await;
    alice.send(b"hello").await;
    alice.send([0xff; 100]).await;
    let mut request = alice.register_request(&[]);
    request.headers.remove("Call-ID");
    alice.send(request.to_bytes()).await;
    alice.expect(400).await;
    let mut request = alice.register_request(&[]);
    request.headers.set("CSeq", "1 INVITE").unwrap();
    alice.send(request.to_bytes()).await;
    alice.expect(400).await;
    alice.register("secret").await;
}

#[tokio::test]
async fn waiting_for_a_registration_ends_with_it() {
    let pbx = pbx().start().await.unwrap();
    let mut alice = Phone::udp("alice", &pbx).await;
    let (response, ()) = tokio::join!(alice.register("secret"), pbx.wait_registered("alice"));
    assert_eq!(response.status, StatusCode::OK);
    pbx.wait_registered("alice").await;
}

#[tokio::test]
async fn what_cannot_be_served_is_refused_at_the_start() {
    let refused = |builder: PbxBuilder| async { builder.start().await.unwrap_err().to_string() };
    assert!(refused(pbx().listen("nowhere")).await.contains("nowhere"));
    assert!(refused(pbx().user("a b", "x")).await.contains("a b"));
    assert!(refused(pbx().realm("a\r\nb")).await.contains("realm"));
    assert!(refused(pbx().domain("a b")).await.contains("domain"));
    let first = pbx().start().await.unwrap();
    let taken = first.addr().to_string();
    assert!(refused(pbx().listen(&taken)).await.contains(&taken));
}
