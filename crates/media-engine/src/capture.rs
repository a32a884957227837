//! From the playback queue to RTP: fetch, mix to mono, resample, encode.
//!
//! ```text
//!  PlaybackQueue ─fetch─▶ fetched ─▶ mono ─▶ RateConverter ─▶ SampleFifo ─▶ pcm ─▶ Encoder ─▶ RtpSession
//!        ▲                                                                  │
//!        └───────────────────── advance: so much has been sent ◀────────────┘
//! ```

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use audio_codecs::{
    CodecParameters, Encoder, ResamplerQuality, SilenceSuppressor, Suppression, sample,
};
use rtp_media::{PayloadType, RtpSession};

use crate::frame::nanos;
use crate::key_tones::KeyTones;
use crate::media_clock::MediaClock;
use crate::playback::Playback;
use crate::playback_queue::{FiredMark, PlaybackQueue};
use crate::rate_converter::RateConverter;
use crate::sample_fifo::{SampleFifo, fade_in, fade_out};
use crate::{AudioFrame, EngineError, MediaFormat};

/// The sending half of a session.
pub(crate) struct CapturePath {
    playback: Arc<Playback>,
    generation: u64,
    format: MediaFormat,
    encoder: Box<dyn Encoder>,
    /// Silence is described, not sent.
    suppressor: Option<(PayloadType, SilenceSuppressor)>,
    /// Frames out of the queue, the first of them used up to `offset` samples per channel.
    fetched: VecDeque<AudioFrame>,
    offset: usize,
    mono: Vec<f32>,
    converter: RateConverter,
    fifo: SampleFifo,
    /// Samples at the head of the FIFO that are the resampler's delay and not yet audio.
    uncounted: usize,
    /// Samples sent of the audio since the last `clear`, so that rounding does not add up.
    counted: u64,
    /// The frame at work, at the codec's rate, mono.
    pcm: Vec<f32>,
    last_sample: f32,
    /// Keys that take the place of what the program says.
    key_tones: KeyTones,
    /// Playback stands still in the middle: it comes back with a fade.
    interrupted: bool,
    interleaved: Vec<f32>,
    payload: Vec<u8>,
    marks: Vec<FiredMark>,
    /// Somebody may wait for what the last frame changed.
    moved: bool,
}

impl CapturePath {
    pub(crate) fn new(
        playback: Arc<Playback>,
        format: MediaFormat,
        ptime: Duration,
        quality: ResamplerQuality,
    ) -> Result<Self, EngineError> {
        let encoder = new_encoder(&format, ptime)?;
        let rate = encoder.sample_rate();
        Ok(Self {
            playback,
            generation: 0,
            format,
            encoder,
            suppressor: None,
            fetched: VecDeque::new(),
            offset: 0,
            mono: Vec::new(),
            converter: RateConverter::new(rate, quality),
            fifo: SampleFifo::default(),
            uncounted: 0,
            counted: 0,
            pcm: Vec::new(),
            last_sample: 0.0,
            key_tones: KeyTones::default(),
            interrupted: false,
            interleaved: Vec::new(),
            payload: Vec::new(),
            marks: Vec::new(),
            moved: false,
        })
    }

    pub(crate) fn format(&self) -> &MediaFormat {
        &self.format
    }

    /// The frame that went out last, at [`rate`](Self::rate).
    pub(crate) fn pcm(&self) -> &[f32] {
        &self.pcm
    }

    /// Keys as tones.
    pub(crate) fn key_tones(&mut self) -> &mut KeyTones {
        &mut self.key_tones
    }

    /// The codec's sample rate.
    pub(crate) fn rate(&self) -> u32 {
        self.converter.to_hz()
    }

    /// Changes the codec or the packet time. What is on its way goes on.
    pub(crate) fn set_format(
        &mut self,
        format: MediaFormat,
        ptime: Duration,
    ) -> Result<(), EngineError> {
        let encoder = new_encoder(&format, ptime)?;
        let (from, to) = (self.rate(), encoder.sample_rate());
        if from != to {
            self.converter.finish(self.fifo.tail());
            self.fifo.convert(from, to);
            self.converter = RateConverter::new(to, self.converter.quality());
            if let Some((_, suppressor)) = &mut self.suppressor {
                *suppressor = SilenceSuppressor::new(to);
            }
            self.uncounted = 0;
            self.counted = 0;
        }
        self.encoder = encoder;
        self.format = format;
        Ok(())
    }

    /// The peer numbers the same codec otherwise.
    pub(crate) fn set_payload_type(&mut self, payload_type: u8) {
        self.format.payload_type = payload_type;
    }

