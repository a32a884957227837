//! The audio of many calls: sockets, the media clock, codecs and RTP.

mod config;
mod engine;
mod error;
mod event;
mod handle;
mod stats;

mod audio_bridge;
mod block_on;
mod frame;
mod playback;
mod playback_queue;
mod queue;

mod capture;
mod media_clock;
mod playout;
mod rate_converter;
mod sample_fifo;
mod session;

mod mailbox;
mod media_thread;
mod ports;
mod slots;
mod socket;

pub use audio_bridge::{AudioBridge, AudioReceiver, AudioSender};
pub use config::{MediaConfig, MediaFormat, MediaUpdate};
pub use engine::{EngineConfig, MediaEngine};
pub use error::{AudioError, EngineError, TrySendError};
pub use event::{MediaEvent, MediaEvents};
pub use frame::{AudioFrame, ReceivedFrame, SAMPLE_RATES};
pub use handle::MediaHandle;
pub use playback_queue::{Cleared, PlayedUtterance, UtteranceId};
pub use ports::MediaPorts;
pub use rtp_media::{
    Channel, ClockAnchor, JitterBufferConfig, NoMediaCause, TelephoneEvent, TelephoneEventFormat,
    Transmit,
};
pub use session::MediaSession;
pub use stats::{CodecName, MediaStats};
