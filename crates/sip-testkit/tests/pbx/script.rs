//! A phone that says what a test tells it to, over UDP or TCP.

use sip_signaling::digest::DigestClient;
use sip_signaling::message::Message;
use sip_signaling::{Credentials, Method, Request, Response, StatusCode, Uri};
use sip_testkit::pbx::Pbx;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpStream, UdpSocket};

const PATIENCE: Duration = Duration::from_secs(5);

pub(crate) enum Wire {
    Udp(UdpSocket),
    Tcp(TcpStream, Vec<u8>),
}

pub(crate) struct Phone {
    pub(crate) user: String,
    pub(crate) pbx: SocketAddr,
    pub(crate) addr: SocketAddr,
    wire: Wire,
    number: u32,
}

impl Phone {
    pub(crate) async fn udp(user: &str, pbx: &Pbx) -> Phone {
        let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let addr = socket.local_addr().unwrap();
        Phone {
            user: user.to_owned(),
            pbx: pbx.addr(),
            addr,
            wire: Wire::Udp(socket),
            number: 0,
        }
    }

    pub(crate) async fn tcp(user: &str, pbx: &Pbx) -> Phone {
        let stream = TcpStream::connect(pbx.addr()).await.unwrap();
        let addr = stream.local_addr().unwrap();
        Phone {
            user: user.to_owned(),
            pbx: pbx.addr(),
            addr,
            wire: Wire::Tcp(stream, Vec::new()),
            number: 0,
        }
    }

    pub(crate) fn contact(&self) -> String {
        let transport = if self.is_tcp() { ";transport=tcp" } else { "" };
        format!("sip:{}@{}{transport}", self.user, self.addr)
    }

    /// Numbers of CSeq and branch go on from here.
    pub(crate) fn number_from(&mut self, number: u32) {
        self.number = number;
    }

    fn is_tcp(&self) -> bool {
        matches!(self.wire, Wire::Tcp(..))
    }

    /// A request of this phone with a branch and CSeq of its own; `extra` are header lines.
    pub(crate) fn request(
        &mut self,
        method: &str,
        uri: &str,
        to: &str,
        call_id: &str,
        extra: &[&str],
    ) -> Request {
        self.number += 1;
        let transport = if self.is_tcp() { "TCP" } else { "UDP" };
        let mut text = format!(
            "{method} {uri} SIP/2.0\r\nVia: SIP/2.0/{transport} {};branch=z9hG4bK-{}-{call_id}-{};rport\r\n\
             Max-Forwards: 70\r\nFrom: <sip:{}@{}>;tag=from-{}\r\nTo: {to}\r\nCall-ID: {call_id}\r\n\
             CSeq: {} {method}\r\n",
            self.addr, self.user, self.number, self.user, self.pbx, self.user, self.number
        );
        for line in extra {
            text.push_str(line);
            text.push_str("\r\n");
        }
        text.push_str("\r\n");
        Request::parse(text.as_bytes()).unwrap()
    }

    pub(crate) async fn send(&mut self, bytes: impl AsRef<[u8]>) {
        match &mut self.wire {
            Wire::Udp(socket) => {
                socket.send_to(bytes.as_ref(), self.pbx).await.unwrap();
            }
            Wire::Tcp(stream, _) => stream.write_all(bytes.as_ref()).await.unwrap(),
        }
    }

    pub(crate) async fn receive(&mut self) -> Message {
        tokio::time::timeout(PATIENCE, self.next_message())
            .await
            .expect("a message within 5 s")
    }

    async fn next_message(&mut self) -> Message {
        match &mut self.wire {
            Wire::Udp(socket) => {
                let mut buffer = vec![0; 65_536];
                let length = socket.recv(&mut buffer).await.unwrap();
                Message::parse(&buffer[..length]).unwrap()
            }
            Wire::Tcp(stream, buffer) => loop {
                if let Some(length) = Message::frame(buffer, 65_536).unwrap() {
                    let bytes: Vec<u8> = buffer.drain(..length).collect();
                    return Message::parse(&bytes).unwrap();
                }
                assert!(
                    stream.read_buf(buffer).await.unwrap() > 0,
                    "the connection was closed"
                );
            },
        }
    }

    pub(crate) async fn response(&mut self) -> Response {
        match self.receive().await {
            Message::Response(response) => response,
            Message::Request(request) => {
                panic!("expected a response and got {}", request.start_line())
            }
        }
    }

    pub(crate) async fn expect(&mut self, status: u16) -> Response {
        let response = self.response().await;
        assert_eq!(
            response.status,
            StatusCode(status),
            "{}",
            String::from_utf8_lossy(&response.to_bytes())
        );
        response
    }

    pub(crate) async fn expect_request(&mut self, method: Method) -> Request {
        match self.receive().await {
            Message::Request(request) if request.method == method => request,
            other => panic!("expected {method} and got {}", other.start_line()),
        }
    }

