//! The VoIP metrics of RTCP extended reports (RFC 3611 section 4.7).
#![deny(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects
)]

use std::time::Duration;

use crate::units::Ssrc;

/// Length of the block in bytes, header included (RFC 3611 section 4.7).
pub(crate) const BLOCK_LEN: usize = 36;
/// Its type.
pub(crate) const BLOCK_TYPE: u8 = 7;
/// "Unavailable" of levels, factors and scores.
const UNAVAILABLE: u8 = 127;

/// How one side hears the other, from the start of its reception. `None` where that side does not know.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub struct VoipMetrics {
    /// The stream that is reported on.
    pub ssrc: Ssrc,
    /// Share of packets that never came, after recovery, 0 to 1.
    pub loss_rate: f32,
    /// Share of packets that came too late or were dropped, 0 to 1.
    pub discard_rate: f32,
    /// Share of packets lost or discarded within bursts, 0 to 1.
    pub burst_density: f32,
    /// Share of packets lost or discarded between bursts, 0 to 1.
    pub gap_density: f32,
    /// Mean duration of bursts, in whole ms.
    pub burst_duration: Duration,
    /// Mean duration of gaps, in whole ms.
    pub gap_duration: Duration,
    /// Round trip; zero when it is not known.
    pub round_trip: Duration,
    /// What the reporting end adds: capture and packets one way, jitter buffer and decoder the other.
    pub end_system_delay: Duration,
    /// Signal level in dBm0.
    pub signal_level: Option<i8>,
    /// Noise level in dBm0.
    pub noise_level: Option<i8>,
    /// Residual echo return loss in dB.
    pub echo_return_loss: Option<u8>,
    /// Played packets in a row that end a burst.
    pub gmin: u8,
    /// R factor of G.107, 0 to 100.
    pub r_factor: Option<u8>,
    /// R factor of a segment outside of this session, 0 to 100.
    pub external_r_factor: Option<u8>,
    /// Mean opinion score for listening, 1 to 5, in tenths.
    pub listening_mos: Option<f32>,
    /// Mean opinion score for conversation, 1 to 5, in tenths.
    pub mos: Option<f32>,
    /// Concealment and jitter buffer as the RX config octet states them (RFC 3611 section 4.7.6).
    pub receiver_config: u8,
    /// Delay that the jitter buffer aims at.
    pub jitter_buffer_nominal: Duration,
    /// The longest delay that it takes at present.
    pub jitter_buffer_maximum: Duration,
    /// The longest delay that it may ever take.
    pub jitter_buffer_absolute_maximum: Duration,
}

impl VoipMetrics {
    /// RX config: standard concealment, an adaptive jitter buffer, its rate not stated.
    pub(crate) const ADAPTIVE_WITH_CONCEALMENT: u8 = 0b1111_0000;

    /// Metrics of a stream without loss, of which no more is known.
    pub(crate) fn new(ssrc: Ssrc) -> Self {
        Self {
            ssrc,
            loss_rate: 0.0,
            discard_rate: 0.0,
            burst_density: 0.0,
            gap_density: 0.0,
            burst_duration: Duration::ZERO,
            gap_duration: Duration::ZERO,
            round_trip: Duration::ZERO,
            end_system_delay: Duration::ZERO,
            signal_level: None,
            noise_level: None,
            echo_return_loss: None,
            gmin: crate::burst_gap::GMIN,
            r_factor: None,
            external_r_factor: None,
            listening_mos: None,
            mos: None,
            receiver_config: Self::ADAPTIVE_WITH_CONCEALMENT,
            jitter_buffer_nominal: Duration::ZERO,
            jitter_buffer_maximum: Duration::ZERO,
            jitter_buffer_absolute_maximum: Duration::ZERO,
        }
    }

    /// Reads the block; `None` if it is not of this type and length.
    pub(crate) fn parse(block: &[u8]) -> Option<Self> {
        let block: &[u8; BLOCK_LEN] = block.try_into().ok()?;
        let [
            BLOCK_TYPE,
            _,
            0,
            8,
            s0,
            s1,
            s2,
            s3,
            loss,
            discard,
            burst_density,
            gap_density,
            b0,
            b1,
            g0,
            g1,
            r0,
            r1,
            e0,
            e1,
            signal,
            noise,
            echo,
            gmin,
            r,
            external,
            lq,
            cq,
            receiver_config,
            _,
            n0,
            n1,
            m0,
            m1,
            a0,
            a1,
        ] = *block
        else {
            return None;
        };
        let ms = |high, low| Duration::from_millis(u16::from_be_bytes([high, low]).into());
        Some(Self {
            ssrc: Ssrc(u32::from_be_bytes([s0, s1, s2, s3])),
            loss_rate: share(loss),
            discard_rate: share(discard),
            burst_density: share(burst_density),
            gap_density: share(gap_density),
            burst_duration: ms(b0, b1),
            gap_duration: ms(g0, g1),
            round_trip: ms(r0, r1),
            end_system_delay: ms(e0, e1),
            signal_level: known(signal).map(u8::cast_signed),
            noise_level: known(noise).map(u8::cast_signed),
            echo_return_loss: known(echo),
            gmin,
            r_factor: known(r).filter(|r| *r <= 100),
            external_r_factor: known(external).filter(|r| *r <= 100),
            listening_mos: score(lq),
            mos: score(cq),
            receiver_config,
            jitter_buffer_nominal: ms(n0, n1),
            jitter_buffer_maximum: ms(m0, m1),
            jitter_buffer_absolute_maximum: ms(a0, a1),
        })
    }

