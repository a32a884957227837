//! Redundant audio data (RFC 2198): each packet carries what the packets before it held.
//!
//! ```text
//!  |1| type |  timestamp offset 14  | length 10 |   one header per redundant block, the oldest first
//!  |0| type |                                       the primary block, whose length is the rest
//!  | redundant data ... | primary data ... |
//! ```
#![deny(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects
)]

use std::collections::VecDeque;

use crate::units::PayloadType;

/// The offset field holds 14 bits, the length field 10.
const OFFSET_AT_MOST: u32 = 0x3fff;
const LENGTH_AT_MOST: usize = 0x3ff;
/// Longer payloads leave the oldest blocks out, so that no packet is fragmented on its way.
const PAYLOAD_AT_MOST: usize = 1_200;
/// Generations at most; more would cost more than the loss that they cure.
pub(crate) const GENERATIONS_AT_MOST: u8 = 4;

/// A block of a redundant payload.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RedundantBlock<'a> {
    /// What it holds.
    pub payload_type: PayloadType,
    /// How much older than the packet's timestamp it is, in clock units; 0 for the primary block.
    pub offset: u32,
    /// What the payload format defines.
    pub payload: &'a [u8],
}

/// A redundant payload (RFC 2198 section 3) that borrows from the datagram.
///
/// ```
/// use rtp_media::{PayloadType, RedundantPayload};
///
/// // One redundant block of two bytes that is 160 units old, then the primary block.
/// let bytes = [0x80, 0x02, 0x80, 0x02, 0x00, 1, 2, 3, 4, 5];
/// let payload = RedundantPayload::parse(&bytes).unwrap();
/// assert_eq!(payload.primary().payload, [3, 4, 5]);
/// let older = payload.redundant().next().unwrap();
/// assert_eq!((older.offset, older.payload), (160, &[1, 2][..]));
/// assert_eq!(older.payload_type, PayloadType(0));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RedundantPayload<'a> {
    /// Headers of the redundant blocks, four bytes each.
    headers: &'a [u8],
    /// The data of those.
    data: &'a [u8],
    primary: RedundantBlock<'a>,
}

impl<'a> RedundantPayload<'a> {
    /// Reads a payload; `None` if its lengths do not add up. Allocates nothing.
    pub fn parse(bytes: &'a [u8]) -> Option<Self> {
        let mut rest = bytes;
        let mut length = 0_usize;
        while rest.first()? & 0x80 != 0 {
            let (header, after) = rest.split_at_checked(4)?;
            length = length.checked_add(fields(header)?.1)?;
            rest = after;
        }
        let headers = bytes.get(..bytes.len().checked_sub(rest.len())?)?;
        let (&last, rest) = rest.split_first()?;
        let (data, payload) = rest.split_at_checked(length)?;
        Some(Self {
            headers,
            data,
            primary: RedundantBlock {
                payload_type: PayloadType(last),
                offset: 0,
                payload,
            },
        })
    }

    /// The block that the packet's own timestamp belongs to.
    pub fn primary(&self) -> RedundantBlock<'a> {
        self.primary
    }

    /// The other blocks in the order of the packet: the oldest first.
    pub fn redundant(&self) -> impl Iterator<Item = RedundantBlock<'a>> + use<'a> {
        let mut data = self.data;
        self.headers.chunks_exact(4).map_while(move |header| {
            let (offset, length) = fields(header)?;
            let (payload, after) = data.split_at_checked(length)?;
            data = after;
            Some(RedundantBlock {
                payload_type: PayloadType(header.first()? & 0x7f),
                offset,
                payload,
            })
        })
    }
}

/// Offset and length of a redundant block's header.
fn fields(header: &[u8]) -> Option<(u32, usize)> {
    let word = u32::from_be_bytes(header.try_into().ok()?);
    let length = usize::try_from(word & 0x3ff).ok()?;
    Some(((word >> 10) & OFFSET_AT_MOST, length))
}

/// What was sent lately, for the packets that follow.
#[derive(Debug, Default)]
pub(crate) struct RedundancyWriter {
    /// The oldest first.
    sent: VecDeque<Sent>,
    free: Vec<Vec<u8>>,
    payload: Vec<u8>,
}

#[derive(Debug)]
struct Sent {
    timestamp: u32,
    payload_type: PayloadType,
    payload: Vec<u8>,
}

