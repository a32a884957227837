//! Calls that work, and their recordings.

use std::path::Path;
use std::time::Duration;

use serde_json::Value;
use sip_testkit::audio::Clip;

use crate::process::{Headless, Pbx};

const FIGURES: [&str; 19] = [
    "codec",
    "setup_ms",
    "sent_packets",
    "received_packets",
    "lost_packets",
    "late_packets",
    "recovered_packets",
    "duplicate_packets",
    "concealed_ms",
    "jitter_ms",
    "round_trip_ms",
    "playout_delay_ms",
    "mos",
    "listening_mos",
    "remote_mos",
    "burst_ms",
    "burst_density",
    "remote_lost_packets",
    "remote_jitter_ms",
];

fn assert_figures(stats: &Value) {
    let stats = stats.as_object().expect("the figures are an object");
    let names: Vec<_> = stats.keys().map(String::as_str).collect();
    for figure in FIGURES {
        assert!(names.contains(&figure), "{figure} is missing in {names:?}");
    }
    assert_eq!(names.len(), FIGURES.len(), "{names:?}");
}

/// One channel of a WAV.
fn channel(path: &Path, index: usize) -> Clip {
    let mut reader =
        hound::WavReader::open(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let spec = reader.spec();
    assert_eq!(spec.bits_per_sample, 16);
    let samples: Vec<f32> = reader
        .samples::<i16>()
        .skip(index)
        .step_by(usize::from(spec.channels))
        .map(|sample| f32::from(sample.expect("the file is whole")) / 32_768.0)
        .collect();
    Clip::from_samples(spec.sample_rate, samples)
}

#[test]
fn an_echo_brings_our_own_tone_back() {
    let pbx = Pbx::start();
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("heard.wav");
    let target = pbx.uri("echo");
    let finished = Headless::start(&[
        "call",
        &target,
        "--tone",
        "440",
        "--record",
        path.to_str().expect("UTF-8"),
        "--seconds",
        "3",
        "--codec",
        "pcmu",
    ])
    .finish();
    finished.assert_code(0);
    let answered = finished.event("answered");
    assert_eq!(answered["codec"], "pcmu");
    let ended = finished.event("ended");
    assert_eq!(
        (&ended["by"], &ended["call_id"]),
        (&"local".into(), &answered["call_id"])
    );
    assert_figures(&ended["stats"]);
    assert_eq!(ended["stats"]["codec"], "pcmu");
    let received = ended["stats"]["received_packets"]
        .as_u64()
        .expect("a number");
    assert!((100..=160).contains(&received), "{ended}");
    assert_eq!(ended["recording"], path.to_str().expect("UTF-8"));

    let heard = channel(&path, 0);
    assert_eq!(heard.sample_rate, 8_000);
    assert!(
        heard.duration() > Duration::from_millis(2_700)
            && heard.duration() < Duration::from_millis(3_500)
    );
    let tone = heard.trimmed(0.02);
    assert!(
        tone.duration() > Duration::from_secs(2),
        "{:?}",
        tone.duration()
    );
    assert!(
        tone.energy_share(440.0) > 0.98,
        "{}",
        tone.energy_share(440.0)
    );
}

#[test]
fn a_stereo_recording_holds_both_directions_in_step() {
    let pbx = Pbx::start();
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("both.stereo.wav");
    let target = pbx.uri("tone");
    let finished = Headless::start(&[
        "call",
        &target,
        "--tone",
        "1000",
        "--record",
        path.to_str().expect("UTF-8"),
        "--seconds",
        "2",
        "--codec",
        "pcma",
    ])
    .finish();
    finished.assert_code(0);
    let (received, sent) = (channel(&path, 0), channel(&path, 1));
    assert_eq!(received.samples.len(), sent.samples.len());
    assert!(received.trimmed(0.02).energy_share(440.0) > 0.98);
    assert!(sent.trimmed(0.02).energy_share(1_000.0) > 0.98);
    assert!(
        sent.trimmed(0.02).duration() > Duration::from_millis(1_700),
        "{:?}",
        sent.trimmed(0.02).duration()
    );
}

#[test]
fn keys_are_pressed_and_come_back() {
    let pbx = Pbx::start();
    let target = pbx.uri("dtmf");
    let finished = Headless::start(&["call", &target, "--dtmf", "90*#", "--seconds", "8"]).finish();
    finished.assert_code(0);
    let digits: String = finished
        .all("dtmf")
        .filter_map(|event| event["digit"].as_str())
        .collect();
    assert_eq!(digits, "90*#");
    assert!(
        finished
            .all("dtmf")
            .all(|event| event["method"] == "rfc4733")
    );
}

#[test]
fn a_file_is_played_and_the_call_ends_soon_after() {
    let pbx = Pbx::start();
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("short.wav");
    let spec = hound::WavSpec {
        channels: 2,
        sample_rate: 44_100,
        bits_per_sample: 24,
        sample_format: hound::SampleFormat::Int,
    };
    let mut writer = hound::WavWriter::create(&path, spec).expect("a file");
    for _ in 0..2 * 44_100 {
        writer.write_sample(0_i32).expect("a sample");
    }
    writer.finalize().expect("it is closed");
    let target = pbx.uri("echo");
    let mut call = Headless::start(&["call", &target, "--play", path.to_str().expect("UTF-8")]);
    call.event("answered");
    let began = std::time::Instant::now();
    assert_eq!(call.event("mark")["name"], "played");
    let played = began.elapsed();
    assert!(
        played > Duration::from_millis(800) && played < Duration::from_secs(4),
        "{played:?}"
    );
    call.event("ended");
    let after = began.elapsed() - played;
    assert!(
        after > Duration::from_secs(4) && after < Duration::from_secs(9),
        "{after:?}"
    );
    call.finish().assert_code(0);
}

#[test]
fn two_commands_talk_through_the_telephone_system_and_ctrl_c_hangs_up() {
    let pbx = Pbx::start();
    let registrar = pbx.registrar();
    let folder = tempfile::tempdir().expect("a folder");
    let record = folder.path().join("calls");
    let mut answer = Headless::start(&[
        "answer",
        "--registrar",
        &registrar,
        "--user",
        "bob",
        "--password",
        "secret",
        "--tone",
        "600",
        "--calls",
        "1",
        "--record",
        record.to_str().expect("UTF-8"),
    ]);
    answer.event("registered");
    let heard = folder.path().join("heard.wav");
    let mut call = Headless::start(&[
        "call",
        "bob",
        "--registrar",
        &registrar,
        "--user",
        "alice",
        "--password",
        "secret",
        "--tone",
        "900",
        "--seconds",
        "60",
        "--record",
        heard.to_str().expect("UTF-8"),
    ]);
    let ringing = answer.event("ringing");
    assert!(
        ringing["from"]
            .as_str()
            .is_some_and(|from| from.starts_with("sip:alice@") && !from.contains("tag")),
        "{ringing}"
    );
    call.event("answered");
    // Some sound must have passed before the call is ended.
    call.event("quality");
    call.signal("INT");
    let called = call.finish();
    assert_eq!(called.assert_code(0).event("ended")["by"], "local");
    let answered = answer.finish();
    assert_eq!(answered.assert_code(0).event("ended")["by"], "remote");

    let here = channel(&heard, 0).trimmed(0.02);
    assert!(
        here.energy_share(600.0) > 0.98,
        "{}",
        here.energy_share(600.0)
    );
    let there = record.join("0001-alice.stereo.wav");
    let (received, sent) = (
        channel(&there, 0).trimmed(0.02),
        channel(&there, 1).trimmed(0.02),
    );
    assert!(
        received.energy_share(900.0) > 0.98,
        "{}",
        received.energy_share(900.0)
    );
    assert!(
        sent.energy_share(600.0) > 0.98,
        "{}",
        sent.energy_share(600.0)
    );
}

#[test]
fn a_call_without_a_telephone_system_goes_straight_over_tcp() {
    let mut answer =
        Headless::start(&["answer", "--local", "127.0.0.1:0", "--echo", "--calls", "1"]);
    let listening = answer.event("listening");
    let target = format!(
        "sip:anybody@{}",
        listening["address"].as_str().expect("an address")
    );
    let finished = Headless::start(&[
        "call",
        &target,
        "--transport",
        "tcp",
        "--tone",
        "500",
        "--seconds",
        "1",
        "--header",
        "X-Trace: 7",
    ])
    .finish();
    finished.assert_code(0);
    answer.finish().assert_code(0);
}

#[test]
fn a_trunk_takes_calls_from_its_networks_alone() {
    for (network, code) in [("127.0.0.0/8", 0), ("192.0.2.7", 3)] {
        let mut answer = Headless::start(&[
            "answer",
            "--local",
            "127.0.0.1:0",
            "--echo",
            "--trunk",
            "198.51.100.0/24",
            "--trunk",
            network,
        ]);
        let listening = answer.event("listening");
        let target = format!(
            "sip:anybody@{}",
            listening["address"].as_str().expect("an address")
        );
        let finished =
            Headless::start(&["call", &target, "--tone", "500", "--seconds", "1"]).finish();
        let ended = finished.assert_code(code).event("ended");
        if code == 3 {
            assert_eq!(ended["status"], 403);
        }
        answer.signal("INT");
        answer.finish().assert_code(0);
    }
}

#[test]
fn a_text_is_printed_and_the_trace_files_have_the_messages() {
    let folder = tempfile::tempdir().expect("a folder");
    let (text, capture) = (folder.path().join("t.txt"), folder.path().join("t.pcapng"));
    let mut answer = Headless::start(&[
        "answer",
        "--local",
        "127.0.0.1:0",
        "--trace",
        text.to_str().expect("UTF-8"),
    ]);
    let listening = answer.event("listening");
    let target = format!(
        "sip:anybody@{}",
        listening["address"].as_str().expect("an address")
    );
    Headless::start(&[
        "message",
        &target,
        "lunch?",
        "--trace",
        capture.to_str().expect("UTF-8"),
    ])
    .finish()
    .assert_code(0);
    let told = answer.event("text");
    assert_eq!(told["text"], "lunch?");
    assert!(
        told["from"]
            .as_str()
            .expect("an address")
            .starts_with("sip:")
    );
    answer.signal("INT");
    answer.finish().assert_code(0);
    let text = std::fs::read_to_string(text).expect("a trace");
    assert!(
        text.contains("<- MESSAGE -") && text.contains("    lunch?"),
        "{text}"
    );
    let capture = std::fs::read(capture).expect("a capture");
    assert!(capture.starts_with(&[0x0A, 0x0D, 0x0D, 0x0A]));
    assert!(String::from_utf8_lossy(&capture).contains("MESSAGE sip:anybody@"));
}

#[test]
fn calls_come_in_over_a_web_socket() {
    let mut answer = Headless::start(&[
        "answer",
        "--local",
        "127.0.0.1:0",
        "--local-ws",
        "127.0.0.1:0",
        "--tone",
        "440",
        "--calls",
        "1",
    ]);
    assert_eq!(answer.event("listening")["transport"], Value::Null);
    let listening = answer.event("listening");
    assert_eq!(listening["transport"], "ws");
    let address = listening["address"].as_str().expect("its address");
    let target = format!("sip:bob@{address}");
    let call = Headless::start(&["call", &target, "--transport", "ws", "--seconds", "1"]);
    let called = call.finish();
    called.assert_code(0);
    assert!(called.event("ended")["stats"]["received_packets"].as_u64() > Some(10));
    answer.finish().assert_code(0);
}
