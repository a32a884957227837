//! TLS: whose certificate is taken, what sips: goes over, which connection serves whom.

use sip_signaling::{
    Body, HeaderList, IncomingCalls, IncomingInvite, InviteEvent, InviteOptions, Method,
    SignalingError, StatusCode, TlsConfig, TlsIdentity, Transport, Uri, UserAgent, UserAgentConfig,
};
use tokio::time::timeout;

use crate::{
    authority::Authority,
    peer::{ANSWER, OFFER, PATIENCE, Peer, agent, alice, config, event},
    transport::{serve, whole_call},
};

async fn listening(tls: TlsConfig) -> (UserAgent, IncomingCalls) {
    UserAgent::bind(UserAgentConfig {
        tls,
        tls_listen: Some("127.0.0.1:0".parse().unwrap()),
        ..config()
    })
    .await
    .unwrap()
}

async fn trusting(tls: TlsConfig) -> UserAgent {
    let (agent, _incoming) = UserAgent::bind(UserAgentConfig { tls, ..config() })
        .await
        .unwrap();
    agent
}

/// The URI of a user in `domain`, whose server is `agent`.
fn at(agent: &UserAgent, scheme: &str, domain: &str) -> Uri {
    let port = agent.listen_addr(Transport::Tls).unwrap().port();
    Uri::parse(&format!("{scheme}:bob@{domain}:{port};maddr=127.0.0.1")).unwrap()
}

fn options(target: Uri) -> InviteOptions {
    InviteOptions {
        transport: Some(Transport::Tls),
        body: Some(Body::sdp(OFFER)),
        ..InviteOptions::new(target, alice())
    }
}

