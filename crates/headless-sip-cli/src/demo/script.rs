//! What happens in the demo, from the first REGISTER to the BYE.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use headless_sip::{
    ActiveCall, AudioFrame, CallControl, CallStats, Error, HeadlessSipClient, WavReader,
};
use sip_testkit::audio::Clip;

use super::exchange::Exchange;
use super::ladder::Seen;
use super::party::{Ear, Log, Progress};
use crate::args::DemoArgs;
use crate::event::Event;
use crate::exit::Failure;
use crate::output::Output;
use crate::report::{Hold, LadderNote};

/// The digits that bob presses.
pub(super) const DIGITS: &str = "2580*#";

/// Tones: frequency in Hz, and how long.
pub(super) const BOBS_TONE: (f64, Duration) = (440.0, Duration::from_secs(4));
/// What bob plays once the call is off hold.
pub(super) const BOBS_SECOND_TONE: (f64, Duration) = (660.0, Duration::from_millis(1_500));
/// What alice plays once the call is off hold.
pub(super) const ALICES_TONE: (f64, Duration) = (880.0, Duration::from_millis(1_500));

/// Peak of the tones.
const LOUDNESS: f32 = 0.25;

/// Rate of what is heard, kept and drawn, in Hz: wideband, and small enough to live in the page.
const EAR_RATE: u32 = 16_000;

/// From one key to the next: as a person dials in no hurry.
const BETWEEN_KEYS: Duration = Duration::from_millis(400);

/// How long the call is on hold.
const ON_HOLD: Duration = Duration::from_secs(2);

/// What may still be under way after the sender has finished: playout delay and the network.
const ON_THE_WAY: Duration = Duration::from_millis(600);

/// For what takes milliseconds when all is well.
const PATIENCE: Duration = Duration::from_secs(10);

/// A speaker's file, inside the binary so that the demo needs nothing.
const GREETING: &[u8] = include_bytes!("../../../../examples/assets/greeting.wav");

/// Everything that is known once the curtain is down.
pub(super) struct Performance {
    /// The zero of all times.
    pub origin: Instant,
    /// From the zero to the last message, in seconds.
    pub duration: f64,
    /// The speech as it was handed over.
    pub speech: Clip,
    /// The caller.
    pub alice: Side,
    /// The called party.
    pub bob: Side,
    /// What alice heard: places in her recording, in samples.
    pub places: Places,
    /// Packets that came to alice before she held bob, and meanwhile.
    pub packets: (u64, u64),
    /// Whether bob was told of hold and of its end.
    pub bob_knew: bool,
    /// When the call was on hold.
    pub hold: Hold,
    /// The SIP messages.
    pub seen: Vec<Seen>,
    /// Remarks for the ladder.
    pub notes: Vec<LadderNote>,
}

/// One side at the end.
pub(super) struct Side {
    /// What it heard and saw.
    pub log: Log,
    /// Its final figures.
    pub stats: CallStats,
    /// Where it spoke SIP.
    pub address: SocketAddr,
    /// How far it came.
    pub progress: Progress,
}

/// Places in the recordings, in samples: begin and end.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Places {
    /// Alice: the first tone.
    pub tone: (usize, usize),
    /// Alice: hold.
    pub hold: (usize, usize),
    /// Alice: the tone after hold.
    pub second_tone: (usize, usize),
    /// Bob: everything before hold.
    pub speech: (usize, usize),
    /// Bob: the tone after hold.
    pub alices_tone: (usize, usize),
}

/// Plays the whole demo.
///
/// # Errors
/// A [`Failure`] when a step does not come about at all; that something was heard wrong is for the checks.
pub(super) async fn perform(args: &DemoArgs, output: &Output) -> Result<Performance, Failure> {
    let stage = Stage {
        origin: Instant::now(),
        output,
    };
    let exchange = Exchange::open(args).await?;
    stage.tell(&format!(
        "a telephone system listens on {}",
        exchange.address()
    ));
    let result = stage.play(args, &exchange).await;
    let seen = exchange.close().await;
    result.map(|performance| Performance {
        seen,
        ..performance
    })
}

struct Stage<'a> {
    origin: Instant,
    output: &'a Output,
}

/// A client that is registered.
struct Actor {
    client: HeadlessSipClient,
}

/// A side of the call that stands.
struct Leg {
    control: CallControl,
    tx: headless_sip::AudioSender,
    ear: Ear,
}

