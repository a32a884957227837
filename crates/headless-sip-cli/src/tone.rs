//! A pure tone, made piece by piece without a seam.

/// Loudness of the tones that the command plays: -12 dB below full scale, comfortable on any telephone.
const AMPLITUDE: f32 = 0.25;

/// Rate at which tones are made, in Hz; holds every frequency that the command line takes.
pub(crate) const TONE_RATE: u32 = 48_000;

/// An endless tone at [`TONE_RATE`].
#[derive(Debug, Clone)]
pub(crate) struct Tone {
    step: f64,
    phase: f64,
}

impl Tone {
    /// A tone of `frequency` Hz.
    pub(crate) fn new(frequency: f32) -> Self {
        Self {
            step: f64::from(frequency) / f64::from(TONE_RATE),
            phase: 0.0,
        }
    }

    /// The next `samples` of it, mono.
    pub(crate) fn take(&mut self, samples: usize) -> Vec<f32> {
        (0..samples)
            .map(|_| {
                let value = (self.phase * std::f64::consts::TAU).sin();
                self.phase = (self.phase + self.step).fract();
                value as f32 * AMPLITUDE
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_join_without_a_seam() {
        let whole = Tone::new(440.0).take(1_000);
        let mut tone = Tone::new(440.0);
        let mut pieces = tone.take(333);
        pieces.extend(tone.take(667));
        assert_eq!(whole, pieces);
        let crossings = whole
            .windows(2)
            .filter(|pair| pair[0] < 0.0 && pair[1] >= 0.0)
            .count();
        assert_eq!(crossings, 9, "440 Hz for 1000 samples at 48 kHz");
    }
}
