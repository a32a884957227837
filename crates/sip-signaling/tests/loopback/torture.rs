//! RFC 4475 and RFC 5118: each message by its name, and what becomes of it.

mod messages;

use sip_signaling::{
    HeaderList, IncomingCalls, Method, StatusCode, UserAgent,
    message::{Message, Uri},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};

use crate::peer::{PATIENCE, Peer, agent, unique};
use messages::{RFC_4475, RFC_5118, Torture, named};

/// What a user agent makes of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// Reaches the program as a call.
    Rings,
    /// Is answered with this status; nothing reaches the program.
    Answered(u16),
    /// Nothing comes back.
    Dropped,
}

use Outcome::{Answered, Dropped, Rings};

/// Sends the message, and an OPTIONS behind it that must be answered: nothing has been killed.
async fn check(
    peer: &mut Peer,
    agent: &UserAgent,
    incoming: &mut IncomingCalls,
    torture: &Torture,
) {
    let Torture {
        name,
        bytes,
        outcome,
    } = torture;
    peer.remote = Some(agent.local_addr());
    peer.send(bytes).await;
    if *outcome == Rings {
        let arrived = timeout(PATIENCE, incoming.recv())
            .await
            .unwrap_or_else(|_| panic!("{name} did not ring"))
            .unwrap();
        arrived
            .reject(StatusCode::BUSY_HERE, None, HeaderList::new())
            .await
            .unwrap();
    }
    let expected = match outcome {
        Rings => Some(486),
        Answered(status) => Some(*status),
        Dropped => None,
    };
    let call_id = messages::call_id(bytes).unwrap_or_default();
    if let Some(status) = expected {
        let heard = timeout(PATIENCE, peer.response_for(&call_id, status));
        heard
            .await
            .unwrap_or_else(|_| panic!("{name} was not answered"));
    }
    let probe = unique();
    peer.send(&messages::options(&probe)).await;
    loop {
        let Message::Response(response) = peer.any().await else {
            panic!("{name} was answered with a request")
        };
        if response.call_id() == Some(&probe) {
            assert_eq!(response.status, StatusCode::OK, "OPTIONS after {name}");
            return;
        }
        // An INVITE is refused again and again until it is acknowledged: of the one before, too.
        let ours = response.call_id() == Some(&call_id) && response.status.is_final();
        assert!(
            !ours || expected == Some(response.status.0),
            "{name} was answered {}",
            response.status.0
        );
    }
}

async fn check_all(messages: &[Torture]) {
    let mut peer = Peer::new().await;
    let (agent, mut incoming) = agent().await;
    let mut texts = agent.messages();
    for torture in messages {
        check(&mut peer, &agent, &mut incoming, torture).await;
    }
    if messages.iter().any(|torture| torture.name == "mpart01") {
        let body = timeout(PATIENCE, texts.recv()).await.unwrap().unwrap().body;
        assert!(body.is_some_and(|body| body.is("multipart/mixed") && body.bytes.contains(&0)));
    }
    tokio::select! {
        biased;
        _ = incoming.recv() => panic!("a message that should not have rung did"),
        () = std::future::ready(()) => {}
    }
}

#[tokio::test]
async fn rfc_4475_messages_have_the_outcome_that_the_rfc_states() {
    check_all(&RFC_4475()).await;
}

#[tokio::test]
async fn rfc_5118_messages_have_the_outcome_that_the_rfc_states() {
    check_all(&RFC_5118()).await;
}

/// On a stream of its own: what comes back until the final answer; `None` if the agent closes it, or the answer to the
/// OPTIONS on it comes first.
async fn over_tcp(
    agent: &UserAgent,
    incoming: &mut IncomingCalls,
    torture: &Torture,
) -> Option<u16> {
    let mut stream = TcpStream::connect(agent.local_addr()).await.unwrap();
    stream.write_all(&torture.bytes).await.unwrap();
    if torture.outcome == Rings {
        let arrived = timeout(PATIENCE, incoming.recv()).await;
        let arrived = arrived.unwrap_or_else(|_| panic!("{} did not ring", torture.name));
        let refusal = arrived
            .unwrap()
            .reject(StatusCode::BUSY_HERE, None, HeaderList::new());
        refusal.await.unwrap();
    }
    let probe = unique();
    if torture.outcome == Dropped {
        stream.write_all(&messages::options(&probe)).await.unwrap();
    }
    let call_id = messages::call_id(&torture.bytes);
    let mut buffer = Vec::new();
    loop {
        while let Some(end) = Message::frame(&buffer, 65_536).unwrap() {
            let bytes: Vec<u8> = buffer.drain(..end).collect();
            let Message::Response(response) = Message::parse(&bytes).unwrap() else {
                panic!("{} was answered with a request", torture.name)
            };
            if response.call_id() == Some(&probe) {
                return None;
            }
            if response.status.is_final() && response.call_id() == call_id.as_deref() {
                return Some(response.status.0);
            }
        }
        match timeout(PATIENCE, stream.read_buf(&mut buffer)).await {
            Ok(Ok(0) | Err(_)) => return None,
            Ok(Ok(_)) => {}
            Err(_) => panic!("{} was not answered", torture.name),
        }
    }
}

