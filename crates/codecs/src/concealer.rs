//! Packet loss concealment by repeating the voice's pitch.

mod bridge;
#[cfg(test)]
mod tests;

use wide::f32x4;

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
    /// What was last heard, round and round; of constant length.
    history: Vec<f32>,
    /// Where the oldest of it is.
    oldest: usize,
    /// The history at the beginning of the gap that is being filled; empty before the first gap.
    source: Vec<f32>,
    gap: Option<Gap>,
    bridge: Bridge,
    /// Root mean square of the quietest frame of late: it rises by 4 dB in a second of 20 ms frames.
    background: Option<f32>,
    noise: Noise,
}

/// Noise between `-level` and `level`: a linear congruential generator (Knuth).
#[derive(Debug, Clone, Copy)]
struct Noise {
    state: u32,
    level: f32,
}

impl Noise {
    fn next(&mut self) -> f32 {
        self.state = self
            .state
            .wrapping_mul(1_664_525)
            .wrapping_add(1_013_904_223);
        self.state.cast_signed() as f32 * (self.level / 2_147_483_648.0)
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

/// A level that falls from sample to sample.
#[derive(Debug, Clone, Copy)]
struct Level {
    /// What it would have been at the beginning of the gap.
    full: f32,
    /// For each sample since then.
    fall: f32,
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

    /// The level in the ten milliseconds of a gap in which sample `elapsed` is.
    fn level(&self, elapsed: usize) -> Level {
        let (full, fall) = match elapsed / self.ten_ms {
            0 => (1.0, 0.0),
            1..6 => (1.1, 0.1),
            6..8 => (2.0, 0.25),
            _ => (0.0, 0.0),
        };
        Level {
            full,
            fall: fall * self.per_ten_ms,
        }
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
            oldest: 0,
            source: Vec::new(),
            gap: None,
            bridge: Bridge::default(),
            background: None,
            noise: Noise {
                state: 1,
                level: 0.0,
            },
        }
    }

    /// Takes note of a frame that was received. If a gap came before, the
    /// beginning of the frame is cross-faded from what was invented.
    pub fn received(&mut self, frame: &mut [f32]) {
        if frame.is_empty() {
            return;
        }
        self.hear_background(frame);
        if self.gap.is_some() {
            self.end_gap(frame);
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
        let newest = self.oldest.checked_sub(1);
        ahead.push(self.history[newest.unwrap_or(self.history.len() - 1)]);
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

    /// Cross-fades the beginning of `frame` from what was invented.
    #[cold]
    fn end_gap(&mut self, frame: &mut [f32]) {
        let Some(mut gap) = self.gap.take() else {
            return;
        };
        if gap.leads_to == Some(frame[0]) {
            return;
        }
        let length = self.timing.fade_in(gap.elapsed).min(frame.len());
        let invented = &mut self.bridge.ahead;
        invented.clear();
        gap.extend(
            &self.timing,
            &self.source,
            &mut self.noise,
            length,
            invented,
        );
        for (i, (sample, invented)) in frame.iter_mut().zip(invented).enumerate() {
            let weight = (i + 1) as f32 / (length + 1) as f32;
            *sample = *sample * weight + *invented * (1.0 - weight);
        }
    }

    fn invent(&mut self, gap: &mut Gap, samples: usize, out: &mut Vec<f32>) {
        // A uniform distribution has a root mean square of its width by the root of three.
        self.noise.level = self.background.unwrap_or(0.0) * 3.0_f32.sqrt();
        gap.extend(&self.timing, &self.source, &mut self.noise, samples, out);
    }

    fn hear_background(&mut self, frame: &[f32]) {
        // From nothing it may rise too.
        let most = self.background.map_or(FIRST_BACKGROUND, |background| {
            (background * RISE).max(background + 3e-6)
        });
        let most = most.min(LOUDEST_BACKGROUND);
        // Speech is known from its beginning, and most frames are that.
        let (first, rest) = frame.split_at(frame.len() / 4);
        let mut sum = energy(first);
        if sum < most * most * frame.len() as f32 {
            sum += energy(rest);
        }
        self.background = Some((sum / frame.len() as f32).sqrt().min(most));
    }

    fn open_gap(&mut self) -> Gap {
        let (newer, older) = self.history.split_at(self.oldest);
        self.source.clear();
        self.source.extend_from_slice(older);
        self.source.extend_from_slice(newer);
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
        let heard = &heard[heard.len().saturating_sub(self.history.len())..];
        let (newer, older) = self.history.split_at_mut(self.oldest);
        let first = heard.len().min(older.len());
        older[..first].copy_from_slice(&heard[..first]);
        newer[..heard.len() - first].copy_from_slice(&heard[first..]);
        self.oldest += heard.len();
        if self.oldest >= self.history.len() {
            self.oldest -= self.history.len();
        }
    }
}

impl Gap {
    /// Appends the next invented samples.
    fn extend(
        &mut self,
        timing: &Timing,
        source: &[f32],
        noise: &mut Noise,
        samples: usize,
        out: &mut Vec<f32>,
    ) {
        let mut left = samples;
        while left > 0 {
            let level = timing.level(self.elapsed);
            if level.full == 0.0 {
                self.elapsed = self.elapsed.saturating_add(left);
                out.extend((0..left).map(|_| noise.next()));
                return;
            }
            let periods = timing.periods(self.elapsed);
            if periods > self.cursor.periods {
                self.lengthen(periods, timing.overlap);
            }
            // Until the level falls at another rate, or the periods change.
            let run = left.min(timing.ten_ms - self.elapsed % timing.ten_ms);
            let start = out.len();
            self.repeat(timing, source, run, out);
            level.apply(self.elapsed, &mut out[start..], noise);
            self.elapsed += run;
            left -= run;
        }
    }

    /// Appends what the voice would have gone on saying at its level, as long as the periods stay what they are.
    fn repeat(&mut self, timing: &Timing, source: &[f32], samples: usize, out: &mut Vec<f32>) {
        let overlap = timing.overlap;
        let start = out.len();
        self.cursor
            .extend(self.pitch, overlap, source, samples, out);
        let fade = self.fade.min(samples);
        if fade > 0 {
            self.previous.extend(self.pitch, overlap, source, fade, out);
            let (run, old) = out[start..].split_at_mut(samples);
            for (i, (sample, old)) in run.iter_mut().zip(old).enumerate() {
                let weight = (self.fade - i) as f32 / (overlap + 1) as f32;
                *sample += (*old - *sample) * weight;
            }
            out.truncate(start + samples);
            self.fade -= fade;
        }
        let step = overlap.saturating_sub(self.elapsed).min(samples);
        for (i, sample) in out[start..][..step].iter_mut().enumerate() {
            let left = overlap - self.elapsed - i - 1;
            *sample += self.step * left as f32 / overlap as f32;
        }
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

impl Level {
    /// Lets the voice fade and the noise come in its place, `elapsed` samples after the beginning of the gap.
    fn apply(self, elapsed: usize, samples: &mut [f32], noise: &mut Noise) {
        // A step that decays can reach beyond full scale.
        if self.fall == 0.0 {
            for sample in samples {
                *sample = sample.clamp(-1.0, 1.0);
            }
            return;
        }
        let mut elapsed = f32x4::splat(elapsed as f32) + f32x4::new([0.0, 1.0, 2.0, 3.0]);
        let (full, fall) = (f32x4::splat(self.full), f32x4::splat(self.fall));
        let mut fade = |samples: [f32; 4], noise: [f32; 4]| {
            let level = full - fall * elapsed;
            elapsed += f32x4::splat(4.0);
            let faded = f32x4::new(samples) * level + f32x4::new(noise) * (f32x4::ONE - level);
            faded.fast_max(-f32x4::ONE).fast_min(f32x4::ONE).to_array()
        };
        let (fours, rest) = samples.as_chunks_mut::<4>();
        for four in fours {
            *four = fade(*four, [(); 4].map(|()| noise.next()));
        }
        let mut last = [0.0; 4];
        last[..rest.len()].copy_from_slice(rest);
        let mut noises = [0.0; 4];
        noises[..rest.len()].fill_with(|| noise.next());
        rest.copy_from_slice(&fade(last, noises)[..rest.len()]);
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
        let joint = joint(pitch, overlap);
        let mut left = samples;
        while left > 0 {
            let from = source.len() - round + self.position;
            let before_joint = (round - joint).saturating_sub(self.position);
            let run = if before_joint > 0 {
                let run = before_joint.min(left);
                out.extend_from_slice(&source[from..from + run]);
                run
            } else {
                // The last part of a period fades into what came before the first sample, so that going round makes no
                // step.
                let run = (round - self.position).min(left);
                let (now, earlier) = (&source[from..from + run], &source[from - round..][..run]);
                let passed = self.position + joint - round;
                out.extend(
                    now.iter()
                        .zip(earlier)
                        .enumerate()
                        .map(|(i, (now, earlier))| {
                            let weight = (passed + i + 1) as f32 / (joint + 1) as f32;
                            now + (earlier - now) * weight
                        }),
                );
                run
            };
            self.position += run;
            if self.position == round {
                self.position = 0;
            }
            left -= run;
        }
    }
}

/// Samples over which a period is joined to itself: a quarter of it.
fn joint(pitch: usize, overlap: usize) -> usize {
    (pitch / 4).clamp(1, overlap)
}
