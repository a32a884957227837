//! A ladder: who said what to whom, one line a message.

use std::{collections::VecDeque, fmt, time::Instant};

use super::peer_name;
use crate::{TraceDirection, TracedMessage};

/// Lines that are kept; the oldest go first.
const MAX_LINES: usize = 10_000;
/// Peers that have a rail of their own; what further ones say stands on the last rail.
const MAX_PEERS: usize = 6;
/// From one rail to the next, in characters.
const RAIL: usize = 36;

/// The ladder of a trace, ours on the left. Print it; its messages hold no secrets.
#[derive(Debug, Clone)]
pub struct Ladder {
    began: Instant,
    ours: String,
    peers: Vec<String>,
    lines: VecDeque<Line>,
}

#[derive(Debug, Clone)]
struct Line {
    seconds: f64,
    sent: bool,
    /// Which rail.
    peer: usize,
    label: String,
}

impl Ladder {
    /// A ladder without messages, whose times count from `began`.
    pub fn new(began: Instant) -> Ladder {
        Ladder {
            began,
            ours: String::new(),
            peers: Vec::new(),
            lines: VecDeque::new(),
        }
    }

    /// Adds a message.
    pub fn add(&mut self, message: &TracedMessage) {
        if self.ours.is_empty() {
            self.ours = message.local.to_string();
        }
        let name = peer_name(message);
        let known = self.peers.iter().position(|peer| *peer == name);
        let peer = known.unwrap_or_else(|| {
            if self.peers.len() < MAX_PEERS {
                self.peers.push(name);
            } else if let Some(last) = self.peers.last_mut() {
                *last = "others".to_owned();
            }
            self.peers.len().saturating_sub(1)
        });
        if self.lines.len() >= MAX_LINES {
            self.lines.pop_front();
        }
        let seconds = message.at.saturating_duration_since(self.began);
        self.lines.push_back(Line {
            seconds: seconds.as_secs_f64(),
            sent: message.direction == TraceDirection::Sent,
            peer,
            label: label(message),
        });
    }
}

/// The method, or the status with the method that it answers; and that a session description comes along.
fn label(message: &TracedMessage) -> String {
    let method = message.cseq.split_whitespace().last().unwrap_or("");
    let mut label = match message.start_line.strip_prefix("SIP/2.0 ") {
        Some(status) => format!("{} ({method})", status.trim()),
        None => method.to_owned(),
    };
    if message
        .message
        .lines()
        .any(|line| line.eq_ignore_ascii_case("Content-Type: application/sdp"))
    {
        label.push_str(" sdp");
    }
    label.replace(char::is_control, " ")
}

impl fmt::Display for Ladder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut head = " ".repeat(9);
        for name in [&self.ours].into_iter().chain(&self.peers) {
            head.push_str(&format!(" {name:<width$}", width = RAIL.saturating_sub(1)));
        }
        writeln!(f, "{}", head.trim_end())?;
        for line in &self.lines {
            let arrow = line.arrow();
            write!(f, "{:9.3} |{arrow}|", line.seconds)?;
            for _ in line.peer.saturating_add(1)..self.peers.len() {
                write!(f, "{:>RAIL$}", "|")?;
            }
            writeln!(f)?;
        }
        Ok(())
    }
}

impl Line {
    /// What stands between our rail and the peer's.
    fn arrow(&self) -> String {
        let width = RAIL
            .saturating_mul(self.peer.saturating_add(1))
            .saturating_sub(1);
        let most = RAIL.saturating_sub(8);
        let label: String = self.label.chars().take(most).collect();
        if self.sent {
            let tail = width.saturating_sub(label.chars().count().saturating_add(5));
            format!("-- {label} {}>", "-".repeat(tail))
        } else {
            let tail = width.saturating_sub(label.chars().count().saturating_add(5));
            format!("<- {label} {}", "-".repeat(tail.saturating_add(1)))
        }
    }
}