    /// Silence is described under this payload type (RFC 3389); with `None` it is sent as it is.
    pub(crate) fn set_comfort_noise(&mut self, payload_type: Option<u8>) {
        let suppressor = self.suppressor.take().map(|(_, suppressor)| suppressor);
        self.suppressor = payload_type.map(|number| {
            let suppressor = suppressor.unwrap_or_else(|| SilenceSuppressor::new(self.rate()));
            (PayloadType(number), suppressor)
        });
    }

    pub(crate) fn set_expected_loss(&mut self, share: f32) {
        self.encoder
            .set_expected_loss((share * 100.0).round().clamp(0.0, 100.0) as u8);
    }

    /// Sends one frame: what the program says, or silence.
    pub(crate) fn send(&mut self, now: Instant, clock: &MediaClock, rtp: &mut RtpSession) {
        let count = clock.samples(self.rate());
        if self.key_tones.is_sounding() {
            self.next_key_frame(count);
        } else {
            self.next_frame(count);
        }
        self.payload.clear();
        let units = clock.samples(self.format.codec.clock_rate()) as u32;
        if let Some((payload_type, suppressor)) = &mut self.suppressor {
            match suppressor.next(&self.pcm) {
                Suppression::Speech => {}
                Suppression::Describe(noise) => {
                    noise.write(&mut self.payload);
                    return rtp.send_comfort_noise(now, *payload_type, &self.payload, units);
                }
                Suppression::Nothing => return rtp.skip_audio(now, units),
            }
        }
        let pcm = match self.encoder.channels() {
            0 | 1 => &self.pcm,
            channels => {
                self.interleaved.clear();
                for &sample in &self.pcm {
                    self.interleaved
                        .extend(std::iter::repeat_n(sample, channels.into()));
                }
                &self.interleaved
            }
        };
        match self.encoder.encode(pcm, &mut self.payload) {
            Ok(()) if !self.payload.is_empty() => rtp.send_audio(now, &self.payload, units),
            Ok(()) => rtp.skip_audio(now, units), // DTX: nothing worth sending
            Err(error) => {
                tracing::debug!(%error, "a frame was not encoded");
                rtp.skip_audio(now, units);
            }
        }
    }

    /// Lets one frame's time pass without audio: playback stands still, nothing of it is lost.
    pub(crate) fn stand_still(&mut self, now: Instant, clock: &MediaClock, rtp: &mut RtpSession) {
        self.begin(None);
        self.pcm.clear();
        self.pcm.resize(clock.samples(self.rate()), 0.0);
        self.last_sample = 0.0;
        rtp.skip_audio(now, clock.samples(self.format.codec.clock_rate()) as u32);
    }

