//! What people and their machines say when a call is answered, and how well they are told apart.

use std::time::Duration;

use audio_analysis::{
    Answerer, AnsweringMachineConfig, AnsweringMachineDetector, AnsweringMachineEvent, Opinion,
    ToneGenerator,
};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use super::{RATE, VOICES, add, coloured_noise, samples, spoken};

/// What is heard from the answer on.
pub struct Answer {
    pub text: &'static str,
    pub by: Answerer,
    pub sound: Vec<f32>,
    /// Where the beep ends, if there is one.
    pub beep_end: Option<Duration>,
}

/// What was thought of an [`Answer`].
pub struct Judgement {
    /// The last opinion within 2 s.
    pub at_2_s: Option<Opinion>,
    /// The final one, as it stood before any beep.
    pub decided: Option<Opinion>,
    /// When the decided answerer was named for good.
    pub named: Option<Duration>,
    /// The last of all.
    pub last: Option<Opinion>,
    /// Where a beep was told to end.
    pub beep_end: Option<Duration>,
    /// Whether a machine was named within 2 s.
    pub machine_within_2_s: bool,
}

/// Every greeting, each in one of the voices (another for another seed), with 0.2 to 1.2 s of silence before it and `snr` dB of noise (infinite for none);
/// `None` where `espeak-ng` is not installed.
pub fn answers(snr: f32, seed: u64) -> Option<Vec<Answer>> {
    let mut rng = StdRng::seed_from_u64(seed);
    let humans = HUMANS.iter().map(|text| (*text, Answerer::Human));
    let machines = MACHINES.iter().map(|text| (*text, Answerer::Machine));
    humans
        .chain(machines)
        .enumerate()
        .map(|(n, (text, by))| {
            let mut sound = vec![0.0; samples(rng.random_range(200..1200))];
            for (part, words) in text.split('|').enumerate() {
                if part > 0 {
                    sound.resize(sound.len() + samples(rng.random_range(250..900)), 0.0);
                }
                sound.extend(spoken(
                    words.trim(),
                    VOICES[(n + seed as usize) % VOICES.len()],
                )?);
            }
            let mut beep_end = None;
            if by == Answerer::Machine {
                sound.resize(sound.len() + samples(rng.random_range(300..1300)), 0.0);
                let mut beep = vec![0.0; samples(rng.random_range(120..900))];
                let hz = [440.0, 850.0, 1000.0, 1400.0][n % 4];
                ToneGenerator::new(RATE, hz, 0.2).fill(&mut beep);
                sound.extend(beep);
                beep_end = Some(Duration::from_secs_f64(
                    sound.len() as f64 / f64::from(RATE),
                ));
            }
            sound.resize(sound.len() + samples(4000), 0.0);
            if snr.is_finite() {
                let hiss = coloured_noise(
                    1000 * seed + n as u64,
                    sound.len(),
                    0.1 / 10f32.powf(snr / 20.0),
                );
                add(&mut sound, &hiss);
            }
            Some(Answer {
                text,
                by,
                sound,
                beep_end,
            })
        })
        .collect()
}

pub fn judge(answer: &Answer) -> Judgement {
    let mut detector = AnsweringMachineDetector::new(RATE, AnsweringMachineConfig::default());
    let mut judgement = Judgement {
        at_2_s: None,
        decided: None,
        named: None,
        last: None,
        beep_end: None,
        machine_within_2_s: false,
    };
    for frame in answer.sound.chunks(160) {
        detector.push(frame);
        while let Some(event) = detector.poll_event() {
            match event {
                AnsweringMachineEvent::Opinion(opinion) => {
                    if opinion.at <= Duration::from_secs(2) {
                        judgement.at_2_s = Some(opinion);
                        judgement.machine_within_2_s |= opinion.answerer == Answerer::Machine;
                    }
                    let before = judgement.last.map(|last| last.answerer);
                    if judgement.decided.is_none() && before != Some(opinion.answerer) {
                        judgement.named = Some(opinion.at);
                    }
                    if opinion.is_final {
                        judgement.decided.get_or_insert(opinion);
                    }
                    judgement.last = Some(opinion);
                }
                AnsweringMachineEvent::Beep { end, .. } => {
                    judgement.beep_end.get_or_insert(end);
                }
                _ => {}
            }
        }
    }
    judgement
}

