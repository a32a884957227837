//! Calls that do not work, each with its exit code and a word on why.

use std::net::UdpSocket;
use std::time::{Duration, Instant};

use crate::peer::{Manner, Peer};
use crate::process::{Headless, Pbx};

#[test]
fn a_busy_far_end_is_3() {
    let mut answer = Headless::start(&[
        "answer",
        "--local",
        "127.0.0.1:0",
        "--reject",
        "486",
        "--calls",
        "1",
    ]);
    let address = answer.event("listening")["address"]
        .as_str()
        .expect("an address")
        .to_owned();
    let finished = Headless::start(&["call", &format!("sip:bob@{address}")]).finish();
    let ended = finished.assert_code(3).event("ended");
    assert_eq!(
        (&ended["status"], &ended["by"]),
        (&486.into(), &"remote".into())
    );
    assert_eq!(ended["reason"], "Busy Here");
    assert!(ended["stats"].is_null(), "{ended}");
    assert!(finished.stderr.contains("486"), "{finished:?}");
    answer.finish().assert_code(0);
}

#[test]
fn a_codec_that_the_far_end_does_not_take_is_3() {
    let mut answer = Headless::start(&[
        "answer",
        "--local",
        "127.0.0.1:0",
        "--codec",
        "pcma",
        "--echo",
    ]);
    let address = answer.event("listening")["address"]
        .as_str()
        .expect("an address")
        .to_owned();
    let finished =
        Headless::start(&["call", &format!("sip:bob@{address}"), "--codec", "pcmu"]).finish();
    assert_eq!(finished.assert_code(3).event("ended")["status"], 488);
}

#[test]
fn a_telephone_that_nobody_answers_is_5_and_is_cancelled() {
    let peer = Peer::start(Manner::OnlyRings);
    let finished = Headless::start(&["call", &peer.uri(), "--ring", "1"]).finish();
    finished.assert_code(5).event("ringing");
    assert_eq!(finished.event("ended")["by"], "timeout");
    let methods = peer.stop();
    assert!(
        methods.iter().any(|method| method == "CANCEL"),
        "{methods:?}"
    );
}

#[test]
fn an_address_where_nobody_is_is_5_in_the_time_that_was_given() {
    let pbx = Pbx::start();
    let began = Instant::now();
    let finished = Headless::start(&["call", &pbx.uri("blackhole"), "--ring", "1"]).finish();
    assert_eq!(finished.assert_code(5).event("ended")["by"], "timeout");
    assert!(
        began.elapsed() < Duration::from_secs(15),
        "{:?}",
        began.elapsed()
    );
}

#[test]
fn ctrl_c_while_it_rings_cancels() {
    let peer = Peer::start(Manner::OnlyRings);
    let mut call = Headless::start(&["call", &peer.uri()]);
    call.event("ringing");
    call.signal("INT");
    let finished = call.finish();
    assert_eq!(finished.assert_code(0).event("ended")["by"], "local");
    let methods = peer.stop();
    assert!(
        methods.iter().any(|method| method == "CANCEL"),
        "{methods:?}"
    );
}

#[test]
fn a_call_without_sound_is_6_and_told() {
    let peer = Peer::start(Manner::Mute);
    let finished = Headless::start(&["call", &peer.uri(), "--seconds", "7"]).finish();
    finished.assert_code(6);
    assert_eq!(finished.event("no_media")["cause"], "nothing_arrives");
    assert!(finished.stderr.contains("no sound arrived"), "{finished:?}");
    let methods = peer.stop();
    assert!(methods.iter().any(|method| method == "BYE"), "{methods:?}");
}

#[test]
fn an_answer_that_is_no_sdp_is_3_and_the_call_is_ended() {
    let peer = Peer::start(Manner::Babbles);
    let finished = Headless::start(&["call", &peer.uri()]).finish();
    finished.assert_code(3);
    let methods = peer.stop();
    assert!(methods.iter().any(|method| method == "BYE"), "{methods:?}");
}

#[test]
fn rtp_ports_that_are_taken_are_1_and_named() {
    let (_even, _odd, port) = taken_pair();
    let range = format!("{port}-{}", port + 1);
    let finished =
        Headless::start(&["call", "sip:bob@127.0.0.1:9", "--rtp-ports", &range]).finish();
    finished.assert_code(1);
    assert!(finished.stderr.contains(&port.to_string()), "{finished:?}");
}

#[test]
fn a_sip_port_that_is_taken_is_1_and_named() {
    let taken = UdpSocket::bind("127.0.0.1:0").expect("a free port");
    let address = taken.local_addr().expect("it is bound").to_string();
    for arguments in [
        &["answer", "--local", &address][..],
        &["pbx", "--listen", &address],
    ] {
        let finished = Headless::start(arguments).finish();
        finished.assert_code(1);
        assert!(finished.stderr.contains(&address), "{finished:?}");
    }
}

/// An even port and the next, both held.
fn taken_pair() -> (UdpSocket, UdpSocket, u16) {
    for _ in 0..1_000 {
        let first = UdpSocket::bind("0.0.0.0:0").expect("a free port");
        let port = first.local_addr().expect("it is bound").port();
        if port.is_multiple_of(2)
            && let Ok(second) = UdpSocket::bind(("0.0.0.0", port + 1))
        {
            return (first, second, port);
        }
    }
    panic!("no free pair of ports");
}
