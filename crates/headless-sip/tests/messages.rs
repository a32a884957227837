//! What goes beside the audio: keys in INFO requests, texts, OPTIONS.

mod common;

use std::time::Duration;

use common::*;
use headless_sip::{CallEvent, ClientConfig, DtmfMethod, DtmfMode, Error};

#[tokio::test]
async fn keys_go_by_info_and_by_rfc_4733_into_one_stream() {
    let by_info = ClientConfig {
        dtmf_mode: DtmfMode::Info,
        ..config()
    };
    let mut pair = connected_with(by_info, config()).await;
    pair.caller.send_dtmf("4#d").await.unwrap();
    for expected in ['4', '#', 'D'] {
        let told = event(&mut pair.callee, |event| {
            matches!(event, CallEvent::Dtmf { .. })
        })
        .await;
        let CallEvent::Dtmf {
            digit,
            method,
            duration,
        } = told
        else {
            unreachable!()
        };
        assert_eq!((digit, method), (expected, DtmfMethod::Info));
        assert_eq!(duration, Duration::from_millis(100));
    }
    pair.callee.send_dtmf("7").await.unwrap();
    event(&mut pair.caller, |event| {
        matches!(
            event,
            CallEvent::Dtmf {
                digit: '7',
                method: DtmfMethod::Rfc4733,
                ..
            }
        )
    })
    .await;
    assert!(matches!(
        pair.caller.send_dtmf("x").await,
        Err(Error::Media(_))
    ));
}

#[tokio::test]
async fn texts_pass_within_calls_and_outside() {
    let mut pair = connected().await;
    let target = uri("bob", &pair.bob);
    pair.alice.message(&target, "grüße").await.unwrap();
    let message = within(pair.bob.incoming_message()).await.unwrap();
    assert_eq!(message.text(), "grüße");
    assert!(message.content_type().starts_with("text/plain"));
    assert!(message.from().contains("sip:"));
    pair.callee.control().message("in the call").await.unwrap();
    let text = event(&mut pair.caller, |event| {
        matches!(event, CallEvent::Message { .. })
    })
    .await;
    assert_eq!(
        text,
        CallEvent::Message {
            text: "in the call".into()
        }
    );
    let fields = pair.alice.options(&target).await.unwrap();
    let allow = fields.iter().find(|(name, _)| name == "Allow").unwrap();
    assert!(allow.1.contains("MESSAGE"));
}
