//! Was what was heard what was said?

use super::Clip;
use super::correlator::Correlator;
use super::measure::energy;
use std::time::Duration;

/// Both clips are compared at the telephone's rate, so that a wideband original is not held
/// against a narrowband call.
const RATE: u32 = 8000;
/// Length of a segment of the original that is looked for in what was heard: short enough that the
/// few samples by which a jitter buffer stretches time fall between segments more often than into one,
/// long enough that one vowel does not fit another.
const SEGMENT: usize = 1920;
/// Segments overlap by half.
const HOP: usize = SEGMENT / 2;
/// How far, in samples, the delay of a segment may lie from that of the whole.
const SEARCH: usize = 4800;
/// Segments this much quieter than the loudest (in energy) are pauses and say nothing: 40 dB.
const PAUSE: f64 = 1e-4;
/// Tilts the spectrum up: without it every two low-pitched vowels resemble each other.
const PRE_EMPHASIS: f32 = 0.9;
/// Candidates for the place of each segment.
const CANDIDATES: usize = 12;
/// Price, in correlation, of a change of delay by one sample between neighbouring segments.
const SLIP_PRICE: f64 = 0.25 / 800.0;
/// A segment with at least this correlation was heard.
const HEARD: f64 = 0.6;

/// How alike an original and a recording of it are. Made by [`similarity`].
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Similarity {
    /// Normalised cross-correlation, averaged over the segments with sound and weighted by their
    /// loudness: 1 is the same waveform, unrelated speech lies below 0.2. A clean call has
    /// more than 0.95, through Opus too.
    pub correlation: f64,
    /// Share (by loudness) of the segments that were recognised, 0 to 1: one minus what was lost.
    pub heard_share: f64,
    /// How much later than in the original the sound stands in the recording, in ms: the median
    /// over the segments. Negative when the recording starts in the middle of the original.
    pub delay_ms: f64,
    /// The least and the greatest delay of a recognised segment, in ms: they differ when a jitter
    /// buffer stretched or shortened time.
    pub delay_range_ms: (f64, f64),
    /// Loudness of the recording over that of the original where they coincide: 1 is unchanged.
    pub gain: f64,
    /// Every segment with sound, in order of the original.
    pub segments: Vec<SegmentMatch>,
}

/// Where one segment of the original was found in the recording.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub struct SegmentMatch {
    /// Start of the segment in the original.
    pub at: Duration,
    /// How much later it stands in the recording, in ms.
    pub delay_ms: f64,
    /// Normalised cross-correlation at that place, -1 to 1.
    pub correlation: f64,
    /// Weight of the segment in the averages: its RMS.
    pub weight: f64,
}

/// Compares a recording with the original, at whatever rates the two are.
///
/// The original is cut into segments of 240 ms. Each is looked for in the recording near the delay of
/// the whole; the path through the candidates is chosen so that the delay changes little from segment
/// to segment. So a recording in which a jitter buffer lengthened a pause, or in which single packets were
/// concealed, is still alike; one with other words, or the same in another order, is not.
///
/// Pauses of the original carry no weight. Nothing to compare (silence on either side) gives
/// correlation 0.
///
/// ```
/// use sip_testkit::audio::{Clip, similarity};
/// use std::time::Duration;
///
/// let said = Clip::speech_like(16_000, 1, Duration::from_secs(3));
/// let heard = Clip::silence(8000, Duration::from_millis(130)).then(&said);
/// let result = similarity(&said, &heard);
/// assert!(result.correlation > 0.95);
/// assert!((result.delay_ms - 130.0).abs() < 1.0);
/// ```
#[must_use]
pub fn similarity(reference: &Clip, heard: &Clip) -> Similarity {
    let (reference, heard) = (reference.at_rate(RATE).samples, heard.at_rate(RATE).samples);
    let (said, got) = (emphasised(&reference), emphasised(&heard));
    let segments = sounding_segments(&said);
    let Some(delay) = overall_delay(&said, &got, &segments) else {
        return Similarity::nothing();
    };
    let matches = align(&said, &got, &segments, delay);
    Similarity::from_matches(&reference, &heard, matches)
}

impl Similarity {
    fn nothing() -> Self {
        Self {
            correlation: 0.0,
            heard_share: 0.0,
            delay_ms: 0.0,
            delay_range_ms: (0.0, 0.0),
            gain: 0.0,
            segments: Vec::new(),
        }
    }

