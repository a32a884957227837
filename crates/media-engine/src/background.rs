//! The noise that is heard while the peer sends none of its silence (RFC 3389).

use audio_codecs::{ComfortNoise, NoiseDescription};
use rtp_media::PayloadType;

/// Comfort noise of the receiving side: from the first description to the next speech.
#[derive(Debug)]
pub(crate) struct Background {
    payload_type: Option<PayloadType>,
    noise: Option<ComfortNoise>,
    playing: bool,
}

impl Background {
    /// Descriptions come under this payload type.
    pub(crate) fn new(payload_type: Option<u8>) -> Self {
        Self {
            payload_type: payload_type.map(PayloadType),
            noise: None,
            playing: false,
        }
    }

    pub(crate) fn set_payload_type(&mut self, payload_type: Option<u8>) {
        self.payload_type = payload_type.map(PayloadType);
    }

    /// Whether a packet of this payload type describes noise.
    pub(crate) fn is_described_by(&self, payload_type: PayloadType) -> bool {
        self.payload_type == Some(payload_type)
    }

    /// Takes a description; noise of `rate` Hz is heard from now on.
    pub(crate) fn describe(&mut self, payload: &[u8], rate: u32) {
        let Some(description) = NoiseDescription::parse(payload) else {
            return;
        };
        let noise = self
            .noise
            .take()
            .filter(|noise| noise.sample_rate() == rate);
        let noise = self
            .noise
            .insert(noise.unwrap_or_else(|| ComfortNoise::new(rate)));
        noise.describe(&description);
        self.playing = true;
    }

    /// Speech is back.
    pub(crate) fn stop(&mut self) {
        self.playing = false;
    }

    /// Appends `samples` of noise to `out`; `false` if there is none to be heard at `rate` Hz.
    pub(crate) fn fill(&mut self, samples: usize, rate: u32, out: &mut Vec<f32>) -> bool {
        let noise = self
            .noise
            .as_mut()
            .filter(|noise| noise.sample_rate() == rate);
        let Some(noise) = noise.filter(|_| self.playing) else {
            return false;
        };
        noise.generate(samples, out);
        true
    }
}
