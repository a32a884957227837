//! The media of one call as a value: datagrams in and out, frames to and from the program.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::Arc;
use std::task::Waker;
use std::time::{Duration, Instant};

use audio_codecs::Impairment;
use rtp_media::{
    Channel, ClockAnchor, ClockRate, CodecQuality, PayloadType, RtpEvent, RtpSession,
    RtpSessionConfig, RtpSessionUpdate, TelephoneEvent, Transmit,
};

use crate::background::Background;
use crate::capture::CapturePath;
use crate::event::EVENT_CAPACITY;
use crate::listening::Listening;
use crate::media_clock::MediaClock;
use crate::playback::Playback;
use crate::playout::{PlayoutPath, same_codec};
use crate::queue::{Writer, bounded};
use crate::stats::SessionFigures;
use crate::{
    AudioBridge, AudioFrame, AudioReceiver, AudioSender, CodecName, ComfortNoiseFormat,
    EngineError, MediaConfig, MediaEvent, MediaEvents, MediaFormat, MediaStats, MediaUpdate,
    ReceivedFrame, SAMPLE_RATES,
};

/// RTP clock of comfort noise (RFC 3389 section 4).
const NOISE_CLOCK_RATE: u32 = 8000;

/// Keys that may wait to be sent.
const MAX_WAITING_KEYS: usize = 128;

/// Frames or events that wait for a program that keeps up.
const USUAL_ITEMS: usize = 8;

/// How often quality figures come at most.
const MIN_QUALITY_INTERVAL: Duration = Duration::from_millis(100);

/// The media of one call. It has no socket and no clock: [`MediaEngine`](crate::MediaEngine) drives
/// it on a media thread, and a test drives it in its own time.
///
/// ```text
///  every ptime:   handle_datagram for what arrived
///                 tick:  one frame to the program, one frame from it
///                 poll_transmit until None, each datagram to its socket
/// ```
pub struct MediaSession {
    rtp: RtpSession,
    playout: PlayoutPath,
    capture: CapturePath,
    clock: MediaClock,
    events: Writer<MediaEvent>,
    tap: Option<Writer<ReceivedFrame>>,
    keys: VecDeque<(TelephoneEvent, Duration)>,
    listening: Listening,
    comfort_noise: ComfortNoiseFormat,
    may_send: bool,
    early_media: bool,
    peer_reported: bool,
    started: Instant,
    quality_interval: Duration,
    next_quality: Instant,
    skipped: Duration,
    send_errors: u64,
    stopped: bool,
    /// Who waits for what this frame brought.
    wakers: Vec<Waker>,
}

impl MediaSession {
    /// A session that starts at `now`, with the program's ends of it. `seed` makes its SSRC and
    /// first numbers unpredictable: take it from the operating system.
    ///
    /// # Errors
    /// [`EngineError::Config`] for a packet time, rate or format that cannot be;
    /// [`EngineError::Codec`] when a codec cannot be set up.
    pub fn new(
        now: Instant,
        anchor: ClockAnchor,
        seed: u64,
        config: MediaConfig,
    ) -> Result<(Self, AudioBridge, MediaEvents), EngineError> {
        check(&config)?;
        let playback = Arc::new(Playback::new(config.playback_buffer));
        let mut capture = CapturePath::new(
            playback.clone(),
            config.send.clone(),
            config.ptime,
            config.resampler_quality,
        )?;
        capture.set_comfort_noise(config.comfort_noise.send_payload_type);
        let frames = frames_in(config.receive_buffer, config.ptime);
        let (out, heard) = bounded(frames, USUAL_ITEMS);
        let receive_rate = config.receive_rate;
        let rate = receive_rate.unwrap_or_else(|| config.receive[0].codec.sample_rate());
        let playout = PlayoutPath::new(
            config.receive.clone(),
            receive_rate,
            config.resampler_quality,
            Background::new(noise_payload_type(&config.receive, config.comfort_noise)),
            config.early_media,
            out,
        )?;
        let (tap, sent) = match config.tap_sent {
            true => {
                let (tap, sent) = bounded(frames, USUAL_ITEMS);
                (Some(tap), Some(AudioReceiver::new(sent, capture.rate())))
            }
            false => (None, None),
        };
        let (events, told) = bounded(EVENT_CAPACITY, USUAL_ITEMS);
        let quality_interval = config.quality_interval.max(MIN_QUALITY_INTERVAL);
        let session = Self {
            playout,
            capture,
            clock: MediaClock::new(config.ptime),
            events,
            tap,
            keys: VecDeque::new(),
            listening: Listening::new(config.listen, config.telephone_event.is_some(), rate),
            comfort_noise: config.comfort_noise,
            may_send: config.may_send,
            early_media: config.early_media,
            peer_reported: false,
            started: now,
            quality_interval,
            next_quality: now + quality_interval,
            skipped: Duration::ZERO,
            send_errors: 0,
            stopped: false,
            wakers: Vec::new(),
            rtp: RtpSession::new(now, rtp_config(anchor, seed, config)),
        };
        let bridge = AudioBridge {
            tx: AudioSender::new(playback),
            rx: AudioReceiver::new(heard, rate),
            sent,
        };
        Ok((session, bridge, MediaEvents::new(told)))
    }

