//! What the outside of an Opus packet tells (RFC 6716 section 3).
#![deny(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects
)]

/// RFC 6716 section 3.4, R5: a packet holds at most 120 ms.
const MOST_MICROSECONDS: u32 = 120_000;
/// RFC 6716 section 3.4, R2: no frame is longer.
const MOST_FRAME_BYTES: usize = 1275;

/// The outside of a packet: how much audio is in it, and of which kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Packet<'a> {
    /// Duration of each frame in microseconds.
    frame_microseconds: u32,
    frame_count: u32,
    /// Frames of the CELT layer alone carry no redundancy.
    celt_only: bool,
    stereo: bool,
    first_frame: &'a [u8],
}

impl<'a> Packet<'a> {
    /// Reads a packet's table of contents and finds its first frame; `None` if
    /// the packet breaks the rules of RFC 6716 section 3.4.
    pub(super) fn parse(bytes: &'a [u8]) -> Option<Self> {
        let (&toc, rest) = bytes.split_first()?;
        let (frame_count, first_frame) = match toc & 3 {
            0 => (1, rest),
            // R3: two frames of equal length.
            1 if rest.len().is_multiple_of(2) => (2, rest.get(..rest.len() / 2)?),
            1 => return None,
            // R4: two frames, the length of the first before both.
            2 => {
                let (length, rest) = frame_length(rest)?;
                (2, rest.get(..length)?)
            }
            _ => counted_frames(rest)?,
        };
        if first_frame.len() > MOST_FRAME_BYTES {
            return None;
        }
        let configuration = toc >> 3;
        let packet = Packet {
            frame_microseconds: frame_microseconds(configuration),
            frame_count,
            celt_only: configuration >= 16,
            stereo: toc & 4 != 0,
            first_frame,
        };
        (packet.microseconds() <= MOST_MICROSECONDS).then_some(packet)
    }

    fn microseconds(&self) -> u32 {
        self.frame_microseconds.saturating_mul(self.frame_count)
    }

    /// Samples per channel in the packet at `sample_rate` Hz.
    pub(super) fn samples(&self, sample_rate: u32) -> usize {
        samples(self.microseconds(), sample_rate)
    }

    /// Samples per channel in one frame at `sample_rate` Hz.
    pub(super) fn frame_samples(&self, sample_rate: u32) -> usize {
        samples(self.frame_microseconds, sample_rate)
    }

    /// Whether the packet repeats the frame before it at low rate (RFC 6716
    /// section 4.2.4): the first bits of the first frame are the voice activity
    /// of each of its 20 ms, then the flag, for each channel.
    pub(super) fn has_redundancy(&self) -> bool {
        let Some(&first) = self.first_frame.first() else {
            return false;
        };
        let activity_bits = (self.frame_microseconds / 20_000).max(1);
        let flag_at = |bit: u32| {
            7u32.checked_sub(bit)
                .and_then(|shift| first.checked_shr(shift))
                .is_some_and(|bits| bits & 1 == 1)
        };
        let side = activity_bits.saturating_mul(2).saturating_add(1);
        !self.celt_only && (flag_at(activity_bits) || self.stereo && flag_at(side))
    }
}

/// R6 and R7: a count of frames, padding, and frames of one or many lengths.
fn counted_frames(rest: &[u8]) -> Option<(u32, &[u8])> {
    let (&header, mut rest) = rest.split_first()?;
    let count = header & 0x3F;
    if count == 0 {
        return None;
    }
    if header & 0x40 != 0 {
        rest = without_padding(rest)?;
    }
    if header & 0x80 == 0 {
        let count = usize::from(count);
        let length = rest.len().checked_div(count)?;
        if !rest.len().is_multiple_of(count) {
            return None;
        }
        return Some((count as u32, rest.get(..length)?));
    }
    // The lengths of all frames but the last come first.
    let mut first_length = None;
    let mut total = 0usize;
    for _ in 1..count {
        let (length, after) = frame_length(rest)?;
        first_length.get_or_insert(length);
        total = total.checked_add(length)?;
        rest = after;
    }
    if total > rest.len() {
        return None;
    }
    let first_length = first_length.unwrap_or(rest.len());
    Some((u32::from(count), rest.get(..first_length)?))
}

/// RFC 6716 section 3.2.5: 255 means 254 bytes of padding and another length.
fn without_padding(mut rest: &[u8]) -> Option<&[u8]> {
    let mut padding = 0usize;
    loop {
        let (&length, after) = rest.split_first()?;
        rest = after;
        if length < 255 {
            padding = padding.checked_add(length.into())?;
            break;
        }
        padding = padding.checked_add(254)?;
    }
    rest.get(..rest.len().checked_sub(padding)?)
}

