//! The ladder of the demo: the SIP messages as the telephone system saw them, each told by its purpose.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::time::Instant;

use crate::report::{Ladder, LadderMessage, LadderNote, MessageKind};

/// Where the telephone system stands between the two.
const PBX: usize = 1;

/// One message as the telephone system saw it.
#[derive(Debug, Clone)]
pub(super) struct Seen {
    /// When it passed.
    pub at: Instant,
    /// Sent by the telephone system, or received.
    pub sent: bool,
    /// The client at the other end.
    pub peer: SocketAddr,
    /// Request line or status line.
    pub start_line: String,
    /// The method, for a response that of its request.
    pub method: String,
    /// Call-ID.
    pub call_id: String,
}

/// Draws what passed between the telephone system and the client on its left and that on its right.
pub(super) fn draw(
    names: [&str; 2],
    addresses: [SocketAddr; 2],
    seen: &[Seen],
    notes: Vec<LadderNote>,
    origin: Instant,
) -> Ladder {
    let mut dialogs = Dialogs::default();
    let messages = seen.iter().filter_map(|message| {
        let party = addresses
            .iter()
            .position(|address| *address == message.peer)?
            * 2;
        let (from, to) = if message.sent {
            (PBX, party)
        } else {
            (party, PBX)
        };
        let (label, detail, kind) = dialogs.describe(party, message);
        Some(LadderMessage {
            at: message.at.saturating_duration_since(origin).as_secs_f64(),
            from,
            to,
            label,
            detail,
            kind,
        })
    });
    let [left, right] = names;
    Ladder {
        messages: messages.collect(),
        participants: vec![left.into(), "PBX".into(), right.into()],
        notes,
    }
}

/// What is known of each dialog, so that the same method can be told by its purpose.
#[derive(Default)]
struct Dialogs {
    states: HashMap<(usize, String), Dialog>,
}

#[derive(Default)]
struct Dialog {
    challenged: bool,
    established: bool,
}

impl Dialogs {
    fn describe(&mut self, party: usize, message: &Seen) -> (String, String, MessageKind) {
        let method = message.method.as_str();
        let dialog = self
            .states
            .entry((party, message.call_id.clone()))
            .or_default();
        match status(&message.start_line) {
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

    #[test]
    fn messages_are_told_by_purpose_and_drawn_between_the_right_two() {
        let origin = Instant::now();
        let [alice, bob, other]: [SocketAddr; 3] =
            [1, 2, 3].map(|port| ([127, 0, 0, 1], port).into());
        let seen = [
            (1, alice, false, "INVITE sip:bob@pbx SIP/2.0", "INVITE"),
            (
                2,
                alice,
                true,
                "SIP/2.0 407 Proxy Authentication Required",
                "INVITE",
            ),
            (3, alice, false, "ACK sip:bob@pbx SIP/2.0", "ACK"),
            (4, alice, false, "INVITE sip:bob@pbx SIP/2.0", "INVITE"),
            (5, other, false, "OPTIONS sip:pbx SIP/2.0", "OPTIONS"),
            (6, bob, true, "INVITE sip:bob@1.2.3.4 SIP/2.0", "INVITE"),
            (8, bob, false, "SIP/2.0 200 OK", "INVITE"),
            (9, alice, true, "SIP/2.0 200 OK", "INVITE"),
            (20, alice, false, "INVITE sip:bob@pbx SIP/2.0", "INVITE"),
        ]
        .map(|(ms, peer, sent, start_line, method)| Seen {
            at: origin + Duration::from_millis(ms),
            sent,
            peer,
            start_line: start_line.into(),
            method: method.into(),
            call_id: "x".into(),
        });
        let ladder = draw(["alice", "bob"], [alice, bob], &seen, Vec::new(), origin);
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
            0.008 2>1 200 OK (INVITE)
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
