//! Event packages through the face: the lamp of a busy telephone, waiting messages, PUBLISH.

mod common;

use common::*;
use headless_sip::event_package::{DialogInfo, DialogState, MessageSummary, ReportedDialog};
use headless_sip::{Body, Error, NotifierEnd, Subscription, SubscriptionEvent};

fn dialogs(version: u32, state: DialogState) -> Option<Body> {
    let info = DialogInfo {
        version,
        full: true,
        entity: "sip:bob@example.com".into(),
        dialogs: vec![ReportedDialog::new("1", state)],
    };
    Some(info.to_body())
}

async fn told(subscription: &mut Subscription) -> DialogState {
    loop {
        match within(subscription.next_event()).await.expect("it stands") {
            SubscriptionEvent::Notified(told) => {
                let body = told.body.expect("the state");
                return DialogInfo::parse(&body.bytes).unwrap().dialogs[0].state;
            }
            SubscriptionEvent::Subscribed { .. } => {}
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test]
async fn a_lamp_follows_the_far_ends_calls() {
    let (alice, bob) = (client(config()).await, client(config()).await);
    let mut asked = bob.subscriptions(&[DialogInfo::PACKAGE]).unwrap();
    let account = alice.account();
    let mut lamp = account
        .subscribe(&uri("bob", &bob), DialogInfo::PACKAGE)
        .await
        .unwrap();
    let incoming = within(asked.recv()).await.unwrap();
    assert_eq!(incoming.from().uri().to_string(), alice.address());
    let mut notifier = incoming.accept(dialogs(0, DialogState::Early)).unwrap();
    assert_eq!(told(&mut lamp).await, DialogState::Early);
    let next = dialogs(1, DialogState::Confirmed);
    notifier.notify(next).await.unwrap();
    assert_eq!(told(&mut lamp).await, DialogState::Confirmed);
    drop(lamp);
    assert_eq!(within(notifier.ended()).await, NotifierEnd::Unsubscribed);
    assert!(matches!(
        account.subscribe("sip:bob@example.com", "a b").await,
        Err(Error::Config(_))
    ));
}

#[tokio::test]
async fn requests_outside_calls_are_the_programs_own() {
    let (alice, bob) = (client(config()).await, client(config()).await);
    let target = uri("bob", &bob);
    // What the far end does not know it refuses; PUBLISH needs a server.
    let published = alice
        .account()
        .request("PUBLISH", &target)
        .header("Event", "presence")
        .body("application/pidf+xml", "<presence/>")
        .await;
    assert!(matches!(
        published,
        Err(Error::Rejected { status: 405, .. })
    ));
    let asked = alice.account().request("OPTIONS", &target).await.unwrap();
    assert!(asked.headers.has_token("Allow", "SUBSCRIBE"));
    for (method, header) in [
        ("INVITE", ("X-Test", "1")),
        ("REGISTER", ("X-Test", "1")),
        ("NO TOKEN", ("X-Test", "1")),
        ("PUBLISH", ("X-Test", "1\r\nEvil: 1")),
        ("PUBLISH", ("Call-ID", "mine")),
    ] {
        let request = alice.account().request(method, &target);
        let refused = request.header(header.0, header.1).await;
        assert!(
            matches!(refused, Err(Error::Config(_))),
            "{method} {header:?}"
        );
    }
}

#[tokio::test]
async fn waiting_messages_are_told_without_a_subscription_too() {
    let alice = client(config()).await;
    let summary = MessageSummary {
        waiting: true,
        ..MessageSummary::default()
    };
    // NOTIFY is no request of `Account::request`: it belongs to subscriptions. A PBX sends it all the same.
    let socket = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    let here = socket.local_addr().unwrap();
    let notify = format!(
        "NOTIFY sip:alice@{alice} SIP/2.0\r\nVia: SIP/2.0/UDP {here};branch=z9hG4bKmwi;rport\r\n\
         Max-Forwards: 70\r\nFrom: <sip:pbx@{here}>;tag=1\r\nTo: <sip:alice@{alice}>\r\nCall-ID: mwi\r\nCSeq: 1 NOTIFY\r\n\
         Contact: <sip:pbx@{here}>\r\nEvent: message-summary\r\nSubscription-State: active\r\n\
         Content-Type: {}\r\nContent-Length: {}\r\n\r\n{summary}",
        MessageSummary::CONTENT_TYPE,
        summary.to_string().len(),
        alice = alice.local_addr(),
    );
    socket
        .send_to(notify.as_bytes(), alice.local_addr())
        .unwrap();
    let told = within(alice.unsolicited_notification()).await.unwrap();
    assert_eq!(told.header("event"), Some("message-summary"));
    let summary = MessageSummary::parse(told.text().as_bytes()).unwrap();
    assert!(summary.waiting);
}
