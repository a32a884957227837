//! The addresses in an SDP body, read and replaced; every other line stays as it is.

#![deny(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects
)]

use std::net::{IpAddr, SocketAddr};

/// Where one side of a media line receives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct MediaAddress {
    pub(super) rtp: SocketAddr,
    pub(super) rtcp: SocketAddr,
}

/// An SDP body as lines: those of the session, then those of each media line.
#[derive(Debug)]
pub(super) struct SdpText {
    session: Vec<String>,
    media: Vec<Vec<String>>,
}

impl SdpText {
    pub(super) fn parse(body: &[u8]) -> Option<SdpText> {
        let text = std::str::from_utf8(body).ok()?;
        let mut sdp = SdpText {
            session: Vec::new(),
            media: Vec::new(),
        };
        for line in text.lines().filter(|line| !line.is_empty()) {
            if line.starts_with("m=") {
                sdp.media.push(Vec::new());
            }
            sdp.media
                .last_mut()
                .unwrap_or(&mut sdp.session)
                .push(line.to_owned());
        }
        sdp.session
            .first()
            .is_some_and(|line| line.starts_with("v="))
            .then_some(sdp)
    }

    pub(super) fn to_bytes(&self) -> Vec<u8> {
        let lines = self.session.iter().chain(self.media.iter().flatten());
        lines
            .flat_map(|line| [line.as_str(), "\r\n"])
            .collect::<String>()
            .into_bytes()
    }

    pub(super) fn media_count(&self) -> usize {
        self.media.len()
    }

    /// Where the media line receives; `None` if it is refused (port 0), on hold in the old manner
    /// (address 0.0.0.0), or of a host name.
    pub(super) fn media_address(&self, index: usize) -> Option<MediaAddress> {
        let lines = self.media.get(index)?;
        let port: u16 = lines
            .first()?
            .split(' ')
            .nth(1)?
            .split('/')
            .next()?
            .parse()
            .ok()?;
        let connection = find(lines, "c=").or_else(|| find(&self.session, "c="))?;
        let ip: IpAddr = connection
            .split(' ')
            .nth(2)?
            .split('/')
            .next()?
            .parse()
            .ok()?;
        if port == 0 || ip.is_unspecified() {
            return None;
        }
        Some(MediaAddress {
            rtp: SocketAddr::new(ip, port),
            rtcp: self.rtcp_address(lines, ip, port)?,
        })
    }

    /// RFC 3605: `a=rtcp:port [IN IP4 address]`; without it, the port after that of RTP. With
    /// rtcp-mux nothing arrives there.
    fn rtcp_address(&self, lines: &[String], ip: IpAddr, port: u16) -> Option<SocketAddr> {
        let next = SocketAddr::new(ip, port.checked_add(1)?);
        let Some(attribute) = find(lines, "a=rtcp:") else {
            return Some(next);
        };
        let mut parts = attribute.split(' ');
        let port = parts.next()?.parse().ok()?;
        let ip = parts.nth(2).and_then(|ip| ip.parse().ok()).unwrap_or(ip);
        Some(SocketAddr::new(ip, port))
    }

    /// Puts another address into the media line, with a c= line of its own.
    pub(super) fn set_media_address(&mut self, index: usize, address: MediaAddress) {
        let Some(lines) = self.media.get_mut(index) else {
            return;
        };
        let family = if address.rtp.is_ipv4() { "IP4" } else { "IP6" };
        let connection = format!("c=IN {family} {}", address.rtp.ip());
        if let Some(line) = lines.first_mut() {
            let mut fields: Vec<String> = line.split(' ').map(str::to_owned).collect();
            if let Some(port) = fields.get_mut(1) {
                *port = address.rtp.port().to_string();
            }
            *line = fields.join(" ");
        }
        match lines.iter_mut().find(|line| line.starts_with("c=")) {
            Some(line) => *line = connection,
            None => {
                // RFC 8866 section 5: c= stands after m= and i=.
                let after = lines
                    .iter()
                    .take_while(|line| line.starts_with("m=") || line.starts_with("i="))
                    .count();
                lines.insert(after, connection);
            }
        }
        for line in lines.iter_mut().filter(|line| line.starts_with("a=rtcp:")) {
            *line = format!(
                "a=rtcp:{} IN {family} {}",
                address.rtcp.port(),
                address.rtcp.ip()
            );
        }
    }
}

fn find<'a>(lines: &'a [String], start: &str) -> Option<&'a str> {
    lines.iter().find_map(|line| line.strip_prefix(start))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    const OFFER: &str = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n\
        m=audio 4000 RTP/AVP 0 101\r\na=rtpmap:101 telephone-event/8000\r\na=rtcp:4007\r\n\
        m=video 0 RTP/AVP 96\r\nm=audio 5000/2 RTP/AVP 8\r\ni=second\r\na=sendrecv\r\n";

    fn address(text: &str) -> SocketAddr {
        text.parse().unwrap()
    }

    #[test]
    fn addresses_are_found_on_both_levels() {
        let sdp = SdpText::parse(OFFER.as_bytes()).unwrap();
        let first = MediaAddress {
            rtp: address("127.0.0.1:4000"),
            rtcp: address("127.0.0.1:4007"),
        };
        let third = MediaAddress {
            rtp: address("127.0.0.1:5000"),
            rtcp: address("127.0.0.1:5001"),
        };
        assert_eq!(
            [0, 1, 2, 3].map(|n| sdp.media_address(n)),
            [Some(first), None, Some(third), None]
        );
        let held = OFFER.replace("c=IN IP4 127.0.0.1", "c=IN IP4 0.0.0.0");
        assert_eq!(
            SdpText::parse(held.as_bytes()).unwrap().media_address(0),
            None
        );
    }

    #[test]
    fn only_the_addresses_change() {
        let mut sdp = SdpText::parse(OFFER.as_bytes()).unwrap();
        let relay = MediaAddress {
            rtp: address("127.0.0.2:6000"),
            rtcp: address("127.0.0.2:6001"),
        };
        sdp.set_media_address(0, relay);
        sdp.set_media_address(2, relay);
        let expected = OFFER
            .replace(
                "m=audio 4000 RTP/AVP 0 101\r\n",
                "m=audio 6000 RTP/AVP 0 101\r\nc=IN IP4 127.0.0.2\r\n",
            )
            .replace("a=rtcp:4007", "a=rtcp:6001 IN IP4 127.0.0.2")
            .replace(
                "m=audio 5000/2 RTP/AVP 8\r\ni=second\r\n",
                "m=audio 6000 RTP/AVP 8\r\ni=second\r\nc=IN IP4 127.0.0.2\r\n",
            );
        assert_eq!(String::from_utf8(sdp.to_bytes()).unwrap(), expected);
    }

    #[test]
    fn what_is_no_sdp_is_left_alone() {
        assert!(SdpText::parse(b"hello").is_none());
        assert!(SdpText::parse(b"").is_none());
        assert!(SdpText::parse(&[0xff, 0xfe]).is_none());
    }
}
