//! Our offer, and the peer's answer to it (RFC 3264 sections 5 and 7).

use crate::capabilities::{AudioCapabilities, AudioFormat, LocalMedia};
use crate::comfort_noise;
use crate::direction::Direction;
use crate::error::NegotiationError;
use crate::local_audio::{LocalAudio, LocalFormat, describe_session};
use crate::media_description::MediaDescription;
use crate::negotiated::{
    NegotiatedAudio, NegotiatedComfortNoise, NegotiatedFormat, NegotiatedRedundancy,
    NegotiatedTelephoneEvent,
};
use crate::payload_type_map::FormatKey;
use crate::ptime::choose_ptime;
use crate::redundancy;
use crate::remote_audio::{RemoteAudio, RemoteFormat};
use crate::rtcp_mux;
use crate::rtcp_xr;
use crate::rtpmap::Rtpmap;
use crate::sdp_session::SdpSession;
use crate::session_description::SessionDescription;
use crate::telephone_event;

/// An offer that waits for its answer.
///
/// It can be cloned, since one INVITE may be answered by several descriptions: early media of several
/// branches, then the final answer. Dropping it forgets the offer; the session stays usable.
#[derive(Debug, Clone)]
pub struct PendingOffer {
    audio_index: usize,
    formats: Vec<OfferedFormat>,
    /// Clock rate and payload type of each telephone-event offered.
    events: Vec<(u32, u8)>,
    /// Payload type of comfort noise.
    noise: Option<u8>,
    /// Clock rate and payload type of redundant data offered.
    redundancies: Vec<(u32, u8)>,
    extended_reports: bool,
    local: LocalMedia,
    direction: Direction,
    ptime_ms: u32,
    rtcp_mux: bool,
}

/// One format of our offer.
#[derive(Debug, Clone)]
struct OfferedFormat {
    index: usize,
    payload_type: u8,
    format: AudioFormat,
}

/// Builds the offer; the session stamps its `o=` line.
pub(crate) fn create(
    session: &mut SdpSession,
    capabilities: &AudioCapabilities,
    local: LocalMedia,
    direction: Direction,
) -> (SessionDescription, PendingOffer) {
    let formats = number_formats(session, capabilities);
    let events = number_events(session, capabilities);
    let noise = number_noise(session, capabilities);
    let redundancies = number_redundancies(session, &formats, capabilities);
    let written: Vec<LocalFormat> = formats
        .iter()
        .map(OfferedFormat::written)
        .chain(written_redundancies(&redundancies, &formats, capabilities))
        .chain(noise.map(LocalFormat::comfort_noise))
        .chain(
            events
                .iter()
                .map(|(clock, number)| LocalFormat::telephone_event(*number, *clock)),
        )
        .collect();
    let audio = LocalAudio {
        formats: &written,
        protocol: &session.layout.audio_protocol,
        local,
        ptime_ms: capabilities.ptime_ms,
        capabilities,
        rtcp_mux: capabilities.rtcp_mux,
        write_rtcp: true,
        direction,
        extended_reports: capabilities.extended_reports.then(rtcp_xr::offered),
    };
    let media = session.layout.with_audio(audio.describe());
    let pending = PendingOffer {
        audio_index: session.layout.audio_index,
        formats,
        events,
        noise,
        redundancies,
        extended_reports: capabilities.extended_reports,
        local,
        direction,
        ptime_ms: capabilities.ptime_ms,
        rtcp_mux: capabilities.rtcp_mux,
    };
    (describe_session(local, (0, 0), media), pending)
}

fn number_formats(
    session: &mut SdpSession,
    capabilities: &AudioCapabilities,
) -> Vec<OfferedFormat> {
    let mut offered: Vec<OfferedFormat> = Vec::new();
    for (index, format) in capabilities.formats.iter().enumerate() {
        let number = session
            .payload_types
            .assign(format.key(), format.payload_type);
        // The same format twice, or more formats than numbers: what is left over is not offered.
        let number = number.filter(|number| offered.iter().all(|o| o.payload_type != *number));
        offered.extend(number.map(|payload_type| OfferedFormat {
            index,
            payload_type,
            format: format.clone(),
        }));
    }
    offered
}

