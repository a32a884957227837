//! The one place where this crate reads the clock and draws random numbers.

use std::time::Instant;

use rand::RngExt;

/// The time that the values of `session` are driven with; follows tokio's clock, so tests may pause it.
pub(crate) fn now() -> Instant {
    tokio::time::Instant::now().into_std()
}

/// `digits` random hexadecimal digits, for tags, branches, Call-IDs and nonces (RFC 3261 section 19.3: at least
/// 32 bits of randomness).
pub(crate) fn token(digits: usize) -> String {
    let mut random = rand::rng();
    (0..digits)
        .map(|_| char::from_digit(random.random_range(0..16), 16).unwrap_or('0'))
        .collect()
}

/// Uniform in [0, 1).
pub(crate) fn fraction() -> f64 {
    rand::rng().random()
}

/// A first CSeq number, low enough to count on for ever (RFC 3261 section 8.1.1.5).
pub(crate) fn first_cseq() -> u32 {
    rand::rng().random_range(1..10_000)
}