    /// A datagram arrived from `source` at `now`, best the kernel's time. Any bytes will do.
    pub fn handle_datagram(
        &mut self,
        now: Instant,
        source: SocketAddr,
        channel: Channel,
        bytes: &[u8],
    ) {
        self.rtp.handle_datagram(now, source, channel, bytes);
    }

    /// Serves what is due by the clock rather than by packets: reports, no media, timeouts. `tick`
    /// does it too; whoever knows the real time better than the schedule calls it before.
    pub fn handle_timeout(&mut self, now: Instant) {
        if self.rtp.poll_timeout().is_some_and(|due| due <= now) {
            self.rtp.handle_timeout(now);
        }
    }

    /// One packet time passes: a frame goes to the program, one from the program is encoded. To be
    /// called every [`ptime`](Self::ptime) with the time that the schedule says.
    pub fn tick(&mut self, now: Instant) {
        if self.stopped {
            return;
        }
        self.handle_timeout(now);
        self.send_waiting_keys(now);
        let waiting = self
            .playout
            .play(now, &self.clock, &mut self.rtp, &mut self.listening);
        self.wakers.extend(waiting);
        if self.may_send && !self.rtp.is_sending_telephone_event() {
            self.capture.send(now, &self.clock, &mut self.rtp);
        } else {
            self.capture.stand_still(now, &self.clock, &mut self.rtp);
        }
        self.listening.hear_own(
            self.capture.pcm(),
            self.capture.rate(),
            self.clock.elapsed(),
        );
        self.tap_sent();
        self.clock.advance();
        self.tell_events();
        self.tell_quality(now);
    }

    /// Leaves `frames` packet times out, because the host was too late to serve them: media time
    /// goes on, nothing is played or sent, nothing queued is lost.
    pub fn skip(&mut self, now: Instant, frames: u32) {
        for _ in 0..frames {
            let units = self.clock.samples(self.capture.format().codec.clock_rate());
            self.rtp.skip_audio(now, units as u32);
            self.clock.advance();
            self.skipped += self.clock.ptime();
        }
    }

    /// The next datagram to send. `buf` is cleared and filled; keep it between calls and nothing is
    /// allocated. To be called until `None`: then what was sent is told to the program.
    pub fn poll_transmit(&mut self, now: Instant, buf: &mut Vec<u8>) -> Option<Transmit> {
        let transmit = self.rtp.poll_transmit(now, buf);
        if transmit.is_none() {
            self.settle();
            self.wakers.drain(..).for_each(Waker::wake);
        }
        transmit
    }

    /// [`poll_transmit`](Self::poll_transmit), but whom to wake is left in `wakers` for later.
    pub(crate) fn poll_transmit_quietly(
        &mut self,
        now: Instant,
        buf: &mut Vec<u8>,
        wakers: &mut Vec<Waker>,
    ) -> Option<Transmit> {
        let transmit = self.rtp.poll_transmit(now, buf);
        if transmit.is_none() {
            self.settle();
            wakers.append(&mut self.wakers);
        }
        transmit
    }

    /// The datagrams of this frame are out: tells the marks that were reached.
    fn settle(&mut self) {
        for mark in self.capture.commit() {
            let (name, cleared) = (mark.name, mark.cleared);
            let waiting = tell(&self.events, MediaEvent::Mark { name, cleared });
            self.wakers.extend(waiting);
        }
    }

