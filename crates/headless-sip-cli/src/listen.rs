//! What is heard in the sound of a call, as `--listen` asks for it and as events.

use std::time::Duration;

use clap::ValueEnum;
use headless_sip::analysis::{
    Answerer, AnsweringMachineEvent, CallProgressEvent, CallProgressTone, Side, SpecialInformation,
    TalkOverEvent, VoiceEvent,
};
use headless_sip::{Heard, InBandDtmf, ListenConfig};

use crate::event::{Event, millis};

/// Both speak for so long before it is told.
const TALK_OVER: Duration = Duration::from_millis(500);

/// What can be listened for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Listen {
    /// When the far end starts and stops to speak
    Voice,
    /// When both speak at once
    TalkOver,
    /// Keys as tones, even where they have another way
    Dtmf,
    /// Tones of the network: ringback, busy, congestion, fax
    Progress,
    /// Whether a person or a machine has answered, and its beep
    Machine,
}

/// The settings for these.
pub(crate) fn config(wanted: &[Listen]) -> ListenConfig {
    let wants = |what| wanted.contains(&what);
    ListenConfig {
        voice: wants(Listen::Voice).then(Default::default),
        talk_over: wants(Listen::TalkOver).then_some(TALK_OVER),
        dtmf: match wants(Listen::Dtmf) {
            true => InBandDtmf::On,
            false => InBandDtmf::Auto,
        },
        call_progress: wants(Listen::Progress),
        answering_machine: wants(Listen::Machine).then(Default::default),
    }
}

/// What is told of it; nothing of what this version does not know.
pub(crate) fn event(call_id: String, heard: Heard) -> Option<Event> {
    match heard {
        Heard::Voice(VoiceEvent::Started { at }) => Some(Event::Speech {
            call_id,
            speaking: true,
            at_ms: millis(at),
            duration_ms: None,
        }),
        Heard::Voice(VoiceEvent::Stopped { at, duration }) => Some(Event::Speech {
            call_id,
            speaking: false,
            at_ms: millis(at),
            duration_ms: Some(millis(duration)),
        }),
        Heard::TalkOver(TalkOverEvent::Started { at, interrupted }) => Some(Event::TalkOver {
            call_id,
            both: true,
            at_ms: millis(at),
            interrupted: Some(side(interrupted).to_owned()),
            duration_ms: None,
        }),
        Heard::TalkOver(TalkOverEvent::Stopped { at, duration }) => Some(Event::TalkOver {
            call_id,
            both: false,
            at_ms: millis(at),
            interrupted: None,
            duration_ms: Some(millis(duration)),
        }),
        Heard::CallProgress(CallProgressEvent::Started { tone, at, .. }) => Some(Event::Tone {
            call_id,
            tone: tone_name(tone).to_owned(),
            sounds: true,
            at_ms: millis(at),
        }),
        Heard::CallProgress(CallProgressEvent::Stopped { tone, at }) => Some(Event::Tone {
            call_id,
            tone: tone_name(tone).to_owned(),
            sounds: false,
            at_ms: millis(at),
        }),
        Heard::AnsweringMachine(AnsweringMachineEvent::Opinion(opinion)) => Some(Event::Answerer {
            call_id,
            answerer: match opinion.answerer {
                Answerer::Human => "human",
                Answerer::Machine => "machine",
                _ => "unknown",
            }
            .to_owned(),
            confidence: (f64::from(opinion.confidence) * 100.0).round() / 100.0,
            is_final: opinion.is_final,
            after_ms: millis(opinion.at),
        }),
        Heard::AnsweringMachine(AnsweringMachineEvent::Beep { end, hz, .. }) => Some(Event::Beep {
            call_id,
            hz: f64::from(hz).round(),
            after_ms: millis(end),
        }),
        _ => None,
    }
}

fn side(side: Side) -> &'static str {
    match side {
        Side::Near => "us",
        Side::Far => "far_end",
    }
}

fn tone_name(tone: CallProgressTone) -> &'static str {
    match tone {
        CallProgressTone::Dial => "dial",
        CallProgressTone::Ringback => "ringback",
        CallProgressTone::Busy => "busy",
        CallProgressTone::Congestion => "congestion",
        CallProgressTone::SpecialInformation(SpecialInformation::Intercept) => "sit_intercept",
        CallProgressTone::SpecialInformation(SpecialInformation::VacantCode) => "sit_vacant_code",
        CallProgressTone::SpecialInformation(SpecialInformation::Reorder) => "sit_reorder",
        CallProgressTone::SpecialInformation(SpecialInformation::NoCircuit) => "sit_no_circuit",
        CallProgressTone::SpecialInformation(_) => "sit",
        CallProgressTone::FaxCalling => "fax_calling",
        CallProgressTone::FaxAnswer => "fax_answer",
        _ => "unknown",
    }
}
