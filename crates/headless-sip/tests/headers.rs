//! Header fields of the program's at each step of a call, the typed ones, and draining.

mod common;

use std::time::Duration;

use common::*;
use headless_sip::{EndedBy, Error, Progress};

#[tokio::test]
async fn header_fields_pass_at_each_step_and_the_cause_is_told_at_the_end() {
    let (alice, bob) = (client(config()).await, client(config()).await);
    let calling = async {
        let mut call = alice
            .dial(&uri("bob", &bob))
            .header("P-Asserted-Identity", "<sip:real@example.com>")
            .header("Privacy", "id")
            .header("Diversion", "<sip:first@example.com>;reason=user-busy")
            .header("User-to-User", "6869;encoding=hex")
            .header("Call-Info", "<http://example.com/card>;purpose=card")
            .header("History-Info", "<sip:first@example.com>;index=1")
            .await
            .unwrap();
        while !matches!(
            call.progress().await.unwrap(),
            Progress::Ringing { status: 181, .. }
        ) {}
        assert_eq!(call.header("x-step"), Some("ringing"));
        while call.progress().await.unwrap() != Progress::Answered {}
        assert_eq!(call.header("X-Step"), Some("answered"));
        call.answered().await.unwrap()
    };
    let answering = async {
        let mut call = bob.incoming().await.unwrap();
        let identity = call.asserted_identity().unwrap();
        assert!(identity.contains("real@example.com"));
        assert!(call.wants_privacy());
        let diversion = &call.diversions()[0];
        assert_eq!(
            (diversion.user(), diversion.reason.as_str()),
            (Some("first"), "user-busy")
        );
        assert_eq!(call.user_to_user()[0].data, "6869");
        assert_eq!(call.call_info()[0].purpose, "card");
        assert_eq!(call.history()[0].index, "1");
        call.ring_with(181, &[("X-Step", "ringing")]).await.unwrap();
        call.set_header("X-Step", "answered").unwrap();
        call.answer().await.unwrap()
    };
    let (caller, mut callee) = tokio::join!(calling, answering);
    let control = caller.control();
    let injected = control.hang_up_with(&[("X-A", "1\r\nX-B: 2")]).await;
    assert!(matches!(injected, Err(Error::Config(_))));
    let reason = ("Reason", "Q.850;cause=17;text=\"User busy\"");
    control
        .hang_up_with(&[reason, ("X-Step", "over")])
        .await
        .unwrap();
    let ended = within(callee.events.ended()).await.unwrap();
    assert_eq!((ended.by, ended.q850_cause), (EndedBy::Remote, Some(17)));
    let step = ended.headers.iter().find(|(name, _)| name == "X-Step");
    assert_eq!(step.unwrap().1, "over");
}

#[tokio::test]
async fn draining_client_refuses_new_calls_and_lets_others_finish() {
    let mut pair = connected().await;
    let target = uri("bob", &pair.bob);
    let draining = {
        let bob = pair.bob.clone();
        tokio::spawn(async move { bob.drain(Duration::from_secs(30)).await })
    };
    let refused = async {
        loop {
            match pair.alice.options(&target).await {
                Ok(_) => tokio::task::yield_now().await,
                Err(error) => return error,
            }
        }
    };
    for error in [
        within(refused).await,
        pair.alice.call(&target).await.unwrap_err(),
    ] {
        let Error::Rejected {
            status,
            retry_after,
            ..
        } = error
        else {
            panic!("{error}")
        };
        assert_eq!((status, retry_after), (503, Some(Duration::from_secs(30))));
    }
    assert!(!draining.is_finished());
    listen(&mut pair.callee, 0.2).await;
    pair.caller.hang_up().await.unwrap();
    within(draining).await.unwrap();
}
