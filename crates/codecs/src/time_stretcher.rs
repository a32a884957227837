//! Making audio a little shorter or longer without anybody hearing it.

#[cfg(test)]
mod tests;

use crate::pitch::{energy, find_pitch};

/// How alike two neighbouring periods must be to stand in for each other.
const ALIKE: f32 = 0.9;
/// Root mean square below which a splice is not heard: -50 dB of full scale.
const QUIET: f32 = 0.003_162;
/// Background that is louder than this is no background: -36 dB of full scale.
const LOUDEST_BACKGROUND: f32 = 0.016;
/// How much louder than the background a pause may be, and the background within a frame's time.
const PAUSE: f32 = 2.0;
const RISE: f32 = 1.01;

/// Shortens or lengthens frames of mono audio, as the owner of decoded samples
/// does to steer the playout delay.
///
/// In a pause of the talk ([`is_pause`](Self::is_pause)) any length may be
/// taken out or put in. Within speech it is one pitch period (2.5 to 15 ms),
/// and only where the periods are alike (normalised correlation of at least
/// 0.9) or the frame is quiet (below -50 dB of full scale). Everything is
/// overlap-added so that neither the frame nor its joints with its neighbours
/// have a step. A frame of 20 ms or more finds the pitch of any voice; in a
/// frame of 10 ms only high voices fit, so join two.
///
/// ```
/// use audio_codecs::TimeStretcher;
///
/// let mut stretcher = TimeStretcher::new(8000);
/// // 20 ms of a 200 Hz tone.
/// let tone = |i: usize| (i as f32 * 200.0 / 8000.0 * std::f32::consts::TAU).sin() * 0.5;
/// let mut frame: Vec<f32> = (0..160).map(tone).collect();
/// let removed = stretcher.shorten(&mut frame);
/// assert!(removed > 0 && removed % 40 == 0);
/// assert_eq!(frame.len(), 160 - removed);
/// ```
#[derive(Debug, Clone)]
pub struct TimeStretcher {
    sample_rate: u32,
    /// Root mean square of the quietest frame of late: it rises by 4 dB in a second.
    background: f32,
    spliced: Vec<f32>,
}

/// Where a frame is spliced.
#[derive(Debug, Clone, Copy)]
struct Splice {
    /// The period in samples.
    period: usize,
    /// Samples over which the two places are cross-faded.
    overlap: usize,
}

impl TimeStretcher {
    /// A stretcher for audio of `sample_rate` Hz.
    pub fn new(sample_rate: u32) -> Self {
        TimeStretcher {
            sample_rate,
            background: QUIET,
            spliced: Vec::new(),
        }
    }

    /// Whether `frame` is a pause of the talk: about as quiet as it has been
    /// lately, throughout. To be asked for every frame, since it learns the
    /// background from them.
    pub fn is_pause(&mut self, frame: &[f32]) -> bool {
        let part = (self.sample_rate as usize / 200).max(1);
        let parts = frame.len().div_ceil(part).max(1) as f32;
        let most = (self.background * RISE).clamp(f32::MIN_POSITIVE, LOUDEST_BACKGROUND);
        let pause = |background: f32| (PAUSE * background).max(QUIET / 2.0);
        let (mut sum, mut loudest) = (0.0, 0.0_f32);
        for part in frame.chunks(part) {
            let power = energy(part) / part.len() as f32;
            sum += power;
            loudest = loudest.max(power);
            if sum > most * most * parts && loudest > pause(most) * pause(most) {
                // Speech, whatever follows: most frames are known from their beginning.
                break;
            }
        }
        self.background = (sum / parts).sqrt().clamp(f32::MIN_POSITIVE, most);
        loudest.sqrt() <= pause(self.background)
    }

    /// Takes up to `samples` out of a pause and returns how many these were.
    pub fn shorten_pause(&mut self, frame: &mut Vec<f32>, samples: usize) -> usize {
        let overlap = self.pause_overlap().min(frame.len());
        let samples = samples.min(frame.len() - overlap);
        cut(frame, samples, overlap);
        samples
    }

    /// Puts up to `samples` into a pause and returns how many these were.
    pub fn lengthen_pause(&mut self, frame: &mut Vec<f32>, samples: usize) -> usize {
        let overlap = self.pause_overlap().min(frame.len());
        let samples = samples.min(frame.len() - overlap);
        self.repeat(frame, samples, overlap);
        samples
    }

    /// Takes one period out of `frame` and returns how many samples that were;
    /// 0, and the frame as it was, where it would be heard or the frame is too
    /// short.
    pub fn shorten(&mut self, frame: &mut Vec<f32>) -> usize {
        let Some(Splice { period, overlap }) = self.find_splice(frame) else {
            return 0;
        };
        cut(frame, period, overlap);
        period
    }

    /// Plays one period of `frame` twice and returns how many samples were
    /// added; 0, and the frame as it was, where it would be heard or the frame
    /// is too short.
    pub fn lengthen(&mut self, frame: &mut Vec<f32>) -> usize {
        let Some(Splice { period, overlap }) = self.find_splice(frame) else {
            return 0;
        };
        self.repeat(frame, period, overlap);
        period
    }

    fn repeat(&mut self, frame: &mut Vec<f32>, samples: usize, overlap: usize) {
        let end = frame.len();
        let back = end - overlap - samples;
        self.spliced.clear();
        for i in 0..overlap {
            let weight = (i + 1) as f32 / (overlap + 1) as f32;
            let (now, earlier) = (frame[end - overlap + i], frame[back + i]);
            self.spliced.push(now + (earlier - now) * weight);
        }
        self.spliced.extend_from_slice(&frame[end - samples..]);
        frame.truncate(end - overlap);
        frame.extend_from_slice(&self.spliced);
    }

    fn pause_overlap(&self) -> usize {
        self.sample_rate as usize * 4 / 1000
    }

    fn find_splice(&self, frame: &[f32]) -> Option<Splice> {
        let ms = |ms: usize| self.sample_rate as usize * ms / 1000;
        let (shortest, overlap) = (ms(5) / 2, ms(4));
        if shortest == 0 || frame.len() < shortest + overlap {
            return None;
        }
        // No more than the search needs: it looks at the end of what it gets.
        let tail = &frame[frame.len().saturating_sub(ms(35))..];
        let longest = ms(15).min(tail.len() - overlap);
        let pitch = find_pitch(tail, self.sample_rate, overlap..=ms(20), shortest..=longest);
        let quiet = || energy(tail) < QUIET * QUIET * tail.len() as f32;
        (pitch.correlation >= ALIKE || quiet()).then(|| Splice {
            period: pitch.lag,
            // As long as there is room, up to 10 ms.
            overlap: ms(10).min(tail.len() - pitch.lag),
        })
    }
}

/// Takes `samples` out; the end of the frame stays in place, to meet the next frame.
fn cut(frame: &mut Vec<f32>, samples: usize, overlap: usize) {
    let start = frame.len() - samples - overlap;
    for i in 0..overlap {
        let weight = (i + 1) as f32 / (overlap + 1) as f32;
        let (before, after) = (frame[start + i], frame[start + samples + i]);
        frame[start + i] = before + (after - before) * weight;
    }
    frame.truncate(start + overlap);
}
