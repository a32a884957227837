//! Hold, keys by INFO, transfer and texts, between commands.

use crate::process::Headless;

/// A command that answers on a free port, and its address.
fn answering(options: &[&str]) -> (Headless, String) {
    let mut arguments = vec!["answer", "--local", "127.0.0.1:0", "--codec", "pcmu"];
    arguments.extend(options);
    let mut command = Headless::start(&arguments);
    let listening = command.event("listening");
    let address = listening["address"].as_str().expect("an address");
    (command, format!("sip:x@{address}"))
}

#[test]
fn far_end_is_held_resumed_and_transferred() {
    let (mut first, first_uri) = answering(&["--echo", "--calls", "1", "--allow-refer"]);
    let (mut second, second_uri) = answering(&["--tone", "440", "--calls", "1"]);
    let mut caller = Headless::start(&[
        "call",
        &first_uri,
        "--codec",
        "pcmu",
        "--dtmf-mode",
        "info",
        "--dtmf",
        "5",
        "--hold-after",
        "0.5",
        "--resume-after",
        "0.5",
        "--session-expires",
        "90",
        "--transfer",
        &second_uri,
    ]);
    first.event("answered");
    let key = first.event("dtmf");
    assert_eq!(
        (&key["digit"], &key["method"]),
        (&"5".into(), &"info".into())
    );
    first.event("held");
    first.event("resumed");
    let asked = first.event("transfer_requested");
    assert_eq!(asked["target"], second_uri.as_str());
    second.event("answered");
    loop {
        let told = caller.event("transfer");
        if told["done"] == true {
            assert_eq!(told["status"], 200);
            break;
        }
    }
    caller.finish().assert_code(0);
    first.event("answered");
    first.signal("INT");
    first.finish().assert_code(0);
    second.finish().assert_code(0);
}

#[test]
fn transfer_that_is_not_allowed_fails_the_command() {
    let (callee, uri) = answering(&["--calls", "1"]);
    let caller = Headless::start(&["call", &uri, "--transfer", "sip:carol@127.0.0.1:9"]);
    let finished = caller.finish();
    finished.assert_code(3);
    callee.finish().assert_code(0);
}

#[test]
fn text_is_taken() {
    let (callee, uri) = answering(&[]);
    Headless::start(&["message", &uri, "hello there"])
        .finish()
        .assert_code(0);
    callee.signal("INT");
    callee.finish().assert_code(0);
}

#[test]
fn keys_as_tones_and_speech_are_told_where_they_are_listened_for() {
    let (mut callee, uri) = answering(&["--calls", "1", "--listen", "dtmf,voice"]);
    let caller = Headless::start(&[
        "call",
        &uri,
        "--codec",
        "pcmu",
        "--dtmf-mode",
        "inband",
        "--dtmf",
        "7",
        "--tone",
        "300",
        "--seconds",
        "3",
    ]);
    callee.event("answered");
    let key = callee.event("dtmf");
    assert_eq!(
        (&key["digit"], &key["method"]),
        (&"7".into(), &"inband".into())
    );
    caller.finish().assert_code(0);
    let finished = callee.finish();
    finished.assert_code(0);
    assert!(
        finished
            .all("speech")
            .any(|speech| speech["speaking"] == true)
    );
}
