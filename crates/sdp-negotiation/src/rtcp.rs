//! `a=rtcp:<port> [IN <address type> <address>]`: where RTCP goes when it is not RTP's port plus one (RFC 3605).

use std::fmt;

use crate::connection::Address;

/// The attribute's value.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Rtcp {
    /// RTCP port.
    pub port: u16,
    /// RTCP address when it differs from that of the `c=` line.
    pub address: Option<Address>,
}

impl Rtcp {
    /// Reads the attribute's value; `None` when it is malformed.
    #[must_use]
    pub fn parse(value: &str) -> Option<Self> {
        let mut fields = value.split_whitespace();
        let port = fields.next()?.parse().ok().filter(|port| *port != 0)?;
        let address = match (fields.next(), fields.next(), fields.next()) {
            (None, _, _) => None,
            (Some(_network), Some(address_type), Some(address)) => {
                Some(Address::parse(address_type, address)?)
            }
            _ => return None,
        };
        Some(Rtcp { port, address })
    }
}

impl fmt::Display for Rtcp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.port)?;
        match &self.address {
            Some(address) => write!(f, " IN {} {address}", address.address_type()),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn port_alone_and_port_with_address_are_read_and_printed() {
        for value in ["5001", "53020 IN IP4 192.0.2.9", "9 IN IP6 2001:db8::1"] {
            assert_eq!(Rtcp::parse(value).unwrap().to_string(), value);
        }
    }

    #[test]
    fn malformed_values_are_refused() {
        for value in ["", "0", "70000", "5001 IN", "5001 IN IP4", "5001 IN ATM x"] {
            assert_eq!(Rtcp::parse(value), None, "{value}");
        }
    }
}
