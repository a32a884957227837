//! Packet loss concealment by repeating the voice's pitch.

mod bridge;
#[cfg(test)]
mod tests;

use self::bridge::{Banks, Bridge};
use crate::pitch::{energy, find_pitch};

/// Background louder than this is no background: -46 dB of full scale.
const LOUDEST_BACKGROUND: f32 = 0.005;
/// The loudest that a first frame is taken for: -66 dB of full scale.
const FIRST_BACKGROUND: f32 = 0.000_5;
/// How much the background may rise from frame to frame.
const RISE: f32 = 1.01;

/// Fills gaps in mono audio with what the voice would have gone on saying, in
/// the manner of ITU-T G.711 Appendix I.
///
/// ```text
///  received            lost                                  received
///  ...h h h h | p p p p | p2 p2 p2 p2 | p3 p3 ... background |x| r r r ...
///             0         20            40        80                  ms
/// ```
///
/// The last pitch period (5 to 15 ms, found by normalised cross-correlation of 14 ms)
/// is repeated; from 20 ms on the last two periods, from 40 ms on the last
/// three, so that it does not buzz. After the first 10 ms the level falls by
/// 10 % each 10 ms, after 60 ms fast, to nothing at 80 ms. What is then heard
/// is noise as loud as the background of late, so that the line does not sound
/// dead. Joints are overlap-added over 3.75 ms; the first received frame fades
/// in over 3.75 to 10 ms, longer after longer gaps.
///
/// These times are where P.862 finds speech best on lossy networks; Appendix I
/// fades by 20 % each 10 ms and is silent at 60 ms.
///
/// Appendix I delays all audio by 3.75 ms to smooth the beginning of a gap.
/// Here nothing is delayed: what step there would be at that joint decays over
/// 3.75 ms instead.
///
/// Where the packet after the gap is there already
/// ([`conceal_until`](Self::conceal_until)), its first period is led back into
/// the gap, in step with what is led on from before it, and the two are
/// cross-faded over the whole gap.
///
/// Works at any sample rate; speech at 8 to 48 kHz is what it is made for. The
/// state is a buffer of 48.75 ms, and from the first gap on a second one and
/// room for two gaps.
///
/// ```
/// let mut concealer = audio_codecs::Concealer::new(8000);
/// let mut frame: Vec<f32> = (0..160).map(|i| (i as f32 * 0.1).sin() * 0.3).collect();
/// concealer.received(&mut frame); // every good frame passes through here
///
/// let mut heard = Vec::new();
/// concealer.conceal(160, &mut heard); // one was lost
/// assert_eq!(heard.len(), 160);
///
/// concealer.received(&mut frame); // cross-faded from what was invented
/// ```
#[derive(Debug, Clone)]
pub struct Concealer {
    timing: Timing,
    /// What was last heard, the newest at the end; of constant length.
    history: Vec<f32>,
    /// The history at the beginning of the gap that is being filled; empty before the first gap.
    source: Vec<f32>,
    gap: Option<Gap>,
    bridge: Bridge,
    /// Root mean square of the quietest frame of late: it rises by 4 dB in a second of 20 ms frames.
    background: Option<f32>,
    noise: Noise,
}

/// Noise in [-1, 1): a linear congruential generator (Knuth).
#[derive(Debug, Clone, Copy)]
struct Noise(u32);

impl Noise {
    fn next(&mut self) -> f32 {
        self.0 = self.0.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        self.0.cast_signed() as f32 / 2_147_483_648.0
    }
}

/// The times of Appendix I in samples.
#[derive(Debug, Clone, Copy)]
struct Timing {
    sample_rate: u32,
    ten_ms: usize,
    /// The inverse of that.
    per_ten_ms: f32,
    shortest_pitch: usize,
    longest_pitch: usize,
    correlation_window: usize,
    overlap: usize,
}

