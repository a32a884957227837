//! Our messages to rsipstack's and back.

use rsipstack::{
    sip::{self, Domain, Host, HostWithPort, SipMessage, headers::make_header},
    transport::SipAddr,
};

use super::target::Target;
use crate::{
    SignalingError, Transport,
    message::{HeaderList, Message, Method, Request, Response, Scheme, StatusCode, Uri},
};

pub(super) fn to_stack_request(request: &Request) -> Result<sip::Request, SignalingError> {
    Ok(sip::Request {
        method: request
            .method
            .as_str()
            .parse()
            .map_err(|_| SignalingError::input("method", "it cannot be sent"))?,
        uri: to_stack_uri(&request.uri),
        version: sip::Version::V2,
        headers: to_stack_headers(&request.headers, request.body.len()),
        body: request.body.clone(),
    })
}

/// rsipstack would escape the user part a second time and refuses transports that it does not know, so the URI goes
/// through as the text of a host name; destinations are always given beside it.
fn to_stack_uri(uri: &Uri) -> sip::Uri {
    let text = uri.to_string();
    let rest = text.split_once(':').map_or(text.as_str(), |(_, rest)| rest);
    let scheme = match uri.scheme() {
        Scheme::Sip => sip::Scheme::Sip,
        Scheme::Sips => sip::Scheme::Sips,
        Scheme::Tel => sip::Scheme::Other("tel".to_owned()),
    };
    sip::Uri {
        scheme: Some(scheme),
        auth: None,
        host_with_port: HostWithPort {
            host: Host::Domain(Domain(rest.to_owned())),
            port: None,
        },
        params: Vec::new(),
        headers: Vec::new(),
    }
}

pub(super) fn to_stack_response(response: &Response) -> sip::Response {
    let code = response.status.0;
    let known = sip::StatusCode::from(code);
    // rsipstack prints the standard phrase of a code that it knows; another phrase needs the open variant. 100 is
    // compared by variant in its state machine.
    let status_code = if code == 100 || known.text() == response.reason() {
        known
    } else {
        sip::StatusCode::Other(code, response.reason().to_owned())
    };
    sip::Response {
        status_code,
        wire_reason: None,
        version: sip::Version::V2,
        headers: to_stack_headers(&response.headers, response.body.len()),
        body: response.body.clone(),
    }
}

fn to_stack_headers(headers: &HeaderList, body: usize) -> sip::Headers {
    let mut out: Vec<sip::Header> = headers
        .iter()
        .filter(|(name, _)| !name.eq_ignore_ascii_case("Content-Length"))
        .map(|(name, value)| make_header(name, value.to_owned()))
        .collect();
    out.push(make_header("Content-Length", body.to_string()));
    out.into()
}

pub(super) fn from_stack_request(request: &sip::Request) -> Option<Request> {
    let mut out = Request::new(
        Method::parse(&request.method.to_string()).ok()?,
        from_stack_uri(&request.uri)?,
    );
    out.headers = from_stack_headers(&request.headers);
    out.body = request.body.clone();
    Some(out)
}

/// Puts the text together again as it stood on the wire: rsipstack's own printing escapes twice.
fn from_stack_uri(uri: &sip::Uri) -> Option<Uri> {
    let mut text = match &uri.scheme {
        Some(scheme) => format!("{scheme}:"),
        None => return None,
    };
    if let Some(auth) = &uri.auth {
        text.push_str(&auth.user);
        if let Some(password) = &auth.password {
            text.push(':');
            text.push_str(password);
        }
        text.push('@');
    }
    let bare = sip::Uri {
        scheme: None,
        auth: None,
        ..uri.clone()
    };
    text.push_str(&bare.to_string());
    Uri::parse(&text).ok()
}

pub(super) fn from_stack_response(response: &sip::Response) -> Response {
    let reason = response
        .wire_reason
        .as_deref()
        .unwrap_or(response.status_code.text())
        .to_owned();
    let headers = from_stack_headers(&response.headers);
    Response::from_parts(
        StatusCode(response.status_code.code()),
        reason,
        headers,
        response.body.clone(),
    )
}

fn from_stack_headers(headers: &sip::Headers) -> HeaderList {
    let mut out = HeaderList::new();
    for header in headers.iter() {
        let text = header.to_string();
        if let Some((name, value)) = text.split_once(':') {
            match name {
                "Via" => out.push_raw(name, plain_received(value)),
                _ => out.push_raw(name, value),
            }
        }
    }
    out
}

/// rsipstack writes `received=[[2001:db8::7]]`; RFC 3261 section 25.1 has no brackets there.
fn plain_received(via: &str) -> String {
    match via.split_once("received=[") {
        Some((head, tail)) => {
            let (address, rest) = tail.split_at(tail.find([';', ',']).unwrap_or(tail.len()));
            format!("{head}received={}{rest}", address.trim_matches(['[', ']']))
        }
        None => via.to_owned(),
    }
}

pub(super) fn from_stack_message(message: &SipMessage) -> Option<Message> {
    match message {
        SipMessage::Request(request) => from_stack_request(request).map(Message::Request),
        SipMessage::Response(response) => Some(Message::Response(from_stack_response(response))),
    }
}

pub(super) fn to_stack_addr(target: Target) -> SipAddr {
    let transport = match target.transport {
        Transport::Udp => sip::Transport::Udp,
        Transport::Tcp => sip::Transport::Tcp,
        Transport::Tls => sip::Transport::Tls,
        Transport::Ws => sip::Transport::Ws,
        Transport::Wss => sip::Transport::Wss,
    };
    SipAddr::new(transport, target.addr.into())
}

pub(super) fn from_stack_addr(addr: &SipAddr) -> Option<Target> {
    let transport = match addr.r#type {
        Some(sip::Transport::Tcp) => Transport::Tcp,
        Some(sip::Transport::Tls) => Transport::Tls,
        Some(sip::Transport::Ws) => Transport::Ws,
        Some(sip::Transport::Wss) => Transport::Wss,
        _ => Transport::Udp,
    };
    addr.get_socketaddr()
        .ok()
        .map(|addr| Target::of(transport, addr))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn uris_pass_through_the_stack_as_written() {
        for text in [
            "sip:%2B1555%20x@gw.example.com:5070;transport=unknown;lr",
            "sip:+1555;phone-context=x@gw",
            "sip:a@[2001:db8::1]:5062",
            "sips:host",
            "tel:+123",
        ] {
            let uri = Uri::parse(text).unwrap();
            assert_eq!(to_stack_uri(&uri).to_string(), text);
        }
        for text in [
            "sip:%2B1555%20x@gw.example.com:5070;transport=TCP;lr",
            "sip:+1555;phone-context=x@gw",
            "sip:a@[2001:db8::1]:5062",
        ] {
            let message =
                format!("INVITE {text} SIP/2.0\r\nVia: SIP/2.0/UDP a;branch=z9hG4bK1\r\n\r\n");
            let SipMessage::Request(request) = SipMessage::try_from(message.as_str()).unwrap()
            else {
                panic!()
            };
            assert_eq!(from_stack_request(&request).unwrap().uri.to_string(), text);
        }
    }

    #[test]
    fn received_loses_its_brackets() {
        assert_eq!(
            plain_received("SIP/2.0/UDP [::1]:5;received=[[2001:db8::7]];rport=9"),
            "SIP/2.0/UDP [::1]:5;received=2001:db8::7;rport=9"
        );
        assert_eq!(
            plain_received("SIP/2.0/UDP a;received=10.0.0.1"),
            "SIP/2.0/UDP a;received=10.0.0.1"
        );
    }
}