impl Stage<'_> {
    fn tell(&self, text: &str) {
        self.output.event(&Event::Step {
            text: text.to_owned(),
        });
    }

    fn now(&self) -> f64 {
        self.origin.elapsed().as_secs_f64()
    }

    fn note(&self, text: &str) -> LadderNote {
        LadderNote {
            at: self.now(),
            text: text.to_owned(),
        }
    }

    async fn play(&self, args: &DemoArgs, exchange: &Exchange) -> Result<Performance, Failure> {
        let alice = self.enter("alice", args, exchange).await?;
        let bob = self.enter("bob", args, exchange).await?;
        let (mut caller, mut callee) = self.connect(&alice, &bob, exchange).await?;
        let mut notes = vec![self.note("sound flows both ways as RTP, 50 packets a second each")];
        let mut places = Places::default();
        let speech = greeting()?;
        self.talk(&speech, &mut caller, &callee, &mut places, &mut notes)
            .await?;
        places.speech = (0, callee.ear.heard());
        let (hold, packets, bob_knew) = self
            .hold(&mut caller, &mut callee, &mut places, &mut notes)
            .await?;
        self.talk_again(&mut caller, &mut callee, &mut places)
            .await?;
        self.tell("alice hangs up");
        caller.control.hang_up().await?;
        let over = |progress: &Progress| progress.ended.is_some();
        if !(callee.ear.wait(PATIENCE, over).await && caller.ear.wait(PATIENCE, over).await) {
            return Err(Failure::other("the call did not end on both sides"));
        }
        let duration = self.now();
        let alice = alice.leave(caller).await;
        let bob = bob.leave(callee).await;
        self.tell("alice and bob have un-registered");
        Ok(Performance {
            origin: self.origin,
            duration,
            speech,
            alice,
            bob,
            places,
            packets,
            bob_knew,
            hold,
            seen: Vec::new(),
            notes,
        })
    }

    /// A client that is registered with the telephone system.
    async fn enter(
        &self,
        name: &str,
        args: &DemoArgs,
        exchange: &Exchange,
    ) -> Result<Actor, Failure> {
        let mut config = exchange.account(name);
        config.codecs = headless_sip::CodecTable::from_names(&args.codec.to_string())?;
        config.receive_sample_rate = Some(EAR_RATE);
        config.tap_sent = true;
        let began = Instant::now();
        let client = HeadlessSipClient::new(config).await?;
        let took = began.elapsed().as_secs_f64() * 1_000.0;
        self.tell(&format!(
            "{name} has registered: challenged for the password, accepted after {took:.0} ms"
        ));
        Ok(Actor { client })
    }

    /// Alice calls, bob answers.
    async fn connect(
        &self,
        alice: &Actor,
        bob: &Actor,
        exchange: &Exchange,
    ) -> Result<(Leg, Leg), Failure> {
        self.tell("alice calls bob");
        let answering = async {
            let call = bob.client.incoming().await.ok_or(Error::Ended)?;
            call.ring().await?;
            self.tell("bob's telephone rings");
            call.answer().await
        };
        let target = exchange.uri("bob");
        let calling = alice.client.call(&target);
        let both = async { tokio::try_join!(calling, answering) };
        let (caller, callee) = tokio::time::timeout(PATIENCE, both)
            .await
            .map_err(|_| Failure::other("bob did not answer within 10 s"))??;
        let stats = caller.stats();
        self.tell(&format!(
            "bob has answered after {:.0} ms, with {}",
            stats.setup.as_secs_f64() * 1_000.0,
            stats.codec.to_lowercase()
        ));
        Ok((self.leg(caller), self.leg(callee)))
    }

    fn leg(&self, call: ActiveCall) -> Leg {
        let (control, audio, events) = call.into_parts();
        let ear = Ear::open(control.clone(), audio.rx, audio.sent, events, self.origin);
        Leg {
            control,
            tx: audio.tx,
            ear,
        }
    }

    /// Speech one way; at the same time digits and a tone the other way.
    async fn talk(
        &self,
        speech: &Clip,
        caller: &mut Leg,
        callee: &Leg,
        places: &mut Places,
        notes: &mut Vec<LadderNote>,
    ) -> Result<(), Failure> {
        self.tell(&format!(
            "alice says {:.0} s of speech",
            speech.duration().as_secs_f64()
        ));
        let speaking = async {
            say(&caller.tx, speech).await?;
            self.tell("alice has said it all");
            Ok::<(), Failure>(())
        };
        let ear = &mut caller.ear;
        let pressing = async {
            tokio::time::sleep(Duration::from_secs(1)).await;
            self.tell(&format!("bob presses {DIGITS}"));
            notes.push(self.note(&format!("bob presses {DIGITS}: RTP packets as well")));
            for digit in DIGITS.chars() {
                callee
                    .control
                    .send_dtmf(digit.encode_utf8(&mut [0; 4]))
                    .await?;
                tokio::time::sleep(BETWEEN_KEYS).await;
            }
            let arrived = ear
                .wait(PATIENCE, |progress| progress.digits.len() >= DIGITS.len())
                .await;
            let digits = ear.progress().digits;
            self.tell(&format!(
                "alice has received {}",
                if arrived {
                    &digits
                } else {
                    "only some of the digits"
                }
            ));
            tokio::time::sleep(ON_THE_WAY).await;
            let begin = ear.heard();
            let (frequency, length) = BOBS_TONE;
            self.tell(&format!(
                "bob plays {frequency} Hz for {} s",
                length.as_secs()
            ));
            say(&callee.tx, &tone(frequency, length)).await?;
            tokio::time::sleep(ON_THE_WAY).await;
            places.tone = (begin, ear.heard());
            Ok(())
        };
        tokio::try_join!(speaking, pressing)?;
        tokio::time::sleep(ON_THE_WAY).await;
        Ok(())
    }

    /// Alice puts bob on hold for a while.
    async fn hold(
        &self,
        caller: &mut Leg,
        callee: &mut Leg,
        places: &mut Places,
        notes: &mut Vec<LadderNote>,
    ) -> Result<(Hold, (u64, u64), bool), Failure> {
        let start = self.now();
        notes.push(self.note("alice puts bob on hold"));
        caller.control.hold().await?;
        let told = callee.ear.wait(PATIENCE, |progress| progress.held).await;
        self.tell(&format!(
            "alice has put bob on hold{}",
            if told {
                ", and bob knows"
            } else {
                ", but bob was not told"
            }
        ));
        tokio::time::sleep(ON_THE_WAY).await;
        let (begin, before) = (caller.ear.heard(), caller.control.stats().received_packets);
        tokio::time::sleep(ON_HOLD.saturating_sub(ON_THE_WAY)).await;
        places.hold = (begin, caller.ear.heard());
        let packets = caller
            .control
            .stats()
            .received_packets
            .saturating_sub(before);
        notes.push(self.note("alice takes bob back"));
        caller.control.resume().await?;
        let back = callee.ear.wait(PATIENCE, |progress| !progress.held).await;
        self.tell("alice has taken bob back");
        let hold = Hold {
            start,
            end: self.now(),
            by: "alice".into(),
        };
        Ok((hold, (before, packets), told && back))
    }

    /// A tone each way, to see that sound is back.
    async fn talk_again(
        &self,
        caller: &mut Leg,
        callee: &mut Leg,
        places: &mut Places,
    ) -> Result<(), Failure> {
        let begin = (caller.ear.heard(), callee.ear.heard());
        self.tell(&format!(
            "both play a tone: bob {} Hz, alice {} Hz",
            BOBS_SECOND_TONE.0, ALICES_TONE.0
        ));
        let (bobs, alices) = (
            tone(BOBS_SECOND_TONE.0, BOBS_SECOND_TONE.1),
            tone(ALICES_TONE.0, ALICES_TONE.1),
        );
        tokio::try_join!(say(&callee.tx, &bobs), say(&caller.tx, &alices))?;
        tokio::time::sleep(ON_THE_WAY).await;
        places.second_tone = (begin.0, caller.ear.heard());
        places.alices_tone = (begin.1, callee.ear.heard());
        Ok(())
    }
}

