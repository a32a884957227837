//! Adaptive differential PCM of one sub-band (G.722 section 6.2; the block names are the recommendation's).

/// Log-to-linear table of the scale factors (ILB).
const ILB: [i32; 32] = [
    2048, 2093, 2139, 2186, 2233, 2282, 2332, 2383, 2435, 2489, 2543, 2599, 2656, 2714, 2774, 2834,
    2896, 2960, 3025, 3091, 3158, 3228, 3298, 3371, 3444, 3520, 3597, 3676, 3756, 3838, 3922, 4008,
];

/// Decision levels of the lower band's 60 intervals, over the scale factor, times 2^12 (Q6).
const Q6: [i32; 29] = [
    35, 72, 110, 150, 190, 233, 276, 323, 370, 422, 473, 530, 587, 650, 714, 786, 858, 940, 1023,
    1121, 1219, 1339, 1458, 1612, 1765, 1980, 2195, 2557, 2919,
];
/// Output levels of the lower band by all six bits (QM6). The encoder never sends the first four.
const QM6: [i32; 64] = [
    -136, -136, -136, -136, -24808, -21904, -19008, -16704, -14984, -13512, -12280, -11192, -10232,
    -9360, -8576, -7856, -7192, -6576, -6000, -5456, -4944, -4464, -4008, -3576, -3168, -2776,
    -2400, -2032, -1688, -1360, -1040, -728, 24808, 21904, 19008, 16704, 14984, 13512, 12280,
    11192, 10232, 9360, 8576, 7856, 7192, 6576, 6000, 5456, 4944, 4464, 4008, 3576, 3168, 2776,
    2400, 2032, 1688, 1360, 1040, 728, 432, 136, -432, -136,
];
/// Output levels of the lower band by its upper four bits, which adapt the predictor (QM4).
const QM4: [i32; 16] = [
    0, -20456, -12896, -8968, -6288, -4240, -2584, -1200, 20456, 12896, 8968, 6288, 4240, 2584,
    1200, 0,
];
/// Steps of the lower band's logarithmic scale factor by the upper four bits (WL of RL42).
const WL: [i32; 16] = [
    -60, 3042, 1198, 538, 334, 172, 58, -30, 3042, 1198, 538, 334, 172, 58, -30, -60,
];

/// Decision level of the upper band, times 2^12 (Q2).
const Q2: i32 = 564;
/// Output levels of the upper band by its two bits (QM2).
const QM2: [i32; 4] = [-7408, -1616, 7408, 1616];
/// Steps of the upper band's logarithmic scale factor by its two bits (WH of RH2).
const WH: [i32; 4] = [798, -214, 798, -214];

/// 0 to 4 kHz in six bits, the upper four of which adapt it.
#[derive(Debug, Clone)]
pub(super) struct LowerBand {
    predictor: Predictor,
    scale: Scale,
}

/// 4 to 8 kHz in two bits.
#[derive(Debug, Clone)]
pub(super) struct UpperBand {
    predictor: Predictor,
    scale: Scale,
}

impl LowerBand {
    pub(super) fn new() -> Self {
        LowerBand {
            predictor: Predictor::default(),
            scale: Scale::new(32, 8, 18_432),
        }
    }

    /// Encodes a sample of 15 bits in six.
    #[inline]
    pub(super) fn encode(&mut self, sample: i32) -> u8 {
        let difference = saturate(sample - self.predictor.estimate);
        let interval = self.interval(magnitude(difference));
        // QUANTL: the codes run down from 61 and, for negative differences, from 63, 62, 31.
        let code = match (difference < 0, interval) {
            (false, interval) => 61 - interval,
            (true, interval @ 0..2) => 63 - interval,
            (true, interval) => 33 - interval,
        };
        self.adapt(code);
        code
    }

    /// Decodes the lower six bits of `code`: 15 bits.
    #[inline]
    pub(super) fn decode(&mut self, code: u8) -> i32 {
        let difference = self.scale.times(QM6[usize::from(code & 63)]);
        let sample = limit(self.predictor.estimate + difference);
        self.adapt(code & 63);
        sample
    }

    /// The interval that a magnitude falls into, 0 to 29.
    #[inline]
    fn interval(&self, magnitude: i32) -> u8 {
        // The levels ascend: counting them is free of branches.
        let reached = Q6
            .iter()
            .map(|level| u8::from(magnitude >= (level * self.scale.linear) >> 12));
        reached.sum()
    }

    #[inline]
    fn adapt(&mut self, code: u8) {
        let upper_four = usize::from(code >> 2);
        let difference = self.scale.times(QM4[upper_four]);
        self.scale.step(WL[upper_four]);
        self.predictor.adapt(difference);
    }
}

impl UpperBand {
    pub(super) fn new() -> Self {
        UpperBand {
            predictor: Predictor::default(),
            scale: Scale::new(8, 10, 22_528),
        }
    }

