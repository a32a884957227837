//! The payload of comfort noise.
#![deny(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects
)]

/// Reflection coefficients that are kept; what a payload has beyond is fine detail.
const MOST_COEFFICIENTS: usize = 16;
/// RFC 3389 section 3.1: the level is 7 bits of -dBov.
const FAINTEST: u8 = 127;
/// RFC 3389 section 3.2: a byte N stands for the coefficient 258 (N - 127) / 32768.
const ZERO: i16 = 127;
const STEP: f32 = 258.0 / 32_768.0;
const LARGEST: i16 = 254;

/// Background noise by its level and the shape of its spectrum (RFC 3389 section 3).
///
/// ```
/// use audio_codecs::NoiseDescription;
///
/// let noise = NoiseDescription::parse(&[60, 0, 127]).expect("a level and two coefficients");
/// assert_eq!(noise.level_dbov(), -60.0);
/// assert!(noise.reflection().next().unwrap() < -0.99);
/// let mut payload = Vec::new();
/// noise.write(&mut payload);
/// assert_eq!(payload, [60, 0, 127]);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct NoiseDescription {
    /// -dBov, 0 to 127.
    level: u8,
    coefficients: [u8; MOST_COEFFICIENTS],
    order: usize,
}

impl NoiseDescription {
    /// Noise of `rms` (1 is full scale, 0 dBov) with these reflection coefficients, -1 to 1, of the
    /// predictor A(z) = 1 + a1 z^-1 + ...: the first is near -1 for noise of low frequencies. Beyond 16 they
    /// are left out.
    pub fn new(rms: f32, reflection: &[f32]) -> Self {
        let dbov = 20.0 * rms.max(f32::MIN_POSITIVE).log10();
        let mut noise = NoiseDescription {
            level: (-dbov).round().clamp(0.0, f32::from(FAINTEST)) as u8,
            ..NoiseDescription::default()
        };
        for (byte, coefficient) in noise.coefficients.iter_mut().zip(reflection) {
            *byte = quantised(*coefficient);
        }
        noise.order = reflection.len().min(MOST_COEFFICIENTS);
        noise
    }

    /// Reads a payload; `None` if it is empty. Any other bytes mean something.
    pub fn parse(payload: &[u8]) -> Option<Self> {
        let (&level, coefficients) = payload.split_first()?;
        let mut noise = NoiseDescription {
            // RFC 3389 section 3.1: the first bit is reserved.
            level: level & FAINTEST,
            ..NoiseDescription::default()
        };
        for (byte, &coefficient) in noise.coefficients.iter_mut().zip(coefficients) {
            *byte = coefficient;
        }
        noise.order = coefficients.len().min(MOST_COEFFICIENTS);
        Some(noise)
    }

    /// Appends the payload to `out`: 1 to 17 bytes.
    pub fn write(&self, out: &mut Vec<u8>) {
        out.push(self.level);
        out.extend(self.coefficients.iter().take(self.order));
    }

    /// Level in dB of full scale (a square wave that fills the range is 0), 0 to -127.
    pub fn level_dbov(&self) -> f32 {
        -f32::from(self.level)
    }

    /// Root mean square of the samples, 1 being full scale. The faintest level is silence.
    pub fn rms(&self) -> f32 {
        if self.level == FAINTEST {
            return 0.0;
        }
        10f32.powf(self.level_dbov() / 20.0)
    }

    /// The reflection coefficients, each within -1 and 1.
    pub fn reflection(&self) -> impl Iterator<Item = f32> + '_ {
        let bytes = self.coefficients.iter().take(self.order);
        bytes.map(|&byte| f32::from(i16::from(byte).min(LARGEST).saturating_sub(ZERO)) * STEP)
    }
}

fn quantised(coefficient: f32) -> u8 {
    let steps = (coefficient / STEP).round() + f32::from(ZERO);
    steps.clamp(0.0, f32::from(LARGEST)) as u8
}
