//! SUBSCRIBE and NOTIFY in both roles (RFC 6665).

use std::time::Duration;

use sip_signaling::{
    Body, Credentials, HeaderList, IncomingSubscriptions, Method, NotifierEnd, Request,
    SignalingError, StatusCode, Subscription, SubscriptionConfig, SubscriptionEvent,
    SubscriptionState, Uri, UserAgent,
    event_package::{DialogInfo, DialogState, MessageSummary, ReportedDialog},
    message::Message,
};
use tokio::time::timeout;

use crate::peer::{PATIENCE, Peer, agent, alice};

fn wanted(peer: &Peer) -> SubscriptionConfig {
    SubscriptionConfig {
        credentials: Some(Credentials::new("alice", "secret")),
        retry_after_failure: (Duration::from_millis(20), Duration::from_millis(80)),
        accept: vec![MessageSummary::CONTENT_TYPE.to_owned()],
        ..SubscriptionConfig::new(peer.uri("alice"), alice(), MessageSummary::PACKAGE)
    }
}

/// A NOTIFY of the peer in the dialog of a SUBSCRIBE that it answers with To tag `tag`.
fn notify(
    peer: &mut Peer,
    subscribe: &Request,
    tag: &str,
    state: &str,
    body: Option<Body>,
) -> Request {
    let mut request = peer.as_callee(Method::Notify, subscribe, tag, None);
    let contact = format!("<sip:notifier@{}>", peer.addr());
    let event = subscribe.headers.get("Event").unwrap();
    let headers = &mut request.headers;
    headers.set("Contact", contact).unwrap();
    headers.set("Event", event).unwrap();
    headers.set("Subscription-State", state).unwrap();
    request.set_body(body).unwrap();
    request
}

async fn tell(peer: &mut Peer, subscribe: &Request, state: &str, body: Option<Body>) {
    let request = notify(peer, subscribe, "peer", state, body);
    peer.send(&request.to_bytes()).await;
    peer.response(Method::Notify, 200).await;
}

async fn event(subscription: &mut Subscription) -> SubscriptionEvent {
    timeout(PATIENCE, subscription.next_event())
        .await
        .expect("an event of the subscription")
        .expect("a subscription that stands")
}

fn summary(new: u32) -> Body {
    Body::new(
        MessageSummary::CONTENT_TYPE,
        format!("Messages-Waiting: yes\r\nVoice-Message: {new}/0\r\n"),
    )
}

async fn new_messages(subscription: &mut Subscription) -> u32 {
    match event(subscription).await {
        SubscriptionEvent::Notified(told) => {
            let body = told.body.unwrap();
            let summary = MessageSummary::parse(&body.bytes).unwrap();
            summary.voice().unwrap().new
        }
        other => panic!("{other:?}"),
    }
}

/// Subscribed, told `1`; the SUBSCRIBE that was answered.
async fn subscribed(peer: &mut Peer, agent: &UserAgent) -> (Subscription, Request) {
    let mut subscription = agent.subscribe(wanted(peer)).unwrap();
    let subscribe = peer.expect(Method::Subscribe).await;
    peer.reply_with(&subscribe, 200, &[("Expires", "600")])
        .await;
    assert!(
        matches!(event(&mut subscription).await, SubscriptionEvent::Subscribed { expires } if expires.as_secs() == 600)
    );
    tell(peer, &subscribe, "active;expires=600", Some(summary(1))).await;
    assert_eq!(new_messages(&mut subscription).await, 1);
    (subscription, subscribe)
}