/// A gap that is being filled.
#[derive(Debug, Clone, Copy)]
struct Gap {
    pitch: usize,
    /// Samples invented so far.
    elapsed: usize,
    cursor: Cursor,
    /// The cursor before the last change of periods, faded out meanwhile.
    previous: Cursor,
    /// Samples of that fade still to come.
    fade: usize,
    /// The step at the beginning of the gap, which decays over the overlap.
    step: f32,
    /// The first sample of what the gap already leads to.
    leads_to: Option<f32>,
}

/// A place in the last periods, which are played round and round.
#[derive(Debug, Clone, Copy)]
struct Cursor {
    periods: usize,
    position: usize,
}

impl Timing {
    fn new(sample_rate: u32) -> Self {
        let sample_rate = sample_rate.max(1000);
        let samples = |hundredths_of_ms: u64| {
            (u64::from(sample_rate) * hundredths_of_ms).div_ceil(100_000) as usize
        };
        Timing {
            sample_rate,
            ten_ms: samples(1000),
            per_ten_ms: 1.0 / samples(1000) as f32,
            shortest_pitch: samples(500),
            longest_pitch: samples(1500),
            correlation_window: samples(1400),
            overlap: samples(375),
        }
    }

    /// 48.75 ms: three of the longest periods and an overlap.
    fn history(&self) -> usize {
        3 * self.longest_pitch + self.overlap
    }

    /// Level after `elapsed` samples of a gap.
    fn gain(&self, elapsed: usize) -> f32 {
        let tens = elapsed as f32 * self.per_ten_ms;
        let (slow, fast) = (0.1 * (tens - 1.0).max(0.0), 0.15 * (tens - 6.0).max(0.0));
        (1.0 - slow - fast).max(0.0)
    }

    /// Periods in use after `elapsed` samples of a gap.
    fn periods(&self, elapsed: usize) -> usize {
        1 + usize::from(elapsed >= 2 * self.ten_ms) + usize::from(elapsed >= 4 * self.ten_ms)
    }

    /// Samples over which the first frame after a gap fades in: 3.75 ms, and
    /// 4 ms more for each 10 ms of gap after the first, at most 10 ms.
    fn fade_in(&self, elapsed: usize) -> usize {
        let more = (elapsed / self.ten_ms).saturating_sub(1) * (self.ten_ms * 2 / 5);
        (self.overlap + more).min(self.ten_ms)
    }
}

impl Concealer {
    /// A concealer for mono audio of `sample_rate` Hz (taken as 1000 if less).
    pub fn new(sample_rate: u32) -> Self {
        let timing = Timing::new(sample_rate);
        Concealer {
            timing,
            history: vec![0.0; timing.history()],
            source: Vec::new(),
            gap: None,
            bridge: Bridge::default(),
            background: None,
            noise: Noise(1),
        }
    }

    /// Takes note of a frame that was received. If a gap came before, the
    /// beginning of the frame is cross-faded from what was invented.
    pub fn received(&mut self, frame: &mut [f32]) {
        if frame.is_empty() {
            return;
        }
        self.hear_background(frame);
        if let Some(mut gap) = self.gap.take() {
            let length = if gap.leads_to == Some(frame[0]) {
                0
            } else {
                self.timing.fade_in(gap.elapsed).min(frame.len())
            };
            let invented = &mut self.bridge.ahead;
            invented.clear();
            gap.extend(&self.timing, &self.source, length, invented);
            for (i, (sample, invented)) in frame.iter_mut().zip(invented).enumerate() {
                let weight = (i + 1) as f32 / (length + 1) as f32;
                *sample = *sample * weight + *invented * (1.0 - weight);
            }
        }
        self.remember(frame);
    }

    /// Invents `samples` samples and appends them to `out`.
    pub fn conceal(&mut self, samples: usize, out: &mut Vec<f32>) {
        if samples == 0 {
            return;
        }
        let mut gap = match self.gap {
            Some(gap) => gap,
            None => self.open_gap(),
        };
        let start = out.len();
        self.invent(&mut gap, samples, out);
        gap.leads_to = None;
        self.gap = Some(gap);
        self.remember(&out[start..]);
    }

