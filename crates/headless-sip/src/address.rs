//! From what a person types to a SIP URI.

use sip_signaling::{Uri, message::Scheme};

use crate::Error;

/// A registrar, proxy or host as it is typed: a SIP URI, or a bare host name with or without a port.
pub(crate) fn server(text: &str, what: &str) -> Result<Uri, Error> {
    let text = text.trim();
    let whole = if has_scheme(text) {
        text.to_owned()
    } else {
        format!("sip:{text}")
    };
    parse(&whole, what)
}

/// What was dialled: a SIP URI, `user@host`, or a bare user or telephone number at the domain of the account.
///
/// A `tel:` URI (RFC 3966) is called as a telephone number at that domain (RFC 3261 section 19.1.6).
pub(crate) fn target(text: &str, domain: Option<&Uri>) -> Result<Uri, Error> {
    let text = text.trim();
    if text.is_empty() {
        return Err(Error::Config(
            "nothing was dialled; give a SIP URI, a user or a number".into(),
        ));
    }
    if let Some(number) = text.strip_prefix("tel:") {
        let number = number.split(';').next().unwrap_or(number);
        let (scheme, host) = host(domain, text)?;
        return parse(
            &format!("{scheme}:{number}@{host};user=phone"),
            "the number dialled",
        );
    }
    if has_scheme(text) {
        return parse(text, "the address dialled");
    }
    if text.contains('@') {
        return parse(&format!("sip:{text}"), "the address dialled");
    }
    let (scheme, host) = host(domain, text)?;
    parse(&format!("{scheme}:{text}@{host}"), "the address dialled")
}

fn has_scheme(text: &str) -> bool {
    ["sip:", "sips:", "tel:"].iter().any(|scheme| {
        text.get(..scheme.len())
            .is_some_and(|start| start.eq_ignore_ascii_case(scheme))
    })
}

/// The scheme, and the host with what says how it is reached, of the account.
fn host(domain: Option<&Uri>, dialled: &str) -> Result<(Scheme, String), Error> {
    let domain = domain.ok_or_else(|| {
        Error::Config(format!(
            "{dialled:?} names no host and there is no registrar to complete it; dial sip:USER@HOST, or set a registrar"
        ))
    })?;
    let transport = domain.params().get("transport");
    let transport = transport.map_or_else(String::new, |name| format!(";transport={name}"));
    Ok((domain.scheme(), host_port(domain) + &transport))
}

/// `host` or `host:port` of a URI.
pub(crate) fn host_port(uri: &Uri) -> String {
    match uri.port() {
        Some(port) => format!("{}:{port}", uri.host()),
        None => uri.host().to_string(),
    }
}

fn parse(text: &str, what: &str) -> Result<Uri, Error> {
    text.parse()
        .map_err(|error| Error::Config(format!("{what}, {text:?}: {error}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dial(text: &str) -> String {
        let domain = server("pbx.example.com:5070", "the registrar").unwrap();
        target(text, Some(&domain)).unwrap().to_string()
    }

    #[test]
    fn a_user_or_a_number_is_completed_with_the_registrars_host() {
        assert_eq!(dial("bob"), "sip:bob@pbx.example.com:5070");
        assert_eq!(dial("+15551234"), "sip:+15551234@pbx.example.com:5070");
        assert_eq!(
            dial("tel:+15551234;phone-context=x"),
            "sip:+15551234@pbx.example.com:5070;user=phone"
        );
    }

    #[test]
    fn what_is_dialled_goes_the_way_of_the_registrar() {
        for (registrar, dialled) in [
            ("sips:pbx.example.com", "sips:bob@pbx.example.com"),
            (
                "sip:pbx.example.com;transport=tls",
                "sip:bob@pbx.example.com;transport=tls",
            ),
        ] {
            let domain = server(registrar, "the registrar").unwrap();
            assert_eq!(target("bob", Some(&domain)).unwrap().to_string(), dialled);
        }
    }

    #[test]
    fn a_full_address_stays_as_it_is() {
        assert_eq!(
            dial("sip:bob@192.0.2.1:5062;transport=tcp"),
            "sip:bob@192.0.2.1:5062;transport=tcp"
        );
        assert_eq!(dial("bob@example.org"), "sip:bob@example.org");
    }

    #[test]
    fn a_user_without_a_registrar_is_an_error_that_says_what_to_do() {
        let error = target("bob", None).unwrap_err().to_string();
        assert!(error.contains("set a registrar"), "{error}");
        assert!(target(" ", None).is_err());
    }
}
