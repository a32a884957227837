//! A voice bot: it speaks, listens, lets itself be interrupted, and keeps a transcript of what the caller really heard.
//!
//!     cargo run --release -p headless-sip-cli -- pbx --user alice:secret --user bob:secret      # in another terminal
//!     cargo run -p headless-sip --example voice_bot
//!     cargo run --release -p headless-sip-cli -- call alice --user bob --password secret --registrar sip:127.0.0.1:5060 --play examples/assets/greeting.wav
//!
//! Bring your own speech recognition and synthesis: implement [`SpeechToText`] and [`TextToSpeech`], and replace the toys at the end of this
//! file, which know neither words nor voices.

use std::collections::VecDeque;
use std::env;
use std::time::Duration;

use headless_sip::analysis::VoiceEvent;
use headless_sip::{
    ActiveCall, AudioFrame, CallEvent, ClientConfig, HeadlessSipClient, Heard, InBandDtmf,
    ListenConfig, ReceivedFrame, UtteranceId,
};

/// Makes speech of text.
trait TextToSpeech {
    /// The sound, and when each word of it ends.
    fn say(&self, text: &str) -> Speech;
}

/// Makes text of speech: a whole utterance of the caller, mono.
trait SpeechToText {
    fn recognize(&self, samples: &[f32], sample_rate: u32) -> String;
}

struct Speech {
    sound: AudioFrame,
    words: Vec<(String, Duration)>,
}

/// What the bot is saying.
struct Saying {
    utterance: UtteranceId,
    words: Vec<(String, Duration)>,
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let registrar =
        env::var("HEADLESS_SIP_REGISTRAR").unwrap_or_else(|_| "sip:127.0.0.1:5060".into());
    let client = HeadlessSipClient::new(ClientConfig {
        local_sip_addr: "127.0.0.1:0".parse()?,
        // What speech recognition usually wants, whatever the codec.
        receive_sample_rate: Some(16_000),
        listen: ListenConfig {
            voice: Some(Default::default()),
            talk_over: None,
            dtmf: InBandDtmf::Auto,
            call_progress: false,
            answering_machine: None,
        },
        ..ClientConfig::account("alice", "secret", &registrar)
    })
    .await?;
    println!("waiting for a call to {}", client.address());

    let incoming = client.incoming().await.ok_or("the client was shut down")?;
    println!("{} calls", incoming.from());
    let call = incoming.answer().await?;
    for line in converse(call, &Whistle, &Stopwatch).await? {
        println!("{line}");
    }
    client.shutdown().await;
    Ok(())
}

/// Talks until the call is over; the transcript.
async fn converse(
    mut call: ActiveCall,
    voice: &impl TextToSpeech,
    ear: &impl SpeechToText,
) -> Result<Vec<String>, headless_sip::Error> {
    let mut transcript = Vec::new();
    let mut memory = Memory::default();
    let mut speech_began = Duration::ZERO;
    let mut saying = Some(say(&call, voice, "Hello and welcome, how can I help you today").await?);
    loop {
        tokio::select! {
            frame = call.audio.rx.recv_annotated() => match frame {
                Some(frame) => memory.keep(frame),
                None => break,
            },
            event = call.events.recv() => match event {
                Some(CallEvent::Heard(Heard::Voice(VoiceEvent::Started { at }))) => {
                    speech_began = at;
                    // Barge-in: silent at once, and the transcript says what was heard before.
                    if let Some(said) = saying.take() {
                        let cleared = call.audio.tx.clear();
                        let cut = cleared.utterances.iter().find(|cut| cut.id == said.utterance);
                        let heard = cut.map_or(Duration::MAX, |cut| cut.sent);
                        transcript.push(format!("bot: {}", said.heard_until(heard)));
                    }
                }
                Some(CallEvent::Heard(Heard::Voice(VoiceEvent::Stopped { at, .. }))) => {
                    let (samples, rate) = memory.between(speech_began, at);
                    let text = ear.recognize(&samples, rate);
                    transcript.push(format!("caller: {text}"));
                    saying = Some(say(&call, voice, &format!("I have understood {text}")).await?);
                }
                Some(CallEvent::Ended(_)) | None => break,
                Some(_) => {}
            },
        }
    }
    // The caller has hung up while the bot was speaking: that was not heard to its end either.
    if let Some(said) = saying {
        let heard = call
            .audio
            .tx
            .played(said.utterance)
            .map(|played| played.sent);
        transcript.push(format!(
            "bot: {}",
            said.heard_until(heard.unwrap_or(Duration::MAX))
        ));
    }
    Ok(transcript)
}

async fn say(
    call: &ActiveCall,
    voice: &impl TextToSpeech,
    text: &str,
) -> Result<Saying, headless_sip::Error> {
    let speech = voice.say(text);
    Ok(Saying {
        utterance: call.audio.tx.send(speech.sound).await?,
        words: speech.words,
    })
}

impl Saying {
    /// The words that were heard whole.
    fn heard_until(&self, heard: Duration) -> String {
        let words = self.words.iter().take_while(|(_, end)| *end <= heard);
        let words: Vec<&str> = words.map(|(word, _)| word.as_str()).collect();
        if words.is_empty() {
            return "(interrupted before its first word)".into();
        }
        let cut = if words.len() < self.words.len() {
            " --"
        } else {
            ""
        };
        words.join(" ") + cut
    }
}

/// The last half minute of what was received.
#[derive(Default)]
struct Memory {
    frames: VecDeque<ReceivedFrame>,
}

impl Memory {
    fn keep(&mut self, frame: ReceivedFrame) {
        let oldest = frame.media_time.saturating_sub(Duration::from_secs(30));
        self.frames.push_back(frame);
        while self
            .frames
            .front()
            .is_some_and(|frame| frame.media_time < oldest)
        {
            self.frames.pop_front();
        }
    }

    fn between(&self, from: Duration, to: Duration) -> (Vec<f32>, u32) {
        let frames = self.frames.iter();
        let spoken = frames.filter(|frame| (from..to).contains(&frame.media_time));
        let rate = self
            .frames
            .front()
            .map_or(16_000, |frame| frame.frame.sample_rate);
        let samples = spoken.flat_map(|frame| frame.frame.samples.iter().copied());
        (samples.collect(), rate)
    }
}

/// A toy that whistles each word, a letter in 60 ms.
struct Whistle;

impl TextToSpeech for Whistle {
    fn say(&self, text: &str) -> Speech {
        const RATE: u32 = 24_000;
        let mut sound = AudioFrame::mono(Vec::new(), RATE);
        let mut words = Vec::new();
        for (number, word) in text.split_whitespace().enumerate() {
            let length = word.len() * RATE as usize * 6 / 100;
            let hz = 500.0 + 120.0 * (number % 5) as f32;
            let tone = (0..length).map(|n| {
                let swell = (n as f32 / length as f32 * std::f32::consts::PI).sin();
                0.3 * swell * (n as f32 * hz * std::f32::consts::TAU / RATE as f32).sin()
            });
            sound.samples.extend(tone);
            sound
                .samples
                .resize(sound.samples.len() + RATE as usize / 20, 0.0);
            words.push((word.to_owned(), sound.duration()));
        }
        Speech { sound, words }
    }
}

/// A toy that only knows how long was spoken.
struct Stopwatch;

impl SpeechToText for Stopwatch {
    fn recognize(&self, samples: &[f32], sample_rate: u32) -> String {
        let seconds = samples.len() as f32 / sample_rate as f32;
        format!("{seconds:.1} s of speech")
    }
}
