//! Our own side of a call: a client on loopback, and what it hears.

use std::time::Duration;

use headless_sip::{
    AudioFrame, AudioReceiver, ClientConfig, Error, HeadlessSipClient, IncomingCall,
};
use sip_testkit::audio::Clip;

use crate::Ports;

/// A headless-sip client on 127.0.0.1 with RTP ports that no peer of another test has.
#[derive(Debug)]
pub struct Phone {
    /// The client.
    pub client: HeadlessSipClient,
    _rtp: Ports,
}

impl Phone {
    /// Starts one; the addresses of `config` are replaced.
    ///
    /// # Panics
    ///
    /// When it cannot be started, or cannot register where it is to.
    pub async fn start(config: ClientConfig) -> Phone {
        Phone::try_start(config)
            .await
            .unwrap_or_else(|error| panic!("the client did not start: {error}"))
    }

    /// Starts one; the addresses of `config` are replaced.
    ///
    /// # Errors
    ///
    /// Those of [`HeadlessSipClient::new`].
    pub async fn try_start(config: ClientConfig) -> Result<Phone, Error> {
        // RTP and RTCP for 25 calls at once.
        let rtp = Ports::claim(50);
        let client = HeadlessSipClient::new(ClientConfig {
            local_sip_addr: "127.0.0.1:0".parse().expect("an address"),
            rtp_ports: rtp.first()..=rtp.last(),
            ..config
        });
        Ok(Phone {
            client: client.await?,
            _rtp: rtp,
        })
    }

    /// The next call from outside.
    ///
    /// # Panics
    ///
    /// When none comes within 30 s.
    pub async fn incoming(&self) -> IncomingCall {
        let call = tokio::time::timeout(Duration::from_secs(30), self.client.incoming()).await;
        call.expect("a call within 30 s")
            .expect("the client is not shut down")
    }

    /// Where others call it.
    #[must_use]
    pub fn uri(&self) -> String {
        format!("sip:phone@{}", self.client.local_addr())
    }
}

/// A sine at 8 kHz and a quarter of full scale.
#[must_use]
pub fn tone(hz: u32, duration: Duration) -> AudioFrame {
    let clip = Clip::tone(8000, f64::from(hz), duration, 0.25);
    AudioFrame {
        samples: clip.samples,
        sample_rate: clip.sample_rate,
        channels: 1,
    }
}

/// Collects what is heard for `duration` of call time, or until the call ends.
pub async fn listen(rx: &mut AudioReceiver, duration: Duration) -> Clip {
    collect(rx, |heard| heard.duration() >= duration).await
}

/// Listens until this tone has been heard for `at_least` without a break.
///
/// # Panics
///
/// When that has not come about after 15 s of call time, or at the end of the call; and when more than a tenth of all that was heard
/// is something else.
pub async fn hear_tone(who: &str, rx: &mut AudioReceiver, hz: u32, at_least: Duration) {
    const ENOUGH: Duration = Duration::from_secs(15);
    let mut next_look = at_least;
    let heard = collect(rx, |heard| {
        let look = heard.duration() >= next_look;
        if look {
            next_look += STEP;
        }
        look && (heard.duration() >= ENOUGH
            || best_share(heard, hz, at_least).is_some_and(|share| share >= CLEAN))
    });
    assert_tone(who, &heard.await, hz, at_least);
}

async fn collect(rx: &mut AudioReceiver, mut enough: impl FnMut(&Clip) -> bool) -> Clip {
    let mut heard: Option<Clip> = None;
    // Call time is real time: a call that should have ended and goes on is a failure, not a wait.
    let deadline = tokio::time::Instant::now() + Duration::from_secs(90);
    while let Some(frame) = tokio::time::timeout_at(deadline, rx.recv())
        .await
        .expect("the call ends, or sounds, within 90 s")
    {
        let heard = heard.get_or_insert_with(|| Clip::new(frame.sample_rate));
        heard.push_interleaved(&frame.samples, frame.channels);
        if enough(heard) {
            break;
        }
    }
    heard.unwrap_or_else(|| Clip::new(8000))
}

/// Share of a tone's frequency in the energy of a recording that holds the tone and nothing else.
const CLEAN: f64 = 0.98;
/// The same over a whole call, in which a machine that is short of CPU time may drop sound at either end of the line.
const WHOLE: f64 = 0.9;
const STEP: Duration = Duration::from_millis(100);

/// Asserts that this tone was heard for `at_least` without a break, and little else at any time.
///
/// # Panics
///
/// When no such stretch has 0.98 of its energy at `hz`, or all of the sound less than 0.9.
#[track_caller]
pub fn assert_tone(who: &str, heard: &Clip, hz: u32, at_least: Duration) {
    let sound = heard.trimmed(0.01);
    let best = best_share(heard, hz, at_least).unwrap_or_else(|| {
        panic!(
            "{who} heard {:?} of sound in {:?}, wanted {at_least:?}",
            sound.duration(),
            heard.duration()
        )
    });
    let (whole, strongest) = (
        sound.energy_share(f64::from(hz)),
        sound.dominant_frequency(),
    );
    assert!(
        best >= CLEAN && whole >= WHOLE,
        "{who} heard {hz} Hz with {best:.4} of the energy at best, {whole:.4} overall; strongest {strongest:?} Hz"
    );
}

/// The largest share of the energy that `hz` has in a stretch of this length; none when there is no sound so long.
fn best_share(heard: &Clip, hz: u32, length: Duration) -> Option<f64> {
    let sound = heard.trimmed(0.01);
    let starts = std::iter::successors(Some(Duration::ZERO), |start| Some(*start + STEP));
    starts
        .take_while(|start| *start + length <= sound.duration())
        .map(|start| sound.slice(start, length).energy_share(f64::from(hz)))
        .reduce(f64::max)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn clip(hz: f64, duration: Duration) -> Clip {
        Clip::tone(8000, hz, duration, 0.25)
    }

    #[test]
    fn a_tone_with_a_short_gap_is_heard() {
        let heard = clip(440.0, 2 * SECOND)
            .then(&Clip::silence(8000, SECOND / 10))
            .then(&clip(440.0, SECOND));
        assert_tone("one", &heard, 440, 2 * SECOND);
    }

    #[test]
    #[should_panic(expected = "at best")]
    fn another_tone_is_not_taken_for_it() {
        assert_tone("one", &clip(450.0, 3 * SECOND), 440, 2 * SECOND);
    }

    #[test]
    #[should_panic(expected = "overall")]
    fn a_second_of_something_else_is_noticed() {
        assert_tone(
            "one",
            &clip(440.0, 2 * SECOND).then(&clip(700.0, SECOND)),
            440,
            2 * SECOND,
        );
    }

    #[test]
    #[should_panic(expected = "wanted 2s")]
    fn silence_is_not_sound() {
        assert_tone(
            "one",
            &Clip::silence(8000, 3 * SECOND).then(&clip(440.0, SECOND)),
            440,
            2 * SECOND,
        );
    }
}
