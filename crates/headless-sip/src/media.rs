//! The media of one call: its offers and answers, and the session on a media thread that follows them.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use media_engine::{
    AudioBridge, ClockRate, ComfortNoiseFormat, ExtendedReports, JitterBufferConfig, ListenConfig,
    MediaConfig, MediaEngine, MediaEvent, MediaEvents, MediaFormat, MediaHandle, MediaPorts,
    MediaUpdate, PayloadType, RedundancyFormat, ResamplerQuality, TelephoneEventFormat,
};
use sdp_negotiation::{
    AudioCapabilities, Direction, LocalMedia, NegotiatedAudio, NegotiatedFormat, PendingOffer,
    SdpSession, SessionDescription,
};
use sip_signaling::Body;

use crate::{ClientConfig, CodecTable, Error};

const SDP: &str = "application/sdp";

/// What the media of a call needs of the settings.
#[derive(Clone, Debug)]
pub(crate) struct MediaSettings {
    pub(crate) codecs: CodecTable,
    pub(crate) receive_sample_rate: Option<u32>,
    /// What SDP tells instead of the address of the sockets.
    pub(crate) advertised: Option<IpAddr>,
    media_lines: usize,
    ptime: Duration,
    jitter_buffer: JitterBufferConfig,
    playback_buffer: Duration,
    media_timeout: Option<Duration>,
    no_media_after: Duration,
    quality_interval: Duration,
    pub(crate) listen: ListenConfig,
    tap_sent: bool,
    silence_suppression: bool,
    redundancy: u8,
    extended_reports: bool,
    resampler_quality: ResamplerQuality,
}

impl MediaSettings {
    pub(crate) fn new(config: &ClientConfig) -> Self {
        Self {
            codecs: config.codecs.clone(),
            receive_sample_rate: config.receive_sample_rate,
            advertised: None,
            media_lines: config.limits.media_lines,
            ptime: config.ptime,
            jitter_buffer: config.jitter_buffer,
            playback_buffer: config.playback_buffer,
            media_timeout: config.media_timeout,
            no_media_after: config.no_media_after,
            quality_interval: config.quality_interval,
            listen: config.listen,
            tap_sent: config.tap_sent,
            silence_suppression: config.silence_suppression,
            redundancy: config.redundancy,
            extended_reports: config.extended_reports,
            resampler_quality: config.resampler_quality,
        }
    }

    fn capabilities(&self) -> AudioCapabilities {
        AudioCapabilities {
            formats: self.codecs.formats(),
            telephone_event: true,
            comfort_noise: self.silence_suppression,
            redundancy: self.redundancy,
            extended_reports: self.extended_reports,
            ptime_ms: u32::try_from(self.ptime.as_millis()).unwrap_or(20),
            maxptime_ms: None,
            rtcp_mux: false,
        }
    }
}

/// The audio and the events of media that has just started; handed out once per call.
#[derive(Debug)]
pub(crate) struct StartedMedia {
    pub(crate) audio: AudioBridge,
    pub(crate) events: MediaEvents,
    /// What has happened before, and was not told.
    pub(crate) told: Vec<MediaEvent>,
}

/// The media of one call, from its first offer to its end.
#[derive(Debug)]
pub(crate) struct CallMedia {
    settings: MediaSettings,
    engine: MediaEngine,
    sdp: SdpSession,
    /// What SDP names.
    local: LocalMedia,
    /// Where the sockets are.
    local_ip: IpAddr,
    state: State,
    negotiated: Option<NegotiatedAudio>,
}

#[derive(Debug)]
enum State {
    /// The sockets are held, nothing flows.
    Reserved(MediaPorts),
    Running(MediaHandle),
    /// Only while one turns into the other, or when starting failed.
    Failed,
}

impl CallMedia {
    /// Takes RTP sockets on `local_ip` and holds them until the call is over.
    pub(crate) fn reserve(
        engine: &MediaEngine,
        local_ip: IpAddr,
        settings: MediaSettings,
    ) -> Result<Self, Error> {
        if settings.codecs.is_empty() {
            return Err(Error::Config(
                "the codec table is empty; add at least one codec".into(),
            ));
        }
        let ports = engine.reserve(local_ip)?;
        Ok(Self {
            local: local_media(&ports, settings.advertised),
            local_ip,
            settings,
            engine: engine.clone(),
            // RFC 8866 section 5.2: a number that is unique for its maker; 63 bits, since some peers read it as signed.
            sdp: SdpSession::new(rand::random::<u64>() >> 1, "-"),
            state: State::Reserved(ports),
            negotiated: None,
        })
    }

