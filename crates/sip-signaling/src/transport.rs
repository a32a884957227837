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
}

impl Transport {
    /// From a `transport=` parameter or a Via, without case.
    pub fn from_param(text: &str) -> Option<Transport> {
        [Transport::Udp, Transport::Tcp]
            .into_iter()
            .find(|t| t.as_param().eq_ignore_ascii_case(text))
    }

    /// `udp` or `tcp`, as in a `transport=` parameter.
    pub fn as_param(self) -> &'static str {
        match self {
            Transport::Udp => "udp",
            Transport::Tcp => "tcp",
        }
    }
}

impl fmt::Display for Transport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Transport::Udp => "UDP",
            Transport::Tcp => "TCP",
        })
    }
}