pub const HUMANS: [&str; 44] = [
    "Hello?",
    "Hi!",
    "Yes?",
    "Yeah?",
    "Hello, who is this?",
    "Hi, this is Anna speaking.",
    "Hello, Peter here.",
    "Good morning.",
    "Hello? Hello?",
    "Yes, hello?",
    "Speaking.",
    "Johnson.",
    "Miller residence.",
    "Hello, this is Doctor Brown.",
    "Hey, what's up?",
    "Hi there.",
    "Good evening, Smith.",
    "Anna Baker.",
    "Hello, Mary speaking.",
    "Who's calling, please?",
    "Yep?",
    "Hi, it's Tom.",
    "Hello, how are you?",
    "Good afternoon, Carter.",
    "Hiya, you alright?",
    "Sorry, hello?",
    "Hang on a second. | Hello?",
    "Hello | yes?",
    "This is Robert.",
    "Robert Fisher, hello.",
    "Good morning, reception.",
    "Front desk, this is Linda.",
    "Sales, Martin speaking.",
    "Support, how can I help?",
    "City garage, good morning.",
    "Green Street Bakery, hello?",
    "Hotel Astoria, good evening.",
    "Smith and Sons, how may I help you?",
    "Good morning, Wilson Plumbing, this is Kate.",
    "Pizza Roma, what would you like to order?",
    "Thank you for calling Baxter and Company, this is Joan.",
    "Good afternoon, Doctor Hill's office, how can I help you?",
    "Riverside Dental, this is Emily speaking, how may I help you today?",
    "Good morning and thank you for calling Northern Insurance, you are speaking with David, how may I help?",
];

pub const MACHINES: [&str; 44] = [
    "Hi, you've reached Anna. | I can't come to the phone right now, please leave a message after the beep.",
    "Hello, this is Peter. I am not here at the moment. | Leave your name and number and I'll call you back.",
    "You have reached the voice mailbox of | five five five | one two three four. | Please leave a message after the tone.",
    "The person you are calling is not available. | Please leave a message after the tone.",
    "Your call has been forwarded to an automatic voice message system.",
    "Hi, it's Tom, I'm away from my phone, so leave me a message and I'll get back to you. Thanks, bye.",
    "Hello, you've reached the Johnson family. | We can't take your call just now. | Please leave a message.",
    "Thank you for calling Baxter and Company. | Our offices are closed. | We are open Monday to Friday from nine to five.",
    "The number you have dialled is not in service. | Please check the number and dial again.",
    "Hey, this is Kate. You know what to do after the beep.",
    "Please leave a message after the tone. When you have finished, hang up, or press one for more options.",
    "Welcome to your mobile provider. | The customer you have called is currently not reachable. | Please try again later.",
    "This is the office of Doctor Brown. | If this is an emergency, hang up and dial nine one one. | Otherwise, leave your name.",
    "Hi, I'm not able to answer your call right now. | Please leave your name, number and a short message.",
    "Good day, you have reached Wilson Plumbing. | All of our lines are busy. | Please hold or leave a message.",
    "Hello | you are connected to the answering machine of Mary Baker. | Please speak after the signal.",
    "We are sorry, nobody is able to take your call. | Please record your message after the tone.",
    "Hi, this is Linda. | I'm either on the other line or out of the office. | Leave a message and I'll return your call.",
    "Thank you for calling the city library. | Our opening hours are ten to six. | For renewals, press one.",
    "You've reached Robert Fisher at Northern Insurance. | I'm on holiday until the fifth of May.",
    "At the tone, please record your message. | When you are finished, you may hang up.",
    "The mailbox is full and cannot accept any messages at this time. | Goodbye.",
    "Welcome to Riverside Dental. | Your call may be recorded for training purposes. | For appointments, press one.",
    "Hello, I'm sorry that I missed your call, but please leave me a message and I will call you as soon as I can.",
    "Hi, you've reached my phone, but not me. | Leave a message.",
    "This is the voice mail of | Emily Carter. | Please leave a message after the beep.",
    "Hello and welcome to the customer service of Green Energy. | Please have your contract number at hand.",
    "Good evening, our reception is closed at present. | Please call again tomorrow from eight o'clock.",
    "You have reached extension four seven one nine. | The user is not available.",
    "Hi, we're out walking the dog, so tell us who you are and what you want, and we'll ring you back.",
    "Please note that this call is answered by a machine. | You can leave a message of two minutes.",
    "Hello, this is an automated system. | Please say in a few words why you are calling.",
    "The subscriber is temporarily unavailable. | You will be notified by a text message.",
    "Hey there, sorry I can't pick up, I'm probably driving. | Text me instead, or leave a message.",
    "You've reached the Carter residence. | No one can come to the phone. | Please leave your message at the beep.",
    "All our agents are helping other customers. | Your call is important to us. | Please stay on the line.",
    "This is David Hill. | Leave a message, and I'll call you back shortly. | Have a great day.",
    "Your call cannot be taken at the moment, so please leave your message after the tone.",
    "Welcome to Hotel Astoria. | To make a reservation, press one. | To speak to the front desk, press two.",
    "I am not in right now. | If it is urgent, call my mobile. | Otherwise, leave a message after the tone.",
    "Hello, you have called outside our opening hours. | We are here for you from Monday to Saturday.",
    "Hi, this is Joan's cell phone. | Please do not leave a message, I never listen to them. | Send me a mail.",
    "You have reached the emergency line of the property management. | Please describe the problem and your address.",
    "Sorry, I can't talk now. | Please leave a message with your name and the time of your call after the signal.",
];
