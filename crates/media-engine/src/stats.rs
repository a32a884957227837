//! The figures of a call's media.

use std::time::Duration;

use rtp_media::RtpStats;

/// A codec's name in SDP, kept without an allocation so that figures can be copied on a media thread.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct CodecName {
    bytes: [u8; 15],
    len: u8,
}

impl CodecName {
    /// The first 15 bytes of `name`, as far as they are whole characters.
    pub fn new(name: &str) -> Self {
        let mut bytes = [0; 15];
        let len = (0..=name.len().min(bytes.len()))
            .rev()
            .find(|&at| name.is_char_boundary(at))
            .unwrap_or(0);
        bytes[..len].copy_from_slice(&name.as_bytes()[..len]);
        Self {
            bytes,
            len: len as u8,
        }
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.bytes[..usize::from(self.len)]).unwrap_or_default()
    }
}

impl Default for CodecName {
    fn default() -> Self {
        Self::new("")
    }
}

impl From<CodecName> for String {
    fn from(name: CodecName) -> Self {
        name.as_str().to_owned()
    }
}

impl std::fmt::Display for CodecName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(self.as_str())
    }
}

impl std::fmt::Debug for CodecName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        std::fmt::Debug::fmt(self.as_str(), f)
    }
}

/// A snapshot of a call's media. Counters run from the start of the call.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
#[non_exhaustive]
pub struct MediaStats {
    /// The codec we send, by its name in SDP.
    pub codec: CodecName,
    /// How long the media has been running.
    pub elapsed: Duration,
    /// RTP packets sent.
    pub sent_packets: u64,
    /// RTP packets received, duplicates and late ones included.
    pub received_packets: u64,
    /// Packets that never arrived.
    pub lost_packets: u64,
    /// Packets that arrived after their playout time.
    pub late_packets: u64,
    /// Packets that never arrived and were heard all the same, from the redundancy of later ones (RFC 2198).
    pub recovered_packets: u64,
    /// Packets received more than once.
    pub duplicate_packets: u64,
    /// Datagrams that were not let in: not RTP, malformed, foreign, of an unknown payload type.
    pub dropped_packets: u64,
    /// Audio that was invented because packets were missing.
    pub concealed: Duration,
    /// Interarrival jitter (RFC 3550 Appendix A.8).
    pub jitter: Duration,
    /// Latest round trip by RTCP; `None` until both sides have reported.
    pub round_trip: Option<Duration>,
    /// Delay that the jitter buffer and decoded audio add.
    pub playout_delay: Duration,
    /// Estimated mean opinion score of what we hear, in conversation: 1.0 to 4.5 (ITU-T G.107); `None` before any media.
    pub mos: Option<f32>,
    /// The same for who only listens: delay does not count.
    pub listening_mos: Option<f32>,
    /// What the peer hears of us, in conversation: as its extended reports say (RFC 3611), else estimated from its
    /// reports. `None` until it has reported.
    pub remote_mos: Option<f32>,
    /// Mean duration of bursts of loss (RFC 3611 section 4.7.2); zero without bursts.
    pub burst_duration: Duration,
    /// Share of packets within bursts that were not heard, 0 to 1.
    pub burst_density: f32,
    /// Mean duration of the gaps between bursts.
    pub gap_duration: Duration,
    /// Share of packets within gaps that were not heard, 0 to 1.
    pub gap_density: f32,
    /// Packets of ours that the peer says it lost; `None` until it has reported. Duplicates that
    /// outnumber losses count as none.
    pub remote_lost_packets: Option<u64>,
    /// Interarrival jitter that the peer sees; `None` until it has reported.
    pub remote_jitter: Option<Duration>,
    /// Received frames that the program did not read in time.
    pub dropped_frames: u64,
    /// Datagrams that the system refused to send.
    pub send_errors: u64,
    /// Time that was left out because this host was too busy to keep up.
    pub skipped: Duration,
}

/// What a session knows beside its RTP figures.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct SessionFigures {
    pub(crate) codec: CodecName,
    pub(crate) elapsed: Duration,
    pub(crate) concealed: Duration,
    pub(crate) peer_reported: bool,
    pub(crate) dropped_frames: u64,
    pub(crate) send_errors: u64,
    pub(crate) skipped: Duration,
}

impl MediaStats {
    pub(crate) fn new(session: SessionFigures, rtp: &RtpStats) -> Self {
        Self {
            codec: session.codec,
            elapsed: session.elapsed,
            sent_packets: rtp.sent_packets,
            received_packets: rtp.received_packets,
            lost_packets: rtp.lost_packets,
            late_packets: rtp.late_packets,
            recovered_packets: rtp.recovered_packets,
            duplicate_packets: rtp.duplicate_packets,
            dropped_packets: rtp.dropped.total(),
            concealed: session.concealed,
            jitter: rtp.jitter,
            round_trip: rtp.round_trip,
            playout_delay: rtp.playout_delay,
            mos: rtp.mos,
            listening_mos: rtp.listening_mos,
            remote_mos: rtp.remote_mos,
            burst_duration: rtp.burst_duration,
            burst_density: rtp.bursts.burst_density,
            gap_duration: rtp.gap_duration,
            gap_density: rtp.bursts.gap_density,
            remote_lost_packets: session
                .peer_reported
                .then(|| rtp.remote_lost_packets.max(0).unsigned_abs().into()),
            remote_jitter: session.peer_reported.then_some(rtp.remote_jitter),
            dropped_frames: session.dropped_frames,
            send_errors: session.send_errors,
            skipped: session.skipped,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codec_names_are_kept_whole_or_cut_between_characters() {
        assert_eq!(CodecName::new("PCMU").as_str(), "PCMU");
        assert_eq!(CodecName::new("").as_str(), "");
        assert_eq!(
            CodecName::new("a-very-long-codec-name").as_str(),
            "a-very-long-cod"
        );
        assert_eq!(CodecName::new("fourteen-bytesé").as_str(), "fourteen-bytes");
    }
}