impl Actor {
    /// Leaves the telephone system and gives what is known of the call.
    async fn leave(self, leg: Leg) -> Side {
        let progress = leg.ear.progress();
        let stats = progress
            .ended
            .as_ref()
            .map_or_else(|| leg.control.stats(), |ended| ended.stats.clone());
        let log = leg.ear.close().await;
        let address = self.client.local_addr();
        self.client.shutdown().await;
        Side {
            log,
            stats,
            address,
            progress,
        }
    }
}

/// Plays and waits until all of it has been sent.
async fn say(tx: &headless_sip::AudioSender, clip: &Clip) -> Result<(), Failure> {
    let failed = |error: headless_sip::AudioError| {
        Failure::other(format!("the sound could not be played: {error}"))
    };
    tx.send(AudioFrame::mono(clip.samples.clone(), clip.sample_rate))
        .await
        .map_err(failed)?;
    tx.drained().await.map_err(failed)
}

fn tone(frequency: f64, length: Duration) -> Clip {
    Clip::tone(EAR_RATE, frequency, length, LOUDNESS)
}

fn greeting() -> Result<Clip, Failure> {
    let greeting = WavReader::from_reader("greeting.wav", GREETING)?.into_mono()?;
    Ok(Clip::from_samples(greeting.sample_rate, greeting.samples))
}
