//! The transports that this crate speaks.

use std::fmt;

/// A SIP transport.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum Transport {
    /// UDP.
    #[default]
    Udp,
    /// TCP.
    Tcp,
    /// TLS over TCP (feature `tls`).
    Tls,
    /// WebSocket (RFC 7118; feature `ws`).
    Ws,
    /// WebSocket over TLS (RFC 7118; features `ws` and `tls`).
    Wss,
}

impl Transport {
    /// All of them.
    pub const ALL: [Transport; 5] = [
        Transport::Udp,
        Transport::Tcp,
        Transport::Tls,
        Transport::Ws,
        Transport::Wss,
    ];

    /// From a `transport=` parameter or a Via, without case.
    pub fn from_param(text: &str) -> Option<Transport> {
        Transport::ALL
            .into_iter()
            .find(|transport| transport.name().eq_ignore_ascii_case(text))
    }

    /// What a `transport=` parameter says: `udp`, `tcp`, `tls` or `ws`. RFC 7118 section 5.2.2 knows no `wss` there: that
    /// the WebSocket is protected does not stand in the URI.
    pub fn as_param(self) -> &'static str {
        match self {
            Transport::Udp => "udp",
            Transport::Tcp => "tcp",
            Transport::Tls => "tls",
            Transport::Ws | Transport::Wss => "ws",
        }
    }

    /// True for TLS and WSS: what `sips:` may go over (RFC 3261 section 26.2.2).
    pub fn is_secure(self) -> bool {
        matches!(self, Transport::Tls | Transport::Wss)
    }

    /// True for all but UDP: connections that stay open.
    pub fn is_stream(self) -> bool {
        self != Transport::Udp
    }

    /// The port of a URI that names none (RFC 3261 section 19.1.2, RFC 6455 section 3).
    pub fn default_port(self) -> u16 {
        match self {
            Transport::Udp | Transport::Tcp => 5060,
            Transport::Tls => 5061,
            Transport::Ws => 80,
            Transport::Wss => 443,
        }
    }

    /// The same transport with TLS below it; `None` for UDP, which has none here.
    pub(crate) fn secured(self) -> Option<Transport> {
        match self {
            Transport::Udp => None,
            Transport::Tcp | Transport::Tls => Some(Transport::Tls),
            Transport::Ws | Transport::Wss => Some(Transport::Wss),
        }
    }

    fn name(self) -> &'static str {
        match self {
            Transport::Udp => "UDP",
            Transport::Tcp => "TCP",
            Transport::Tls => "TLS",
            Transport::Ws => "WS",
            Transport::Wss => "WSS",
        }
    }
}

/// As in a Via: `UDP`, `TCP`, `TLS`, `WS`, `WSS`.
impl fmt::Display for Transport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
