//! SIP, SIPS and TEL URIs (RFC 3261 section 19.1, RFC 3966).

#![deny(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects
)]

use std::{
    fmt,
    net::{IpAddr, Ipv6Addr, SocketAddr},
    str::FromStr,
};

use super::params::Params;
use crate::{SignalingError, Transport};

/// Scheme of a [`Uri`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Scheme {
    /// `sip:`
    Sip,
    /// `sips:`
    Sips,
    /// `tel:`
    Tel,
}

impl fmt::Display for Scheme {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Scheme::Sip => "sip",
            Scheme::Sips => "sips",
            Scheme::Tel => "tel",
        })
    }
}

/// Why a text is no URI that this crate can use.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum UriError {
    /// The scheme is none of sip, sips and tel; a request with such a Request-URI is answered 416.
    #[error("unknown URI scheme; use sip:, sips: or tel:")]
    UnknownScheme,
    /// A part of the URI breaks the grammar.
    #[error("malformed URI ({0}); write it as sip:user@host:port")]
    Malformed(&'static str),
}

/// A SIP, SIPS or TEL URI. Parts are kept as written, escapes included, so printing gives back what was parsed.
///
/// `==` compares the parts as written (scheme and host without case); see [`Uri::is_equivalent`] for RFC 3261
/// section 19.1.4.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Uri {
    scheme: Scheme,
    user: Option<String>,
    password: Option<String>,
    host: String,
    port: Option<u16>,
    params: Params,
    headers: Option<String>,
}

impl Uri {
    /// `sip:host[:port]`.
    ///
    /// # Errors
    /// `InvalidInput` if `host` is neither a name nor an IP address.
    pub fn sip(user: Option<&str>, host: &str, port: Option<u16>) -> Result<Uri, SignalingError> {
        let host = parse_host(host)
            .ok_or_else(|| SignalingError::input("host", "not a host name or IP address"))?;
        let mut uri = Uri {
            scheme: Scheme::Sip,
            user: None,
            password: None,
            host,
            port,
            params: Params::default(),
            headers: None,
        };
        uri.set_user(user)?;
        Ok(uri)
    }

    /// `sip:user@ip:port`.
    pub fn from_socket_addr(user: Option<&str>, addr: SocketAddr) -> Result<Uri, SignalingError> {
        Uri::sip(user, &addr.ip().to_string(), Some(addr.port()))
    }

    /// Parses `sip:`, `sips:` and `tel:` URIs without angle brackets.
    pub fn parse(text: &str) -> Result<Uri, UriError> {
        if text
            .chars()
            .any(|c| c.is_control() || c.is_whitespace() || "<>\"".contains(c))
        {
            return Err(UriError::Malformed(
                "a space, quote, bracket or control character",
            ));
        }
        let (scheme, rest) = text
            .split_once(':')
            .ok_or(UriError::Malformed("no scheme"))?;
        if scheme.eq_ignore_ascii_case("sip") {
            parse_sip(Scheme::Sip, rest)
        } else if scheme.eq_ignore_ascii_case("sips") {
            parse_sip(Scheme::Sips, rest)
        } else if scheme.eq_ignore_ascii_case("tel") {
            parse_tel(rest)
        } else if super::text::is_token(scheme) {
            Err(UriError::UnknownScheme)
        } else {
            Err(UriError::Malformed("scheme"))
        }
    }

    /// Scheme.
    pub fn scheme(&self) -> Scheme {
        self.scheme
    }

    /// User part as written (escapes kept); the number of a `tel:` URI.
    pub fn user(&self) -> Option<&str> {
        self.user.as_deref()
    }

    /// User part with `%XX` undone.
    pub fn user_decoded(&self) -> Option<String> {
        self.user.as_deref().map(percent_decode)
    }

    /// Host as written, IPv6 without brackets; empty for `tel:`.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// Host as an address, where it is one.
    pub fn host_ip(&self) -> Option<IpAddr> {
        self.host.parse().ok()
    }

    /// Port as written.
    pub fn port(&self) -> Option<u16> {
        self.port
    }

    /// URI parameters.
    pub fn params(&self) -> &Params {
        &self.params
    }

    /// URI parameters, to change.
    pub fn params_mut(&mut self) -> &mut Params {
        &mut self.params
    }

    /// What follows `?`, as written.
    pub fn headers(&self) -> Option<&str> {
        self.headers.as_deref()
    }

    /// The `transport` parameter, where it names one that this crate knows.
    pub fn transport(&self) -> Option<Transport> {
        self.params.get("transport").and_then(Transport::from_param)
    }

