//! Tests of the command line: what it takes, and what it says to what it does not take.

use super::value::{Codec, Password};
use super::*;
use expect_test::{Expect, expect};

fn parse(line: &str) -> Result<Cli, clap::Error> {
    let words = shell_words(line);
    Cli::parse_checked(std::iter::once("headless-sip".to_owned()).chain(words))
}

/// Splits at spaces, keeping what stands in single quotes together.
fn shell_words(line: &str) -> Vec<String> {
    let mut words = Vec::new();
    for (index, part) in line.split('\'').enumerate() {
        if index % 2 == 1 {
            words.push(part.to_owned());
        } else {
            words.extend(part.split_whitespace().map(str::to_owned));
        }
    }
    words
}

fn check_refused(line: &str, expected: Expect) {
    let error = parse(line).expect_err("it must be refused");
    assert_eq!(error.exit_code(), 2, "{line}");
    let text = error.to_string();
    let first = text.split("\n\n").next().unwrap_or_default();
    expected.assert_eq(first.trim_end());
}

#[test]
fn the_model_is_consistent() {
    Cli::command().debug_assert();
}

#[test]
fn a_call_with_everything_is_understood() {
    let cli = parse(
        "call sip:bob@example.com --local 10.0.0.1:5062 --user alice --password s3cret --auth-user al --registrar example.com \
         --proxy sip:proxy.example.com --transport tcp --codec pcma,PCMU --rtp-ports 20000-20099 --header 'X-Trace: a: b' \
         --header 'Subject: hi' --tone 440 --record heard.stereo.wav --dtmf '12,#a' --seconds 2.5 --json",
    )
    .expect("it is well formed");
    assert!(cli.json);
    let Command::Call(call) = cli.command else {
        panic!("it is a call");
    };
    assert_eq!(
        call.account.password.as_ref().map(Password::reveal),
        Some("s3cret")
    );
    assert_eq!(call.account.registrar.as_deref(), Some("sip:example.com"));
    assert_eq!(call.account.transport, Transport::Tcp);
    assert_eq!(call.account.codec.codecs(), [Codec::Pcma, Codec::Pcmu]);
    assert_eq!(call.account.rtp_ports.ports(), 20_000..=20_099);
    assert_eq!(call.account.headers.len(), 2);
    assert_eq!(call.account.headers[0].name, "X-Trace");
    assert_eq!(call.account.headers[0].value, "a: b");
    assert_eq!(call.seconds, Some(2.5));
    assert_eq!(call.dtmf.map(|dtmf| dtmf.steps().len()), Some(5));
}

#[test]
fn a_password_never_shows() {
    let cli = parse("register --registrar sip:a --user alice --password s3cret")
        .expect("it is well formed");
    assert!(!format!("{cli:?}").contains("s3cret"));
    let cli = parse("pbx --user alice:s3cret").expect("it is well formed");
    assert!(!format!("{cli:?}").contains("s3cret"));
    let error = parse("pbx --user al/ice:s3cret").expect_err("it is refused");
    assert!(!error.to_string().contains("s3cret"), "{error}");
}

