//! The mix as a value: what each leg says goes in as it comes, what each hears comes out every 10 ms.
//!
//! ```text
//!  leg 1 ─▶ RateConverter ─▶ SampleFifo ─┐                 ┌─ minus leg 1 ─▶ Limiter ─▶ leg 1
//!  leg 2 ─▶ RateConverter ─▶ SampleFifo ─┼─▶ sum of all ───┼─ minus leg 2 ─▶ Limiter ─▶ leg 2
//!  leg 3 ─▶ RateConverter ─▶ SampleFifo ─┘                 └─ minus leg 3 ─▶ Limiter ─▶ leg 3
//! ```

use audio_codecs::{ResamplerQuality, sample::downmix};

use super::limiter::Limiter;
use crate::AudioFrame;
use crate::rate_converter::RateConverter;
use crate::sample_fifo::SampleFifo;

/// Rounds of the mix in a second.
pub(super) const ROUNDS_PER_SECOND: u32 = 100;

/// Rounds that a leg may be ahead beyond the frame that it gave last; what is older is left out.
const MAX_LEAD: usize = 5;

/// Names a leg of one bus.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct LegId(u64);

/// Voices that are mixed at one rate.
#[derive(Debug)]
pub(super) struct MixBus {
    sample_rate: u32,
    legs: Vec<Leg>,
    next_id: u64,
    sum: Vec<f64>,
}

#[derive(Debug)]
struct Leg {
    id: LegId,
    muted: bool,
    converter: RateConverter,
    fifo: SampleFifo,
    mono: Vec<f32>,
    /// What it says in this round.
    own: Vec<f32>,
    /// It has sound on its way: a round of slack was put before that.
    flows: bool,
    limiter: Limiter,
}

impl MixBus {
    /// `sample_rate` of 8,000 to 192,000 Hz.
    pub(super) fn new(sample_rate: u32) -> Self {
        Self {
            sample_rate,
            legs: Vec::new(),
            next_id: 0,
            sum: Vec::new(),
        }
    }

    pub(super) fn len(&self) -> usize {
        self.legs.len()
    }

    pub(super) fn add(&mut self) -> LegId {
        let id = LegId(self.next_id);
        self.next_id += 1;
        self.legs.push(Leg {
            id,
            muted: false,
            converter: RateConverter::new(self.sample_rate, ResamplerQuality::default()),
            fifo: SampleFifo::default(),
            mono: Vec::new(),
            own: Vec::new(),
            flows: false,
            limiter: Limiter::new(self.sample_rate),
        });
        id
    }

    pub(super) fn remove(&mut self, id: LegId) {
        self.legs.retain(|leg| leg.id != id);
    }

    /// A muted leg hears the others, and they do not hear it.
    pub(super) fn set_muted(&mut self, id: LegId, muted: bool) {
        if let Some(leg) = self.leg(id) {
            leg.muted = muted;
        }
    }

    /// What a leg says, of any rate and length.
    pub(super) fn push(&mut self, id: LegId, frame: &AudioFrame) {
        let round = self.round();
        let Some(leg) = self.leg(id) else { return };
        if !leg.flows {
            // Frames come with some jitter: one round of silence before the first keeps it from being heard.
            leg.fifo.tail().resize(round, 0.0);
            leg.flows = true;
        }
        leg.mono.clear();
        downmix(&frame.samples, frame.channels, &mut leg.mono);
        let before = leg.fifo.len();
        leg.converter
            .process(frame.sample_rate, &leg.mono, leg.fifo.tail());
        let given = leg.fifo.len() - before;
        if before > given + MAX_LEAD * round {
            // The rounds stood still for a while: what was said meanwhile is late.
            let late = leg.fifo.len() - given - round;
            leg.own.clear();
            leg.fifo.pop_into(late, &mut leg.own);
        }
    }

    /// One round of 10 ms: calls `hear` with what each leg hears of all others.
    pub(super) fn mix(&mut self, mut hear: impl FnMut(LegId, &[f32])) {
        let round = self.round();
        self.sum.clear();
        self.sum.resize(round, 0.0);
        for leg in &mut self.legs {
            leg.own.clear();
            if leg.fifo.pop_into(round, &mut leg.own) < round && leg.flows {
                // It has missed the round and is not waited for.
                leg.flows = false;
                crate::sample_fifo::fade_out_end(&mut leg.own, self.sample_rate);
            }
            leg.own.resize(round, 0.0);
            if leg.muted {
                leg.own.fill(0.0);
            }
            for (sum, own) in self.sum.iter_mut().zip(&leg.own) {
                *sum += f64::from(*own);
            }
        }
        for leg in &mut self.legs {
            // In f64 the difference is what the others say, to the last bit that is heard.
            for (own, sum) in leg.own.iter_mut().zip(&self.sum) {
                *own = (sum - f64::from(*own)) as f32;
            }
            leg.limiter.process(&mut leg.own);
            hear(leg.id, &leg.own);
        }
    }

    fn round(&self) -> usize {
        (self.sample_rate / ROUNDS_PER_SECOND) as usize
    }

    fn leg(&mut self, id: LegId) -> Option<&mut Leg> {
        self.legs.iter_mut().find(|leg| leg.id == id)
    }
}

#[cfg(test)]
mod tests;