fn number_events(session: &mut SdpSession, capabilities: &AudioCapabilities) -> Vec<(u32, u8)> {
    if !capabilities.telephone_event {
        return Vec::new();
    }
    let clocks = telephone_event::clocks_to_offer(&capabilities.formats);
    // The number that everybody expects goes to 8000 Hz, if that is among them.
    let mut in_turn = clocks.clone();
    in_turn.sort_by_key(|clock| *clock != 8_000);
    let numbered: Vec<(u32, u8)> = in_turn
        .into_iter()
        .filter_map(|clock| {
            let number = session.payload_types.assign(event_key(clock), None)?;
            Some((clock, number))
        })
        .collect();
    clocks
        .into_iter()
        .filter_map(|clock| numbered.iter().copied().find(|(known, _)| *known == clock))
        .collect()
}

fn number_noise(session: &mut SdpSession, capabilities: &AudioCapabilities) -> Option<u8> {
    let goes_with = |format: &AudioFormat| format.clock_rate == comfort_noise::CLOCK_RATE;
    if !capabilities.comfort_noise || !capabilities.formats.iter().any(goes_with) {
        return None;
    }
    session
        .payload_types
        .assign(comfort_noise::key(), Some(comfort_noise::PAYLOAD_TYPE))
}

/// One for each clock among the formats.
fn number_redundancies(
    session: &mut SdpSession,
    formats: &[OfferedFormat],
    capabilities: &AudioCapabilities,
) -> Vec<(u32, u8)> {
    let mut numbers: Vec<(u32, u8)> = Vec::new();
    for clock in formats.iter().map(|offered| offered.format.clock_rate) {
        if capabilities.redundancy == 0 || numbers.iter().any(|(known, _)| *known == clock) {
            continue;
        }
        let number = session.payload_types.assign(redundancy::key(clock), None);
        numbers.extend(number.map(|number| (clock, number)));
    }
    numbers
}

/// Each names the first format of its clock; which one the answer takes is not known yet.
fn written_redundancies(
    redundancies: &[(u32, u8)],
    formats: &[OfferedFormat],
    capabilities: &AudioCapabilities,
) -> Vec<LocalFormat> {
    let first = |clock| {
        formats
            .iter()
            .find(|offered| offered.format.clock_rate == clock)
    };
    redundancies
        .iter()
        .filter_map(|(clock, number)| {
            let codec = first(*clock)?.written().rtpmap;
            Some(LocalFormat::redundancy(
                *number,
                &codec,
                capabilities.redundancy,
            ))
        })
        .collect()
}

/// What stands for telephone-event in the table of numbers.
pub(crate) fn event_key(clock_rate: u32) -> FormatKey {
    FormatKey {
        encoding_name: telephone_event::ENCODING_NAME.to_owned(),
        clock_rate,
        channels: 1,
        fmtp: None,
    }
}

impl OfferedFormat {
    fn written(&self) -> LocalFormat {
        LocalFormat {
            rtpmap: self.format.rtpmap(self.payload_type),
            fmtp: self.format.fmtp.clone(),
        }
    }

    /// Whether the answer's format is this one. A dynamic number without `a=rtpmap` can only mean ours.
    fn is_answered_by(&self, answered: &RemoteFormat) -> bool {
        match &answered.rtpmap {
            Some(_) => answered.is(&self.format),
            None => answered.payload_type == self.payload_type,
        }
    }

    fn negotiated(&self, answered: Option<&RemoteFormat>) -> NegotiatedFormat {
        NegotiatedFormat {
            format_index: self.index,
            encoding_name: self.format.encoding_name.clone(),
            clock_rate: self.format.clock_rate,
            channels: self.format.channels,
            // RFC 3264 section 7: send with the answer's number, receive with our own.
            send_payload_type: answered.map_or(self.payload_type, |format| format.payload_type),
            receive_payload_type: self.payload_type,
            remote_fmtp: answered.and_then(|format| format.fmtp.clone()),
            local_fmtp: self.format.fmtp.clone(),
        }
    }
}

