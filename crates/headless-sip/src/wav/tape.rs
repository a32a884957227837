//! Both directions of a call side by side, as a value: frames with their media time in, interleaved samples out.
//!
//! ```text
//!   media time   0        20       40       60       80 ms
//!   received     |frame   |frame   | lost   |frame   |        lost by a program that lagged: silence
//!   sent         |frame   |frame   |frame   |frame   |
//!   written      |<--- both are there ------------->|
//! ```

use std::time::Duration;

use audio_codecs::{Resampler, sample::downmix};
use media_engine::{AudioFrame, ReceivedFrame};

/// Frames that begin this close to where the last one ended follow on it: rates such as 11,025 Hz have no whole frames.
const TOLERANCE: Duration = Duration::from_millis(1);

/// How far one direction may be ahead before the other is taken for silent.
const MAX_LEAD: Duration = Duration::from_secs(2);

/// Frames sent that may wait for the first one received, which sets the rate.
const MAX_EARLY: usize = 100;

/// Rate of a tape into which nothing ever came, in Hz.
const EMPTY_RATE: u32 = 8_000;

/// A piece of the recording.
#[derive(Debug, PartialEq)]
pub(super) struct Block {
    pub(super) sample_rate: u32,
    /// One channel, or received and sent interleaved.
    pub(super) samples: Vec<f32>,
}

/// What was recorded and not taken yet.
pub(super) struct Tape {
    stereo: bool,
    sample_rate: Option<u32>,
    /// The media time at which the recording begins.
    origin: Option<Duration>,
    /// Samples of each channel that were taken.
    taken: u64,
    received: Track,
    sent: Track,
    /// Sent before anything was received.
    early: Vec<ReceivedFrame>,
}

impl Tape {
    /// An empty tape. Without `sample_rate` the first frame received sets it.
    pub(super) fn new(stereo: bool, sample_rate: Option<u32>) -> Self {
        Self {
            stereo,
            sample_rate,
            origin: None,
            taken: 0,
            received: Track::default(),
            sent: Track::default(),
            early: Vec::new(),
        }
    }

    /// The rate of the recording in Hz.
    pub(super) fn sample_rate(&self) -> u32 {
        self.sample_rate.unwrap_or(EMPTY_RATE)
    }

    pub(super) fn received(&mut self, frame: &ReceivedFrame) {
        let rate = *self.sample_rate.get_or_insert(frame.frame.sample_rate);
        let at = self.since_origin(frame);
        self.received.push(at, &frame.frame, rate, self.taken);
        for early in std::mem::take(&mut self.early) {
            self.sent(&early);
        }
    }

    pub(super) fn sent(&mut self, frame: &ReceivedFrame) {
        if !self.stereo {
            return;
        }
        if self.sample_rate.is_none() {
            if self.early.len() < MAX_EARLY {
                self.early.push(frame.clone());
                return;
            }
            self.start_with_early();
        }
        let at = self.since_origin(frame);
        self.sent
            .push(at, &frame.frame, self.sample_rate(), self.taken);
    }

    /// What is whole, if it is at least `least` samples of each channel.
    pub(super) fn take(&mut self, least: usize) -> Option<Block> {
        let lead = samples_in(MAX_LEAD, self.sample_rate());
        let (received, sent) = (self.received.samples.len(), self.sent.samples.len());
        let count = match self.stereo {
            true => received
                .min(sent)
                .max(received.max(sent).saturating_sub(lead)),
            false => received,
        };
        (count >= least.max(1)).then(|| self.cut(count))
    }

    /// Everything that is left, the shorter direction filled with silence.
    pub(super) fn finish(&mut self) -> Option<Block> {
        if self.sample_rate.is_none() {
            self.start_with_early();
        }
        self.received.end();
        self.sent.end();
        let count = self.received.samples.len().max(self.sent.samples.len());
        (count > 0).then(|| self.cut(count))
    }

    /// Nothing was received so far: what was sent sets the rate.
    fn start_with_early(&mut self) {
        if let Some(first) = self.early.first() {
            self.sample_rate = Some(first.frame.sample_rate);
            for early in std::mem::take(&mut self.early) {
                self.sent(&early);
            }
        }
    }

