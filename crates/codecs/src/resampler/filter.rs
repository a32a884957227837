//! The resampler's filter: a windowed sinc, cut into phases.

use std::f64::consts::PI;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use wide::f32x4;

use super::ResamplerQuality;

/// What makes a filter steep, deep and long.
#[derive(Debug, PartialEq)]
struct Design {
    /// Half the length, in samples of the lower rate. Fixes latency, cost and steepness.
    half_length: u32,
    /// Where the filter is 6 dB down, over the lower rate.
    cutoff: f64,
    /// Kaiser's beta.
    beta: f64,
    /// Rows for each sample of the lower rate of a table that is interpolated. Linear interpolation
    /// errs by (pi / rows)^2 / 8 at most.
    interpolated_rows: f64,
}

/// 90 dB in the stop band, interpolation at -106 dB. The cut lies a little below half of the lower rate,
/// so that most of the transition is in the band that would fold back.
const FAST: Design = Design {
    half_length: 20,
    cutoff: 0.4875,
    beta: 8.96,
    interpolated_rows: 512.0,
};

/// 110 dB in the stop band, interpolation at -124 dB. The cut is at half of the lower rate: 0.45 comes
/// through whole, its mirror 0.55 not at all.
const BEST: Design = Design {
    half_length: 36,
    cutoff: 0.5,
    beta: 11.2,
    interpolated_rows: 1536.0,
};

fn design(quality: ResamplerQuality) -> &'static Design {
    match quality {
        ResamplerQuality::Fast => &FAST,
        ResamplerQuality::Best => &BEST,
    }
}

/// Filters are padded to a multiple of this, for the vector loop.
const TAPS_MULTIPLE: usize = 4;
/// Most coefficients that a table with one row for each phase may have; pairs
/// of rates with less in common interpolate between rows.
const MOST_EXACT_COEFFICIENTS: usize = 32_768;
/// The coefficients for one pair of rates.
#[derive(Debug)]
pub(super) struct Filter {
    quality: ResamplerQuality,
    /// The ratio in lowest terms: `up` outputs for `down` inputs.
    up: u32,
    down: u32,
    taps: usize,
    rows: u32,
    /// Rows follow each other; one more than `rows` where they are
    /// interpolated.
    coefficients: Vec<f32>,
}

/// Where in the input the next output lies.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Place {
    /// Whole samples after the next input.
    pub(super) ahead: usize,
    /// And this many parts of a sample, of `up` parts.
    phase: u32,
}

/// The filter for a pair of rates, shared with all others in use for that pair.
pub(super) fn shared(from_hz: u32, to_hz: u32, quality: ResamplerQuality) -> Arc<Filter> {
    /// Coefficients depend on the rates and the quality alone, so all resamplers may share
    /// them; they go with the last one.
    static IN_USE: Mutex<Vec<Weak<Filter>>> = Mutex::new(Vec::new());

    let common = greatest_common_divisor(from_hz, to_hz);
    let (up, down) = (to_hz / common, from_hz / common);
    let find = |in_use: &[Weak<Filter>]| {
        let filters = in_use.iter().filter_map(Weak::upgrade);
        filters
            .into_iter()
            .find(|filter| (filter.up, filter.down, filter.quality) == (up, down, quality))
    };
    let lock = || IN_USE.lock().unwrap_or_else(PoisonError::into_inner);

    if let Some(filter) = find(&lock()) {
        return filter;
    }
    // Made outside of the lock: a table for rates with little in common takes
    // some milliseconds. Who comes second throws theirs away.
    let made = Arc::new(Filter::new(up, down, quality));
    let mut in_use = lock();
    if let Some(filter) = find(&in_use) {
        return filter;
    }
    in_use.retain(|filter| filter.strong_count() > 0);
    in_use.push(Arc::downgrade(&made));
    made
}

impl Filter {
    fn new(up: u32, down: u32, quality: ResamplerQuality) -> Self {
        let design = design(quality);
        // Inputs for each sample of the lower rate.
        let stretch = (f64::from(down) / f64::from(up)).max(1.0);
        let half = (f64::from(design.half_length) * stretch).ceil() as usize;
        let taps = (2 * half).next_multiple_of(TAPS_MULTIPLE);
        let exact = up as usize * taps <= MOST_EXACT_COEFFICIENTS;
        let rows = if exact {
            up
        } else {
            (design.interpolated_rows / stretch).ceil() as u32
        };
        let kernel = Kernel {
            cutoff: design.cutoff / stretch,
            half: half as f64,
            beta: design.beta,
        };
        let row_count = rows + u32::from(!exact);
        let mut coefficients = Vec::with_capacity(row_count as usize * taps);
        for row in 0..row_count {
            kernel.extend_row(f64::from(row) / f64::from(rows), taps, &mut coefficients);
        }
        Filter {
            quality,
            up,
            down,
            taps,
            rows,
            coefficients,
        }
    }

    /// Length of the filter in input samples.
    pub(super) fn taps(&self) -> usize {
        self.taps
    }

    /// By how many input samples the output lags.
    pub(super) fn delay(&self) -> usize {
        self.taps / 2
    }

    /// How many outputs lie within the next `available` inputs.
    pub(super) fn outputs_in(&self, place: Place, available: usize) -> usize {
        let Some(inputs) = available.checked_sub(place.ahead) else {
            return 0;
        };
        let parts = (inputs as u64 * u64::from(self.up)).saturating_sub(place.phase.into());
        parts.div_ceil(self.down.into()) as usize
    }