#[tokio::test]
async fn mailbox_is_watched_from_challenge_to_end() {
    let mut peer = Peer::new().await;
    let (agent, _incoming) = agent().await;
    let mut subscription = agent.subscribe(wanted(&peer)).unwrap();
    let first = peer.expect(Method::Subscribe).await;
    assert_eq!(first.headers.get("Event"), Some("message-summary"));
    assert_eq!(first.headers.get("Expires"), Some("3600"));
    assert_eq!(
        first.headers.get("Accept"),
        Some(MessageSummary::CONTENT_TYPE)
    );
    let challenge = (
        "WWW-Authenticate",
        "Digest realm=\"r\", nonce=\"n\", qop=\"auth\"",
    );
    peer.reply_with(&first, 401, &[challenge]).await;
    let second = peer.expect(Method::Subscribe).await;
    assert!(second.headers.contains("Authorization"));
    assert_eq!(second.call_id(), first.call_id());
    // The NOTIFY is faster than the answer to the SUBSCRIBE.
    tell(&mut peer, &second, "active;expires=1", Some(summary(3))).await;
    assert_eq!(new_messages(&mut subscription).await, 3);
    peer.reply_with(&second, 200, &[("Expires", "1")]).await;
    assert!(matches!(
        event(&mut subscription).await,
        SubscriptionEvent::Subscribed { .. }
    ));
    // The refresh comes in the dialog of the NOTIFY.
    let refresh = peer.expect(Method::Subscribe).await;
    assert_eq!(refresh.to().unwrap().tag(), Some("peer"));
    assert_eq!(refresh.uri.user(), Some("notifier"));
    assert_eq!(
        refresh.cseq().unwrap().0,
        second.cseq().unwrap().0 + 1,
        "{refresh:?}"
    );
    peer.reply_with(&refresh, 200, &[("Expires", "600")]).await;
    tell(&mut peer, &second, "active;expires=600", Some(summary(4))).await;
    assert_eq!(new_messages(&mut subscription).await, 4);

    let end = tokio::spawn(subscription.unsubscribe());
    let last = peer.expect(Method::Subscribe).await;
    assert_eq!(last.headers.get("Expires"), Some("0"));
    peer.reply_with(&last, 200, &[("Expires", "0")]).await;
    end.await.unwrap().unwrap();
}

#[tokio::test]
async fn notifies_of_others_do_not_come_in() {
    let mut peer = Peer::new().await;
    let (agent, _incoming) = agent().await;
    let (mut subscription, subscribe) = subscribed(&mut peer, &agent).await;
    let mut refused = async |request: Request, status: u16| {
        peer.send(&request.to_bytes()).await;
        peer.response(Method::Notify, status).await;
    };
    let mut other = Peer::new().await;
    // Another branch of the fork, another package, no state, an old number.
    let fork = notify(&mut other, &subscribe, "other", "active", None);
    refused(fork, 481).await;
    let mut package = notify(&mut other, &subscribe, "peer", "active", None);
    package.headers.set("Event", "presence").unwrap();
    refused(package, 489).await;
    let mut stateless = notify(&mut other, &subscribe, "peer", "active", None);
    stateless.headers.remove("Subscription-State");
    refused(stateless, 400).await;
    let mut old = notify(&mut other, &subscribe, "peer", "active", None);
    old.headers.set("CSeq", "1 NOTIFY").unwrap();
    refused(old, 500).await;
    tell(&mut peer, &subscribe, "active", Some(summary(2))).await;
    assert_eq!(new_messages(&mut subscription).await, 2);
    // Once it is dropped, the notifier is told to stop.
    drop(subscription);
    let last = peer.expect(Method::Subscribe).await;
    assert_eq!(last.headers.get("Expires"), Some("0"));
    peer.reply_with(&last, 200, &[]).await;
    // The last word is heard, and what comes after it is unknown.
    tell(&mut peer, &subscribe, "terminated", None).await;
    for late in 0.. {
        assert!(late < 100, "the subscription does not end");
        let request = notify(&mut peer, &subscribe, "peer", "terminated", None);
        peer.send(&request.to_bytes()).await;
        // The task ends a moment after the last 200.
        match peer.any().await {
            Message::Response(response) if response.status.0 == 481 => break,
            _ => tokio::task::yield_now().await,
        }
    }
}