impl RedundancyWriter {
    /// What comes next is not to be filled from what was sent: silence, a key or another codec lies between.
    pub(crate) fn restart(&mut self) {
        self.free
            .extend(self.sent.drain(..).map(|sent| sent.payload));
    }

    /// The payload with `generations` of older ones before it, as far as they are known and fit. The one given is kept for
    /// the packets that follow. In steady state nothing is allocated.
    pub(crate) fn write(
        &mut self,
        payload_type: PayloadType,
        timestamp: u32,
        payload: &[u8],
        generations: u8,
    ) -> &[u8] {
        let generations = usize::from(generations.min(GENERATIONS_AT_MOST));
        self.forget(timestamp, payload.len(), generations);
        self.payload.clear();
        for sent in &self.sent {
            let offset = timestamp.wrapping_sub(sent.timestamp) & OFFSET_AT_MOST;
            let length = u32::try_from(sent.payload.len()).unwrap_or(0);
            let header =
                0x8000_0000 | u32::from(sent.payload_type.0 & 0x7f) << 24 | offset << 10 | length;
            self.payload.extend_from_slice(&header.to_be_bytes());
        }
        self.payload.push(payload_type.0 & 0x7f);
        for sent in &self.sent {
            self.payload.extend_from_slice(&sent.payload);
        }
        self.payload.extend_from_slice(payload);
        self.keep(payload_type, timestamp, payload);
        &self.payload
    }

    /// Leaves out what is too old, too much or too large to go with a payload of `length` bytes.
    fn forget(&mut self, timestamp: u32, length: usize, generations: usize) {
        let too_old = |sent: &Sent| timestamp.wrapping_sub(sent.timestamp) > OFFSET_AT_MOST;
        let total = |sent: &VecDeque<Sent>| {
            sent.iter()
                .map(|sent| sent.payload.len().saturating_add(4))
                .fold(length.saturating_add(1), usize::saturating_add)
        };
        while self.sent.len() > generations
            || self.sent.front().is_some_and(too_old)
            || (!self.sent.is_empty() && total(&self.sent) > PAYLOAD_AT_MOST)
        {
            self.free
                .extend(self.sent.pop_front().map(|sent| sent.payload));
        }
    }

    fn keep(&mut self, payload_type: PayloadType, timestamp: u32, payload: &[u8]) {
        if payload.len() > LENGTH_AT_MOST {
            // It cannot be repeated, and what is older would no longer adjoin.
            return self.restart();
        }
        let mut copy = self.free.pop().unwrap_or_default();
        copy.clear();
        copy.extend_from_slice(payload);
        self.sent.push_back(Sent {
            timestamp,
            payload_type,
            payload: copy,
        });
    }
}

/// Which packets of a stream came, to tell what a redundant block is needed for.
#[derive(Debug, Default)]
pub(crate) struct Arrivals {
    /// The newest packet.
    newest: Option<Newest>,
    /// Bit n: the packet n before the newest came, or was recovered.
    arrived: u64,
}

#[derive(Debug, Clone, Copy)]
struct Newest {
    sequence: u16,
    timestamp: u32,
}

impl Arrivals {
    /// Another stream, or another count.
    pub(crate) fn restart(&mut self) {
        *self = Self::default();
    }

    /// A packet came, or was recovered.
    pub(crate) fn note(&mut self, sequence: u16, timestamp: u32) {
        let ahead = self
            .newest
            .map_or(i16::MAX, |newest| distance(newest.sequence, sequence));
        if ahead > 0 {
            let shifted = self.arrived.checked_shl(ahead.unsigned_abs().into());
            // What is before the first packet counts as there: the stream begins with it.
            let before = if self.newest.is_none() { u64::MAX } else { 0 };
            self.arrived = shifted.unwrap_or(before) | 1;
            self.newest = Some(Newest {
                sequence,
                timestamp,
            });
        } else {
            self.mark(ahead.unsigned_abs());
        }
    }

