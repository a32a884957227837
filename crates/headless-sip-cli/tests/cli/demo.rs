//! The demo, as a newcomer runs it.

use crate::process::Headless;

fn demo(arguments: &[&str]) {
    let folder = tempfile::tempdir().expect("a folder");
    let out = folder.path().join("deep/demo");
    let finished =
        Headless::start(&[&["demo", "--out", out.to_str().expect("UTF-8")], arguments].concat())
            .finish();
    let outcome = finished.assert_code(0).event("demo");
    assert_eq!(
        (&outcome["ok"], &outcome["dtmf"]),
        (&true.into(), &"2580*#".into())
    );
    assert!(
        outcome["checks"]
            .as_array()
            .is_some_and(|checks| checks.len() >= 5),
        "{outcome}"
    );
    for name in ["alice-heard.wav", "bob-heard.wav"] {
        let reader = hound::WavReader::open(out.join(name)).expect("a recording");
        let seconds = reader.duration() / reader.spec().sample_rate;
        assert!((15..40).contains(&seconds), "{name} has {seconds} s");
    }
    let page = std::fs::read_to_string(out.join("report.html")).expect("a report");
    assert!(page.contains("What was heard is what was said"));
    for needle in [
        "INVITE",
        "BYE",
        "<audio",
        "<path class=\"heard\"",
        "hold by alice",
    ] {
        assert!(page.contains(needle), "{needle}");
    }
}

#[test]
fn the_demo_hears_what_was_said() {
    demo(&["--codec", "pcmu"]);
}

#[test]
fn the_demo_hears_what_was_said_over_a_bad_network() {
    demo(&["--loss", "5", "--jitter", "40"]);
}
