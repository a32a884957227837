//! A far end that answers and then does something wrong with its media: the program is told what.

mod common;

use std::net::UdpSocket;
use std::time::Duration;

use common::scripted_peer::{ScriptedPeer, pcmu};
use common::*;
use headless_sip::{CallEvent, ClientConfig, EndedBy, Error, NoMediaCause};

fn impatient() -> ClientConfig {
    ClientConfig {
        no_media_after: Duration::from_millis(400),
        media_timeout: Some(Duration::from_millis(1_500)),
        ..config()
    }
}

#[tokio::test]
async fn silence_on_the_wire_is_told_and_ends_the_call_after_the_media_timeout() {
    let peer = ScriptedPeer::start(pcmu);
    let alice = client(impatient()).await;
    let mut call = within(alice.call(&peer.uri())).await.unwrap();
    let told = event(&mut call, |e| matches!(e, CallEvent::NoMedia(_))).await;
    assert_eq!(told, CallEvent::NoMedia(NoMediaCause::NothingArrives));
    assert_eq!(
        within(call.events.ended()).await.unwrap().by,
        EndedBy::MediaTimeout
    );
}

#[tokio::test]
async fn packets_of_a_payload_type_that_was_not_negotiated_are_named() {
    let peer = ScriptedPeer::start(pcmu);
    let alice = client(impatient()).await;
    let mut call = within(alice.call(&peer.uri())).await.unwrap();
    let (rtp, theirs) = peer.media.recv_timeout(PATIENCE).unwrap();
    let sending = std::thread::spawn(move || {
        for n in 0..60_u16 {
            // G.729 (18), which nobody offered.
            let mut packet = vec![0x80, 18];
            packet.extend(n.to_be_bytes());
            packet.extend((u32::from(n) * 160).to_be_bytes());
            packet.extend([1, 2, 3, 4]);
            packet.extend([0; 20]);
            let _ = rtp.send_to(&packet, theirs);
            std::thread::sleep(Duration::from_millis(20));
        }
    });
    let told = event(&mut call, |e| matches!(e, CallEvent::NoMedia(_))).await;
    assert!(
        matches!(
            told,
            CallEvent::NoMedia(NoMediaCause::WrongPayloadType { .. })
        ),
        "{told:?}"
    );
    drop(call);
    sending.join().unwrap();
}

#[tokio::test]
async fn an_answer_that_cannot_be_read_ends_the_call_with_an_error() {
    let peer = ScriptedPeer::start(|_| "this is not SDP\r\n".into());
    let alice = client(config()).await;
    let error = within(alice.call(&peer.uri())).await.unwrap_err();
    assert!(matches!(error, Error::PeerIncompatible(_)), "{error}");
}

#[tokio::test]
async fn an_answer_that_demands_srtp_says_so() {
    let peer = ScriptedPeer::start(|rtp| pcmu(rtp).replace("RTP/AVP", "RTP/SAVP"));
    let alice = client(config()).await;
    let error = within(alice.call(&peer.uri()))
        .await
        .unwrap_err()
        .to_string();
    assert!(error.contains("SRTP"), "{error}");
}

#[tokio::test]
async fn an_answer_without_sdp_ends_the_call_with_an_error() {
    let peer = ScriptedPeer::start(|_| String::new());
    let alice = client(config()).await;
    let error = within(alice.call(&peer.uri())).await.unwrap_err();
    assert!(matches!(error, Error::PeerIncompatible(_)), "{error}");
}

#[tokio::test]
async fn a_far_end_that_says_nothing_at_all_is_given_up_after_the_ring_time() {
    let silent = UdpSocket::bind("127.0.0.1:0").unwrap();
    let alice = client(config()).await;
    let call = alice
        .dial(&format!("sip:peer@{}", silent.local_addr().unwrap()))
        .ring_timeout(Duration::from_millis(300))
        .await
        .unwrap();
    let error = within(call.answered()).await.unwrap_err();
    assert!(matches!(error, Error::Timeout(_)), "{error}");
}
