//! Real phone calls for programs: `f32` PCM where others have a sound card.
//!
//! A program dials or answers, sends frames of any length and sample rate, and gets steady frames back. The library
//! owns the clock, the pacing, the resampling, the jitter and the silence; the program never sleeps 20 ms.
//!
//! ```no_run
//! use headless_sip::{AudioFrame, ClientConfig, HeadlessSipClient};
//!
//! # async fn example(samples: Vec<f32>) -> Result<(), Box<dyn std::error::Error>> {
//! let client = HeadlessSipClient::new(ClientConfig {
//!     local_sip_addr: "0.0.0.0:5060".parse()?,
//!     username: Some("alice".into()),
//!     password: Some("secret".into()),
//!     registrar: Some("sip:registrar.example.com".into()),
//!     ..Default::default()
//! })
//! .await?;
//! let mut call = client.call("sip:bob@example.com").await?;
//! call.audio.tx.send(AudioFrame { samples, sample_rate: 24_000, channels: 1 }).await?;
//! while let Some(frame) = call.audio.rx.recv().await {
//!     println!("{} samples of {} Hz", frame.samples.len(), frame.sample_rate);
//! }
//! # Ok(()) }
//! ```
//!
//! # Logs
//!
//! Everything is logged through `tracing`. The SIP stack below, `rsipstack`, logs whole messages at `INFO`, with their
//! `Authorization` headers: keep its target at `WARN` (`RUST_LOG=info,rsipstack=warn`).

mod account;
mod address;
mod bridge;
mod call;
mod client;
mod codec_table;
mod collect_digits;
mod config;
mod digits;
mod error;
mod event;
mod incoming;
mod info_dtmf;
mod limits;
mod media;
mod message;
#[cfg(target_os = "linux")]
mod network_watch;
mod outgoing;
mod request;
mod stats;
mod trace_file;
mod trunk;
#[cfg(feature = "wav")]
mod wav;

pub use account::{Account, AccountConfig};
pub use audio_codecs as codecs;
pub use bridge::{BridgeEnd, bridge};
pub use call::{ActiveCall, CallControl};
pub use client::HeadlessSipClient;
pub use codec_table::CodecTable;
pub use collect_digits::CollectedDigits;
pub use config::{ClientConfig, DtmfMode, Password, Register, Transport};
pub use digits::{DigitCollection, DigitCollector, DigitOutcome};
pub use error::Error;
pub use event::{CallEnded, CallEvent, CallEvents, DtmfMethod, EndedBy};
pub use incoming::IncomingCall;
pub use limits::Limits;
pub use media_engine::{
    AudioBridge, AudioError, AudioFrame, AudioReceiver, AudioSender, Cleared, Heard, InBandDtmf,
    JitterBufferConfig, ListenConfig, Milestone, Mixer, MixerLeg, NoMediaCause, PlayedUtterance,
    ReceivedFrame, TrySendError, UtteranceId, analysis,
};
pub use message::TextMessage;
pub use outgoing::{Dial, OutgoingCall, Progress};
pub use request::Request;
pub use sip_signaling::event_package;
pub use sip_signaling::message::{CallInfo, Diversion, HistoryEntry, Reason, UserToUser};
pub use sip_signaling::trace::Ladder;
pub use sip_signaling::{
    Body, HeaderList, IncomingSubscription, IncomingSubscriptions, IpNet, Notification, Notifier,
    NotifierEnd, Passwords, RateLimit, RegistrationState, Response, StatusCode, Subscription,
    SubscriptionEvent, SubscriptionState, TlsConfig, TlsIdentity, TraceDirection, TracedMessage,
};
pub use stats::CallStats;
pub use trunk::{TrunkConfig, TrunkPeer};
#[cfg(feature = "wav")]
pub use wav::{
    Played, Recorded, RecorderConfig, WavError, WavPlayer, WavReader, WavRecorder, WavWriter,
    play_wav,
};