    /// Where the frame begins; `None` before the recording did.
    fn since_origin(&mut self, frame: &ReceivedFrame) -> Option<Duration> {
        let origin = *self.origin.get_or_insert(frame.media_time);
        frame.media_time.checked_sub(origin)
    }

    fn cut(&mut self, count: usize) -> Block {
        self.taken += count as u64;
        let received = self.received.take(count);
        let samples = if self.stereo {
            let sent = self.sent.take(count);
            received
                .zip(sent)
                .flat_map(|(left, right)| [left, right])
                .collect()
        } else {
            received.collect()
        };
        Block {
            sample_rate: self.sample_rate(),
            samples,
        }
    }
}

/// One direction at the rate of the recording; its first sample is the next to be taken.
#[derive(Default)]
struct Track {
    samples: Vec<f32>,
    /// Where the next frame is due.
    due: Option<Duration>,
    /// For sound of another rate than the recording's: a call may change its codec.
    resampler: Option<Resampler>,
    /// Samples that are the resampler's delay and not yet sound.
    delay: usize,
    mono: Vec<f32>,
}

impl Track {
    fn push(&mut self, at: Option<Duration>, frame: &AudioFrame, rate: u32, taken: u64) {
        let Some(at) = at else { return };
        if self.due.is_none_or(|due| at > due + TOLERANCE) {
            self.end();
            let wanted = samples_in(at, rate) as u64;
            let there = taken + self.samples.len() as u64;
            if wanted + (samples_in(TOLERANCE, rate) as u64) < there {
                return; // Its time is over: silence was written in its place.
            }
            let silence = wanted.saturating_sub(there) as usize;
            self.samples.resize(self.samples.len() + silence, 0.0);
        }
        self.due = Some(at + frame.duration());
        self.mono.clear();
        downmix(&frame.samples, frame.channels, &mut self.mono);
        self.convert(frame.sample_rate, rate);
    }

    fn convert(&mut self, from: u32, to: u32) {
        if self.resampler.as_ref().is_some_and(|r| r.from_hz() != from) {
            self.end_resampling();
        }
        if from == to {
            self.samples.extend_from_slice(&self.mono);
            return;
        }
        if self.resampler.is_none() {
            self.resampler = Resampler::new(from, to)
                .inspect_err(|error| tracing::warn!(%error, "sound that cannot be recorded"))
                .ok();
            self.delay = self
                .resampler
                .as_ref()
                .map_or(0, Resampler::latency_samples);
        }
        let Some(resampler) = &mut self.resampler else {
            return;
        };
        let before = self.samples.len();
        resampler.process(&self.mono, &mut self.samples);
        let delay = self.delay.min(self.samples.len() - before);
        self.samples.drain(before..before + delay);
        self.delay -= delay;
    }

    /// The sound breaks off here.
    fn end(&mut self) {
        self.end_resampling();
        self.due = None;
    }

    fn end_resampling(&mut self) {
        if let Some(mut resampler) = self.resampler.take() {
            let before = self.samples.len();
            resampler.flush(&mut self.samples);
            let delay = self.delay.min(self.samples.len() - before);
            self.samples.drain(before..before + delay);
        }
        self.delay = 0;
    }

    /// The first `count` samples, silence after the end.
    fn take(&mut self, count: usize) -> impl Iterator<Item = f32> + '_ {
        let there = count.min(self.samples.len());
        self.samples
            .drain(..there)
            .chain(std::iter::repeat_n(0.0, count - there))
    }
}