    /// Replaces the user part; what the grammar does not allow there is escaped as `%XX`.
    ///
    /// # Errors
    /// `InvalidInput` for control characters, which no user name holds.
    pub fn set_user(&mut self, user: Option<&str>) -> Result<(), SignalingError> {
        if user.is_some_and(|user| user.chars().any(char::is_control)) {
            return Err(SignalingError::input(
                "user",
                "it holds a control character (CR, LF or NUL)",
            ));
        }
        self.user = user
            .filter(|user| !user.is_empty())
            .map(percent_encode_user);
        Ok(())
    }

    /// Replaces the port.
    pub fn set_port(&mut self, port: Option<u16>) {
        self.port = port;
    }

    /// Makes a `sip:` URI a `sips:` one, which says itself that there is TLS.
    pub(crate) fn secure(&mut self) {
        if self.scheme == Scheme::Sip {
            self.scheme = Scheme::Sips;
        }
        if self.transport() == Some(Transport::Tls) {
            self.params.remove("transport");
        }
    }

    /// The same URI without headers and without the parameters that RFC 3261 table 1 bars from a Request-URI.
    pub fn to_request_uri(&self) -> Uri {
        let mut uri = self.clone();
        uri.headers = None;
        uri.params.remove("method");
        uri
    }

    /// RFC 3261 section 19.1.4, the parts that matter: scheme, user, host, port, and parameters that stand in both
    /// or are user, ttl, method or maddr.
    pub fn is_equivalent(&self, other: &Uri) -> bool {
        let same_param =
            |name: &str, must: bool| match (self.params.get(name), other.params.get(name)) {
                (Some(a), Some(b)) => a.eq_ignore_ascii_case(b),
                (None, None) => true,
                _ => !must,
            };
        self.scheme == other.scheme
            && self.user_decoded() == other.user_decoded()
            && self.password == other.password
            && self.host.eq_ignore_ascii_case(&other.host)
            && self.port == other.port
            && ["user", "ttl", "method", "maddr", "transport"]
                .into_iter()
                .all(|name| same_param(name, true))
            && self.params.iter().all(|(name, _)| same_param(name, false))
    }
}

fn parse_sip(scheme: Scheme, rest: &str) -> Result<Uri, UriError> {
    // The user part may hold ';' and '?' (RFC 3261 user-unreserved), so it is cut off first.
    let (userinfo, rest) = match rest.split_once('@') {
        Some((userinfo, rest)) => (Some(userinfo), rest),
        None => (None, rest),
    };
    let (rest, headers) = match rest.split_once('?') {
        Some((rest, headers)) => (rest, Some(headers.to_owned())),
        None => (rest, None),
    };
    let (hostport, params) = rest.split_once(';').unwrap_or((rest, ""));
    let (host, port) = parse_host_port(hostport).ok_or(UriError::Malformed("host or port"))?;
    let (user, password) = match userinfo {
        None => (None, None),
        Some("") => return Err(UriError::Malformed("empty user part")),
        Some(info) => match info.split_once(':') {
            Some((user, password)) => (Some(user.to_owned()), Some(password.to_owned())),
            None => (Some(info.to_owned()), None),
        },
    };
    Ok(Uri {
        scheme,
        user,
        password,
        host,
        port,
        params: Params::parse(params),
        headers,
    })
}

fn parse_tel(rest: &str) -> Result<Uri, UriError> {
    let (number, params) = rest.split_once(';').unwrap_or((rest, ""));
    let is_digit = |c: char| c.is_ascii_hexdigit() || "+-.()*#".contains(c);
    if number.is_empty() || !number.chars().all(is_digit) {
        return Err(UriError::Malformed("telephone number"));
    }
    Ok(Uri {
        scheme: Scheme::Tel,
        user: Some(number.to_owned()),
        password: None,
        host: String::new(),
        port: None,
        params: Params::parse(params),
        headers: None,
    })
}

/// `host`, `host:port`, `[v6]`, `[v6]:port`.
pub(crate) fn parse_host_port(text: &str) -> Option<(String, Option<u16>)> {
    let text = text.trim();
    let (host, port) = if let Some(rest) = text.strip_prefix('[') {
        let (inside, after) = rest.split_once(']')?;
        inside.parse::<Ipv6Addr>().ok()?;
        match after.strip_prefix(':') {
            Some(port) => (inside, Some(port)),
            None if after.is_empty() => (inside, None),
            None => return None,
        }
    } else {
        match text.split_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (text, None),
        }
    };
    let port = match port {
        Some(port) => Some(port.trim().parse().ok()?),
        None => None,
    };
    Some((parse_host(host.trim())?, port))
}

fn parse_host(host: &str) -> Option<String> {
    let bare = host
        .strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'))
        .unwrap_or(host);
    let named = !bare.is_empty()
        && bare
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"-._".contains(&b));
    (named || bare.parse::<Ipv6Addr>().is_ok()).then(|| bare.to_owned())
}

