//! The media of a call on its way through the impaired network of the exchange.

use crate::script::{Phone, ack_of, in_dialog};
use sip_signaling::{Body, Method, Request, Response, StatusCode};
use sip_testkit::network::{ImpairmentConfig, Loss};
use sip_testkit::pbx::Pbx;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::net::UdpSocket;

/// RTP and RTCP sockets of one phone.
struct Media {
    rtp: UdpSocket,
    rtcp: UdpSocket,
}

impl Media {
    async fn new() -> Media {
        let socket = || async { UdpSocket::bind("127.0.0.1:0").await.unwrap() };
        Media {
            rtp: socket().await,
            rtcp: socket().await,
        }
    }

    fn sdp(&self, version: u32) -> Body {
        let (rtp, rtcp) = (
            self.rtp.local_addr().unwrap().port(),
            self.rtcp.local_addr().unwrap().port(),
        );
        Body::sdp(format!(
            "v=0\r\no=- 1 {version} IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n\
             m=audio {rtp} RTP/AVP 0\r\na=rtcp:{rtcp}\r\n"
        ))
    }
}

/// The RTP and RTCP addresses in a body.
fn addresses(body: &[u8]) -> (SocketAddr, SocketAddr) {
    let text = std::str::from_utf8(body).unwrap();
    let field = |start: &str, index: usize| {
        let line = text.lines().rfind(|line| line.starts_with(start)).unwrap();
        line[start.len()..]
            .split(' ')
            .nth(index)
            .unwrap()
            .to_owned()
    };
    let ip = field("c=", 2);
    let address = |port: String| format!("{ip}:{port}").parse().unwrap();
    (address(field("m=", 1)), address(field("a=rtcp:", 0)))
}

async fn receive(socket: &UdpSocket) -> (Vec<u8>, SocketAddr) {
    let mut buffer = [0; 2000];
    let received = tokio::time::timeout(Duration::from_secs(5), socket.recv_from(&mut buffer));
    let (length, from) = received.await.expect("a datagram within 5 s").unwrap();
    (buffer[..length].to_vec(), from)
}

struct Setup {
    pbx: Pbx,
    alice: Phone,
    bob: Phone,
    alices: Media,
    bobs: Media,
    /// The INVITE as the callee saw it.
    invite: Request,
    /// The 200 as the caller saw it.
    ok: Response,
}

async fn call(impairment: Option<ImpairmentConfig>) -> Setup {
    let builder = Pbx::builder()
        .user("bob", "secret")
        .challenge_calls(false)
        .extensions(false);
    let pbx = match impairment {
        Some(impairment) => builder.impairment(impairment),
        None => builder,
    };
    let pbx = pbx.start().await.unwrap();
    let (mut alice, mut bob) = (
        Phone::udp("alice", &pbx).await,
        Phone::udp("bob", &pbx).await,
    );
    let (alices, bobs) = (Media::new().await, Media::new().await);
    bob.register("secret").await;
    let mut invite = alice.invite_request("bob", "media");
    invite.set_body(Some(alices.sdp(1))).unwrap();
    alice.send(invite.to_bytes()).await;
    let invite = bob.expect_request(Method::Invite).await;
    answer(&mut bob, &invite, bobs.sdp(1)).await;
    let ok = alice.expect(200).await;
    Setup {
        pbx,
        alice,
        bob,
        alices,
        bobs,
        invite,
        ok,
    }
}

async fn answer(phone: &mut Phone, request: &Request, body: Body) {
    let mut response = Response::to_request(request, StatusCode::OK, Some("answer"));
    for route in request.headers.get_all("Record-Route") {
        response.headers.push("Record-Route", route).unwrap();
    }
    response
        .headers
        .push("Contact", format!("<{}>", phone.contact()))
        .unwrap();
    response.set_body(Some(body)).unwrap();
    phone.send(response.to_bytes()).await;
}

