//! What telephone audio says.
//!
//! The crate knows samples and rates; it has never heard of RTP, SIP or codecs. Each detector is a plain value: give it mono
//! `f32` samples in [-1, 1] with `push`, in frames of any length at 8 to 192 kHz, and take what it found with `poll_event`. Events
//! carry media time: how much audio came before, counted in samples, so that no clock is needed and late processing changes
//! nothing. In steady state nothing is allocated, as long as the events are taken.
//!
//! Levels are in dBm0: a full-scale sine is +3.14 dBm0 (ITU-T G.711).

mod level;

mod goertzel;
mod tone_generator;

mod dtmf;
mod dtmf_detector;
mod dtmf_generator;

#[cfg(feature = "earshot")]
mod earshot_voice;
mod energy_voice;
mod talk_over;
mod voice_activity;

mod answering_machine;
mod beep;
mod call_progress;
mod spectrum;

mod goertzel_bank;
mod intake;
mod runs;
mod two_sines;

pub use answering_machine::{
    Answerer, AnsweringMachineConfig, AnsweringMachineDetector, AnsweringMachineEvent,
    GreetingFigures, Opinion, OpinionReason,
};
pub use call_progress::{
    CallProgressDetector, CallProgressEvent, CallProgressGenerator, CallProgressTone,
    SpecialInformation, TonePattern, TonePlan, ToneStep, patterns,
};
pub use dtmf::dtmf_frequencies;
pub use dtmf_detector::{DtmfDetector, DtmfEvent};
pub use dtmf_generator::{DtmfGenerator, DtmfSound};
pub use goertzel::Goertzel;
pub use level::{amplitude_of_dbm0, dbm0_of_power, power_of_dbm0};
pub use talk_over::{Side, TalkOver, TalkOverEvent};
pub use tone_generator::ToneGenerator;
pub use voice_activity::{VoiceActivityConfig, VoiceActivityDetector, VoiceEvent, VoiceModel};