#[tokio::test]
async fn what_the_notifier_ends_is_begun_anew_or_over_as_its_reason_says() {
    let mut peer = Peer::new().await;
    let (agent, _incoming) = agent().await;
    let (mut subscription, subscribe) = subscribed(&mut peer, &agent).await;
    tell(&mut peer, &subscribe, "terminated;reason=deactivated", None).await;
    assert!(
        matches!(event(&mut subscription).await, SubscriptionEvent::Notified(told)
        if matches!(told.state, SubscriptionState::Terminated { .. }))
    );
    // The next one is ended before it is answered, which must not be the end of trying.
    let early = peer.expect(Method::Subscribe).await;
    tell(&mut peer, &early, "terminated;reason=deactivated", None).await;
    assert!(matches!(
        event(&mut subscription).await,
        SubscriptionEvent::Notified(_)
    ));
    let anew = peer.expect(Method::Subscribe).await;
    assert_ne!(anew.call_id(), subscribe.call_id());
    assert_ne!(anew.call_id(), early.call_id());
    assert_eq!(anew.to().unwrap().tag(), None);
    peer.reply_with(&anew, 503, &[]).await;
    assert!(
        matches!(event(&mut subscription).await, SubscriptionEvent::Failed { error, .. } if error.status() == Some(StatusCode(503)))
    );
    let anew = peer.expect(Method::Subscribe).await;
    peer.reply_with(&anew, 200, &[]).await;
    assert!(matches!(
        event(&mut subscription).await,
        SubscriptionEvent::Subscribed { .. }
    ));
    tell(&mut peer, &anew, "terminated;reason=rejected", None).await;
    assert!(matches!(
        event(&mut subscription).await,
        SubscriptionEvent::Notified(_)
    ));
    assert!(matches!(
        event(&mut subscription).await,
        SubscriptionEvent::Ended(None)
    ));
    assert!(subscription.next_event().await.is_none());
}

#[tokio::test]
async fn a_package_that_is_not_known_there_is_the_end_and_silence_is_tried_again() {
    let mut peer = Peer::new().await;
    let (agent, _incoming) = agent().await;
    let mut subscription = agent.subscribe(wanted(&peer)).unwrap();
    let subscribe = peer.expect(Method::Subscribe).await;
    peer.reply_with(&subscribe, 200, &[("Expires", "600")])
        .await;
    event(&mut subscription).await;
    // No NOTIFY comes within 64 T1.
    assert!(matches!(
        event(&mut subscription).await,
        SubscriptionEvent::Failed {
            error: SignalingError::Timeout { what: "NOTIFY", .. },
            ..
        }
    ));
    let subscribe = peer.expect(Method::Subscribe).await;
    peer.reply_with(&subscribe, 489, &[("Allow-Events", "dialog")])
        .await;
    let SubscriptionEvent::Ended(Some(SignalingError::Rejected(refusal))) =
        event(&mut subscription).await
    else {
        panic!("not ended");
    };
    assert_eq!(refusal.headers.get("Allow-Events"), Some("dialog"));
}

#[tokio::test]
async fn news_that_nobody_reads_are_asked_for_again_later() {
    let mut peer = Peer::new().await;
    let (agent, _incoming) = agent().await;
    let (mut subscription, subscribe) = subscribed(&mut peer, &agent).await;
    for new in 0..32 {
        tell(&mut peer, &subscribe, "active", Some(summary(new))).await;
    }
    let too_many = notify(&mut peer, &subscribe, "peer", "active", Some(summary(32)));
    peer.send(&too_many.to_bytes()).await;
    let later = peer.response(Method::Notify, 500).await;
    assert_eq!(later.headers.get("Retry-After"), Some("1"));
    for new in 0..32 {
        assert_eq!(new_messages(&mut subscription).await, new);
    }
}

