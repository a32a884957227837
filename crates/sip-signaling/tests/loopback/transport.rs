//! Two user agents over UDP and TCP; streams; OPTIONS; many calls; the trace.

use std::{collections::HashSet, time::Duration};

use sip_signaling::{
    Body, CallEvent, Credentials, EndedBy, HeaderList, IncomingCalls, InviteOptions, Method,
    RegistrationConfig, RegistrationState, Request, Response, SignalingError, StatusCode,
    TraceDirection, Transport, Uri, UserAgent, UserAgentConfig, message::Message,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    time::timeout,
};

use crate::peer::{ANSWER, OFFER, PATIENCE, Peer, agent, alice, answered, config, ended, unique};

/// Answers every call and every offer until the calls end.
pub(crate) fn serve(mut incoming: IncomingCalls) {
    tokio::spawn(async move {
        while let Some(arrived) = incoming.recv().await {
            tokio::spawn(async move {
                arrived.ring().await.unwrap();
                let mut call = arrived
                    .accept(HeaderList::new(), Some(Body::sdp(ANSWER)))
                    .await
                    .unwrap();
                loop {
                    match call.next_event().await {
                        CallEvent::Offer(offer) => offer.accept(Some(Body::sdp("re-answer"))),
                        CallEvent::Ended(_) => return,
                        _ => {}
                    }
                }
            });
        }
    });
}