    /// Sends a request, answers the challenge, and gives the final response with the request that
    /// brought it.
    pub(crate) async fn ask(&mut self, request: Request, password: &str) -> (Response, Request) {
        self.send(request.to_bytes()).await;
        let response = self.response().await;
        let Some(next) = self.with_credentials(&request, &response, password) else {
            return (response, request);
        };
        if request.method == Method::Invite {
            self.send(ack_of(&request, &response).to_bytes()).await;
        }
        self.send(next.to_bytes()).await;
        (self.response().await, next)
    }

    /// The request once more with the answer to a challenge, a new branch and CSeq.
    pub(crate) fn with_credentials(
        &mut self,
        request: &Request,
        response: &Response,
        password: &str,
    ) -> Option<Request> {
        let (asked, answered) = match response.status.0 {
            401 => ("WWW-Authenticate", "Authorization"),
            407 => ("Proxy-Authenticate", "Proxy-Authorization"),
            _ => return None,
        };
        let challenges: Vec<String> = response.headers.get_all(asked).map(str::to_owned).collect();
        let mut client = DigestClient::new(Credentials::new(self.user.clone(), password));
        let value = client
            .answer(
                &challenges,
                request.method.as_str(),
                &request.uri.to_string(),
                &request.body,
                "c0ffee",
            )
            .unwrap();
        self.number += 1;
        let mut next = request.clone();
        let via = next
            .headers
            .get("Via")
            .unwrap()
            .replace("branch=z9hG4bK", &format!("branch=z9hG4bKa{}", self.number));
        next.headers.set("Via", via).unwrap();
        let (cseq, _) = next.cseq().unwrap();
        next.headers
            .set("CSeq", format!("{} {}", cseq + 1, next.method))
            .unwrap();
        next.headers.set(answered, value).unwrap();
        Some(next)
    }

    pub(crate) fn register_request(&mut self, extra: &[&str]) -> Request {
        let to = format!("<sip:{}@{}>", self.user, self.pbx);
        self.request(
            "REGISTER",
            &format!("sip:{}", self.pbx),
            &to,
            &format!("reg-{}", self.user),
            extra,
        )
    }

    /// Registers this phone's contact.
    pub(crate) async fn register(&mut self, password: &str) -> Response {
        let contact = format!("Contact: <{}>", self.contact());
        let request = self.register_request(&[&contact]);
        let (response, _) = self.ask(request, password).await;
        assert_eq!(
            response.status,
            StatusCode::OK,
            "{}",
            String::from_utf8_lossy(&response.to_bytes())
        );
        response
    }

    pub(crate) fn invite_request(&mut self, callee: &str, call_id: &str) -> Request {
        let uri = format!("sip:{callee}@{}", self.pbx);
        let contact = format!("Contact: <{}>", self.contact());
        self.request("INVITE", &uri, &format!("<{uri}>"), call_id, &[&contact])
    }

    /// A response to a request that this phone received.
    pub(crate) async fn answer(&mut self, request: &Request, status: u16) -> Response {
        let tag = format!("to-{}", self.user);
        let mut response = Response::to_request(request, StatusCode(status), Some(&tag));
        for route in request.headers.get_all("Record-Route") {
            response.headers.push("Record-Route", route).unwrap();
        }
        response
            .headers
            .push("Contact", format!("<{}>", self.contact()))
            .unwrap();
        self.send(response.to_bytes()).await;
        response
    }
}

/// The ACK of a failure: hop by hop, with the branch of its INVITE.
pub(crate) fn ack_of(invite: &Request, response: &Response) -> Request {
    let mut ack = invite.clone();
    ack.method = Method::Ack;
    let (cseq, _) = invite.cseq().unwrap();
    ack.headers.set("CSeq", format!("{cseq} ACK")).unwrap();
    ack.headers
        .set("To", response.headers.get("To").unwrap())
        .unwrap();
    ack.headers.remove("Contact");
    ack.headers.remove("Proxy-Authorization");
    ack
}

/// A request of the caller within the dialog that a 2xx made.
pub(crate) fn in_dialog(phone: &mut Phone, method: &str, answer: &Response) -> Request {
    let uri: Uri = answer.contact().unwrap().uri().clone();
    let to = answer.headers.get("To").unwrap().to_owned();
    let mut request = phone.request(
        method,
        &uri.to_string(),
        &to,
        answer.call_id().unwrap(),
        &[],
    );
    request
        .headers
        .set("From", answer.headers.get("From").unwrap())
        .unwrap();
    // RFC 3261 section 12.1.2: the caller's route set is the Record-Route list backwards.
    for route in answer.headers.get_list("Record-Route").into_iter().rev() {
        request.headers.push("Route", route).unwrap();
    }
    request
}