    fn from_matches(reference: &[f32], heard: &[f32], matches: Vec<Aligned>) -> Self {
        let total: f64 = matches.iter().map(|m| m.weight).sum();
        if total <= 0.0 {
            return Self::nothing();
        }
        let weighed = |value: fn(&Aligned) -> f64| {
            matches.iter().map(|m| m.weight * value(m)).sum::<f64>() / total
        };
        let recognised: Vec<&Aligned> = matches.iter().filter(|m| m.correlation >= HEARD).collect();
        let delays = if recognised.is_empty() {
            matches.iter().collect()
        } else {
            recognised.clone()
        };
        let mut delays: Vec<i64> = delays.into_iter().map(|m| m.delay).collect();
        delays.sort_unstable();
        let (mut energy_said, mut energy_heard) = (0.0, 0.0);
        for m in &recognised {
            energy_said += energy(&reference[m.start..m.start + SEGMENT]);
            energy_heard += energy(window_at(heard, m.start as i64 + m.delay));
        }
        Self {
            correlation: weighed(|m| m.correlation.max(0.0)).clamp(0.0, 1.0),
            heard_share: weighed(|m| if m.correlation >= HEARD { 1.0 } else { 0.0 }),
            delay_ms: milliseconds(delays[delays.len() / 2]),
            delay_range_ms: (
                milliseconds(delays[0]),
                milliseconds(delays[delays.len() - 1]),
            ),
            gain: if energy_said > 0.0 {
                (energy_heard / energy_said).sqrt()
            } else {
                0.0
            },
            segments: matches.iter().map(SegmentMatch::from).collect(),
        }
    }
}

struct Segment {
    start: usize,
    energy: f64,
}

#[derive(Clone)]
struct Aligned {
    start: usize,
    delay: i64,
    correlation: f64,
    weight: f64,
}

impl From<&Aligned> for SegmentMatch {
    fn from(m: &Aligned) -> Self {
        Self {
            at: Duration::from_secs_f64(m.start as f64 / f64::from(RATE)),
            delay_ms: milliseconds(m.delay),
            correlation: m.correlation,
            weight: m.weight,
        }
    }
}

fn milliseconds(samples: i64) -> f64 {
    samples as f64 * 1000.0 / f64::from(RATE)
}

fn emphasised(samples: &[f32]) -> Vec<f32> {
    let mut last = 0.0;
    samples
        .iter()
        .map(|&sample| {
            let out = sample - PRE_EMPHASIS * last;
            last = sample;
            out
        })
        .collect()
}

/// The segments that are no pause. A clip shorter than a segment is padded by the caller's silence
/// and so has none; clips are expected to be a second or more.
fn sounding_segments(said: &[f32]) -> Vec<Segment> {
    let starts = (0..(said.len() + 1).saturating_sub(SEGMENT)).step_by(HOP);
    let all: Vec<Segment> = starts
        .map(|start| Segment {
            start,
            energy: energy(&said[start..start + SEGMENT]),
        })
        .collect();
    let loudest = all
        .iter()
        .fold(0.0_f64, |most, segment| most.max(segment.energy));
    all.into_iter()
        .filter(|segment| segment.energy > loudest * PAUSE && segment.energy > 1e-9)
        .collect()
}

/// The delay on which most of the loudest segments agree, each looked for in the whole recording.
fn overall_delay(said: &[f32], got: &[f32], segments: &[Segment]) -> Option<i64> {
    if segments.is_empty() || got.len() < SEGMENT || energy(got) < 1e-9 {
        return None;
    }
    let mut voters: Vec<&Segment> = segments.iter().collect();
    voters.sort_by(|a, b| b.energy.total_cmp(&a.energy));
    voters.truncate(16);
    let correlator = Correlator::new(got.len() + SEGMENT);
    let haystack = correlator.prepare(got);
    let mut votes: Vec<(i64, f64)> = Vec::new();
    for voter in voters {
        let ncc = correlator.normalised(
            &said[voter.start..voter.start + SEGMENT],
            voter.energy,
            got,
            &haystack,
        );
        let best = peaks(&ncc, 3);
        votes.extend(
            best.into_iter()
                .map(|(lag, value)| (lag as i64 - voter.start as i64, value.powi(2))),
        );
    }
    // The delay with the most support within what a jitter buffer may shift.
    let near = |a: i64, b: i64| (a - b).unsigned_abs() < (SEARCH / 4) as u64;
    let support = |delay: i64| {
        votes
            .iter()
            .filter(|(d, _)| near(*d, delay))
            .map(|(_, value)| value)
            .sum::<f64>()
    };
    let (centre, _) = votes
        .iter()
        .copied()
        .max_by(|a, b| support(a.0).total_cmp(&support(b.0)))?;
    let mut agreeing: Vec<i64> = votes
        .iter()
        .map(|vote| vote.0)
        .filter(|d| near(*d, centre))
        .collect();
    agreeing.sort_unstable();
    agreeing.get(agreeing.len() / 2).copied()
}

