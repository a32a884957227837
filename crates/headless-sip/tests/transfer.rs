//! Transfers between clients, replaced calls, redirects that are followed.

mod common;

use common::*;
use headless_sip::{CallEvent, ClientConfig, EndedBy, Error};

fn trusting() -> ClientConfig {
    ClientConfig {
        allow_refer: true,
        allow_replaces: true,
        ..config()
    }
}

fn is_done(event: &CallEvent) -> bool {
    matches!(event, CallEvent::Transfer { done: true, .. })
}

#[tokio::test]
async fn blind_transfer_joins_the_far_end_with_somebody_else() {
    let mut pair = connected_with(config(), trusting()).await;
    let carol = client(config()).await;
    let target = uri("carol", &carol);
    let following = async {
        let asked = event(&mut pair.callee, |event| {
            matches!(event, CallEvent::TransferRequested { .. })
        })
        .await;
        let CallEvent::TransferRequested {
            target: to,
            referred_by,
        } = asked
        else {
            unreachable!()
        };
        assert_eq!(to, target);
        assert!(referred_by.is_some());
        pair.callee.control().follow_transfer().await.unwrap()
    };
    let answering = async { carol.incoming().await.unwrap().answer().await.unwrap() };
    let (asked, mut onward, mut at_carol) =
        tokio::join!(pair.caller.transfer(&target), following, answering);
    asked.unwrap();
    let done = event(&mut pair.caller, is_done).await;
    assert!(matches!(done, CallEvent::Transfer { status: 200, .. }));
    pair.caller.hang_up().await.unwrap();
    onward.audio.tx.send(tone(440.0, 2.0, 8_000)).await.unwrap();
    assert_tone(440.0, &listen(&mut at_carol, 1.5).await[4_000..]);
    listen(&mut onward, 0.1).await;
}

#[tokio::test]
async fn transfer_is_refused_unless_the_program_allows_it() {
    let pair = connected().await;
    let refused = pair.caller.transfer("sip:carol@127.0.0.1:9").await;
    assert!(matches!(refused, Err(Error::Rejected { status: 603, .. })));
    let nothing = pair.callee.control().follow_transfer().await;
    assert!(matches!(nothing, Err(Error::Ended)));
    pair.caller.hang_up().await.unwrap();
}

#[tokio::test]
async fn attended_transfer_replaces_our_call_at_the_third_party() {
    let mut pair = connected_with(config(), trusting()).await;
    let carol = client(trusting()).await;
    let target = uri("carol", &carol);
    let (consultation, at_carol) = tokio::join!(pair.alice.call(&target), async {
        carol.incoming().await.unwrap().answer().await.unwrap()
    });
    let (mut consultation, mut at_carol) = (consultation.unwrap(), at_carol);
    let following = async {
        event(&mut pair.callee, |event| {
            matches!(event, CallEvent::TransferRequested { .. })
        })
        .await;
        pair.callee.control().follow_transfer().await.unwrap()
    };
    let taking_over = async { carol.incoming().await.unwrap().answer().await.unwrap() };
    let (asked, onward, mut joined) = tokio::join!(
        pair.caller.transfer_to(&consultation),
        following,
        taking_over
    );
    asked.unwrap();
    let done = event(&mut pair.caller, is_done).await;
    assert!(matches!(done, CallEvent::Transfer { status: 200, .. }));
    // Carol's end of the consultation has been replaced.
    let ended = within(at_carol.events.ended()).await.unwrap();
    assert_eq!(ended.by, EndedBy::Remote);
    within(consultation.events.ended()).await.unwrap();
    onward.audio.tx.send(tone(660.0, 2.0, 8_000)).await.unwrap();
    assert_tone(660.0, &listen(&mut joined, 1.5).await[4_000..]);
}

#[tokio::test]
async fn redirect_is_followed_only_where_the_program_says_so() {
    let (alice, bob, carol) = (
        client(config()).await,
        client(config()).await,
        client(config()).await,
    );
    let target = uri("bob", &bob);
    let onward = uri("carol", &carol);
    let redirecting = async {
        for _ in 0..2 {
            let call = bob.incoming().await.unwrap();
            call.redirect(&onward).await.unwrap();
        }
    };
    let calling = async {
        let refused = alice.call(&target).await;
        assert!(matches!(refused, Err(Error::Rejected { status: 302, .. })));
        let dialled = alice.dial(&target).header("X-Id", "7").follow_redirects(1);
        dialled.await.unwrap().answered().await.unwrap()
    };
    let answering = async {
        let call = carol.incoming().await.unwrap();
        assert_eq!(call.header("X-Id"), Some("7"));
        call.answer().await.unwrap()
    };
    let (_, call, _there) = tokio::join!(redirecting, calling, answering);
    call.hang_up().await.unwrap();
}