    /// The datagrams of the last frame have been handed over: wakes who waits, and yields the
    /// marks that were reached.
    pub(crate) fn commit(&mut self) -> std::vec::Drain<'_, FiredMark> {
        if std::mem::take(&mut self.moved) {
            self.playback.notify();
        }
        self.marks.drain(..)
    }

    /// The call is over.
    pub(crate) fn close(&mut self) {
        self.playback.close();
        self.drop_audio();
        self.playback.lock().take_fired(&mut self.marks);
    }

    /// Fills `pcm` with `count` samples of a key; playback stands still.
    fn next_key_frame(&mut self, count: usize) {
        self.begin(None);
        self.pcm.clear();
        self.pcm.resize(count, 0.0);
        let rate = self.rate();
        self.key_tones.fill(rate, &mut self.pcm);
        self.last_sample = 0.0;
    }

    /// Fills `pcm` with `count` samples.
    fn next_frame(&mut self, count: usize) {
        let playing = self.begin(Some(count));
        self.pcm.clear();
        let mut dry = false;
        if playing {
            dry = self.fill(count);
            self.fifo.pop_into(count, &mut self.pcm);
            if std::mem::take(&mut self.interrupted) {
                fade_in(&mut self.pcm, self.converter.to_hz());
            }
        }
        if !self.account(dry) {
            self.pcm.clear(); // cleared while this frame was made
        }
        let rate = self.rate();
        let audio = self.pcm.len();
        let last = self.pcm.last().copied().unwrap_or(self.last_sample);
        self.pcm.resize(count, 0.0);
        fade_out(last, &mut self.pcm[audio..], rate);
        // A fade is over within its frame.
        self.last_sample = if audio == count { last } else { 0.0 };
    }

    /// Looks at the queue: forgets what was cleared and, unless playback stands still, fetches what
    /// a frame of `count` samples needs. Answers whether to play.
    fn begin(&mut self, count: Option<usize>) -> bool {
        let playback = self.playback.clone();
        let mut queue = playback.lock();
        if queue.generation() != self.generation {
            self.generation = queue.generation();
            self.drop_audio();
            self.moved = true;
        }
        let playing = count.is_some() && !queue.is_paused();
        if playing {
            let needed = count.unwrap_or(0).saturating_sub(self.fifo.len());
            self.fetch(&mut queue, needed);
        } else {
            self.interrupted |= !self.is_dry() || !queue.queued().is_zero();
        }
        // Marks with nothing before them.
        queue.advance(0);
        queue.take_fired(&mut self.marks);
        playing
    }

    /// Fetches frames until they make `needed` samples of the codec's rate.
    fn fetch(&mut self, queue: &mut PlaybackQueue, needed: usize) {
        if needed == 0 {
            return;
        }
        // Times are rounded down: one nanosecond more and rounding never leaves a sample out.
        let needed = nanos(needed as u64, self.rate()) + 1;
        let mut missing = needed.saturating_sub(self.fetched_nanos());
        while missing > 0 {
            let Some(frame) = queue.fetch() else { return };
            missing = missing
                .saturating_sub(nanos(frame.samples_per_channel() as u64, frame.sample_rate));
            self.fetched.push_back(frame);
        }
    }

    /// Resamples what was fetched until the FIFO holds `count` samples. Answers whether nothing is
    /// left inside beside the FIFO: all that was fetched will then have been sent with this frame,
    /// if the FIFO holds no more than that.
    fn fill(&mut self, count: usize) -> bool {
        while self.fifo.len() < count {
            let Some(frame) = self.fetched.front() else {
                self.converter.finish(self.fifo.tail());
                break;
            };
            let channels = usize::from(frame.channels.max(1));
            let missing = (count - self.fifo.len()) as u64;
            let wanted = (missing * u64::from(frame.sample_rate))
                .div_ceil(u64::from(self.converter.to_hz()));
            let left = frame.samples_per_channel() - self.offset;
            let take = (wanted as usize).min(left);
            let samples = &frame.samples[self.offset * channels..(self.offset + take) * channels];
            self.mono.clear();
            sample::downmix(samples, frame.channels, &mut self.mono);
            self.uncounted +=
                self.converter
                    .process(frame.sample_rate, &self.mono, self.fifo.tail());
            self.offset += take;
            if take == left {
                self.fetched.pop_front();
                self.offset = 0;
            }
        }
        self.fetched.is_empty() && self.converter.is_empty() && self.fifo.len() <= count
    }

    /// Notes the frame in `pcm` as sent; `false` when its audio was cleared meanwhile.
    fn account(&mut self, dry: bool) -> bool {
        let skipped = self.uncounted.min(self.pcm.len());
        let real = (self.pcm.len() - skipped) as u64;
        let rate = self.rate();
        let playback = self.playback.clone();
        let mut queue = playback.lock();
        if queue.generation() != self.generation {
            self.generation = queue.generation();
            self.drop_audio();
            self.moved = true;
            queue.take_fired(&mut self.marks);
            return false;
        }
        if self.pcm.is_empty() {
            return true;
        }
        self.moved = true;
        self.uncounted -= skipped;
        queue.advance(nanos(self.counted + real, rate) - nanos(self.counted, rate));
        self.counted += real;
        if dry {
            queue.finish();
        }
        queue.take_fired(&mut self.marks);
        true
    }

    fn fetched_nanos(&self) -> u64 {
        let whole: u64 = self
            .fetched
            .iter()
            .map(|frame| nanos(frame.samples_per_channel() as u64, frame.sample_rate))
            .sum();
        let used = self
            .fetched
            .front()
            .map_or(0, |frame| nanos(self.offset as u64, frame.sample_rate));
        whole - used
    }

    /// Whether no audio is on its way through here.
    fn is_dry(&self) -> bool {
        self.fetched.is_empty() && self.converter.is_empty() && self.fifo.is_empty()
    }

    fn drop_audio(&mut self) {
        self.fetched.clear();
        self.offset = 0;
        self.converter.reset();
        self.fifo.clear();
        self.uncounted = 0;
        self.counted = 0;
        self.interrupted = false;
    }
}

fn new_encoder(format: &MediaFormat, ptime: Duration) -> Result<Box<dyn Encoder>, EngineError> {
    let parameters = CodecParameters {
        fmtp: format.fmtp.clone(),
        ptime_ms: ptime.as_millis() as u32,
    };
    format
        .codec
        .encoder(&parameters)
        .map_err(|source| EngineError::Codec {
            encoding_name: format.codec.encoding_name().to_owned(),
            source,
        })
}

#[cfg(test)]
mod tests;
