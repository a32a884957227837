//! Making audio a little shorter or longer without anybody hearing it.

#[cfg(test)]
mod tests;

use crate::pitch::find_pitch;

/// How alike two neighbouring periods must be to stand in for each other.
const ALIKE: f32 = 0.9;
/// Root mean square below which a splice is not heard: -50 dB of full scale.
const QUIET: f32 = 0.003_162;

/// Shortens or lengthens a frame of mono audio by one pitch period, as the
/// owner of decoded samples does to steer the playout delay.
///
/// One period (2.5 to 15 ms) is cut out or played twice, overlap-added so that
/// neither the frame nor its joints with its neighbours have a step. It is
/// done only where nobody hears it: where the periods are alike (normalised
/// correlation of at least 0.9) or the frame is quiet (below -50 dB of full
/// scale). A frame of 20 ms or more finds the pitch of any voice; in a frame of
/// 10 ms only high voices fit, so join two.
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
            spliced: Vec::new(),
        }
    }

    /// Takes one period out of `frame` and returns how many samples that were;
    /// 0, and the frame as it was, where it would be heard or the frame is too
    /// short.
    pub fn shorten(&mut self, frame: &mut Vec<f32>) -> usize {
        let Some(Splice { period, overlap }) = self.find_splice(frame) else {
            return 0;
        };
        // The end of the frame stays in place, to meet the next frame.
        let start = frame.len() - period - overlap;
        for i in 0..overlap {
            let weight = (i + 1) as f32 / (overlap + 1) as f32;
            let (before, after) = (frame[start + i], frame[start + period + i]);
            frame[start + i] = before + (after - before) * weight;
        }
        frame.truncate(start + overlap);
        period
    }

    /// Plays one period of `frame` twice and returns how many samples were
    /// added; 0, and the frame as it was, where it would be heard or the frame
    /// is too short.
    pub fn lengthen(&mut self, frame: &mut Vec<f32>) -> usize {
        let Some(Splice { period, overlap }) = self.find_splice(frame) else {
            return 0;
        };
        let end = frame.len();
        let back = end - overlap - period;
        self.spliced.clear();
        for i in 0..overlap {
            let weight = (i + 1) as f32 / (overlap + 1) as f32;
            let (now, earlier) = (frame[end - overlap + i], frame[back + i]);
            self.spliced.push(now + (earlier - now) * weight);
        }
        self.spliced.extend_from_slice(&frame[end - period..]);
        frame.truncate(end - overlap);
        frame.extend_from_slice(&self.spliced);
        period
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
        let quiet = || root_mean_square(tail) < QUIET;
        (pitch.correlation >= ALIKE || quiet()).then(|| Splice {
            period: pitch.lag,
            // As long as there is room, up to 10 ms.
            overlap: ms(10).min(tail.len() - pitch.lag),
        })
    }
}

fn root_mean_square(samples: &[f32]) -> f32 {
    let energy: f32 = samples.iter().map(|sample| sample * sample).sum();
    (energy / samples.len() as f32).sqrt()
}