#[tokio::test]
async fn without_impairment_the_sdp_passes_untouched() {
    let setup = call(None).await;
    assert_eq!(setup.invite.body, setup.alices.sdp(1).bytes);
    assert_eq!(setup.ok.body, setup.bobs.sdp(1).bytes);
}

#[tokio::test]
async fn rtp_and_rtcp_pass_both_ways_through_the_relay() {
    let setup = call(Some(ImpairmentConfig::default())).await;
    let (to_alice, to_alice_rtcp) = addresses(&setup.invite.body);
    let (to_bob, to_bob_rtcp) = addresses(&setup.ok.body);
    assert_ne!(to_alice, setup.alices.rtp.local_addr().unwrap());
    assert_eq!(
        (to_alice.port() % 2, to_alice_rtcp.port()),
        (0, to_alice.port() + 1)
    );
    setup
        .alices
        .rtp
        .send_to(b"alice rtp", to_bob)
        .await
        .unwrap();
    setup
        .alices
        .rtcp
        .send_to(b"alice rtcp", to_bob_rtcp)
        .await
        .unwrap();
    setup.bobs.rtp.send_to(b"bob rtp", to_alice).await.unwrap();
    setup
        .bobs
        .rtcp
        .send_to(b"bob rtcp", to_alice_rtcp)
        .await
        .unwrap();
    // Each hears the other from the very address that it was told of.
    assert_eq!(
        receive(&setup.bobs.rtp).await,
        (b"alice rtp".to_vec(), to_alice)
    );
    assert_eq!(
        receive(&setup.bobs.rtcp).await,
        (b"alice rtcp".to_vec(), to_alice_rtcp)
    );
    assert_eq!(
        receive(&setup.alices.rtp).await,
        (b"bob rtp".to_vec(), to_bob)
    );
    assert_eq!(
        receive(&setup.alices.rtcp).await,
        (b"bob rtcp".to_vec(), to_bob_rtcp)
    );
}

#[tokio::test]
async fn a_re_invite_keeps_the_relay_and_moves_its_end() {
    let mut setup = call(Some(ImpairmentConfig::default())).await;
    let (to_bob, _) = addresses(&setup.ok.body);
    // The callee moves to other ports; the caller keeps sending to the relay.
    let moved = Media::new().await;
    let caller = setup.invite.contact().unwrap().uri().to_string();
    let to = setup.invite.headers.get("From").unwrap().to_owned();
    let mut reinvite = setup.bob.request("INVITE", &caller, &to, "media", &[]);
    reinvite
        .headers
        .set("From", setup.ok.headers.get("To").unwrap())
        .unwrap();
    reinvite
        .headers
        .push("Route", setup.invite.headers.get("Record-Route").unwrap())
        .unwrap();
    reinvite
        .headers
        .push("Contact", format!("<{}>", setup.bob.contact()))
        .unwrap();
    reinvite.set_body(Some(moved.sdp(2))).unwrap();
    setup.bob.send(reinvite.to_bytes()).await;
    let seen = setup.alice.expect_request(Method::Invite).await;
    assert_eq!(
        addresses(&seen.body).0,
        to_bob,
        "the caller sees the address that it knows"
    );
    answer(&mut setup.alice, &seen, setup.alices.sdp(2)).await;
    setup.bob.expect(200).await;
    setup
        .alices
        .rtp
        .send_to(b"to the new place", to_bob)
        .await
        .unwrap();
    assert_eq!(receive(&moved.rtp).await.0, b"to the new place");
}

