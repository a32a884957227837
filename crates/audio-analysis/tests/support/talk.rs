//! Speech with pauses, of which it is known when it sounds; and how well a detector finds that.

use std::time::Duration;

use audio_analysis::{VoiceActivityConfig, VoiceActivityDetector, VoiceEvent, VoiceModel};

use super::{RATE, VOICES, coloured_noise, noise, samples, spoken};

/// Sentences with the samples at which each begins and ends.
pub struct Talk {
    pub samples: Vec<f32>,
    pub sentences: Vec<(usize, usize)>,
}

/// What the noise is like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Noise {
    White,
    /// Falling from 500 Hz on, as in a room or a street.
    Coloured,
}

/// How well a detector did.
#[derive(Clone, Copy, Debug)]
pub struct Score {
    /// Share of the speech that was not told as such, %.
    pub missed: f32,
    /// Share of the pauses that was told as speech, %.
    pub false_alarms: f32,
    /// Sentences whose beginning was found, %.
    pub onsets: f32,
    /// Median and 95th percentile of how far off a beginning was told to be, ms.
    pub onset_error: [f32; 2],
}

/// Every sentence in every voice, with pauses of 0.6 to 1.7 s; `None` where `espeak-ng` is not installed.
pub fn talk() -> Option<Talk> {
    let mut talk = Talk {
        samples: vec![0.0; samples(1000)],
        sentences: Vec::new(),
    };
    for (n, voice) in VOICES.into_iter().enumerate() {
        for (m, text) in SENTENCES.iter().enumerate() {
            let sentence = spoken(text, voice)?;
            let start = talk.samples.len();
            talk.samples.extend(sentence);
            talk.sentences.push((start, talk.samples.len()));
            let pause = samples(600 + (n * 7 + m * 5) % 12 * 100);
            talk.samples.resize(talk.samples.len() + pause, 0.0);
        }
    }
    Some(talk)
}

/// `talk` in noise of `snr` dB below the level of its speech.
pub fn noisy(talk: &Talk, kind: Noise, snr: f32, seed: u64) -> Vec<f32> {
    let rms = 0.1 / 10f32.powf(snr / 20.0);
    let hiss = match kind {
        Noise::White => noise(seed, talk.samples.len(), rms),
        Noise::Coloured => coloured_noise(seed, talk.samples.len(), rms),
    };
    talk.samples.iter().zip(hiss).map(|(a, b)| a + b).collect()
}

/// The stretches of speech that the detector tells of, in samples.
pub fn found(sound: &[f32], model: VoiceModel) -> Vec<(usize, usize)> {
    let mut detector = VoiceActivityDetector::new(
        RATE,
        VoiceActivityConfig {
            model,
            ..VoiceActivityConfig::default()
        },
    );
    let place = |at: Duration| (at.as_secs_f64() * f64::from(RATE)).round() as usize;
    let mut stretches = Vec::new();
    for frame in sound.chunks(160) {
        detector.push(frame);
        while let Some(event) = detector.poll_event() {
            match event {
                VoiceEvent::Started { at } => stretches.push((place(at), sound.len())),
                VoiceEvent::Stopped { at, .. } => stretches.last_mut().unwrap().1 = place(at),
                _ => {}
            }
        }
    }
    stretches
}

pub fn score(talk: &Talk, found: &[(usize, usize)]) -> Score {
    let mut truth = vec![false; talk.samples.len()];
    let mut told = truth.clone();
    for &(start, end) in &talk.sentences {
        truth[start..end].fill(true);
    }
    for &(start, end) in found {
        told[start..end].fill(true);
    }
    let share = |of: bool, told_as: bool| {
        let whole = truth.iter().filter(|t| **t == of).count();
        let part = truth
            .iter()
            .zip(&told)
            .filter(|(t, s)| **t == of && **s == told_as)
            .count();
        100.0 * part as f32 / whole as f32
    };
    let mut errors: Vec<f32> = talk
        .sentences
        .iter()
        .filter_map(|&(start, _)| {
            let nearest = found.iter().map(|f| f.0.abs_diff(start)).min()?;
            (nearest < samples(300)).then(|| nearest as f32 / samples(1) as f32)
        })
        .collect();
    errors.sort_by(f32::total_cmp);
    let at = |share: f32| errors.get((errors.len() as f32 * share) as usize).copied();
    Score {
        missed: share(true, false),
        false_alarms: share(false, true),
        onsets: 100.0 * errors.len() as f32 / talk.sentences.len() as f32,
        onset_error: [at(0.5).unwrap_or(f32::NAN), at(0.95).unwrap_or(f32::NAN)],
    }
}

const SENTENCES: [&str; 8] = [
    "Yes please",
    "I would like to speak to somebody about my order",
    "The birch canoe slid on the smooth planks",
    "No that is not what I said",
    "Four seven one nine",
    "She sells sea shells by the sea shore",
    "Hello",
    "Could you tell me when you are open on Saturdays",
];
