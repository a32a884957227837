//! What the command tells of a call, as data: with `--json` each event is one object a line.
//!
//! Field names are stable: programs read them. A figure that is not known is `null`, never left out.

use std::path::PathBuf;
use std::time::Duration;

use headless_sip::CallStats;
use serde::Serialize;

use crate::args::Transport;

/// One line of the command's output.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub(crate) enum Event {
    /// It is listened; the first line of a telephone system, and one more for each further transport of `answer`.
    Listening {
        /// IP and port.
        address: String,
        /// The transport; none for UDP and TCP.
        #[serde(skip_serializing_if = "Option::is_none")]
        transport: Option<Transport>,
    },
    /// The account is registered, or, at the telephone system, somebody has registered.
    Registered {
        /// Who, as a SIP URI.
        aor: String,
        /// Life that was granted, in seconds.
        expires_s: Option<u64>,
    },
    /// The registration is gone.
    Unregistered {
        /// Who, as a SIP URI.
        aor: String,
    },
    /// A call rings: at the far end when we called, here when we are called.
    Ringing {
        /// Whether we call or are called.
        direction: Direction,
        /// Identifies the call among several.
        call_id: String,
        /// Who calls, as a SIP URI.
        from: String,
        /// Who is called, as a SIP URI.
        to: String,
    },
    /// Sound arrives before the answer.
    EarlyMedia {
        /// Identifies the call among several.
        call_id: String,
    },
    /// The call stands.
    Answered {
        /// Identifies the call among several.
        call_id: String,
        /// The codec that was agreed on, in lower case.
        codec: String,
        /// From the start of the call to the answer, in milliseconds.
        setup_ms: f64,
    },
    /// The far end pressed a key.
    Dtmf {
        /// Identifies the call among several.
        call_id: String,
        /// One of 0-9, *, #, A-D.
        digit: char,
        /// How it came: `rfc4733`, `info` or `inband`.
        method: String,
    },
    /// The far end put us on hold.
    Held {
        /// Identifies the call among several.
        call_id: String,
    },
    /// The far end took us off hold.
    Resumed {
        /// Identifies the call among several.
        call_id: String,
    },
    /// A place in what we play has been sent.
    Mark {
        /// Identifies the call among several.
        call_id: String,
        /// Its name: `played` at the end of the playback.
        name: String,
    },
    /// The far end sent a text within the call.
    Message {
        /// Identifies the call among several.
        call_id: String,
        /// The text.
        text: String,
    },
    /// Somebody sent us a text outside any call.
    Text {
        /// Who, as a SIP URI; verified by nobody.
        from: String,
        /// The text.
        text: String,
    },
    /// How the transfer fares that we asked the far end for.
    Transfer {
        /// Identifies the call among several.
        call_id: String,
        /// What the third party answered; 100 while that is not known.
        status: u16,
        /// The words beside the status.
        reason: String,
        /// Nothing follows.
        done: bool,
    },
    /// The far end sends us to somebody else, and we go.
    TransferRequested {
        /// Identifies the call among several.
        call_id: String,
        /// To whom, as a SIP URI.
        target: String,
    },
    /// The far end starts or stops to speak (`--listen voice`). Times of what is heard count from the start of the media.
    Speech {
        /// Identifies the call among several.
        call_id: String,
        /// Whether it speaks now.
        speaking: bool,
        /// When it began or ended.
        at_ms: f64,
        /// How long it spoke; at the end.
        duration_ms: Option<f64>,
    },
    /// Both speak at once, or no more (`--listen talk-over`).
    TalkOver {
        /// Identifies the call among several.
        call_id: String,
        /// Whether both speak now.
        both: bool,
        /// When it began or ended.
        at_ms: f64,
        /// Who spoke first: `us` or `far_end`; at the beginning.
        interrupted: Option<String>,
        /// How long both spoke; at the end.
        duration_ms: Option<f64>,
    },
    /// A tone of the network (`--listen progress`), before the answer too.
    Tone {
        /// Identifies the call among several.
        call_id: String,
        /// `dial`, `ringback`, `busy`, `congestion`, `fax_calling`, `fax_answer`, or special information: `sit`, `sit_intercept`,
        /// `sit_vacant_code`, `sit_reorder`, `sit_no_circuit`.
        tone: String,
        /// Whether it sounds now.
        sounds: bool,
        /// When it began or ended.
        at_ms: f64,
    },
    /// Who seems to have answered (`--listen machine`).
    Answerer {
        /// Identifies the call among several.
        call_id: String,
        /// `human`, `machine` or `unknown`.
        answerer: String,
        /// How sure that is, 0 to 1.
        confidence: f64,
        /// It stays at that.
        is_final: bool,
        /// How long after the answer.
        after_ms: f64,
    },
    /// The machine beeps and records from now on (`--listen machine`).
    Beep {
        /// Identifies the call among several.
        call_id: String,
        /// Its frequency.
        hz: f64,
        /// When it ended, from the answer.
        after_ms: f64,
    },
    /// No sound arrives.
    NoMedia {
        /// Identifies the call among several.
        call_id: String,
        /// Why: `nothing_arrives`, `from_another_address`, `wrong_payload_type`, `srtp_expected`, `not_rtp`.
        cause: String,
        /// The same for a person.
        detail: String,
    },
    /// The figures so far; every few seconds.
    Quality {
        /// Identifies the call among several.
        call_id: String,
        /// The figures.
        stats: Stats,
    },
    /// The call is over, or never came to be.
    Ended {
        /// Identifies the call among several.
        call_id: String,
        /// Who ended it.
        by: EndedBy,
        /// The SIP status that ended it, where there was one.
        status: Option<u16>,
        /// The words beside the status, or what happened.
        reason: String,
        /// The figures; `null` when there was no media.
        stats: Option<Stats>,
        /// The recording, if one was written.
        recording: Option<PathBuf>,
    },
    /// At the telephone system: a call is passed on.
    Routed {
        /// Identifies the call among several.
        call_id: String,
        /// Who calls, as a SIP URI.
        from: String,
        /// Who is called, as a SIP URI.
        to: String,
    },
    /// At the telephone system: a call that was passed on is answered.
    Connected {
        /// Identifies the call among several.
        call_id: String,
    },
    /// At the telephone system: a call that was passed on is over.
    Cleared {
        /// Identifies the call among several.
        call_id: String,
        /// The SIP status that refused it; `null` when it was hung up.
        status: Option<u16>,
    },
    /// A step of the demo.
    Step {
        /// What happened.
        text: String,
    },
    /// The outcome of the demo; always its last line.
    Demo(Box<DemoOutcome>),
}

