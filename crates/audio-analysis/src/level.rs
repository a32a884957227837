//! Levels as telephony states them.

/// Level of a full-scale sine in dBm0 (ITU-T G.711 table 1a; µ-law's 3.17 is as good as the same).
#[allow(clippy::approx_constant, reason = "a level, not a circle")]
const FULL_SCALE_SINE_DBM0: f32 = 3.14;
/// Mean square of a full-scale sine.
const FULL_SCALE_SINE: f32 = 0.5;

/// Mean square of samples in [-1, 1] whose level is `dbm0`.
///
/// ```
/// assert!((audio_analysis::power_of_dbm0(3.14) - 0.5).abs() < 1e-6); // a full-scale sine
/// ```
#[must_use]
pub fn power_of_dbm0(dbm0: f32) -> f32 {
    FULL_SCALE_SINE * 10f32.powf((dbm0 - FULL_SCALE_SINE_DBM0) / 10.0)
}

/// Level in dBm0 of samples whose mean square is `power`; -100 for silence.
#[must_use]
pub fn dbm0_of_power(power: f32) -> f32 {
    (10.0 * (power / FULL_SCALE_SINE).log10() + FULL_SCALE_SINE_DBM0).max(-100.0)
}

/// Peak amplitude of a sine at `dbm0`.
#[must_use]
pub fn amplitude_of_dbm0(dbm0: f32) -> f32 {
    (2.0 * power_of_dbm0(dbm0)).sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_come_back_and_silence_has_one() {
        for dbm0 in [-60.0, -36.0, -10.0, FULL_SCALE_SINE_DBM0] {
            assert!((dbm0_of_power(power_of_dbm0(dbm0)) - dbm0).abs() < 1e-3);
        }
        assert!((amplitude_of_dbm0(FULL_SCALE_SINE_DBM0) - 1.0).abs() < 1e-6);
        assert_eq!(dbm0_of_power(0.0), -100.0);
    }
}