#[tokio::test]
async fn notify_without_subscription_is_heard_where_somebody_listens() {
    let mut peer = Peer::new().await;
    let (agent, _incoming) = agent().await;
    let unsolicited = |peer: &mut Peer| {
        let mut request = peer.out_of_call(Method::Notify, agent.local_addr());
        request.headers.set("Event", "message-summary").unwrap();
        request.set_body(Some(summary(7))).unwrap();
        request.to_bytes()
    };
    let bytes = unsolicited(&mut peer);
    peer.send(&bytes).await;
    peer.response(Method::Notify, 481).await;
    let mut heard = agent.unsolicited_notifications();
    let bytes = unsolicited(&mut peer);
    peer.send(&bytes).await;
    peer.response(Method::Notify, 200).await;
    let told = timeout(PATIENCE, heard.recv()).await.unwrap().unwrap();
    assert_eq!(told.headers.get("Event"), Some("message-summary"));
    assert_eq!(told.body, Some(summary(7)));
}

fn busy(version: u32, state: DialogState) -> Body {
    DialogInfo {
        version,
        full: true,
        entity: "sip:bob@example.com".into(),
        dialogs: vec![ReportedDialog::new("1", state)],
    }
    .to_body()
}

async fn arrival(queue: &mut IncomingSubscriptions) -> sip_signaling::IncomingSubscription {
    timeout(PATIENCE, queue.recv()).await.unwrap().unwrap()
}

/// Both sides are agents: the lamp of one follows the calls of the other.
#[tokio::test]
async fn busy_lamp_follows_the_dialogs_of_another_agent() {
    let (watcher, _calls) = agent().await;
    let (watched, _more) = agent().await;
    let mut queue = watched.subscriptions(&["dialog"]).unwrap();
    let bob = Uri::from_socket_addr(Some("bob"), watched.local_addr()).unwrap();
    let config = |expires| SubscriptionConfig {
        expires: Duration::from_secs(expires),
        ..SubscriptionConfig::new(bob.clone(), alice(), "dialog")
    };
    let mut subscription = watcher.subscribe(config(600)).unwrap();
    let incoming = arrival(&mut queue).await;
    assert_eq!(
        (incoming.package(), incoming.expires().as_secs()),
        ("dialog", 600)
    );
    assert_eq!(incoming.from().uri(), alice().uri());
    let mut notifier = incoming.accept(Some(busy(0, DialogState::Early))).unwrap();
    let mut states = Vec::new();
    while states.len() < 2 {
        if let SubscriptionEvent::Notified(told) = event(&mut subscription).await {
            let info = DialogInfo::parse(&told.body.unwrap().bytes).unwrap();
            states.push(info.dialogs[0].state);
            if states.len() == 1 {
                // What cannot be sent changes nothing.
                let broken = Body::new("a/b\r\nEvil: 1", "x");
                assert!(notifier.notify(Some(broken)).await.is_err());
                let next = busy(1, DialogState::Confirmed);
                notifier.notify(Some(next)).await.unwrap();
            }
        }
    }
    assert_eq!(states, [DialogState::Early, DialogState::Confirmed]);
    subscription.unsubscribe().await.unwrap();
    let end = timeout(PATIENCE, notifier.ended()).await.unwrap();
    assert_eq!(end, NotifierEnd::Unsubscribed);
    assert!(matches!(
        notifier.notify(None).await,
        Err(SignalingError::Closed)
    ));

    // This side ends it, with a last word.
    let mut subscription = watcher.subscribe(config(600)).unwrap();
    let notifier = arrival(&mut queue).await.accept(None).unwrap();
    let last = busy(2, DialogState::Terminated);
    notifier.terminate("noresource", Some(last)).await.unwrap();
    loop {
        match event(&mut subscription).await {
            SubscriptionEvent::Ended(None) => break,
            SubscriptionEvent::Ended(Some(error)) => panic!("{error}"),
            _ => {}
        }
    }

    // Refused, and a package that nobody here tells of.
    let mut refused = watcher.subscribe(config(600)).unwrap();
    arrival(&mut queue)
        .await
        .reject(StatusCode::NOT_FOUND, HeaderList::new())
        .unwrap();
    assert!(
        matches!(event(&mut refused).await, SubscriptionEvent::Ended(Some(error)) if error.status() == Some(StatusCode::NOT_FOUND))
    );
    let presence = SubscriptionConfig {
        package: "presence".into(),
        ..config(600)
    };
    let mut unknown = watcher.subscribe(presence).unwrap();
    let SubscriptionEvent::Ended(Some(SignalingError::Rejected(refusal))) =
        event(&mut unknown).await
    else {
        panic!("not refused")
    };
    assert_eq!(refusal.status, StatusCode(489));
    assert_eq!(refusal.headers.get("Allow-Events"), Some("dialog"));
}

