//! Was what was heard what was said? The demo is only good if it was.

use std::time::Duration;

use sip_testkit::audio::{Clip, similarity};

use crate::event::Check;

/// How alike the speech must be for a codec that keeps the waveform. Unrelated speech lies below 0.4.
const ALIKE: f64 = 0.85;

/// The same for Opus, which keeps what is heard rather than the waveform.
const ALIKE_OPUS: f64 = 0.6;

/// Share of the speech that must be recognised; for Opus, which stands nearer to the mark, a little less.
const RECOGNISED: f64 = 0.9;
const RECOGNISED_OPUS: f64 = 0.7;

/// Share of the energy that must lie at the tone's frequency.
const PURE: f64 = 0.9;

/// Level that counts as silence.
const SILENT_RMS: f64 = 0.001;

/// What can be asked for: lost sound cannot be heard.
#[derive(Debug, Clone, Copy)]
pub(super) struct Demand {
    /// Lost packets in percent.
    pub loss: f32,
    /// The codec is Opus.
    pub opus: bool,
}

impl Demand {
    /// Each percent of loss takes something from what can be recognised; concealment mends much of it.
    fn eased(self, full: f64) -> f64 {
        full * (1.0 - f64::from(self.loss) / 100.0)
    }

    fn correlation(self) -> f64 {
        self.eased(if self.opus { ALIKE_OPUS } else { ALIKE })
    }

    fn recognised(self) -> f64 {
        self.eased(if self.opus {
            RECOGNISED_OPUS
        } else {
            RECOGNISED
        })
    }
}

/// The speech that was heard against the speech that was said.
pub(super) fn speech(said: &Clip, heard: &Clip, demand: Demand) -> Check {
    let alike = similarity(said, heard);
    let (correlation, share) = (demand.correlation(), demand.recognised());
    Check {
        name: "bob heard the words that alice said".into(),
        ok: alike.correlation >= correlation && alike.heard_share >= share,
        detail: format!(
            "correlation {:.2}, at least {correlation:.2} wanted; {:.0} % of the speech recognised, at least {:.0} % wanted",
            alike.correlation,
            alike.heard_share * 100.0,
            share * 100.0
        ),
    }
}

/// A tone in what was heard: found, of the right length, and clean.
pub(super) fn tone(
    name: &str,
    heard: &Clip,
    frequency: f64,
    length: Duration,
    demand: Demand,
) -> Check {
    let heard = heard.trimmed(0.02);
    let share = heard.energy_share(frequency);
    let wanted = demand.eased(PURE);
    let (got, full) = (heard.duration().as_secs_f64(), length.as_secs_f64());
    Check {
        name: name.into(),
        ok: share >= wanted && got >= full * 0.8 && got <= full * 1.2,
        detail: format!(
            "{:.1} % of the energy at {frequency} Hz, at least {:.0} % wanted; {got:.1} s long, {full:.1} s sent",
            share * 100.0,
            wanted * 100.0
        ),
    }
}

/// The digits that arrived against those that were pressed.
pub(super) fn digits(pressed: &str, arrived: &str) -> Check {
    Check {
        name: "The digits are equal".into(),
        ok: pressed == arrived,
        detail: format!(
            "pressed {pressed}, arrived {}",
            if arrived.is_empty() { "none" } else { arrived }
        ),
    }
}

/// Hold: the far end was told, and nothing was heard meanwhile.
/// `before` are the packets that came until then: silence proves nothing where nothing ever flowed.
pub(super) fn hold(told: bool, heard: &Clip, before: u64, packets: u64) -> Check {
    let rms = heard.rms();
    Check {
        name: "Hold made silence, and both sides knew of it".into(),
        ok: told && rms < SILENT_RMS && before > 0 && packets == 0 && !heard.samples.is_empty(),
        detail: format!(
            "bob was {}told; alice heard {:.1} s of it, level {rms:.4}; {before} packets came before and {packets} meanwhile",
            if told { "" } else { "not " },
            heard.duration().as_secs_f64()
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CLEAN: Demand = Demand {
        loss: 0.0,
        opus: false,
    };
    /// The mildest that there is.
    const OPUS: Demand = Demand {
        loss: 20.0,
        opus: true,
    };

    fn seconds(n: f64) -> Duration {
        Duration::from_secs_f64(n)
    }

    #[test]
    fn other_words_are_not_the_same_words() {
        let said = Clip::speech_like(16_000, 1, seconds(4.0));
        let late = Clip::silence(8_000, seconds(0.2)).then(&said);
        assert!(speech(&said, &late, CLEAN).ok);
        assert!(!speech(&said, &Clip::speech_like(16_000, 2, seconds(4.0)), CLEAN).ok);
        assert!(!speech(&said, &Clip::speech_like(16_000, 2, seconds(4.0)), OPUS).ok);
        assert!(!speech(&said, &Clip::silence(16_000, seconds(4.0)), CLEAN).ok);
        let half = said
            .slice(seconds(0.0), seconds(2.0))
            .then(&Clip::silence(16_000, seconds(2.0)));
        assert!(!speech(&said, &half, CLEAN).ok);
    }

    #[test]
    fn another_tone_a_short_tone_and_no_tone_fail() {
        let heard = |hz: f64, length: f64| {
            Clip::silence(8_000, seconds(0.5)).then(&Clip::tone(8_000, hz, seconds(length), 0.25))
        };
        let check = |clip: &Clip| tone("t", clip, 440.0, seconds(2.0), CLEAN).ok;
        assert!(check(&heard(440.0, 2.0)));
        assert!(!check(&heard(450.0, 2.0)));
        assert!(!check(&heard(440.0, 1.0)));
        assert!(!check(&Clip::silence(8_000, seconds(3.0))));
    }

    #[test]
    fn digits_must_be_equal_in_number_and_order() {
        assert!(digits("123", "123").ok);
        for arrived in ["", "12", "132", "1233"] {
            assert!(!digits("123", arrived).ok, "{arrived}");
        }
    }

    #[test]
    fn hold_must_be_told_and_silent() {
        let silence = Clip::silence(8_000, seconds(2.0));
        assert!(hold(true, &silence, 500, 0).ok);
        assert!(!hold(true, &silence, 0, 0).ok);
        assert!(!hold(false, &silence, 500, 0).ok);
        assert!(!hold(true, &silence, 500, 3).ok);
        assert!(!hold(true, &Clip::tone(8_000, 440.0, seconds(2.0), 0.1), 500, 0).ok);
        assert!(!hold(true, &Clip::new(8_000), 500, 0).ok);
    }
}
