//! From RTP to the program: decode, recover or conceal, pace, resample, frames of one ptime.
//!
//! ```text
//!  RtpSession::playout ─▶ Decoder ─▶ TimeStretcher ─▶ SampleFifo ─▶ RateConverter ─▶ SampleFifo ─▶ AudioReceiver
//!                     (recover, conceal)  (pace)       codec's rate                  program's rate
//! ```

use std::collections::VecDeque;
use std::ops::Range;
use std::task::Waker;
use std::time::{Duration, Instant};

use audio_codecs::{CodecParameters, Decoder, ResamplerQuality, TimeStretcher, sample};
use rtp_media::{ClockRate, Pace, PayloadType, Playout, RtpSession};

use crate::background::Background;
use crate::frame::nanos;
use crate::listening::Listening;
use crate::media_clock::MediaClock;
use crate::queue::Writer;
use crate::rate_converter::RateConverter;
use crate::sample_fifo::SampleFifo;
use crate::{AudioFrame, EngineError, MediaFormat, ReceivedFrame};

/// Packets asked for in one frame at most: 60 ms in packets of 2.5 ms, with as many again empty.
const MAX_STEPS: usize = 48;

/// The longest gap that is concealed in one piece.
const MAX_GAP: Duration = Duration::from_secs(1);

/// The receiving half of a session.
pub(crate) struct PlayoutPath {
    receivers: Vec<Receiver>,
    /// The receiver of the last packet: it conceals what is missing.
    active: usize,
    stretcher: TimeStretcher,
    background: Background,
    /// Decoded audio of the active receiver's rate that was not handed out yet.
    fifo: SampleFifo,
    rate: u32,
    /// Positions in the FIFO since the start of the rate, and what was concealed.
    pushed: u64,
    popped: u64,
    invented: VecDeque<Range<u64>>,
    concealed: Duration,
    interleaved: Vec<f32>,
    decoded: Vec<f32>,
    /// One frame at the codec's rate, where the program wants another.
    frame: Vec<f32>,
    /// One frame that is listened to and that the program does not read.
    unread: Vec<f32>,
    converter: RateConverter,
    converted: SampleFifo,
    out: Writer<ReceivedFrame>,
    early_media: bool,
}

/// A format that the peer may send, with its decoder once it did.
struct Receiver {
    format: MediaFormat,
    decoder: Option<Box<dyn Decoder>>,
}

impl PlayoutPath {
    pub(crate) fn new(
        formats: Vec<MediaFormat>,
        receive_rate: Option<u32>,
        quality: ResamplerQuality,
        background: Background,
        early_media: bool,
        out: Writer<ReceivedFrame>,
    ) -> Result<Self, EngineError> {
        let mut receivers: Vec<Receiver> = formats.into_iter().map(Receiver::new).collect();
        let Some(first) = receivers.first_mut() else {
            return Err(EngineError::Config(
                "give at least one format to receive".into(),
            ));
        };
        // The others are made when the peer uses them: most never are.
        first.decoder()?;
        let rate = first.format.codec.sample_rate();
        Ok(Self {
            receivers,
            active: 0,
            stretcher: TimeStretcher::new(rate),
            background,
            fifo: SampleFifo::default(),
            rate,
            pushed: 0,
            popped: 0,
            invented: VecDeque::with_capacity(8),
            concealed: Duration::ZERO,
            interleaved: Vec::new(),
            decoded: Vec::new(),
            frame: Vec::new(),
            unread: Vec::new(),
            converter: RateConverter::new(receive_rate.unwrap_or(rate), quality),
            converted: SampleFifo::default(),
            out,
            early_media,
        })
    }

    pub(crate) fn set_early_media(&mut self, early_media: bool) {
        self.early_media = early_media;
    }

    /// Descriptions of noise come under this payload type.
    pub(crate) fn set_comfort_noise(&mut self, payload_type: Option<u8>) {
        self.background.set_payload_type(payload_type);
    }

    /// Audio that was invented so far.
    pub(crate) fn concealed(&self) -> Duration {
        self.concealed
    }

    /// Frames that the program did not read in time.
    pub(crate) fn dropped_frames(&self) -> u64 {
        self.out.dropped()
    }

    /// Changes what the peer may send. Decoders of formats that stay go on.
    pub(crate) fn set_formats(&mut self, formats: Vec<MediaFormat>) -> Result<(), EngineError> {
        let mut receivers: Vec<Receiver> = formats.into_iter().map(Receiver::new).collect();
        let Some(first) = receivers.first_mut() else {
            return Err(EngineError::Config(
                "give at least one format to receive".into(),
            ));
        };
        let active = self.receivers[self.active].format.clone();
        let stays = same_codec(&first.format, &active);
        if !stays {
            first.decoder()?;
        }
        for receiver in &mut receivers {
            let before = self
                .receivers
                .iter_mut()
                .find(|before| same_codec(&before.format, &receiver.format));
            if let Some(decoder) = before.and_then(|before| before.decoder.take()) {
                receiver.decoder = Some(decoder);
            }
        }
        let index = receivers
            .iter()
            .position(|receiver| same_codec(&receiver.format, &active))
            .unwrap_or(0);
        self.receivers = receivers;
        self.activate(index);
        Ok(())
    }