    /// The sequence number of a block that is `back` blocks before the primary of packet `sequence`, if that packet is missing.
    /// RFC 2198 does not carry it: it follows from the block's age, in packets of `frame` units, counted from the newest packet
    /// on the near side of it, so that a pause in the talk is not taken for packets.
    pub(crate) fn missing(
        &self,
        sequence: u16,
        timestamp: u32,
        back: u16,
        offset: u32,
        frame: u32,
    ) -> Option<u16> {
        let newest = self.newest?;
        let gap = distance(newest.sequence, sequence);
        if offset == 0 || gap == 0 {
            return None;
        }
        let age = timestamp.wrapping_sub(offset);
        let of_gap = age.wrapping_sub(newest.timestamp).cast_signed() > 0 && gap > 0;
        let number = if of_gap {
            // Between the newest and this packet.
            let by_time =
                packets(offset, frame).filter(|&packets| i32::from(packets) < i32::from(gap));
            let packets = by_time.or_else(|| (i32::from(back) < i32::from(gap)).then_some(back))?;
            sequence.wrapping_sub(packets)
        } else if gap > 0 {
            let packets = packets(newest.timestamp.wrapping_sub(age), frame)?;
            newest.sequence.wrapping_sub(packets)
        } else {
            // A packet that was overtaken.
            sequence.wrapping_sub(packets(offset, frame)?)
        };
        (!self.has(number)).then_some(number)
    }

    fn mark(&mut self, age: u16) {
        self.arrived |= 1_u64.checked_shl(age.into()).unwrap_or(0);
    }

    fn has(&self, sequence: u16) -> bool {
        let Some(newest) = self.newest else {
            return true;
        };
        let ahead = distance(newest.sequence, sequence);
        if ahead > 0 {
            return false;
        }
        let bit = self.arrived.checked_shr(ahead.unsigned_abs().into());
        // What is so old is of no use to anybody.
        bit.is_none_or(|bits| bits & 1 != 0)
    }
}

/// How far `to` is ahead of `from`.
fn distance(from: u16, to: u16) -> i16 {
    to.wrapping_sub(from).cast_signed()
}

/// A time in whole packets; `None` if it is none of those.
fn packets(units: u32, frame: u32) -> Option<u16> {
    let packets = units.checked_div(frame)?;
    let whole = units.checked_rem(frame)? == 0;
    u16::try_from(packets).ok().filter(|_| whole)
}

