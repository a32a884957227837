//! Registration: done, refused, not answered.

use std::net::TcpListener;

use crate::process::{Headless, Pbx};

#[test]
fn an_account_registers_and_un_registers() {
    let pbx = Pbx::start();
    let registrar = pbx.registrar();
    let mut register = Headless::start_with(
        &[
            "register",
            "--registrar",
            &registrar,
            "--user",
            "alice",
            "--expires",
            "120",
        ],
        &[("HEADLESS_SIP_PASSWORD", "secret")],
    );
    let registered = register.event("registered");
    assert!(
        registered["aor"]
            .as_str()
            .is_some_and(|aor| aor.starts_with("sip:alice@")),
        "{registered}"
    );
    assert_eq!(registered["expires_s"], 120);
    register.signal("TERM");
    let finished = register.finish();
    finished.assert_code(0).event("unregistered");
    let seen = pbx.stop();
    assert_eq!(seen.all("registered").count(), 1, "{seen:?}");
    assert_eq!(seen.all("unregistered").count(), 1, "{seen:?}");
}

#[test]
fn a_wrong_password_is_4() {
    let pbx = Pbx::start();
    let registrar = pbx.registrar();
    let account = [
        "--registrar",
        &registrar,
        "--user",
        "alice",
        "--password",
        "wr0ng",
    ];
    let target = pbx.uri("echo");
    for command in [&["register"][..], &["call", &target], &["answer"]] {
        let arguments = [command, &account].concat();
        let finished = Headless::start(&arguments).finish();
        finished.assert_code(4);
        assert!(finished.stderr.contains("password"), "{finished:?}");
        assert!(!finished.stderr.contains("wr0ng"), "{finished:?}");
    }
}

#[test]
fn a_registrar_that_is_not_there_is_5() {
    // Bound and freed: nobody listens, so the connection is refused.
    let port = TcpListener::bind("127.0.0.1:0")
        .and_then(|listener| listener.local_addr())
        .expect("a free port")
        .port();
    let registrar = format!("sip:127.0.0.1:{port}");
    let finished = Headless::start(&[
        "register",
        "--registrar",
        &registrar,
        "--user",
        "alice",
        "--password",
        "secret",
        "--transport",
        "tcp",
    ])
    .finish();
    finished.assert_code(5);
    assert!(finished.stderr.contains("registrar"), "{finished:?}");
}