async fn arrived(incoming: &mut IncomingCalls) -> IncomingInvite {
    timeout(PATIENCE, incoming.recv()).await.unwrap().unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whole_calls_go_over_tls() {
    let authority = Authority::new();
    let (callee, incoming) = listening(authority.identity(&["sip:example.com"])).await;
    serve(incoming);
    let caller = trusting(authority.trusted()).await;
    for scheme in ["sip", "sips"] {
        let target = at(&callee, scheme, "example.com");
        timeout(PATIENCE, whole_call(&caller, target, Transport::Tls))
            .await
            .unwrap();
    }
}

#[tokio::test]
async fn contact_and_via_say_tls_and_sips_is_answered_with_sips() {
    let authority = Authority::new();
    let (callee, mut incoming) = listening(authority.identity(&["example.com"])).await;
    let caller = trusting(authority.trusted()).await;
    for (scheme, contact) in [
        ("sip", ";transport=tls>"),
        ("sips", "<sips:alice@127.0.0.1:"),
    ] {
        let mut outgoing = caller
            .invite(options(at(&callee, scheme, "example.com")))
            .await
            .unwrap();
        let call = arrived(&mut incoming).await;
        assert_eq!(call.transport(), Transport::Tls);
        let headers = call.headers();
        let theirs = headers.get("Contact").unwrap();
        assert!(theirs.contains(contact), "{theirs}");
        assert!(headers.get("Via").unwrap().starts_with("SIP/2.0/TLS "));
        let _call = call
            .accept(HeaderList::new(), Some(Body::sdp(ANSWER)))
            .await
            .unwrap();
        let answered = crate::peer::answered(&mut outgoing).await;
        let ours = answered.headers.get("Contact").unwrap();
        assert!(ours.starts_with(&format!("<{scheme}:")), "{ours}");
        let port = callee.listen_addr(Transport::Tls).unwrap().port();
        assert!(ours.contains(&format!(":{port}")), "{ours}");
    }
}

/// What a caller that trusts `authority` makes of a server of `domain` with this certificate.
async fn judged(authority: &Authority, identity: TlsIdentity, domain: &str) -> Option<String> {
    let (callee, _incoming) = listening(TlsConfig {
        identity: Some(identity),
        ..authority.trusted()
    })
    .await;
    let caller = trusting(authority.trusted()).await;
    match caller.invite(options(at(&callee, "sips", domain))).await {
        Ok(_) => None,
        Err(SignalingError::Certificate { peer, why }) => {
            assert_eq!(peer, domain);
            Some(why)
        }
        Err(other) => panic!("{other}"),
    }
}

#[tokio::test]
async fn certificates_that_name_the_domain_are_taken() {
    let authority = Authority::new();
    for (names, domain) in [
        (vec!["sip:example.com"], "example.com"),
        (vec!["sip:example.com", "proxy.example.com"], "EXAMPLE.com"),
        (vec!["example.com"], "example.com"),
        (vec!["other.example", "example.com"], "example.com"),
        (vec!["127.0.0.1"], "127.0.0.1"),
    ] {
        let identity = authority.issue(&names);
        assert_eq!(
            judged(&authority, identity, domain).await,
            None,
            "{names:?}"
        );
    }
}

#[tokio::test]
async fn certificates_of_others_are_refused_with_what_helps() {
    let authority = Authority::new();
    let cases = [
        (
            authority.issue(&["other.example"]),
            "example.com",
            "it is for other.example, not for example.com",
        ),
        // The SIP URI is the identity; the DNS name beside it is not.
        (
            authority.issue(&["sip:other.example", "example.com"]),
            "example.com",
            "it is for other.example",
        ),
        (
            authority.issue(&["*.example.com"]),
            "sip.example.com",
            "wildcards do not count",
        ),
        (
            authority.issue_common_name("example.com"),
            "example.com",
            "the common name does not count",
        ),
        (
            authority.issue(&["example.com"]),
            "127.0.0.1",
            "not for 127.0.0.1",
        ),
        (
            authority.issue_expired(&["example.com"]),
            "example.com",
            "expired",
        ),
        (
            Authority::new().issue(&["example.com"]),
            "example.com",
            "--ca FILE",
        ),
    ];
    for (identity, domain, expected) in cases {
        let why = judged(&authority, identity, domain).await;
        assert!(
            why.as_ref().is_some_and(|why| why.contains(expected)),
            "{why:?}: {expected}"
        );
    }
}

#[tokio::test]
async fn a_server_that_demands_a_certificate_gets_ours_or_no_call() {
    let authority = Authority::new();
    let (callee, mut incoming) = listening(TlsConfig {
        require_client_certificate: true,
        ..authority.identity(&["example.com"])
    })
    .await;
    let target = at(&callee, "sips", "example.com");
    let nobody = trusting(authority.trusted()).await;
    let error = match nobody.invite(options(target.clone())).await {
        Err(error) => error,
        // With TLS 1.3 the refusal comes after the handshake.
        Ok(mut outgoing) => crate::peer::failure(&mut outgoing).await,
    };
    assert!(
        error.to_string().contains("--cert FILE --key FILE"),
        "{error}"
    );
    let stranger = trusting(TlsConfig {
        identity: Some(Authority::new().issue(&["alice.example"])),
        ..authority.trusted()
    })
    .await;
    let error = match stranger.invite(options(target.clone())).await {
        Err(error) => error,
        Ok(mut outgoing) => crate::peer::failure(&mut outgoing).await,
    };
    assert!(
        error
            .to_string()
            .contains("does not accept our certificate"),
        "{error}"
    );
    let known = trusting(authority.identity(&["alice.example"])).await;
    let _outgoing = known.invite(options(target)).await.unwrap();
    assert_eq!(arrived(&mut incoming).await.transport(), Transport::Tls);
}

#[tokio::test]
async fn sips_leaves_over_no_transport_without_tls() {
    let (agent, _incoming) = agent().await;
    let target = Uri::parse("sips:bob@127.0.0.1:5061").unwrap();
    for transport in [Transport::Udp, Transport::Tcp, Transport::Ws] {
        let options = InviteOptions {
            transport: Some(transport),
            ..InviteOptions::new(target.clone(), alice())
        };
        let error = agent.invite(options).await.unwrap_err();
        assert!(
            matches!(&error, SignalingError::Insecure { transport: over, .. } if *over == transport),
            "{error}"
        );
        assert!(error.to_string().contains("use TLS or WSS"), "{error}");
    }
    // Nor through a proxy that is reached in the open.
    let mut peer = Peer::new().await;
    let mut outgoing = agent
        .invite(InviteOptions {
            proxy: Some(peer.uri("proxy")),
            ..InviteOptions::new(target, alice())
        })
        .await
        .unwrap();
    assert!(matches!(
        event(&mut outgoing).await,
        InviteEvent::Failed(SignalingError::Insecure { .. })
    ));
    // And what comes in for sips: in the open is refused.
    let mut invite = peer.invite(agent.local_addr(), Some(OFFER));
    invite.uri = Uri::parse(&format!("sips:bob@{}", agent.local_addr())).unwrap();
    peer.send(&invite.to_bytes()).await;
    peer.response(Method::Invite, 416).await;
}

#[tokio::test]
async fn a_connection_serves_another_domain_only_if_its_certificate_names_it() {
    let authority = Authority::new();
    let (callee, mut incoming) =
        listening(authority.identity(&["sip:a.example", "sip:b.example"])).await;
    let caller = trusting(authority.trusted()).await;
    let mut sources = Vec::new();
    for domain in ["a.example", "b.example", "a.example"] {
        let _outgoing = caller
            .invite(options(at(&callee, "sips", domain)))
            .await
            .unwrap();
        let call = arrived(&mut incoming).await;
        sources.push(call.source());
        call.reject(StatusCode::BUSY_HERE, None, HeaderList::new())
            .await
            .unwrap();
    }
    assert!(
        sources.iter().all(|source| *source == sources[0]),
        "{sources:?}"
    );
    // The open connection would do; its certificate does not.
    let error = caller
        .invite(options(at(&callee, "sips", "c.example")))
        .await
        .unwrap_err();
    assert!(
        matches!(error, SignalingError::Certificate { .. }),
        "{error}"
    );
}

#[tokio::test]
async fn listening_without_a_certificate_and_unsound_files_are_told() {
    let error = UserAgent::bind(UserAgentConfig {
        tls_listen: Some("127.0.0.1:0".parse().unwrap()),
        ..config()
    })
    .await
    .unwrap_err();
    assert!(error.to_string().contains("TlsConfig::identity"), "{error}");
    let authority = Authority::new();
    let unsound = [
        TlsConfig {
            ca: Some(b"nothing".to_vec()),
            ..TlsConfig::default()
        },
        TlsConfig {
            identity: Some(TlsIdentity::from_pem("nothing", "nothing")),
            ..authority.trusted()
        },
    ];
    for tls in unsound {
        let error = UserAgent::bind(UserAgentConfig { tls, ..config() })
            .await
            .unwrap_err();
        assert!(
            matches!(&error, SignalingError::Config(why) if why.contains("in PEM")),
            "{error}"
        );
    }
}