    /// Fills `out` with the next outputs and returns the place after them.
    ///
    /// `window` is `taps - 1` past inputs and then the new ones, among which
    /// all of `out` must lie (see [`outputs_in`](Filter::outputs_in)).
    pub(super) fn run(&self, window: &[f32], place: Place, out: &mut [f32]) -> Place {
        if self.rows == self.up {
            run_exact(self, window, place, out)
        } else {
            run_interpolated(self, window, place, out)
        }
    }

    #[inline(always)]
    fn row(&self, row: u32) -> &[f32] {
        let start = row as usize * self.taps;
        &self.coefficients[start..start + self.taps]
    }

    #[inline(always)]
    fn after(&self, place: Place) -> Place {
        let parts = place.phase + self.down;
        Place {
            ahead: place.ahead + (parts / self.up) as usize,
            phase: parts % self.up,
        }
    }
}

fn run_exact(filter: &Filter, window: &[f32], mut place: Place, out: &mut [f32]) -> Place {
    for sample in out {
        let inputs = &window[place.ahead..place.ahead + filter.taps];
        *sample = dot(inputs, filter.row(place.phase));
        place = filter.after(place);
    }
    place
}

fn run_interpolated(filter: &Filter, window: &[f32], mut place: Place, out: &mut [f32]) -> Place {
    for sample in out {
        let inputs = &window[place.ahead..place.ahead + filter.taps];
        let scaled = u64::from(place.phase) * u64::from(filter.rows);
        let row = (scaled / u64::from(filter.up)) as u32;
        let fraction = (scaled % u64::from(filter.up)) as f32 / filter.up as f32;
        let before = dot(inputs, filter.row(row));
        let after = dot(inputs, filter.row(row + 1));
        *sample = before + (after - before) * fraction;
        place = filter.after(place);
    }
    place
}

/// Explicit vectors, as the compiler makes a mess of this loop. The order of the
/// additions is fixed, so the result is the same to the bit everywhere.
#[inline(always)]
fn dot(a: &[f32], b: &[f32]) -> f32 {
    let (a, b) = (a.as_chunks::<4>().0, b.as_chunks::<4>().0);
    let (a_fours, b_fours) = (a.as_chunks::<4>(), b.as_chunks::<4>());
    let mut sums = [f32x4::ZERO; 4];
    for (a, b) in a_fours.0.iter().zip(b_fours.0) {
        for i in 0..4 {
            sums[i] += f32x4::from(a[i]) * f32x4::from(b[i]);
        }
    }
    for (&a, &b) in a_fours.1.iter().zip(b_fours.1) {
        sums[0] += f32x4::from(a) * f32x4::from(b);
    }
    let [a, b, c, d] = ((sums[0] + sums[1]) + (sums[2] + sums[3])).to_array();
    (a + c) + (b + d)
}

/// The continuous impulse response, in input samples.
struct Kernel {
    /// Cycles for each input sample where the response is 6 dB down.
    cutoff: f64,
    /// The response is 0 beyond this.
    half: f64,
    /// Of the Kaiser window.
    beta: f64,
}

impl Kernel {
    /// Appends the coefficients for an output that lies `fraction` of a sample
    /// after the input in the middle of the window, oldest input first.
    fn extend_row(&self, fraction: f64, taps: usize, coefficients: &mut Vec<f32>) {
        let middle = (taps / 2 - 1) as f64 + fraction;
        let row: Vec<f64> = (0..taps).map(|tap| self.at(middle - tap as f64)).collect();
        // A constant must come out as it was, whatever the phase.
        let gain: f64 = row.iter().sum();
        coefficients.extend(row.iter().map(|value| (value / gain) as f32));
    }

    fn at(&self, time: f64) -> f64 {
        let edge = time / self.half;
        if edge.abs() >= 1.0 {
            return 0.0;
        }
        let angle = 2.0 * PI * self.cutoff * time;
        let sinc = if angle == 0.0 {
            1.0
        } else {
            angle.sin() / angle
        };
        sinc * bessel_i0(self.beta * (1.0 - edge * edge).sqrt())
    }
}

/// The modified Bessel function of order 0, by its power series.
fn bessel_i0(x: f64) -> f64 {
    let quarter = x * x / 4.0;
    let (mut sum, mut term, mut k) = (1.0, 1.0, 1.0);
    while term > sum * 1e-12 {
        term *= quarter / (k * k);
        sum += term;
        k += 1.0;
    }
    sum
}

fn greatest_common_divisor(mut a: u32, mut b: u32) -> u32 {
    while b != 0 {
        (a, b) = (b, a % b);
    }
    a
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn resamplers_of_one_ratio_share_their_coefficients() {
        let first = shared(23_000, 8000, ResamplerQuality::Fast);
        let second = shared(46_000, 16_000, ResamplerQuality::Fast);
        assert!(Arc::ptr_eq(&first, &second));
        let better = shared(46_000, 16_000, ResamplerQuality::Best);
        assert!(!Arc::ptr_eq(&first, &better));
        let watch = Arc::downgrade(&first);
        drop((first, second));
        assert!(watch.upgrade().is_none(), "the cache keeps nothing alive");
    }

    #[test]
    fn no_pair_of_rates_makes_a_large_table() {
        for (from, to) in [
            (191_999, 192_000),
            (8001, 192_000),
            (192_000, 8001),
            (44_100, 16_000),
            (22_050, 8000),
            (8000, 192_000),
            (192_000, 8000),
        ] {
            for (quality, most) in [
                (ResamplerQuality::Fast, 200_000),
                (ResamplerQuality::Best, 500_000),
            ] {
                let filter = shared(from, to, quality);
                let bytes = filter.coefficients.len() * size_of::<f32>();
                assert!(bytes <= most, "{from} to {to}: {bytes} bytes");
            }
        }
    }
}