/// RFC 6716 section 3.2.1: one byte up to 251, then two.
fn frame_length(bytes: &[u8]) -> Option<(usize, &[u8])> {
    let (&first, rest) = bytes.split_first()?;
    if first < 252 {
        return Some((first.into(), rest));
    }
    let (&second, rest) = rest.split_first()?;
    let length = usize::from(second)
        .checked_mul(4)?
        .checked_add(first.into())?;
    Some((length, rest))
}

/// RFC 6716 section 3.1, table 2.
fn frame_microseconds(configuration: u8) -> u32 {
    match (configuration, configuration & 3) {
        // SILK.
        (0..12, 0) => 10_000,
        (0..12, 1) => 20_000,
        (0..12, 2) => 40_000,
        (0..12, _) => 60_000,
        // Hybrid.
        (12..16, 0 | 2) => 10_000,
        (12..16, _) => 20_000,
        // CELT.
        (_, 0) => 2500,
        (_, 1) => 5000,
        (_, 2) => 10_000,
        (_, _) => 20_000,
    }
}

/// Exact for the rates of Opus, which are multiples of 400 Hz.
fn samples(microseconds: u32, sample_rate: u32) -> usize {
    let samples = u64::from(microseconds).saturating_mul(sample_rate.into());
    usize::try_from(samples / 1_000_000).unwrap_or(usize::MAX)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::arithmetic_side_effects)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn samples_48k(bytes: &[u8]) -> Option<usize> {
        Packet::parse(bytes).map(|packet| packet.samples(48_000))
    }

    #[test]
    fn the_length_of_a_packet_is_read_from_its_table_of_contents() {
        for (bytes, expected) in [
            (&[][..], None),
            // SILK wideband 20 ms, one frame.
            (&[9 << 3, 1, 2], Some(960)),
            (&[9 << 3], Some(960)),
            // CELT fullband 2.5 ms, two equal frames; and an odd rest.
            (&[28 << 3 | 1, 1, 2], Some(240)),
            (&[28 << 3 | 1, 1, 2, 3], None),
            // Two frames, the first of 1 byte, of 9 (too long), of 252 + 4 * 1.
            (&[1 << 3 | 2, 1, 7, 8], Some(1920)),
            (&[1 << 3 | 2, 9, 7, 8], None),
            (&[1 << 3 | 2, 252, 1, 0], None),
            (&[1 << 3 | 2, 252], None),
            // Counted frames: none, 3 of 40 ms, 4 of 40 ms (too much).
            (&[2 << 3 | 3, 0], None),
            (&[2 << 3 | 3], None),
            (&[2 << 3 | 3, 3, 1, 2, 3], Some(5760)),
            (&[2 << 3 | 3, 3, 1, 2, 3, 4], None),
            (&[2 << 3 | 3, 4, 1, 2, 3, 4], None),
            // Padding of 2, of 3 (too much), of 254 + more (torn).
            (&[2 << 3 | 3, 0x41, 2, 9, 0, 0], Some(1920)),
            (&[2 << 3 | 3, 0x41, 3, 0, 0], None),
            (&[2 << 3 | 3, 0x41, 255], None),
            // Frames of many lengths: 1, 2 and the rest; 5 and too little.
            (&[2 << 3 | 3, 0x83, 1, 2, 9, 9, 9, 9], Some(5760)),
            (&[2 << 3 | 3, 0x83, 1, 5, 9, 9], None),
        ] {
            assert_eq!(samples_48k(bytes), expected, "{bytes:?}");
        }
    }

    #[test]
    fn redundancy_is_told_by_the_flag_behind_the_voice_activity() {
        let has = |bytes: &[u8]| Packet::parse(bytes).unwrap().has_redundancy();
        assert!(has(&[9 << 3, 0b0100_0000]));
        assert!(!has(&[9 << 3, 0b1011_1111]));
        // 60 ms have three bits of activity.
        assert!(has(&[11 << 3, 0b0001_0000]));
        assert!(!has(&[11 << 3, 0b1110_1111]));
        // Stereo: the side channel's flag counts too.
        assert!(has(&[9 << 3 | 4, 0b0001_0000]));
        // CELT has none, an empty frame neither.
        assert!(!has(&[31 << 3, 0xFF]));
        assert!(!has(&[9 << 3]));
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
            if let Some(packet) = Packet::parse(&bytes) {
                prop_assert!(packet.samples(48_000) <= 5760);
                prop_assert_eq!(packet.samples(8000) * 6, packet.samples(48_000));
                packet.has_redundancy();
            }
        }
    }
}