    /// Our offer, as a body, and what takes its answer.
    pub(crate) fn offer(&mut self, direction: Direction) -> (Body, PendingOffer) {
        let (description, pending) =
            self.sdp
                .create_offer(&self.settings.capabilities(), self.local, direction);
        (body(&description), pending)
    }

    /// Takes the answer to our offer; the audio is there if this is what started it.
    pub(crate) fn accept(
        &mut self,
        pending: PendingOffer,
        answer: &Body,
        early: bool,
    ) -> Result<Option<StartedMedia>, Error> {
        let negotiated = pending.accept(&self.parse(answer)?)?;
        self.apply(negotiated, early)
    }

    /// Answers the peer's offer; the audio is there if this is what started it.
    pub(crate) fn answer(
        &mut self,
        offer: &Body,
        wanted: Direction,
    ) -> Result<(Body, Option<StartedMedia>), Error> {
        // The session is copied, so that an offer which cannot be used leaves the call as it was.
        let mut sdp = self.sdp.clone();
        let (description, negotiated) = sdp.answer(
            &self.parse(offer)?,
            &self.settings.capabilities(),
            self.local,
            wanted,
        )?;
        let started = self.apply(negotiated, false)?;
        self.sdp = sdp;
        Ok((body(&description), started))
    }

    /// Takes the answer to an offer that repeated our last description (a session refresh by re-INVITE).
    pub(crate) fn refreshed(&mut self, answer: &Body, direction: Direction) -> Result<(), Error> {
        // Made for its PendingOffer alone: the session, with its version, stays as it was.
        let (_, pending) =
            self.sdp
                .clone()
                .create_offer(&self.settings.capabilities(), self.local, direction);
        self.accept(pending, answer, false).map(|_| ())
    }

    /// What is agreed, once there is an agreement.
    pub(crate) fn negotiated(&self) -> Option<&NegotiatedAudio> {
        self.negotiated.as_ref()
    }

    /// The running session, once media has started.
    pub(crate) fn handle(&self) -> Option<&MediaHandle> {
        match &self.state {
            State::Running(handle) => Some(handle),
            _ => None,
        }
    }

    fn apply(
        &mut self,
        negotiated: NegotiatedAudio,
        early: bool,
    ) -> Result<Option<StartedMedia>, Error> {
        if self.negotiated.as_ref() == Some(&negotiated) {
            // A refresh changes nothing but that the call may be answered now: the codecs keep their state.
            self.update(MediaUpdate {
                early_media: Some(early),
                ..MediaUpdate::default()
            })?;
            return Ok(None);
        }
        let config = self.config(&negotiated, early)?;
        let started = match std::mem::replace(&mut self.state, State::Failed) {
            State::Reserved(ports) => {
                let (handle, audio, events) = self.engine.start(ports, config)?;
                self.state = State::Running(handle);
                Some(StartedMedia {
                    audio,
                    events,
                    told: Vec::new(),
                })
            }
            State::Running(handle) => {
                self.state = State::Running(handle);
                self.update(MediaUpdate::from(config))?;
                None
            }
            State::Failed => {
                return Err(Error::Media(
                    "the media of this call could not be started".into(),
                ));
            }
        };
        self.negotiated = Some(negotiated);
        Ok(started)
    }

    /// Takes sockets on `local_ip` in place of those that are held; the next offer or answer names them. False if they are there
    /// already.
    pub(crate) fn move_to(&mut self, local_ip: IpAddr) -> Result<bool, Error> {
        if self.local_ip == local_ip {
            return Ok(false);
        }
        let ports = self.engine.reserve(local_ip)?;
        self.local = local_media(&ports, self.settings.advertised);
        self.local_ip = local_ip;
        match &mut self.state {
            State::Running(handle) => handle.move_to(ports)?,
            State::Reserved(held) => *held = ports,
            State::Failed => {}
        }
        Ok(true)
    }

    /// The call was answered without new SDP: what was heard early goes on as the call's media.
    pub(crate) fn answered(&self) -> Result<(), Error> {
        self.update(MediaUpdate {
            early_media: Some(false),
            ..MediaUpdate::default()
        })
    }

    fn update(&self, update: MediaUpdate) -> Result<(), Error> {
        match self.handle() {
            Some(handle) => Ok(handle.update(update)?),
            None => Ok(()),
        }
    }

