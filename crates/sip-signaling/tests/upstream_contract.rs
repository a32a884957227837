//! What this crate leans on in rsipstack 0.7.14, stated so that an upgrade shows what has changed.
//!
//! The user agent's own tests cover the happy paths; here stand the particulars.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use rsipstack::{
    EndpointBuilder,
    sip::{
        Domain, Header, Host, HostWithPort, Method, Request, Scheme, SipMessage, StatusCode, Uri,
        headers::make_header,
    },
    transaction::{
        Endpoint, Transaction, TransactionState,
        endpoint::{EndpointOption, MessageInspector},
        key::{TransactionKey, TransactionRole},
        transaction::TransactionEvent,
    },
    transport::{
        SipAddr, SipConnection, TransportEvent, TransportLayer, channel::ChannelConnection,
        udp::UdpConnection,
    },
};
use tokio::{net::UdpSocket, sync::mpsc, time::timeout};
use tokio_util::sync::CancellationToken;

const PATIENCE: Duration = Duration::from_secs(10);
const T1: Duration = Duration::from_millis(20);

struct Recorder(mpsc::UnboundedSender<(SipMessage, bool)>);

impl MessageInspector for Recorder {
    fn before_send(&self, message: SipMessage, _dest: Option<&SipAddr>) -> SipMessage {
        message
    }
    fn after_received(&self, message: SipMessage, from: Option<&SipAddr>) -> SipMessage {
        self.0.send((message.clone(), from.is_some())).unwrap();
        message
    }
}

struct Bench {
    endpoint: Endpoint,
    connection: SipConnection,
    received: mpsc::UnboundedReceiver<(SipMessage, bool)>,
    peer: UdpSocket,
}

impl Bench {
    async fn new() -> Bench {
        let token = CancellationToken::new();
        let layer = TransportLayer::new(token.clone());
        let udp = UdpConnection::create_connection(
            "127.0.0.1:0".parse().unwrap(),
            None,
            Some(token.child_token()),
        )
        .await
        .unwrap();
        let connection = SipConnection::Udp(udp);
        layer.add_transport(connection.clone());
        let (sender, received) = mpsc::unbounded_channel();
        let option = EndpointOption {
            t1: T1,
            t2: T1 * 8,
            t4: T1 * 10,
            t1x64: T1 * 64,
            auto_ack_2xx: false,
            ..EndpointOption::default()
        };
        let endpoint = EndpointBuilder::new()
            .with_transport_layer(layer)
            .with_cancel_token(token)
            .with_option(option)
            .with_inspector(Box::new(Recorder(sender)))
            .build();
        let inner = endpoint.inner.clone();
        tokio::spawn(async move { inner.serve().await });
        Bench {
            endpoint,
            connection,
            received,
            peer: UdpSocket::bind("127.0.0.1:0").await.unwrap(),
        }
    }

    fn peer_addr(&self) -> SocketAddr {
        self.peer.local_addr().unwrap()
    }

    fn local(&self) -> SocketAddr {
        self.connection.get_addr().get_socketaddr().unwrap()
    }

    fn client(&self, method: Method, branch: &str) -> Transaction {
        let request = Request {
            method,
            // The whole URI as host text: printed as it stands, because the destination is given apart.
            uri: Uri {
                scheme: Some(Scheme::Sip),
                host_with_port: HostWithPort {
                    host: Host::Domain(Domain("a%20b@gw;x=y".into())),
                    port: None,
                },
                ..Uri::default()
            },
            version: rsipstack::sip::Version::V2,
            headers: vec![
                make_header(
                    "Via",
                    format!("SIP/2.0/UDP {};branch={branch};rport", self.local()),
                ),
                make_header("From", "<sip:a@b>;tag=f".into()),
                make_header("To", "<sip:c@d>".into()),
                make_header("Call-ID", branch.to_owned()),
                make_header("CSeq", format!("1 {method}")),
            ]
            .into(),
            body: Vec::new(),
        };
        let key = TransactionKey::from_request(&request, TransactionRole::Client).unwrap();
        let mut transaction = Transaction::new_client(
            key,
            request,
            self.endpoint.inner.clone(),
            Some(self.connection.clone()),
        );
        transaction.destination = Some(SipAddr::new(
            rsipstack::sip::Transport::Udp,
            self.peer_addr().into(),
        ));
        transaction
    }

    async fn at_peer(&self) -> String {
        let mut buffer = [0; 8_192];
        let (length, _) = timeout(PATIENCE, self.peer.recv_from(&mut buffer))
            .await
            .unwrap()
            .unwrap();
        String::from_utf8(buffer[..length].to_vec()).unwrap()
    }

    async fn peer_sends(&self, text: &str) {
        self.peer
            .send_to(text.as_bytes(), self.local())
            .await
            .unwrap();
    }
}

