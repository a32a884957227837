//! What a codec costs in the E-model of ITU-T G.107.

use std::time::Duration;

/// The terms of the E-model that belong to a codec with its concealment, on the narrowband scale of ITU-T G.107.
///
/// ```
/// use audio_codecs::{Codec, Pcmu};
///
/// assert_eq!(Pcmu.impairment().bpl, 25.1);
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Impairment {
    /// Equipment impairment factor Ie, without loss: 0 is G.711.
    pub ie: f32,
    /// Packet-loss robustness factor Bpl: the higher, the less a lost packet
    /// is heard.
    pub bpl: f32,
    /// What encoder and decoder add beside the packet time: look-ahead and
    /// filters.
    pub delay: Duration,
}

impl Impairment {
    /// G.711 with its packet-loss concealment (G.113 Appendix I).
    pub const G711: Self = Impairment {
        ie: 0.0,
        bpl: 25.1,
        delay: Duration::ZERO,
    };

    /// What is known of the codec of this encoding name; [`G711`](Self::G711)
    /// for a stranger.
    ///
    /// G.711, G.729 and G.723.1 are G.113 Appendix I. L16 has G.711's
    /// concealment. G.722 and Opus are assumptions, as G.113 rates neither on
    /// this scale: no impairment, since their wider band is not rated here,
    /// and G.711's robustness, since they conceal in the same manner.
    pub fn published(encoding_name: &str) -> Self {
        let of = |ie, bpl, delay_us| Impairment {
            ie,
            bpl,
            delay: Duration::from_micros(delay_us),
        };
        let known = |name: &str| encoding_name.eq_ignore_ascii_case(name);
        if known("opus") {
            // RFC 6716 section 2: 6.5 ms of look-ahead.
            of(0.0, 25.1, 6_500)
        } else if known("G722") {
            // Both quadrature mirror filters: 22 samples at 16 kHz.
            of(0.0, 25.1, 1_375)
        } else if known("G729") {
            of(11.0, 19.0, 5_000)
        } else if known("G723") {
            of(15.0, 16.1, 7_500)
        } else {
            Self::G711
        }
    }
}
