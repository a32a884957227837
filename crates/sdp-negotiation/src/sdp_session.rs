//! One side's part in the offers and answers of one call.

use crate::answer::Answer;
use crate::capabilities::{AudioCapabilities, LocalMedia};
use crate::direction::Direction;
use crate::error::NegotiationError;
use crate::media_description::MediaDescription;
use crate::negotiated::NegotiatedAudio;
use crate::offer::{self, PendingOffer};
use crate::origin::Origin;
use crate::payload_type_map::PayloadTypeMap;
use crate::session_description::SessionDescription;

/// Our side of the descriptions of one call: keeps the `o=` id and version, the payload type numbers and the
/// order of the streams from offer to offer.
///
/// ```text
/// create_offer ──> (offer, PendingOffer) ── accept(answer) ──> NegotiatedAudio
/// answer(offer) ─> (answer, NegotiatedAudio)
/// ```
#[derive(Debug, Clone)]
pub struct SdpSession {
    session_id: u64,
    username: String,
    version: u64,
    /// The description sent last, with version 0.
    last: Option<SessionDescription>,
    pub(crate) payload_types: PayloadTypeMap,
    pub(crate) layout: Layout,
}

/// The order of the streams of a call, which later offers must keep (RFC 3264 section 8).
#[derive(Debug, Clone)]
pub(crate) struct Layout {
    /// Every stream in its refused form; the one at `audio_index` is ours.
    pub(crate) refused: Vec<MediaDescription>,
    pub(crate) audio_index: usize,
    pub(crate) audio_protocol: String,
}

impl Default for Layout {
    fn default() -> Self {
        Layout {
            refused: vec![MediaDescription::default()],
            audio_index: 0,
            audio_protocol: "RTP/AVP".to_owned(),
        }
    }
}

impl Layout {
    /// All streams, with `audio` in its place.
    pub(crate) fn with_audio(&self, audio: MediaDescription) -> Vec<MediaDescription> {
        let mut media = self.refused.clone();
        if let Some(place) = media.get_mut(self.audio_index) {
            *place = audio;
        }
        media
    }
}

impl SdpSession {
    /// A new call. `session_id` should be random; `username` goes into `o=` (`-` when it is empty).
    #[must_use]
    pub fn new(session_id: u64, username: impl Into<String>) -> Self {
        SdpSession {
            session_id,
            username: username.into(),
            version: 1,
            last: None,
            payload_types: PayloadTypeMap::default(),
            layout: Layout::default(),
        }
    }

    /// Makes an offer, first or later, and the value that takes its answer.
    ///
    /// Holding is an offer with [`Direction::SendOnly`] or [`Direction::Inactive`], resuming one with
    /// [`Direction::SendRecv`]. Later offers keep the payload type numbers and the order of the streams, and
    /// the `o=` version changes only if the description does (RFC 3264 section 8).
    ///
    /// Capabilities without formats give an offer without formats, which no peer accepts.
    pub fn create_offer(
        &mut self,
        capabilities: &AudioCapabilities,
        local: LocalMedia,
        direction: Direction,
    ) -> (SessionDescription, PendingOffer) {
        let (description, pending) = offer::create(self, capabilities, local, direction);
        (self.stamp(description), pending)
    }

    /// Answers the peer's offer, first or later.
    ///
    /// The first audio stream over RTP/AVP or RTP/AVPF with a codec in common is taken, all others are refused
    /// with port 0. Among the codecs in common *our* order of preference decides (RFC 3264 section 6.1 leaves
    /// that to the answerer); the answer names that codec alone, under the offer's payload type number.
    /// `wanted` is what our side would like; the answer's direction is what the offer allows of it.
    ///
    /// # Errors
    ///
    /// [`NegotiationError`] when there is no audio that both can speak; the SIP layer then answers 488, and
    /// the session is as it was before.
    pub fn answer(
        &mut self,
        offer: &SessionDescription,
        capabilities: &AudioCapabilities,
        local: LocalMedia,
        wanted: Direction,
    ) -> Result<(SessionDescription, NegotiatedAudio), NegotiationError> {
        let Answer {
            description,
            negotiated,
            layout,
            numbers,
        } = Answer::to(offer, capabilities, local, wanted)?;
        self.layout = layout;
        for (key, number) in numbers {
            self.payload_types.record(key, number);
        }
        Ok((self.stamp(description), negotiated))
    }

    /// Writes our `o=` line. RFC 3264 section 8: the version goes up by one if and only if something changed.
    fn stamp(&mut self, mut description: SessionDescription) -> SessionDescription {
        description.origin = Origin {
            username: self.username.clone(),
            session_id: self.session_id,
            session_version: 0,
            address: description
                .connection
                .as_ref()
                .map(|connection| connection.address.clone())
                .unwrap_or_default(),
        };
        if description.origin.username.is_empty() {
            description.origin.username.push('-');
        }
        if self.last.as_ref().is_some_and(|last| *last != description) {
            self.version = self.version.saturating_add(1);
        }
        self.last = Some(description.clone());
        description.origin.session_version = self.version;
        description
    }
}
