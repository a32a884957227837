//! Which source is the peer: symmetric RTP (RFC 4961) that cannot be talked into another source while this one lives.
//!
//! | datagram | while the current source lives | once it is silent for 200 ms |
//! |---|---|---|
//! | current address, current SSRC | taken | taken |
//! | current address, other SSRC | taken: the stream changed, at most once a second | taken |
//! | other address, current SSRC, sequence goes on | taken; media follows after 3 packets (NAT rebinding) | same |
//! | other address, other SSRC | dropped; but taken from the signalled address while it is awaited | taken after 3 in order |
//!
//! The first source is taken at once, so that no word is lost; media is sent to it from its third packet on. The address
//! that SDP named may still displace it until then.
#![deny(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects
)]

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use crate::units::Ssrc;

/// Valid packets from a source before media is sent there.
const CONFIRMED: u32 = 3;
/// A source that says nothing for so long may be displaced.
const SILENT: Duration = Duration::from_millis(200);
/// Streams of one address change no faster than this while both go on.
const SETTLED: Duration = Duration::from_secs(1);
/// After a re-INVITE named a new address, packets from the old one are on their way for so long.
const IN_FLIGHT: Duration = Duration::from_millis(500);
/// How far sequence numbers of one stream may lie apart when its address changes.
const SAME_SEQUENCE: u16 = 200;

/// What to do with a valid packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Of the current stream.
    Current,
    /// The first packet of the first stream.
    First,
    /// The first packet of another stream.
    NewStream { from: Ssrc },
    /// Not of the peer.
    Foreign,
}

#[derive(Debug, Clone, Copy)]
struct Stream {
    source: SocketAddr,
    ssrc: Ssrc,
    sequence: u16,
    last: Instant,
    since: Instant,
    /// Valid packets from this address.
    packets: u32,
}

/// A source that may become the current one.
#[derive(Debug, Clone, Copy)]
struct Candidate {
    source: SocketAddr,
    ssrc: Ssrc,
    sequence: u16,
    packets: u32,
}

#[derive(Debug)]
pub(crate) struct SourceLatch {
    symmetric: bool,
    /// What SDP named.
    signalled: SocketAddr,
    destination: SocketAddr,
    current: Option<Stream>,
    candidate: Option<Candidate>,
    /// The signalled address may take over at once.
    awaiting_signalled: bool,
    /// The old source may not draw media back before this.
    not_before: Option<Instant>,
}

impl SourceLatch {
    pub(crate) fn new(signalled: SocketAddr, symmetric: bool) -> Self {
        Self {
            symmetric,
            signalled,
            destination: signalled,
            current: None,
            candidate: None,
            awaiting_signalled: true,
            not_before: None,
        }
    }

    /// Where media goes.
    pub(crate) fn destination(&self) -> SocketAddr {
        self.destination
    }

    /// What SDP named.
    pub(crate) fn signalled(&self) -> SocketAddr {
        self.signalled
    }

    pub(crate) fn current(&self) -> Option<(SocketAddr, Ssrc)> {
        self.current.map(|stream| (stream.source, stream.ssrc))
    }

    /// A re-INVITE named another address: media goes there, and what is received now stays until it speaks.
    pub(crate) fn retarget(&mut self, now: Instant, signalled: SocketAddr) {
        if signalled == self.signalled {
            return;
        }
        self.signalled = signalled;
        self.destination = signalled;
        self.awaiting_signalled = true;
        self.not_before = now.checked_add(IN_FLIGHT);
        self.candidate = None;
    }

    /// A packet of a negotiated payload type.
    pub(crate) fn offer(
        &mut self,
        now: Instant,
        source: SocketAddr,
        ssrc: Ssrc,
        sequence: u16,
    ) -> Verdict {
        if !self.symmetric && source.ip() != self.signalled.ip() {
            return Verdict::Foreign;
        }
        let Some(stream) = self.current else {
            self.take(now, source, ssrc, sequence, 1);
            return Verdict::First;
        };
        match (stream.source == source, stream.ssrc == ssrc) {
            (true, true) => self.go_on(now, sequence),
            (true, false) => self.offer_other_ssrc(now, stream, ssrc, sequence),
            (false, true) => self.offer_other_address(now, stream, source, sequence),
            (false, false) => self.offer_stranger(now, stream, source, ssrc, sequence),
        }
    }

    /// Whether media goes elsewhere from now on: the address before and the address now.
    pub(crate) fn follow(&mut self, now: Instant) -> Option<(SocketAddr, SocketAddr)> {
        let stream = self.current?;
        let confirmed = stream.packets >= CONFIRMED
            && self.not_before.is_none_or(|not_before| now >= not_before);
        if !self.symmetric || !confirmed || stream.source == self.destination {
            return None;
        }
        let from = std::mem::replace(&mut self.destination, stream.source);
        self.not_before = None;
        self.awaiting_signalled = false;
        Some((from, stream.source))
    }

