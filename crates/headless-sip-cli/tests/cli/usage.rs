//! Help, and what the command says to a command line that it cannot use.

use crate::process::run;

#[test]
fn help_and_version_go_to_standard_output_and_are_no_error() {
    for arguments in [
        &["--help"][..],
        &["demo", "--help"],
        &["call", "-h"],
        &["help", "answer"],
        &["--version"],
    ] {
        let (code, out, err) = run(arguments);
        assert_eq!((code, err.as_str()), (Some(0), ""), "{arguments:?}");
        assert!(out.contains("headless-sip"), "{out}");
    }
}

#[test]
fn a_wrong_command_line_is_2_and_says_so_on_standard_error() {
    let cases: [(&[&str], &str); 7] = [
        (&[], "Usage"),
        (&["dance"], "unrecognized subcommand"),
        (&["call"], "<URI>"),
        (&["call", "bob"], "--registrar"),
        (&["register"], "--registrar URI and --user U"),
        (&["answer", "--codec", "g729"], "pcmu"),
        (
            &["call", "sip:a@b", "--tone", "440", "--play", "x.wav"],
            "cannot be used with",
        ),
    ];
    for (arguments, needle) in cases {
        let (code, out, err) = run(arguments);
        assert_eq!((code, out.as_str()), (Some(2), ""), "{arguments:?}");
        assert!(err.contains(needle), "{arguments:?}: {err}");
    }
}

#[test]
fn a_file_that_is_no_wav_is_2_and_named_before_anybody_is_called() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("song.mp3");
    std::fs::write(&path, b"ID3 no wave at all").expect("a file");
    let path = path.to_str().expect("it is UTF-8");
    for arguments in [
        &["call", "sip:a@127.0.0.1:9", "--play", path][..],
        &["answer", "--local", "127.0.0.1:0", "--play", path],
    ] {
        let (code, out, err) = run(arguments);
        assert_eq!((code, out.as_str()), (Some(2), ""), "{err}");
        assert!(
            err.contains("song.mp3 is not a WAV") && err.contains("accepted is WAV"),
            "{err}"
        );
    }
}

#[test]
fn a_recording_that_cannot_be_written_is_2_and_named() {
    let (code, _, err) = run(&[
        "call",
        "sip:a@127.0.0.1:9",
        "--record",
        "/nowhere/at/all.wav",
    ]);
    assert_eq!(code, Some(2), "{err}");
    assert!(err.contains("cannot write /nowhere/at/all.wav"), "{err}");
}