    /// Counts a datagram from [`poll_transmit`](Self::poll_transmit) that the system did not take.
    pub fn send_failed(&mut self) {
        self.send_errors += 1;
    }

    /// The packet time: how often [`tick`](Self::tick) is due.
    pub fn ptime(&self) -> Duration {
        self.clock.ptime()
    }

    /// Applies a re-INVITE or UPDATE. Sequence numbers, timestamps, what is queued and codecs that
    /// stay go on.
    ///
    /// # Errors
    /// As [`new`](Self::new); the session is then as it was.
    pub fn update(&mut self, now: Instant, update: MediaUpdate) -> Result<(), EngineError> {
        let ptime = update.ptime.unwrap_or(self.clock.ptime());
        let send = update.send.as_ref().unwrap_or(self.capture.format());
        check_send(send, ptime)?;
        let send = send.clone();
        if let Some(formats) = &update.receive {
            self.playout.set_formats(formats.clone())?;
        }
        if let Some(noise) = update.comfort_noise {
            self.comfort_noise = noise;
            self.capture.set_comfort_noise(noise.send_payload_type);
        }
        if let Some(formats) = &update.receive {
            let payload_type = noise_payload_type(formats, self.comfort_noise);
            self.playout.set_comfort_noise(payload_type);
        }
        if ptime != self.clock.ptime() || !same_codec(&send, self.capture.format()) {
            self.capture.set_format(send.clone(), ptime)?;
        } else {
            self.capture.set_payload_type(send.payload_type);
        }
        self.clock.set_ptime(ptime);
        self.may_send = update.may_send.unwrap_or(self.may_send);
        if let Some(early_media) = update.early_media {
            self.early_media = early_media;
            self.playout.set_early_media(early_media);
        }
        self.listening.set(
            update.listen,
            update.telephone_event.map(|agreed| agreed.is_some()),
        );
        let rtp = rtp_update(update, self.comfort_noise, &send, ptime);
        self.rtp.update(now, rtp);
        Ok(())
    }

    /// Sends a key press (RFC 4733) after those that wait. Audio stands still meanwhile.
    ///
    /// # Errors
    /// [`EngineError::TooManyDigits`] when 128 keys wait already.
    pub fn send_dtmf(
        &mut self,
        event: TelephoneEvent,
        duration: Duration,
    ) -> Result<(), EngineError> {
        if self.keys.len() >= MAX_WAITING_KEYS {
            return Err(EngineError::TooManyDigits);
        }
        self.keys.push_back((event, duration));
        Ok(())
    }

    /// Presses a key as a tone in the audio, after those that wait, and a pause after it: for a peer that takes no telephone-event. What
    /// the program says stands still meanwhile and is not lost.
    ///
    /// # Errors
    /// [`EngineError::BadDigit`] for what is no key, [`EngineError::TooManyDigits`] when 128 wait already.
    pub fn send_dtmf_tone(&mut self, digit: char, duration: Duration) -> Result<(), EngineError> {
        if audio_analysis::dtmf_frequencies(digit).is_none() {
            return Err(EngineError::BadDigit(digit));
        }
        let keys = self.capture.key_tones();
        if keys.len() >= MAX_WAITING_KEYS {
            return Err(EngineError::TooManyDigits);
        }
        keys.push(digit, duration);
        Ok(())
    }

    /// The figures at `now`.
    pub fn stats(&self, now: Instant) -> MediaStats {
        let figures = SessionFigures {
            codec: CodecName::new(self.capture.format().codec.encoding_name()),
            elapsed: now.saturating_duration_since(self.started),
            concealed: self.playout.concealed(),
            peer_reported: self.peer_reported,
            dropped_frames: self.playout.dropped_frames(),
            send_errors: self.send_errors,
            skipped: self.skipped,
        };
        MediaStats::new(figures, &self.rtp.stats(now))
    }

    /// Ends the media: RTCP BYE is queued for [`poll_transmit`](Self::poll_transmit), the program's
    /// ends are closed. Poll the last datagrams out afterwards.
    pub fn stop(&mut self, now: Instant) {
        if !std::mem::replace(&mut self.stopped, true) {
            self.rtp.stop(now);
            self.capture.close();
        }
    }

