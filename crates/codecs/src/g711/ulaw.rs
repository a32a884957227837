//! µ-law: ITU-T G.711 table 2, as `ulaw_compress` and `ulaw_expand` of G.191 have it.

use crate::sample::f32_to_linear;

/// Distance between the thresholds of the chords and the powers of two, in
/// units of 14 bits.
const BIAS: i32 = 33;
/// The loudest biased magnitude, in units of 14 bits.
const CLIP: i32 = 0x1FFF;
/// `f32` exponent of the first chord, where the biased magnitude is 32..64,
/// above the mantissa bits that a codeword keeps.
const FIRST_CHORD: u32 = (127 + 5) << 4;
/// Bits of an `f32` below those that a codeword keeps: it has 23 mantissa bits
/// and the codeword 4.
const DROPPED_BITS: u32 = 19;

/// A 16-bit sample to its codeword.
#[inline(always)]
pub fn linear_to_ulaw(linear: i16) -> u8 {
    compress(i32::from(linear))
}

/// A codeword to its 16-bit sample.
#[inline(always)]
pub fn ulaw_to_linear(codeword: u8) -> i16 {
    (ulaw_to_f32(codeword) * 32768.0) as i16
}

/// A sample in [-1, 1] to its codeword; louder is clamped, NaN is silence.
#[inline(always)]
pub fn f32_to_ulaw(sample: f32) -> u8 {
    compress(f32_to_linear(sample))
}

/// A codeword to a sample in (-1, 1): the 16-bit value over 32768.
#[inline(always)]
pub fn ulaw_to_f32(codeword: u8) -> f32 {
    // A codeword travels inverted: chord in bits 4 to 6, step in bits 0 to 3.
    let bits = u32::from(!codeword);
    // (128 << chord) + (step + 0.5) * (8 << chord), over 32768: the chord is the
    // exponent, the step the top of the mantissa, the next bit the half step.
    let biased = f32::from_bits(((bits & 0x7F) << DROPPED_BITS) + ((127 - 8) << 23) + (1 << 18));
    let magnitude = biased - (4 * BIAS) as f32 / 32768.0;
    f32::from_bits(magnitude.to_bits() | (bits & 0x80) << 24)
}

/// Appends the codewords of `samples` to `out`.
pub fn extend_ulaw_from_f32(out: &mut Vec<u8>, samples: &[f32]) {
    let start = out.len();
    out.resize(start + samples.len(), 0);
    compress_slice(samples, &mut out[start..]);
}

/// Appends the samples of `codewords` to `out`.
pub fn extend_f32_from_ulaw(out: &mut Vec<f32>, codewords: &[u8]) {
    let start = out.len();
    out.resize(start + codewords.len(), 0.0);
    expand_slice(codewords, &mut out[start..]);
}

fn compress_slice(samples: &[f32], codewords: &mut [u8]) {
    for (codeword, &sample) in codewords.iter_mut().zip(samples) {
        *codeword = f32_to_ulaw(sample);
    }
}

fn expand_slice(codewords: &[u8], samples: &mut [f32]) {
    for (sample, &codeword) in samples.iter_mut().zip(codewords) {
        *sample = ulaw_to_f32(codeword);
    }
}

/// `linear` is a 16-bit value.
#[inline(always)]
fn compress(linear: i32) -> u8 {
    let sign = linear >> 31;
    // One's complement of negative values, which is where G.191 and Sun part.
    let magnitude = (((linear ^ sign) >> 2) + BIAS).min(CLIP);
    let chord_and_step = ((magnitude as f32).to_bits() >> DROPPED_BITS) - FIRST_CHORD;
    // The codeword is inverted and its top bit set for positive values.
    (!chord_and_step & 0x7F) as u8 | (!sign & 0x80) as u8
}
