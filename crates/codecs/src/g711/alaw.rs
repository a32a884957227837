//! A-law: ITU-T G.711 table 1, as `alaw_compress` and `alaw_expand` of G.191 have it.

use crate::sample::f32_to_linear;

/// Even bits are inverted on the line.
const TOGGLED: u32 = 0x55;
/// Bits of an `f32` below those that a codeword keeps: it has 23 mantissa bits
/// and the codeword 4.
const DROPPED_BITS: u32 = 19;

/// A 16-bit sample to its codeword.
#[inline(always)]
pub fn linear_to_alaw(linear: i16) -> u8 {
    compress(i32::from(linear))
}

/// A codeword to its 16-bit sample.
#[inline(always)]
pub fn alaw_to_linear(codeword: u8) -> i16 {
    (alaw_to_f32(codeword) * 32768.0) as i16
}

/// A sample in [-1, 1] to its codeword; louder is clamped, NaN is silence.
#[inline(always)]
pub fn f32_to_alaw(sample: f32) -> u8 {
    compress(f32_to_linear(sample))
}

/// A codeword to a sample in (-1, 1): the 16-bit value over 32768.
#[inline(always)]
pub fn alaw_to_f32(codeword: u8) -> f32 {
    let bits = u32::from(codeword) ^ TOGGLED;
    let chord_and_step = bits & 0x7F;
    // Chord 0 has the steps of chord 1 without its leading one: read it as
    // chord 1 and take the one off again.
    let first = chord_and_step < 16;
    let read_as = if first {
        chord_and_step + 16
    } else {
        chord_and_step
    };
    let leading = if first { 256.0 / 32768.0 } else { 0.0 };
    // (256 << (chord - 1)) + (step + 0.5) * (16 << (chord - 1)), over 32768: the
    // chord is the exponent, the step the top of the mantissa, then the half.
    let value = f32::from_bits((read_as << DROPPED_BITS) + ((127 - 8) << 23) + (1 << 18));
    let magnitude = value - leading;
    f32::from_bits(magnitude.to_bits() | (!bits & 0x80) << 24)
}

/// Appends the codewords of `samples` to `out`.
pub fn extend_alaw_from_f32(out: &mut Vec<u8>, samples: &[f32]) {
    let start = out.len();
    out.resize(start + samples.len(), 0);
    compress_slice(samples, &mut out[start..]);
}

/// Appends the samples of `codewords` to `out`.
pub fn extend_f32_from_alaw(out: &mut Vec<f32>, codewords: &[u8]) {
    let start = out.len();
    out.resize(start + codewords.len(), 0.0);
    expand_slice(codewords, &mut out[start..]);
}

fn compress_slice(samples: &[f32], codewords: &mut [u8]) {
    for (codeword, &sample) in codewords.iter_mut().zip(samples) {
        *codeword = f32_to_alaw(sample);
    }
}

fn expand_slice(codewords: &[u8], samples: &mut [f32]) {
    for (sample, &codeword) in samples.iter_mut().zip(codewords) {
        *sample = alaw_to_f32(codeword);
    }
}

/// `linear` is a 16-bit value.
#[inline(always)]
fn compress(linear: i32) -> u8 {
    let sign = linear >> 31;
    // One's complement of negative values; 12 bits remain.
    let magnitude = (linear ^ sign) >> 4;
    // Magnitude 16 is exponent 4, chord 1. Below it chord 0 is linear. (Magnitude
    // 0 wraps, and is not chosen.)
    let chorded = ((magnitude as f32).to_bits() >> DROPPED_BITS).wrapping_sub((127 + 3) << 4);
    let chord_and_step = if magnitude < 16 {
        magnitude as u32
    } else {
        chorded
    };
    (chord_and_step ^ (!sign as u32 & 0x80) ^ TOGGLED) as u8
}