#[tokio::test]
async fn subscriber_that_vanishes_is_forgotten() {
    let mut peer = Peer::new().await;
    let (agent, _incoming) = agent().await;
    let mut queue = agent.subscriptions(&["dialog"]).unwrap();
    let mut subscribe = peer.out_of_call(Method::Subscribe, agent.local_addr());
    subscribe.headers.set("Event", "dialog;id=4").unwrap();
    subscribe.headers.set("Expires", "1").unwrap();
    subscribe
        .headers
        .push("Record-Route", format!("<sip:{};lr>", peer.addr()))
        .unwrap();
    peer.send(&subscribe.to_bytes()).await;
    let mut notifier = arrival(&mut queue).await.accept(None).unwrap();
    let ok = peer.response(Method::Subscribe, 200).await;
    assert!(ok.headers.contains("Record-Route"));
    assert_eq!(ok.headers.get("Expires"), Some("1"));
    let told = peer.expect(Method::Notify).await;
    assert_eq!(told.headers.get("Event"), Some("dialog;id=4"));
    assert!(told.headers.contains("Route"));
    peer.reply(&told, 200, "", None).await;
    // No refresh comes.
    let last = peer.expect(Method::Notify).await;
    assert_eq!(
        last.headers.get("Subscription-State"),
        Some("terminated;reason=timeout")
    );
    peer.reply(&last, 200, "", None).await;
    let end = timeout(PATIENCE, notifier.ended()).await.unwrap();
    assert_eq!(end, NotifierEnd::Expired);

    // One that does not know the subscription any more.
    let mut subscribe = peer.out_of_call(Method::Subscribe, agent.local_addr());
    subscribe.headers.set("Event", "dialog").unwrap();
    peer.send(&subscribe.to_bytes()).await;
    let mut notifier = arrival(&mut queue).await.accept(None).unwrap();
    let told = peer.expect(Method::Notify).await;
    peer.reply(&told, 481, "", None).await;
    let end = timeout(PATIENCE, notifier.ended()).await.unwrap();
    assert_eq!(end, NotifierEnd::Lost);
}

#[tokio::test]
async fn both_sides_part_when_an_agent_shuts_down() {
    let mut peer = Peer::new().await;
    let (agent, _incoming) = agent().await;
    let (_subscription, subscribe) = subscribed(&mut peer, &agent).await;
    let end = {
        let agent = agent.clone();
        tokio::spawn(async move { agent.shutdown().await })
    };
    let last = peer.expect(Method::Subscribe).await;
    assert_eq!(last.call_id(), subscribe.call_id());
    assert_eq!(last.headers.get("Expires"), Some("0"));
    peer.reply_with(&last, 200, &[]).await;
    end.await.unwrap();
}

#[tokio::test]
async fn arguments_that_would_break_a_message_are_refused() {
    let peer = Peer::new().await;
    let (agent, _incoming) = agent().await;
    for package in ["", "a b", "x\r\nEvil: 1", "a;b"] {
        let config = SubscriptionConfig {
            package: package.into(),
            ..wanted(&peer)
        };
        assert!(agent.subscribe(config).is_err(), "{package:?}");
        assert!(agent.subscriptions(&[package]).is_err(), "{package:?}");
    }
    let config = SubscriptionConfig {
        accept: vec!["a/b\r\nEvil: 1".into()],
        ..wanted(&peer)
    };
    assert!(agent.subscribe(config).is_err());
    let config = SubscriptionConfig {
        body: Some(Body::new("a/b\r\nEvil: 1", "x")),
        ..wanted(&peer)
    };
    assert!(agent.subscribe(config).is_err());
}
