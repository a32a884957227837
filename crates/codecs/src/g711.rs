//! G.711, bit-exact with the ITU-T G.191 software tools.
//!
//! G.191 takes the one's complement of negative samples (`~x`), where Sun's
//! widely copied `g711.c` negates them; the two differ in 127 of the 65,536
//! inputs of µ-law. Here G.191 holds, for the integer and the `f32` paths
//! alike: `f32` goes through the same 16-bit value that
//! [`sample::f32_to_i16`](crate::sample::f32_to_i16) gives.
//!
//! There are no tables: the exponent and mantissa of a codeword are those of
//! the value's floating-point form, so a conversion is a handful of operations
//! that the compiler turns into vectors.

mod alaw;
mod codec;
mod ulaw;

pub use alaw::{
    alaw_to_f32, alaw_to_linear, extend_alaw_from_f32, extend_f32_from_alaw, f32_to_alaw,
    linear_to_alaw,
};
pub use codec::{Pcma, Pcmu};
pub use ulaw::{
    extend_f32_from_ulaw, extend_ulaw_from_f32, f32_to_ulaw, linear_to_ulaw, ulaw_to_f32,
    ulaw_to_linear,
};
