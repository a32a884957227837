//! Registers, shows how the registration stands, and un-registers.
//!
//!     cargo run --release -p headless-sip-cli -- pbx --user alice:secret      # in another terminal
//!     cargo run -p headless-sip --example register
//!
//! Prints the state of the registration until 3 s have passed.

use std::env;
use std::time::Duration;

use headless_sip::{ClientConfig, Error, HeadlessSipClient};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let registrar =
        env::var("HEADLESS_SIP_REGISTRAR").unwrap_or_else(|_| "sip:127.0.0.1:5060".into());
    let user = env::var("HEADLESS_SIP_USER").unwrap_or_else(|_| "alice".into());
    let password = env::var("HEADLESS_SIP_PASSWORD").unwrap_or_else(|_| "secret".into());

    let config = ClientConfig {
        local_sip_addr: "127.0.0.1:0".parse()?,
        register_expires: Duration::from_secs(60),
        ..ClientConfig::account(&user, &password, &registrar)
    };
    let client = match HeadlessSipClient::new(config).await {
        Ok(client) => client,
        Err(Error::Unauthorized(why)) => {
            return Err(format!("wrong user or password: {why}").into());
        }
        Err(error) => return Err(error.into()),
    };
    println!(
        "{} is registered from {}",
        client.address(),
        client.local_addr()
    );

    // The client refreshes the registration by itself; a program that wants to know may watch it.
    let mut state = client.registration().expect("a registrar is set");
    println!("state: {:?}", *state.borrow_and_update());
    let watch = async {
        while state.changed().await.is_ok() {
            println!("state: {:?}", *state.borrow_and_update());
        }
    };
    let _ = tokio::time::timeout(Duration::from_secs(3), watch).await;

    client.shutdown().await;
    println!("un-registered");
    Ok(())
}