    fn config(&self, negotiated: &NegotiatedAudio, early: bool) -> Result<MediaConfig, Error> {
        let telephone_event = negotiated
            .telephone_event
            .map(|event| TelephoneEventFormat {
                send_payload_type: PayloadType(event.send_payload_type),
                receive_payload_type: PayloadType(event.receive_payload_type),
                clock_rate: ClockRate(event.clock_rate),
            });
        let mut receive =
            vec![self.format(&negotiated.format, negotiated.format.receive_payload_type)?];
        for format in &negotiated.also_receivable {
            receive.push(self.format(format, format.receive_payload_type)?);
        }
        let send = self.format(&negotiated.format, negotiated.format.send_payload_type)?;
        let wished = negotiated.ptime_ms;
        let ptime_ms = send.codec.packet_time_ms(wished, send.fmtp.as_deref());
        let settings = &self.settings;
        Ok(MediaConfig {
            receive,
            remote_rtcp: negotiated.remote_rtcp,
            rtcp_mux: negotiated.rtcp_mux,
            ptime: Duration::from_millis(ptime_ms.into()),
            telephone_event,
            comfort_noise: self.comfort_noise(negotiated),
            redundancy: self.redundancy(negotiated),
            extended_reports: ExtendedReports {
                voip_metrics: negotiated.extended_reports.voip_metrics,
                receiver_reference_time: negotiated.extended_reports.receiver_reference_time,
            },
            may_send: negotiated.direction.sends(),
            may_receive: negotiated.direction.receives(),
            receive_rate: settings.receive_sample_rate,
            resampler_quality: settings.resampler_quality,
            jitter_buffer: settings.jitter_buffer,
            playback_buffer: settings.playback_buffer,
            no_media_after: settings.no_media_after,
            media_timeout: settings.media_timeout,
            quality_interval: settings.quality_interval,
            early_media: early,
            listen: settings.listen,
            tap_sent: settings.tap_sent,
            ..MediaConfig::new(negotiated.remote_rtp, send)
        })
    }

    /// Comfort noise is taken in any case, and sent if it was agreed and the settings say so.
    fn comfort_noise(&self, negotiated: &NegotiatedAudio) -> ComfortNoiseFormat {
        let Some(agreed) = negotiated.comfort_noise else {
            return ComfortNoiseFormat::default();
        };
        ComfortNoiseFormat {
            receive_payload_type: Some(agreed.receive_payload_type),
            send_payload_type: self
                .settings
                .silence_suppression
                .then_some(agreed.send_payload_type),
        }
    }

    /// Redundancy is taken in any case, and sent as the settings say.
    fn redundancy(&self, negotiated: &NegotiatedAudio) -> Option<RedundancyFormat> {
        negotiated.redundancy.map(|agreed| RedundancyFormat {
            send_payload_type: PayloadType(agreed.send_payload_type),
            receive_payload_type: PayloadType(agreed.receive_payload_type),
            generations: self.settings.redundancy,
        })
    }

    fn format(&self, format: &NegotiatedFormat, payload_type: u8) -> Result<MediaFormat, Error> {
        let codec = self
            .settings
            .codecs
            .row(format.format_index)
            .ok_or_else(|| {
                Error::Config(format!(
                    "the codec table has no row for {}",
                    format.encoding_name
                ))
            })?;
        Ok(MediaFormat {
            payload_type,
            codec: Arc::clone(codec),
            fmtp: format.remote_fmtp.clone(),
        })
    }

    /// Reads a body that should be SDP.
    fn parse(&self, body: &Body) -> Result<SessionDescription, Error> {
        let description = SessionDescription::parse(&body.bytes)?;
        let (lines, limit) = (description.media.len(), self.settings.media_lines);
        if lines > limit {
            return Err(Error::PeerIncompatible(format!(
                "{lines} media lines are more than the limit of {limit}"
            )));
        }
        Ok(description)
    }
}

/// Where the peer is to send to: the sockets, or the address that stands for them.
fn local_media(ports: &MediaPorts, advertised: Option<IpAddr>) -> LocalMedia {
    let shown = |addr: SocketAddr| SocketAddr::new(advertised.unwrap_or(addr.ip()), addr.port());
    LocalMedia {
        rtp: shown(ports.rtp_addr()),
        rtcp: Some(shown(ports.rtcp_addr())),
    }
}

fn body(description: &SessionDescription) -> Body {
    Body::new(SDP, description.to_string())
}