/// Places every segment near `delay`: dynamic programming over each segment's best candidates, a
/// change of delay costs.
fn align(said: &[f32], got: &[f32], segments: &[Segment], delay: i64) -> Vec<Aligned> {
    let correlator = Correlator::new(2 * SEARCH + 2 * SEGMENT);
    let mut columns: Vec<Vec<(Aligned, f64, usize)>> = Vec::with_capacity(segments.len());
    for segment in segments {
        let from = segment.start as i64 + delay - SEARCH as i64;
        let window: Vec<f32> = (0..(2 * SEARCH + SEGMENT) as i64)
            .map(|n| {
                usize::try_from(from + n)
                    .ok()
                    .and_then(|at| got.get(at))
                    .copied()
                    .unwrap_or(0.0)
            })
            .collect();
        let haystack = correlator.prepare(&window);
        let needle = &said[segment.start..segment.start + SEGMENT];
        let ncc = correlator.normalised(needle, segment.energy, &window, &haystack);
        let weight = (segment.energy / SEGMENT as f64).sqrt();
        let column = peaks(&ncc, CANDIDATES)
            .into_iter()
            .map(|(lag, correlation)| {
                let here = Aligned {
                    start: segment.start,
                    delay: delay - SEARCH as i64 + lag as i64,
                    correlation,
                    weight,
                };
                let (score, back) = best_predecessor(columns.last(), here.delay);
                (here, score + correlation, back)
            });
        let column: Vec<_> = column.collect();
        columns.push(column);
    }
    trace_back(&columns)
}

fn best_predecessor(column: Option<&Vec<(Aligned, f64, usize)>>, delay: i64) -> (f64, usize) {
    let Some(column) = column else {
        return (0.0, 0);
    };
    column
        .iter()
        .enumerate()
        .map(|(index, (before, score, _))| {
            (
                score - SLIP_PRICE * (before.delay - delay).unsigned_abs() as f64,
                index,
            )
        })
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .unwrap_or((0.0, 0))
}

fn trace_back(columns: &[Vec<(Aligned, f64, usize)>]) -> Vec<Aligned> {
    let Some(last) = columns.last() else {
        return Vec::new();
    };
    let mut index = (0..last.len())
        .max_by(|a, b| last[*a].1.total_cmp(&last[*b].1))
        .unwrap_or(0);
    let mut path = Vec::with_capacity(columns.len());
    for column in columns.iter().rev() {
        let (aligned, _, back) = &column[index];
        path.push(aligned.clone());
        index = *back;
    }
    path.reverse();
    path
}

/// The highest local maxima as (lag, value); at least one.
fn peaks(ncc: &[f64], count: usize) -> Vec<(usize, f64)> {
    let rises = |lag: usize| lag == 0 || ncc[lag] >= ncc[lag - 1];
    let falls = |lag: usize| lag + 1 == ncc.len() || ncc[lag] > ncc[lag + 1];
    let mut found: Vec<(usize, f64)> = (0..ncc.len())
        .filter(|&lag| rises(lag) && falls(lag))
        .map(|lag| (lag, ncc[lag]))
        .collect();
    found.sort_by(|a, b| b.1.total_cmp(&a.1));
    found.truncate(count);
    if found.is_empty() {
        vec![(0, 0.0)]
    } else {
        found
    }
}

fn window_at(samples: &[f32], start: i64) -> &[f32] {
    let from = usize::try_from(start).unwrap_or(0).min(samples.len());
    let to = usize::try_from(start + SEGMENT as i64)
        .unwrap_or(0)
        .min(samples.len());
    &samples[from..to.max(from)]
}