#[cfg(test)]
#[allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects
)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const PCMU: PayloadType = PayloadType(0);

    fn blocks(bytes: &[u8]) -> Vec<(u8, u32, Vec<u8>)> {
        let payload = RedundantPayload::parse(bytes).unwrap();
        payload
            .redundant()
            .chain([payload.primary()])
            .map(|block| (block.payload_type.0, block.offset, block.payload.to_vec()))
            .collect()
    }

    #[test]
    fn older_payloads_go_before_the_newest() {
        let mut writer = RedundancyWriter::default();
        let first = writer.write(PCMU, u32::MAX - 159, &[1; 4], 2).to_vec();
        assert_eq!(blocks(&first), [(0, 0, vec![1; 4])]);
        writer.write(PCMU, 0, &[2; 3], 2);
        let third = writer.write(PCMU, 160, &[3; 4], 2).to_vec();
        let expected = [
            (0, 320, vec![1; 4]),
            (0, 160, vec![2; 3]),
            (0, 0, vec![3; 4]),
        ];
        assert_eq!(blocks(&third), expected);
        // RFC 2198 section 3: F and type, then offset and length of the first block.
        assert_eq!(third[..4], [0x80, 0x05, 0x00, 0x04]);
        let fourth = writer.write(PCMU, 320, &[4], 2).to_vec();
        assert_eq!(blocks(&fourth)[0], (0, 320, vec![2; 3]), "two generations");
    }

    #[test]
    fn what_does_not_fit_is_left_out() {
        let mut writer = RedundancyWriter::default();
        writer.write(PCMU, 0, &[1; 480], 2);
        writer.write(PCMU, 480, &[2; 480], 2);
        let third = writer.write(PCMU, 960, &[3; 480], 2).to_vec();
        assert_eq!(
            blocks(&third).len(),
            2,
            "three times 480 are more than a packet holds"
        );
        let late = writer.write(PCMU, 960 + 20_000, &[4], 2).to_vec();
        assert_eq!(blocks(&late).len(), 1, "the offset has 14 bits");
        writer.write(PCMU, 21_120, &[5; 1_100], 1);
        let after = writer.write(PCMU, 21_280, &[6], 1).to_vec();
        assert_eq!(blocks(&after).len(), 1, "the length has 10 bits");
        writer.restart();
        let again = writer.write(PCMU, 21_440, &[7], 1).to_vec();
        assert_eq!(blocks(&again).len(), 1, "silence lies between");
    }

    #[test]
    fn lengths_that_do_not_add_up_are_refused() {
        for bytes in [
            &[][..],
            &[0x80],
            &[0x80, 0, 0],
            &[0x80, 0, 0, 0],
            &[0x80, 0, 0, 5, 0, 1, 2, 3, 4],
            &[0x80, 0, 0, 0, 0x80],
        ] {
            assert_eq!(RedundantPayload::parse(bytes), None, "{bytes:02x?}");
        }
        assert_eq!(blocks(&[0]), [(0, 0, vec![])]);
    }

    fn arrivals(packets: &[(u16, u32)]) -> Arrivals {
        let mut arrivals = Arrivals::default();
        for &(sequence, timestamp) in packets {
            arrivals.note(sequence, timestamp);
        }
        arrivals
    }

    #[test]
    fn a_block_is_needed_where_its_packet_is_missing() {
        let known = arrivals(&[(65_534, 1_000), (65_535, 1_160)]);
        // 0 is missing, 1 comes with 0 and 65 535.
        assert_eq!(known.missing(1, 1_480, 1, 160, 160), Some(0));
        assert_eq!(known.missing(1, 1_480, 2, 320, 160), None, "it is there");
        // 0 and 1 are missing, 2 comes with one block of two packets ago.
        assert_eq!(known.missing(2, 1_640, 1, 320, 160), Some(0));
        assert_eq!(
            arrivals(&[]).missing(5, 0, 1, 160, 160),
            None,
            "before the first"
        );
        assert_eq!(arrivals(&[(5, 800)]).missing(6, 960, 2, 320, 160), None);
    }

    #[test]
    fn an_older_hole_is_filled_behind_the_newest() {
        let known = arrivals(&[(10, 1_600), (12, 1_920)]);
        assert_eq!(known.missing(13, 2_080, 2, 320, 160), Some(11));
        assert_eq!(known.missing(13, 2_080, 1, 160, 160), None);
        let filled = arrivals(&[(10, 1_600), (12, 1_920), (11, 1_760)]);
        assert_eq!(filled.missing(13, 2_080, 2, 320, 160), None);
    }

    #[test]
    fn a_pause_is_not_taken_for_packets() {
        // Ten packet times of silence between 10 and 12, of which 11 was the first word.
        let known = arrivals(&[(10, 1_600)]);
        assert_eq!(known.missing(12, 3_360, 1, 160, 160), Some(11));
        // The last packet before the pause repeated after it.
        assert_eq!(known.missing(11, 3_200, 1, 1_600, 160), None);
        let known = arrivals(&[(8, 1_280), (9, 1_440)]);
        assert_eq!(known.missing(11, 3_200, 1, 1_600, 160), Some(10));
    }

    proptest! {
        #[test]
        fn any_payload_is_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            if let Some(payload) = RedundantPayload::parse(&bytes) {
                let held: usize = payload.redundant().map(|block| block.payload.len() + 4).sum();
                prop_assert_eq!(held + 1 + payload.primary().payload.len(), bytes.len());
            }
        }

        #[test]
        fn what_is_written_is_what_is_read(
            payloads in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..500), 1..12),
            start: u32,
            generations in 0_u8..6,
        ) {
            let mut writer = RedundancyWriter::default();
            for (index, payload) in payloads.iter().enumerate() {
                let timestamp = start.wrapping_add(160 * index as u32);
                let bytes = writer.write(PCMU, timestamp, payload, generations).to_vec();
                let read = blocks(&bytes);
                prop_assert!(read.len() <= 1 + usize::from(generations.min(GENERATIONS_AT_MOST)));
                let total: usize = read.iter().map(|block| block.2.len()).sum();
                prop_assert!(total <= PAYLOAD_AT_MOST.max(payload.len()));
                for (back, block) in read.iter().rev().enumerate() {
                    prop_assert_eq!(block.1, 160 * back as u32);
                    prop_assert_eq!(&block.2, &payloads[index - back]);
                }
            }
        }
    }
}
