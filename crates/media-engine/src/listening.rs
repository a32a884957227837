//! What is heard beside the words: who speaks, keys as tones, call-progress tones, answering machines.

use std::time::Duration;

use audio_analysis::{
    AnsweringMachineConfig, AnsweringMachineDetector, AnsweringMachineEvent, CallProgressDetector,
    CallProgressEvent, DtmfDetector, DtmfEvent, Side, TalkOver, TalkOverEvent, VoiceActivityConfig,
    VoiceActivityDetector, VoiceEvent,
};

use crate::MediaEvent;

/// What to listen for in the sound of a call. What is found comes as [`MediaEvent::Heard`], keys as [`MediaEvent::Dtmf`], whether or not
/// the program reads the audio itself. The default listens for nothing and costs nothing.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct ListenConfig {
    /// The peer starts and stops to speak.
    pub voice: Option<VoiceActivityConfig>,
    /// Both sides speak at once, for longer than this. Each is judged by `voice`, or by its default.
    pub talk_over: Option<Duration>,
    /// Keys as tones in the peer's audio.
    pub dtmf: InBandDtmf,
    /// Dial tone, ringback, busy, congestion, special information and fax tones; before the answer too, where it can be heard.
    pub call_progress: bool,
    /// Whether a person or a machine has answered: listens from the answer on, or from when this is switched on later.
    pub answering_machine: Option<AnsweringMachineConfig>,
}

/// Whether keys are looked for in the audio itself (ITU-T Q.24).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum InBandDtmf {
    /// Never.
    #[default]
    Off,
    /// While telephone-event (RFC 4733) is not agreed: the peer has no other way in the stream then.
    Auto,
    /// Always: for gateways that agree on telephone-event and send tones all the same.
    On,
}

/// Something in the sound of a call. Times are media time, as in [`ReceivedFrame::media_time`](crate::ReceivedFrame::media_time).
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub enum Heard {
    /// The peer starts or stops to speak.
    Voice(VoiceEvent),
    /// Both sides speak at once; the near one is this program.
    TalkOver(TalkOverEvent),
    /// A tone of the telephone network.
    CallProgress(CallProgressEvent),
    /// Who has answered. Its times count from the answer.
    AnsweringMachine(AnsweringMachineEvent),
}

/// The detectors of one call, each there while it is asked for.
#[derive(Debug)]
pub(crate) struct Listening {
    config: ListenConfig,
    telephone_event: bool,
    rate: u32,
    voice: Option<Ear<VoiceActivityDetector>>,
    own_voice: Option<(u32, Ear<VoiceActivityDetector>)>,
    talk_over: Option<TalkOver>,
    dtmf: Option<Ear<DtmfDetector>>,
    call_progress: Option<Ear<CallProgressDetector>>,
    answering_machine: Option<AnsweringMachineDetector>,
    /// When the next frame should begin: more is time that was left out.
    next: Duration,
}

/// A detector, and the media time at which it began to listen.
#[derive(Debug)]
struct Ear<D> {
    detector: D,
    begun: Duration,
}

impl Listening {
    /// For received frames at `rate` Hz.
    pub(crate) fn new(config: ListenConfig, telephone_event: bool, rate: u32) -> Self {
        let mut listening = Self {
            config: ListenConfig::default(),
            telephone_event,
            rate,
            voice: None,
            own_voice: None,
            talk_over: None,
            dtmf: None,
            call_progress: None,
            answering_machine: None,
            next: Duration::ZERO,
        };
        listening.set(Some(config), None);
        listening
    }

    /// Changes what is listened for, or whether telephone-event is agreed; `None` keeps it. Detectors of what stays go on.
    pub(crate) fn set(&mut self, config: Option<ListenConfig>, telephone_event: Option<bool>) {
        let before = self.config;
        let config = config.unwrap_or(before);
        self.config = config;
        self.telephone_event = telephone_event.unwrap_or(self.telephone_event);
        let (rate, begun) = (self.rate, self.next);
        let judged = |config: &ListenConfig| {
            let wanted = config.voice.is_some() || config.talk_over.is_some();
            wanted.then(|| config.voice.unwrap_or_default())
        };
        let voice = judged(&config);
        if voice != judged(&before) {
            self.voice = voice.map(|voice| Ear {
                detector: VoiceActivityDetector::new(rate, voice),
                begun,
            });
        }
        if config.talk_over != before.talk_over || voice != judged(&before) {
            self.talk_over = config.talk_over.map(TalkOver::new);
            self.own_voice = None;
        }
        let dtmf = match config.dtmf {
            InBandDtmf::Off => false,
            InBandDtmf::Auto => !self.telephone_event,
            InBandDtmf::On => true,
        };
        if dtmf != self.dtmf.is_some() {
            self.dtmf = dtmf.then(|| Ear {
                detector: DtmfDetector::new(rate),
                begun,
            });
        }
        if config.call_progress != before.call_progress {
            self.call_progress = config.call_progress.then(|| Ear {
                detector: CallProgressDetector::new(rate),
                begun,
            });
        }
        if config.answering_machine != before.answering_machine {
            self.answering_machine = config
                .answering_machine
                .map(|config| AnsweringMachineDetector::new(rate, config));
        }
    }