/// The outcome is that over UDP, but for what a stream knows no end of.
#[tokio::test]
async fn over_tcp_the_outcome_is_the_same() {
    let (agent, mut incoming) = agent().await;
    let _texts = agent.messages();
    let mut peer = Peer::new().await;
    for torture in RFC_4475().iter().chain(&RFC_5118()) {
        // On a stream the rest of `clerr` may still come: it waits, and nobody else does.
        if torture.name == "clerr" {
            let mut stream = TcpStream::connect(agent.local_addr()).await.unwrap();
            stream.write_all(&torture.bytes).await.unwrap();
        } else {
            let expected = match torture.outcome {
                // Without a Call-ID it is told from others by the stream that it came on.
                _ if torture.name == "insuf" => Some(400),
                Rings => Some(486),
                Answered(status) => Some(status),
                Dropped => None,
            };
            let status = over_tcp(&agent, &mut incoming, torture).await;
            assert_eq!(status, expected, "{}", torture.name);
        }
        let probe = unique();
        peer.remote = Some(agent.local_addr());
        peer.send(&messages::options(&probe)).await;
        peer.response_for(&probe, 200).await;
    }
}

fn parse(name: &str) -> Message {
    Message::parse(&named(name).bytes).unwrap_or_else(|error| panic!("{name}: {error}"))
}

fn request(name: &str) -> sip_signaling::Request {
    match parse(name) {
        Message::Request(request) => request,
        Message::Response(_) => panic!("{name} is a response"),
    }
}

/// RFC 4475 section 3.1.1.1.
#[test]
fn wsinv_is_read_through_white_space_folding_and_case() {
    let request = request("wsinv");
    assert_eq!(
        request.uri.to_string(),
        "sip:vivekg@chair-dnrc.example.com;unknownparam"
    );
    let to = request.to().unwrap();
    assert_eq!(to.uri().to_string(), "sip:vivekg@chair-dnrc.example.com");
    assert_eq!(to.tag(), Some("1918181833n"));
    let from = request.from().unwrap();
    assert_eq!(from.display_name(), Some("J Rosenberg \\\""));
    assert_eq!(from.tag(), Some("98asjd8"));
    assert_eq!(request.headers.get("Max-Forwards"), Some("0068"));
    assert_eq!(request.call_id(), Some("wsinv.ndaksdj@192.0.2.1"));
    assert_eq!(request.cseq(), Some((9, Method::Invite)));
    let vias: Vec<_> = request
        .headers
        .get_list("Via")
        .into_iter()
        .map(|text| sip_signaling::message::Via::parse(text).unwrap())
        .collect();
    assert_eq!(vias.len(), 3);
    assert_eq!(vias[0].branch(), Some("390skdjuw"));
    assert_eq!(
        (vias[1].transport.as_str(), vias[1].host.as_str()),
        ("TCP", "spindle.example.com")
    );
    assert_eq!(vias[1].branch(), Some("z9hG4bK9ikj8"));
    assert_eq!(vias[2].host, "192.168.255.111");
    assert_eq!(
        request.headers.get("UnknownHeaderWithUnusualValue"),
        Some(";;,,;;,;")
    );
    assert_eq!(request.headers.get_list("Route").len(), 1);
    let contacts = request.headers.get_list("Contact");
    assert_eq!(contacts.len(), 2, "{contacts:?}");
    assert_eq!(
        request.contact().unwrap().display_name(),
        Some("Quoted string \"\"")
    );
    assert!(!request.body.is_empty());
}

/// RFC 4475 section 3.1.1.2.
#[test]
fn intmeth_has_a_method_and_a_user_of_all_the_characters_that_the_grammar_allows() {
    let request = request("intmeth");
    assert_eq!(
        request.method.as_str(),
        "!interesting-Method0123456789_*+`.%indeed'~"
    );
    assert_eq!(
        request.to().unwrap().uri().user(),
        Some("1_unusual.URI~(to-be!sure)&isn't+it$/crazy?,/;;*")
    );
    assert_eq!(request.from().unwrap().tag(), Some("_token~1'+`*%!-."));
}

/// RFC 4475 sections 3.1.1.3 to 3.1.1.5.
#[test]
fn escapes_stay_where_they_stand_until_the_user_part_is_asked_for() {
    let esc01 = request("esc01");
    assert_eq!(
        esc01.uri.user_decoded().as_deref(),
        Some("sips:user@example.com")
    );
    assert_eq!(esc01.uri.host(), "example.net");
    let from = esc01.from().unwrap();
    assert_eq!(from.uri().user_decoded().as_deref(), Some("I have spaces"));
    let escnull = request("escnull");
    assert_eq!(
        escnull.to().unwrap().uri().user_decoded().as_deref(),
        Some("null-\0-null")
    );
    assert_eq!(request("esc02").method.as_str(), "RE%47IST%45R");
}

