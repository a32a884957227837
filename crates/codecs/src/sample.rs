//! Samples between `f32` and 16-bit integers, and channels mixed to mono.
//!
//! Out: clamped to [-1, 1], times 32767, rounded. In: divided by 32768. NaN
//! becomes 0. So every integer up to 16384 in magnitude survives the way to
//! `f32` and back, louder ones come back within 1; a G.711 codeword always
//! survives.

/// 2^23: adding it to a positive number below it leaves the number, rounded half
/// to even, in the mantissa. Unlike `round() as i32` this needs no library call
/// and no saturation, so the compiler makes vectors of it on any target.
const ROUND: f32 = 8_388_608.0;

/// One sample to a 16-bit integer in -32767..=32767, rounded as [`f32::round`]
/// does, halves away from zero; NaN becomes 0.
#[inline(always)]
pub fn f32_to_i16(sample: f32) -> i16 {
    f32_to_linear(sample) as i16
}

/// As [`f32_to_i16`], in 32 bits for the codecs' arithmetic.
#[inline(always)]
pub(crate) fn f32_to_linear(sample: f32) -> i32 {
    let magnitude = if sample.is_nan() { 0.0 } else { sample.abs() };
    let magnitude = if magnitude < 1.0 { magnitude } else { 1.0 } * 32767.0;
    let rounded = magnitude + ROUND;
    // A half that was rounded down to an even number goes up instead.
    let half = i32::from(magnitude - (rounded - ROUND) == 0.5);
    let linear = rounded.to_bits() as i32 - ROUND.to_bits() as i32 + half;
    let sign = sample.to_bits() as i32 >> 31;
    (linear ^ sign) - sign
}

/// One 16-bit integer to a sample in [-1, 1).
#[inline(always)]
pub fn i16_to_f32(linear: i16) -> f32 {
    f32::from(linear) * (1.0 / 32768.0)
}

/// Clamps to [-1, 1]; NaN becomes 0.
#[inline(always)]
pub fn clamp(sample: f32) -> f32 {
    let sample = if sample.is_nan() { 0.0 } else { sample };
    // Plain comparisons: `f32::clamp` would carry its own NaN rule along.
    let sample = if sample > 1.0 { 1.0 } else { sample };
    if sample < -1.0 { -1.0 } else { sample }
}

/// Appends `samples` to `out` as 16-bit integers.
pub fn extend_i16(out: &mut Vec<i16>, samples: &[f32]) {
    out.extend(samples.iter().map(|&sample| f32_to_i16(sample)));
}

/// Appends 16-bit integers to `out` as `f32`.
pub fn extend_f32(out: &mut Vec<f32>, linear: &[i16]) {
    out.extend(linear.iter().map(|&linear| i16_to_f32(linear)));
}

/// Appends the mean of the channels of interleaved audio to `out`: one sample
/// for each `channels` samples. An incomplete last group is left out, and
/// `channels` of 0 counts as 1.
pub fn downmix(interleaved: &[f32], channels: u16, out: &mut Vec<f32>) {
    match channels {
        0 | 1 => out.extend_from_slice(interleaved),
        2 => out.extend(
            interleaved
                .chunks_exact(2)
                .map(|pair| (pair[0] + pair[1]) * 0.5),
        ),
        channels => {
            let scale = 1.0 / f32::from(channels);
            let groups = interleaved.chunks_exact(usize::from(channels));
            out.extend(groups.map(|group| group.iter().sum::<f32>() * scale));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_integer_survives_the_way_to_float_and_back() {
        for linear in i16::MIN..=i16::MAX {
            let back = f32_to_i16(i16_to_f32(linear));
            let error = (i32::from(back) - i32::from(linear)).abs();
            let allowed = i32::from(linear.unsigned_abs() > 16_384);
            assert!(error <= allowed, "{linear} came back as {back}");
        }
    }

    #[test]
    fn out_of_range_is_clamped_and_nan_is_silence() {
        for (sample, linear) in [
            (1.0, 32767),
            (-1.0, -32767),
            (7.5, 32767),
            (f32::INFINITY, 32767),
            (f32::NEG_INFINITY, -32767),
            (f32::NAN, 0),
            (-f32::NAN, 0),
            (-0.0, 0),
            (f32::MIN_POSITIVE / 2.0, 0),
            (0.5 / 32767.0 + 1e-6, 1),
        ] {
            assert_eq!(f32_to_i16(sample), linear, "{sample}");
        }
    }

    #[test]
    fn rounding_is_that_of_the_standard_library() {
        let plain = |x: f32| (x.clamp(-1.0, 1.0) * 32767.0).round() as i16;
        // Steps that hit many products with a half.
        for i in -70_000..=70_000 {
            let x = i as f32 / 65_536.0;
            assert_eq!(f32_to_i16(x), plain(x), "{x}");
            let x = (i as f32 + 0.5) / 32767.0;
            assert_eq!(f32_to_i16(x), plain(x), "{x}");
        }
    }

    #[test]
    fn slices_agree_with_single_samples() {
        let samples: Vec<f32> = (-700..700).map(|i| i as f32 * 0.0017).collect();
        let mut linear = vec![7];
        extend_i16(&mut linear, &samples);
        assert_eq!(linear[0], 7);
        assert!(
            linear[1..]
                .iter()
                .zip(&samples)
                .all(|(&l, &s)| l == f32_to_i16(s))
        );
        let mut back = Vec::new();
        extend_f32(&mut back, &linear);
        assert_eq!(back.len(), linear.len());
        assert_eq!(back[1], i16_to_f32(linear[1]));
    }

    #[test]
    fn channels_are_averaged_and_a_torn_group_is_dropped() {
        let mut out = Vec::new();
        downmix(&[1.0, 0.0, -0.5, 0.5, 0.9], 2, &mut out);
        assert_eq!(out, [0.5, 0.0]);
        out.clear();
        downmix(&[0.3, 0.6, 0.9, 1.0], 3, &mut out);
        assert!(out.len() == 1 && (out[0] - 0.6).abs() < 1e-6);
        out.clear();
        downmix(&[0.25, 0.5], 1, &mut out);
        downmix(&[0.75], 0, &mut out);
        assert_eq!(out, [0.25, 0.5, 0.75]);
    }
}
