//! What can go wrong, by who can act on it.

use std::net::IpAddr;
use std::ops::RangeInclusive;

use crate::{AudioFrame, UtteranceId};

/// Why a frame was not taken for playback.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AudioError {
    /// The rate is out of range.
    #[error("the sample rate is {0} Hz: give frames of 8,000 to 192,000 Hz")]
    SampleRate(u32),
    /// The frame has no channels.
    #[error("the frame has no channels: set `channels` to 1 or more")]
    NoChannels,
    /// The samples do not fill all channels.
    #[error(
        "{samples} samples do not divide into {channels} channels: give whole interleaved frames"
    )]
    UnevenLength {
        /// Length of `samples`.
        samples: usize,
        /// The frame's channels.
        channels: u16,
    },
    /// More than `playback_buffer` is queued. Only `try_send` says this.
    #[error("the playback queue is full: wait with `send`, or give the frame again later")]
    Full,
    /// `clear` was called: before a part of the utterance came, or while `send` waited for room.
    #[error("the utterance was cleared: begin a new one with `send`")]
    Cleared,
    /// No utterance of this number was begun here.
    #[error("{0} was not begun on this call: use the id that `send` returned")]
    UnknownUtterance(UtteranceId),
    /// The call has ended.
    #[error("the call has ended: no more audio can be played")]
    Closed,
}

/// A frame that `try_send` did not take, given back with the reason.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error("{error}")]
pub struct TrySendError {
    /// The frame as it was given.
    pub frame: AudioFrame,
    /// Why it was not taken.
    #[source]
    pub error: AudioError,
}

/// Why the engine did not start or a call's media could not be set up or changed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EngineError {
    /// The configuration makes no sense.
    #[error("the media configuration is wrong: {0}")]
    Config(String),
    /// Every port pair of the range is in use.
    #[error(
        "no free pair of RTP ports on {local_ip} in {}-{} after {tried} tries: end calls or configure a wider range",
        range.start(), range.end()
    )]
    NoFreePorts {
        /// Where ports were looked for.
        local_ip: IpAddr,
        /// The configured range.
        range: RangeInclusive<u16>,
        /// How many pairs were tried.
        tried: usize,
    },
    /// The address cannot be bound at all.
    #[error("cannot bind RTP sockets on {local_ip}: {source}; give an address of this host")]
    Bind {
        /// The address asked for.
        local_ip: IpAddr,
        /// What the system said.
        source: std::io::Error,
    },
    /// A media thread did not start.
    #[error("cannot start a media thread: {0}")]
    Thread(#[source] std::io::Error),
    /// A codec could not be set up.
    #[error("the codec {encoding_name} cannot be set up: {source}")]
    Codec {
        /// The codec's name in SDP.
        encoding_name: String,
        /// What the codec said.
        source: audio_codecs::CodecError,
    },
    /// DTMF was asked for on a call that did not negotiate it.
    #[error(
        "the peer did not negotiate telephone-event: send the digits another way, for example SIP INFO"
    )]
    NoTelephoneEvent,
    /// Not one of 0-9, *, #, A-D.
    #[error("{0:?} is not a DTMF digit: use 0-9, *, # or A-D")]
    BadDigit(char),
    /// The direction does not allow sending.
    #[error("the call is on hold: resume it before sending digits")]
    OnHold,
    /// The key press is too short or too long.
    #[error("a key press of {0:?} cannot be sent: choose 1 ms to 60 s, usually 100 to 250 ms")]
    DigitDuration(std::time::Duration),
    /// 128 digits wait to be sent.
    #[error("128 digits wait to be sent already: wait until some are out")]
    TooManyDigits,
    /// The call's media has stopped.
    #[error("the call's media has stopped")]
    Stopped,
}