/// RFC 4475 sections 3.1.1.6 to 3.1.1.10.
#[test]
fn odd_but_right_forms_mean_what_they_say() {
    let lwsdisp = request("lwsdisp");
    assert_eq!(lwsdisp.from().unwrap().display_name(), Some("caller"));
    let longreq = request("longreq");
    assert!(longreq.to().unwrap().display_name().unwrap().len() > 200);
    assert_eq!(longreq.headers.get_list("Via").len(), 34);
    assert_eq!(
        longreq.call_id().unwrap().len(),
        "longreq.one".len() + 10 * "really".len() + "longcallid".len()
    );
    let semiuri = request("semiuri");
    assert_eq!(
        semiuri.uri.user_decoded().as_deref(),
        Some("user;par=u@example.net")
    );
    assert_eq!(semiuri.uri.host(), "example.com");
    let transports = request("transports");
    let names: Vec<_> = transports
        .headers
        .get_list("Via")
        .into_iter()
        .map(|text| sip_signaling::message::Via::parse(text).unwrap().transport)
        .collect();
    assert_eq!(names, ["UDP", "SCTP", "TLS", "UNKNOWN", "TCP"]);
}

/// RFC 4475 sections 3.1.1.12 and 3.1.1.13.
#[test]
fn reason_phrases_may_hold_anything_or_nothing() {
    let Message::Response(unreason) = parse("unreason") else {
        panic!()
    };
    assert_eq!(unreason.status.0, 200);
    assert!(unreason.reason().starts_with("= 2**3 * 5**2 "));
    assert!(unreason.reason().ends_with('й'));
    let Message::Response(noreason) = parse("noreason") else {
        panic!()
    };
    assert_eq!((noreason.status.0, noreason.reason()), (100, ""));
}

/// RFC 4475 sections 3.3.12 and 3.3.13: parameters behind a bare URI are the header's, those within brackets the URI's.
#[test]
fn contact_parameters_belong_to_whom_the_brackets_say() {
    let bare = request("cparam01").contact().unwrap();
    assert!(bare.params().contains("unknownparam") && bare.uri().params().is_empty());
    let bracketed = request("cparam02").contact().unwrap();
    assert!(bracketed.uri().params().contains("unknownparam") && bracketed.params().is_empty());
    let escaped = request("regescrt").contact().unwrap();
    assert_eq!(
        escaped.uri().headers(),
        Some("Route=%3Csip:sip.example.com%3E")
    );
}

/// RFC 5118 sections 4.1 to 4.5 and 4.9.
#[test]
fn ipv6_addresses_are_read_with_and_without_their_delimiters() {
    assert_eq!(request("ipv6-good").uri.host(), "2001:db8::10");
    assert_eq!(Uri::parse("sip:2001:db8::10").ok(), None);
    let ambiguous = request("port-ambiguous");
    assert_eq!(
        (ambiguous.uri.host(), ambiguous.uri.port()),
        ("2001:db8::10:5070", None)
    );
    let clear = request("port-unambiguous");
    assert_eq!(
        (clear.uri.host(), clear.uri.port()),
        ("2001:db8::10", Some(5070))
    );
    for name in [
        "via-received-param-with-delim",
        "via-received-param-without-delim",
    ] {
        assert_eq!(
            request(name).via().unwrap().received(),
            "2001:db8::9:255".parse().ok(),
            "{name}"
        );
    }
    let mapped = request("ipv4-mapped-ipv6");
    assert_eq!(
        mapped.contact().unwrap().uri().host_ip(),
        "::ffff:192.0.2.10".parse().ok()
    );
}

/// RFC 4475 section 3.3.1: `insuf` has neither From, To nor Call-ID.
#[tokio::test]
async fn incomplete_requests_are_answered_400() {
    let mut peer = Peer::new().await;
    let (agent, _incoming) = agent().await;
    peer.remote = Some(agent.local_addr());
    peer.send(&named("insuf").bytes).await;
    peer.response(Method::Invite, 400).await;
}

/// RFC 4475 section 3.3.4 and RFC 3261 section 8.2.2.3.
#[tokio::test]
async fn refusals_name_what_is_not_supported() {
    let mut peer = Peer::new().await;
    let (agent, _incoming) = agent().await;
    peer.remote = Some(agent.local_addr());
    for (name, status, header, value) in [
        (
            "bext01",
            420,
            "Unsupported",
            "nothingSupportsThis, nothingSupportsThisEither",
        ),
        ("invut", 415, "Accept", "application/sdp"),
        ("sdp01", 406, "Accept", "application/sdp"),
    ] {
        let torture = named(name);
        peer.send(&torture.bytes).await;
        let call_id = messages::call_id(&torture.bytes).unwrap();
        let response = peer.response_for(&call_id, status).await;
        assert_eq!(response.headers.get(header), Some(value), "{name}");
    }
}