pub(crate) async fn whole_call(caller: &UserAgent, target: Uri, transport: Transport) {
    let options = InviteOptions {
        body: Some(Body::sdp(OFFER)),
        transport: Some(transport),
        ..InviteOptions::new(target, alice())
    };
    let mut outgoing = caller.invite(options).await.unwrap();
    let mut call = answered(&mut outgoing).await.ack(None).await.unwrap();
    let handle = call.handle();
    // Right behind the ACK: the callee may still be waiting for it.
    assert_eq!(
        handle.reinvite(Some(Body::sdp("hold"))).await.unwrap().body,
        Some(Body::sdp("re-answer"))
    );
    assert_eq!(
        handle.update(Some(Body::sdp("resume"))).await.unwrap().body,
        Some(Body::sdp("re-answer"))
    );
    handle.info(Body::new("text/plain", "x")).await.unwrap();
    handle.bye(HeaderList::new()).await.unwrap();
    assert_eq!(ended(&mut call).await.by, EndedBy::Local);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn agents_call_each_other_over_udp_and_tcp() {
    for transport in [Transport::Udp, Transport::Tcp] {
        let (caller, _incoming) = agent().await;
        let (callee, incoming) = agent().await;
        serve(incoming);
        let target = Uri::from_socket_addr(Some("bob"), callee.local_addr()).unwrap();
        timeout(PATIENCE, whole_call(&caller, target, transport))
            .await
            .unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fifty_calls_at_once_and_agents_side_by_side() {
    let slow = UserAgentConfig {
        timers: sip_signaling::Timers::from_t1(Duration::from_millis(100)),
        limits: sip_signaling::Limits {
            pending_calls: 64,
            ..Default::default()
        },
        ..config()
    };
    let (caller, _incoming) = UserAgent::bind(slow.clone()).await.unwrap();
    let (callee, incoming) = UserAgent::bind(slow).await.unwrap();
    serve(incoming);
    let calls: Vec<_> = (0..50)
        .map(|number| {
            let (caller, addr) = (caller.clone(), callee.local_addr());
            let transport = if number % 2 == 0 {
                Transport::Udp
            } else {
                Transport::Tcp
            };
            tokio::spawn(async move {
                whole_call(
                    &caller,
                    Uri::from_socket_addr(Some("bob"), addr).unwrap(),
                    transport,
                )
                .await
            })
        })
        .collect();
    for call in calls {
        timeout(PATIENCE * 2, call).await.unwrap().unwrap();
    }
}

/// ACK and BYE come while `accept` is still at work: every call is still taken, and ended by its caller.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn callers_faster_than_the_callee_lose_no_call() {
    const CALLS: usize = 200;
    let (caller, _incoming) = agent().await;
    let (callee, mut incoming) = agent().await;
    let taken = tokio::spawn(async move {
        let mut calls = tokio::task::JoinSet::new();
        for _ in 0..CALLS {
            let arrived = incoming.recv().await.unwrap();
            calls.spawn(async move {
                let mut call = arrived
                    .accept(HeaderList::new(), Some(Body::sdp(ANSWER)))
                    .await
                    .unwrap();
                assert_eq!(ended(&mut call).await.by, EndedBy::Remote);
            });
        }
        while let Some(call) = calls.join_next().await {
            call.unwrap();
        }
    });
    for _ in 0..CALLS {
        let target = Uri::from_socket_addr(Some("bob"), callee.local_addr()).unwrap();
        let mut outgoing = crate::peer::call(&caller, target, Some(OFFER)).await;
        let call = answered(&mut outgoing).await.ack(None).await.unwrap();
        call.handle().bye(HeaderList::new()).await.unwrap();
    }
    timeout(PATIENCE, taken).await.unwrap().unwrap();
}

#[tokio::test]
async fn callee_hangs_up_over_the_callers_stream() {
    let (caller, _incoming) = agent().await;
    let (callee, mut incoming) = agent().await;
    let target = Uri::from_socket_addr(Some("bob"), callee.local_addr()).unwrap();
    let options = InviteOptions {
        transport: Some(Transport::Tcp),
        body: Some(Body::sdp(OFFER)),
        ..InviteOptions::new(target, alice())
    };
    let mut outgoing = caller.invite(options).await.unwrap();
    let arrived = incoming.recv().await.unwrap();
    assert_eq!(arrived.transport(), Transport::Tcp);
    let contact = arrived.headers().get("Contact").unwrap().to_owned();
    assert!(
        contact.contains(&format!("alice@{};transport=tcp", caller.local_addr())),
        "{contact}"
    );
    let theirs = arrived
        .accept(HeaderList::new(), Some(Body::sdp(ANSWER)))
        .await
        .unwrap();
    let mut ours = answered(&mut outgoing).await.ack(None).await.unwrap();
    theirs.handle().bye(HeaderList::new()).await.unwrap();
    assert_eq!(ended(&mut ours).await.by, EndedBy::Remote);
}

#[tokio::test]
async fn outside_a_dialog_every_request_gets_an_answer() {
    let mut peer = Peer::new().await;
    let (agent, _incoming) = agent().await;
    let cases = [
        ("OPTIONS", 200),
        ("MESSAGE", 405),
        ("SUBSCRIBE", 489),
        ("REFER", 405),
        ("REGISTER", 405),
        ("PUBLISH", 405),
        ("BYE", 481),
        ("UPDATE", 481),
        ("NOTIFY", 481),
        ("FROBNICATE", 501),
    ];
    for (name, status) in cases {
        let method = Method::parse(name).unwrap();
        let mut request = peer.invite(agent.local_addr(), None);
        request.method = method.clone();
        request.headers.set("CSeq", format!("1 {name}")).unwrap();
        request.headers.set("Event", "presence").unwrap();
        peer.send(&request.to_bytes()).await;
        let response = peer.response(method, status).await;
        assert!(response.headers.has_token("Allow", "INVITE"), "{name}");
        if name == "OPTIONS" {
            assert!(response.headers.contains("Accept") && response.headers.contains("Supported"));
        }
    }
    let mut required = peer.invite(agent.local_addr(), Some(OFFER));
    required.headers.push("Require", "100rel, privacy").unwrap();
    peer.send(&required.to_bytes()).await;
    let response = peer.response(Method::Invite, 420).await;
    assert_eq!(response.headers.get_list("Unsupported"), ["privacy"]);
}

#[tokio::test]
async fn unreachable_targets_are_told_at_once() {
    let (agent, _incoming) = agent().await;
    let free = TcpListener::bind("127.0.0.1:0")
        .await
        .unwrap()
        .local_addr()
        .unwrap();
    let refused = InviteOptions {
        transport: Some(Transport::Tcp),
        ..InviteOptions::new(Uri::from_socket_addr(Some("x"), free).unwrap(), alice())
    };
    assert!(matches!(
        agent.invite(refused).await,
        Err(SignalingError::Transport { .. })
    ));
    for target in [
        "sip:x@no-such-host.invalid",
        "sip:x@127.0.0.1;transport=sctp",
    ] {
        let options = InviteOptions::new(Uri::parse(target).unwrap(), alice());
        assert!(
            matches!(
                agent.invite(options).await,
                Err(SignalingError::Transport { .. })
            ),
            "{target}"
        );
    }
    let options = InviteOptions::new(Uri::parse("tel:+123").unwrap(), alice());
    assert!(matches!(
        agent.invite(options).await,
        Err(SignalingError::Config(_))
    ));
}

#[tokio::test]
async fn taken_ports_are_an_error_and_port_0_is_the_same_for_both_transports() {
    let (agent, _incoming) = agent().await;
    let addr = agent.local_addr();
    assert_ne!(addr.port(), 0);
    TcpStream::connect(addr).await.unwrap();
    assert!(matches!(
        UserAgent::bind(UserAgentConfig {
            local_addr: addr,
            ..config()
        })
        .await,
        Err(SignalingError::Transport { .. })
    ));
    assert!(matches!(
        UserAgent::bind(UserAgentConfig {
            local_addr: addr,
            udp: false,
            ..config()
        })
        .await,
        Err(SignalingError::Transport { .. })
    ));
    assert!(matches!(
        UserAgent::bind(UserAgentConfig {
            udp: false,
            tcp: false,
            ..config()
        })
        .await,
        Err(SignalingError::Config(_))
    ));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let taken = UserAgentConfig {
        local_addr: listener.local_addr().unwrap(),
        ..config()
    };
    assert!(matches!(
        UserAgent::bind(taken).await,
        Err(SignalingError::Transport { .. })
    ));
    let (stream_only, _incoming) = UserAgent::bind(UserAgentConfig {
        udp: false,
        ..config()
    })
    .await
    .unwrap();
    TcpStream::connect(stream_only.local_addr()).await.unwrap();
}

#[tokio::test]
async fn unspecified_address_advertises_the_one_that_routes_to_the_peer() {
    let mut peer = Peer::new().await;
    let (agent, _incoming) = UserAgent::bind(UserAgentConfig {
        local_addr: "0.0.0.0:0".parse().unwrap(),
        ..config()
    })
    .await
    .unwrap();
    assert_eq!(
        agent.advertised_ip_for(peer.addr()).unwrap().to_string(),
        "127.0.0.1"
    );
    let _outgoing = crate::peer::call(&agent, peer.uri("bob"), Some(OFFER)).await;
    let invite = peer.expect(Method::Invite).await;
    assert_eq!(
        (
            invite.via().unwrap().host.as_str(),
            invite.contact().unwrap().uri().host()
        ),
        ("127.0.0.1", "127.0.0.1")
    );
    assert_eq!(
        invite.contact().unwrap().uri().port(),
        Some(agent.local_addr().port())
    );
}

#[tokio::test]
async fn ipv6_works_where_the_machine_has_it() {
    let Ok((callee, incoming)) = UserAgent::bind(UserAgentConfig {
        local_addr: "[::1]:0".parse().unwrap(),
        ..config()
    })
    .await
    else {
        return;
    };
    serve(incoming);
    let (caller, _incoming) = UserAgent::bind(UserAgentConfig {
        local_addr: "[::1]:0".parse().unwrap(),
        ..config()
    })
    .await
    .unwrap();
    let target = Uri::from_socket_addr(Some("bob"), callee.local_addr()).unwrap();
    timeout(PATIENCE, whole_call(&caller, target, Transport::Udp))
        .await
        .unwrap();
}

#[tokio::test]
async fn trace_shows_the_ladder_of_a_call() {
    let (caller, _incoming) = agent().await;
    let (callee, incoming) = agent().await;
    serve(incoming);
    let mut trace = caller.trace();
    let target = Uri::from_socket_addr(Some("bob"), callee.local_addr()).unwrap();
    whole_call(&caller, target, Transport::Udp).await;
    let mut seen = HashSet::new();
    while let Ok(message) = trace.try_recv() {
        assert_eq!(message.peer, Some(callee.local_addr()));
        let word = message
            .start_line
            .trim_start_matches("SIP/2.0 ")
            .split(' ')
            .next()
            .unwrap()
            .to_owned();
        seen.insert((message.direction == TraceDirection::Sent, word));
    }
    for (sent, word) in [
        (true, "INVITE"),
        (false, "180"),
        (false, "200"),
        (true, "ACK"),
        (true, "UPDATE"),
        (true, "BYE"),
    ] {
        assert!(
            seen.contains(&(sent, word.to_owned())),
            "{word} in {seen:?}"
        );
    }
}

/// One side of a stream: reads whole messages, skips keep-alives.
struct Stream {
    stream: TcpStream,
    buffer: Vec<u8>,
}

impl Stream {
    async fn next(&mut self) -> Request {
        loop {
            if let Some(end) = Message::frame(&self.buffer, 65_536).unwrap() {
                let bytes: Vec<u8> = self.buffer.drain(..end).collect();
                return Request::parse(&bytes).unwrap();
            }
            let read = timeout(PATIENCE, self.stream.read_buf(&mut self.buffer))
                .await
                .unwrap()
                .unwrap();
            assert_ne!(read, 0, "closed");
        }
    }

    async fn reply(&mut self, request: &Request, status: u16) {
        let mut response = Response::to_request(request, StatusCode(status), Some("tcp"));
        if let Some(contact) = request.headers.get("Contact") {
            response.headers.push("Contact", contact).unwrap();
        }
        self.stream.write_all(&response.to_bytes()).await.unwrap();
    }
}

#[tokio::test]
async fn lost_stream_is_dialled_and_registered_again() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let registrar = Uri::from_socket_addr(None, listener.local_addr().unwrap()).unwrap();
    let (agent, _incoming) = UserAgent::bind(UserAgentConfig {
        keep_alive: Duration::from_millis(50),
        ..config()
    })
    .await
    .unwrap();
    let registration = agent
        .register(RegistrationConfig {
            transport: Some(Transport::Tcp),
            credentials: Some(Credentials::new("alice", "x")),
            ..RegistrationConfig::new(registrar, alice())
        })
        .unwrap();
    let mut first = Stream {
        stream: listener.accept().await.unwrap().0,
        buffer: Vec::new(),
    };
    let request = first.next().await;
    assert!(
        request
            .headers
            .get("Contact")
            .unwrap()
            .contains(";transport=tcp")
    );
    assert_eq!(request.via().unwrap().transport, "TCP");
    first.reply(&request, 200).await;
    registration.wait_registered().await.unwrap();
    // Keep-alives come.
    let mut ping = [0; 4];
    timeout(PATIENCE, first.stream.read_exact(&mut ping))
        .await
        .unwrap()
        .unwrap();
    assert_eq!(&ping, b"\r\n\r\n");
    drop(first);
    let mut second = Stream {
        stream: timeout(PATIENCE, listener.accept())
            .await
            .unwrap()
            .unwrap()
            .0,
        buffer: Vec::new(),
    };
    let again = second.next().await;
    assert_eq!(
        (again.method.clone(), again.call_id()),
        (Method::Register, request.call_id())
    );
    second.reply(&again, 200).await;
    let mut state = registration.state();
    timeout(
        PATIENCE,
        state.wait_for(|state| matches!(state, RegistrationState::Registered { .. })),
    )
    .await
    .unwrap()
    .unwrap();
}

#[tokio::test]
async fn call_on_a_stream_that_breaks_fails_at_once() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (agent, _incoming) = UserAgent::bind(UserAgentConfig {
        timers: sip_signaling::Timers::default(),
        ..config()
    })
    .await
    .unwrap();
    let target = Uri::from_socket_addr(Some("bob"), listener.local_addr().unwrap()).unwrap();
    let mut outgoing = agent
        .invite(InviteOptions {
            transport: Some(Transport::Tcp),
            ..InviteOptions::new(target, alice())
        })
        .await
        .unwrap();
    let mut stream = Stream {
        stream: listener.accept().await.unwrap().0,
        buffer: Vec::new(),
    };
    assert_eq!(stream.next().await.method, Method::Invite);
    drop(stream);
    assert!(matches!(
        crate::peer::failure(&mut outgoing).await,
        SignalingError::Transport { .. }
    ));
}