    /// As [`conceal`](Self::conceal), where `next` was received already and will be heard after it: the gap leads there,
    /// which sounds much better than what is made from one side alone. What comes after goes through
    /// [`received`](Self::received) as always, and is left as it is.
    ///
    /// Where less than a period and 3.75 ms of `next` are given, the gap is filled from its beginning alone.
    pub fn conceal_until(&mut self, next: &[f32], samples: usize, out: &mut Vec<f32>) {
        let before = match self.gap {
            Some(gap) => gap,
            None => self.open_gap(),
        };
        let banks = Banks {
            pitch: before.pitch,
            next,
            window: self.timing.ten_ms,
            overlap: self.timing.overlap,
        };
        let mut ahead = std::mem::take(&mut self.bridge.ahead);
        ahead.clear();
        let mut gap = before;
        self.invent(&mut gap, samples, &mut ahead);
        let after = gap;
        let reach = Bridge::reach(banks.pitch, banks.window);
        self.invent(&mut gap, reach, &mut ahead);
        self.bridge.ahead = ahead;
        let start = out.len();
        if self.bridge.fill(banks, samples, out) {
            self.gap = Some(Gap {
                leads_to: next.first().copied(),
                ..after
            });
            self.remember(&out[start..]);
        } else {
            self.gap = Some(before);
            self.conceal(samples, out);
        }
    }

    /// Whether the last thing heard was invented.
    pub fn is_concealing(&self) -> bool {
        self.gap.is_some()
    }

    /// Forgets everything heard.
    pub fn reset(&mut self) {
        self.history.fill(0.0);
        self.gap = None;
        self.background = None;
    }

    fn invent(&mut self, gap: &mut Gap, samples: usize, out: &mut Vec<f32>) {
        // A uniform distribution has a root mean square of its width by the root of three.
        let level = self.background.unwrap_or(0.0) * 3.0_f32.sqrt();
        let (start, before) = (out.len(), gap.elapsed);
        gap.extend(&self.timing, &self.source, samples, out);
        for (i, sample) in out[start..].iter_mut().enumerate() {
            let gain = self.timing.gain(before.saturating_add(i));
            *sample = (*sample + self.noise.next() * level * (1.0 - gain)).clamp(-1.0, 1.0);
        }
    }

    fn hear_background(&mut self, frame: &[f32]) {
        let level = (energy(frame) / frame.len() as f32).sqrt();
        // From nothing it may rise too.
        let most = self.background.map_or(FIRST_BACKGROUND, |background| {
            (background * RISE).max(background + 3e-6)
        });
        self.background = Some(level.min(most).min(LOUDEST_BACKGROUND));
    }

    fn open_gap(&mut self) -> Gap {
        self.source.clone_from(&self.history);
        let timing = &self.timing;
        let pitch = find_pitch(
            &self.source,
            timing.sample_rate,
            timing.correlation_window..=timing.correlation_window,
            timing.shortest_pitch..=timing.longest_pitch,
        )
        .lag;
        let end = self.source.len();
        let cursor = Cursor {
            periods: 1,
            position: 0,
        };
        Gap {
            pitch,
            elapsed: 0,
            cursor,
            previous: cursor,
            fade: 0,
            step: self.source[end - 1] - self.source[end - 1 - pitch],
            leads_to: None,
        }
    }

    fn remember(&mut self, heard: &[f32]) {
        let length = self.history.len();
        match heard.len().checked_sub(length) {
            Some(surplus) => self.history.copy_from_slice(&heard[surplus..]),
            None => {
                self.history.copy_within(heard.len().., 0);
                self.history[length - heard.len()..].copy_from_slice(heard);
            }
        }
    }
}

