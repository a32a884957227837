//! The audio of many calls: sockets, the media clock, codecs and RTP.
mod audio_bridge;
mod block_on;
mod config;
mod error;
mod event;
mod frame;
mod playback;
mod playback_queue;
mod ports;
mod queue;
mod socket;
mod stats;

pub use audio_bridge::{AudioBridge, AudioReceiver, AudioSender};
pub use config::{MediaConfig, MediaFormat, MediaUpdate};
pub use error::{AudioError, EngineError, TrySendError};
pub use event::{MediaEvent, MediaEvents};
pub use frame::{AudioFrame, ReceivedFrame, SAMPLE_RATES};
pub use playback_queue::{Cleared, PlayedUtterance, UtteranceId};
pub use ports::MediaPorts;
pub use rtp_media::{JitterBufferConfig, NoMediaCause, TelephoneEventFormat};
pub use stats::{CodecName, MediaStats};
