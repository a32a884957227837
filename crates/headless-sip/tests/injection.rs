//! 2,000 hostile strings through every public argument: no line of their own ever reaches the wire. What leaves a client is read as bytes
//! by a peer that knows each header field a message may hold.

mod common;

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use common::*;
use headless_sip::{
    CallEvent, ClientConfig, DtmfMode, Error, HeadlessSipClient, Password, Register,
};
use sip_signaling::{
    Body, HeaderList, Method, NameAddr, Request, Response, StatusCode, Uri, message::Message,
};
use tokio::{net::UdpSocket, sync::mpsc};

const STRINGS: u32 = 2_000;

/// What a string is made of: line breaks and NUL as they are, escaped, as code points that end in the same byte; and what would be worth
/// something at the beginning of a line or at the end of a value.
const PIECES: [&str; 34] = [
    "\r\n",
    "\n",
    "\r",
    "\0",
    "\r\n\r\n",
    "\n\n",
    "%0d%0a",
    "%00",
    "\\r\\n",
    "\u{b}",
    "\u{85}",
    "\u{2028}",
    "\u{10a}",
    "\u{560d}\u{560a}",
    "X-Injected: 1",
    "Via: SIP/2.0/UDP 203.0.113.1;branch=z9hG4bKevil",
    "Content-Length: 0",
    "BYE sip:bob@127.0.0.1 SIP/2.0",
    "SIP/2.0 200 OK",
    "sip:bob@127.0.0.1:9",
    "<sip:a@b>",
    "\"",
    "\\",
    "<",
    ">",
    ";lr",
    "?X-Injected=1",
    "&",
    ",",
    ":",
    "@",
    " ",
    "\t",
    "a",
];

/// The same strings at every run.
fn hostile() -> impl Iterator<Item = String> {
    let mut state = 0x9E37_79B9_u32;
    let mut draw = move |below: usize| {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        state as usize % below
    };
    (0..STRINGS).map(move |_| {
        let mut text: Vec<&str> = (0..=draw(5)).map(|_| PIECES[draw(PIECES.len())]).collect();
        // Each holds a line break or NUL in one guise or another.
        let place = draw(text.len() + 1);
        text.insert(place, PIECES[draw(14)]);
        text.concat()
    })
}

fn is_raw(text: &str) -> bool {
    text.contains(['\r', '\n', '\0'])
}

/// True if it may name a header field (`token`, RFC 3261 section 25.1), odd as it is.
fn is_name(text: &str) -> bool {
    text.bytes()
        .all(|byte| byte.is_ascii_alphanumeric() || b"-.!%*_+`'~".contains(&byte))
}

/// The header fields that the tests' messages may hold, beside `X-Test` of the program's.
const FIELDS: [&str; 22] = [
    "Via",
    "Max-Forwards",
    "From",
    "To",
    "Call-ID",
    "CSeq",
    "Contact",
    "Allow",
    "Supported",
    "User-Agent",
    "Session-Expires",
    "Min-SE",
    "Content-Type",
    "Content-Length",
    "Accept",
    "Authorization",
    "Refer-To",
    "Referred-By",
    "Expires",
    "RSeq",
    "Require",
    "X-Test",
];

/// Reads one datagram byte by byte, by no parser of the project's; panics at what does not belong there.
fn inspect(bytes: &[u8]) {
    let shown = String::from_utf8_lossy(bytes);
    let end = bytes.windows(4).position(|four| four == b"\r\n\r\n");
    let end = end.unwrap_or_else(|| panic!("no end of the headers: {shown:?}"));
    let (head, body) = (&bytes[..end], &bytes[end + 4..]);
    let head = std::str::from_utf8(head).unwrap();
    let mut lines = head.split("\r\n");
    let start = lines.next().unwrap();
    assert!(
        start.ends_with(" SIP/2.0") || start.starts_with("SIP/2.0 "),
        "{shown:?}"
    );
    assert!(!start.contains(['\r', '\n', '\0']), "{shown:?}");
    let mut once = ["From", "To", "Call-ID", "CSeq", "Content-Length"].map(|name| (name, 0));
    for line in lines {
        assert!(!line.contains(['\r', '\n', '\0']), "{shown:?}");
        let (name, value) = line.split_once(':').unwrap_or_else(|| panic!("{shown:?}"));
        assert!(FIELDS.contains(&name), "{name:?} in {shown:?}");
        if let Some((_, count)) = once.iter_mut().find(|(known, _)| *known == name) {
            *count += 1;
        }
        if name == "Content-Length" {
            assert_eq!(value.trim(), body.len().to_string(), "{shown:?}");
        }
    }
    assert!(once.iter().all(|(_, count)| *count == 1), "{shown:?}");
}

