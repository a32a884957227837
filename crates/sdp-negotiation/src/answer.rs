//! Our answer to the peer's offer (RFC 3264 section 6).

use crate::capabilities::{AudioCapabilities, LocalMedia};
use crate::comfort_noise;
use crate::direction::Direction;
use crate::error::NegotiationError;
use crate::local_audio::{LocalAudio, LocalFormat, describe_session};
use crate::media_description::MediaDescription;
use crate::negotiated::{
    NegotiatedAudio, NegotiatedComfortNoise, NegotiatedFormat, NegotiatedRedundancy,
    NegotiatedTelephoneEvent,
};
use crate::offer::event_key;
use crate::payload_type_map::FormatKey;
use crate::ptime::choose_ptime;
use crate::redundancy;
use crate::remote_audio::{RemoteAudio, RemoteFormat};
use crate::rtcp_mux;
use crate::rtcp_xr;
use crate::rtpmap::Rtpmap;
use crate::sdp_session::Layout;
use crate::session_description::SessionDescription;
use crate::telephone_event;

/// An answer with all that the session must remember of it.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) description: SessionDescription,
    pub(crate) negotiated: NegotiatedAudio,
    pub(crate) layout: Layout,
    /// The offer's numbering of our formats.
    pub(crate) numbers: Vec<(FormatKey, u8)>,
}

/// The stream of the offer that is taken.
struct Taken {
    index: usize,
    remote: RemoteAudio,
    /// Formats in common, in our order of preference; never empty.
    common: Vec<NegotiatedFormat>,
}

impl Answer {
    /// Answers `offer`.
    pub(crate) fn to(
        offer: &SessionDescription,
        capabilities: &AudioCapabilities,
        local: LocalMedia,
        wanted: Direction,
    ) -> Result<Self, NegotiationError> {
        let taken = take_stream(offer, capabilities, local)?;
        let protocol = offer
            .media
            .get(taken.index)
            .map(|media| media.protocol.clone())
            .unwrap_or_default();
        let numbers = taken.numbers(capabilities);
        let layout = Layout {
            refused: offer.media.iter().map(MediaDescription::refused).collect(),
            audio_index: taken.index,
            audio_protocol: protocol,
        };
        let wishes = taken.remote.extended_reports;
        let negotiated = taken.negotiate(capabilities, wanted)?;
        let formats = written_formats(&negotiated, capabilities.redundancy);
        let audio = LocalAudio {
            formats: &formats,
            protocol: &layout.audio_protocol,
            local,
            ptime_ms: limited(negotiated.ptime_ms, capabilities.maxptime_ms),
            capabilities,
            rtcp_mux: negotiated.rtcp_mux,
            // RFC 5761 section 5.1.1: with multiplexing agreed the RTCP port is RTP's.
            write_rtcp: !negotiated.rtcp_mux,
            direction: negotiated.direction,
            extended_reports: wishes
                .filter(|_| capabilities.extended_reports)
                .map(rtcp_xr::answered),
        };
        let media = layout.with_audio(audio.describe());
        Ok(Answer {
            // RFC 3264 section 6: the answer's t= line equals the offer's.
            description: describe_session(local, offer.timing, media),
            negotiated,
            layout,
            numbers,
        })
    }
}

/// The first audio stream that works. When none does, the first that was not refused tells why.
fn take_stream(
    offer: &SessionDescription,
    capabilities: &AudioCapabilities,
    local: LocalMedia,
) -> Result<Taken, NegotiationError> {
    if capabilities.formats.is_empty() {
        return Err(NegotiationError::NoCapabilities);
    }
    let mut cause = NegotiationError::NoAudio;
    for (index, media) in offer.media.iter().enumerate() {
        if !media.is_audio() {
            continue;
        }
        let taken = RemoteAudio::read(offer, media, local.rtp.ip())
            .and_then(|remote| Taken::new(index, remote, capabilities));
        match taken {
            Ok(taken) => return Ok(taken),
            Err(error) => {
                if matches!(
                    cause,
                    NegotiationError::NoAudio | NegotiationError::AudioRefused
                ) {
                    cause = error;
                }
            }
        }
    }
    Err(cause)
}

impl Taken {
    fn new(
        index: usize,
        remote: RemoteAudio,
        capabilities: &AudioCapabilities,
    ) -> Result<Self, NegotiationError> {
        let common: Vec<NegotiatedFormat> = capabilities
            .formats
            .iter()
            .enumerate()
            .filter_map(|(format_index, ours)| {
                let theirs = remote.formats.iter().find(|theirs| theirs.is(ours))?;
                Some(NegotiatedFormat {
                    format_index,
                    encoding_name: ours.encoding_name.clone(),
                    clock_rate: ours.clock_rate,
                    channels: ours.channels,
                    // RFC 3264 section 6.1: the answer keeps the offer's numbers, so both ways are equal.
                    send_payload_type: theirs.payload_type,
                    receive_payload_type: theirs.payload_type,
                    remote_fmtp: theirs.fmtp.clone(),
                    local_fmtp: ours.fmtp.clone(),
                })
            })
            .collect();
        if common.is_empty() {
            return Err(NegotiationError::NoCommonFormat {
                theirs: remote.labels(),
                ours: capabilities.formats.iter().map(|f| f.label()).collect(),
            });
        }
        Ok(Taken {
            index,
            remote,
            common,
        })
    }