    /// Whether received audio is of any interest.
    pub(crate) fn is_on(&self) -> bool {
        self.voice.is_some()
            || self.dtmf.is_some()
            || self.call_progress.is_some()
            || self.answering_machine.is_some()
    }

    /// Hears a received frame that begins at `media_time`.
    pub(crate) fn hear(&mut self, samples: &[f32], media_time: Duration, early_media: bool) {
        self.pass_over(media_time.saturating_sub(self.next));
        self.next =
            media_time + Duration::from_nanos(crate::frame::nanos(samples.len() as u64, self.rate));
        if let Some(voice) = &mut self.voice {
            voice.detector.push(samples);
        }
        if let Some(dtmf) = &mut self.dtmf {
            dtmf.detector.push(samples);
        }
        if let Some(call_progress) = &mut self.call_progress {
            call_progress.detector.push(samples);
        }
        if let Some(machine) = &mut self.answering_machine
            && !early_media
        {
            machine.push(samples);
        }
    }

    /// Hears what this side sends from `media_time` on, at `rate` Hz.
    pub(crate) fn hear_own(&mut self, samples: &[f32], rate: u32, media_time: Duration) {
        if self.talk_over.is_none() {
            return;
        }
        let config = self.config.voice.unwrap_or_default();
        let stays = self.own_voice.take().filter(|(before, _)| *before == rate);
        let (_, own) = self.own_voice.insert(stays.unwrap_or_else(|| {
            let detector = VoiceActivityDetector::new(rate, config);
            let begun = media_time;
            (rate, Ear { detector, begun })
        }));
        own.detector.push(samples);
    }

    /// The media time went on by `gap` without sound: the host was busy.
    fn pass_over(&mut self, gap: Duration) {
        if gap.is_zero() {
            return;
        }
        let Self {
            voice,
            own_voice,
            dtmf,
            call_progress,
            ..
        } = self;
        let begun = [
            voice.as_mut().map(|ear| &mut ear.begun),
            own_voice.as_mut().map(|(_, ear)| &mut ear.begun),
            dtmf.as_mut().map(|ear| &mut ear.begun),
            call_progress.as_mut().map(|ear| &mut ear.begun),
        ];
        for begun in begun.into_iter().flatten() {
            *begun += gap;
        }
    }

    /// What was found since.
    pub(crate) fn poll_event(&mut self) -> Option<MediaEvent> {
        if let Some(event) = self.poll_voice() {
            return Some(MediaEvent::Heard(event));
        }
        if let Some(ear) = &mut self.dtmf {
            while let Some(event) = ear.detector.poll_event() {
                if let DtmfEvent::Pressed { digit, at } = event {
                    return Some(MediaEvent::Dtmf {
                        digit,
                        duration: self.next.saturating_sub(at + ear.begun),
                        in_band: true,
                    });
                }
            }
        }
        if let Some(ear) = &mut self.call_progress
            && let Some(event) = ear.detector.poll_event()
        {
            return Some(MediaEvent::Heard(Heard::CallProgress(
                event.later(ear.begun),
            )));
        }
        let event = self.answering_machine.as_mut()?.poll_event()?;
        Some(MediaEvent::Heard(Heard::AnsweringMachine(event)))
    }

    fn poll_voice(&mut self) -> Option<Heard> {
        if let Some((_, ear)) = &mut self.own_voice {
            while let Some(event) = ear.detector.poll_event() {
                tell_side(&mut self.talk_over, Side::Near, event.later(ear.begun));
            }
        }
        if let Some(ear) = &mut self.voice {
            while let Some(event) = ear.detector.poll_event() {
                let event = event.later(ear.begun);
                tell_side(&mut self.talk_over, Side::Far, event);
                if self.config.voice.is_some() {
                    return Some(Heard::Voice(event));
                }
            }
        }
        let talk_over = self.talk_over.as_mut()?;
        talk_over.handle_time(self.next);
        talk_over.poll_event().map(Heard::TalkOver)
    }
}

fn tell_side(talk_over: &mut Option<TalkOver>, side: Side, event: VoiceEvent) {
    let Some(talk_over) = talk_over else { return };
    match event {
        VoiceEvent::Started { at } => talk_over.handle_activity(side, true, at),
        VoiceEvent::Stopped { at, .. } => talk_over.handle_activity(side, false, at),
        _ => {}
    }
}