/// A peer that inspects every datagram and answers every request at once: an INVITE with 486, or 200 while `answering`, others with 200.
struct Peer {
    socket: Arc<UdpSocket>,
    requests: mpsc::UnboundedReceiver<Request>,
    finals: mpsc::UnboundedReceiver<Response>,
    answering: Arc<AtomicBool>,
    inspected: Arc<AtomicUsize>,
    reader: tokio::task::JoinHandle<()>,
}

impl Peer {
    async fn new() -> Peer {
        let socket = Arc::new(UdpSocket::bind("127.0.0.1:0").await.unwrap());
        let (requests_sender, requests) = mpsc::unbounded_channel();
        let (finals_sender, finals) = mpsc::unbounded_channel();
        let answering = Arc::new(AtomicBool::new(false));
        let inspected = Arc::new(AtomicUsize::new(0));
        let reader = {
            let (socket, answering, inspected) =
                (socket.clone(), answering.clone(), inspected.clone());
            tokio::spawn(async move {
                let mut buffer = vec![0; 65_536];
                loop {
                    let (length, source) = socket.recv_from(&mut buffer).await.unwrap();
                    inspect(&buffer[..length]);
                    inspected.fetch_add(1, Ordering::Relaxed);
                    match Message::parse(&buffer[..length]).unwrap() {
                        Message::Request(request) => {
                            let ok = answering.load(Ordering::Relaxed);
                            let answer = reply(&request, ok, &socket);
                            requests_sender.send(request).ok();
                            if let Some(answer) = answer {
                                socket.send_to(&answer.to_bytes(), source).await.unwrap();
                            }
                        }
                        Message::Response(response) if response.status.is_final() => {
                            finals_sender.send(response).ok();
                        }
                        Message::Response(_) => {}
                    }
                }
            })
        };
        Peer {
            socket,
            requests,
            finals,
            answering,
            inspected,
            reader,
        }
    }

    fn addr(&self) -> SocketAddr {
        self.socket.local_addr().unwrap()
    }

    /// What the peer has been asked since the last time.
    fn asked(&mut self, method: &Method) -> Vec<Request> {
        let mut asked = Vec::new();
        while let Ok(request) = self.requests.try_recv() {
            if request.method == *method {
                asked.push(request);
            }
        }
        asked
    }

    /// True if all that came was sound.
    fn is_sound(&self) -> bool {
        !self.reader.is_finished()
    }

    fn invite(&self, number: u32, client: SocketAddr) -> Request {
        let uri = Uri::from_socket_addr(Some("bob"), client).unwrap();
        let mut invite = Request::new(Method::Invite, uri.clone());
        let (ours, headers) = (self.addr(), &mut invite.headers);
        for (name, value) in [
            (
                "Via",
                format!("SIP/2.0/UDP {ours};branch=z9hG4bK{number};rport"),
            ),
            ("Max-Forwards", "70".into()),
            ("From", format!("<sip:peer@{ours}>;tag=f{number}")),
            ("To", format!("<{uri}>")),
            ("Call-ID", format!("hostile-{number}")),
            ("CSeq", "1 INVITE".into()),
            ("Contact", format!("<sip:peer@{ours}>")),
        ] {
            headers.push(name, value).unwrap();
        }
        invite.set_body(Some(sdp(40_000))).unwrap();
        invite
    }

    async fn send(&self, request: &Request, to: SocketAddr) {
        self.socket.send_to(&request.to_bytes(), to).await.unwrap();
    }
}

fn sdp(port: u16) -> Body {
    Body::sdp(format!(
        "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio {port} RTP/AVP 0 101\r\na=rtpmap:101 telephone-event/8000\r\n"
    ))
}

fn reply(request: &Request, answering: bool, socket: &UdpSocket) -> Option<Response> {
    let status = match request.method {
        Method::Ack => return None,
        Method::Invite if !answering => StatusCode::BUSY_HERE,
        _ => StatusCode::OK,
    };
    let mut response = Response::to_request(request, status, Some("peer"));
    if request.method == Method::Invite {
        let contact = format!("<sip:peer@{}>", socket.local_addr().unwrap());
        response.headers.push("Contact", contact).unwrap();
        if status == StatusCode::OK {
            response.set_body(Some(sdp(40_000))).unwrap();
        }
    }
    Some(response)
}

