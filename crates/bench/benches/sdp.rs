//! An offer of the usual size: read, answered, printed.

use divan::{Bencher, black_box};
use sdp_negotiation::{
    AudioCapabilities, AudioFormat, Direction, LocalMedia, SdpSession, SessionDescription,
};

const OFFER: &str = "v=0\r\no=- 3724394400 3724394400 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\n\
    m=audio 40376 RTP/AVP 96 9 8 0 101\r\na=rtpmap:96 opus/48000/2\r\na=fmtp:96 useinbandfec=1\r\na=rtpmap:9 G722/8000\r\n\
    a=rtpmap:8 PCMA/8000\r\na=rtpmap:0 PCMU/8000\r\na=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-16\r\na=ptime:20\r\n\
    a=rtcp:40377\r\na=sendrecv\r\n";

fn main() {
    divan::main();
}

fn capabilities() -> AudioCapabilities {
    AudioCapabilities {
        formats: vec![
            AudioFormat::opus(),
            AudioFormat::pcmu(),
            AudioFormat::pcma(),
        ],
        ..AudioCapabilities::default()
    }
}

fn local() -> LocalMedia {
    LocalMedia::new(([192, 0, 2, 2], 16_384).into())
}

#[divan::bench]
fn parse() -> SessionDescription {
    SessionDescription::parse(black_box(OFFER.as_bytes())).expect("a sound offer")
}

#[divan::bench]
fn parse_answer_and_print(bencher: Bencher<'_, '_>) {
    let capabilities = capabilities();
    bencher.bench(|| {
        let offer = SessionDescription::parse(black_box(OFFER.as_bytes())).expect("a sound offer");
        let mut session = SdpSession::new(1, "-");
        let (answer, negotiated) = session
            .answer(&offer, &capabilities, local(), Direction::SendRecv)
            .expect("a codec in common");
        (answer.to_string(), negotiated)
    });
}

#[divan::bench]
fn offer_and_print(bencher: Bencher<'_, '_>) {
    let capabilities = capabilities();
    bencher.bench(|| {
        let mut session = SdpSession::new(1, "-");
        session
            .create_offer(black_box(&capabilities), local(), Direction::SendRecv)
            .0
            .to_string()
    });
}