    /// One key at a time, so that the session's own queue never fills.
    fn send_waiting_keys(&mut self, now: Instant) {
        while let Some(&(event, duration)) = self.keys.front() {
            if self.rtp.is_sending_telephone_event() {
                return;
            }
            self.keys.pop_front();
            if let Err(error) = self.rtp.send_telephone_event(now, event, duration) {
                tracing::warn!(%error, "a DTMF digit was not sent");
            }
        }
    }

    fn tap_sent(&mut self) {
        let Some(tap) = &self.tap else { return };
        if tap.has_reader() {
            let waiting = tap.push(ReceivedFrame {
                frame: AudioFrame::mono(self.capture.pcm().to_vec(), self.capture.rate()),
                media_time: self.clock.elapsed(),
                concealed: false,
                early_media: self.early_media,
            });
            self.wakers.extend(waiting);
        }
    }

    fn tell_events(&mut self) {
        while let Some(event) = self.rtp.poll_event() {
            let event = match event {
                RtpEvent::FirstPacket { source, .. } => MediaEvent::FirstMedia { source },
                RtpEvent::TelephoneEvent {
                    event, duration, ..
                } => MediaEvent::Dtmf {
                    digit: event.as_char(),
                    duration,
                    in_band: false,
                },
                RtpEvent::SourceChanged { from, to } => MediaEvent::SourceChanged { from, to },
                RtpEvent::NoMedia(cause) => MediaEvent::NoMedia(cause),
                RtpEvent::MediaResumed => MediaEvent::MediaResumed,
                RtpEvent::MediaTimeout => MediaEvent::MediaTimeout,
                RtpEvent::RemoteBye => MediaEvent::RemoteBye,
                RtpEvent::PeerReport(report) => {
                    self.peer_reported = true;
                    self.capture.set_expected_loss(report.fraction_lost);
                    continue;
                }
                _ => continue,
            };
            let waiting = tell(&self.events, event);
            self.wakers.extend(waiting);
        }
        while let Some(event) = self.listening.poll_event() {
            let waiting = tell(&self.events, event);
            self.wakers.extend(waiting);
        }
    }

    fn tell_quality(&mut self, now: Instant) {
        if now >= self.next_quality {
            self.next_quality = (self.next_quality + self.quality_interval).max(now);
            let waiting = tell(&self.events, MediaEvent::Quality(self.stats(now)));
            self.wakers.extend(waiting);
        }
    }
}

impl Drop for MediaSession {
    fn drop(&mut self) {
        self.capture.close();
        self.settle();
        let waiting = tell(&self.events, MediaEvent::Stopped);
        self.wakers.extend(waiting);
        self.wakers.drain(..).for_each(Waker::wake);
    }
}

impl std::fmt::Debug for MediaSession {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("MediaSession")
            .field("codec", &self.capture.format().codec)
            .field("ptime", &self.clock.ptime())
            .finish_non_exhaustive()
    }
}

fn tell(events: &Writer<MediaEvent>, event: MediaEvent) -> Option<Waker> {
    events.push_dropping(event, MediaEvent::is_quality)
}

fn frames_in(time: Duration, ptime: Duration) -> usize {
    (time.as_nanos().div_ceil(ptime.as_nanos().max(1))).clamp(1, 100_000) as usize
}

/// Whether a call can be made of this.
pub(crate) fn check(config: &MediaConfig) -> Result<(), EngineError> {
    check_send(&config.send, config.ptime)?;
    if config.receive.is_empty() {
        return Err(EngineError::Config(
            "give at least one format to receive".into(),
        ));
    }
    match config.receive_rate {
        Some(rate) if !SAMPLE_RATES.contains(&rate) => Err(EngineError::Config(format!(
            "receive_rate is {rate} Hz: choose 8,000 to 192,000 Hz"
        ))),
        _ => Ok(()),
    }
}

/// Whether packets of this length can be sent with this codec.
pub(crate) fn check_send(format: &MediaFormat, ptime: Duration) -> Result<(), EngineError> {
    let milliseconds = ptime.as_millis() as u32;
    if !(10..=60).contains(&milliseconds) || !ptime.subsec_nanos().is_multiple_of(1_000_000) {
        return Err(EngineError::Config(format!(
            "ptime is {ptime:?}: choose 10 to 60 ms in whole ms"
        )));
    }
    if !format.codec.accepts_ptime(milliseconds) {
        return Err(EngineError::Config(format!(
            "{} has no packets of {milliseconds} ms: choose another ptime",
            format.codec.encoding_name()
        )));
    }
    Ok(())
}

