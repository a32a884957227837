//! Where in what was said is what is heard: the delay of every piece of speech.

use crate::RATE;
use crate::policies::Heard;
use crate::traces::{BASE_MS, Trace};

/// Pieces that are looked for, and how far they are apart, samples: 40 and 20 ms.
const WINDOW: usize = 320;
const HOP: usize = 160;
/// Mean square below which there is nothing to find: -50 dB of full scale.
const QUIET: f32 = 1e-5;
/// How alike two pieces must be to be the same: what was neither invented nor stretched is the same to the bit.
const ALIKE: f32 = 0.999;
/// Most delay that is looked for, samples: 700 ms.
const LONGEST: usize = 5_600;

/// A piece of speech that was found.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Piece {
    /// Where it is in what was heard, samples.
    pub(crate) heard_at: usize,
    /// Where it is in what was said, samples.
    pub(crate) said_at: usize,
    /// Playout minus sending minus the network's base delay, ms.
    pub(crate) added_ms: f64,
}

/// Finds each piece of `heard` in `said`, both as decoded.
pub(crate) fn pieces(heard: &Heard, said: &[f32], trace: &Trace) -> Vec<Piece> {
    let mut found = Vec::new();
    let mut last = None;
    let start = (heard.start_ms * f64::from(RATE) / 1e3) as usize;
    let energies = energies(said);
    for heard_at in (0..heard.samples.len() - WINDOW).step_by(HOP) {
        let piece = &heard.samples[heard_at..heard_at + WINDOW];
        let energy = dot(piece, piece);
        if energy < QUIET * WINDOW as f32 {
            continue;
        }
        let likeness = |said_at: usize| {
            let earlier = &said[said_at..said_at + WINDOW];
            let scale = (energies[said_at] * f64::from(energy)).sqrt() as f32;
            if scale > 0.0 {
                dot(piece, earlier) / scale
            } else {
                0.0
            }
        };
        // In the same clock as what was said: `latest` has no delay at all.
        let latest = (heard_at + start).min(said.len() - WINDOW);
        let earliest = (heard_at + start).saturating_sub(LONGEST).min(latest);
        let same = last
            .map(|lag: usize| (heard_at + start).saturating_sub(lag))
            .filter(|at| (earliest..=latest).contains(at) && likeness(*at) > 0.9999);
        let best = same.or_else(|| {
            (earliest..=latest)
                .map(|at| (at, likeness(at)))
                .max_by(|a, b| a.1.total_cmp(&b.1))
                .filter(|&(_, likeness)| likeness > ALIKE)
                .map(|(at, _)| at)
        });
        let Some(said_at) = best else { continue };
        last = Some(heard_at + start - said_at);
        let ms = |samples: usize| samples as f64 * 1e3 / f64::from(RATE);
        let played = heard.start_ms + ms(heard_at);
        found.push(Piece {
            heard_at,
            said_at,
            added_ms: played - trace.media_sent_ms(ms(said_at)) - BASE_MS,
        });
    }
    found
}

/// Energy of the window that begins at each sample.
fn energies(said: &[f32]) -> Vec<f64> {
    let square = |sample: f32| f64::from(sample) * f64::from(sample);
    let mut energy: f64 = said[..WINDOW].iter().map(|&sample| square(sample)).sum();
    let mut energies = vec![energy];
    for (&out, &into) in said.iter().zip(&said[WINDOW..]) {
        energy += square(into) - square(out);
        energies.push(energy.max(0.0));
    }
    energies
}

fn dot(a: &[f32], b: &[f32]) -> f32 {
    let mut sums = [0.0_f32; 16];
    for (x, y) in a.chunks_exact(16).zip(b.chunks_exact(16)) {
        for (sum, (x, y)) in sums.iter_mut().zip(x.iter().zip(y)) {
            *sum += x * y;
        }
    }
    sums.iter().sum()
}
