//! How long a call lasts without a sign of life (RFC 4028): the interval that was agreed, who refreshes it, when it is over.
//!
//! ```text
//! |----- refresher sends UPDATE or re-INVITE ----|------------------------|--- min(32 s, 1/3) ---|
//! 0                                         interval / 2            BYE if nothing came       interval
//! ```

use std::time::{Duration, Instant};

use crate::message::{HeaderList, Params};

/// RFC 4028 section 5: no session is shorter than this.
pub(crate) const LEAST_SESSION: Duration = Duration::from_secs(90);

/// What a deadline means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SessionStep {
    /// It is ours to refresh the session now.
    Refresh,
    /// No refresh came through in time: the call is over (RFC 4028 section 10).
    Expired,
}

/// The session timer of one call, both roles, from its INVITE to its end.
#[derive(Debug, Clone)]
pub(crate) struct SessionTimer {
    /// The interval that this side asks for; `None` asks for none, and honours what the peer asks for.
    wanted: Option<Duration>,
    /// The shortest interval that this side takes.
    least: Duration,
    /// The highest `Min-SE` that a 422 has named (RFC 4028 section 7.4).
    raised: Duration,
    /// How often that was: a peer that is never content is not asked without end.
    raises: u8,
    running: Option<Running>,
    peer_takes_update: bool,
}

#[derive(Debug, Clone)]
struct Running {
    interval: Duration,
    ours: bool,
    refresh_at: Option<Instant>,
    expires_at: Instant,
}

impl SessionTimer {
    pub(crate) fn new(wanted: Option<Duration>, least: Duration) -> SessionTimer {
        SessionTimer {
            wanted,
            least,
            raised: Duration::ZERO,
            raises: 0,
            running: None,
            peer_takes_update: false,
        }
    }

    /// Notes from a peer's INVITE or 2xx whether it takes UPDATE, the lighter refresh (RFC 4028 section 7.4).
    pub(crate) fn learn_peer(&mut self, headers: &HeaderList) {
        if headers.contains("Allow") {
            self.peer_takes_update = headers.has_token("Allow", "UPDATE");
        }
    }

    pub(crate) fn peer_takes_update(&self) -> bool {
        self.peer_takes_update
    }

    /// `Session-Expires` and `Min-SE` of our INVITE, re-INVITE or UPDATE.
    pub(crate) fn add_to_request(&self, headers: &mut HeaderList) {
        let (interval, refresher) = match (&self.running, self.wanted) {
            // RFC 4028 section 7.4: whoever refreshes goes on doing so.
            (Some(running), _) if running.ours => (running.interval, ";refresher=uac"),
            (Some(running), _) => (running.interval, ";refresher=uas"),
            (None, Some(wanted)) => (wanted, ""),
            (None, None) => return,
        };
        let interval = interval.max(self.least).max(self.raised);
        headers.set_raw(
            "Session-Expires",
            format!("{}{refresher}", interval.as_secs()),
        );
        headers.set_raw("Min-SE", self.least.max(self.raised).as_secs().to_string());
    }

    /// A 422: true if the request is worth another try with the longer interval that it names.
    pub(crate) fn too_brief(&mut self, headers: &HeaderList) -> bool {
        let Some(least) = seconds(headers.get("Min-SE")) else {
            return false;
        };
        let higher = least > self.raised && self.raises < 3;
        self.raised = self.raised.max(least);
        self.raises = self.raises.saturating_add(1);
        higher
    }

    /// A 2xx to our INVITE, re-INVITE or UPDATE. One without `Session-Expires` turns the timer off (RFC 4028 section 7.2).
    pub(crate) fn answered(&mut self, now: Instant, headers: &HeaderList) {
        self.learn_peer(headers);
        self.running = SessionExpires::of(headers).and_then(|expires| {
            let ours = expires.refresher != Some(Refresher::Uas);
            self.start(now, expires.interval, ours)
        });
    }

    /// Whether the peer's request asks for too short a session: the `Min-SE` of our 422 (RFC 4028 section 9). A peer that does not know
    /// session timers could not read the 422.
    pub(crate) fn refusal(&self, headers: &HeaderList) -> Option<String> {
        let brief =
            SessionExpires::of(headers).is_some_and(|expires| expires.interval < self.least);
        (brief && headers.has_token("Supported", "timer")).then(|| self.least.as_secs().to_string())
    }

    /// The peer's INVITE, re-INVITE or UPDATE is answered 2xx: adds `Session-Expires` and `Require` to the answer (RFC 4028 section 9, table 2).
    pub(crate) fn answer(&mut self, now: Instant, request: &HeaderList, answer: &mut HeaderList) {
        self.learn_peer(request);
        let supported = request.has_token("Supported", "timer");
        let asked = SessionExpires::of(request);
        let peer_least = seconds(request.get("Min-SE")).unwrap_or(LEAST_SESSION);
        let interval = match (&asked, self.wanted) {
            (Some(asked), Some(wanted)) => {
                // Never longer than asked, never shorter than either side bears.
                asked.interval.min(wanted.max(peer_least).max(self.least))
            }
            (Some(asked), None) => asked.interval,
            (None, Some(wanted)) => wanted.max(peer_least),
            (None, None) => {
                self.running = None;
                return;
            }
        };
        let peer_refreshes = supported
            && asked
                .as_ref()
                .is_none_or(|asked| asked.refresher != Some(Refresher::Uas));
        let refresher = if peer_refreshes { "uac" } else { "uas" };
        answer.set_raw(
            "Session-Expires",
            format!("{};refresher={refresher}", interval.as_secs()),
        );
        if peer_refreshes {
            answer.push_raw("Require", "timer");
        }
        self.running = self.start(now, interval, !peer_refreshes);
    }

