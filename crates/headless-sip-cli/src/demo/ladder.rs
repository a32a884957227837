//! The ladder of the demo: what both clients saw of the SIP messages, put together.

use std::collections::HashMap;
use std::time::Instant;

use headless_sip::{TraceDirection, TracedMessage};

use crate::report::{Ladder, LadderMessage, LadderNote, MessageKind};

/// Where the telephone system stands between the two.
const PBX: usize = 1;

/// Joins the traces of the left and the right client into one ladder, in the order of time.
pub(super) fn join(
    names: [&str; 2],
    traces: [&[TracedMessage]; 2],
    notes: Vec<LadderNote>,
    origin: Instant,
) -> Ladder {
    let mut messages: Vec<LadderMessage> = Vec::new();
    for (index, trace) in traces.into_iter().enumerate() {
        let party = index * 2;
        let mut dialogs = Dialogs::default();
        messages.extend(trace.iter().map(|traced| {
            let (from, to) = match traced.direction {
                TraceDirection::Sent => (party, PBX),
                TraceDirection::Received => (PBX, party),
            };
            let (label, detail, kind) = dialogs.describe(traced);
            LadderMessage {
                at: traced.at.saturating_duration_since(origin).as_secs_f64(),
                from,
                to,
                label,
                detail,
                kind,
            }
        }));
    }
    messages.sort_by(|a, b| a.at.total_cmp(&b.at));
    let [left, right] = names;
    Ladder {
        participants: vec![left.into(), "PBX".into(), right.into()],
        messages,
        notes,
    }
}

/// What is known of each dialog, so that the same method can be told by its purpose.
#[derive(Default)]
struct Dialogs {
    states: HashMap<String, Dialog>,
}

#[derive(Default)]
struct Dialog {
    challenged: bool,
    established: bool,
}

impl Dialogs {
    fn describe(&mut self, traced: &TracedMessage) -> (String, String, MessageKind) {
        let method = traced
            .cseq
            .split_whitespace()
            .next_back()
            .unwrap_or_default();
        let dialog = self.states.entry(traced.call_id.clone()).or_default();
        match status(&traced.start_line) {
            Some((status, text)) => {
                dialog.challenged |= matches!(status, 401 | 407);
                dialog.established |= status == 200 && matches!(method, "INVITE" | "REGISTER");
                (
                    text.to_owned(),
                    method.to_owned(),
                    MessageKind::of_status(status),
                )
            }
            None => {
                let detail = dialog.purpose(method);
                (method.to_owned(), detail.to_owned(), MessageKind::Request)
            }
        }
    }
}

impl Dialog {
    fn purpose(&mut self, method: &str) -> &'static str {
        // The ACK of a refused INVITE comes between the challenge and the answer to it.
        let after_challenge = method != "ACK" && std::mem::take(&mut self.challenged);
        match method {
            "INVITE" if self.established => "changes the call",
            "REGISTER" if self.established => "leaves",
            "INVITE" | "REGISTER" if after_challenge => "with the answer to the challenge",
            "INVITE" => "offers sound",
            "BYE" => "hangs up",
            _ => "",
        }
    }
}

/// Status code, and code with words, of a status line (RFC 3261 section 7.2).
fn status(start_line: &str) -> Option<(u16, &str)> {
    let text = start_line.strip_prefix("SIP/2.0 ")?;
    let code = text.get(..3)?.parse().ok()?;
    Some((code, text.trim_end()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn traced(
        at: Instant,
        direction: TraceDirection,
        start_line: &str,
        cseq: &str,
    ) -> TracedMessage {
        TracedMessage {
            at,
            direction,
            peer: None,
            start_line: start_line.into(),
            cseq: cseq.into(),
            call_id: "x".into(),
        }
    }

    #[test]
    fn both_traces_become_one_ladder_told_by_purpose() {
        use TraceDirection::{Received, Sent};
        let origin = Instant::now();
        let at = |ms| origin + Duration::from_millis(ms);
        let left = [
            traced(at(1), Sent, "INVITE sip:bob@pbx SIP/2.0", "1 INVITE"),
            traced(
                at(2),
                Received,
                "SIP/2.0 407 Proxy Authentication Required",
                "1 INVITE",
            ),
            traced(at(3), Sent, "ACK sip:bob@pbx SIP/2.0", "1 ACK"),
            traced(at(4), Sent, "INVITE sip:bob@pbx SIP/2.0", "2 INVITE"),
            traced(at(9), Received, "SIP/2.0 200 OK", "2 INVITE"),
            traced(at(20), Sent, "INVITE sip:bob@pbx SIP/2.0", "3 INVITE"),
        ];
        let right = [traced(
            at(6),
            Received,
            "INVITE sip:bob@1.2.3.4 SIP/2.0",
            "2 INVITE",
        )];
        let ladder = join(["alice", "bob"], [&left, &right], Vec::new(), origin);
        let told: Vec<String> = ladder
            .messages
            .iter()
            .map(|m| format!("{:.3} {}>{} {} ({})", m.at, m.from, m.to, m.label, m.detail))
            .collect();
        expect_test::expect![[r#"
            0.001 0>1 INVITE (offers sound)
            0.002 1>0 407 Proxy Authentication Required (INVITE)
            0.003 0>1 ACK ()
            0.004 0>1 INVITE (with the answer to the challenge)
            0.006 1>2 INVITE (offers sound)
            0.009 1>0 200 OK (INVITE)
            0.020 0>1 INVITE (changes the call)"#]]
        .assert_eq(&told.join("\n"));
    }

    #[test]
    fn a_broken_status_line_is_no_panic() {
        assert_eq!(status("SIP/2.0 "), None);
        assert_eq!(status("SIP/2.0 2\u{e9}"), None);
        assert_eq!(status("SIP/2.0 200"), Some((200, "200")));
    }
}