#[tokio::test]
async fn an_offer_in_the_200_and_its_answer_in_the_ack_go_through_the_relay_too() {
    let pbx = Pbx::builder()
        .user("bob", "secret")
        .challenge_calls(false)
        .extensions(false);
    let pbx = pbx
        .impairment(ImpairmentConfig::default())
        .start()
        .await
        .unwrap();
    let (mut alice, mut bob) = (
        Phone::udp("alice", &pbx).await,
        Phone::udp("bob", &pbx).await,
    );
    let (alices, bobs) = (Media::new().await, Media::new().await);
    bob.register("secret").await;
    let invite = alice.invite_request("bob", "late");
    alice.send(invite.to_bytes()).await;
    let seen = bob.expect_request(Method::Invite).await;
    answer(&mut bob, &seen, bobs.sdp(1)).await;
    let ok = alice.expect(200).await;
    let mut ack = in_dialog(&mut alice, "ACK", &ok);
    ack.set_body(Some(alices.sdp(1))).unwrap();
    alice.send(ack.to_bytes()).await;
    let ack = bob.expect_request(Method::Ack).await;
    bobs.rtp
        .send_to(b"hello", addresses(&ack.body).0)
        .await
        .unwrap();
    assert_eq!(
        receive(&alices.rtp).await,
        (b"hello".to_vec(), addresses(&ok.body).0)
    );
}

#[tokio::test]
async fn the_loss_asked_for_is_the_loss_that_happens_and_is_counted() {
    let bad = ImpairmentConfig {
        loss: Loss::Random(0.3),
        ..ImpairmentConfig::default()
    };
    let mut setup = call(Some(bad)).await;
    let (to_bob, _) = addresses(&setup.ok.body);
    let mut heard = 0;
    for n in 0..1000_u32 {
        setup
            .alices
            .rtp
            .send_to(&n.to_be_bytes(), to_bob)
            .await
            .unwrap();
        while setup.pbx.media_stats().a_to_b.offered <= u64::from(n) {
            tokio::task::yield_now().await;
        }
        while setup.bobs.rtp.try_recv_from(&mut [0; 100]).is_ok() {
            heard += 1;
        }
    }
    let stats = setup.pbx.media_stats();
    assert!((stats.a_to_b.loss_share() - 0.3).abs() < 0.06, "{stats:?}");
    while heard < stats.a_to_b.delivered() {
        receive(&setup.bobs.rtp).await;
        heard += 1;
    }
    // The figures outlive the call, its sockets do not.
    let bye = in_dialog(&mut setup.alice, "BYE", &setup.ok);
    setup.alice.send(bye.to_bytes()).await;
    let bye = setup.bob.expect_request(Method::Bye).await;
    setup.bob.answer(&bye, 200).await;
    setup.alice.expect(200).await;
    assert_eq!(setup.pbx.media_stats(), stats);
    wait_until_free(to_bob).await;
}

#[tokio::test]
async fn a_rejected_call_gives_its_relay_back() {
    let pbx = Pbx::builder()
        .user("bob", "secret")
        .challenge_calls(false)
        .extensions(false);
    let pbx = pbx
        .impairment(ImpairmentConfig::default())
        .start()
        .await
        .unwrap();
    let (mut alice, mut bob) = (
        Phone::udp("alice", &pbx).await,
        Phone::udp("bob", &pbx).await,
    );
    bob.register("secret").await;
    let mut invite = alice.invite_request("bob", "rejected");
    invite.set_body(Some(Media::new().await.sdp(1))).unwrap();
    alice.send(invite.to_bytes()).await;
    let seen = bob.expect_request(Method::Invite).await;
    let (relay, _) = addresses(&seen.body);
    assert!(
        std::net::UdpSocket::bind(relay).is_err(),
        "the relay holds its port"
    );
    bob.answer(&seen, 486).await;
    let busy = alice.expect(486).await;
    alice.send(ack_of(&invite, &busy).to_bytes()).await;
    wait_until_free(relay).await;
}

/// An aborted task gives its sockets back when the runtime next comes to it.
async fn wait_until_free(addr: SocketAddr) {
    let free = async {
        while std::net::UdpSocket::bind(addr).is_err() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(5), free)
        .await
        .expect("the relay's port is free again");
}