/// Brackets around an IPv6 address, nothing around anything else.
pub(crate) fn bracketed(host: &str) -> String {
    if host.contains(':') {
        format!("[{host}]")
    } else {
        host.to_owned()
    }
}

fn percent_encode_user(user: &str) -> String {
    let mut out = String::with_capacity(user.len());
    for byte in user.bytes() {
        // RFC 3261 section 25.1: unreserved / user-unreserved.
        if byte.is_ascii_alphanumeric() || b"-_.!~*'()&=+$,;?/".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}

fn percent_decode(text: &str) -> String {
    let mut out = Vec::with_capacity(text.len());
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        if byte == b'%' {
            let mut ahead = bytes.clone();
            let digits: Option<String> = ahead
                .next()
                .zip(ahead.next())
                .map(|(a, b)| [char::from(a), char::from(b)].iter().collect());
            if let Some(decoded) = digits.and_then(|digits| u8::from_str_radix(&digits, 16).ok()) {
                out.push(decoded);
                bytes = ahead;
                continue;
            }
        }
        out.push(byte);
    }
    super::text::lossless_text(&out)
}

impl fmt::Display for Uri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:", self.scheme)?;
        if let Some(user) = &self.user {
            f.write_str(user)?;
            if let Some(password) = &self.password {
                write!(f, ":{password}")?;
            }
            if self.scheme != Scheme::Tel {
                f.write_str("@")?;
            }
        }
        f.write_str(&bracketed(&self.host))?;
        if let Some(port) = self.port {
            write!(f, ":{port}")?;
        }
        write!(f, "{}", self.params)?;
        match &self.headers {
            Some(headers) => write!(f, "?{headers}"),
            None => Ok(()),
        }
    }
}

impl FromStr for Uri {
    type Err = UriError;
    fn from_str(text: &str) -> Result<Uri, UriError> {
        Uri::parse(text)
    }
}

impl From<UriError> for SignalingError {
    fn from(error: UriError) -> Self {
        SignalingError::input("URI", error.to_string())
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_kept_as_written() {
        for text in [
            "sip:alice@example.com",
            "sips:alice:secret@[2001:db8::1]:5061;transport=tcp;lr?subject=x",
            "sip:+1555;phone-context=x@gw.example.com",
            "sip:%2B1555%20x@gw",
            "sip:10.0.0.1:5070;transport=unknown",
            "tel:+1-201-555-0123;ext=3",
        ] {
            assert_eq!(Uri::parse(text).unwrap().to_string(), text);
        }
        let uri = Uri::parse("sip:+1555;phone-context=x@gw.example.com").unwrap();
        assert_eq!(uri.user(), Some("+1555;phone-context=x"));
        assert_eq!(uri.host(), "gw.example.com");
    }

    #[test]
    fn what_is_no_uri_is_refused() {
        for text in [
            "",
            "alice",
            "sip:",
            "sip:@x",
            "sip:a@",
            "sip:a@b:99999",
            "sip:a@b c",
            "sip:a@b\r\nX: y",
            "sip:a@[::1",
            "sip:a\0@b",
            "tel:abcxyz",
        ] {
            assert!(Uri::parse(text).is_err(), "{text:?}");
        }
        assert_eq!(Uri::parse("http://x"), Err(UriError::UnknownScheme));
    }

    #[test]
    fn user_is_escaped_and_decoded() {
        let uri = Uri::sip(Some("a b@ü%"), "host", None).unwrap();
        assert_eq!(uri.to_string(), "sip:a%20b%40%C3%BC%25@host");
        assert_eq!(
            Uri::parse(&uri.to_string())
                .unwrap()
                .user_decoded()
                .unwrap(),
            "a b@ü%"
        );
        assert!(Uri::sip(Some("a\r\nb"), "host", None).is_err());
    }

    #[test]
    fn equivalence_follows_rfc3261_19_1_4() {
        let same = |a: &str, b: &str| {
            Uri::parse(a)
                .unwrap()
                .is_equivalent(&Uri::parse(b).unwrap())
        };
        assert!(same(
            "sip:%61lice@atlanta.com;transport=TCP",
            "sip:alice@AtLanTa.CoM;Transport=tcp"
        ));
        assert!(same(
            "sip:carol@chicago.com",
            "sip:carol@chicago.com;newparam=5"
        ));
        assert!(!same("SIP:ALICE@AtLanTa.CoM", "sip:alice@AtLanTa.CoM"));
        assert!(!same("sip:bob@biloxi.com", "sip:bob@biloxi.com:5060"));
        assert!(!same(
            "sip:bob@biloxi.com",
            "sip:bob@biloxi.com;transport=udp"
        ));
    }
}