    fn take(&mut self, now: Instant, source: SocketAddr, ssrc: Ssrc, sequence: u16, packets: u32) {
        self.current = Some(Stream {
            source,
            ssrc,
            sequence,
            last: now,
            since: now,
            packets,
        });
        self.candidate = None;
        if source == self.signalled {
            self.awaiting_signalled = false;
        }
    }

    fn go_on(&mut self, now: Instant, sequence: u16) -> Verdict {
        if let Some(stream) = &mut self.current {
            stream.last = stream.last.max(now);
            stream.sequence = sequence;
            stream.packets = stream.packets.saturating_add(1);
            // Both addresses send: no rebinding.
            if self
                .candidate
                .is_some_and(|candidate| candidate.ssrc == stream.ssrc)
            {
                self.candidate = None;
            }
        }
        Verdict::Current
    }

    fn offer_other_ssrc(
        &mut self,
        now: Instant,
        stream: Stream,
        ssrc: Ssrc,
        sequence: u16,
    ) -> Verdict {
        let settled = now.saturating_duration_since(stream.since) >= SETTLED;
        if !settled && !is_silent(stream, now) && stream.packets >= CONFIRMED {
            return Verdict::Foreign;
        }
        self.take(
            now,
            stream.source,
            ssrc,
            sequence,
            stream.packets.saturating_add(1),
        );
        Verdict::NewStream { from: stream.ssrc }
    }

    fn offer_other_address(
        &mut self,
        now: Instant,
        stream: Stream,
        source: SocketAddr,
        sequence: u16,
    ) -> Verdict {
        let apart = sequence
            .wrapping_sub(stream.sequence)
            .min(stream.sequence.wrapping_sub(sequence));
        if apart > SAME_SEQUENCE {
            return Verdict::Foreign;
        }
        let packets = self.count(source, stream.ssrc, sequence);
        if packets >= CONFIRMED || (source == self.signalled && self.awaiting_signalled) {
            self.take(now, source, stream.ssrc, sequence, packets);
        }
        Verdict::Current
    }

    fn offer_stranger(
        &mut self,
        now: Instant,
        stream: Stream,
        source: SocketAddr,
        ssrc: Ssrc,
        sequence: u16,
    ) -> Verdict {
        let packets = self.count(source, ssrc, sequence);
        // Once the first source is confirmed at its own address, the one in SDP has had its chance.
        let awaited = source == self.signalled && self.awaiting_signalled;
        if awaited || (is_silent(stream, now) && packets >= CONFIRMED) {
            self.take(now, source, ssrc, sequence, packets);
            return Verdict::NewStream { from: stream.ssrc };
        }
        Verdict::Foreign
    }

    /// Packets in order from a candidate.
    fn count(&mut self, source: SocketAddr, ssrc: Ssrc, sequence: u16) -> u32 {
        let packets = match self.candidate {
            Some(c) if c.source == source && c.ssrc == ssrc => {
                let ahead = sequence.wrapping_sub(c.sequence);
                if (1..=SAME_SEQUENCE).contains(&ahead) {
                    c.packets.saturating_add(1)
                } else {
                    1
                }
            }
            _ => 1,
        };
        self.candidate = Some(Candidate {
            source,
            ssrc,
            sequence,
            packets,
        });
        packets
    }
}

fn is_silent(stream: Stream, now: Instant) -> bool {
    now.saturating_duration_since(stream.last) > SILENT
}

#[cfg(test)]
#[allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects
)]
mod tests {
    use super::*;

    #[allow(clippy::disallowed_methods, reason = "an Instant has no other source")]
    fn start() -> Instant {
        Instant::now()
    }

    fn address(name: char) -> SocketAddr {
        match name {
            's' => "192.0.2.1:4000",
            'n' => "198.51.100.7:31234",
            _ => "203.0.113.66:9",
        }
        .parse()
        .unwrap()
    }

    /// Packets as `(ms, source, ssrc, sequence)`; the answer is one letter per packet, then where media goes.
    /// F first, . current, N new stream, x foreign; `>` when media moved with this packet.
    fn run(latch: &mut SourceLatch, start: Instant, packets: &[(u64, char, u32, u16)]) -> String {
        let mut text = String::new();
        for &(ms, source, ssrc, sequence) in packets {
            let now = start + Duration::from_millis(ms);
            text.push(
                match latch.offer(now, address(source), Ssrc(ssrc), sequence) {
                    Verdict::First => 'F',
                    Verdict::Current => '.',
                    Verdict::NewStream { .. } => 'N',
                    Verdict::Foreign => 'x',
                },
            );
            if latch.follow(now).is_some() {
                text.push('>');
            }
        }
        text
    }

    fn check(name: &str, packets: &[(u64, char, u32, u16)], expected: &str, destination: char) {
        let mut latch = SourceLatch::new(address('s'), true);
        let text = run(&mut latch, start(), packets);
        assert_eq!(text, expected, "{name}");
        assert_eq!(latch.destination(), address(destination), "{name}");
    }

