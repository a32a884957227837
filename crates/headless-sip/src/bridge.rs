//! Two calls joined by this program: each hears the other.

use std::time::Duration;

use tokio::time::Instant;

use crate::{
    ActiveCall, AudioBridge, AudioFrame, AudioReceiver, AudioSender, CallControl, CallEnded,
    CallEvents, DtmfMethod, Error,
};

/// What is put before the first sound: packets must be whole when they are due, however unevenly frames come.
const LEAD: Duration = Duration::from_millis(10);

/// Within this time a queue has been as short as it gets; what always waits beyond `TOO_LONG` is left out in silence, and beyond
/// `FAR_TOO_LONG` anywhere.
const OBSERVED: Duration = Duration::from_secs(1);
const TOO_LONG: Duration = Duration::from_millis(40);
const FAR_TOO_LONG: Duration = Duration::from_millis(200);
/// Fainter than this is silence.
const SILENCE: f32 = 0.003;

/// How a bridge ended: which call is over. The other one still stands.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum BridgeEnd {
    /// The first call ended so.
    First(CallEnded),
    /// The second call ended so.
    Second(CallEnded),
}

/// Joins two calls until one of them ends: each far end hears the other and never itself, whatever codecs and rates they have, some 20 ms
/// later than this program does. Keys are passed on in the way of the other call ([`ClientConfig::dtmf_mode`](crate::ClientConfig::dtmf_mode)),
/// as tones where it has no other; those that came as tones are in the sound already. A far end that holds is heard as what it plays, or as
/// silence; the other is not put on hold.
///
/// Both calls are the program's again when the future ends or is dropped, so that dropping it parts them. Their other events are kept for
/// [`CallEvents::recv`] meanwhile.
///
/// ```no_run
/// # async fn example(mut caller: headless_sip::ActiveCall, mut agent: headless_sip::ActiveCall) -> Result<(), headless_sip::Error> {
/// use headless_sip::{BridgeEnd, bridge};
///
/// match bridge(&mut caller, &mut agent).await? {
///     BridgeEnd::First(_) => agent.hang_up().await?,
///     BridgeEnd::Second(_) => caller.hang_up().await?,
///     _ => {}
/// }
/// # Ok(()) }
/// ```
///
/// # Errors
///
/// [`Error::Ended`] when one of them has ended before and that was told already.
///
/// Cancel safe.
pub async fn bridge(first: &mut ActiveCall, second: &mut ActiveCall) -> Result<BridgeEnd, Error> {
    let (first_control, second_control) = (first.control(), second.control());
    let (one, other) = (&mut first.audio, &mut second.audio);
    let (from_first, to_first) = ends(one);
    let (from_second, to_second) = ends(other);
    tokio::select! {
        ended = keys(&mut first.events, &second_control) => ended.map(BridgeEnd::First),
        ended = keys(&mut second.events, &first_control) => ended.map(BridgeEnd::Second),
        () = sound(from_first, to_second) => Err(Error::Ended),
        () = sound(from_second, to_first) => Err(Error::Ended),
    }
}

fn ends(audio: &mut AudioBridge) -> (&mut AudioReceiver, AudioSender) {
    (&mut audio.rx, audio.tx.clone())
}

/// Passes keys on until the call is over, and tells how it ended.
async fn keys(events: &mut CallEvents, to: &CallControl) -> Result<CallEnded, Error> {
    while let Some(key) = events.next_key().await {
        if key.method != DtmfMethod::InBand
            && let Err(error) = to.relay_dtmf(key.digit, key.held).await
        {
            tracing::info!(%error, "a key was not passed on");
        }
    }
    events.ended().await.ok_or(Error::Ended)
}

/// Passes sound on for as long as the bridge lasts: the end of a call is told by its events.
async fn sound(from: &mut AudioReceiver, to: AudioSender) {
    let mut pace = Pace::new(Instant::now());
    let _ = to.try_send(AudioFrame::silence(LEAD, from.sample_rate()));
    while let Some(frame) = from.recv().await {
        if pace.takes(Instant::now(), to.queued(), &frame) {
            // Full or closed: that call lags by its whole playback buffer, or is over.
            let _ = to.try_send(frame);
        }
    }
    std::future::pending().await
}

/// Keeps a queue short that is filled as fast as it empties: what it holds at the least within a second is delay and no more.
#[derive(Debug)]
struct Pace {
    least: Duration,
    look: Instant,
    surplus: Duration,
    urgent: bool,
}

impl Pace {
    fn new(now: Instant) -> Self {
        Self {
            least: Duration::MAX,
            look: now + OBSERVED,
            surplus: Duration::ZERO,
            urgent: false,
        }
    }

    /// Whether to queue this frame, before which so much waits.
    fn takes(&mut self, now: Instant, queued: Duration, frame: &AudioFrame) -> bool {
        self.least = self.least.min(queued);
        if now >= self.look {
            self.surplus = match self.least > TOO_LONG {
                true => self.least - LEAD,
                false => Duration::ZERO,
            };
            self.urgent = self.least > FAR_TOO_LONG;
            self.least = Duration::MAX;
            self.look = now + OBSERVED;
        }
        let silent = || frame.samples.iter().all(|sample| sample.abs() < SILENCE);
        if self.surplus >= frame.duration() && (self.urgent || silent()) {
            self.surplus -= frame.duration();
            return false;
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FRAME: Duration = Duration::from_millis(20);

    /// Runs the queue for some seconds with so much in it at first; how much is in it then.
    fn left(at_first: Duration, level: f32) -> Duration {
        let start = Instant::now();
        let mut pace = Pace::new(start);
        let mut queued = at_first;
        let frame = AudioFrame::mono(vec![level; 160], 8_000);
        for n in 0..200 {
            if pace.takes(start + FRAME * n, queued, &frame) {
                queued += FRAME;
            }
            queued = queued.saturating_sub(FRAME);
        }
        queued
    }

    #[test]
    fn a_short_queue_is_left_alone_and_a_long_one_shortened_in_silence() {
        let ms = Duration::from_millis;
        assert_eq!(left(ms(30), 0.0), ms(30));
        assert!(left(ms(120), 0.0) <= TOO_LONG);
        assert_eq!(left(ms(120), 0.5), ms(120), "no word is left out for that");
        assert!(left(ms(400), 0.5) <= TOO_LONG);
    }
}