/// Samples of a segment at the rate of comparison, for tests that cut along them.
#[cfg(test)]
fn at(milliseconds: u64) -> usize {
    super::clip::samples_in(RATE, Duration::from_millis(milliseconds))
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::seq::SliceRandom;
    use rand::{RngExt, SeedableRng, rngs::StdRng};

    fn speech() -> Clip {
        Clip::speech_like(8000, 7, Duration::from_secs(8))
    }

    /// Repeats the last pitch-sized stretch, fading, where a packet is lost: plain concealment.
    fn with_loss(clip: &Clip, share: f64, seed: u64) -> Clip {
        let mut rng = StdRng::seed_from_u64(seed);
        let mut samples = clip.samples.clone();
        for start in (160..samples.len() - 160).step_by(160) {
            if rng.random_bool(share) {
                for n in start..start + 160 {
                    samples[n] = samples[n - 80] * 0.9;
                }
            }
        }
        Clip::from_samples(8000, samples)
    }

    #[test]
    fn the_same_sound_later_and_quieter_is_alike() {
        let heard = Clip::silence(8000, Duration::from_millis(1234))
            .then(&speech())
            .scaled(0.25);
        let found = similarity(&speech(), &heard);
        assert!(found.correlation > 0.999, "{found:?}");
        assert!((found.delay_ms - 1234.0).abs() < 0.2);
        assert!((found.gain - 0.25).abs() < 0.01);
        assert!(found.heard_share > 0.999);
    }

    #[test]
    fn a_recording_that_starts_late_has_a_negative_delay() {
        let heard = speech().slice(Duration::from_millis(700), Duration::from_secs(20));
        let found = similarity(&speech(), &heard);
        assert!((found.delay_ms + 700.0).abs() < 0.2, "{}", found.delay_ms);
        assert!(
            found.heard_share > 0.8 && found.heard_share < 1.0,
            "{}",
            found.heard_share
        );
    }

    #[test]
    fn five_percent_of_concealed_packets_are_still_alike() {
        for seed in 0..5 {
            let found = similarity(&speech(), &with_loss(&speech(), 0.05, seed));
            assert!(
                found.correlation > 0.9,
                "seed {seed}: {}",
                found.correlation
            );
            assert!(
                found.heard_share > 0.95,
                "seed {seed}: {}",
                found.heard_share
            );
        }
    }

    #[test]
    fn half_of_the_packets_lost_is_worse_than_a_twentieth() {
        let light = similarity(&speech(), &with_loss(&speech(), 0.05, 1));
        let heavy = similarity(&speech(), &with_loss(&speech(), 0.5, 1));
        assert!(
            heavy.correlation < light.correlation - 0.15,
            "{} {}",
            heavy.correlation,
            light.correlation
        );
    }

    #[test]
    fn pauses_and_vowels_stretched_by_a_jitter_buffer_are_still_alike() {
        let said = speech();
        // A pause of silence grows by 120 ms at 2 s, 40 ms vanish at 4 s, 10 ms are repeated at 6 s.
        let mut samples = said.samples[..at(2000)].to_vec();
        samples.extend(vec![0.0; at(120)]);
        samples.extend(&said.samples[at(2000)..at(4000)]);
        samples.extend(&said.samples[at(4040)..at(6000)]);
        samples.extend(&said.samples[at(5990)..]);
        let found = similarity(&said, &Clip::from_samples(8000, samples));
        assert!(found.correlation > 0.9, "{}", found.correlation);
        let (least, most) = found.delay_range_ms;
        assert!(
            least.abs() < 1.0 && (most - 120.0).abs() < 1.0,
            "{:?}",
            found.delay_range_ms
        );
    }

    #[test]
    fn other_words_noise_tones_and_silence_are_not_alike() {
        let long = Duration::from_secs(8);
        let others = [
            ("speech 8", Clip::speech_like(8000, 8, long)),
            ("speech 9", Clip::speech_like(8000, 9, long)),
            ("noise", Clip::noise(8000, 1, long, 0.5)),
            ("tone", Clip::tone(8000, 200.0, long, 0.5)),
            ("silence", Clip::silence(8000, long)),
            ("nothing", Clip::new(8000)),
        ];
        for (name, other) in others {
            let found = similarity(&speech(), &other);
            assert!(found.correlation < 0.3, "{name}: {}", found.correlation);
            assert!(found.heard_share < 0.1, "{name}: {}", found.heard_share);
        }
    }

    #[test]
    fn the_same_words_in_another_order_are_not_alike() {
        let said = speech();
        let mut parts: Vec<&[f32]> = said.samples.chunks(at(300)).collect();
        for seed in 0..4 {
            parts.shuffle(&mut StdRng::seed_from_u64(seed));
            let found = similarity(&said, &Clip::from_samples(8000, parts.concat()));
            assert!(
                found.correlation < 0.4,
                "seed {seed}: {}",
                found.correlation
            );
        }
        let reversed: Vec<f32> = said.samples.iter().rev().copied().collect();
        assert!(similarity(&said, &Clip::from_samples(8000, reversed)).correlation < 0.3);
    }

    #[test]
    fn rates_may_differ() {
        let said = Clip::speech_like(22_050, 3, Duration::from_secs(4));
        let found = similarity(&said, &said.at_rate(8000));
        assert!(found.correlation > 0.99, "{}", found.correlation);
        assert!(found.delay_ms.abs() < 0.2);
    }

    #[test]
    fn the_original_may_be_silence_or_very_short() {
        assert_eq!(similarity(&Clip::new(8000), &speech()).correlation, 0.0);
        assert_eq!(
            similarity(&Clip::silence(8000, Duration::from_secs(2)), &speech()).correlation,
            0.0
        );
        assert_eq!(
            similarity(
                &Clip::tone(8000, 440.0, Duration::from_millis(50), 0.5),
                &speech()
            )
            .correlation,
            0.0
        );
    }
}