fn response(status: &str, branch: &str, method: &str, tag: &str) -> String {
    format!(
        "SIP/2.0 {status}\r\nVia: SIP/2.0/UDP x;branch={branch}\r\nFrom: <sip:a@b>;tag=f\r\nTo: <sip:c@d>;tag={tag}\r\nCall-ID: {branch}\r\nCSeq: 1 {method}\r\nContent-Length: 0\r\n\r\n"
    )
}

async fn next(transaction: &mut Transaction) -> Option<SipMessage> {
    timeout(PATIENCE, transaction.receive()).await.unwrap()
}

fn code(message: &SipMessage) -> u16 {
    match message {
        SipMessage::Response(response) => response.status_code.code(),
        SipMessage::Request(_) => panic!("a request"),
    }
}

#[tokio::test]
async fn request_uri_given_as_host_text_is_printed_as_it_stands() {
    let bench = Bench::new().await;
    bench
        .client(Method::Options, "z9hG4bKuri")
        .send()
        .await
        .unwrap();
    assert!(
        bench
            .at_peer()
            .await
            .starts_with("OPTIONS sip:a%20b@gw;x=y SIP/2.0\r\n")
    );
}

#[tokio::test]
async fn without_auto_ack_a_2xx_ends_the_invite_and_later_ones_reach_the_inspector() {
    let mut bench = Bench::new().await;
    let mut invite = bench.client(Method::Invite, "z9hG4bKok");
    invite.send().await.unwrap();
    bench.at_peer().await;
    bench
        .peer_sends(&response("200 OK", "z9hG4bKok", "INVITE", "one"))
        .await;
    assert_eq!(code(&next(&mut invite).await.unwrap()), 200);
    assert_eq!(invite.state, TransactionState::Terminated);
    assert!(next(&mut invite).await.is_none());
    drop(invite);
    bench
        .peer_sends(&response("200 OK", "z9hG4bKok", "INVITE", "two"))
        .await;
    for tag in ["one", "two"] {
        let (message, from_network) = timeout(PATIENCE, bench.received.recv())
            .await
            .unwrap()
            .unwrap();
        assert!(from_network && message.to_string().contains(&format!("tag={tag}")));
    }
    // No ACK has gone out: the next datagram at the peer is this one.
    bench
        .client(Method::Options, "z9hG4bKlast")
        .send()
        .await
        .unwrap();
    assert!(bench.at_peer().await.starts_with("OPTIONS"));
}

#[tokio::test]
async fn refusals_are_acknowledged_by_the_transaction() {
    let bench = Bench::new().await;
    let mut invite = bench.client(Method::Invite, "z9hG4bKno");
    invite.send().await.unwrap();
    bench.at_peer().await;
    bench
        .peer_sends(&response("486 Busy Here", "z9hG4bKno", "INVITE", "x"))
        .await;
    assert_eq!(code(&next(&mut invite).await.unwrap()), 486);
    let ack = bench.at_peer().await;
    assert!(
        ack.starts_with("ACK sip:a%20b@gw;x=y SIP/2.0\r\n")
            && ack.contains("z9hG4bKno")
            && ack.contains("tag=x")
    );
}

#[tokio::test]
async fn silence_gives_a_408_that_the_inspector_sees_without_a_source() {
    let mut bench = Bench::new().await;
    let mut options = bench.client(Method::Options, "z9hG4bKsilence");
    options.send().await.unwrap();
    assert_eq!(code(&next(&mut options).await.unwrap()), 408);
    let (message, from_network) = bench.received.recv().await.unwrap();
    assert!(!from_network && code(&message) == 408);
    // It was sent again meanwhile, which happens only while somebody polls receive().
    bench.at_peer().await;
    assert!(bench.at_peer().await.starts_with("OPTIONS"));
}

#[tokio::test]
async fn terminate_event_ends_a_transaction_from_outside() {
    let bench = Bench::new().await;
    let mut invite = bench.client(Method::Invite, "z9hG4bKend");
    let (sender, key) = (invite.tu_sender.clone(), invite.key.clone());
    invite.send().await.unwrap();
    sender.send(TransactionEvent::Terminate(key)).ok();
    assert!(next(&mut invite).await.is_none());
}

