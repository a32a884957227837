//! The trace of a client in a file: all messages, no secrets.

mod common;

use std::path::Path;

use common::*;
use headless_sip::{
    ClientConfig, Error, HeadlessSipClient, Passwords, Register, TrunkConfig, TrunkPeer,
};

const KEY: &str = "WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz";

/// A call with a challenge answered, and a text with a media key in it; both ends traced.
async fn traced(folder: &Path, ending: &str) -> [Vec<u8>; 2] {
    let files = ["alice", "bob"].map(|name| folder.join(format!("{name}.{ending}")));
    let passwords = Passwords::table([("alice", "hunter2")]);
    let trunk = TrunkConfig {
        peers: vec![TrunkPeer::passwords("office", passwords)],
        ..TrunkConfig::default()
    };
    let bob = client(ClientConfig {
        trunk: Some(trunk),
        trace_file: Some(files[1].clone()),
        ..config()
    })
    .await;
    let alice = client(ClientConfig {
        username: Some("alice".into()),
        password: Some("hunter2".into()),
        register: Register::Never,
        trace_file: Some(files[0].clone()),
        ..config()
    })
    .await;
    let target = uri("bob:opensesame", &bob);
    let (call, answered) = tokio::join!(alice.call(&target), async {
        within(bob.incoming()).await.unwrap().answer().await
    });
    let (call, answered) = (call.unwrap(), answered.unwrap());
    let text = format!("a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:{KEY}|2^20");
    call.control().message(&text).await.unwrap();
    call.hang_up().await.unwrap();
    drop(answered);
    alice.shutdown().await;
    bob.shutdown().await;
    files.map(|file| std::fs::read(file).unwrap())
}

/// Where a digest's answer would be.
fn has_answer(text: &str) -> bool {
    text.split("response=\"")
        .skip(1)
        .any(|rest| !rest.starts_with("***\""))
}

fn assert_no_secret(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    assert!(text.contains("response=\"***\""), "{text}");
    assert!(!has_answer(&text), "{text}");
    for secret in ["hunter2", "opensesame", KEY] {
        assert!(!text.contains(secret), "{secret} in {text}");
    }
    assert!(text.contains("AES_CM_128_HMAC_SHA1_80 inline:***"));
}

#[tokio::test]
async fn text_has_the_ladder_of_the_call_and_no_secret() {
    let folder = tempfile::tempdir().unwrap();
    for bytes in traced(folder.path(), "txt").await {
        assert_no_secret(&bytes);
        let text = String::from_utf8(bytes).unwrap();
        let ladder: Vec<&str> = text.lines().filter(|line| line.ends_with('|')).collect();
        let labels = [
            "INVITE sdp",
            "100 Trying (INVITE)",
            "200 OK (INVITE) sdp",
            "ACK",
            "MESSAGE",
            "200 OK (MESSAGE)",
            "BYE",
            "200 OK (BYE)",
        ];
        let mut rungs = ladder.iter();
        for label in labels {
            let wanted = format!("- {label} -");
            assert!(
                rungs.any(|rung| rung.contains(&wanted)),
                "no {label} where it belongs in {ladder:#?}"
            );
        }
    }
}

#[tokio::test]
async fn capture_has_no_secret_either() {
    let folder = tempfile::tempdir().unwrap();
    for bytes in traced(folder.path(), "pcapng").await {
        assert_no_secret(&bytes);
        assert!(bytes.starts_with(&[0x0A, 0x0D, 0x0D, 0x0A]));
    }
}

#[tokio::test]
async fn file_that_cannot_be_made_is_an_error_that_names_it() {
    let config = ClientConfig {
        trace_file: Some("/nowhere/at/all.txt".into()),
        ..config()
    };
    let Err(Error::Config(why)) = HeadlessSipClient::new(config).await else {
        panic!("a file was made")
    };
    assert!(why.contains("/nowhere/at/all.txt"), "{why}");
}
