//! Hostile strings in every public argument: refused before anything is sent.

use std::time::Duration;

use sip_signaling::{
    Body, Credentials, HeaderList, InviteOptions, Method, NameAddr, RegistrationConfig,
    SignalingError, StatusCode, Uri, UserAgent, UserAgentConfig,
};
use tokio::time::timeout;

use crate::peer::{ANSWER, OFFER, Peer, agent, alice, config};

fn hostile() -> Vec<String> {
    let mut strings = Vec::new();
    for breaker in [
        "\r\n", "\n", "\r", "\0", "\r\n\r\n", "\u{b}", "\u{7f}", "\u{85}",
    ] {
        for (before, after) in [
            ("", ""),
            ("a", "b"),
            ("", "X-Evil: 1"),
            ("sip:a@b", ""),
            ("a", "INVITE sip:x SIP/2.0"),
            ("\"", "\""),
            ("<", ">"),
        ] {
            strings.push(format!("{before}{breaker}{after}"));
        }
    }
    strings
}

fn is_refused<T>(result: Result<T, SignalingError>) -> bool {
    matches!(result, Err(SignalingError::InvalidInput { .. }))
}

#[test]
fn values_refuse_line_breaks() {
    for text in hostile() {
        assert!(
            Uri::parse(&text).is_err()
                && Uri::parse(&format!("sip:{text}@host")).is_err()
                && Uri::parse(&format!("sip:a@host;p={text}")).is_err(),
            "{text:?}"
        );
        assert!(
            is_refused(Uri::sip(Some(&text), "host", None))
                && is_refused(Uri::sip(None, &text, None))
        );
        assert!(NameAddr::parse(&format!("\"{text}\" <sip:a@b>")).is_err());
        assert!(is_refused(alice().with_display_name(&text)));
        assert!(
            is_refused(alice().params_mut().set("x", Some(&text)))
                && is_refused(alice().params_mut().set(&text, None))
        );
        assert!(
            is_refused(HeaderList::new().push("X", text.clone()))
                && is_refused(HeaderList::new().push(&text, "v"))
        );
        assert!(is_refused(Method::parse(&text)));
        assert!(is_refused(
            sip_signaling::Response::new(StatusCode::OK).with_reason(&text)
        ));
    }
}

#[tokio::test]
async fn agents_refuse_what_would_break_a_message_and_send_nothing() {
    let mut peer = Peer::new().await;
    let (agent, mut incoming) = agent().await;
    for text in hostile() {
        let body = Body::new(text.clone(), "x");
        let options = InviteOptions {
            body: Some(body.clone()),
            ..InviteOptions::new(peer.uri("bob"), alice())
        };
        assert!(is_refused(agent.invite(options).await), "{text:?}");
        assert!(is_refused(
            UserAgent::bind(UserAgentConfig {
                user_agent: text.clone(),
                ..config()
            })
            .await
        ));
        assert!(is_refused(
            UserAgent::bind(UserAgentConfig {
                ws_path: format!("/{text}"),
                ..config()
            })
            .await
        ));
    }
    for name in [
        "Via",
        "v",
        "f",
        "CSeq",
        "Call-ID",
        "i",
        "Contact",
        "Content-Length",
        "Authorization",
        "Route",
    ] {
        let mut headers = HeaderList::new();
        headers.push(name, "x").unwrap();
        assert!(
            is_refused(
                agent
                    .invite(InviteOptions {
                        headers: headers.clone(),
                        ..InviteOptions::new(peer.uri("bob"), alice())
                    })
                    .await
            ),
            "{name}"
        );
        assert!(is_refused(agent.register(RegistrationConfig {
            headers,
            ..RegistrationConfig::new(peer.uri("x"), alice())
        })));
    }
    assert!(
        timeout(Duration::from_millis(50), peer.any())
            .await
            .is_err(),
        "something was sent"
    );

    let (_invite, _ok, call) = peer.calls(&agent, &mut incoming).await;
    for text in hostile() {
        assert!(is_refused(
            call.handle().info(Body::new(text.clone(), "x")).await
        ));
        assert!(is_refused(
            call.handle()
                .reinvite(Some(Body::new(text.clone(), "x")))
                .await
        ));
        assert!(is_refused(
            call.handle().update(Some(Body::new(text, "x"))).await
        ));
    }
    let invite = peer.invite(agent.local_addr(), Some(OFFER));
    peer.send(&invite.to_bytes()).await;
    let arrived = incoming.recv().await.unwrap();
    for text in hostile() {
        assert!(is_refused(
            arrived
                .provisional(
                    StatusCode(183),
                    HeaderList::new(),
                    Some(Body::new(text, ANSWER))
                )
                .await
        ));
    }
    assert!(is_refused(
        arrived
            .provisional(StatusCode(200), HeaderList::new(), None)
            .await
    ));
    assert!(is_refused(
        arrived
            .reject(
                StatusCode(486),
                Some("busy\r\nX-Evil: 1"),
                HeaderList::new()
            )
            .await
    ));
    peer.response_for(invite.call_id().unwrap(), 480).await;
}

#[tokio::test]
async fn hostile_credentials_cannot_break_out_of_their_header() {
    let mut peer = Peer::new().await;
    let (agent, _incoming) = agent().await;
    let options = InviteOptions {
        credentials: Some(Credentials::new("a\"\r\nX-Evil: 1", "p\r\n")),
        ..InviteOptions::new(peer.uri("bob"), alice())
    };
    let _outgoing = agent.invite(options).await.unwrap();
    let first = peer.expect(Method::Invite).await;
    peer.reply_with(
        &first,
        401,
        &[("WWW-Authenticate", r#"Digest realm="r", nonce="n""#)],
    )
    .await;
    peer.expect(Method::Ack).await;
    let second = peer.expect(Method::Invite).await;
    assert!(!second.headers.contains("X-Evil"));
}
