//! A telephone with faults that ours never has, made by hand: it answers and sends no sound, or it only rings.

use std::net::{SocketAddr, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

/// What the telephone does with a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Manner {
    /// Rings and is never answered.
    OnlyRings,
    /// Is answered and sends no sound.
    Mute,
    /// Answers with something that is no SDP.
    Babbles,
}

/// The telephone on a free port; gone when dropped.
pub(crate) struct Peer {
    address: SocketAddr,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<Vec<String>>>,
}

impl Peer {
    /// Starts it.
    pub(crate) fn start(manner: Manner) -> Self {
        let socket = UdpSocket::bind("127.0.0.1:0").expect("a free port");
        let address = socket.local_addr().expect("it is bound");
        socket
            .set_read_timeout(Some(Duration::from_millis(50)))
            .expect("a timeout can be set");
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let thread = std::thread::spawn(move || serve(&socket, manner, &stopped));
        Self {
            address,
            stop,
            thread: Some(thread),
        }
    }

    /// How to call it.
    pub(crate) fn uri(&self) -> String {
        format!("sip:peer@{}", self.address)
    }

    /// Ends it; the methods of the requests that came, in order.
    pub(crate) fn stop(mut self) -> Vec<String> {
        self.stop.store(true, Ordering::Relaxed);
        self.thread
            .take()
            .and_then(|thread| thread.join().ok())
            .unwrap_or_default()
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
    }
}

fn serve(socket: &UdpSocket, manner: Manner, stop: &AtomicBool) -> Vec<String> {
    // Bound for the time of the call, so that what is sent to it is not refused.
    let rtp = UdpSocket::bind("127.0.0.1:0").expect("a free port");
    let rtp_port = rtp.local_addr().expect("it is bound").port();
    let mut methods = Vec::new();
    let mut buffer = [0; 4096];
    while !stop.load(Ordering::Relaxed) {
        let Ok((length, from)) = socket.recv_from(&mut buffer) else {
            continue;
        };
        let request = String::from_utf8_lossy(&buffer[..length]).into_owned();
        let method = request.split(' ').next().unwrap_or_default().to_owned();
        let say = |status: &str, body: &str| {
            let response = response(&request, status, socket, body);
            socket
                .send_to(response.as_bytes(), from)
                .expect("loopback takes it");
        };
        match (method.as_str(), manner) {
            ("INVITE", Manner::OnlyRings) => say("180 Ringing", ""),
            ("INVITE", Manner::Mute) => say("200 OK", &sdp(rtp_port)),
            ("INVITE", Manner::Babbles) => say("200 OK", "this is no SDP\r\nm=nonsense\r\n"),
            ("CANCEL", _) => say("200 OK", ""),
            ("ACK" | "SIP/2.0", _) => {}
            _ => say("200 OK", ""),
        }
        if method == "CANCEL" {
            // RFC 3261 section 9.2: the INVITE is answered with 487.
            let invite = request.replace("CANCEL", "INVITE");
            let response = response(&invite, "487 Request Terminated", socket, "");
            socket
                .send_to(response.as_bytes(), from)
                .expect("loopback takes it");
        }
        methods.push(method);
    }
    methods
}

fn sdp(rtp_port: u16) -> String {
    format!(
        "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n\
         m=audio {rtp_port} RTP/AVP 0\r\na=rtpmap:0 PCMU/8000\r\n"
    )
}

fn response(request: &str, status: &str, socket: &UdpSocket, body: &str) -> String {
    let mut out = format!("SIP/2.0 {status}\r\n");
    for line in request.lines().take_while(|line| !line.is_empty()) {
        let name = line
            .split(':')
            .next()
            .unwrap_or_default()
            .trim()
            .to_ascii_lowercase();
        match name.as_str() {
            "via" | "v" | "from" | "f" | "call-id" | "i" | "cseq" | "record-route" => {
                out += &format!("{line}\r\n")
            }
            "to" | "t" if line.contains("tag=") => out += &format!("{line}\r\n"),
            "to" | "t" => out += &format!("{line};tag=peer\r\n"),
            _ => {}
        }
    }
    let address = socket.local_addr().expect("it is bound");
    out += &format!("Contact: <sip:peer@{address}>\r\n");
    if !body.is_empty() {
        out += "Content-Type: application/sdp\r\n";
    }
    out + &format!("Content-Length: {}\r\n\r\n{body}", body.len())
}
