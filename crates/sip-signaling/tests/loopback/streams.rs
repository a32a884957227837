//! What is peculiar to streams, and the choice between UDP and TCP: keep-alive, resets, unsound messages, large requests.

use std::time::Duration;

use sip_signaling::{
    Body, Call, EndedBy, HeaderList, InviteOptions, Method, RegistrationConfig, Request, Response,
    StatusCode, Transport, Uri, UserAgent, UserAgentConfig, message::Message,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream, UdpSocket},
    time::timeout,
};

use crate::peer::{ANSWER, OFFER, PATIENCE, Peer, agent, alice, answered, call, config, ended};

/// The peer's end of a stream.
struct Stream {
    stream: TcpStream,
    buffer: Vec<u8>,
}

impl Stream {
    async fn accept(listener: &TcpListener) -> Stream {
        let (stream, _) = timeout(PATIENCE, listener.accept()).await.unwrap().unwrap();
        Stream {
            stream,
            buffer: Vec::new(),
        }
    }

    async fn any(&mut self) -> Message {
        loop {
            if let Some(end) = Message::frame(&self.buffer, 65_536).unwrap() {
                let bytes: Vec<u8> = self.buffer.drain(..end).collect();
                return Message::parse(&bytes).unwrap();
            }
            let read = self.stream.read_buf(&mut self.buffer);
            assert_ne!(timeout(PATIENCE, read).await.unwrap().unwrap(), 0, "closed");
        }
    }

    async fn request(&mut self, method: Method) -> Request {
        match self.any().await {
            Message::Request(request) if request.method == method => request,
            other => panic!("{}", other.start_line()),
        }
    }

    async fn status(&mut self) -> u16 {
        match self.any().await {
            Message::Response(response) => response.status.0,
            other => panic!("{}", other.start_line()),
        }
    }

    async fn reply(&mut self, request: &Request, status: u16, contact: &str, body: Option<&str>) {
        let mut response = Response::to_request(request, StatusCode(status), Some("peer"));
        response.headers.push("Contact", contact).unwrap();
        response.set_body(body.map(Body::sdp)).unwrap();
        self.stream.write_all(&response.to_bytes()).await.unwrap();
    }
}

/// The agent calls over TCP and is answered; its call and the peer's end.
async fn call_over_tcp(agent: &UserAgent, listener: &TcpListener) -> (Call, Stream) {
    let addr = listener.local_addr().unwrap();
    let mut outgoing = agent
        .invite(InviteOptions {
            transport: Some(Transport::Tcp),
            body: Some(Body::sdp(OFFER)),
            ..InviteOptions::new(Uri::from_socket_addr(Some("bob"), addr).unwrap(), alice())
        })
        .await
        .unwrap();
    let mut stream = Stream::accept(listener).await;
    let invite = stream.request(Method::Invite).await;
    let contact = format!("<sip:bob@{addr};transport=tcp>");
    stream.reply(&invite, 200, &contact, Some(ANSWER)).await;
    let call = answered(&mut outgoing).await.ack(None).await.unwrap();
    stream.request(Method::Ack).await;
    (call, stream)
}

#[tokio::test]
async fn a_reset_connection_keeps_the_call_and_its_bye_takes_a_new_one() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (agent, _incoming) = agent().await;
    let (mut call, stream) = call_over_tcp(&agent, &listener).await;
    // A reset, not an orderly end.
    stream.stream.set_zero_linger().unwrap();
    drop(stream);
    let handle = call.handle();
    let update = tokio::spawn(async move {
        // Sent into the connection that breaks, this may fail; the call stands all the same.
        handle.info(Body::new("text/plain", "x")).await.ok();
        handle.bye(HeaderList::new()).await
    });
    let mut second = Stream::accept(&listener).await;
    let mut bye = second.any().await;
    if let Message::Request(request) = &bye
        && request.method == Method::Info
    {
        second
            .reply(request, 200, "<sip:bob@127.0.0.1>", None)
            .await;
        bye = second.any().await;
    }
    let Message::Request(bye) = bye else {
        panic!("{}", bye.start_line())
    };
    assert_eq!(bye.method, Method::Bye);
    second.reply(&bye, 200, "<sip:bob@127.0.0.1>", None).await;
    update.await.unwrap().unwrap();
    assert_eq!(ended(&mut call).await.by, EndedBy::Local);
}