    /// Encodes a sample of 15 bits in two.
    #[inline]
    pub(super) fn encode(&mut self, sample: i32) -> u8 {
        let difference = saturate(sample - self.predictor.estimate);
        let outer = magnitude(difference) >= (Q2 * self.scale.linear) >> 12;
        // QUANTH: 3 and 2 above zero, 1 and 0 below.
        let code = 2 * u8::from(difference >= 0) + u8::from(!outer);
        self.decode(code);
        code
    }

    /// Decodes the lower two bits of `code`: 15 bits.
    #[inline]
    pub(super) fn decode(&mut self, code: u8) -> i32 {
        let code = usize::from(code & 3);
        let difference = self.scale.times(QM2[code]);
        let sample = limit(self.predictor.estimate + difference);
        self.scale.step(WH[code]);
        self.predictor.adapt(difference);
        sample
    }
}

/// The quantiser's scale factor.
#[derive(Debug, Clone)]
struct Scale {
    logarithmic: i32,
    linear: i32,
    shift: i32,
    most: i32,
}

impl Scale {
    fn new(linear: i32, shift: i32, most: i32) -> Self {
        Scale {
            logarithmic: 0,
            linear,
            shift,
            most,
        }
    }

    /// INVQAL, INVQAH: an output level at this scale.
    #[inline]
    fn times(&self, level: i32) -> i32 {
        (self.linear * level) >> 15
    }

    /// LOGSCL and SCALEL, LOGSCH and SCALEH.
    #[inline]
    fn step(&mut self, step: i32) {
        self.logarithmic = (((self.logarithmic * 127) >> 7) + step).clamp(0, self.most);
        let mantissa = ILB[(self.logarithmic >> 6 & 31) as usize];
        let shift = self.shift - (self.logarithmic >> 11);
        let linear = if shift < 0 {
            mantissa << -shift
        } else {
            mantissa >> shift
        };
        self.linear = linear << 2;
    }
}

/// Two poles and six zeros, adapted by the signs of what they met (block 4).
#[derive(Debug, Clone, Default)]
struct Predictor {
    /// What the next sample should be.
    estimate: i32,
    /// The share of the zeros in it.
    from_zeros: i32,
    poles: [i32; 2],
    zeros: [i32; 6],
    /// The last differences, newest first.
    differences: [i32; 6],
    /// The last reconstructed sample.
    reconstructed: i32,
    /// The last two differences with the share of the zeros, newest first.
    partial: [i32; 2],
}

impl Predictor {
    /// Takes the next quantised difference and makes the next estimate.
    #[inline]
    fn adapt(&mut self, difference: i32) {
        // RECONS, PARREC.
        let reconstructed = saturate(self.estimate + difference);
        let partial = saturate(self.from_zeros + difference);

        self.adapt_poles(partial);
        self.adapt_zeros(difference);

        // DELAYA.
        self.differences.rotate_right(1);
        self.differences[0] = difference;
        let before = std::mem::replace(&mut self.reconstructed, reconstructed);
        self.partial = [partial, self.partial[0]];

        // FILTEP, FILTEZ, PREDIC.
        let from_poles =
            saturate(filtered(self.poles[0], reconstructed) + filtered(self.poles[1], before));
        let pairs = self.zeros.iter().zip(&self.differences).rev();
        self.from_zeros = pairs.fold(0, |sum, (&zero, &difference)| {
            saturate(sum + filtered(zero, difference))
        });
        self.estimate = saturate(from_poles + self.from_zeros);
    }

    /// UPPOL2, UPPOL1.
    #[inline]
    fn adapt_poles(&mut self, partial: i32) {
        let [first, second] = self.poles;
        let [like_last, like_before] = self.partial.map(|p| (p < 0) == (partial < 0));

        let turned = saturate(first << 2);
        let turned = if like_last {
            (-turned).min(32_767)
        } else {
            turned
        };
        let step = if like_before { 128 } else { -128 };
        let second = ((turned >> 7) + step + ((second * 32_512) >> 15)).clamp(-12_288, 12_288);

        let step = if like_last { 192 } else { -192 };
        let most = 15_360 - second;
        let first = saturate(step + ((first * 32_640) >> 15)).clamp(-most, most);
        self.poles = [first, second];
    }

    /// UPZERO.
    #[inline]
    fn adapt_zeros(&mut self, difference: i32) {
        let step = if difference == 0 { 0 } else { 128 };
        for (zero, &before) in self.zeros.iter_mut().zip(&self.differences) {
            let alike = (before < 0) == (difference < 0);
            let step = if alike { step } else { -step };
            *zero = saturate(step + ((*zero * 32_640) >> 15));
        }
    }
}

/// A coefficient times a sample, as the recommendation rounds it.
#[inline]
fn filtered(coefficient: i32, sample: i32) -> i32 {
    (coefficient * saturate(2 * sample)) >> 15
}

/// The magnitude of a difference in one's complement.
#[inline]
fn magnitude(difference: i32) -> i32 {
    difference ^ (difference >> 31)
}

/// To 16 bits.
#[inline]
pub(super) fn saturate(value: i32) -> i32 {
    value.clamp(i16::MIN.into(), i16::MAX.into())
}

/// To 15 bits (LIMIT).
#[inline]
pub(super) fn limit(value: i32) -> i32 {
    value.clamp(-16_384, 16_383)
}