impl Gap {
    /// Appends the next invented samples, without the noise.
    fn extend(&mut self, timing: &Timing, source: &[f32], samples: usize, out: &mut Vec<f32>) {
        let mut left = samples;
        while left > 0 {
            if timing.gain(self.elapsed) == 0.0 {
                self.elapsed = self.elapsed.saturating_add(left);
                out.resize(out.len() + left, 0.0);
                return;
            }
            let periods = timing.periods(self.elapsed);
            if periods > self.cursor.periods {
                self.lengthen(periods, timing.overlap);
            }
            // Until the periods or the overlaps change, or the voice may have ended.
            let stretch = 2 * timing.ten_ms - self.elapsed % (2 * timing.ten_ms);
            let run = left.min(stretch);
            self.extend_run(timing, source, run, out);
            left -= run;
        }
    }

    /// As [`extend`](Self::extend), as long as the periods stay what they are.
    fn extend_run(&mut self, timing: &Timing, source: &[f32], samples: usize, out: &mut Vec<f32>) {
        let start = out.len();
        self.cursor
            .extend(self.pitch, timing.overlap, source, samples, out);
        let run = &mut out[start..];
        let fade = self.fade.min(samples);
        for (i, sample) in run[..fade].iter_mut().enumerate() {
            let old = self.previous.next(self.pitch, timing.overlap, source);
            let weight = (self.fade - i) as f32 / (timing.overlap + 1) as f32;
            *sample += (old - *sample) * weight;
        }
        self.fade -= fade;
        let step = timing.overlap.saturating_sub(self.elapsed).min(samples);
        for (i, sample) in run[..step].iter_mut().enumerate() {
            let left = timing.overlap - self.elapsed - i - 1;
            *sample += self.step * left as f32 / timing.overlap as f32;
        }
        for (i, sample) in run.iter_mut().enumerate() {
            // A step that decays can reach beyond full scale.
            *sample = (*sample * timing.gain(self.elapsed + i)).clamp(-1.0, 1.0);
        }
        self.elapsed += samples;
    }

    /// Goes on with more periods, in the same phase, faded over `overlap`.
    fn lengthen(&mut self, periods: usize, overlap: usize) {
        self.previous = self.cursor;
        self.fade = overlap;
        self.cursor = Cursor {
            periods,
            position: self.cursor.position % self.pitch,
        };
    }
}

impl Cursor {
    /// Appends the samples from here on; the cursor moves on and round.
    fn extend(
        &mut self,
        pitch: usize,
        overlap: usize,
        source: &[f32],
        samples: usize,
        out: &mut Vec<f32>,
    ) {
        let round = self.periods * pitch;
        let mut left = samples;
        while left > 0 {
            let plain = (round - self.position).saturating_sub(joint(pitch, overlap));
            if plain == 0 {
                out.push(self.next(pitch, overlap, source));
                left -= 1;
                continue;
            }
            let run = plain.min(left);
            let from = source.len() - round + self.position;
            out.extend_from_slice(&source[from..from + run]);
            self.position += run;
            left -= run;
        }
    }

    /// The sample here; the cursor moves on and round.
    fn next(&mut self, pitch: usize, overlap: usize, source: &[f32]) -> f32 {
        let round = self.periods * pitch;
        let index = source.len() - round + self.position;
        let mut sample = source[index];
        // The last part of a period fades into what came before the first
        // sample, so that going round makes no step.
        let (joint, left) = (joint(pitch, overlap), round - self.position);
        if left <= joint {
            let weight = (joint - left + 1) as f32 / (joint + 1) as f32;
            sample += (source[index - round] - sample) * weight;
        }
        self.position += 1;
        if self.position == round {
            self.position = 0;
        }
        sample
    }
}

/// Samples over which a period is joined to itself: a quarter of it.
fn joint(pitch: usize, overlap: usize) -> usize {
    (pitch / 4).clamp(1, overlap)
}