#[tokio::test]
async fn respond_event_answers_and_the_ack_of_a_2xx_comes_by_dialog_with_its_body() {
    let bench = Bench::new().await;
    let mut incoming = bench.endpoint.incoming_transactions().unwrap();
    let request = |method: &str, branch: &str, to: &str, body: &str| {
        format!(
            "{method} sip:x@y SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:9;branch={branch};rport\r\nFrom: <sip:a@b>;tag=f\r\nTo: <sip:c@d>{to}\r\nCall-ID: in\r\nCSeq: 5 {method}\r\nContact: <sip:a@b>\r\nContent-Type: t/t\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        )
    };
    bench
        .peer_sends(&request("INVITE", "z9hG4bKin", "", ""))
        .await;
    let mut transaction = timeout(PATIENCE, incoming.recv()).await.unwrap().unwrap();
    transaction.destination = Some(SipAddr::new(
        rsipstack::sip::Transport::Udp,
        bench.peer_addr().into(),
    ));
    let mut ok = bench.endpoint.inner.make_response(
        &transaction.original,
        StatusCode::Other(200, "Fine".into()),
        None,
    );
    for header in ok.headers.iter_mut() {
        if let Header::To(to) = header {
            *header = make_header("To", format!("{};tag=t", to.value()));
        }
    }
    transaction
        .tu_sender
        .send(TransactionEvent::Respond(ok))
        .ok();
    let driver = tokio::spawn(async move {
        let ack = transaction.receive().await;
        (ack, transaction.receive().await.is_none())
    });
    // Sent to the given destination, with our phrase, and again until the ACK.
    assert!(bench.at_peer().await.starts_with("SIP/2.0 200 Fine\r\n"));
    assert!(bench.at_peer().await.starts_with("SIP/2.0 200 Fine\r\n"));
    bench
        .peer_sends(&request("ACK", "z9hG4bKother", ";tag=t", "answer"))
        .await;
    let (ack, over) = timeout(PATIENCE, driver).await.unwrap().unwrap();
    let Some(SipMessage::Request(ack)) = ack else {
        panic!()
    };
    assert_eq!(
        (ack.method, ack.body.as_slice(), over),
        (Method::Ack, b"answer".as_slice(), true)
    );
}

#[tokio::test]
async fn cancel_is_answered_by_the_stack_and_handed_up() {
    let bench = Bench::new().await;
    let mut incoming = bench.endpoint.incoming_transactions().unwrap();
    let request = |method: &str| {
        format!(
            "{method} sip:x@y SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:9;branch=z9hG4bKc;rport\r\nFrom: <sip:a@b>;tag=f\r\nTo: <sip:c@d>\r\nCall-ID: c\r\nCSeq: 5 {method}\r\nContent-Length: 0\r\n\r\n"
        )
    };
    bench.peer_sends(&request("INVITE")).await;
    let mut transaction = timeout(PATIENCE, incoming.recv()).await.unwrap().unwrap();
    bench.peer_sends(&request("CANCEL")).await;
    let Some(SipMessage::Request(cancel)) = next(&mut transaction).await else {
        panic!()
    };
    assert_eq!(cancel.method, Method::Cancel);
    let answer = bench.at_peer().await;
    assert!(answer.starts_with("SIP/2.0 200 OK") && answer.contains("5 CANCEL"));
}

/// Streams are ours and reach the stack as connections in memory.
#[tokio::test]
async fn a_connection_in_memory_is_reliable_and_passes_messages_both_ways() {
    let bench = Bench::new().await;
    let addr: SocketAddr = "192.0.2.1:5060".parse().unwrap();
    let peer = SipAddr::new(rsipstack::sip::Transport::Tls, addr.into());
    let (to_stack, from_stream) = mpsc::unbounded_channel();
    let (to_stream, mut from_stack) = mpsc::unbounded_channel();
    let channel = ChannelConnection::create_connection(from_stream, to_stream, peer.clone(), None)
        .await
        .unwrap();
    let connection = SipConnection::Channel(channel);
    assert!(connection.is_reliable());
    let layer = &bench.endpoint.inner.transport_layer;
    layer.add_connection(connection.clone());
    let mut transaction = bench.client(Method::Options, "z9hG4bKmemory");
    transaction.connection = Some(connection.clone());
    transaction.send().await.unwrap();
    let Some(TransportEvent::Incoming(SipMessage::Request(request), ..)) =
        timeout(PATIENCE, from_stack.recv()).await.unwrap()
    else {
        panic!("nothing was sent")
    };
    assert!(request.to_string().contains("z9hG4bKmemory"));
    let answer = response("200 OK", "z9hG4bKmemory", "OPTIONS", "peer");
    let answer = SipMessage::try_from(answer.as_str()).unwrap();
    to_stack
        .send(TransportEvent::Incoming(answer, connection, peer))
        .unwrap();
    assert_eq!(code(&next(&mut transaction).await.unwrap()), 200);
}

#[tokio::test]
async fn udp_takes_a_socket_of_our_own() {
    let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let addr = socket.local_addr().unwrap();
    let connection = UdpConnection::from_socket(Arc::new(socket), None, None)
        .await
        .unwrap();
    assert_eq!(connection.get_addr().get_socketaddr().unwrap(), addr);
}
