//! The sixteen DTMF digits (ITU-T Q.23).

/// Frequencies of the keypad's rows, Hz.
pub(crate) const LOW: [f32; 4] = [697.0, 770.0, 852.0, 941.0];
/// Frequencies of the keypad's columns, Hz.
pub(crate) const HIGH: [f32; 4] = [1209.0, 1336.0, 1477.0, 1633.0];
const DIGITS: [char; 16] = [
    '1', '2', '3', 'A', '4', '5', '6', 'B', '7', '8', '9', 'C', '*', '0', '#', 'D',
];

/// The digit of a row and a column, each of 0 to 3.
pub(crate) fn digit(row: usize, column: usize) -> char {
    DIGITS[4 * row + column]
}

/// The low and the high frequency of a digit (`0` to `9`, `*`, `#`, `A` to `D` in either case) in Hz, or `None` for what is no
/// digit.
#[must_use]
pub fn dtmf_frequencies(digit: char) -> Option<[f32; 2]> {
    let place = DIGITS
        .iter()
        .position(|known| *known == digit.to_ascii_uppercase())?;
    Some([LOW[place / 4], HIGH[place % 4]])
}