/// Who calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Direction {
    /// We call.
    Outgoing,
    /// We are called.
    Incoming,
}

/// Who ended a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum EndedBy {
    /// We did.
    Local,
    /// The far end did.
    Remote,
    /// Nobody: there was no answer in time.
    Timeout,
    /// Nobody: no sound arrived for too long.
    MediaTimeout,
    /// Nobody: the signalling failed on the way.
    Signaling,
}

/// The figures of a call. Packets are RTP packets; times are milliseconds.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct Stats {
    /// The codec, in lower case.
    pub codec: String,
    /// From the start of the call to the answer.
    pub setup_ms: f64,
    /// Packets that we sent.
    pub sent_packets: u64,
    /// Packets that arrived.
    pub received_packets: u64,
    /// Packets that never arrived.
    pub lost_packets: u64,
    /// Packets that arrived after their moment to be heard.
    pub late_packets: u64,
    /// Packets that never arrived and were heard all the same, from the redundancy of later ones (RFC 2198).
    pub recovered_packets: u64,
    /// Packets that arrived twice.
    pub duplicate_packets: u64,
    /// Sound that was invented in place of what did not arrive.
    pub concealed_ms: f64,
    /// Variation of the packets' delay (RFC 3550 section 6.4.1).
    pub jitter_ms: f64,
    /// To the far end and back, by RTCP; `null` until the far end has reported.
    pub round_trip_ms: Option<f64>,
    /// From a packet's arrival to its sound.
    pub playout_delay_ms: f64,
    /// Estimated opinion of a listener, 1 bad to 5 excellent; `null` while nothing has arrived.
    pub mos: Option<f64>,
    /// The same of who only listens: delay does not count.
    pub listening_mos: Option<f64>,
    /// The same of the far end about us; `null` until it has reported.
    pub remote_mos: Option<f64>,
    /// Mean length of bursts of loss (RFC 3611 section 4.7.2).
    pub burst_ms: f64,
    /// Share of packets in bursts that were not heard, 0 to 1.
    pub burst_density: f64,
    /// Packets of ours that the far end misses; `null` until it has reported.
    pub remote_lost_packets: Option<u64>,
    /// Jitter that the far end sees; `null` until it has reported.
    pub remote_jitter_ms: Option<f64>,
}