    /// The block.
    pub(crate) fn to_bytes(self) -> [u8; BLOCK_LEN] {
        let [s0, s1, s2, s3] = self.ssrc.0.to_be_bytes();
        let [b0, b1] = milliseconds(self.burst_duration);
        let [g0, g1] = milliseconds(self.gap_duration);
        let [r0, r1] = milliseconds(self.round_trip);
        let [e0, e1] = milliseconds(self.end_system_delay);
        let [n0, n1] = milliseconds(self.jitter_buffer_nominal);
        let [m0, m1] = milliseconds(self.jitter_buffer_maximum);
        let [a0, a1] = milliseconds(self.jitter_buffer_absolute_maximum);
        let level = |level: Option<i8>| level.map_or(UNAVAILABLE, i8::cast_unsigned);
        let factor = |factor: Option<u8>| factor.unwrap_or(UNAVAILABLE);
        [
            BLOCK_TYPE,
            0,
            0,
            8,
            s0,
            s1,
            s2,
            s3,
            of_256(self.loss_rate),
            of_256(self.discard_rate),
            of_256(self.burst_density),
            of_256(self.gap_density),
            b0,
            b1,
            g0,
            g1,
            r0,
            r1,
            e0,
            e1,
            level(self.signal_level),
            level(self.noise_level),
            factor(self.echo_return_loss),
            self.gmin,
            factor(self.r_factor),
            factor(self.external_r_factor),
            tenths(self.listening_mos),
            tenths(self.mos),
            self.receiver_config,
            0,
            n0,
            n1,
            m0,
            m1,
            a0,
            a1,
        ]
    }
}

fn share(of_256: u8) -> f32 {
    f32::from(of_256) / 256.0
}

/// RFC 3611 section 4.7.1: the integer part of the share times 256, at most 255.
fn of_256(share: f32) -> u8 {
    (share * 256.0) as u8
}

fn known(value: u8) -> Option<u8> {
    (value != UNAVAILABLE).then_some(value)
}

/// RFC 3611 section 4.7.5: 10 to 50.
fn score(tenths: u8) -> Option<f32> {
    (10..=50)
        .contains(&tenths)
        .then(|| f32::from(tenths) / 10.0)
}

fn tenths(score: Option<f32>) -> u8 {
    score.map_or(UNAVAILABLE, |score| {
        (score * 10.0).round().clamp(10.0, 50.0) as u8
    })
}

fn milliseconds(duration: Duration) -> [u8; 2] {
    u16::try_from(duration.as_millis())
        .unwrap_or(u16::MAX)
        .to_be_bytes()
}

#[cfg(test)]
#[allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects
)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_what_is_read() {
        let metrics = VoipMetrics {
            loss_rate: 0.25,
            discard_rate: 0.5,
            burst_density: 0.75,
            gap_density: 1.0 / 256.0,
            burst_duration: Duration::from_millis(260),
            gap_duration: Duration::from_millis(12_345),
            round_trip: Duration::from_millis(61),
            end_system_delay: Duration::from_millis(80),
            signal_level: Some(-30),
            noise_level: Some(-60),
            echo_return_loss: Some(55),
            r_factor: Some(93),
            listening_mos: Some(4.4),
            mos: Some(1.0),
            jitter_buffer_nominal: Duration::from_millis(40),
            jitter_buffer_maximum: Duration::from_millis(400),
            jitter_buffer_absolute_maximum: Duration::from_millis(500),
            ..VoipMetrics::new(Ssrc(0xdead_beef))
        };
        assert_eq!(VoipMetrics::parse(&metrics.to_bytes()), Some(metrics));
    }

    #[test]
    fn the_layout_is_that_of_the_rfc() {
        let bytes = VoipMetrics {
            loss_rate: 2.0,
            burst_duration: Duration::from_secs(100),
            r_factor: Some(80),
            ..VoipMetrics::new(Ssrc(1))
        }
        .to_bytes();
        assert_eq!(bytes[..8], [7, 0, 0, 8, 0, 0, 0, 1]);
        assert_eq!(bytes[8..12], [255, 0, 0, 0], "shares end at 255");
        assert_eq!(bytes[12..14], [0xff, 0xff], "durations end at 65 535 ms");
        assert_eq!(bytes[20..24], [127, 127, 127, 16]);
        assert_eq!(bytes[24..28], [80, 127, 127, 127]);
        assert_eq!(bytes[28], 0b1111_0000);
    }

    #[test]
    fn other_blocks_are_refused() {
        let bytes = VoipMetrics::new(Ssrc(1)).to_bytes();
        assert_eq!(VoipMetrics::parse(&bytes[..35]), None);
        let mut other = bytes;
        other[0] = 6;
        assert_eq!(VoipMetrics::parse(&other), None);
        let mut longer = bytes;
        longer[3] = 9;
        assert_eq!(VoipMetrics::parse(&longer), None);
    }
}
