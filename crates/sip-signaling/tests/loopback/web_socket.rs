//! WebSockets (RFC 7118), with and without TLS.

use sip_signaling::{
    Body, HeaderList, IncomingCalls, InviteOptions, Transport, Uri, UserAgent, UserAgentConfig,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};

use crate::{
    authority::Authority,
    peer::{ANSWER, OFFER, PATIENCE, alice, answered, config, ended},
    transport::{serve, whole_call},
};

async fn pair() -> (UserAgent, UserAgent, IncomingCalls) {
    let authority = Authority::new();
    let any = "127.0.0.1:0".parse().ok();
    let (callee, incoming) = UserAgent::bind(UserAgentConfig {
        tls: authority.identity(&["sip:example.com"]),
        ws_listen: any,
        wss_listen: any,
        ..config()
    })
    .await
    .unwrap();
    let (caller, _incoming) = UserAgent::bind(UserAgentConfig {
        tls: authority.trusted(),
        ..config()
    })
    .await
    .unwrap();
    (caller, callee, incoming)
}

fn at(agent: &UserAgent, transport: Transport) -> Uri {
    let port = agent.listen_addr(transport).unwrap().port();
    Uri::parse(&format!("sip:bob@example.com:{port};maddr=127.0.0.1")).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whole_calls_go_over_web_sockets() {
    let (caller, callee, incoming) = pair().await;
    serve(incoming);
    for transport in [Transport::Ws, Transport::Wss] {
        let target = at(&callee, transport);
        timeout(PATIENCE, whole_call(&caller, target, transport))
            .await
            .unwrap();
    }
}

#[tokio::test]
async fn via_says_ws_or_wss_and_contact_says_ws() {
    let (caller, callee, mut incoming) = pair().await;
    for transport in [Transport::Ws, Transport::Wss] {
        let mut outgoing = caller
            .invite(InviteOptions {
                transport: Some(transport),
                body: Some(Body::sdp(OFFER)),
                ..InviteOptions::new(at(&callee, transport), alice())
            })
            .await
            .unwrap();
        let call = timeout(PATIENCE, incoming.recv()).await.unwrap().unwrap();
        assert_eq!(call.transport(), transport);
        let via = call.headers().get("Via").unwrap();
        assert!(via.starts_with(&format!("SIP/2.0/{transport} ")), "{via}");
        let contact = call.headers().get("Contact").unwrap();
        assert!(contact.ends_with(";transport=ws>"), "{contact}");
        // The callee hangs up over the caller's WebSocket: there is no other way to it.
        let theirs = call
            .accept(HeaderList::new(), Some(Body::sdp(ANSWER)))
            .await
            .unwrap();
        let mut ours = answered(&mut outgoing).await.ack(None).await.unwrap();
        theirs.handle().bye(HeaderList::new()).await.unwrap();
        ended(&mut ours).await;
    }
}

#[tokio::test]
async fn a_client_without_the_subprotocol_sip_is_refused() {
    let (_caller, callee, _incoming) = pair().await;
    let addr = callee.listen_addr(Transport::Ws).unwrap();
    for (protocol, status) in [("chat", "400"), ("chat, sip", "101")] {
        let mut stream = TcpStream::connect(addr).await.unwrap();
        let request = format!(
            "GET /ws HTTP/1.1\r\nHost: {addr}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
             Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: {protocol}\r\n\r\n"
        );
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = [0; 12];
        timeout(PATIENCE, stream.read_exact(&mut answer))
            .await
            .unwrap()
            .unwrap();
        assert_eq!(answer, *format!("HTTP/1.1 {status}").as_bytes());
    }
}