    /// One ptime of audio to the program, whatever the network brought. Answers whom to wake.
    pub(crate) fn play(
        &mut self,
        now: Instant,
        clock: &MediaClock,
        rtp: &mut RtpSession,
        listening: &mut Listening,
    ) -> Option<Waker> {
        self.fill(now, clock, rtp);
        let count = clock.samples(self.rate);
        let concealed = self.take_invented(count as u64);
        let read = self.out.has_reader();
        if !read && !listening.is_on() {
            self.frame.clear();
            self.fifo.pop_into(count, &mut self.frame);
            return None;
        }
        let wanted = clock.samples(self.converter.to_hz());
        let mut samples = match read {
            true => Vec::with_capacity(wanted),
            false => std::mem::take(&mut self.unread),
        };
        self.take_frame(count, wanted, &mut samples);
        if listening.is_on() {
            listening.hear(&samples, clock.elapsed(), self.early_media);
        }
        if !read {
            samples.clear();
            self.unread = samples;
            return None;
        }
        self.out.push(ReceivedFrame {
            frame: AudioFrame::mono(samples, self.converter.to_hz()),
            media_time: clock.elapsed(),
            concealed,
            early_media: self.early_media,
        })
    }

    /// Makes the FIFO hold one frame.
    fn fill(&mut self, now: Instant, clock: &MediaClock, rtp: &mut RtpSession) {
        for _ in 0..MAX_STEPS {
            let have = self.fifo.len();
            if have >= clock.samples(self.rate) {
                return;
            }
            let buffered = Duration::from_nanos(nanos(have as u64, self.rate));
            match rtp.playout(now, buffered) {
                Playout::Packet {
                    payload,
                    payload_type,
                    ..
                } if self.background.is_described_by(payload_type) => {
                    self.background.describe(payload, self.rate);
                    let length = ClockRate(self.rate).units(clock.ptime()) as usize;
                    self.play_background(length);
                }
                Playout::Packet {
                    payload,
                    payload_type,
                    pace,
                    ..
                } => self.decode(payload, payload_type, pace, clock.ptime()),
                Playout::Missing { units, next } => self.replace(units, next),
                Playout::Silence => break,
            }
        }
        let missing = clock.samples(self.rate).saturating_sub(self.fifo.len());
        if !self.play_background(missing) {
            self.fifo.push_silence(missing, self.rate);
            self.pushed += missing as u64;
        }
    }

    /// Puts noise into the FIFO, if the peer has described any since it spoke last.
    fn play_background(&mut self, samples: usize) -> bool {
        self.decoded.clear();
        let played = self.background.fill(samples, self.rate, &mut self.decoded);
        if played {
            self.push_decoded();
        }
        played
    }

    fn decode(&mut self, payload: &[u8], payload_type: PayloadType, pace: Pace, ptime: Duration) {
        let index = self
            .receivers
            .iter()
            .position(|receiver| receiver.format.payload_type == payload_type.0);
        let Some(index) = index else {
            return; // RtpSession lets only what was negotiated through
        };
        if index != self.active {
            self.activate(index);
        }
        self.background.stop();
        self.decoded.clear();
        self.interleaved.clear();
        let Ok(decoder) = self.receivers[index].decoder() else {
            return;
        };
        let channels = decoder.channels();
        let out = if channels > 1 {
            &mut self.interleaved
        } else {
            &mut self.decoded
        };
        if let Err(error) = decoder.decode(payload, out) {
            tracing::debug!(%error, "a payload was not decoded");
            let length = ClockRate(self.rate).units(ptime) as usize;
            self.conceal(length, None);
            return;
        }
        if channels > 1 {
            sample::downmix(&self.interleaved, channels, &mut self.decoded);
        }
        self.steer(pace);
        self.push_decoded();
    }

    /// Shortens or lengthens what was decoded, where that cannot be heard or has to be.
    fn steer(&mut self, pace: Pace) {
        let pause = self.stretcher.is_pause(&self.decoded);
        let samples = |by| ClockRate(self.rate).units(by) as usize;
        match pace {
            Pace::Faster { by, .. } if pause => {
                self.stretcher.shorten_pause(&mut self.decoded, samples(by));
            }
            Pace::Slower { by, .. } if pause => {
                self.stretcher
                    .lengthen_pause(&mut self.decoded, samples(by));
            }
            Pace::Faster { urgent: true, .. } => {
                self.stretcher.shorten(&mut self.decoded);
            }
            Pace::Slower { urgent: true, .. } => {
                self.stretcher.lengthen(&mut self.decoded);
            }
            _ => {}
        }
    }

