//! The quadrature mirror filters: 16 kHz to two bands of 8 kHz and back (G.722 sections 3.1 and 4.4).

use super::band::{limit, saturate};

/// Length of the filters; one sub-band sample pair advances them by two samples.
const TAPS: usize = 24;
/// Samples that the filters remember.
const HISTORY: usize = TAPS - 2;

/// The coefficients in the even places (G.722 table 11, times 2^13). The filter is symmetric: those in
/// the odd places are the same ones backwards.
const HALF: [i16; TAPS / 2] = [3, -11, 12, 32, -210, 951, 3876, -805, 362, -156, 53, -11];

/// The lower band is the sum of the even and the odd places, the upper band their difference.
const LOWER: [i16; TAPS] = taps(1, 1);
const UPPER: [i16; TAPS] = taps(-1, 1);
/// The first and the second sample of each pair that comes out.
const FIRST: [i16; TAPS] = taps(0, 1);
const SECOND: [i16; TAPS] = taps(1, 0);

/// The filter with its even and its odd places times so much.
const fn taps(even: i16, odd: i16) -> [i16; TAPS] {
    let mut taps = [0; TAPS];
    let mut i = 0;
    while i < TAPS / 2 {
        taps[2 * i] = even * HALF[i];
        taps[2 * i + 1] = odd * HALF[TAPS / 2 - 1 - i];
        i += 1;
    }
    taps
}

/// What a filter remembers, and the samples at work after it.
#[derive(Debug, Clone)]
pub(super) struct DelayLine(Vec<i16>);

impl DelayLine {
    pub(super) fn new() -> Self {
        DelayLine(vec![0; HISTORY])
    }

    pub(super) fn push(&mut self, sample: i16) {
        self.0.push(sample);
    }

    /// Pushes a pair of sub-band samples, of 15 bits each, on their way back.
    pub(super) fn push_bands(&mut self, lower: i32, upper: i32) {
        self.push((lower + upper) as i16);
        self.push((lower - upper) as i16);
    }

    /// The windows that end with each pair of samples pushed since [`forget`](Self::forget).
    pub(super) fn windows(&self) -> impl Iterator<Item = &[i16; TAPS]> {
        let starts = self.0.windows(TAPS).step_by(2);
        starts.filter_map(|window| window.first_chunk())
    }

    /// Forgets all but what the next windows begin with.
    pub(super) fn forget(&mut self) {
        let used = self.0.len() - HISTORY;
        self.0.copy_within(used.., 0);
        self.0.truncate(HISTORY);
    }

    pub(super) fn reset(&mut self) {
        self.0.clear();
        self.0.resize(HISTORY, 0);
    }
}

/// The two bands of the newest pair of samples in `window`: lower and upper, 15 bits each.
#[inline]
pub(super) fn split(window: &[i16; TAPS]) -> (i32, i32) {
    let [lower, upper] = [&LOWER, &UPPER].map(|taps| limit(dot(window, taps) >> 14));
    (lower, upper)
}

/// The pair of samples that a window of sums and differences makes.
#[inline]
pub(super) fn join(window: &[i16; TAPS]) -> [i16; 2] {
    [&FIRST, &SECOND].map(|taps| saturate(dot(window, taps) >> 11) as i16)
}

#[inline]
fn dot(window: &[i16; TAPS], taps: &[i16; TAPS]) -> i32 {
    let products = window.iter().zip(taps);
    products
        .map(|(&x, &tap)| i32::from(x) * i32::from(tap))
        .sum()
}
