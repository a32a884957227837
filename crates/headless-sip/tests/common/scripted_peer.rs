//! A far end that says what a test wants, one request after another.

use std::net::{SocketAddr, UdpSocket};

use headless_sip::codecs::{Codec, CodecParameters, Pcmu};

use super::PATIENCE;

/// Answers each request with 200, an INVITE with the SDP that `sdp` makes of the socket for its media.
pub struct ScriptedPeer {
    sip: SocketAddr,
    /// What it takes to send media: its own socket and where ours is.
    pub media: std::sync::mpsc::Receiver<(UdpSocket, SocketAddr)>,
}

impl ScriptedPeer {
    pub fn start(sdp: impl Fn(SocketAddr) -> String + Send + 'static) -> Self {
        Self::answering("200 OK", sdp)
    }

    /// Answers an INVITE with 183 and its SDP, and with nothing else.
    pub fn early(sdp: impl Fn(SocketAddr) -> String + Send + 'static) -> Self {
        Self::answering("183 Session Progress", sdp)
    }

    fn answering(
        invite: &'static str,
        sdp: impl Fn(SocketAddr) -> String + Send + 'static,
    ) -> Self {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        let sip = socket.local_addr().unwrap();
        let (sender, media) = std::sync::mpsc::channel();
        std::thread::spawn(move || {
            let mut buffer = [0; 4096];
            // Ends with the BYE, or when no test talks to it any more.
            socket.set_read_timeout(Some(PATIENCE)).unwrap();
            while let Ok((length, from)) = socket.recv_from(&mut buffer) {
                let request = String::from_utf8_lossy(&buffer[..length]).into_owned();
                let method = request.split(' ').next().unwrap_or_default().to_owned();
                if method == "ACK" {
                    continue;
                }
                let mut body = String::new();
                let mut status = "200 OK";
                if method == "INVITE" {
                    let rtp = UdpSocket::bind("127.0.0.1:0").unwrap();
                    status = invite;
                    body = sdp(rtp.local_addr().unwrap());
                    let theirs = format!(
                        "127.0.0.1:{}",
                        line(&request, "m=audio ").split(' ').next().unwrap()
                    );
                    let _ = sender.send((rtp, theirs.parse().unwrap()));
                }
                let _ = socket.send_to(response(status, &request, sip, &body).as_bytes(), from);
                if method == "BYE" {
                    return;
                }
            }
        });
        Self { sip, media }
    }

    pub fn uri(&self) -> String {
        format!("sip:peer@{}", self.sip)
    }
}

fn line<'a>(message: &'a str, start: &str) -> &'a str {
    message
        .lines()
        .find_map(|line| line.strip_prefix(start))
        .unwrap_or_default()
}

fn response(status: &str, request: &str, contact: SocketAddr, body: &str) -> String {
    let mut response = format!("SIP/2.0 {status}\r\n");
    for header in request.lines() {
        let name = header
            .split(':')
            .next()
            .unwrap_or_default()
            .to_ascii_lowercase();
        match name.as_str() {
            "via" | "from" | "call-id" | "cseq" => response += &format!("{header}\r\n"),
            "to" if header.contains("tag=") => response += &format!("{header}\r\n"),
            "to" => response += &format!("{header};tag=peer\r\n"),
            _ => {}
        }
    }
    response += &format!("Contact: <sip:peer@{contact}>\r\n");
    if !body.is_empty() {
        response += "Content-Type: application/sdp\r\n";
    }
    response + &format!("Content-Length: {}\r\n\r\n{body}", body.len())
}

/// An answer with PCMU alone, and no telephone-event.
pub fn pcmu(rtp: SocketAddr) -> String {
    format!(
        "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio {} RTP/AVP 0\r\n",
        rtp.port()
    )
}

/// Sends `samples` of 8 kHz as PCMU in packets of 20 ms, in real time.
pub fn play(rtp: UdpSocket, to: SocketAddr, samples: Vec<f32>) -> std::thread::JoinHandle<()> {
    let mut encoder = Pcmu.encoder(&CodecParameters::default()).unwrap();
    std::thread::spawn(move || {
        let start = std::time::Instant::now();
        for (n, frame) in samples.chunks_exact(160).enumerate() {
            let mut packet = vec![0x80, 0];
            packet.extend((n as u16).to_be_bytes());
            packet.extend((n as u32 * 160).to_be_bytes());
            packet.extend([1, 2, 3, 4]);
            encoder.encode(frame, &mut packet).unwrap();
            let _ = rtp.send_to(&packet, to);
            let due = start + std::time::Duration::from_millis(20) * (n as u32 + 1);
            std::thread::sleep(due.saturating_duration_since(std::time::Instant::now()));
        }
    })
}
