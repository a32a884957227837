//! A tune out of arithmetic.

use crate::audio::Clip;
use std::time::Duration;

/// Semitones above A4 (440 Hz) and eighths: "Ode to Joy", first phrase, twice with its endings.
const NOTES: [(i32, u32); 30] = [
    (7, 2),
    (7, 2),
    (8, 2),
    (10, 2),
    (10, 2),
    (8, 2),
    (7, 2),
    (5, 2),
    (3, 2),
    (3, 2),
    (5, 2),
    (7, 2),
    (7, 3),
    (5, 1),
    (5, 4),
    (7, 2),
    (7, 2),
    (8, 2),
    (10, 2),
    (10, 2),
    (8, 2),
    (7, 2),
    (5, 2),
    (3, 2),
    (3, 2),
    (5, 2),
    (7, 2),
    (5, 3),
    (3, 1),
    (3, 4),
];
/// An eighth at a lively pace.
const EIGHTH: Duration = Duration::from_millis(160);

/// The tune once: some ten seconds.
pub(super) fn tune(sample_rate: u32) -> Clip {
    NOTES
        .iter()
        .fold(Clip::new(sample_rate), |tune, &(semitones, eighths)| {
            let hz = 440.0 * 2f64.powf(f64::from(semitones) / 12.0);
            tune.then(&note(sample_rate, hz, EIGHTH * eighths))
        })
}

/// A plucked note: a tone with its octave, dying away, so that notes of one pitch stay apart.
fn note(sample_rate: u32, hz: f64, duration: Duration) -> Clip {
    let mut note = Clip::tone(sample_rate, hz, duration, 0.3);
    let octave = Clip::tone(sample_rate, hz * 2.0, duration, 0.1);
    note.samples
        .iter_mut()
        .zip(&octave.samples)
        .for_each(|(sample, above)| *sample += above);
    let length = note.samples.len() as f32;
    for (n, sample) in note.samples.iter_mut().enumerate() {
        let along = n as f32 / length;
        *sample *= (along * 50.0).min(1.0) * (1.0 - along).min(1.0);
    }
    note
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tune_begins_with_its_note_and_never_falls_silent() {
        let tune = tune(8000);
        assert!(
            (tune.duration().as_secs_f64() - 10.24).abs() < 0.1,
            "{:?}",
            tune.duration()
        );
        let hz = tune
            .slice(Duration::ZERO, EIGHTH * 2)
            .dominant_frequency()
            .unwrap();
        assert!((hz - 659.3).abs() < 2.0, "{hz}");
        assert!(tune.longest_gap(0.001) < Duration::from_millis(20));
        assert!(tune.peak() <= 0.5);
    }
}