#[tokio::test]
async fn damaged_datagrams_do_no_harm() {
    let mut peer = Peer::new().await;
    let (agent, mut incoming) = agent().await;
    let invite = peer.invite(agent.local_addr(), Some(OFFER)).to_bytes();
    for cut in (0..invite.len()).step_by(7) {
        peer.send(&invite[..cut]).await;
    }
    for at in (0..invite.len()).step_by(5) {
        let mut bytes = invite.clone();
        bytes[at] ^= 0xa5;
        peer.send(&bytes).await;
    }
    peer.send(&[0xff; 9_000]).await;
    // It still lives.
    let mut options = peer.invite(agent.local_addr(), None);
    options.method = Method::Options;
    options.headers.set("CSeq", "1 OPTIONS").unwrap();
    options.headers.set("Call-ID", unique()).unwrap();
    peer.send(&options.to_bytes()).await;
    peer.response_for(options.call_id().unwrap(), 200).await;
    while let Ok(Some(arrived)) = timeout(Duration::from_millis(10), incoming.recv()).await {
        drop(arrived);
    }
}

#[tokio::test]
async fn shutdown_ends_calls_and_frees_the_port() {
    let mut peer = Peer::new().await;
    let (agent, mut incoming) = agent().await;
    let (_invite, _ok, mut call) = peer.calls(&agent, &mut incoming).await;
    let addr = agent.local_addr();
    agent.shutdown().await;
    assert_eq!(ended(&mut call).await.by, EndedBy::Shutdown);
    drop((call, agent));
    assert!(timeout(PATIENCE, incoming.recv()).await.unwrap().is_none());
    let free_again = async {
        while tokio::net::UdpSocket::bind(addr).await.is_err()
            || TcpListener::bind(addr).await.is_err()
        {
            tokio::task::yield_now().await;
        }
    };
    timeout(PATIENCE, free_again).await.unwrap();
}
