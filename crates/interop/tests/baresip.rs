//! headless-sip against baresip: calls both ways in four codecs, tones heard at both ends, digits, hold and transfers both ways.

use std::sync::Arc;
use std::time::Duration;

use headless_sip::{
    ActiveCall, CallEvent, ClientConfig, CodecTable, EndedBy, TlsConfig, TlsIdentity, Transport,
};
use headless_sip_interop::{
    Authority, Baresip, BaresipConfig, Certificate, Phone, Program, assert_tone, hear_tone, listen,
    tone,
};

const PATIENCE: Duration = Duration::from_secs(30);
const SECOND: Duration = Duration::from_secs(1);

/// What baresip says, Hz.
const ITS_TONE: u32 = 440;
/// What we say, Hz.
const OUR_TONE: u32 = 1000;

fn baresip_is_here() -> bool {
    Program::all_installed(&[Program::Baresip])
}

/// A codec by our name and as baresip writes it.
struct Codec(&'static str, &'static str);

const PCMU: Codec = Codec("pcmu", "PCMU/8000/1");
const PCMA: Codec = Codec("pcma", "PCMA/8000/1");
const G722: Codec = Codec("g722", "G722/16000/1");
const OPUS: Codec = Codec("opus", "opus/48000/2");

async fn phone_with(codec: &Codec) -> Phone {
    let codecs = CodecTable::from_names(codec.0).expect("a codec that is compiled in");
    Phone::start(ClientConfig {
        codecs,
        ..Default::default()
    })
    .await
}

