//! `a=fmtp:<payload type> <format parameters>` (RFC 8866 section 6.15).

use std::fmt;

/// Parameters of one RTP format, in the codec's own notation.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Fmtp {
    /// RTP payload type, 0 to 127.
    pub payload_type: u8,
    /// The text after the payload type, such as `useinbandfec=1;maxptime=60`.
    pub parameters: String,
}

impl Fmtp {
    /// Reads the attribute's value; `None` when it does not speak of an RTP payload type.
    #[must_use]
    pub fn parse(value: &str) -> Option<Self> {
        let (payload_type, parameters) = value.trim().split_once(char::is_whitespace)?;
        let payload_type = payload_type.parse().ok().filter(|pt| *pt < 128)?;
        let parameters = parameters.trim();
        (!parameters.is_empty()).then(|| Fmtp {
            payload_type,
            parameters: parameters.to_owned(),
        })
    }
}

impl fmt::Display for Fmtp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.payload_type, self.parameters)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_keep_their_spaces() {
        let fmtp = Fmtp::parse("111 minptime=10; useinbandfec=1").unwrap();
        assert_eq!(fmtp.payload_type, 111);
        assert_eq!(fmtp.parameters, "minptime=10; useinbandfec=1");
        assert_eq!(fmtp.to_string(), "111 minptime=10; useinbandfec=1");
    }

    #[test]
    fn values_without_payload_type_or_parameters_are_refused() {
        for value in ["", "111", "111  ", "t38 x=1", "300 x=1"] {
            assert_eq!(Fmtp::parse(value), None, "{value}");
        }
    }
}