    /// The offer's numbers of our formats and of each telephone-event.
    fn numbers(&self, capabilities: &AudioCapabilities) -> Vec<(FormatKey, u8)> {
        let formats = self.common.iter().filter_map(|format| {
            let ours = capabilities.formats.get(format.format_index)?;
            Some((ours.key(), format.send_payload_type))
        });
        let events = self
            .events()
            .map(|event| (event_key(event.clock_rate), event.send_payload_type));
        let noise = self
            .noise()
            .map(|noise| (comfort_noise::key(), noise.send_payload_type));
        let redundancies = self.remote.formats.iter().filter_map(|format| {
            let clock_rate = format.rtpmap.as_ref()?.clock_rate;
            let redundancy = self.redundancy(clock_rate)?;
            Some((redundancy::key(clock_rate), redundancy.send_payload_type))
        });
        formats
            .chain(events)
            .chain(noise)
            .chain(redundancies)
            .collect()
    }

    fn events(&self) -> impl Iterator<Item = NegotiatedTelephoneEvent> + Clone + '_ {
        self.remote.formats.iter().filter_map(as_event)
    }

    fn noise(&self) -> Option<NegotiatedComfortNoise> {
        let formats = &self.remote.formats;
        let offered = formats.iter().find(|format| {
            let map = format.rtpmap.as_ref();
            map.is_some_and(comfort_noise::is_comfort_noise)
        })?;
        Some(NegotiatedComfortNoise {
            send_payload_type: offered.payload_type,
            receive_payload_type: offered.payload_type,
        })
    }

    fn redundancy(&self, clock_rate: u32) -> Option<NegotiatedRedundancy> {
        let offered = self.remote.formats.iter().find(|format| {
            let map = format.rtpmap.as_ref();
            map.is_some_and(|map| redundancy::is_redundancy(map, clock_rate))
        })?;
        Some(NegotiatedRedundancy {
            send_payload_type: offered.payload_type,
            receive_payload_type: offered.payload_type,
        })
    }

    fn negotiate(
        self,
        capabilities: &AudioCapabilities,
        wanted: Direction,
    ) -> Result<NegotiatedAudio, NegotiationError> {
        let mut common = self.common.iter().cloned();
        let format = common.next().ok_or(NegotiationError::NoCapabilities)?;
        let remote = &self.remote;
        let mux = rtcp_mux::negotiated(remote.rtcp_mux, capabilities.rtcp_mux);
        Ok(NegotiatedAudio {
            also_receivable: others(&format, common),
            telephone_event: telephone_event::choose(
                self.events(),
                |event| event.clock_rate,
                format.clock_rate,
            )
            .filter(|_| capabilities.telephone_event),
            comfort_noise: self
                .noise()
                .filter(|_| format.clock_rate == comfort_noise::CLOCK_RATE),
            redundancy: self.redundancy(format.clock_rate),
            extended_reports: remote
                .extended_reports
                .filter(|_| capabilities.extended_reports)
                .unwrap_or_default(),
            remote_rtp: remote.rtp,
            remote_rtcp: if mux { remote.rtp } else { remote.rtcp },
            rtcp_mux: mux,
            // RFC 3264 section 6.1: an offer of sendonly is answered with recvonly or inactive, and so on.
            direction: wanted.and(remote.direction.reversed()),
            ptime_ms: choose_ptime(capabilities.ptime_ms, remote.ptime, remote.maxptime),
            remote_is_holding: !remote.direction.receives(),
            format,
        })
    }
}

/// The formats beside the chosen one, each payload type once.
fn others(
    chosen: &NegotiatedFormat,
    common: impl Iterator<Item = NegotiatedFormat>,
) -> Vec<NegotiatedFormat> {
    let mut others: Vec<NegotiatedFormat> = Vec::new();
    for format in common {
        let known =
            |other: &NegotiatedFormat| other.receive_payload_type == format.receive_payload_type;
        if !known(chosen) && !others.iter().any(known) {
            others.push(format);
        }
    }
    others
}

fn as_event(format: &RemoteFormat) -> Option<NegotiatedTelephoneEvent> {
    let map = format
        .rtpmap
        .as_ref()
        .filter(|map| telephone_event::is_telephone_event(map))?;
    Some(NegotiatedTelephoneEvent {
        send_payload_type: format.payload_type,
        receive_payload_type: format.payload_type,
        clock_rate: map.clock_rate,
    })
}

/// The chosen codec alone, redundancy around it, comfort noise and telephone-event: nothing else may then arrive unexpected.
fn written_formats(negotiated: &NegotiatedAudio, generations: u8) -> Vec<LocalFormat> {
    let format = &negotiated.format;
    let codec = LocalFormat {
        rtpmap: Rtpmap {
            payload_type: format.receive_payload_type,
            encoding_name: format.encoding_name.clone(),
            clock_rate: format.clock_rate,
            channels: format.channels,
        },
        fmtp: format.local_fmtp.clone(),
    };
    let event = negotiated
        .telephone_event
        .map(|event| LocalFormat::telephone_event(event.receive_payload_type, event.clock_rate));
    let noise = negotiated
        .comfort_noise
        .map(|noise| LocalFormat::comfort_noise(noise.receive_payload_type));
    let redundancy = negotiated.redundancy.map(|redundancy| {
        LocalFormat::redundancy(redundancy.receive_payload_type, &codec.rtpmap, generations)
    });
    [codec]
        .into_iter()
        .chain(redundancy)
        .chain(noise)
        .chain(event)
        .collect()
}

fn limited(ms: u32, max: Option<u32>) -> u32 {
    max.map_or(ms, |max| ms.min(max))
}