fn rtp_config(anchor: ClockAnchor, seed: u64, config: MediaConfig) -> RtpSessionConfig {
    let clock_rate = ClockRate(config.send.codec.clock_rate());
    let payload_type = PayloadType(config.send.payload_type);
    let mut rtp = RtpSessionConfig::new(anchor, seed, config.remote_rtp, payload_type, clock_rate);
    rtp.receive_payload_types = payload_types(&config.receive, config.comfort_noise);
    rtp.other_clock_rates = other_clock_rates(&config.receive, clock_rate);
    rtp.send_quality = quality_of(&config.send);
    rtp.receive_qualities = qualities(&config.receive);
    rtp.telephone_event = config.telephone_event;
    rtp.redundancy = config.redundancy;
    rtp.extended_reports = config.extended_reports;
    rtp.remote_rtcp = config.remote_rtcp;
    rtp.rtcp_mux = config.rtcp_mux;
    rtp.ptime = config.ptime;
    rtp.may_send = config.may_send;
    rtp.may_receive = config.may_receive;
    rtp.jitter_buffer = config.jitter_buffer;
    rtp.no_media_after = config.no_media_after;
    rtp.media_timeout = config.media_timeout;
    rtp.symmetric = config.symmetric;
    if let Some(cname) = config.cname {
        rtp.cname = cname;
    }
    rtp
}

fn rtp_update(
    update: MediaUpdate,
    noise: ComfortNoiseFormat,
    send: &MediaFormat,
    ptime: Duration,
) -> RtpSessionUpdate {
    let clock_rate = ClockRate(send.codec.clock_rate());
    RtpSessionUpdate {
        remote_rtp: update.remote_rtp,
        remote_rtcp: update.remote_rtcp,
        rtcp_mux: update.rtcp_mux,
        clock_rate: Some(clock_rate),
        send_payload_type: Some(PayloadType(send.payload_type)),
        receive_payload_types: update
            .receive
            .as_deref()
            .map(|formats| payload_types(formats, noise)),
        other_clock_rates: update
            .receive
            .as_deref()
            .map(|formats| other_clock_rates(formats, clock_rate)),
        telephone_event: update.telephone_event,
        redundancy: update.redundancy,
        extended_reports: update.extended_reports,
        send_quality: Some(quality_of(send)),
        receive_qualities: update.receive.as_deref().map(qualities),
        ptime: Some(ptime),
        may_send: update.may_send,
        may_receive: update.may_receive,
    }
}

fn qualities(formats: &[MediaFormat]) -> Vec<(PayloadType, CodecQuality)> {
    formats
        .iter()
        .map(|format| (PayloadType(format.payload_type), quality_of(format)))
        .collect()
}

/// What the codec says of itself in the words of the E-model.
fn quality_of(format: &MediaFormat) -> CodecQuality {
    let Impairment { ie, bpl, delay } = format.codec.impairment();
    CodecQuality { ie, bpl, delay }
}

fn payload_types(formats: &[MediaFormat], noise: ComfortNoiseFormat) -> Vec<PayloadType> {
    formats
        .iter()
        .map(|format| format.payload_type)
        .chain(noise_payload_type(formats, noise))
        .map(PayloadType)
        .collect()
}

/// The payload type of descriptions of noise, if it is nobody else's and has the clock of a format: what
/// RFC 3389 calls `CN/8000` goes with codecs of that clock.
fn noise_payload_type(formats: &[MediaFormat], noise: ComfortNoiseFormat) -> Option<u8> {
    let number = noise.receive_payload_type?;
    let taken = formats.iter().any(|format| format.payload_type == number);
    let clock = formats.first()?.codec.clock_rate();
    (!taken && clock == NOISE_CLOCK_RATE).then_some(number)
}

fn other_clock_rates(
    formats: &[MediaFormat],
    clock_rate: ClockRate,
) -> Vec<(PayloadType, ClockRate)> {
    formats
        .iter()
        .map(|format| {
            (
                PayloadType(format.payload_type),
                ClockRate(format.codec.clock_rate()),
            )
        })
        .filter(|&(_, rate)| rate != clock_rate)
        .collect()
}