#[test]
fn a_call_needs_somebody_to_call() {
    check_refused(
        "call",
        expect![[r#"
        error: the following required arguments were not provided:
          <URI>"#]],
    );
    check_refused(
        "call bob",
        expect![
            "error: 'bob' is only a name; give a whole address such as sip:bob@example.com, or --registrar URI to call it there"
        ],
    );
}

#[test]
fn a_registration_needs_a_place_and_a_name() {
    check_refused(
        "register --user alice",
        expect![
            "error: register needs --registrar URI and --user U: where to register, and as whom"
        ],
    );
    check_refused(
        "call sip:x@y --registrar sip:y",
        expect!["error: --registrar needs --user U: the name to register"],
    );
    check_refused(
        "answer --auth-user al",
        expect![
            "error: --auth-user needs a password: --password P or the environment variable HEADLESS_SIP_PASSWORD"
        ],
    );
}

#[test]
fn a_wrong_value_is_answered_with_what_is_accepted() {
    #[cfg(feature = "opus")]
    check_refused(
        "demo --codec g729",
        expect![
            "error: invalid value 'g729' for '--codec <LIST>': there is no codec 'g729'; take some of opus,g722,pcmu,pcma,l16, best first"
        ],
    );
    check_refused(
        "demo --codec pcmu,pcmu",
        expect![
            "error: invalid value 'pcmu,pcmu' for '--codec <LIST>': 'pcmu' stands twice in the list"
        ],
    );
    check_refused(
        "demo --loss 80",
        expect!["error: invalid value '80' for '--loss <PERCENT>': a share in percent is 0 to 50"],
    );
    check_refused(
        "demo --jitter 1000",
        expect!["error: invalid value '1000' for '--jitter <MS>': 1000 is not in 0..=500"],
    );
    check_refused(
        "pbx --user alice",
        expect![
            "error: invalid value for '--user <NAME:PASSWORD>': a user is NAME:PASSWORD, for example alice:secret"
        ],
    );
    check_refused(
        "pbx --listen 5060",
        expect![
            "error: invalid value '5060' for '--listen <IP:PORT>': it is an IP address and a port, for example 127.0.0.1:5060 or [::1]:5060; port 0 takes a free one"
        ],
    );
    check_refused(
        "answer --rtp-ports 20000",
        expect![
            "error: invalid value '20000' for '--rtp-ports <A-B>': a port range is FIRST-LAST, for example 20000-20099, between 1024 and 65535"
        ],
    );
    check_refused(
        "answer --rtp-ports 20001-20002",
        expect![
            "error: invalid value '20001-20002' for '--rtp-ports <A-B>': 20001-20002 has no room for a call: each takes an even port and the next one"
        ],
    );
    check_refused(
        "answer --header nonsense",
        expect!["error: invalid value 'nonsense' for '--header <N: V>': a header is 'Name: value'"],
    );
    check_refused(
        "answer --reject 200",
        expect!["error: invalid value '200' for '--reject <CODE>': 200 is not in 300..=699"],
    );
    check_refused(
        "call sip:a@b --dtmf 12x",
        expect![
            "error: invalid value '12x' for '--dtmf <DIGITS>': there is no key 'X'; a telephone has 0-9, *, #, A-D, and a comma waits one second"
        ],
    );
    check_refused(
        "call sip:a@b --tone 5",
        expect!["error: invalid value '5' for '--tone <HZ>': a frequency is 20 to 20000 Hz"],
    );
    check_refused(
        "call sip:a@b --seconds 0",
        expect![
            "error: invalid value '0' for '--seconds <N>': a duration is a number of seconds above 0, for example 10 or 2.5"
        ],
    );
    check_refused(
        "call sip:a@b --record heard.mp3",
        expect![
            "error: invalid value 'heard.mp3' for '--record <F.wav>': recordings are WAV: the name must end in .wav, or in .stereo.wav for received and sent side by side"
        ],
    );
    check_refused(
        "call sip:a@b --proxy tel:123",
        expect![
            "error: invalid value 'tel:123' for '--proxy <URI>': a SIP address starts with sip: or sips:, for example sip:example.com"
        ],
    );
    check_refused(
        "call sip:a@b --transport sctp",
        expect![[r#"
        error: invalid value 'sctp' for '--transport <TRANSPORT>'
          [possible values: udp, tcp, tls, ws, wss]"#]],
    );
    check_refused(
        "call sip:a@b --cert me.pem",
        expect![[r#"
        error: the following required arguments were not provided:
          --key <FILE>"#]],
    );
}

#[test]
fn what_excludes_each_other_is_refused() {
    check_refused(
        "call sip:a@b --tone 440 --play x.wav",
        expect!["error: the argument '--tone <HZ>' cannot be used with '--play <F.wav>'"],
    );
    check_refused(
        "answer --echo --tone 440",
        expect!["error: the argument '--echo' cannot be used with '--tone <HZ>'"],
    );
    check_refused(
        "answer --reject 486 --record calls",
        expect!["error: the argument '--reject <CODE>' cannot be used with '--record <DIR>'"],
    );
}

#[test]
fn a_header_cannot_smuggle_in_another() {
    let error = Cli::parse_checked(["headless-sip", "answer", "--header", "X-A: b\r\nVia: evil"])
        .expect_err("it is refused");
    assert!(error.to_string().contains("line break"), "{error}");
}

#[test]
fn help_fits_a_page_and_has_examples() {
    for name in ["demo", "pbx", "register", "call", "answer"] {
        let error = Cli::parse_checked(["headless-sip", name, "--help"])
            .expect_err("help is told as an error");
        assert_eq!(error.exit_code(), 0);
        let text = error.to_string();
        assert!(text.contains("Example"), "{text}");
        assert!(text.contains("--json"), "{text}");
    }
}