impl PendingOffer {
    /// Takes the answer.
    ///
    /// Of several formats in the answer the first that was offered is used. The other formats of the offer
    /// stay receivable: peers do send them, and their numbers are ours.
    ///
    /// # Errors
    ///
    /// [`NegotiationError`] when the answer refuses audio, chooses what was not offered, wants SRTP, or names
    /// no usable address; the caller ends the call then.
    pub fn accept(self, answer: &SessionDescription) -> Result<NegotiatedAudio, NegotiationError> {
        let media = self.audio_line(answer)?;
        let remote = RemoteAudio::read(answer, media, self.local.rtp.ip())?;
        let (chosen, answered) = self.chosen(&remote)?;
        let also_receivable = self
            .formats
            .iter()
            .filter(|offered| offered.index != chosen.index)
            .map(|offered| offered.negotiated(answer_to(offered, &remote)))
            .collect();
        let direction = self.direction.and(remote.direction.reversed());
        let mux = rtcp_mux::negotiated(self.rtcp_mux, remote.rtcp_mux);
        Ok(NegotiatedAudio {
            format: chosen.negotiated(Some(answered)),
            also_receivable,
            telephone_event: self.telephone_event(&remote, chosen.format.clock_rate),
            comfort_noise: self.comfort_noise(&remote, chosen.format.clock_rate),
            redundancy: self.redundancy(&remote, chosen.format.clock_rate),
            extended_reports: remote
                .extended_reports
                .filter(|_| self.extended_reports)
                .unwrap_or_default(),
            remote_rtp: remote.rtp,
            remote_rtcp: if mux { remote.rtp } else { remote.rtcp },
            rtcp_mux: mux,
            direction,
            ptime_ms: choose_ptime(self.ptime_ms, remote.ptime, remote.maxptime),
            // An offer that sends nothing cannot be answered by "receiving": that is no hold of theirs.
            remote_is_holding: self.direction.sends() && !remote.direction.receives(),
        })
    }

    /// The stream in the place of ours; peers that drop refused streams are met half-way.
    fn audio_line<'a>(
        &self,
        answer: &'a SessionDescription,
    ) -> Result<&'a MediaDescription, NegotiationError> {
        answer
            .media
            .get(self.audio_index)
            .filter(|media| media.is_audio())
            .or_else(|| answer.media.iter().find(|media| media.is_audio()))
            .ok_or(NegotiationError::NoAudio)
    }

    fn chosen<'a>(
        &'a self,
        remote: &'a RemoteAudio,
    ) -> Result<(&'a OfferedFormat, &'a RemoteFormat), NegotiationError> {
        remote
            .formats
            .iter()
            .find_map(|answered| {
                let offered = self.formats.iter().find(|o| o.is_answered_by(answered))?;
                Some((offered, answered))
            })
            .ok_or_else(|| NegotiationError::FormatNotOffered {
                answered: remote.labels(),
            })
    }

    fn comfort_noise(
        &self,
        remote: &RemoteAudio,
        clock_rate: u32,
    ) -> Option<NegotiatedComfortNoise> {
        let number = self
            .noise
            .filter(|_| clock_rate == comfort_noise::CLOCK_RATE)?;
        let answered = remote.formats.iter().find(|answered| {
            let map = answered.rtpmap.as_ref();
            map.is_some_and(comfort_noise::is_comfort_noise)
        })?;
        Some(NegotiatedComfortNoise {
            send_payload_type: answered.payload_type,
            receive_payload_type: number,
        })
    }

    fn redundancy(&self, remote: &RemoteAudio, clock_rate: u32) -> Option<NegotiatedRedundancy> {
        let (_, number) = self
            .redundancies
            .iter()
            .find(|(clock, _)| *clock == clock_rate)?;
        let answered = remote.formats.iter().find(|answered| {
            answered
                .rtpmap
                .as_ref()
                .map_or(answered.payload_type == *number, |map| {
                    redundancy::is_redundancy(map, clock_rate)
                })
        })?;
        Some(NegotiatedRedundancy {
            send_payload_type: answered.payload_type,
            receive_payload_type: *number,
        })
    }

    fn telephone_event(
        &self,
        remote: &RemoteAudio,
        clock_rate: u32,
    ) -> Option<NegotiatedTelephoneEvent> {
        let agreed = self.events.iter().filter_map(|(clock, number)| {
            let answered = remote.formats.iter().find(|answered| {
                answered
                    .rtpmap
                    .as_ref()
                    .map_or(answered.payload_type == *number, |map| {
                        is_event(map, *clock)
                    })
            })?;
            Some(NegotiatedTelephoneEvent {
                send_payload_type: answered.payload_type,
                receive_payload_type: *number,
                clock_rate: *clock,
            })
        });
        telephone_event::choose(agreed, |event| event.clock_rate, clock_rate)
    }
}

fn answer_to<'a>(offered: &OfferedFormat, remote: &'a RemoteAudio) -> Option<&'a RemoteFormat> {
    remote
        .formats
        .iter()
        .find(|answered| offered.is_answered_by(answered))
}

fn is_event(map: &Rtpmap, clock_rate: u32) -> bool {
    telephone_event::is_telephone_event(map) && map.clock_rate == clock_rate
}