impl From<&CallStats> for Stats {
    fn from(stats: &CallStats) -> Self {
        Self {
            codec: stats.codec.to_lowercase(),
            setup_ms: millis(stats.setup),
            sent_packets: stats.sent_packets,
            received_packets: stats.received_packets,
            lost_packets: stats.lost_packets,
            late_packets: stats.late_packets,
            recovered_packets: stats.recovered_packets,
            duplicate_packets: stats.duplicate_packets,
            concealed_ms: millis(stats.concealed),
            jitter_ms: millis(stats.jitter),
            round_trip_ms: stats.round_trip.map(millis),
            playout_delay_ms: millis(stats.playout_delay),
            mos: stats.mos.map(hundredths),
            listening_mos: stats.listening_mos.map(hundredths),
            remote_mos: stats.remote_mos.map(hundredths),
            burst_ms: millis(stats.burst_duration),
            burst_density: hundredths(stats.burst_density),
            remote_lost_packets: stats.remote_lost_packets,
            remote_jitter_ms: stats.remote_jitter.map(millis),
        }
    }
}

impl From<headless_sip::EndedBy> for EndedBy {
    fn from(by: headless_sip::EndedBy) -> Self {
        match by {
            headless_sip::EndedBy::Local => Self::Local,
            headless_sip::EndedBy::Remote => Self::Remote,
            headless_sip::EndedBy::MediaTimeout => Self::MediaTimeout,
            _ => Self::Signaling,
        }
    }
}

fn hundredths(value: f32) -> f64 {
    (f64::from(value) * 100.0).round() / 100.0
}

/// Milliseconds, to the microsecond.
pub(crate) fn millis(duration: Duration) -> f64 {
    (duration.as_secs_f64() * 1_000_000.0).round() / 1_000.0
}

/// How the demo went.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct DemoOutcome {
    /// True only if what was heard is what was said.
    pub ok: bool,
    /// What was checked.
    pub checks: Vec<Check>,
    /// The caller's figures.
    pub caller: Stats,
    /// The called party's figures.
    pub callee: Stats,
    /// The digits that arrived.
    pub dtmf: String,
    /// The files that were written.
    pub files: Vec<PathBuf>,
}

/// One thing that the demo checked.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct Check {
    /// What was checked.
    pub name: String,
    /// Whether it held.
    pub ok: bool,
    /// What was measured against what was wanted.
    pub detail: String,
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub(crate) fn stats() -> Stats {
        Stats {
            codec: "pcmu".into(),
            setup_ms: 12.5,
            sent_packets: 500,
            received_packets: 490,
            lost_packets: 10,
            late_packets: 2,
            recovered_packets: 0,
            duplicate_packets: 1,
            concealed_ms: 240.0,
            jitter_ms: 3.25,
            round_trip_ms: None,
            playout_delay_ms: 40.0,
            mos: Some(4.1),
            listening_mos: Some(4.2),
            remote_mos: None,
            burst_ms: 60.0,
            burst_density: 0.4,
            remote_lost_packets: Some(0),
            remote_jitter_ms: Some(0.5),
        }
    }

    #[test]
    fn the_first_line_of_the_telephone_system_is_as_tools_expect_it() {
        let event = Event::Listening {
            address: "127.0.0.1:5060".into(),
            transport: None,
        };
        let line = serde_json::to_string(&event).expect("an event is serialisable");
        assert_eq!(line, r#"{"event":"listening","address":"127.0.0.1:5060"}"#);
    }

    #[test]
    fn an_ended_call_carries_all_its_figures() {
        let event = Event::Ended {
            call_id: "a@b".into(),
            by: EndedBy::Remote,
            status: Some(200),
            reason: "OK".into(),
            stats: Some(stats()),
            recording: None,
        };
        let line = serde_json::to_string(&event).expect("an event is serialisable");
        expect_test::expect![[r#"{"event":"ended","call_id":"a@b","by":"remote","status":200,"reason":"OK","stats":{"codec":"pcmu","setup_ms":12.5,"sent_packets":500,"received_packets":490,"lost_packets":10,"late_packets":2,"recovered_packets":0,"duplicate_packets":1,"concealed_ms":240.0,"jitter_ms":3.25,"round_trip_ms":null,"playout_delay_ms":40.0,"mos":4.1,"listening_mos":4.2,"remote_mos":null,"burst_ms":60.0,"burst_density":0.4,"remote_lost_packets":0,"remote_jitter_ms":0.5},"recording":null}"#]].assert_eq(&line);
    }

    #[test]
    fn a_digit_tells_its_method() {
        let event = Event::Dtmf {
            call_id: "a@b".into(),
            digit: '#',
            method: "rfc4733".into(),
        };
        let line = serde_json::to_string(&event).expect("an event is serialisable");
        assert_eq!(
            line,
            r##"{"event":"dtmf","call_id":"a@b","digit":"#","method":"rfc4733"}"##
        );
    }
}