async fn baresip_with(codec: &Codec) -> Baresip {
    Baresip::start(BaresipConfig {
        codecs: codec.1.into(),
        tone_hz: ITS_TONE,
        ..Default::default()
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn baresip_calls_us_in_pcmu() {
    baresip_calls_us_in(PCMU).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn baresip_calls_us_in_pcma() {
    baresip_calls_us_in(PCMA).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn baresip_calls_us_in_g722() {
    baresip_calls_us_in(G722).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn baresip_calls_us_in_opus() {
    baresip_calls_us_in(OPUS).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn we_call_baresip_in_pcmu() {
    we_call_baresip_in(PCMU).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn we_call_baresip_in_pcma() {
    we_call_baresip_in(PCMA).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn we_call_baresip_in_g722() {
    we_call_baresip_in(G722).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn we_call_baresip_in_opus() {
    we_call_baresip_in(OPUS).await;
}

async fn baresip_calls_us_in(codec: Codec) {
    if !baresip_is_here() {
        return;
    }
    let (phone, mut baresip) = (phone_with(&codec).await, baresip_with(&codec).await);
    let uri = phone.uri();
    let (call, ()) = tokio::join!(answer(&phone), baresip.dial(&uri));
    let mut call = talk(&codec, call, &mut baresip).await;
    baresip.hang_up().await;
    assert_eq!(
        call.events.ended().await.expect("the end of the call").by,
        EndedBy::Remote
    );
    assert_tone("baresip", &baresip.heard(), OUR_TONE, 2 * SECOND);
}

async fn we_call_baresip_in(codec: Codec) {
    if !baresip_is_here() {
        return;
    }
    let (phone, mut baresip) = (phone_with(&codec).await, baresip_with(&codec).await);
    let call = phone.client.call(&baresip.uri()).await.expect("answered");
    let call = talk(&codec, call, &mut baresip).await;
    call.hang_up().await.expect("hung up");
    baresip.closed().await;
    assert_tone("baresip", &baresip.heard(), OUR_TONE, 2 * SECOND);
}

/// A phone and a baresip whose certificates are of one authority, for their address.
async fn pair_with_tls() -> (Phone, Baresip) {
    let authority = Arc::new(Authority::new());
    let Certificate { certificate, key } = authority.issue(&["127.0.0.1"]);
    let phone = Phone::start(ClientConfig {
        codecs: CodecTable::from_names(PCMU.0).expect("a codec that is compiled in"),
        tls: TlsConfig {
            ca: Some(authority.pem()),
            identity: Some(TlsIdentity::from_pem(certificate, key)),
            ..TlsConfig::default()
        },
        tls_listen: Some(([127, 0, 0, 1], 0).into()),
        ..Default::default()
    })
    .await;
    let baresip = Baresip::start(BaresipConfig {
        codecs: PCMU.1.into(),
        tone_hz: ITS_TONE,
        authority: Some(authority),
        ..Default::default()
    })
    .await;
    (phone, baresip)
}

#[tokio::test(flavor = "multi_thread")]
async fn we_call_baresip_over_tls() {
    if !baresip_is_here() {
        return;
    }
    let (phone, mut baresip) = pair_with_tls().await;
    let uri = format!("sip:baresip@{};transport=tls", baresip.tls_addr());
    let call = phone.client.call(&uri).await.expect("answered");
    let call = talk(&PCMU, call, &mut baresip).await;
    call.hold().await.expect("held");
    call.resume().await.expect("resumed");
    call.hang_up().await.expect("hung up");
    baresip.closed().await;
    assert_tone("baresip", &baresip.heard(), OUR_TONE, 2 * SECOND);
}

#[tokio::test(flavor = "multi_thread")]
async fn baresip_calls_us_over_tls() {
    if !baresip_is_here() {
        return;
    }
    let (phone, mut baresip) = pair_with_tls().await;
    let listening = phone
        .client
        .listen_addr(Transport::Tls)
        .expect("it listens");
    let uri = format!("sip:phone@{listening};transport=tls");
    let (call, ()) = tokio::join!(answer(&phone), baresip.dial(&uri));
    let mut call = talk(&PCMU, call, &mut baresip).await;
    baresip.hang_up().await;
    let end = call.events.ended().await.expect("the end of the call");
    assert_eq!(end.by, EndedBy::Remote);
    assert_tone("baresip", &baresip.heard(), OUR_TONE, 2 * SECOND);
}

async fn answer(phone: &Phone) -> ActiveCall {
    phone.incoming().await.answer().await.expect("answered")
}

/// A few seconds in which both sides say their tone; ours is asserted by the caller, once baresip's recording is whole.
async fn talk(codec: &Codec, mut call: ActiveCall, baresip: &mut Baresip) -> ActiveCall {
    call.audio
        .tx
        .send(tone(OUR_TONE, 10 * SECOND))
        .await
        .expect("queued");
    hear_tone("we", &mut call.audio.rx, ITS_TONE, 2 * SECOND).await;
    baresip.hears(4 * SECOND).await;
    let stats = call.stats();
    assert!(
        stats.codec.eq_ignore_ascii_case(codec.0),
        "{} was negotiated",
        stats.codec
    );
    assert_eq!(stats.lost_packets, 0, "{stats:?}");
    call
}

#[tokio::test(flavor = "multi_thread")]
async fn digits_go_both_ways_in_pcmu() {
    digits_go_both_ways_in(PCMU).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn digits_go_both_ways_in_opus() {
    digits_go_both_ways_in(OPUS).await;
}

async fn digits_go_both_ways_in(codec: Codec) {
    if !baresip_is_here() {
        return;
    }
    let (phone, mut baresip) = (phone_with(&codec).await, baresip_with(&codec).await);
    let mut call = phone.client.call(&baresip.uri()).await.expect("answered");
    baresip.established().await;
    call.send_dtmf("0159*#AD").await.expect("digits sent");
    assert_eq!(baresip.digits(8).await, "0159*#AD");
    let mut heard = String::new();
    for digit in "2684#*B".chars() {
        baresip.press(digit).await;
        heard.push(next_digit(&mut call).await);
    }
    assert_eq!(heard, "2684#*B");
    call.hang_up().await.expect("hung up");
    baresip.closed().await;
    // Each press was told once.
    while let Some(event) = call.events.recv().await {
        assert!(!matches!(event, CallEvent::Dtmf { .. }), "{event:?}");
    }
    assert!(
        baresip
            .control
            .pending_events()
            .iter()
            .all(|event| event.kind != "CALL_DTMF_START")
    );
}

async fn next_digit(call: &mut ActiveCall) -> char {
    let digit = async {
        while let Some(event) = call.events.recv().await {
            if let CallEvent::Dtmf { digit, .. } = event {
                return digit;
            }
        }
        panic!("the call ended before the digit came");
    };
    tokio::time::timeout(PATIENCE, digit)
        .await
        .expect("a digit")
}

#[tokio::test(flavor = "multi_thread")]
async fn hold_by_baresip_is_told_and_the_call_goes_on_after_it() {
    if !baresip_is_here() {
        return;
    }
    let (phone, mut baresip) = (phone_with(&PCMU).await, baresip_with(&PCMU).await);
    let uri = phone.uri();
    let (mut call, ()) = tokio::join!(answer(&phone), baresip.dial(&uri));
    hear_tone("we", &mut call.audio.rx, ITS_TONE, SECOND).await;
    baresip.control.command("hold", "").await;
    wait_for(&mut call, "held", |event| matches!(event, CallEvent::Held)).await;
    // What was on its way, and what waits in the jitter buffer, may still come; then there is silence.
    listen(&mut call.audio.rx, SECOND).await;
    let on_hold = listen(&mut call.audio.rx, SECOND).await;
    assert!(
        on_hold.rms() < 0.001,
        "something is heard on hold: {}",
        on_hold.rms()
    );
    baresip.control.command("resume", "").await;
    wait_for(&mut call, "resumed", |event| {
        matches!(event, CallEvent::Resumed)
    })
    .await;
    call.audio
        .tx
        .send(tone(OUR_TONE, 10 * SECOND))
        .await
        .expect("queued");
    hear_tone("we, after the hold,", &mut call.audio.rx, ITS_TONE, SECOND).await;
    baresip.hang_up().await;
    assert_eq!(
        call.events.ended().await.expect("the end of the call").by,
        EndedBy::Remote
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn hold_by_us_silences_baresip_and_resume_brings_it_back() {
    if !baresip_is_here() {
        return;
    }
    let (phone, mut baresip) = (phone_with(&PCMU).await, baresip_with(&PCMU).await);
    let mut call = phone.client.call(&baresip.uri()).await.expect("answered");
    hear_tone("we", &mut call.audio.rx, ITS_TONE, SECOND).await;
    call.hold().await.expect("held");
    listen(&mut call.audio.rx, SECOND).await;
    let on_hold = listen(&mut call.audio.rx, SECOND).await;
    assert!(
        on_hold.rms() < 0.001,
        "something is heard on hold: {}",
        on_hold.rms()
    );
    call.resume().await.expect("resumed");
    hear_tone("we, after the hold,", &mut call.audio.rx, ITS_TONE, SECOND).await;
    call.hang_up().await.expect("hung up");
    baresip.closed().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn baresip_calls_whom_we_transfer_it_to() {
    if !baresip_is_here() {
        return;
    }
    let (phone, carol) = (phone_with(&PCMU).await, phone_with(&PCMU).await);
    let mut baresip = baresip_with(&PCMU).await;
    let mut call = phone.client.call(&baresip.uri()).await.expect("answered");
    baresip.established().await;
    let target = carol.uri();
    let (transferred, answered) = tokio::join!(call.transfer(&target), answer(&carol));
    transferred.expect("agreed");
    let mut answered = answered;
    wait_for(&mut call, "told of the transfer's end", |event| {
        matches!(
            event,
            CallEvent::Transfer {
                status: 200,
                done: true,
                ..
            }
        )
    })
    .await;
    hear_tone("carol", &mut answered.audio.rx, ITS_TONE, SECOND).await;
    answered.hang_up().await.expect("hung up");
}

#[tokio::test(flavor = "multi_thread")]
async fn we_call_whom_baresip_transfers_us_to_where_the_program_agrees() {
    if !baresip_is_here() {
        return;
    }
    let phone = Phone::start(ClientConfig {
        codecs: CodecTable::from_names(PCMU.0).expect("a codec that is compiled in"),
        allow_refer: true,
        ..Default::default()
    })
    .await;
    let (carol, mut baresip) = (phone_with(&PCMU).await, baresip_with(&PCMU).await);
    let uri = phone.uri();
    let (mut call, ()) = tokio::join!(answer(&phone), baresip.dial(&uri));
    baresip.control.command("transfer", &carol.uri()).await;
    let target = carol.uri();
    wait_for(
        &mut call,
        "transferred",
        |event| matches!(event, CallEvent::TransferRequested { target: to, .. } if *to == target),
    )
    .await;
    let control = call.control();
    let (followed, answered) = tokio::join!(control.follow_transfer(), answer(&carol));
    let (mut followed, answered) = (followed.expect("answered"), answered);
    let said = tone(OUR_TONE, 10 * SECOND);
    answered.audio.tx.send(said).await.expect("queued");
    hear_tone("we", &mut followed.audio.rx, OUR_TONE, SECOND).await;
    // Told that it worked, baresip hangs up.
    let end = call.events.ended().await.expect("the end of the call");
    assert_eq!(end.by, EndedBy::Remote);
    followed.hang_up().await.expect("hung up");
}

async fn wait_for(call: &mut ActiveCall, what: &str, is_it: impl Fn(&CallEvent) -> bool) {
    let event = async {
        while let Some(event) = call.events.recv().await {
            if is_it(&event) {
                return;
            }
        }
        panic!("the call ended before it was {what}");
    };
    tokio::time::timeout(PATIENCE, event)
        .await
        .unwrap_or_else(|_| panic!("never {what}"));
}
