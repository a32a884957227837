//! `a=rtpmap:<payload type> <encoding name>/<clock rate>[/<channels>]` (RFC 8866 section 6.6).

use std::fmt;

/// What a payload type number means.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Rtpmap {
    /// RTP payload type, 0 to 127.
    pub payload_type: u8,
    /// Encoding name; compared without regard to case.
    pub encoding_name: String,
    /// RTP clock in Hz, which need not be the sampling rate (G.722: 8000).
    pub clock_rate: u32,
    /// Audio channels; 1 is not printed.
    pub channels: u16,
}

impl Rtpmap {
    /// Reads the attribute's value; `None` when it is malformed.
    #[must_use]
    pub fn parse(value: &str) -> Option<Self> {
        let (payload_type, encoding) = value.trim().split_once(char::is_whitespace)?;
        let payload_type = payload_type.parse().ok().filter(|pt| *pt < 128)?;
        let mut parts = encoding.trim().split('/');
        let encoding_name = parts.next().filter(|name| is_token(name))?.to_owned();
        let clock_rate = parts.next()?.trim().parse().ok().filter(|rate| *rate > 0)?;
        let channels = match parts.next() {
            Some(channels) => channels.trim().parse().ok().filter(|count| *count > 0)?,
            None => 1,
        };
        Some(Rtpmap {
            payload_type,
            encoding_name,
            clock_rate,
            channels,
        })
    }
}

impl fmt::Display for Rtpmap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} {}/{}",
            self.payload_type, self.encoding_name, self.clock_rate
        )?;
        match self.channels {
            0 | 1 => Ok(()),
            channels => write!(f, "/{channels}"),
        }
    }
}

fn is_token(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_graphic())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(value: &str, expected: Option<(u8, &str, u32, u16)>) {
        let expected = expected.map(|(payload_type, name, clock_rate, channels)| Rtpmap {
            payload_type,
            encoding_name: name.to_owned(),
            clock_rate,
            channels,
        });
        assert_eq!(Rtpmap::parse(value), expected, "{value}");
    }

    #[test]
    fn well_formed_values_are_read() {
        check("0 PCMU/8000", Some((0, "PCMU", 8_000, 1)));
        check("111 opus/48000/2", Some((111, "opus", 48_000, 2)));
        check(
            " 101  telephone-event/8000 ",
            Some((101, "telephone-event", 8_000, 1)),
        );
        check("97 AMR-WB/16000/1", Some((97, "AMR-WB", 16_000, 1)));
    }

    #[test]
    fn malformed_values_are_refused() {
        for value in [
            "",
            "96",
            "96 opus",
            "128 opus/48000",
            "96 /8000",
            "96 opus/0",
            "96 opus/48000/0",
            "96 opus/99999999999",
            "x opus/48000",
        ] {
            check(value, None);
        }
    }
}
