//! Samples on their way through a call, first in, first out.

use crate::rate_converter::convert_once;

/// How long a fade takes that hides where audio begins or breaks off, in 1/400 s.
const FADES_PER_SECOND: u32 = 400;

/// A short queue of mono samples of one rate; it keeps its memory.
#[derive(Debug, Default)]
pub(crate) struct SampleFifo {
    samples: Vec<f32>,
    head: usize,
}

impl SampleFifo {
    pub(crate) fn len(&self) -> usize {
        self.samples.len() - self.head
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The end of the queue, for whoever appends to a vector.
    pub(crate) fn tail(&mut self) -> &mut Vec<f32> {
        if self.head > 0 {
            self.samples.copy_within(self.head.., 0);
            self.samples.truncate(self.samples.len() - self.head);
            self.head = 0;
        }
        &mut self.samples
    }

    pub(crate) fn push(&mut self, samples: &[f32]) {
        self.tail().extend_from_slice(samples);
    }

    /// Moves the oldest samples, at most `count`, to the end of `out` and tells how many these were.
    pub(crate) fn pop_into(&mut self, count: usize, out: &mut Vec<f32>) -> usize {
        let count = count.min(self.len());
        out.extend_from_slice(&self.samples[self.head..self.head + count]);
        self.head += count;
        count
    }

    /// Fades from the last sample to silence and goes on with silence, `count` samples together.
    pub(crate) fn push_silence(&mut self, count: usize, rate: u32) {
        let samples = self.tail();
        let end = samples.len();
        samples.resize(end + count, 0.0);
        if end > 0 {
            let last = samples[end - 1];
            fade_out(last, &mut samples[end..], rate);
        }
    }

    pub(crate) fn clear(&mut self) {
        self.samples.clear();
        self.head = 0;
    }

    /// Makes what is queued at `from` Hz into the same audio at `to` Hz. Allocates: for the rare
    /// case that a call changes its codec.
    pub(crate) fn convert(&mut self, from: u32, to: u32) {
        if from != to && !self.is_empty() {
            let converted = convert_once(&self.samples[self.head..], from, to);
            self.samples = converted;
            self.head = 0;
        }
    }
}

/// Lets a step from `last` down to `silence`, which is all zero, become a short slope.
pub(crate) fn fade_out(last: f32, silence: &mut [f32], rate: u32) {
    let length = (rate / FADES_PER_SECOND) as usize;
    let scale = last / (length + 1) as f32;
    for (i, sample) in silence.iter_mut().take(length).enumerate() {
        *sample = scale * (length - i) as f32;
    }
}

/// Lets audio that breaks off fall to silence within its last 2.5 ms.
pub(crate) fn fade_out_end(samples: &mut [f32], rate: u32) {
    let length = (rate / FADES_PER_SECOND) as usize;
    for (i, sample) in samples.iter_mut().rev().take(length).enumerate() {
        *sample *= i as f32 / length as f32;
    }
}

/// Lets audio that goes on in the middle rise from silence.
pub(crate) fn fade_in(samples: &mut [f32], rate: u32) {
    let length = (rate / FADES_PER_SECOND) as usize;
    for (i, sample) in samples.iter_mut().take(length).enumerate() {
        *sample *= (i + 1) as f32 / (length + 1) as f32;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_come_out_in_order_whatever_the_pieces() {
        let mut fifo = SampleFifo::default();
        let mut out = Vec::new();
        let mut next = 0;
        for step in 1..50 {
            let piece: Vec<f32> = (next..next + step).map(|i| i as f32).collect();
            next += step;
            fifo.push(&piece);
            fifo.pop_into(step as usize * 2 / 3 + 1, &mut out);
        }
        let left = fifo.len();
        assert_eq!(fifo.pop_into(left + 10, &mut out), left);
        assert!(fifo.is_empty());
        assert!(
            out.iter()
                .enumerate()
                .all(|(i, &sample)| sample == i as f32)
        );
        assert_eq!(out.len(), next as usize);
    }

    #[test]
    fn audio_that_breaks_off_fades_within_2_5_ms() {
        let mut fifo = SampleFifo::default();
        fifo.push(&[0.8]);
        fifo.push_silence(159, 8_000);
        let mut out = Vec::new();
        fifo.pop_into(160, &mut out);
        assert!(out.windows(2).all(|pair| (pair[0] - pair[1]).abs() < 0.05));
        assert!(out[21..].iter().all(|&sample| sample == 0.0));
    }
}
