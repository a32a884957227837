//! Measures what the detectors cost, and prints the table of docs/analysis.md: the least of seven runs over 20 s of noise with tones.
//!
//! `cargo run --release -p audio-analysis --features earshot --example measure_cost`

#[path = "../tests/support/mod.rs"]
mod support;

use std::time::Instant;

use audio_analysis::{
    AnsweringMachineConfig, AnsweringMachineDetector, CallProgressDetector, DtmfDetector,
    VoiceActivityConfig, VoiceActivityDetector, VoiceModel,
};

const SECONDS: usize = 20;

fn main() {
    println!("| detector | 8 kHz | 48 kHz |");
    println!("|---|---|---|");
    row("DTMF", |rate| {
        let mut detector = DtmfDetector::new(rate);
        Box::new(move |frame| detector.push(frame))
    });
    row("call progress", |rate| {
        let mut detector = CallProgressDetector::new(rate);
        Box::new(move |frame| detector.push(frame))
    });
    row("voice activity, energy", |rate| {
        voice(rate, VoiceModel::Energy)
    });
    #[cfg(feature = "earshot")]
    row("voice activity, earshot", |rate| {
        voice(rate, VoiceModel::Earshot)
    });
    row("answering machine", |rate| {
        let config = AnsweringMachineConfig::default();
        let mut detector = AnsweringMachineDetector::new(rate, config);
        Box::new(move |frame| detector.push(frame))
    });
}

type Push = Box<dyn FnMut(&[f32])>;

fn voice(rate: u32, model: VoiceModel) -> Push {
    let config = VoiceActivityConfig {
        model,
        ..VoiceActivityConfig::default()
    };
    let mut detector = VoiceActivityDetector::new(rate, config);
    Box::new(move |frame| {
        detector.push(frame);
        while detector.poll_event().is_some() {}
    })
}

fn row(name: &str, make: impl Fn(u32) -> Push) {
    let [narrow, wide] = [8000, 48_000].map(|rate| {
        let mut sound = support::noise(1, SECONDS * rate as usize, 0.05);
        let mut tone = vec![0.0; sound.len() / 2];
        audio_analysis::ToneGenerator::new(rate, 440.0, 0.2).fill(&mut tone);
        support::add(&mut sound, &tone);
        (0..7)
            .map(|_| {
                let mut push = make(rate);
                #[allow(clippy::disallowed_methods, reason = "what takes time is measured")]
                let begin = Instant::now();
                sound.chunks(rate as usize / 50).for_each(&mut push);
                1e6 * begin.elapsed().as_secs_f64() / SECONDS as f64
            })
            .fold(f64::INFINITY, f64::min)
    });
    println!("| {name} | {narrow:.0} us | {wide:.0} us |");
}