fn samples_in(time: Duration, rate: u32) -> usize {
    (time.as_secs_f64() * f64::from(rate)).round() as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    const PTIME: Duration = Duration::from_millis(20);

    fn frame(number: u32, rate: u32, sample: impl Fn(f64) -> f32) -> ReceivedFrame {
        let at = PTIME * number;
        let samples = (0..rate / 50)
            .map(|n| sample(at.as_secs_f64() + f64::from(n) / f64::from(rate)))
            .collect();
        ReceivedFrame {
            frame: AudioFrame::mono(samples, rate),
            media_time: at,
            ..ReceivedFrame::default()
        }
    }

    fn constant(number: u32, value: f32) -> ReceivedFrame {
        frame(number, 8_000, |_| value)
    }

    fn sides(block: Option<Block>) -> (Vec<f32>, Vec<f32>) {
        let samples = block.expect("something was recorded").samples;
        let side = |skip| samples.iter().copied().skip(skip).step_by(2).collect();
        (side(0), side(1))
    }

    #[test]
    fn both_directions_stand_side_by_side_whichever_comes_first() {
        let mut tape = Tape::new(true, None);
        tape.sent(&constant(0, 0.25));
        tape.received(&constant(0, 0.5));
        tape.received(&constant(1, 0.5));
        assert_eq!(tape.take(161), None, "only 20 ms are whole");
        assert_eq!(sides(tape.take(1)), (vec![0.5; 160], vec![0.25; 160]));
        tape.sent(&constant(1, 0.125));
        assert_eq!(sides(tape.finish()), (vec![0.5; 160], vec![0.125; 160]));
    }

    #[test]
    fn frames_that_were_lost_leave_silence_and_what_follows_stays_in_step() {
        let mut tape = Tape::new(true, None);
        for number in 0..10 {
            if !(3..6).contains(&number) {
                tape.received(&constant(number, 0.5));
            }
            if number != 8 {
                tape.sent(&constant(number, 0.25));
            }
        }
        let (received, sent) = sides(tape.finish());
        assert_eq!((received.len(), sent.len()), (1_600, 1_600));
        for (at, (left, right)) in received.into_iter().zip(sent).enumerate() {
            let number = at / 160;
            let expected = |lost| if lost { 0.0 } else { 1.0 };
            assert_eq!(left, 0.5 * expected((3..6).contains(&number)), "{at}");
            assert_eq!(right, 0.25 * expected(number == 8), "{at}");
        }
    }

    #[test]
    fn a_recording_may_begin_in_the_middle_of_a_call() {
        let mut tape = Tape::new(true, None);
        tape.received(&constant(500, 0.5));
        tape.sent(&constant(499, 0.125));
        tape.sent(&constant(500, 0.25));
        assert_eq!(sides(tape.finish()), (vec![0.5; 160], vec![0.25; 160]));
    }

    #[test]
    fn a_side_that_is_not_heard_of_is_silent_after_two_seconds() {
        let mut tape = Tape::new(true, None);
        for number in 0..150 {
            tape.received(&constant(number, 0.5));
        }
        let (received, sent) = sides(tape.take(1));
        assert_eq!((received.len(), sent), (8_000, vec![0.0; 8_000]));
        // What comes after its time was written is left out, what is in time is not.
        for number in 48..52 {
            tape.sent(&constant(number, 0.25));
        }
        let (_, sent) = sides(tape.take(1));
        assert_eq!(sent, vec![0.25; 320]);
    }

    #[test]
    fn rates_may_differ_and_change_and_the_sound_stays_in_its_place() {
        // 16 kHz received, 8 then 48 kHz sent: the same wave on both sides.
        let wave = |t: f64| 0.5 * (std::f64::consts::TAU * 300.0 * t).sin() as f32;
        let mut tape = Tape::new(true, None);
        for number in 0..50 {
            tape.sent(&frame(
                number,
                if number < 25 { 8_000 } else { 48_000 },
                wave,
            ));
            tape.received(&frame(number, 16_000, wave));
        }
        assert_eq!(tape.sample_rate(), 16_000);
        let (received, sent) = sides(tape.finish());
        assert_eq!((received.len(), sent.len()), (16_000, 16_000));
        let end = 16_000 - 80; // The filter rings out at the end.
        for at in 80..end {
            let near_change = (8_000 - 80..8_000 + 80).contains(&at);
            let difference = (received[at] - sent[at]).abs();
            assert!(near_change || difference < 0.01, "{difference} at {at}");
        }
    }

    #[test]
    fn one_channel_holds_what_was_received() {
        let mut tape = Tape::new(false, Some(8_000));
        tape.sent(&constant(0, 0.25));
        tape.received(&constant(0, 0.5));
        assert_eq!(tape.take(160).expect("a frame").samples, vec![0.5; 160]);
        assert_eq!(tape.finish(), None);
    }

    #[test]
    fn what_was_only_sent_is_recorded_too() {
        let mut tape = Tape::new(true, None);
        for number in 0..2 * MAX_EARLY as u32 {
            tape.sent(&constant(number, 0.25));
        }
        let (received, sent) = sides(tape.finish());
        assert_eq!(sent, vec![0.25; 200 * 160]);
        assert_eq!(received, vec![0.0; 200 * 160]);
    }
}
