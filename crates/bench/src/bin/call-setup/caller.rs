//! A caller that makes one call after another, to the microsecond: SIPp tells whole milliseconds.

use std::io;
use std::net::{SocketAddr, UdpSocket};
use std::time::{Duration, Instant};

/// Longest wait for an answer.
const PATIENCE: Duration = Duration::from_secs(5);

/// From INVITE to 200 of so many calls, shortest first.
pub(crate) fn times_to_answer(target: SocketAddr, calls: u32) -> io::Result<Vec<Duration>> {
    let socket = UdpSocket::bind("127.0.0.1:0")?;
    socket.connect(target)?;
    socket.set_read_timeout(Some(PATIENCE))?;
    let here = socket.local_addr()?;
    let mut times = Vec::new();
    for call in 0..calls {
        let began = Instant::now();
        socket.send(request("INVITE", 1, call, here, target, "").as_bytes())?;
        let to = answered(&socket, call)?;
        times.push(began.elapsed());
        socket.send(request("ACK", 1, call, here, target, &to).as_bytes())?;
        socket.send(request("BYE", 2, call, here, target, &to).as_bytes())?;
        answered(&socket, call)?;
    }
    times.sort();
    Ok(times)
}

/// Waits for the 200 of this call; its To.
fn answered(socket: &UdpSocket, call: u32) -> io::Result<String> {
    let mut buffer = [0; 4_096];
    loop {
        let length = socket.recv(&mut buffer)?;
        let text = String::from_utf8_lossy(&buffer[..length]);
        let field = |name: &str| text.lines().find_map(|line| line.strip_prefix(name));
        if !text.starts_with("SIP/2.0 200") || field("Call-ID: ") != Some(&format!("probe{call}")) {
            continue;
        }
        return Ok(field("To: ").unwrap_or_default().to_owned());
    }
}

fn request(
    method: &str,
    number: u32,
    call: u32,
    here: SocketAddr,
    target: SocketAddr,
    to: &str,
) -> String {
    let to = if to.is_empty() {
        format!("<sip:bot@{target}>")
    } else {
        to.to_owned()
    };
    // Nobody listens at port 9: what is said in these calls is not looked at.
    let sdp = match method {
        "INVITE" => {
            "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 9 RTP/AVP 0\r\n"
        }
        _ => "",
    };
    let kind = match sdp {
        "" => "",
        _ => "Content-Type: application/sdp\r\n",
    };
    format!(
        "{method} sip:bot@{target} SIP/2.0\r\nVia: SIP/2.0/UDP {here};branch=z9hG4bK{method}{call};rport\r\n\
         Max-Forwards: 70\r\nFrom: <sip:probe@{here}>;tag=p{call}\r\nTo: {to}\r\nCall-ID: probe{call}\r\n\
         CSeq: {number} {method}\r\nContact: <sip:probe@{here}>\r\n{kind}Content-Length: {}\r\n\r\n{sdp}",
        sdp.len()
    )
}