fn quick() -> ClientConfig {
    ClientConfig {
        sip_t1: Duration::from_millis(20),
        media_timeout: None,
        ..config()
    }
}

#[track_caller]
fn assert_config(outcome: Result<impl Sized, Error>, text: &str) {
    match outcome {
        Err(Error::Config(_)) => {}
        Err(error) => panic!("{text:?}: {error:?}"),
        Ok(_) => panic!("{text:?} was taken"),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_argument_of_a_client_carries_a_line_of_its_own() {
    let mut peer = Peer::new().await;
    let alice = client(quick()).await;
    let account = alice.account();
    let bob = format!("sip:bob@{}", peer.addr());
    for text in hostile() {
        // As target: as it is, as user, as host, as parameter and as header of the URI.
        for target in [
            text.clone(),
            format!("sip:{text}@{}", peer.addr()),
            format!("sip:bob@{text}"),
            format!("sip:bob@{};x={text}", peer.addr()),
            format!("sip:bob@{}?X-Test={text}", peer.addr()),
            format!("tel:{text}"),
        ] {
            if is_raw(target.trim()) {
                assert_config(alice.dial(&target).await, &target);
                assert_config(alice.message(&target, "hello").await, &target);
                assert_config(alice.options(&target).await, &target);
                assert_config(account.request("PUBLISH", &target).await, &target);
                assert_config(account.subscribe(&target, "dialog").await, &target);
            } else if target.contains(&peer.addr().to_string()) {
                // What is an address goes out as one: as a single line of the request.
                alice.options(&target).await.ok();
            }
        }
        let value = alice.dial(&bob).header("X-Test", &text);
        let request = || account.request("PUBLISH", &bob);
        if is_raw(&text) {
            assert_config(value.await, &text);
            assert_config(request().header("X-Test", &text).await, &text);
            assert_config(request().body(&text, "x").await, &text);
        }
        if !is_name(&text) || text.is_empty() {
            assert_config(alice.dial(&bob).header(&text, "value").await, &text);
            assert_config(request().header(&text, "value").await, &text);
            assert_config(account.request(&text, &bob).await, &text);
            assert_config(account.subscribe(&bob, &text).await, &text);
            assert_config(alice.subscriptions(&[&text]), &text);
        }
        // A text may hold anything: it is a body, whose length is told.
        alice.message(&bob, &text).await.unwrap();
        let texts: Vec<_> = peer
            .asked(&Method::Message)
            .into_iter()
            .map(|message| message.body)
            .collect();
        assert_eq!(texts.last(), Some(&text.into_bytes()));
    }
    assert!(peer.is_sound() && peer.inspected.load(Ordering::Relaxed) > STRINGS as usize);
    alice.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_argument_within_a_call_carries_a_line_of_its_own() {
    let mut peer = Peer::new().await;
    peer.answering.store(true, Ordering::Relaxed);
    let alice = client(ClientConfig {
        dtmf_mode: DtmfMode::Info,
        ..quick()
    })
    .await;
    let mut call = alice
        .call(&format!("sip:bob@{}", peer.addr()))
        .await
        .unwrap();
    let control = call.control();
    for text in hostile() {
        let keys = control.send_dtmf(&text).await;
        assert!(matches!(keys, Err(Error::Media(_))), "{text:?}: {keys:?}");
        control.message(&text).await.unwrap();
        for target in [text.clone(), format!("sip:{text}@{}", peer.addr())] {
            let transferred = control.transfer(&target).await;
            if is_raw(target.trim()) {
                assert_config(transferred, &target);
            }
        }
        let carol = "sip:carol@127.0.0.1:9";
        let field = control.transfer_with(carol, &[("X-Test", &text)]).await;
        if is_raw(&text) {
            assert_config(field, &text);
        }
        if is_raw(&text) {
            assert_config(control.hang_up_with(&[("X-Test", &text)]).await, &text);
        }
        if !is_name(&text) {
            assert_config(control.transfer_with(carol, &[(&text, "v")]).await, &text);
            assert_config(control.hang_up_with(&[(&text, "value")]).await, &text);
        }
    }
    assert_eq!(peer.asked(&Method::Bye).len(), 0);
    assert!(peer.is_sound() && peer.inspected.load(Ordering::Relaxed) > STRINGS as usize);
    let mut over = std::pin::pin!(call.events.recv());
    assert!(futures_idle(&mut over).await, "the call stands");
    drop(alice);
}

/// True if the next event is no end.
async fn futures_idle(
    next: &mut std::pin::Pin<&mut impl Future<Output = Option<CallEvent>>>,
) -> bool {
    tokio::select! {
        biased;
        event = next.as_mut() => !matches!(event, None | Some(CallEvent::Ended(_))),
        () = std::future::ready(()) => true,
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_answer_to_a_call_carries_a_line_of_its_own() {
    let mut peer = Peer::new().await;
    let alice = client(quick()).await;
    for (number, text) in hostile().enumerate() {
        let invite = peer.invite(number as u32, alice.local_addr());
        peer.send(&invite, alice.local_addr()).await;
        let mut call = within(alice.incoming()).await.unwrap();
        let ringing = call.ring_with(181, &[("X-Test", &text)]).await;
        let named = call.set_header("X-Test", &text);
        if is_raw(&text) {
            assert_config(ringing, &text);
            assert_config(named, &text);
        }
        if !is_name(&text) {
            assert_config(call.ring_with(181, &[(&text, "value")]).await, &text);
            assert_config(call.set_header(&text, "value"), &text);
        }
        if number % 2 == 0 {
            let redirected = call.redirect(&text).await;
            if is_raw(text.trim()) {
                assert_config(redirected, &text);
            }
        } else {
            call.reject(486).await.unwrap();
        }
        let refused = within(peer.finals.recv()).await.unwrap();
        assert_eq!(refused.call_id(), invite.call_id());
        let mut ack = Request::new(Method::Ack, invite.uri.clone());
        for name in ["Via", "Max-Forwards", "From", "Call-ID"] {
            let value = invite.headers.get(name).unwrap();
            ack.headers.push(name, value).unwrap();
        }
        let to = refused.headers.get("To").unwrap();
        ack.headers.push("To", to).unwrap();
        ack.headers.push("CSeq", "1 ACK").unwrap();
        peer.send(&ack, alice.local_addr()).await;
    }
    assert!(peer.is_sound() && peer.inspected.load(Ordering::Relaxed) > STRINGS as usize);
    alice.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_setting_of_a_client_carries_a_line_of_its_own() {
    let peer = Peer::new().await;
    let registrar = format!("sip:{}", peer.addr());
    let account = || ClientConfig {
        username: Some("alice".into()),
        password: Some("secret".into()),
        registrar: Some(registrar.clone()),
        register: Register::Never,
        ..quick()
    };
    type Setting = fn(&mut ClientConfig, String);
    let settings: [(&str, Setting); 10] = [
        ("username", |config, text| config.username = Some(text)),
        ("auth_username", |config, text| {
            config.auth_username = Some(text)
        }),
        ("password", |config, text| {
            config.password = Some(Password::from(text))
        }),
        ("display_name", |config, text| {
            config.display_name = Some(text)
        }),
        ("registrar", |config, text| config.registrar = Some(text)),
        ("proxy", |config, text| config.proxy = Some(text)),
        ("user_agent", |config, text| config.user_agent = text),
        ("instance_id", |config, text| {
            config.instance_id = Some(format!("urn:{text}"))
        }),
        ("ws_path", |config, text| config.ws_path = text),
        ("headers", |config, text| {
            config.headers = vec![("X-Test".into(), text)]
        }),
    ];
    for (at, text) in hostile().enumerate() {
        for (name, set) in settings {
            let mut config = account();
            set(&mut config, text.clone());
            // A password is only ever hashed.
            if is_raw(text.trim()) && name != "password" {
                let shown = format!("{name} {text}");
                assert_config(HeadlessSipClient::new(config).await, &shown);
            }
        }
        if !is_name(&text) {
            let mut named = account();
            named.headers = vec![(text.clone(), "value".into())];
            assert_config(HeadlessSipClient::new(named).await, &text);
        }
        // One in eight of what no setting refuses is sent, in all settings that take it at once.
        if at % 8 == 0 && !is_raw(&text) {
            let mut config = account();
            config.display_name = Some(text.clone());
            config.auth_username = Some(text.clone());
            config.password = Some(Password::from(text.clone()));
            config.headers = vec![("X-Test".into(), text.clone())];
            if let Ok(client) = HeadlessSipClient::new(config).await {
                client.message("bob", "hello").await.unwrap();
                client.shutdown().await;
            }
        }
    }
    assert!(peer.is_sound() && peer.inspected.load(Ordering::Relaxed) > 20);
    // A display name that is only unusual arrives as it is.
    let odd = NameAddr::parse("\"%0d%0a \u{560d}\" <sip:a@b>").unwrap();
    assert_eq!(odd.display_name(), Some("%0d%0a \u{560d}"));
    assert!(HeaderList::new().push("X-Test", "%0d%0a").is_ok());
}
