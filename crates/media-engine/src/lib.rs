//! The audio of many calls: sockets, the media clock, codecs and RTP.
//!
//! A program gives and gets `f32` samples; the engine does the rest. A few media threads of its own
//! serve all calls by a tick, apart from any async runtime, so that a program which blocks its
//! runtime never makes the audio stutter. No packet wakes a thread, and a running call allocates
//! nothing but the samples handed to the program.
//!
//! ```text
//!  AudioSender ─▶ playback queue ─▶ mono ─▶ resample ─▶ Encoder ─▶ RtpSession ─▶ socket      every
//!  AudioReceiver ◀─ queue ◀─ resample ◀─ pace ◀─ decode, conceal ◀─ RtpSession ◀─ socket     ptime
//! ```
//!
//! - [`MediaEngine`] owns the threads and the ports; [`MediaEngine::start`] puts a call on one.
//! - [`AudioBridge`] is what the program holds of a call: [`AudioSender`] and [`AudioReceiver`].
//! - [`MediaHandle`] changes, measures and stops it; [`MediaEvents`] tell what happens to it.
//! - [`MediaSession`] is the call as a value, without socket and clock, for tests in virtual time.
//!
//! # First example
//!
//! Two calls on this host that hear each other:
//!
//! ```
//! use std::sync::Arc;
//! use audio_codecs::Pcmu;
//! use media_engine::{AudioFrame, EngineConfig, MediaConfig, MediaEngine, MediaFormat};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let engine = MediaEngine::new(EngineConfig::default())?;
//! let (here, there) = (engine.reserve("127.0.0.1".parse()?)?, engine.reserve("127.0.0.1".parse()?)?);
//! let pcmu = MediaFormat::new(0, Arc::new(Pcmu));
//! let to_there = MediaConfig::new(there.rtp_addr(), pcmu.clone());
//! let to_here = MediaConfig::new(here.rtp_addr(), pcmu);
//! let (_alice, alice_audio, _events) = engine.start(here, to_there)?;
//! let (_bob, mut bob_audio, _events) = engine.start(there, to_here)?;
//!
//! alice_audio.tx.blocking_send(AudioFrame::mono(vec![0.25; 24_000], 24_000))?; // a second
//! let frame = bob_audio.rx.blocking_recv().expect("a frame comes every 20 ms");
//! assert_eq!(frame.frame.samples.len(), 160);
//! # Ok(())
//! # }
//! ```

mod config;
mod engine;
mod error;
mod event;
mod handle;
mod stats;

mod audio_bridge;
mod block_on;
mod frame;
mod mixer;
mod pace;
mod playback;
mod playback_queue;
mod queue;
mod relay;

mod background;
mod capture;
mod key_tones;
mod listening;
mod media_clock;
mod playout;
mod rate_converter;
mod sample_fifo;
mod session;

mod load;
mod mailbox;
mod media_thread;
mod ports;
mod slots;
mod socket;

pub use audio_analysis as analysis;
pub use audio_bridge::{AudioBridge, AudioReceiver, AudioSender};
pub use audio_codecs::ResamplerQuality;
pub use config::{ComfortNoiseFormat, MediaConfig, MediaFormat, MediaUpdate};
pub use engine::{EngineConfig, MediaEngine};
pub use error::{AudioError, EngineError, TrySendError};
pub use event::{MediaEvent, MediaEvents};
pub use frame::{AudioFrame, ReceivedFrame, SAMPLE_RATES};
pub use handle::MediaHandle;
pub use listening::{Heard, InBandDtmf, ListenConfig};
pub use mixer::{Mixer, MixerLeg};
pub use playback_queue::{Cleared, Milestone, PlayedUtterance, UtteranceId};
pub use ports::MediaPorts;
pub use relay::relay;
pub use rtp_media::{
    Channel, ClockAnchor, ClockRate, ExtendedReports, JitterBufferConfig, NoMediaCause,
    PayloadType, RedundancyFormat, TelephoneEvent, TelephoneEventFormat, Transmit,
};
pub use session::MediaSession;
pub use stats::{CodecName, MediaStats};