#[tokio::test]
async fn a_ping_is_answered_however_it_is_cut() {
    let (agent, _incoming) = agent().await;
    let mut stream = TcpStream::connect(agent.local_addr()).await.unwrap();
    stream.set_nodelay(true).unwrap();
    for parts in [
        &[b"\r\n\r\n".as_slice()][..],
        &[b"\r\n", b"\r\n"],
        &[b"\r", b"\n\r", b"\n"],
    ] {
        for part in parts {
            stream.write_all(part).await.unwrap();
            tokio::task::yield_now().await;
        }
        let mut pong = [0; 2];
        timeout(PATIENCE, stream.read_exact(&mut pong))
            .await
            .unwrap()
            .unwrap();
        assert_eq!(&pong, b"\r\n");
    }
}

#[tokio::test]
async fn an_unsound_message_is_answered_and_the_stream_goes_on() {
    let mut peer = Peer::new().await;
    let (agent, _incoming) = agent().await;
    let stream = TcpStream::connect(agent.local_addr()).await.unwrap();
    let mut stream = Stream {
        stream,
        buffer: Vec::new(),
    };
    for (name, status) in [("FROBNICATE", 501), ("OPTIONS", 200)] {
        let mut request = peer.invite(agent.local_addr(), None);
        request.method = Method::parse(name).unwrap();
        request.headers.set("CSeq", format!("1 {name}")).unwrap();
        let via = request.headers.get("Via").unwrap().replace("UDP", "TCP");
        request.headers.set("Via", via).unwrap();
        stream.stream.write_all(&request.to_bytes()).await.unwrap();
        assert_eq!(stream.status().await, status, "{name}");
    }
    // Where the next message begins cannot be told any more: the end of this stream, and of nothing else.
    let absurd = "OPTIONS sip:x SIP/2.0\r\nContent-Length: 18446744073709551615\r\n\r\n";
    stream.stream.write_all(absurd.as_bytes()).await.unwrap();
    let rest = timeout(PATIENCE, stream.stream.read_to_end(&mut stream.buffer)).await;
    rest.unwrap().unwrap();
    TcpStream::connect(agent.local_addr()).await.unwrap();
}

#[tokio::test]
async fn a_large_request_takes_tcp_where_the_peer_has_it_and_udp_where_not() {
    let large = "x".repeat(1_500);
    let mut peer = Peer::new().await;
    let (agent, _incoming) = agent().await;
    let _outgoing = call(&agent, peer.uri("bob"), Some(&large)).await;
    let invite = peer.expect(Method::Invite).await;
    assert_eq!(invite.via().unwrap().transport, "UDP");
    assert_eq!(invite.body.len(), 1_500);
    // Another peer, which listens on TCP, too.
    let (other, listener) = loop {
        let other = Peer::new().await;
        if let Ok(listener) = TcpListener::bind(other.addr()).await {
            break (other, listener);
        }
    };
    let mut outgoing = call(&agent, other.uri("bob"), Some(&large)).await;
    let mut stream = Stream::accept(&listener).await;
    let invite = stream.request(Method::Invite).await;
    assert_eq!(invite.via().unwrap().transport, "TCP");
    // Its CANCEL takes the same way.
    stream
        .reply(&invite, 180, "<sip:bob@127.0.0.1>", None)
        .await;
    while !matches!(
        crate::peer::event(&mut outgoing).await,
        sip_signaling::InviteEvent::Provisional(_)
    ) {}
    outgoing.cancel().await;
    stream.request(Method::Cancel).await;
}

#[tokio::test]
async fn a_registration_over_udp_keeps_its_way_open() {
    let registrar = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let (agent, _incoming) = UserAgent::bind(UserAgentConfig {
        udp_keep_alive: Some(Duration::from_millis(30)),
        ..config()
    })
    .await
    .unwrap();
    let uri = Uri::from_socket_addr(None, registrar.local_addr().unwrap()).unwrap();
    let _registration = agent
        .register(RegistrationConfig::new(uri, alice()))
        .unwrap();
    let mut buffer = [0; 65_536];
    let mut pings = 0;
    while pings < 3 {
        let received = timeout(PATIENCE, registrar.recv_from(&mut buffer)).await;
        let (length, source) = received.unwrap().unwrap();
        if &buffer[..length] == b"\r\n\r\n" {
            pings += 1;
            continue;
        }
        let request = Request::parse(&buffer[..length]).unwrap();
        assert_eq!(request.method, Method::Register);
        let mut response = Response::to_request(&request, StatusCode(200), Some("x"));
        let contact = request.headers.get("Contact").unwrap();
        response.headers.push("Contact", contact).unwrap();
        registrar
            .send_to(&response.to_bytes(), source)
            .await
            .unwrap();
    }
}
