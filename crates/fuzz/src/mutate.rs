//! Seeded mutations, for runs without libFuzzer: the same seed gives the same inputs everywhere.

/// Longest input that is made; an Ethernet datagram is no longer.
const MAX_LEN: usize = 1_600;
/// Bytes at which length checks like to break.
const EDGES: [u8; 10] = [0x00, 0x01, 0x03, 0x04, 0x7f, 0x80, 0x81, 0x90, 0xfe, 0xff];

/// Makes inputs out of seeds.
#[derive(Debug, Clone)]
pub struct Mutator {
    state: u64,
    seeds: Vec<Vec<u8>>,
}

impl Mutator {
    /// Mutations of `seeds`, fixed by `seed`. Without seeds it starts from nothing.
    #[must_use]
    pub fn new(seed: u64, mut seeds: Vec<Vec<u8>>) -> Self {
        if seeds.is_empty() {
            seeds.push(Vec::new());
        }
        Mutator { state: seed, seeds }
    }

    /// The next input: a seed, changed one to eight times.
    pub fn next_input(&mut self) -> Vec<u8> {
        let mut input = self.any_seed().to_vec();
        for _ in 0..=self.below(8) {
            self.mutate(&mut input);
        }
        input.truncate(MAX_LEN);
        input
    }

    fn mutate(&mut self, input: &mut Vec<u8>) {
        let place = self.below(input.len() + 1);
        let length = 1 + self.below(16);
        match self.below(8) {
            0 => self.flip_bit(input),
            1 => self.set_byte(input),
            2 => input.truncate(place),
            3 => {
                input.drain(place..input.len().min(place + length));
            }
            4 => {
                let fresh: Vec<u8> = (0..length).map(|_| self.next() as u8).collect();
                input.splice(place..place, fresh);
            }
            5 => {
                let copy = input[place..input.len().min(place + length)].to_vec();
                input.splice(place..place, copy);
            }
            6 => self.change_line(input),
            _ => self.splice_seed(input, place),
        }
    }

    fn flip_bit(&mut self, input: &mut [u8]) {
        if !input.is_empty() {
            let place = self.below(input.len());
            input[place] ^= 1 << self.below(8);
        }
    }

    fn set_byte(&mut self, input: &mut [u8]) {
        if !input.is_empty() {
            let place = self.below(input.len());
            input[place] = EDGES[self.below(EDGES.len())];
        }
    }

    /// Doubles, drops or moves a line; for text formats.
    fn change_line(&mut self, input: &mut Vec<u8>) {
        let mut lines: Vec<Vec<u8>> = input.split(|b| *b == b'\n').map(<[u8]>::to_vec).collect();
        let line = lines[self.below(lines.len())].clone();
        let place = self.below(lines.len());
        if self.below(3) == 0 {
            lines.remove(place);
        } else {
            lines.insert(place, line);
        }
        *input = lines.join(&b'\n');
    }

    /// Replaces the tail by another seed's.
    fn splice_seed(&mut self, input: &mut Vec<u8>, place: usize) {
        let other = self.any_seed().to_vec();
        let from = self.below(other.len() + 1);
        input.truncate(place);
        input.extend_from_slice(&other[from..]);
    }

    fn any_seed(&mut self) -> &[u8] {
        let index = self.below(self.seeds.len());
        &self.seeds[index]
    }

    /// A number below `end`, which must not be 0.
    fn below(&mut self, end: usize) -> usize {
        (self.next() % end as u64) as usize
    }

    /// SplitMix64.
    fn next(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.state;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn the_same_seed_makes_the_same_inputs() {
        let inputs = |seed| -> Vec<Vec<u8>> {
            let mut mutator = Mutator::new(seed, vec![b"abc\ndef".to_vec(), vec![0; 40]]);
            (0..50).map(|_| mutator.next_input()).collect()
        };
        assert_eq!(inputs(1), inputs(1));
        assert_ne!(inputs(1), inputs(2));
    }

    #[test]
    fn inputs_vary_and_stay_short() {
        let mut mutator = Mutator::new(1, vec![vec![7; 1_500]]);
        let inputs: HashSet<Vec<u8>> = (0..500).map(|_| mutator.next_input()).collect();
        assert!(inputs.len() > 400);
        assert!(inputs.iter().all(|input| input.len() <= MAX_LEN));
    }
}
