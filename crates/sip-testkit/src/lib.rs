//! Test your own phone program: a telephone exchange inside the test process, a bad network, and ears.
//!
//! - `pbx`: a registrar and proxy with users, failing numbers, and numbers that answer with an
//!   echo, a tone, digits or music.
//! - [`network`]: loss, delay, jitter, reordering and duplication, as a value for virtual time and as
//!   a relay between real sockets.
//! - [`audio`]: sounds to say, and judgements on what was heard.
//!
//! Nothing needs installing: the exchange listens on a free port of the loopback and is gone when it
//! is dropped. Any SIP program can use it; this test is of one that speaks through `headless-sip`:
//!
#![cfg_attr(feature = "extensions", doc = "```")]
#![cfg_attr(not(feature = "extensions"), doc = "```text")]
//! use headless_sip::{ClientConfig, HeadlessSipClient};
//! use sip_testkit::{audio::{Clip, assert_tone}, pbx::Pbx};
//! use std::time::Duration;
//!
//! # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let pbx = Pbx::builder().user("alice", "secret").start().await?;
//!
//! // The program under test: it registers, calls the number that sings, and listens for a second.
//! let client = HeadlessSipClient::new(ClientConfig {
//!     local_sip_addr: "127.0.0.1:0".parse()?,
//!     ..ClientConfig::account("alice", "secret", &pbx.uri())
//! })
//! .await?;
//! let mut call = client.call(&pbx.user_uri("tone")).await?;
//! let mut heard = Clip::new(call.audio.rx.sample_rate());
//! while heard.trimmed(0.01).duration() < Duration::from_secs(1) {
//!     let frame = call.audio.rx.recv().await.ok_or("the call ended early")?;
//!     heard.push(&frame.samples);
//! }
//! call.hang_up().await?;
//!
//! assert_tone(&heard.trimmed(0.01), 440.0);
//! client.shutdown().await;
//! pbx.shutdown().await;
//! # Ok(()) }
//! ```
//!
//! # Parts alone
//!
//! Without default features there remain [`audio`] and [`network`], which need no SIP. The feature
//! `pbx` adds the exchange, `extensions` the numbers that answer.

pub mod audio;
pub mod network;
#[cfg(feature = "pbx")]
pub mod pbx;
