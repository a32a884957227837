//! Key presses in INFO requests, and one stream of presses where a peer sends each one in several ways.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use sip_signaling::Body;

use crate::DtmfMethod;

const RELAY: &str = "application/dtmf-relay";
const PLAIN: &str = "application/dtmf";

/// How long a press is held down where an INFO does not say it.
const USUAL: Duration = Duration::from_millis(160);

/// A press that comes by INFO, by RFC 4733 and as a tone comes within this; the RTP events of a long press come late.
const SAME_PRESS: Duration = Duration::from_secs(2);

/// As many presses as are remembered.
const MOST_KEPT: usize = 32;

/// The body of an INFO that presses `digit`, in the form that Cisco has made usual.
pub(crate) fn relay(digit: char, duration: Duration) -> Body {
    let text = format!("Signal={digit}\r\nDuration={}\r\n", duration.as_millis());
    Body::new(RELAY, text)
}

/// The short form, for peers that refuse the other with 415.
pub(crate) fn plain(digit: char) -> Body {
    Body::new(PLAIN, digit.to_string())
}

/// The key press in the body of an INFO, if it is one.
pub(crate) fn parse(body: &Body) -> Option<(char, Duration)> {
    let text = std::str::from_utf8(&body.bytes).ok()?;
    if body.is(PLAIN) {
        // Some peers send the relay form under this type.
        return relay_fields(text).or_else(|| Some((digit(text)?, USUAL)));
    }
    body.is(RELAY).then(|| relay_fields(text)).flatten()
}

fn relay_fields(text: &str) -> Option<(char, Duration)> {
    let field = |name: &str| {
        text.lines().find_map(|line| {
            let (key, value) = line.split_once(['=', ':'])?;
            key.trim().eq_ignore_ascii_case(name).then(|| value.trim())
        })
    };
    let duration = field("Duration")
        .and_then(|text| text.parse::<u16>().ok())
        .map_or(USUAL, |ms| Duration::from_millis(ms.into()));
    Some((digit(field("Signal")?)?, duration))
}

/// A key by its sign or by its event number (RFC 4733 section 3.2).
fn digit(text: &str) -> Option<char> {
    let text = text.trim();
    match text {
        "10" => return Some('*'),
        "11" => return Some('#'),
        "12" => return Some('A'),
        "13" => return Some('B'),
        "14" => return Some('C'),
        "15" => return Some('D'),
        _ => {}
    }
    let mut signs = text.chars();
    let sign = signs.next()?.to_ascii_uppercase();
    (signs.next().is_none() && matches!(sign, '0'..='9' | '*' | '#' | 'A'..='D')).then_some(sign)
}

/// Takes presses from all ways and lets each through once.
#[derive(Debug, Default)]
pub(crate) struct KeyPresses {
    told: VecDeque<Press>,
}

/// A press that was told, and the ways it has come.
#[derive(Debug)]
struct Press {
    at: Instant,
    digit: char,
    ways: Vec<DtmfMethod>,
}

impl KeyPresses {
    /// False if this is a press that was told already, as it came another way.
    pub(crate) fn is_new(&mut self, now: Instant, digit: char, method: DtmfMethod) -> bool {
        self.told
            .retain(|press| now.saturating_duration_since(press.at) < SAME_PRESS);
        let twin = self
            .told
            .iter_mut()
            .find(|press| press.digit == digit && !press.ways.contains(&method));
        if let Some(press) = twin {
            press.ways.push(method);
            return false;
        }
        if self.told.len() == MOST_KEPT {
            self.told.pop_front();
        }
        self.told.push_back(Press {
            at: now,
            digit,
            ways: vec![method],
        });
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(kind: &str, text: &str, expected: Option<(char, u64)>) {
        let parsed = parse(&Body::new(kind, text));
        let expected = expected.map(|(digit, ms)| (digit, Duration::from_millis(ms)));
        assert_eq!(parsed, expected, "{kind}: {text:?}");
    }

    #[test]
    fn both_forms_are_read_with_their_variants() {
        check(RELAY, "Signal=5\r\nDuration=200\r\n", Some(('5', 200)));
        check(RELAY, "Signal= 11\nDuration= 90", Some(('#', 90)));
        check(RELAY, "signal=*", Some(('*', 160)));
        check(
            "application/dtmf-relay; x=y",
            "Signal=d\n",
            Some(('D', 160)),
        );
        check(PLAIN, "7", Some(('7', 160)));
        check(PLAIN, " 10\r\n", Some(('*', 160)));
        check(PLAIN, "Signal=3\r\nDuration=100", Some(('3', 100)));
        check(PLAIN, "", None);
        check(PLAIN, "77", None);
        check(RELAY, "Signal=!\r\n", None);
        check(RELAY, "Duration=100\r\n", None);
        check("text/plain", "5", None);
    }

    #[test]
    fn what_we_send_is_read_back() {
        let held = Duration::from_millis(100);
        for digit in "0123456789*#ABCD".chars() {
            assert_eq!(parse(&relay(digit, held)), Some((digit, held)));
            assert_eq!(parse(&plain(digit)), Some((digit, USUAL)));
        }
    }

    #[test]
    fn press_that_comes_both_ways_is_told_once() {
        let start = Instant::now();
        let at = |ms| start + Duration::from_millis(ms);
        let (rtp, info) = (DtmfMethod::Rfc4733, DtmfMethod::Info);
        let mut presses = KeyPresses::default();
        assert!(presses.is_new(at(0), '5', rtp));
        assert!(!presses.is_new(at(40), '5', info));
        // Twice the same key, each both ways, in any order.
        assert!(presses.is_new(at(300), '5', info));
        assert!(presses.is_new(at(500), '5', info));
        assert!(!presses.is_new(at(520), '5', rtp));
        assert!(!presses.is_new(at(700), '5', rtp));
        // Much later it is another press, and another key always is.
        assert!(presses.is_new(at(1_000), '6', rtp));
        assert!(presses.is_new(at(3_100), '6', info));
        assert!(presses.is_new(at(3_200), '7', rtp));
    }

    #[test]
    fn press_that_comes_all_three_ways_is_told_once() {
        let start = Instant::now();
        let at = |ms| start + Duration::from_millis(ms);
        let ways = [DtmfMethod::Rfc4733, DtmfMethod::InBand, DtmfMethod::Info];
        let mut presses = KeyPresses::default();
        for (press, told) in [(0, 1), (600, 1)] {
            let new = ways
                .iter()
                .zip([0, 35, 80])
                .filter(|(way, late)| presses.is_new(at(press + late), '5', **way))
                .count();
            assert_eq!(new, told);
        }
    }
}