    #[test]
    fn sources_as_rows() {
        check(
            "as signalled",
            &[(0, 's', 1, 1), (20, 's', 1, 2)],
            "F.",
            's',
        );
        check(
            "behind NAT",
            &[
                (0, 'n', 1, 1),
                (20, 'n', 1, 2),
                (40, 'n', 1, 3),
                (60, 'n', 1, 4),
            ],
            "F..>.",
            'n',
        );
        check(
            "a stray packet first, then the signalled address",
            &[
                (0, 'x', 9, 1),
                (10, 's', 1, 1),
                (20, 'x', 9, 2),
                (30, 's', 1, 2),
            ],
            "FNx.",
            's',
        );
        check(
            "a stranger while the peer speaks",
            &[
                (0, 's', 1, 1),
                (10, 'x', 9, 1),
                (20, 's', 1, 2),
                (30, 'x', 9, 2),
                (40, 's', 1, 3),
                (50, 'x', 9, 3),
                (60, 'x', 9, 4),
            ],
            "Fx.x.xx",
            's',
        );
        check(
            "the peer moved with a new stream",
            &[
                (0, 's', 1, 1),
                (20, 's', 1, 2),
                (300, 'n', 2, 1),
                (320, 'n', 2, 2),
                (340, 'n', 2, 3),
                (360, 'n', 2, 4),
            ],
            "F.xxN>.",
            'n',
        );
        check(
            "rebinding of the same stream",
            &[
                (0, 's', 1, 1),
                (20, 's', 1, 2),
                (40, 'n', 1, 3),
                (60, 'n', 1, 4),
                (80, 'n', 1, 5),
                (100, 'n', 1, 6),
            ],
            "F....>.",
            'n',
        );
        check(
            "somebody who knows the SSRC but not the sequence",
            &[
                (0, 's', 1, 1),
                (20, 'x', 1, 30_000),
                (40, 'x', 1, 30_001),
                (60, 'x', 1, 30_002),
            ],
            "Fxxx",
            's',
        );
        check(
            "a new stream from the same address",
            &[
                (0, 's', 1, 1),
                (20, 's', 1, 2),
                (1_040, 's', 2, 900),
                (1_060, 's', 2, 901),
            ],
            "F.N.",
            's',
        );
    }

    #[test]
    fn two_streams_of_one_address_do_not_flap() {
        let mut latch = SourceLatch::new(address('s'), true);
        let packets: Vec<_> = (0..200_u16)
            .map(|n| (u64::from(n) * 10, 's', u32::from(n % 2), n))
            .collect();
        let text = run(&mut latch, start(), &packets);
        assert!(text.matches('N').count() <= 3, "{text}");
    }

    #[test]
    fn after_a_reinvite_the_new_address_takes_over_at_once() {
        let start = start();
        let mut latch = SourceLatch::new(address('s'), true);
        assert_eq!(
            run(
                &mut latch,
                start,
                &[(0, 's', 1, 1), (20, 's', 1, 2), (40, 's', 1, 3)]
            ),
            "F.."
        );
        latch.retarget(start + Duration::from_millis(50), address('n'));
        assert_eq!(latch.destination(), address('n'));
        // Packets on their way from the old address do not draw media back.
        assert_eq!(
            run(&mut latch, start, &[(60, 's', 1, 4), (80, 's', 1, 5)]),
            ".."
        );
        assert_eq!(latch.destination(), address('n'));
        assert_eq!(
            run(&mut latch, start, &[(100, 'n', 2, 50), (110, 's', 1, 6)]),
            "Nx"
        );
    }

    #[test]
    fn a_reinvite_with_a_wrong_address_does_not_lose_the_peer() {
        let start = start();
        let mut latch = SourceLatch::new(address('s'), true);
        run(
            &mut latch,
            start,
            &[(0, 's', 1, 1), (20, 's', 1, 2), (40, 's', 1, 3)],
        );
        latch.retarget(start + Duration::from_millis(50), address('n'));
        assert_eq!(
            run(&mut latch, start, &[(400, 's', 1, 20), (600, 's', 1, 30)]),
            "..>"
        );
        assert_eq!(latch.destination(), address('s'));
    }

    #[test]
    fn without_symmetry_only_the_signalled_host_is_taken() {
        let mut latch = SourceLatch::new(address('s'), false);
        let start = start();
        assert_eq!(run(&mut latch, start, &[(0, 'x', 1, 1)]), "x");
        let other_port = "192.0.2.1:5555".parse().unwrap();
        for n in 0..5 {
            assert_ne!(latch.offer(start, other_port, Ssrc(1), n), Verdict::Foreign);
            assert_eq!(latch.follow(start), None);
        }
        assert_eq!(latch.destination(), address('s'));
    }
}