    /// Our refresh was refused without ending the call: it is tried again while there is time (RFC 4028 section 10).
    pub(crate) fn refresh_failed(&mut self, now: Instant) {
        if let Some(running) = &mut self.running {
            let left = running.expires_at.saturating_duration_since(now);
            running.refresh_at = (left > Duration::from_secs(1))
                .then(|| now.checked_add(part(left, 2)))
                .flatten();
        }
    }

    pub(crate) fn poll_timeout(&self) -> Option<Instant> {
        self.running.as_ref().map(|running| {
            running
                .refresh_at
                .map_or(running.expires_at, |at| at.min(running.expires_at))
        })
    }

    pub(crate) fn handle_timeout(&mut self, now: Instant) -> Option<SessionStep> {
        let running = self.running.as_mut()?;
        if now >= running.expires_at {
            self.running = None;
            return Some(SessionStep::Expired);
        }
        if running.refresh_at.is_some_and(|at| now >= at) {
            running.refresh_at = None;
            return Some(SessionStep::Refresh);
        }
        None
    }

    fn start(&self, now: Instant, interval: Duration, ours: bool) -> Option<Running> {
        // A peer that agrees to less than it may is refreshed as it wishes, but not hung up on so soon.
        let patience = interval.max(self.least);
        let reserve = Duration::from_secs(32).min(part(patience, 3));
        Some(Running {
            interval,
            ours,
            refresh_at: if ours {
                Some(now.checked_add(part(interval, 2).max(Duration::from_secs(1)))?)
            } else {
                None
            },
            expires_at: now.checked_add(patience.saturating_sub(reserve))?,
        })
    }
}

/// Which side of the request that carries it refreshes the session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Refresher {
    Uac,
    Uas,
}

/// The header of that name (RFC 4028 section 4).
#[derive(Debug, Clone, PartialEq, Eq)]
struct SessionExpires {
    interval: Duration,
    refresher: Option<Refresher>,
}

impl SessionExpires {
    fn of(headers: &HeaderList) -> Option<SessionExpires> {
        let text = headers.get("Session-Expires")?;
        let (interval, params) = text.split_once(';').unwrap_or((text, ""));
        let refresher = match Params::parse(params).get("refresher") {
            Some(role) if role.eq_ignore_ascii_case("uac") => Some(Refresher::Uac),
            Some(role) if role.eq_ignore_ascii_case("uas") => Some(Refresher::Uas),
            _ => None,
        };
        Some(SessionExpires {
            interval: seconds(Some(interval))?,
            refresher,
        })
    }
}

fn part(of: Duration, divisor: u32) -> Duration {
    of.checked_div(divisor).unwrap_or_default()
}

/// Whole seconds, at least one; parameters behind them are passed over.
fn seconds(text: Option<&str>) -> Option<Duration> {
    let number = text?.split(';').next()?.trim();
    let seconds: u32 = number.parse().ok()?;
    (seconds > 0).then(|| Duration::from_secs(seconds.into()))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::arithmetic_side_effects)]
mod tests {
    use super::*;

