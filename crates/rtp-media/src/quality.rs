//! What a call sounds like as one number: a simplified E-model (ITU-T G.107).

use std::time::Duration;

/// What a codec and its concealment cost (ITU-T G.113 Appendix I).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct CodecQuality {
    /// Equipment impairment factor Ie, without loss.
    pub ie: f32,
    /// Packet-loss robustness factor Bpl.
    pub bpl: f32,
    /// What encoder and decoder add to the delay beside the packet time.
    pub delay: Duration,
}

impl CodecQuality {
    /// G.711 with packet-loss concealment: Ie 0, Bpl 25.1.
    pub const G711: Self = Self {
        ie: 0.0,
        bpl: 25.1,
        delay: Duration::ZERO,
    };
}

/// What the estimate is made from. `ie` and `bpl` describe the codec (ITU-T G.113 Appendix I).
///
/// ```
/// use std::time::Duration;
/// use rtp_media::{QualityInput, listening_mos, mos};
///
/// let call = QualityInput { one_way_delay: Duration::from_millis(400), ..QualityInput::G711 };
/// assert!(mos(call) < 3.7, "who talks is disturbed by the delay");
/// assert!(listening_mos(call) > 4.4, "who only listens is not");
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct QualityInput {
    /// Mouth to ear: network one way plus jitter buffer plus packet time.
    pub one_way_delay: Duration,
    /// Share of packets that were not played, lost and late together, 0 to 1.
    pub loss_fraction: f32,
    /// Mean length of loss bursts over what random loss would give; 1 is random, 2 is bursty. Values below 1 count as 1.
    pub burst_ratio: f32,
    /// Equipment impairment factor Ie of the codec without loss.
    pub ie: f32,
    /// Packet-loss robustness factor Bpl of the codec with its concealment.
    pub bpl: f32,
}

impl QualityInput {
    /// G.711 with packet-loss concealment: Ie 0, Bpl 25.1 (G.113 Table I.4), no delay, no loss.
    pub const G711: Self = Self {
        one_way_delay: Duration::ZERO,
        loss_fraction: 0.0,
        burst_ratio: 1.0,
        ie: 0.0,
        bpl: 25.1,
    };

    /// The same heard by one who does not talk: what the delay costs is left out.
    pub fn without_delay(self) -> Self {
        Self {
            one_way_delay: Duration::ZERO,
            ..self
        }
    }
}

/// Mean opinion score for a conversation (MOS-CQ), 1.0 to 4.5: loss and delay.
pub fn mos(input: QualityInput) -> f32 {
    mos_of_rating(rating(input))
}

/// Mean opinion score for listening (MOS-LQ), 1.0 to 4.5: loss alone.
pub fn listening_mos(input: QualityInput) -> f32 {
    mos(input.without_delay())
}

/// Transmission rating R of G.107, 0 to 93.2: the default of all other parameters, minus delay, minus equipment.
pub fn rating(input: QualityInput) -> f32 {
    (93.2 - delay_impairment(input.one_way_delay) - equipment_impairment(input)).clamp(0.0, 93.2)
}

/// G.107 Annex B: R to MOS.
pub fn mos_of_rating(rating: f32) -> f32 {
    if rating <= 0.0 {
        return 1.0;
    }
    if rating >= 100.0 {
        return 4.5;
    }
    (1.0 + 0.035 * rating + rating * (rating - 60.0) * (100.0 - rating) * 7e-6).clamp(1.0, 4.5)
}

/// Idd of G.107 (equation 7-27): nothing below 100 ms.
fn delay_impairment(delay: Duration) -> f32 {
    let milliseconds = delay.as_secs_f32() * 1_000.0;
    if milliseconds <= 100.0 {
        return 0.0;
    }
    let x = (milliseconds / 100.0).log2();
    25.0 * ((1.0 + x.powi(6)).powf(1.0 / 6.0) - 3.0 * (1.0 + (x / 3.0).powi(6)).powf(1.0 / 6.0)
        + 2.0)
}

