//! The harness held against itself: the peers call each other, and none of headless-sip takes part.

use std::time::Duration;

use headless_sip_interop::{
    Baresip, BaresipConfig, Kamailio, Program, Sipp, Transport, options_answered, scenario,
};

const PATIENCE: Duration = Duration::from_secs(20);

#[tokio::test]
async fn baresip_hears_the_tone_that_sipp_says() {
    if !Program::all_installed(&[Program::Sipp, Program::Baresip]) {
        return;
    }
    let mut baresip = Baresip::start(BaresipConfig::default()).await;
    let sipp = scenario!("uac_tone")
        .users("baresip", "alice")
        .calls(1, 1)
        .call_length(Duration::from_secs(2))
        .tone(700);
    let sipp = sipp.start_client(baresip.sip_addr());
    baresip.closed().await;
    sipp.succeeds(PATIENCE).await;
    let heard = baresip.heard();
    assert!(
        heard.energy_share(700.0) > 0.98,
        "share at 700 Hz: {}",
        heard.energy_share(700.0)
    );
    assert!(heard.energy_share(440.0) < 0.01);
}

#[tokio::test]
async fn baresip_hears_its_own_tone_from_sipps_echo() {
    if !Program::all_installed(&[Program::Sipp, Program::Baresip]) {
        return;
    }
    let sipp = Sipp::built_in("uas")
        .calls(1, 1)
        .echoing_rtp()
        .start_server()
        .await;
    let mut baresip = Baresip::start(BaresipConfig {
        tone_hz: 800,
        ..Default::default()
    })
    .await;
    baresip.dial(&format!("sip:echo@{}", sipp.sip_addr())).await;
    baresip.hears(Duration::from_secs(1)).await;
    baresip.hang_up().await;
    sipp.succeeds(PATIENCE).await;
    assert!(baresip.heard().energy_share(800.0) > 0.98);
}

#[tokio::test]
async fn one_baresip_calls_another_through_kamailio_and_its_digits_arrive() {
    if !Program::all_installed(&[Program::Kamailio, Program::Baresip]) {
        return;
    }
    let kamailio = Kamailio::start().await;
    let user = |user: &str, tone_hz, transport| BaresipConfig {
        user: user.into(),
        tone_hz,
        transport,
        registrar: Some((kamailio.addr(), format!("pw-{user}"))),
        ..Default::default()
    };
    let mut bob = Baresip::start(user("bob", 600, Transport::Tcp)).await;
    let mut alice = Baresip::start(user("alice", 900, Transport::Udp)).await;
    alice.dial(&kamailio.uri("bob")).await;
    bob.established().await;
    alice.hears(Duration::from_secs(1)).await;
    for digit in "5#".chars() {
        alice.press(digit).await;
    }
    assert_eq!(bob.digits(2).await, "5#");
    alice.hang_up().await;
    bob.closed().await;
    assert!(alice.heard().energy_share(600.0) > 0.98);
    assert!(bob.heard().energy_share(900.0) > 0.9);
}

#[tokio::test]
async fn sipp_sees_a_wrong_answer_as_a_failure() {
    if !Program::all_installed(&[Program::Sipp, Program::Kamailio]) {
        return;
    }
    // Kamailio wants credentials: SIPp expects 200 and gets 407.
    let kamailio = Kamailio::start().await;
    let first_line = options_answered(Transport::Tcp, kamailio.addr(), PATIENCE).await;
    assert_eq!(first_line, "SIP/2.0 200 Keepalive");
    let sipp = scenario!("uac_call")
        .users("bob", "alice")
        .calls(1, 1)
        .start_client(kamailio.addr());
    let log = sipp.fails(PATIENCE).await;
    assert!(log.contains("407"), "{log}");
}
