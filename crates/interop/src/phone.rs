//! Our own side of a call: a client on loopback, and what it hears.

use std::time::Duration;

use headless_sip::{AudioFrame, AudioReceiver, ClientConfig, Error, HeadlessSipClient};
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
    let mut heard: Option<Clip> = None;
    while let Some(frame) = rx.recv().await {
        let heard = heard.get_or_insert_with(|| Clip::new(frame.sample_rate));
        heard.push_interleaved(&frame.samples, frame.channels);
        if heard.duration() >= duration {
            break;
        }
    }
    heard.unwrap_or_else(|| Clip::new(8000))
}

/// Asserts that nothing but this tone is heard, once the sound has begun and but for `lead_in` after that, in which a jitter
/// buffer may still settle; and for at least `at_least`.
///
/// # Panics
///
/// When less than 0.98 of the energy is at `hz`.
#[track_caller]
pub fn assert_tone(who: &str, heard: &Clip, hz: u32, at_least: Duration) {
    let sound = heard.trimmed(0.01);
    let lead_in = Duration::from_millis(200);
    let sound = sound.slice(lead_in, sound.duration().saturating_sub(2 * lead_in));
    assert!(
        sound.duration() >= at_least,
        "{who} heard {:?} of sound in {:?}",
        sound.duration(),
        heard.duration()
    );
    let share = sound.energy_share(f64::from(hz));
    assert!(
        share >= 0.98,
        "{who} heard {hz} Hz with {share:.4} of the energy; strongest {:?} Hz",
        sound.dominant_frequency()
    );
}
