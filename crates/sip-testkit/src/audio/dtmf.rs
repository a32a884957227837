//! DTMF digits as dual tones (ITU-T Q.23), made and found.

use super::Clip;
use super::clip::samples_in;
use super::measure::{energy, tone_energy};
use std::time::Duration;

/// Every DTMF digit, by rows of the keypad.
pub const DTMF_DIGITS: [char; 16] = [
    '1', '2', '3', 'A', '4', '5', '6', 'B', '7', '8', '9', 'C', '*', '0', '#', 'D',
];

const LOW: [f64; 4] = [697.0, 770.0, 852.0, 941.0];
const HIGH: [f64; 4] = [1209.0, 1336.0, 1477.0, 1633.0];
/// A digit is looked for in windows of this length...
const WINDOW: Duration = Duration::from_millis(20);
/// ...that advance by this much; two windows in a row make a digit.
const HOP: Duration = Duration::from_millis(10);
/// Both tones together must carry this share of a window's energy.
const MIN_SHARE: f64 = 0.85;

/// The low and the high frequency of a digit in Hz, or `None` for what is no digit. Letters may be
/// of either case.
#[must_use]
pub fn dtmf_frequencies(digit: char) -> Option<(f64, f64)> {
    let place = DTMF_DIGITS
        .iter()
        .position(|known| *known == digit.to_ascii_uppercase())?;
    Some((LOW[place / 4], HIGH[place % 4]))
}

impl Clip {
    /// Digits as dual tones: `tone` of sound and `pause` of silence each, both frequencies with
    /// peak amplitude `level` (0.25 is usual).
    ///
    /// # Panics
    /// When a character is no DTMF digit (0-9, *, #, A-D).
    #[must_use]
    pub fn dtmf(
        sample_rate: u32,
        digits: &str,
        tone: Duration,
        pause: Duration,
        level: f32,
    ) -> Clip {
        let mut clip = Clip::new(sample_rate);
        for digit in digits.chars() {
            let (low, high) = dtmf_frequencies(digit)
                .unwrap_or_else(|| panic!("{digit:?} is no DTMF digit: use 0-9, *, # and A-D"));
            clip.push(&Clip::tones(sample_rate, &[low, high], tone, level).samples);
            clip.push(&Clip::silence(sample_rate, pause).samples);
        }
        clip
    }

    /// The DTMF digits that sound in this clip, in order. A digit counts once however long it
    /// lasts; it must last some 40 ms and be nearly pure.
    #[must_use]
    pub fn dtmf_digits(&self) -> String {
        let window = samples_in(self.sample_rate, WINDOW).max(1);
        let hop = samples_in(self.sample_rate, HOP).max(1);
        let mut digits = String::new();
        let (mut last, mut reported) = (None, None);
        for start in (0..(self.samples.len() + 1).saturating_sub(window)).step_by(hop) {
            let digit = self.digit_in(&self.samples[start..start + window]);
            if digit == last && digit != reported {
                digits.extend(digit);
                reported = digit;
            }
            last = digit;
        }
        digits
    }

    fn digit_in(&self, window: &[f32]) -> Option<char> {
        let total = energy(window);
        if total / (window.len() as f64) < 1e-5 {
            return None;
        }
        let strongest = |frequencies: &[f64; 4]| {
            let energies =
                frequencies.map(|hz| tone_energy(window, hz / f64::from(self.sample_rate)));
            energies
                .into_iter()
                .enumerate()
                .max_by(|a, b| a.1.total_cmp(&b.1))
        };
        let ((row, low), (column, high)) = (strongest(&LOW)?, strongest(&HIGH)?);
        let pure = low + high > MIN_SHARE * total && low > 0.1 * total && high > 0.1 * total;
        pure.then(|| DTMF_DIGITS[row * 4 + column])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_digit_is_found_in_its_tones() {
        let all: String = DTMF_DIGITS.iter().collect();
        for rate in [8000, 16_000, 48_000] {
            let clip = Clip::dtmf(
                rate,
                &all,
                Duration::from_millis(80),
                Duration::from_millis(60),
                0.25,
            );
            assert_eq!(clip.dtmf_digits(), all, "at {rate} Hz");
        }
    }

    #[test]
    fn a_repeated_digit_counts_each_time_and_a_long_one_once() {
        let clip = Clip::dtmf(
            8000,
            "11",
            Duration::from_millis(500),
            Duration::from_millis(60),
            0.25,
        );
        assert_eq!(clip.dtmf_digits(), "11");
    }

    #[test]
    fn speech_tones_and_noise_hold_no_digits() {
        let second = Duration::from_secs(5);
        assert_eq!(Clip::speech_like(8000, 4, second).dtmf_digits(), "");
        assert_eq!(Clip::noise(8000, 4, second, 0.3).dtmf_digits(), "");
        assert_eq!(Clip::tone(8000, 697.0, second, 0.3).dtmf_digits(), "");
        assert_eq!(Clip::silence(8000, second).dtmf_digits(), "");
    }
}