    const fn s(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    fn headers(lines: &[(&str, &str)]) -> HeaderList {
        let mut headers = HeaderList::new();
        for (name, value) in lines {
            headers.push(name, *value).unwrap();
        }
        headers
    }

    fn timer() -> SessionTimer {
        SessionTimer::new(Some(s(1_800)), LEAST_SESSION)
    }

    fn start() -> Instant {
        tokio::time::Instant::now().into_std()
    }

    /// The answer to a request with these headers, as (Session-Expires, Require).
    fn answered(timer: &mut SessionTimer, lines: &[(&str, &str)]) -> (String, String) {
        let mut answer = HeaderList::new();
        timer.answer(start(), &headers(lines), &mut answer);
        let get = |name| answer.get(name).unwrap_or("").to_owned();
        (get("Session-Expires"), get("Require"))
    }

    #[test]
    fn callers_refresh_comes_at_half_the_interval_and_its_end_before_the_whole() {
        let now = start();
        let mut timer = timer();
        timer.answered(
            now,
            &headers(&[
                ("Session-Expires", "600;refresher=uac"),
                ("Allow", "INVITE"),
            ]),
        );
        assert!(!timer.peer_takes_update());
        assert_eq!(timer.poll_timeout(), Some(now + s(300)));
        assert_eq!(timer.handle_timeout(now + s(299)), None);
        assert_eq!(
            timer.handle_timeout(now + s(300)),
            Some(SessionStep::Refresh)
        );
        // Refused: again at half of what is left, then the end.
        timer.refresh_failed(now + s(300));
        assert_eq!(timer.poll_timeout(), Some(now + s(434)));
        assert_eq!(
            timer.handle_timeout(now + s(434)),
            Some(SessionStep::Refresh)
        );
        assert_eq!(timer.poll_timeout(), Some(now + s(568)));
        assert_eq!(
            timer.handle_timeout(now + s(568)),
            Some(SessionStep::Expired)
        );
        assert_eq!(timer.poll_timeout(), None);
    }

    #[test]
    fn peers_refresh_starts_the_interval_again() {
        let now = start();
        let mut timer = timer();
        timer.answered(now, &headers(&[("Session-Expires", "90;refresher=uas")]));
        assert_eq!(timer.poll_timeout(), Some(now + s(60)));
        let mut answer = HeaderList::new();
        let refresh = headers(&[
            ("Session-Expires", "90;refresher=uac"),
            ("Supported", "timer"),
        ]);
        timer.answer(now + s(45), &refresh, &mut answer);
        assert_eq!(timer.poll_timeout(), Some(now + s(105)));
        assert_eq!(
            timer.handle_timeout(now + s(105)),
            Some(SessionStep::Expired)
        );
    }

    #[test]
    fn answer_follows_table_two() {
        let supported = ("Supported", "100rel, timer");
        let asked = |refresher| ("Session-Expires", refresher);
        let check = |lines: &[(&str, &str)], expires: &str, require: &str| {
            assert_eq!(
                answered(&mut timer(), lines),
                (expires.to_owned(), require.to_owned())
            );
        };
        check(&[], "1800;refresher=uas", "");
        check(&[asked("600")], "600;refresher=uas", "");
        check(&[supported], "1800;refresher=uac", "timer");
        check(&[supported, asked("600")], "600;refresher=uac", "timer");
        check(
            &[supported, asked("600;refresher=uac")],
            "600;refresher=uac",
            "timer",
        );
        check(
            &[supported, asked("600;refresher=UAS")],
            "600;refresher=uas",
            "",
        );
        check(
            &[supported, asked("7200"), ("Min-SE", "3600")],
            "3600;refresher=uac",
            "timer",
        );
    }

    #[test]
    fn too_short_a_session_is_refused_to_those_who_understand_it() {
        let brief = ("Session-Expires", "60");
        assert_eq!(timer().refusal(&headers(&[brief])), None);
        assert_eq!(
            timer().refusal(&headers(&[brief, ("Supported", "timer")])),
            Some("90".into())
        );
        assert_eq!(
            timer().refusal(&headers(&[
                ("Session-Expires", "90"),
                ("Supported", "timer")
            ])),
            None
        );
    }

    #[test]
    fn refused_interval_is_raised_and_not_for_ever() {
        let mut timer = timer();
        let mut request = HeaderList::new();
        timer.add_to_request(&mut request);
        assert_eq!(
            (request.get("Session-Expires"), request.get("Min-SE")),
            (Some("1800"), Some("90"))
        );
        let refusal = headers(&[("Min-SE", "3600")]);
        assert!(timer.too_brief(&refusal));
        timer.add_to_request(&mut request);
        assert_eq!(
            (request.get("Session-Expires"), request.get("Min-SE")),
            (Some("3600"), Some("3600"))
        );
        assert!(!timer.too_brief(&refusal));
        assert!(!timer.too_brief(&HeaderList::new()));
    }

    #[test]
    fn role_is_kept_in_later_requests_and_an_answer_without_interval_ends_the_timer() {
        let now = start();
        let mut timer = timer();
        answered(&mut timer, &[("Supported", "timer")]);
        let mut request = HeaderList::new();
        timer.add_to_request(&mut request);
        assert_eq!(
            request.get("Session-Expires"),
            Some("1800;refresher=uas"),
            "the peer refreshes"
        );
        timer.answered(now, &HeaderList::new());
        assert_eq!(timer.poll_timeout(), None);
        let mut off = SessionTimer::new(None, LEAST_SESSION);
        let mut silent = HeaderList::new();
        off.add_to_request(&mut silent);
        off.answer(now, &HeaderList::new(), &mut silent);
        assert!(silent.is_empty());
    }

    #[test]
    fn odd_headers_mean_no_timer() {
        let now = start();
        for odd in ["", "0", "-4", "soon", "99999999999999"] {
            let mut timer = timer();
            timer.answered(now, &headers(&[("Session-Expires", odd)]));
            assert_eq!(timer.poll_timeout(), None, "{odd}");
        }
    }

    #[test]
    fn half_a_day_of_refreshes_needs_no_clock() {
        let mut now = start();
        let mut timer = timer();
        let granted = headers(&[("Session-Expires", "90;refresher=uac")]);
        timer.answered(now, &granted);
        for _ in 0..960 {
            now = timer.poll_timeout().unwrap();
            assert_eq!(timer.handle_timeout(now), Some(SessionStep::Refresh));
            timer.answered(now, &granted);
        }
        assert_eq!(timer.poll_timeout(), Some(now + s(45)));
    }
}