    /// Fills a gap of `units` clock units: from the next packet's redundancy, else by invention.
    fn replace(&mut self, units: u32, next: Option<&[u8]>) {
        let clock_rate = ClockRate(self.receivers[self.active].format.codec.clock_rate());
        let gap = clock_rate.duration(units).min(MAX_GAP);
        let length = ClockRate(self.rate).units(gap) as usize;
        if self.play_background(length) {
            return; // the peer is silent: nothing is missing
        }
        let receiver = &mut self.receivers[self.active];
        self.decoded.clear();
        self.interleaved.clear();
        if let (Some(next), Ok(decoder)) = (next, receiver.decoder()) {
            let channels = decoder.channels();
            let out = if channels > 1 {
                &mut self.interleaved
            } else {
                &mut self.decoded
            };
            if let Ok(true) = decoder.recover(next, length, out) {
                if channels > 1 {
                    sample::downmix(&self.interleaved, channels, &mut self.decoded);
                }
                self.push_decoded();
                return;
            }
        }
        self.conceal(length, next);
    }

    /// Invents `length` samples, which lead to the packet `next` if that is there.
    fn conceal(&mut self, length: usize, next: Option<&[u8]>) {
        self.decoded.clear();
        self.interleaved.clear();
        let Ok(decoder) = self.receivers[self.active].decoder() else {
            return;
        };
        let channels = decoder.channels();
        let out = if channels > 1 {
            &mut self.interleaved
        } else {
            &mut self.decoded
        };
        match next {
            Some(next) => decoder.conceal_until(next, length, out),
            None => decoder.conceal(length, out),
        }
        if channels > 1 {
            sample::downmix(&self.interleaved, channels, &mut self.decoded);
        }
        let invented = self.pushed..self.pushed + self.decoded.len() as u64;
        self.concealed += Duration::from_nanos(nanos(self.decoded.len() as u64, self.rate));
        match self.invented.back_mut() {
            Some(last) if last.end == invented.start => last.end = invented.end,
            _ => self.invented.push_back(invented),
        }
        self.push_decoded();
    }

    fn push_decoded(&mut self) {
        self.pushed += self.decoded.len() as u64;
        self.fifo.push(&self.decoded);
    }

    /// Whether part of the next `count` samples was invented.
    fn take_invented(&mut self, count: u64) -> bool {
        let end = self.popped + count;
        self.popped = end;
        let mut concealed = false;
        while let Some(first) = self.invented.front() {
            concealed |= first.start < end;
            if first.end > end {
                break;
            }
            self.invented.pop_front();
        }
        concealed
    }

    /// Moves one frame out of the FIFO to `samples`, which are empty: `count` samples of the codec's rate, `wanted` of the program's.
    fn take_frame(&mut self, count: usize, wanted: usize, samples: &mut Vec<f32>) {
        if self.rate == self.converter.to_hz()
            && self.converter.is_empty()
            && self.converted.is_empty()
        {
            self.fifo.pop_into(count, samples);
            return;
        }
        self.frame.clear();
        self.fifo.pop_into(count, &mut self.frame);
        self.converter
            .process(self.rate, &self.frame, self.converted.tail());
        self.converted.pop_into(wanted, samples);
        // A change of codec may leave a frame one sample short, once.
        let last = samples.last().copied().unwrap_or(0.0);
        samples.resize(wanted, last);
    }

    /// Another receiver takes over, perhaps at another rate.
    fn activate(&mut self, index: usize) {
        self.active = index;
        let rate = self.receivers[index].format.codec.sample_rate();
        if rate != self.rate {
            self.fifo.convert(self.rate, rate);
            self.rate = rate;
            self.stretcher = TimeStretcher::new(rate);
            self.pushed = self.fifo.len() as u64;
            self.popped = 0;
            self.invented.clear();
        }
    }
}

impl Receiver {
    fn new(format: MediaFormat) -> Self {
        Self {
            format,
            decoder: None,
        }
    }

    fn decoder(&mut self) -> Result<&mut dyn Decoder, EngineError> {
        let decoder = match self.decoder.take() {
            Some(decoder) => decoder,
            None => self.new_decoder()?,
        };
        Ok(self.decoder.insert(decoder).as_mut())
    }

    fn new_decoder(&self) -> Result<Box<dyn Decoder>, EngineError> {
        let parameters = CodecParameters {
            fmtp: self.format.fmtp.clone(),
            ..CodecParameters::default()
        };
        self.format
            .codec
            .decoder(&parameters)
            .map_err(|source| EngineError::Codec {
                encoding_name: self.format.codec.encoding_name().to_owned(),
                source,
            })
    }
}

/// Whether one decoder does for both.
pub(crate) fn same_codec(a: &MediaFormat, b: &MediaFormat) -> bool {
    a.codec
        .encoding_name()
        .eq_ignore_ascii_case(b.codec.encoding_name())
        && a.codec.clock_rate() == b.codec.clock_rate()
        && a.codec.sample_rate() == b.codec.sample_rate()
        && a.fmtp == b.fmtp
}