/// Ie,eff of G.107 (equation 7-29).
fn equipment_impairment(input: QualityInput) -> f32 {
    let loss = if input.loss_fraction.is_finite() {
        input.loss_fraction.clamp(0.0, 1.0) * 100.0
    } else {
        0.0
    };
    if loss <= 0.0 {
        return input.ie;
    }
    let burst = if input.burst_ratio.is_finite() {
        input.burst_ratio.max(1.0)
    } else {
        1.0
    };
    input.ie + (95.0 - input.ie) * loss / (loss / burst + input.bpl.max(f32::EPSILON))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn g711(delay_ms: u64, loss_percent: f32) -> QualityInput {
        QualityInput {
            one_way_delay: Duration::from_millis(delay_ms),
            loss_fraction: loss_percent / 100.0,
            ..QualityInput::G711
        }
    }

    #[test]
    fn the_scale_is_that_of_g107() {
        // R and MOS pairs of G.107 Table B.1.
        for (r, expected) in [
            (90.0, 4.34),
            (80.0, 4.03),
            (70.0, 3.60),
            (60.0, 3.10),
            (50.0, 2.58),
        ] {
            assert!(
                (mos_of_rating(r) - expected).abs() < 0.01,
                "R {r}: {}",
                mos_of_rating(r)
            );
        }
    }

    #[test]
    fn a_perfect_call_scores_4_4() {
        assert!((mos(g711(20, 0.0)) - 4.41).abs() < 0.01);
    }

    #[test]
    fn loss_and_delay_each_cost() {
        let rows = [(20, 0.0), (20, 1.0), (20, 5.0), (20, 20.0)];
        let scores: Vec<f32> = rows.iter().map(|&(d, l)| mos(g711(d, l))).collect();
        assert!(scores.windows(2).all(|w| w[1] < w[0]), "{scores:?}");
        // G.107: 400 ms one way costs about 24 points of R.
        let r = rating(g711(400, 0.0));
        assert!((66.0..72.0).contains(&r), "{r}");
    }

    #[test]
    fn bursty_loss_is_worse_than_random_loss() {
        let random = g711(50, 3.0);
        let bursty = QualityInput {
            burst_ratio: 2.0,
            ..random
        };
        assert!(mos(bursty) < mos(random));
    }

    #[test]
    fn listening_does_not_mind_the_delay() {
        assert!((listening_mos(g711(600, 0.0)) - 4.41).abs() < 0.01);
        assert!(mos(g711(600, 0.0)) < 3.0);
        assert!(listening_mos(g711(600, 5.0)) < 4.41);
    }

    #[test]
    fn a_codec_starts_from_its_own_impairment() {
        // G.729A: Ie 11 gives R 82.2, which is MOS 4.1.
        let g729 = QualityInput {
            ie: 11.0,
            bpl: 19.0,
            ..QualityInput::G711
        };
        assert!((rating(g729) - 82.2).abs() < 0.01);
        assert!((mos(g729) - 4.10).abs() < 0.01, "{}", mos(g729));
        let at_2_percent = |input| QualityInput {
            loss_fraction: 0.02,
            ..input
        };
        // Equation 7-29: (95 - 11) x 2 / (2 + 19) = 8, and 95 x 2 / 27.1 = 7.01.
        assert!((rating(at_2_percent(g729)) - 74.2).abs() < 0.01);
        assert!((rating(at_2_percent(QualityInput::G711)) - 86.19).abs() < 0.01);
    }

    #[test]
    fn nonsense_stays_on_the_scale() {
        for loss in [-1.0, 7.0, f32::NAN, f32::INFINITY] {
            let score = mos(QualityInput {
                loss_fraction: loss,
                bpl: 0.0,
                ..QualityInput::G711
            });
            assert!((1.0..=4.5).contains(&score), "{loss}: {score}");
        }
    }
}
